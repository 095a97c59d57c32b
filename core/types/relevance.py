"""The truth about a split: what is relevant to each query."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import BadInput, ShapeMismatch
from core.types.vectors import frozen_array

if TYPE_CHECKING:
    from scipy import sparse


def _sized(values: np.ndarray, length: int, what: str) -> np.ndarray:
    array = frozen_array(values, np.int64)
    if array.shape != (length,):
        raise ShapeMismatch(f"Relevance has {array.shape} {what} where {length} are needed.")
    return array


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
        judged: (n_queries,) bool, queries of which people judged some results; junk are the results that nobody
            judged, for queries that were judged. None: the truth is whole.
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
        judged: np.ndarray | None = None,
    ) -> None:
        self.n_queries, self.n_gallery = int(n_queries), int(n_gallery)
        self.judged = None if judged is None else frozen_array(judged, np.bool_)
        if (indptr is None) != (items is None):
            raise ShapeMismatch("Relevance needs indptr and items together.")
        if (query_classes is None) != (gallery_classes is None) or (indptr is None and query_classes is None):
            raise ShapeMismatch("Relevance needs lists, or the classes of queries and of gallery items.")
        self.by_class = indptr is None
        self.query_classes = None if query_classes is None else _sized(query_classes, n_queries, "query classes")
        self.gallery_classes = (
            None if gallery_classes is None else _sized(gallery_classes, n_gallery, "gallery classes")
        )
        itself = np.full(n_queries, -1) if self_position is None else self_position
        self.self_position: np.ndarray = _sized(itself, n_queries, "own positions")
        if junk_indptr is None or junk_items is None:
            junk_indptr, junk_items = np.zeros(n_queries + 1), np.empty(0)
        self.junk_indptr, self.junk_items = frozen_array(junk_indptr, np.int64), frozen_array(junk_items, np.int64)
        self.gains = None if gains is None else frozen_array(gains, np.float64)
        self._lists: tuple[np.ndarray, np.ndarray] | None = None
        if not self.by_class:
            self._lists = frozen_array(indptr, np.int64), frozen_array(items, np.int64)
        self._check()

    @property
    def classes(self) -> tuple[np.ndarray, np.ndarray]:
        """`query_classes` and `gallery_classes`, for what works on single labels only.

        Raises:
            ShapeMismatch: images have several labels, or none.
        """
        if self.query_classes is None or self.gallery_classes is None:
            raise ShapeMismatch("This relevance has no single labels.")
        return self.query_classes, self.gallery_classes

    @property
    def pooled(self) -> bool:
        """Whether people judged some results, and of the others nobody knows."""
        return self.judged is not None

    def _check(self) -> None:
        if self.self_position.max(initial=-1) >= self.n_gallery:
            raise BadInput("A query's own position lies outside the gallery.")
        _check_lists(self.junk_indptr, self.junk_items, self, "junk")
        if self.by_class:
            if self.gains is not None:
                raise ShapeMismatch("Graded gains need lists of relevant items, not classes.")
            if len(self.junk_items):
                owners = np.repeat(np.arange(self.n_queries), np.diff(self.junk_indptr))
                query_classes, gallery_classes = self.classes
                same = query_classes[owners] == gallery_classes[self.junk_items]
                same &= query_classes[owners] >= 0
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

        queries = sparse.csr_matrix(query_labels, dtype=np.float64)
        shared = sparse.csr_matrix(queries @ sparse.csr_matrix(gallery_labels, dtype=np.float64).T)
        shared.eliminate_zeros()
        shared.sort_indices()
        owners = np.repeat(np.arange(queries.shape[0]), np.diff(shared.indptr))
        itself = np.full(queries.shape[0], -1) if self_position is None else np.asarray(self_position)
        others = shared.indices != itself[owners]
        indptr = np.concatenate([[0], np.cumsum(np.bincount(owners[others], minlength=queries.shape[0]))])
        gains = shared.data[others] if graded else None
        n_queries, n_gallery = shared.shape
        return cls(n_queries, n_gallery, indptr, shared.indices[others], gains, self_position=itself, **more)

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
            query_classes, gallery_classes = self.classes
            order = np.argsort(gallery_classes, kind="stable")
            ordered = gallery_classes[order]
            low = np.searchsorted(ordered, query_classes, "left")
            high = np.where(query_classes < 0, low, np.searchsorted(ordered, query_classes, "right"))
            lists = [order[a:b] for a, b in zip(low, high)]
            lists = [items[items != query] for items, query in zip(lists, self.self_position)]
            indptr = np.concatenate([[0], np.cumsum([len(items) for items in lists], dtype=np.int64)])
            items = np.concatenate(lists) if lists else np.empty(0)
            self._lists = frozen_array(indptr, np.int64), frozen_array(items, np.int64)
        return self._lists

    def relevant(self, query: int) -> np.ndarray:
        """Gallery positions relevant to one query, rising; derived for that query alone."""
        if self._lists is not None:
            return self.items[self.indptr[query] : self.indptr[query + 1]]
        query_classes, gallery_classes = self.classes
        if query_classes[query] < 0:
            return np.empty(0, np.int64)
        same = np.flatnonzero(gallery_classes == query_classes[query])
        return same[same != self.self_position[query]]

    def junk(self, query: int) -> np.ndarray:
        """Gallery positions that leave one query's list."""
        return self.junk_items[self.junk_indptr[query] : self.junk_indptr[query + 1]]

    @cached_property
    def n_relevant(self) -> np.ndarray:
        """(n_queries,) int64: R, relevant items in the gallery, the query itself and its junk not counted."""
        if not self.by_class:
            return np.diff(self.indptr)
        query_classes, gallery_classes = self.classes
        top = int(max(query_classes.max(initial=-1), gallery_classes.max(initial=-1))) + 1
        sizes = np.bincount(gallery_classes[gallery_classes >= 0], minlength=top + 1)
        same_class = np.where(query_classes >= 0, sizes[np.maximum(query_classes, 0)], 0)
        itself: np.ndarray = (self.self_position >= 0) & (query_classes >= 0)
        itself[itself] = gallery_classes[self.self_position[itself]] == query_classes[itself]
        return same_class - itself

    @cached_property
    def query_groups(self) -> np.ndarray | None:
        """(n_queries,) int64: queries that share relevant items, directly or through others, have one code; −1 unlabelled.

        Such queries are not independent. None where they do not fall into groups: nothing is shared, or more than half
        of the valid queries hang together, as with several labels an item.
        """
        groups, sizes = self._groups
        merged = not self.by_class and 2 * sizes.max(initial=0) > sizes.sum()
        return None if not self.queries_share_items or merged or (sizes > 0).sum() < 2 else groups

    @property
    def queries_share_items(self) -> bool:
        """Whether some valid queries share relevant items, so that they are not independent."""
        return bool(self._groups[1].max(initial=0) > 1)

    @cached_property
    def _groups(self) -> tuple[np.ndarray, np.ndarray]:
        """The class or connected component of every query, and how many valid queries each has."""
        groups = self.classes[0] if self.by_class else _connected(self)
        return groups, np.bincount(groups[self.n_relevant > 0])

    @cached_property
    def list_length(self) -> np.ndarray:
        """(n_queries,) int64: N, items of a full list, the query itself and its junk left out."""
        junk_owners = np.repeat(np.arange(self.n_queries), np.diff(self.junk_indptr))
        others = self.self_position[junk_owners] != self.junk_items
        other_junk = np.bincount(junk_owners[others], minlength=self.n_queries)
        return self.n_gallery - (self.self_position >= 0) - other_junk

    def with_unjudged(self) -> Relevance:
        """The same truth with what nobody judged in the lists, as people see them; itself where nobody judged."""
        if not self.pooled:
            return self
        return Relevance(
            self.n_queries,
            self.n_gallery,
            self.indptr,
            self.items,
            self_position=self.self_position,
            query_classes=self.query_classes,
            gallery_classes=self.gallery_classes,
        )

    def take(self, queries: np.ndarray) -> Relevance:
        """The same truth for some of the queries, in the order given."""
        queries = np.asarray(queries, np.int64)
        junk_indptr, junk_at = _csr_take(self.junk_indptr, queries)
        more: dict[str, Any] = {
            "junk_indptr": junk_indptr,
            "junk_items": self.junk_items[junk_at],
            "self_position": self.self_position[queries],
            "query_classes": None if self.query_classes is None else self.query_classes[queries],
            "gallery_classes": self.gallery_classes,
            "judged": None if self.judged is None else self.judged[queries],
        }
        if self.by_class:
            return Relevance(len(queries), self.n_gallery, **more)
        indptr, at = _csr_take(self.indptr, queries)
        gains = None if self.gains is None else self.gains[at]
        return Relevance(len(queries), self.n_gallery, indptr, self.items[at], gains, **more)


def _connected(truth: Relevance) -> np.ndarray:
    """(n_queries,) int64: the connected component of each query in the graph of queries and their relevant items."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    n, width = truth.n_queries, truth.n_queries + truth.n_gallery
    inside = np.flatnonzero(truth.self_position >= 0)
    rows = np.concatenate([np.repeat(np.arange(n), np.diff(truth.indptr)), inside])
    columns = np.concatenate([truth.items, truth.self_position[inside]]) + n
    graph = sparse.csr_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(width, width))
    return connected_components(graph, directed=False)[1][:n].astype(np.int64)


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
