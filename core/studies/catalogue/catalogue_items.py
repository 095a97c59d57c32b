"""Catalogues: items with title, description and images, made from a dataset whose table has text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from core import data
from core.data import table_files
from core.data.natural_order import natural_key
from core.data.readers import manifest
from core.errors import BadInput
from core.studies import column_filters
from core.types import Dataset

IMAGE = "picture"


CATEGORY = "category"


MOST_IMAGES = 8
"""Images of an item that can be components of their own; further ones count under the other two ways only."""


_FILE_COLUMNS = {
    "path",
    "size",
    "mtime_ns",
    "width",
    "height",
    "offset",
    "member_size",
    "id",
    "image",
    "picture_number",
}


_NEVER_NUMBERS = {"title", "description", "parent", CATEGORY, "instance"}


_MOST_CHOICES = 60


def image_component(number: int) -> str:
    """The name of the component that holds the images of that number: "picture", "picture 2" ..."""
    return IMAGE if number == 1 else f"{IMAGE} {number}"


_IMAGE_COMPONENTS = tuple(image_component(number) for number in range(1, MOST_IMAGES + 1))


def is_image(component: str) -> bool:
    """Whether a component holds images."""
    return component in _IMAGE_COMPONENTS


@dataclass(frozen=True)
class Catalogue:
    """Items with text, each with no image, one or several.

    Attributes:
        dataset: the images.
        items: one row per item: id, text columns, category; items without an image come last.
        image_of: (n_items,) int64 position of the item's first image in the dataset, −1 for none.
        owner: (n_images,) int64 the item of each image.
    """

    dataset: Dataset
    items: pd.DataFrame
    image_of: np.ndarray
    owner: np.ndarray

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def image_numbers(self) -> np.ndarray:
        """(n_images,) int64: which image of its item each one is, from 1."""
        return pd.Series(self.owner).groupby(self.owner).cumcount().to_numpy(np.int64) + 1

    @cached_property
    def image_counts(self) -> np.ndarray:
        """(n_items,) int64: how many images each item has."""
        return np.bincount(self.owner, minlength=len(self))

    @property
    def most_images(self) -> int:
        """Images of the item that has the most."""
        return int(self.image_counts.max(initial=0))

    def part_names(self, names: Sequence[str] = (), join: str = "mean") -> tuple[str, ...]:
        """The components that `names` stand for: under "each", "picture" is one component per image number."""
        number = min(self.most_images, MOST_IMAGES) if join == "each" else 1
        parts = (
            part
            for name in names or self.default_components
            for part in (_IMAGE_COMPONENTS[: max(1, number)] if name == IMAGE else (name,))
        )
        return tuple(dict.fromkeys(parts))

    @property
    def name(self) -> str:
        """The name of its dataset."""
        return self.dataset.name

    @cached_property
    def text_columns(self) -> tuple[str, ...]:
        """Columns that can be a text component; title and description first."""
        columns = [
            column
            for column in self.items
            if column not in _FILE_COLUMNS and not pd.api.types.is_numeric_dtype(self.items[column])
        ]
        first = [column for column in ("title", "description") if column in columns]
        return tuple(dict.fromkeys([*first, *columns]))

    @property
    def default_components(self) -> tuple[str, ...]:
        """Title, description and image, as far as there are any; else the first text column and the image."""
        usual = [column for column in ("title", "description") if column in self.text_columns]
        return (*(usual or self.text_columns[:1]), IMAGE)

    def texts(self, column: str) -> list[str]:
        """One column as texts, "" where an item has none."""
        if column not in self.items:
            raise BadInput(
                f"{self.name!r} has no column {column!r}; it has {', '.join(self.text_columns) or 'no text'}."
            )
        return [table_files.words(value) for value in self.items[column]]

    def title(self, item: int) -> str:
        """What a page writes over an item: its title, else its id."""
        row = self.items.iloc[item]
        return table_files.words(row.get("title", "")) or str(row["id"])

    @cached_property
    def facets(self) -> dict[str, tuple]:
        """Columns that items can be filtered by: text with few values → its values, numbers → (low, high)."""
        facets: dict[str, tuple] = {}
        for column in self.items:
            values = self.items[column]
            if column in _FILE_COLUMNS | {"title", "description"} or not values.notna().any():
                continue
            if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
                if values.min() < values.max():
                    facets[column] = (float(values.min()), float(values.max()))
            else:
                names = sorted(set(self.texts(column)) - {""}, key=natural_key)
                if 2 <= len(names) <= min(_MOST_CHOICES, max(8, len(self) // 2)):
                    facets[column] = tuple(names)
        return facets


def of_dataset(dataset: Dataset) -> Catalogue:
    """The catalogue of a dataset whose table has text columns; rows of its file without an image are items too.

    Raises:
        BadInput: no text column.
    """
    owner, ids = pd.factorize(dataset.items.get("picture_of", dataset.ids))
    first = np.full(len(ids), -1, np.int64)
    first[owner[::-1]] = np.arange(len(owner) - 1, -1, -1)
    items = _of_first_images(dataset, first)
    items.insert(0, "id", np.asarray(ids, object).astype(str))
    without_image = _without_image(dataset, set(items["id"]))
    whole = pd.concat([items, without_image], ignore_index=True) if len(without_image) else items
    for column in whole.columns.difference([*_FILE_COLUMNS, *_NEVER_NUMBERS]):
        whole[column] = _numbers(whole[column])
    image_of = np.concatenate([first, np.full(len(without_image), -1)]).astype(np.int64)
    catalogue = Catalogue(dataset, whole, image_of, owner.astype(np.int64))
    if not set(catalogue.text_columns) - {CATEGORY}:
        raise BadInput(
            f"{dataset.name!r} has no text: a catalogue is a table (.csv) with paths, titles, descriptions. "
            "Add one on the Overview page, or open demo_catalogue."
        )
    return catalogue


def _numbers(values: pd.Series) -> pd.Series:
    """A column whose every word is a number, as numbers (prices, years); any other column as it is."""
    texts = [table_files.words(value) for value in values]
    try:
        numbers = [float(text) if text else np.nan for text in texts]
    except ValueError:
        return values
    if not any(texts) or np.isinf(numbers).any():
        return values
    return pd.Series(numbers, index=values.index)


def _of_first_images(dataset: Dataset, first: np.ndarray) -> pd.DataFrame:
    """What the dataset says about each item, from its first image; the labels are the category."""
    items = dataset.items.iloc[first].reset_index(drop=True)
    if "picture_of" in items:
        item_ids = items.pop("picture_of")
        if "instance" in items and items["instance"].equals(item_ids):
            items = items.drop(columns="instance")  # made by the reader, not in the table
    if dataset.label_names and CATEGORY not in items:
        items[CATEGORY] = [dataset.label_of(int(position)) for position in first]
    return items


def _without_image(dataset: Dataset, known: set[str]) -> pd.DataFrame:
    """Rows of the dataset's own file that are no image of it: no path, or a file that could not be read."""
    source = Path(dataset.source) if dataset.source else None
    if source is None or not manifest.is_table(source):
        return pd.DataFrame()
    return manifest.rows_without_image(source, known, data.options_of(dataset.name).get("columns"))


def keep_items(catalogue: Catalogue, chosen: Mapping[str, Sequence[str] | tuple[float, float]]) -> np.ndarray:
    """(n_items,) bool: the items that pass every filter; an item that lacks a filtered number does not pass.

    Args:
        chosen: facet → names that may stand there (none chosen: all pass), or (low, high) for numbers.
    """
    keep = np.ones(len(catalogue), bool)
    for column, wanted in chosen.items():
        facet = catalogue.facets.get(column)
        if facet is None:
            raise BadInput(f"{catalogue.name!r} cannot be filtered by {column!r}.")
        if wanted:
            keep &= column_filters.passing(catalogue.items[column], wanted)
    return keep
