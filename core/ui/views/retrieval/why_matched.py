"""Why a result matched: two heat maps above the results, opened from a card."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from core import wording
from core.data import images
from core.errors import CoreError
from core.studies import match_explanation, match_sentences, retrieval
from core.studies.match_explanation import ExplainerPool, MatchExplanation, ShownImage
from core.studies.match_sentences import Layer
from core.ui.app import state, theme, thumbnail_route
from core.ui.app.cached import cached
from core.ui.components import cropper, heat_maps
from core.ui.components.heat_maps import HeatLayer, HeatSide, SideImage
from core.ui.views.retrieval import query_inputs, uploads
from core.ui.views.retrieval.query_inputs import QueryInput
from core.ui.views.retrieval.retrieval_view import RetrievalView
from core.ui.widgets import image_cards

text = wording.page("why")
_OPEN = "why it matched"


@cached("resource", max_entries=1)
def pool() -> ExplainerPool:
    """The explainers of this process, shared by all sessions."""
    return ExplainerPool()


def clicked(number: int, id_: str) -> None:
    """Somebody asks why a result of the first or the second system matched."""
    state.session_set(_OPEN, (number, id_))


def close() -> None:
    """The maps go away."""
    state.session_set(_OPEN, None)


def draw(view: RetrievalView, query: QueryInput, answers: list[retrieval.QueryResult]) -> None:
    """The maps of the result that was asked about, while it is in the list of this query."""
    open_pair = state.session_get(_OPEN, None)
    if open_pair is None:
        return
    number, id_ = open_pair
    item = _item(view, answers[number], id_) if number < len(answers) else None
    if item is None:
        close()
        return
    try:
        with st.spinner(theme.plain(text("heading.why")) + " …"):
            query_image = _query_image(view, query)
            explanation = match_explanation.explain_match(view.loaded, answers[number], item, query_image, pool())
    except CoreError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        return
    layers = match_sentences.layers(explanation)
    if layers:
        shown = (_side(view, query, query_image), _result_side(view, answers[number], explanation))
        heat_maps.show(
            shown,
            [_heat_layer(layer, view.colours) for layer in layers],
            pair=f"{query.text} {cropper.as_text(query.box)} {number} {id_}",
            key="why it matched",
            on_close=close,
        )
    for note in match_sentences.notes(explanation):
        st.caption(theme.plain(note))
    _faithfulness(view, answers[number], explanation)


def _item(view: RetrievalView, answer: retrieval.QueryResult, id_: str) -> int | None:
    """The gallery position of an image that may be a result; None for any other."""
    position = query_inputs.position_of(view.loaded, id_)
    items = np.flatnonzero(answer.system.space.split.gallery == position) if position is not None else np.arange(0)
    return int(items[0]) if len(items) else None


def _query_image(view: RetrievalView, query: QueryInput) -> ShownImage | None:
    """The one image that the query is; None for words, for several images, and for a query that was moved."""
    if query.words or query.feedback:
        return None
    box = cropper.as_text(query.box)
    if query.uploaded is not None:
        if len(query.uploaded.contents) > 1:
            return None
        return ShownImage(query.uploaded.decoded(query.box)[0], f"{query.uploaded.token} {box}")
    whole = match_explanation.image_of(view.loaded, query.of_dataset)
    return whole if query.box is None else ShownImage(uploads.cropped(whole.image, query.box), f"{whole.key} {box}")


def _side(view: RetrievalView, query: QueryInput, shown: ShownImage | None) -> SideImage | None:
    if shown is None:
        return None
    title = " · ".join(filter(None, [text("option.query"), query.title]))
    if query.uploaded is None and query.box is None:
        image_cards.ensure_thumbnails(view.loaded, [query.of_dataset])
        source = thumbnail_route.url(image_cards.key_of(view.loaded, query.of_dataset), "large")
    else:
        source = _as_url(shown.image)
    return SideImage(source, title, *shown.image.size)


def _result_side(view: RetrievalView, answer: retrieval.QueryResult, explanation: MatchExplanation) -> SideImage:
    position = int(answer.system.space.split.gallery[explanation.item])
    rank = text("option.result", rank=explanation.rank) if explanation.rank else text("option.unlisted")
    image_cards.ensure_thumbnails(view.loaded, [position])
    title = " · ".join(filter(None, [rank, view.loaded.label_of(position), str(view.loaded.ids[position])]))
    source = thumbnail_route.url(image_cards.key_of(view.loaded, position), "large")
    return SideImage(source, title, *match_explanation.image_of(view.loaded, position).image.size)


def _as_url(image: Image.Image) -> str:
    return "data:image/webp;base64," + base64.b64encode(images.thumbnails(image)["large"]).decode()


def _heat_layer(layer: Layer, colours: dict[str, str]) -> HeatLayer:
    def sides(above: bool) -> tuple[HeatSide | None, HeatSide | None]:
        """The query's and the result's."""
        made: list[Any] = []
        for pair in (layer.query, layer.result):
            if pair is None:
                made.append(None)
                continue
            heat = pair.above if above else pair.plain
            made.append(HeatSide(heat, pair.box, match_sentences.side_sentence(heat, above)))
        return made[0], made[1]

    return HeatLayer(
        layer.title,
        colours.get(layer.backbone, ""),
        layer.badge,
        layer.exact,
        layer.sentence,
        plain=sides(False),
        above=sides(True),
    )


def _faithfulness(view: RetrievalView, answer: retrieval.QueryResult, explanation: MatchExplanation) -> None:
    """Of each approximate map how far it is what the network does; measured after the maps are drawn."""
    near = [match for match in explanation.parts if match.way is not None and not match.exact]
    if not near:
        return
    with st.spinner(text("phrase.approximate") + " …"):
        figures = [
            match_explanation.faithfulness(match, pool(), view.loaded, answer, explanation.item) for match in near
        ]
    for match, figure in zip(near, figures):
        title = match_sentences.title_of(match.backbone)
        st.caption(theme.plain(text("phrase.faithful", title=title, figure=wording.signed(figure, 2))))
