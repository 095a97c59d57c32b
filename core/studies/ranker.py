"""Ranks of any system: from kept scores where shares alone decide ("live"), else block by block."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from core.search import LiveEngine, RankingResult, rank_scores
from core.studies.systems import System
from core.task import NO_TASK, Task
from core.types import Relevance

PART_BYTES = 1 << 30
"""Scores and ranks that may be kept while a part of the queries is ranked under several systems."""


class Ranker:
    """Exact ranks of the systems over one set of vectors.

    Args:
        truth: of the split of the systems' vectors.
        engine: a live engine over the same vectors; None makes one for the first system that shares describe.
    """

    def __init__(self, truth: Relevance, engine: LiveEngine | None = None) -> None:
        self.truth, self._engine = truth, engine

    def rank(
        self,
        system: System,
        *,
        k: int = 0,
        queries: np.ndarray | None = None,
        task: Task = NO_TASK,
    ) -> RankingResult:
        """Ranks of all relevant items, and the best k.

        Args:
            queries: (n,) int64 positions among the split's queries, rising; None ranks all of them.
        """
        return self.rank_several([system], k=k, queries=queries, task=task)[0]

    def rank_several(
        self,
        systems: Sequence[System],
        *,
        k: int = 0,
        queries: np.ndarray | None = None,
        task: Task = NO_TASK,
    ) -> list[RankingResult]:
        """The same for several systems; scores that are computed on the way are computed once for all of them."""
        results: dict[int, RankingResult] = {}
        linear = [number for number, system in enumerate(systems) if system.is_linear]
        if linear:
            engine = self._live([systems[number] for number in linear])
            shares = [
                {engine_name(systems[number], name): systems[number].shares[name] for name in systems[number].backbones}
                for number in linear
            ]
            results |= zip(linear, engine.rank_several(shares, k=k, queries=queries, task=task), strict=True)
        rest = {number: system for number, system in enumerate(systems) if number not in results}
        truth = self.truth
        if rest and queries is not None:
            truth = truth.take(queries)
            part = next(iter(rest.values())).space.only(queries)
            part.keep(PART_BYTES)
            rest = {number: dataclasses.replace(system, space=part) for number, system in rest.items()}
        for number, system in rest.items():
            ranked = rank_scores(system, truth, k=k, task=task)
            results[number] = dataclasses.replace(ranked, queries=queries)
        if self.truth.pooled and k:
            results = {number: self._with_unjudged(systems[number], ranked, k) for number, ranked in results.items()}
        return [results[number] for number in range(len(systems))]

    def _with_unjudged(self, system: System, ranked: RankingResult, k: int) -> RankingResult:
        """The ranks among judged images beside the list that people see, in which the others stand too."""
        truth = self.truth.with_unjudged()
        if ranked.queries is not None:
            truth = truth.take(ranked.queries)
            system = dataclasses.replace(system, space=system.space.only(ranked.queries))
        return dataclasses.replace(ranked, best=rank_scores(system, truth, k=k).best)

    def _live(self, systems: Sequence[System]) -> LiveEngine:
        """The engine, with the backbones of these systems."""
        if self._engine is None:
            self._engine = LiveEngine({}, systems[0].space.split, self.truth, background=False)
        for system in systems:
            for name in system.backbones:
                if engine_name(system, name) not in self._engine.names:
                    self._engine.add(engine_name(system, name), system.prepared.get(name))
        return self._engine


def engine_name(system: System, backbone: str) -> str:
    """What a live engine calls a backbone's vectors as a system has them: "hog", after a preparation "hog~centred"."""
    step = None if system.spec is None else system.spec.prepare
    return backbone if step is None else f"{backbone}~{step.text}"
