"""How far a map is what the network does: what happens to the score when parts of the image are covered."""

from __future__ import annotations

import numpy as np

from core.explain.canvas import on_image
from core.explain.explainers import ImageExplainer
from core.explain.parts import Heat
from core.types import Affine, unit_wide

TILES = 4
"""Rows and columns of the tiles that are covered, one at a time."""


def faithfulness(
    explainer: ImageExplainer, square: np.ndarray, heat: Heat, target: np.ndarray, affine: Affine | None = None
) -> float:
    """Rank correlation over tiles of what the map says a tile adds with what the score loses when it is covered.

    Args:
        square: (side, side, 3) uint8, what the backbone sees of the image; a tile is covered with the image's mean colour.
        heat: its map towards the target; target: (dim,), of prepared vectors where `affine` says how they are prepared.
    Returns:
        Spearman's correlation, −1 to 1; NaN where all tiles are alike.
    Reference:
        Occlusion: Zeiler and Fergus 2014, arXiv:1311.2901.
    """
    edges = np.linspace(0, len(square), TILES + 1).round().astype(int)
    covered = np.repeat(square[None], TILES * TILES, axis=0)
    colour = square.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    for tile in range(TILES * TILES):
        row, column = divmod(tile, TILES)
        covered[tile, edges[row] : edges[row + 1], edges[column] : edges[column + 1]] = colour
    rows = explainer.loaded.vectors(np.concatenate([square[None], covered]))
    scores = (rows if affine is None else unit_wide(affine.apply(rows))) @ target
    loses = scores[0] - scores[1:]
    says = on_image(heat.cells, (0.0, 0.0, 1.0, 1.0), TILES)[0].ravel()
    return _rank_correlation(says, loses)


def _rank_correlation(left: np.ndarray, right: np.ndarray) -> float:
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return float("nan")
    left_order, right_order = (np.argsort(np.argsort(values, kind="stable"), kind="stable") for values in (left, right))
    return float(np.corrcoef(left_order, right_order)[0, 1])
