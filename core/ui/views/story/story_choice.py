"""Which story is open, and what is done to it as a whole: begin, rename, delete, present, share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import streamlit as st

from core import stories, templates, wording
from core.errors import BadInput, CoreError
from core.setups import FrameSetup, StorySetup, bounds_of
from core.stories import LONGEST_NAME, Story
from core.ui.app import state, theme, visitors
from core.ui.components import clipboard, presenter
from core.ui.widgets import first_step, story_add

text = wording.page("story")
_PROBLEM = "story problem"


def draw_empty() -> None:
    """No story yet: what one is, and the button that begins it."""

    def step() -> None:
        """The button."""
        if visitors.offered("story.save"):
            st.button(
                text("button.begin"), type="primary", icon=":material/play_arrow:", key="story begin", on_click=_begin
            )

    first_step.draw(text("sentence.empty"), step, text("sentence.empty_how"))
    _tell_problem()


def _begin() -> None:
    """A story of the dataset in the sidebar; one of that name that is there already is opened."""
    setup = FrameSetup(state.get(FrameSetup, "dataset"), tuple(state.get(FrameSetup, "backbones")))
    short = {name: bounds_of(FrameSetup, name).short for name in ("dataset", "backbones")}
    values = {
        short[name]: state.as_text(getattr(setup, name))
        for name in short
        if getattr(setup, name) != getattr(FrameSetup, name)
    }
    first, known = story_add.first_step(values), stories.saved()[0]
    name = text("phrase.name_of_dataset", dataset=setup.dataset)
    number = 2
    while name in known:
        name, number = f"{text('phrase.name_of_dataset', dataset=setup.dataset)} {number}", number + 1
    _change(lambda: stories.save(Story(name[:LONGEST_NAME], (first,))), name[:LONGEST_NAME])


def _change(work: Callable[[], object], name: str) -> None:
    """Do it and open the story of that name; what goes wrong is a sentence in the next run."""
    try:
        work()
    except CoreError as error:
        state.session_set(_PROBLEM, str(error))
        return
    state.set_field(StorySetup, "story", name)


def _tell_problem() -> None:
    if problem := state.session_take(_PROBLEM, ""):
        st.error(theme.plain(problem), icon=":material/error:")


def choose(known: Mapping[str, Story]) -> Story:
    """The row of controls; returns the story that is open."""
    wanted = state.get(StorySetup, "story")
    if wanted not in known:
        if wanted:
            st.warning(theme.plain(_not_there(wanted)), icon=":material/info:")
        state.set_field(StorySetup, "story", next(iter(known)))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="story controls"):
        name = st.selectbox(
            text("label.story"),
            list(known),
            key=state.key(StorySetup, "story"),
            width=320,
            label_visibility="collapsed",
        )
        story = known[name]
        st.html(
            str(
                templates.render(
                    "story_present.html.jinja",
                    address=presenter.address(name),
                    label=text("button.present"),
                    help=text("help.present"),
                )
            ),
            width="content",
        )
        with st.container(width=120):
            clipboard.copy_link(urlencode({bounds_of(StorySetup, "story").short: name}), key=f"copy story {name}")
        if visitors.offered("story.save"):
            st.button(text("button.new"), icon=":material/add:", key="story new", on_click=_begin)
        if stories.is_mine(name):
            with st.popover(text("button.manage"), icon=":material/more_horiz:", key=f"story manage {name}"):
                _manage(story)
    state.read(StorySetup)
    _tell_problem()
    return story


def _not_there(name: str) -> str:
    try:
        stories.load(name)
    except CoreError as error:
        return str(error)
    return ""


def _manage(story: Story) -> None:
    """Another name for the story, or its end."""
    box = f"name of {story.name}"
    st.text_input(text("label.name"), story.name, key=box, max_chars=LONGEST_NAME)
    with st.container(horizontal=True):
        st.button(text("button.rename"), key=f"rename {story.name}", on_click=_rename, args=(story, box))
        st.button(
            text("button.delete"),
            key=f"delete {story.name}",
            icon=":material/delete:",
            on_click=_delete,
            args=(story.name,),
        )


def _rename(story: Story, box: str) -> None:
    def work() -> None:
        """The story under its new name, the old one gone."""
        if name == story.name:
            return
        if name in stories.saved()[0]:
            raise BadInput(text("error.name_taken", name=repr(name)))
        stories.save(dataclasses.replace(stories.load(story.name), name=name))
        stories.remove(story.name)

    name = str(state.widget(box, "")).strip()
    _change(work, name)


def _delete(name: str) -> None:
    stories.remove(name)
    state.set_field(StorySetup, "story", "")
