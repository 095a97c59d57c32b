"""The table of metrics, and every metric of one list. Definitions: each metric's own sentence.

All are computed from the ranks of the relevant items (`RelevantRanks`), whatever made the ranking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from core import arrays
from core.errors import BadInput, UnknownName
from core.registry import Registry, nearest
from core.types import RelevantRanks

TIES = "Equal scores stand in the order of the gallery."
NOTHING = "A query without relevant items is left out of the mean."
SELF = "The query is never in its own list; a duplicate of it stays."


@dataclass(frozen=True)
class Metric:
    """One number that can be said about a system.

    Attributes:
        name: the key in results; "@k" stands for a cut-off, "p@k" becomes "p@10".
        label: what people read; "@k" is replaced in the same way.
        kind: "list" (per query, from ranks), "curve", "mean" (of a list metric, averaged otherwise), "knn" or
            "clustering".
        definition: one sentence, shown wherever the number is shown.
        divided_by, ties, nothing_relevant, self_match: the four answers that every metric owes.
        function: of list metrics: (RelevantRanks, k) → (n_queries,) float64, NaN where nothing is relevant.
        limits: lowest and highest value; None where there is no limit.
    """

    name: str
    label: str
    definition: str
    kind: str = "list"
    divided_by: str = ""
    ties: str = TIES
    nothing_relevant: str = NOTHING
    self_match: str = SELF
    higher_is_better: bool = True
    limits: tuple[float | None, float | None] = (0.0, 1.0)
    reference: str = ""
    function: Callable[..., np.ndarray] | None = None

    @property
    def needs_k(self) -> bool:
        """Whether it is read at a cut-off."""
        return self.name.endswith("@k")

    def at(self, k: int | None) -> str:
        """The key in results: "p@k" at 10 is "p@10"."""
        return self.name.replace("@k", f"@{k}") if self.needs_k else self.name

    def label_at(self, k: int | None) -> str:
        """The label in tables: "mAP@k (/R)" at 10 is "mAP@10 (/R)"."""
        return self.label.replace("@k", f"@{k}") if self.needs_k else self.label

    @property
    def sentence(self) -> str:
        """Everything that a person may ask about the number, for a tooltip."""
        parts = [self.definition]
        if self.divided_by:
            parts.append(f"Divided by {self.divided_by}.")
        parts += [self.ties, self.nothing_relevant, self.self_match]
        parts.append("Higher is better." if self.higher_is_better else "Lower is better.")
        if self.reference:
            parts.append(f"Reference: {self.reference}.")
        return " ".join(part for part in parts if part)


METRICS: Registry[Metric] = Registry("metric", Metric)

TREC = "trec_eval, https://github.com/usnistgov/trec_eval"


def _or_nan(values: np.ndarray, ranks: RelevantRanks) -> np.ndarray:
    return np.where(ranks.valid, values, np.nan)


def _share(sums: np.ndarray, divisor: np.ndarray | int, ranks: RelevantRanks) -> np.ndarray:
    """sums / divisor, NaN where the query does not count."""
    return np.divide(sums, divisor, out=np.full(ranks.n_queries, np.nan), where=ranks.valid)


def _parts(ranks: RelevantRanks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the kernels read. They are compiled for these very types."""
    return (
        np.require(ranks.indptr, np.int64, ["C", "W"]),
        np.require(ranks.ranks, np.int32, ["C", "W"]),
        np.require(ranks.retrieved, np.int32, ["C", "W"]),
    )


def hits_within(ranks: RelevantRanks, cut: int | np.ndarray) -> np.ndarray:
    """Relevant items among the first `cut` of each list: (n_queries,) int64.

    Args:
        cut: one depth, or (n_queries,) one per query.
    """
    from core.metrics import kernels

    cuts = np.array(np.broadcast_to(np.asarray(cut, np.int64), ranks.n_queries))
    return kernels.hits_within(*_parts(ranks), cuts)


def _precision_sums(ranks: RelevantRanks, hits: np.ndarray) -> np.ndarray:
    from core.metrics import kernels

    indptr, at, _ = _parts(ranks)
    return kernels.precision_sums(indptr, at, np.asarray(hits, np.int64))


@METRICS.register(
    "map",
    label="mAP",
    divided_by="R, all relevant items",
    definition="Average precision: the precision at the rank of every relevant item, averaged; then the mean of queries.",
    reference="Manning, Raghavan and Schütze 2008, section 8.4, doi:10.1017/CBO9780511809071",
)
def average_precision(ranks: RelevantRanks, k: int | None = None) -> np.ndarray:
    """(1/R) sum of c / r_c over all relevant items: (n_queries,) float64, NaN where R = 0."""
    return _share(_precision_sums(ranks, ranks.retrieved), ranks.n_relevant, ranks)


@METRICS.register(
    "map_cut@k",
    label="mAP@k (/R)",
    divided_by="R, so it cannot exceed k/R",
    definition="Average precision that reads only the first k results.",
    reference="trec_eval map_cut; ir_measures AP@k",
)
def average_precision_cut(ranks: RelevantRanks, k: int) -> np.ndarray:
    """(1/R) sum of c / r_c over r_c <= k."""
    return _share(_precision_sums(ranks, hits_within(ranks, k)), ranks.n_relevant, ranks)


@METRICS.register(
    "map_min@k",
    label="mAP@k (/min(k,R))",
    divided_by="the smaller of k and R, so a perfect top k is 1",
    definition="Average precision that reads only the first k results, over the hits that fit there.",
    reference="Weyand et al. 2020, Google Landmarks v2, arXiv:2004.01804",
)
def average_precision_min(ranks: RelevantRanks, k: int) -> np.ndarray:
    """The sum of `map_cut@k` divided by min(k, R)."""
    return _share(_precision_sums(ranks, hits_within(ranks, k)), np.minimum(ranks.n_relevant, k), ranks)


@METRICS.register(
    "map@r",
    label="mAP@R",
    divided_by="R",
    definition="Average precision that reads only the first R results of each query, R being its relevant items.",
    reference="Musgrave, Belongie and Lim 2020, arXiv:2003.08505",
)
def average_precision_at_r(ranks: RelevantRanks, k: int | None = None) -> np.ndarray:
    """`map_cut` with k = R."""
    return _share(_precision_sums(ranks, hits_within(ranks, ranks.n_relevant)), ranks.n_relevant, ranks)


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

    return _share(kernels.trapezoid_sums(*_parts(ranks)), ranks.n_relevant, ranks)


@METRICS.register(
    "p@k",
    label="P@k",
    divided_by="k, also when the list or R is shorter",
    definition="Precision: the share of the first k results that is relevant.",
    reference=TREC,
)
def precision(ranks: RelevantRanks, k: int) -> np.ndarray:
    """Hits in the first k / k."""
    return _share(hits_within(ranks, k), k, ranks)


@METRICS.register(
    "recall@k",
    label="Recall@k (fraction found)",
    divided_by="R",
    definition="The share of all relevant items that is among the first k results.",
    reference=TREC,
)
def recall(ranks: RelevantRanks, k: int) -> np.ndarray:
    """Hits in the first k / R."""
    return _share(hits_within(ranks, k), ranks.n_relevant, ranks)


@METRICS.register(
    "hit@k",
    label="Hit rate@k",
    divided_by="nothing",
    definition="1 if anything relevant is among the first k results (called Recall@k or CMC in metric learning).",
    reference="trec_eval success; Oh Song et al. 2016, arXiv:1511.06452",
)
def hit_rate(ranks: RelevantRanks, k: int) -> np.ndarray:
    """1 if there is a hit in the first k."""
    return _or_nan((hits_within(ranks, k) > 0).astype(np.float64), ranks)


@METRICS.register(
    "mrr",
    label="MRR",
    divided_by="nothing",
    definition="Reciprocal rank: 1 / the rank of the first relevant item, 0 if none was retrieved.",
    reference=TREC,
)
def reciprocal_rank(ranks: RelevantRanks, k: int | None = None) -> np.ndarray:
    """1 / r_1."""
    found = ranks.retrieved > 0
    values = np.zeros(ranks.n_queries)
    values[found] = 1 / ranks.ranks[ranks.indptr[:-1][found]]
    return _or_nan(values, ranks)


@METRICS.register(
    "rprec",
    label="R-precision",
    divided_by="R",
    definition="The share of the first R results that is relevant, R being the query's relevant items.",
    reference=TREC,
)
def r_precision(ranks: RelevantRanks, k: int | None = None) -> np.ndarray:
    """Hits in the first R / R."""
    return _share(hits_within(ranks, ranks.n_relevant), ranks.n_relevant, ranks)


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
    indptr, at, _ = _parts(ranks)
    gains = np.empty(0) if ranks.gains is None else np.require(ranks.gains, np.float64, ["C", "W"])
    sums = kernels.gain_sums(indptr, at, np.asarray(hits, np.int64), gains, table)
    if ranks.gains is None:
        return _share(sums, running[depth], ranks)
    ideal = np.require(ranks.ideal_gains, np.float64, ["C", "W"])
    return _share(sums, kernels.ideal_sums(indptr, ideal, table, np.asarray(depth, np.int64)), ranks)


@METRICS.register(
    "ap11",
    label="11-point AP (VOC 2007)",
    divided_by="11",
    definition="Mean of the interpolated precision at the 11 recall levels 0, 0.1 ... 1; this is not mAP.",
    reference="Everingham et al. 2010, PASCAL VOC, doi:10.1007/s11263-009-0275-4",
)
def eleven_point(ranks: RelevantRanks, k: int | None = None) -> np.ndarray:
    """Mean of the 11 interpolated precisions."""
    from core.metrics.curves import levels

    return levels(ranks).mean(axis=1)


METRICS.add(
    Metric(
        "iprec",
        label="Interpolated precision (11 levels)",
        kind="curve",
        divided_by="R where recall is counted",
        definition="At recall levels 0, 0.1 ... 1: the best precision at that recall or a higher one, mean of queries.",
        reference="Manning, Raghavan and Schütze 2008, section 8.4, doi:10.1017/CBO9780511809071",
    )
)
METRICS.add(
    Metric(
        "map_class_mean",
        label="mAP (mean of classes)",
        kind="mean",
        divided_by="the number of classes that have a valid query",
        definition="Mean over classes of the mean average precision of a class's queries: small classes count as much.",
        reference="DEFINITIONS.md, section 3",
    )
)
METRICS.add(
    Metric(
        "map_empty_as_zero",
        label="mAP (empty queries count 0)",
        kind="mean",
        divided_by="all queries",
        definition="The average precisions summed over valid queries and divided by all queries, as some tools do.",
        nothing_relevant="A query without relevant items counts 0.",
        reference="ranx, pytrec_eval",
    )
)
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
_CLUSTERS: dict[str, Any] = {
    "kind": "clustering",
    "ties": "",
    "self_match": "",
    "nothing_relevant": "Unlabelled items are left out.",
}
METRICS.add(
    Metric(
        "silhouette_cosine",
        label="Silhouette (cosine)",
        limits=(-1.0, 1.0),
        definition="How much nearer an item is to its own class than to the next one, by 1 − cosine; mean over items.",
        divided_by="labelled gallery items",
        reference="Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7",
        **_CLUSTERS,
    )
)
METRICS.add(
    Metric(
        "silhouette_euclidean_l2",
        label="Silhouette (Euclidean, unit vectors)",
        limits=(-1.0, 1.0),
        definition="How much nearer an item is to its own class than to the next one, Euclidean, on unit vectors.",
        divided_by="labelled gallery items",
        reference="Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7",
        **_CLUSTERS,
    )
)
METRICS.add(
    Metric(
        "davies_bouldin_l2",
        label="Davies-Bouldin (unit vectors)",
        limits=(0.0, None),
        higher_is_better=False,
        definition="Spread of two classes over the distance of their centres, the worst neighbour of each, averaged.",
        divided_by="classes",
        reference="Davies and Bouldin 1979, doi:10.1109/TPAMI.1979.4766909",
        **_CLUSTERS,
    )
)
METRICS.add(
    Metric(
        "calinski_harabasz_l2",
        label="Calinski-Harabasz (unit vectors)",
        limits=(0.0, None),
        definition="Spread between classes over spread within; it grows with the number of items: compare on one set.",
        divided_by="degrees of freedom",
        reference="Caliński and Harabasz 1974, doi:10.1080/03610927408827101",
        **_CLUSTERS,
    )
)


def precision_revisitop(ranks: RelevantRanks, k: int) -> np.ndarray:
    """hits / min(k, r_R), only inside the Oxford/Paris report: (n_queries,) float64, NaN where R = 0.

    Reference: Radenović et al. 2018, arXiv:1803.11285 ("mP@k" of that paper).
    """
    last = np.full(ranks.n_queries, 1, np.int64)
    whole = ranks.valid & (ranks.retrieved == ranks.n_relevant)
    last[whole] = ranks.ranks[ranks.indptr[1:][whole] - 1]
    return _share(hits_within(ranks, k), np.where(whole, np.minimum(k, last), k), ranks)


def parse(key: str) -> tuple[Metric, int | None]:
    """'p@10' → (the metric p@k, 10); 'map' → (map, None).

    Raises:
        UnknownName: no such metric.
    """
    if key in METRICS:
        return METRICS[key], None
    stem, _, cut = key.rpartition("@")
    if stem and cut.isdigit() and f"{stem}@k" in METRICS:
        return METRICS[f"{stem}@k"], int(cut)
    near = _nearest(key)
    if near:
        raise UnknownName(
            f"No metric is named {key[:40]!r}. Did you mean {near!r}? `python -m core list metrics` shows all {len(METRICS)}."
        )
    return METRICS[key], None


def _nearest(key: str) -> str:
    """The key that somebody meant who wrote a metric's long name, or its label: 'precision@5' → 'p@5'; "" for none."""
    stem, at, cut = key.strip().lower().replace(" ", "_").replace("-", "_").partition("@")
    spelled: dict[str, Metric] = {}
    for metric in METRICS:
        if not at or metric.needs_k:
            label = metric.label.partition("@")[0].lower().replace(" ", "_")
            words = (metric.name.partition("@")[0], label, metric.function.__name__ if metric.function else "")
            for word in filter(None, words):
                spelled.setdefault(word, metric)
    near = nearest(stem, spelled, count=1, cutoff=0.75)
    if not near:
        return ""
    metric = spelled[near[0]]
    return metric.at(int(cut)) if cut.isdecimal() and len(cut) < 9 else metric.name


def label(key: str) -> str:
    """What people read for a key of results: 'map_cut@10' → 'mAP@10 (/R)'."""
    metric, k = parse(key)
    return metric.label_at(k)


def sentence(key: str) -> str:
    """The definition sentence and the four answers for a key of results, for tooltips."""
    return parse(key)[0].sentence


def list_keys(ks: Iterable[int]) -> tuple[str, ...]:
    """The keys of all list metrics at these cut-offs, in the order of the table."""
    ks = tuple(ks)
    return tuple(m.at(k) for m in METRICS if m.kind == "list" for k in (ks if m.needs_k else (None,)))


SHARED_FROM = 1_000_000
"""Ranks from which on the metrics of a list are worked out side by side; the kernels hold no lock."""


def compute(ranks: RelevantRanks, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """List metrics of every query: key → (n_queries,) float64, NaN where nothing is relevant.

    Raises:
        BadInput: a key that is not a list metric, or a cut-off below 1.
    """
    wanted = []
    for key in keys:
        metric, k = parse(key)
        if metric.function is None:
            raise BadInput(f"{key!r} is not a metric of single lists.")
        if metric.needs_k and (k is None or k < 1):
            raise BadInput(f"{key!r} needs a cut-off of at least 1, such as {metric.at(10)!r}.")
        wanted.append((metric.function, k))
    if len(ranks.ranks) < SHARED_FROM or len(wanted) == 1:
        return {key: function(ranks, k) for key, (function, k) in zip(keys, wanted)}
    values = arrays.threads().map(lambda one: one[0](ranks, one[1]), wanted)
    return dict(zip(keys, values))


def mean(values: np.ndarray) -> float:
    """Mean over the queries that count; NaN when none does."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


def class_mean(values: np.ndarray, classes: np.ndarray) -> float:
    """Mean over classes of the mean over a class's queries; NaN values and class −1 are left out.

    Args:
        values: (n_queries,) float64; classes: (n_queries,) int64.
    """
    use = ~np.isnan(values) & (classes >= 0)
    if not use.any():
        return float("nan")
    sums, sizes = np.bincount(classes[use], values[use]), np.bincount(classes[use])
    return float((sums[sizes > 0] / sizes[sizes > 0]).mean())


def empty_as_zero(values: np.ndarray) -> float:
    """The sum over queries that count, divided by all queries; NaN when none counts."""
    return float(np.nansum(values) / len(values)) if (~np.isnan(values)).any() else float("nan")


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
