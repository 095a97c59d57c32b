"""The query and its results: a click on an image runs this part alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import streamlit as st

from core import wording
from core.errors import CoreError
from core.studies import column_filters, retrieval
from core.studies.text import text_encoding, text_query
from core.ui.app import state, theme
from core.ui.app.error_boundary import fragment
from core.ui.components import cropper, gallery
from core.ui.views.retrieval import (
    downloads,
    feedback,
    query_column,
    query_figures,
    query_inputs,
    query_state,
    results_grid,
    search_mode,
    text_reading,
    why_matched,
)
from core.ui.views.retrieval.query_inputs import QueryInput
from core.ui.views.retrieval.retrieval_view import RetrievalView
from core.ui.widgets import result_cards, system_options

text = wording.page("retrieval")


@fragment
def draw(view_of: Callable[[], RetrievalView]) -> None:
    """The query and its results: a click on an image runs this part alone."""
    view = view_of()
    query, sentence = query_state.current(view.loaded, view.setup)
    query_state.join_trail(query.text, cropper.as_text(query.box))
    notes: tuple[str, ...] = ()
    if query.words:
        view, notes = _text_query_view(view, query)
    answer_slot = st.container()
    with theme.main_part():
        left, right = st.columns([1, 4], gap="medium")
    with left.container(key="query side"):
        with st.container(key="query image"):
            query_column.draw_query(view, query)
        with st.container(key="query ways"):
            feedback.draw(view, query.feedback)
            query_column.draw_buttons(view, query)
            query_column.draw_trail(view, query)
    with right.container(key="result side"):
        for warning in (*((sentence,) if sentence else ()), *state.session_get(query_state.REFUSED, ())):
            st.warning(theme.plain(warning), icon=":material/info:")
        try:
            answers = _search(view, query)
        except CoreError as error:
            st.error(theme.plain(str(error)), icon=":material/error:")
            return
        results_grid.draw_answer(view, answers, answer_slot)
        for note in (*notes, *_filter_note(view)):
            st.caption(theme.plain(note))
        tell_agreement = search_mode.switch(view) if view.ways else None
        with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
            feedback.click_choice()
            with st.container(horizontal=True, width="content", vertical_alignment="bottom"):
                downloads.popover(view, query, answers)
                downloads.copy_link(query)
        why_matched.draw(view, query, answers)
        results_grid.draw(view, answers, _next_cards(view) if _is_next_known(view, query) else None)
        query_figures.draw(view, answers)
        if tell_agreement:  # last: to measure it takes longer than the results
            tell_agreement()


def _is_next_known(view: RetrievalView, query: QueryInput) -> bool:
    """Whether a click on a result does nothing but search the same list with that image."""
    same = view.other is None and not view.ways and not view.setup.likely
    return same and not query.words and state.widget(feedback.CLICK, "search") == "search"


def _next_cards(view: RetrievalView) -> Callable[[str], list[gallery.Card]]:
    """Id of an image of the dataset → its results as the grid shows them."""
    colours = view.colours

    def cards(id_: str) -> list[gallery.Card]:
        """The results of that image; none for an id that the dataset does not have."""
        position = query_inputs.position_of(view.loaded, id_)
        if position is None:
            return []
        (answer,) = _search(view, QueryInput(id_, id_, position))
        return result_cards.result_cards(view.loaded, answer, answer.order[: view.setup.k], colours)

    return cards


def _filter_note(view: RetrievalView) -> tuple[str, ...]:
    """That not the whole gallery is listed, where filters are set."""
    if not view.filters:
        return ()
    n_gallery = len(view.loaded.split.gallery)
    n_kept = int(column_filters.keep_images(view.loaded, view.filters)[view.loaded.split.gallery].sum())
    return (
        text(
            "sentence.filters_on",
            n_kept=f"{n_kept:,}",
            n_gallery=f"{n_gallery:,}",
            filters=", ".join(view.filters),
        ),
    )


def _text_query_view(view: RetrievalView, query: QueryInput) -> tuple[RetrievalView, tuple[str, ...]]:
    """The view with what is left of its systems for a text query, and what is to be said about it.

    Text is compared with every image: an index is tuned for image queries.
    """
    substitute = text_reading.readers(view.chosen, view.embedded)[0]
    systems = [text_reading.reading_part(named, substitute) for named in view.systems]
    notes = [text_reading.reading_sentence(view.systems, substitute)]
    notes += text_encoding.cautions(systems[0].backbones, text_query.parse(query.words))
    other = systems[1] if len(systems) > 1 and systems[1].text != systems[0].text else None
    if len(systems) > 1 and other is None:
        notes.append(text("sentence.same_text_list"))
    return dataclasses.replace(view, system=systems[0], other=other, ways=()), tuple(notes)


def _search(view: RetrievalView, query: QueryInput) -> list[retrieval.QueryResult]:
    """What each system returns: of a large gallery by an index, once that is built."""
    names = tuple(dict.fromkeys(name for named in view.systems for name in named.backbones))
    if not query.words and query.uploaded is None and query.box is None:
        question = query.question(view.loaded, names)
    else:
        with st.spinner(
            text("sentence.reading_text") if query.words else text("sentence.looking_image"), show_time=True
        ):
            question = query.question(view.loaded, names)
    only = column_filters.gallery_filter(view.loaded, view.filters)
    answers = []
    for at, named in enumerate(view.systems):
        system = question.system(system_options.system_name(named), named.spec)
        answer = search_mode.answer(question, system, view.ways[at] if view.ways else None, only)
        answers.append(answer if only is None else retrieval.filtered(answer, only.keep))
    return answers
