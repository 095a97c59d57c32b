"""A fusion as people write, save and exchange it: one small JSON object."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core import files, paths
from core.errors import BadInput, StoreUnusable, UnknownName
from core.fusion.strategy import FUSIONS, PROFILE, Strategy
from core.registry import did_you_mean, nearest

FIELDS = ("name", "kind", "backbones", "weights", "norm", "k", "depth", "dim", "whiten", "seed", "parameters")
"""What may stand in fusions.json, beside `learned` and `trained_on` of trained fusions."""

EXAMPLE = '{"kind": "concat", "backbones": ["a", "b"], "weights": [1, 2]}'
"""One fusion, as short as can be."""

NAMELESS = "unnamed"
"""Of a fusion whose file gives no name, until it is named by its shares."""

LONGEST_NAME = 120
ORDINARY = (0.01, 100.0)
"""A largest weight between these is left as it is; any other becomes 1, since only the ratios of weights mean something."""
PARAMETER_FIELDS = ("norm", "k", "depth", "dim", "whiten", "seed")


@dataclass(frozen=True)
class LearnedArray:
    """One array of a trained fusion: float32, base64 of its little-endian bytes, so that JSON carries it."""

    name: str
    shape: tuple[int, ...]
    data: str

    @classmethod
    def of(cls, name: str, values: np.ndarray) -> LearnedArray:
        """Pack an array: float32, any shape."""
        values = np.ascontiguousarray(values, "<f4")
        return cls(name, values.shape, base64.b64encode(values.tobytes()).decode())

    @property
    def values(self) -> np.ndarray:
        """The array as it was packed, float32."""
        return np.frombuffer(base64.b64decode(self.data), "<f4").reshape(self.shape).astype(np.float32)


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
    """

    name: str
    kind: str
    backbones: tuple[str, ...]
    weights: tuple[float, ...] | None = None
    parameters: tuple[tuple[str, Any], ...] = ()
    learned: tuple[LearnedArray, ...] = ()
    trained_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_names(self)
        _check_weights(self)
        _check_parameters(self)
        _check_learned(self)

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
        found = dict(zip(self.active, weights / weights.sum()))
        return {name: float(found.get(name, 0.0)) for name in self.backbones}

    @property
    def settings(self) -> dict[str, Any]:
        """Every parameter of the strategy: as set, else its default."""
        return {p.name: p.default for p in self.strategy.parameters} | {
            name: value for name, value in self.parameters if self.strategy.parameter(name)
        }

    @property
    def is_linear(self) -> bool:
        """True when the score is a share-weighted sum of raw cosines, as far as no vector is missing."""
        settings = self.settings
        return self.strategy.linear and settings.get("norm", "none") == "none" and settings.get("depth") is None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was given and has no effect, in sentences."""
        unused = [name for name, value in self.parameters if self.strategy.parameter(name) is None]
        said = [f"{self.name}: {self.kind} does not use {name!r}; it was ignored." for name in unused]
        weights = self.active_weights
        if not self.strategy.weight and len(np.unique(weights)) > 1:
            said.append(
                f"{self.name}: {self.kind} counts all its backbones the same; only a weight of 0 has an effect."
            )
        return tuple(said)

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
        found = next((a for a in self.learned if a.name == name), None)
        if found is None:
            raise BadInput(f"Fusion {self.name!r} ({self.kind}) was not trained yet. Train it in the Fusion lab first.")
        return found.values

    def to_json(self) -> dict[str, Any]:
        """The object of fusions.json: only what was set."""
        record: dict[str, Any] = {"name": self.name, "kind": self.kind, "backbones": list(self.backbones)}
        if self.weights is not None:
            record["weights"] = list(self.weights)
        own: dict[str, Any] = {}
        for name, value in self.parameters:
            (record if name in PARAMETER_FIELDS else own)[name] = value
        if own:
            record["parameters"] = own
        if self.learned:
            record["learned"] = [dataclasses.asdict(a) | {"shape": list(a.shape)} for a in self.learned]
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
            raise BadInput(f"{where} is {_kind_of(record)}; write an object such as {EXAMPLE}.")
        name = record.get("name")
        where = f"{where} ({name!r})" if isinstance(name, str) and name else where
        try:
            found = cls(**_fields_of(record, where))
            return found if name is not None else named_by_shares(found)
        except (BadInput, UnknownName) as error:
            said = str(error)
            raise BadInput(said if said.startswith(where) else f"{where}: {said}") from None


def _kind_of(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return "nothing" if value is None else names.get(type(value), type(value).__name__)


def _fields_of(record: Mapping[str, Any], where: str) -> dict[str, Any]:
    faults = []
    for field in record:
        if field not in (*FIELDS, "learned", "trained_on"):
            alike = nearest(field, FIELDS, count=1)
            hint = f" (did you mean {alike[0]!r}?)" if alike else ""
            faults.append(f"field {str(field)[:40]!r} is not known{hint}")
    for field in ("name", "kind", "backbones"):
        if record.get(field) in ("", []) or (record.get(field) is None and field != "name"):
            faults.append(f"field {field!r} is missing")
    if faults:
        known = f"; the fields are {', '.join(FIELDS)}" if "not known" in " ".join(faults) else ""
        raise BadInput(f"{where}: {', '.join(faults[:6])}{known}. A fusion looks like {EXAMPLE}.")
    name = record.get("name", NAMELESS)
    name = NAMELESS if name is None else name
    if not isinstance(name, str) or not isinstance(record["kind"], str):
        raise BadInput(f"{where}: 'name' and 'kind' are text.")
    backbones = record["backbones"]
    if not isinstance(backbones, list | tuple) or not all(isinstance(b, str) for b in backbones):
        raise BadInput(f"{where}: 'backbones' is a list of names, got {_kind_of(backbones)}.")
    weights = record.get("weights")
    if isinstance(weights, Mapping):
        strangers = [name for name in weights if name not in backbones]
        if strangers:
            raise BadInput(f"{where}: 'weights' names {strangers[0]!r}, which is not among its backbones.")
        weights = [weights.get(name, 0.0) for name in backbones]
    if weights is not None and not isinstance(weights, list | tuple):
        raise BadInput(f"{where}: 'weights' is a list of numbers, got {_kind_of(weights)}.")
    own = record.get("parameters") or {}
    if not isinstance(own, Mapping):
        raise BadInput(f"{where}: 'parameters' is an object, got {_kind_of(own)}.")
    set_ones = [(name, record[name]) for name in PARAMETER_FIELDS if record.get(name) is not None]
    return {
        "name": name,
        "kind": record["kind"],
        "backbones": tuple(backbones),
        "weights": None if weights is None else tuple(weights),
        "parameters": tuple(set_ones) + tuple((str(k), v) for k, v in own.items() if v is not None),
        "learned": tuple(_learned_array(a, where) for a in _list_of(record, "learned", where)),
        "trained_on": tuple(str(key) for key in _list_of(record, "trained_on", where)),
    }


def _list_of(record: Mapping[str, Any], field: str, where: str) -> list[Any]:
    found = record.get(field)
    if found is None:
        return []
    if not isinstance(found, list | tuple):
        raise BadInput(f"{where}: field {field!r} is a list, got {_kind_of(found)}. Export the fusion once more.")
    return list(found)


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


def _check_names(spec: FusionSpec) -> None:
    name = "".join(c for c in spec.name if c.isprintable()).strip()
    if not name or len(name) > LONGEST_NAME:
        raise BadInput(f"'name' needs 1 to {LONGEST_NAME} readable characters.")
    object.__setattr__(spec, "name", name)
    FUSIONS.get(spec.kind)
    object.__setattr__(spec, "backbones", tuple(spec.backbones))
    if not spec.backbones:
        raise BadInput("'backbones' is empty; name at least one.")
    twice = [name for name in dict.fromkeys(spec.backbones) if spec.backbones.count(name) > 1]
    if twice:
        raise BadInput(f"'backbones' names {twice[0]!r} twice; each backbone joins once.")


def _check_weights(spec: FusionSpec) -> None:
    if spec.weights is None:
        return
    n, names = len(spec.backbones), ", ".join(map(repr, spec.backbones))
    if len(spec.weights) != n:
        raise BadInput(
            f"Got {len(spec.weights)} weights for {n} backbones ({names}) in 'weights'. "
            "Give one per backbone, or none for equal weights."
        )
    for name, weight in zip(spec.backbones, spec.weights):
        if not _is_finite(weight) or weight < 0:
            raise BadInput(f"'weights' gives {_short(weight)} to {name!r}; a weight is a finite number of at least 0.")
    if not any(weight > 0 for weight in spec.weights):
        raise BadInput("'weights' are all 0; give at least one backbone a weight above 0.")
    object.__setattr__(spec, "weights", tuple(float(w) for w in spec.weights))


def _check_learned(spec: FusionSpec) -> None:
    """The arrays of a trained fusion are those that its strategy reads, and fit one another."""
    if not spec.learned or not spec.strategy.arrays:
        return
    wanted, given = [name for name, _ in spec.strategy.arrays], [array.name for array in spec.learned]
    again = "Train the fusion again, or export it once more."
    if sorted(wanted) != sorted(given):
        raise BadInput(f"'learned' of {spec.kind} holds {', '.join(wanted)}, got {', '.join(given)[:120]}. {again}")
    shapes = {array.name: array.shape for array in spec.learned}
    lengths = {"backbones": len(spec.active), "profiles": PROFILE * len(spec.active)}
    for name, axes in spec.strategy.arrays:
        shape = shapes[name]
        if len(shape) == len(axes):
            lengths = {axis: length for axis, length in zip(axes, shape) if "+" not in axis} | lengths
        expected = tuple(sum(lengths.get(part, 0) for part in axis.split("+")) for axis in axes)
        if shape != expected:
            raise BadInput(
                f"'learned' gives {name!r} the shape {shape} where {expected} belongs to {len(spec.active)} backbones "
                f"and the other arrays. {again}"
            )


def _check_parameters(spec: FusionSpec) -> None:
    kept: list[tuple[str, Any]] = []
    for name, value in spec.parameters:
        if name in dict(kept):
            raise BadInput(f"{name!r} is given twice; write it once.")
        known = spec.strategy.parameter(name)
        if known is None:
            if name not in PARAMETER_FIELDS:
                has = ", ".join(p.name for p in spec.strategy.parameters) or "none"
                raise BadInput(f"{spec.kind} has no parameter {name!r}; it has {has}.")
            if not isinstance(value, bool | str) and not _is_finite(value):
                raise BadInput(f"{name!r} is one finite number, word, or true or false, got {_kind_of(value)}.")
            kept.append((name, value))
            continue
        kept.append((name, _within(name, value, known.bounds)))
    object.__setattr__(spec, "parameters", tuple(kept))


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
    if (
        not _is_finite(value)
        or not bounds.low <= value <= bounds.high
        or (bounds.kind == "whole" and value != int(value))
    ):
        what = "a whole number" if bounds.kind == "whole" else "a number"
        raise BadInput(f"{name!r} is {what} from {bounds.low:g} to {bounds.high:g}, got {_short(value)}.")
    return int(value) if bounds.kind == "whole" else float(value)


def title(spec: FusionSpec, called: Callable[[str], str] = str) -> str:
    """A fusion for people: 'Concatenation: hog 40 %, hsv_histogram 60 %'; `called` gives the names of backbones."""
    said = ", ".join(
        f"{called(name)} {share:.0%}".replace("%", " %") for name, share in spec.shares.items() if share > 0
    )
    return f"{spec.strategy.label}: {said}"


def named_by_shares(spec: FusionSpec) -> FusionSpec:
    """The same fusion, named by what it joins, within the length that a name may have."""
    name = title(spec)
    return dataclasses.replace(spec, name=name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…")


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


def read(path: Path | str) -> tuple[FusionSpec, ...]:
    """All fusions of a fusions.json: a list of objects, or one object.

    Raises:
        BadInput: one sentence that names the file and what is wrong in it.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadInput(f"{path.name} cannot be read: {reason}. Give a JSON file with a list of fusions.") from None
    return parse(text, path.name)


def parse(text: str, where: str = "The fusions") -> tuple[FusionSpec, ...]:
    """All fusions of a JSON text; names must differ."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        at = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise BadInput(f"{where} is not valid JSON{at}. It is a list of objects such as {EXAMPLE}.") from None
    records = [found] if isinstance(found, Mapping) else found
    if not isinstance(records, list):
        raise BadInput(f"{where} holds {_kind_of(found)}; it is a list of objects such as {EXAMPLE}.")
    specs = tuple(FusionSpec.from_json(one, f"{where}, fusion {n}") for n, one in enumerate(records, start=1))
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"{where} has two fusions named {name!r}; give each its own name.")
    return specs


def dump(specs: Sequence[FusionSpec]) -> str:
    """The JSON text of fusions, as `parse` reads it."""
    return json.dumps([spec.to_json() for spec in specs], indent=1, ensure_ascii=False) + "\n"


def _file_of(name: str) -> Path:
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:40]
    return paths.fusions() / f"{plain or 'fusion'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.json"


def save(spec: FusionSpec) -> Path:
    """Keep a fusion under its name; one of the same name is replaced, whole or not at all."""
    target = _file_of(spec.name)
    try:
        files.write_text(target, dump([spec]))
    except OSError as error:
        raise StoreUnusable(
            f"The fusion {spec.name!r} could not be saved in {target.parent}: {error.strerror}. "
            "Free some space or set FUSIONSCOPE_HOME to a folder that can be written."
        ) from None
    return target


def saved() -> tuple[dict[str, FusionSpec], tuple[str, ...]]:
    """All saved fusions by name, in order of name, and one sentence per file that could not be read."""
    found, faults = {}, []
    folder = paths.fusions()
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            found.update({spec.name: spec for spec in read(path)})
        except BadInput as error:
            faults.append(str(error))
    return dict(sorted(found.items())), tuple(faults)


def load(name: str) -> FusionSpec:
    """One saved fusion.

    Raises:
        UnknownName: with the nearest names.
    """
    found, _ = saved()
    if name not in found:
        hint = did_you_mean(name, found)
        raise UnknownName(f"No fusion is saved as {name!r}.{hint} Saved are: {', '.join(found) or 'none yet'}.")
    return found[name]


def remove(name: str) -> None:
    """Forget a saved fusion; one that is not there is no error."""
    _file_of(name).unlink(missing_ok=True)
