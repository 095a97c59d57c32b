"""Setups live in widgets, survive leaving a page, and travel in links; a link may say anything."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from core import setups
from core.setups import FusionSetup, RetrievalSetup
from core.ui.widgets import weight_shares


def two_pages() -> None:
    import streamlit as st

    from core.setups import RetrievalSetup
    from core.ui.app import state

    def one() -> None:
        state.seed(RetrievalSetup)
        st.slider("k", 5, 100, key=state.key(RetrievalSetup, "k"))
        st.write(f"read {state.read(RetrievalSetup).k}")

    def other() -> None:
        st.write("elsewhere")

    page = st.session_state.get("page", "one")
    state.begin(page)
    (one if page == "one" else other)()
    st.button("go", on_click=lambda: st.session_state.update(page="other" if page == "one" else "one"))


def test_a_value_survives_leaving_the_page() -> None:
    app = AppTest.from_function(two_pages).run()
    assert app.markdown[0].value == "read 24"
    app.slider[0].set_value(40).run()
    assert app.markdown[0].value == "read 40"
    app.button[0].click().run()
    assert app.markdown[0].value == "elsewhere"
    app.button[0].click().run()
    assert app.markdown[0].value == "read 40"
    assert app.slider[0].value == 40


def test_every_second_change_counts() -> None:
    app = AppTest.from_function(two_pages).run()
    for value in (30, 31, 32, 33):
        app.slider[0].set_value(value).run()
        assert app.markdown[0].value == f"read {value}"


@pytest.mark.parametrize(
    ("link", "expected"), [("17", 17), ("9999", 100), ("-3", 5), ("a lot", 24), ("", 24), ("nan", 24), ("1e99", 100)]
)
def test_a_link_is_brought_within_bounds(link: str, expected: int) -> None:
    app = AppTest.from_function(two_pages)
    app.query_params["k"] = link
    app.run()
    assert not app.exception
    assert app.markdown[0].value == f"read {expected}"


def test_the_link_holds_what_is_not_a_default() -> None:
    app = AppTest.from_function(two_pages).run()
    assert "k" not in app.query_params
    app.slider[0].set_value(50).run()
    assert app.query_params["k"] in ("50", ["50"])
    app.slider[0].set_value(24).run()
    assert "k" not in app.query_params


@given(
    st.dictionaries(
        st.sampled_from([f for f in RetrievalSetup.__dataclass_fields__]),
        st.one_of(st.text(), st.floats(), st.integers(), st.none(), st.lists(st.text())),
    )
)
@settings(max_examples=200)
def test_any_text_makes_a_setup(values: dict) -> None:
    setup = setups.clean(RetrievalSetup, values)
    assert 5 <= setup.k <= 100 and 60 <= setup.size <= 260 and isinstance(setup.query, str)


@given(st.one_of(st.text(), st.dictionaries(st.text(max_size=5), st.floats())))
@settings(max_examples=200)
def test_any_text_makes_shares(value: object) -> None:
    found = setups.clean(FusionSetup, {"shares": value}).shares
    assert all(isinstance(name, str) and 0 <= share <= 1 for name, share in found)


NAMES = ["a", "b", "c", "d"]


@given(
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
    st.sampled_from(NAMES),
    st.floats(0, 1),
    st.sets(st.sampled_from(NAMES), max_size=3),
)
@settings(max_examples=300)
def test_shares_always_make_a_whole(given_shares: list[float], name: str, share: float, locked: set[str]) -> None:
    before = weight_shares.fitted(dict(zip(NAMES, given_shares)), NAMES)
    after = weight_shares.moved(before, name, share, locked)
    assert sum(after.values()) == pytest.approx(1, abs=1e-4)
    assert min(after.values()) >= 0
    for other in locked - {name}:
        assert after[other] == before[other]


def test_a_move_keeps_the_proportions_of_the_others() -> None:
    after = weight_shares.moved({"a": 0.4, "b": 0.4, "c": 0.2}, "a", 0.1)
    assert after["b"] / after["c"] == pytest.approx(2)
