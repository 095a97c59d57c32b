"""Why a fusion answers as it does: per hit, per backbone, over all weights, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import BadInput
from core.fusion import late, learned
from core.metrics import resampling
from core.studies.fusion_costs import MOST_FOR_SUBSETS, subsets
from core.studies.systems import System
from core.studies.weight_search import DRAWS
from core.task import NO_TASK, Task

if TYPE_CHECKING:
    pass

UNKNOWN = -1
"""The rank of a hit that nobody worked out."""


# ---------------------------------------------------------------- one hit


@dataclass(frozen=True)
class ScoreContributions:
    """Where the score of each shown hit comes from; all arrays are (n_hits, n_backbones).

    Attributes:
        backbones: names, in the fusion's order, those with weight 0 left out.
        ranks: int, each backbone's own rank of the hit among all gallery images without the query; 0 is "not there",
            UNKNOWN (−1) is "not worked out".
        scores: float32, each backbone's own cosine.
        parts: float64, what each backbone adds to the fused score; a row sums to it. NaN where a fusion of vectors
            cannot be taken apart (means, PCA, heads).
    """

    backbones: tuple[str, ...]
    ranks: np.ndarray
    scores: np.ndarray
    parts: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """Each backbone's share of the hit's fused score, rows sum to 1: parts below 0 count as nothing."""
        above = np.maximum(self.parts, 0.0)
        total = above.sum(axis=1, keepdims=True)
        return np.where(total > 0, above / np.where(total > 0, total, 1.0), np.where(np.isnan(total), np.nan, 0.0))

    def sentence(self, hit: int, k: int) -> str:
        """'found by a (1), b (4), lost by c (212)': which backbones have it among their own first k."""
        finders = [f"{n} ({r})" for n, r in zip(self.backbones, self.ranks[hit]) if 0 < r <= k]
        losers = [f"{n} ({r})" if r else n for n, r in zip(self.backbones, self.ranks[hit]) if not 0 < r <= k]
        parts = [("found by", finders), ("lost by", losers)]
        return ", ".join(f"{verb} {', '.join(names)}" for verb, names in parts if names)


def score_contributions(system: System, query: int, items: np.ndarray) -> ScoreContributions:
    """Each backbone's rank, score and say for some gallery items of one query.

    Args:
        query: position among the queries.
        items: (n_hits,) gallery positions.
    """
    system = system.before  # a re-ranking looks at neighbours, not at backbones
    space, items = system.prepared, np.asarray(items, np.int64)
    names = system.backbones
    self_position = space.self_position[query : query + 1]
    rows = [space.scores(name, query, query + 1) for name in names]
    ranks = np.stack([space.ranks(name, query, query + 1)[0, items] for name in names], axis=1)
    scores = np.stack([row[0, items] for row in rows], axis=1)
    fused = system.block(query, query + 1)[0, items].astype(np.float64)
    raw = _raw_parts(system, query, rows, self_position)
    if raw is None:
        parts = np.full(scores.shape, np.nan)
    else:
        raw = raw[:, items].T
        total = raw.sum(axis=1)
        scale = np.where(np.abs(total) > 1e-300, fused / np.where(np.abs(total) > 1e-300, total, 1.0), 0.0)
        parts = raw * np.where(np.isfinite(scale), scale, 0.0)[:, None]
    return ScoreContributions(names, ranks, scores, parts)


def parts_of_few(system: System, query: int, items: np.ndarray, ranks: np.ndarray | None = None) -> ScoreContributions:
    """`hit_parts` of a backbone or of a fusion by shares without scoring the whole gallery.

    A backbone's own rank then is known only where it answers alone.

    Args:
        ranks: (n_hits,) int, the system's self_position ranks of the items.
    """
    names, shares = system.backbones, system.shares
    scores = np.stack([system.prepared.cosines_with(name, query, items) for name in names], axis=1)
    known = len(names) == 1 and ranks is not None
    each_rank = np.asarray(ranks)[:, None] if known else np.full(scores.shape, UNKNOWN, np.int64)
    return ScoreContributions(
        names, each_rank, scores.astype(np.float32), scores * np.array([shares[name] for name in names])
    )


def _raw_parts(system: System, query: int, rows: list[np.ndarray], self_position: np.ndarray) -> np.ndarray | None:
    """(n_backbones, n_gallery): what each adds, up to one factor per item; None where vectors were mixed."""
    spec = system.spec
    if spec is None:
        return np.stack([row[0] for row in rows]).astype(np.float64)
    weights, settings = spec.active_weights, spec.settings
    if spec.kind == "concat":
        return np.stack([w * w * row[0] for w, row in zip(weights, rows)]).astype(np.float64)
    if spec.strategy.joins == "vectors":
        return None
    if spec.kind == "confidence":
        shares = late.confidence_shares(rows, weights, self_position, settings["sharpness"], settings["read"])
        return _scaled_alone(rows, shares[0], self_position, "minmax")
    if spec.kind == "gate":
        vectors = [system.prepared.get(name)[system.space.split.queries[query : query + 1]] for name in spec.active]
        inputs = learned.gate_inputs(
            rows, self_position, vectors, *(spec.array(n) for n in ("center", "scale", "basis"))
        )
        shares = learned.gate_shares(inputs, spec.array("weight"), spec.array("bias"))
        return _scaled_alone(rows, shares[0], self_position, "zscore")
    alone = []
    for weight, row in zip(weights, rows):
        keywords = spec.strategy.keywords(own=self_position, names=spec.active, **settings)
        alone.append(spec.strategy.function([row], np.array([weight]), **keywords)[0])
    parts = np.where(np.isfinite(alone), alone, 0.0)
    return parts * weights[:, None] if spec.kind == "score_sum" else parts


def _scaled_alone(rows: list[np.ndarray], shares: np.ndarray, self_position: np.ndarray, norm: str) -> np.ndarray:
    alone = [late.weighted_by_query([row], np.ones((1, 1)), self_position, norm)[0] for row in rows]
    return np.where(np.isfinite(alone), alone, 0.0) * shares[:, None]


# ---------------------------------------------------------------- one system


def random_average_precision(n_relevant: np.ndarray, list_length: np.ndarray) -> np.ndarray:
    """Expected AP of a random order: what "no backbone at all" is worth.

    ((R − 1)/(N − 1) · (N − H_N) + H_N)/N with H_N the harmonic number; NaN where R is 0.

    >>> random_average_precision(np.array([1]), np.array([2]))
    array([0.75])
    """
    relevant, length = np.asarray(n_relevant, np.float64), np.asarray(list_length, np.int64)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, int(length.max(initial=0)) + 1))])[length]
    rest = np.where(length > 1, (relevant - 1) / np.maximum(length - 1, 1), 0.0)
    value = (rest * (length - harmonic) + harmonic) / np.maximum(length, 1)
    return np.where(relevant > 0, value, np.nan)


@dataclass(frozen=True)
class Attribution:
    """What each backbone adds to a fusion.

    Attributes:
        backbones: names.
        nothing, everything: mean AP of a random order, and of the whole fusion; the Shapley values lead from one to
            the other.
        shapley, low, high: (n_backbones,) exact Shapley values of the mean AP and their 95 % bootstrap intervals.
        without: (n_backbones,) mean AP of the fusion without this backbone.
        alone: (n_backbones,) mean AP of this backbone alone.
        values: mean AP of every subset.
    """

    backbones: tuple[str, ...]
    nothing: float
    everything: float
    shapley: np.ndarray
    low: np.ndarray
    high: np.ndarray
    without: np.ndarray
    alone: np.ndarray
    values: Mapping[tuple[str, ...], float]

    def sentences(self) -> list[str]:
        """'clip adds +0.021', the largest first."""
        order = np.argsort(-self.shapley, kind="stable")
        return [f"{self.backbones[m]} adds {self.shapley[m]:+.3f}" for m in order]


def shapley(
    value: Callable[[tuple[str, ...]], np.ndarray], backbones: Sequence[str], nothing: np.ndarray | float
) -> np.ndarray:
    """Exact Shapley values: the mean, over all orders of joining, of what a backbone adds when it joins.

    Args:
        value: a subset, in the order of `backbones` → its value, a number or one per query.
        nothing: the value of the empty subset.
    Returns:
        (n_backbones, ...) float64; they sum to the value of all less that of nothing.
    Raises:
        BadInput: more than eight backbones.
    Reference:
        Shapley 1953, A value for n-person games, doi:10.1515/9781400881970-018.
    >>> shapley(lambda s: np.float64(len(s)), ("a", "b"), 0.0)
    array([1., 1.])
    """
    n = len(backbones)
    if n > MOST_FOR_SUBSETS:
        raise BadInput(f"Exact Shapley values go up to {MOST_FOR_SUBSETS} backbones, not {n}. Take some out.")
    table: dict[tuple[str, ...], np.ndarray] = {(): np.asarray(nothing, np.float64)}
    table |= {chosen: np.asarray(value(chosen), np.float64) for chosen in subsets(backbones)}
    values = []
    for name in backbones:
        total = np.zeros(np.broadcast_shapes(*(column.shape for column in table.values())))
        others = [other for other in backbones if other != name]
        for chosen in [(), *subsets(others)]:
            weight = math.factorial(len(chosen)) * math.factorial(n - len(chosen) - 1) / math.factorial(n)
            joined = tuple(other for other in backbones if other in chosen or other == name)
            total = total + weight * (table[joined] - table[chosen])
        values.append(total)
    return np.array(values)


def attribution(
    per_query: Callable[[tuple[str, ...]], np.ndarray],
    backbones: Sequence[str],
    nothing: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    seed: int = 0,
    task: Task = NO_TASK,
) -> Attribution:
    """Shapley values, leave-one-out and every subset's mean AP, from AP per query of every subset.

    Args:
        per_query: subset → (n_queries,) float64 AP, NaN where not valid.
        nothing: (n_queries,) AP of a random order.
        groups: (n_queries,) int64 classes that are drawn as a whole, see `Relevance.query_groups`.
    """
    backbones = tuple(backbones)
    meter = task.meter("Trying all subsets", 2 ** len(backbones) - 1, "subsets")
    table: dict[tuple[str, ...], np.ndarray] = {}

    def value(chosen: tuple[str, ...]) -> np.ndarray:
        """The metric of every query for these backbones, kept in the table."""
        task.check()
        table[chosen] = np.asarray(per_query(chosen), np.float64)
        meter.add(1)
        return table[chosen]

    each = shapley(value, backbones, nothing)
    valid = ~np.isnan(each).any(axis=0)
    classes = None if groups is None else groups[valid]
    low, high = resampling.intervals(each[:, valid].T, DRAWS, seed, classes, bounded=False)
    means = {chosen: float(np.nanmean(values)) for chosen, values in table.items()}
    empty = float(np.mean(np.asarray(nothing)[valid]))
    without = [
        means.get(tuple(other for other in backbones if other != name), empty if len(backbones) == 1 else np.nan)
        for name in backbones
    ]
    return Attribution(
        backbones,
        empty,
        means[backbones],
        each[:, valid].mean(axis=1),
        low,
        high,
        np.array(without),
        np.array([means[(name,)] for name in backbones]),
        means,
    )


# ---------------------------------------------------------------- winners and losers


def winners_and_losers(
    now: np.ndarray, before: np.ndarray, most: int = 12
) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """The queries that gain and lose most against a baseline.

    Args:
        now, before: (n_queries,) AP of the same queries, NaN where not valid.
    Returns:
        winners and losers: (query, difference), the largest change first, equal ones by query; no change is neither.
    """
    change = np.asarray(now, np.float64) - np.asarray(before, np.float64)
    usable = np.flatnonzero(~np.isnan(change) & (np.abs(np.nan_to_num(change)) > 1e-12))
    order = usable[np.lexsort((usable, -np.abs(change[usable])))]
    up = [(int(q), float(change[q])) for q in order if change[q] > 0][:most]
    down = [(int(q), float(change[q])) for q in order if change[q] < 0][:most]
    return up, down
