"""Retrieval: a query that is moved by images, and results filtered by columns; both are in the link."""

from __future__ import annotations

from core.types import Dataset
from core.ui.views.retrieval import feedback, query_state
from tests.pages.alone import link, words
from tests.pages.test_retrieval_page import opened

CIRCLES = ("circle/circle_00.png", "circle/circle_01.png")
CROSS = "cross/cross_00.png"


def test_images_of_a_link_move_the_query_and_the_weights_are_shown(tiny: Dataset) -> None:
    before = opened(d="tiny", b="hog", q=CROSS, a="hog")
    app = opened(d="tiny", b="hog", q=CROSS, a="hog", more="|".join(CIRCLES), less="grid/grid_00.png|no such image")
    assert not app.exception
    said = words(app)
    assert "1 × the query + 0.75 × the mean of 2 images to be like − 0.25 × the mean of 1 image to be unlike" in said
    assert "average precision" in said and "× the query" not in words(before)
    assert link(app, "more") == "|".join(CIRCLES)
    app.button(key="forget feedback").click().run()
    assert not app.exception and "× the query" not in words(app) and "more" not in app.query_params


def test_a_click_on_a_result_does_what_was_chosen(tiny: Dataset) -> None:
    from streamlit.testing.v1 import AppTest

    def page() -> None:
        from core.setups import RetrievalSetup
        from core.ui.app import state
        from core.ui.views.retrieval import feedback, query_state

        state.begin("page")
        state.seed(RetrievalSetup)
        import streamlit as st

        feedback.click_choice()
        for name in ("a|b", "c%"):
            st.button(name, on_click=query_state.result_clicked, args=(name,))
        setup = state.read(RetrievalSetup)
        st.text(f"{setup.query} / {setup.more} / {setup.less}.")

    app = AppTest.from_function(page).run()
    app.button[0].click().run()
    assert app.text[0].value == "a|b /  / ."
    app.button_group[0].set_value("more").run()
    app.button[0].click().run()
    app.button[1].click().run()
    assert app.text[0].value == "a|b / a%7Cb|c%25 / ."
    app.button_group[0].set_value("less").run()
    app.button[1].click().run()
    assert app.text[0].value == "a|b / a%7Cb / c%25.", "an image is on one side alone"
    app.button_group[0].set_value("search").run()
    app.button[1].click().run()
    assert app.text[0].value == "c% /  / .", "another query begins anew"


def test_results_are_filtered_by_columns_of_the_link(tiny: Dataset) -> None:
    app = opened(d="tiny", b="hog", q=CROSS, a="hog", only="label=circle&label=grid&nothing=x&height=bad")
    said = words(app)
    assert not app.exception and "Filters: 20 of 60 images of the gallery pass label" in said
    assert "The 20 most similar of 20" in said
    assert link(app, "only") == "label=circle&label=grid&nothing=x&height=bad"
    app.multiselect(key="filter tiny label").set_value(["cross"]).run()
    assert "9 of the first 9 are relevant" in words(app) and link(app, "only") == "label=cross"
    app.multiselect(key="filter tiny label").set_value([]).run()
    assert "Filters:" not in words(app) and "only" not in app.query_params


def test_what_a_click_does_is_known() -> None:
    assert set(feedback.CLICKS) == {"search", "more", "less"} and callable(query_state.result_clicked)


def test_a_filter_that_is_undone_is_gone_from_its_box(tiny: Dataset) -> None:
    app = opened(d="tiny", b="hog", q=CROSS, a="hog", only="label=circle&label=grid")
    box = next(one for one in app.multiselect if one.label == "label")
    assert box.value == ["circle", "grid"]
    app.session_state["RetrievalSetup.filters"] = "label=circle"  # as history and links set it
    app.run()
    assert next(one for one in app.multiselect if one.label == "label").value == ["circle"]
    assert link(app, "only") == "label=circle"
