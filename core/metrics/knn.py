"""kNN classification: the majority of the first labelled results."""

from __future__ import annotations

import numpy as np

from core.metrics.registry import METRICS, Metric
from core.types import Relevance

for _name, _label, _which, _lone in (
    ("acc@k", "kNN accuracy (k)", "labelled queries", "A query that is alone in its class counts, and is wrong."),
    ("acc", "kNN accuracy (1)", "labelled queries", "A query that is alone in its class counts, and is wrong."),
    (
        "acc_not_lone@k",
        "kNN accuracy (k, no lone)",
        "labelled queries whose class has another member",
        "A query that is alone in its class is left out.",
    ),
    (
        "acc_not_lone",
        "kNN accuracy (1, no lone)",
        "labelled queries whose class has another member",
        "A query that is alone in its class is left out.",
    ),
):
    METRICS.add(
        Metric(
            _name,
            label=_label.replace("(k", "(@k") if _name.endswith("@k") else _label,
            kind="knn",
            divided_by=_which,
            definition="The share of queries whose label wins the majority of the nearest labelled results.",
            nothing_relevant=_lone,
            ties="Equal votes go to the label that sorts first.",
            reference="Cover and Hart 1967, doi:10.1109/TIT.1967.1053964; scikit-learn KNeighborsClassifier",
        )
    )


def lone(truth: Relevance) -> np.ndarray:
    """(n_queries,) bool: labelled, and no other item of its class in its list."""
    (classes, gallery), itself = truth.classes, truth.self_position
    top = int(max(classes.max(initial=-1), gallery.max(initial=-1))) + 1
    sizes = np.bincount(gallery[gallery >= 0], minlength=top + 1)
    others = np.where(classes >= 0, sizes[np.maximum(classes, 0)], 0)
    inside: np.ndarray = (itself >= 0) & (classes >= 0)
    inside[inside] = gallery[itself[inside]] == classes[inside]
    others = others - inside
    owners = np.repeat(np.arange(truth.n_queries), np.diff(truth.junk_indptr))
    gone = (gallery[truth.junk_items] == classes[owners]) & (itself[owners] != truth.junk_items)
    others -= np.bincount(owners[gone], minlength=truth.n_queries)
    return (classes >= 0) & (others == 0)


def correct(items: np.ndarray, truth: Relevance, k: int) -> np.ndarray:
    """1 where the majority of the first k labelled results has the query's label, else 0: (n_queries,) float64.

    NaN for unlabelled queries and for those without a labelled candidate. Equal votes go to the smallest label, as in
    scikit-learn. A query that is alone in its class counts and is wrong. k is cut to what exists.

    Args:
        items: (n_queries, depth) int64 gallery positions, best first, −1 is none; deep enough to hold k labelled ones.
        truth: with single labels of queries and gallery.
    Reference: Cover and Hart 1967, doi:10.1109/TIT.1967.1053964.
    """
    from core.metrics import kernels

    classes, gallery = truth.classes
    n_classes = int(max(classes.max(initial=-1), gallery.max(initial=-1))) + 1
    votes = np.require(items, np.int64, ["C", "W"])
    winners = kernels.majority(votes, np.array(gallery), int(k), max(1, n_classes))
    return np.where((classes >= 0) & (winners >= 0), (winners == classes).astype(np.float64), np.nan)


def without_lone(values: np.ndarray, truth: Relevance) -> np.ndarray:
    """The same, with queries that are alone in their class left out (NaN)."""
    return np.where(lone(truth), np.nan, values)
