"""Slices: columns and their bins, figures against naive loops, planted slices found, noise left alone."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import data
from core.errors import BadInput
from core.metrics import resampling, significance, subgroups
from core.studies import image_measures, slices
from core.studies.comparison import ResamplingUnit
from core.studies.slices import slice_columns, slice_search, slice_sentences
from core.types import Dataset, Split
from tests.bench import slices as bench
from tests.conftest import draw_tiny
from tests.studies.test_evaluation import dataset_of

# ---------------------------------------------------------------- the test of one part


def naive(values: np.ndarray, inside: np.ndarray, classes: np.ndarray) -> tuple[float, float]:
    """The difference from the rest, and its error with each class left out in turn."""

    def difference(keep: np.ndarray) -> float:
        return values[keep & inside].mean() - values[keep & ~inside].mean()

    whole, names = difference(np.ones(len(values), bool)), np.unique(classes)
    moved = [difference(classes != name) - whole for name in names]
    return whole, float(np.sqrt((len(names) - 1) / len(names) * np.sum(np.square(moved))))


@given(st.integers(0, 10_000), st.booleans())
def test_a_contrast_is_that_of_a_naive_loop(seed: int, lone: bool) -> None:
    random = np.random.default_rng(seed)
    n = int(random.integers(40, 80))
    classes = np.arange(n) if lone else random.integers(0, 8, n)
    values, parts = random.random(n), random.integers(-1, 3, n)
    made = subgroups.contrasts(values, parts, 3, None if lone else classes)
    for part in range(3):
        whole, error = naive(values, parts == part, classes)
        assert made.difference[part] == pytest.approx(whole) and made.n[part] == (parts == part).sum()
        assert made.error[part] == pytest.approx(error)
        assert made.mean[part] == pytest.approx(values[parts == part].mean())


def test_lone_queries_are_tested_nearly_as_welch_does() -> None:
    from scipy import stats

    random = np.random.default_rng(3)
    values, parts = random.normal(size=200), (np.arange(200) % 4 == 0).astype(int)
    made = subgroups.contrasts(values, parts, 2)
    welch = stats.ttest_ind(values[parts == 1], values[parts == 0], equal_var=False)
    assert made.p[1] == pytest.approx(welch.pvalue, rel=0.03) and made.p[0] == made.p[1]


def test_false_discoveries_are_those_of_scipy() -> None:
    from scipy import stats

    p = np.random.default_rng(1).random(50) ** 2
    holed = np.insert(p, 7, np.nan)
    shares = subgroups.benjamini_hochberg(holed)
    assert np.isnan(shares[7]) and np.allclose(np.delete(shares, 7), stats.false_discovery_control(p))


def test_a_part_of_two_classes_is_described_and_not_tested() -> None:
    classes, random = np.repeat(np.arange(10), 20), np.random.default_rng(0)
    parts = np.where(classes < 2, 0, 1)
    made = subgroups.contrasts(random.random(200), parts, 2, classes)
    assert made.n_units.tolist() == [2, 8] and np.isnan(made.p).all() and np.isfinite(made.mean).all()


# ---------------------------------------------------------------- columns


def with_columns(**columns: list) -> Dataset:
    n = len(next(iter(columns.values())))
    made = dataset_of(np.arange(n) % 3)
    return dataclasses.replace(made, items=pd.DataFrame({"path": [""] * n, **columns}))


def test_numbers_are_binned_by_quantiles_and_equal_ones_stay_together() -> None:
    price = [float(at) for at in range(39)] + [np.nan]
    column = slices.column(with_columns(price=price), "price")
    assert column.is_binned and column.values == ("up to 9", "9 to 19", "19 to 28", "above 28")
    assert np.bincount(column.codes[:-1]).tolist() == [10, 10, 9, 10] and column.codes[-1] == -1
    assert column.where(0) == "price up to 9"
    heavy = slices.column(with_columns(price=[5.0] * 30 + [float(at) for at in range(6, 16)]), "price")
    assert all(len(set(heavy.codes[:30].tolist())) == 1 for _ in [0]) and len(heavy.values) == 2
    assert slices.column(with_columns(stars=[1, 2, 3, 4] * 10), "stars").values == ("1", "2", "3", "4")


def test_texts_keep_their_values_and_what_parts_nothing_is_left_out() -> None:
    made = with_columns(camera=["b", "a", "", "a"] * 10, alike=["x"] * 40, title=[f"t{at}" for at in range(40)])
    camera = slices.column(made, "camera")
    assert camera.values == ("a", "b") and camera.codes[:4].tolist() == [1, 0, -1, 0]
    assert camera.where(1) == 'camera is "b"'
    assert slices.column(made, "alike") is None and slices.column(made, "title") is None
    assert {column.name for column in slices.columns(made)} == {"label", "camera"}
    with pytest.raises(BadInput, match="no column 'camra' to slice by. Did you mean 'camera'"):
        slices.column(made, "camra")
    with pytest.raises(BadInput, match="does not part the queries"):
        slices.columns(made, ["title"])


PHRASES = {
    "price": ([float(at) for at in range(40)], "with price up to 9", "with price above 29"),
    "Größe (m²)": ([at / 7 for at in range(40)], 'with "Größe (m²)" up to 1.29', 'with "Größe (m²)" above 4.14'),
    "camera": (["b", "a"] * 20, 'with camera "a"', 'with camera "b"'),
    "is front": ([True, False] * 20, 'with is front "False"', 'with is front "True"'),
    "stars": ([1, 2, 3, 4] * 10, 'with stars "1"', 'with stars "4"'),
    "note": (["x " * 60, 'say "no"'] * 20, 'with note "say "no""', f'with note "{"x " * 28}x …"'),
    "file date": ([18_000 + at for at in range(40)], "dated up to 2019-04-23", "dated after 2019-05-13"),
    "megapixels": ([0.1 + at / 100 for at in range(40)], "of up to 0.19 megapixels", "of more than 0.39 megapixels"),
    "file kB": ([10.0 + at for at in range(40)], "of up to 19 kB", "of more than 39 kB"),
    "aspect": ([0.5 + at / 40 for at in range(40)], "with aspect up to 0.725", "with aspect above 1.23"),
    "brightness": ([at / 40 for at in range(40)], "with brightness up to 0.225", "with brightness above 0.725"),
    "label": (None, 'of class "', 'of class "'),
    "folder above class": (["shop", "street"] * 20, 'in the folder "shop"', 'in the folder "street"'),
}
"""Column → its values, and how its first and its last part read behind "images"."""


@pytest.mark.parametrize("name", PHRASES)
def test_every_kind_of_column_reads_as_english(name: str) -> None:
    values, first, last = PHRASES[name]
    made = with_columns(**({"other": ["p", "q", "p", "p"] * 10} | ({} if values is None else {name: values})))
    column, other = slices.column(made, name), slices.column(made, "other")
    assert (column.phrase(0).startswith(first)) and column.phrase(len(column.values) - 1).startswith(last)
    n, rising = len(column.codes), np.linspace(0, 1, 40)
    unit = bench.World(8, 5).unit
    for part, single in ((column, column), (slices.crossed(column, other), column)):
        table = slices.slice_table({"a": rising[:n]}, part, unit)
        lead = slice_sentences.worst_lead(table, str)
        assert lead.startswith(f"a is worst for images {part.phrase(int(table.order[0]))}: mAP 0.")
        assert " where " not in lead and (part is single or single.title in part.name)
        made_search = slice_search.search(rising[:n] * part.codes, [part], unit)
        said = slice_sentences.weak_lead("a", made_search, "map")
        assert said.startswith(("a is weakest for images ", "a: none of", "a: no slice"))


def test_what_is_known_of_files_is_a_column_too(tmp_path: Path, home: Path) -> None:
    for number in range(24):
        folder = tmp_path / "set" / ("shop" if number % 2 else "street") / ("circle" if number % 4 < 2 else "grid")
        folder.mkdir(parents=True, exist_ok=True)
        image = draw_tiny(folder.name, number, side=40 + number)
        image = image.point(lambda value, number=number: value * (number + 4) // 28)
        image.resize((40 + number, 40)).save(folder / f"{number:02d}.png")
        os.utime(folder / f"{number:02d}.png", (1_700_000_000 + 86_400 * 10 * number,) * 2)
    dataset = data.add("set", tmp_path / "set", options={"depth": 2})
    image_measures.compute(dataset, dataset.split.queries)
    made = {column.name: column for column in slices.columns(dataset)}
    assert set(made) >= {"label", "folder above class", "megapixels", "aspect", "file date", "brightness"}
    assert made["folder above class"].values == ("shop", "street")
    number = np.array([int(Path(path).stem) for path in dataset.items["path"]])
    for name in ("aspect", "file date", "megapixels", "brightness"):
        codes = made[name].codes
        assert number[codes == 0].max() < number[codes == 3].min(), f"{name} follows the number"
    assert made["file date"].values[0].startswith("up to 2024-01")
    assert image_measures.lacking(dataset, dataset.split.queries) == 0


def test_sharpness_falls_with_blur_and_is_measured_once(tiny_world, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageFilter

    image = draw_tiny("grid", 3, side=96)
    bright, sharp = image_measures.measure(image)
    blurred = image_measures.measure(image.filter(ImageFilter.GaussianBlur(2)))
    assert 0 < bright < 1 and blurred[1] < sharp / 4 and blurred[0] == pytest.approx(bright, abs=0.02)
    first = image_measures.compute(tiny_world.dataset, np.arange(60))
    monkeypatch.setattr(image_measures, "measure", lambda image: pytest.fail("measured twice"))
    assert np.array_equal(image_measures.compute(tiny_world.dataset, np.arange(60)), first)


# ---------------------------------------------------------------- tables


def test_a_table_is_that_of_naive_loops() -> None:
    world = bench.World(12, 20)
    values = {"a": world.values(0), "b": world.values(1)}
    for column in values.values():
        column[:3] = np.nan
    column = world.parts(0)[0]
    table = slices.slice_table(values, column, world.unit, by="b")
    assert table.mean[table.order, 1].tolist() == sorted(table.mean[:, 1])
    for part in range(4):
        mine = column.mask(part) & ~np.isnan(values["a"])
        assert table.n[part] == mine.sum() and table.n_units[part] == len(np.unique(world.classes[mine]))
        for at, name in enumerate(values):
            ends = resampling.interval(values[name][mine], classes=world.classes[mine])
            assert (table.low[part, at], table.high[part, at]) == pytest.approx(ends)
            assert table.mean[part, at] == pytest.approx(values[name][mine].mean())
    valid = ~np.isnan(values["a"])
    p = subgroups.cautious(values["a"][valid], column.codes[valid], 4, world.classes[valid]).p
    assert np.allclose(table.p[:, 0], significance.holm(p))


def test_two_columns_cross_and_the_worst_cell_stands_first() -> None:
    world = bench.World()
    first, second = world.parts(0)[:2]
    values = world.values(0)
    values[first.mask(2) & second.mask(1)] *= 0.4
    table = slices.slice_table({"a": values}, slices.crossed(first, second), world.unit)
    worst = int(table.order[0])
    assert table.column.values[worst] == "c · b" and table.is_worse(worst, 0) and table.n.sum() == len(values)
    lead = slice_sentences.worst_lead(table, str)
    assert (
        'worst for images with column 0 "c" and with column 1 "b": mAP' in lead
        and "Holm p < 0.001 over 16 slices" in lead
    )
    assert any(line.startswith("c · b") and line.endswith("*") for line in slice_sentences.table_lines(table))


# ---------------------------------------------------------------- the search


@pytest.mark.parametrize(("crossed", "loss"), [(False, 0.15), (True, 0.3)])
def test_a_planted_slice_is_found_first(crossed: bool, loss: float) -> None:
    assert all(bench.finds_planted(bench.World(), seed, crossed, loss) for seed in range(4))


@pytest.mark.parametrize(
    "world", [bench.World(), bench.World(31, 20, 0.2, "both"), bench.World(28, 40, 0.95, "classes")]
)
def test_noise_is_left_alone(world: bench.World) -> None:
    """Sixteen seeded sets of each kind; `bench slices` looks at 200."""
    assert sum(bench.finds_in_noise(world, seed) for seed in range(16)) <= 2
    assert sum(bench.finds_in_noise(world, seed, paired=True) for seed in range(16)) <= 2


def test_where_one_system_loses_to_another_is_said_in_a_sentence() -> None:
    world = bench.World()
    columns, b = world.parts(0), world.values(0)
    a = np.minimum(1, b + 0.05)
    inside = columns[2].mask(3)
    a[inside] = np.maximum(0, b[inside] - 0.1)
    made = slice_search.losses(a, b, columns, world.unit)
    assert not made.against_rest and made.listed[0].parts == (("column 2", "d"),)
    assert made.listed[0].difference == pytest.approx((a - b)[inside].mean()) and np.array_equal(
        made.listed[0].queries, inside
    )
    lead = slice_sentences.losses_lead("A", "B", made, "map")
    assert lead.startswith('A loses to B for images with column 2 "d": mAP −0.1') and "of 28 classes" in lead
    everywhere = slice_search.losses(b - 0.1 - 0.2 * inside, b, columns, world.unit)
    assert everywhere.against_rest and everywhere.listed[0].parts == (("column 2", "d"),)
    assert "most for images" in slice_sentences.losses_lead("A", "B", everywhere, "map")
    nothing = slice_search.losses(b, b, columns, world.unit)
    assert not nothing.listed and "not shown to lose" in slice_sentences.losses_lead("A", "B", nothing, "map")


def test_a_crossed_slice_that_says_no_more_is_left_out() -> None:
    world = bench.World()
    columns, values = world.parts(1), world.values(1)
    values[columns[0].mask(0)] *= 0.6
    found = slice_search.search(values, columns, world.unit, most=50).listed
    assert found[0].parts[0] == ("column 0", "a") or len(found[0].parts) == 2
    single = next(one for one in found if len(one.parts) == 1)
    for one in found:
        if len(one.parts) == 2 and ("column 0", "a") in one.parts:
            assert one.difference < single.difference / slice_search.AS_BAD


def test_a_column_is_of_the_queries_and_not_of_the_gallery() -> None:
    made = with_columns(camera=["a"] * 20 + ["b"] * 20)
    part = dataclasses.replace(made, split=Split(np.arange(10, 30), np.arange(40)))
    assert slices.column(part, "camera").codes.tolist() == [0] * 10 + [1] * 10
    everyone = slice_columns.column(part, "camera", images=np.arange(40))
    assert len(everyone.codes) == 40


def test_independent_queries_are_units_of_their_own() -> None:
    world = bench.World(40, 10)
    columns, values = world.parts(5), world.values(5)
    unit = ResamplingUnit("queries", None, len(values), False)
    label = slices.SliceColumn("label", tuple(map(str, range(40))), world.classes)
    assert not slice_search.search(values, [label], world.unit).n_tested, "a class is one unit"
    table = slices.slice_table({"a": values}, label, unit)
    assert table.n_tested == 40 and np.isfinite(table.p).all() and len(columns)


def test_a_part_that_was_measured_is_no_column(tiny_world) -> None:
    dataset = tiny_world.dataset
    queries = dataset.split.queries
    image_measures.measured(dataset, queries[:5])
    assert slice_columns.column(dataset, "brightness") is None
    image_measures.measured(dataset, queries)
    assert slice_columns.column(dataset, "brightness") is not None
