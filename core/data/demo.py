"""The built-in datasets, made out of what installed packages carry. Same versions, same bytes."""

from __future__ import annotations

import importlib.resources
import io
import json
from collections.abc import Container, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from core import compat, files, paths
from core.data import images
from core.errors import StoreUnusable
from core.task import NO_TASK, ProgressMeter, Task

VIEWS = 24
SEED = 20
_VERSION = 2
_LONG_SIDE = 420
_PHOTOGRAPHS = {
    "astronaut": "skimage.data",
    "brick": "skimage.data",
    "camera": "skimage.data",
    "cell": "skimage.data",
    "chelsea": "skimage.data",
    "china": "sklearn.datasets.images",
    "clock_motion": "skimage.data",
    "coffee": "skimage.data",
    "coins": "skimage.data",
    "flower": "sklearn.datasets.images",
    "grass": "skimage.data",
    "gravel": "skimage.data",
    "hubble_deep_field": "skimage.data",
    "ihc": "skimage.data",
    "moon": "skimage.data",
    "motorcycle_left": "skimage.data",
    "page": "skimage.data",
    "retina": "skimage.data",
    "rocket": "skimage.data",
    "text": "skimage.data",
}


COLOURS = 4
"""Hues of each photograph among the colour variants, evenly around the circle."""
COLOUR_VIEWS = 4
_LEAST_SATURATION = 70
"""Of 255: what is grey takes the hue on."""
_IN_COLOURS = (
    *("astronaut", "camera", "cell", "chelsea", "china", "clock_motion", "coffee", "coins", "flower"),
    *("hubble_deep_field", "ihc", "moon", "motorcycle_left", "retina", "rocket"),
)


def _folder(name: str) -> Path:
    return paths.home() / "demo" / name


def _stamp(name: str) -> dict[str, object]:
    packages = ("scikit-learn", "pillow") if name == "digits" else ("scikit-image", "scikit-learn", "pillow")
    return {"version": _VERSION, **{package: compat.version(package) for package in packages}}


def is_made(name: str) -> bool:
    """True when the images are all there. A newer library does not throw a made dataset away."""
    try:
        return json.loads((_folder(name) / ".made.json").read_text())["version"] == _VERSION
    except (OSError, ValueError, KeyError, TypeError):
        return False


def make(name: str, task: Task = NO_TASK) -> Path:
    """The folder of a built-in dataset, one folder per class; made beside its place and moved there when whole."""
    folder = _folder(name)

    def fill(beside: Path) -> None:
        {"photo_views": _photo_views, "digits": _digits, "colour_variants": _colour_variants}[name](beside, task)
        files.write_json(beside / ".made.json", _stamp(name), sort_keys=True)

    try:
        files.make_folder(folder, fill, lambda: is_made(name))
    except OSError as error:
        raise StoreUnusable(
            f"The demo cannot be written to {folder}: {error.strerror or error}; make room there, or set "
            "FUSIONSCOPE_HOME to a folder that can be written."
        ) from error
    return folder


def photographs(names: Container[str] = tuple(_PHOTOGRAPHS)) -> Iterator[tuple[str, Image.Image]]:
    """(name, RGB image) of each photograph that the installed packages really carry; nothing is downloaded."""
    for name, package in _PHOTOGRAPHS.items():
        if name not in names:
            continue
        for ending in ("png", "jpg"):
            file = importlib.resources.files(package) / f"{name}.{ending}"
            if file.is_file():
                yield name, images.open_rgb(file.read_bytes())
                break


def _photo_views(folder: Path, task: Task) -> None:
    classes = ((name, photograph, [SEED, number]) for number, (name, photograph) in enumerate(_small_photographs()))
    _draw_views(folder, classes, VIEWS, task.meter("Drawing the demo's photo views", len(_PHOTOGRAPHS) * VIEWS))


def _colour_variants(folder: Path, task: Task) -> None:
    classes = (
        (f"{name}_{colour}", recoloured(photograph, colour / COLOURS), [SEED, number, colour])
        for number, (name, photograph) in enumerate(_small_photographs(_IN_COLOURS))
        for colour in range(COLOURS)
    )
    count = len(_IN_COLOURS) * COLOURS * COLOUR_VIEWS
    _draw_views(folder, classes, COLOUR_VIEWS, task.meter("Drawing the demo's colour variants", count))


def _small_photographs(names: Container[str] = tuple(_PHOTOGRAPHS)) -> Iterator[tuple[str, Image.Image]]:
    for name, photograph in photographs(names):
        scale = _LONG_SIDE / max(photograph.size)
        yield name, photograph.resize([round(side * scale) for side in photograph.size], Image.Resampling.LANCZOS)


def _draw_views(
    folder: Path, classes: Iterable[tuple[str, Image.Image, list[int]]], count: int, meter: ProgressMeter
) -> None:
    """A folder per class of (name, photograph, seed), with so many views."""
    with ThreadPoolExecutor(max_workers=paths.cpu_count()) as pool:
        for name, photograph, seed in classes:
            (folder / name).mkdir(exist_ok=True)

            def draw(
                index: int, photograph: Image.Image = photograph, name: str = name, seed: list[int] = seed
            ) -> None:
                data = view(photograph, np.random.default_rng([*seed, index]))
                (folder / name / f"{name}_{index:02d}.jpg").write_bytes(data)

            for _ in pool.map(draw, range(count)):
                meter.task.check()
                meter.add()


def recoloured(photograph: Image.Image, turn: float) -> Image.Image:
    """The photograph with its hues turned around the circle; what is grey is tinted with the hue.

    Args:
        turn: 0 to 1, a part of the whole circle.
    """
    hue, saturation, value = (np.asarray(band).astype(np.int32) for band in photograph.convert("HSV").split())
    hue = np.where(saturation < _LEAST_SATURATION // 4, 0, hue) + round(256 * turn)
    bands = (hue % 256, np.maximum(saturation, _LEAST_SATURATION), value)
    return Image.merge("HSV", [Image.fromarray(band.astype(np.uint8), "L") for band in bands]).convert("RGB")


def view(photograph: Image.Image, random: np.random.Generator) -> bytes:
    """One view as JPEG: rotated a little, cropped, mirrored, relit, recoloured, blurred and compressed, by chance."""
    width, height = photograph.size
    turned = photograph.rotate(random.uniform(-15, 15), Image.Resampling.BICUBIC)
    share = random.uniform(0.3, 0.72)
    across, down = round(width * share), round(height * share)
    margin_x, margin_y = round(width * 0.06), round(height * 0.06)
    left = int(random.integers(min(margin_x, width - across), max(width - across - margin_x, margin_x) + 1))
    top = int(random.integers(min(margin_y, height - down), max(height - down - margin_y, margin_y) + 1))
    piece = turned.crop((left, top, left + across, top + down))
    if random.random() < 0.5:
        piece = piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    piece = ImageEnhance.Brightness(piece).enhance(random.uniform(0.75, 1.25))
    piece = ImageEnhance.Contrast(piece).enhance(random.uniform(0.75, 1.25))
    piece = ImageEnhance.Color(piece).enhance(random.uniform(0.7, 1.3))
    gains = random.uniform(0.97, 1.03, 3)
    table = [min(255, round(value * gain)) for gain in gains for value in range(256)]
    piece = piece.point(table)
    if random.random() < 0.4:
        piece = piece.filter(ImageFilter.GaussianBlur(random.uniform(0.5, 2.6)))
    buffer = io.BytesIO()
    piece.save(buffer, "JPEG", quality=int(random.integers(20, 91)))
    return buffer.getvalue()


def _digits(folder: Path, task: Task) -> None:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    meter = task.meter("Drawing the digits", len(bunch.images))
    for number, (values, digit) in enumerate(zip(bunch.images, bunch.target)):
        if number % 100 == 0:
            task.check()
        image = Image.fromarray((values * (255 / 16)).round().astype(np.uint8), "L")
        class_folder = folder / str(digit)
        class_folder.mkdir(exist_ok=True)
        image.resize((64, 64), Image.Resampling.BICUBIC).save(class_folder / f"{number:04d}.png", compress_level=1)
        meter.add()
