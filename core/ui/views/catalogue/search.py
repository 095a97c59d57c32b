"""The results of every strategy side by side."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import backbones, wording
from core.data import table_files
from core.errors import BadInput, CoreError
from core.fusion.catalogue import CATALOGUE_STRATEGIES
from core.setups import CatalogueSetup
from core.studies.catalogue import catalogue_items
from core.studies.catalogue import catalogue_search as study
from core.studies.text import text_query
from core.ui.app import state, theme
from core.ui.app.error_boundary import fragment
from core.ui.components import gallery, result_list
from core.ui.views.catalogue import catalogue_view, controls, filters, preparation, query_box
from core.ui.views.catalogue.catalogue_view import CatalogueView
from core.ui.views.text import text_cache
from core.ui.widgets import image_cards
from core.wording import plural

text = wording.page("catalogue")


def _result_items(view: CatalogueView, answer: study.CatalogueResult) -> list[result_list.ResultItem]:
    """The best items of one strategy, with the weight and the likeness of each component."""
    words = CATALOGUE_STRATEGIES[answer.strategy].joins == "words"  # has no components to speak of
    items = []
    for rank, item in enumerate(answer.listed[: view.setup.k].tolist(), start=1):
        position = int(answer.images[item])
        row = view.catalogue.items.iloc[item]
        parts = tuple(
            result_list.ScorePart(
                name,
                view.colours[name],
                round(float(answer.weights[item, at]), 4),
                round(float(answer.similarities[item, at]), 3) if view.searcher.components.present[item, at] else None,
            )
            for at, name in enumerate(() if words else answer.components)
        )
        items.append(
            result_list.ResultItem(
                id=str(view.loaded.ids[position] if position >= 0 else row["id"]),
                key=image_cards.key_of(view.loaded, position) if position >= 0 else "",
                title=view.catalogue.title(item),
                rank=rank,
                score=float(answer.scores[item]),
                why=answer.why(item),
                text=table_files.words(row.get("description", "")),
                note=_note(view, item, position),
                parts=parts,
            )
        )
    return items


def _note(view: CatalogueView, item: int, position: int) -> str:
    """The category, and which of its images stands for an item that has several."""
    category = table_files.words(view.catalogue.items.iloc[item].get(catalogue_items.CATEGORY, ""))
    number, of = view.catalogue.image_numbers, int(view.catalogue.image_counts[item])
    several = text("phrase.image_number", number=int(number[position]), count=of) if of > 1 else ""
    return " · ".join(filter(None, (category, several)))


def _strategy_column(view: CatalogueView, strategy: str, query: study.CatalogueQuery, keep: np.ndarray) -> None:
    """One strategy's list."""
    entry = CATALOGUE_STRATEGIES[strategy]
    st.markdown(f"**{entry.label}**", help=f"{entry.help} ({entry.reference})")
    if entry.joins == "words" and not query.terms:
        st.caption(text("sentence.needs_words"))
        return
    try:
        answer = view.searcher.rank(strategy, query, view.fixed_weights, keep)
    except CoreError as error:
        st.warning(theme.plain(str(error)), icon=":material/info:")
        return
    if not len(answer.listed):
        no_words = text("sentence.no_words_all" if keep.all() else "sentence.no_words_some")
        st.caption(no_words if len(answer.order) else text("sentence.no_item_passes"))
        return
    result_list.show(
        _result_items(view, answer),
        key=f"items {strategy}",
        name=text("phrase.results", strategy=entry.label),
        on_pick=query_box.search_like,
        pick=text("button.like"),
    )


def _results(view: CatalogueView) -> None:
    """The query, read, and each strategy's answer to it."""
    refused = state.session_get(catalogue_view.REFUSED, "")
    if refused:
        st.warning(theme.plain(refused), icon=":material/info:")
    image = query_box.query_image(view) if view.setup.like else (None, "", "", [])
    if image[0] is not None:
        with st.container(key="catalogue-image"):
            query_box.image_box(view, image)
    if not view.setup.question.strip() and image[0] is None:
        st.caption(text("sentence.start"))
        _browse(view)
        return
    _answers(view, image[0])


def _browse(view: CatalogueView) -> None:
    """The catalogue itself, while there is no query: a click searches with that image."""
    items = np.flatnonzero(view.catalogue.image_of >= 0)
    keep = catalogue_items.keep_items(view.catalogue, filters.read(view.catalogue, view.setup.filters))
    items = items[keep[items]][:60]
    cards = []
    for item in items.tolist():
        position, title = int(view.catalogue.image_of[item]), view.catalogue.title(item)
        about = table_files.words(view.catalogue.items.iloc[item].get("description", ""))
        facts = (("about", about[:220] + ("…" if len(about) > 220 else "")),) if about else ()
        cards.append(
            gallery.Card(
                id=str(view.catalogue.items["id"].iloc[item]),
                key=image_cards.key_of(view.loaded, position),
                title=title,
                label=title,
                facts=facts,
            )
        )
    gallery.grid(cards, key="catalogue items", size=150, on_pick=query_box.search_like, name=text("phrase.items"))


def _answers(view: CatalogueView, vector: np.ndarray | None) -> None:
    """Every chosen strategy side by side."""
    try:
        text_query.parse(view.setup.question or "image")
    except BadInput as error:
        st.info(theme.plain(str(error)), icon=":material/info:")
        _browse(view)
        return
    with st.spinner(text("sentence.reading"), show_time=True):
        query = study.make_query(
            view.setup.space, view.setup.question, vector, view.setup.balance, encode=text_cache.words
        )
    keep = catalogue_items.keep_items(view.catalogue, filters.read(view.catalogue, view.setup.filters))
    parts = [text("phrase.looking_for", query=theme.plain(query.sentence))]
    if not keep.all():
        parts.append(text("phrase.passing", count=f"{int(keep.sum()):,}", items=plural(len(keep), "item")))
    st.caption(" · ".join(parts))
    for note in query.notes:
        st.caption(f":material/info: {theme.plain(note)}")
    chosen = [name for name in view.setup.strategies if name in CATALOGUE_STRATEGIES] or ["average"]
    for start in range(0, len(chosen), 4):
        with st.container(key=f"catalogue-row-{start}"):
            for column, strategy in zip(st.columns(len(chosen[start : start + 4]), gap="small"), chosen[start:]):
                with column:
                    _strategy_column(view, strategy, query, keep)
    _legend(view)


def _legend(view: CatalogueView) -> None:
    """What the bars mean, and what this space cannot know."""
    alike = ", ".join(
        f"{name} {wording.number(value, 2)}"
        for name, value in zip(view.components, view.searcher.components.global_similarity)
    )
    st.caption(text("sentence.legend", likeness=theme.plain(alike)))
    if backbones.get(view.setup.space).family == "concepts":
        st.caption(text("sentence.concepts"))


@fragment
def draw(catalogue: catalogue_items.Catalogue) -> None:
    """The search box, its settings and the results."""
    with st.container(key="catalogue-query"):
        query_box.text_box(catalogue)
    controls.draw_settings(catalogue)
    text_cache.warm((state.get(CatalogueSetup, "space"),))
    view = preparation.build_view(catalogue)
    if view is not None:
        _results(view)
