"""The leaderboard: every figure is the study's, links reopen views, odd worlds are said in words; once in Chromium."""

from __future__ import annotations

import io
import re
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core import data, metrics
from core.fusion import FusionSpec, store
from core.studies import class_table, embedding, evaluation, fusion, query_sampling, training_split, verification
from core.studies.systems import System
from core.task import NO_TASK
from core.types import Dataset
from core.ui.widgets import system_select
from tests.browser import ROOT, chromium, serve, tab  # noqa: F401  (fixtures)
from tests.conftest import write_flat, write_tiny
from tests.pages.alone import (
    OWN,
    attached,
    beside_an_odd_fusion,
    button,
    forget_everything,
    opened,
    words,
    world,
)

pytestmark = pytest.mark.usefixtures("fresh")


def table(app):
    """The table of the systems; a picture above it may stand on one of its own."""
    return next(one.value for one in app.dataframe if {"system", "ties"} <= set(one.value))


PAGE = "leaderboard"


def test_a_saved_fusion_that_cannot_be_used_costs_its_own_row_and_no_other(tiny: Dataset) -> None:
    app = beside_an_odd_fusion(PAGE)
    assert {"HOG", "HSV histogram", "Fusion lab", "good one"} == set(
        table(app)["System" if "System" in table(app) else "system"]
    )


def test_columns_about_pairs_are_what_the_study_says(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny", cols="map,roc_auc,eer,tpr@fpr1e-2")
    assert not app.exception and not app.error
    shown = table(app).set_index("system")
    for title, name in (("HOG", "hog"), ("HSV histogram", "hsv_histogram")):
        made = verification.verify(System(name, fusion.space_of(tiny, OWN)), data.relevance(tiny), tiny)
        for key in ("roc_auc", "eer", "tpr@fpr1e-2"):
            assert shown.loc[title, key] == pytest.approx(made.figures[key].mean, nan_ok=True), key


def test_every_row_is_what_the_study_says(tiny: Dataset) -> None:
    store.save(FusionSpec("shop & mix", "rrf", OWN))
    app = opened(PAGE, d="tiny")
    assert not app.exception and not app.error
    shown = table(app).set_index("System" if "System" in table(app) else "system")
    specs = [FusionSpec("lab", "concat", OWN), FusionSpec("shop & mix", "rrf", OWN)]
    result = fusion.evaluate(tiny, OWN, specs)
    names = {"HOG": "hog", "HSV histogram": "hsv_histogram", "Fusion lab": "lab", "shop & mix": "shop & mix"}
    assert set(shown.index) == set(names)
    for title, name in names.items():
        for key in (
            "map",
            "p@1",
            "p@5",
            "p@10",
            "hit@1",
            "hit@5",
            "recall@10",
            "ndcg@10",
            "mrr",
            "acc",
            "davies_bouldin_l2",
        ):
            np.testing.assert_allclose(
                shown.loc[title, key], result[name].mean(key), atol=1e-6, err_msg=f"{title} {key}"
            )
        low, high = result[name].figures["map"].low, result[name].figures["map"].high
        assert shown.loc[title, "map interval"] == f"[{low:.3f}, {high:.3f}]"
    assert shown["ties"].tolist() == [result.tie_groups[names[title]] for title in shown.index]
    assert shown.loc["Fusion lab", "made of"].count("50 %") == 2 and shown.loc["HOG", "dim"] == 1764
    assert not {"ms", "MB", "measured"} & set(shown), "no column that says nothing"
    best = names[shown.index[0]]
    assert result.best.name == best
    said = words(app)
    assert "mean of 60 of 60 queries" in said and "60 of 60 queries have a relevant image" in said


def test_headings_explain_themselves(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny")
    config = app.dataframe[0].proto.columns
    for key in ("map", "p@5", "hit@1", "davies_bouldin_l2"):
        assert metrics.parse(key)[0].definition in config.replace("\\u2212", "−"), key
    assert "Systems that share a letter" in config


def test_the_definitions_of_the_columns_open_over_the_page(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny", cols="map_cut@k,silhouette_cosine", k="7")
    assert "queries with replacement" not in words(app)
    app = button(app, "About these figures").click().run()
    assert not app.exception
    told = words(app)
    assert "| mAP@7 (/R) | (1/R) Σ c / r_c over r_c ≤ k |" in told and "| Silhouette (cosine) |" in told
    assert "Recall@" not in told.split("Symbols:")[0]
    assert "10,000 draws of units with replacement" in told and "Self-retrieval" in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("look", "said"),
    [
        ("intervals", "95 % intervals, classes resampled"),
        ("differences", "not told apart (Holm, 3 pairs)"),
        ("cost", "Not measured on this machine yet: HSV histogram, HOG"),
        ("classes", "Click a square to see its queries"),
        ("<script>", "95 % intervals, classes resampled"),
    ],
)
def test_every_closer_look_opens_from_its_link(tiny: Dataset, look: str, said: str) -> None:
    app = opened(PAGE, d="tiny", see=look)
    assert not app.exception and not app.error and said in words(app)


@pytest.mark.slow
def test_a_large_set_is_answered_by_a_panel_first_and_then_whole(tiny: Dataset, monkeypatch) -> None:
    whole = table(opened(PAGE, d="tiny"))
    monkeypatch.setattr(query_sampling, "SIZE", 20)
    monkeypatch.setattr(query_sampling, "MOST_QUERIES", 30)
    gate = threading.Event()
    evaluate_one = evaluation.evaluate_one

    def held(*given, **told):
        if told.get("task", NO_TASK) is not NO_TASK:
            assert gate.wait(30)
        return evaluate_one(*given, **told)

    monkeypatch.setattr(evaluation, "evaluate_one", held)
    forget_everything()
    app = opened(PAGE, d="tiny")
    assert not app.exception and re.search(r"20 of 60 queries, ± 0\.\d{3}", words(app))
    assert not np.allclose(table(app)["map"], whole["map"]) and "mean of 20 of 20 queries" in words(app)
    assert table(app)["silhouette_cosine"].isna().all(), "what looks at the whole gallery waits for all queries"
    small = opened("curves", d="tiny")
    assert not small.exception and "a seeded sample: 20 of 60 queries" in words(small)
    gate.set()
    for _ in range(100):
        app.run()
        if "A sample of queries first" not in words(app):
            break
        time.sleep(0.1)
    assert not app.exception and "mean of 60 of 60 queries" in words(app)
    for name in ("map", "silhouette_cosine"):
        np.testing.assert_allclose(table(app)[name], whole[name], atol=1e-6)


def test_a_link_reopens_the_view(tiny: Dataset) -> None:
    link = {
        "d": "tiny",
        "sys": "hog|concat(hog:0.25,hsv_histogram:0.75)",
        "m": "recall@k",
        "k": "7",
        "iq": "1",
        "ci": "1",
        "cols": "mrr,recall@k,nonsense",
        "see": "classes",
        "c": "cross",
        "of": "hog",
        "by": "by name",
    }
    app = opened(PAGE, **link)
    assert not app.exception and not app.error
    shown = table(app)
    metric_columns = [name for name in shown.columns if name in ("map", "mrr", "recall@7")]
    assert metric_columns == ["recall@7", "mrr"] and len(shown) == 2
    assert any("25 %" in str(cell) and "75 %" in str(cell) for cell in shown["made of"])
    assert "mrr interval" in shown and "Optimistic: queries are taken as independent" in words(app)
    assert "cross by HOG" in words(app) and "10 queries, worst first" in words(app)
    kept = {name: app.query_params[name] for name in ("sys", "m", "k", "iq", "ci", "see", "c", "of", "by")}
    kept = {name: value[0] if isinstance(value, list) else value for name, value in kept.items()}
    again = opened(PAGE, d="tiny", **kept)
    pd.testing.assert_frame_equal(table(again)[["system", "recall@7"]], shown[["system", "recall@7"]])


def test_the_fusion_of_the_lab_travels_with_the_link(tiny: Dataset) -> None:
    link = opened(PAGE, d="tiny").query_params["sys"]
    link = link[0] if isinstance(link, list) else link
    assert "concat(hog:0.5,hsv_histogram:0.5)" in link or "concat(hsv_histogram:0.5,hog:0.5)" in link


@pytest.mark.slow
@pytest.mark.parametrize(
    "link",
    [
        {"sys": "|||"},
        {"sys": "nobody|saved:gone|concat(hog:NaN)"},
        {"m": "iprec"},
        {"m": "drop table"},
        {"k": "-5"},
        {"k": "1e999"},
        {"cols": ",,,"},
        {"by": "🙃"},
        {"c": "cross", "of": "nobody", "see": "classes"},
        {"cb": "maybe"},
    ],
    ids=str,
)
def test_any_link_opens(tiny: Dataset, link: dict[str, str]) -> None:
    app = opened(PAGE, d="tiny", **link)
    assert not app.exception and not app.error and len(table(app)) >= 2


def test_what_a_link_names_in_vain_is_said(tiny: Dataset) -> None:
    assert "No fusion is saved as 'gone'" in words(opened(PAGE, d="tiny", sys="hog|saved:gone"))


def test_a_fusion_trained_on_these_queries_is_left_out_and_it_is_said(tiny: Dataset) -> None:
    keys = tuple(training_split.query_keys(tiny)[:20])
    store.save(FusionSpec("tuned", "concat", OWN, (1.0, 2.0), trained_on=keys))
    app = opened(PAGE, d="tiny")
    assert "tuned" not in set(table(app)["system"])
    assert "tuned is left out" in words(app) and "fitted on 20 of these 60 queries" in words(app)


# ---------------------------------------------------------------- odd worlds


def test_no_labels(tmp_path: Path, home: Path) -> None:
    dataset = data.add("flat", write_flat(tmp_path / "flat"))
    embedding.embed(dataset, OWN)
    app = opened(PAGE, d="flat")
    assert not app.exception and not app.error and not app.dataframe
    assert "has no labels, so there are no figures" in words(app)


def test_one_class(tmp_path: Path, home: Path) -> None:
    folder = write_tiny(tmp_path / "pics", classes=("circle",))
    (folder / "labels.csv").write_text(
        "image,label\n" + "".join(f"circle/circle_{n:02d}.png,circle\n" for n in range(10))
    )
    embedding.embed(data.add("one", folder / "labels.csv"), OWN)
    app = opened(PAGE, d="one", see="classes")
    assert not app.exception and not app.error
    assert set(table(app)["map"]) == {1.0} and table(app)["silhouette_cosine"].isna().all()
    assert "All images are of one class" in words(app) and "cannot be told apart" in words(app)


def test_every_class_with_one_image(tmp_path: Path, home: Path) -> None:
    world(tmp_path, "lone", per_class=1)
    app = opened(PAGE, d="lone")
    assert not app.exception and not app.error and not app.dataframe
    assert "has another image of its class" in words(app)


def test_k_beyond_the_gallery(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny", k="900")
    assert "k = 900 is more than the 59 images of a list" in words(app) and not app.error
    assert table(app)["recall@900"].tolist() == [1.0] * 3


def test_backbones_that_say_nothing(tiny: Dataset) -> None:
    attached(tiny, nothing=np.zeros((60, 4)), same=np.ones((60, 4)))
    app = opened(PAGE, d="tiny", b="hog,nothing,same", see="differences")
    said = words(app)
    assert not app.exception and not app.error
    assert re.search(
        r"nothing: in 60 of 60 queries, mAP from 0\.\d+ to [01]\.\d+; same: in 60 of 60 queries, mAP from", said
    )
    assert said.count("have equal scores") == 1, "one sentence for all that tie"
    assert "nothing has nothing (a zero vector) for 60 of 60 gallery images" in said
    frame = next(one.value for one in app.dataframe if "system" in one.value).set_index("system")
    assert frame.loc["nothing", "map"] == frame.loc["same", "map"], "both are the order of the files alone"
    assert frame.loc["nothing", "ties"] == frame.loc["same", "ties"]


def test_several_labels(tmp_path: Path, home: Path) -> None:
    folder = write_tiny(tmp_path / "pics", per_class=4)
    names = sorted(folder.rglob("*.png"))
    lines = [
        f"{file.relative_to(folder)},{file.parent.name}|{'even' if at % 2 else 'odd'}" for at, file in enumerate(names)
    ]
    (folder / "labels.csv").write_text("image,labels\n" + "\n".join(lines) + "\n")
    dataset = data.add("several", folder / "labels.csv")
    embedding.embed(dataset, OWN)
    assert dataset.label_matrix is not None
    app = opened(PAGE, d="several", see="classes", cb="1", c="even", of="hog")
    assert not app.exception and not app.error
    assert (
        app.toggle[0].disabled
        and "Optimistic: queries are taken as independent" in words(app)
        and table(app)["acc"].isna().all()
    )
    assert "counts in each of its classes" in words(app) and "even by HOG" in words(app)
    assert "12 queries, worst first" in words(app)


# ---------------------------------------------------------------- in a browser


@pytest.mark.browser
@pytest.mark.slow
def test_a_visit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tab) -> None:  # noqa: ANN001, F811
    from playwright.sync_api import expect

    home = tmp_path / "home"
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(home))
    dataset = world(tmp_path)
    result = fusion.evaluate(dataset, OWN, [FusionSpec("lab", "concat", OWN)])
    with serve(ROOT / "app.py", home) as address:
        tab.goto(f"{address}/leaderboard?d=tiny")
        expect(tab.get_by_role("heading", name="Leaderboard")).to_be_visible(timeout=60_000)
        expect(tab.get_by_text("mean of 60 of 60 queries").first).to_be_visible(timeout=120_000)
        best = result.best.figures["map"]
        expect(tab.get_by_text(f"{best.mean:.3f}").first).to_be_visible(timeout=30_000)

        tab.get_by_test_id("stPopover").filter(has_text="Download").get_by_role("button").first.click()
        with tab.expect_download() as given:
            tab.get_by_test_id("stPopoverBody").get_by_role("button", name="CSV").click()
        frame = pd.read_csv(io.BytesIO(Path(given.value.path()).read_bytes()))
        assert given.value.suggested_filename == "tiny-leaderboard.csv"
        assert sorted(frame["map"]) == pytest.approx(sorted(one.mean("map") for one in result.evaluations), abs=1e-6)
        with tab.expect_download() as given:
            tab.get_by_test_id("stPopoverBody").get_by_role("button", name="LaTeX").click()
        assert r"\toprule" in Path(given.value.path()).read_text()
        tab.keyboard.press("Escape")

        tab.get_by_role("radio", name="Differences").or_(tab.get_by_role("button", name="Differences")).first.click()
        expect(tab.get_by_text("less that of the column")).to_be_visible(timeout=30_000)
        expect(tab).to_have_url(re.compile("see=differences"))
        tab.get_by_role("radio", name="Class by class").or_(
            tab.get_by_role("button", name="Class by class")
        ).first.click()
        plot = tab.locator(".js-plotly-plot").first
        expect(plot).to_be_visible(timeout=60_000)
        tab.wait_for_timeout(1500)
        surface = plot.locator(".nsewdrag").first
        surface.scroll_into_view_if_needed()
        size = surface.bounding_box()
        square = {"x": size["width"] / 6, "y": size["height"] / 12}
        surface.hover(position=square)
        tab.wait_for_timeout(300)
        surface.click(position=square)
        expect(tab.get_by_text(re.compile(r"10 queries, worst first")).first).to_be_visible(timeout=30_000)
        hardest = class_table.class_order(result, dataset, "map")[0]
        expect(tab.get_by_role("heading", name=re.compile(f"{hardest} by "))).to_be_visible(timeout=30_000)
        expect(tab).to_have_url(re.compile(f"c={hardest}"))
        shown = tab.locator(".card").first
        shown.click()
        expect(tab.get_by_role("heading", name="Retrieval")).to_be_visible(timeout=60_000)
        assert not tab.complaints


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["|".join(f"rrf(hog:{n},hsv_histogram:1)" for n in range(1, 400)), "y|" * 400 + "x" * 200_000]
)
def test_a_link_with_a_very_long_value_opens_at_once(fresh: None, tiny: Dataset, text: str) -> None:
    began = time.monotonic()
    app = opened("leaderboard", d="tiny", sys=text)
    assert time.monotonic() - began < 30 and not app.exception and not app.error
    assert len(app.warning) <= 4 and len(table(app)) <= system_select.MOST_SYSTEMS
