"""What is relevant to each query of a split: by label, by instance, by pairs; self and junk left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from core.errors import BadInput
from core.types import Dataset, Relevance, Split
from core.wording import plural

MOST_PAIRS = 400_000_000
"""Shared labels between queries and gallery that are listed at most: about 6 GB while they are counted."""


def relevance(dataset: Dataset, split: Split | None = None) -> Relevance:
    """The truth about a split, ready for the metrics.

    Same label (several labels: at least one in common, gain the number of shared ones), same instance, or explicit
    pairs. Pairs of kind "relevant" come on top of labels or instances unless `relevant_by` is "pairs"; pairs of kind
    "junk" leave the query's list. Pairs with an image outside queries or gallery change nothing. Where judges decide,
    pairs alone say what is relevant and what is not; the rest is unknown.

    Args:
        split: queries and gallery; by default the dataset's own.
    Raises:
        BadInput: an item is both relevant and junk, or a pair names an unknown image.
    """
    split = split or dataset.split
    self_position = split.self_position
    classes: dict[str, Any] = {}
    if dataset.label_matrix is None and (dataset.labels >= 0).any():
        classes = {
            "query_classes": dataset.labels[split.queries],
            "gallery_classes": dataset.labels[split.gallery],
        }
    pairs = _positions(dataset, split)
    junk = pairs[pairs["kind"] == "junk"]
    junk_indptr, junk_items = _lists(junk, len(split.queries))
    shared: dict[str, Any] = {"self_position": self_position, "junk_indptr": junk_indptr, "junk_items": junk_items}
    more = pairs[pairs["kind"] == "relevant"]
    more = more[more["item"].to_numpy() != self_position[more["query"].to_numpy()]]
    n_queries, n_gallery = len(split.queries), len(split.gallery)
    if dataset.is_judged:
        return _judged(dataset, pairs, more, classes, self_position, n_gallery)
    if dataset.relevant_by == "pairs":
        indptr, items = _lists(more, n_queries)
        return Relevance(n_queries, n_gallery, indptr, items, **classes, **shared)
    base = _base(dataset, split, classes, shared)
    if not len(more):
        return base
    owners = np.repeat(np.arange(n_queries), np.diff(base.indptr))
    gains = np.ones(len(owners)) if base.gains is None else base.gains
    every = pd.DataFrame(
        {
            "query": np.r_[owners, more["query"].to_numpy()],
            "item": np.r_[base.items, more["item"].to_numpy()],
            "gain": np.r_[gains, np.ones(len(more))],
        }
    ).drop_duplicates(["query", "item"])
    every = every.sort_values(["query", "item"])
    graded = None if base.gains is None else every["gain"].to_numpy()
    indptr, items = _lists(every, n_queries)
    return Relevance(n_queries, n_gallery, indptr, items, graded, **classes, **shared)


def _judged(
    dataset: Dataset,
    pairs: pd.DataFrame,
    relevant: pd.DataFrame,
    classes: dict[str, Any],
    self_position: np.ndarray,
    n_gallery: int,
) -> Relevance:
    """By judges alone: of a query that was judged, whatever nobody judged leaves the list."""
    n_queries = len(self_position)
    judged = np.unique(pairs["query"].to_numpy(np.int64))
    if len(judged) * n_gallery > MOST_PAIRS // 4:
        raise BadInput(
            f"{plural(len(judged), 'query')} of {dataset.name!r} were judged, too many to hold for {n_gallery:,} images; "
            "choose a split with fewer queries."
        )
    junk: list[np.ndarray] = [np.empty(0, np.int64)] * n_queries
    for query, rows in pairs.groupby("query"):
        unjudged = np.ones(n_gallery, bool)
        unjudged[rows["item"].to_numpy(np.int64)] = False
        junk[int(query)] = np.flatnonzero(unjudged)
    junk_indptr = np.concatenate([[0], np.cumsum([len(items) for items in junk])]).astype(np.int64)
    indptr, items = _lists(relevant, n_queries)
    return Relevance(
        n_queries,
        n_gallery,
        indptr,
        items,
        junk_indptr=junk_indptr,
        junk_items=np.concatenate([*junk, np.empty(0, np.int64)]),
        self_position=self_position,
        judged=np.isin(np.arange(n_queries), judged),
        **classes,
    )


def _base(dataset: Dataset, split: Split, classes: dict, shared: dict) -> Relevance:
    """By label or instance alone."""
    n_queries, n_gallery = len(split.queries), len(split.gallery)
    if dataset.relevant_by == "instance" and dataset.instances is not None:
        instances = np.asarray(dataset.instances)
        query_codes, gallery_codes = instances[split.queries], instances[split.gallery]
        if not classes:
            return Relevance(n_queries, n_gallery, query_classes=query_codes, gallery_classes=gallery_codes, **shared)
        width = int(instances.max(initial=0)) + 1
        return Relevance.from_matrices(
            _one_hot(query_codes, width), _one_hot(gallery_codes, width), graded=False, **shared, **classes
        )  # lists, so that kNN and clusters keep the labels
    if dataset.label_matrix is not None:
        query_codes, gallery_codes = dataset.label_matrix[split.queries], dataset.label_matrix[split.gallery]
        per_label = np.asarray(query_codes.sum(axis=0), np.int64) * np.asarray(gallery_codes.sum(axis=0), np.int64)
        if int(per_label.sum()) > MOST_PAIRS:
            raise BadInput(
                f"{dataset.name!r} has {plural(len(split.queries), 'query')} whose labels are shared "
                f"{int(per_label.sum()):,} times; choose a split with fewer queries."
            )
        return Relevance.from_matrices(query_codes, gallery_codes, **shared)
    labels = dataset.labels
    return Relevance(
        n_queries, n_gallery, query_classes=labels[split.queries], gallery_classes=labels[split.gallery], **shared
    )


def _one_hot(codes: np.ndarray, width: int) -> sparse.csr_matrix:
    rows = np.flatnonzero(codes >= 0)
    return sparse.csr_matrix((np.ones(len(rows)), (rows, codes[rows])), shape=(len(codes), width))


def _positions(dataset: Dataset, split: Split) -> pd.DataFrame:
    """The pairs as positions in the queries and in the gallery; those outside the split are left out."""
    if dataset.pairs is None or not len(dataset.pairs):
        return pd.DataFrame({"query": np.empty(0, np.int64), "item": np.empty(0, np.int64), "kind": []})
    ids = dataset.ids.tolist()
    query_of = {ids[position]: at for at, position in enumerate(split.queries)}
    gallery_of = {ids[position]: at for at, position in enumerate(split.gallery)}
    unknown = (set(dataset.pairs["query_id"]) | set(dataset.pairs["item_id"])) - set(ids)
    if unknown:
        raise BadInput(f"The pairs of {dataset.name!r} name {sorted(unknown)[0]!r}, which is no image of it.")
    table = pd.DataFrame(
        {
            "query": [query_of.get(text, -1) for text in dataset.pairs["query_id"]],
            "item": [gallery_of.get(text, -1) for text in dataset.pairs["item_id"]],
            "kind": dataset.pairs["kind"].tolist(),
        }
    )
    return table[(table["query"] >= 0) & (table["item"] >= 0)].drop_duplicates()


def _lists(table: pd.DataFrame, n_queries: int) -> tuple[np.ndarray, np.ndarray]:
    """(indptr, items) of a table of query and item, items rising within a query."""
    ordered = table.sort_values(["query", "item"])
    counts = np.bincount(ordered["query"].to_numpy(np.int64), minlength=n_queries)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), ordered["item"].to_numpy(np.int64)
