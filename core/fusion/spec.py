"""A fusion as people write and exchange it: one small JSON object. Where it lies is `core.fusion.store`."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from core.errors import BadInput, UnknownName
from core.fusion import spec_checks
from core.fusion.learned_array import LearnedArray
from core.fusion.spec_checks import EXAMPLE, LONGEST_NAME, PARAMETER_FIELDS
from core.fusion.steps import Step
from core.fusion.strategy import FUSIONS, Strategy

ORDINARY = (0.01, 100.0)
"""A largest weight between these is left as it is; any other becomes 1, since only the ratios of weights mean something."""


@dataclass(frozen=True)
class FusionSpec:
    """A fusion, described: what fusions.json holds.

    Attributes:
        name: a row of the leaderboard.
        kind: a strategy of FUSIONS.
        backbones: names, in order, each once.
        weights: one per backbone, at least 0 and not all 0; None is equal. A weight of 0 removes the backbone.
            For concat they are lengths w_m (share w²/Σw²), for sums shares, for ranks votes. Only their ratios count;
            one that is nothing beside the largest (below 1e-308 of it) is 0.
        parameters: ((name, value), …) of the strategy, only those that were set.
        learned: arrays of a trained fusion.
        trained_on: content keys of the queries that it, or its weights, were fitted on; they are never reported on.
        prepare: what is done to the vectors of each backbone before they join; None is nothing.
        rerank: how the result is ranked once more; None is not at all.
    """

    name: str
    kind: str
    backbones: tuple[str, ...]
    weights: tuple[float, ...] | None = None
    parameters: tuple[tuple[str, Any], ...] = ()
    learned: tuple[LearnedArray, ...] = ()
    trained_on: tuple[str, ...] = ()
    prepare: Step | None = None
    rerank: Step | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", spec_checks.checked_name(self.name))
        strategy = FUSIONS.get(self.kind)
        object.__setattr__(self, "backbones", spec_checks.checked_backbones(self.backbones))
        object.__setattr__(self, "weights", spec_checks.checked_weights(self.weights, self.backbones))
        object.__setattr__(self, "parameters", spec_checks.checked_parameters(strategy, self.parameters))
        spec_checks.check_learned(strategy, self.learned, len(self.active))

    @property
    def strategy(self) -> Strategy:
        """Its entry in the table of strategies."""
        return FUSIONS.get(self.kind)

    @cached_property
    def _scaled(self) -> tuple[float, ...]:
        """The weights as strategies get them: ones where none were given, the largest 1 where it is no ordinary number."""
        if self.weights is None:
            return (1.0,) * len(self.backbones)
        largest = max(self.weights)
        if ORDINARY[0] <= largest <= ORDINARY[1]:
            return self.weights
        return tuple(weight / largest for weight in self.weights)

    @property
    def active(self) -> tuple[str, ...]:
        """The backbones with a weight above 0."""
        return tuple(name for name, weight in zip(self.backbones, self._scaled) if weight > 0)

    @property
    def active_weights(self) -> np.ndarray:
        """(n_active,) float64, as `active`; ones when no weights were given, and never so large or small as to overflow."""
        return np.array([weight for weight in self._scaled if weight > 0], np.float64)

    @property
    def shares(self) -> dict[str, float]:
        """What each backbone of this fusion counts, summing to 1; removed ones have 0."""
        weights = self.active_weights
        if self.strategy.weight == "length":
            weights = weights**2
        elif not self.strategy.weight:
            weights = np.ones(len(weights))
        shares = dict(zip(self.active, weights / weights.sum()))
        return {name: float(shares.get(name, 0.0)) for name in self.backbones}

    @property
    def settings(self) -> dict[str, Any]:
        """Every parameter of the strategy: as set, else its default."""
        return {p.name: p.default for p in self.strategy.parameters} | {
            name: value for name, value in self.parameters if self.strategy.parameter(name)
        }

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is done before and after the search."""
        return tuple(step for step in (self.prepare, self.rerank) if step is not None)

    @property
    def is_bare(self) -> bool:
        """True for one backbone as it is: no step, and nothing to join."""
        return not self.steps and len(self.active) == 1 and self.strategy.linear

    @property
    def is_linear(self) -> bool:
        """True when the score is a share-weighted sum of raw cosines, as far as no vector is missing."""
        settings = self.settings
        return (
            self.rerank is None
            and self.strategy.linear
            and settings.get("norm", "none") == "none"
            and settings.get("depth") is None
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was given and has no effect, or another one than it seems to have, in sentences."""
        unused = [name for name, value in self.parameters if self.strategy.parameter(name) is None]
        remarks = [f"{self.name}: {self.kind} does not use {name!r}; it was ignored." for name in unused]
        weights = self.active_weights
        if not self.strategy.weight and len(np.unique(weights)) > 1:
            remarks.append(
                f"{self.name}: {self.kind} counts all its backbones the same; only a weight of 0 has an effect."
            )
        if self._were_typed and self.strategy.weight == "length" and len(np.unique(weights)) > 1:
            typed = ", ".join(f"{name} {weight:g}" for name, weight in zip(self.active, weights))
            shares = ", ".join(f"{name} {self.shares[name]:.0%}".replace("%", " %") for name in self.active)
            remarks.append(
                f"{self.name}: the weights ({typed}) are lengths of the vectors, so they count by their squares in the "
                f"cosine: {shares}."
            )
        return tuple(remarks)

    @property
    def _were_typed(self) -> bool:
        """Whether somebody wrote the weights: those of sliders are square roots of shares, with many digits."""
        return self.weights is not None and all(round(weight, 3) == weight for weight in self.weights)

    @property
    def title(self) -> str:
        """The strategy with what changes its figures: d, whitening and the fit set go into the name."""
        parts = [f"{name}={value}" for name, value in self.settings.items() if value not in (None, False)]
        fitted = ["fitted on the gallery"] if self.kind in ("concat_pca", "mean_pca") else []
        return f"{self.strategy.label} ({', '.join(parts + fitted)})" if parts or fitted else self.strategy.label

    @property
    def fingerprint(self) -> str:
        """16 hex digits of everything that changes a figure; the name does not."""
        record = self.to_json()
        record.pop("name")
        return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]

    def with_weights(self, weights: Iterable[float]) -> FusionSpec:
        """The same fusion with other weights, one per backbone."""
        return dataclasses.replace(self, weights=tuple(float(w) for w in weights))

    def with_shares(self, shares: Mapping[str, float]) -> FusionSpec:
        """The same fusion with these shares, whatever a weight means for its kind."""
        values = [max(float(shares.get(name, 0.0)), 0.0) for name in self.backbones]
        if self.strategy.weight == "length":
            values = [math.sqrt(value) for value in values]
        return self.with_weights(values)

    def array(self, name: str) -> np.ndarray:
        """One learned array.

        Raises:
            BadInput: the fusion was never trained.
        """
        array = next((array for array in self.learned if array.name == name), None)
        if array is None:
            raise BadInput(f"Fusion {self.name!r} ({self.kind}) was not trained yet. Train it in the Fusion lab first.")
        return array.values

    def to_json(self) -> dict[str, Any]:
        """The object of fusions.json: only what was set."""
        record: dict[str, Any] = {"name": self.name, "kind": self.kind, "backbones": list(self.backbones)}
        if self.weights is not None:
            record["weights"] = list(self.weights)
        parameters: dict[str, Any] = {}
        for name, value in self.parameters:
            (record if name in PARAMETER_FIELDS else parameters)[name] = value
        if parameters:
            record["parameters"] = parameters
        if self.learned:
            record["learned"] = [dataclasses.asdict(a) | {"shape": list(a.shape)} for a in self.learned]
        record |= {
            field: step.text for field, step in (("prepare", self.prepare), ("rerank", self.rerank)) if step is not None
        }
        if self.trained_on:
            record["trained_on"] = list(self.trained_on)
        return record

    @classmethod
    def from_json(cls, record: Any, where: str = "The fusion") -> FusionSpec:
        """One object of fusions.json.

        Raises:
            BadInput: one sentence that names the field.
        """
        if not isinstance(record, Mapping):
            raise BadInput(f"{where} is {spec_checks.kind_of(record)}; write an object such as {EXAMPLE}.")
        name = record.get("name")
        where = f"{where} ({name!r})" if isinstance(name, str) and name else where
        try:
            fields = spec_checks.fields_of(record, where)
            fields["prepare"] = Step.read("preparation", fields["prepare"])
            fields["rerank"] = Step.read("re-ranking", fields["rerank"])
            spec = cls(**fields)
            return spec if name is not None else named_by_shares(spec)
        except (BadInput, UnknownName) as error:
            sentence = str(error)
            raise BadInput(sentence if sentence.startswith(where) else f"{where}: {sentence}") from None


def title(spec: FusionSpec, called: Callable[[str], str] = str) -> str:
    """A fusion for people: 'Concatenation: hog 40 %, hsv_histogram 60 %'; `called` gives the names of backbones.

    With a step before or after: 'hog, centred', 'hog 40 + hsv_histogram 60, centred, k-reciprocal'.
    """
    if spec.steps and spec.kind == "concat":
        parts = [f"{called(name)} {100 * share:.0f}" for name, share in spec.shares.items() if share > 0]
        joined = called(spec.active[0]) if len(parts) == 1 else " + ".join(parts)
        return ", ".join([joined, *(step.title for step in spec.steps)])
    shares = ", ".join(
        f"{called(name)} {share:.0%}".replace("%", " %") for name, share in spec.shares.items() if share > 0
    )
    return ", ".join([f"{spec.strategy.label}: {shares}", *(step.title for step in spec.steps)])


def named_by_shares(spec: FusionSpec) -> FusionSpec:
    """The same fusion, named by what it joins, within the length that a name may have."""
    name = title(spec)
    return dataclasses.replace(spec, name=name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…")


def with_steps(spec: FusionSpec, prepare: Step | None, rerank: Step | None) -> FusionSpec:
    """The same fusion with these steps, its name saying so: 'hog + hsv_histogram, centred'."""
    named = ", ".join([spec.name, *(step.title for step in (prepare, rerank) if step is not None)])
    name = named if len(named) <= LONGEST_NAME else named[: LONGEST_NAME - 1] + "…"
    return dataclasses.replace(spec, name=name, prepare=prepare, rerank=rerank)


def equal(backbones: Sequence[str], kind: str = "concat") -> FusionSpec:
    """All of these with equal weights, named by what it joins: 'a + b'.

    >>> equal(("hog", "hsv_histogram")).name
    'hog + hsv_histogram'
    """
    joined = " + ".join(backbones)
    return FusionSpec(joined if len(joined) <= LONGEST_NAME else f"{len(backbones)} backbones", kind, tuple(backbones))


def equal_mixes(backbones: Sequence[str]) -> list[FusionSpec]:
    """What to look at when nobody named a fusion: all together, and every pair while there are few."""
    if len(backbones) < 2:
        return []
    pairs = [equal(pair) for pair in itertools.combinations(backbones, 2)] if 2 < len(backbones) <= 5 else []
    return [*pairs, equal(backbones)]


def parse(text: str, where: str = "The fusions") -> tuple[FusionSpec, ...]:
    """All fusions of a JSON text; names must differ."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        at = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise BadInput(f"{where} is not valid JSON{at}. It is a list of objects such as {EXAMPLE}.") from None
    records = [content] if isinstance(content, Mapping) else content
    if not isinstance(records, list):
        raise BadInput(f"{where} holds {spec_checks.kind_of(content)}; it is a list of objects such as {EXAMPLE}.")
    specs = tuple(FusionSpec.from_json(record, f"{where}, fusion {n}") for n, record in enumerate(records, start=1))
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"{where} has two fusions named {name!r}; give each its own name.")
    return specs


def dump(specs: Sequence[FusionSpec]) -> str:
    """The JSON text of fusions, as `parse` reads it."""
    return json.dumps([spec.to_json() for spec in specs], indent=1, ensure_ascii=False) + "\n"
