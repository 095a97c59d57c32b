"""How fast several backbones embed the same pictures: the plain way against ours, in the same run.

The plain way is what a user writes: for each backbone open every picture, apply the library's own transform, run the
network, one picture at a time or in batches of 32; a fresh process with the C library's default allocator. Ours decodes
once, resizes once per geometry and uses one thread per worker. Every variant runs in a fresh process, the variants are
interleaved, loading is not timed, and figures are medians. How much processor time others took is written beside each
figure: on a busy machine compare processor seconds, not the clock.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import BadInput
from core.types import Backbone

TRIOS = {
    "light": ("tf_efficientnet_lite0", "tf_efficientnet_lite2", "random:mobilenetv3_small"),
    "heavy": ("tf_efficientnet_lite0", "random:resnet50", "random:clip_vitb32"),
}
"""What is embedded. "random:" has random weights (speed alone); agreement is judged on the others."""
VARIANTS = {
    "plain b1": "one picture at a time",
    "plain b32": "batches of 32",
    "plain b32 allocator": "batches of 32, allocator tuned as ours is",
    "torch": "ours, torch",
    "openvino": "ours, OpenVINO float32",
    "fast": "ours, the fast mode: reduced decoding, box resize, bfloat16 where its floor holds",
    "limit": "forward passes alone, no decoding, the engine of 'openvino' or else 'torch'",
}
CONTAMINATED = 0.12
"""Cores of other programs above which a block's clock time is not trusted."""


def run(args: list[str]) -> None:
    """`python -m core bench embed`: plain loops and ours, interleaved; prints medians, ratios and the agreement."""
    given = _parser().parse_args(args)
    files = _files(given.data, given.images)
    variants = given.variants.split(",") if given.variants else _there()
    unknown = set(variants) - set(VARIANTS)
    if unknown:
        raise BadInput(f"No variant is named {sorted(unknown)[0]!r}; there are {', '.join(VARIANTS)}.")
    names = tuple(given.backbones.split(",")) if given.backbones else TRIOS[given.trio]
    rounds: list[dict[str, dict[str, Any]]] = []
    with tempfile.TemporaryDirectory(prefix="fusionscope-bench-") as folder:
        task = {"files": [str(file) for file in files], "names": names, "workers": given.workers, "folder": folder}
        Path(folder, "task.json").write_text(json.dumps(task), encoding="utf-8")
        if "openvino" in variants or "fast" in variants:
            _measure("openvino" if "openvino" in variants else "fast", folder, images=8)  # converts, once
        for number in range(given.rounds):
            order = variants[number % len(variants) :] + variants[: number % len(variants)]
            rounds.append({variant: _measure(variant, folder) for variant in order})
            print(_round_line(number, rounds[-1], variants), file=sys.stderr, flush=True)
        agreement = _agreement(folder, names, variants)
        guards = {} if given.no_guards else _measure("guards", folder)
    result = {**summary(rounds, variants, len(files), names, agreement), "guards": guards}
    print(table(result))
    if given.json:
        Path(given.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core bench embed", description=run.__doc__)
    parser.add_argument("--data", default="", help="a folder of pictures; by default the demo's photo views")
    parser.add_argument("--images", type=int, default=120, help="how many of them")
    parser.add_argument("--rounds", type=int, default=3, help="each variant runs once per round")
    parser.add_argument("--trio", choices=sorted(TRIOS), default="light", help="which backbones")
    parser.add_argument("--backbones", default="", help="other backbones, separated by commas")
    parser.add_argument("--variants", default="", help=f"some of: {', '.join(VARIANTS)} (separated by ',')")
    parser.add_argument("--workers", type=int, default=0, help="threads of ours; by default one per processor")
    parser.add_argument("--no-guards", action="store_true", help="leave out batch 1 against 8 and the warm query")
    parser.add_argument("--json", default="", help="write everything that was measured")
    return parser


def _there() -> list[str]:
    from core.backbones import openvino_engine

    return [name for name in VARIANTS if openvino_engine.installed() or name not in {"openvino", "fast"}]


def _files(place: str, count: int) -> list[Path]:
    """`count` pictures spread over the folder, always the same ones."""
    from core import data

    if place:
        found = sorted(file for file in Path(place).expanduser().rglob("*") if file.suffix.lower() in _ENDINGS)
    else:
        found = [Path(path) for path in data.load("photo_views").items["path"]]
    if not found:
        raise BadInput(f"There is no picture in {place}; give --data a folder with JPEG or PNG files.")
    chosen = np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int)
    return [found[number] for number in np.unique(chosen)]


_ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}

# --------------------------------------------------------------------------------------- one block, in a process


def _measure(variant: str, folder: str, images: int = 0) -> dict[str, Any]:
    """Run one variant in a fresh process; what it measured."""
    environment = dict(os.environ)
    if variant in {"plain b1", "plain b32"}:
        environment["FUSIONSCOPE_KEEP_ALLOCATOR"] = "1"
    command = [sys.executable, "-m", "core.bench.embed", variant, folder, str(images)]
    root = Path(__file__).resolve().parents[2]
    seen = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=root)
    if seen.returncode:
        raise BadInput(f"The variant {variant!r} failed: {seen.stderr.strip().splitlines()[-1]}")
    return json.loads(seen.stdout.strip().splitlines()[-1])


def child(variant: str, folder: str, images: int) -> None:
    """The body of one process: load, warm up, time one pass, write vectors, print the figures as JSON."""
    task = json.loads(Path(folder, "task.json").read_text(encoding="utf-8"))
    backbones = [record(name) for name in task["names"]]
    files = [Path(file) for file in task["files"]][: images or None]
    if variant == "guards":
        print(json.dumps(_guards(backbones[0], files)))
        return
    work = (_plain if variant.startswith("plain") else _limit if variant == "limit" else _ours)(
        variant, backbones, task["workers"] or None
    )
    work(files[:2])
    others, mine, began = _busy(), time.process_time(), time.perf_counter()
    vectors, counters = work(files)
    seconds, mine = time.perf_counter() - began, time.process_time() - mine
    others = max(0.0, _busy() - others - mine) / seconds
    if not images:
        np.savez(Path(folder, f"{variant}.npz"), **vectors)
    print(json.dumps({"seconds": seconds, "cpu": mine, "others": others, **counters}))


def record(name: str) -> Backbone:
    """A backbone by name; "random:NAME" is the same network with random weights."""
    from core import backbones

    plain = name.removeprefix("random:")
    backbone = backbones.get(plain)
    return dataclasses.replace(backbone, name=name, random=True) if plain != name else backbone


def _busy() -> float:
    """Processor seconds that the whole machine has spent so far; 0 where the system does not say."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
    except OSError:
        return 0.0
    user, nice, system, _, _, irq, soft, steal = (int(value) for value in first[1:9])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


Work = Callable[[list[Path]], tuple[dict[str, np.ndarray], dict[str, int]]]


def _module(backbone: Backbone) -> Any:
    import torch

    from core.backbones.loading import load_module

    torch.manual_seed(0)
    return load_module(backbone)


def _plain(variant: str, backbones: list[Backbone], workers: int | None) -> Work:
    """For each backbone: open, the library's own transform, forward; as a user writes it."""
    import torch
    from PIL import Image

    from core.backbones import engines

    size = 1 if variant == "plain b1" else 32
    if variant.endswith("allocator"):
        engines.tune_process()
    loaded = [(backbone, _module(backbone), _transform(backbone)) for backbone in backbones]

    def work(files: list[Path]) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        found = {}
        for backbone, module, transform in loaded:
            made = []
            with torch.no_grad():
                for start in range(0, len(files), size):
                    batch = [transform(Image.open(file).convert("RGB")) for file in files[start : start + size]]
                    made.append(module(torch.stack(batch)).numpy())
            found[backbone.name] = np.concatenate(made)
        n = len(files) * len(loaded)
        return found, {"decoded": n, "resized": n}

    return work


def _transform(backbone: Backbone) -> Callable:
    """The library's own evaluation transform."""
    if backbone.source == "open_clip":
        import open_clip

        from core.backbones import prep

        said = prep.preprocessing(backbone)
        return open_clip.image_transform(
            backbone.image_size, is_train=False, mean=said.mean, std=said.std, resize_mode=said.geometry.rule,
            interpolation=said.geometry.filter,
        )  # fmt: skip
    import timm

    tag = backbone.weights if backbone.source == "timm" else "in1k"
    config = timm.get_pretrained_cfg(f"{backbone.architecture}.{tag}").to_dict()
    return timm.data.create_transform(**timm.data.resolve_data_config(pretrained_cfg=config), is_training=False)


def _engines(variant: str, backbones: list[Backbone], workers: int) -> list[Any]:
    from core.backbones import choice, encode, engines, openvino_engine

    if variant == "limit":
        variant = "openvino" if openvino_engine.installed() else "torch"
    mode = "fast" if variant == "fast" else "exact"
    # random weights cannot be judged, so they run as the first trained backbone does: for speed alone
    real = next((backbone for backbone in backbones if not backbone.random), None)
    fast = choice.decide(real, "fast", "cpu") if real is not None and mode == "fast" else "openvino"
    made = []
    for backbone in backbones:
        name = variant if mode == "exact" else fast if backbone.random else choice.decide(backbone, "fast", "cpu")
        if choice.library(name) == "torch":
            engines.tune_process()
            engine: Any = engines.TorchEngine(_module(backbone), backbone, "cpu", choice.precision(name, mode))
        else:
            engine = openvino_engine.OpenVinoEngine(backbone, choice.precision(name, mode), workers)
        made.append(encode.Encoder(backbone, engine, mode == "fast"))
    return made


def _ours(variant: str, backbones: list[Backbone], workers: int | None) -> Work:
    from core import paths
    from core.backbones import encode
    from core.data.images import open_rgb

    workers = workers or paths.cpu_count()
    encoders = _engines(variant, backbones, workers)

    def work(files: list[Path]) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        got: dict[str, dict[str, np.ndarray]] = {backbone.name: {} for backbone in backbones}
        sources = [
            encode.Source(str(file), lambda at_least=0, file=file: open_rgb(file.read_bytes(), at_least))
            for file in files
        ]
        counters = encode.MultiEncoder(encoders, workers=workers).run(
            sources, lambda name, keys, vectors: got[name].update(zip(keys, vectors))
        )
        found = {name: np.stack([rows[str(file)] for file in files]) for name, rows in got.items()}
        return found, {"decoded": counters.decoded, "resized": counters.resized}

    return work


def _limit(variant: str, backbones: list[Backbone], workers: int | None) -> Work:
    """Only the forward passes, on squares that are there already: what no pipeline can beat."""
    from core import paths
    from core.backbones import prep, threads
    from core.data.images import open_rgb

    workers = workers or paths.cpu_count()
    encoders = _engines(variant, backbones, workers)
    file_squares: dict[Any, np.ndarray] = {}

    def work(files: list[Path]) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        if len(files) <= 2:
            task_files = json.loads(Path(sys.argv[2], "task.json").read_text(encoding="utf-8"))["files"]
            for geometry in {encoder.geometry for encoder in encoders}:
                squares = [prep.square(open_rgb(file), geometry) for file in task_files]
                file_squares[geometry] = np.stack(squares)
        found = {}
        with threads.workers(workers) as pool:
            for encoder in encoders:
                squares = file_squares[encoder.geometry][: len(files)]
                chunks = [squares[start : start + 8] for start in range(0, len(squares), 8)]
                found[encoder.name] = np.concatenate(list(pool.map(encoder.engine.embed, chunks)))
        return found, {"decoded": 0, "resized": 0}

    return work


def _guards(backbone: Backbone, files: list[Path]) -> dict[str, Any]:
    """What a ratio alone would hide: whether a picture's vector depends on its batch, and one warm query's latency."""
    from core import paths
    from core.backbones import choice, engines, prep
    from core.backbones.query import QueryEncoder
    from core.data.images import open_rgb

    contents = [file.read_bytes() for file in files[:16]]
    name = choice.decide(backbone, "exact", "cpu")
    engine = engines.build(backbone, "cpu", engine=name)
    squares = np.stack([prep.square(open_rgb(content), engine.preprocessing.geometry) for content in contents[:8]])
    together, alone = engine.embed(squares), np.concatenate([engine.embed(one[None]) for one in squares])
    eager = engines.TorchEngine(_module(backbone), backbone)
    encoder, times, plain = QueryEncoder(backbone, "cpu", engine=name), [], []
    for number, content in enumerate([*contents[:2], *contents]):  # the two take turns, so that load meets both alike
        began = time.process_time()
        encoder.encode([open_rgb(content)])
        middle = time.process_time()
        eager.embed(prep.square(open_rgb(content), eager.preprocessing.geometry)[None])
        if number >= 2:
            times.append(1000 * (middle - began))
            plain.append(1000 * (time.process_time() - middle))
    return {
        "backbone": backbone.name, "engine": name, "threads": paths.cpu_count(),
        "batch_difference": float(np.abs(together - alone).max() / np.abs(together).max()),
        "query_cpu_ms": float(np.median(times)), "eager_cpu_ms": float(np.median(plain)),
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------- what it means


def _agreement(folder: str, names: tuple[str, ...], variants: list[str]) -> dict[str, dict[str, float]]:
    """Smallest, mean and smallest mean-removed cosine of each variant to the plain loop, real weights only."""
    from core.types import unit

    if "plain b1" not in variants:
        return {}
    with np.load(Path(folder, "plain b1.npz")) as held:
        reference = {name: unit(held[name]) for name in names if not name.startswith("random:")}
    found: dict[str, dict[str, float]] = {}
    for variant in variants:
        rows, centred = [], []
        with np.load(Path(folder, f"{variant}.npz")) as held:
            for name, theirs in reference.items():
                ours, middle = unit(held[name]), theirs.mean(0)
                rows.append((ours * theirs).sum(1))
                centred.append((unit(ours - middle) * unit(theirs - middle)).sum(1))
        if rows:
            found[variant] = {
                "smallest": float(np.concatenate(rows).min()),
                "mean": float(np.concatenate(rows).mean()),
                "centred": float(np.concatenate(centred).min()),
            }
    return found


def summary(
    rounds: list[dict[str, dict[str, Any]]], variants: list[str], n_images: int, names: tuple[str, ...],
    agreement: dict[str, dict[str, float]],
) -> dict[str, Any]:  # fmt: skip
    """Medians over the rounds, and the ratio of the better plain loop to each variant, by clock and by processor time."""
    from core.bench.machine import machine

    middle = {
        variant: {key: float(np.median([one[variant][key] for one in rounds])) for key in rounds[0][variant]}
        for variant in variants
    }
    plain = [variant for variant in ("plain b1", "plain b32") if variant in variants]
    for variant in variants:
        for key in ("seconds", "cpu"):
            # the clock is compared within rounds in which nobody else took part; processor seconds always may be
            fit = [one for one in rounds if key == "cpu" or _quiet(one, (variant, *plain))] if plain else []
            per_round = [min(one[p][key] for p in plain) / one[variant][key] for one in fit]
            middle[variant][f"ratio_{key}"] = float(np.median(per_round)) if per_round else float("nan")
    return {
        "backbones": list(names), "images": n_images, "rounds": len(rounds), "variants": middle,
        "agreement": agreement, "machine": machine(), "every_round": rounds,
        "quiet": all(_quiet(one, variants) for one in rounds),
    }  # fmt: skip


def _quiet(one: dict[str, dict[str, Any]], variants: Sequence[str]) -> bool:
    """Whether other programs left these variants of a round alone."""
    return all(one[variant]["others"] <= CONTAMINATED for variant in variants)


def table(result: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [
        f"{result['images']} pictures through {', '.join(result['backbones'])}; medians of {result['rounds']} rounds",
        f"{'':22} {'img/s':>7} {'s':>7} {'cpu s':>7} {'others':>7} {'x clock':>8} {'x cpu':>6}  "
        f"{'cosine min':>10} {'centred':>9}  decoded resized",
    ]
    for variant, row in result["variants"].items():
        agreed = result["agreement"].get(variant)
        cosine = f"{agreed['smallest']:10.6f} {agreed['centred']:9.6f}" if agreed else " " * 20
        clock = f"{row['ratio_seconds']:8.2f}" if row["ratio_seconds"] == row["ratio_seconds"] else f"{'–':>8}"
        lines.append(
            f"{variant:22} {result['images'] / row['seconds']:7.1f} {row['seconds']:7.2f} {row['cpu']:7.2f} "
            f"{row['others']:7.2f} {clock} {row['ratio_cpu']:6.2f}  {cosine}  {row['decoded']:7.0f} {row['resized']:7.0f}"
        )
    best = next((one for one in ("openvino", "torch") if one in result["variants"]), "")
    if "limit" in result["variants"] and best:
        limit, ours = result["variants"]["limit"], result["variants"][best]
        lines.append(f"{best} reaches {limit['cpu'] / ours['cpu']:.0%} of its forward passes alone, by processor time.")
    guards = result.get("guards")
    if guards:
        lines.append(
            f"{guards['backbone']} by {guards['engine']}: batch 8 against 1 differs by {guards['batch_difference']:.1e} of "
            f"the largest number; a warm query costs {guards['query_cpu_ms']:.1f} ms of processor time, eager torch "
            f"{guards['eager_cpu_ms']:.1f}."
        )
    if not result["quiet"]:
        lines.append(
            "Other programs used this machine meanwhile: where no round was quiet, no ratio of the clock is given; "
            "the processor-time ratios hold. Run it again on a quiet machine."
        )
    lines.append(result["machine"]["sentence"])
    return "\n".join(lines)


def _round_line(number: int, one: dict[str, dict[str, Any]], variants: list[str]) -> str:
    return f"round {number + 1}: " + ", ".join(
        f"{v} {one[v]['seconds']:.1f} s ({one[v]['others']:.2f})" for v in variants
    )


if __name__ == "__main__":
    from core import compat

    compat.ensure_torchvision()
    child(sys.argv[1], sys.argv[2], int(sys.argv[3]))
