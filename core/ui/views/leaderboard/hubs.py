"""Hubs: the images that crowd the lists of a system, with who finds them, and those that nobody finds."""

from __future__ import annotations

import dataclasses

import streamlit as st

from core import metrics, wording
from core.metrics import hubs
from core.studies import leaderboard
from core.types import Dataset
from core.ui.app import cache, state, theme
from core.ui.components import gallery
from core.ui.views.leaderboard.leaderboard_view import LeaderboardView
from core.ui.widgets import image_cards
from core.wording import plural

text = wording.page("steps")
SHOWN = 10
LOOKED_AT = "hub looked at"


def draw(view: LeaderboardView) -> None:
    """One system at a time: its worst hubs, and the queries of the one that is looked at."""
    names = leaderboard.order(view.result)
    key = "hubs of"
    if state.widget(key) not in names:
        state.set_widget(key, names[0])
    left, _ = st.columns([4, 6])
    name = left.selectbox(
        text("label.system"),
        names,
        key=key,
        format_func=lambda system: view.infos[system].title,
        label_visibility="collapsed",
    )
    loaded = view.loaded
    counted, items = cache.hubness(loaded, view.competitors[name].system)
    st.caption(
        text(
            "sentence.hubs",
            system=theme.plain(view.infos[name].title),
            skew=wording.number(counted.skewness, 2),
            queries=plural(counted.n_queries, "query"),
            anti=f"{counted.n_anti_hubs:,}",
            gallery=f"{len(loaded.split.gallery):,}",
            depth=counted.depth,
        ),
        help=metrics.sentence("hubness"),
    )
    worst = counted.hubs(SHOWN)
    if not len(worst):
        st.info(text("sentence.nobody"))
        return
    lists = {int(item): text("phrase.lists", count=f"{counted.counts[item]:,}") for item in worst}
    _grid(loaded, lists, "hubs", text("help.hub"))
    ids = {str(loaded.ids[loaded.split.gallery[item]]): item for item in lists}
    chosen = state.session_get(LOOKED_AT, "")
    item = ids.get(chosen, next(iter(ids.values())))
    queries, ranks = hubs.finders(items, item)
    label = f"{loaded.ids[loaded.split.gallery[item]]} {loaded.label_of(int(loaded.split.gallery[item]))}"
    st.markdown(
        text("sentence.listed_by", image=theme.plain(label), count=plural(len(queries), "query"), depth=counted.depth)
    )
    positions = loaded.split.queries[queries[: 2 * SHOWN]]
    cards = [
        dataclasses.replace(card, rank=int(rank)) for card, rank in zip(image_cards.cards(loaded, positions), ranks)
    ]
    gallery.grid(cards, key="hub queries", size=96, name=text("help.queries"), pick="")
    nobody = counted.anti_hubs(SHOWN)
    if len(nobody):
        st.markdown(f"**{text('heading.anti_hubs')}**")
        _grid(loaded, {int(item): "" for item in nobody}, "anti-hubs", "")


def _grid(loaded: Dataset, notes: dict[int, str], key: str, pick: str) -> None:
    """Gallery images as cards, each with its note; a click chooses one."""
    cards = [
        dataclasses.replace(card, note=note)
        for card, note in zip(image_cards.cards(loaded, loaded.split.gallery[list(notes)]), notes.values())
    ]
    gallery.grid(cards, key=key, size=110, name=key, pick=pick, on_pick=_look_at)


def _look_at(image: str) -> None:
    state.session_set(LOOKED_AT, image)
