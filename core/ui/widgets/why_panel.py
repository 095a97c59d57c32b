"""Why a result matched: two heat maps with their sentences, opened from a card on Retrieval and in the Fusion lab."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from core.types import Dataset
from core.ui.app import state, theme, thumbnail_route
from core.ui.app.cached import cached
from core.ui.components import heat_maps
from core.ui.components.heat_maps import HeatLayer, HeatSide, SideImage
from core.ui.widgets import image_cards

text = wording.page("why")
_WHICH = "why it matched: image"


@cached("resource", max_entries=1)
def pool() -> ExplainerPool:
    """The explainers of this process, shared by all sessions."""
    return ExplainerPool()


@dataclass(frozen=True)
class QueryImage:
    """One of the images that a query is made of.

    Attributes:
        title: for people.
        opened: its pixels, when they are needed.
        position: in the dataset, where it is a whole image of it.
    """

    title: str
    opened: Callable[[], ShownImage]
    position: int | None = None


def of_dataset(loaded: Dataset, position: int, title: str = "") -> QueryImage:
    """An image of the dataset as the query."""
    named = title or " · ".join(filter(None, [loaded.label_of(position), str(loaded.ids[position])]))
    return QueryImage(named, lambda: match_explanation.image_of(loaded, position), position)


@dataclass(frozen=True)
class Match:
    """What the panel is about.

    Attributes:
        item: gallery position of the result.
        query_images: those that the query is made of, in the order of `Query.weights`; none for a text.
        colours: of the backbones.
        pair: tells this match from any other.
    """

    loaded: Dataset
    answer: retrieval.QueryResult
    item: int
    query_images: Sequence[QueryImage]
    colours: dict[str, str]
    pair: str


def item_of(loaded: Dataset, answer: retrieval.QueryResult, position: int | None) -> int | None:
    """The gallery position of an image that may be a result; None for any other."""
    gallery = answer.system.space.split.gallery
    items = np.flatnonzero(gallery == position) if position is not None else np.arange(0)
    return int(items[0]) if len(items) and position != answer.query.position else None


def draw(match: Match, on_close: Callable[[], None]) -> None:
    """The maps with all that has to be said about them."""
    loaded, answer = match.loaded, match.answer
    number = _which_image(match)
    shown = match.query_images[number] if match.query_images else None
    try:
        with st.spinner(theme.plain(text("heading.why")) + " …"):
            opened = None if shown is None else shown.opened()
            explanation = match_explanation.explain_match(loaded, answer, match.item, opened, pool(), number)
    except CoreError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        return
    layers = match_sentences.layers(explanation)
    if layers:
        heat_maps.show(
            (_side(loaded, shown, opened), _result_side(loaded, answer, explanation)),
            [_heat_layer(layer, match.colours) for layer in layers],
            pair=f"{match.pair} {number}",
            key="why it matched",
            on_close=on_close,
        )
    else:
        st.button(text("label.close"), icon=":material/close:", key="why it matched: close", on_click=on_close)
    for note in match_sentences.notes(explanation):
        st.caption(theme.plain(note))
    _faithfulness(loaded, answer, explanation)


def _which_image(match: Match) -> int:
    """Which of the query's images is shown: of several a person chooses."""
    if len(match.query_images) < 2:
        return 0
    if state.widget(_WHICH) not in range(len(match.query_images)):
        state.set_widget(_WHICH, 0)
    return st.selectbox(
        text("label.which_image"),
        range(len(match.query_images)),
        format_func=lambda number: f"{number + 1} · {match.query_images[number].title}",
        key=_WHICH,
        help=text("help.which_image"),
        width=360,
    )


def _side(loaded: Dataset, shown: QueryImage | None, opened: ShownImage | None) -> SideImage | None:
    if shown is None or opened is None:
        return None
    title = " · ".join(filter(None, [text("option.query"), shown.title]))
    if shown.position is not None:
        image_cards.ensure_thumbnails(loaded, [shown.position])
        source = thumbnail_route.url(image_cards.key_of(loaded, shown.position), "large")
    else:
        source = _as_url(opened.image)
    return SideImage(source, title, *opened.image.size)


def _result_side(loaded: Dataset, answer: retrieval.QueryResult, explanation: MatchExplanation) -> SideImage:
    position = int(answer.system.space.split.gallery[explanation.item])
    rank = text("option.result", rank=explanation.rank) if explanation.rank else text("option.unlisted")
    image_cards.ensure_thumbnails(loaded, [position])
    title = " · ".join(filter(None, [rank, loaded.label_of(position), str(loaded.ids[position])]))
    source = thumbnail_route.url(image_cards.key_of(loaded, position), "large")
    return SideImage(source, title, *match_explanation.image_of(loaded, position).image.size)


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


def _faithfulness(loaded: Dataset, answer: retrieval.QueryResult, explanation: MatchExplanation) -> None:
    """Of each approximate map how far it is what the network does; measured after the maps are drawn."""
    near = [match for match in explanation.parts if match.way is not None and not match.exact]
    if not near:
        return
    with st.spinner(text("phrase.approximate") + " …"):
        figures = [match_explanation.faithfulness(match, pool(), loaded, answer, explanation.item) for match in near]
    for match, figure in zip(near, figures):
        title = match_sentences.title_of(match.backbone)
        st.caption(theme.plain(text("phrase.faithful", title=title, figure=wording.signed(figure, 2))))
