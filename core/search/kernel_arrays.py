"""What the compiled ranking reads and fills: arrays that belong together, by name."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class ScoreBlocks(NamedTuple):
    """What is fused: weighted score blocks of several backbones.

    Attributes:
        base: the query whose scores lie in row 0 of the blocks.
        n_blocks: how many of the blocks are in use.
        weights: (8,) in the type of the scores.
        blocks: 8 arrays (rows, n_gallery), float32 or float64.
        factor: (n_gallery,) multiplies each fused score, or (0,) for none.
    """

    base: int
    n_blocks: int
    weights: np.ndarray
    blocks: tuple[np.ndarray, ...]
    factor: np.ndarray


class RelevantItems(NamedTuple):
    """What is relevant, and what leaves the lists; all int64 but `items`, which is int32.

    Attributes:
        starts, ends, items: items[starts[q]:ends[q]] are relevant to q, rising (the query itself may be among them).
        self_position: (n_queries,) the query's own position, −1 if none.
        junk_indptr, junk_items: CSR of what leaves its list.
        indptr: (n_queries + 1,) where a query's ranks go.
    """

    starts: np.ndarray
    ends: np.ndarray
    items: np.ndarray
    self_position: np.ndarray
    junk_indptr: np.ndarray
    junk_items: np.ndarray
    indptr: np.ndarray


class RankArrays(NamedTuple):
    """What is filled in.

    Attributes:
        ranks: int32, rising within a query, NOT_RETRIEVED at the end where the list is partial.
        retrieved: (n_queries,) int32, relevant items in the list.
        hits: int32 beside `ranks`, the gallery position of each; (0,) when nobody wants it.
        mixed: (n_queries,) bool, a relevant and another item tie.
        best_items, best_scores: (n_queries, k), the best k of each query.
    """

    ranks: np.ndarray
    retrieved: np.ndarray
    hits: np.ndarray
    mixed: np.ndarray
    best_items: np.ndarray
    best_scores: np.ndarray


class CellLists(NamedTuple):
    """The relevant items of one query by cell, linked where several are in one, and what stands before each.

    Attributes:
        first: by cell, the last one linked; following: by relevant item, the one linked before it, −1 is none.
        cell: by relevant item, its cell.
        before: by relevant item, the items of its own cell that stand before it; ahead: the relevant ones of these.
    """

    first: np.ndarray
    following: np.ndarray
    cell: np.ndarray
    before: np.ndarray
    ahead: np.ndarray
