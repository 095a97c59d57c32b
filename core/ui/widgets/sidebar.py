"""Widgets that several pages share. Their bounds come from the setups."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from core import data, templates, wording
from core.errors import CoreError
from core.setups import FrameSetup, bounds_of
from core.studies import pooled_figures
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme, visitors
from core.ui.widgets import first_step, frame_keys
from core.wording import plural

shared = wording.page("shared")

text = wording.page("frame")
_SHOWN = "backbones shown"
_MOST_NAMED = 6
"""Backbones that the sidebar names; of more it says how many there are."""
_NEXT = "dataset shown next"


@dataclass(frozen=True)
class Selection:
    """What the sidebar says: the dataset, the backbones chosen that are embedded for it, and all that are.

    Images that a chosen backbone was tuned on are left out of the dataset's queries and gallery. A tuned backbone that is
    not chosen cannot be compared where images would have to be left out for it, so it is not among the embedded ones.
    """

    dataset: Dataset
    backbones: tuple[str, ...]
    embedded: tuple[str, ...]

    @property
    def colours(self) -> dict[str, str]:
        """The colour of each backbone on every page; those that are not chosen come behind."""
        return theme.colours(tuple(dict.fromkeys([*self.backbones, *self.embedded])))


def frame() -> None:
    """The shared sidebar: dataset, backbones, and what is running."""
    names = cache.ready_datasets()
    # A bare address opens on the set that an empty installation builds; a link without a dataset means the usual one.
    opens = not state.opened_by_link() and (data.OPENING in names or not names)
    state.seed(FrameSetup, **({"dataset": data.OPENING} if opens else {}))
    following = state.session_take(_NEXT, "")
    if following in names:
        state.set_field(FrameSetup, "dataset", following)
    with st.sidebar:
        if names:
            _dataset_and_backbones(names)
        state.read(FrameSetup)
        frame_keys.buttons()
        for job in jobs.running():
            st.caption(f":material/progress_activity: {theme.plain(job.public_title)} …")
        visitors.account_line()


def show_next(name: str) -> None:
    """Run the page again with another dataset: its selector is drawn by now, and takes no other value in this run."""
    state.session_set(_NEXT, name)
    st.rerun()


def _dataset_and_backbones(names: tuple[str, ...]) -> None:
    chosen = state.get(FrameSetup, "dataset")
    if chosen not in names:
        if chosen not in (FrameSetup.dataset, data.OPENING):
            st.warning(theme.plain(shared("sentence.other_dataset", dataset=repr(chosen), shown=repr(names[0]))))
        state.set_field(FrameSetup, "dataset", names[0])
    dataset = st.selectbox(
        bounds_of(FrameSetup, "dataset").label,
        names,
        key=state.key(FrameSetup, "dataset"),
        help=shared("help.dataset"),
    )
    if marked := pooled_figures.marking(cache.dataset(dataset)):
        st.caption(f":material/fact_check: {marked} {text('sentence.judged')}")
    embedded = cache.embedded(dataset)
    wanted = state.get(FrameSetup, "backbones")
    # A key for each list of options: what a browser still sends of a shorter list is no choice of a longer one.
    widget = f"{_SHOWN} {' '.join(embedded)}"
    state.set_widget(widget, [name for name in wanted if name in embedded] or list(embedded))
    shown = state.widget(widget)
    with st.popover(
        text("button.backbones", chosen=len(shown), embedded=len(embedded)),
        width="stretch",
        key="backbones chosen",
    ):
        st.multiselect(
            text("label.backbones"),
            embedded,
            key=widget,
            on_change=_take_backbones,
            args=(widget,),
            format_func=cache.backbone_title,
            help=text("help.backbones"),
            placeholder=text("placeholder.backbones"),
        )
    _legend(tuple(shown))
    _say_left_out(dataset, tuple(shown))


def _say_left_out(dataset: str, names: tuple[str, ...]) -> None:
    """How many images trained a tuned backbone that is chosen, and so take no part on any page."""
    loaded = cache.dataset(dataset)
    with suppress(CoreError):  # the page itself says what is wrong
        left = cache.without_tuned(loaded, names).split
        if left is not loaded.split:
            out = len(loaded.split.queries) - len(left.queries)
            st.caption(
                text("sentence.tuned_left_out", out=plural(out, "query"), queries=plural(len(left.queries), "query"))
            )


def _legend(names: tuple[str, ...]) -> None:
    """The backbones that are chosen, each with the colour that it has on every page; of many the first ones."""
    colours = theme.colours(names)
    entries = [(colours[name], cache.backbone_title(name)) for name in names[:_MOST_NAMED]]
    st.html(str(templates.render("backbone_legend.html.jinja", entries=entries, more=len(names) - len(entries))))


def _take_backbones(widget: str) -> None:
    state.set_field(FrameSetup, "backbones", tuple(state.widget(widget)))


def selection() -> Selection:
    """What the sidebar says, for a page.

    Raises:
        NothingToDraw: no dataset is ready, or nothing is embedded for it; the way there is drawn in its place.
    """
    names = cache.ready_datasets()
    name = state.get(FrameSetup, "dataset")
    if name not in names:
        raise first_step.no_dataset()
    embedded = cache.embedded(name)
    if not embedded:
        raise first_step.not_embedded(name)
    wanted = state.get(FrameSetup, "backbones")
    chosen = tuple(b for b in wanted if b in embedded) or embedded
    loaded = cache.dataset(name)
    left = cache.without_tuned(loaded, chosen)
    return Selection(left, chosen, tuple(b for b in embedded if b in chosen or _needs_nothing(left, b)))


def _needs_nothing(loaded: Dataset, name: str) -> bool:
    """Whether a backbone can be reported on a dataset as it is."""
    try:
        return cache.without_tuned(loaded, (name,)) is loaded
    except CoreError:  # every image of it was trained on, or its card is gone
        return False


def registered() -> tuple[str, ...]:
    """Every dataset that can be loaded by name, built or not."""
    return data.names()
