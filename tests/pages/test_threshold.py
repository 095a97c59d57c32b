"""The page Threshold: its answer and figures are the study's, the slider paints the results; once in Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import charts, data
from core.metrics.verification import at_threshold
from core.studies import calibration_store, fusion, query_sampling, threshold_tables, verification
from core.studies.systems import System
from core.types import Dataset
from tests.browser import ROOT, chromium, serve, tab  # noqa: F401  (fixtures)
from tests.pages.alone import OWN, button, opened, words, world

pytestmark = pytest.mark.usefixtures("fresh")
PAGE = "threshold"


def checked(dataset: Dataset, name: str = "hog") -> verification.Verification:
    return verification.verify(System(name, fusion.space_of(dataset, OWN)), data.relevance(dataset), dataset)


def table(app: AppTest, at: int = 0):
    return app.dataframe[at].value


def test_the_answer_comes_first_and_is_the_studys(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny", sys="hog", err="0.01")
    assert not app.exception and not app.error
    study = checked(tiny)
    at = verification.at_rate(study, 0.01)
    assert threshold_tables.lead("HOG", at) in words(app)
    assert threshold_tables.transfer_sentence(at) in words(app)
    figure = study.figures["roc_auc"]
    row = table(app).iloc[0]
    assert row["roc_auc"] == f"{figure.mean:.3f} [{figure.low:.3f}, {figure.high:.3f}]" and row["tpr@fpr1e-4"] == "–"
    assert "at least 10,000" in words(app), "too few pairs for 1 in 10,000 are said"
    assert "270 matching and 1500 other pairs" in words(app).replace(",", "")


def test_the_slider_paints_the_results_and_stands_in_the_link(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny", sys="hog", err="0.01")
    slider, accepted = app.slider(key="threshold slider"), []
    for end in (slider.max, slider.min):
        slider = app.slider(key="threshold slider").set_value(end).run().slider(key="threshold slider")
        point = at_threshold(checked(tiny).curve, slider.value)
        assert f"{100 * point.true_rate:.1f} % of the true pairs" in words(app).replace("**", "")
        accepted.append(int(re.search(r"Accepted: (\d+)", words(app))[1]))
    assert accepted[0] < accepted[1]
    app = opened(PAGE, d="tiny", sys="hog", cut="9")
    assert not app.exception and app.slider(key="threshold slider").value == app.slider(key="threshold slider").max


def test_a_threshold_set_by_hand_goes_with_an_undo(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny", sys="hog", err="0.01")
    chosen = app.slider(key="threshold slider").value
    slider = app.slider(key="threshold slider")
    moved = slider.set_value(slider.max).run().slider(key="threshold slider").value
    assert moved > chosen
    app.session_state["ThresholdSetup.cut"] = ""  # as history, and another error, set it
    assert app.run().slider(key="threshold slider").value == pytest.approx(chosen)


def test_backbones_have_the_colours_of_the_sidebar(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny", b="hog,hsv_histogram", sys="concat(hsv_histogram:0.4,hog:0.6)", err="0.1")
    found = [
        re.findall(r'\["(HOG|HSV histogram)", [\d.]+, "(#\w+)"\]', one.proto.json) for one in app.get("bidi_component")
    ]
    colours = dict(sum(found, []))
    assert colours == {"HOG": charts.backbone_colour(0), "HSV histogram": charts.backbone_colour(1)}


def test_pairs_strangers_and_probabilities(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny", sys="hog", see="pairs", err="0.1")
    assert not app.exception and not app.error and "Just accepted, and wrong" in words(app)
    app = opened(PAGE, d="tiny", sys="hog", see="strangers")
    assert len(table(app, 1)) == 3 and "60 queries asks twice" in words(app)
    app = opened(PAGE, d="tiny", sys="hog", see="likely", fit="isotonic")
    assert not app.exception and not app.error and table(app, 1)["method"].tolist()[0] == "Logistic"
    button(app, "Save for Retrieval").click().run()
    assert "Saved: Retrieval shows them" in words(app)
    space = fusion.space_of(tiny, OWN)
    stored = calibration_store.load(calibration_store.name_of(tiny, ("hog",)), space, ("hog",))
    assert stored is not None and stored.fit.method == "isotonic"
    button(app, "Forget").click().run()
    assert "Not saved yet" in words(app)


def test_probabilities_of_a_sample_are_saved_for_the_whole_set(tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_sampling, "needed", lambda *_: True)
    monkeypatch.setattr(query_sampling, "SIZE", 40)
    app = opened(PAGE, d="tiny", sys="hog", see="likely")
    button(app, "Save for Retrieval").click().run()
    assert not app.exception and "Saved: Retrieval shows them" in words(app)
    space = fusion.space_of(tiny, OWN)
    stored = calibration_store.load(calibration_store.name_of(tiny, ("hog",)), space, ("hog",))
    assert stored is not None and stored.n_train + stored.n_report == 40


@pytest.mark.parametrize(
    "link", [{"see": "<b>"}, {"cut": "nan"}, {"err": "2"}, {"a": "nobody"}, {"unk": "999"}], ids=str
)
def test_any_link_opens(tiny: Dataset, link: dict[str, str]) -> None:
    app = opened(PAGE, d="tiny", sys="hog", **link)
    assert not app.exception and not app.error and app.get("plotly_chart")


def test_without_labels_it_says_so(tmp_path: Path, home: Path) -> None:
    from core.studies import embedding
    from tests.conftest import write_flat

    embedding.embed(data.add("flat", write_flat(tmp_path / "flat")), OWN)
    app = opened(PAGE, d="flat")
    assert not app.exception and not app.get("plotly_chart") and "has no labels" in words(app)


@pytest.mark.browser
def test_a_journey(tmp_path: Path, tab, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The error is chosen, the slider moved with the keyboard, and the results follow; no row parts a pair."""
    from playwright.sync_api import expect

    monkeypatch.setenv("FUSIONSCOPE_HOME", str(tmp_path / "home"))
    world(tmp_path)
    with serve(ROOT / "app.py", tmp_path / "home") as address:
        tab.goto(f"{address}/threshold?d=tiny&sys=hog")
        tab.get_by_text(re.compile(r"At 1 false match in 1,000")).wait_for(timeout=60_000)
        tab.get_by_role("radio", name="1 in 100", exact=True).click()
        tab.get_by_text(re.compile(r"At 1 false match in 100")).wait_for()
        accepted = tab.get_by_text(re.compile(r"^Accepted: \d+, \d+ right$"))
        accepted.wait_for()
        tab.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
        before = accepted.inner_text()
        slider = tab.get_by_role("slider", name="Threshold")
        slider.focus()
        slider.press("Home")
        tab.wait_for_function("before => !document.body.innerText.includes(before)", arg=before)
        assert int(re.search(r"\d+", accepted.inner_text())[0]) > int(re.search(r"\d+", before)[0])
        tab.wait_for_url(re.compile("cut="))
        tab.goto(f"{address}/threshold?d=tiny&sys=hog&see=pairs&err=0.1")
        cards = tab.get_by_role("list", name="Just accepted, and wrong").get_by_role("listitem")
        for width in (900, 1440):
            tab.set_viewport_size({"width": width, "height": 900})
            expect(cards.nth(1)).to_be_visible()
            tops = cards.evaluate_all("cards => cards.map((card) => Math.round(card.getBoundingClientRect().top))")
            assert (
                len(tops) > 2 and len(tops) % 2 == 0 and all(tops[at] == tops[at + 1] for at in range(0, len(tops), 2))
            ), (width, tops)
    assert not tab.complaints
    assert np.isfinite(checked(data.get("tiny")).figures["eer"].mean)
