"""What a ratio alone would hide: does a vector depend on its batch, how soon a warm query is answered, what a busy
neighbour on the processor costs, what the store's half precision loses. `bench embed` prints them beside its ratios."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.bench.machine import CONTAMINATED, Watch
from core.types import Backbone, Relevance, unit


@dataclass(frozen=True)
class Demand:
    """One thing that is asked of the speed, what was measured, and whether it held.

    `sure` is False where other programs used the machine: threads that wait for each other then burn processor time,
    the plain loops' most of all, so that neither clock nor processor time is a quiet machine's.
    """

    check: str
    demand: str
    measured: str
    held: bool
    sure: bool = True

    @property
    def verdict(self) -> str:
        """In a word: held or missed, with a question mark where the machine was not quiet."""
        return ("held" if self.held else "MISSED") + ("" if self.sure else " ?")


def run(args: list[str]) -> None:
    """`python -m core bench guards`: batch 8 against 1, and a warm query against eager torch, for a few backbones."""
    parser = argparse.ArgumentParser(prog="python -m core bench guards", description=run.__doc__)
    parser.add_argument("names", nargs="*", default=["tf_efficientnet_lite0", "random:clip_vitb32"])
    parser.add_argument("--data", default="", help="a folder of pictures; by default the demo's photo views")
    parser.add_argument("--images", type=int, default=16, help="how many of them")
    given = parser.parse_args(args)
    from tests.bench import embed

    found = measure([embed.record(name) for name in given.names], embed.pictures(given.data, given.images))
    print(demands_table([row for name in found for row in demands(name, found[name])]))


def measure(backbones: Sequence[Backbone], files: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Backbone → what was measured with at most 16 files: see `_query` and `_batch`."""
    contents = [file.read_bytes() for file in files[:16]]
    return {
        one.name: {"engine": engine(one), **_batch(one, contents[:8]), **_query(one, contents)} for one in backbones
    }


def demands(name: str, found: dict[str, Any]) -> list[Demand]:
    """What is asked of one backbone's guards; a clock that others disturbed gives way to processor time."""
    faster = {clock: found[f"eager_{clock}"] / found[f"query_{clock}"] for clock in ("ms", "cpu_ms")}
    least = 2.0 if "clip" in name else 1.5
    quiet = found["others"] <= CONTAMINATED
    plain = name.removeprefix("random:")
    return [
        Demand(
            f"{plain}: a batch of 8 against one picture alone",
            "differs by <= 1e-5 of the largest",
            f"{found['batch_difference']:.1e} ({found['engine']})",
            found["batch_difference"] <= 1e-5,
        ),
        Demand(
            f"{plain}: a warm query against eager torch",
            f">= {least:g} times, cosine >= 0.9999",
            f"{faster['ms']:.2f} times by the clock ({found['query_ms']:.1f} against {found['eager_ms']:.1f} ms), "
            f"{faster['cpu_ms']:.2f} by processor time, cosine {found['cosine']:.6f}",
            faster["ms" if quiet else "cpu_ms"] >= least and found["cosine"] >= 0.9999,
            quiet,
        ),
    ]


def demands_table(rows: Sequence[Demand]) -> str:
    """What was asked, what was measured, and whether it held."""
    if not rows:
        return ""
    widths = [max(len(getattr(row, key)) for row in rows) for key in ("check", "demand")]
    lines = [f"{row.verdict:8} {row.check:{widths[0]}}  {row.demand:{widths[1]}}  {row.measured}" for row in rows]
    doubtful = sum(not row.sure for row in rows)
    note = (
        f" ({doubtful} of them while other programs used the machine: run it again when it is quiet)"
        if doubtful
        else ""
    )
    return "\n".join([f"{sum(row.held for row in rows)} of {len(rows)} demands held{note}:", *lines])


def engine(backbone: Backbone) -> str:
    """The engine that this installation would use; random weights run as EfficientNet-Lite0 does."""
    from core import backbones
    from core.backbones.engines import select

    return select.decide(backbones.get("tf_efficientnet_lite0") if backbone.random else backbone, "cpu")


def seeded() -> None:
    """What has random weights has the same ones each time it is built after this."""
    import torch

    torch.manual_seed(0)


def _batch(backbone: Backbone, contents: Sequence[bytes]) -> dict[str, float]:
    """The largest difference between a picture's vector alone and in a batch, as a share of the largest number."""
    from core.backbones import preprocessing
    from core.backbones.engines import select
    from core.data.images import open_rgb

    seeded()
    made = select.build(backbone, "cpu", engine=engine(backbone))
    squares = np.stack([preprocessing.square(open_rgb(content), made.preprocessing.geometry) for content in contents])
    together, alone = made.embed(squares), np.concatenate([made.embed(one[None]) for one in squares])
    return {"batch_difference": float(np.abs(together - alone).max() / np.abs(together).max())}


def _query(backbone: Backbone, contents: Sequence[bytes]) -> dict[str, float]:
    """One warm picture, file to vector, by ours and by eager torch: medians in ms, smallest cosine.

    They take turns of all pictures, so that load meets both alike. Turns of one picture would measure the threads of
    the other library, which spin for a while after their work is done; nobody asks both in turns.
    """
    from core.backbones import preprocessing
    from core.backbones.engines import torch_engine
    from core.backbones.query_encoding import QueryEncoder
    from core.backbones.sources import source_of
    from core.data.images import open_rgb

    seeded()
    eager = torch_engine.TorchEngine(source_of(backbone).load(backbone), backbone)
    seeded()
    encoder = QueryEncoder(backbone, "cpu", engine=engine(backbone))
    geometry = eager.preprocessing.geometry
    ways = {
        "query": lambda picture: encoder.encode([picture])[0],
        "eager": lambda picture: unit(eager.embed(preprocessing.square(picture, geometry)[None]))[0],
    }
    watch = Watch()
    times: dict[str, list[float]] = {f"{way}_{clock}": [] for way in ways for clock in ("ms", "cpu_ms")}
    found: dict[str, np.ndarray] = {}
    for way, embed in 3 * [*ways.items()]:
        made = []
        for number, content in enumerate([*contents[:2], *contents]):
            clock, processor = time.perf_counter(), time.process_time()
            made.append(embed(open_rgb(content)))
            if number >= 2:
                times[f"{way}_ms"].append(1000 * (time.perf_counter() - clock))
                times[f"{way}_cpu_ms"].append(1000 * (time.process_time() - processor))
        found[way] = np.stack(made)
    cosines = (found["query"] * found["eager"]).sum(1)
    medians = {key: float(np.median(values)) for key, values in times.items()}
    return {**medians, "cosine": float(cosines.min()), "others": watch.read()["others"]}


def half_precision(vectors: np.ndarray, labels: Sequence[str]) -> dict[str, float]:
    """What float16, as the store keeps it, changes: the largest 1 − cosine, and the change of mAP."""
    exact = vectors.astype(np.float64)
    kept = vectors.astype(np.float16).astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1) * np.linalg.norm(kept, axis=1)
    apart = float((1 - (exact * kept).sum(1) / lengths).max())
    change = mean_average_precision(kept, labels) - mean_average_precision(exact, labels)
    return {"apart": apart, "map_change": abs(change)}


def mean_average_precision(vectors: np.ndarray, labels: Sequence[str]) -> float:
    """mAP of every picture asking all others by cosine; NaN where no label occurs twice."""
    from core import metrics
    from core.search import rank_scores

    classes = np.unique(np.asarray(labels), return_inverse=True)[1]
    n = len(classes)
    truth = Relevance(n, n, self_position=np.arange(n), query_classes=classes, gallery_classes=classes)
    rows = unit(vectors).astype(np.float32)
    return metrics.mean(metrics.compute(rank_scores(rows @ rows.T, truth).ranks, ("map",))["map"])


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    """`count` other processes that compute without pause meanwhile."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        time.sleep(0.3)
        yield
    finally:
        for one in busy:
            one.kill()
            one.wait()
