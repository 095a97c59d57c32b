"""`bench retrieval`: from a click on a result to its own results, and until their pictures stand there, in Chromium.

"Numbers" is the time from the release of the mouse to the first frame on which the new results stand with their ranks
and scores; "pictures" is the time from then until the last of their thumbnails is drawn. The window is high enough for
all of them, and the browser's cache is off, so that each one comes from the server. CPU is what the server used for one
click, on all its threads. "Search" is one search of the fusion shown, without the page.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.bench import machine
from core.errors import BadInput
from tests.bench import page as fusion_lab

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from core.studies.vector_set import VectorSet
    from core.types import Dataset

WANTED_CLICK, WANTED_PICTURES, WANTED_SEARCH = 500, 500, 30
"""Milliseconds that are wanted: of a click at 5,000 images, of 100 thumbnails, of one search at 100,000 images."""
FEW = 5_000
"""Up to here thumbnails are made beforehand, as embedding does."""
HIGH = 2_900
"""Pixels of the window in which 100 results stand."""

WATCH = """
(() => {
  const watch = window.__watch = { released: 0, numbers: 0, pictures: 0 };
  window.addEventListener("pointerup", () => { watch.released = performance.now(); }, true);
  const cards = () => {
    const place = document.querySelector("[class*=st-key-results-0]");
    const root = place && [...place.querySelectorAll("*")].find((node) => node.shadowRoot)?.shadowRoot;
    return [...((root || place)?.querySelectorAll(".card") || [])];
  };
  const said = () => cards().map((card) => card.dataset.id + card.querySelector(".score")?.textContent).join(" ");
  watch.drawn = () => cards().length > 0 && cards().every((card) => {
    const image = card.querySelector("img");
    return image && image.complete && image.naturalWidth > 0;
  });
  watch.arm = () => {
    const before = said();
    watch.released = watch.numbers = watch.pictures = 0;
    const look = () => {
      if (watch.released && !watch.numbers && said() !== before) watch.numbers = performance.now();
      if (watch.numbers && watch.drawn()) { watch.pictures = performance.now(); return; }
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  };
})();
"""


def run(args: list[str]) -> None:
    """`python -m core bench retrieval [--images 5000 …]`: medians over some clicks, beside what is wanted."""
    parser = argparse.ArgumentParser(prog="python -m core bench retrieval", description=__doc__)
    parser.add_argument("--images", type=int, nargs="*", default=[FEW], help="sizes of the synthetic dataset")
    parser.add_argument("--clicks", type=int, default=15)
    parser.add_argument("--k", type=int, default=100, help="results shown, 5 to 100")
    given = parser.parse_args(args)
    print(f"{machine.machine()['sentence']} Load {os.getloadavg()[0]:.1f}.")
    print(
        f"{'images':>8}{'clicks':>8}{'results':>9}{'search':>9}{'numbers':>9}{'95 %':>7}{'pictures':>10}{'95 %':>7}{'CPU':>7}   ms"
    )
    for n_images in given.images:
        with tempfile.TemporaryDirectory(prefix="fusionscope-retrieval-") as place:
            before = os.environ.get("FUSIONSCOPE_HOME")
            os.environ["FUSIONSCOPE_HOME"] = place
            try:
                prepare(Path(place), n_images)
                _measure(Path(place), n_images, given.clicks, given.k)
            finally:
                if before is None:
                    del os.environ["FUSIONSCOPE_HOME"]
                else:
                    os.environ["FUSIONSCOPE_HOME"] = before
    print(
        f"{'wanted':<34}≤ {WANTED_CLICK} (5,000 images) ≤ {WANTED_PICTURES} (100 results); search ≤ {WANTED_SEARCH} (100,000)"
    )


def prepare(home: Path, n_images: int) -> None:
    """A synthetic dataset with vectors of two backbones, and its search index where it is large."""
    from core import data
    from core.store import open_store
    from core.studies import ann_index, ann_search

    fusion_lab.synthetic(home, n_images, strengths={"tf_efficientnet_lite0": 4.0, "hsv_histogram": 3.0})
    dataset = data.load(fusion_lab.LARGE)
    if n_images <= FEW:
        open_store().ensure_thumbnails(dataset, range(n_images))
    if n_images >= ann_search.FROM:
        ann_index.build(_space(dataset), tuple(sorted(_space(dataset).names)))


def _space(dataset: Dataset) -> VectorSet:
    from core.studies import fusion

    return fusion.space_of(dataset, ("tf_efficientnet_lite0", "hsv_histogram"))


def _search(n_images: int) -> float:
    """The median time of one search of the fusion that the page shows, without the page, in ms."""
    from core import data
    from core.fusion import FusionSpec
    from core.studies import ann_index, ann_search, retrieval

    dataset = data.load(fusion_lab.LARGE)
    space, truth, spans = _space(dataset), data.relevance(dataset), []
    spec = FusionSpec("both", "concat", space.names)
    indexed = ann_index.build(space, tuple(sorted(space.names))) if n_images >= ann_search.FROM else None
    for position in np.random.default_rng(0).choice(len(dataset), 30, replace=False):
        question = retrieval.gallery_image_query(dataset, space, int(position), truth)
        began = time.perf_counter()
        if indexed is None:
            retrieval.retrieve(question, question.system("both", spec))
        else:
            ann_search.search_index(question, question.system("both", spec), indexed)
        spans.append(1e3 * (time.perf_counter() - began))
    return statistics.median(spans[3:])


def _measure(home: Path, n_images: int, clicks: int, k: int) -> None:
    """One line of the table."""
    import psutil

    search, spans, used = _search(n_images), [], []
    with fusion_lab.server(home) as (address, pid), fusion_lab.browser(WATCH) as page:
        page.set_viewport_size({"width": 1440, "height": HIGH})
        page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
        page.goto(f"{address}/retrieval?d={fusion_lab.LARGE}&k={k}&z=90")
        page.wait_for_selector("[class*=st-key-results-0] .card", timeout=120_000)
        page.wait_for_function("window.__watch.drawn()", timeout=120_000)
        page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')", timeout=120_000)
        page.wait_for_timeout(2000)
        for number in range(clicks + 3):
            before = sum(psutil.Process(pid).cpu_times()[:2])
            found = _click(page, number, k)
            if number >= 3:  # the first ones meet cold code
                spans.append(found)
                used.append(1e3 * (sum(psutil.Process(pid).cpu_times()[:2]) - before))
    numbers, pictures = (sorted(one[at] for one in spans) for at in (0, 1))
    high = min(len(spans) - 1, round(0.95 * len(spans)))
    print(
        f"{n_images:>8,}{len(spans):>8}{k:>9}{search:>9.1f}{statistics.median(numbers):>9.0f}{numbers[high]:>7.0f}"
        f"{statistics.median(pictures):>10.0f}{pictures[high]:>7.0f}{statistics.median(used):>7.0f}"
    )


def _click(page: Page, number: int, k: int) -> tuple[float, float]:
    """Click one result: (release to numbers, numbers to the last picture) in ms."""
    card = page.locator("[class*=st-key-results-0] .card").nth((7 * number + 11) % (k - 1))
    card.scroll_into_view_if_needed()
    around = card.bounding_box()
    page.evaluate("window.__watch.arm()")
    page.mouse.move(around["x"] + around["width"] / 2, around["y"] + around["height"] / 3)
    page.mouse.down()
    page.mouse.up()
    try:
        page.wait_for_function("window.__watch.pictures > 0", timeout=fusion_lab.LONGEST_WAIT, polling=50)
    except Exception as error:  # noqa: BLE001  Playwright's own TimeoutError, which is only there when it is installed
        if type(error).__name__ != "TimeoutError":
            raise
        raise BadInput("A click on a result changed nothing for 8 seconds; look at the page by hand.") from None
    seen = page.evaluate("window.__watch")
    page.wait_for_timeout(700)
    return seen["numbers"] - seen["released"], seen["pictures"] - seen["numbers"]
