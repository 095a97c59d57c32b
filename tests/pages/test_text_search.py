"""The Text search page: every kind of line, labels by name, a selection described, the second step; then once in Chromium."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import data
from core.studies import embedding
from core.studies.text import text_encoding, text_search, zero_shot
from tests.browser import ROOT, chromium, serve, tab  # noqa: F401  (fixtures)
from tests.pages.alone import link, opened, settled, table, words
from tests.pages.test_every_page import open_page

SPACE = "concepts_lite0"
BOTH = f"{SPACE},hsv_histogram"


def asked(line: str = "", **link: str) -> AppTest:
    """The page on the demo catalogue."""
    app = opened("text_search", **{"d": "demo_catalogue", "b": BOTH, "t": line, **link})
    assert not app.exception and not app.error, words(app)
    return app


def shown(app: AppTest, at: int = 0) -> list[str]:
    """Ids of the cards of a grid, as they are shown."""
    found = [json.loads(one.proto.json) for one in app.get("bidi_component") if "cards" in one.proto.json]
    return [card["id"] for card in found[at]["cards"]]


def slow_order(line: dict[str, float], templates: bool = False) -> list[str]:
    """Ids by the cosine of Σ weight × vector, one picture at a time."""
    dataset = data.load("demo_catalogue")
    vectors = embedding.embeddings(dataset, SPACE).vectors.astype(float)
    query = sum(
        weight * text_encoding.phrases(SPACE, [said], templates)[0].astype(float) for said, weight in line.items()
    )
    scores = [sum(a * b for a, b in zip(row, query)) for row in vectors]
    return [str(dataset.ids[i]) for i in sorted(range(len(scores)), key=lambda i: -round(scores[i], 9))]


@pytest.mark.parametrize(
    ("line", "meaning", "said"),
    [
        ("cat", {"cat": 1}, "“cat”"),
        ("vehicle -rocket", {"vehicle": 1, "rocket": -1}, "“vehicle” without “rocket”"),
        ("coins:2 cup", {"cup": 1, "coins": 2}, "“cup” + “coins” × 2"),
        ("-people", {"people": -1}, "Without “people”"),
    ],
)
def test_a_line_finds_what_a_slow_loop_finds_and_is_said_back(demo, line, meaning, said) -> None:
    app = asked(line)
    assert said in words(app)
    assert shown(app) == slow_order(meaning)[:24]


def test_only_readers_take_part_and_the_page_says_who(demo) -> None:
    app = asked("cat")
    assert "The text is read by Concepts (Lite0 + MiniLM)." in words(app)
    assert "No text tower: HSV histogram. The second step lets them look for more." in words(app)
    assert shown(app) == shown(asked("cat", b=SPACE)), "a backbone without a text tower changes nothing"


def test_the_second_step_is_pseudo_relevance_feedback_by_name(demo) -> None:
    app = asked("cat", e="3")
    assert "Pseudo-relevance feedback" in app.slider[0].help
    assert "Two steps: the text chose 3 images, all backbones looked for more like them." in words(app)
    dataset = data.load("demo_catalogue")
    rows = {name: embedding.embeddings(dataset, name).vectors for name in (SPACE, "hsv_histogram")}
    expected = text_search.search(rows, "cat", expand=3)
    assert shown(app) == [str(dataset.ids[i]) for i in expected.order[:24]] != shown(asked("cat"))


def test_photo_sentences_on_and_off(demo) -> None:
    assert shown(asked("motorbike", tpl="on")) == slow_order({"motorbike": 1}, templates=True)[:24]
    assert shown(asked("motorbike", tpl="off")) == shown(asked("motorbike")), "concepts take the plain word by default"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "“"),
        ("   -  ", "Type what to look for, for example"),
        ("красная обувь", "reads English; most of this query says nothing to it"),
        ("🐈 -🐕", "Without".lower()),
        ("<b>bold</b> **cat** [x](http:evil)", "<b>bold</b> **cat** [x](http:evil)"),
    ],
)
def test_odd_lines_get_a_sentence(demo, line, said) -> None:
    app = asked()
    app.text_input("WordsSetup.words").set_value(line).run()
    assert not app.exception and not app.error
    assert said in words(app)


def test_ten_thousand_characters_are_cut_and_said(demo) -> None:
    app = asked()
    app.text_input("WordsSetup.words").set_value("cat " * 2500).run()
    assert "Only the first 2,000 of 10,000 characters were read." in words(app)
    assert len(shown(app)) == 22
    assert len(link(app, "t")) == 2000


def test_examples_are_offered_and_taken(demo) -> None:
    app = asked()
    assert len(app.pills[0].options) >= 3
    app.pills[0].select(app.pills[0].options[0]).run()
    assert app.text_input("WordsSetup.words").value == app.pills[0].options[0] if app.pills else True
    assert shown(app)


@pytest.mark.slow
def test_without_a_reader_one_sentence_and_the_button_that_helps(tiny_world) -> None:
    from core.ui.app import jobs

    jobs._JOBS.clear()
    for embedded in ((), ("hsv_histogram",)):
        if embedded:
            embedding.embed(tiny_world.dataset, embedded)
        app = opened("text_search", d="tiny")
        assert "reads text; Concepts does." in words(app) and not app.info
    next(each for each in app.button if each.label.startswith("Embed images (")).click().run()
    settled(app)
    assert not app.info and not app.error, words(app)
    assert embedding.stored(tiny_world.dataset, embedding.find(tiny_world.dataset, SPACE)).n_images == 60


def test_how_well_text_search_works_is_measured_on_the_spot(demo) -> None:
    app = asked("cat")
    app.toggle("measure words").set_value(True).run()
    dataset = data.load("demo_catalogue")
    expected = zero_shot.evaluate_class_names(dataset, SPACE, embedding.embeddings(dataset, SPACE).vectors)
    figures = {one.label: one.value for one in app.metric}
    assert figures["mAP"] == f"{expected.mean('map'):.3f}" and figures["P@10"] == f"{expected.mean('p@10'):.3f}"
    assert figures["Zero-shot accuracy"] == f"{expected.accuracy:.3f}"
    np.testing.assert_allclose(sorted(table(app)["AP"]), sorted(expected.per_query["map"]))


def test_labels_by_name_with_and_without_labels(demo, tmp_path) -> None:
    app = asked(l="labels")
    dataset = data.load("demo_catalogue")
    assert app.text_area[0].value == ", ".join(zero_shot.readable(name) for name in dataset.label_names)
    expected = zero_shot.classify(SPACE, embedding.embeddings(dataset, SPACE).vectors, dataset.label_names)
    accuracy = np.mean([dataset.label_names[c] == dataset.label_of(i) for i, c in enumerate(expected.predicted)])
    assert app.metric[0].value == f"{accuracy:.3f}" and "22 labelled images" in words(app)
    assert table(app)["images"].sum() == 22 and len(shown(app)) == 22

    app.text_area[0].set_value("cat, motorbike, cup of coffee").run()
    assert table(app).set_index("class")["images"]["cat"] >= 1
    app.text_area[0].set_value("cat").run()
    assert "Type 2 to 1,000 class names" in app.warning[0].value
    app.text_area[0].set_value("").run()
    assert not app.exception


def test_labels_by_name_for_images_without_any_label(demo, tmp_path) -> None:
    source = data.load("demo_catalogue")
    folder = tmp_path / "flat"
    folder.mkdir()
    for position in (4, 9):
        (folder / f"{source.ids[position]}.png").write_bytes(data.read_bytes(source, position))
    flat = data.add("flat", folder)
    try:
        embedding.embed(flat, [SPACE])
        app = opened("text_search", d="flat", l="labels")
        assert "Type at least two class names" in words(app)
        app.text_area[0].set_value("cat, coffee").run()
        assert not app.metric and "True labels" not in words(app)
        assert dict(zip(table(app)["class"], table(app)["images"])) == {"cat": 1, "coffee": 1}
    finally:
        data.remove("flat")


@pytest.mark.slow
def test_a_selection_is_described_by_words_and_by_ones_own(demo) -> None:
    app = open_page("pages/text_search.py", d="demo_catalogue", b=BOTH, l="describe")
    assert not app.exception and "Nothing is selected" in app.info[0].value
    app = opened("text_search", d="demo_catalogue", b=BOTH, l="describe")
    app.session_state["held selected ids"] = {"demo_catalogue": ("motorcycle-left", "motorcycle-right")}
    settled(app.run())
    assert not app.exception and "2 selected images against all 22" in words(app)
    assert any(re.search("moped|scooter|bike", said) for said in table(app)["word"][:5]), list(table(app)["word"])
    app.text_input("own words").set_value("motorcycle, sunset").run()
    assert "motorcycle" in set(table(app)["word"][:4]) and "sunset" not in set(table(app)["word"])
    assert sorted(shown(app)) == ["motorcycle-left", "motorcycle-right"]


@pytest.mark.parametrize(
    "junk", [{"l": "nothing", "r": "hog", "tpl": "1", "e": "999", "t": "%00"}, {"l": "labels", "c": ","}]
)
def test_any_link_opens(demo, junk) -> None:
    assert not asked(**junk).exception


# ---------------------------------------------------------------------------------------------------- in Chromium


@pytest.mark.browser
@pytest.mark.slow
def test_words_in_a_browser(demo, tab) -> None:  # noqa: F811
    from playwright.sync_api import expect

    with serve(ROOT / "app.py", demo) as address:
        tab.goto(f"{address}/text_search?d=demo_catalogue&b={BOTH}")
        tab.get_by_role("heading", name="Text search", exact=True).wait_for(timeout=60_000)
        box = tab.get_by_label("Text query", exact=True).last
        box.fill("cup of coffee")
        box.press("Enter")
        first = tab.locator(".card").first
        expect(first).to_have_attribute("data-id", "coffee", timeout=60_000)
        expect(tab).to_have_url(re.compile("t=cup"))
        tab.get_by_role("slider").focus()
        tab.keyboard.press("ArrowRight")
        expect(tab.get_by_text("Two steps: the text chose 1 image")).to_be_visible(timeout=30_000)
        tab.set_viewport_size({"width": 900, "height": 900})
        tab.get_by_text("Labels by name").click()
        expect(tab.locator(".js-plotly-plot")).to_be_visible(timeout=60_000)
        wide = tab.evaluate(
            "() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth - m.clientWidth; }"
        )
        assert wide <= 0
        tab.get_by_text("Search", exact=True).first.click()
        expect(box).to_have_value("cup of coffee", timeout=30_000)
        tab.locator(".card").first.click()
        expect(tab.get_by_role("heading", name="Retrieval")).to_be_visible(timeout=60_000)
        tab.wait_for_url("**q=coffee**", timeout=60_000)
        assert tab.complaints == []
