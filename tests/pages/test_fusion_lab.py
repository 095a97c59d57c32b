"""The Fusion lab: sliders that keep a whole, undo, locks, parameters, baselines, and honest figures."""

from __future__ import annotations

import dataclasses
import json
import re
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.fusion import FusionSpec, store
from core.fusion import spec as fusion_files
from core.studies import embedding, fusion, fusion_evaluator, training_split
from core.ui.widgets import weight_shares
from tests.browser import ROOT, at_rest, chromium, serve, tab  # noqa: F401  (fixtures)
from tests.conftest import write_tiny
from tests.pages.alone import forget_everything


def names_here() -> tuple[str, ...]:
    """Three backbones that need no weights."""
    from core.backbones import BACKBONES

    return tuple(one.name for one in BACKBONES if one.source == "own")[:3]


@pytest.fixture
def lab(tiny_world: SimpleNamespace):
    """A function that opens the page on the tiny world with a link."""
    names = names_here()
    embedding.embed(tiny_world.dataset, names)

    def opened(**link: str) -> AppTest:
        app = AppTest.from_string(
            "import runpy\n"
            "from core.ui.app import state\n"
            "from core.ui.views.fusion import lab_view, live_view\n"
            "from core.ui.widgets import sidebar\n"
            "state.begin('fusion_lab')\n"
            "sidebar.frame()\n"
            "name, values = state.session_take('hand', ('', ()))\n"
            "if name:\n"
            "    getattr(live_view.host(lab_view.build()), name)(*values)\n"
            f"runpy.run_path({str(ROOT / 'pages' / 'fusion_lab.py')!r})\n",
            default_timeout=60,
        )
        for name, value in ({"d": "tiny", "b": ",".join(names)} | link).items():
            app.query_params[name] = value
        app.run()
        assert not app.exception, app.exception
        return app

    opened.names = names
    return opened


def live(app: AppTest) -> dict:
    """What the live lab was given."""
    every = [json.loads(one.proto.json) for one in app.get("bidi_component") if "canUndo" in one.proto.json]
    assert len(every) == 1
    return every[0]


def hand(app: AppTest, name: str, *values: object) -> None:
    """What the browser says when a person did something on the live lab."""
    app.session_state["held hand"] = (name, values)
    app.run()
    assert not app.exception


def sliders(app: AppTest) -> dict[str, int]:
    data = live(app)
    return {one["name"]: round(100 * share) for one, share in zip(data["backbones"], data["weights"])}


def slide(app: AppTest, name: str, percent: int) -> None:
    """Drag a slider and let it go."""
    data = live(app)
    names = [one["name"] for one in data["backbones"]]
    locked = {one for one, is_locked in zip(names, data["locked"]) if is_locked}
    shares = weight_shares.moved(dict(zip(names, data["weights"])), name, percent / 100, locked)
    hand(app, "released", [shares[one] for one in names], data["echo"] + 1)


def button(app: AppTest, label: str):
    return next(one for one in app.button if one.label == label or one.key == label)


def figure(app: AppTest, label: str = "mAP") -> float:
    data = live(app)
    return data["answer"]["means"][[one["label"] for one in data["metrics"]].index(label)]


def test_sliders_keep_a_whole_and_every_step_can_be_taken_back(lab) -> None:
    app = lab()
    first, second, third = lab.names
    assert sum(sliders(app).values()) in (99, 100, 101)
    start = figure(app)
    seen = [start]
    for share in (80, 20, 55):
        slide(app, first, share)
        assert sliders(app)[first] == share
        assert abs(sum(sliders(app).values()) - 100) <= 1
        seen.append(figure(app))
    assert len(set(seen)) > 1
    for expected in (20, 80):
        hand(app, "act", "undo")
        assert sliders(app)[first] == expected
    hand(app, "act", "redo")
    assert sliders(app)[first] == 20
    hand(app, "released", [1 / 3] * 3, 9)
    assert set(sliders(app).values()) == {33}
    assert figure(app) == start
    hand(app, "act", "two")
    shown = sliders(app)
    assert sorted(shown.values()) == [0, 50, 50]
    left_out = next(name for name, share in shown.items() if share == 0)
    alone = {}
    for name in lab.names:
        slide(app, name, 100)
        alone[name] = figure(app)
    assert alone[left_out] == min(alone.values())


def heat_layers(app: AppTest) -> list[dict]:
    """What the maps of "Why it matched" were given; none while they are closed."""
    given = [json.loads(one.proto.json) for one in app.get("bidi_component") if '"layers"' in one.proto.json]
    return given[0]["layers"] if given else []


def test_a_result_says_why_it_matched_under_the_weights_that_stand(lab) -> None:
    app = lab(k="60")
    position = live(app)["answer"]["ids"][2]
    assert not heat_layers(app)
    hand(app, "why", position)
    layers = heat_layers(app)
    assert [layer["name"] for layer in layers][0] == "All together" and len(layers) == 1 + len(lab.names)
    for share in (90, 10):
        slide(app, lab.names[0], share)
        answer = live(app)["answer"]
        score = answer["scores"][answer["ids"].index(position)]
        assert f"Score {score:.3f}" in heat_layers(app)[0]["sentence"], "of the weights that stand now"
    hand(app, "why", live(app)["query"]["id"])
    assert not heat_layers(app), "the query is no result of its own"


def test_a_locked_share_stays(lab) -> None:
    app = lab()
    first, second, third = lab.names
    slide(app, first, 60)
    hand(app, "locked", [first])
    slide(app, second, 40)
    assert sliders(app)[first] == 60 and sliders(app)[second] == 40 and sliders(app)[third] == 0
    slide(app, second, 90)
    assert sliders(app)[first] == 60 and sliders(app)[second] == 40
    hand(app, "act", "reset")
    slide(app, second, 90)
    assert sliders(app)[second] == 90


def test_parameters_of_a_strategy_change_the_figures_and_travel_in_the_link(lab) -> None:
    app = lab(s="rrf")
    assert figure(app) > 0
    depth = next(one for one in app.number_input if one.key == "parameter rrf depth")
    assert depth.value is None
    whole = figure(app)
    depth.set_value(3).run()
    assert figure(app) != whole
    assert app.query_params["p"] == ["depth:3"] or app.query_params["p"] == "depth:3"
    again = lab(s="rrf", p="depth:3")
    assert figure(again) == figure(app)
    app.selectbox(key="FusionSetup.strategy").set_value("combsum").run()
    assert "p" not in app.query_params
    hand(app, "act", "undo")
    assert figure(app) == figure(again)


@pytest.mark.parametrize(
    "link",
    [
        {"s": "drop table", "p": "depth:lots,norm:9", "w": "hog:lots", "k": "-4", "base": "saved nobody"},
        {"s": "gate", "base": "concat|x|y", "q": "\U0001f600", "see": "nothing", "m": "nonsense", "cb": "maybe"},
        {"s": "score_sum", "p": "norm:zscore,norm:zscore,depth:-3", "base": "linear_head||hog:1"},
    ],
)
def test_any_link_opens(lab, link: dict[str, str]) -> None:
    app = lab(**link)
    assert 0 <= figure(app) <= 1
    assert not app.error


def test_the_figures_are_those_of_the_study(lab, tiny_world: SimpleNamespace) -> None:
    from core import data, metrics

    first, second, third = lab.names
    app = lab(w=f"{first}:0.7,{second}:0.2,{third}:0.1")
    dataset = data.load("tiny")
    judge = fusion_evaluator.FusionEvaluator(fusion.space_of(dataset, lab.names), data.relevance(dataset))
    spec = FusionSpec("now", "concat", lab.names).with_shares({first: 0.7, second: 0.2, third: 0.1})
    ranks = judge.fusion(spec)
    for key, label in (("map", "mAP"), ("p@1", "P@1"), ("p@10", "P@10"), ("ndcg@10", "nDCG@10")):
        assert figure(app, label) == pytest.approx(np.nanmean(metrics.compute(ranks, (key,))[key]), abs=6e-4)
    said = live(app)["answer"]["verdict"]
    assert re.search(r"[Nn]o gain shown|Gain over", said)


def test_without_labels_the_results_follow_alone(lab, tiny_world: SimpleNamespace) -> None:
    from core import data

    embedding.embed(data.add("plain", tiny_world.images / "circle"), lab.names)
    app = lab(d="plain")
    shown = live(app)
    assert not app.error and not shown["metrics"] and not shown["systems"] and "means" not in shown["answer"]
    assert len(shown["answer"]["ids"]) == 9 and set(shown["answer"]["relevance"]) == {2}
    slide(app, lab.names[0], 90)
    assert live(app)["answer"]["scores"] != shown["answer"]["scores"]


def test_a_hard_query_is_the_worst_one(lab, tiny_world: SimpleNamespace) -> None:
    from core import data, metrics

    app = lab()
    button(app, "Hardest query").click().run()
    dataset = data.load("tiny")
    judge = fusion_evaluator.FusionEvaluator(fusion.space_of(dataset, lab.names), data.relevance(dataset))
    spec = FusionSpec("now", "concat", lab.names).with_shares(dict.fromkeys(lab.names, 1.0))
    values = metrics.average_precision(judge.fusion(spec))
    chosen = app.query_params["q"]
    chosen = chosen[0] if isinstance(chosen, list) else chosen
    assert values[list(dataset.ids).index(chosen)] == pytest.approx(values.min())


def test_a_fitted_baseline_is_only_judged_on_other_queries(lab, tiny_world: SimpleNamespace) -> None:
    from core import data

    dataset = data.load("tiny")
    keys = training_split.query_keys(dataset)[:20]
    made = dataclasses.replace(
        FusionSpec("mine", "concat", lab.names).with_shares({lab.names[0]: 1.0}), trained_on=tuple(keys)
    )
    store.save(made)
    app = lab(base="saved mine", see="changes")
    assert not app.error
    captions = " ".join(one.value for one in app.caption)
    assert "40 queries that neither" in captions and "20 are left out" in captions


def test_backbones_that_say_nothing_are_named(lab, tiny_world: SimpleNamespace) -> None:
    from tests.pages.alone import attached

    attached(tiny_world.dataset, nothing=np.zeros((60, 4)), same=np.ones((60, 4)))
    said = " ".join(one.value for one in lab(b=f"{lab.names[0]},nothing,same").caption)
    assert re.search(
        r"nothing.{1,4} in 60 of 60 queries, mAP from 0.\d+ to \d.\d+. same.{1,4} in 60 of 60 queries", said
    )
    assert "nothing has nothing" in said and "60 of 60 gallery images" in said


@pytest.mark.slow
def test_what_was_fitted_outlives_a_restart(lab, tiny_world: SimpleNamespace) -> None:
    """A new server on the same home: tuned weights stand there, and their link still leaves the training queries out."""

    from core import data
    from core.studies.training import trained_fusions

    dataset, names = data.load("tiny"), lab.names
    space, truth = fusion.space_of(dataset, names), data.relevance(dataset)
    spec = FusionSpec("this fusion", "concat", names)
    for what in ("tune", "gate"):
        made = trained_fusions.fit(what, dataset, space, truth, spec)
        trained_fusions.keep(trained_fusions.name_of(what, dataset, spec), made, space)
        if what == "tune":
            found = made
    forget_everything()
    app = lab(see="trained")
    said = " ".join(one.value for one in [*app.markdown, *app.caption])
    assert "Tuned to" in said and "The course of the training" in said and found.split.sentence() in said
    assert button(app, "Train again")
    button(app, "Use the tuned weights").click().run()
    assert not app.exception and sliders(app) == {n: round(100 * s) for n, s in found.spec.shares.items()}
    link = {name: value[0] if isinstance(value, list) else value for name, value in app.query_params.items()}
    left = f"{len(dataset.split.queries) - len(found.spec.trained_on)} queries that neither"
    forget_everything()
    again = lab(**link)
    several = sum(share > 0 for share in found.spec.shares.values()) > 1
    for one in (app, again):
        assert (left in " ".join(caption.value for caption in one.caption)) == several
    button(again, "dismiss tuned").click().run()
    assert "Tuned to" not in " ".join(one.value for one in again.markdown)
    assert trained_fusions.find(trained_fusions.name_of("tune", dataset, spec), space) is None


@pytest.mark.slow
def test_a_large_set_is_answered_by_a_panel_first_and_then_whole(lab, monkeypatch) -> None:

    from core.studies import query_sampling

    forget_everything()
    whole = lab()
    before = figure(whole)
    slide(whole, lab.names[0], 80)
    monkeypatch.setattr(query_sampling, "SIZE", 20)
    monkeypatch.setattr(query_sampling, "MOST_QUERIES", 30)
    gate = threading.Event()
    prepare = fusion_evaluator.FusionEvaluator.prepare

    def held(judge, *given, **told):
        if judge.by_slices:
            assert gate.wait(30)
        return prepare(judge, *given, **told)

    monkeypatch.setattr(fusion_evaluator.FusionEvaluator, "prepare", held)
    forget_everything()
    app = lab()
    said = " ".join(one.value for one in app.markdown)
    assert re.search(r"A sample of queries first:\*\* 20 of 60 queries, ± 0\.\d{3}", said)
    assert figure(app) != before and "20 of 20 queries" in said
    slide(app, lab.names[0], 80)
    assert not app.exception and "20 of 60 queries" in " ".join(one.value for one in app.markdown)
    gate.set()
    for _ in range(100):
        app.run()
        if "A sample of queries first" not in " ".join(one.value for one in app.markdown):
            break
        time.sleep(0.1)
    assert not app.exception and figure(app) == figure(whole)
    assert "60 of 60 queries" in " ".join(one.value for one in app.markdown)
    looks = [
        caption.value
        for caption in app.caption
        if "The closer looks evaluate a sample of 20 of the 60" in caption.value
    ]
    assert looks
    button(app, "Hardest query").click().run()
    assert not app.exception


def test_without_leaves_the_named_queries_out(tiny_world: SimpleNamespace) -> None:
    from core.errors import BadInput

    dataset = tiny_world.dataset
    keys = training_split.query_keys(dataset)
    assert training_split.without(dataset, ()) is dataset
    assert training_split.without(dataset, ("0" * 64,)) is dataset
    smaller = training_split.without(dataset, keys[:10])
    assert len(smaller.split.queries) == len(keys) - 10
    assert len(smaller.split.gallery) == len(dataset.split.gallery)
    assert smaller.fingerprint != dataset.fingerprint
    with pytest.raises(BadInput, match="trained on"):
        training_split.without(dataset, keys)


@pytest.mark.parametrize("look", ["curve", "landscape", "adds", "changes", "budget", "trained", "files"])
def test_every_closer_look_opens(lab, look: str) -> None:
    first, second, third = lab.names
    app = lab(see=look, w=f"{first}:0.6,{second}:0.4,{third}:0")
    assert not app.exception and not app.error


# ------------------------------------------------------------------------------------------------ in Chromium


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    """The tiny world, embedded, in a home of its own, behind a real server."""
    import os

    from core import data

    home = tmp_path_factory.mktemp("home")
    before = os.environ.get("FUSIONSCOPE_HOME")
    os.environ["FUSIONSCOPE_HOME"] = str(home)
    try:
        dataset = data.add("tiny", write_tiny(tmp_path_factory.mktemp("tiny") / "tiny"))
        embedding.embed(dataset, names_here())
    finally:
        if before is None:
            del os.environ["FUSIONSCOPE_HOME"]
        else:
            os.environ["FUSIONSCOPE_HOME"] = before
    with serve(ROOT / "app.py", home) as address:
        yield SimpleNamespace(address=address, home=home)


def two_tabs_drag_at_once(server, tab) -> list[float]:  # noqa: ANN001, F811
    """Figures follow both thumbs, each with its own weights; returns the weights of the first."""
    from playwright.sync_api import expect

    value, scores = tab.locator(".fs-lab .tile .value").first, tab.locator(".fs-lab .result:not(.hidden) .score")
    expect(scores).to_have_count(12)
    before, shown, link = value.inner_text(), scores.all_inner_texts(), tab.url
    other = tab.context.new_page()
    other.goto(tab.url)
    expect(other.locator(".fs-lab .tile .value").first).to_have_text(before, timeout=60_000)
    hold(tab, 0, 0.9)
    hold(other, 1, 0.8)
    answered = [weights_of(page) for page in (tab, other)]
    assert answered[0][0] > 0.8 and answered[1][1] > 0.7
    for page, weights in zip((tab, other), answered):
        texts = page.locator(".fs-lab .tile .value").all_inner_texts()
        assert [float(text) for text in texts] == pytest.approx(figures_of(server.home, weights), abs=5.1e-4)
    assert value.inner_text() != before and tab.url == link, "figures follow the thumb, the link when it is let go"
    expect(scores).not_to_have_text(shown)
    while_held = tab.locator(".fs-lab .verdict").inner_text()
    for page in (tab, other):
        page.mouse.up()
        expect(page).to_have_url(re.compile("w="))
    at_rest(tab)
    assert tab.locator(".fs-lab .verdict").inner_text() == while_held and weights_of(tab) == answered[0]
    other.close()
    return answered[0]


def keys_are_one_step(tab, share: float) -> None:  # noqa: ANN001, F811
    """A run of keys moves the first slider from `share`, and one press of Undo takes it back."""
    from playwright.sync_api import expect

    slider = tab.get_by_role("slider").nth(0)
    slider.focus()
    for _ in range(4):
        slider.press("PageDown")
    expect(slider).to_have_value(str(round(100 * share) - 40))
    tab.get_by_role("button", name="Undo the last change.").click()
    expect(slider).to_have_value(str(round(100 * share)))


def a_card_says_why(tab) -> None:  # noqa: ANN001, F811
    """The maps of a result open from its card, and close."""
    from playwright.sync_api import expect

    card = tab.locator(".fs-lab .result:not(.hidden)").nth(2)
    card.hover()
    card.locator(".why").click()
    maps = tab.locator(".heat")
    expect(maps.locator("figure")).to_have_count(2)
    expect(maps.locator(".layer").first).to_have_text("All together")
    expect(maps.locator(".badge")).to_have_text("adds up to the score")
    maps.get_by_role("button", name="Close").click()
    expect(maps).to_have_count(0)


def the_landscape_moves_the_sliders(tab) -> None:  # noqa: ANN001, F811
    """And they move its point; Undo takes it back; what was clicked stands in the link as shares."""
    from playwright.sync_api import expect

    slider, points = tab.get_by_role("slider").nth(0), tab.locator(".landscape .cell")
    expect(points.nth(200)).to_be_attached(timeout=60_000)
    at_rest(tab)  # the last key press has reached the link
    link, stood = tab.url, slider.input_value()
    # Whole in sight: both ends of the drag, and neither under the sliders that stay at the top.
    tab.locator(".landscape").first.evaluate("node => node.scrollIntoView({ block: 'center' })")
    at_rest(tab)
    hit = """([x, y]) => { let at = document.elementFromPoint(x, y);
      while (at?.shadowRoot?.elementFromPoint(x, y)) at = at.shadowRoot.elementFromPoint(x, y);
      return at?.closest('.landscape') !== null; }"""
    point, now = points.nth(3).bounding_box(), tab.locator(".landscape .now circle").bounding_box()
    middles = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in (now, point)]
    assert all(tab.evaluate(hit, list(middle)) for middle in middles)
    tab.mouse.move(*middles[0])
    tab.mouse.down()
    tab.mouse.move(*middles[1], steps=6)
    expect(slider).not_to_have_value(stood)  # the sliders follow the point
    assert tab.url == link
    tab.mouse.up()
    tab.wait_for_function("link => location.href !== link", arg=link)
    place = tab.locator(".landscape .now").get_attribute("transform")
    hold(tab, 0, 0.95)
    assert tab.locator(".landscape .now").get_attribute("transform") != place  # and the point the sliders
    tab.mouse.up()
    tab.get_by_role("button", name="Undo the last change.").click()
    expect(tab.locator(".landscape .now")).to_have_attribute("transform", place)
    at_rest(tab)
    clicked = {
        part.split(":")[0]: float(part.split(":")[1])
        for part in re.search(r"w=([^&]*)", tab.url.replace("%3A", ":").replace("%2C", ",")).group(1).split(",")
    }
    assert sum(clicked.values()) == pytest.approx(1, abs=0.01)
    assert all(abs(share * 20 - round(share * 20)) < 1e-6 for share in clicked.values())


@pytest.mark.browser
@pytest.mark.slow
def test_the_journey(server, tab) -> None:  # noqa: ANN001, F811
    from playwright.sync_api import expect

    tab.goto(f"{server.address}/fusion_lab?d=tiny&b={','.join(names_here())}&see=landscape")
    value = tab.locator(".fs-lab .tile .value").first
    expect(value).to_have_text(re.compile(r"0\.\d{3}"), timeout=90_000)
    keys_are_one_step(tab, two_tabs_drag_at_once(server, tab)[0])
    a_card_says_why(tab)
    the_landscape_moves_the_sliders(tab)

    tab.get_by_text("Save and share", exact=True).click()
    tab.get_by_label("Name").fill("my mix")
    tab.get_by_role("button", name="Save this fusion").click()
    expect(tab.get_by_text("every page offers it as a system now")).to_be_visible()
    kept = [json.loads(path.read_text()) for path in (server.home / "fusions").glob("*.json")]
    assert any(one["name"] == "my mix" for found in kept for one in found)

    figure_now = value.inner_text()
    tab.reload()
    expect(tab.locator(".fs-lab .tile .value").first).to_have_text(figure_now, timeout=60_000)
    assert not tab.complaints


@pytest.mark.browser
@pytest.mark.slow
def test_a_finger_moves_the_sliders_and_the_point_of_the_landscape(server, chromium) -> None:  # noqa: ANN001, F811
    from playwright.sync_api import expect

    context = chromium.new_context(viewport={"width": 900, "height": 1000}, has_touch=True)
    page = context.new_page()
    names = names_here()
    page.goto(f"{server.address}/fusion_lab?d=tiny&b={','.join(names)}&see=landscape")
    expect(page.locator(".fs-lab .tile .value").first).to_have_text(re.compile(r"0\.\d{3}"), timeout=90_000)
    at_rest(page)
    touch, link = context.new_cdp_session(page), page.url
    slider = page.get_by_role("slider").first
    slider.scroll_into_view_if_needed()
    box, share = slider.bounding_box(), float(slider.input_value()) / 100
    height = box["y"] + box["height"] / 2
    swipe(touch, (box["x"] + 9 + share * (box["width"] - 18), height), (box["x"] + 0.9 * box["width"], height))
    page.wait_for_function(ANSWERED, arg=[slider.element_handle(), 0])
    texts = page.locator(".fs-lab .tile .value").all_inner_texts()
    assert [float(text) for text in texts] == pytest.approx(figures_of(server.home, weights_of(page)), abs=5.1e-4)
    assert weights_of(page)[0] > 0.8 and page.url == link, "figures follow the finger, the link when it is lifted"
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page).to_have_url(re.compile("w="))
    points = page.locator(".landscape .cell")
    expect(points.nth(3)).to_be_attached(timeout=60_000)
    at_rest(page)
    points.nth(3).scroll_into_view_if_needed()
    link, stood, scrolled = page.url, weights_of(page), page.evaluate("scrollY")
    boxes = [page.locator(".landscape .now circle").bounding_box(), points.nth(3).bounding_box()]
    swipe(touch, *((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes))
    page.wait_for_function(
        "stood => " + LAB_OF_PAGE + ".dataset.answered !== stood", arg=" ".join(f"{w:.4f}" for w in stood)
    )
    assert page.url == link and page.evaluate("scrollY") == scrolled, "the page does not scroll away under the finger"
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_function("link => location.href !== link", arg=link)
    context.close()


def swipe(touch, start: tuple[float, float], end: tuple[float, float], steps: int = 8) -> None:  # noqa: ANN001
    """A finger goes down at one place and slides to another, where it stays."""
    for step in range(steps + 1):
        x, y = (a + (b - a) * step / steps for a, b in zip(start, end))
        kind = "touchMove" if step else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})


LAB_OF_PAGE = "[...document.querySelectorAll('*')].find((n) => n.shadowRoot?.querySelector('.fs-lab')).shadowRoot.querySelector('.fs-lab')"
ANSWERED = """([weights, wanted]) => weights.getRootNode().querySelector('.fs-lab').dataset.answered.split(' ')[wanted]
  * 100 > weights.value - 1"""


def hold(page, number: int, share: float) -> None:  # noqa: ANN001
    """Take the thumb of a slider to a share of its track, by the mouse, and wait for its answer without letting go."""
    slider = page.get_by_role("slider").nth(number)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    at = float(slider.input_value()) / 100
    page.mouse.move(box["x"] + 9 + at * (box["width"] - 18), box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2, steps=8)
    page.wait_for_function(ANSWERED, arg=[slider.element_handle(), number])


def weights_of(page) -> list[float]:  # noqa: ANN001
    """The weights that the figures on the page are of."""
    return [float(weight) for weight in page.locator(".fs-lab").get_attribute("data-answered").split()]


def figures_of(home: Path, weights: list[float]) -> list[float]:
    """What the study says about these weights."""
    from core import data, metrics

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(home))
        dataset = data.load("tiny")
        evaluator = fusion_evaluator.FusionEvaluator(fusion.space_of(dataset, names_here()), data.relevance(dataset))
        spec = FusionSpec("now", "concat", names_here()).with_shares(dict(zip(names_here(), weights)))
        values = evaluator.values(spec, ("map", "p@1", "p@10", "ndcg@10"))
    return [metrics.mean(column) for column in values.values()]


@pytest.mark.browser
@pytest.mark.slow
def test_a_damaged_file_is_one_sentence(server, tab, tmp_path: Path) -> None:  # noqa: ANN001, F811
    from playwright.sync_api import expect

    tab.goto(f"{server.address}/fusion_lab?d=tiny&see=files")
    expect(tab.get_by_text("Import a fusions.json")).to_be_visible(timeout=90_000)
    tab.locator("input[type=file]").first.set_input_files(
        [{"name": "bad.json", "mimeType": "application/json", "buffer": b'[{"name": "x", "kind": '}]
    )
    expect(tab.get_by_text("is not valid JSON")).to_be_visible()
    good = fusion_files.dump([FusionSpec("brought along", "rrf", names_here()[:2])]).encode()
    tab.locator("input[type=file]").first.set_input_files(
        [{"name": "good.json", "mimeType": "application/json", "buffer": good}]
    )
    expect(tab.get_by_text("imported")).to_be_visible()
    expect(tab.get_by_text("brought along").first).to_be_visible()
    assert not tab.complaints
