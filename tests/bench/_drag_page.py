"""`bench page --drag`: while a thumb moves in every frame, how often the page follows, and how soon.

An update is an answer that was painted: figures, intervals, curve and images together. Input to paint is the time from a
move of the thumb to the second frame after the answer to it was drawn. The server's processor per answer is held
against the engine's, which is the same work in this process, without a page.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import BadInput

if TYPE_CHECKING:
    from playwright.sync_api import Page

KEYS = ("map", "p@1", "p@10", "ndcg@10")
MANY = 2_000
UPDATES = {True: 10.0, False: 20.0}
"""Updates a second that are demanded: with thousands of images, and with fewer."""
PAINT = {True: 120.0, False: 60.0}
"""Milliseconds from input to paint, as a median; the 95 % may take twice that."""
SERVER = 1.5
"""Times the engine's own processor that the server may use for an answer."""

DRIVE = """
async (seconds) => {
  const host = [...document.querySelectorAll("*")].find((n) => n.shadowRoot?.querySelector(".fs-lab"));
  const lab = host.shadowRoot.querySelector(".fs-lab"), input = lab.querySelector("input[type=range]");
  const pending = [], spans = [], frames = [];
  let painted = 0;
  document.addEventListener("fusionscope-weights", (event) => {
    pending.push({ at: performance.now(), weights: event.detail.weights });
  });
  const observer = new MutationObserver(() => {
    const answered = lab.dataset.answered.split(" ").map(Number);
    const index = pending.findIndex(({ weights }) => weights.every((w, i) => Math.abs(w - answered[i]) < 3e-4));
    if (index < 0) return;
    const { at } = pending[index];
    pending.splice(0, index + 1);
    requestAnimationFrame(() => requestAnimationFrame(() => { painted += 1; spans.push(performance.now() - at); }));
  });
  observer.observe(lab, { attributes: true, attributeFilter: ["data-answered"] });
  const frame = () => new Promise(requestAnimationFrame), start = performance.now();
  let value = Number(input.value), step = 1, last = start;
  input.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
  while (performance.now() - start < 1000 * seconds) {
    const now = await frame();
    frames.push(now - last);
    last = now;
    if (value >= 95) step = -1;
    if (value <= 5) step = 1;
    input.value = value += step;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const seen = { painted, spans: spans.slice(), frames, seconds: (performance.now() - start) / 1000 };
  input.dispatchEvent(new Event("change", { bubbles: true }));
  observer.disconnect();
  return seen;
}
"""


def measure(page: Page, pid: int, name: str, names: tuple[str, ...], strategy: str, seconds: float) -> None:
    """One line of the table, and what was demanded; the page shows the lab already."""
    import psutil

    page.evaluate(DRIVE, 1.5)  # the first moves meet cold code
    page.wait_for_timeout(1500)
    before = sum(psutil.Process(pid).cpu_times()[:2])
    seen = page.evaluate(DRIVE, seconds)
    used = 1e3 * (sum(psutil.Process(pid).cpu_times()[:2]) - before) / max(1, len(seen["spans"]))
    if not seen["spans"]:
        raise BadInput(f"No move of the thumb was answered on {name!r}; look at the page by hand.")
    n_images, asked, wall, processor = engine(name, names, strategy)
    rate, spans = seen["painted"] / seen["seconds"], sorted(seen["spans"])
    median, high = statistics.median(spans), spans[min(len(spans) - 1, round(0.95 * len(spans)))]
    longest = max(seen["frames"][1:])
    print(
        f"{name:<13}{strategy:<12}{n_images:>7,}{asked:>8,}{rate:>10.1f}{median:>9.0f}{high:>7.0f}{longest:>10.0f}"
        f"{used:>9.1f}{processor:>9.1f}{wall:>8.1f}   (load {os.getloadavg()[0]:.1f})"
    )
    many = n_images > MANY
    demands = [
        (f"at least {UPDATES[many]:.0f} updates/s", rate >= UPDATES[many]),
        (f"paint at most {PAINT[many]:.0f} ms", median <= PAINT[many]),
        (f"95 % at most {2 * PAINT[many]:.0f} ms", high <= 2 * PAINT[many]),
        (f"server at most {SERVER} times the engine ({used / processor:.2f})", used <= SERVER * processor),
    ]
    print("  demanded: " + "; ".join(f"{text} {'held' if held else 'MISSED'}" for text, held in demands))


HEAD = (
    f"{'dataset':<13}{'strategy':<12}{'images':>7}{'queries':>8}{'updates/s':>10}{'median':>9}{'95 %':>7}{'longest':>10}"
    f"{'server':>9}{'engine':>9}{'(wall)':>8}\n{'':<40}{'':>10}{'input to paint':>16}{'frame':>10}{'processor':>18}   ms"
)


def engine(name: str, names: tuple[str, ...], strategy: str, moves: int = 40) -> tuple[int, int, float, float]:
    """Images, queries asked, and the median wall and processor milliseconds of an answer in this process."""
    from core import data
    from core.fusion import FusionSpec
    from core.search import LiveEngine
    from core.studies import fusion, fusion_evaluator, live_figures, query_sampling, retrieval

    whole = data.load(name)
    truth = data.relevance(whole)
    dataset: Any = whole
    if int((truth.n_relevant > 0).sum()) > MANY:
        dataset = query_sampling.of(whole, truth)
    space, truth = fusion.space_of(dataset, names), data.relevance(dataset)
    space.keep()
    kept = LiveEngine(space.vectors, dataset.split, truth, background=False)
    spec, random = FusionSpec("now", strategy, names), np.random.default_rng(0)
    live = live_figures.LiveEvaluator(fusion_evaluator.FusionEvaluator(space, truth, kept), spec, KEYS)
    everyone = fusion.space_of(whole, names)
    question = retrieval.gallery_image_query(whole, everyone, int(whole.split.queries[0]), data.relevance(whole))
    question.space.keep(2 * 4 * len(names) * len(whole.split.gallery))
    walls, processors = [], []
    for _ in range(moves + 5):
        shares = dict(zip(names, random.dirichlet(np.ones(len(names)))))
        began, worked = time.perf_counter(), time.process_time()
        live.at(shares, "map")
        live_figures.results(whole, question, spec.with_shares(shares), 12)
        walls.append(1e3 * (time.perf_counter() - began))
        processors.append(1e3 * (time.process_time() - worked))
    return len(whole), len(dataset.split.queries), statistics.median(walls[5:]), statistics.median(processors[5:])


def open_lab(page: Page, address: str, name: str, names: tuple[str, ...], strategy: str) -> None:
    """The lab with its first results."""
    page.goto(f"{address}/fusion_lab?d={name}&b={','.join(names)}&s={strategy}")
    page.wait_for_selector(".fs-lab .result .score", timeout=120_000)
    page.wait_for_timeout(4000)
