"""What each backbone costs on this machine: latency of one image, images per second, weights, parameters, memory."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from core.bench.machine import CONTAMINATED, Watch, machine
from core.errors import CoreError


def run(args: list[str]) -> None:
    """`python -m core bench backbones`: measure every backbone whose weights are here, or those that are named."""
    parser = argparse.ArgumentParser(prog="python -m core bench backbones", description=run.__doc__)
    parser.add_argument("names", nargs="*", help="backbones; by default all whose weights are on this machine")
    parser.add_argument("--data", default="", help="a dataset; by default the photographs of installed packages")
    parser.add_argument("--images", type=int, default=32, help="how many images")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(args)
    from core import backbones

    names = arguments.names or [
        backbone.name for backbone in map(backbones.get, backbones.names()) if backbones.available(backbone)[0]
    ]
    if arguments.here:
        _here(names, arguments.data, arguments.images)
        return
    print(f"{'':28} {'ms':>7} {'p95':>7} {'img/s':>7} {'MB':>7} {'M par.':>7} {'peak MB':>8}  engine")
    for name in names:
        # a process each, so that one backbone's memory is not counted for the next
        more = ["--data", arguments.data] if arguments.data else []
        command = [
            sys.executable,
            "-m",
            "core",
            "bench",
            "backbones",
            name,
            "--here",
            "--images",
            str(arguments.images),
        ]
        subprocess.run([*command, *more], check=False, cwd=Path(__file__).resolve().parents[2])
    print(
        "ms and p95: one warm image, file to vector, median and 95th percentile by the clock; img/s: the embedding loop; "
        f"MB and M par.: weights on disk, million parameters; peak MB: above what was held before.\n{machine()['sentence']}"
    )


def _here(names: list[str], dataset: str, n_images: int) -> None:
    from core import data
    from core.studies import costs

    loaded = data.get(dataset) if dataset else None
    for name in names:
        watch = Watch()
        try:
            cost = costs.measure(name, loaded, n_images=n_images)
        except CoreError as error:
            print(f"{name:28} {error}", flush=True)
            continue
        others = watch.read()["others"]
        print(
            f"{name:28} {cost.latency_ms:7.1f} {cost.latency_p95_ms:7.1f} {cost.images_per_second:7.1f} "
            f"{_or_dash(cost.megabytes)} {_or_dash(cost.parameters)} {cost.peak_megabytes:8.0f}  "
            f"{cost.engine} on {cost.device}, {cost.threads} threads"
            + (f" (others used {others:.1f} cores)" if others > CONTAMINATED else ""),
            flush=True,
        )


def _or_dash(value: float) -> str:
    """A descriptor has neither weights nor parameters."""
    return f"{value:7.1f}" if value else f"{'–':>7}"
