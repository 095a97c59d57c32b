"""COCO annotations: a file, or a folder with annotations and images as they are published."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.data import table_files
from core.data.listing import SPLIT_WORDS, Listing
from core.data.readers.boxes import BoxedObject, objects_as_items
from core.data.readers.listed_paths import ListedPaths, require
from core.data.readers.registry import IMAGES, MARGIN, MISSING, MISSING_CHOICES, OBJECTS, READERS, SPLIT
from core.errors import BadInput
from core.task import NO_TASK, Task

_LARGEST = 2**31
_PREFIXES = ("instances", "_annotations.coco", "person_keypoints", "panoptic", "stuff", "captions")


@dataclass
class _Annotations:
    """What one file says; one entry per image."""

    path: Path
    names: list[str]
    labels: list[tuple[str, ...]]
    captions: list[str]
    objects: list[list[BoxedObject]] = field(default_factory=list)


def _is_coco(path: Path) -> bool:
    if not path.is_file() or path.suffix.lower() != ".json":
        return False
    with path.open("rb") as file:
        start = file.read(65536)
        file.seek(max(0, path.stat().st_size - 65536))
        end = file.read()
    return any(word in start or word in end for word in (b'"images"', b'"annotations"'))


def annotation_files(path: Path) -> list[Path]:
    """The annotation files to read: the path itself, or in a folder those of one kind, the most telling one."""
    if path.is_file():
        return [path] if _is_coco(path) else []
    if not path.is_dir():
        return []
    files = [*path.glob("annotations/*.json"), *path.glob("*.json"), *path.glob("*/_annotations.coco.json")]
    coco = sorted(file for file in files if _is_coco(file))
    for prefix in _PREFIXES:
        if kind := [file for file in coco if file.name.startswith(prefix)]:
            return kind
    return [file for file in coco if file.parent.name == "annotations" or len(coco) == 1]


@READERS.register(
    "coco",
    label="COCO annotations (.json, or the folder around them)",
    detects=lambda path: bool(annotation_files(path)),
    options={"images": IMAGES, "split": SPLIT, "missing": MISSING, "objects": OBJECTS, "margin": MARGIN},
    choices={"missing": MISSING_CHOICES},
    rank=3,
)
def coco(
    path: Path,
    *,
    images: str | None = None,
    split: bool = True,
    missing: str = "refuse",
    objects: bool = False,
    margin: float = 0.1,
    task: Task = NO_TASK,
) -> Listing:
    """Categories as labels, several per image; captions as descriptions; an image without annotation is unlabelled."""
    files = annotation_files(path) or ([path] if path.is_file() else [])
    if not files:
        raise BadInput(f"{path} has no COCO annotations (a .json in it, or in annotations/); give the file itself.")
    listing = Listing(str(path), several=True)
    labels: list[tuple[str, ...]] = []
    boxed: list[list[BoxedObject]] = []
    captions: list[str] = []
    words: list[str] = []
    for file in files:
        task.check()
        content = _read(file)
        root = Path(images).expanduser().resolve() if images else _beside(file, content.names)
        listed = ListedPaths(content.names, root)
        require(listed, missing, str(file))
        listing.notes += listed.notes
        below = root.name if len(files) > 1 else ""
        listing.ids += [f"{below}/{name}" if below else name for name in content.names]
        listing.paths += listed.paths
        labels += content.labels
        captions += content.captions
        boxed += content.objects
        words += [_split_of(file)] * len(content.names)
    if again := table_files.repeated(listing.ids):
        raise BadInput(f"{path} lists the image {listing.ids[again[0]]!r} twice.")
    if len(files) > 1:
        listing.notes.append(f"Read together: {table_files.some([file.name for file in files])}; give one to read it.")
        if split and all(words) and set(words) != {"train"}:
            listing.splits = words
            listing.notes.append("Their names tell the parts of the split (`--option split=no`).")
    if any(captions):
        listing.extra["description"] = captions
        listing.notes.append("Captions are the images' descriptions.")
    if any(labels):
        listing.labels = labels
    else:
        listing.several = False
    if objects:
        objects_as_items(listing, boxed, margin)
    return listing


def _read(path: Path) -> _Annotations:
    """Names, labels, captions and boxes of one file.

    Raises:
        BadInput: it is no COCO file; the sentence says where.
    """
    if path.stat().st_size > _LARGEST:
        raise BadInput(f"{path} has more than 2 GB; split it first.")
    try:
        content = json.loads(table_files.decode(path.read_bytes(), path))
        names = {row["id"]: _file_name(row) for row in content["images"]}
        categories = {row["id"]: table_files.words(row["name"]) for row in content.get("categories") or []}
        labels: dict[Any, dict[str, None]] = {number: {} for number in names}
        captions: dict[Any, list[str]] = {number: [] for number in names}
        objects: dict[Any, list[BoxedObject]] = {number: [] for number in names}
        for row in content.get("annotations") or []:
            image = row["image_id"]
            if image not in names:
                raise BadInput(f"{path} annotates image {image}, which it does not list.")
            if "caption" in row:
                captions[image].append(table_files.words(row["caption"]))
                continue
            for part in row.get("segments_info", [row]):
                if part["category_id"] not in categories:
                    raise BadInput(f"{path} annotates category {part['category_id']}, which it does not list.")
                label = categories[part["category_id"]]
                labels[image][label] = None
                if len(part.get("bbox") or ()) == 4:
                    left, top, width, height = map(float, part["bbox"])
                    objects[image].append(BoxedObject(label, (left, top, left + width, top + height)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{path} is no COCO file: {type(error).__name__} at {str(error)[:80]}.") from error
    if not names or not all(names.values()):
        raise BadInput(f"{path} is no COCO file: {'an image has no file_name' if names else 'it lists no image'}.")
    return _Annotations(
        path,
        list(names.values()),
        [tuple(sorted(row)) for row in labels.values()],
        [" ".join(texts) for texts in captions.values()],
        list(objects.values()),
    )


def _file_name(row: dict[str, Any]) -> str:
    """The name of an image; LVIS names its address instead."""
    return table_files.words(row["file_name"] if "file_name" in row else row["coco_url"].rpartition("/")[2])


def _split_of(file: Path) -> str:
    """The split that a file's name, or the folder around it, speaks of; "" for none."""
    stem = file.parent.name if file.name.startswith("_annotations.coco") else file.stem
    parts = re.split(r"[^a-z]+", stem.lower())
    return next((SPLIT_WORDS[part] for part in parts if part in SPLIT_WORDS), "")


def _beside(path: Path, names: list[str]) -> Path:
    """The folder near an annotation file that holds the images it names."""
    stem = path.stem.partition("_")[2] or path.stem
    near = [
        path.parent,
        path.parent.parent,
        path.parent / stem,
        path.parent.parent / stem,
        path.parent.parent / "images" / stem,
    ]
    near += [folder / "images" for folder in (path.parent, path.parent.parent)]
    sample = names[:: max(1, len(names) // 20)][:20]

    def hits(folder: Path) -> int:
        return sum(os.path.isfile(os.path.join(folder, name)) for name in sample)

    best = max(near, key=hits)
    return best if hits(best) else path.parent
