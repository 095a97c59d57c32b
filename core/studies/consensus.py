"""What backbones agree on, without any label: groups that they form together, and images on which they disagree.

Groups are no classes. Which system groups images as most backbones do can be ordered, and that order is often right;
where most backbones look at the wrong thing it is turned around. So it is told in words, never as a figure, and only
where another look (copies) does not contradict it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core import arrays, metrics
from core.errors import BadInput
from core.metrics import significance
from core.search import rank_scores
from core.task import NO_TASK, Task
from core.types import Relevance

MOST = 2_000
"""Images that are grouped; of larger sets a seeded sample."""
NEIGHBOURS = 10
FEWEST_SYSTEMS = 3
LEAST_AGREEMENT = 0.3
"""Kendall's tau between the order by groups and the order by copies, below which no order is shown."""
Place = Literal["ahead", "unknown", "behind"]


@dataclass(frozen=True)
class Consensus:
    """What backbones agree on.

    Attributes:
        positions: (n,) int64 images that were grouped, rising.
        groups: (n,) int64 codes; the largest group is 0.
        disagreement: (n,) float64 in [0, 1]: 1 − the share of their nearest ten that two backbones have in common.
        reliability: backbone → how much it counted, summing to 1.
    """

    positions: np.ndarray
    groups: np.ndarray
    disagreement: np.ndarray
    reliability: dict[str, float]

    @property
    def most_disagreed(self) -> np.ndarray:
        """Positions of the images, those on which backbones disagree most first."""
        return self.positions[np.argsort(-self.disagreement, kind="stable")]

    def members(self, group: int) -> np.ndarray:
        """Positions of the images of one group."""
        return self.positions[self.groups == group]


def consensus(vectors: Mapping[str, np.ndarray], size: int, seed: int = 0, task: Task = NO_TASK) -> Consensus:
    """Groups on which backbones agree.

    Each backbone is clustered at group sizes of half, once and twice `size`; how often two images share a cluster is
    averaged, backbones weighted by how well they fit the others (leading eigenvector of their correlations), and cut
    into groups by average linkage.

    Args:
        vectors: backbone → (n_images, dim) unit vectors, two or more.
        size: about how many images show the same thing.
    Raises:
        BadInput: fewer than two backbones, or too few images.
    Source: Strehl and Ghosh 2002 (co-association); Fred and Jain 2005 (average linkage on it).
    """
    n_images = len(next(iter(vectors.values()))) if vectors else 0
    if len(vectors) < 2 or n_images < 2 * size:
        raise BadInput(
            f"What backbones agree on takes two backbones or more, and at least {2 * size} images: choose more "
            "backbones in the sidebar, or smaller groups."
        )
    positions = np.sort(arrays.sample(n_images, MOST, seed))
    taken = {name: np.ascontiguousarray(rows[positions]) for name, rows in vectors.items()}
    shared = {
        name: _co_association(rows, size, seed)
        for name, rows in task.each("Grouping images", taken.items(), "backbones")
    }
    upper = np.triu_indices(len(positions), 1)
    weights = _reliability(np.stack([matrix[upper] for matrix in shared.values()]))
    joint = sum(weight * matrix for weight, matrix in zip(weights.tolist(), shared.values()))
    groups = _linked(1 - np.asarray(joint)[upper], max(2, round(len(positions) / size)))
    reliability = dict(zip(vectors, (weights / weights.sum()).tolist()))
    return Consensus(positions, groups, _disagreement(list(taken.values())), reliability)


def _co_association(rows: np.ndarray, size: int, seed: int) -> np.ndarray:
    """(n, n) float32: the share of clusterings in which two images are together."""
    from sklearn.cluster import MiniBatchKMeans

    total = np.zeros((len(rows), len(rows)), np.float32)
    sizes = sorted({max(2, size // 2), size, 2 * size})
    for each in sizes:
        n_clusters = min(len(rows), max(2, round(len(rows) / each)))
        labels = MiniBatchKMeans(n_clusters, random_state=seed, n_init=1, batch_size=1024).fit_predict(rows)
        total += labels[:, None] == labels[None]
    return total / len(sizes)


def _reliability(columns: np.ndarray) -> np.ndarray:
    """(n_backbones,) weights: the leading eigenvector of the correlations, none of them below 0."""
    correlations = np.nan_to_num(np.corrcoef(columns)).clip(0)
    leading = np.abs(np.linalg.eigh(correlations)[1][:, -1])
    return leading / leading.sum()


def _linked(distances: np.ndarray, n_groups: int) -> np.ndarray:
    """(n,) int64 groups by average linkage, the largest is 0."""
    from scipy.cluster import hierarchy

    codes = hierarchy.fcluster(hierarchy.linkage(distances, "average"), n_groups, "maxclust")
    names, sizes = np.unique(codes, return_counts=True)
    by_size = np.empty(names.max() + 1, np.int64)
    by_size[names[np.argsort(-sizes, kind="stable")]] = np.arange(len(names))
    return by_size[codes]


def _disagreement(spaces: Sequence[np.ndarray]) -> np.ndarray:
    """(n,) float64: how little the nearest images of two backbones have in common, on average over the pairs."""
    k = min(NEIGHBOURS, len(spaces[0]) - 1)
    near = []
    for rows in spaces:
        scores = rows @ rows.T
        np.fill_diagonal(scores, -np.inf)
        nearest = np.zeros(scores.shape, bool)
        np.put_along_axis(nearest, np.argpartition(-scores, k - 1, axis=1)[:, :k], True, axis=1)
        near.append(nearest)
    pairs = [(a & b).sum(axis=1) / k for at, a in enumerate(near) for b in near[at + 1 :]]
    return 1 - np.mean(pairs, axis=0)


def places(
    vectors: Mapping[str, np.ndarray], agreed: Consensus, task: Task = NO_TASK
) -> tuple[dict[str, Place], dict[str, float]]:
    """Which backbones group images as most do: ahead of or behind the middle one beyond chance, else unknown.

    Args:
        vectors: backbone → (n_images, dim) unit vectors.
    Returns:
        backbone → word, and backbone → a number that only serves to order them: it is no mAP of anything.
    """
    n = len(agreed.positions)
    truth = Relevance(n, n, query_classes=agreed.groups, gallery_classes=agreed.groups, self_position=np.arange(n))
    values: dict[str, np.ndarray] = {}
    for name, rows in task.each("Ordering backbones", vectors.items(), "backbones"):
        taken = rows[agreed.positions]
        values[name] = metrics.compute(rank_scores(taken @ taken.T, truth).ranks, ("map",))["map"]
    order = {name: float(np.nanmean(row)) for name, row in values.items()}
    middle = values[sorted(order, key=lambda name: order[name])[len(order) // 2]]
    words: dict[str, Place] = {}
    for name, row in values.items():
        difference = significance.compare(row, middle, classes=agreed.groups)
        clear = difference.low > 0 or difference.high < 0
        words[name] = "unknown" if not clear else "ahead" if difference.mean > 0 else "behind"
    return words, order


def supported(by_groups: Mapping[str, float], by_copies: Mapping[str, float]) -> bool:
    """Whether the order by groups may be shown: the order by copies does not contradict it.

    Args:
        by_groups, by_copies: backbone → a number to order by; those that both know are compared.
    """
    from scipy import stats

    names = [name for name in by_groups if name in by_copies]
    if len(names) < FEWEST_SYSTEMS:
        return False
    tau = stats.kendalltau([by_groups[name] for name in names], [by_copies[name] for name in names]).statistic
    return bool(tau >= LEAST_AGREEMENT)
