"""Why a result matches a query: where in both images each backbone of a system sees what makes the score."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from core import backbones, data, explain
from core.backbones.preprocessing import Box, seen_box
from core.data import images
from core.errors import BadInput, CoreError
from core.explain import Explained, Explainer, Heat, ImageExplainer
from core.studies.retrieval.result import QueryResult
from core.types import Dataset

GRID = 56
"""Rows and columns of the grid on which the maps of several backbones add up."""
MOST_CELLS = 64
"""Finer maps, such as those of pixels, are summed up to this many rows and columns to be shown."""
ROUNDING = 1e-5
"""How far the parts may lie from the score and still be said to add up to it."""
TINY = 1e-3
"""A cosine below this is nothing that a part could be shared out by."""
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
_LOADED, _IMAGES = 6, 16


@dataclass(frozen=True)
class HeatPair:
    """The heat of one image towards the other, plainly and above what any two images of the gallery share.

    Attributes:
        plain: adds up to the score; above: adds up to the score less that of the gallery's mean image.
        box: where in the image its cells lie.
    """

    plain: Heat
    above: Heat
    box: Box

    def coarse(self) -> HeatPair:
        """At most MOST_CELLS rows and columns."""
        if self.plain.cells.shape[0] <= MOST_CELLS:
            return self
        plain, above = (
            Heat(explain.on_image(heat.cells, WHOLE, MOST_CELLS)[0], heat.rest, heat.named)
            for heat in (self.plain, self.above)
        )
        return HeatPair(plain, above, self.box)


@dataclass(frozen=True)
class BackboneMatch:
    """What one backbone says about a match.

    Attributes:
        backbone: its name; way: how it is explained, None where it cannot be, and then `obstacle` says why.
        score: its cosine; part: what it adds to the score of the system, NaN where that cannot be taken apart.
        mean_query, mean_result: cosines of both images with the gallery's mean vector.
        query, result: heat of both images; None where the query is no single image, or nothing is explained.
    """

    backbone: str
    score: float
    part: float
    mean_query: float
    mean_result: float
    way: Explainer | None = None
    query: HeatPair | None = None
    result: HeatPair | None = None
    obstacle: str = ""

    @property
    def exact(self) -> bool:
        """Whether the parts are the score, by how the vector is made."""
        return self.way is not None and self.way.exact

    @property
    def missing(self) -> float:
        """By how much the parts of the result miss the score: rounding, or another engine's arithmetic."""
        return float("nan") if self.result is None else self.score - self.result.plain.total


@dataclass(frozen=True)
class MatchExplanation:
    """Why one result matches one query.

    Attributes:
        item: gallery position of the result; rank: its rank, 0 is "not listed".
        score: what the parts of the backbones add up to: the system's score, before it is ranked again.
        parts: one per backbone of the system.
        query, result: heat of all backbones together; None with one backbone, or where parts are not known.
        prepared, reranked: the system prepares its vectors, ranks its list again: the maps are of what was before.
    """

    item: int
    rank: int
    score: float
    parts: tuple[BackboneMatch, ...]
    query: HeatPair | None = None
    result: HeatPair | None = None
    prepared: bool = False
    reranked: bool = False
    unexplained: tuple[str, ...] = field(default=())


class ExplainerPool:
    """Explainers of backbones and the last images they took apart, kept for all who ask; nothing goes to the disk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._explainers: OrderedDict[str, ImageExplainer] = OrderedDict()
        self._images: OrderedDict[tuple[str, str], Explained] = OrderedDict()

    def explainer(self, name: str) -> ImageExplainer:
        """The explainer of a backbone.

        Raises:
            BadInput, WeightsMissing: it cannot be explained here.
        """
        which = _which(name)
        with self._lock:
            if which not in self._explainers:
                if name not in backbones.names():
                    raise BadInput(
                        f"The vectors of {name!r} were made elsewhere; nobody can say which places they see."
                    )
                self._explainers[which] = ImageExplainer(backbones.get(name))
            self._explainers.move_to_end(which)
            while len(self._explainers) > _LOADED:
                self._explainers.popitem(last=False)
            return self._explainers[which]

    def explained(self, name: str, key: str, image: Image.Image) -> Explained:
        """An image taken apart by a backbone; `key` tells its content from any other, "" keeps nothing."""
        explainer, which = self.explainer(name), _which(name)
        with self._lock:
            if key and (which, key) in self._images:
                self._images.move_to_end((which, key))
                return self._images[which, key]
            made = explainer.explain(image)
            if key:
                self._images[which, key] = made
            while len(self._images) > _IMAGES:
                self._images.popitem(last=False)
            return made


def _which(name: str) -> str:
    """A backbone and its weights: one that is tuned anew under its name is another one."""
    card = backbones.tuned.card(name)
    return f"{name} {card['sha256']}" if card else name


@dataclass(frozen=True)
class ShownImage:
    """An image and what tells its content from any other ("" where nothing does)."""

    image: Image.Image
    key: str = ""


def image_of(dataset: Dataset, position: int) -> ShownImage:
    """An image of a dataset, decoded in full.

    Raises:
        BadInput: it cannot be read any more.
    """
    key = dataset.keys[position]
    return ShownImage(
        images.open_rgb(data.read_checked(dataset, position)), key.decode() if isinstance(key, bytes) else str(key)
    )


def explain_match(
    dataset: Dataset, result: QueryResult, item: int, query: ShownImage | None, pool: ExplainerPool
) -> MatchExplanation:
    """Why a gallery image is where it is in the list of a query.

    Args:
        item: gallery position of the result.
        query: the query image; None for a text, or several images that ask together: then only the result is shown.
    Raises:
        BadInput: the result cannot be read any more.
    """
    system, space = result.system.before, result.query.space
    contributions = result.parts(np.array([item]))
    shown = image_of(dataset, int(space.split.gallery[item]))
    matches = []
    for column, name in enumerate(contributions.backbones):
        query_vector = np.asarray(space.get(name)[space.split.queries[:1]][0], np.float64)
        rows = space.gallery(name)
        vectors = (query_vector, np.asarray(rows[item], np.float64), rows.mean(axis=0, dtype=np.float64))
        part = float(contributions.parts[0, column])
        matches.append(_match(pool, name, vectors, part, query, shown))
    score = float(np.nansum(contributions.parts[0])) if np.isfinite(contributions.parts).any() else float("nan")
    together = _together(matches) if len(matches) > 1 else (None, None)
    return MatchExplanation(
        item,
        int(result.ranks[item]),
        score,
        tuple(matches),
        *together,
        prepared=system.spec is not None and system.spec.prepare is not None,
        reranked=result.system.rerank is not None,
        unexplained=tuple(match.backbone for match in matches if match.way is None),
    )


def _match(
    pool: ExplainerPool,
    name: str,
    vectors: tuple[np.ndarray, np.ndarray, np.ndarray],
    part: float,
    query: ShownImage | None,
    result: ShownImage,
) -> BackboneMatch:
    """One backbone; vectors: of the query, of the result, the mean of the gallery."""
    query_vector, result_vector, mean = vectors
    known = (name, float(query_vector @ result_vector), part, float(query_vector @ mean), float(result_vector @ mean))
    try:
        way = pool.explainer(name).way
        seen = None if query is None else _heat_pair(pool, name, query, result_vector, mean)
        return BackboneMatch(*known, way, seen, _heat_pair(pool, name, result, query_vector, mean))
    except CoreError as error:
        return BackboneMatch(*known, obstacle=str(error))


def _heat_pair(pool: ExplainerPool, name: str, shown: ShownImage, target: np.ndarray, mean: np.ndarray) -> HeatPair:
    explained = pool.explained(name, shown.key, shown.image)
    plain = explained.heat(target)
    geometry = pool.explainer(name).loaded.preprocessing.geometry
    return HeatPair(plain, plain.less(explained.heat(mean)), seen_box(shown.image.size, geometry))


def _together(matches: list[BackboneMatch]) -> tuple[HeatPair | None, HeatPair | None]:
    """The maps of all backbones, each with what it adds to the score of the system; what has no map joins the rest."""
    if not all(np.isfinite(match.part) for match in matches):
        return None, None
    return _side_together(matches, "query"), _side_together(matches, "result")


def _side_together(matches: list[BackboneMatch], side: str) -> HeatPair | None:
    if all(getattr(match, side) is None for match in matches):
        return None
    plain, above = np.zeros((GRID, GRID)), np.zeros((GRID, GRID))
    rests = [0.0, 0.0]
    for match in matches:
        # a score of nothing can be no measure of a part
        factor = match.part / match.score if abs(match.score) > TINY else 0.0
        pair: HeatPair | None = getattr(match, side)
        if pair is None or not factor:
            mean = match.mean_query if side == "query" else match.mean_result
            rests[0] += match.part
            rests[1] += match.part - factor * mean
            continue
        for at, (whole, heat) in enumerate(((plain, pair.plain), (above, pair.above))):
            cells, outside = explain.on_image(heat.cells, pair.box, GRID)
            whole += factor * cells
            rests[at] += factor * (heat.rest + outside + sum(part for _, part in heat.named))
    return HeatPair(Heat(plain, rests[0]), Heat(above, rests[1]), WHOLE)


def faithfulness(match: BackboneMatch, pool: ExplainerPool, dataset: Dataset, result: QueryResult, item: int) -> float:
    """How far the result's map of an approximate match is what its network does, −1 to 1.

    `core.explain.faithfulness` says what is measured; it costs a forward pass for each of 16 tiles.

    Args:
        result, item: as `explain_match` got them.
    """
    explainer, space = pool.explainer(match.backbone), result.query.space
    assert match.result is not None, "what is not explained is not measured"
    square = explainer.square(image_of(dataset, int(space.split.gallery[item])).image)
    target = np.asarray(space.get(match.backbone)[space.split.queries[:1]][0], np.float64)
    return explain.faithfulness(explainer, square, match.result.plain, target)


def share_outside_centre(heat: Heat, width: float = 0.7) -> float:
    """Which part of the positive heat lies outside the middle of what a backbone sees; NaN where there is none.

    Args:
        width: of the middle, in parts of the square's side: 0.7 is about half of the area.
    """
    above = np.maximum(heat.cells, 0.0)
    if not above.sum() > 0:
        return float("nan")
    fine = explain.on_image(above, WHOLE, GRID)[0]
    edge = round(GRID * (1 - width) / 2)
    return float(1 - fine[edge : GRID - edge, edge : GRID - edge].sum() / fine.sum())
