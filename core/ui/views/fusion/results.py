"""One query in the fusion lab: its results now and before, and the ways to another query."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.fusion import FusionSpec
from core.setups import FusionSetup
from core.studies import retrieval
from core.types import Dataset
from core.ui.app import cache, state, theme
from core.ui.components import gallery
from core.ui.widgets import image_cards, result_cards

MOST_FOUND = 8
"""Queries shown for a text that was looked for."""


def query_position(loaded: Dataset, wanted: str) -> int:
    """Where a query stands in the dataset; the first query of the split for an id that is not known."""
    positions = np.flatnonzero(loaded.ids == wanted) if wanted else np.arange(0)
    return int(positions[0]) if len(positions) else int(loaded.split.queries[0])


def pick(name: str) -> None:
    """An image was clicked: it is the query now."""
    state.set_field(FusionSetup, "query", name)


def shuffle(loaded: Dataset) -> None:
    """Another query at random."""
    pick(str(loaded.ids[np.random.default_rng().choice(loaded.split.queries)]))


def harder(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """The query with the lowest AP under the present fusion; from there the next one up. Of a large set, of its panel."""
    loaded = (cache.query_sample(loaded, names) or loaded) if loaded.has_labels else loaded
    values = cache.average_precision(loaded, names, spec)
    usable = np.flatnonzero(~np.isnan(values))
    order = [int(loaded.split.queries[q]) for q in usable[np.argsort(values[usable], kind="stable")]]
    now = query_position(loaded, state.get(FusionSetup, "query"))
    last = state.session_get("lab hard")
    at = order.index(now) + 1 if now == last and now in order else 0
    chosen = order[at % len(order)]
    state.session_set("lab hard", chosen)
    pick(str(loaded.ids[chosen]))


def matching(loaded: Dataset, text: str) -> np.ndarray:
    """Queries whose id or class holds a text, positions in the dataset; those that start with it first."""
    wanted = text.casefold().strip()
    words = [(str(loaded.ids[p]).casefold(), loaded.label_of(int(p)).casefold()) for p in loaded.split.queries]
    ranked = [min((w.find(wanted) for w in pair if wanted in w), default=-1) for pair in words]
    match_starts = np.array(ranked)
    matches = np.flatnonzero(match_starts >= 0)
    return np.asarray(loaded.split.queries)[matches[np.argsort(match_starts[matches], kind="stable")]]


def picker(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """The query, and how to get another one."""
    position = query_position(loaded, state.get(FusionSetup, "query"))
    left, right = st.columns([5, 6], gap="medium")
    with left:
        st.markdown("**Query**")
        gallery.grid(
            image_cards.cards(loaded, [position], frame="query"), key="lab query", size=128, pick="", name="query"
        )
    with right:
        st.button(
            "Random",
            icon=":material/shuffle:",
            on_click=shuffle,
            args=(loaded,),
            width="stretch",
            help="A query at random.",
        )
        st.button(
            "Hardest query",
            icon=":material/exercise:",
            on_click=harder,
            args=(loaded, names, spec),
            width="stretch",
            disabled=not loaded.has_labels,
            help="The query with the lowest AP under the present weights; again for the next hardest.",
        )
        st.number_input(
            "Results", 5, 100, step=1, key=state.key(FusionSetup, "k"), help="How many results of this query are shown."
        )
    text = st.text_input(
        "Find a query", key="lab find", placeholder="part of a file name or a class", label_visibility="collapsed"
    )
    if text.strip():
        matches = matching(loaded, text)
        if not len(matches):
            st.caption(f"No query's file or class has “{theme.plain(text.strip())}” in it.")
            return
        gallery.grid(
            image_cards.cards(loaded, matches[:MOST_FOUND]),
            key="lab found",
            size=64,
            on_pick=pick,
            name="queries found",
            pick="Click to search with this image",
        )
        if len(matches) > MOST_FOUND:
            st.caption(f"{MOST_FOUND} of {len(matches):,} that match.")


def answered(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, position: int) -> retrieval.QueryResult:
    """What a fusion finds for one image of the dataset."""
    question = cache.image_query(loaded, names, position)
    return retrieval.retrieve(question, question.system(spec.name, spec))


def results(
    loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec, base_title: str, k: int
) -> None:
    """One query under the present weights and under the baseline, linked."""
    position = query_position(loaded, state.get(FusionSetup, "query"))
    all_names = tuple(dict.fromkeys([*names, *base.backbones]))
    colours = theme.colours(all_names)
    same = (base.kind, base.parameters, base.backbones, base.weights) == (
        spec.kind,
        spec.parameters,
        spec.backbones,
        spec.weights,
    )
    now = answered(loaded, all_names, spec, position)
    before = None if same else answered(loaded, all_names, base, position)
    moves = () if before is None else retrieval.rank_changes(now, before, k).left
    st.markdown(
        "**Now** :gray[– the bar under an image: each backbone’s part in its score]"
        + ("" if same else "  :gray[· ▲ ▼ places won and lost]")
    )
    gallery.grid(
        result_cards.result_cards(loaded, now, now.order[:k], colours, moves=moves, agreement_k=k),
        key="lab now",
        size=88,
        group="lab",
        on_pick=pick,
        name="results now",
    )
    st.markdown(f"**Before** :gray[– the baseline: {theme.plain(base_title)}]")
    if before is None:
        st.caption("The same fusion as now. Move a slider, and what changes is seen here.")
        return
    gallery.grid(
        result_cards.result_cards(loaded, before, before.order[:k], colours, agreement_k=k),
        key="lab before",
        size=88,
        group="lab",
        on_pick=pick,
        name="results of the baseline",
    )
