"""The Catalogue page in a real Chromium: from nothing to the demo, words, pictures, filters, weights, evaluation, links."""

from __future__ import annotations

import io
import os
import re
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from PIL import Image

from tests.browser import ROOT, at_rest, chromium, serve, tab  # noqa: F401  (fixtures)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EVIL = "<img src=x onerror=alert(1)> **bold** [link](http:evil)"
ROWS = f"""id,title,description,image,category,price
r1,{EVIL},A red square,red.png,Red,10
b1,Blue square,A blue square,blue.png,Blue,20
t1,Only words,A sentence about a green field,,Green,30
p1,,,bare.png,Green,40
"""
ROW = ".items li"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory):
    """A shop with a hostile title, an item without a picture and one without words; the demo is not built."""
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("shop")
    for name in ("red", "blue", "green"):
        Image.new("RGB", (40, 40), name).save(folder / f"{'bare' if name == 'green' else name}.png")
    (folder / "items.csv").write_text(ROWS, encoding="utf-8")
    before = os.environ.get("FUSIONSCOPE_HOME")
    os.environ["FUSIONSCOPE_HOME"] = str(home)
    try:
        from core import data
        from core.studies import embedding

        (folder / "plain").mkdir()
        Image.new("RGB", (40, 40), "grey").save(folder / "plain" / "grey.png")
        data.add("plain", folder / "plain")
        shop = data.add("shop", folder / "items.csv", reader="manifest", options={"missing": "quarantine"})
        embedding.embed(shop, ["concepts_lite0"])
    finally:
        os.environ.pop("FUSIONSCOPE_HOME") if before is None else os.environ.__setitem__("FUSIONSCOPE_HOME", before)
    with serve(ROOT / "app.py", home) as address:
        yield address


@pytest.fixture
def page(app: str, tab):  # noqa: F811
    tab.on("dialog", lambda dialog: (tab.complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
    tab.app = app
    yield tab
    assert tab.complaints == []


def visit(page, query: str = "") -> None:
    page.goto(f"{page.app}/catalogue?{query}")
    page.get_by_role("heading", name="Catalogue", exact=True).wait_for(timeout=60_000)


def link_of(page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def ask(page, line: str) -> None:
    box = page.get_by_label("Search", exact=True).last
    box.fill(line)
    box.press("Enter")


def first_titles(page) -> list[str]:
    return page.locator(".items").evaluate_all("lists => lists.map(l => l.querySelector('.title').textContent)")


def test_from_a_folder_of_pictures_to_the_demo(page) -> None:
    from playwright.sync_api import expect

    visit(page, "d=plain")
    expect(page.get_by_text("has no text: a catalogue is a table")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Open the demo catalogue").click()
    expect(page.locator(".card").first).to_be_visible(timeout=300_000)
    page.get_by_text("a hot drink", exact=True).click()
    expect(page.locator(ROW).first).to_be_visible(timeout=60_000)
    at_rest(page)
    assert first_titles(page)[:2] == ["Cup of espresso", "Cup of espresso"]
    assert link_of(page)["d"] == ["demo_catalogue"] and link_of(page)["q"] == ["a hot drink"]


def test_words_pictures_and_filters_on_a_shop_of_ones_own(page) -> None:
    from playwright.sync_api import expect

    visit(page, "d=shop")
    expect(page.locator(".card").first).to_be_visible(timeout=60_000)

    ask(page, "blue")
    expect(page.locator(ROW).first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Looking for “blue”")).to_be_visible()
    at_rest(page)
    expect(page.locator(".items")).to_have_count(3)  # three strategies side by side
    assert "Blue square" in first_titles(page)
    bars = page.locator(".items").first.locator("li").first.locator(".part")
    expect(bars).to_have_count(3)
    expect(bars.nth(0).locator(".weight")).to_have_text(re.compile("%$"))
    assert link_of(page)["q"] == ["blue"]

    # items that lack something are there, and say so
    ask(page, "green field")
    expect(page.locator(ROW, has_text="Only words").first).to_be_visible(timeout=60_000)
    words = page.locator(".items").first.locator("li", has_text="Only words")
    expect(words.locator(".picture")).to_have_attribute("data-text", "no image")
    expect(words.locator(".part", has_text="picture")).to_contain_text("none")
    expect(page.locator(ROW, has_text=EVIL).first).to_be_visible()  # a hostile title is shown as it is written

    # a click on a picture asks with it, together with the words
    page.locator(".items").first.locator("button.picture").first.click()
    expect(page.get_by_text("Text against image")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("What concepts sees in it")).to_be_visible(timeout=60_000)
    expect(page).to_have_url(re.compile("like="))
    page.get_by_role("button", name="Remove image").click()
    expect(page.get_by_text("Text against image")).to_have_count(0)

    # filters take items out and say how many are left
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("combobox", name="category").click()
    page.get_by_role("option", name="Blue").click()
    expect(page.get_by_text("1 of 4 items pass the filters")).to_be_visible(timeout=30_000)
    assert link_of(page)["only"] == ["category=Blue"]
    page.keyboard.press("Escape")
    page.reload()
    expect(page.get_by_text("1 of 4 items pass the filters")).to_be_visible(timeout=60_000)
    expect(page.locator(ROW).first).to_be_visible(timeout=60_000)
    at_rest(page)
    assert set(first_titles(page)) == {"Blue square"}


def test_a_given_picture_asks_and_a_file_that_is_none_is_refused(page) -> None:
    from playwright.sync_api import expect

    visit(page, "d=shop")
    file = io.BytesIO()
    Image.new("RGB", (50, 50), "blue").save(file, "PNG")
    page.get_by_role("button", name="Image", exact=False).first.click()
    chooser = page.locator("input[type=file]").first
    chooser.set_input_files([{"name": "own.png", "mimeType": "image/png", "buffer": file.getvalue()}])
    expect(page.get_by_text("own.png", exact=False).first).to_be_visible(timeout=60_000)
    expect(page.locator(ROW).first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("BM25 reads words only")).to_be_visible()


def test_strategies_are_judged_with_intervals_and_words(page) -> None:
    from playwright.sync_api import expect

    visit(page, "d=shop&see=evaluation&ask=pictures")
    expect(page.get_by_text("What is shown")).to_be_visible(timeout=90_000)
    expect(page.locator(".js-plotly-plot")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("No difference to Simple average is shown for")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("BM25 on words was left out")).to_be_visible()
    page.get_by_text("Category names").click()
    expect(page.get_by_text("3 category names ask")).to_be_visible(timeout=60_000)


@pytest.mark.parametrize(
    "query",
    [
        "q=" + quote("🐈 赤い靴 قطة"),
        "q=" + quote("-"),
        "q=" + "x" * 1900,
        "q=a&like=nobody&mix=9&k=-1&st=nothing&sp=hog",
        "q=a&only=" + quote("category=Nothing&price=a..b&=&price=1..2") + "&cc=nothing,title&w=title:9,x:1",
        "see=nothing&ask=nothing&m=nothing&vs=bm25",
        "q=" + quote("<script>alert(1)</script>"),
    ],
)
def test_any_link_opens(page, query: str) -> None:
    from playwright.sync_api import expect

    visit(page, "d=shop&" + query)
    page.get_by_role("heading", name="Catalogue").wait_for(timeout=60_000)
    at_rest(page)
    for trouble in ("could not be drawn", "Traceback"):
        expect(page.get_by_test_id("stMain")).not_to_contain_text(trouble)


@pytest.mark.parametrize("width", [900, 420])
def test_nothing_is_wider_than_a_narrow_page(page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    visit(page, "d=shop&q=blue&st=average,hybrid,rrf,bm25")
    page.locator(ROW).first.wait_for(timeout=60_000)
    wide = page.evaluate(
        "() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth - m.clientWidth; }"
    )
    assert wide <= 0
