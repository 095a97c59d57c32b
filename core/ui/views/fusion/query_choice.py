"""The query of the fusion lab, and the ways to another one."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import wording
from core.fusion import FusionSpec
from core.setups import FusionSetup
from core.types import Dataset
from core.ui.app import cache, state, theme
from core.ui.components import gallery
from core.ui.widgets import image_cards

MOST_MATCHES = 12
"""Queries shown for a text that was looked for."""
text = wording.page("fusion_lab")


def position(loaded: Dataset, wanted: str) -> int:
    """Where a query stands in the dataset; for an id that is not known the first query, of judged ones the first judged."""
    positions = np.flatnonzero(loaded.ids == wanted) if wanted else np.arange(0)
    if len(positions):
        return int(positions[0])
    judged = cache.relevance_of(loaded).judged if loaded.is_judged else None
    return int(loaded.split.queries[int(np.argmax(judged)) if judged is not None else 0])


def pick(name: str) -> None:
    """An image was clicked: it is the query now."""
    state.set_field(FusionSetup, "query", name)


def shuffle(loaded: Dataset) -> None:
    """Another query at random."""
    pick(str(loaded.ids[np.random.default_rng().choice(loaded.split.queries)]))


def harder(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """The query with the lowest AP under the present fusion; from there the next one up. Of a large set, of its sample."""
    loaded = (cache.query_sample(loaded, names) or loaded) if loaded.has_labels else loaded
    values = cache.average_precision(loaded, names, spec)
    usable = np.flatnonzero(~np.isnan(values))
    order = [int(loaded.split.queries[q]) for q in usable[np.argsort(values[usable], kind="stable")]]
    now = position(loaded, state.get(FusionSetup, "query"))
    last = state.session_get("lab hard")
    at = order.index(now) + 1 if now == last and now in order else 0
    chosen = order[at % len(order)]
    state.session_set("lab hard", chosen)
    pick(str(loaded.ids[chosen]))


def matching(loaded: Dataset, words: str) -> np.ndarray:
    """Queries whose id or class holds a text, positions in the dataset; those that start with it first."""
    wanted = words.casefold().strip()
    pairs = [(str(loaded.ids[p]).casefold(), loaded.label_of(int(p)).casefold()) for p in loaded.split.queries]
    ranked = [min((w.find(wanted) for w in pair if wanted in w), default=-1) for pair in pairs]
    match_starts = np.array(ranked)
    matches = np.flatnonzero(match_starts >= 0)
    return np.asarray(loaded.split.queries)[matches[np.argsort(match_starts[matches], kind="stable")]]


def draw(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """Ways to another query, and how many of its results are shown."""
    line = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    words = line.text_input(text("label.find"), key="lab find", placeholder=text("placeholder.find"), width=280)
    line.button(text("button.random"), icon=":material/shuffle:", on_click=shuffle, args=(loaded,))
    line.button(
        text("button.hardest"),
        icon=":material/exercise:",
        on_click=harder,
        args=(loaded, names, spec),
        disabled=not loaded.has_labels,
        help=text("help.hardest") if loaded.has_labels else text("help.hardest_no_labels"),
    )
    line.number_input(text("label.k"), 5, 100, step=1, key=state.key(FusionSetup, "k"), width=130)
    if words.strip():
        _matches(loaded, words)


def _matches(loaded: Dataset, words: str) -> None:
    matches = matching(loaded, words)
    if not len(matches):
        st.caption(text("sentence.no_match", words=theme.plain(words.strip())))
        return
    gallery.grid(
        image_cards.cards(loaded, matches[:MOST_MATCHES]),
        key="lab found",
        size=64,
        on_pick=pick,
        name=text("label.matches"),
        pick=text("help.pick"),
    )
    if len(matches) > MOST_MATCHES:
        st.caption(text("state.matches", shown=MOST_MATCHES, count=f"{len(matches):,}"))
