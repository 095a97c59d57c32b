"""The query of the Retrieval page: what it is now, and every way to another one."""

from __future__ import annotations

import dataclasses

import numpy as np

from core import wording
from core.errors import CoreError
from core.setups import RetrievalSetup
from core.studies import retrieval
from core.studies.text import text_query
from core.types import Dataset
from core.ui.app import cache, state
from core.ui.components import cropper
from core.ui.views.retrieval import feedback, query_evaluation, query_inputs, text_reading, uploads
from core.ui.views.retrieval.query_inputs import QueryInput
from core.ui.views.retrieval.retrieval_view import RetrievalView

strings = wording.page("retrieval")

TRAIL = "trail of queries"
REFUSED = "refused images"
CROPPING = "cropping"
TEXT_BOX = strings("option.text_query")
_UPLOADS = "uploaders used"


def set_query(text: str, crop: str = "", remember: bool = True) -> None:
    """Search with another query; it joins the trail."""
    state.set_field(RetrievalSetup, "query", text)
    state.set_field(RetrievalSetup, "crop", crop)
    feedback.forget()
    state.session_set(CROPPING, False)
    state.session_set(REFUSED, ())
    if remember:
        join_trail(text, crop)


def join_trail(text: str, crop: str) -> None:
    """The last queries, oldest first; one that is there already stays where it is."""
    trail = state.session_get(TRAIL, [])
    if text and (text, crop) not in trail:
        trail.append((text, crop))
        del trail[:-24]


def current(loaded: Dataset, setup: RetrievalSetup) -> tuple[QueryInput, str]:
    """The query that the setup names, or the one a visit starts with, and a sentence when a link named another."""
    query, sentence = _unmoved(loaded, setup)
    return dataclasses.replace(query, feedback=feedback.current(loaded, setup)), sentence


def result_clicked(id_: str) -> None:
    """Search with a result, or move the query towards it or away from it, as chosen."""
    click = state.widget(feedback.CLICK, "search")
    if click in ("more", "less"):
        feedback.add(click, id_)
    else:
        set_query(id_)


def _unmoved(loaded: Dataset, setup: RetrievalSetup) -> tuple[QueryInput, str]:
    start = cache.sample_positions(loaded.name, 1)[0]
    box = cropper.read(setup.crop)
    if setup.query.startswith(text_reading.PREFIX) and query_inputs.position_of(loaded, setup.query) is None:
        line, readers = setup.query[len(text_reading.PREFIX) :], text_reading.readers((), cache.embedded(loaded.name))
        try:
            if readers:
                return QueryInput(setup.query, text_query.parse(line).sentence(), words=line), ""
            sentence = strings("sentence.no_reader", name=repr(loaded.name))
        except CoreError as error:
            sentence = str(error)
        return _of_dataset(loaded, start), sentence
    if setup.query.startswith(uploads.PREFIX):
        uploaded = uploads.uploaded_queries().get(setup.query)
        if uploaded is not None:
            return QueryInput(setup.query, uploaded.title, uploaded=uploaded, box=box), ""
        sentence = strings("sentence.uploads_not_in_link")
        return _of_dataset(loaded, start), sentence
    position = query_inputs.position_of(loaded, setup.query) if setup.query else start
    if position is None:
        sentence = strings("sentence.image_gone", name=repr(loaded.name), query=repr(setup.query[:80]))
        return _of_dataset(loaded, start), sentence
    return _of_dataset(loaded, position, box), ""


def _of_dataset(loaded: Dataset, position: int, box: cropper.Box | None = None) -> QueryInput:
    """An image of the dataset as the query."""
    return QueryInput(str(loaded.ids[position]), str(loaded.ids[position]), position, box=box)


def set_random_query(loaded: Dataset) -> None:
    """Search with any image."""
    set_query(str(loaded.ids[int(np.random.default_rng().integers(len(loaded)))]))


def set_hardest_query(view: RetrievalView) -> None:
    """Search with one of the queries that the system answers worst."""
    try:
        positions = retrieval.hardest_queries(query_evaluation.evaluated(view.loaded, view.system), view.loaded)
    except CoreError as error:
        state.session_set(REFUSED, (str(error),))
        return
    if len(positions):
        set_query(str(view.loaded.ids[int(np.random.default_rng().choice(positions))]))


def uploader_key() -> str:
    """The widget key of the file uploader, another one after each use."""
    return f"query images {state.session_get(_UPLOADS, 0)}"


def images_uploaded() -> None:
    """Images were dropped, pasted or chosen: search with them."""
    files = state.widget(uploader_key()) or []
    if not files:
        return
    # A new uploader each time: images of the last query must not be part of the next one.
    state.session_set(_UPLOADS, state.session_get(_UPLOADS, 0) + 1)
    try:
        uploaded = uploads.take(files)
    except CoreError as error:
        state.session_set(REFUSED, (str(error),))
        return
    uploads.add_uploaded_query(uploaded)
    set_query(uploaded.token)
    state.session_set(REFUSED, uploaded.refused)


def text_entered() -> None:
    """A line was typed: search with it, or say why it cannot be searched with."""
    line = state.widget(TEXT_BOX, "").strip()
    if not line:
        return
    try:
        text_query.parse(line)
    except CoreError as error:
        state.session_set(REFUSED, (str(error),))
        return
    set_query(text_reading.PREFIX + line)


def can_be_shown(loaded: Dataset, text: str) -> bool:
    """A query that can still be shown."""
    if text in uploads.uploaded_queries() or query_inputs.position_of(loaded, text) is not None:
        return True
    return text.startswith(text_reading.PREFIX) and bool(text_reading.readers((), cache.embedded(loaded.name)))


def forget_other_dataset(name: str) -> None:
    """A query belongs to a dataset: after the sidebar changes it, the visit starts anew."""
    before = state.session_get("dataset asked", "")
    if before and before != name:
        set_query("", remember=False)
        state.set_field(RetrievalSetup, "label", "")
        state.set_field(RetrievalSetup, "filters", "")
    state.session_set("dataset asked", name)
