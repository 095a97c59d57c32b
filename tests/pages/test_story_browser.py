"""A story in Chromium: four steps from four pages, put in order, presented by keyboard at 1280 × 720, exported."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import data, stories
from core.studies import embedding
from tests.browser import ROOT, at_rest, chromium, serve, tab  # noqa: F401  (fixtures)
from tests.conftest import write_tiny

OWN = ("hsv_histogram", "hog")
LINK = "d=tiny&b=hsv_histogram,hog"
PAGES = ("fusion_lab", "leaderboard", "curves")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small embedded dataset in a home."""
    folder = tmp_path_factory.mktemp("story")
    before = os.environ.get("FUSIONSCOPE_HOME")
    os.environ["FUSIONSCOPE_HOME"] = str(folder / "home")
    try:
        embedding.embed(data.add("tiny", write_tiny(folder / "tiny", per_class=4)), OWN)
    finally:
        os.environ.pop("FUSIONSCOPE_HOME") if before is None else os.environ.__setitem__("FUSIONSCOPE_HOME", before)
    return folder / "home"


@pytest.fixture(scope="module")
def app(home: Path) -> Iterator[str]:
    with serve(ROOT / "app.py", home) as address:
        yield address


def pages_of_print(page) -> int:
    """How many sheets of paper the open file prints on."""
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True)))


def build(app: str, tab) -> None:  # noqa: F811
    """A step from each page, by the button and by the key."""
    from playwright.sync_api import expect

    dialog = tab.get_by_role("dialog")
    for number, page in enumerate(PAGES):
        tab.goto(f"{app}/{page}?{LINK}")
        expect(tab.locator("[data-testid=stMain] h1")).to_be_visible(timeout=60_000)
        at_rest(tab)
        if number == 0:
            tab.get_by_role("button", name="Add to story").click()
        else:
            tab.locator("[data-testid=stMain] h1").click()
            tab.keyboard.press("a")
        expect(dialog.get_by_role("button", name="Add step")).to_be_visible()
        at_rest(tab)
        dialog.get_by_label("Title", exact=True).fill(f"From {page}")
        dialog.get_by_label("Presenter notes").fill(f"Notes of {page}")
        at_rest(tab)
        dialog.get_by_role("button", name="Add step").click()
        expect(dialog).to_have_count(0)
        at_rest(tab)
    story = stories.load("Story of tiny")
    assert [step.page for step in story.steps] == ["overview", *PAGES], "the answer comes first, by itself"
    assert re.search(r"mAP 0\.\d{3} \[", story.steps[2].sentence), "a step starts with the answer of its page"


def follow_in_notes(tab, title) -> None:  # noqa: F811
    """The presenter's own window follows the screen and leads it; the screen never has the notes."""
    from playwright.sync_api import expect

    with tab.expect_popup() as opened:
        tab.keyboard.press("n")
    own = opened.value
    expect(own.get_by_text("Notes of leaderboard")).to_be_visible()
    expect(own.locator("[data-shows=next]")).to_have_text("From fusion_lab")
    expect(own.locator("[data-shows=clock]")).to_have_text(re.compile(r"\d+:\d\d"))
    assert "Notes of" not in tab.content()
    tab.keyboard.press("PageUp")
    expect(own.locator("[data-shows=count]")).to_have_text("1 / 4")
    own.keyboard.press("PageDown")  # the clicker works in either window
    expect(title).to_have_text("From leaderboard")
    own.get_by_role("button", name="Next step").click()
    expect(title).to_have_text("From fusion_lab")
    expect(own.get_by_text("Notes of fusion_lab")).to_be_visible()
    own.close()


def present(tab) -> None:  # noqa: F811
    """Step by step with the keyboard, and a slider moved meanwhile."""
    from playwright.sync_api import expect

    tab.get_by_role("link", name="Present", exact=False).first.click()
    expect(tab).to_have_url(re.compile("/present/Story%20of%20tiny"))
    shown = tab.frame_locator("iframe.shown.ready")
    title, sentence = tab.locator("header h1"), tab.locator("header p")
    expect(title).to_have_text("The answer at a glance")
    expect(shown.get_by_text("Finds most")).to_be_visible(timeout=60_000)
    for hidden in ("stSidebar", "stHeader", "stSelectbox", "stPopover"):
        expect(shown.locator(f"[data-testid={hidden}]:visible")).to_have_count(0)
    tab.keyboard.press("PageDown")
    expect(title).to_have_text("From leaderboard")
    expect(shown.locator("[class*=st-key-answer]")).to_contain_text("mAP", timeout=60_000)
    expect(sentence).to_be_hidden()  # the page says the same, live
    expect(shown.locator("[data-testid=stSelectbox]:visible")).to_have_count(0)
    follow_in_notes(tab, title)
    expect(title).to_have_text("From fusion_lab")
    slider = shown.get_by_role("slider").first
    expect(slider).to_be_visible(timeout=60_000)
    before = shown.locator(".tiles").inner_text()
    slider.focus()
    slider.press("Home")  # a slider in hand moves itself, not the story
    expect(shown.locator(".tiles")).not_to_have_text(before)
    expect(title).to_have_text("From fusion_lab")
    slider.press("PageDown")  # a clicker turns the steps whoever has the focus
    expect(title).to_have_text("From curves")
    tab.keyboard.press("PageUp")
    expect(title).to_have_text("From fusion_lab")
    expect(slider).to_have_value("0")  # as it was left
    expect(tab).to_have_url(re.compile("#3$"))
    tab.get_by_role("button", name="End (Esc)").click()
    expect(tab).to_have_url(re.compile(r"/story\?"))
    expect(tab.get_by_text("4 steps from 4 pages")).to_be_visible(timeout=60_000)
    at_rest(tab)


def export(tab, file: Path) -> None:  # noqa: F811
    """The file, opened and printed."""
    from playwright.sync_api import expect

    tab.get_by_role("button", name="Export").click()
    with tab.expect_download(timeout=60_000) as download:
        tab.get_by_role("button", name="Download as HTML").click(timeout=60_000)
    download.value.save_as(file)
    tab.goto(file.as_uri())
    expect(tab.locator(".sheet h2")).to_have_text(
        ["The answer at a glance", "From leaderboard", "From fusion_lab", "From curves"]
    )
    assert pages_of_print(tab) == 4, "a step per page of paper"


@pytest.mark.browser
@pytest.mark.slow
def test_a_story_of_four_steps_is_built_presented_and_exported(
    app: str,
    home: Path,
    tab,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from playwright.sync_api import expect

    monkeypatch.setenv("FUSIONSCOPE_HOME", str(home))
    stories.remove("Story of tiny")
    tab.set_viewport_size({"width": 1280, "height": 720})
    build(app, tab)
    tab.goto(f"{app}/story?story=Story+of+tiny")
    expect(tab.get_by_text("4 steps from 4 pages")).to_be_visible()
    at_rest(tab)
    tab.get_by_role("button", name="Move down").nth(1).click()
    expect(tab.locator(".fs-step").nth(1)).to_contain_text("From leaderboard")
    at_rest(tab)

    present(tab)
    export(tab, tmp_path / "story.html")
    assert not tab.complaints
