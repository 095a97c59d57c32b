"""The curves page: what is drawn is what the study says, links reopen views, odd worlds in words; once in Chromium."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core import data
from core.fusion import FusionSpec
from core.metrics import curves as levels_of
from core.studies import curves, embedding, fusion
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.types import Dataset, RelevantRanks
from tests.browser import ROOT, chromium, serve, tab  # noqa: F401  (fixtures)
from tests.conftest import write_flat
from tests.pages.alone import OWN, attached, beside_an_odd_fusion, button, opened, words, world

pytestmark = pytest.mark.usefixtures("fresh")

PAGE = "curves"


def drawn(app: AppTest, at: int = 0) -> dict[str, dict]:
    """The lines of a drawing: name → trace; bands left out."""
    figure = json.loads(app.get("plotly_chart")[at].proto.spec)
    return {trace["name"]: trace for trace in figure["data"] if trace.get("name") and trace.get("showlegend", True)}


def numbers(values: object) -> np.ndarray:
    """Plotly writes arrays as lists, or as base64 of their bytes."""
    if isinstance(values, dict):
        import base64

        return np.frombuffer(base64.b64decode(values["bdata"]), np.dtype(values["dtype"])).astype(float)
    return np.array(values, float)


def ranks_of(dataset: Dataset, name: str, spec: FusionSpec | None = None) -> RelevantRanks:
    space = fusion.space_of(dataset, OWN)
    return Ranker(data.relevance(dataset)).rank(System(name, space, spec), k=1).ranks


def test_a_saved_fusion_that_cannot_be_used_costs_its_own_line_and_no_other(tiny: Dataset) -> None:
    app = beside_an_odd_fusion(PAGE)
    assert {"HOG", "HSV histogram", "Fusion lab", "good one"} == set(drawn(app))


def test_the_eleven_points_of_every_system(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny")
    assert not app.exception and not app.error
    lines = drawn(app)
    mix = FusionSpec("lab", "concat", OWN)
    for title, ranks in {"HOG": ranks_of(tiny, "hog"), "Fusion lab": ranks_of(tiny, "lab", mix)}.items():
        expected = levels_of.average_curve(levels_of.levels(ranks))
        np.testing.assert_allclose(numbers(lines[title]["y"]), expected, atol=1e-6)
        np.testing.assert_allclose(numbers(lines[title]["x"]), np.arange(11) / 10)
    assert set(lines) == {"HOG", "HSV histogram", "Fusion lab"}
    assert lines["Fusion lab"]["line"]["dash"] != "solid" == lines["HOG"]["line"]["dash"]
    assert "11-point interpolated precision. Bands: 95 % intervals" in words(app)


@pytest.mark.parametrize(
    ("look", "row"),
    [("levels", "| Interpolated precision (11 levels) |"), ("over_k", "| P@k | hits(k) / k |"), ("spread", "| mAP |")],
)
def test_the_definitions_of_a_curve_open_over_the_page(tiny: Dataset, look: str, row: str) -> None:
    app = button(opened(PAGE, d="tiny", see=look), "About these figures").click().run()
    assert not app.exception and row in words(app)


def test_one_class_alone(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny", c="grid", sys="hog", ci="0")
    ranks = ranks_of(tiny, "hog")
    mine = tiny.labels == tiny.label_names.index("grid")
    np.testing.assert_allclose(
        numbers(drawn(app)["HOG"]["y"]), levels_of.average_curve(levels_of.levels(ranks), mine), atol=1e-6
    )
    assert "mean of 10 queries of class grid" in words(app) and not app.error


@pytest.mark.slow
def test_bands_come_and_go(tiny: Dataset) -> None:
    with_bands, without = (
        len(json.loads(opened(PAGE, d="tiny", ci=ci).get("plotly_chart")[0].proto.spec)["data"]) for ci in "10"
    )
    assert (with_bands, without) == (6, 3)


def test_precision_and_recall_over_k(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny", see="over_k", k="20", sys="hog")
    found = curves.over_k(ranks_of(tiny, "hog"), np.ones(60, bool), 20)
    for at, key in enumerate(("p", "recall")):
        line = drawn(app, at)["HOG"]
        np.testing.assert_allclose(numbers(line["y"]), found[key].y, atol=1e-6)
        assert numbers(line["x"]).tolist() == list(range(1, 21))
    assert f"precision **{found['p'].y[9]:.3f} [" in words(app), "the answer is about the first ten"


def test_k_beyond_the_gallery_is_said(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny", see="over_k", k="500", sys="hog")
    assert "k = 500 is more than the 59 images of a list" in words(app)
    assert len(numbers(drawn(app)["HOG"]["x"])) == 59


@pytest.mark.slow
def test_one_query_has_its_raw_points(tiny: Dataset) -> None:
    name = str(tiny.ids[23])
    app = opened(PAGE, d="tiny", see="query", q=name, sys="hog")
    recall, precision, levels = curves.one_query(ranks_of(tiny, "hog"), 23)
    traces = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    np.testing.assert_allclose(numbers(traces[0]["y"]), levels, atol=1e-6)
    np.testing.assert_allclose(numbers(traces[1]["x"]), recall, atol=1e-6)
    np.testing.assert_allclose(numbers(traces[1]["y"]), precision, atol=1e-6)
    assert app.dataframe[0].value["map"].iloc[0] == pytest.approx(precision.mean(), abs=1e-6)
    assert "One query has no interval" in words(app)
    app = opened(PAGE, d="tiny", see="query", q="no such picture")
    assert not app.error and "another one is shown" in words(app)
    app.button(key="curves another").click().run()
    assert not app.exception and app.query_params["q"] not in (["no such picture"], "no such picture")


@pytest.mark.parametrize("cumulative", ["0", "1"])
def test_the_spread_over_queries(tiny: Dataset, cumulative: str) -> None:
    app = opened(PAGE, d="tiny", see="spread", cum=cumulative, sys="hog")
    ranks = ranks_of(tiny, "hog")
    expected = curves.distribution(ranks, ranks.valid, cumulative == "1")
    np.testing.assert_allclose(numbers(drawn(app)["HOG"]["y"]), expected.y, atol=1e-6)
    assert f"HOG {expected.mean:.3f}" in words(app)


@pytest.mark.slow
@pytest.mark.parametrize(
    "link",
    [
        {"see": "<b>"},
        {"c": "no such class"},
        {"k": "nan"},
        {"pic": "exe"},
        {"sys": "hog(((|"},
        {"see": "query", "q": "\u202e"},
        {"ci": "?"},
    ],
    ids=str,
)
def test_any_link_opens(tiny: Dataset, link: dict[str, str]) -> None:
    app = opened(PAGE, d="tiny", **link)
    assert not app.exception and not app.error and app.get("plotly_chart")


@pytest.mark.slow
@pytest.mark.parametrize("look", ["levels", "over_k", "query", "spread"])
def test_odd_worlds_are_said_in_words(tmp_path: Path, home: Path, look: str) -> None:
    embedding.embed(data.add("flat", write_flat(tmp_path / "flat")), OWN)
    app = opened(PAGE, d="flat", see=look)
    assert not app.exception and not app.error and "has no labels" in words(app) and not app.get("plotly_chart")
    world(tmp_path, "lone", per_class=1)
    app = opened(PAGE, d="lone", see=look)
    assert not app.exception and not app.error and "has another image of its class" in words(app)
    tiny = world(tmp_path, "small", per_class=2)
    attached(tiny, nothing=np.zeros((12, 3)))
    app = opened(PAGE, d="small", see=look, b="hog,nothing")
    assert not app.exception and not app.error and app.get("plotly_chart")


@pytest.mark.slow
def test_a_class_without_a_valid_query_is_said(tmp_path: Path, home: Path) -> None:
    from tests.conftest import write_tiny

    folder = write_tiny(tmp_path / "uneven", per_class=3)
    for file in sorted((folder / "grid").glob("*.png"))[1:]:
        file.unlink()
    embedding.embed(data.add("uneven", folder), OWN)
    app = opened(PAGE, d="uneven", c="grid")
    assert not app.error and "No query of class grid has a relevant image" in words(app)
    assert "1 of 16 queries have no relevant image" in words(opened(PAGE, d="uneven"))


@pytest.mark.browser
@pytest.mark.slow
def test_a_visit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tab) -> None:  # noqa: ANN001, F811
    from playwright.sync_api import expect

    home = tmp_path / "home"
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(home))
    tiny = world(tmp_path)
    expected = levels_of.average_curve(levels_of.levels(ranks_of(tiny, "hog")))
    with serve(ROOT / "app.py", home) as address:
        tab.goto(f"{address}/curves?d=tiny")
        expect(tab.get_by_role("heading", name="Curves")).to_be_visible(timeout=60_000)
        expect(tab.get_by_text("11-point interpolated precision. Bands: 95 % intervals")).to_be_visible(timeout=120_000)
        plot = tab.locator(".js-plotly-plot").first
        expect(plot).to_be_visible(timeout=60_000)
        with tab.expect_download() as given:
            tab.get_by_role("button", name="Data as CSV").click()
        frame = pd.read_csv(io.BytesIO(Path(given.value.path()).read_bytes()))
        mine = frame[frame["system"] == "HOG"]
        np.testing.assert_allclose(mine["precision"], expected, atol=1e-6)
        assert set(frame["n_queries"]) == {60}

        plot.hover()
        with tab.expect_download() as given:
            plot.locator(".modebar-btn[data-title*='Download']").first.click()
        assert given.value.suggested_filename.endswith(".svg")
        assert b"<svg" in Path(given.value.path()).read_bytes()[:300]

        tab.get_by_role("radio", name="Spread over queries").or_(
            tab.get_by_role("button", name="Spread over queries")
        ).first.click()
        expect(tab.get_by_text("Means, which are mAP")).to_be_visible(timeout=30_000)
        expect(tab).to_have_url(re.compile("see=spread"))
        tab.reload()
        expect(tab.get_by_text("Means, which are mAP")).to_be_visible(timeout=60_000)
        assert not tab.complaints
