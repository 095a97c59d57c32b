"""Labelled images, and who is searched by whom."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import BadInput, ShapeMismatch
from core.types.vectors import frozen_array

if TYPE_CHECKING:
    import pandas as pd
    from scipy import sparse


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
        """Whether queries and gallery are the same images: each then asks all the others."""
        return np.array_equal(self.queries, self.gallery)

    @cached_property
    def self_position(self) -> np.ndarray:
        """(n_queries,) int64: where in the gallery the query itself stands, −1 if it is not there."""
        highest = int(max(self.queries.max(initial=-1), self.gallery.max(initial=-1)))
        where = np.full(highest + 1, -1, np.int64)
        where[self.gallery] = np.arange(len(self.gallery))
        return where[self.queries]


@dataclass(frozen=True)
class JudgedPool:
    """What a truth that people judged rests on.

    Attributes:
        judged: results that were judged, each query and image once.
        pooled: results in the first `k` of any system that was compared, and how many of them are judged; 0 where
            nobody knows which systems were.
        k: how deep the pool is; 0 where nobody knows.
    """

    judged: int
    pooled: int = 0
    k: int = 0


@dataclass(frozen=True)
class Dataset:
    """Images, or rows of vectors, with what is known about each, in one order that never changes.

    Attributes:
        name: as people type it.
        ids: (n_images,) str, unique.
        keys: (n_images,) 'S64' hex SHA-256 of the file's bytes: what embeddings belong to.
        items: one row per image: path, width, height, size and any other column (title, description, ...).
        labels: (n_images,) int64, code of the first label, −1 is unlabelled.
        split: which images are queries, and which are searched.
        quarantine: columns path, reason: files that could not be read.
        label_names: names of the label codes, in sorted order.
        label_matrix: (n_images, n_labels) bool CSR where an image may have several labels, else None.
        instances: (n_images,) int64, −1 is none; None when the dataset knows no instances.
        pairs: columns query_id, item_id, kind ("relevant" or "junk"; where judges decide also "not relevant"), or None.
        relevant_by: "label", "instance", "pairs" or "judged": what makes an item relevant.
        pool: what was judged, where judges decide.
    """

    name: str
    ids: np.ndarray
    keys: np.ndarray
    items: pd.DataFrame
    labels: np.ndarray
    split: Split
    quarantine: pd.DataFrame
    label_names: tuple[str, ...] = ()
    label_matrix: sparse.csr_matrix | None = None
    instances: np.ndarray | None = None
    pairs: pd.DataFrame | None = None
    relevant_by: str = "label"
    pool: JudgedPool | None = None
    source: str = ""
    licence: str = ""
    reference: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        n = len(self.ids)
        object.__setattr__(self, "labels", frozen_array(self.labels, np.int64))
        for name, length in (("keys", len(self.keys)), ("items", len(self.items)), ("labels", len(self.labels))):
            if length != n:
                raise ShapeMismatch(f"Dataset {self.name!r} has {n} ids but {length} {name}.")
        if len(np.unique(self.ids)) != n:
            raise BadInput(f"Dataset {self.name!r} names an image twice; ids must be unique.")

    @classmethod
    def of(
        cls,
        name: str,
        ids: np.ndarray,
        keys: np.ndarray,
        items: pd.DataFrame,
        label_names: tuple[str, ...] = (),
        labels: np.ndarray | None = None,
        label_matrix: sparse.csr_matrix | None = None,
        *,
        split: Split | None = None,
        quarantine: pd.DataFrame | None = None,
        **described: Any,
    ) -> Dataset:
        """A dataset in which what is not given is filled in: no labels, each image a query of all others, no bad files.

        Args:
            described: instances, pairs, relevant_by, source, licence, reference, notes.
        """
        import pandas as pd

        return cls(
            name=name,
            ids=ids,
            keys=keys,
            items=items,
            labels=np.full(len(ids), -1, np.int64) if labels is None else labels,
            split=Split.self_retrieval(len(ids)) if split is None else split,
            quarantine=pd.DataFrame(columns=["path", "reason"]) if quarantine is None else quarantine,
            label_names=label_names,
            label_matrix=label_matrix,
            **described,
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_images(self) -> int:
        """How many images there are."""
        return len(self.ids)

    @property
    def has_labels(self) -> bool:
        """True when at least one image can be a valid query by label, instance or pair."""
        return bool((self.labels >= 0).any()) or self.instances is not None or self.pairs is not None

    @property
    def is_judged(self) -> bool:
        """Whether people judged what is relevant: of most images nobody knows then."""
        return self.relevant_by == "judged"

    @property
    def has_images(self) -> bool:
        """Whether any image has a file that can be looked at; a dataset of vectors alone has none."""
        return "path" in self.items.columns and bool(self.items["path"].astype(bool).any())

    def label_of(self, position: int) -> str:
        """The label of an image for people: its name, several joined by ', ', '' when unlabelled."""
        if self.label_matrix is not None:
            return ", ".join(self.label_names[c] for c in self.label_matrix[position].indices)
        code = int(self.labels[position])
        return self.label_names[code] if code >= 0 else ""

    def is_relevance_known(self, position: int) -> bool:
        """Whether it can be said of an image that it is not relevant: of one without a label nobody knows."""
        if self.relevant_by == "instance" and self.instances is not None:
            return bool(np.asarray(self.instances)[position] >= 0)
        if self.relevant_by == "pairs":
            return True
        if self.label_matrix is not None:
            return bool(self.label_matrix.indptr[position + 1] > self.label_matrix.indptr[position])
        return bool(self.labels[position] >= 0)

    def relevance_kind(self, position: int, relevant: bool) -> str:
        """ "relevant", "not" or "unknown": what an image is to a query that has relevant ones."""
        return "relevant" if relevant else "not" if self.is_relevance_known(position) else "unknown"

    @cached_property
    def search_texts(self) -> np.ndarray:
        """(n_images,) str: id and title of each image, casefolded, for looking images up by name."""
        texts = [str(image_id) for image_id in self.ids]
        if "title" in self.items:
            texts = [f"{image_id} {title}" for image_id, title in zip(texts, self.items["title"].fillna(""))]
        return np.array([text.casefold() for text in texts], dtype=str)

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
