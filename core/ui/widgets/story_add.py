"""“Add to story”: the view that somebody looks at becomes a step, with a title and a sentence; the same on every page."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st

from core import stories, wording
from core.errors import CoreError
from core.setups import FrameSetup, ShownSetup, StorySetup, bounds_of
from core.setups.story import PARTS, SUMMARY
from core.stories import LONGEST, Story, StoryStep
from core.ui.app import state, theme, visitors

text = wording.page("story")

_PAGE, _DRAFT, _LAST, _COUNT = "page shown", "story draft", "story added to", "stories drafted"
_UPLOADED = "given:"
"""How the query of an uploaded image begins (`views.retrieval.uploads.PREFIX`)."""


@dataclass(frozen=True)
class Draft:
    """A view that is about to be a step.

    Attributes:
        page: its address; title: what the page is called; values: what its link says.
        answer: what its answer says; dataset: of the sidebar.
        number: of the dialog in this session, so that each starts with texts of its own.
    """

    page: str
    title: str
    values: dict[str, str]
    answer: str
    dataset: str
    number: int

    @property
    def of_session(self) -> bool:
        """Whether the view rests on something that its link cannot hold."""
        return any(value.startswith(_UPLOADED) for value in self.values.values())


def note_page(address: str, title: str) -> None:
    """Called by the frame on every run: which page is open."""
    state.session_set(_PAGE, (address, title))


def begin() -> None:
    """Take the view as it stands and open the dialog; from a callback, before the page runs again."""
    address, title = state.session_get(_PAGE, ("overview", ""))
    not_of_view = {bounds_of(setup, field).short for setup, field in ((ShownSetup, "part"), (StorySetup, "story"))}
    values = {name: value for name, value in state.page_link().items() if name not in not_of_view}
    number = state.session_get(_COUNT, 0) + 1
    state.session_set(_COUNT, number)
    dataset = state.get(FrameSetup, "dataset")
    state.session_set(_DRAFT, Draft(address, title, values, theme.last_answer(), dataset, number))


def button() -> None:
    """“Add to story”, at the top of every page but Story itself."""
    if state.session_get(_PAGE, ("", ""))[0] == "story":
        return
    with st.container(key="add-to-story", width="content"):
        st.button(
            text("heading.add"),
            icon=":material/add_to_photos:",
            key="frame story",
            type="tertiary",
            help=text("help.add"),
            on_click=begin,
        )


def draw() -> None:
    """The dialog, if it was asked for."""
    draft = state.session_take(_DRAFT)
    if draft is not None:
        _dialog(draft)


def first_step(frame_values: dict[str, str]) -> StoryStep:
    """What a new story starts with: the answer to the whole comparison.

    Args:
        frame_values: what a link says of dataset and backbones.
    """
    names = {bounds_of(FrameSetup, field).short for field in ("dataset", "backbones")}
    link = urlencode({name: value for name, value in frame_values.items() if name in names})
    return StoryStep("overview", link, SUMMARY, text("phrase.summary"))


@st.dialog(text("heading.add"), width="medium", icon=":material/add_to_photos:")
def _dialog(draft: Draft) -> None:
    if not visitors.offered("story.save"):
        return
    names = [name for name in stories.saved()[0] if stories.is_mine(name)]
    last = state.session_get(_LAST, "")
    usual = last if last in names else (names[0] if names else text("phrase.name_of_dataset", dataset=draft.dataset))
    name = st.selectbox(
        text("label.story"),
        list(dict.fromkeys([usual, *names])),
        key=f"story name {draft.number}",
        accept_new_options=True,
        placeholder=text("placeholder.name"),
    )
    is_new = bool(name) and name not in names
    if is_new:
        st.caption(text("sentence.starts"))
    step, key = (
        StoryStep(draft.page, urlencode(draft.values), PARTS[0], draft.title, draft.answer),
        f"draft {draft.number}",
    )
    step_fields(step, key)
    if draft.of_session:
        st.warning(text("sentence.session_only"), icon=":material/info:")
    if st.button(text("button.add"), type="primary", icon=":material/add:", key="story step add"):
        _add((name or "").strip(), dataclasses.replace(step, **typed(step, key)), draft, is_new)


def step_fields(step: StoryStep, key: str) -> None:
    """The boxes of a step: title, sentence, what of the page is shown, notes; `typed` reads them.

    Args:
        key: unique on the page.
    """
    st.text_input(text("label.title"), step.title, key=f"title of {key}", max_chars=LONGEST["title"])
    st.text_area(
        text("label.sentence"),
        step.sentence,
        key=f"sentence of {key}",
        placeholder=text("placeholder.sentence"),
        max_chars=LONGEST["sentence"],
        height=90,
    )
    st.segmented_control(
        text("label.part"),
        [part for part in PARTS if part != SUMMARY or step.page == "overview"],
        default=step.part,
        key=f"part of {key}",
        format_func=text.group("option.part").__getitem__,
        required=True,
    )
    st.text_area(
        text("label.notes"), step.notes, key=f"notes of {key}", placeholder=text("placeholder.notes"), height=90
    )


def typed(step: StoryStep, key: str) -> dict[str, str]:
    """What stands in the boxes of a step now."""
    names = ("title", "sentence", "part", "notes")
    return {name: str(state.widget(f"{name} of {key}") or "") or _unnamed(step, name) for name in names}


def _unnamed(step: StoryStep, name: str) -> str:
    """What an empty box means: nothing, but for the part, of which one is always chosen."""
    return step.part if name == "part" else ""


def _add(name: str, step: StoryStep, draft: Draft, is_new: bool) -> None:
    """Put the step at the end of the story, which begins with the answer where it is new."""
    if not name:
        st.error(text("error.no_name"), icon=":material/error:")
        return

    def added(story: Story) -> Story:
        return (story.with_step(first_step(draft.values)) if is_new else story).with_step(step)

    try:
        story = stories.change(name, added)
    except CoreError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        return
    state.session_set(_LAST, story.name)
    sentence = text("state.added", story=theme.plain(story.name), number=len(story.steps))
    st.toast(sentence, icon=":material/check_circle:")
    st.rerun()
