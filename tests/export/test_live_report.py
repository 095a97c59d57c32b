"""A playable report opened from the disk in Chromium: figures, safety, printing, and the plain report within it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from core import cli, data, metrics
from core.errors import BadInput
from core.export.report import comparison
from core.export.report.live import contents, mirror, page
from core.fusion import FusionSpec, spec
from core.search import LiveEngine
from core.studies import embedding, fusion, image_measures
from tests.browser import chromium, tab  # noqa: F401  fixtures
from tests.firefox import firefox

NASTY = "</script><script>window.broken = 1</script><img src=x onerror=alert(2)> & \u2028 'a' <!--"
NAMES = ("hsv_histogram", "hog")


@pytest.fixture
def dataset(tiny_world):
    """The tiny world with two descriptors embedded, under a hostile name and hostile labels."""
    tiny = embedding.embed(tiny_world.dataset, NAMES).dataset
    labels = tuple(sorted(f"{NASTY} {name}" for name in tiny.label_names))
    return dataclasses.replace(tiny, label_names=labels, name=f"set {NASTY}")


MIX = FusionSpec(NASTY, "concat", NAMES, (2.0, 1.0))
RANKS = FusionSpec("by ranks", "rrf", NAMES)

ASK = """async ([weights, query]) => {
  const { means, list } = await window.playable.engine.update(weights, query, 5);
  return { means, items: list.results.map(({ item }) => item) };
}"""


READY = """async () => {
  for (let i = 0; i < 600 && !document.documentElement.dataset.ready; i++) await new Promise((go) => setTimeout(go, 50));
  return Boolean(document.documentElement.dataset.ready) || "ready" in document.documentElement.dataset;
}"""
MOVE = """async () => {
  const roots = [document, ...[...document.querySelectorAll("*")].map((node) => node.shadowRoot).filter(Boolean)];
  const lab = roots.map((root) => root.querySelector(".fs-lab")).find(Boolean), input = lab.querySelector("input[type=range]");
  const until = async (holds) => { while (!holds()) await new Promise((go) => setTimeout(go, 50)); };
  const seen = () => [lab.querySelector(".tile .value").textContent, lab.querySelectorAll(".result:not(.hidden)").length];
  await until(() => seen()[1] === 15);
  const before = seen(), { answered } = lab.dataset;
  input.value = Number(input.value) > 50 ? 5 : 95;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  await until(() => lab.dataset.answered !== answered);
  return [before, seen()];
}"""


@pytest.mark.browser
def test_it_plays_from_the_disk_and_nothing_else_happens(dataset, tab, tmp_path: Path) -> None:  # noqa: F811
    from playwright.sync_api import expect

    # Reasons of failures measure images: what is known of them is the same for both.
    image_measures.measured(dataset, np.arange(len(dataset)))
    file, plain = tmp_path / "live.html", comparison.of_stored(dataset, NAMES, [MIX, RANKS], (1, 10))
    file.write_text(comparison.of_stored(dataset, NAMES, [MIX, RANKS], (1, 10), live=True), encoding="utf-8")
    requests, dialogs = [], []
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    tab.on("console", lambda message: tab.complaints.append(message.text) if message.type == "error" else None)
    tab.goto(file.as_uri())
    tab.wait_for_selector("html[data-ready]", state="attached")
    # figures: those of exact ranking
    vectors = fusion.space_of(dataset, NAMES).vectors
    exact = LiveEngine(vectors, dataset.split, data.relevance(dataset), background=False)
    keys = page.tile_metrics((1, 10))
    for weights in mirror.random_weights(2, 4):
        shares = dict(zip(NAMES, map(float, weights)))
        ranked = exact.rank(shares, k=5)
        values = metrics.compute(ranked.ranks, keys)
        answer = tab.evaluate(ASK, [list(shares.values()), 3])
        for key, mean in zip(keys, answer["means"]):
            assert mean == pytest.approx(np.nanmean(values[key]), abs=0.02 if key in {"p@1", "mrr"} else 0.004), key
        assert len(set(answer["items"]) & set(ranked.best.items[3].tolist())) >= 4
    # the hand: one key on a slider moves tiles, table and map
    before = tab.locator(".tile .value").first.inner_text()
    mix = tab.locator(".systems .mix")
    mixed = mix.inner_text()
    slider = tab.get_by_role("slider").first
    before_share = slider.input_value()
    slider.focus()
    for _ in range(6):
        slider.press("PageDown" if float(before_share) > 50 else "PageUp")
    expect(mix).not_to_have_text(mixed, use_inner_text=True)
    expect(tab.locator(".tile .value").first).not_to_have_text(before)
    expect(tab.locator(".case-row")).to_have_count(10)
    expect(tab.locator(".result:not(.hidden)")).to_have_count(15)
    row = tab.locator(".systems tbody tr", has_text="by ranks").inner_text()
    assert "not a weighted sum" in row
    # nothing was run, asked for or complained about
    assert tab.evaluate("window.broken === undefined") and not dialogs and not tab.complaints, tab.complaints
    assert all(url.startswith(("file:", "blob:", "data:")) for url in requests), requests
    expect(tab.locator("img[src=x]")).to_have_count(0)
    expect(tab.locator(".legend")).to_contain_text("</script>")
    # on paper: the plain report
    tab.emulate_media(media="print")
    expect(tab.locator("#lab")).to_be_hidden()
    expect(tab.locator("table.systems")).to_be_hidden()
    text = file.read_text(encoding="utf-8")
    tables = [table for table in re.findall(r"<table>.*?</table>", plain, re.S)]
    assert len(tables) >= 4 and all(table in text for table in tables), "no figure of the plain report is another one"
    assert all(chart in text for chart in re.findall(r"<svg.*?</svg>", plain, re.S))


@pytest.mark.browser
def test_firefox_plays_it_with_the_same_figures(dataset, tab, tmp_path: Path) -> None:  # noqa: F811
    file = tmp_path / "live.html"
    file.write_text(comparison.of_stored(dataset, NAMES, [MIX], (1, 10), live=True), encoding="utf-8")
    tab.goto(file.as_uri())
    tab.wait_for_selector("html[data-ready]", state="attached")
    with firefox(tmp_path / "profile") as other:
        other.open(file.as_uri())
        assert other.evaluate(READY), "it becomes ready"
        for weights in mirror.random_weights(2, 20):
            asked = [list(map(float, weights)), 3]
            mine, theirs = tab.evaluate(ASK, asked), other.evaluate(ASK, asked)
            assert mine["items"] == theirs["items"]
            assert mine["means"] == pytest.approx(theirs["means"], abs=1e-12), weights
        before, after = other.evaluate(MOVE)
        assert before[0] != after[0], "a slider moves the figures"
        assert not other.complaints, other.complaints
        assert all(url.startswith(("file:", "blob:", "data:")) for url in other.requests), other.requests


@pytest.mark.browser
def test_a_result_without_a_label_is_unknown(dataset, tab, tmp_path: Path) -> None:  # noqa: F811
    from playwright.sync_api import expect

    bare = np.arange(len(dataset)) % 3 == 0
    partly = dataclasses.replace(dataset, labels=np.where(bare, -1, dataset.labels))
    file = tmp_path / "live.html"
    file.write_text(comparison.of_stored(partly, NAMES, [MIX], (1, 10), live=True), encoding="utf-8")
    tab.goto(file.as_uri())
    tab.wait_for_selector("html[data-ready]", state="attached")
    expect(tab.locator(".result:not(.hidden)")).to_have_count(15)
    kinds = tab.locator(".result:not(.hidden)").evaluate_all(
        "cards => cards.map((card) => [Number(card.dataset.id), card.classList.contains('unknown')])"
    )
    assert {unknown for _, unknown in kinds} == {True, False}
    assert all(unknown == bool(bare[image]) for image, unknown in kinds), "its gallery is the whole dataset, in order"
    expect(tab.locator(".case-row .thumb.unknown").first).to_be_visible()
    expect(tab.locator(".baseline .strip .unknown").first).to_be_attached()
    assert not tab.complaints, tab.complaints


def test_its_policy_lets_only_its_own_script_run(dataset) -> None:
    text = comparison.of_stored(dataset, NAMES, [MIX], (1,), live=True)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert policy.count("script-src 'sha256-") == 1 and "connect-src" not in policy
    assert len(re.findall(r"<script type=\"module\">", text)) == 1
    assert len(re.findall(r"<script", text)) == len(re.findall(r"</script>", text)) == 4
    for sentence in ("20 random weightings", "scores in 12 bits", "all 60 queries against all 60 images"):
        assert sentence in text


@pytest.mark.browser
def test_workers_that_may_not_start_leave_it_to_the_page(dataset, tab, tmp_path: Path) -> None:  # noqa: F811
    from playwright.sync_api import expect

    text = comparison.of_stored(dataset, NAMES, [MIX], (1, 10), live=True)
    file = tmp_path / "live.html"
    file.write_text(text.replace("; worker-src blob:", "; worker-src 'none'"), encoding="utf-8")
    tab.goto(file.as_uri())
    tab.wait_for_selector("html[data-ready]", state="attached")
    assert "this page's own thread" in tab.locator("#live-state").inner_text()
    expect(tab.locator(".result:not(.hidden)")).to_have_count(15)


def test_the_command_says_size_and_time_before(dataset, tmp_path: Path, capsys) -> None:
    out = tmp_path / "live.html"
    flags = [
        "report",
        "--data",
        "tiny",
        "--backbone",
        "hog",
        "--backbone",
        "hsv_histogram",
        "--out",
        str(out),
        "--live",
    ]
    assert cli.main(flags) == 0
    said = capsys.readouterr()
    assert "Playable: all 60 queries against all 60 images" in said.err and "MB" in said.err and "Wrote" in said.out
    assert 'id="live-record"' in out.read_text(encoding="utf-8")


def test_one_backbone_has_no_weights_to_move(dataset) -> None:
    with pytest.raises(BadInput, match="two backbones or more"):
        comparison.of_stored(dataset, NAMES[:1], [], (1,), live=True)


def test_json_is_inert_whatever_it_holds() -> None:
    text = contents.inert_json({"label": NASTY, "more": ["]]>", "<!--", "\u2029"]})
    assert not set("<>&\u2028\u2029") & set(text)
    import json

    assert json.loads(text)["label"] == NASTY


def test_systems_have_weights_where_they_are_sums() -> None:
    from core.export.report.live.from_result import _weights

    specs = {one.name: one for one in (MIX, RANKS, spec.equal(NAMES))}
    assert _weights("hog", specs, NAMES) == (0.0, 1.0)
    assert _weights(MIX.name, specs, NAMES) == pytest.approx((0.8, 0.2))
    assert _weights("by ranks", specs, NAMES) is None
