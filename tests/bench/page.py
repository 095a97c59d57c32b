"""`bench page`: from letting go of a slider in the Fusion lab to all that stands below it, in a real Chromium.

The figure is the time between the release of the mouse and the first frame of the screen on which both the mAP and the
curves of the closer look are new; what happens before the release is measured by `--drag`. It is split into the engine (what the page computes, timed alone in this process), Streamlit (the rest
between the message to the server and the last message from it that was needed) and the browser (all else). CPU is what the server used for one
move, on all its threads: it says how fast an idle machine would be.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core import paths
from core.bench import machine
from core.errors import BadInput
from tests.bench import _drag_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

STRENGTHS = {"tf_efficientnet_lite0": 1.0, "tf_efficientnet_lite2": 0.9, "hsv_histogram": 0.5, "hog": 0.3}
NAMES = tuple(STRENGTHS)
LARGE = "page_bench"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DEMANDS = {True: 1000.0, False: 400.0}
"""Milliseconds that the median of a moved weight may take: with thousands of images, and on the demo."""
MANY = 2_000
LONGEST_WAIT = 8_000
"""Milliseconds after which a move counts as lost."""

HEAD = (
    f"{'dataset':<13}{'strategy':<12}{'images':>7}{'moves':>7}{'median':>9}{'fastest':>9}{'95 %':>8}   {'engine':>7}"
    f"{'Streamlit':>11}{'browser':>9}{'CPU':>9}   ms"
)
WATCH = """
(() => {
  const watch = window.__watch = { sent: 0, received: 0, released: 0, done: 0 };
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...args) { super(...args); this.addEventListener("message", () => { watch.received = performance.now(); }); }
    send(data) { if (watch.released && !watch.sent) watch.sent = performance.now(); return super.send(data); }
  };
  window.addEventListener("pointerup", () => { watch.released = performance.now(); watch.sent = 0; }, true);
  const curves = () => [...document.querySelectorAll("[class*=st-key-lab-curve] .js-line")].map((p) => p.getAttribute("d")).join("");
  const lab = () => [...document.querySelectorAll("*")].map((n) => n.shadowRoot?.querySelector(".fs-lab")).find(Boolean);
  const figure = () => lab()?.querySelector(".tile .value")?.textContent || "";
  watch.arm = () => {
    const before = [figure(), curves()];
    watch.released = watch.done = 0;
    const turn = (watch.turn = (watch.turn || 0) + 1);
    const look = () => {
      if (watch.turn !== turn) return;
      if (watch.released && figure() !== before[0] && curves() !== before[1]) {
        watch.last = watch.received;
        watch.done = performance.now();
      } else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    return before;
  };
})();
"""


def run(args: list[str]) -> None:
    """Measure the demo, and a synthetic dataset of many images, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m core bench page", description=__doc__)
    parser.add_argument("--moves", type=int, default=20, help="how often the slider is moved")
    parser.add_argument("--images", type=int, default=5000, help="of the synthetic dataset; 0 leaves it out")
    parser.add_argument("--dataset", default="photo_views", help="the real dataset; '' leaves it out")
    parser.add_argument(
        "--drag", type=float, nargs="?", const=6.0, default=0.0, help="seconds of a drag to measure instead"
    )
    parser.add_argument("--strategies", default="concat", help="fusions to move, e.g. concat,rrf,score_sum,confidence")
    given = parser.parse_args(args)
    strategies = [part.strip() for part in given.strategies.split(",") if part.strip()]
    _check(strategies)
    print(f"{machine.machine()['sentence']} Load {os.getloadavg()[0]:.1f}.")
    print(_drag_page.HEAD if given.drag else HEAD)
    if given.dataset:
        _embedded(given.dataset)
        for strategy in strategies:
            _measure(given.dataset, given.moves, paths.home(), strategy, given.drag)
    if given.images:
        with synthetic_home(given.images) as home:
            for strategy in strategies:
                _measure(LARGE, given.moves, home, strategy, given.drag)


def _check(strategies: list[str]) -> None:
    from core.fusion import FUSIONS

    usable = [one.name for one in FUSIONS if one.weight and not one.learned]
    wrong = [name for name in strategies if name not in usable]
    if wrong or not strategies:
        raise BadInput(f"--strategies takes names of {', '.join(usable)}; got {', '.join(wrong) or 'none'}.")


@contextmanager
def synthetic_home(n_images: int) -> Iterator[Path]:
    """A home that is thrown away, with the synthetic dataset in it; this process uses it meanwhile."""
    before = os.environ.get("FUSIONSCOPE_HOME")
    with tempfile.TemporaryDirectory(prefix="fusionscope-page-") as place:
        os.environ["FUSIONSCOPE_HOME"] = place
        try:
            synthetic(Path(place), n_images)
            yield Path(place)
        finally:
            if before is None:
                del os.environ["FUSIONSCOPE_HOME"]
            else:
                os.environ["FUSIONSCOPE_HOME"] = before


def _embedded(name: str) -> None:
    """The real dataset with all backbones in the store."""
    from core import data
    from core.studies import embedding

    embedding.embed(data.load(name), NAMES)


def synthetic(
    home: Path, n_images: int, n_classes: int = 25, seed: int = 0, strengths: Mapping[str, float] | None = None
) -> None:
    """Small drawn pictures, and random vectors of the backbones' real dimensions that know a little of the classes.

    Args:
        strengths: backbone → how much its vectors know.
    """
    from PIL import Image

    from core import backbones, data
    from core.store import open_store

    random, folder = np.random.default_rng(seed), home / "pictures"
    for number in range(n_images):
        place = folder / f"class_{number % n_classes:02d}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).save(place / f"{number:06d}.png")
    dataset = data.add(LARGE, folder)
    for name, strength in (strengths or STRENGTHS).items():
        backbone = backbones.get(name)
        fingerprint, record = backbones.fingerprint(backbone)
        centres = random.standard_normal((n_classes, backbone.dim))
        noise = random.standard_normal((len(dataset), backbone.dim))
        vectors = (centres[dataset.labels] * strength * 0.25 + noise).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        with open_store().writer(fingerprint, record, backbone.dim) as writer:
            writer.append([key.decode() for key in np.asarray(dataset.keys, "S64")], vectors)


@contextmanager
def server(home: Path) -> Iterator[tuple[str, int]]:
    """The app on a home of its own: its address and the number of its process.

    Raises:
        BadInput: it ended by itself.
    """
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(paths.REPOSITORY / "app.py"),
        "--server.headless=true",
        f"--server.port={port}",
        "--server.address=127.0.0.1",
        "--server.fileWatcherType=none",
        "--browser.gatherUsageStats=false",
    ]
    surroundings = {**os.environ, "FUSIONSCOPE_HOME": str(home)}
    server = subprocess.Popen(command, env=surroundings, cwd=paths.REPOSITORY, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            if server.poll() is not None:
                raise BadInput("The server ended by itself. Run `streamlit run app.py` to see why.")
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.25)
        yield address, server.pid
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def browser(script: str = "") -> Iterator[Page]:
    """A tab of a real Chromium, 1440 × 1000 CSS pixels, with a script that runs before every page's own.

    Raises:
        BadInput: there is no Playwright, or no Chromium.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise BadInput("This benchmark needs Playwright. Run `pip install -r requirements-dev.txt`.") from None
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise BadInput("This benchmark needs a Chromium. Install Debian's package chromium, or Google Chrome.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.add_init_script(script)
        yield page
        browser.close()


def _measure(name: str, moves: int, home: Path, strategy: str, seconds: float) -> None:
    """One line of the table, and what was demanded; a drag of so many seconds, or moves."""
    import psutil

    spans, used, lost = [], [], 0
    with server(home) as (address, pid), browser(WATCH) as page:
        _drag_page.open_lab(page, address, name, NAMES, strategy)
        if seconds:
            _drag_page.measure(page, pid, name, NAMES, strategy, seconds)
            return
        for number in range(moves + 3):
            before = sum(psutil.Process(pid).cpu_times()[:2])
            found = _move(page, number)
            if found is None:
                lost += 1
            elif number >= 3:  # the first ones meet cold code
                spans.append(found)
                used.append(1e3 * (sum(psutil.Process(pid).cpu_times()[:2]) - before))
    if not spans:
        raise BadInput(f"No move of the slider changed what {name!r} shows; look at the page by hand.")
    n_images, engine = _engine(name, moves, strategy)
    total, served = (statistics.median(one[at] for one in spans) for at in (0, 1))
    every = sorted(one[0] for one in spans)
    high = every[min(len(every) - 1, round(0.95 * len(every)))]
    print(
        f"{name:<13}{strategy:<12}{n_images:>7,}{len(spans):>7}{total:>9.0f}{every[0]:>9.0f}{high:>8.0f}   {engine:>7.0f}"
        f"{max(served - engine, 0):>11.0f}{total - served:>9.0f}{statistics.median(used):>9.0f}"
        + (f"   {lost} moves changed nothing" if lost else "")
    )
    allowed = DEMANDS[n_images > MANY]
    print(
        f"  demanded a median of at most {allowed:.0f} ms: {total:.0f} ms, {'held' if total <= allowed else 'MISSED'} "
        f"(load {os.getloadavg()[0]:.1f} on {paths.cpu_count()} cores; the server used {statistics.median(used):.0f} ms of "
        "processor a move)"
    )


def drag(page: Page, thumb: dict[str, float], track: dict[str, float], share: float) -> None:
    """Take the thumb of a slider to a share of its track and let it go; both are bounding boxes in CSS pixels."""
    page.mouse.move(thumb["x"] + thumb["width"] / 2, thumb["y"] + thumb["height"] / 2)
    page.mouse.down()
    page.mouse.move(track["x"] + track["width"] * share, thumb["y"] + thumb["height"] / 2, steps=3)
    page.mouse.up()


def _move(page: Page, number: int) -> tuple[float, float] | None:
    """Drag one slider; (release to shown, message sent to last message received) in ms, None if nothing changed."""
    slider = page.get_by_role("slider").nth(number % 2)
    slider.scroll_into_view_if_needed()
    track = slider.bounding_box()
    at = 9 + float(slider.input_value()) / 100 * (track["width"] - 18)
    thumb = {"x": track["x"] + at, "y": track["y"], "width": 0, "height": track["height"]}
    share = (0.15, 0.85, 0.35, 0.65, 0.5)[(number // 2 + 2 * (number % 2)) % 5]
    page.evaluate("window.__watch.arm()")
    drag(page, thumb, track, share)
    try:
        page.wait_for_function("window.__watch.done > 0", timeout=LONGEST_WAIT, polling=50)
    except Exception as error:  # noqa: BLE001  Playwright's own TimeoutError, which is only there when it is installed
        if type(error).__name__ != "TimeoutError":
            raise
        return None
    seen = page.evaluate("window.__watch")
    page.wait_for_timeout(700)
    return seen["done"] - seen["released"], max(seen["last"] - seen["sent"], 0.0)


def _engine(name: str, moves: int, strategy: str) -> tuple[int, float]:
    """Images, and the median time of what the page computes for one move, without the page, in ms."""
    from core import data, metrics
    from core.fusion import FusionSpec
    from core.metrics import resampling
    from core.search import LiveEngine
    from core.studies import fusion, fusion_attribution, fusion_baseline, fusion_evaluator, retrieval, training_split

    dataset = data.load(name)
    space, truth = fusion.space_of(dataset, NAMES), data.relevance(dataset)
    space.keep()
    judge = fusion_evaluator.FusionEvaluator(
        space, truth, LiveEngine(space.vectors, dataset.split, truth, background=False)
    )
    keys, random, spans = training_split.query_keys(dataset), np.random.default_rng(0), []
    question = retrieval.gallery_image_query(dataset, space, int(dataset.split.queries[0]), truth)
    shown = ("map", "p@1", "p@10", "ndcg@10")
    for _ in range(moves + 3):
        spec = FusionSpec("now", strategy, NAMES).with_shares(dict(zip(NAMES, random.dirichlet(np.ones(len(NAMES))))))
        start = time.perf_counter()
        values = metrics.compute(judge.fusion(spec), shown)
        resampling.intervals(np.stack([values[key] for key in shown], axis=1))
        fusion_baseline.compare_to_baseline(judge, spec, keys=keys)
        answer = retrieval.retrieve(question, question.system("now", spec))
        fusion_attribution.score_contributions(answer.system, 0, answer.order[:12])
        spans.append(1e3 * (time.perf_counter() - start))
    return len(dataset), statistics.median(spans[3:])
