"""READERS, and which of them fits a path. Each module in this folder is one way of keeping image collections."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
from functools import cache
from pathlib import Path

from core import paths
from core.access import reach
from core.data import file_kinds, images, table_files
from core.data.file_walk import subfolders
from core.data.readers.options import option_default, option_kind, options_from
from core.data.readers.registry import READERS, Reader
from core.errors import BadInput
from core.wording import plural

__all__ = ["READERS", "Reader", "choose", "known", "option_default", "option_kind", "options_from", "preview"]


@cache
def _import_all() -> None:
    """Import every module of this folder: each adds its readers to READERS."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def choose(path: Path, name: str | None = None) -> Reader:
    """The reader of that name, else the first one that knows the look of `path`.

    Raises:
        UnknownName: no reader has that name.
        BadInput: the path does not exist, or nothing reads it.
        NotAllowed: it is the system's own, or lies outside of the folders that a server reads.
    """
    _import_all()
    reach.require(path)
    if name is not None:
        return READERS.get(name)
    if not path.exists():
        raise BadInput(_missing(path))
    for reader in sorted(READERS, key=lambda reader: reader.rank):
        if reader.detects(path):
            return reader
    known_kind = file_kinds.foreign_file(path) if path.is_file() else ""
    raise BadInput(
        f"{path} is no folder, manifest (.csv, .parquet, .jsonl), COCO file (.json), ground truth (gnd_*.pkl) or "
        f"archive (.tar) of images. {known_kind}".strip()
    )


def _missing(path: Path) -> str:
    if kind := paths.scheme(path):
        address = re.sub(":/+", "://", str(path), count=1)
        return (
            f"{address} is an address, and images are read from this machine. Mount what {kind}: leads to, or copy it "
            "here, and give that folder."
        )
    return f"{path} does not exist; check the spelling, or give a full path."


def known() -> tuple[str, ...]:
    """Names of all readers, in the order in which they are asked."""
    _import_all()
    return tuple(reader.name for reader in sorted(READERS, key=lambda reader: reader.rank))


def preview(path: Path, reader: Reader, columns: dict[str, str] | None = None) -> str:
    """What a reader would make of a path, in one sentence and at a glance: no image is opened, no tree is walked.

    Raises:
        BadInput: the path does not exist, or a table cannot be read.
    """
    if reader.name == "manifest" and path.is_file():
        from core.data.readers import columns as usual

        frame = table_files.read_table(path)
        guessed = usual.guess_columns([str(name) for name in frame.columns], columns, str(path))
        roles = ", ".join(f"{ours} from {theirs!r}" for ours, theirs in guessed.items())
        return f"{plural(len(frame), 'row')}; {roles or 'no column has a usual name, so choose them by hand'}."
    if path.is_dir():
        names = subfolders(path)
        if names:
            return f"{len(names):,} folders at the first level: {table_files.some(names, 6)}"
        with os.scandir(path) as entries:
            n_images = sum(images.looks_like_one(entry.name) for entry in entries)
        return f"{plural(n_images, 'image')} in one flat folder, so there are no labels."
    if not path.exists():
        raise BadInput(_missing(path))
    return f"{path.stat().st_size / 1e6:,.1f} MB."
