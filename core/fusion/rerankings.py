"""Ranking once more with what the gallery knows about itself; the table is RERANKINGS.

Everything here sees the gallery alone. A query that is an image of the gallery is taken out of it first: no list, mean
or graph that its figures rest on has seen it (DEFINITIONS.md, section 14).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from core import arrays
from core.errors import BadInput
from core.fusion.gallery_graph import GalleryGraph
from core.fusion.method import Method
from core.fusion.preparations import call
from core.fusion.strategy import Parameter
from core.registry import Registry
from core.setups import Bounds

RERANKINGS: Registry[Method] = Registry("re-ranking", Method)
"""An entry's function: (graph, queries, scores, own, ...) → (n_queries, n_gallery) float64 new scores, higher is closer.

`graph` is the `GalleryGraph`; `queries` (n_queries, dim) float32 unit vectors; `scores` (n_queries, n_gallery) the
cosines, −inf for what is not in the list, the query itself among it; `own` (n_queries,) int64 the query's own position
in the gallery, −1 if none. Parameters come by keyword."""

KEEP = Parameter(
    "keep",
    1,
    Bounds(
        "whole",
        low=0,
        high=1000,
        label="Keep the first",
        help="So many of the first results stay as they were; re-ranking wins below them and often loses the first.",
    ),
)
"""What every re-ranking has beside its own parameters."""
STEP = 1e-6
"""How far a kept result stands above the next one, in parts of the highest score."""


def parameters_of(method: Method) -> tuple[Parameter, ...]:
    """A re-ranking's own parameters and how many of the first results are kept."""
    return (*method.parameters, KEEP)


def rerank(
    method: Method,
    settings: dict[str, Any],
    graph: GalleryGraph,
    queries: np.ndarray,
    scores: np.ndarray,
    own: np.ndarray,
) -> np.ndarray:
    """New scores of every gallery image: (n_queries, n_gallery) float64, −inf where there was −inf.

    Equal gallery rows get equal scores (those of the first of them that is not the query itself), and the first
    `keep` results stand first in their old order.

    Raises:
        BadInput: a user's own re-ranking gave something else than scores.
    """
    own_settings = {name: value for name, value in settings.items() if name != KEEP.name}
    made = call(method, graph, queries, scores, own, **method.keywords(**own_settings))
    made = np.array(made, np.float64)
    if made.shape != scores.shape:
        raise BadInput(
            f"The re-ranking {method.name!r} gave scores of shape {made.shape} for {scores.shape}; it must return one "
            "score per query and gallery image. Mend it, or choose another."
        )
    listed = scores > -np.inf
    for row, position in enumerate(own):
        copies, first = graph.reference_rows(int(position))
        if len(copies):
            made[row, copies] = made[row, first]
    made[~listed] = -np.inf
    keep = min(int(settings.get(KEEP.name, KEEP.default)), scores.shape[1])
    if keep:
        _lift(made, scores, keep)
    return made


def _lift(made: np.ndarray, scores: np.ndarray, keep: int) -> None:
    """The first `keep` of the old order stand above everything, in that order."""
    for row, old in zip(made, scores):
        if keep == 1:
            items = np.array([int(np.argmax(old))])  # the first of equal ones, as the order of a list has it
        else:
            near = np.argpartition(-old, keep - 1)[:keep] if keep < len(old) else np.arange(len(old))
            candidates = np.flatnonzero(old >= old[near].min())
            items = candidates[np.argsort(-old[candidates], kind="stable")][:keep]
        items = items[old[items] > -np.inf]
        finite = row[np.isfinite(row)]
        top = float(finite.max()) if len(finite) else 0.0
        step = STEP * max(1.0, abs(top))
        row[items] = top + step * np.arange(len(items), 0, -1)


def best_of(scores: np.ndarray, k: int) -> np.ndarray:
    """(n_queries, ≤ k) int64: the best of each row, equal scores by position; −1 where a list is shorter."""
    order = arrays.first_best(scores, k)
    return np.where(np.take_along_axis(scores, order, axis=1) > -np.inf, order, -1)
