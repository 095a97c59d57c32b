"""How far a map can be trusted: trustworthiness and neighbour preservation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core import arrays
from core.errors import ShapeMismatch
from core.projection.space import JointSpace
from core.task import NO_TASK, Task
from core.wording import plural


@dataclass(frozen=True)
class Quality:
    """How far a map can be trusted.

    Attributes:
        trustworthiness: in [0, 1]; 1 when no point has a stranger among its k nearest on the map.
        preservation: share of the k nearest in the original space that are also among the k nearest on the map.
        k: neighbours looked at.
        n_measured, n_images: points measured, of how many.
    """

    trustworthiness: float
    preservation: float
    k: int
    n_measured: int
    n_images: int

    def sentence(self) -> str:
        """One line for people."""
        if not np.isfinite(self.trustworthiness):
            return "Too few points to measure how far this map can be trusted."
        of = "" if self.n_measured == self.n_images else f" (measured on {plural(self.n_measured, 'point')})"
        return (
            f"Trustworthiness {self.trustworthiness:.3f}; {self.preservation:.0%} of each point's {self.k} nearest "
            f"neighbours are also its nearest on the map{of}."
        )


def measure_quality(
    space: JointSpace, xy: np.ndarray, k: int = 10, *, seed: int = 0, sample: int = 0, task: Task = NO_TASK
) -> Quality:
    """Trustworthiness and neighbour preservation of a map against the original space (cosine).

    Exact up to 3,000 points; above that the mean over 1,000 of them drawn by chance (500 above 20,000), each measured
    against all others, which decides the third digit. Ties in the original space count in the point's favour.
    NaN where n is below 3k/2.

    Args:
        space: the original space; xy: (n, dims) its map; k: neighbours looked at.
        sample: points measured; 0 as said above.
    Raises:
        Cancelled: the task was cancelled meanwhile.
    Reference:
        Venna and Kaski 2001, doi:10.1007/3-540-44668-0_68.
    """
    n = len(space)
    if len(xy) != n:
        raise ShapeMismatch(f"The map has {len(xy)} points, the space {n} images.")
    if 2 * n - 3 * k - 1 <= 0 or k >= n:
        return Quality(float("nan"), float("nan"), k, 0, n)
    chosen = arrays.sample(n, sample or (3_000 if n <= 3_000 else 1_000 if n <= 20_000 else 500), seed)
    flat = np.ascontiguousarray(xy, np.float32)
    penalty = n_preserved = 0.0
    for rows in arrays.chunks(len(chosen), 8_000_000 // n):
        part = chosen[rows]
        task.check()
        part_penalty, part_preserved = _compare(space.cosines(part), flat, part, k)
        penalty += part_penalty
        n_preserved += part_preserved
    count = len(chosen)
    trust = 1.0 - 2.0 / (count * k * (2 * n - 3 * k - 1)) * penalty
    return Quality(float(trust), float(n_preserved / (count * k)), k, count, n)


def _compare(scores: np.ndarray, flat: np.ndarray, part: np.ndarray, k: int) -> tuple[float, float]:
    """Sum of the rank penalties, and of the preserved neighbours, of some points; `scores` (n_part, n) is overwritten."""
    lines = np.arange(len(part))
    scores[lines, part] = -np.inf
    distances = np.zeros(scores.shape, np.float32)
    for axis in range(flat.shape[1]):
        distances += (flat[part, axis, None] - flat[None, :, axis]) ** 2
    distances[lines, part] = np.inf
    on_map = np.argpartition(distances, k, axis=1)[:, :k]
    reached = np.take_along_axis(scores, on_map, axis=1)
    penalty = n_preserved = 0.0
    for column in range(k):
        rank = 1 + (scores > reached[:, column, None]).sum(axis=1)
        penalty += float(np.maximum(rank - k, 0).sum())
        n_preserved += float((rank <= k).sum())
    return penalty, n_preserved
