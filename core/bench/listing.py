"""How long a first listing of many files takes, how long re-opening takes, and how much memory both need."""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_CHILD = "from core.bench import listing; listing.measure({stage!r}, {folder!r})"


def run(args: list[str]) -> None:
    """`python -m core bench listing [--files 100000]`: tiny images in 100 folders, each stage in its own process."""
    parser = argparse.ArgumentParser(prog="python -m core bench listing", description=run.__doc__)
    parser.add_argument("--files", type=int, default=100_000, help="how many images")
    parser.add_argument("--folder", default="", help="where to draw them; by default a temporary folder, removed")
    arguments = parser.parse_args(args)
    with tempfile.TemporaryDirectory(prefix="fusionscope-listing-", dir=arguments.folder or None) as temporary:
        began = time.perf_counter()
        draw(Path(temporary) / "many", arguments.files)
        print(f"drawn: {arguments.files:,} images in {time.perf_counter() - began:.1f} s (not part of the result)")
        environment = {**os.environ, "FUSIONSCOPE_HOME": str(Path(temporary) / "home")}
        for stage in STAGES:
            code = _CHILD.format(stage=stage, folder=str(Path(temporary) / "many"))
            subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def draw(folder: Path, n_files: int) -> None:
    """Small images, all different, 100 folders of them: a grey 8 x 8 PNG with its number in the pixels."""
    import io

    from PIL import Image

    for number in range(n_files):
        class_folder = folder / f"class {number % 100:03d}"
        if number < 100:
            class_folder.mkdir(parents=True)
        buffer = io.BytesIO()
        Image.frombytes("L", (8, 8), number.to_bytes(8, "little") * 8).save(buffer, "PNG", compress_level=1)
        (class_folder / f"{number:06d}.png").write_bytes(buffer.getvalue())


def _first(folder: str) -> str:
    from core import data
    from core.task import Task

    reported: list[int] = []
    dataset = data.add("many", folder, task=Task(lambda progress: reported.append(progress.done)))
    return f"{len(dataset):,} images, progress told {len(reported)} times"


def _again(folder: str) -> str:
    from core import data

    return f"{len(data.load(folder)):,} images, every file looked at by size and time"


def _open(folder: str) -> str:
    from core import data

    return f"{len(data.get('many')):,} images, from the table alone"


STAGES = {"first listing": _first, "looking again": _again, "opening by name": _open}


def measure(stage: str, folder: str) -> None:
    """Run one stage in this process and print its time and peak memory."""
    began, cpu = time.perf_counter(), time.process_time()
    sentence = STAGES[stage](folder)
    took, worked = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
    print(f"{stage:>16}: {took:6.1f} s wall, {worked:6.1f} s of processor, peak {peak:.2f} GiB; {sentence}", flush=True)
