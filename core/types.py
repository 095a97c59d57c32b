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
"""A vector this short means "nothing here" (DEFINITIONS.md, section 1)."""


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
        mode: "exact", or "fast": cheaper pixels and arithmetic, near the exact vectors and never mixed with them.
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
    mode: str = "exact"

    def __post_init__(self) -> None:
        if not self.name or self.dim < 1:
            raise BadInput(f"A backbone needs a name and a dim of at least 1, got {self.name!r} and {self.dim}.")
        if self.mode not in {"exact", "fast"}:
            raise BadInput(f"The mode of a backbone is 'exact' or 'fast', got {self.mode!r}.")

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
        """How many images there are."""
        return len(self.ids)

    @property
    def has_labels(self) -> bool:
        """True when at least one image can be a valid query by label, instance or pair."""
        return bool((self.labels >= 0).any()) or self.instances is not None or self.pairs is not None

    @property
    def has_pictures(self) -> bool:
        """Whether any image has a file that can be looked at; a dataset of vectors alone has none."""
        return "path" in self.items.columns and bool(self.items["path"].astype(bool).any())

    def label_of(self, position: int) -> str:
        """The label of an image for people: its name, several joined by ', ', '' when unlabelled."""
        if self.label_matrix is not None:
            return ", ".join(self.label_names[c] for c in self.label_matrix[position].indices)
        code = int(self.labels[position])
        return self.label_names[code] if code >= 0 else ""

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
        """Numbers per vector."""
        return self.vectors.shape[1]

    @cached_property
    def n_zero(self) -> int:
        """How many vectors are all zero: no direction, so a score of 0 to everything."""
        return int((~self.vectors.any(axis=1)).sum())


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows divided by their L2 norm, float32; rows of norm at most 1e-12 become exactly zero.

    Args:
        vectors: (n, dim), finite, any float type; the norm is taken in float64, also where its square is beyond it.
    """
    return unit_wide(vectors).astype(np.float32)


def unit_wide(vectors: np.ndarray) -> np.ndarray:
    """As `unit`, float64."""
    wide = np.asarray(vectors, np.float64)
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(wide, axis=1, keepdims=True)
    far = np.flatnonzero(np.isinf(norms[:, 0]) & np.isfinite(wide).all(axis=1)) if np.isinf(norms).any() else ()
    if len(far):
        wide = wide.copy()
        wide[far] /= np.abs(wide[far]).max(axis=1, keepdims=True)
        norms[far] = np.linalg.norm(wide[far], axis=1, keepdims=True)
    return np.where(norms > ZERO_NORM, wide / np.maximum(norms, ZERO_NORM), 0.0)


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
            raise ShapeMismatch(
                f"A ranking has items {items.shape} and scores {scores.shape}; both are (n_queries, k)."
            )
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


class Relevance:
    """The truth about a split: which gallery positions are relevant to each query.

    Two forms with one face. Single-label sets give `query_classes` and `gallery_classes` alone, and the lists are
    derived when somebody asks for them; every other set gives the lists (CSR). In lists, the query itself and its
    junk are left out, and positions rise within a query.

    Args:
        n_queries, n_gallery: sizes.
        indptr: (n_queries + 1,) int64, where each query's list starts in `items`.
        items: (n_relevant_total,) int64 gallery positions.
        gains: (n_relevant_total,) float64 > 0 for graded relevance (nDCG only), None when every gain is 1.
        junk_indptr, junk_items: CSR of positions that leave a query's list after ranking.
        self_position: (n_queries,) int64, the query's own gallery position, −1 where it is not in the gallery.
        query_classes, gallery_classes: (n,) int64 single labels, −1 unlabelled; they define relevance when no
            lists are given, else they only serve kNN, clustering and means over classes. None: no single labels.
    Raises:
        ShapeMismatch: parts that do not belong together.
        BadInput: an item outside the gallery, twice in a list, relevant and junk at once, or relevant to itself.
    """

    def __init__(
        self,
        n_queries: int,
        n_gallery: int,
        indptr: np.ndarray | None = None,
        items: np.ndarray | None = None,
        gains: np.ndarray | None = None,
        junk_indptr: np.ndarray | None = None,
        junk_items: np.ndarray | None = None,
        self_position: np.ndarray | None = None,
        query_classes: np.ndarray | None = None,
        gallery_classes: np.ndarray | None = None,
    ) -> None:
        self.n_queries, self.n_gallery = int(n_queries), int(n_gallery)
        if (indptr is None) != (items is None):
            raise ShapeMismatch("Relevance needs indptr and items together.")
        if (query_classes is None) != (gallery_classes is None) or (indptr is None and query_classes is None):
            raise ShapeMismatch("Relevance needs lists, or the classes of queries and of gallery items.")
        self.by_class = indptr is None
        self.query_classes = self._sized(query_classes, n_queries, "query classes")
        self.gallery_classes = self._sized(gallery_classes, n_gallery, "gallery classes")
        nobody = np.full(n_queries, -1)
        self.self_position = self._sized(nobody if self_position is None else self_position, n_queries, "own positions")
        if junk_indptr is None or junk_items is None:
            junk_indptr, junk_items = np.zeros(n_queries + 1), np.empty(0)
        self.junk_indptr, self.junk_items = frozen_array(junk_indptr, np.int64), frozen_array(junk_items, np.int64)
        self.gains = None if gains is None else frozen_array(gains, np.float64)
        self._lists: tuple[np.ndarray, np.ndarray] | None = None
        if not self.by_class:
            self._lists = frozen_array(indptr, np.int64), frozen_array(items, np.int64)
        self._check()

    @staticmethod
    def _sized(values: np.ndarray | None, length: int, what: str) -> np.ndarray | None:
        if values is None:
            return None
        array = frozen_array(values, np.int64)
        if array.shape != (length,):
            raise ShapeMismatch(f"Relevance has {array.shape} {what} where {length} are needed.")
        return array

    def _check(self) -> None:
        if self.self_position.max(initial=-1) >= self.n_gallery:
            raise BadInput("A query's own position lies outside the gallery.")
        _check_lists(self.junk_indptr, self.junk_items, self, "junk")
        if self.by_class:
            if self.gains is not None:
                raise ShapeMismatch("Graded gains need lists of relevant items, not classes.")
            if len(self.junk_items):
                owners = np.repeat(np.arange(self.n_queries), np.diff(self.junk_indptr))
                same = (self.query_classes[owners] == self.gallery_classes[self.junk_items]) & (
                    self.query_classes[owners] >= 0
                )
                if (same & (self.self_position[owners] != self.junk_items)).any():
                    raise BadInput("An item is both relevant and junk for one query; it can only be one of them.")
            return
        _check_lists(self.indptr, self.items, self, "relevant items")
        if self.gains is not None and (self.gains.shape != self.items.shape or (self.gains <= 0).any()):
            raise ShapeMismatch("Gains must be positive, one per relevant item.")
        owners = np.repeat(np.arange(self.n_queries), np.diff(self.indptr))
        if (self.self_position[owners] == self.items).any():
            raise BadInput("A query cannot be relevant to itself: leave its own position out of its list.")
        if len(self.junk_items):
            junk_owners = np.repeat(np.arange(self.n_queries), np.diff(self.junk_indptr))
            pairs = owners * self.n_gallery + self.items
            if np.isin(junk_owners * self.n_gallery + self.junk_items, pairs).any():
                raise BadInput("An item is both relevant and junk for one query; it can only be one of them.")

    @classmethod
    def from_matrices(
        cls,
        query_labels: sparse.spmatrix,
        gallery_labels: sparse.spmatrix,
        self_position: np.ndarray | None = None,
        graded: bool = True,
        **more: Any,
    ) -> Relevance:
        """Several labels per item: relevant with at least one label in common, gain the number of shared labels.

        Args:
            query_labels, gallery_labels: (n, n_labels) sparse or dense bool.
            graded: keep the number of shared labels as the gain (nDCG).
        """
        from scipy import sparse

        asks = sparse.csr_matrix(query_labels, dtype=np.float64)
        shared = sparse.csr_matrix(asks @ sparse.csr_matrix(gallery_labels, dtype=np.float64).T)
        shared.eliminate_zeros()
        shared.sort_indices()
        owners = np.repeat(np.arange(asks.shape[0]), np.diff(shared.indptr))
        own = np.full(asks.shape[0], -1) if self_position is None else np.asarray(self_position)
        kept = shared.indices != own[owners]
        indptr = np.concatenate([[0], np.cumsum(np.bincount(owners[kept], minlength=asks.shape[0]))])
        gains = shared.data[kept] if graded else None
        return cls(*shared.shape, indptr, shared.indices[kept], gains, self_position=own, **more)

    @property
    def indptr(self) -> np.ndarray:
        """(n_queries + 1,) int64: where each query's list starts in `items`."""
        return self._derived()[0]

    @property
    def items(self) -> np.ndarray:
        """(total,) int64 gallery positions, rising within a query."""
        return self._derived()[1]

    def _derived(self) -> tuple[np.ndarray, np.ndarray]:
        if self._lists is None:
            order = np.argsort(self.gallery_classes, kind="stable")
            ordered = self.gallery_classes[order]
            low = np.searchsorted(ordered, self.query_classes, "left")
            high = np.where(self.query_classes < 0, low, np.searchsorted(ordered, self.query_classes, "right"))
            lists = [order[a:b] for a, b in zip(low, high)]
            lists = [own[own != me] for own, me in zip(lists, self.self_position)]
            indptr = np.concatenate([[0], np.cumsum([len(own) for own in lists], dtype=np.int64)])
            items = np.concatenate(lists) if lists else np.empty(0)
            self._lists = frozen_array(indptr, np.int64), frozen_array(items, np.int64)
        return self._lists

    def relevant(self, query: int) -> np.ndarray:
        """Gallery positions relevant to one query, rising; derived for that query alone."""
        if self._lists is not None:
            return self.items[self.indptr[query] : self.indptr[query + 1]]
        if self.query_classes[query] < 0:
            return np.empty(0, np.int64)
        same = np.flatnonzero(self.gallery_classes == self.query_classes[query])
        return same[same != self.self_position[query]]

    def junk(self, query: int) -> np.ndarray:
        """Gallery positions that leave one query's list."""
        return self.junk_items[self.junk_indptr[query] : self.junk_indptr[query + 1]]

    @cached_property
    def n_relevant(self) -> np.ndarray:
        """(n_queries,) int64: R, relevant items in the gallery, the query itself and its junk not counted."""
        if not self.by_class:
            return np.diff(self.indptr)
        top = int(max(self.query_classes.max(initial=-1), self.gallery_classes.max(initial=-1))) + 1
        sizes = np.bincount(self.gallery_classes[self.gallery_classes >= 0], minlength=top + 1)
        found = np.where(self.query_classes >= 0, sizes[np.maximum(self.query_classes, 0)], 0)
        own = self.self_position
        inside = (own >= 0) & (self.query_classes >= 0)
        inside[inside] = self.gallery_classes[own[inside]] == self.query_classes[inside]
        return found - inside

    @cached_property
    def list_length(self) -> np.ndarray:
        """(n_queries,) int64: N, items of a full list, the query itself and its junk left out."""
        own = self.self_position
        junk_owners = np.repeat(np.arange(self.n_queries), np.diff(self.junk_indptr))
        other_junk = np.bincount(junk_owners[own[junk_owners] != self.junk_items], minlength=self.n_queries)
        return self.n_gallery - (own >= 0) - other_junk

    def take(self, queries: np.ndarray) -> Relevance:
        """The same truth for some of the queries, in the order given."""
        queries = np.asarray(queries, np.int64)
        junk_indptr, junk_at = _csr_take(self.junk_indptr, queries)
        more = {
            "junk_indptr": junk_indptr,
            "junk_items": self.junk_items[junk_at],
            "self_position": self.self_position[queries],
            "query_classes": None if self.query_classes is None else self.query_classes[queries],
            "gallery_classes": self.gallery_classes,
        }
        if self.by_class:
            return Relevance(len(queries), self.n_gallery, **more)
        indptr, at = _csr_take(self.indptr, queries)
        gains = None if self.gains is None else self.gains[at]
        return Relevance(len(queries), self.n_gallery, indptr, self.items[at], gains, **more)


def _csr_take(indptr: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The indptr of the taken rows, and where their entries stood."""
    lengths = np.diff(indptr)[rows]
    taken = np.concatenate([[0], np.cumsum(lengths)])
    return taken, np.repeat(indptr[:-1][rows] - taken[:-1], lengths) + np.arange(taken[-1])


def _check_lists(indptr: np.ndarray, items: np.ndarray, truth: Relevance, what: str) -> None:
    """Sizes fit, positions lie in the gallery and rise within a query."""
    if len(indptr) != truth.n_queries + 1 or indptr[0] != 0 or indptr[-1] != len(items) or (np.diff(indptr) < 0).any():
        raise ShapeMismatch(f"The lists of {what} do not belong to {truth.n_queries} queries.")
    if len(items) and (items.min() < 0 or items.max() >= truth.n_gallery):
        raise BadInput(f"Some {what} lie outside the gallery of {truth.n_gallery} items.")
    rises = np.diff(items) > 0
    starts = indptr[1:-1]
    rises[starts[(starts > 0) & (starts < len(items))] - 1] = True
    if not rises.all():
        raise BadInput(f"The {what} of a query must rise, each position once.")


@dataclass(frozen=True)
class Figure:
    """One number of a table: a mean over valid queries (or a tuple of means, for a curve) and its interval.

    NaN where it is not defined; `note` then says why. `n_valid` of `n_queries` queries count.
    """

    mean: float | tuple[float, ...]
    low: float | tuple[float, ...]
    high: float | tuple[float, ...]
    n_queries: int
    n_valid: int
    note: str = ""


@dataclass(frozen=True)
class Evaluation:
    """One system judged.

    Attributes:
        name: of the system.
        per_query: metric key → (n_queries,) float64, NaN where the query does not count.
        figures: metric key → Figure, list metrics, "iprec", kNN and clustering keys alike.
        levels: (n_queries, 11) interpolated precision at recall 0, 0.1 ... 1, NaN rows where not defined.
        n_queries: queries asked; n_valid: those with at least one relevant item.
        mixed_ties: (n_queries,) bool, a relevant and a non-relevant item tie.
        ranking: the best items of each query.
        warnings: sentences to show beside the numbers.
        queries: (n_queries,) int64 which queries of the split, when only a panel was asked, else None.
    """

    name: str
    per_query: Mapping[str, np.ndarray]
    figures: Mapping[str, Figure]
    levels: np.ndarray
    n_queries: int
    n_valid: int
    mixed_ties: np.ndarray
    ranking: Ranking | None = None
    warnings: tuple[str, ...] = ()
    queries: np.ndarray | None = None

    def __post_init__(self) -> None:
        for key, values in self.per_query.items():
            if values.shape != (self.n_queries,):
                raise ShapeMismatch(f"{key!r} of {self.name!r} has {values.shape} values for {self.n_queries} queries.")

    @property
    def queries_with_mixed_ties(self) -> int:
        """How many queries tie relevant with other images: their figures depend on the order of ties."""
        return int(self.mixed_ties.sum())

    def mean(self, key: str) -> float:
        """The mean of one metric; NaN when it was not computed."""
        found = self.figures.get(key)
        return float("nan") if found is None else found.mean


@dataclass(frozen=True, eq=False)
class RelevantRanks:
    """Where the relevant items of each query stand in its list: all that any list metric needs.

    Attributes:
        indptr: (n_queries + 1,) int64; query q owns entries indptr[q] to indptr[q + 1], one per relevant item (R).
        ranks: (total,) int32, from 1, rising within a query; NOT_RETRIEVED at the end where the list is partial.
        retrieved: (n_queries,) int32, relevant items that are in the list.
        list_length: (n_queries,) int64, N: items of a full list, the query and its junk left out.
        gains: (total,) float64 in the order of `ranks`, None when every gain is 1.
        ideal_gains: (total,) float64, falling within a query, None when every gain is 1.
        hits: (total,) int32, the gallery position of each entry of `ranks`, None when nobody asked.
    """

    NOT_RETRIEVED = 2**31 - 1

    indptr: np.ndarray
    ranks: np.ndarray
    retrieved: np.ndarray
    list_length: np.ndarray
    gains: np.ndarray | None = None
    ideal_gains: np.ndarray | None = None
    hits: np.ndarray | None = None

    def __post_init__(self) -> None:
        if len(self.ranks) != self.indptr[-1] or len(self.retrieved) != len(self.indptr) - 1:
            raise ShapeMismatch(f"{len(self.ranks)} ranks do not belong to {len(self.indptr) - 1} queries.")

    @property
    def n_queries(self) -> int:
        """How many queries were ranked."""
        return len(self.indptr) - 1

    @cached_property
    def n_relevant(self) -> np.ndarray:
        """(n_queries,) int64: R."""
        return np.diff(self.indptr)

    @cached_property
    def valid(self) -> np.ndarray:
        """(n_queries,) bool: at least one relevant item."""
        return self.n_relevant > 0

    def of(self, query: int) -> np.ndarray:
        """The ranks of one query's relevant items that are in its list, rising."""
        return self.ranks[self.indptr[query] : self.indptr[query] + self.retrieved[query]]
