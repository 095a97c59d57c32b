"""How fast all list metrics follow a weight: the plain way, the best library, ours and the floor, in the same run.

A slider has moved: new shares for four backbones, self-retrieval, single labels, unit vectors of 512 dims. The plain way
concatenates, normalises, sorts every list and loops; the library (torchmetrics, its functional average precision) gets
the weighted sum of scores that are kept, as ours does. Both give mAP alone; ours gives every list metric of every query.
The methods are interleaved and figures are medians. On a busy machine compare processor seconds, not the clock. Of a
large gallery the slow methods judge a seeded sample of queries, and their time is scaled and marked with "~".
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core import metrics
from core.errors import BadInput
from core.metrics import curves
from core.paths import cpu_count
from core.search import LiveEngine, precompile
from core.types import Relevance, Split, unit

DIM = 512
NOISE = (3.0, 4.0, 5.0, 6.0)
"""Spread around the class centres, a backbone each: weak to weaker, so that lists are mixed and fusing helps."""
CUTS = (1, 5, 10, 100)
WHOLE = 5_000
"""Up to so many images the slow methods judge every query."""
SAMPLE = 1_000
DEMANDS = {"plain": 20.0, "library": 40.0}
"""At 5,000 and 10,000 images, how many times faster than the plain way and than the best library."""
MOST_SUMS = 3.0
"""At these sizes, how many times the weighted sum alone all list metrics may take, in processor seconds."""
PROTOTYPES = {20: 1.50 / 0.066, 100: 1.62 / 0.061}
"""Classes → how many times faster than summing and sorting kept scores the best prototype was at 5,000 images, in
processor seconds, when the method was chosen; at most 1.5 times its time is demanded."""
SLACK = 1.5
LONGEST = 0.5
"""Seconds by the clock that a moved weight may take at 10,000 images."""


@dataclass(frozen=True)
class SyntheticSet:
    """Four backbones around class centres, and what a slow method needs of them."""

    vectors: dict[str, np.ndarray]
    labels: np.ndarray
    engine: LiveEngine
    blocks: list[np.ndarray]
    asked: np.ndarray

    @property
    def n(self) -> int:
        """How many images there are."""
        return len(self.labels)


def run(args: list[str]) -> None:
    """`python -m core bench evaluate`: prints one table, the ratios and whether the demands hold."""
    parser = argparse.ArgumentParser(prog="python -m core bench evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("--images", default="2000,5000,10000", help="gallery sizes")
    parser.add_argument("--classes", default="20,100", help="numbers of classes")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of all methods, interleaved")
    given = parser.parse_args(args)
    try:
        sizes = [int(part) for part in given.images.split(",")]
        classes = [int(part) for part in given.classes.split(",")]
    except ValueError:
        sizes = classes = []
    if not sizes or not classes or min(sizes) < 10 or min(classes) < 2 or given.rounds < 1:
        raise BadInput("--images and --classes take whole numbers separated by commas, e.g. --images 2000,5000.")
    start = time.perf_counter()
    precompile((np.float32,))
    print(f"Kernel ready in {time.perf_counter() - start:.1f} s (read from the disk once it was compiled).")
    for n in sizes:
        for count in classes:
            measure(n, count, given.rounds)


def make(n: int, classes: int, seed: int = 0) -> SyntheticSet:
    """Vectors, labels and an engine that keeps its scores."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.arange(n) % classes)
    vectors = {}
    for number, noise in enumerate(NOISE):
        centres = draw.standard_normal((classes, DIM))
        vectors[f"b{number}"] = unit(centres[labels] + noise * draw.standard_normal((n, DIM)))
    truth = Relevance(n, n, self_position=np.arange(n), query_classes=labels, gallery_classes=labels)
    engine = LiveEngine(vectors, Split.self_retrieval(n), truth, memory_bytes=16 * n * n, background=False)
    engine.keep()
    asked = np.arange(n) if n <= WHOLE else np.sort(draw.choice(n, SAMPLE, replace=False))
    return SyntheticSet(vectors, labels, engine, [engine.present_scores(name) for name in vectors], asked)


def shares(seed: int) -> dict[str, float]:
    """A new position of the sliders."""
    drawn = np.random.default_rng(seed).uniform(0.1, 1, len(NOISE))
    return {f"b{number}": float(share) for number, share in enumerate(drawn / drawn.sum())}


def _average_precisions(scores: np.ndarray, world: SyntheticSet) -> list[float]:
    """Sort every list, loop: what people write."""
    found = []
    for row, query in zip(scores, world.asked):
        row[query] = -np.inf
        order = np.argsort(-row, kind="stable")[:-1]
        at = np.flatnonzero(world.labels[order] == world.labels[query]) + 1
        found.append(float((np.arange(1, len(at) + 1) / at).mean()))
    return found


def plain(world: SyntheticSet, parts: dict[str, float]) -> np.ndarray:
    """Concatenate, normalise, product, sort, loop."""
    joined = np.hstack([np.sqrt(np.float32(parts[name])) * rows for name, rows in world.vectors.items()])
    joined /= np.linalg.norm(joined, axis=1, keepdims=True)
    return np.array(_average_precisions(joined[world.asked] @ joined.T, world))


def _summed(world: SyntheticSet, parts: dict[str, float]) -> np.ndarray:
    rows = slice(None) if len(world.asked) == world.n else world.asked
    return sum(np.float32(share) * block[rows] for share, block in zip(parts.values(), world.blocks))


def summed(world: SyntheticSet, parts: dict[str, float]) -> np.ndarray:
    """The weighted sum of kept scores, then sort and loop."""
    return np.array(_average_precisions(_summed(world, parts), world))


def library(world: SyntheticSet, parts: dict[str, float]) -> np.ndarray:
    """The same sum, judged by torchmetrics one query at a time; scores are moved above 0, where it needs them."""
    import torch
    from torchmetrics.functional.retrieval import retrieval_average_precision

    # Its lists are short work each: several threads a list only wait for one another.
    torch.set_num_threads(1)
    scores = torch.from_numpy(_summed(world, parts) + np.float32(1.0))
    labels = torch.from_numpy(world.labels)
    found, others = [], torch.ones(world.n, dtype=torch.bool)
    for row, query in zip(scores, world.asked):
        others[query] = False
        found.append(float(retrieval_average_precision(row[others], (labels == labels[query])[others])))
        others[query] = True
    return np.array(found)


def ours(world: SyntheticSet, parts: dict[str, float]) -> np.ndarray:
    """Every list metric and the 11 levels of every query."""
    ranks = world.engine.rank(parts).ranks
    values = metrics.compute(ranks, metrics.list_keys(CUTS))
    curves.average_curve(curves.levels(ranks))
    return values["map"][world.asked]


def floor(world: SyntheticSet, parts: dict[str, float]) -> None:
    """The weighted sum alone, row by row in the cache: below this nobody gets."""
    from tests.bench import floors

    floors.weighted_sums(*world.blocks, np.array(list(parts.values()), np.float32))


def _methods() -> dict[str, tuple[str, Callable]]:
    from core.compat import library as installed

    methods = {
        "plain": ("plain: concatenate, sort, loop (mAP)", plain),
        "sum": ("kept scores: sum, sort, loop (mAP)", summed),
    }
    try:
        installed("torchmetrics")

        methods["library"] = ("best library: torchmetrics (mAP)", library)
    except ImportError:
        print("torchmetrics is not installed, so the library is left out: pip install -r requirements-dev.txt")
    return methods | {"ours": ("ours: ALL list metrics", ours), "floor": ("floor: weighted sum alone", floor)}


def measure(n: int, classes: int, rounds: int) -> dict[str, float]:
    """Median processor seconds of each method on one world; prints its part of the table."""
    world, methods = make(n, classes), _methods()
    for name in ("ours", "floor"):
        methods[name][1](world, shares(0))
    cpu: dict[str, list[float]] = {name: [] for name in methods}
    wall: dict[str, list[float]] = {name: [] for name in methods}
    means: dict[str, list[np.ndarray]] = {name: [] for name in methods}
    for turn in range(rounds):
        for name, (_, method) in methods.items():
            # The quick ones three times a round: a disturbance of a few milliseconds is much of their time.
            for _ in range(3 if name in ("ours", "floor") else 1):
                clock, spent = time.perf_counter(), time.process_time()
                result = method(world, shares(turn))
                spent, clock = time.process_time() - spent, time.perf_counter() - clock
                scale = n / len(world.asked) if name in ("plain", "sum", "library") else 1.0
                cpu[name].append(spent * scale)
                wall[name].append(clock * scale)
            if result is not None:
                means[name].append(result)
    _print(world, classes, methods, cpu, wall, means)
    return {name: statistics.median(spent) for name, spent in cpu.items()}


def _print(world: SyntheticSet, classes: int, methods: dict, cpu: dict, wall: dict, means: dict) -> None:
    n, sampled = world.n, len(world.asked) < world.n
    print(f"\n{n:,} images, {classes} classes, {len(NOISE)} backbones; mAP {means['ours'][0].mean():.4f}")
    if sampled:
        print(f"~ from {len(world.asked):,} of {n:,} queries, scaled")
    print(f"{'method':42} {'processor s':>12} {'clock s':>9} {'best clock':>11} {'ours is faster':>15}")
    mine = statistics.median(cpu["ours"])
    for name, (title, _) in methods.items():
        spent = statistics.median(cpu[name])
        mark = "~" if sampled and name in ("plain", "sum", "library") else ""
        ratio = "" if name in ("ours", "floor") else f"{spent / mine:.1f} x"
        print(
            f"{title:42} {mark + format(spent, '.4f'):>12} {statistics.median(wall[name]):>9.4f} "
            f"{min(wall[name]):>11.4f} {ratio:>15}"
        )
    for name in ("plain", "sum", "library"):
        if name in means:
            apart = max(abs(a.mean() - b.mean()) for a, b in zip(means[name], means["ours"]))
            print(
                f"mAP of {name!r} and ours differ by at most {apart:.1e} ({'agrees' if apart < 1e-4 else 'DISAGREES'})"
            )
    for line in demands(n, classes, cpu, wall):
        print(line)


def demands(n: int, classes: int, cpu: dict[str, list[float]], wall: dict[str, list[float]]) -> list[str]:
    """What is demanded at this size, what was measured, and whether it holds."""
    mine, said = statistics.median(cpu["ours"]), []
    if n in (5_000, 10_000):
        asked = [(name, demand, f"against {name!r}") for name, demand in DEMANDS.items()]
        if n == 5_000 and classes in PROTOTYPES:
            best = PROTOTYPES[classes]
            asked.append(
                ("sum", best / SLACK, f"against 'sum', which is {SLACK} times the best prototype ({best:.1f} x)")
            )
        for name, demand, words in asked:
            if name in cpu:
                ratio = statistics.median(cpu[name]) / mine
                said.append(
                    f"demanded {demand:.1f} x {words}: {ratio:.1f} x, {'held' if ratio >= demand else 'MISSED'}"
                )
        if "floor" in cpu:
            sums = mine / statistics.median(cpu["floor"])
            verdict = "held" if sums <= MOST_SUMS else "MISSED"
            said.append(f"demanded at most {MOST_SUMS:g} weighted sums: {sums:.1f}, {verdict}")
    if n == 10_000:
        clock = statistics.median(wall["ours"])
        others = f"the machine's load is {os.getloadavg()[0]:.1f} on {cpu_count()} cores, {mine:.3f} processor s"
        verdict = "held" if clock < LONGEST else "MISSED"
        said.append(f"demanded under {LONGEST} s: {clock:.3f} s by the clock, {verdict} ({others})")
    return said
