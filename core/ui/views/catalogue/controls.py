"""The controls of the Catalogue page, and what a link may set in them."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.fusion.catalogue import CATALOGUE_STRATEGIES
from core.setups import CatalogueSetup
from core.studies.catalogue import catalogue_items
from core.studies.catalogue import catalogue_search as study
from core.ui.app import state
from core.ui.views.catalogue import catalogue_cache, components, filters, query_box

text = wording.page("catalogue")
LOOKS = text.group("option.look")
QUERY_SOURCES = text.group("option.queries")
METRICS = ("map", "p@1", "p@10", "ndcg@10", "mrr")


def choose_look() -> str:
    """Search, or the comparison of strategies."""
    look = st.segmented_control(
        text("label.section"),
        list(LOOKS),
        key=state.key(CatalogueSetup, "look"),
        format_func=LOOKS.__getitem__,
        label_visibility="collapsed",
        required=True,
    )
    return look or "search"


def draw_settings(catalogue: catalogue_items.Catalogue) -> None:
    """Which strategies answer, and where everything else is set."""
    st.pills(
        text("label.strategies"),
        CATALOGUE_STRATEGIES.names,
        selection_mode="multi",
        key=state.key(CatalogueSetup, "strategies"),
        format_func=lambda name: CATALOGUE_STRATEGIES[name].label,
        label_visibility="collapsed",
        help="\n".join(f"- **{strategy.label}**: {strategy.help}" for strategy in CATALOGUE_STRATEGIES),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        query_box.image_popover()
        filters.popover(catalogue)
        components.popover(catalogue, results=True)


def within_bounds(catalogue: catalogue_items.Catalogue) -> None:
    """A link, or another dataset, may have left names that are not here: bring them back before widgets are drawn."""
    columns = (*catalogue.text_columns, catalogue_items.IMAGE)
    allowed = {
        "components": (columns, ()),
        "strategies": (CATALOGUE_STRATEGIES.names, CatalogueSetup.strategies),
    }
    for field, (names, default) in allowed.items():
        now = state.get(CatalogueSetup, field) or ()
        valid = tuple(name for name in now if name in names)
        if len(valid) != len(now):
            state.set_field(CatalogueSetup, field, valid or default)
    choices = {
        "look": tuple(LOOKS),
        "ask_with": tuple(QUERY_SOURCES),
        "metric": METRICS,
        "base": weighing_strategies(),
        "space": catalogue_cache.spaces(catalogue.name),
        "join": tuple(study.IMAGE_JOINS),
    }
    for field, names in choices.items():
        if state.get(CatalogueSetup, field) not in names:
            state.set_field(CatalogueSetup, field, names[0])


def weighing_strategies() -> tuple[str, ...]:
    """Strategies that take text and image queries alike."""
    return tuple(strategy.name for strategy in CATALOGUE_STRATEGIES if strategy.joins != "words")
