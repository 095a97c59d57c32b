"""What is known of every image without looking at it: its size, its file, the folder above its class; as columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import pandas as pd

from core.data import image_bytes, table_files
from core.errors import BadInput
from core.types import Dataset

FILE_DATE = "file date"
"""The column whose numbers are days since 1970."""


@dataclass(frozen=True)
class Computed:
    """A column that is worked out.

    Attributes:
        needs: columns of the table that it is made of.
        make: the dataset and positions of images → a value for each, NaN or "" where there is none.
    """

    needs: frozenset[str]
    make: Callable[[Dataset, np.ndarray], pd.Series]


def _megapixels(dataset: Dataset, positions: np.ndarray) -> pd.Series:
    items = dataset.items.iloc[positions]
    pixels = items["width"].to_numpy(float) * items["height"].to_numpy(float) / 1e6
    return pd.Series(np.where(pixels > 0, pixels, np.nan))


def _aspect(dataset: Dataset, positions: np.ndarray) -> pd.Series:
    items = dataset.items.iloc[positions]
    width, height = items["width"].to_numpy(float), items["height"].to_numpy(float)
    return pd.Series(np.divide(width, height, out=np.full(len(items), np.nan), where=height > 0))


def _file_size(dataset: Dataset, positions: np.ndarray) -> pd.Series:
    sizes = dataset.items["size"].to_numpy(float)[positions] / 1000
    return pd.Series(np.where(sizes > 0, sizes, np.nan))


def _file_date(dataset: Dataset, positions: np.ndarray) -> pd.Series:
    days = dataset.items["mtime_ns"].to_numpy(float)[positions] / 86_400e9
    return pd.Series(np.where(days > 0, np.floor(days), np.nan))


def _folder_above(dataset: Dataset, positions: np.ndarray) -> pd.Series:
    """The folder in which a class's folder lies; that of the image where folders are no classes."""
    made, listed = [], image_bytes.display_paths(dataset)
    has_file = dataset.items["path"].astype(bool).to_numpy()
    for position in positions.tolist():
        parents = PurePath(listed[position]).parents if has_file[position] else ()
        in_class = len(parents) > 1 and parents[0].name == dataset.label_of(position)
        made.append(parents[1 if in_class else 0].name if len(parents) else "")
    return pd.Series(made, dtype=object)


COMPUTED: dict[str, Computed] = {
    "folder above class": Computed(frozenset({"path"}), _folder_above),
    "megapixels": Computed(frozenset({"width", "height"}), _megapixels),
    "aspect": Computed(frozenset({"width", "height"}), _aspect),
    "file kB": Computed(frozenset({"size"}), _file_size),
    FILE_DATE: Computed(frozenset({"mtime_ns"}), _file_date),
}
"""Columns that every collection of files has."""


def values(dataset: Dataset, name: str, positions: np.ndarray) -> pd.Series:
    """A column of the table, or a computed one, for some images, in their order.

    Raises:
        BadInput: there is no such column.
    """
    if name in dataset.items.columns:
        return dataset.items[name].iloc[positions].reset_index(drop=True)
    computed = COMPUTED.get(name)
    if computed is None or not computed.needs <= set(map(str, dataset.items.columns)):
        raise BadInput(f"{dataset.name!r} has no column {name[:60]!r}.")
    return computed.make(dataset, positions)


def texts(dataset: Dataset, name: str) -> np.ndarray:
    """(n_images,) object: a column as texts, "" where an image has none.

    Raises:
        BadInput: there is no such column.
    """
    return np.array([table_files.words(value) for value in values(dataset, name, np.arange(len(dataset)))], object)
