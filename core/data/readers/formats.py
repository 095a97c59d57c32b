"""Formats in which others publish collections: COCO, Pascal VOC, revisited Oxford and Paris, Hugging Face folders."""

from __future__ import annotations

import dataclasses
import json
import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pandas as pd

from core.data import safe_pickle, table_files
from core.data.listing import READERS, SPLIT_WORDS, Listing
from core.data.readers import manifest
from core.errors import BadInput
from core.task import NO_TASK, Task
from core.types import Dataset

_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_LARGEST = 2**31
PROTOCOLS = {
    "easy": ({"easy"}, {"junk", "hard"}),
    "medium": ({"easy", "hard"}, {"junk"}),
    "hard": ({"hard"}, {"junk", "easy"}),
}
"""Setup of the revisited Oxford and Paris sets → (what is relevant, what is junk); arXiv:1803.11285."""


# ------------------------------------------------------------------------------------------- Hugging Face


def _metadata_files(path: Path) -> list[Path]:
    """Metadata files in a folder or in the split folders right below it."""
    if not path.is_dir():
        return []
    places = [path, *sorted(p for p in path.iterdir() if p.is_dir() and p.name.lower() in SPLIT_WORDS)]
    files = [place / name for place in places for name in _METADATA if (place / name).is_file()]
    return [file for file in files if file.suffix == ".parquet" or _starts_with_file_name(file)]


def _starts_with_file_name(file: Path) -> bool:
    """True when the word stands in the first line: other tables are called metadata.csv too."""
    with file.open("rb") as opened:
        return b"file_name" in opened.readline(65536)


@READERS.register(
    "huggingface", label="Hugging Face image folder (metadata.csv)", detect=lambda p: bool(_metadata_files(p))
)
def huggingface(path: Path, *, task: Task = NO_TASK) -> Listing:
    """An `imagefolder` with `metadata.csv`, `.jsonl` or `.parquet` (column file_name), split folders or not."""
    files = _metadata_files(path)
    if not files:
        raise BadInput(
            f"{path} has no metadata.csv, metadata.jsonl or metadata.parquet, in it or in its split folders."
        )
    frames = []
    for file in files:
        frame = table_files.read_table(file)
        if "file_name" not in frame:
            raise BadInput(f"{file} has no column 'file_name'; it has {table_files.some(list(frame.columns))}.")
        below = file.parent.relative_to(path).as_posix()
        inside = [table_files.words(name) for name in frame["file_name"]]
        frame["file_name"] = inside if below == "." else [f"{below}/{name}" for name in inside]
        if below.lower() in SPLIT_WORDS:
            frame["split"] = below.lower()
        frames.append(frame)
    listing = manifest.from_frame(pd.concat(frames), path, str(files[0]), {"path": "file_name", "id": "file_name"})
    if listing.labels is None:
        depth = 1 if any(table_files.words(split) for split in listing.splits or []) else 0
        parts = [text.split("/") for text in listing.ids]
        listing.labels = [(p[depth],) if len(p) > depth + 1 and p[depth] != "images" else () for p in parts]
        listing.labels = listing.labels if any(listing.labels) else None
    return listing


# ------------------------------------------------------------------------------------------- COCO


def _is_coco(path: Path) -> bool:
    if not path.is_file() or path.suffix.lower() != ".json":
        return False
    with path.open("rb") as file:
        start = file.read(65536)
        file.seek(max(0, path.stat().st_size - 65536))
        end = file.read()
    return any(word in start or word in end for word in (b'"images"', b'"annotations"'))


@READERS.register(
    "coco",
    label="COCO annotations (.json)",
    detect=_is_coco,
    options={"images": "The folder of the pictures; by default found beside the file."},
)
def coco(
    path: Path,
    *,
    images: str | None = None,
    task: Task = NO_TASK,
) -> Listing:
    """Categories of the annotations as labels, several per image; an image without annotation is unlabelled."""
    if path.stat().st_size > _LARGEST:
        raise BadInput(f"{path} has more than 2 GB; split it first.")
    try:
        held = json.loads(table_files.decode(path.read_bytes(), path))
        pictures = {row["id"]: row["file_name"] for row in held["images"]}
        categories = {row["id"]: str(row["name"]) for row in held.get("categories", [])}
        notes = [(row["image_id"], row["category_id"]) for row in held.get("annotations", [])]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"{path} is no COCO file: {type(error).__name__} at {str(error)[:80]}.") from error
    labels: dict[Any, dict[str, None]] = {number: {} for number in pictures}
    for image, category in notes:
        if image not in labels or category not in categories:
            what = f"image {image}" if image not in labels else f"category {category}"
            raise BadInput(f"{path} annotates {what}, which it does not list.")
        labels[image][categories[category]] = None
    frame = pd.DataFrame(
        {"path": list(pictures.values()), "labels": ["|".join(sorted(one)) for one in labels.values()]}
    )
    frame.index += 1
    root = Path(images).expanduser().resolve() if images else _beside(path, list(pictures.values()))
    listing = manifest.from_frame(frame, root, str(path), {"id": "", "split": ""})
    return listing


def _beside(path: Path, names: list[str]) -> Path:
    """The folder near an annotation file that holds the pictures it names."""
    stem = path.stem.removeprefix("instances_")
    near = [
        path.parent,
        path.parent.parent,
        path.parent / stem,
        path.parent.parent / stem,
        path.parent.parent / "images" / stem,
    ]
    near += [place / "images" for place in (path.parent, path.parent.parent)]
    sample = names[:: max(1, len(names) // 20)][:20]
    best = max(near, key=lambda place: sum((place / name).is_file() for name in sample))
    return best if any((best / name).is_file() for name in sample) else path.parent


# ------------------------------------------------------------------------------------------- Pascal VOC


def _is_voc(path: Path) -> bool:
    return (path / "Annotations").is_dir() and next((path / "Annotations").glob("*.xml"), None) is not None


@READERS.register(
    "voc",
    label="Pascal VOC (Annotations, ImageSets)",
    detect=_is_voc,
    options={"image_set": "Only the images of this list of ImageSets/Main, e.g. trainval."},
)
def voc(
    path: Path,
    *,
    image_set: str | None = None,
    task: Task = NO_TASK,
) -> Listing:
    """Object names as labels. ImageSets/Main/train.txt is for fitting; val.txt and test.txt search themselves."""
    lists = path / "ImageSets" / "Main"
    splits: dict[str, str] = {}
    if image_set is not None:
        file = lists / f"{image_set}.txt"
        if not file.is_file():
            known = table_files.some(sorted(p.stem for p in lists.glob("*.txt") if "_" not in p.stem), 8)
            raise BadInput(f"{path} has no list {image_set!r} in ImageSets/Main; there are {known or 'none'}.")
        splits = dict.fromkeys(_lines(file), "query|gallery")
    else:
        for name in ("train", "val", "test"):
            if (lists / f"{name}.txt").is_file():
                splits.update(dict.fromkeys(_lines(lists / f"{name}.txt"), SPLIT_WORDS[name]))
    names = list(splits) or sorted(p.stem for p in (path / "Annotations").glob("*.xml"))
    whole = set(splits.values()) == {"train"}
    listing = Listing(str(path), labels=[], splits=None if not splits or whole else list(splits.values()), several=True)
    if whole:
        listing.notes.append("There is only a training list, so its images search themselves.")
    ending_of = _endings(path / "JPEGImages")
    absent = [name for name in names if name not in ending_of]
    if absent:
        raise BadInput(f"{path}/JPEGImages lacks {len(absent):,} of {len(names):,} images: {table_files.some(absent)}.")
    for name in names:
        task.check()
        listing.ids.append(name)
        listing.paths.append(str(path / "JPEGImages" / ending_of[name]))
        listing.labels.append(_objects(path / "Annotations" / f"{name}.xml"))
    return listing


def _lines(file: Path) -> list[str]:
    return [line.split()[0] for line in table_files.decode(file.read_bytes(), file).splitlines() if line.strip()]


def _endings(folder: Path) -> dict[str, str]:
    """Name without ending → file name, in a folder of pictures."""
    return {Path(name).stem: name for name in sorted(os.listdir(folder))} if folder.is_dir() else {}


def _objects(file: Path) -> tuple[str, ...]:
    """Names of the objects of one annotation; none when it has no file. Entities are refused, not expanded."""
    if not file.is_file():
        return ()
    text = table_files.decode(file.read_bytes(), file)
    if "<!ENTITY" in text or "<!DOCTYPE" in text:
        raise BadInput(f"{file} declares entities, which an annotation never needs; it is not read.")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise BadInput(f"{file} is no valid XML: {error}.") from error
    found = (" ".join((one.findtext("name") or "").split()) for one in root.iter("object"))
    return tuple(sorted({name for name in found if name}))


# ------------------------------------------------------------------------------------------- Oxford and Paris


@READERS.register(
    "revisited",
    label="Revisited Oxford or Paris ground truth (gnd_*.pkl)",
    detect=lambda path: path.is_file() and path.suffix.lower() in (".pkl", ".pickle"),
    options={
        "protocol": "easy, medium (default) or hard: three numbers, never pooled.",
        "images": "The folder of the pictures; by default `jpg` beside the file.",
        "crop": "Cut queries to their box, as the protocol wants (default yes).",
    },
    choices={"protocol": ("medium", "easy", "hard")},
)
def revisited(
    path: Path,
    *,
    protocol: str = "medium",
    images: str | None = None,
    crop: bool = True,
    task: Task = NO_TASK,
) -> Listing:
    """Queries, database, and per query what is easy, hard and junk. The pickle is read without executing it."""
    if protocol not in PROTOCOLS:
        raise BadInput(f"The protocol is {', '.join(PROTOCOLS)}, not {protocol!r}.")
    held = safe_pickle.load(path)
    try:
        database, queries = [str(n) for n in held["imlist"]], [str(n) for n in held["qimlist"]]
        truth = [
            {part: [int(i) for i in one.get(part, ())] for part in ("easy", "hard", "junk")} for one in held["gnd"]
        ]
        boxes = [[round(float(v)) for v in one["bbx"]] if "bbx" in one else None for one in held["gnd"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"{path} is no ground truth of revisited Oxford or Paris: {error!s:.80}.") from error
    if len(truth) != len(queries) or any(
        i < 0 or i >= len(database) for o in truth for part in o.values() for i in part
    ):
        raise BadInput(
            f"{path}: the ground truth does not fit its lists of {len(queries)} queries, {len(database)} images."
        )
    folder = Path(images).expanduser().resolve() if images else path.parent / "jpg"
    ending_of = _endings(folder)
    names = [*database, *(f"query/{name}" for name in queries)]
    files = [*database, *queries]
    absent = [name for name in files if Path(name).name not in ending_of]
    if absent:
        raise BadInput(
            f"{folder} lacks {len(absent):,} of {len(files):,} images of {path.name}: {table_files.some(absent)}."
        )
    listing = Listing(str(path), names, [str(folder / ending_of[Path(name).name]) for name in files])
    listing.splits = ["gallery"] * len(database) + ["query"] * len(queries)
    no_box = [-1, -1, -1, -1]
    every = [no_box] * len(database) + [box if crop and box else no_box for box in boxes]
    for at, side in enumerate(("left", "top", "right", "bottom")):
        listing.extra[f"crop_{side}"] = [box[at] for box in every]
    listing.pairs = _protocol_pairs(database, queries, truth, protocol)
    listing.relevant_by = "pairs"
    listing.notes.append(f"Protocol: {protocol}.")
    return listing


def _protocol_pairs(database: list[str], queries: list[str], truth: list[dict], protocol: str) -> pd.DataFrame:
    """The pairs of one protocol; column `part` keeps what they are, so that `under` finds the other two again."""
    rows = []
    for name, one in zip(queries, truth):
        own = name if name in database else None  # the query's own image is neither found nor missed
        for part, numbers in one.items():
            rows += [(f"query/{name}", database[i], part) for i in sorted(set(numbers)) if database[i] != own]
        if own:
            rows.append((f"query/{name}", own, "own"))
    frame = pd.DataFrame(rows, columns=["query_id", "item_id", "part"])
    return frame.assign(kind=_kinds(frame["part"], protocol))[["query_id", "item_id", "kind", "part"]]


def _kinds(parts: pd.Series, protocol: str) -> list[str]:
    """What each pair is under a protocol; all that is not relevant is junk, in each of the three."""
    good, _ = PROTOCOLS[protocol]
    return ["relevant" if part in good else "junk" for part in parts]


def is_revisited(dataset: Dataset) -> bool:
    """True for the revisited Oxford and Paris sets: their pairs say what is easy, hard and junk."""
    return dataset.relevant_by == "pairs" and dataset.pairs is not None and "part" in dataset.pairs


def under(dataset: Dataset, protocol: str) -> Dataset:
    """The same images and queries under another of the three protocols."""
    pairs = dataset.pairs.assign(kind=_kinds(dataset.pairs["part"], protocol))
    return dataclasses.replace(dataset, pairs=pairs)
