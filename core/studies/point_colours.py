"""What the points of a map are coloured by: categories, numbers on a scale, numbers around zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.natural_order import natural_key
from core.errors import BadInput
from core.types import frozen_array

NO_VALUE = 65_535
"""The code of a point that has no colour."""
MOST_NAMES = 200
OTHER = "Other"


@dataclass(frozen=True)
class Colours:
    """What the points of a map are coloured by.

    Attributes:
        title: what the legend is called.
        kind: "category", "number" or "diverging".
        codes: (n,) uint16, an index of `names`, or a step of 0 to 255 of the scale; 65535 is "no value".
        names: the categories; rest: those that stand back in grey ("Other", "no cluster").
        tints: CSS colours of the first names, where a colour means something.
        values: (n,) float32 for numbers, NaN is "no value"; low, high: the ends of the scale.
    """

    title: str
    kind: str
    codes: np.ndarray
    names: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    tints: tuple[str, ...] = ()
    values: np.ndarray | None = None
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", frozen_array(self.codes, np.uint16))
        if self.values is not None:
            object.__setattr__(self, "values", frozen_array(self.values, np.float32))


def categories(
    title: str,
    codes: np.ndarray,
    names: Sequence[str],
    *,
    rest: Sequence[str] = (),
    tints: Sequence[str] = (),
    most: int = MOST_NAMES,
    ordered: bool = False,
) -> Colours:
    """One colour per category, the largest first; beyond `most` the smallest share the name "Other".

    Args:
        codes: (n,) int, −1 is "no value"; names: per code.
        ordered: the order of `names` instead of the largest first.
    """
    codes = np.asarray(codes, np.int64)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = np.arange(len(names)) if ordered else np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    named, tail = (order, order[:0]) if len(order) <= most else (order[: most - 1], order[most - 1 :])
    index = np.full(len(names) + 1, NO_VALUE, np.int64)
    index[named] = np.arange(len(named))
    shown = [str(names[code]) for code in named]
    if len(tail):
        index[tail] = len(named)
        shown.append(f"{OTHER} ({len(tail)} more)")
        rest = (*rest, shown[-1])
    index[-1] = NO_VALUE
    return Colours(title, "category", index[codes], tuple(shown), tuple(rest), tuple(tints))


def numbers(title: str, values: np.ndarray, *, low: float | None = None, high: float | None = None) -> Colours:
    """A scale from the lowest to the highest value; NaN is "no value"."""
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    low = float(finite.min()) if low is None and len(finite) else (low or 0.0)
    high = float(finite.max()) if high is None and len(finite) else (1.0 if high is None else high)
    return Colours(title, "number", _steps(values, low, high), values=values, low=low, high=high)


def diverging(title: str, values: np.ndarray) -> Colours:
    """A scale around zero, as far to the one side as to the other."""
    values = np.asarray(values, np.float64)
    finite = np.abs(values[np.isfinite(values)])
    far = float(finite.max()) if len(finite) and finite.max() > 0 else 1.0
    return Colours(title, "diverging", _steps(values, -far, far), values=values, low=-far, high=far)


def _steps(values: np.ndarray, low: float, high: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        steps = np.round(np.clip((values - low) / max(high - low, 1e-12), 0, 1) * 255)
    return np.where(np.isfinite(values), steps, NO_VALUE).astype(np.uint16)


def column(items: pd.DataFrame, name: str) -> Colours:
    """Any column: numbers as a scale (around zero where both signs occur), the rest as categories.

    Raises:
        BadInput: there is no such column.
    """
    if name not in items.columns:
        raise BadInput(f"There is no column {name!r}; there are {', '.join(map(str, items.columns)) or 'none'}.")
    values = items[name]
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values) and values.nunique() > 12:
        plain = values.to_numpy(np.float64, na_value=np.nan)
        both = np.nanmin(plain) < 0 < np.nanmax(plain) if np.isfinite(plain).any() else False
        return diverging(name, plain) if both else numbers(name, plain)
    codes, names = pd.factorize(values, use_na_sentinel=True, sort=True)
    if not pd.api.types.is_numeric_dtype(values):
        names = sorted(map(str, names), key=natural_key)
        codes = pd.Categorical(values.map(str, na_action="ignore"), names).codes
    return categories(name, codes, [str(value) for value in names])
