"""The frame of every page in Chromium: keys, undo and redo, Back in one press, a narrow window that cuts nothing, names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from core import data
from core.studies import embedding
from tests.browser import ROOT, chromium, serve, tab  # noqa: F401  (fixtures)
from tests.conftest import write_tiny
from tests.pages.test_every_page import PAGES

OWN = ("hsv_histogram", "hog")
CUT = """() => {
  const wrong = [], root = document.documentElement, main = document.querySelector('[data-testid=stMain]');
  for (const [name, area] of [['page', root], ['main', main]])
    if (area.scrollWidth > area.clientWidth + 1) wrong.push(`${name} scrolls sideways: ${area.scrollWidth} > ${area.clientWidth}`);
  for (const button of main.querySelectorAll('button')) {
    const text = button.textContent.trim(), around = button.getBoundingClientRect();
    if (!text || !around.width || button.closest('[data-testid=stTooltipIcon]')) continue;
    for (const part of button.querySelectorAll('p')) {
      const box = part.getBoundingClientRect();
      if (box.width <= 1) continue;  // a name for screen readers, beside an icon
      if (part.scrollWidth > part.clientWidth + 1 || box.right > around.right + 1) wrong.push(`cut: ${text}`);
    }
  }
  return wrong; }"""


RUNNING_TEXT = """() => {
  const inside = (root) => [...root.querySelectorAll('*')].flatMap((each) => each.shadowRoot ? [each, ...inside(each.shadowRoot)] : [each]);
  const quiet = 'button, label, a, summary, figure, table, [data-testid=stWidgetLabel], [data-testid=stTooltipContent], [role=radiogroup]';
  const texts = [];
  for (const each of inside(document.querySelector('[data-testid=stMain]'))) {
    if (!each.matches('p, li') || each.closest(quiet) || each.querySelector('p')) continue;
    const box = each.getBoundingClientRect();
    if (box.width <= 1 || !box.height || box.top >= innerHeight || box.bottom <= 0) continue;
    const words = each.innerText.split(/\\s+/).filter((word) => /[A-Za-z]{2,}/.test(word));
    if (words.length >= 5) texts.push(words.join(' '));
  }
  return texts; }"""
"""What reads as sentences on a page's first screen; names, figures and labels of controls are none."""
MOST_WORDS = 40


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two small embedded datasets behind a server; its address."""
    folder = tmp_path_factory.mktemp("frame")
    home, before = folder / "home", os.environ.get("FUSIONSCOPE_HOME")
    os.environ["FUSIONSCOPE_HOME"] = str(home)
    try:
        for name in ("tiny", "other"):
            embedding.embed(data.add(name, write_tiny(folder / name, per_class=4)), OWN)
    finally:
        os.environ.pop("FUSIONSCOPE_HOME") if before is None else os.environ.__setitem__("FUSIONSCOPE_HOME", before)
    with serve(ROOT / "app.py", home) as address:
        yield address


def settled(tab) -> None:  # noqa: F811
    """Until the server has nothing left to draw, and said so twice."""
    for _ in range(2):
        tab.wait_for_function(
            "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'",
            timeout=60_000,
        )
        tab.wait_for_timeout(250)


@pytest.mark.browser
@pytest.mark.slow
def test_keys_and_the_way_back(app: str, tab) -> None:  # noqa: F811
    from playwright.sync_api import expect

    tab.set_viewport_size({"width": 1280, "height": 720})
    tab.goto(f"{app}/leaderboard?d=tiny")
    expect(tab.get_by_text("mean of 24 of 24 queries").first).to_be_visible(timeout=120_000)
    settled(tab)
    tab.get_by_text("Differences", exact=True).click()
    expect(tab).to_have_url(re.compile("see=differences"))
    settled(tab)
    heading = tab.get_by_role("heading", name="Leaderboard")
    heading.click()
    tab.keyboard.press("Control+z")
    expect(tab).not_to_have_url(re.compile("see=differences"))
    expect(tab.get_by_test_id("stToast").first).to_contain_text("Undone")
    settled(tab)
    tab.keyboard.press("Control+Shift+z")
    expect(tab).to_have_url(re.compile("see=differences"))
    settled(tab)

    dataset = tab.get_by_test_id("stSidebar").get_by_role("combobox", name="Dataset")
    # An open list closes when the sidebar scrolls below it.
    dataset.scroll_into_view_if_needed()
    settled(tab)
    dataset.click()
    tab.get_by_role("option", name="other").click()
    expect(tab).to_have_url(re.compile("d=other"))
    settled(tab)
    tab.go_back()
    expect(tab).to_have_url(re.compile("d=tiny"))
    expect(dataset).to_have_value("tiny", timeout=30_000)
    settled(tab)

    heading.click()
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog")).to_contain_text("projector")
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("dialog")).to_have_count(0)
    size = "() => parseFloat(getComputedStyle(document.documentElement).fontSize)"
    before = tab.evaluate(size)
    heading.click()
    tab.keyboard.press("p")
    tab.wait_for_function(f"before => ({size})() > 1.2 * before", arg=before, timeout=30_000)
    settled(tab)
    ring = "() => getComputedStyle(document.querySelector('[data-testid=stMain]'), '::before').display"
    assert tab.evaluate(ring) == "none", "no frame lies across the page after a key"
    tab.keyboard.press("Alt+PageDown")
    expect(tab.get_by_role("heading", name="Leaderboard")).to_have_count(0, timeout=30_000)
    settled(tab)
    tab.keyboard.press("p")
    tab.wait_for_function(f"before => ({size})() === before", arg=before, timeout=30_000)
    assert not tab.complaints


AT_REST = """() => document.getAnimations().every(each => each.timeline !== document.timeline
  || each.playState !== 'running' || each.effect.getTiming().iterations === Infinity)"""
"""No colour is on its way to another one."""
OURS = {"exclude": [["[data-testid=stSidebarNavItems]"]]}
"""All but the links to the pages: Streamlit draws that list, with a box between it and its items."""


def violations(tab) -> list[str]:  # noqa: F811
    """What axe-core finds serious, in light and in dark: controls without a name, pale text, wrong roles."""
    from axe_playwright_python.sync_playwright import Axe

    wrong = []
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        tab.wait_for_timeout(300)
        tab.wait_for_function(AT_REST)
        for each in Axe().run(tab, context=OURS, options={"resultTypes": ["violations"]}).response["violations"]:
            if each["impact"] in {"serious", "critical"}:
                wrong.append(f"{scheme}: {each['id']} {each['nodes'][0]['html'][:200]}")
    tab.emulate_media(color_scheme="light")
    return wrong


@pytest.mark.browser
@pytest.mark.slow
def test_no_page_keeps_anything_from_a_screen_reader(app: str, tab) -> None:  # noqa: F811
    wrong: dict[str, list[str]] = {}
    for _, title, _, address, _ in PAGES:
        tab.goto(f"{app}/{address}?d=tiny")
        tab.wait_for_selector("[data-testid=stMain] h1", timeout=60_000)
        settled(tab)
        nameless = tab.evaluate(
            "() => [...document.querySelectorAll('[data-testid=stPlotlyChart], [data-testid=stDataFrame]')]"
            ".filter(each => !each.closest('[aria-label]') && !each.querySelector('[aria-label]')).map(each => each.outerHTML.slice(0, 90))"
        )
        if found := [*nameless, *violations(tab)]:
            wrong[title] = found
    assert not wrong, "\n".join(f"{title}: {line}" for title, lines in wrong.items() for line in lines)


@pytest.mark.browser
@pytest.mark.slow
def test_a_narrow_window_cuts_nothing_and_says_little(app: str, tab) -> None:  # noqa: F811
    tab.set_viewport_size({"width": 900, "height": 800})
    wrong: dict[str, list[str]] = {}
    wordy: dict[str, list[str]] = {}
    for _, title, _, address, _ in PAGES:
        tab.goto(f"{app}/{address}?d=tiny")
        tab.wait_for_selector("[data-testid=stMain] h1", timeout=60_000)
        settled(tab)
        at_900 = tab.evaluate(CUT)
        sentences = tab.evaluate(RUNNING_TEXT)
        if sum(len(sentence.split()) for sentence in sentences) > MOST_WORDS:
            wordy[title] = sentences
        tab.set_viewport_size({"width": 720, "height": 450})  # 1440 × 900 at a zoom of 200 %
        tab.wait_for_timeout(400)
        if address != "story":  # it stands beside the title, where a folded sidebar has its row
            add = tab.get_by_role("button", name="Add to story")
            add.click(trial=True)
            beside = "button => button.getBoundingClientRect().top - document.querySelector('h1').getBoundingClientRect().top"
            before = add.evaluate(beside)
            tab.evaluate("document.querySelector('[data-testid=stMain]').scrollTop = 200")
            if abs(add.evaluate(beside) - before) > 1:  # it goes with the title, and lies over nothing
                wrong[f"{title}, scrolled"] = ["Add to story"]
        if cut := [*at_900, *(f"at 200 %: {what}" for what in tab.evaluate(CUT))]:
            wrong[title] = cut
        tab.set_viewport_size({"width": 900, "height": 800})
    assert not wrong, wrong
    assert not wordy, "\n".join(f"{title}: {' | '.join(texts)}" for title, texts in wordy.items())
    assert not tab.complaints
