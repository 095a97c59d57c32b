"""From the square that a backbone sees to the whole image, nothing lost: sums stay what they are."""

from __future__ import annotations

import numpy as np

from core.backbones.preprocessing import Box


def on_image(cells: np.ndarray, box: Box, side: int) -> tuple[np.ndarray, float]:
    """The heat of a seen square, spread over a grid of the whole image.

    Each cell is shared out among the grid's cells by the area that they have in common.

    Args:
        cells: (rows, columns) of the square.
        box: left, top, right, bottom of the square in parts of the image; beyond 0 and 1 lies a border.
        side: rows and columns of the grid.
    Returns:
        (side, side) float64, and what lies on the border, outside of the image.
    """
    if not cells.size:
        return np.zeros((side, side)), 0.0
    down = _overlap(cells.shape[0], box[1], box[3], side)
    across = _overlap(cells.shape[1], box[0], box[2], side)
    grid = down.T @ cells @ across
    return grid, float(cells.sum() - grid.sum())


def _overlap(count: int, low: float, high: float, side: int) -> np.ndarray:
    """(count, side): which part of each of `count` equal pieces of low…high lies in each of `side` pieces of 0…1."""
    pieces, grid = np.linspace(low, high, count + 1), np.linspace(0, 1, side + 1)
    shared = np.minimum(pieces[1:, None], grid[None, 1:]) - np.maximum(pieces[:-1, None], grid[None, :-1])
    return np.maximum(shared, 0.0) / ((high - low) / count)
