"""Metrics of single backbones and fusions over one set of vectors, each worked out once while weights move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from core import metrics
from core.fusion import FusionSpec
from core.search import LiveEngine, RankingResult
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.studies.tie_range import tie_range
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task
from core.types import Relevance, RelevantRanks, TieRange

MOST_FUSIONS = 8
"""Fusions whose ranks are kept: the present one, the baseline, equal weights, and some to go back to."""
MOST_ANSWERS = 500
"""Intervals and differences that are kept; each is a few numbers."""
MANY_TIES = 0.01
"""Share of the queries from which on their ties are looked at while weights move."""
LIVE_QUERIES = 40
"""Tied queries that stand for all of them then."""
SLICE_BYTES = 512 << 20
"""Scores of all backbones that are held at a time when queries are ranked by slices."""


def identity(system: str | FusionSpec) -> str:
    """What tells systems apart, whatever they are called."""
    return f"backbone {system}" if isinstance(system, str) else system.fingerprint


class FusionEvaluator:
    """Ranks of single backbones and fusions over one space, each worked out once.

    Args:
        engine: of the same vectors, split and truth; None makes one for what is linear.
        by_slices: there are so many queries that ranks are not kept: they are ranked some at a time, and only the
            values of metrics stay (`prepare`).
    """

    def __init__(
        self, space: VectorSet, truth: Relevance, engine: LiveEngine | None = None, by_slices: bool = False
    ) -> None:
        self.space, self.truth, self.by_slices = space, truth, by_slices
        self.ranker = Ranker(truth, engine)
        self._singles: dict[str, RelevantRanks] = {}
        self._fusions: dict[str, RelevantRanks] = {}
        self._answers: dict[tuple, Any] = {}
        self._ties: dict[str, TieRange] = {}

    def system(self, what: str | FusionSpec) -> System:
        """The backbone or the fusion as a system; one backbone with all the weight is that backbone, whatever the kind."""
        if not isinstance(what, str) and what.is_bare:
            what = what.active[0]
        return System(what, self.space) if isinstance(what, str) else System(what.name, self.space, what)

    def single(self, name: str) -> RelevantRanks:
        """Ranks of one backbone alone."""
        if name not in self._singles:
            self._singles[name] = self._ranks(identity(name), self.system(name))
        return self._singles[name]

    def fusion(self, spec: FusionSpec) -> RelevantRanks:
        """Ranks of a fusion."""
        system = self.system(spec)
        if system.spec is None:
            return self.single(system.name)
        ranks = self._fusions.get(spec.fingerprint)
        if ranks is None:
            ranks = self._ranks(spec.fingerprint, system)
            for oldest in list(self._fusions)[: 1 - MOST_FUSIONS]:
                self._fusions.pop(oldest, None)
            self._fusions[spec.fingerprint] = ranks
        return ranks

    def values(self, what: str | FusionSpec, keys: Sequence[str]) -> dict[str, np.ndarray]:
        """List metrics of every query of a backbone or a fusion: key → (n_queries,) float64."""
        if self.by_slices:
            self.prepare([what], keys)
            return {key: self._answers["value", identity(what), key] for key in keys}
        return metrics.compute(self.single(what) if isinstance(what, str) else self.fusion(what), keys)

    def prepare(self, wanted: Sequence[str | FusionSpec], keys: Sequence[str], task: Task = NO_TASK) -> None:
        """Work out what `values` will be asked, slice by slice, every backbone's scores once for all of them.

        Raises:
            Cancelled: the switch was thrown; nothing of it is kept then.
        """
        systems = {
            identity(what): System(what, self.space) if isinstance(what, str) else System(what.name, self.space, what)
            for what in wanted
            if any(("value", identity(what), key) not in self._answers for key in keys)
        }
        if not systems:
            return
        keys = tuple(dict.fromkeys([*keys, "map"]))
        n = self.truth.n_queries
        n_blocks = len({name for system in systems.values() for name in system.backbones})
        step = max(32, SLICE_BYTES // (4 * max(1, self.truth.n_gallery) * n_blocks))
        silent = task.reporting(lambda progress: None)
        parts: dict[str, list[dict[str, np.ndarray]]] = {key: [] for key in systems}
        for rows in task.chunks("All queries", n, step, "queries"):
            queries = np.arange(rows.start, rows.stop)
            ranked = self.ranker.rank_several(list(systems.values()), queries=queries, task=silent)
            for key, result in zip(systems, ranked, strict=True):
                parts[key].append(metrics.compute(result.ranks, keys) | {"": _mixed(result)})
        for key, system in systems.items():
            whole = {name: np.concatenate([part[name] for part in parts[key]]) for name in parts[key][0]}
            for name in keys:
                self.remember(("value", key, name), partial(whole.__getitem__, name))
            if whole[""].sum() > MANY_TIES * (~np.isnan(whole["map"])).sum():
                self._see_ties(key, system, whole[""], whole["map"])

    def remember(self, key: tuple, make: Callable[[], Any]) -> Any:
        """What `make` gives, worked out once per key: when one weight moves, what stands beside it need not."""
        if key not in self._answers:
            answer = make()
            for oldest in list(self._answers)[: 1 - MOST_ANSWERS]:
                self._answers.pop(oldest, None)
            self._answers[key] = answer
        return self._answers[key]

    def _ranks(self, key: str, system: System) -> RelevantRanks:
        ranked = self.ranker.rank(system)
        mixed = _mixed(ranked)
        if mixed.sum() > MANY_TIES * ranked.ranks.valid.sum():
            self._see_ties(key, system, mixed, metrics.average_precision(ranked.ranks))
        return ranked.ranks

    def _see_ties(self, key: str, system: System, mixed: np.ndarray, ap: np.ndarray) -> None:
        """Work out the range of ties from few queries: a slider waits for it."""
        self._ties[key] = tie_range(system, self.truth, mixed, ap, LIVE_QUERIES)

    def ties(self, what: str | FusionSpec) -> TieRange | None:
        """What the order of equal scores decides, of what was worked out before; else None."""
        if not self.by_slices and not isinstance(what, str):
            system = self.system(what)
            what = system.name if system.spec is None else what
        return self._ties.get(identity(what))


def _mixed(ranked: RankingResult) -> np.ndarray:
    """(n_queries,) bool: valid queries in which a relevant and another item tie."""
    return ranked.mixed_ties & ranked.ranks.valid
