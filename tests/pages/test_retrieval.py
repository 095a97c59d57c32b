"""The retrieval page in a real Chromium: every way to ask, side by side, tables below, links, files, bad input."""

from __future__ import annotations

import base64
import io
import json
import os
import re
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.browser import ROOT, at_rest, chromium, serve, tab  # noqa: F401  (fixtures)
from tests.conftest import TINY_CLASSES, draw_tiny

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BACKBONES = ("hsv_histogram", "hog")
EVIL = "<img src=x onerror=alert(1)> **bold** [link](http:evil)"
RESULTS, OTHER, QUERY = ".st-key-results-0 .card", ".st-key-results-1 .card", ".st-key-the-query .card"


def make_home(home: Path, images: Path) -> None:
    """Two datasets: "tiny" with a class whose name wants to be HTML, and "many" with 200 classes."""
    from core import data
    from core.studies import embedding

    for kind in TINY_CLASSES:
        folder = images / "tiny" / (EVIL if kind == "cross" else kind)
        folder.mkdir(parents=True)
        for number in range(10):
            draw_tiny(kind, number).save(folder / f"{kind}_{number:02d}.png")
    random = np.random.default_rng(0)
    for label in range(200):
        folder = images / "many" / f"class {label:03d}"
        folder.mkdir(parents=True)
        colour = random.integers(0, 255, 3)
        for number in range(3):
            noisy = np.clip(colour + random.normal(0, 25, (24, 24, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / f"{number}.png")
    before = os.environ.get("FUSIONSCOPE_HOME")
    os.environ["FUSIONSCOPE_HOME"] = str(home)
    try:
        for name in ("tiny", "many"):
            embedding.embed(data.add(name, images / name), BACKBONES)
    finally:
        os.environ.pop("FUSIONSCOPE_HOME") if before is None else os.environ.__setitem__("FUSIONSCOPE_HOME", before)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("home")
    make_home(home, tmp_path_factory.mktemp("pictures"))
    with serve(ROOT / "app.py", home) as address:
        yield address


@pytest.fixture
def page(app: str, tab):  # noqa: F811
    """The retrieval page on "tiny", asked with a circle; alerts and errors of the page fail the test."""
    tab.on("dialog", lambda dialog: (tab.complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
    tab.app = app
    visit(tab, "d=tiny&q=circle/circle_03.png")
    yield tab
    assert tab.complaints == []


def visit(tab, query: str) -> None:  # noqa: F811
    tab.goto(f"{tab.app}/retrieval?{query}")
    tab.wait_for_selector(RESULTS, timeout=60_000)
    at_rest(tab)


def asks_with(tab, identity: str) -> None:  # noqa: F811
    tab.wait_for_selector(f'{QUERY}[data-id="{identity}"]', timeout=30_000)
    at_rest(tab)


def shown(tab, where: str = RESULTS) -> list[str]:  # noqa: F811
    return tab.locator(where).evaluate_all("cards => cards.map(card => card.dataset.id)")


def link(tab) -> dict[str, str]:  # noqa: F811
    return {name: values[0] for name, values in parse_qs(urlsplit(tab.url).query).items()}


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def give(tab, *files: tuple[str, bytes]) -> None:  # noqa: F811
    from playwright.sync_api import expect

    expect(tab.locator("input[type=file]")).to_have_count(1)
    tab.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "application/octet-stream", "buffer": content} for name, content in files]
    )


def test_a_click_asks_with_that_picture_and_the_trail_leads_back(page) -> None:
    from playwright.sync_api import expect

    first = shown(page)
    assert len(first) == 24 and "circle/circle_03.png" not in first
    frames = page.locator(RESULTS).evaluate_all("cards => cards.map(c => [c.dataset.id, c.className])")
    for identity, frame in frames:
        assert ("frame-relevant" in frame) == identity.startswith("circle/"), (identity, frame)
    missed = page.locator(".st-key-missed-0 .card")
    expect(missed).to_have_count(9 - sum(one.startswith("circle/") for one in first))
    with page.expect_response("**/live/cards/*") as response:
        page.locator(RESULTS).nth(4).click()
    ahead = [card["id"] for card in response.value.json()["cards"]]
    asks_with(page, first[4])
    assert link(page)["q"] == first[4] and shown(page) == ahead != first, "what came from beside the page is its own"
    page.locator(".st-key-trail .card").first.click()
    asks_with(page, "circle/circle_03.png")
    assert shown(page) == first
    expect(page.locator(".st-key-trail .card")).to_have_count(2)
    choose_by_class_and_name(page)
    random_and_hard_ones(page)


def tab_to(tab, place: str, what: str, most: int = 60) -> None:  # noqa: F811
    """Press Tab until the focus is on such an element in that place (which may hold it in a shadow root)."""
    there = """([place, what]) => { let at = document.activeElement; const host = at;
        while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
        return Boolean(host.closest(place)) && at.matches(what); }"""
    for _ in range(most):
        if tab.evaluate(there, [place, what]):
            return
        tab.keyboard.press("Tab")
    raise AssertionError(f"{what} in {place} is not reached by the Tab key")


def outline(tab) -> float:  # noqa: F811
    """Width in pixels of the ring around what has the focus."""
    return tab.evaluate(
        """() => { let at = document.activeElement; while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
        const ring = node => { const s = getComputedStyle(node);
            return Math.max(s.outlineStyle === "none" ? 0 : parseFloat(s.outlineWidth), s.boxShadow === "none" ? 0 : 1); };
        return Math.max(ring(at), ...[...at.querySelectorAll(".picture")].map(ring)); }"""
    )


def test_by_keyboard_alone(page) -> None:
    from playwright.sync_api import expect

    first = shown(page)
    page.get_by_role("combobox").first.focus()
    for name, key in (("Choose …", "choose"), ("Random", "random"), ("Hardest query", "hard"), ("Crop", "part")):
        tab_to(page, f".st-key-{key}", "button")
        assert outline(page) > 0, name
    tab_to(page, "[data-testid=stFileUploader]", "button, section, input")
    tab_to(page, ".st-key-results-0", ".card")
    assert outline(page) >= 3, "the card that has the focus has a ring"
    page.wait_for_selector(".card-large:not([hidden])")
    page.keyboard.press("Escape")
    expect(page.locator(".st-key-results-0 .card-large")).to_be_hidden()
    page.locator(RESULTS).first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".card-large:not([hidden])")
    page.keyboard.press("Enter")
    asks_with(page, first[2])
    focused = page.evaluate(
        "() => { let at = document.activeElement; while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement; return at.className }"
    )
    assert "card" in focused
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    second = shown_after(page, first[2])
    asks_with(page, second)
    page.get_by_role("combobox").first.focus()
    tab_to(page, ".st-key-trail", ".card")
    page.keyboard.press("Enter")
    asks_with(page, "circle/circle_03.png")
    assert shown(page) == first, "the trail leads back by keyboard too"


def shown_after(tab, before: str) -> str:  # noqa: F811
    """The query now, once it is another one than before."""
    tab.wait_for_selector(f'{QUERY}:not([data-id="{before}"])')
    return shown(tab, QUERY)[0]


def choose_by_class_and_name(page) -> None:
    from playwright.sync_api import expect

    page.get_by_role("button", name="Choose").click()
    cards = page.locator(".st-key-browse .card")
    expect(cards).to_have_count(60)
    page.get_by_role("textbox", name="Name").fill("stripes 07")
    page.keyboard.press("Enter")
    expect(cards).to_have_count(1)
    cards.first.click()
    asks_with(page, "stripes/stripes_07.png")
    expect(page.get_by_role("dialog")).to_have_count(0)


def random_and_hard_ones(page) -> None:
    for button in ("Random", "Hardest query"):
        seen = set()
        for _ in range(3):
            page.get_by_role("button", name=button).click()
            at_rest(page)
            seen.add(shown(page, QUERY)[0])
        assert len(seen) >= 2, f"{button} gave {seen} three times"


def test_pictures_that_are_uploaded_and_pasted(page) -> None:
    from playwright.sync_api import expect

    copy = png(draw_tiny("grid", 4))
    give(page, ("mine.png", copy))
    expect(page.get_by_text("An image of yours.")).to_be_visible(timeout=60_000)
    page.wait_for_selector(f'{RESULTS}.frame-unknown:first-child[data-id="grid/grid_04.png"]')
    expect(page.locator(RESULTS + ".frame-unknown")).to_have_count(24)
    give(page, ("a.png", copy), ("b.png", png(draw_tiny("grid", 5))))
    expect(page.get_by_text("The mean of the embeddings of 2 images")).to_be_visible(timeout=60_000)
    page.wait_for_selector(f'{RESULTS}:nth-child(-n+4)[data-id="grid/grid_05.png"]')
    at_rest(page)
    assert {"grid/grid_04.png", "grid/grid_05.png"} <= set(shown(page)[:4])
    pasted = base64.b64encode(png(draw_tiny("square", 2))).decode()
    page.evaluate(
        """text => { const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0)), hand = new DataTransfer();
        hand.items.add(new File([bytes], "pasted.png", {type: "image/png"}));
        document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: hand, bubbles: true})); }""",
        pasted,
    )
    page.wait_for_selector(f'{RESULTS}:first-child[data-id="square/square_02.png"]')
    dropped = base64.b64encode(png(draw_tiny("stripes", 6))).decode()
    at_rest(page)
    page.evaluate(
        """text => { const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0)), hand = new DataTransfer();
        hand.items.add(new File([bytes], "dropped.png", {type: "image/png"}));
        const zone = document.querySelector("[data-testid=stFileUploaderDropzone]");
        for (const kind of ["dragenter", "dragover", "drop"])
            zone.dispatchEvent(new DragEvent(kind, {dataTransfer: hand, bubbles: true, cancelable: true})); }""",
        dropped,
    )
    page.wait_for_selector(f'{RESULTS}:first-child[data-id="stripes/stripes_06.png"]')


def test_what_is_no_picture_gets_a_sentence(page, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    before = shown(page)
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(3)</script></svg>'
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    bad = {"program.png": b"MZ" + bytes(range(256)) * 40, "drawing.svg": svg, "huge.png": bomb.getvalue()}
    for name, content in bad.items():
        give(page, (name, content))
        alert = page.get_by_role("alert").filter(has_text=name)
        expect(alert).to_be_visible(timeout=30_000)
        at_rest(page)
        assert shown(page) == before
    expect(page.get_by_text("megapixels")).to_have_count(1)  # the last refusal alone is shown
    small = png(Image.new("RGB", (4, 4)))
    give(page, *[(f"{number}.png", small) for number in range(300)])
    expect(page.get_by_text("300 images were given; one query is made of at most 24")).to_be_visible(timeout=60_000)
    give(page, ("good.png", png(draw_tiny("circle", 1))), ("bad.gif", b"GIF89a"))
    expect(page.get_by_text("An image of yours.")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("alert").filter(has_text="bad.gif")).to_be_visible()
    large = tmp_path / "large.png"
    with open(large, "wb") as file:
        file.truncate(100 * 2**20)
    at_rest(page)
    before = shown(page)
    page.locator("input[type=file]").set_input_files(str(large))
    expect(page.get_by_text(re.compile("32.0MB or smaller"))).to_be_visible(timeout=30_000)
    assert shown(page) == before, "it is refused before it is sent"


def test_a_part_of_a_picture_by_keyboard(page) -> None:
    from playwright.sync_api import expect

    page.get_by_role("button", name="Crop").click()
    page.wait_for_selector(".box")
    page.locator(".box").focus()
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.wait_for_selector(f"{QUERY} .note")
    at_rest(page)
    assert link(page)["part"] == "0.27,0.27,0.79,0.77"
    expect(page.locator(RESULTS + ".frame-relevant").first).to_be_visible()
    assert "circle/circle_03.png" not in shown(page)
    part, address = shown(page), page.url
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector(f"{QUERY} .note", timeout=30_000)
    at_rest(page)
    assert shown(page) == part


def test_two_systems_side_by_side(page) -> None:
    visit(page, "d=tiny&q=circle/circle_03.png&a=hog&vs=hsv_histogram&k=10")
    left, right = shown(page), shown(page, OTHER)
    assert len(left) == len(right) == 10
    badges = page.locator(OTHER).evaluate_all("cards => cards.map(c => c.querySelector('.move').textContent)")
    for at, identity in enumerate(right):
        gained = left.index(identity) - at if identity in left else None
        expected = "new" if gained is None else "=" if gained == 0 else f"▲ {gained}" if gained > 0 else f"▼ {-gained}"
        assert badges[at] == expected
    both = [one for one in left if one in right]
    page.locator(f'{RESULTS}[data-id="{both[0]}"]').hover()
    page.wait_for_selector(f'{OTHER}.together[data-id="{both[0]}"]')
    said = page.get_by_text("of these are not in the other list").first.inner_text()
    assert said.startswith(f"{10 - len(both)} of these") and f"{len(both)} are in both" in said


def test_best_and_worst_lead_to_a_query(page) -> None:
    from playwright.sync_api import expect

    rows = page.locator("[class*=st-key-case-]")
    page.wait_for_selector("[class*=st-key-case-worst] .frame-query")
    expect(rows).to_have_count(10)
    points = [float(text.split()[1]) for text in page.get_by_text(re.compile(r"^AP 0\.\d{3} · ")).all_inner_texts()]
    assert points == sorted(points) and len(points) == 10
    target = rows.first.locator(".frame-query").get_attribute("data-id")
    page.get_by_text("Ten best").click()
    expect(page.locator("[class*=st-key-case-best]").first).to_be_visible()
    page.get_by_text("Ten worst").click()
    page.wait_for_selector("[class*=st-key-case-worst] .frame-query")
    rows.first.locator(".frame-query").click()
    asks_with(page, target)


def test_where_one_beats_the_other_and_confusions_with_labels_that_are_html(page) -> None:
    from playwright.sync_api import expect

    visit(page, "d=tiny&a=hog&vs=hsv_histogram&q=" + quote(f"{EVIL}/cross_01.png"))
    expect(page.locator(QUERY).get_by_text(EVIL)).to_be_visible()
    page.get_by_text("Figures and curve of this query").click()
    expect(page.locator(".st-key-query-curve .js-plotly-plot")).to_be_visible(timeout=30_000)
    page.get_by_text("Figures and curve of this query").click()
    page.get_by_role("tab", name="A against B").click()
    expect(page.get_by_text("Where HOG is better")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("paired 95 % bootstrap")).to_be_visible()
    page.get_by_role("tab", name="Confusions").click()
    plot = page.locator(".st-key-confusion-map-side .js-plotly-plot")
    expect(plot).to_be_visible(timeout=30_000)
    squares = plot.locator(".scatterlayer .point")
    expect(squares.nth(5)).to_be_attached(timeout=15_000)
    squares.first.click(force=True)
    expect(page.get_by_text("best ranks first")).to_be_visible(timeout=15_000)
    expect(page.locator(".st-key-confused-images .card").nth(1)).to_be_attached(timeout=15_000)
    expect(page.locator("img[src='x'], img[onerror], a[href*=evil]")).to_have_count(0)


def test_a_link_of_nonsense_opens_with_a_sentence(page) -> None:
    from playwright.sync_api import expect

    visit(page, "d[]=1&d=tiny&q=../../etc/passwd&a=![x](http://evil/i.png)&vs=%3Cscript%3E&k=-5&z=1e99&part=1,2&c=<b>")
    assert len(shown(page)) == 5
    expect(page.get_by_role("alert")).to_have_count(3)
    alerts = page.get_by_role("alert").all_inner_texts()
    assert all(text.strip().endswith(".") and "Traceback" not in text for text in alerts)
    expect(page.locator("img[src*=evil], script[src*=evil]")).to_have_count(0)


def test_the_link_reproduces_the_view(page, chromium) -> None:  # noqa: F811
    visit(page, "d=tiny&a=concat(hsv_histogram:0.3,hog:0.7)&vs=hog&q=grid/grid_02.png&k=15&z=90")
    page.locator(RESULTS).nth(1).click()
    shown_after(page, "grid/grid_02.png")
    at_rest(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_selector("button.copy[data-link]")
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied.startswith(page.app) and "a=concat" in copied
    other = chromium.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    other.goto(copied)
    other.wait_for_selector(RESULTS, timeout=60_000)
    at_rest(other)
    for where in (QUERY, RESULTS, OTHER):
        assert shown(other, where) == shown(page, where)
    other.context.close()


def test_the_files_hold_what_is_shown(page, tmp_path: Path) -> None:
    results = shown(page)
    page.get_by_role("button", name="Download").click()
    files = {}
    for name in ("CSV", "JSON", "Parquet", "Image", "Report"):
        with page.expect_download(timeout=60_000) as waiting:
            page.get_by_role("button", name=name, exact=True).click()
        files[name] = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(files[name])
    for table in (pd.read_csv(files["CSV"]), pd.read_parquet(files["Parquet"])):
        assert table["id"].tolist() == results and table["rank"].tolist() == list(range(1, 25))
        assert (table["relevant"].astype(bool) == table["id"].str.startswith("circle/")).all()
    record = json.loads(files["JSON"].read_text())
    assert [row["id"] for row in record["results"]] == results and record["query"] == "circle/circle_03.png"
    with Image.open(files["Image"]) as picture:
        assert picture.format == "PNG" and picture.width > 1000
    report = files["Report"]
    assert report.stat().st_size < 10e6
    page.context.set_offline(True)
    paper = page.context.new_page()
    asked = []
    paper.on("request", lambda request: asked.append(request.url))
    paper.goto(report.as_uri())
    assert paper.locator("img").evaluate_all("all => all.length > 24 && all.every(i => i.naturalWidth > 0)")
    assert not [url for url in asked if not url.startswith(("file:", "data:"))]
    assert len(paper.pdf()) > 10_000
    paper.close()
    page.context.set_offline(False)


def test_two_hundred_classes(page) -> None:
    from playwright.sync_api import expect

    visit(page, "d=many&a=hsv_histogram&k=5")
    assert len(shown(page)) == 5
    page.get_by_role("tab", name="Confusions").click()
    expect(page.locator(".js-plotly-plot")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("The map shows the 60 most confused classes")).to_be_visible()
    page.get_by_role("button", name="Choose").click()
    page.wait_for_selector(".st-key-browse .card")
    page.get_by_role("dialog").get_by_role("button", name="Page 10", exact=True).click()
    page.wait_for_selector('.st-key-browse .card[data-id="class 199/2.png"]')
    page.locator('.st-key-browse .card[data-id="class 199/2.png"]').click()
    asks_with(page, "class 199/2.png")


def test_a_comparison_is_made_on_the_report_page(page, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    page.goto(f"{page.app}/report?d=tiny&ks=5&iq=true")
    expect(page.get_by_role("switch", name="Optimistic: assumes independent queries")).to_be_checked()
    take = page.get_by_role("button", name="Download the report")
    expect(take).to_be_visible(timeout=60_000)
    with page.expect_download() as waiting:
        take.click()
    waiting.value.save_as(tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "P@5" in text and "P@10" not in text
    assert "Optimistic: queries are taken as independent" in text and "whole classes" not in text
    assert "Worst and best queries of" in text and "onerror=alert(1)>" not in text and len(text) < 10e6
    expect(page.frame_locator("iframe").get_by_role("heading", name="Comparison on tiny")).to_be_visible()


def test_a_card_says_why_it_matched(page) -> None:
    """From the card to both maps; another backbone, plain heat and opacity without any rerun; another card; closed."""
    from playwright.sync_api import expect

    card = page.locator(RESULTS).nth(1)
    card.hover()
    card.locator(".why").click()
    maps = page.locator(".heat")
    expect(maps.locator("figure")).to_have_count(2)
    expect(maps.locator(".badge")).to_have_text("adds up to the score")
    expect(maps.locator("figcaption").first).to_contain_text("circle_03.png")
    expect(maps.locator(".side-sentence").first).to_contain_text("Above the gallery's average image")
    assert link(page).get("q", "") == "circle/circle_03.png", "the query stays"
    tinted = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.filter((v, i) => i % 4 === 3 && v).length"
    canvas = maps.locator("canvas").first
    assert canvas.evaluate(tinted) > 1000
    maps.get_by_role("button", name="HOG").click()
    expect(maps.locator(".layer[aria-pressed=true]")).to_have_text("HOG")
    expect(maps.locator(".line")).to_contain_text("Each cell adds what its own numbers add.")
    maps.get_by_label("Minus what any two images share").uncheck()
    expect(maps.locator(".side-sentence").first).to_contain_text("The image's places add")
    maps.get_by_label("Opacity").fill("0")
    assert canvas.evaluate(tinted) == 0, "HOG sees all of the image, so nothing is darkened"
    page.locator(RESULTS).nth(4).press("w")
    expect(maps.locator("figcaption").last).to_contain_text("Result 5")
    maps.get_by_role("button", name="Close").click()
    expect(maps).to_have_count(0)
