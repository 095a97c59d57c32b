"""The steps of a story in their order: each to move, to edit, to delete, to open."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import setups, stories, templates, wording
from core.errors import CoreError
from core.setups import FrameSetup
from core.stories import Story, StoryStep
from core.ui.app import state, theme
from core.ui.components import presenter
from core.ui.widgets import story_add
from core.wording import plural

text = wording.page("story")
_PROBLEM, _EDITED = "story step problem", "story step edited"


def draw_answer(story: Story, container: DeltaGenerator) -> None:
    """How long the story is, above everything."""
    pages = len({step.page for step in story.steps})
    fields = {"steps": plural(len(story.steps), "step"), "pages": plural(pages, "page")}
    theme.answer(text("sentence.answer", story=theme.plain(story.name), **fields), container=container)


def draw(story: Story) -> None:
    """Every step."""
    if problem := state.session_take(_PROBLEM, ""):
        st.error(theme.plain(problem), icon=":material/error:")
    if not story.steps:
        st.info(text("sentence.no_steps"), icon=":material/info:")
    with theme.main_part():
        for number, step in enumerate(story.steps, start=1):
            _draw_step(story, step, number)
    edited = state.session_take(_EDITED, "")
    for step in story.steps:
        if step.id == edited:
            _edit(story.name, step)


def _draw_step(story: Story, step: StoryStep, number: int) -> None:
    dataset = setups.of_link(FrameSetup, step.values).dataset
    origin = text(
        "phrase.from",
        page=step.page.replace("_", " ").capitalize(),
        dataset=dataset,
        part=text.group("option.part")[step.part],
    )
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"step {step.id}"):
        st.html(
            str(
                templates.render(
                    "story_step.html.jinja",
                    number=number,
                    step=step,
                    origin=origin,
                    notes=text("phrase.notes", notes=step.notes) if step.notes and stories.is_mine(story.name) else "",
                    links=[
                        (presenter.view_address(step), text("button.open")),
                        (presenter.address(story.name, number), text("button.present_here")),
                    ],
                )
            )
        )
        if not stories.is_mine(story.name):
            return
        with st.container(horizontal=True, gap="xsmall", width="content", key=f"step-buttons {step.id}"):
            is_first, is_last = number == 1, number == len(story.steps)
            _button(step, "up", ":material/arrow_upward:", lambda: _move(story.name, step.id, -1), is_first)
            _button(step, "down", ":material/arrow_downward:", lambda: _move(story.name, step.id, 1), is_last)
            _button(step, "edit", ":material/edit:", lambda: state.session_set(_EDITED, step.id))
            _button(step, "delete_step", ":material/delete:", lambda: _delete(story.name, step.id))


def _button(step: StoryStep, name: str, icon: str, action: Callable[[], None], disabled: bool = False) -> None:
    """An icon whose name is read aloud and shown on hover."""
    label = text(f"button.{name}")
    st.button(
        label, icon=icon, key=f"{name} {step.id}", on_click=action, disabled=disabled, help=label, type="tertiary"
    )


def _move(name: str, id_: str, by: int) -> None:
    _change(name, lambda story: story.with_moved(id_, by))


def _delete(name: str, id_: str) -> None:
    _change(name, lambda story: story.without(id_))


def _change(name: str, edit: Callable[[Story], Story]) -> bool:
    """Change the story as it is kept now; what goes wrong is a sentence in the next run."""
    try:
        stories.change(name, edit)
    except CoreError as error:
        state.session_set(_PROBLEM, str(error))
        return False
    return True


@st.dialog(text("button.edit"), width="medium", icon=":material/edit:")
def _edit(name: str, step: StoryStep) -> None:
    story_add.step_fields(step, step.id)
    if st.button(
        text("button.save"),
        type="primary",
        icon=":material/check:",
        key=f"save {step.id}",
        on_click=_save,
        args=(name, step),
    ):
        st.rerun()


def _save(name: str, step: StoryStep) -> None:
    if _change(name, lambda story: story.with_changed(step.id, **story_add.typed(step, step.id))):
        st.toast(text("state.saved"), icon=":material/check_circle:")
