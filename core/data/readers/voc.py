"""Pascal VOC: XML annotations in a folder of their own, or beside the images; lists in ImageSets, or split folders."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path, PurePosixPath

from core.data import images, table_files
from core.data.file_walk import subfolders, walk
from core.data.listing import SPLIT_WORDS, Listing
from core.data.natural_order import natural_path_key
from core.data.readers.boxes import BoxedObject, objects_as_items
from core.data.readers.folders import are_splits
from core.data.readers.registry import MARGIN, MISSING, MISSING_CHOICES, OBJECTS, READERS, SPLIT
from core.errors import BadInput
from core.task import NO_TASK, Task


def _is_voc(path: Path) -> bool:
    """An annotation in a folder of annotations, or right in the folder, or in one of its folders."""
    if not path.is_dir():
        return False
    for folder in (path, *(path / name for name in subfolders(path)[:50])):
        if (first := next(folder.glob("*.xml"), None)) is not None and first.is_file():
            with first.open("rb") as file:
                return b"<annotation" in file.read(2048)
    return False


@READERS.register(
    "voc",
    label="Pascal VOC (XML annotations)",
    detects=_is_voc,
    options={
        "image_set": "Only the images of this list of ImageSets/Main, e.g. trainval.",
        "split": SPLIT,
        "missing": MISSING,
        "objects": OBJECTS,
        "margin": MARGIN,
    },
    choices={"missing": MISSING_CHOICES},
    rank=4,
    by_path=True,
)
def voc(
    path: Path,
    *,
    image_set: str | None = None,
    split: bool = True,
    missing: str = "refuse",
    objects: bool = False,
    margin: float = 0.1,
    task: Task = NO_TASK,
) -> Listing:
    """Object names as labels. ImageSets/Main/train.txt is for fitting; val.txt and test.txt search themselves."""
    listing = Listing(str(path), several=True)
    files = [PurePosixPath(*parts) for parts in walk(path, listing.quarantine, task)]
    notes = _by_stem([file for file in files if file.suffix.lower() == ".xml"])
    inside = next((name for name in ("JPEGImages", "images", "Images") if (path / name).is_dir()), "")
    image_files = _by_stem([f for f in files if images.looks_like_one(f.name) and (not inside or f.parts[0] == inside)])
    splits = _lists(path, image_set)
    if splits:
        _list_names(listing, path, splits, image_files, missing)
    else:
        _list_files(listing, path, image_files, notes, missing)
    boxed = []
    for text in listing.ids:
        task.check()
        file = _partner(PurePosixPath(f"{text}.xml"), notes)
        boxed.append(_objects(path / file) if file else [])
    listing.labels = [tuple(sorted({item.label for item in row if item.label})) for row in boxed]
    if not split:
        listing.splits = None
    if objects:
        objects_as_items(listing, [[item for item in row if item.box[2] > item.box[0]] for row in boxed], margin)
    return listing


def _by_stem(files: list[PurePosixPath]) -> dict[str, list[PurePosixPath]]:
    stems: dict[str, list[PurePosixPath]] = {}
    for file in files:
        stems.setdefault(file.stem, []).append(file)
    return stems


def _partner(file: PurePosixPath, others: dict[str, list[PurePosixPath]]) -> PurePosixPath | None:
    """The file that belongs to another one: of the same stem, and where there are several, with most folders alike."""
    same = others.get(file.stem, [])
    return max(same, key=lambda other: len({*other.parent.parts} & {*file.parent.parts}), default=None)


def _lists(path: Path, image_set: str | None) -> dict[str, str]:
    """Image name → our word for its split, by ImageSets/Main; {} where there are no lists."""
    lists = path / "ImageSets" / "Main"
    if image_set is not None:
        file = lists / f"{image_set}.txt"
        if not file.is_file():
            known = table_files.some(sorted(p.stem for p in lists.glob("*.txt") if "_" not in p.stem), 8)
            raise BadInput(f"{path} has no list {image_set!r} in ImageSets/Main; there are {known or 'none'}.")
        return dict.fromkeys(_lines(file), "query|gallery")
    splits: dict[str, str] = {}
    for name in ("train", "val", "test"):
        if (lists / f"{name}.txt").is_file():
            splits.update(dict.fromkeys(_lines(lists / f"{name}.txt"), SPLIT_WORDS[name]))
    return splits


def _lines(file: Path) -> list[str]:
    return [line.split()[0] for line in table_files.decode(file.read_bytes(), file).splitlines() if line.strip()]


def _list_names(
    listing: Listing, path: Path, splits: dict[str, str], image_files: dict[str, list[PurePosixPath]], missing: str
) -> None:
    """The images that the lists of ImageSets name."""
    absent = [name for name in splits if name not in image_files]
    _refuse_absent(path, absent, len(splits), missing)
    words: list[str] = []
    for name, split in splits.items():
        if name in image_files:
            file = _partner(PurePosixPath("JPEGImages", name), {name: image_files[name]})
            listing.ids.append(name)
            listing.paths.append(str(path / str(file)))
            words.append(split)
        else:
            listing.quarantine[str(path / "JPEGImages" / name)] = "The image is in a list, but not on the disk."
    listing.splits = words


def _list_files(
    listing: Listing,
    path: Path,
    image_files: dict[str, list[PurePosixPath]],
    notes: dict[str, list[PurePosixPath]],
    missing: str,
) -> None:
    """All images, those without annotation too; folders train, valid and test name the split."""
    absent = [stem for stem in notes if stem not in image_files]
    _refuse_absent(path, absent, sum(map(len, image_files.values())) + len(absent), missing)
    for stem in absent:
        listing.quarantine[str(path / str(notes[stem][0]))] = "The image of this annotation is not on the disk."
    every = sorted((file for files in image_files.values() for file in files), key=lambda f: natural_path_key(str(f)))
    plain = len(image_files) == len(every)
    listing.ids = [file.stem if plain else str(file.with_suffix("")) for file in every]
    listing.paths = [str(path / str(file)) for file in every]
    firsts = [file.parts[0].lower() if len(file.parts) > 1 else "" for file in every]
    if all(firsts) and are_splits(set(firsts)) and all(first in SPLIT_WORDS for first in firsts):
        listing.splits = [SPLIT_WORDS[first] for first in firsts]
        listing.notes.append(
            f"The folders {table_files.some(sorted(set(firsts)))} are the parts of the split (`--option split=no`)."
        )


def _refuse_absent(path: Path, absent: list[str], n: int, missing: str) -> None:
    if absent and (missing == "refuse" or len(absent) == n):
        raise BadInput(
            f"{path} lacks {len(absent):,} of {n:,} images: {table_files.some(absent)}; `--option missing=quarantine` "
            "lists them and goes on."
        )


def _objects(file: Path) -> list[BoxedObject]:
    """The objects of one annotation. Entities are refused, not expanded.

    Raises:
        BadInput: it is no valid XML.
    """
    text = table_files.decode(file.read_bytes(), file)
    if "<!ENTITY" in text or "<!DOCTYPE" in text:
        raise BadInput(f"{file} declares entities, which an annotation never needs; it is not read.")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise BadInput(f"{file} is no valid XML: {error}.") from error
    objects = []
    for node in root.iter("object"):
        label = " ".join((node.findtext("name") or "").split())
        try:
            sides = [float(node.findtext(f"bndbox/{side}") or "nan") for side in ("xmin", "ymin", "xmax", "ymax")]
        except ValueError:
            sides = [float("nan")] * 4
        # VOC counts pixels from 1 and includes the last one.
        objects.append(BoxedObject(label, (sides[0] - 1, sides[1] - 1, sides[2], sides[3])))
    return objects
