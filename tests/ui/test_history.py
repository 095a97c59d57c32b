"""Undo and redo across pages, and links that the browser goes back to."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def two_pages() -> None:
    """A frame with two small pages: what the app's frame does, without its sidebar."""
    import streamlit as st

    from core.setups import CurvesSetup, LeaderboardSetup
    from core.ui.app import history, state

    page = st.radio("page", ["board", "curves"], key="which")
    state.begin(page, deferred=True)
    setup = LeaderboardSetup if page == "board" else CurvesSetup
    state.seed(setup)
    st.number_input("k", 1, 1000, key=state.key(setup, "k"))
    st.button("undo", on_click=history.undo, disabled=not history.can_undo())
    st.button("redo", on_click=history.redo, disabled=not history.can_redo())
    st.caption(str(history.last_move()))
    state.read(setup)
    if st.session_state.pop("cut short", False):
        st.stop()
    state.write_link()
    history.note(page)


def opened(**link: str) -> AppTest:
    app = AppTest.from_function(two_pages, default_timeout=30)
    app.query_params.update(link)
    return app.run()


def press(app: AppTest, label: str) -> AppTest:
    return next(one for one in app.button if one.label == label).click().run()


def k(app: AppTest) -> int:
    return app.number_input[0].value


def test_steps_are_undone_and_done_again_on_any_page() -> None:
    app = opened()
    start = k(app)
    assert app.button[0].disabled and app.button[1].disabled
    app.number_input[0].set_value(20).run()
    app.number_input[0].set_value(30).run()
    app.radio[0].set_value("curves").run()
    app.number_input[0].set_value(7).run()
    press(app, "undo")
    assert k(app) != 7 and "True" in app.caption[0].value
    press(app, "undo")  # of the other page
    app.radio[0].set_value("board").run()
    assert k(app) == 20
    press(app, "undo")
    assert k(app) == start
    press(app, "redo")
    assert k(app) == 20 and "False" in app.caption[0].value
    app.number_input[0].set_value(99).run()
    assert app.run().button[1].disabled, "after a new step there is nothing to do again"


def test_a_link_that_the_browser_goes_back_to_is_followed() -> None:
    app = opened(k="12")
    assert k(app) == 12
    app.number_input[0].set_value(50).run()
    assert app.query_params["k"] in ("50", ["50"])
    app.query_params["k"] = "12"  # Back
    app.run()
    assert k(app) == 12 and app.query_params["k"] in ("12", ["12"])
    app.query_params["k"] = "12"
    app.number_input[0].set_value(13).run()
    assert k(app) == 13, "what the page itself wrote is no way back"


def test_what_is_typed_while_the_browser_still_has_an_older_link_stays() -> None:
    app = AppTest.from_function(two_pages, default_timeout=30)
    app.query_params["k"] = "12"
    app.session_state["cut short"] = True  # the first run ends, as by a click, before it writes its link
    app.run()
    app.number_input[0].set_value(50).run()
    assert k(app) == 50
    app.query_params["k"] = "12"  # the newest link has not reached the browser
    app.number_input[0].set_value(60).run()
    assert k(app) == 60
    app.query_params["k"] = "12"  # Back
    app.run()
    assert k(app) == 12


def test_a_link_of_nonsense_falls_back_to_the_default() -> None:
    app = opened(k="12")
    app.query_params["k"] = "<script>"
    app.run()
    assert not app.exception and k(app) == 10
