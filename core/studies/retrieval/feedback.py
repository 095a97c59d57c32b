"""More like these, less like this: a query moved towards some images and away from others."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import BadInput
from core.studies.retrieval.query import Query, uploaded_image_query
from core.studies.vector_set import VectorSet
from core.types import Dataset, unit

ALPHA, BETA, GAMMA = 1.0, 0.75, 0.25
MOST_EXAMPLES = 24
"""Images that may move a query, either way."""


@dataclass(frozen=True)
class Feedback:
    """Images that a query is moved by.

    Attributes:
        more, less: positions in the dataset of images to come nearer to, and to get away from.
    """

    more: tuple[int, ...] = ()
    less: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.more or self.less)

    def sentence(self) -> str:
        """The weights for people."""
        parts = [f"{ALPHA:g} × the query"]
        if self.more:
            parts.append(f"+ {BETA:g} × the mean of {_images(len(self.more))} to be like")
        if self.less:
            parts.append(f"− {GAMMA:g} × the mean of {_images(len(self.less))} to be unlike")
        return " ".join(parts) + " (Rocchio), in each backbone, then of length 1."


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"


def rocchio(query: np.ndarray, more: np.ndarray, less: np.ndarray) -> np.ndarray:
    """The moved query: α q + β mean(more) − γ mean(less), of length 1.

    Args:
        query: (1, dim) unit vector.
        more, less: (n, dim) unit vectors, n may be 0.
    Returns:
        (1, dim) float32.
    Raises:
        BadInput: nothing is left, as when a query is to be unlike itself alone.
    Reference:
        Manning, Raghavan and Schütze 2008, section 9.1.1, doi:10.1017/CBO9780511809071.

    >>> rocchio(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), np.empty((0, 2))).round(3)
    array([[0.8, 0.6]], dtype=float32)
    """
    vector = unit(_moved(query, more, less))
    if not vector.any() and np.asarray(query).any():
        raise BadInput("These images cancel the query out; take one of them back.")
    return vector


def _moved(query: np.ndarray, more: np.ndarray, less: np.ndarray) -> np.ndarray:
    """(1, dim) float64, before it is made unit."""
    moved = ALPHA * np.asarray(query, np.float64)
    if len(more):
        moved = moved + BETA * np.asarray(more, np.float64).mean(axis=0, keepdims=True)
    if len(less):
        moved = moved - GAMMA * np.asarray(less, np.float64).mean(axis=0, keepdims=True)
    return moved


def moved_query(dataset: Dataset, space: VectorSet, query: Query, feedback: Feedback) -> Query:
    """A query moved by images of the dataset, in every backbone; what is relevant to it stays the same.

    Args:
        space: the vectors of the backbones that answer, over the dataset's split.
    Raises:
        BadInput: more images than `MOST_EXAMPLES`, or they cancel the query out.
    """
    if len(feedback.more) + len(feedback.less) > MOST_EXAMPLES:
        raise BadInput(f"At most {MOST_EXAMPLES} images can move a query; take some back.")
    vectors, weights = {}, {}
    for name in space.names:
        rows = space.get(name)
        start = query.space.get(name)[query.space.split.queries]
        more, less = rows[_rows(feedback.more)], rows[_rows(feedback.less)]
        vectors[name] = rocchio(start, more, less)
        of_start = np.ones(1) if query.weights is None else query.weights[name]
        sides = [
            ALPHA * of_start,
            np.full(len(more), BETA / max(len(more), 1)),
            np.full(len(less), -GAMMA / max(len(less), 1)),
        ]
        length = float(np.linalg.norm(_moved(start, more, less))) or 1.0
        weights[name] = np.concatenate(sides) / length
    return dataclasses.replace(uploaded_image_query(dataset, space, vectors, query.position), weights=weights)


def _rows(positions: Sequence[int]) -> np.ndarray:
    return np.asarray(positions, np.int64)
