"""`torchvision:NAME`: collections that torchvision knows how to fetch, for machines with a network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from core import files
from core.data.listing import Listing
from core.data.readers.registry import READERS
from core.data.readers.voc import voc
from core.errors import BadInput
from core.task import NO_TASK, Task

NAMES: dict[str, tuple[str, tuple[tuple[str, dict[str, Any]], ...]]] = {
    "Caltech-101": ("Caltech101", (("", {}),)),
    "Caltech-256": ("Caltech256", (("", {}),)),
    "Flowers-102": ("Flowers102", (("train", {"split": "train"}), ("test", {"split": "test"}))),
    "Oxford-IIIT-Pet": ("OxfordIIITPet", (("train", {"split": "trainval"}), ("test", {"split": "test"}))),
    "Food-101": ("Food101", (("train", {"split": "train"}), ("test", {"split": "test"}))),
    "CIFAR-10": ("CIFAR10", (("train", {"train": True}), ("test", {"train": False}))),
    "CIFAR-100": ("CIFAR100", (("train", {"train": True}), ("test", {"train": False}))),
    "DTD": ("DTD", (("train", {"split": "train"}), ("test", {"split": "test"}))),
    "FGVC-Aircraft": ("FGVCAircraft", (("train", {"split": "trainval"}), ("test", {"split": "test"}))),
    "EuroSAT": ("EuroSAT", (("", {}),)),
    "VOC-2007": ("VOCDetection", (("", {"year": "2007", "image_set": "trainval"}),)),
    "VOC-2012": ("VOCDetection", (("", {"year": "2012", "image_set": "trainval"}),)),
}
"""What people type → torchvision's class, and the parts that it is made of: (split, arguments)."""
SIZES = {
    "Caltech-101": (8_677, 131),
    "Flowers-102": (7_169, 345),
    "Oxford-IIIT-Pet": (7_349, 792),
    "CIFAR-10": (60_000, 170),
    "CIFAR-100": (60_000, 169),
    "VOC-2007": (5_011, 439),
}
"""About how many images a collection has as it is read here, and MB to download; where they are known."""


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def canonical(text: str) -> str:
    """The name of NAMES that a text means, whatever its case and hyphens ("OxfordPets" and "VOC2007" too); "" for none.

    >>> canonical("caltech101"), canonical("OxfordIIITPet"), canonical("mnist")
    ('Caltech-101', 'Oxford-IIIT-Pet', '')
    """
    wanted = {"oxfordpets": "oxfordiiitpet", "oxfordpet": "oxfordiiitpet"}.get(_letters(text), _letters(text))
    return next((known for known in NAMES if _letters(known) == wanted), "")


@READERS.register(
    "torchvision",
    label="A collection of torchvision, by name",
    detects=lambda path: False,
    options={"dataset": f"One of {', '.join(NAMES)}."},
    choices={"dataset": tuple(NAMES)},
    rank=10,
)
def torchvision_dataset(path: Path, *, dataset: str, task: Task = NO_TASK) -> Listing:
    """Fetch a collection into `path` (once) and list its files. The test part searches itself; train is for fitting.

    Raises:
        BadInput: the name is not known, or the collection is not here and cannot be fetched.
    """
    name = canonical(dataset)
    if not name:
        raise BadInput(f"No torchvision dataset is named {dataset!r} here; there are {', '.join(NAMES)}.")
    kind, parts = NAMES[name]
    listing = Listing(str(path), labels=[], splits=[])
    for split, arguments in parts:
        part = _fetch(kind, path / name, arguments, name)
        if kind == "VOCDetection":
            return voc(Path(part.images[0]).parent.parent, image_set=arguments["image_set"])
        _list(part, listing, {"train": "train"}.get(split, "query|gallery"), path / name, split, task)
    return listing


def _fetch(kind: str, folder: Path, arguments: dict[str, Any], name: str) -> Any:
    from core.compat import library

    datasets = library("torchvision.datasets")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return getattr(datasets, kind)(str(folder), download=True, **arguments)
    except (OSError, RuntimeError, ValueError, ImportError) as error:
        why = " ".join(str(error).split())[:160] or type(error).__name__
        raise BadInput(
            f"{name} is not on this machine and could not be fetched ({why}); connect to the network, or put it into "
            f"{folder} as torchvision does."
        ) from error


def _list(
    part: Any,
    listing: Listing,
    split: str,
    folder: Path,
    part_name: str,
    task: Task,
) -> None:
    """Files and labels of one part; arrays (CIFAR) are written as PNG once, as there are no files to point to."""
    assert listing.labels is not None and listing.splits is not None, "the reader begins with empty lists"
    paths, codes = _files(part, folder, part_name, task)
    names = getattr(part, "classes", None) or getattr(part, "categories", None)
    for file, code in zip(paths, codes):
        listing.ids.append(Path(file).resolve().relative_to(folder.resolve()).as_posix())
        listing.paths.append(str(file))
        listing.labels.append((str(names[int(code)] if names else int(code)),))
        listing.splits.append(split)


def _files(part: Any, folder: Path, part_name: str, task: Task) -> tuple[list[Any], list[int]]:
    if hasattr(part, "samples"):
        return [file for file, _ in part.samples], [code for _, code in part.samples]
    for attribute in ("_image_files", "_images"):
        if hasattr(part, attribute):
            return list(getattr(part, attribute)), [int(code) for code in part._labels]
    if hasattr(part, "index") and hasattr(part, "categories"):
        return _caltech(part), [int(code) for code in part.y]
    return _written(part, folder / "pictures" / part_name, task), [int(code) for code in part.targets]


def _caltech(part: Any) -> list[Path]:
    root = Path(part.root)
    if (root / "101_ObjectCategories").is_dir():
        return [
            root / "101_ObjectCategories" / part.categories[code] / f"image_{number:04d}.jpg"
            for number, code in zip(part.index, part.y)
        ]
    return [
        root / "256_ObjectCategories" / part.categories[code] / f"{code + 1:03d}_{number:04d}.jpg"
        for number, code in zip(part.index, part.y)
    ]


def _written(part: Any, folder: Path, task: Task) -> list[Path]:
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    meter = task.meter("Writing images", len(part.data))
    paths = []
    for number, values in enumerate(np.asarray(part.data)):
        task.check()
        path = folder / f"{number:05d}.png"
        if not path.is_file():
            with files.replacing(path, durable=False) as beside:
                Image.fromarray(values).save(beside, "PNG", compress_level=1)
        paths.append(path)
        meter.add()
    return paths
