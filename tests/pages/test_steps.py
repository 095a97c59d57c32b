"""Steps before and after the search on the pages: chosen in the lab, kept in links, shown in the Leaderboard and on Retrieval."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import cli, metrics
from core.fusion import FusionSpec, Step
from core.metrics import hubs
from core.studies import embedding, fusion, pipeline, reranking, training_split
from core.studies import retrieval as study
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.ui.app import jobs
from core.ui.views.fusion import steps_panel
from core.ui.widgets import result_cards
from tests.browser import ROOT, at_rest, chromium, serve, tab  # noqa: F401  (fixtures)
from tests.pages.alone import forget_everything, words, world

PAIR = ("hsv_histogram", "hog")
STEPS = {"pre": "centred", "re": "k_reciprocal:k1=5,k2=2"}


@pytest.fixture
def opened(tiny_world: SimpleNamespace):
    """A function that opens a page on the tiny world with a link."""
    forget_everything()
    jobs._JOBS.clear()
    embedding.embed(tiny_world.dataset, PAIR)

    def of(page: str, **link: str) -> AppTest:
        app = AppTest.from_string(
            "import runpy\n"
            "from core.ui.app import state\n"
            "from core.ui.widgets import sidebar\n"
            f"state.begin({page!r})\n"
            "sidebar.frame()\n"
            f"runpy.run_path({str(ROOT / 'pages' / (page + '.py'))!r})\n",
            default_timeout=90,
        )
        for name, value in ({"d": "tiny", "b": ",".join(PAIR)} | link).items():
            app.query_params[name] = value
        app.run()
        assert not app.exception, app.exception
        return app

    of.dataset = tiny_world.dataset
    return of


def figure(app: AppTest) -> float:
    """The mAP that the live lab shows."""
    data = next(json.loads(one.proto.json) for one in app.get("bidi_component") if "canUndo" in one.proto.json)
    return data["answer"]["means"][[one["label"] for one in data["metrics"]].index("mAP")]


def mean_ap(dataset, spec: FusionSpec) -> float:
    from core import data

    system = System("m", fusion.space_of(dataset, PAIR), spec)
    return metrics.mean(metrics.average_precision(Ranker(data.relevance(dataset)).rank(system).ranks))


def test_the_lab_shows_the_figures_of_the_steps_and_keeps_them_in_the_link(opened) -> None:
    app = opened("fusion_lab", **STEPS)
    spec = FusionSpec(
        "m",
        "concat",
        PAIR,
        prepare=Step("preparation", "centred"),
        rerank=Step.read("re-ranking", STEPS["re"]),
    )
    shown = figure(app)
    assert shown == pytest.approx(mean_ap(opened.dataset, spec), abs=6e-4)
    assert any("ms a query" in one.value for one in app.caption)
    chosen = next(one for one in app.selectbox if one.key == "lab re-ranking")
    assert chosen.value == "k_reciprocal"
    chosen.set_value("csls").run()
    assert not app.exception and "csls" in str(app.query_params["re"])
    next(one for one in app.selectbox if one.key == "lab re-ranking").set_value("").run()
    plain = figure(app)
    centred = FusionSpec("m", "concat", PAIR, prepare=Step("preparation", "centred"))
    assert plain == pytest.approx(mean_ap(opened.dataset, centred), abs=6e-4)


def test_a_fusion_without_vectors_says_so_and_any_link_opens(opened) -> None:
    app = opened("fusion_lab", s="rrf", re="k_reciprocal")
    assert any("no vectors" in one.value for one in app.warning) and figure(app) > 0
    for wrong in ("nothing_such", "csls:k=much", "~~~", "k_reciprocal:k1=-5"):
        assert figure(opened("fusion_lab", re=wrong, pre=wrong)) > 0


def failed_elsewhere(prefix: str) -> None:
    """As if the job of another session had failed."""
    job = next(job for name, job in jobs._JOBS.items() if name.startswith(prefix))
    assert job.ended.wait(60)
    job.visitor, job.state = "somebody else", "failed"


def test_what_failed_for_another_session_can_be_begun_here(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened("fusion_lab", see="steps", re="csls")
    next(one for one in app.button if one.label == "Build step by step").click().run()
    failed_elsewhere("pipeline")
    app.run()
    assert "Build step by step" in [one.label for one in app.button]
    monkeypatch.setattr(steps_panel, "AT_ONCE", 0)
    app.run()
    failed_elsewhere("re-ranking")
    app.run()
    job = next(job for name, job in jobs._JOBS.items() if name.startswith("re-ranking"))
    assert job.visitor != "somebody else" and job.ended.wait(60) and job.state == "done", job.sentence


@pytest.mark.parametrize("look", ["landscape", "budget"])
def test_looks_at_weights_say_that_they_come_before_the_re_ranking(opened, look: str) -> None:
    said = {
        step: "before it is ranked again" in words(opened("fusion_lab", see=look, re=step)) for step in ("", "csls")
    }
    assert said == {"": False, "csls": True}


def test_step_by_step_reports_what_the_study_says(opened) -> None:
    from core import data

    app = opened("fusion_lab", see="steps", re="csls")
    next(one for one in app.button if one.label == "Build step by step").click().run()
    job = next(job for name, job in jobs._JOBS.items() if name.startswith("pipeline"))
    assert job.ended.wait(60) and job.state == "done", job.sentence
    app.run()
    space, truth = fusion.space_of(opened.dataset, PAIR), data.relevance(opened.dataset)
    training = training_split.training(opened.dataset, space, truth)
    made = pipeline.build(training, space, truth, PAIR, rerank=Step("re-ranking", "csls"))
    rows = next(one.value for one in app.dataframe if "P@1" in one.value)
    assert [f"{stage.map.mean:.3f}" for stage in made.stages] == [text[:5] for text in rows["mAP"]]
    assert made.stages[0].added is None and made.stages[-1].spec.rerank is not None
    queries = set(training_split.query_keys(opened.dataset))
    assert set(made.final.trained_on) <= queries and len(made.final.trained_on) < len(queries)


def test_the_leaderboard_has_hubness_and_the_hubs(opened) -> None:
    from core import data

    app = opened("leaderboard", see="hubs", sys="hog|hog~csls:k=3", cols="map,hubness")
    truth, space = data.relevance(opened.dataset), fusion.space_of(opened.dataset, PAIR)
    system = System("hog", space)
    counted = hubs.hubness(Ranker(truth).rank(system, k=10).items, 60)
    table = app.dataframe[0].value
    row = table[table["system"] == "HOG"].iloc[0]
    assert row["hubness"] == pytest.approx(counted.skewness, abs=1e-9)
    assert any("CSLS" in text for text in table["system"])
    assert any("skewness" in one.value for one in app.caption)


def test_the_steps_of_the_lab_stand_beside_every_backbone(opened) -> None:
    app = AppTest.from_string(
        "import streamlit as st\n"
        "from core.setups import FusionSetup\n"
        "from core.ui.app import state\n"
        "from core.ui.widgets import system_options\n"
        "state.begin('leaderboard')\n"
        "state.set_field(FusionSetup, 'rerank', 'csls:k=4')\n"
        f"options = system_options.system_options({PAIR!r}, {PAIR!r})\n"
        "st.text('|'.join(options.titles.values()))\n",
        default_timeout=60,
    ).run()
    assert not app.exception
    titles = app.text[0].value.split("|")
    assert {"HOG", "HOG, CSLS (k 4)", "HSV histogram, CSLS (k 4)"} <= set(titles)
    assert any(title.endswith("HSV histogram 50 + HOG 50, CSLS (k 4)") for title in titles)


def test_retrieval_says_where_a_result_stood_before(opened) -> None:
    spec = FusionSpec("m", "concat", PAIR, rerank=Step.read("re-ranking", "k_reciprocal:k1=5,k2=2,keep=0"))
    space = fusion.space_of(opened.dataset, PAIR)
    query = study.gallery_image_query(opened.dataset, space, 0)
    result = study.retrieve(query, query.system("m", spec))
    before = study.retrieve(query, query.system("m", FusionSpec("m", "concat", PAIR)))
    assert (result.ranks_before == before.ranks).all() and before.ranks_before is None
    moved = np.flatnonzero(result.ranks != before.ranks)
    cards = result_cards.result_cards(opened.dataset, result, moved[:5], {})
    for card, item in zip(cards, moved):
        assert card.note == f"rank {before.ranks[item]:,} before"
        assert card.facts[0][0] == "through"
    through = reranking.through(space, spec, 0, int(result.order[0]))
    rows = study_vectors(space)
    assert len(through) and all(rows[0] @ rows[item] > np.sort(rows[0] @ rows.T)[-8] for item in through)


@pytest.mark.browser
def test_steps_chosen_in_the_lab_have_the_figures_of_the_command_line(tmp_path, tab, monkeypatch, capsys) -> None:  # noqa: ANN001, F811
    """Centred and k-reciprocal are chosen by hand; tiles, link and command line say the same."""
    from playwright.sync_api import expect

    monkeypatch.setenv("FUSIONSCOPE_HOME", str(tmp_path / "home"))
    world(tmp_path)
    with serve(ROOT / "app.py", tmp_path / "home") as address:
        tab.goto(f"{address}/fusion_lab?d=tiny&b={','.join(PAIR)}")
        tiles = tab.locator(".fs-lab .tile .value")
        expect(tiles.first).to_have_text(re.compile(r"0\.\d{3}"), timeout=90_000)
        plain = tiles.all_inner_texts()
        for label, option in (("Before the search", "Centred"), ("After the search", "k-reciprocal")):
            before = tiles.all_inner_texts()
            tab.get_by_role("combobox", name=re.compile(label)).click()
            tab.get_by_role("option", name=option, exact=True).click()
            expect(tiles).not_to_have_text(before, timeout=60_000)
            at_rest(tab)
        shown, asked = tiles.all_inner_texts(), parse_qs(urlsplit(tab.url).query)
        assert shown != plain and asked["pre"] == ["centred"] and asked["re"][0].startswith("k_reciprocal:k1=")
        expect(tab.get_by_text("ms a query here")).to_be_visible()
        tab.goto(tab.url)  # the link alone opens the same
        expect(tiles).to_have_text(shown, timeout=90_000)
    out = tmp_path / "figures.json"
    steps = ["--prepare", asked["pre"][0], "--rerank", asked["re"][0]]
    both = [part for name in PAIR for part in ("--backbone", name)]
    assert cli.main(["evaluate", "--data", "tiny", *both, *steps, "--k", "1,10", "--json", str(out)]) == 0
    row = next(
        one for one in json.loads(out.read_text())["systems"] if one["name"].startswith("hsv_histogram + hog, centred")
    )
    figures = [row["metrics"][key]["mean"] for key in ("map", "p@1", "p@10", "ndcg@10")]
    assert [float(text) for text in shown] == pytest.approx(figures, abs=5.1e-4)
    assert not tab.complaints


def study_vectors(space) -> np.ndarray:
    """The fused vectors of the pair."""
    return space.fused(FusionSpec("m", "concat", PAIR))
