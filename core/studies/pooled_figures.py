"""What judged results say about a system: P@k with the bounds of what nobody judged, and the sentence beside all figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from core import metrics, wording
from core.metrics import pooled
from core.types import Dataset, Figure, Relevance

text = wording.page("judge")
OF_LISTS = ("map", "bpref", "ndcg")
"""List metrics that judged results tell, each query by itself; `metrics.label` has their names."""
OTHER_MEANS = ("map_class_mean", "map_empty_as_zero")


def marking(dataset: Dataset) -> str:
    """ "Judged: 412 of 1,900 results in the first 10.", which stands wherever figures of judged results do; "" elsewhere."""
    pool = dataset.pool
    if not dataset.is_judged or pool is None:
        return ""
    judged = f"{pool.judged:,}"
    if not pool.k:
        return text("phrase.marked_alone", judged=judged)
    return text("phrase.marked", judged=judged, pooled=f"{pool.pooled:,}", k=pool.k)


def queries(truth: Relevance) -> str:
    """How many queries were judged, and of how many something that fits is known."""
    n_judged = 0 if truth.judged is None else int(truth.judged.sum())
    n_valid = int((truth.n_relevant > 0).sum())
    return text("sentence.judged_queries", judged=f"{n_judged:,}", every=f"{truth.n_queries:,}", valid=f"{n_valid:,}")


def warning(dataset: Dataset, truth: Relevance) -> str:
    """What to read before figures of judged results; "" where the truth is whole."""
    if not truth.pooled:
        return ""
    return f"{marking(dataset)} {text('sentence.marked_figures')}".strip()


def defined(keys: Iterable[str]) -> dict[str, None]:
    """Of the columns of a table those that judged results can fill, and the others that they can, in order."""
    fixed = [key for key in keys if key.startswith("p@") or metrics.parse(key)[0].kind not in ("list", "mean", "pairs")]
    return dict.fromkeys([*OF_LISTS, *fixed])


def not_defined(keys: Iterable[str], n_queries: int) -> dict[str, Figure]:
    """Figures of lists that judged results cannot tell: dashes with the reason."""
    nan, note = float("nan"), text("sentence.not_defined")
    undefined = [key for key in keys if not metrics.parse(key)[0].judged and not key.startswith("p@")]
    return {key: Figure(nan, nan, nan, n_queries, 0, note) for key in [*undefined, *OTHER_MEANS]}


def precision_at(
    truth: Relevance, items: np.ndarray, ks: Sequence[int], groups: np.ndarray | None, seed: int = 0
) -> dict[str, Figure]:
    """P@k of a system whose lists hold what nobody judged too: "p@k" → the figure, its note the share that is judged.

    Args:
        truth: what was judged.
        items: (n_queries, >= max(ks)) int64 gallery positions, −1 where a list ended.
        groups: (n_queries,) int64 queries that are drawn together, None for single ones.
    """
    width = truth.n_gallery
    owners = np.repeat(np.arange(truth.n_queries), np.diff(truth.junk_indptr))
    keys = np.where(items >= 0, np.arange(truth.n_queries)[:, None] * width + items, -1)
    relevant = np.isin(keys, np.repeat(np.arange(truth.n_queries), truth.n_relevant) * width + truth.items)
    unjudged = np.isin(keys, owners * width + truth.junk_items)
    figures, judged = {}, np.zeros(truth.n_queries, bool) if truth.judged is None else truth.judged
    for k in ks:
        hits = np.where(judged, relevant[:, :k].sum(axis=1), np.nan)
        known = pooled.precision(hits, unjudged[:, :k].sum(axis=1), k, groups, seed)
        note = text("sentence.unjudged", share=wording.percent(known.judged), k=k) if known.judged < 1 else ""
        n_valid = 0 if math.isnan(known.estimate) else known.n_queries
        figures[f"p@{k}"] = Figure(known.estimate, known.low, known.high, truth.n_queries, n_valid, note)
    return figures
