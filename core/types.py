"""The nouns. Each is checked when it is built, so nothing downstream checks again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import BadInput, ShapeMismatch

if TYPE_CHECKING:
    import pandas as pd
    from scipy import sparse

ZERO_NORM = 1e-12
"""A vector this short means "nothing here" (metrics.md, section 1)."""


def frozen_array(values: Any, dtype: Any) -> np.ndarray:
    """`values` as a contiguous, read-only array; copied only when it must be."""
    array = np.ascontiguousarray(values, dtype=dtype)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


@dataclass(frozen=True)
class Backbone:
    """A pretrained network (or a descriptor), described. Everything here is part of its fingerprint.

    Attributes:
        name: the name that people type.
        family: "CNN", "ViT", "self-supervised ViT", "vision-language", "mobile", "descriptor", "concepts", "vectors".
        source: who builds it: "timm", "open_clip", "package", "own", "file" or "vectors".
        architecture: the name in that source.
        weights: pretrained tag, package or file; "" for descriptors.
        dim: length of the embedding.
        image_size: side in pixels that the backbone sees.
        parameters: millions of parameters of what is run for an image; 0 for descriptors.
        modalities: "image", and "text" where it encodes text into the same space.
        licence: licence of the WEIGHTS; `commercial` says what it means, None when unknown.
        pooling: how the vector is read: "average", "CLS", "projection", "GeM", "histogram" ...
        options: what the source needs beside the name, e.g. (("img_size", 224),).
        random: True marks weights that were never trained (speed and tests only).
    """

    name: str
    source: str
    dim: int
    architecture: str = ""
    weights: str = ""
    label: str = ""
    family: str = "CNN"
    image_size: int = 224
    parameters: float = 0.0
    modalities: tuple[str, ...] = ("image",)
    licence: str = "unknown"
    commercial: bool | None = None
    trained_on: str = ""
    pooling: str = "average"
    reference: str = ""
    options: tuple[tuple[str, Any], ...] = ()
    random: bool = False

    def __post_init__(self) -> None:
        if not self.name or self.dim < 1:
            raise BadInput(f"A backbone needs a name and a dim of at least 1, got {self.name!r} and {self.dim}.")

    @property
    def title(self) -> str:
        """What a page shows: the label, else the name."""
        return self.label or self.name


@dataclass(frozen=True)
class Split:
    """Who asks, who is searched: positions in the dataset, int64.

    A position that is in both leaves its own list, nothing else. `train` is for fitting and is never reported on.
    """

    queries: np.ndarray
    gallery: np.ndarray
    train: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        for name in ("queries", "gallery", "train"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.int64))

    @classmethod
    def self_retrieval(cls, n_images: int) -> Split:
        """Every image is a query; its list is all the others."""
        everyone = np.arange(n_images)
        return cls(everyone, everyone)

    @property
    def is_self_retrieval(self) -> bool:
        return np.array_equal(self.queries, self.gallery)

    @cached_property
    def self_position(self) -> np.ndarray:
        """(n_queries,) int64: where in the gallery the query itself stands, −1 if it is not there."""
        highest = int(max(self.queries.max(initial=-1), self.gallery.max(initial=-1)))
        where = np.full(highest + 1, -1, np.int64)
        where[self.gallery] = np.arange(len(self.gallery))
        return where[self.queries]


@dataclass(frozen=True)
class Dataset:
    """Images, or rows of vectors, with what is known about each, in one order that never changes.

    Attributes:
        name: as people type it.
        ids: (n_images,) str, unique.
        keys: (n_images,) 'S64' hex SHA-256 of the file's bytes: what embeddings belong to.
        label_names: names of the label codes, in sorted order.
        labels: (n_images,) int64, code of the first label, −1 is unlabelled.
        label_matrix: (n_images, n_labels) bool CSR where an image may have several labels, else None.
        instances: (n_images,) int64, −1 is none; None when the dataset knows no instances.
        split: who asks and who is searched.
        items: one row per image: path, width, height, size and any other column (title, description, ...).
        pairs: columns query_id, item_id, kind ("relevant" or "junk"), or None.
        quarantine: columns path, reason: files that could not be read.
        relevant_by: "label", "instance" or "pairs": what makes an item relevant.
    """

    name: str
    ids: np.ndarray
    keys: np.ndarray
    items: pd.DataFrame
    label_names: tuple[str, ...] = ()
    labels: np.ndarray | None = None
    label_matrix: sparse.csr_matrix | None = None
    instances: np.ndarray | None = None
    split: Split | None = None
    pairs: pd.DataFrame | None = None
    quarantine: pd.DataFrame | None = None
    relevant_by: str = "label"
    source: str = ""
    licence: str = ""
    reference: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        n = len(self.ids)
        if self.labels is None:
            object.__setattr__(self, "labels", np.full(n, -1, np.int64))
        object.__setattr__(self, "labels", frozen_array(self.labels, np.int64))
        if self.split is None:
            object.__setattr__(self, "split", Split.self_retrieval(n))
        for name, length in (("keys", len(self.keys)), ("items", len(self.items)), ("labels", len(self.labels))):
            if length != n:
                raise ShapeMismatch(f"Dataset {self.name!r} has {n} ids but {length} {name}.")
        if len(np.unique(self.ids)) != n:
            raise BadInput(f"Dataset {self.name!r} names an image twice; ids must be unique.")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_images(self) -> int:
        return len(self.ids)

    @property
    def has_labels(self) -> bool:
        """True when at least one image can be a valid query by label, instance or pair."""
        return bool((self.labels >= 0).any()) or self.instances is not None or self.pairs is not None

    def label_of(self, position: int) -> str:
        """The label of an image for people: its name, several joined by ', ', '' when unlabelled."""
        if self.label_matrix is not None:
            return ", ".join(self.label_names[c] for c in self.label_matrix[position].indices)
        code = int(self.labels[position])
        return self.label_names[code] if code >= 0 else ""

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (first 16 hex digits) of everything that changes a figure: content, labels, split, pairs."""
        digest = hashlib.sha256()
        digest.update("\n".join(map(str, self.ids)).encode())
        digest.update(np.asarray(self.keys, "S64").tobytes())
        digest.update(json.dumps([self.label_names, self.relevant_by]).encode())
        digest.update(self.labels.tobytes())
        if self.label_matrix is not None:
            digest.update(self.label_matrix.indptr.tobytes() + self.label_matrix.indices.tobytes())
        if self.instances is not None:
            digest.update(np.asarray(self.instances, np.int64).tobytes())
        for part in (self.split.queries, self.split.gallery, self.split.train):
            digest.update(len(part).to_bytes(8, "little") + part.tobytes())
        if self.pairs is not None:
            digest.update(self.pairs.to_csv(index=False).encode())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Embeddings:
    """One unit vector per image, in dataset order: (n_images, dim) float32, read-only.

    A row of norm at most 1e-12 means "nothing here" and stays zero; `n_zero` counts such rows.
    """

    backbone: str
    vectors: np.ndarray
    ids: np.ndarray

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.ids):
            raise ShapeMismatch(
                f"Embeddings by {self.backbone!r} have shape {self.vectors.shape} for {len(self.ids)} images."
            )
        object.__setattr__(self, "vectors", frozen_array(self.vectors, np.float32))

    @property
    def dim(self) -> int:
        return self.vectors.shape[1]

    @cached_property
    def n_zero(self) -> int:
        return int((~self.vectors.any(axis=1)).sum())


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows divided by their L2 norm, float32; rows of norm at most 1e-12 become exactly zero.

    Args:
        vectors: (n, dim), finite, any float type; the norm is taken in float64.
    """
    wide = np.asarray(vectors, np.float64)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.where(norms > ZERO_NORM, wide / np.maximum(norms, ZERO_NORM), 0.0).astype(np.float32)


@dataclass(frozen=True)
class Ranking:
    """The best k of every query, best first.

    Attributes:
        items: (n_queries, k) int64 positions in the gallery, −1 is "none".
        scores: (n_queries, k) float32, never rising along a row, NaN where there is none.
    """

    items: np.ndarray
    scores: np.ndarray

    def __post_init__(self) -> None:
        items, scores = frozen_array(self.items, np.int64), frozen_array(self.scores, np.float32)
        if items.shape != scores.shape or items.ndim != 2:
            raise ShapeMismatch(f"A ranking has items {items.shape} and scores {scores.shape}; both are (n_queries, k).")
        with np.errstate(invalid="ignore"):
            if (np.diff(scores, axis=1) > 0).any():
                raise ShapeMismatch("A ranking must be sorted, best first.")
        object.__setattr__(self, "items", items)
        object.__setattr__(self, "scores", scores)


@dataclass(frozen=True)
class Projection:
    """A flat (or 3-D) map: xy (n_images, 2 or 3) float32, and what made it."""

    xy: np.ndarray
    method: str
    parameters: Mapping[str, Any]
    seed: int

    def __post_init__(self) -> None:
        if self.xy.ndim != 2 or self.xy.shape[1] not in (2, 3):
            raise ShapeMismatch(f"A projection is (n_images, 2) or (n_images, 3), got {self.xy.shape}.")
        object.__setattr__(self, "xy", frozen_array(self.xy, np.float32))
