"""The map component in a real Chromium: pictures, lasso, legend, travel, many points, the flat fallback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.javascript import bundle
from tests.browser import ROOT, chromium, serve, tab  # noqa: F401  fixtures
from tests.ui.map_app import ground

pytestmark = pytest.mark.browser

VIEW = """[...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
    .map((e) => e.shadowRoot && e.shadowRoot.querySelector('.fs-map')).find(Boolean).view"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(Path(__file__).with_name("map_app.py"), tmp_path_factory.mktemp("home")) as url:
        yield url


class Driver:
    """What a person does on a map, and what they see."""

    def __init__(self, page, address: str, query: str) -> None:
        self.page = page
        page.goto(f"{address}/?{query}")
        page.wait_for_selector(".fs-map[data-renderer]")
        self.settle()
        box = page.locator(".fs-map .stage").bounding_box()
        self.left, self.top, self.width, self.height = box["x"], box["y"], box["width"], box["height"]

    def ask(self, expression: str):
        """A JavaScript expression over `view`."""
        return self.page.evaluate(f"async () => {{ const view = {VIEW}; return {expression}; }}")

    def settle(self) -> None:
        """Until nothing travels any more."""
        self.page.wait_for_function(
            f"() => {{ const v = {VIEW}, r = v.renderer; return r.painter && r.frameTimes.length > 0"
            " && !r.frameRequest && v.panes.every((p) => p.progress() >= 1 && !p.glide && !p.isStreaming); }"
        )

    def places(self, panel: int = 0) -> np.ndarray:
        """(n, 2) where the points are in the window."""
        flat = np.array(self.ask(f"Array.from(view.panes[{panel}].screen())")).reshape(-1, 2)
        return flat + [self.left, self.top]

    def alone(self, panel: int = 0) -> int:
        """A point whose neighbours are far enough that a pointer cannot miss it."""
        places = self.places(panel)
        far = np.linalg.norm(places[:, None] - places[None], axis=2)
        np.fill_diagonal(far, np.inf)
        return int(far.min(axis=1).argmax())

    def drag(self, corners: list[tuple[float, float]], *keys: str) -> None:
        """Press at the first corner, move over the others, let go."""
        for key in keys:
            self.page.keyboard.down(key)
        self.page.mouse.move(*corners[0])
        self.page.mouse.down()
        for corner in [*corners[1:], corners[0]]:
            self.page.mouse.move(*corner, steps=3)
        self.page.mouse.up()
        for key in keys:
            self.page.keyboard.up(key)

    def around(self, label: int, groups: int = 6) -> list[tuple[float, float]]:
        """Corners of a box around one group's points."""
        places = self.places()[label::groups]
        (x0, y0), (x1, y1) = places.min(axis=0) - 4, places.max(axis=0) + 4
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]

    def inside(self, corners: list[tuple[float, float]]) -> set[str]:
        """The ids of the points within a box."""
        places, (x0, y0), (x1, y1) = self.places(), corners[0], corners[2]
        held = (places > [x0, y0]).all(axis=1) & (places < [x1, y1]).all(axis=1)
        return {f"id-{i:05d}.jpg" for i in np.flatnonzero(held)}

    def selected(self, count: int) -> set[str]:
        """The ids that Python has, once it has `count` of them."""
        found = self.page.get_by_text(re.compile(rf"^selected {count}:"))
        found.wait_for()
        return set(found.inner_text().split(":")[1].split())


def test_hovering_shows_the_right_picture(tab, address: str) -> None:  # noqa: F811
    map_ = Driver(tab, address, "n=240")
    position = map_.alone()
    x, y = map_.places()[position]
    tab.mouse.move(x + 60, y + 60)
    tab.mouse.move(x, y)
    tab.wait_for_selector(f".fs-map .card.open img[data-ready='{position}']")
    pixel = map_.ask(
        "(() => { const c = document.createElement('canvas').getContext('2d'); c.drawImage(view.card.image, 0, 0);"
        "return Array.from(c.getImageData(5, 5, 1, 1).data).slice(0, 3); })()"
    )
    assert tuple(pixel) == ground(position)
    text = tab.locator(".fs-map .card").inner_text()
    assert f"id-{position:05d}.jpg" in text and f"class {position % 6:03d}" in text
    tab.mouse.move(map_.left + 5, map_.top + map_.height - 5)
    tab.wait_for_selector(".fs-map .card:not(.open)", state="attached")
    assert not tab.complaints


def test_lasso_shift_ctrl_and_x(tab, address: str) -> None:  # noqa: F811
    from playwright.sync_api import expect

    map_ = Driver(tab, address, "n=240")
    first, second = map_.around(5), map_.around(4)
    one, two = map_.inside(first), map_.inside(second)
    assert len(one) >= 40 and len(two) >= 40
    tab.locator(".fs-map .tool[aria-label^='Lasso']").click()
    map_.drag(first)
    assert map_.selected(len(one)) == one
    map_.drag(second, "Shift")
    assert map_.selected(len(one | two)) == one | two
    counts = tab.locator(".fs-map .row .count")
    for group in (4, 5):
        expect(counts.nth(group)).to_have_text("40 / 40")
    tab.locator(".fs-map .tool[aria-label^='Box']").click()
    _box(map_, first, "Control")
    assert map_.selected(len(two - one)) == two - one
    tab.keyboard.press("x")
    assert map_.selected(0) == set()
    assert not tab.complaints


def _box(map_: Driver, corners: list[tuple[float, float]], key: str) -> None:
    page = map_.page
    page.keyboard.down(key)
    page.mouse.move(*corners[0])
    page.mouse.down()
    page.mouse.move(*corners[2], steps=4)
    page.mouse.up()
    page.keyboard.up(key)


def test_a_selection_made_in_the_page_shows_on_the_map_and_later_ones_win(tab, address: str) -> None:  # noqa: F811
    map_ = Driver(tab, address, "n=240")
    tab.get_by_role("button", name="choose three").click()
    assert map_.selected(3) == {"id-00003.jpg", "id-00005.jpg", "id-00007.jpg"}
    chosen = "Array.from(view.points.flags).map((f, i) => (f & 2 ? i : -1)).filter((i) => i >= 0)"
    tab.wait_for_function(f"() => {{ const view = {VIEW}; return {chosen}.length === 3; }}")
    assert map_.ask(chosen) == [3, 5, 7]
    tab.locator(".fs-map .tool[aria-label^='Lasso']").click()
    corners = map_.around(2)
    map_.drag(corners)
    wanted = map_.inside(corners)
    assert map_.selected(len(wanted)) == wanted
    tab.get_by_role("button", name="choose three").click()
    map_.selected(3)
    tab.wait_for_function(f"() => {{ const view = {VIEW}; return {chosen}.join() === '3,5,7'; }}")


def test_the_legend_hides_isolates_and_finds(tab, address: str) -> None:  # noqa: F811
    from playwright.sync_api import expect

    map_ = Driver(tab, address, "n=800&groups=200")
    rows = tab.locator(".fs-map .row")
    expect(rows).to_have_count(200)
    hidden = "Array.from(view.points.flags).filter((f) => f & 1).length"
    rows.nth(3).click()
    assert map_.ask(hidden) == 4
    rows.nth(3).click()
    assert map_.ask(hidden) == 0
    rows.nth(10).dblclick()
    assert map_.ask("Array.from(view.points.flags).map((f, i) => (f & 1 ? -1 : i)).filter((i) => i >= 0)") == [
        10,
        210,
        410,
        610,
    ]
    tab.locator(".fs-map .all").click()
    assert map_.ask(hidden) == 0
    tab.locator(".fs-map .legend input").fill("class 19")
    expect(rows.filter(visible=True)).to_have_count(10)


def test_points_travel_and_parts_are_sent_once(tab, address: str) -> None:  # noqa: F811
    map_ = Driver(tab, address, "n=240")
    before = map_.places()
    tab.evaluate(
        f"() => {{ const view = {VIEW}, r = view.renderer; window.seen = []; const draw = r.draw.bind(r);"
        "r.draw = () => { draw(); window.seen.push(Array.from(view.panes[0].screen()).slice(0, 2)); };"
        "window.kept = view; }"
    )
    tab.get_by_text("moved").click()
    tab.wait_for_function("() => window.seen.length > 4")
    assert set(map_.ask("Object.values(view.data.parts).flatMap((part) => Object.keys(part))")) == {"xy", "dims"}
    map_.settle()
    after = map_.places()
    trail = np.array(tab.evaluate("window.seen"))
    steps = np.linalg.norm(np.diff(trail, axis=0), axis=1)
    way = np.linalg.norm(after[0] - before[0])
    assert way > 40
    assert (steps > 0).sum() >= 5
    assert steps.max() < 0.6 * way
    assert tab.evaluate(f"() => window.kept === {VIEW}")
    tab.get_by_text("numbers", exact=True).click()
    tab.wait_for_selector(".fs-map .bar")
    assert map_.ask("Object.values(view.data.parts).every((part) => !part.xy && !part.ids)")
    np.testing.assert_allclose(map_.places(), after, atol=0.01)
    assert not tab.complaints


def test_layouts_on_the_way_come_without_a_run_of_the_page(tab, address: str) -> None:  # noqa: F811
    from playwright.sync_api import expect

    map_ = Driver(tab, address, "n=240")
    before = map_.places()
    tab.evaluate(
        f"() => {{ const view = {VIEW}; window.came = []; window.told = new Set(); window.runs = 0;"
        "const receive = view.receiveLayout.bind(view);"
        "view.receiveLayout = (...all) => { receive(...all); window.came.push(performance.now()); };"
        "const update = view.update.bind(view); view.update = (...all) => { window.runs++; update(...all); };"
        "const bar = view.statusBar, paint = bar.paint.bind(bar);"
        "bar.paint = () => { paint(); window.told.add(bar.root.innerText); }; }"
    )
    tab.get_by_role("button", name="lay out", exact=True).click()
    tab.wait_for_function("() => window.came.length === 6")
    map_.settle()
    runs = tab.evaluate("window.runs")
    assert runs <= 2, "the page ran for the button, not for each layout"
    assert any("step 3" in text for text in tab.evaluate("[...window.told]"))
    turned = map_.places() - [map_.left + map_.width / 2, map_.top + map_.height / 2]
    assert np.linalg.norm(map_.places() - before, axis=1).mean() > 40
    assert np.abs(turned).max() < 600
    expect(tab.locator(".fs-map .status.idle")).to_have_count(1)
    assert not tab.complaints


def test_a_layout_on_its_way_can_be_stopped(tab, address: str) -> None:  # noqa: F811
    map_ = Driver(tab, address, "n=60")
    tab.get_by_role("button", name="lay out for long").click()
    tab.wait_for_function(f"() => {VIEW}.panes[0].liveCount > 2")
    tab.locator(".fs-map .stop").click()
    tab.get_by_text("stopped 0", exact=True).wait_for()
    map_.settle()
    assert 0 < map_.ask("view.panes[0].liveCount") < 500


def test_the_card_keeps_clear_of_the_lines(tab, address: str) -> None:  # noqa: F811
    map_ = Driver(tab, address, "n=240")
    places = map_.places()
    position = int(np.linalg.norm(places - places.mean(axis=0), axis=1).argmin())
    tab.mouse.click(*places[position])
    tab.wait_for_function(f"() => {{ const v = {VIEW}; return v.focus && v.focus.position === {position}; }}")
    tab.mouse.move(map_.left + 5, map_.top + map_.height - 5)
    tab.mouse.move(*places[position])
    tab.wait_for_selector(f".fs-map .card.open[data-position='{position}'] img[data-ready]")
    covered = map_.ask(
        "(() => { const b = view.card.root.getBoundingClientRect();"
        "return view.card.linePoints(view.stage.getBoundingClientRect()).filter(([x, y]) => x > b.left && x < b.right && y > b.top && y < b.bottom).length; })()"
    )
    assert covered == 0


def test_no_end_of_a_scale_sinks_into_the_ground(tab, address: str) -> None:  # noqa: F811
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        for kind in ("numbers", "diverging"):
            map_ = Driver(tab, address, f"n=60&colour={kind}")
            assert map_.ask("view.root.dataset.theme") == scheme
            ratios = map_.ask(
                "(() => { const light = (c) => c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; })"
                ".reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0); const ground = light(view.theme.ground);"
                "return view.colouring.palette.map((c) => { const l = light(c); return (Math.max(l, ground) + 0.05) / (Math.min(l, ground) + 0.05); }); })()"
            )
            assert min(ratios) > 1.6 and min(ratios[0], ratios[-1]) > (1.7 if kind == "numbers" else 3)


def test_a_click_draws_lines_on_both_maps(tab, address: str) -> None:  # noqa: F811
    map_ = Driver(tab, address, "n=240&panels=2")
    position = map_.alone(1)
    tab.mouse.click(*map_.places(1)[position])
    tab.get_by_text(f"focus {position}", exact=True).wait_for()
    tab.wait_for_function(f"() => {{ const view = {VIEW}; return view.focus && view.focus.position === {position}; }}")
    assert len(map_.ask("view.focus.neighbours")) == 10
    tab.wait_for_function(f"() => {VIEW}.hover === {position}")
    tab.keyboard.press("Escape")
    tab.mouse.click(map_.left + 8, map_.top + map_.height - 8)
    tab.get_by_text("focus None", exact=True).wait_for()


def test_zooming_in_shows_pictures(tab, address: str) -> None:  # noqa: F811
    map_ = Driver(tab, address, "n=240")
    position = map_.alone()
    assert map_.ask("view.panes[0].thumbnails.length") == 0
    tab.mouse.move(*map_.places()[position])
    for _ in range(5):
        tab.mouse.wheel(0, -240)
    tab.wait_for_function(
        f"() => {{ const v = {VIEW}, seen = v.panes[0].visiblePoints(v.points, 100);"
        f" return v.panes[0].thumbnails.some((t) => t.i === {position}) && !v.thumbnails.loading"
        " && !v.renderer.frameRequest && seen.length; }"
    )
    thumbs = map_.ask("view.panes[0].thumbnails")
    x, y = (int(v) for v in (thumbs[0]["x"], thumbs[0]["y"]))
    ratio = map_.ask("view.renderer.pixelRatio")
    pixel = map_.ask(
        f"Array.from(view.renderer.overlay.pen.getImageData({x * ratio}, {y * ratio}, 1, 1).data).slice(0, 3)"
    )
    assert tuple(pixel) == ground(thumbs[0]["i"])
    assert position in {thumb["i"] for thumb in thumbs}


def test_the_keyboard_alone_reaches_a_point(tab, address: str) -> None:  # noqa: F811
    map_ = Driver(tab, address, "n=60")
    tab.locator(".fs-map .stage").focus()
    for key in (".", ".", "Space"):
        tab.keyboard.press(key)
    map_.selected(1)
    scale = map_.ask("view.panes[0].scale")
    tab.keyboard.press("+")
    assert map_.ask("view.panes[0].scale") > 1.2 * scale
    tab.keyboard.press("Enter")
    tab.get_by_text("focus 1", exact=True).wait_for()


@pytest.mark.parametrize("n, renderer", [(50_000, ""), (200_000, ""), (5_000, "canvas2d")])
def test_many_points_are_drawn_and_found_under_the_pointer(tab, address: str, n: int, renderer: str) -> None:  # noqa: F811
    map_ = Driver(tab, address, f"n={n}&groups=20&renderer={renderer}")
    assert map_.ask("view.renderer.painter.name") == (renderer or "webgl2")
    painted = map_.ask(
        "(() => { const c = document.createElement('canvas'), from = view.renderer.canvas;"
        "c.width = from.width; c.height = from.height;"
        "const pen = c.getContext('2d'); pen.drawImage(from, 0, 0); const d = pen.getImageData(0, 0, c.width, c.height).data;"
        "const seen = new Set(); let inked = 0; for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 60)"
        "{ inked++; seen.add((d[i] >> 4) * 256 + (d[i + 1] >> 4) * 16 + (d[i + 2] >> 4)); } return [inked, seen.size]; })()"
    )
    assert painted[0] > 20_000 and painted[1] > 15
    print(f"{n} points by {renderer or 'webgl2'}: {map_.ask('await view.renderer.measureFrames(15)'):.0f} ms per frame")
    tab.wait_for_function(
        f"() => {{ const r = {VIEW}.renderer; return !r.frameRequest && performance.now() > r.coarseUntil + 50; }}"
    )
    assert map_.ask("view.renderer.scene(view.panes[0], 1).isCoarse") is not True, "at rest every point is drawn"
    position = map_.ask("view.panes[0].pointAt(view.points, Array.from(view.panes[0].screen()).slice(2000, 2002))")
    assert position >= 0


def test_three_dimensions_turn(tab, address: str) -> None:  # noqa: F811
    map_ = Driver(tab, address, "n=240&dims=3")
    before = map_.places()
    x, y = map_.left + map_.width - 60, map_.top + map_.height - 60
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x - 200, y - 80, steps=5)
    tab.mouse.up()
    after = map_.places()
    assert np.linalg.norm(after - before, axis=1).mean() > 10
    assert abs(after.mean() - before.mean()) < 40


def test_two_maps_are_linked(tab, address: str) -> None:  # noqa: F811
    map_ = Driver(tab, address, "n=240&panels=2")
    position = map_.alone(0)
    tab.mouse.move(*map_.places(0)[position])
    tab.wait_for_selector(f".fs-map .card.open[data-position='{position}']")
    x, y = map_.ask(f"Array.from(view.panes[1].screen()).slice({2 * position}, {2 * position + 2})")
    ring = map_.ask(
        f"(() => {{ const r = view.renderer.pixelRatio, size = 24, d = view.renderer.overlay.pen"
        f".getImageData(({x} - size / 2) * r, ({y} - size / 2) * r, size * r, size * r).data;"
        "let inked = 0; for (let i = 3; i < d.length; i += 4) if (d[i] > 100) inked++; return inked; })()"
    )
    assert ring > 30


def test_a_newer_script_takes_the_place_of_an_older_one(tab) -> None:  # noqa: F811
    """Streamlit loads a changed script as another module and does not clean up after the one before."""
    maps = tab.evaluate(
        """async (text) => {
            const parentElement = document.body.appendChild(document.createElement("div"));
            for (const version of [text, text, text + "// newer"]) {
                const url = URL.createObjectURL(new Blob([version], { type: "text/javascript" }));
                (await import(url)).default({ parentElement, data: null });
            }
            return parentElement.children.length;
        }""",
        bundle(ROOT / "core/ui/components/map/main.js"),
    )
    assert maps == 1
