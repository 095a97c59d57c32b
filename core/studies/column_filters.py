"""Filters by the columns of a table: which there are, how a link writes them, which rows pass."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pandas as pd

from core.data import table_files
from core.data.natural_order import natural_key
from core.errors import BadInput
from core.types import Dataset

FILE_COLUMNS = frozenset(
    {
        *("path", "size", "mtime_ns", "offset", "member_size", "id", "image", "picture_number"),
        *("archive", "member", "key", "thumbnail"),
    }
)
"""Columns that say where an image lies, not what it is."""
MOST_CHOICES = 60
"""Values of a column up to which they are offered in a list; beyond, a text is looked for in them."""
LABEL = "label"
Chosen = Mapping[str, "tuple[float, float] | list[str] | str"]
"""Column → (low, high) of numbers, values of which one must stand there, or a text that must occur."""


@dataclass(frozen=True)
class Facet:
    """One column that rows can be filtered by.

    Attributes:
        kind: "numbers", "choices" or "text".
        low, high: of numbers; values: of choices, in natural order.
    """

    kind: str
    low: float = 0.0
    high: float = 0.0
    values: tuple[str, ...] = ()


def texts(values: pd.Series) -> list[str]:
    """A column as texts, "" where a row has none."""
    return [table_files.words(value) for value in values]


def facet(values: pd.Series, most: int = MOST_CHOICES) -> Facet | None:
    """What a column can be filtered by; None where all rows say the same."""
    if not values.notna().any():
        return None
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        low, high = float(values.min()), float(values.max())
        return Facet("numbers", low, high) if low < high else None
    names = set(texts(values)) - {""}
    if len(names) < 2:
        return None
    return Facet("choices", values=tuple(sorted(names, key=natural_key))) if len(names) <= most else Facet("text")


def facets(dataset: Dataset) -> dict[str, Facet]:
    """Every column of a dataset that its images can be filtered by; labels first."""
    by_column: dict[str, Facet] = {}
    if len(dataset.label_names) > 1:
        by_column[LABEL] = Facet("choices", values=tuple(dataset.label_names))
    for name in map(str, dataset.items.columns):
        if name not in FILE_COLUMNS and name not in by_column and (values := facet(dataset.items[name])) is not None:
            by_column[name] = values
    return by_column


def read(known: Mapping[str, Facet], line: str) -> dict[str, Any]:
    """What a link says about filters, as far as it fits these columns. Never raises."""
    chosen: dict[str, Any] = {}
    for column, value in parse_qsl(line[:2000])[:100]:
        of = known.get(column)
        if of is None:
            continue
        if of.kind == "numbers":
            low, _, high = value.partition("..")
            try:
                ends = (max(of.low, float(low)), min(of.high, float(high)))
            except ValueError:
                continue
            if ends[0] <= ends[1]:
                chosen[column] = ends
        elif of.kind == "text":
            chosen[column] = value
        elif value in of.values:
            chosen.setdefault(column, []).append(value)
    return chosen


def as_text(chosen: Chosen) -> str:
    """The form of the link; `read` takes it back."""
    pairs: list[tuple[str, str]] = []
    for column, value in chosen.items():
        if isinstance(value, tuple):
            pairs.append((column, f"{value[0]:g}..{value[1]:g}"))
        else:
            pairs.extend((column, text) for text in ([value] if isinstance(value, str) else value))
    return urlencode(pairs)


def passing(values: pd.Series, wanted: Sequence[Any] | str) -> np.ndarray:
    """(n,) bool: the rows of a column that pass; one that lacks a filtered value does not."""
    if isinstance(wanted, tuple):
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        return (numbers >= wanted[0]) & (numbers <= wanted[1])
    if isinstance(wanted, str):
        return np.array([wanted.casefold() in text.casefold() for text in texts(values)], bool)
    return np.isin(np.array(texts(values), object), np.array(list(wanted), object))


def keep_images(dataset: Dataset, chosen: Chosen) -> np.ndarray:
    """(n_images,) bool: the images that pass every filter.

    Raises:
        BadInput: there is no such column.
    """
    keep = np.ones(len(dataset), bool)
    for column, wanted in chosen.items():
        if column == LABEL and len(dataset.label_names) > 1 and not isinstance(wanted, str):
            keep &= _labelled(dataset, set(map(str, wanted)))
        elif column in dataset.items.columns:
            keep &= passing(dataset.items[column], wanted)
        else:
            raise BadInput(f"{dataset.name!r} cannot be filtered by {column!r}.")
    return keep


@dataclass(frozen=True)
class GalleryFilter:
    """Filters over a gallery: what was chosen, and which images pass.

    Attributes:
        chosen: as a link says it.
        keep: (n_gallery,) bool.
    """

    chosen: Chosen
    keep: np.ndarray


def gallery_filter(dataset: Dataset, chosen: Chosen) -> GalleryFilter | None:
    """What of a dataset's gallery passes; None where nothing was chosen."""
    return GalleryFilter(chosen, keep_images(dataset, chosen)[dataset.split.gallery]) if chosen else None


def _labelled(dataset: Dataset, wanted: Collection[str]) -> np.ndarray:
    codes = [code for code, name in enumerate(dataset.label_names) if name in wanted]
    if dataset.label_matrix is not None:
        return np.asarray(dataset.label_matrix[:, codes].sum(axis=1)).reshape(-1) > 0
    return np.isin(dataset.labels, codes)
