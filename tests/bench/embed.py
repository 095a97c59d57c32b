"""How fast several backbones embed the same pictures: the plain way against ours, in the same run.

The plain way is what a user writes: for each backbone open every picture, apply the library's own transform, run the
network, one picture at a time or in batches of 32; a fresh process with the C library's default allocator. Ours decodes
once, resizes once per geometry and uses one thread per worker. Every variant runs in a fresh process, the variants are
interleaved, loading is not timed, and figures are medians. How much processor time others took is written beside each
figure: only a quiet machine gives figures to keep. Below the figures stands what is asked of them, and
whether it held.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core import compat, paths
from core.bench.machine import CONTAMINATED, Watch
from core.errors import BadInput
from core.types import Backbone, unit
from tests.bench import guards
from tests.bench.guards import Demand

TRIOS = {
    "light": ("tf_efficientnet_lite0", "tf_efficientnet_lite2", "random:mobilenetv3_small"),
    "heavy": ("tf_efficientnet_lite0", "random:resnet50", "random:clip_vitb32"),
    "single": ("tf_efficientnet_lite0", "random:resnet50", "random:clip_vitb32"),
}
"""What is embedded, "single" one by one. "random:" has random weights, equal in every variant: they can show that float32
is exact, but not what bfloat16 loses."""
EXACT, FAST = ("torch", "openvino"), "fast"
AT_LEAST = {
    ("light", "openvino"): 3.0,
    ("light", "torch"): 2.0,
    ("light", "fast"): 5.0,
    ("heavy", "openvino"): 2.0,
    ("heavy", "torch"): 1.2,
    ("heavy", "fast"): 4.0,
    ("single", "openvino"): 1.0,
    ("single", "torch"): 1.0,
}
"""How many times faster than the better plain loop."""
VARIANTS = {
    "plain b1": "one picture at a time",
    "plain b32": "batches of 32",
    "plain b32 allocator": "batches of 32, allocator tuned as ours is",
    "torch": "ours, torch alone",
    "openvino": "ours, OpenVINO float32",
    "fast": "ours, the fast mode: reduced decoding, box resize, bfloat16 after the first convolutions",
    "limit": "forward passes alone, no decoding, the engine of 'openvino' or else 'torch'",
}
GUARDED = ("tf_efficientnet_lite0", "random:clip_vitb32")
"""Whose batches and warm queries are looked at."""


def run(args: list[str]) -> None:
    """`python -m core bench embed`: plain loops and ours, interleaved; ratios, agreement, and whether demands held."""
    given = _parser().parse_args(args)
    found = pictures(given.data, given.images)
    os.environ["FUSIONSCOPE_DEVICE"] = given.device  # for the processes of the variants
    variants = given.variants.split(",") if given.variants else _there(given.device)
    unknown = set(variants) - set(VARIANTS)
    if unknown:
        raise BadInput(f"No variant is named {sorted(unknown)[0]!r}; there are {', '.join(VARIANTS)}.")
    results, asked = {}, []
    for title, names in _sets(given):
        used = variants if len(names) > 1 else [one for one in variants if one in {"plain b1", "plain b32", *EXACT}]
        with tempfile.TemporaryDirectory(prefix="fusionscope-bench-") as folder:
            task = {"files": [str(file) for file in found], "names": names, "workers": given.workers}
            Path(folder, "task.json").write_text(json.dumps(task), encoding="utf-8")
            results[title] = _measured(folder, names, used, len(found), given.rounds)
            print(table(results[title]), flush=True)
            asked += demands(title.partition(":")[0], results[title])
            if title == "light" and not given.no_guards and given.device == "cpu":
                results["guards"] = _guards(folder, used, given.rounds)
                asked += _guard_demands(results["guards"])
    print(guards.demands_table(asked))
    if given.json:
        said = {**results, "demands": [dataclasses.asdict(one) for one in asked]}
        Path(given.json).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def _sets(given: argparse.Namespace) -> list[tuple[str, tuple[str, ...]]]:
    """(title, backbones) of every pass that was asked for."""
    if given.backbones:
        return [("own", tuple(given.backbones.split(",")))]
    found = []
    for trio in TRIOS if given.trio == "all" else (given.trio,):
        one_by_one = [(f"single: {name}", (name,)) for name in TRIOS[trio]]
        found += one_by_one if trio == "single" else [(trio, TRIOS[trio])]
    return found


def _measured(folder: str, names: tuple[str, ...], variants: list[str], n_images: int, n_rounds: int) -> dict[str, Any]:
    """Every variant once per round, in turns that begin with another one each time."""
    rounds: list[dict[str, dict[str, Any]]] = []
    for number in range(n_rounds):
        first = number % len(variants)
        rounds.append({variant: _measure(variant, folder) for variant in variants[first:] + variants[:first]})
        print(_round_line(number, rounds[-1], variants), file=sys.stderr, flush=True)
    result = summary(rounds, variants, n_images, names, _agreement(folder, names, variants))
    return {**result, "geometries": _geometries(names)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core bench embed", description=run.__doc__)
    parser.add_argument("--data", default="", help="a folder of pictures; by default the demo's photo views")
    parser.add_argument("--images", type=int, default=120, help="how many of them")
    parser.add_argument("--rounds", type=int, default=3, help="each variant runs once per round")
    parser.add_argument("--trio", choices=[*TRIOS, "all"], default="light", help="which backbones")
    parser.add_argument("--backbones", default="", help="other backbones, separated by commas")
    parser.add_argument("--variants", default="", help=f"some of: {', '.join(VARIANTS)} (separated by ',')")
    parser.add_argument("--device", default="cpu", help="what ours and the plain loops run on: cpu, cuda, cuda:1, mps")
    parser.add_argument("--workers", type=int, default=0, help="threads of ours; by default one per processor")
    parser.add_argument("--no-guards", action="store_true", help="leave out what stands beside the light trio")
    parser.add_argument("--json", default="", help="write everything that was measured")
    return parser


def _there(device: str) -> list[str]:
    from core.backbones.engines import openvino_engine

    if device != "cpu":
        return ["plain b1", "plain b32", "torch", "fast"]
    return [name for name in VARIANTS if openvino_engine.installed() or name != "openvino"]


def pictures(place: str, count: int) -> list[Path]:
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


def _measure(variant: str, folder: str) -> dict[str, Any]:
    """Run one variant in a fresh process; what it measured."""
    environment = dict(os.environ)
    if variant in {"plain b1", "plain b32"}:
        environment["FUSIONSCOPE_KEEP_ALLOCATOR"] = "1"
    command = [sys.executable, "-m", "tests.bench.embed", variant, folder]
    root = Path(__file__).resolve().parents[2]
    seen = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=root)
    if seen.returncode:
        raise BadInput(f"The variant {variant!r} failed: {seen.stderr.strip().splitlines()[-1]}")
    return json.loads(seen.stdout.strip().splitlines()[-1])


def child(variant: str, folder: str) -> None:
    """The body of one process: load, warm up, time one pass, write vectors, print the figures as JSON."""
    task = json.loads(Path(folder, "task.json").read_text(encoding="utf-8"))
    backbones = [record(name) for name in task["names"]]
    files = [Path(file) for file in task["files"]]
    if variant == "guards":
        print(json.dumps(guards.measure([record(name) for name in GUARDED], files)))
        return
    work = (_plain if variant.startswith("plain") else _limit if variant == "limit" else _ours)(
        variant, backbones, task["workers"] or None
    )
    work(files[:2])
    watch = Watch()
    vectors, counters = work(files)
    seen = watch.read()
    np.savez(Path(folder, f"{variant}.npz"), **vectors)
    print(json.dumps({**seen, **counters}))


def record(name: str) -> Backbone:
    """A backbone by name; "random:NAME" is the same network with random weights."""
    from core import backbones

    plain = name.removeprefix("random:")
    backbone = backbones.get(plain)
    return dataclasses.replace(backbone, name=name, random=True) if plain != name else backbone


Work = Callable[[list[Path]], tuple[dict[str, np.ndarray], dict[str, int]]]


def _module(backbone: Backbone) -> Any:
    from core.backbones.sources import source_of

    guards.seeded()
    return source_of(backbone).load(backbone)


def _plain(variant: str, backbones: list[Backbone], workers: int | None) -> Work:
    """For each backbone: open, the library's own transform, forward; as a user writes it."""
    import torch
    from PIL import Image

    from core.backbones.engines import torch_engine

    size, device = (1 if variant == "plain b1" else 32), paths.device_wanted() or "cpu"
    if variant.endswith("allocator"):
        torch_engine.tune_process()
    loaded = [(backbone, _module(backbone).to(device), _transform(backbone)) for backbone in backbones]

    def work(files: list[Path]) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        """All files through the backbones: name → vectors, and how often pictures were decoded and resized."""
        found = {}
        for backbone, module, transform in loaded:
            made = []
            with torch.no_grad():
                for start in range(0, len(files), size):
                    batch = [transform(Image.open(file).convert("RGB")) for file in files[start : start + size]]
                    made.append(module(torch.stack(batch).to(device)).cpu().numpy())
            found[backbone.name] = np.concatenate(made)
        n = len(files) * len(loaded)
        return found, {"decoded": n, "resized": n}

    return work


def _transform(backbone: Backbone) -> Callable:
    """The library's own evaluation transform."""
    if backbone.source == "open_clip":
        from core.backbones import preprocessing

        said = preprocessing.preprocessing_of(backbone)
        return compat.library("open_clip").image_transform(
            backbone.image_size,
            is_train=False,
            mean=said.mean,
            std=said.std,
            resize_mode=said.geometry.rule,
            interpolation=said.geometry.filter,
        )
    timm = compat.library("timm")
    tag = backbone.weights if backbone.source == "timm" else "in1k"
    config = timm.get_pretrained_cfg(f"{backbone.architecture}.{tag}").to_dict()
    return timm.data.create_transform(**timm.data.resolve_data_config(pretrained_cfg=config), is_training=False)


def _engines(variant: str, backbones: list[Backbone], workers: int) -> list[Any]:
    from core import backbones as known
    from core.backbones import encode
    from core.backbones.engines import openvino_engine, select

    if variant == "limit":
        variant = "openvino" if openvino_engine.installed() else "torch"
    made = []
    for backbone in backbones:
        backbone = dataclasses.replace(backbone, mode="fast" if variant == "fast" else "exact")
        # random weights cannot be judged, so they run as EfficientNet-Lite0 does
        judged = known.get("tf_efficientnet_lite0") if backbone.random else backbone
        judged = dataclasses.replace(judged, mode=backbone.mode)
        device = paths.device_wanted() or "cpu"
        name = variant if variant != "fast" else select.decide(judged, device)
        guards.seeded()
        made.append(encode.Encoder(backbone, select.build(backbone, device, name, workers)))
    return made


def _ours(variant: str, backbones: list[Backbone], workers: int | None) -> Work:
    from core.backbones import encode
    from core.data.images import open_rgb

    workers = workers or paths.cpu_count()
    encoders = _engines(variant, backbones, workers)

    def work(files: list[Path]) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        """All files through the backbones: name → vectors, and how often pictures were decoded and resized."""
        got: dict[str, dict[str, np.ndarray]] = {backbone.name: {} for backbone in backbones}
        sources = [
            encode.EncoderInput(str(file), lambda at_least=0, file=file: open_rgb(file.read_bytes(), at_least))
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
    from core.backbones import preprocessing, threads
    from core.data.images import open_rgb

    workers = workers or paths.cpu_count()
    encoders = _engines(variant, backbones, workers)
    file_squares: dict[Any, np.ndarray] = {}

    def work(files: list[Path]) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        """All files through the backbones: name → vectors, and how often pictures were decoded and resized."""
        if len(files) <= 2:
            task_files = json.loads(Path(sys.argv[2], "task.json").read_text(encoding="utf-8"))["files"]
            for geometry in {encoder.geometry for encoder in encoders}:
                squares = [preprocessing.square(open_rgb(file), geometry) for file in task_files]
                file_squares[geometry] = np.stack(squares)
        found = {}
        with threads.workers(workers) as pool:
            for encoder in encoders:
                squares = file_squares[encoder.geometry][: len(files)]
                chunks = [squares[start : start + 8] for start in range(0, len(squares), 8)]
                found[encoder.name] = np.concatenate(list(pool.map(encoder.engine.embed, chunks)))
        return found, {"decoded": 0, "resized": 0}

    return work


# ------------------------------------------------------------------------------------------------- what it means


def _guards(folder: str, variants: list[str], rounds: int) -> dict[str, Any]:
    """What stands beside the light trio: batches and queries, a busy neighbour, half precision."""
    best = "openvino" if "openvino" in variants else "torch"
    crowd = max(1, _cores() // 2)
    alone, crowded = [], []
    for _ in range(rounds):
        alone.append(_measure(best, folder))
        with guards.neighbours(crowd):
            crowded.append(_measure(best, folder))
    others = max([one["others"] for one in alone] + [one["others"] - crowd for one in crowded])
    task = json.loads(Path(folder, "task.json").read_text(encoding="utf-8"))
    labels = [Path(file).parent.name for file in task["files"]]
    with np.load(Path(folder, f"{best}.npz")) as held:
        half = {name: guards.half_precision(held[name], labels) for name in task["names"] if "random:" not in name}
    return {
        "backbones": _measure("guards", folder),
        "half": half,
        "crowd": {
            "variant": best,
            "busy": crowd,
            "cores": _cores(),
            "alone": float(np.median([one["seconds"] for one in alone])),
            "crowded": float(np.median([one["seconds"] for one in crowded])),
            "others": others,
        },
    }


def _cores() -> int:
    return paths.cpu_count()


def _guard_demands(found: dict[str, Any]) -> list[Demand]:
    rows = [row for name, seen in found["backbones"].items() for row in guards.demands(name, seen)]
    crowd = found["crowd"]
    slower = crowd["crowded"] / crowd["alone"]
    apart = max(one["apart"] for one in found["half"].values())
    change = max(one["map_change"] for one in found["half"].values())
    return [
        *rows,
        Demand(
            f"{crowd['busy']} of {crowd['cores']} cores taken by another process ({crowd['variant']})",
            "<= 2.5 times slower",
            f"{slower:.2f} times ({crowd['alone']:.1f} → {crowd['crowded']:.1f} s)",
            slower <= 2.5,
            crowd["others"] <= CONTAMINATED,
        ),
        Demand(
            "vectors kept in half precision",
            "1 - cosine <= 1e-6, mAP ± 1e-4",
            f"{apart:.1e}, mAP ± {change:.1e}",
            apart <= 1e-6 and change <= 1e-4,
        ),
    ]


def demands(kind: str, result: dict[str, Any]) -> list[Demand]:
    """What is asked of one set of backbones ("light", "heavy", "single"), and whether it held."""
    rows, found, what = [], result["variants"], "".join(result["backbones"]) if kind == "single" else f"{kind} trio"
    for variant in (*EXACT, FAST):
        # without OpenVINO the fast mode runs on torch alone, and is asked for no less than exact torch is
        least = AT_LEAST.get((kind, "torch" if variant == FAST and "openvino" not in found else variant))
        if least is not None and variant in found and found[variant]["ratio_cpu"] == found[variant]["ratio_cpu"]:
            rows.append(_ratio_demand(what, variant, least, found[variant], result["agreement"].get(variant, {})))
    best = next((one for one in reversed(EXACT) if one in found), "")
    if kind == "light" and best and "plain b32 allocator" in found:
        share = {key: found["plain b32 allocator"][key] / found[best][key] for key in ("seconds", "cpu")}
        rows.append(_shares(f"{what}, {best}, against batches of 32 with our allocator", 2.0, share, result["quiet"]))
    if kind == "light" and best and "limit" in found:
        share = {key: found["limit"][key] / found[best][key] for key in ("seconds", "cpu")}
        rows.append(_shares(f"{what}, {best}, share of its forward passes alone", 0.6, share, result["quiet"]))
    for variant in EXACT:
        if kind != "single" and variant in found:
            counted = found[variant]["decoded"], found[variant]["resized"]
            wanted = result["images"], result["images"] * result["geometries"]
            rows.append(
                Demand(
                    f"{what}, {variant}: decoded, resized",
                    f"{wanted[0]}, {wanted[1]} (once each)",
                    f"{counted[0]:.0f}, {counted[1]:.0f}",
                    counted == wanted,
                )
            )
    return rows


def _ratio_demand(what: str, variant: str, least: float, row: dict[str, float], agreed: dict[str, float]) -> Demand:
    quiet = row["ratio_seconds"] == row["ratio_seconds"]
    clock = f"{row['ratio_seconds']:.2f} times by the clock, " if quiet else ""
    said = f"{clock}{row['ratio_cpu']:.2f} by processor time"
    good = row["ratio_seconds" if quiet else "ratio_cpu"] >= least
    asked = f">= {least:g} times"
    if variant == FAST and agreed:
        drop = agreed["map_drop"]
        said += f"; cosine {agreed['smallest']:.4f}, mean {agreed['mean']:.5f}, mAP drop {drop:.4f}"
        asked += "; cosine >= 0.985, mean 0.999; mAP drop <= 0.005"
        good = good and agreed["smallest"] >= 0.985 and agreed["mean"] >= 0.999 and not drop > 0.005
    elif agreed:
        said, asked = f"{said}; cosine {agreed['smallest']:.6f}", f"{asked}; cosine >= 0.9999"
        good = good and agreed["smallest"] >= 0.9999
    return Demand(f"{what}, {variant}, against the better plain loop", asked, said, bool(good), quiet)


def _shares(check: str, least: float, share: dict[str, float], quiet: bool) -> Demand:
    said = f"{share['seconds']:.2f} by the clock, {share['cpu']:.2f} by processor time"
    return Demand(check, f">= {least:g}", said, share["seconds" if quiet else "cpu"] >= least, quiet)


def _agreement(folder: str, names: tuple[str, ...], variants: list[str]) -> dict[str, dict[str, float]]:
    """Of each variant to the plain loop: smallest and mean cosine, smallest after the mean is taken out, mAP lost.

    Networks with random weights count for the smallest cosine of what computes in float32, and for nothing else.
    """
    if "plain b1" not in variants:
        return {}
    files = json.loads(Path(folder, "task.json").read_text(encoding="utf-8"))["files"]
    labels = [Path(file).parent.name for file in files]
    with np.load(Path(folder, "plain b1.npz")) as held:
        reference = {name: unit(held[name]) for name in names}
    found: dict[str, dict[str, float]] = {}
    for variant in variants:
        rows, centred, drops, drawn = [], [], [0.0], [1.0]
        with np.load(Path(folder, f"{variant}.npz")) as held:
            for name, theirs in reference.items():
                ours, middle = unit(held[name]), theirs.mean(0)
                cosines = (ours * theirs).sum(1)
                if name.startswith("random:"):
                    drawn += [float(cosines.min())] if variant != FAST else []
                    continue
                rows.append(cosines)
                centred.append((unit(ours - middle) * unit(theirs - middle)).sum(1))
                if variant == FAST:
                    before, after = (guards.mean_average_precision(one, labels) for one in (theirs, ours))
                    drops.append(before - after)
        found[variant] = {
            "smallest": min(float(np.concatenate(rows).min()) if rows else 1.0, *drawn),
            "mean": float(np.concatenate(rows).mean()) if rows else float("nan"),
            "centred": float(np.concatenate(centred).min()) if rows else float("nan"),
            "map_drop": max(drops),
        }
    return found


def summary(
    rounds: list[dict[str, dict[str, Any]]],
    variants: list[str],
    n_images: int,
    names: tuple[str, ...],
    agreement: dict[str, dict[str, float]],
) -> dict[str, Any]:
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
        "backbones": list(names),
        "images": n_images,
        "rounds": len(rounds),
        "variants": middle,
        "agreement": agreement,
        "machine": machine(),
        "every_round": rounds,
        "quiet": all(_quiet(one, variants) for one in rounds),
    }


def _geometries(names: Sequence[str]) -> int:
    from core.backbones import preprocessing

    return len({preprocessing.preprocessing_of(record(name)).geometry for name in names})


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
    if not result["quiet"]:
        lines.append(
            "Other programs used this machine meanwhile: where no round was quiet, no ratio of the clock is given, and "
            "the plain loops' processor time holds threads that waited for each other. Run it again on a quiet machine."
        )
    lines.append(result["machine"]["sentence"])
    return "\n".join(lines)


def _round_line(number: int, one: dict[str, dict[str, Any]], variants: list[str]) -> str:
    return f"round {number + 1}: " + ", ".join(
        f"{v} {one[v]['seconds']:.1f} s ({one[v]['others']:.2f})" for v in variants
    )


if __name__ == "__main__":
    child(sys.argv[1], sys.argv[2])
