"""Which classes are retrieved for which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.studies.retrieval.failures import of_label, query_numbers
from core.types import Dataset, Evaluation

if TYPE_CHECKING:
    import pandas as pd
    from scipy import sparse


def confusions(dataset: Dataset, evaluation: Evaluation, k: int) -> pd.DataFrame:
    """What is retrieved for what: one row per (query class, result class) that occurs in the first k results.

    Several labels per image: every label of the query is confused with every label of the result that the query
    does not have; agreement counts on the shared labels.

    Returns:
        columns "query class", "result class", "results" (how many), "share" (of all results of that query class,
        in [0, 1]), "queries" (how many queries of the class), "agrees" (same class). Unlabelled results are "".
    """
    import pandas as pd
    from scipy import sparse

    n_labels = len(dataset.label_names)
    columns = ["query class", "result class", "results", "share", "queries", "agrees"]
    if evaluation.ranking is None or not n_labels:
        return pd.DataFrame(columns=columns)
    items = evaluation.ranking.items[:, :k]
    queries = dataset.split.queries[query_numbers(evaluation)]
    listed = items.ravel() >= 0
    labels = _label_rows(dataset)
    of_queries = labels[np.repeat(queries, items.shape[1])[listed]]
    of_results = labels[dataset.split.gallery[items.ravel()[listed]]]
    if dataset.label_matrix is not None:
        shared = of_queries.multiply(of_results)
        of_results = of_results - shared
        counts = (of_queries.T @ of_results + sparse.diags(np.asarray(shared.sum(axis=0)).ravel())).tocoo()
    else:
        counts = (of_queries.T @ of_results).tocoo()
    sizes = np.asarray(labels[queries].sum(axis=0)).ravel()
    totals = np.bincount(counts.row, weights=counts.data, minlength=n_labels + 1)
    names = [*dataset.label_names, ""]
    cells = (counts.data > 0) & (counts.row < n_labels)
    rows, results, values = counts.row[cells], counts.col[cells], counts.data[cells]
    table = pd.DataFrame(
        {
            "query class": [names[row] for row in rows],
            "result class": [names[result] for result in results],
            "results": values.astype(np.int64),
            "share": values / np.maximum(totals[rows], 1),
            "queries": sizes[rows].astype(np.int64),
            "agrees": rows == results,
        }
    )
    return table.sort_values(["share", "results"], ascending=False, kind="stable", ignore_index=True)[columns]


def _label_rows(dataset: Dataset) -> sparse.csr_matrix:
    """(n_images, n_labels + 1) CSR of ones; the last column is "no label"."""
    from scipy import sparse

    n, n_labels = len(dataset), len(dataset.label_names)
    if dataset.label_matrix is not None:
        rows = sparse.csr_matrix(dataset.label_matrix, dtype=np.float64)
        unlabelled = np.asarray(rows.sum(axis=1)).ravel() == 0
        return sparse.hstack([rows, sparse.csr_matrix(unlabelled[:, None].astype(np.float64))]).tocsr()
    codes = np.where(dataset.labels >= 0, dataset.labels, n_labels)
    return sparse.csr_matrix((np.ones(n), (np.arange(n), codes)), shape=(n, n_labels + 1))


def confused_pairs(
    dataset: Dataset, evaluation: Evaluation, k: int, query_class: str, result_class: str, n: int = 60
) -> pd.DataFrame:
    """The images behind one cell of the confusions: the query, the result, its rank and score; best ranks first."""
    import pandas as pd

    queries, split = query_numbers(evaluation), dataset.split
    pairs = []
    if query_class in dataset.label_names and evaluation.ranking is not None:
        for row in np.flatnonzero(of_label(dataset, queries, query_class)):
            query = int(split.queries[queries[row]])
            for rank, item in enumerate(evaluation.ranking.items[row][:k], start=1):
                if item >= 0 and _has_label(dataset, int(split.gallery[item]), result_class):
                    score = float(evaluation.ranking.scores[row][rank - 1])
                    pairs.append((query, int(split.gallery[item]), rank, score))
    pairs.sort(key=lambda row: (row[2], -row[3]))
    return pd.DataFrame(pairs[:n], columns=["query", "result", "rank", "score"])


def _has_label(dataset: Dataset, position: int, label: str) -> bool:
    if not label:
        return not dataset.label_of(position)
    if dataset.label_matrix is not None:
        return label in [dataset.label_names[c] for c in dataset.label_matrix[position].indices]
    code = int(dataset.labels[position])
    return code >= 0 and dataset.label_names[code] == label
