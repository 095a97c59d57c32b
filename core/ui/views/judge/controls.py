"""What is compared on the page Judge: systems, queries, the question, and who answers."""

from __future__ import annotations

import streamlit as st

from core import access, paths, wording
from core.errors import BadInput
from core.setups import FrameSetup, JudgeSetup
from core.setups.fields import join_texts
from core.studies import judgements, judging_lists
from core.studies.judging_lists import JudgedLists
from core.studies.judging_session import JudgingSession, Way
from core.studies.systems import System
from core.types import Dataset
from core.ui.app import cache, state
from core.ui.app.cached import cached
from core.ui.widgets import first_step, sidebar, system_options, system_select

text = wording.page("judge")


def field(name: str) -> str:
    """The widget key of a field of the setup."""
    return state.key(JudgeSetup, name)


def draw_obstacle(selection: sidebar.Selection) -> bool:
    """Why nothing can be judged on this dataset, and what helps; False where there are images and two systems."""
    loaded = selection.dataset
    if not loaded.has_images:
        first_step.no_images(loaded)
        return True
    offered = system_options.system_options(selection.backbones, selection.embedded)
    if len(offered.titles) > 1 or state.get(JudgeSetup, "systems"):
        return False
    others = tuple(name for name in FrameSetup.backbones if name not in selection.embedded)
    first_step.draw(text("sentence.one_system"), lambda: first_step.draw_embed_button(loaded, others))
    return True


def choose(selection: sidebar.Selection) -> list[system_select.ComparedSystem]:
    """The rows of controls; two systems to begin with, the fusion of the lab and the first backbone."""
    if not state.get(JudgeSetup, "systems"):
        offered = system_options.system_options(selection.backbones, selection.embedded)
        state.set_field(JudgeSetup, "systems", join_texts(list(offered.titles)[:2]))
    chosen = system_select.choose(JudgeSetup, selection)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        _options("way", text("label.way"), text.group("option.way"), text("help.way"))
        _options("queries", text("label.queries"), text.group("option.queries"))
        st.number_input(text("label.k"), 1, 50, key=field("k"), width=130)
        st.number_input(
            text("label.same"),
            0.005,
            0.2,
            step=0.005,
            format="%.3f",
            key=field("same"),
            width=190,
            help=text("help.same"),
        )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        if not access.current().name:  # an account judges under its own name
            st.text_input(text("label.judge"), key=field("judge"), width=220, max_chars=60, help=text("help.judge"))
        _options("count", text("label.count"), text.group("option.count"), text("help.count"))
    if state.get(JudgeSetup, "queries") == "texts":
        shown = "texts judged"
        state.set_widget(shown, "\n".join(state.get(JudgeSetup, "texts").split("|")))
        st.text_area(text("label.texts"), key=shown, on_change=_take_texts, height=120)
    return chosen


def _take_texts() -> None:
    state.set_field(
        JudgeSetup, "texts", "|".join(filter(None, map(str.strip, state.widget("texts judged").splitlines())))
    )


def _options(name: str, label: str, options: dict[str, str], about: str | None = None) -> None:
    st.segmented_control(
        label, list(options), key=field(name), format_func=options.__getitem__, required=True, help=about
    )


def session(loaded: Dataset, chosen: list[system_select.ComparedSystem], setup: JudgeSetup) -> JudgingSession:
    """The comparison as it is asked, with every answer that is kept; one object as long as nothing else is asked.

    Raises:
        BadInput: fewer than two systems, no text to ask, or a judge without a name.
    """
    if len(chosen) < 2:
        raise BadInput(text("sentence.no_systems"))
    systems, titles = tuple(c.system for c in chosen), tuple(c.title for c in chosen)
    if setup.queries == "texts":
        lists = text_lists(loaded, systems, titles, setup.k, tuple(setup.texts.split("|")))
    else:
        lists = image_lists(loaded, systems, titles, setup.k)
    way: Way = "rows" if setup.way == "rows" else "pairs"
    everyone = setup.count == "everyone"
    judge = access.current().name or setup.judge
    wanted = (str(paths.judgements()), lists.fingerprint, titles, way, judge, setup.same, everyone)
    known, session = state.session_get("judging session", (None, None))
    if session is None or known != wanted:
        session = JudgingSession(lists, judgements.log(), judge, way, setup.same, everyone=everyone)
        state.session_set("judging session", (wanted, session))
    return session


@cached("resource", max_entries=8, spinner=text("state.lists"))
def image_lists(loaded: Dataset, systems: tuple[System, ...], titles: tuple[str, ...], k: int) -> JudgedLists:
    """The first k of each system for every query image."""
    return judging_lists.of_systems(loaded, cache.relevance_of(loaded), systems, titles, k)


@cached("resource", max_entries=8, spinner=text("state.lists"))
def text_lists(
    loaded: Dataset, systems: tuple[System, ...], titles: tuple[str, ...], k: int, texts: tuple[str, ...]
) -> JudgedLists:
    """The first k of each system for lines of text."""
    return judging_lists.of_texts(loaded, texts, systems, titles, k)
