"""Labels that may be wrong: images whose neighbours, in most backbones, agree on another label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.errors import BadInput, ShapeMismatch
from core.studies import image_neighbours
from core.task import NO_TASK, ProgressMeter, Task
from core.types import Dataset, Embeddings

_BLOCK = 512
_COPIES = 16
"""Images with equal bytes that an index may find before the others; more of them leave an image fewer neighbours."""


def label_errors(
    dataset: Dataset,
    embeddings: Sequence[Embeddings],
    k: int = 10,
    task: Task = NO_TASK,
) -> pd.DataFrame:
    """Images whose label is doubted by more than half of the backbones, most certain first.

    A backbone doubts a label when, among the k nearest labelled images (the image itself and copies with equal bytes
    left out), one other label is more frequent than the image's own. The backbones must agree on that other label.

    Args:
        dataset: with one label per image; unlabelled images neither vote nor are doubted.
        embeddings: one or more backbones over the dataset.
        k: neighbours that vote, at least 1; above 50,000 images an index finds them (`image_neighbours`).
    Returns:
        Columns position, id, path, label, suggested, certainty, n_agree, n_backbones. `certainty` is the mean over
        all backbones of (share of neighbours with the suggested label − share with the own one), in (−1, 1].
    Raises:
        BadInput: several labels per image, no labels, or no backbone.
        ShapeMismatch: embeddings of another dataset.
    """
    if dataset.label_matrix is not None:
        raise BadInput("Label errors are looked for where each image has one label; this dataset has several.")
    labelled = np.flatnonzero(dataset.labels >= 0)
    if len(np.unique(dataset.labels[labelled])) < 2 or not embeddings:
        raise BadInput("Label errors need images of at least two classes and one embedded backbone.")
    own_labels = dataset.labels[labelled]
    k = max(1, min(k, len(labelled) - 1))
    _, contents = np.unique(dataset.keys[labelled], return_inverse=True)
    meter = task.meter("Asking neighbours", len(labelled) * len(embeddings))
    neighbours = []
    for embedding in embeddings:
        if len(embedding.vectors) != len(dataset):
            raise ShapeMismatch(
                f"{embedding.backbone!r} has {len(embedding.vectors)} vectors for {len(dataset)} images."
            )
        neighbours.append(_neighbour_labels(embedding.vectors[labelled], own_labels, contents, k, meter))
    winners = np.stack([_winners(labels, own_labels) for labels in neighbours], axis=1)
    suggested, n_agree = _most_named(winners)
    doubted = np.flatnonzero(n_agree * 2 > len(embeddings))
    suggested, n_agree, mine = suggested[doubted], n_agree[doubted], own_labels[doubted]
    shares = [_share(labels[doubted], suggested) - _share(labels[doubted], mine) for labels in neighbours]
    certainty = np.mean(shares, axis=0) if len(doubted) else np.empty(0)
    rows = labelled[doubted]
    order = np.lexsort((rows, -n_agree, -certainty))
    names = np.array(dataset.label_names, object)
    return pd.DataFrame(
        {
            "position": rows[order],
            "id": dataset.ids[rows[order]],
            "path": dataset.items["path"].to_numpy(object)[rows[order]],
            "label": names[mine[order]],
            "suggested": names[suggested[order]],
            "certainty": certainty[order],
            "n_agree": n_agree[order],
            "n_backbones": len(embeddings),
        }
    )


def _neighbour_labels(
    vectors: np.ndarray, labels: np.ndarray, contents: np.ndarray, k: int, meter: ProgressMeter
) -> np.ndarray:
    """(n, k) int64 labels of the nearest others, nearest first, −1 where there is none."""
    neighbour_labels = np.full((len(vectors), k), -1, np.int64)
    if len(vectors) > image_neighbours.EXACT_UP_TO:
        for rows, items, scores in image_neighbours.nearest(vectors, k + _COPIES, meter):
            scores[contents[items] == contents[rows, None]] = -np.inf
            order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            near = labels[np.take_along_axis(items, order, axis=1)]
            neighbour_labels[rows] = np.where(np.isfinite(np.take_along_axis(scores, order, axis=1)), near, -1)
        return neighbour_labels
    for start in range(0, len(vectors), _BLOCK):
        meter.task.check()
        scores = vectors[start : start + _BLOCK] @ vectors.T
        scores[contents[start : start + _BLOCK, None] == contents[None, :]] = -np.inf
        nearest = np.argpartition(-scores, min(k, scores.shape[1] - 1), axis=1)[:, :k]
        near = np.take_along_axis(scores, nearest, axis=1)
        order = np.lexsort((nearest, -near), axis=1)
        nearest, near = np.take_along_axis(nearest, order, axis=1), np.take_along_axis(near, order, axis=1)
        neighbour_labels[start : start + _BLOCK] = np.where(np.isfinite(near), labels[nearest], -1)
        meter.add(len(scores))
    return neighbour_labels


def _winners(labels: np.ndarray, own_labels: np.ndarray) -> np.ndarray:
    """(n,) int64: the other label that is more frequent among the neighbours than the own one, else −1."""
    same = (labels == own_labels[:, None]).sum(axis=1)
    counts = np.stack([(labels == labels[:, [j]]).sum(axis=1) for j in range(labels.shape[1])], axis=1)
    counts = np.where((labels == own_labels[:, None]) | (labels < 0), 0, counts)
    best = counts.argmax(axis=1)  # the nearest of equally frequent labels
    most = np.take_along_axis(counts, best[:, None], axis=1)[:, 0]
    return np.where(most > same, np.take_along_axis(labels, best[:, None], axis=1)[:, 0], -1)


def _most_named(winners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) the label that most backbones suggest, and how many do; −1 and 0 where none does."""
    counts = np.stack([(winners == winners[:, [m]]).sum(axis=1) for m in range(winners.shape[1])], axis=1)
    counts = np.where(winners < 0, 0, counts)
    best = counts.argmax(axis=1)[:, None]
    return np.take_along_axis(winners, best, axis=1)[:, 0], np.take_along_axis(counts, best, axis=1)[:, 0]


def _share(labels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    known = np.maximum((labels >= 0).sum(axis=1), 1)
    return (labels == wanted[:, None]).sum(axis=1) / known


def labelled_neighbours(dataset: Dataset, vectors: np.ndarray, position: int, k: int = 10) -> list[int]:
    """The labelled images nearest to one image: the voters of `label_doubts`.

    Args:
        dataset: where the image is.
        vectors: (n_images, dim) float32 unit rows in dataset order.
        position: the image; it and copies with equal bytes are left out.
        k: how many at most.
    Returns:
        Positions, nearest first; at equal scores the lower position comes first.
    """
    scores = vectors @ vectors[position]
    scores[(dataset.labels < 0) | (dataset.keys == dataset.keys[position])] = -np.inf
    best = np.argsort(-scores, kind="stable")[:k]
    return [int(neighbour) for neighbour in best if np.isfinite(scores[neighbour])]
