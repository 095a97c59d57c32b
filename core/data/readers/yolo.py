"""YOLO: a text file of boxes for each image, class names in data.yaml or classes.txt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from core.data import images, table_files
from core.data.file_walk import subfolders, walk
from core.data.listing import SPLIT_WORDS, Listing
from core.data.natural_order import natural_path_key
from core.data.readers.boxes import BoxedObject, objects_as_items
from core.data.readers.folders import are_splits
from core.data.readers.registry import MARGIN, OBJECTS, READERS, SPLIT
from core.errors import BadInput
from core.task import NO_TASK, Task

_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml", "classes.txt", "obj.names")


def _is_yolo(path: Path) -> bool:
    """`images` and `labels` with text files, right in the folder or in its split folders; or classes.txt and files."""
    if path.is_file() and path.suffix.lower() in (".yaml", ".yml"):
        path = path.parent
    if not path.is_dir():
        return False
    for folder in (path, *(path / name for name in subfolders(path) if name.lower() in SPLIT_WORDS)):
        if (folder / "images").is_dir() and (folder / "labels").is_dir():
            return next((folder / "labels").rglob("*.txt"), None) is not None
    return (path / "classes.txt").is_file() and any(
        (path / f"{file.stem}.txt").is_file() for file in list(path.iterdir())[:50] if images.looks_like_one(file.name)
    )


@READERS.register(
    "yolo",
    label="YOLO (images, labels, data.yaml)",
    detects=_is_yolo,
    options={"split": SPLIT, "objects": OBJECTS, "margin": MARGIN},
    rank=5,
    by_path=True,
)
def yolo(
    path: Path,
    *,
    split: bool = True,
    objects: bool = False,
    margin: float = 0.1,
    task: Task = NO_TASK,
) -> Listing:
    """The classes of an image's boxes as its labels; folders train, val and test name the split."""
    path = path.parent if path.is_file() else path  # data.yaml stands for the folder around it
    listing = Listing(str(path), several=True)
    files = [PurePosixPath(*parts) for parts in walk(path, listing.quarantine, task)]
    every = sorted((f for f in files if images.looks_like_one(f.name)), key=lambda file: natural_path_key(str(file)))
    texts = {str(file) for file in files if file.suffix.lower() == ".txt"}
    names, has_keypoints = _names(path)
    boxed: list[list[tuple[int, list[float]]]] = []
    for file in every:
        task.check()
        annotation = next((text for text in _label_files(file) if text in texts), None)
        boxed.append([] if annotation is None else list(_lines(path / annotation, has_keypoints)))
    listing.ids, listing.paths = [str(file) for file in every], [str(path / str(file)) for file in every]
    title = {code: names.get(code, str(code)) for row in boxed for code, _ in row}
    listing.labels = [tuple(sorted({title[code] for code, _ in row})) for row in boxed]
    if not names and title:
        listing.notes.append(f"None of {', '.join(_NAMES[:2])}, classes.txt names the classes, so they are numbers.")
    if split:
        _split(listing, every)
    if objects:
        sizes = [_size(text, listing.quarantine) if row else (0, 0) for text, row in zip(listing.paths, boxed)]
        objects_as_items(
            listing,
            [
                [BoxedObject(title[code], _pixels(box, *size)) for code, box in row if size != (0, 0)]
                for row, size in zip(boxed, sizes)
            ],
            margin,
        )
    return listing


def _split(listing: Listing, every: list[PurePosixPath]) -> None:
    """Folders train, val, test anywhere in the paths, where each image lies in one of them."""
    inside = [next((part.lower() for part in file.parent.parts if part.lower() in SPLIT_WORDS), "") for file in every]
    if all(inside) and are_splits(set(inside)):
        listing.splits = [SPLIT_WORDS[word] for word in inside]
        listing.notes.append(
            f"The folders {table_files.some(sorted(set(inside)))} are the parts of the split; `--option split=no` lets "
            "all images search each other."
        )


def _names(path: Path) -> tuple[dict[int, str], bool]:
    """Class number → name, and whether boxes are followed by keypoints.

    Raises:
        BadInput: data.yaml cannot be read.
    """
    file = next((path / name for name in _NAMES if (path / name).is_file()), None)
    if file is None:
        return {}, False
    text = table_files.decode(file.read_bytes(), file)
    if file.suffix not in (".yaml", ".yml"):
        return dict(enumerate(line.strip() for line in text.splitlines() if line.strip())), False
    import yaml

    try:
        content: Any = yaml.safe_load(text)
        names = content["names"]
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        return {int(code): table_files.words(name) for code, name in pairs}, bool(content.get("kpt_shape"))
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{file} holds no list of class names under 'names' ({type(error).__name__}).") from error


def _label_files(image: PurePosixPath) -> Iterator[str]:
    """Where the text file of an image may lie: in `labels` instead of `images`, else beside it."""
    parts = list(image.parts[:-1])
    for at in reversed([i for i, part in enumerate(parts) if part == "images"]):
        yield str(PurePosixPath(*parts[:at], "labels", *parts[at + 1 :], f"{image.stem}.txt"))
    yield str(image.with_suffix(".txt"))


def _lines(file: Path, has_keypoints: bool) -> Iterator[tuple[int, list[float]]]:
    """(class number, its box: centre and size, as shares) of each line; a polygon gives the box around it.

    Raises:
        BadInput: a line that is neither; it is named.
    """
    for number, line in enumerate(table_files.decode(file.read_bytes(), file).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            code, *values = line.split()
            shares = [float(value) for value in values]
            if len(shares) >= 6 and len(shares) % 2 == 0 and not has_keypoints:
                left, right = min(shares[::2]), max(shares[::2])
                top, bottom = min(shares[1::2]), max(shares[1::2])
                shares = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
            if len(shares) < 4 and shares:
                raise ValueError(line)
            yield int(float(code)), shares[:4]
        except (ValueError, OverflowError) as error:
            raise BadInput(f"{file}, line {number}: {line[:60]!r} is no `class x y width height`.") from error


def _size(path: str, quarantine: dict[str, str]) -> tuple[int, int]:
    """Width and height of an image; (0, 0) for one that cannot be read, which is set aside."""
    try:
        header = images.header(path)
    except BadInput as error:
        quarantine[path] = str(error)
        return 0, 0
    return header.width, header.height


def _pixels(box: list[float], width: int, height: int) -> tuple[float, float, float, float]:
    if len(box) < 4:
        return 0.0, 0.0, 0.0, 0.0
    across, down = box[2] * width / 2, box[3] * height / 2
    x, y = box[0] * width, box[1] * height
    return x - across, y - down, x + across, y + down
