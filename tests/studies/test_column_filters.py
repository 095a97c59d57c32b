"""Filters by any column: which there are, what a link may say, which images pass."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.studies import column_filters, retrieval
from core.types import Dataset
from tests.studies.retrieval.worlds import MIX, system, world


def dataset() -> Dataset:
    """48 images with a column of each kind."""
    loaded, _ = world()
    n = len(loaded)
    more = pd.DataFrame(
        {
            "path": loaded.items["path"],
            "price": [np.nan, *range(1, n)],
            "shelf": [f"shelf {1 + at % 11}" for at in range(n)],
            "note": [f"Note {at} of Anna" for at in range(n)],
            "same": ["x"] * n,
            "sold": [at % 2 == 0 for at in range(n)],
        }
    )
    return dataclasses.replace(loaded, items=more)


def test_every_column_that_tells_images_apart_is_a_filter() -> None:
    found = column_filters.facets(dataset())
    kinds = {"label": "choices", "price": "numbers", "shelf": "choices", "note": "choices", "sold": "choices"}
    assert {name: one.kind for name, one in found.items()} == kinds
    assert column_filters.facet(dataset().items["note"], 20).kind == "text"
    assert found["shelf"].values[:3] == ("shelf 1", "shelf 2", "shelf 3") and found["shelf"].values[-1] == "shelf 11"
    assert (found["price"].low, found["price"].high) == (1.0, 47.0)


def test_images_pass_by_numbers_choices_texts_and_labels() -> None:
    loaded = dataset()
    keep = column_filters.keep_images(loaded, {"price": (2.0, 5.0)})
    assert np.flatnonzero(keep).tolist() == [2, 3, 4, 5]
    keep = column_filters.keep_images(loaded, {"shelf": ["shelf 1", "shelf 2"], "label": ["class 0"]})
    assert np.flatnonzero(keep).tolist() == [0, 1, 11]
    assert column_filters.keep_images(loaded, {"note": "NOTE 4"}).sum() == 9
    assert np.flatnonzero(column_filters.keep_images(loaded, {"sold": ["False"]})).tolist() == list(range(1, 48, 2))
    with pytest.raises(BadInput, match="cannot be filtered"):
        column_filters.keep_images(loaded, {"nothing": ["x"]})


@given(st.text(max_size=300))
def test_any_link_is_read_and_what_is_read_is_written_again(line: str) -> None:
    known = column_filters.facets(dataset())
    chosen = column_filters.read(known, line)
    assert column_filters.read(known, column_filters.as_text(chosen)) == chosen


def test_a_link_keeps_what_was_chosen() -> None:
    known = column_filters.facets(dataset()) | {"note": column_filters.Facet("text")}
    chosen = {"price": (2.0, 5.5), "shelf": ["shelf 2", "shelf 11"], "note": "a&b=c"}
    assert column_filters.read(known, column_filters.as_text(chosen)) == chosen


def test_a_list_is_filtered_with_its_figures() -> None:
    loaded, space = world()
    whole = retrieval.retrieve(retrieval.gallery_image_query(loaded, space, 0), system(space, MIX))
    keep = np.arange(48) % 2 == 0
    some = retrieval.filtered(whole, keep)
    assert some.order.tolist() == [at for at in whole.order if at % 2 == 0] and some.n_relevant == 5
    assert some.ranks[1] == retrieval.NOT_LISTED and some.hits.sum() == 5
