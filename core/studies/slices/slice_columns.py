"""What queries can be sliced by: the columns of the table of images, and what is known of the images themselves."""

from __future__ import annotations

import datetime
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from core.data import computed_columns
from core.data.computed_columns import COMPUTED, FILE_DATE
from core.data.natural_order import natural_key
from core.errors import BadInput
from core.registry import did_you_mean
from core.studies import column_filters, image_measures
from core.studies.column_filters import FILE_COLUMNS, LABEL
from core.types import Dataset

BINS = 4
"""Parts of equal size that numbers are binned into, unless another count is asked for."""
MOST_VALUES = 200
"""Values of a column; a column of more is a text, not a group."""
FEW_NUMBERS = 6
"""Numbers of so few different values are values, not bins."""
_SIZES = frozenset({"width", "height", *(f"crop_{side}" for side in ("left", "top", "right", "bottom"))})
"""Columns that stand as size and aspect here, or say where in a file an image lies."""
_PLACES = frozenset({"table_row", "table_column", "split"})
UNKNOWN = -1
_OF = {"megapixels": "of {} megapixels", "file kB": "of {} kB"}
"""Numbers that are said with their unit."""
_IN = {LABEL: "of class {}", "folder above class": "in the folder {}"}
_PLAIN_NAME, _LONGEST = re.compile(r"[^\W\d][\w -]*"), 60
"""A column's name that reads as a word, and how much of a value is said."""


@dataclass(frozen=True)
class SliceColumn:
    """One column, as it parts the queries.

    Attributes:
        name: as it is asked for.
        values: what each part is called, in the order of the column; of numbers from low to high.
        codes: (n_queries,) int64, which part a query is in; −1 where the column says nothing.
        is_binned: the parts are ranges of numbers.
    """

    name: str
    values: tuple[str, ...]
    codes: np.ndarray = field(repr=False)
    is_binned: bool = False

    def where(self, value: int) -> str:
        """One part in words: 'brightness up to 0.39', 'camera is "shop"'."""
        return f"{self.title} {self.values[value]}" if self.is_binned else f'{self.title} is "{self.values[value]}"'

    def phrase(self, value: int) -> str:
        """What stands behind "images" in a sentence: 'of up to 0.3 megapixels', 'with brightness above 0.39', 'of class "cat"'.

        >>> SliceColumn("megapixels", ("up to 0.3", "above 0.3"), np.zeros(1, np.int64), True).phrase(1)
        'of more than 0.3 megapixels'
        """
        part, named = self.values[value], self.name if _PLAIN_NAME.fullmatch(self.name) else f'"{self.name}"'
        if self.is_binned and self.name in _OF:
            return _OF[self.name].format(part.replace("above", "more than"))
        if self.is_binned and self.name == FILE_DATE:
            return f"dated {part.replace('above', 'after')}"
        if self.is_binned:
            return f"with {named} {part}"
        quoted = f'"{textwrap.shorten(part, _LONGEST, placeholder=" …")}"'
        return _IN[self.name].format(quoted) if self.name in _IN else f"with {named} {quoted}"

    @property
    def title(self) -> str:
        """What people read."""
        return "class" if self.name == LABEL else self.name

    def mask(self, value: int) -> np.ndarray:
        """(n_queries,) bool: the queries of one part."""
        return self.codes == value


def names(dataset: Dataset) -> list[str]:
    """Columns that may part the queries of a dataset, without looking at their values; the class first."""
    listed = [LABEL] if dataset.label_matrix is None and len(dataset.label_names) > 1 else []
    table = [str(name) for name in dataset.items.columns]
    listed += [name for name in table if name not in FILE_COLUMNS | _SIZES | _PLACES and name != LABEL]
    listed += [name for name, computed in COMPUTED.items() if name not in listed and computed.needs <= set(table)]
    if dataset.has_images:
        listed += [name for name in image_measures.NAMES if name not in listed]
    return listed


def column(dataset: Dataset, name: str, bins: int = BINS, images: np.ndarray | None = None) -> SliceColumn | None:
    """One column over the queries; None where it does not part them (all alike, or nearly each of its own).

    Args:
        images: (n,) int64 positions of the images that are parted instead of the queries.
    Raises:
        BadInput: there is no such column.
    """
    series = _series(dataset, name, dataset.split.queries if images is None else images)
    missing = series.isna().to_numpy()
    if missing.all():
        return None
    numeric = pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)
    if numeric and series.nunique() > FEW_NUMBERS:
        return _binned(name, series.to_numpy(np.float64, na_value=np.nan), bins)
    texts = np.array(column_filters.texts(series), object)
    values = sorted(set(texts[~missing].tolist()) - {""}, key=natural_key)
    if not 2 <= len(values) <= min(MOST_VALUES, max(2, len(texts) // 2)):
        return None
    code_of = {value: code for code, value in enumerate(values)}
    codes = np.array([code_of.get(value, UNKNOWN) for value in texts.tolist()], np.int64)
    return SliceColumn(name, tuple(values), codes)


def columns(dataset: Dataset, wanted: Sequence[str] = (), bins: int = BINS) -> list[SliceColumn]:
    """Every column that parts the queries, or those that are wanted.

    Raises:
        BadInput: one that is wanted is not there, or does not part the queries.
    """
    made = {name: column(dataset, name, bins) for name in (wanted or names(dataset))}
    for name in wanted:
        if made[name] is None:
            raise BadInput(
                f"The column {name!r} does not part the queries of {dataset.name!r}: it says the same of all, says "
                f"nothing, or has more than {MOST_VALUES} values."
            )
    return [single for single in made.values() if single is not None]


@dataclass(frozen=True)
class CrossedColumn(SliceColumn):
    """Two columns at once.

    Attributes:
        of: the two; pairs: of each part, its values in both.
    """

    of: tuple[SliceColumn, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()

    def sides(self, value: int) -> tuple[tuple[SliceColumn, int], ...]:
        """Both columns of one part, each with its value."""
        return tuple(zip(self.of, self.pairs[value]))

    def phrase(self, value: int) -> str:
        """As that of one column."""
        return " and ".join(column.phrase(part) for column, part in self.sides(value))

    def where(self, value: int) -> str:
        """One part in words."""
        return " and ".join(column.where(part) for column, part in self.sides(value))


def crossed(first: SliceColumn, second: SliceColumn) -> CrossedColumn:
    """Two columns at once: a part for each pair of values that some query has."""
    both = (first.codes >= 0) & (second.codes >= 0)
    numbers = np.where(both, first.codes * len(second.values) + second.codes, UNKNOWN)
    present = np.unique(numbers[both])
    codes = np.where(both, np.searchsorted(present, numbers), UNKNOWN)
    pairs = tuple(divmod(int(number), len(second.values)) for number in present)
    values = tuple(f"{first.values[a]} · {second.values[b]}" for a, b in pairs)
    return CrossedColumn(f"{first.title} × {second.title}", values, codes, of=(first, second), pairs=pairs)


def _series(dataset: Dataset, name: str, positions: np.ndarray) -> pd.Series:
    """The values of a column for some images, in their order."""
    listed = names(dataset)
    if name not in listed:
        raise BadInput(
            f"{dataset.name!r} has no column {name[:60]!r} to slice by.{did_you_mean(name, listed)} "
            f"There are {', '.join(listed) or 'none'}."
        )
    if name == LABEL:
        return pd.Series([dataset.label_of(position) for position in positions.tolist()], dtype=object)
    if name not in dataset.items.columns and name in image_measures.NAMES:
        measured = image_measures.known(dataset, positions)[:, image_measures.NAMES.index(name)]
        # The worst queries may be all that was measured so far, and a slice of these alone would be a choice.
        return pd.Series(np.full(len(positions), np.nan) if image_measures.lacking(dataset, positions) else measured)
    return computed_columns.values(dataset, name, positions)


# ---------------------------------------------------------------- numbers


def _binned(name: str, numbers: np.ndarray, bins: int) -> SliceColumn | None:
    """Parts of about equal size between quantiles; equal numbers stay together."""
    known = np.isfinite(numbers)
    if not known.any():
        return None
    edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
    edges = edges[edges < numbers[known].max()]
    write = _written(edges, name == FILE_DATE)
    if not len(edges) or len(set(write)) < len(write):
        return None
    codes = np.where(known, np.searchsorted(edges, np.where(known, numbers, edges[0]), side="left"), UNKNOWN)
    middle = [f"{low} to {high}" for low, high in zip(write, write[1:])]
    return SliceColumn(name, (f"up to {write[0]}", *middle, f"above {write[-1]}"), codes.astype(np.int64), True)


def _written(edges: np.ndarray, dates: bool) -> list[str]:
    """Edges as people read them, with as many digits as tell them apart."""
    if dates:
        first = datetime.date(1970, 1, 1)
        return [(first + datetime.timedelta(days=int(edge))).isoformat() for edge in edges]
    for digits in (3, 4, 6):
        texts = [f"{edge:,.{digits}g}" if abs(edge) < 1000 else f"{edge:,.0f}" for edge in edges]
        if len(set(texts)) == len(texts):
            break
    return texts
