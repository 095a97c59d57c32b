"""Parameters of what is done before and after the search, tuned like weights: on training queries, reported on others."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.fusion import PREPARATIONS, FusionSpec, Step
from core.metrics import average_precision, mean
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.studies.weight_search import EQUAL
from core.task import NO_TASK, Task
from core.types import Relevance

MOST = 20
"""Neighbours that are proposed at most; more never won in pilots."""
MOST_CANDIDATES = 24


@dataclass(frozen=True)
class TunedStep:
    """What trying parameters gave on the training queries.

    Attributes:
        step: the best; None where doing nothing was.
        untuned: what was proposed before anything was tried.
        tried: (text of a step, mean AP over the training queries), in the order of trying; "none" is nothing.
    """

    step: Step | None
    untuned: Step | None
    tried: tuple[tuple[str, float], ...]


def class_size(truth: Relevance) -> int:
    """The median number of right answers of the training queries; at least 1.

    Args:
        truth: of training queries alone, so that no label of a reported query is read.
    """
    sizes = truth.n_relevant[truth.n_relevant > 0]
    return max(1, int(np.median(sizes))) if len(sizes) else 1


def proposed(step: Step, truth: Relevance) -> Step:
    """The step with as many neighbours as an image has right answers, 20 at most; what was set stays as it is.

    Args:
        truth: of the training queries.
    """
    size, method = min(MOST, class_size(truth)), step.method
    if not method.size or method.size in dict(step.parameters):
        return step
    values: dict[str, Any] = {method.size: size if method.size == "k1" else min(size, 10)}
    if method.parameter("k2") is not None and "k2" not in dict(step.parameters):
        values["k2"] = max(1, round(0.3 * size))
    return step.with_settings(**values)


def candidates(step: Step, truth: Relevance) -> list[Step]:
    """Steps to try, the proposed one first: sizes around it, and a few values of what else matters.

    What was set by hand stays as it is.
    """
    start, method = proposed(step, truth), step.method
    by_hand = dict(step.parameters)
    axes: list[list[tuple[str, Any]]] = []
    for parameter in method.parameters:
        name = parameter.name
        if name in by_hand:
            continue
        if name == method.size or name == "k":
            size = start.settings[name]
            sizes = sorted({max(1, size // 2), size, min(int(parameter.bounds.high), 2 * size)})
            axes.append([(name, value) for value in sizes])
        elif name in _GRIDS:
            axes.append([(name, value) for value in _GRIDS[name]])
    steps = [start]
    for values in itertools.product(*axes):
        changed = dict(values)
        if "k1" in changed and "k2" not in by_hand:
            changed["k2"] = max(1, round(0.3 * changed["k1"]))
        steps.append(start.with_settings(**changed))
    unique: dict[str, Step] = {}
    for choice in steps:
        unique.setdefault(choice.text, choice)  # the proposed one stays, though another spells out a default
    return list(unique.values())[:MOST_CANDIDATES]


_GRIDS: dict[str, tuple[float, ...]] = {"lambda": (0.1, 0.3, 0.5), "alpha": (0.0, 1.0, 3.0)}


def tune_rerank(space: VectorSet, spec: FusionSpec, truth: Relevance, step: Step, *, task: Task = NO_TASK) -> TunedStep:
    """The parameters of a re-ranking with the best mean AP over the training queries; the first of equal ones.

    Args:
        space: asked by the training queries alone; truth: of the same.
        spec: the fusion that is ranked again.
    """
    steps = sorted(
        candidates(step, truth), key=lambda choice: -int(choice.settings.get(step.method.size or "k", 0) or 0)
    )
    values = _values(space, [dataclasses.replace(spec, rerank=choice) for choice in steps], truth, task)
    first = proposed(step, truth)
    order = sorted(range(len(steps)), key=lambda at: (steps[at] != first, at))
    best = max(order, key=lambda at: round(values[at] / EQUAL) if np.isfinite(values[at]) else -1)
    return TunedStep(steps[best], first, tuple((steps[at].text, values[at]) for at in order))


def tune_preparation(space: VectorSet, spec: FusionSpec, truth: Relevance, *, task: Task = NO_TASK) -> TunedStep:
    """The preparation with the best mean AP over the training queries; nothing at all where none is better.

    Those that need something said by hand, such as a column, are not tried.
    """
    steps: list[Step | None] = [None]
    steps += [
        Step("preparation", method.name)
        for method in PREPARATIONS
        if method.name != "none" and "groups" not in method.accepts and not method.is_plugin
    ]
    values = _values(space, [dataclasses.replace(spec, prepare=step) for step in steps], truth, task)
    best = max(range(len(steps)), key=lambda at: (values[at] if np.isfinite(values[at]) else -1, -at))
    named = tuple(("none" if step is None else step.text, value) for step, value in zip(steps, values))
    return TunedStep(steps[best], None, named)


def _values(space: VectorSet, specs: Sequence[FusionSpec], truth: Relevance, task: Task) -> list[float]:
    ranker = Ranker(truth)
    silent = task.reporting(lambda progress: None)
    return [
        mean(average_precision(ranker.rank(System(spec.name, space, spec), task=silent).ranks))
        for spec in task.each("Trying parameters", specs, "settings")
    ]
