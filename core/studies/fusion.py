"""Is the fusion better than its best backbone? Asked on the same queries, answered with an interval and in words."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from core import arrays, data
from core.backbones import network
from core.errors import BadInput
from core.fusion import FusionSpec
from core.metrics import ranking as metrics
from core.metrics import significance
from core.search.live_engine import LiveEngine
from core.search.ranking import RankingResult, rank_scores
from core.studies import embedding
from core.studies.fusion_attribution import FusionCost, total_cost
from core.studies.systems import System, build
from core.studies.vector_set import VectorSet
from core.studies.weight_search import TrainingSplit, split_queries
from core.task import NO_TASK, ProgressMeter, Task
from core.types import Dataset, Relevance, RelevantRanks, Split

if TYPE_CHECKING:
    import pandas as pd

    from core.studies import evaluation

ORACLE = "best per query (upper bound)"
"""Not a system: for every query the best of the rows above. Nobody can choose like that without knowing the answer."""


def evaluate(
    dataset: Dataset,
    backbones: Sequence[str],
    fusions: Sequence[FusionSpec] = (),
    ks: Sequence[int] = (1, 5, 10),
    **how: Any,
) -> evaluation.Result:
    """Every backbone alone and every fusion, with all metrics, on a dataset whose embeddings are in the store.

    Args:
        how: more of `evaluation.evaluate`: metric, by_class, seed, task.
    Raises:
        NotComputed: an embedding is missing; the sentence is the command to run.
    """
    from core.studies import evaluation

    used = list(dict.fromkeys([*backbones, *(name for spec in fusions for name in spec.backbones)]))
    space = space_of(dataset, used)
    for spec in fusions:
        refuse_trained(spec, query_keys(dataset))
    return evaluation.evaluate(build(space, backbones, fusions), data.relevance(dataset), ks, dataset=dataset, **how)


def space_of(dataset: Dataset, backbones: Sequence[str]) -> VectorSet:
    """The stored vectors of these backbones over the dataset's split."""
    return VectorSet({name: embedding.embeddings(dataset, name).vectors for name in backbones}, dataset.split)


def query_keys(dataset: Dataset) -> list[str]:
    """The content key of every query, in the split's order."""
    return [key.decode() for key in np.asarray(dataset.keys, "S64")[dataset.split.queries].tolist()]


@dataclass(frozen=True)
class Training:
    """Who trains and who reports, in a dataset.

    Attributes:
        split: the two sides.
        asked, truth: the space that the training queries ask in, asked by them alone, and its truth.
        keys: content keys of the training queries.
        groups: (n_images,) int64, class or instance of every image, −1 unlabelled: what training may tell apart.
    """

    split: TrainingSplit
    asked: VectorSet
    truth: Relevance
    keys: tuple[str, ...]
    groups: np.ndarray


def training(
    dataset: Dataset,
    space: VectorSet,
    truth: Relevance,
    *,
    fraction: float = 0.5,
    seed: int = 0,
    most: int | None = None,
) -> Training:
    """The dataset's own training images where it names some, else a part of its queries: whole classes or instances.

    Args:
        most: train on a seeded sample of so many at most; None for all.
    Raises:
        BadInput: training images are queries too, or one side is empty.
    """
    by = "class" if dataset.instances is None else "instance"
    groups = np.asarray(dataset.labels if dataset.instances is None else dataset.instances)
    given = dataset.split.train
    if not len(given):
        split = split_queries(groups[dataset.split.queries], fraction, seed, by)
        split = dataclasses.replace(split, train=arrays.sample(split.train, most, [seed, 2]))
        keys = query_keys(dataset)
        return Training(
            split, space.only(split.train), truth.take(split.train), tuple(keys[i] for i in split.train), groups
        )
    shared = len(np.intersect1d(given, dataset.split.queries))
    if shared:
        raise BadInput(
            f"{shared:,} training images of {dataset.name!r} are queries too, so nothing could be reported honestly. "
            "Name other images as training images."
        )
    given = arrays.sample(given, most, [seed, 2])
    asks = Split(given, dataset.split.gallery)
    judged = data.relevance(dataset, asks)
    report = np.flatnonzero(truth.n_relevant > 0)
    split = TrainingSplit(np.arange(len(given)), report, "given")
    keys = [key.decode() for key in np.asarray(dataset.keys, "S64")[given].tolist()]
    return Training(split, VectorSet(space.vectors, asks), judged, tuple(keys), groups)


# ---------------------------------------------------------------- nobody is judged on what trained it


def trained_on(spec: FusionSpec, keys: Sequence[str]) -> np.ndarray:
    """(n_queries,) bool: which of these queries the fusion, or its weights, were fitted on."""
    known = set(spec.trained_on)
    return np.array([key in known for key in keys], bool)


def refuse_trained(spec: FusionSpec, keys: Sequence[str]) -> None:
    """Raises BadInput when a fusion would be reported on queries that it was fitted on."""
    count = int(trained_on(spec, keys).sum())
    if count:
        raise BadInput(
            f"Fusion {spec.name!r} was fitted on {count:,} of these {len(keys):,} queries, so its figures on them mean "
            "nothing. Report on the other queries, or on another dataset."
        )


def without(dataset: Dataset, keys: Sequence[str]) -> Dataset:
    """The same dataset, asked only by queries whose content keys are not among these; itself when none of them asks.

    Raises:
        BadInput: no query is left.
    """
    known = set(keys)
    if not known:
        return dataset
    left = np.array([key not in known for key in query_keys(dataset)], bool)
    if left.all():
        return dataset
    if not left.any():
        raise BadInput(
            f"Every query of {dataset.name!r} was trained on, so nothing could be reported honestly. "
            "Choose another dataset, or another baseline."
        )
    split = dataset.split
    return dataclasses.replace(dataset, split=Split(split.queries[left], split.gallery, split.train))


# ---------------------------------------------------------------- beside its backbones


@dataclass(frozen=True)
class Row:
    """One line of the comparison.

    Attributes:
        name: the system.
        role: "backbone", "equal", "fusion" or "oracle".
        per_query: (n_queries,) float64, NaN where not valid.
        mean, low, high: over valid queries, 95 % interval.
        versus: the paired difference to the best single backbone, None for that one itself and for the oracle.
        cost: sums over the backbones used.
        mixed: valid queries in which a relevant and another image have equal scores.
    """

    name: str
    role: str
    per_query: np.ndarray
    mean: float
    low: float
    high: float
    versus: significance.Difference | None
    cost: FusionCost
    mixed: int = 0


@dataclass(frozen=True)
class BaselineComparison:
    """A fusion beside its backbones, on the same queries.

    Attributes:
        metric: key of METRICS.
        rows: every single backbone, equal weights, the fusion, the oracle.
        best: name of the best single backbone.
        n_queries, n_valid: asked, and with at least one relevant item.
        resampled: "queries", or "classes" for the class bootstrap, which is possible where every image has one label.
    """

    metric: str
    rows: tuple[Row, ...]
    best: str
    n_queries: int
    n_valid: int
    resampled: str = "queries"
    by_class_possible: bool = True

    @property
    def caution(self) -> str:
        """What the intervals and p-values stand on, to be shown beside them."""
        from core.studies import evaluation

        return evaluation.caution(self.resampled, self.by_class_possible)

    @property
    def ties(self) -> str:
        """The warning about rows whose figures are the storage order of the dataset in part; "" when there are none."""
        from core.studies import evaluation

        tied = {row.name: row.mixed for row in self.rows if row.mixed > evaluation.MANY_TIES * self.n_valid}
        return evaluation.tie_sentence(list(tied.items()), self.n_valid) if tied else ""

    def row(self, role: str) -> Row:
        """The one row of a role."""
        return next(row for row in self.rows if row.role == role)

    def strongest(self, count: int = 2) -> tuple[str, ...]:
        """The backbones that are best alone, best first; undefined ones last. Of a network's two modes the better one."""
        alone = [row for row in self.rows if row.role == "backbone"]
        ordered = sorted(alone, key=lambda row: (math.isnan(row.mean), -row.mean))
        networks: dict[str, str] = {}
        for row in ordered:
            networks.setdefault(network(row.name), row.name)
        return tuple(networks.values())[:count]

    @property
    def gain(self) -> bool:
        """True when the fusion is better than its best backbone, and 0 lies outside the interval."""
        versus = self.row("fusion").versus
        return versus is not None and versus.mean > 0 and versus.low > 0

    @property
    def verdict(self) -> str:
        """In words, for people."""
        if not self.n_valid:
            return "No query has a relevant image, so nothing can be said."
        versus = self.row("fusion").versus
        if versus is None:
            return f"no gain shown: the fusion is {self.best} alone."
        interval = f"{versus.mean:+.4f}, 95 % interval {versus.low:+.4f} to {versus.high:+.4f}"
        if versus.mean <= 0:
            return f"no gain shown: {self.best} alone is at least as good ({interval})."
        if not self.gain:
            return f"no gain shown: the difference to {self.best} alone lies inside its interval ({interval})."
        return f"gain over {self.best} alone: {interval}, Holm p = {versus.p_holm:.2g}."

    def table(self) -> pd.DataFrame:
        """One line per row: name, role, mean, low, high, difference, its interval, p, Holm p, ms, MB."""
        import pandas as pd

        lines = []
        for row in self.rows:
            versus = row.versus
            line = {"name": row.name, "role": row.role, "mean": row.mean, "low": row.low, "high": row.high}
            for key in ("mean", "low", "high", "p", "p_holm"):
                line["difference" if key == "mean" else key if key.startswith("p") else f"difference {key}"] = (
                    float("nan") if versus is None else getattr(versus, key)
                )
            lines.append(line | {"ms": row.cost.milliseconds, "MB": row.cost.megabytes})
        return pd.DataFrame(lines)


MOST_REMEMBERED = 8
"""Fusions whose ranks a `FusionEvaluator` keeps: the present one, the baseline, equal weights, and some to go back to."""


MOST_ANSWERS = 500
"""Intervals and differences that a `FusionEvaluator` keeps; each is a few numbers."""


SLICE_BYTES = 512 << 20
"""Scores of all backbones that a `FusionEvaluator` by slices holds at a time."""


class FusionEvaluator:
    """Ranks of single backbones and fusions over one space, live where the engine serves it, each worked out once.

    Args:
        engine: of the same vectors, split and truth; None makes one for what is linear.
        by_slices: there are so many queries that ranks are not kept: they are asked some at a time, and only the values
            of metrics stay (`prepare`).
    """

    def __init__(
        self, space: VectorSet, truth: Relevance, engine: LiveEngine | None = None, by_slices: bool = False
    ) -> None:
        self.space, self.truth, self.engine, self.by_slices = space, truth, engine, by_slices
        self._singles: dict[str, RelevantRanks] = {}
        self._fusions: dict[str, RelevantRanks] = {}
        self._answers: dict[tuple, Any] = {}
        self._mixed: dict[str, int] = {}

    def single(self, name: str) -> RelevantRanks:
        """Of one backbone alone."""
        if name not in self._singles:
            self._singles[name] = self._ranks(_identity(name), System(name, self.space))
        return self._singles[name]

    def fusion(self, spec: FusionSpec) -> RelevantRanks:
        """Of a fusion; one backbone with all the weight is that backbone, whatever the kind."""
        if len(spec.active) == 1 and spec.strategy.linear:
            return self.single(spec.active[0])
        key = spec.fingerprint
        found = self._fusions.get(key)
        if found is None:
            found = self._ranks(key, System(spec.name, self.space, spec))
            for oldest in list(self._fusions)[: 1 - MOST_REMEMBERED]:
                self._fusions.pop(oldest, None)
            self._fusions[key] = found
        return found

    def values(self, what: str | FusionSpec, keys: Sequence[str]) -> dict[str, np.ndarray]:
        """List metrics of every query of a backbone or a fusion: key → (n_queries,) float64."""
        if self.by_slices:
            self.prepare([what], keys)
            return {key: self._answers["value", _identity(what), key] for key in keys}
        return metrics.compute(self.single(what) if isinstance(what, str) else self.fusion(what), keys)

    def prepare(
        self,
        wanted: Sequence[str | FusionSpec],
        keys: Sequence[str],
        task: Task = NO_TASK,
    ) -> None:
        """Work out what `values` will be asked, slice by slice, every backbone's scores once for all of them.

        Raises:
            Cancelled: the switch was thrown; nothing of it is kept then.
        """
        systems = {
            _identity(what): System(what, self.space) if isinstance(what, str) else System(what.name, self.space, what)
            for what in wanted
            if any(("value", _identity(what), key) not in self._answers for key in keys)
        }
        if not systems:
            return
        n, found, mixed = self.truth.n_queries, {identity: [] for identity in systems}, dict.fromkeys(systems, 0)
        n_blocks = len({name for system in systems.values() for name in system.backbones})
        step = max(32, SLICE_BYTES // (4 * max(1, self.truth.n_gallery) * n_blocks))
        meter = task.meter("All queries", n, "queries")
        for start in range(0, n, step):
            task.check()
            rows = np.arange(start, min(start + step, n))
            for identity, ranked in self._sliced(systems, rows, task).items():
                found[identity].append(metrics.compute(ranked.ranks, keys))
                mixed[identity] += _mixed(ranked)
            meter.add(len(rows))
        self._mixed |= mixed
        for identity, parts in found.items():
            for key in keys:
                self.remember(("value", identity, key), partial(np.concatenate, [part[key] for part in parts]))

    def _sliced(self, systems: Mapping[str, System], rows: np.ndarray, task: Task) -> dict[str, RankingResult]:
        """Some queries under several systems."""
        linear = {identity: system for identity, system in systems.items() if system.is_linear}
        found: dict[str, RankingResult] = {}
        if linear:
            ranked = self._live().rank_several([system.shares for system in linear.values()], panel=rows, task=task)
            found = dict(zip(linear, ranked))
        if len(linear) < len(systems):
            smaller, truth = self.space.only(rows), self.truth.take(rows)
            smaller.keep(2 * SLICE_BYTES)
            for identity, system in systems.items():
                if identity not in linear:
                    found[identity] = rank_scores(dataclasses.replace(system, space=smaller), truth, task=task)
        return found

    def remember(self, key: tuple, make: Callable[[], Any]) -> Any:
        """What `make` gives, worked out once per key: when one weight moves, what stands beside it need not."""
        if key not in self._answers:
            found = make()
            for oldest in list(self._answers)[: 1 - MOST_ANSWERS]:
                self._answers.pop(oldest, None)
            self._answers[key] = found
        return self._answers[key]

    def _live(self) -> LiveEngine:
        if self.engine is None:
            self.engine = LiveEngine(self.space.vectors, self.space.split, self.truth, background=False)
        return self.engine

    def _ranks(self, identity: str, system: System) -> RelevantRanks:
        if system.is_linear:
            ranked = self._live().rank(system.shares)
        else:
            ranked = rank_scores(system, self.truth)
        self._mixed[identity] = _mixed(ranked)
        return ranked.ranks

    def mixed(self, what: str | FusionSpec) -> int:
        """Valid queries in which a relevant and another image tie, of what was worked out before; else 0."""
        if not self.by_slices and not isinstance(what, str) and len(what.active) == 1 and what.strategy.linear:
            what = what.active[0]
        return self._mixed.get(_identity(what), 0)


def _mixed(ranked: RankingResult) -> int:
    return int((ranked.mixed_ties & ranked.ranks.valid).sum())


def _identity(what: str | FusionSpec) -> str:
    """What tells systems apart, whatever they are called."""
    return f"backbone {what}" if isinstance(what, str) else what.fingerprint


@dataclass(frozen=True, eq=False)
class _Line:
    """A row before it is judged; two may bear one name, so `key` tells what it is."""

    key: str
    name: str
    role: str
    used: tuple[str, ...]
    values: np.ndarray
    mixed: int = 0


def even_of(spec: FusionSpec) -> FusionSpec | None:
    """The same fusion with equal weights, which stands beside it; None for trained ones, which have no other weights."""
    return None if spec.strategy.learned else spec.with_shares(dict.fromkeys(spec.backbones, 1.0))


def _lines(judge: FusionEvaluator, spec: FusionSpec, metric: str, meter: ProgressMeter) -> list[_Line]:
    """Each backbone alone, their equal weights where these can be asked, and the fusion, judged one after the other."""
    even = even_of(spec)
    asked: list[tuple[str | FusionSpec, str, str, tuple[str, ...]]] = [
        *((name, name, "backbone", (name,)) for name in spec.backbones),
        *([] if even is None else [(even, "equal weights", "equal", spec.backbones)]),
        (spec, spec.name, "fusion", spec.active),
    ]
    lines = []
    for what, name, role, used in asked:
        meter.task.check()
        values = judge.values(what, (metric,))[metric]
        lines.append(_Line(_identity(what), name, role, used, values, judge.mixed(what)))
        meter.add(1)
    return lines


def compare_to_baseline(
    judge: FusionEvaluator,
    spec: FusionSpec,
    *,
    metric: str = "map",
    keys: Sequence[str] | None = None,
    costs: Mapping[str, FusionCost] | None = None,
    by_class: bool = False,
    draws: int = significance.DRAWS,
    seed: int = 0,
    task: Task = NO_TASK,
) -> BaselineComparison:
    """A fusion beside each of its backbones, equal weights, and the oracle, with differences to the best single one.

    Holm's correction runs over all pairs tested: every other row against the best single backbone.

    Args:
        metric: a list metric, e.g. "map", "p@10".
        keys: content keys of the queries, so that a fitted fusion is refused on what it was fitted on.
        costs: of backbones; sums stand beside each row.
        by_class: resample whole classes (where the truth has single labels) for the intervals.
    Raises:
        BadInput: the fusion was fitted on some of these queries.
    """
    classes = judge.truth.query_classes if by_class else None
    if keys is not None:
        refuse_trained(spec, keys)
    costs = costs or {}
    meter = task.meter("Comparing", len(spec.backbones) + 2, "systems")
    lines = _lines(judge, spec, metric, meter)
    each = np.stack([line.values for line in lines])
    valid = ~np.isnan(each).any(axis=0)
    singles = lines[: len(spec.backbones)]
    best = max(singles, key=lambda line: (np.nan_to_num(metrics.mean(line.values), nan=-1.0), -singles.index(line)))
    tested = [line for line in lines if line is not best and not (line.role == "fusion" and line.used == best.used)]
    how = (metric, draws, seed, by_class)

    def difference(line: _Line) -> significance.Difference:
        compared = partial(significance.compare, line.values, best.values, draws=draws, seed=seed, classes=classes)
        return judge.remember(("difference", line.key, best.key, *how), compared)

    def ends(line: _Line) -> tuple[float, float]:
        resampled = partial(significance.interval, line.values, draws, seed, classes)
        return resampled() if line.role == "oracle" else judge.remember(("interval", line.key, *how), resampled)

    versus: dict[int, significance.Difference] = {}
    if valid.any():
        found = [difference(line) for line in tested]
        corrected = significance.holm([one.p for one in found])
        versus = {id(line): dataclasses.replace(one, p_holm=float(p)) for line, one, p in zip(tested, found, corrected)}
    oracle = np.where(valid, np.where(valid, each, 0.0).max(axis=0), np.nan)
    rows = []
    for line in [*lines, _Line(ORACLE, ORACLE, "oracle", spec.backbones, oracle)]:
        low, high = ends(line)
        cost = total_cost(line.used, costs)
        mean = metrics.mean(line.values)
        rows.append(Row(line.name, line.role, line.values, mean, low, high, versus.get(id(line)), cost, line.mixed))
    return BaselineComparison(
        metric,
        tuple(rows),
        best.name,
        each.shape[1],
        int(valid.sum()),
        "queries" if classes is None else "classes",
        judge.truth.query_classes is not None,
    )
