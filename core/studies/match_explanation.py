"""Why a result matches a query: where in both images each backbone of a system sees what makes the score."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from PIL import Image

from core import backbones, data, explain
from core.backbones.preprocessing import Box, seen_box
from core.data import images
from core.errors import BadInput, CoreError
from core.explain import Explained, Explainer, Heat, ImageExplainer, PreparedParts
from core.fusion import Step
from core.studies.retrieval.query import Query
from core.studies.retrieval.result import QueryResult
from core.studies.vector_set import VectorSet
from core.types import Affine, Dataset

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
        plain: adds up to the score; above: to the score after the gallery's mean is taken off both images. The maps of
            one of several query images add up to what it adds.
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
        above: the score after the gallery's mean vector is taken off both images.
        affine: how the vector of the result was prepared, None where it was not, or nobody can say.
        query, result: heat of both images; None where the query is no single image, or nothing is explained.
    """

    backbone: str
    score: float
    part: float
    above: float
    way: Explainer | None = None
    query: HeatPair | None = None
    result: HeatPair | None = None
    obstacle: str = ""
    affine: Affine | None = None

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
        number, of: which of the query's images is shown, from 0, and how many there are.
        unprepared: the preparation that the maps leave out, since it is not affine; "" for none.
        reranked: the system ranks its list again: the maps are of what was before.
    """

    item: int
    rank: int
    score: float
    parts: tuple[BackboneMatch, ...]
    query: HeatPair | None = None
    result: HeatPair | None = None
    number: int = 0
    of: int = 1
    unprepared: str = ""
    reranked: bool = False


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
    dataset: Dataset, result: QueryResult, item: int, query: ShownImage | None, pool: ExplainerPool, number: int = 0
) -> MatchExplanation:
    """Why a gallery image is where it is in the list of a query.

    Args:
        item: gallery position of the result.
        query: the query image, or one of several that ask together; None for a text: then only the result is shown.
        number: which of the query's images it is, in the order of `Query.weights`.
    Raises:
        BadInput: the result cannot be read any more.
    """
    system, space = result.system.before, result.query.space
    contributions = result.parts(np.array([item]))
    shown = image_of(dataset, int(space.split.gallery[item]))
    step = None if system.spec is None else system.spec.prepare
    matches, left_out = [], ""
    for column, name in enumerate(contributions.backbones):
        vectors = _vectors(result.query, step, name, item)
        if step is not None and vectors.result_affine is None:
            left_out = step.method.label
        part = float(contributions.parts[0, column])
        matches.append(_match(pool, name, vectors, part, (query, number, result.query), shown))
    score = float(np.nansum(contributions.parts[0])) if np.isfinite(contributions.parts).any() else float("nan")
    n_images = result.query.n_images
    together = _together(matches, n_images) if len(matches) > 1 else (None, None)
    return MatchExplanation(
        item,
        int(result.ranks[item]),
        score,
        tuple(matches),
        *together,
        number=number,
        of=n_images,
        unprepared=left_out,
        reranked=result.system.rerank is not None,
    )


@dataclass(frozen=True)
class _Vectors:
    """The unit vectors that a score is of, (dim,) float64, and what was done to those of the backbone to make them.

    Attributes:
        query_affine, result_affine: None where nothing was prepared.
        query_length: of what was made unit on the side of the query.
    """

    query: np.ndarray
    result: np.ndarray
    mean: np.ndarray
    query_affine: Affine | None = None
    result_affine: Affine | None = None
    query_length: float = 1.0
    result_length: float = 1.0


def _vectors(query: Query, step: Step | None, name: str, item: int) -> _Vectors:
    """Those of the system's prepared vectors where the preparation is affine, else those of the backbone."""
    space = query.space
    positions = int(space.split.queries[0]), int(space.split.gallery[item])

    def of(space: VectorSet) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the query, of the result, the mean of the gallery."""
        rows = space.gallery(name)
        query_row = np.asarray(space.get(name)[np.array(positions[:1])][0], np.float64)
        return query_row, np.asarray(rows[item], np.float64), rows.mean(axis=0, dtype=np.float64)

    plain = of(space)
    if step is None:
        return _Vectors(*plain)
    preparation = query.preparation(step)
    query_affine, result_affine = (preparation.affine(name, position) for position in positions)
    if query_affine is None or result_affine is None:
        return _Vectors(*plain)
    lengths = [
        float(np.linalg.norm(affine.apply(row[None])[0])) for affine, row in zip((query_affine, result_affine), plain)
    ]
    return _Vectors(*of(space.prepared(step)), query_affine, result_affine, *lengths)


def _match(
    pool: ExplainerPool,
    name: str,
    vectors: _Vectors,
    part: float,
    query_side: tuple[ShownImage | None, int, Query],
    result: ShownImage,
) -> BackboneMatch:
    """One backbone; query_side: the query's image that is shown, which one it is, and the whole query."""
    shown, number, query = query_side
    score = float(vectors.query @ vectors.result)
    above = float((vectors.query - vectors.mean) @ (vectors.result - vectors.mean))
    try:
        way = pool.explainer(name).way
        seen = None
        if shown is not None:
            explained: Explained = pool.explained(name, shown.key, shown.image)
            weights, n = query.weights, query.n_images
            if weights is not None or vectors.query_affine is not None:
                affine = vectors.query_affine or Affine(None, np.zeros(len(vectors.mean)))
                weight = 1.0 if weights is None else float(weights[name][number])
                explained = PreparedParts(explained, affine, vectors.query_length, weight, n)
            seen = _heat_pair(pool, name, shown, explained, (vectors.result, vectors.mean), n)
        explained = pool.explained(name, result.key, result.image)
        if vectors.result_affine is not None:
            explained = PreparedParts(explained, vectors.result_affine, vectors.result_length)
        there = _heat_pair(pool, name, result, explained, (vectors.query, vectors.mean), 1)
        return BackboneMatch(name, score, part, above, way, seen, there, affine=vectors.result_affine)
    except CoreError as error:
        return BackboneMatch(name, score, part, above, obstacle=str(error))


def _heat_pair(
    pool: ExplainerPool,
    name: str,
    shown: ShownImage,
    explained: Explained,
    towards: tuple[np.ndarray, np.ndarray],
    of: int,
) -> HeatPair:
    """Towards the other image's vector, plainly and less the gallery's mean; one of so many images of its side."""
    geometry = pool.explainer(name).loaded.preprocessing.geometry
    above = explain.heat_above(explained, *towards, of=of)
    return HeatPair(explained.heat(towards[0]), above, seen_box(shown.image.size, geometry))


def _together(matches: list[BackboneMatch], n_images: int) -> tuple[HeatPair | None, HeatPair | None]:
    """The maps of all backbones, each with what it adds to the score of the system; what has no map joins the rest.

    Args:
        n_images: of the query; of one of several nobody knows what it adds where there is no map.
    """
    if not all(np.isfinite(match.part) for match in matches):
        return None, None
    return _side_together(matches, "query", n_images == 1), _side_together(matches, "result", True)


def _side_together(matches: list[BackboneMatch], side: str, is_whole: bool) -> HeatPair | None:
    if all(getattr(match, side) is None for match in matches):
        return None
    plain, above = np.zeros((GRID, GRID)), np.zeros((GRID, GRID))
    rests = [0.0, 0.0]
    for match in matches:
        # a score of nothing can be no measure of a part
        factor = match.part / match.score if abs(match.score) > TINY else 0.0
        pair: HeatPair | None = getattr(match, side)
        if pair is None or not factor:
            if is_whole:
                rests[0] += match.part
                rests[1] += factor * match.above if factor else match.part
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
    step = None if match.affine is None or result.system.spec is None else result.system.spec.prepare
    target = np.asarray(space.prepared(step).get(match.backbone)[space.split.queries[:1]][0], np.float64)
    return explain.faithfulness(explainer, square, match.result.plain, target, match.affine)


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
