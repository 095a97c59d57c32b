"""What can be said without a click: where to look first, never how good anything is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from core import wording
from core.setups import JudgeSetup
from core.setups.fields import join_texts
from core.studies import consensus, copies
from core.types import Dataset
from core.ui.app import cache, drawn, jobs, state
from core.ui.app.cached import digest
from core.ui.components import gallery
from core.ui.widgets import image_cards
from core.ui.widgets.sidebar import Selection
from core.wording import figure, plural

text = wording.page("judge")
GROUPS, MEMBERS = 6, 10


@dataclass(frozen=True)
class Hints:
    """What came of looking."""

    agreed: consensus.Consensus
    words: dict[str, consensus.Place]
    order: dict[str, float]
    copies: list[copies.CopyRanks]

    @property
    def shown(self) -> bool:
        """Whether the order may be shown."""
        names = {each.backbone for each in self.copies}
        means = {
            name: float(np.mean([each.reciprocal for each in self.copies if each.backbone == name])) for name in names
        }
        return consensus.supported(self.order, means)


def draw(selection: Selection, setup: JudgeSetup) -> None:
    """Folded: a button that starts the work, then what came of it."""
    loaded, names = selection.dataset, selection.backbones
    with st.expander(text("heading.without"), key="without labels", icon=":material/visibility:"):
        st.caption(text("sentence.hints"))
        name = f"without labels {digest(loaded, names, setup.group)}"
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.number_input(text("label.group"), 2, 500, key=state.key(JudgeSetup, "group"), width=240)
            st.button(
                text("button.look"),
                key="look without labels",
                icon=":material/search:",
                on_click=_start,
                args=(name, loaded, names, setup.group),
                **jobs.waits(),
            )
        job = jobs.find_mine(name)
        if job is not None and job.state == "done":
            _draw(loaded, job.result)
        elif job is not None:
            jobs.job_panel(name)


def _start(name: str, loaded: Dataset, names: tuple[str, ...], size: int) -> None:
    def work(job: jobs.BackgroundJob) -> Hints:
        vectors = cache.vectors(loaded, names)
        agreed = consensus.consensus(vectors, size, task=job.task)
        words, order = consensus.places(vectors, agreed, job.task)
        return Hints(agreed, words, order, copies.ranks(loaded, vectors, task=job.task))

    jobs.forget(name)
    jobs.start(name, text("state.looking"), work)


def _draw(loaded: Dataset, hints: Hints) -> None:
    st.subheader(text("heading.order"), anchor=False)
    if hints.shown:
        st.markdown(text("sentence.order"))
        ordered = sorted(hints.words, key=lambda name: -hints.order[name])
        places = text.group("option.place")
        drawn.table(
            {
                text("column.backbone"): [cache.backbone_title(name) for name in ordered],
                text("column.place"): [places[hints.words[name]] for name in ordered],
            },
            hide_index=True,
            width="content",
        )
        st.button(
            text("button.first_two"),
            icon=":material/gavel:",
            on_click=state.set_field,
            args=(JudgeSetup, "systems", join_texts(ordered[:2])),
            key="judge the first two",
        )
    else:
        st.markdown(text("sentence.no_order"))
    st.warning(text("sentence.warning"), icon=":material/warning:")
    _copies(hints.copies)
    st.subheader(text("heading.disagreed"), anchor=False)
    st.caption(text("sentence.disagreed"))
    _grid(loaded, hints.agreed.most_disagreed[:MEMBERS].tolist(), "disagreed")
    st.subheader(text("heading.groups"), anchor=False)
    st.caption(text("sentence.groups", count=f"{int(hints.agreed.groups.max()) + 1:,}"))
    for group in range(min(GROUPS, int(hints.agreed.groups.max()) + 1)):
        _grid(loaded, hints.agreed.members(group)[:MEMBERS].tolist(), f"group {group}")


def _grid(loaded: Dataset, positions: Sequence[int], key: str) -> None:
    cards = image_cards.cards(loaded, positions)
    gallery.grid(cards, key=key, size=84, name=text("phrase.group", number=key), pick="", beside=MEMBERS)


def _copies(measured: list[copies.CopyRanks]) -> None:
    st.subheader(text("heading.copies"), anchor=False)
    if not measured:
        st.caption(text("sentence.no_copies"))
        return
    st.caption(text("sentence.copies", count=plural(len(measured[0].ranks), "image")))
    names = list(dict.fromkeys(each.backbone for each in measured))
    table = {text("column.backbone"): [cache.backbone_title(name) for name in names]}
    for change, title in text.group("option.change").items():
        by_name = {each.backbone: each for each in measured if each.change == change}
        table[title] = [figure(*by_name[name].first) for name in names]
    drawn.table(table, hide_index=True, width="content")
