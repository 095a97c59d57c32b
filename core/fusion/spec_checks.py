"""What may stand in a fusion: each rule with one sentence that names the field where it is broken."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.errors import BadInput
from core.fusion.learned_array import LearnedArray
from core.fusion.strategy import PROFILE, Parameter, Strategy
from core.registry import nearest

FIELDS = (
    "name",
    "kind",
    "backbones",
    "weights",
    "norm",
    "k",
    "depth",
    "dim",
    "whiten",
    "seed",
    "parameters",
    "prepare",
    "rerank",
)
"""What may stand in fusions.json, beside `learned` and `trained_on` of trained fusions."""
EXAMPLE = '{"kind": "concat", "backbones": ["a", "b"], "weights": [1, 2]}'
"""One fusion, as short as can be."""
NAMELESS = "unnamed"
"""Of a fusion whose file gives no name, until it is named by its shares."""
LONGEST_NAME = 120
PARAMETER_FIELDS = ("norm", "k", "depth", "dim", "whiten", "seed")


def kind_of(value: Any) -> str:
    """What a JSON value is, for sentences."""
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return "nothing" if value is None else names.get(type(value), type(value).__name__)


def fields_of(record: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The arguments of a `FusionSpec` from one object of fusions.json; `where` begins each sentence."""
    problems = []
    for field in record:
        if field not in (*FIELDS, "learned", "trained_on"):
            alike = nearest(field, FIELDS, count=1)
            hint = f" (did you mean {alike[0]!r}?)" if alike else ""
            problems.append(f"field {str(field)[:40]!r} is not known{hint}")
    for field in ("name", "kind", "backbones"):
        if record.get(field) in ("", []) or (record.get(field) is None and field != "name"):
            problems.append(f"field {field!r} is missing")
    if problems:
        known = f"; the fields are {', '.join(FIELDS)}" if "not known" in " ".join(problems) else ""
        raise BadInput(f"{where}: {', '.join(problems[:6])}{known}. A fusion looks like {EXAMPLE}.")
    name = record.get("name", NAMELESS)
    name = NAMELESS if name is None else name
    if not isinstance(name, str) or not isinstance(record["kind"], str):
        raise BadInput(f"{where}: 'name' and 'kind' are text.")
    backbones = record["backbones"]
    if not isinstance(backbones, list | tuple) or not all(isinstance(b, str) for b in backbones):
        raise BadInput(f"{where}: 'backbones' is a list of names, got {kind_of(backbones)}.")
    weights = record.get("weights")
    if isinstance(weights, Mapping):
        strangers = [name for name in weights if name not in backbones]
        if strangers:
            raise BadInput(f"{where}: 'weights' names {strangers[0]!r}, which is not among its backbones.")
        weights = [weights.get(name, 0.0) for name in backbones]
    if weights is not None and not isinstance(weights, list | tuple):
        raise BadInput(f"{where}: 'weights' is a list of numbers, got {kind_of(weights)}.")
    parameters = record.get("parameters") or {}
    if not isinstance(parameters, Mapping):
        raise BadInput(f"{where}: 'parameters' is an object, got {kind_of(parameters)}.")
    fields = [(name, record[name]) for name in PARAMETER_FIELDS if record.get(name) is not None]
    return {
        "name": name,
        "kind": record["kind"],
        "backbones": tuple(backbones),
        "weights": None if weights is None else tuple(weights),
        "parameters": tuple(fields) + tuple((str(k), v) for k, v in parameters.items() if v is not None),
        "learned": tuple(_learned_array(a, where) for a in _list_of(record, "learned", where)),
        "prepare": _step_text(record, "prepare", where),
        "rerank": _step_text(record, "rerank", where),
        "trained_on": tuple(str(key) for key in _list_of(record, "trained_on", where)),
    }


def _step_text(record: Mapping[str, Any], field: str, where: str) -> str:
    text = record.get(field)
    if text is not None and not isinstance(text, str):
        raise BadInput(f"{where}: field {field!r} is text such as 'k_reciprocal:k1=20', got {kind_of(text)}.")
    return text or ""


def _list_of(record: Mapping[str, Any], field: str, where: str) -> list[Any]:
    values = record.get(field)
    if values is None:
        return []
    if not isinstance(values, list | tuple):
        raise BadInput(f"{where}: field {field!r} is a list, got {kind_of(values)}. Export the fusion once more.")
    return list(values)


def _learned_array(record: Any, where: str) -> LearnedArray:
    try:
        array = LearnedArray(str(record["name"]), tuple(int(n) for n in record["shape"]), str(record["data"]))
        finite = bool(np.isfinite(array.values).all())
        if min(array.shape, default=1) < 1:
            raise ValueError("an axis without a length")
    except (KeyError, TypeError, ValueError, OverflowError):
        raise BadInput(
            f"{where}: field 'learned' is damaged. Train the fusion again, or export it once more."
        ) from None
    if not finite:
        raise BadInput(f"{where}: field 'learned' holds numbers that are not finite. Train the fusion again.")
    return array


def _is_finite(value: Any) -> bool:
    """A number that float64 can hold; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def checked_name(name: str) -> str:
    """The name without what cannot be read."""
    readable = "".join(c for c in name if c.isprintable()).strip()
    if not readable or len(readable) > LONGEST_NAME:
        raise BadInput(f"'name' needs 1 to {LONGEST_NAME} readable characters.")
    return readable


def checked_backbones(backbones: Sequence[str]) -> tuple[str, ...]:
    """At least one, each once."""
    if not backbones:
        raise BadInput("'backbones' is empty; name at least one.")
    twice = [name for name in dict.fromkeys(backbones) if list(backbones).count(name) > 1]
    if twice:
        raise BadInput(f"'backbones' names {twice[0]!r} twice; each backbone joins once.")
    return tuple(backbones)


def checked_weights(weights: Sequence[float] | None, backbones: Sequence[str]) -> tuple[float, ...] | None:
    """One finite weight of at least 0 per backbone, not all 0; None stays None."""
    if weights is None:
        return None
    n, names = len(backbones), ", ".join(map(repr, backbones))
    if len(weights) != n:
        raise BadInput(
            f"Got {len(weights)} weights for {n} backbones ({names}) in 'weights'. "
            "Give one per backbone, or none for equal weights."
        )
    for name, weight in zip(backbones, weights):
        if not _is_finite(weight) or weight < 0:
            raise BadInput(f"'weights' gives {_short(weight)} to {name!r}; a weight is a finite number of at least 0.")
    if not any(weight > 0 for weight in weights):
        raise BadInput("'weights' are all 0; give at least one backbone a weight above 0.")
    return tuple(float(weight) for weight in weights)


def check_learned(strategy: Strategy, learned: Sequence[LearnedArray], n_active: int) -> None:
    """The arrays of a trained fusion are those that its strategy reads, and fit one another."""
    if not learned or not strategy.arrays:
        return
    expected_names, names = [name for name, _ in strategy.arrays], [array.name for array in learned]
    again = "Train the fusion again, or export it once more."
    if sorted(expected_names) != sorted(names):
        raise BadInput(
            f"'learned' of {strategy.name} holds {', '.join(expected_names)}, got {', '.join(names)[:120]}. {again}"
        )
    shapes = {array.name: array.shape for array in learned}
    lengths = {"backbones": n_active, "profiles": PROFILE * n_active}
    for name, axes in strategy.arrays:
        shape = shapes[name]
        if len(shape) == len(axes):
            lengths = {axis: length for axis, length in zip(axes, shape) if "+" not in axis} | lengths
        expected = tuple(sum(lengths.get(part, 0) for part in axis.split("+")) for axis in axes)
        if shape != expected:
            raise BadInput(
                f"'learned' gives {name!r} the shape {shape} where {expected} belongs to {n_active} backbones "
                f"and the other arrays. {again}"
            )


def checked_parameters(strategy: Strategy, parameters: Sequence[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    """Each parameter once and within its bounds; one that the strategy does not use stays as it is."""
    checked: dict[str, Any] = {}
    for name, value in parameters:
        if name in checked:
            raise BadInput(f"{name!r} is given twice; write it once.")
        known = strategy.parameter(name)
        if known is None:
            if name not in PARAMETER_FIELDS:
                has = ", ".join(p.name for p in strategy.parameters) or "none"
                raise BadInput(f"{strategy.name} has no parameter {name!r}; it has {has}.")
            if not isinstance(value, bool | str) and not _is_finite(value):
                raise BadInput(f"{name!r} is one finite number, word, or true or false, got {kind_of(value)}.")
        checked[name] = value if known is None else _within(name, value, known.bounds)
    return tuple(checked.items())


def checked_settings(
    method: str, known: Sequence[Parameter], parameters: Sequence[tuple[str, Any]]
) -> tuple[tuple[str, Any], ...]:
    """The parameters of a step before or after the search: each known, once, within its bounds; None is "not set"."""
    bounds, checked = {parameter.name: parameter.bounds for parameter in known}, {}
    for name, value in parameters:
        if name not in bounds:
            raise BadInput(f"{method} has no parameter {name!r}; it has {', '.join(bounds) or 'none'}.")
        if value is not None:
            checked[name] = _within(name, value, bounds[name])
    return tuple(checked.items())


def _within(name: str, value: Any, bounds: Any) -> Any:
    """The value as the strategy takes it, or one sentence why not."""
    if bounds.kind == "flag":
        if not isinstance(value, bool):
            raise BadInput(f"{name!r} is true or false, got {_short(value)}.")
        return value
    if bounds.kind == "choice":
        allowed = tuple(bounds.names())
        if value not in allowed:
            raise BadInput(f"{name!r} is one of {', '.join(allowed)}, got {_short(value)}.")
        return value
    if bounds.kind == "text":
        if not isinstance(value, str) or len(value) > bounds.high or any(sign in value for sign in ",~|"):
            raise BadInput(
                f"{name!r} is a text of at most {bounds.high:g} characters without commas, got {_short(value)}."
            )
        return value
    if (
        not _is_finite(value)
        or not bounds.low <= value <= bounds.high
        or (bounds.kind == "whole" and value != int(value))
    ):
        what = "a whole number" if bounds.kind == "whole" else "a number"
        raise BadInput(f"{name!r} is {what} from {bounds.low:g} to {bounds.high:g}, got {_short(value)}.")
    return int(value) if bounds.kind == "whole" else float(value)
