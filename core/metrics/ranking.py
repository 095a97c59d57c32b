"""Every metric of one list. Definitions: each metric's own sentence, and DEFINITIONS.md, section 3.

All are computed from the ranks of the relevant items (`RelevantRanks`), whatever made the ranking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from core.errors import BadInput
from core.metrics.rank_arrays import hits_within, or_nan, rank_arrays, share
from core.metrics.registry import METRICS, label, parse
from core.types import RelevantRanks

TREC = "trec_eval, https://github.com/usnistgov/trec_eval"


def _precision_sums(ranks: RelevantRanks, hits: np.ndarray) -> np.ndarray:
    from core.metrics import kernels

    indptr, at, _ = rank_arrays(ranks)
    return kernels.precision_sums(indptr, at, np.asarray(hits, np.int64))


@METRICS.register(
    "map",
    label="mAP",
    divided_by="R, all relevant items",
    definition="Average precision: the precision at the rank of every relevant item, averaged; then the mean of queries.",
    judged="mAP′",
    reference="Manning, Raghavan and Schütze 2008, section 8.4, doi:10.1017/CBO9780511809071",
)
def average_precision(ranks: RelevantRanks, k: int | None = None) -> np.ndarray:
    """(1/R) sum of c / r_c over all relevant items: (n_queries,) float64, NaN where R = 0."""
    return share(_precision_sums(ranks, ranks.retrieved), ranks.n_relevant, ranks)


@METRICS.register(
    "map_cut@k",
    label="mAP@k (/R)",
    divided_by="R, so it cannot exceed k/R",
    definition="Average precision that reads only the first k results.",
    reference="trec_eval map_cut; ir_measures AP@k",
)
def average_precision_cut(ranks: RelevantRanks, k: int) -> np.ndarray:
    """(1/R) sum of c / r_c over r_c <= k."""
    return share(_precision_sums(ranks, hits_within(ranks, k)), ranks.n_relevant, ranks)


@METRICS.register(
    "map_min@k",
    label="mAP@k (/min(k,R))",
    divided_by="the smaller of k and R, so a perfect top k is 1",
    definition="Average precision that reads only the first k results, over the hits that fit there.",
    reference="Weyand et al. 2020, Google Landmarks v2, arXiv:2004.01804",
)
def average_precision_min(ranks: RelevantRanks, k: int) -> np.ndarray:
    """The sum of `map_cut@k` divided by min(k, R)."""
    return share(_precision_sums(ranks, hits_within(ranks, k)), np.minimum(ranks.n_relevant, k), ranks)


@METRICS.register(
    "map@r",
    label="mAP@R",
    divided_by="R",
    definition="Average precision that reads only the first R results of each query, R being its relevant items.",
    reference="Musgrave, Belongie and Lim 2020, arXiv:2003.08505",
)
def average_precision_at_r(ranks: RelevantRanks, k: int | None = None) -> np.ndarray:
    """`map_cut` with k = R."""
    return share(_precision_sums(ranks, hits_within(ranks, ranks.n_relevant)), ranks.n_relevant, ranks)


@METRICS.register(
    "map_trapz",
    label="mAP (trapezoids)",
    divided_by="R",
    definition="Average precision by trapezoids, as the Oxford/Paris benchmark computes it; not comparable with mAP.",
    reference="Radenović et al. 2018, revisited Oxford and Paris, arXiv:1803.11285",
)
def average_precision_trapezoid(ranks: RelevantRanks, k: int | None = None) -> np.ndarray:
    """(1/R) sum of the mean of the precisions just before and at each relevant item."""
    from core.metrics import kernels

    return share(kernels.trapezoid_sums(*rank_arrays(ranks)), ranks.n_relevant, ranks)


@METRICS.register(
    "p@k",
    label="P@k",
    divided_by="k, also when the list or R is shorter",
    definition="Precision: the share of the first k results that is relevant.",
    reference=TREC,
)
def precision(ranks: RelevantRanks, k: int) -> np.ndarray:
    """Hits in the first k / k."""
    return share(hits_within(ranks, k), k, ranks)


@METRICS.register(
    "recall@k",
    label="Recall@k (fraction found)",
    divided_by="R",
    definition="The share of all relevant items that is among the first k results.",
    reference=TREC,
)
def recall(ranks: RelevantRanks, k: int) -> np.ndarray:
    """Hits in the first k / R."""
    return share(hits_within(ranks, k), ranks.n_relevant, ranks)


@METRICS.register(
    "hit@k",
    label="Hit rate@k",
    divided_by="nothing",
    definition="1 if anything relevant is among the first k results (called Recall@k or CMC in metric learning).",
    reference="trec_eval success; Oh Song et al. 2016, arXiv:1511.06452",
)
def hit_rate(ranks: RelevantRanks, k: int) -> np.ndarray:
    """1 if there is a hit in the first k."""
    return or_nan((hits_within(ranks, k) > 0).astype(np.float64), ranks)


@METRICS.register(
    "mrr",
    label="MRR",
    divided_by="nothing",
    definition="Reciprocal rank: 1 / the rank of the first relevant item, 0 if none was retrieved.",
    reference=TREC,
)
def reciprocal_rank(ranks: RelevantRanks, k: int | None = None) -> np.ndarray:
    """1 / r_1."""
    retrieved = ranks.retrieved > 0
    values = np.zeros(ranks.n_queries)
    values[retrieved] = 1 / ranks.ranks[ranks.indptr[:-1][retrieved]]
    return or_nan(values, ranks)


@METRICS.register(
    "rprec",
    label="R-precision",
    divided_by="R",
    definition="The share of the first R results that is relevant, R being the query's relevant items.",
    reference=TREC,
)
def r_precision(ranks: RelevantRanks, k: int | None = None) -> np.ndarray:
    """Hits in the first R / R."""
    return share(hits_within(ranks, ranks.n_relevant), ranks.n_relevant, ranks)


@METRICS.register(
    "bpref",
    label="bpref",
    judged="bpref",
    divided_by="R, each relevant item's part by the smaller of R and the number of other items",
    definition="How seldom other images stand above relevant ones; read from judged images alone where people judged.",
    reference="Buckley and Voorhees 2004, doi:10.1145/1008992.1009000",
)
def binary_preference(ranks: RelevantRanks, k: int | None = None) -> np.ndarray:
    """(1/R) sum of 1 − min(others above, R) / min(others, R) over retrieved relevant items."""
    from core.metrics import kernels

    others = np.minimum(ranks.list_length - ranks.n_relevant, ranks.n_relevant)
    return share(kernels.preference_sums(*rank_arrays(ranks), others), ranks.n_relevant, ranks)


@METRICS.register(
    "ndcg@k",
    label="nDCG@k",
    divided_by="the best that is possible with all relevant items, cut at k",
    definition="Gains of the first k results, each divided by log2(rank + 1), over the same sum of an ideal list.",
    reference="Järvelin and Kekäläinen 2002, doi:10.1145/582415.582418",
)
def discounted_gain_cut(ranks: RelevantRanks, k: int) -> np.ndarray:
    """DCG@k / IDCG@k with linear gains."""
    return _discounted(ranks, hits_within(ranks, k), np.minimum(ranks.n_relevant, k))


@METRICS.register(
    "ndcg",
    label="nDCG",
    judged="nDCG′",
    divided_by="the best that is possible with all relevant items",
    definition="Gains of all results, each divided by log2(rank + 1), over the same sum of an ideal list.",
    reference="Järvelin and Kekäläinen 2002, doi:10.1145/582415.582418",
)
def discounted_gain(ranks: RelevantRanks, k: int | None = None) -> np.ndarray:
    """DCG / IDCG over the whole list with linear gains."""
    return _discounted(ranks, ranks.retrieved, ranks.n_relevant)


@lru_cache(maxsize=4)
def _discounts(longest: int) -> tuple[np.ndarray, np.ndarray]:
    """1 / log2(rank + 1) by rank (rank 0 is 0), and its running sum."""
    table = np.concatenate([[0.0], 1 / np.log2(np.arange(2, longest + 2))])
    return table, np.cumsum(table)


def _discounted(ranks: RelevantRanks, hits: np.ndarray, depth: np.ndarray) -> np.ndarray:
    from core.metrics import kernels

    longest = int(max(ranks.list_length.max(initial=0), ranks.n_relevant.max(initial=0)))
    table, running = _discounts(longest)
    indptr, at, _ = rank_arrays(ranks)
    gains = np.empty(0) if ranks.gains is None else np.require(ranks.gains, np.float64, ["C", "W"])
    sums = kernels.gain_sums(indptr, at, np.asarray(hits, np.int64), gains, table)
    if ranks.gains is None:
        return share(sums, running[depth], ranks)
    ideal = np.require(ranks.ideal_gains, np.float64, ["C", "W"])
    return share(sums, kernels.ideal_sums(indptr, ideal, table, np.asarray(depth, np.int64)), ranks)


def precision_revisitop(ranks: RelevantRanks, k: int) -> np.ndarray:
    """hits / min(k, r_R), only inside the Oxford/Paris report: (n_queries,) float64, NaN where R = 0.

    Reference: Radenović et al. 2018, arXiv:1803.11285 ("mP@k" of that paper).
    """
    last = np.full(ranks.n_queries, 1, np.int64)
    whole = ranks.valid & (ranks.retrieved == ranks.n_relevant)
    last[whole] = ranks.ranks[ranks.indptr[1:][whole] - 1]
    return share(hits_within(ranks, k), np.where(whole, np.minimum(k, last), k), ranks)


def _not_defined(ranks: RelevantRanks, k: int | None = None) -> np.ndarray:
    """NaN for every query: what cannot be told from some judged results."""
    return np.full(ranks.n_queries, np.nan)


def compute(ranks: RelevantRanks, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """List metrics of every query: key → (n_queries,) float64, NaN where nothing is relevant, or nothing can be told.

    Raises:
        BadInput: a key that is not a list metric, or a cut-off below 1.
    """
    wanted = []
    for key in keys:
        metric, k = parse(key)
        if metric.kind != "list" or metric.function is None:
            raise BadInput(f"{key!r} is not a metric of single lists.")
        if metric.needs_k and (k is None or k < 1):
            raise BadInput(f"{key!r} needs a cut-off of at least 1, such as {metric.at(10)!r}.")
        function = metric.function if metric.judged or not ranks.pooled else _not_defined
        wanted.append((function, k))
    return {key: function(ranks, k) for key, (function, k) in zip(keys, wanted)}


def falls_with_k(means: Mapping[str, float]) -> str | None:
    """The sentence that refuses a table in which recall or hit rate falls with k; None when all is well.

    Args:
        means: key → mean of one system.
    """
    for stem in ("recall", "hit"):
        cuts = sorted((int(key.split("@")[1]), value) for key, value in means.items() if key.startswith(f"{stem}@"))
        cuts = [(k, value) for k, value in cuts if not np.isnan(value)]
        for (low, before), (high, after) in zip(cuts, cuts[1:]):
            if after < before - 1e-12:
                return (
                    f"{label(f'{stem}@{high}')} is {after:.4f}, below {before:.4f} at {low}: it cannot fall with k. "
                    "The table is not saved; some column of it is another metric."
                )
    return None
