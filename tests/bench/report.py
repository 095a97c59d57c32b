"""`bench report`: how large a playable report becomes, how soon it is ready, how it follows the thumb, how exact it is.

The file is written from embeddings that are in the store, opened from the disk in Chromium without a network, and its
sliders are moved by events, one a frame.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.bench import machine
from tests.bench.page import FLAGS, NAMES

if TYPE_CHECKING:
    from playwright.sync_api import Page

DEMANDS = {"MB": 5.0, "ms per move": 16.0, "map": 0.001, "p@10": 0.002}
"""At most, at 1,000 images and four backbones."""
MOST_MEGABYTES = 15.0

MOVE = """async (moves) => {
  const { engine } = window.playable, spent = [];
  for (const weights of moves) {
    const began = performance.now();
    await engine.update(weights, 0, 15);
    spent.push(performance.now() - began);
  }
  return spent;
}"""
MEANS = """async (moves) => {
  const means = [];
  for (const weights of moves) means.push((await window.playable.engine.update(weights, -1, 0)).means);
  return means;
}"""
DRAG = """async (frames) => {
  const { lab } = window.playable, input = lab.root.querySelector("input[type=range]"), waits = [];
  const frame = () => new Promise(requestAnimationFrame);
  let shown = lab.root.dataset.answered, sent = [], answers = 0;
  const watcher = new MutationObserver(async () => {
    if (lab.root.dataset.answered === shown) return;
    shown = lab.root.dataset.answered;
    answers++;
    const mine = sent;
    sent = [];
    await frame();
    await frame();
    if (mine.length) waits.push(performance.now() - mine[mine.length - 1]);
  });
  watcher.observe(lab.root, { attributes: true, attributeFilter: ["data-answered"] });
  input.dispatchEvent(new PointerEvent("pointerdown"));
  const began = performance.now();
  for (let at = 0; at < frames; at++) {
    await frame();
    input.value = 5 + (at * 3) % 90;
    sent.push(performance.now());
    input.dispatchEvent(new Event("input"));
  }
  const seconds = (performance.now() - began) / 1000;
  input.dispatchEvent(new PointerEvent("pointerup"));
  watcher.disconnect();
  return { waits, rate: answers / seconds };
}"""


def run(args: list[str]) -> None:
    """Write the report of a dataset, open it and print the table beside what is demanded."""
    parser = argparse.ArgumentParser(prog="python -m core bench report", description=__doc__)
    parser.add_argument(
        "--live", action="store_true", help="the playable report; without it, the plain one's size and time"
    )
    parser.add_argument("--data", default="photo_views", help="a labelled dataset with embeddings in the store")
    parser.add_argument("--backbone", action="append", default=[], help=f"default: {', '.join(NAMES)}")
    parser.add_argument("--moves", type=int, default=20, help="random weightings")
    arguments = parser.parse_args(args)
    print(f"{machine.machine()['sentence']} Load {os.getloadavg()[0]:.1f}.")
    names = tuple(arguments.backbone) or NAMES
    began = time.perf_counter()
    html = written(arguments.data, names, arguments.live)
    seconds, megabytes = time.perf_counter() - began, len(html.encode()) / 1e6
    print(
        f"{arguments.data}: {'playable' if arguments.live else 'plain'} report, {megabytes:.2f} MB, written in {seconds:.1f} s"
    )
    if arguments.live:
        measured = opened(html, arguments.data, names, arguments.moves) | {"MB": megabytes}
        show(measured)


def written(name: str, backbones: tuple[str, ...], live: bool) -> str:
    """The report's HTML, of the backbones and all their equal mixes."""
    from core import data
    from core.export.report import comparison
    from core.fusion import spec

    return comparison.of_stored(data.load(name), backbones, spec.equal_mixes(backbones), (1, 10), live=live)


def opened(html: str, name: str, backbones: tuple[str, ...], moves: int) -> dict[str, Any]:
    """What Chromium shows of it: times, and the largest error of each metric at random weightings."""
    from playwright.sync_api import sync_playwright

    from core.export.report.live.mirror import random_weights

    weights = random_weights(len(backbones), moves, seed=1)
    with tempfile.TemporaryDirectory(prefix="fusionscope-report-") as folder, sync_playwright() as playwright:
        file = Path(folder) / "report.html"
        file.write_text(html, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), headless=True, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
        page.wait_for_timeout(1500)
        measured = _timed(page, weights.tolist())
        measured["errors"] = _errors(name, backbones, weights, page.evaluate(MEANS, weights.tolist()), page)
        browser.close()
    return measured


def _timed(page: Page, moves: list[list[float]]) -> dict[str, Any]:
    """Ready, moves and drags in milliseconds."""
    ready = int(page.evaluate("document.documentElement.dataset.ready"))
    where = page.locator("#live-state").inner_text()
    spent = page.evaluate(MOVE, moves)
    drag = page.evaluate(DRAG, 120)
    waits = sorted(drag["waits"]) or [float("nan")]
    return {
        "where": where,
        "ready": ready,
        "ms per move": statistics.median(spent),
        "fastest": min(spent),
        "slowest": max(spent),
        "updates/s": drag["rate"],
        "paint": statistics.median(waits),
        "paint 95": waits[min(len(waits) - 1, int(0.95 * len(waits)))],
    }


def _errors(
    name: str, backbones: tuple[str, ...], weights: np.ndarray, means: list[list[float]], page: Page
) -> dict[str, float]:
    """The largest difference of each mean from exact ranking of the same queries."""
    from core import data, metrics
    from core.export.report.live.contents import LiveScores
    from core.search import LiveEngine
    from core.studies import fusion

    dataset = data.load(name)
    space, truth = fusion.space_of(dataset, backbones), data.relevance(dataset)
    extent = LiveScores.of(space, truth).extent
    queries = None if extent.is_whole(space.split) else extent.queries
    engine = LiveEngine(space.vectors, space.split, truth, background=False)
    keys = page.evaluate("window.playable.engine.record.metrics")
    errors = dict.fromkeys(keys, 0.0)
    for row, shown in zip(weights, means):
        ranked = engine.rank(dict(zip(backbones, map(float, row))), queries=queries)
        for key, values, mean in zip(keys, metrics.compute(ranked.ranks, keys).values(), shown):
            errors[key] = max(errors[key], abs(metrics.mean(values) - mean))
    return errors


def show(measured: dict[str, Any]) -> None:
    """The table, with what is demanded."""
    print(measured["where"])
    print(
        f"  file                     {measured['MB']:8.2f} MB   (at 1,000 images at most {DEMANDS['MB']:g}, ever {MOST_MEGABYTES:g})"
    )
    print(f"  ready after opening      {measured['ready']:8d} ms")
    print(
        f"  a move, median           {measured['ms per move']:8.1f} ms   (at 1,000 images at most {DEMANDS['ms per move']:g}); fastest {measured['fastest']:.1f}, slowest {measured['slowest']:.1f}"
    )
    print(f"  updates while dragging   {measured['updates/s']:8.1f} /s")
    print(f"  input to paint           {measured['paint']:8.1f} ms, 95 % {measured['paint 95']:.1f}")
    for key, error in measured["errors"].items():
        demanded = f"   (at most {DEMANDS[key]:g})" if key in DEMANDS else ""
        print(f"  error of {key:<15} {error:8.4f}{demanded}")
