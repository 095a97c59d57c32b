"""How long a map takes: laid out afresh, gone on from after a moved weight, and how far each can be trusted."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from core import projection
from core.bench import machine
from core.projection import JointSpace
from core.types import unit
from tests.bench import _map_page

DIMS = (384, 512)
SIZES = [1_000, 2_000, 5_000, 10_000, 20_000]
PAGE_SIZES = [2_000, 5_000]


def run(args: list[str]) -> None:
    """`bench map`: PCA, t-SNE and UMAP of two backbones' vectors; wall and processor seconds, and trustworthiness.

    All sizes are six to eight minutes of processor time, most of it for 20,000 points; `--images` and `--methods`
    choose.
    `--browser` moves weights on the page instead: about a minute for each size and method.
    """
    parser = argparse.ArgumentParser(prog="python -m core bench map", description=run.__doc__)
    parser.add_argument("--images", type=int, nargs="+", help="how many points, one run each")
    parser.add_argument(
        "--methods", nargs="*", choices=projection.METHODS.names, default=list(projection.METHODS.names)
    )
    parser.add_argument("--repeats", type=int, default=3, help="weights moved; the median is printed")
    parser.add_argument(
        "--browser", action="store_true", help="move weights on the Map page itself, in a real Chromium"
    )
    given = parser.parse_args(args)
    sizes = given.images or (PAGE_SIZES if given.browser else SIZES)
    print(f"{machine.machine()['sentence']} Load {os.getloadavg()[0]:.1f}.")
    if given.browser:
        methods = [name for name in given.methods if not projection.METHODS.get(name).instant]
        _map_page.run(sizes, max(given.repeats, 1), methods)
        return
    if "umap" in given.methods:
        wall, _, _ = timed(lambda: projection.warm_umap().join())
        print(f"UMAP compiled in {wall:.1f} s, once per process, beside the pages")
    print(
        f"{'images':>8} {'method':>7} {'fresh':>9} {'cpu':>8} {'trust':>6} {'kept@10':>8}"
        f" {'moved':>8} {'cpu':>8} {'first':>8} {'trust':>6} {'drift':>6}   seconds"
    )
    for n in sizes:
        space = JointSpace(tuple(clustered(n, dim, seed) for seed, dim in enumerate(DIMS)), (0.5, 0.5))
        wall, cpu, _ = timed(lambda space=space: space.compressed)
        print(f"{n:8,} {'blocks':>7} {wall:9.2f} {cpu:8.2f}   principal components of each backbone, once")
        for method in given.methods:
            print(row(space, method, given.repeats), flush=True)


def row(space: JointSpace, method: str, repeats: int) -> str:
    """One line: a fresh layout, then weights moved by a tenth, the median of `repeats`."""
    wall, cpu, fresh = timed(lambda: projection.layout(space.with_shares(space.shares), method))
    measured = projection.measure_quality(space, fresh.xy)
    line = f"{len(space):8,} {method:>7} {wall:9.2f} {cpu:8.2f}"
    line += f" {measured.trustworthiness:6.3f} {measured.preservation:8.3f}"
    walls, cpus, firsts, last = [], [], [], fresh
    for step in range(1, repeats + 1):
        moved = space.with_shares((0.5 + 0.1 * step, 0.5 - 0.1 * step))
        seen: list[float] = []
        began = time.perf_counter()
        wall, cpu, after = timed(
            lambda moved=moved, seen=seen, last=last: projection.layout(
                moved, method, start=last.xy, on_layout=lambda _: seen.append(time.perf_counter())
            )
        )
        walls.append(wall)
        cpus.append(cpu)
        firsts.append((seen[0] if seen else began + wall) - began)
        before, last = last, after
    trust = projection.measure_quality(moved, last.xy).trustworthiness
    wall, cpu, first = (statistics.median(values) for values in (walls, cpus, firsts))
    return f"{line} {wall:8.2f} {cpu:8.2f} {first:8.2f} {trust:6.3f} {projection.drift(last.xy, before.xy):6.3f}"


def timed(act: Callable[[], Any]) -> tuple[float, float, Any]:
    """Wall seconds, processor seconds and the result of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = act()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def clustered(n: int, dim: int, seed: int) -> np.ndarray:
    """(n, dim) unit vectors in 50 loose groups, the same groups for every seed."""
    random = np.random.default_rng(seed)
    groups = np.random.default_rng(99).integers(0, 50, n)
    return unit(random.normal(size=(50, dim))[groups] + 1.5 * random.normal(size=(n, dim)))
