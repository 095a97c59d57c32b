"""READERS, and which of them fits a path. The folder readers live here, the others in the modules imported below."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.data import images
from core.data.listing import READERS, SPLIT_WORDS, Listing, Reader, walk
from core.data.table_files import some
from core.errors import BadInput
from core.task import NO_TASK, Task

_ROLES = {name for name in SPLIT_WORDS if "|" not in name}
DEPTH_HELP = "Which folder level names the class: 1 is the first below the dataset's folder, 0 means no labels."


def _folders(path: Path) -> list[str]:
    try:
        return sorted(e.name for e in os.scandir(path) if e.is_dir() and not e.name.startswith("."))
    except OSError:
        return []


def _roles(path: Path) -> bool:
    """Every folder at the first level names a split, and together they are more than a training set."""
    names = {name.lower() for name in _folders(path)}
    if not names or not names <= _ROLES:
        return False
    return names != {"train"} and (len(names) > 1 or "test" in names)


def _spread(parts: tuple[str, ...]) -> str:
    """The split of a file by the names of its first folders: test/query asks, test/gallery is searched."""
    first = SPLIT_WORDS.get(parts[0].lower(), "")
    if first == "query|gallery" and len(parts) > 2 and parts[1].lower() in _ROLES:
        return SPLIT_WORDS[parts[1].lower()]
    return first


def split_folders(path: Path, *, task: Task = NO_TASK) -> Listing:
    """`train/`, `query/`, `gallery/` (or `test/query`, `test/gallery`; or `train/`, `test/`), classes below them."""
    listing = Listing(str(path), labels=[], splits=[])
    for parts in walk(path, listing.quarantine, task):
        split = _spread(parts)
        if not split:
            listing.quarantine[str(path.joinpath(*parts))] = "The file lies outside the split folders."
            continue
        nested = len(parts) > 2 and parts[0].lower() in ("test", "testing") and parts[1].lower() in _ROLES
        rest = parts[2:] if nested else parts[1:]
        _add(listing, path, parts)
        listing.labels.append((rest[0],) if len(rest) > 1 else ())
        listing.splits.append(split)
    if not any(listing.labels):
        listing.labels = None
    return listing


def folder_per_class(
    path: Path,
    *,
    depth: int | None = None,
    task: Task = NO_TASK,
) -> Listing:
    """One folder per class, nested folders, or a flat folder without labels.

    Args:
        depth: the folder level that names the class, 1 is the first; 0 means no labels. By default the first
            level, unless all files lie in one single folder, which then names nothing.
    """
    listing = Listing(str(path), labels=[])
    every: list[tuple[str, ...]] = []
    for parts in walk(path, listing.quarantine, task):
        every.append(parts)
        _add(listing, path, parts)
    if depth is None:
        firsts = {parts[0] if len(parts) > 1 else "" for parts in every if images.looks_like_one(parts[-1])}
        depth = 0 if len(firsts) <= 1 else 1
        if depth == 0 and firsts - {""}:
            listing.notes.append(f"All files lie in the one folder {firsts.pop()!r}, so it names no class.")
    if depth < 0:
        raise BadInput(f"The folder level that names the class is 0 or more, not {depth}.")
    listing.labels = [(parts[depth - 1],) if depth and len(parts) > depth else () for parts in every]
    if not any(listing.labels):
        listing.labels = None
    return listing


def _add(listing: Listing, path: Path, parts: tuple[str, ...]) -> None:
    listing.ids.append("/".join(parts))
    listing.paths.append(os.path.join(str(path), *parts))


def _load_others() -> None:
    """Import the modules that register further readers; those come first, folders are what is left."""
    from core.data.readers import formats, manifest, torchvision_datasets, webdataset  # noqa: F401

    if "folder" not in READERS:
        READERS.add(Reader("split_folders", split_folders, "Folders train, query, gallery", _roles))
        READERS.add(
            Reader(
                "folder",
                folder_per_class,
                "A folder per class, or a flat folder",
                lambda path: path.is_dir(),
                {"depth": DEPTH_HELP},
            )
        )


def choose(path: Path, name: str | None = None) -> Reader:
    """The reader of that name, else the first one that knows the look of `path`.

    Raises:
        UnknownName: no reader has that name.
        BadInput: the path does not exist, or nothing reads it.
    """
    _load_others()
    if name is not None:
        return READERS.get(name)
    if not path.exists():
        raise BadInput(f"{path} does not exist; check the spelling, or give a full path.")
    for reader in READERS:
        if reader.detect(path):
            return reader
    raise BadInput(
        f"{path} is no folder, manifest (.csv, .parquet, .jsonl), COCO file (.json), ground truth (gnd_*.pkl) or "
        "archive (.tar) of images."
    )


def known() -> tuple[str, ...]:
    """Names of all readers."""
    _load_others()
    return READERS.names


def preview(path: Path, reader: Reader, columns: dict[str, str] | None = None) -> str:
    """What a reader would make of a path, in one sentence and at a glance: no picture is opened, no tree is walked.

    Raises:
        BadInput: the path does not exist, or a table cannot be read.
    """
    if reader.name == "manifest" and path.is_file():
        from core.data import table_files
        from core.data.readers import manifest

        frame = table_files.read_table(path)
        named = manifest.guess_columns([str(name) for name in frame.columns], columns, str(path))
        roles = ", ".join(f"{ours} from {theirs!r}" for ours, theirs in named.items())
        return f"{len(frame):,} rows; {roles or 'no column has a usual name, so choose them by hand'}."
    if path.is_dir():
        names = _folders(path)
        if names:
            return f"{len(names):,} folders at the first level: {some(names, 6)}"
        with os.scandir(path) as entries:
            pictures = sum(images.looks_like_one(entry.name) for entry in entries)
        return f"{pictures:,} pictures in one flat folder, so there are no labels."
    if not path.exists():
        raise BadInput(f"{path} does not exist; check the spelling, or give a full path.")
    return f"{path.stat().st_size / 1e6:,.1f} MB."


_FLAGS = {"yes": True, "true": True, "1": True, "on": True, "no": False, "false": False, "0": False, "off": False}


def _flag(text: str) -> bool:
    return _FLAGS[text.lower()]


def option_kind(reader: Reader, name: str) -> str:
    """What an option of a reader takes: "whole", "flag", "mapping" or "text"."""
    annotation = str(inspect.signature(reader.function).parameters[name].annotation)
    kinds = {"int": "whole", "bool": "flag", "dict": "mapping"}
    return next((kind for word, kind in kinds.items() if annotation.startswith(word)), "text")


def options_from(reader: Reader, given: Mapping[str, str]) -> dict[str, Any]:
    """Options that were typed, as the reader takes them.

    Args:
        given: option → text. A mapping is typed `ours:theirs,ours:theirs`, or as JSON where a name holds a comma.
    Raises:
        BadInput: the reader has no such option, or the text is no value for it.
    """
    found: dict[str, Any] = {}
    for name, text in given.items():
        if name not in reader.options:
            takes = f"it takes {', '.join(reader.options)}" if reader.options else "it takes none"
            raise BadInput(f"The reader {reader.name!r} has no option {name!r}; {takes}.")
        kind, text = option_kind(reader, name), text.strip()
        try:
            found[name] = _PARSE[kind](text)
        except (ValueError, KeyError) as error:
            wanted = {
                "whole": "a whole number",
                "flag": "yes or no",
                "mapping": "ours:theirs,ours:theirs, e.g. path:photo",
            }[kind]
            raise BadInput(f"The option {name!r} takes {wanted}, not {text[:60]!r}.") from error
    return found


def _mapping(text: str) -> dict[str, str]:
    if text.startswith("{"):
        held = json.loads(text)
        if not all(isinstance(value, str) for value in held.values()):
            raise ValueError(text)
        return held
    pairs = [part.partition(":") for part in text.split(",")]
    if not all(ours.strip() and mark for ours, mark, _ in pairs):
        raise ValueError(text)
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


_PARSE = {"whole": int, "flag": _flag, "mapping": _mapping, "text": str}
