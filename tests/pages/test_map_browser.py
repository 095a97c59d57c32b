"""The Map page in a real Chromium: layouts, lasso, lines, weights, side by side, colours, any link."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from tests.browser import ROOT, chromium, serve, tab  # noqa: F401  (fixtures)
from tests.conftest import TINY_CLASSES, write_tiny

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BACKBONES = ("hsv_histogram", "hog")
PATIENCE = 90_000
"""Milliseconds: a layout on a machine that does other work too."""
VIEW = """[...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
    .map((e) => e.shadowRoot && e.shadowRoot.querySelector('.fs-map')).find(Boolean)?.view"""
TRUST = re.compile(r"trustworthiness 0\.\d{3}")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory):
    from core import data
    from core.studies import embedding

    home = tmp_path_factory.mktemp("home")
    images = write_tiny(tmp_path_factory.mktemp("pictures") / "tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", os.fspath(home))
        embedding.embed(data.add("tiny", images), BACKBONES)
    with serve(ROOT / "app.py", home) as address:
        yield address


class Map:
    """What a person does on the Map page, and what they see."""

    def __init__(self, page, app: str, query: str) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE)
        page.goto(f"{app}/map?d=tiny&{query}")
        self.settle()

    def ask(self, expression: str):
        """A JavaScript expression over `view`."""
        return self.page.evaluate(f"() => {{ const view = {VIEW}; return {expression}; }}")

    def until(self, condition: str) -> None:
        """Until a JavaScript condition over `view` holds."""
        self.page.wait_for_function(f"() => {{ const view = {VIEW}; return view && view.isReady && ({condition}); }}")

    def settle(self) -> None:
        """Until the map is there, nothing is on its way and nothing travels."""
        self.until("view.panes.every((p) => p.progress() >= 1 && !p.isStreaming)")

    def places(self, panel: int = 0) -> np.ndarray:
        """(n, 2) where the points are in the window."""
        self.page.locator(".fs-map .stage").scroll_into_view_if_needed()
        box = self.page.locator(".fs-map .stage").bounding_box()
        flat = self.ask(f"Array.from(view.panes[{panel}].screen())")
        return np.array(flat).reshape(-1, 2) + [box["x"], box["y"]]

    def layouts(self) -> list[str]:
        """The hashes of the positions that are drawn."""
        return self.ask("view.data.panels.map((p) => p.xy)")

    def box(self, places: np.ndarray) -> None:
        """Draw a box around points."""
        self.page.locator(".fs-map .tool[aria-label^='Box']").click()
        low, high = places.min(axis=0) - 4, places.max(axis=0) + 4
        self.page.mouse.move(*low)
        self.page.mouse.down()
        self.page.mouse.move(*high, steps=4)
        self.page.mouse.up()


def inked(map_: Map) -> int:
    """Pixels of the canvas that something was drawn on."""
    return map_.ask(
        "(() => { const c = document.createElement('canvas'), from = view.renderer.canvas;"
        "c.width = from.width; c.height = from.height;"
        "const pen = c.getContext('2d'); pen.drawImage(from, 0, 0);"
        "const d = pen.getImageData(0, 0, c.width, c.height).data; let k = 0;"
        "for (let i = 3; i < d.length; i += 4) if (d[i] > 60) k++; return k; })()"
    )


def test_a_map_is_measured_and_a_selection_becomes_pictures(app: str, tab) -> None:  # noqa: F811
    from playwright.sync_api import expect

    map_ = Map(tab, app, "p=pca&a=hog")
    assert map_.ask("view.points.count") == 60 and inked(map_) > 500
    tab.get_by_text(TRUST).first.wait_for()
    tab.get_by_text("Nothing is selected").wait_for()
    places = map_.places()
    near = np.argsort(np.linalg.norm(places - np.median(places, axis=0), axis=1))[:12]
    corners = places[near]
    inside = ((places >= corners.min(axis=0) - 4) & (places <= corners.max(axis=0) + 4)).all(axis=1)
    map_.box(corners)
    tab.get_by_text(f"{inside.sum()} selected", exact=True).first.wait_for()
    cards = tab.locator(".st-key-map-images .card")
    expect(cards).to_have_count(int(inside.sum()))
    tab.get_by_text("Mean AP of the selection").wait_for()
    with tab.expect_download() as given:
        tab.get_by_role("button", name="Download", exact=True).click()
    assert len(Path(given.value.path()).read_text().splitlines()) == 1 + inside.sum()

    before = map_.layouts()
    tab.get_by_text("UMAP", exact=True).wait_for()
    tab.get_by_text("t-SNE", exact=True).click()
    map_.until(f"view.data.panels[0].xy !== '{before[0]}' && !view.panes[0].isStreaming")
    assert map_.ask("Array.from(view.points.flags).filter((f) => f & 2).length") == inside.sum(), "kept across methods"
    tab.get_by_text("the distance between groups").wait_for()

    clear = tab.get_by_role("button", name="Clear", exact=True)
    expect(clear).to_have_count(1)  # while the page runs again, the old button stands beside the new one
    clear.click()
    tab.get_by_text("Nothing is selected").wait_for()
    map_.until("!view.points.anySelected")
    assert not tab.complaints


def test_a_click_joins_neighbours_and_leads_to_retrieval(app: str, tab) -> None:  # noqa: F811
    from playwright.sync_api import expect

    map_ = Map(tab, app, "p=pca&a=hog")
    places = map_.places()
    far = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(far, np.inf)
    chosen = int(far.min(axis=1).argmax())
    tab.mouse.click(*places[chosen])
    map_.until(f"view.focus && view.focus.position === {chosen}")
    assert len(map_.ask("view.focus.neighbours")) == 10
    cards = tab.locator(".st-key-map-neighbours .card")
    expect(cards).to_have_count(11)
    name = map_.ask(f"view.points.ids[{chosen}]")
    tab.get_by_role("button", name="Open in Retrieval").click()
    tab.get_by_role("heading", name="Retrieval").wait_for()
    tab.locator(".st-key-the-query .card").first.wait_for()
    expect(tab).to_have_url(re.compile(name.split("/")[-1].split(".")[0]))
    assert not tab.complaints


def test_a_weight_moves_the_points_and_a_colour_does_not(app: str, tab) -> None:  # noqa: F811
    map_ = Map(tab, app, "p=tsne")
    tab.get_by_text(TRUST).first.wait_for()
    before = map_.layouts()
    tab.evaluate(
        f"() => {{ const view = {VIEW}, r = view.renderer; window.kept = view; window.seen = new Set();"
        "const draw = r.draw.bind(r);"
        "r.draw = () => { draw(); window.seen.add(Array.from(view.panes[0].screen()).slice(0, 2).join()); }; }"
    )
    tab.get_by_text("Weights", exact=True).click()
    slider = tab.get_by_role("slider", name=re.compile("HSV histogram"))
    slider.focus()
    slider.press("PageUp")
    map_.until(f"view.data.panels[0].xy !== '{before[0]}'")
    map_.settle()
    assert tab.evaluate(f"() => window.kept === {VIEW}"), "the map lives on: it is not built anew"
    assert tab.evaluate("window.seen.size") > 3, "the points travel"
    moved = map_.layouts()
    tab.get_by_role("combobox", name=re.compile("^Colour|Selected.*Colour")).first.click()
    tab.get_by_role("option", name="Possible label error").click()
    map_.until("view.colouring.title === 'Possible label error'")
    tab.locator(".fs-map .bar").wait_for()
    assert map_.layouts() == moved
    assert not tab.complaints


def test_two_maps_side_by_side_show_what_changed(app: str, tab) -> None:  # noqa: F811
    map_ = Map(tab, app, "p=pca&a=hog&b2=hsv_histogram&col=change")
    map_.until("view.panes.length === 2 && view.colouring.title === 'Neighbours exchanged'")
    assert len(set(map_.layouts())) == 2
    both = re.compile(rf"{TRUST.pattern}.*{TRUST.pattern}", re.DOTALL)
    tab.get_by_text(both).first.wait_for()  # measured after the points are shown
    assert not tab.complaints


@pytest.mark.parametrize(
    "query",
    [
        "a=%3Cscript%3E&p=drop&col=column:nothing&dim=9&px=-4",
        "a=hog&b2=hog&p=pca&dim=3&col=cluster",
        "p=pca&a=nothing(hog:1)&col=duplicates&seed=x",
    ],
)
def test_any_link_opens(app: str, tab, query: str) -> None:  # noqa: F811
    from playwright.sync_api import expect

    map_ = Map(tab, app, query)
    assert map_.ask("view.points.count") == len(TINY_CLASSES) * 10
    expect(tab.get_by_text("could not be drawn")).to_have_count(0)
    assert not tab.complaints
