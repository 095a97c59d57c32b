"""The map of a dataset: colours, what is kept, selections."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core import data, metrics
from core.errors import BadInput, NotComputed, UnknownName
from core.search import rank_scores
from core.studies import colourings, maps, point_colours, vector_set
from core.studies.colourings import COLOURINGS, MapView
from core.studies.point_colours import NO_VALUE
from core.studies.systems import System
from core.types import Dataset, Split, unit


@pytest.fixture
def dataset() -> Dataset:
    n = 60
    labels = np.arange(n) % 3
    labels[-1] = -1
    keys = np.array([f"{i:064x}" for i in range(n)], "S64")
    keys[1] = keys[4]
    items = pd.DataFrame({"path": [f"{i}.jpg" for i in range(n)], "size": np.arange(n) * 1.5, "shop": ["a", "b"] * 30})
    split = Split(np.arange(20), np.arange(10, 50), np.arange(50, 60))
    ids = np.array([f"i{i}" for i in range(n)])
    return Dataset.of("drawn", ids, keys, items, ("ant", "bee", "cat"), labels, split=split)


@pytest.fixture
def view(dataset: Dataset) -> MapView:
    random = np.random.default_rng(0)
    rows = unit(np.eye(3, 24)[np.arange(60) % 3] + 0.15 * random.normal(size=(60, 24)))
    rows[7] = rows[10]
    ap = np.linspace(0, 1, 60)
    ap[20:] = np.nan
    figures = {"ap": ap, "ap of the other": 1 - ap}
    other = maps.space_of({"x": unit(random.normal(size=(60, 8)))}, {"x": 1.0})
    return MapView(dataset, maps.space_of({"x": rows}, {"x": 1.0}), figures, other)


@pytest.mark.parametrize("name", COLOURINGS.names)
def test_every_colouring_gives_a_colour_or_none_to_each_point(view: MapView, name: str) -> None:
    found = colourings.colours(view, name)
    assert len(found.codes) == 60
    known = found.codes[found.codes != NO_VALUE]
    assert len(known)
    assert known.max() < (len(found.names) if found.kind == "category" else 256)
    assert name in colourings.colourings(view)


def test_colours_say_what_is_true(view: MapView) -> None:
    split = colourings.colours(view, "split")
    assert [split.names[split.codes[i]] for i in (0, 15, 30, 55)] == ["query", "query and gallery", "gallery", "train"]
    classes = colourings.colours(view, "class")
    assert classes.codes[-1] == NO_VALUE
    assert [classes.names[classes.codes[i]] for i in range(3)] == ["ant", "bee", "cat"]
    right = colourings.colours(view, "correct")
    assert set(right.names) <= {"first hit wrong", "first hit right"}
    assert (right.codes[:20] != NO_VALUE).all()
    difference = colourings.colours(view, "difference")
    assert difference.kind == "diverging" and difference.low == -difference.high == pytest.approx(-1)
    assert difference.codes[0] == 0 and difference.codes[30] == NO_VALUE
    doubt = colourings.colours(view, "doubt")
    assert np.isnan(doubt.values[-1]) and doubt.values[0] == 0
    cluster = colourings.colours(view, "cluster")
    assert {name.split(" ")[0] for name in cluster.names if name not in cluster.rest} == {"ant", "bee", "cat"}


def test_duplicates_are_equal_files_and_twins(view: MapView) -> None:
    groups = colourings.duplicate_groups(view, least=0.9999)
    assert groups[1] == groups[4] >= 0
    assert groups[7] == groups[10] >= 0
    assert (groups >= 0).sum() == 4


def test_what_is_not_there_is_not_offered_but_explained(view: MapView, dataset: Dataset) -> None:
    bare = MapView(Dataset.of("bare", dataset.ids, dataset.keys, dataset.items), view.space)
    assert set(colourings.colourings(bare)) == {"split", "cluster", "duplicates", "column:size", "column:shop"}
    for name in ("ap", "change"):
        with pytest.raises(NotComputed):
            colourings.colours(bare, name)
    with pytest.raises(BadInput, match="no column 'x'"):
        colourings.colours(bare, "column:x")
    with pytest.raises(UnknownName):
        colourings.colours(bare, "clas")


def test_columns_become_what_they_are(dataset: Dataset) -> None:
    size = point_colours.column(dataset.items, "size")
    assert (size.kind, size.low, size.high) == ("number", 0.0, 88.5)
    assert (size.codes[0], size.codes[-1]) == (0, 255)
    assert point_colours.column(dataset.items, "shop").names == ("a", "b")
    signed = point_colours.column(pd.DataFrame({"x": np.linspace(-1, 3, 50)}), "x")
    assert (signed.kind, signed.low, signed.high) == ("diverging", -3.0, 3.0)
    empty = point_colours.column(pd.DataFrame({"x": [np.nan, "b", None]}), "x")
    assert list(empty.codes) == [NO_VALUE, 0, NO_VALUE]


def test_a_long_tail_is_called_other() -> None:
    codes = np.concatenate([np.repeat(np.arange(5), [9, 7, 5, 3, 1])])
    found = point_colours.categories("x", codes, list("abcde"), most=3)
    assert found.names == ("a", "b", "Other (3 more)")
    assert found.rest == ("Other (3 more)",)
    assert list(np.bincount(found.codes)) == [9, 7, 9]


def test_a_map_is_kept_and_measured_once(view: MapView, home: Path) -> None:
    assert maps.stored_map(view.space, "tsne") is None
    seen: list[maps.Map] = []
    made = maps.draw(view.space, "tsne", on_layout=seen.append)
    assert not made.stored and made.quality.trustworthiness > 0.7
    assert len(seen) > 10 and all(one.quality is None for one in seen)
    np.testing.assert_array_equal(seen[-1].projection.xy, made.projection.xy)
    again = maps.draw(view.space, "tsne")
    assert again.stored
    assert again.quality == made.quality
    np.testing.assert_array_equal(again.projection.xy, made.projection.xy)
    assert maps.stored_map(view.space, "tsne", parameters={"perplexity": 5}) is None
    assert maps.stored_map(view.space, "tsne", seed=1) is None
    assert "Trustworthiness" in again.sentence and "Neighbours can be trusted" in again.sentence


def test_a_map_can_be_shown_before_it_is_measured(view: MapView, home: Path) -> None:
    plain = maps.draw(view.space, "tsne", measure=False)
    assert plain.quality is None and "is measured as soon as" in plain.sentence
    assert maps.stored_map(view.space, "tsne").quality is None, "the layout is kept all the same"
    judged = maps.measured(view.space, plain)
    assert judged.quality == maps.stored_map(view.space, "tsne").quality == maps.draw(view.space, "tsne").quality
    assert maps.measured(view.space, judged) is judged


def test_figures_of_some_queries_are_those_of_all() -> None:
    random = np.random.default_rng(1)
    labels = np.arange(40) % 4
    vectors = {"x": unit(random.normal(size=(40, 8)) + np.eye(4, 8)[labels])}
    split = Split.self_retrieval(40)
    system = System("x", vector_set.VectorSet(vectors, split))
    drawn = Dataset.of(
        "x",
        np.arange(40).astype(str),
        np.array([f"{i:064x}" for i in range(40)], "S64"),
        pd.DataFrame(index=range(40)),
        tuple("abcd"),
        labels,
        split=split,
    )
    truth = data.relevance(drawn)
    every = colourings.figures_of(system, truth, np.arange(40))
    some = colourings.figures_of(system, truth, np.array([3, 17, 30]))
    np.testing.assert_allclose(some["ap"], every["ap"][[3, 17, 30]])
    np.testing.assert_allclose(every["ap"], metrics.average_precision(rank_scores(system, truth).ranks))
    assert set(np.unique(every["p@1"])) <= {0.0, 1.0}


def test_large_datasets_ask_a_sample_of_their_queries() -> None:
    np.testing.assert_array_equal(colourings.some_queries(300, 1_000), np.arange(300))
    asked = colourings.some_queries(50_000, 50_000)
    assert len(asked) == len(set(asked)) == colourings.MOST_QUERIES and (np.diff(asked) > 0).all()
    np.testing.assert_array_equal(asked, colourings.some_queries(50_000, 50_000))


def test_a_start_of_another_method_is_not_gone_on_from(view: MapView, home: Path) -> None:
    flat = maps.draw(view.space, "pca")
    made = maps.draw(view.space, "tsne", start=flat)
    np.testing.assert_array_equal(made.projection.xy, maps.draw(view.space, "tsne").projection.xy)


def test_a_map_is_shown_even_where_it_cannot_be_kept(
    view: MapView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(tmp_path / "file"))
    assert len(maps.draw(view.space, "pca").projection.xy) == 60


def test_selections(view: MapView, dataset: Dataset) -> None:
    chosen = maps.positions_of(dataset, ["i4", "i1", "nobody", "i2"])
    assert list(chosen) == [1, 2, 4]
    counts = maps.class_counts(dataset, chosen, view.figures)
    assert counts[["class", "selected", "of"]].values.tolist() == [["bee", 2, 20], ["cat", 1, 19]]
    assert counts["mean AP"][0] == pytest.approx((1 + 4) / 2 / 59)
    table = maps.selection_table(dataset, chosen, None, view.figures)
    assert list(table["id"]) == ["i1", "i2", "i4"] and list(table["label"]) == ["bee", "cat", "bee"]
    assert np.isnan(maps.mean_figure(view.figures["ap"], np.array([40])))


def test_shares_of_what_is_missing_are_refused(view: MapView) -> None:
    with pytest.raises(NotComputed, match="'y'"):
        maps.space_of({"x": view.space.blocks[0]}, {"x": 0.5, "y": 0.5})
