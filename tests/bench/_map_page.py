"""From letting go of a weight on the Map page until the points stand in their new layout, in a real Chromium.

Three moments are told of each move: the first layout on the way is drawn, the last layout has arrived, and all points
have come to rest in it ("shown", which the demand is about). What it is made of: the way to the server and back until
the map knows where to listen (Streamlit), the layout alone (timed in this process), and the rest, which is the browser
and what page and layout take from each other.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import BadInput
from tests.bench.page import LARGE, NAMES, browser, drag, server, synthetic_home

if TYPE_CHECKING:
    from playwright.sync_api import Page

DEMANDS = {2_000: 1_500, 5_000: 4_000}
"""Milliseconds that a moved weight may take, by points."""
PATIENCE = 300_000

VIEW = """[...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
    .map((e) => e.shadowRoot && e.shadowRoot.querySelector('.fs-map')).find(Boolean)?.view"""
WATCH = (
    """
window.addEventListener("pointerup", () => { if (window.__move) window.__move.released = performance.now(); }, true);
window.__arm = () => {
  const view = """
    + VIEW
    + """, pane = view.panes[0], before = { live: pane.live, version: pane.version };
  const move = window.__move = { released: 0, knows: 0, first: 0, layouts: 0, whole: 0, shown: 0, frames: 0 };
  const look = () => {
    if (window.__move !== move) return;
    const now = performance.now();
    if (move.released) {
      move.frames++;
      if (!move.knows && pane.live && pane.live !== before.live) move.knows = now;
      if (!move.first && pane.version !== before.version) move.first = now;
      if (move.knows && pane.liveCount) move.layouts = pane.liveCount;
      if (!move.whole && move.knows && pane.live && pane.doneLive === pane.live) move.whole = now;
      if (move.whole && pane.progress() >= 1 && !pane.glide) { move.shown = now; return; }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
};
"""
)


def run(sizes: list[int], moves: int, methods: list[str]) -> None:
    """One line for each size and method."""
    print(
        f"{'points':>7} {'method':>7} {'moves':>6} {'first':>7} {'layouts':>8} {'last':>7} {'shown':>7} {'slowest':>8}"
        f" {'demand':>7}   {'Streamlit':>9} {'layout':>7} {'rest':>6} {'CPU':>6}   ms"
    )
    for n in sizes:
        with synthetic_home(n) as home, server(home) as (address, pid), browser(WATCH) as page:
            for method in methods:
                print(_line(page, address, pid, n, method, moves), flush=True)


def _line(page: Page, address: str, pid: int, n: int, method: str, moves: int) -> str:
    """Move weights on the page and say how long it took."""
    import psutil

    page.goto(f"{address}/map?d={LARGE}&b={','.join(NAMES)}&p={method}")
    page.get_by_text("Trustworthiness 0").wait_for(timeout=PATIENCE)
    page.get_by_text("Weights", exact=True).click()
    page.locator("[data-testid=stSlider]").nth(1).wait_for()
    seen, used = [], []
    for number in range(moves + 1):
        before = sum(psutil.Process(pid).cpu_times()[:2])
        found = _move(page, number)
        if number:  # the first one meets cold code
            seen.append(found)
            used.append(1e3 * (sum(psutil.Process(pid).cpu_times()[:2]) - before))

    def median(name: str) -> float:
        return statistics.median(one[name] - one["released"] for one in seen)

    shown, alone = median("shown"), _layout_alone(method, moves)
    slowest = max(one["shown"] - one["released"] for one in seen)
    rest = shown - median("knows") - alone
    layouts = statistics.median(one["layouts"] for one in seen)
    demand = f"{DEMANDS[n]:,}" if n in DEMANDS else "none"
    return (
        f"{n:>7,} {method:>7} {len(seen):>6} {median('first'):>7.0f} {layouts:>8.0f} {median('whole'):>7.0f}"
        f" {shown:>7.0f} {slowest:>8.0f} {demand:>7}   {median('knows'):>9.0f} {alone:>7.0f} {rest:>6.0f}"
        f" {statistics.median(used):>6.0f}"
    )


def _move(page: Page, number: int) -> dict[str, Any]:
    """Drag one slider to a place of its own; the moments in ms of the page's clock."""
    slider = page.locator("[data-testid=stSlider]").nth(number % 2)
    slider.scroll_into_view_if_needed()
    thumb, track = slider.get_by_role("slider").bounding_box(), slider.bounding_box()
    share = (0.2, 0.62, 0.35, 0.5, 0.28, 0.42)[number % 6]
    page.evaluate("window.__arm()")
    drag(page, thumb, track, share)
    try:
        page.wait_for_function("window.__move.shown > 0", timeout=PATIENCE, polling=50)
    except Exception as error:  # noqa: BLE001  Playwright's own TimeoutError, which is only there when it is installed
        if type(error).__name__ != "TimeoutError":
            raise
        raise BadInput(f"A moved weight led to no new layout; it got to {page.evaluate('window.__move')}.") from error
    found = page.evaluate("window.__move")
    page.wait_for_timeout(1500)
    return found


def _layout_alone(method: str, moves: int) -> float:
    """Median ms of the layout that a moved weight asks for, without a page."""
    from core import data, projection
    from core.studies import embedding, maps

    dataset = data.load(LARGE)
    space = maps.space_of(
        {name: embedding.embeddings(dataset, name).vectors for name in NAMES}, dict.fromkeys(NAMES, 1.0)
    )
    last, random, spans = projection.layout(space, method).xy, np.random.default_rng(0), []
    for _ in range(moves):
        moved = space.with_shares(random.dirichlet(np.full(len(NAMES), 8.0)))
        start = time.perf_counter()
        last = projection.layout(moved, method, start=last).xy
        spans.append(1e3 * (time.perf_counter() - start))
    return statistics.median(spans)
