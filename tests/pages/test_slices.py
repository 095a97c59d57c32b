"""The page Slices: its figures are the studies', a square opens its images, a split is made and taken back; once in Chromium."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core import data, paths
from core.fusion import FusionSpec
from core.setups import SlicesSetup
from core.studies import domain_tables, domains, embedding, fusion, image_measures, slices
from core.studies.comparison import ResamplingUnit
from core.studies.slices import per_query, slice_search, slice_sentences
from core.studies.stress import corrupted_queries, stress_result, stress_tables
from core.studies.systems import System
from core.types import Dataset
from core.ui.views.slices import slices_view
from tests.browser import ROOT, chromium, serve, tab  # noqa: F401  (fixtures)
from tests.conftest import write_shops
from tests.pages.alone import OWN, button, opened, settled, table, words

pytestmark = pytest.mark.usefixtures("fresh")
PAGE = "slices"
TITLES = {"hog": "HOG", "hsv_histogram": "HSV histogram"}


def shops(folder: Path) -> Dataset:
    """The drawn images with a manifest that says where each was taken."""
    dataset = data.add("shops", write_shops(folder))
    embedding.embed(dataset, OWN)
    return dataset


@pytest.fixture
def dataset(tmp_path: Path, home: Path) -> Dataset:
    return shops(tmp_path)


def values_of(dataset: Dataset) -> dict[str, np.ndarray]:
    space = fusion.space_of(dataset, OWN)
    return per_query.per_query([System(name, space) for name in OWN], data.relevance(dataset))


def test_a_column_is_answered_worst_first_and_a_square_opens_its_images(dataset: Dataset) -> None:
    app = opened(PAGE, d="shops", sys="hog|hsv_histogram", col="place", a="hog", v="shop")
    assert not app.exception and not app.error
    unit = ResamplingUnit.of(data.relevance(dataset))
    made = slices.slice_table(values_of(dataset), slices.column(dataset, "place"), unit, by="hog")
    at = made.systems.index("hog")
    assert slice_sentences.worst_lead(made, TITLES.get, at).replace("hog", "HOG") in words(app)
    frame = table(app)
    assert set(frame["slice"]) == {"shop", "street"} and frame["queries"].tolist() == [30, 30]
    row = frame[frame["slice"] == "shop"].iloc[0]
    shop = made.column.values.index("shop")
    assert row["hog"].endswith(f"{made.mean[shop, at]:.3f} [{made.low[shop, at]:.3f}, {made.high[shop, at]:.3f}]")
    assert 'place is "shop", HOG' in words(app) and "30 queries" in words(app)


def test_brightness_is_measured_behind_a_button_and_crosses(dataset: Dataset) -> None:
    app = opened(PAGE, d="shops", sys="hog", col="place")
    assert "brightness" not in app.selectbox(key="SlicesSetup.column").options
    button(app, "Measure brightness and sharpness").click().run()
    app = settled(app)
    assert "brightness" in app.selectbox(key="SlicesSetup.column").options
    app.selectbox(key="SlicesSetup.cross").select("brightness").run()
    app.number_input(key="SlicesSetup.bins").set_value(2).run()
    assert not app.exception and len(table(app)) == 4 and "over 4 slices" in words(app)


def test_weak_slices_and_lost_ones_are_those_of_the_search(dataset: Dataset) -> None:
    image_measures.compute(dataset, dataset.split.queries)
    columns, unit, values = slices.columns(dataset), ResamplingUnit.of(data.relevance(dataset)), values_of(dataset)
    app = opened(PAGE, d="shops", sys="hog|hsv_histogram", see="weak", a="hog")
    made = slice_search.search(values["hog"], columns, unit)
    assert not app.exception and slice_sentences.weak_lead("HOG", made, "map") in words(app)
    app.selectbox(key="SlicesSetup.other").select("hsv_histogram").run()
    made = slice_search.losses(values["hog"], values["hsv_histogram"], columns, unit)
    assert not app.exception and slice_sentences.losses_lead("HOG", "HSV histogram", made, "map") in words(app)


def test_a_square_of_the_domains_becomes_the_split_and_goes_back(dataset: Dataset) -> None:
    app = opened(PAGE, d="shops", sys="hog", see="domains", to="street|shop")
    assert not app.exception and not app.error
    column, space = domains.domain_column(dataset, "place"), fusion.space_of(dataset, OWN)
    made = domains.matrices([System("hog", space)], data.relevance(dataset), dataset, column)[0]
    assert domain_tables.lead("HOG", made) in words(app) and domain_tables.own_sentence("HOG", made) in words(app)
    street, shop = made.values.index("street"), made.values.index("shop")
    figure = f"mAP {made.mean[street, shop]:.3f} [{made.low[street, shop]:.3f}, {made.high[street, shop]:.3f}]"
    assert figure in words(app)
    button(app, "Split so").click().run()
    assert not app.exception
    part = data.get("shops")
    assert len(part.split.queries) == len(part.split.gallery) == 30 and not set(part.split.queries) & set(
        part.split.gallery
    )
    button(app, "Back to the given split").click().run()
    assert not app.exception and data.get("shops").split.is_self_retrieval


def test_corrupted_queries_are_embedded_and_judged(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(PAGE, d="shops", sys="hog|hsv_histogram", see="robustness", nq="10", cor="dark")
    assert not app.exception and "400 corrupted images of 10 queries are to be embedded by 2 backbones" in words(app)
    button(app, "Embed corrupted queries").click().run()
    app = settled(app)
    truth, space = data.relevance(dataset), fusion.space_of(dataset, OWN)
    plan = corrupted_queries.plan(truth, n_queries=10)
    vectors = corrupted_queries.vectors(dataset, plan, OWN)
    result = stress_result.evaluate([System(name, space) for name in OWN], truth, plan, vectors)
    assert not app.exception and stress_tables.lead(result, TITLES.get) in words(app)
    curve = result.curve("hog", "dark")
    row = table(app)[table(app)["system"] == "HOG"].iloc[0]
    assert row["5"] == f"{curve.mean[5]:.3f} [{curve.low[5]:.3f}, {curve.high[5]:.3f}]"
    assert "Broke first under dark" in words(app)


def test_corruptions_and_steps_are_chosen(dataset: Dataset) -> None:
    app = opened(PAGE, d="shops", sys="hog", see="robustness", nq="10", cors="dark,gone", st="5,9")
    assert not app.exception and "10 corrupted images of 10 queries are to be embedded by 1 backbone" in words(app)
    app.multiselect(key="SlicesSetup.kinds").set_value(["dark", "grey"]).run()
    assert not app.exception and "20 corrupted images of 10 queries" in words(app)
    button(app, "Embed corrupted queries").click().run()
    app = settled(app)
    made = corrupted_queries.plan(data.relevance(dataset), ("dark", "grey"), (5,), 10)
    assert corrupted_queries.lacking(dataset, made, ["hog"]) == 0
    assert corrupted_queries.lacking(dataset, corrupted_queries.plan(data.relevance(dataset), n_queries=10), ["hog"])
    space, truth = fusion.space_of(dataset, ["hog"]), data.relevance(dataset)
    vectors = corrupted_queries.vectors(dataset, made, ["hog"])
    result = stress_result.evaluate([System("hog", space)], truth, made, vectors)
    assert stress_tables.rests_on(result) in words(app) and "2 corruptions in 1 step" in words(app)


@pytest.mark.parametrize(
    "link",
    [{"see": "<b>"}, {"col": "nothing"}, {"x": "place"}, {"n": "99"}, {"v": "attic"}, {"a": "nobody"}, {"m": "p@77"}],
    ids=str,
)
def test_any_link_opens(dataset: Dataset, link: dict[str, str]) -> None:
    app = opened(PAGE, d="shops", sys="hog", **link)
    assert not app.exception and not app.error and app.get("plotly_chart")


def test_without_labels_or_domains_it_says_so(tmp_path: Path, home: Path) -> None:
    from tests.conftest import write_flat

    embedding.embed(data.add("flat", write_flat(tmp_path / "flat")), OWN)
    app = opened(PAGE, d="flat")
    assert not app.exception and not app.get("plotly_chart") and "has no labels" in words(app)


@pytest.mark.browser
def test_a_journey(tmp_path: Path, tab, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """A square of the heat map opens its images, the domains are looked at, and queries are corrupted."""
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(tmp_path / "home"))
    dataset = shops(tmp_path)
    truth = data.relevance(dataset)
    corrupted_queries.embed(dataset, corrupted_queries.plan(truth, n_queries=10), ["hog"])
    with serve(ROOT / "app.py", tmp_path / "home") as address:
        tab.goto(f"{address}/slices?d=shops&sys=hog&col=place&nq=10")
        tab.get_by_text(re.compile(r"^HOG is worst for images with place")).wait_for(timeout=60_000)
        chart = tab.locator(".stPlotlyChart .cartesianlayer").first
        box = chart.bounding_box()
        assert box is not None
        tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
        tab.get_by_text(re.compile(r"^place is .*HOG$")).wait_for()
        tab.wait_for_url(re.compile("[?&]v="))
        tab.get_by_role("radio", name="Domains", exact=True).click()
        tab.get_by_text(re.compile(r"^HOG: mAP .* within a domain")).wait_for()
        tab.get_by_role("radio", name="Robustness", exact=True).click()
        tab.get_by_text(re.compile(r"^HOG is best on corrupted queries")).wait_for()
        tab.get_by_text(re.compile(r"^Broke first under blur, HOG$")).wait_for()
    assert not tab.complaints


def test_what_is_kept_is_of_these_columns_and_of_these_fusions(dataset: Dataset) -> None:
    """A fusion that is saved anew under its name, and a column that was changed, are others."""
    space = fusion.space_of(dataset, OWN)

    def key(shares: tuple[float, ...]) -> str:
        system = System("saved:mix", space, FusionSpec("mix", "concat", OWN, shares))
        chosen = SimpleNamespace(name=system.name, system=system)
        view = slices_view.SlicesView(dataset, dataset, SlicesSetup(), (chosen,), None, chosen)
        return slices_view.search_of.key(dataset, "saved:mix", "", "map", True, 4, view)

    first, columns = key((0.5, 0.5)), slices_view.parting.key(dataset, 4)
    assert key((0.5, 0.5)) == first != key((0.9, 0.1))
    record = paths.datasets() / dataset.name / "record.json"
    os.utime(record, ns=(0, record.stat().st_mtime_ns + 1_000_000))
    assert key((0.5, 0.5)) != first and slices_view.parting.key(dataset, 4) != columns
