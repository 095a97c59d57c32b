"""The fields that setups are made of: what each may hold, and how anybody's text is brought within that."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Setup = TypeVar("Setup")

LONGEST_VALUE = 10_000
"""Characters that are read of one value of a link; no field needs more."""
MOST_NAMES = 64
"""Names that a list of a link holds."""


@dataclass(frozen=True)
class Bounds:
    """What a field may hold.

    Attributes:
        kind: "choice", "several", "whole", "real", "text", "flag", "shares" or "ids".
        names: () → the names allowed now, for choice, several and shares; None leaves them open
            (the dataset or the installation decides).
        low, high, step: bounds of numbers.
        label, help: what a page writes beside the widget.
        short: the name of the field in a link.
    """

    kind: str
    names: Callable[[], Iterable[str]] | None = None
    low: float = 0.0
    high: float = 1.0
    step: float = 1.0
    label: str = ""
    help: str = ""
    short: str = ""

    def clean(self, value: Any, default: Any) -> Any:
        """`value` within these bounds, else `default`. Never raises."""
        if isinstance(value, str):
            value = value[:LONGEST_VALUE]
        try:
            return _CLEAN[self.kind](self, value, default)
        except (TypeError, ValueError, OverflowError, AttributeError):
            return default


def _one_name(bounds: Bounds, value: Any, default: Any) -> Any:
    text = str(value)[:200]
    return text if bounds.names is None or text in set(bounds.names()) else default


def _several_names(bounds: Bounds, value: Any, default: Any) -> Any:
    values = value.split(",") if isinstance(value, str) else list(value)
    allowed = None if bounds.names is None else set(bounds.names())
    known_names = tuple(dict.fromkeys(n for n in map(str, values) if n and (allowed is None or n in allowed)))[
        :MOST_NAMES
    ]
    return known_names or default


def _whole(bounds: Bounds, value: Any, default: Any) -> Any:
    return int(min(max(int(float(value)), bounds.low), bounds.high))


def _real(bounds: Bounds, value: Any, default: Any) -> Any:
    number = float(value)
    return default if number != number else min(max(number, bounds.low), bounds.high)


def _flag(bounds: Bounds, value: Any, default: Any) -> Any:
    return value if isinstance(value, bool) else str(value).lower() in {"1", "true", "yes", "on"}


def _text(bounds: Bounds, value: Any, default: Any) -> Any:
    return "".join(c for c in str(value) if c.isprintable())[: int(bounds.high)]


def _shares(bounds: Bounds, value: Any, default: Any) -> Any:
    """'a:0.3,b:0.7' or a mapping → sorted ((name, share), ...), shares within [0, 1]."""
    pairs = value.items() if hasattr(value, "items") else value
    if isinstance(value, str):
        pairs = (part.rsplit(":", 1) for part in value.split(",") if part)
    allowed = None if bounds.names is None else set(bounds.names())
    bounded = {}
    for name, share in pairs:
        number = float(share)
        if number == number and (allowed is None or name in allowed):
            bounded[str(name)] = round(min(max(number, 0.0), 1.0), 4)
    return tuple(sorted(bounded.items())[:MOST_NAMES]) or default


_CLEAN = {
    "choice": _one_name,
    "several": _several_names,
    "ids": _several_names,
    "whole": _whole,
    "real": _real,
    "flag": _flag,
    "text": _text,
    "shares": _shares,
}


def _field(default: Any, **bounds: Any) -> Any:
    return field(default=default, metadata={"bounds": Bounds(**bounds)})


def choice(names: Callable[[], Iterable[str]] | None, default: str, **more: Any) -> Any:
    """One name out of a list."""
    return _field(default, kind="choice", names=names, **more)


def several(names: Callable[[], Iterable[str]] | None, default: tuple[str, ...], **more: Any) -> Any:
    """Some names out of a list, in the order chosen."""
    return _field(default, kind="several", names=names, **more)


def shares(names: Callable[[], Iterable[str]] | None = None, default: tuple = (), **more: Any) -> Any:
    """A share in [0, 1] per name."""
    return _field(default, kind="shares", names=names, **more)


def whole(low: int, high: int, default: int, **more: Any) -> Any:
    """A whole number within [low, high]."""
    return _field(default, kind="whole", low=low, high=high, **more)


def real(low: float, high: float, default: float, step: float = 0.01, **more: Any) -> Any:
    """A number within [low, high]."""
    return _field(default, kind="real", low=low, high=high, step=step, **more)


def flag(default: bool, **more: Any) -> Any:
    """Yes or no."""
    return _field(default, kind="flag", **more)


def text(default: str = "", longest: int = 500, **more: Any) -> Any:
    """One line of text."""
    return _field(default, kind="text", high=longest, **more)


def bounds_of(setup: type, name: str) -> Bounds:
    """The bounds of one field of a setup class."""
    return next(f for f in dataclasses.fields(setup) if f.name == name).metadata["bounds"]


def clean(setup: type, values: dict[str, Any]) -> Any:
    """A `setup` from anybody's values: known fields only, each within its bounds. Never raises."""
    cleaned = {}
    for f in dataclasses.fields(setup):
        if f.name in values:
            cleaned[f.name] = f.metadata["bounds"].clean(values[f.name], f.default)
    return setup(**cleaned)


def of_link(setup: type[Setup], values: Mapping[str, str]) -> Setup:
    """A `setup` as a link says it: every field by its short name. Never raises."""
    fields = [field.name for field in dataclasses.fields(setup)]  # type: ignore[arg-type]
    names = {name: bounds_of(setup, name).short or name for name in fields}
    return clean(setup, {name: values[short] for name, short in names.items() if short in values})


_SEPARATOR = "|"


def join_texts(texts: Iterable[str]) -> str:
    """Texts in one field of a link; they may hold the separator themselves.

    >>> split_texts(join_texts(["a|b", "100 %7C"]))
    ['a|b', '100 %7C']
    """
    return _SEPARATOR.join(text.replace("%", "%25").replace(_SEPARATOR, "%7C") for text in texts)


def split_texts(line: str) -> list[str]:
    """What `join_texts` joined."""
    return [part.replace("%7C", _SEPARATOR).replace("%25", "%") for part in line.split(_SEPARATOR) if part]
