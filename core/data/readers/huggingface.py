"""Hugging Face: an image folder with metadata beside the files, or Parquet tables with the images inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from core.data import parquet_cells, table_files
from core.data.listing import SPLIT_WORDS, Listing
from core.data.readers import columns as usual
from core.data.readers import manifest
from core.data.readers.registry import MISSING, MISSING_CHOICES, READERS
from core.errors import BadInput
from core.task import NO_TASK, Task

_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


def _metadata_files(path: Path) -> list[Path]:
    """Metadata files in a folder or in the split folders right below it."""
    if not path.is_dir():
        return []
    folders = [path, *sorted(p for p in path.iterdir() if p.is_dir() and p.name.lower() in SPLIT_WORDS)]
    files = [folder / name for folder in folders for name in _METADATA if (folder / name).is_file()]
    return [file for file in files if file.suffix == ".parquet" or _starts_with_file_name(file)]


def _starts_with_file_name(file: Path) -> bool:
    """True when the word stands in the first line: other tables are called metadata.csv too."""
    with file.open("rb") as opened:
        return b"file_name" in opened.readline(65536)


@READERS.register(
    "huggingface",
    label="Hugging Face image folder (metadata.csv)",
    detects=lambda path: bool(_metadata_files(path)),
    options={"missing": MISSING, "unlabelled": usual.UNLABELLED},
    choices={"missing": MISSING_CHOICES},
    rank=1,
)
def huggingface(
    path: Path,
    *,
    missing: str = "refuse",
    unlabelled: str | None = None,
    task: Task = NO_TASK,
) -> Listing:
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
    mapping = {"path": "file_name", "id": "file_name"}
    listing = manifest.from_frame(pd.concat(frames), path, str(files[0]), mapping, missing, unlabelled)
    if listing.labels is None:
        depth = 1 if any(listing.splits or []) else 0
        parts = [text.split("/") for text in listing.ids]
        listing.labels = [(p[depth],) if len(p) > depth + 1 and p[depth] != "images" else () for p in parts]
        listing.labels = listing.labels if any(listing.labels) else None
    return listing


# ------------------------------------------------------------------------------------------- images inside Parquet


def _tables(path: Path) -> list[Path]:
    """Parquet files with images in them: the path itself, or what lies in the folder or in its `data`."""
    if path.is_file():
        files = [path] if path.suffix.lower() == ".parquet" else []
    elif path.is_dir():
        files = (
            sorted(path.glob("*.parquet")) or sorted(path.glob("data/*.parquet")) or sorted(path.glob("*/*.parquet"))
        )
    else:
        files = []
    return files if files and parquet_cells.image_column(files[0]) else []


@READERS.register(
    "parquet",
    label="Parquet tables with the images inside (Hugging Face)",
    detects=lambda path: bool(_tables(path)),
    options={
        "columns": "Which of the file's columns is which of ours, where the names are unusual: {ours: theirs}.",
        "unlabelled": usual.UNLABELLED,
    },
    rank=1,
)
def parquet(
    path: Path,
    *,
    columns: dict[str, str] | None = None,
    unlabelled: str | None = None,
    task: Task = NO_TASK,
) -> Listing:
    """One image per row, read from the table where it lies; names of label numbers come from the file's own record.

    A file whose name starts with train, validation or test gives its split.
    """
    files = _tables(path)
    if not files:
        raise BadInput(f"{path} has no Parquet table with a column of images (bytes, or bytes and path).")
    listing = Listing(str(path), extra={"table_row": [], "table_column": []})
    meter = task.meter("Listing tables", None, "files")
    frames = []
    for file in files:
        task.check()
        image = parquet_cells.image_column(file, (columns or {}).get("path"))
        if image is None:
            raise BadInput(f"{file} has no column of images; `--option columns=path:NAME` names it.")
        frame = _without_images(file)
        listing.paths += [str(file)] * len(frame)
        listing.extra["table_row"] += range(len(frame))
        listing.extra["table_column"] += [image] * len(frame)
        if len(files) > 1 and "split" not in {str(name).lower() for name in frame}:
            word = file.stem.lower().split("-")[0].split("_")[0]
            frame["split"] = word if word in SPLIT_WORDS else ""
        frames.append(frame)
        meter.add()
    frame = pd.concat(frames, ignore_index=True)
    if "split" in frame and not all(frame["split"]):
        frame = frame.drop(columns="split")
    frame.index += 1
    frame = frame.rename(columns=str)
    mapping = {ours: theirs for ours, theirs in (columns or {}).items() if ours != "path"}
    named, notes = usual.checked_columns(frame, {**mapping, "path": "", "pictures": ""}, str(path))
    listing.notes += notes
    listing.ids = [table_files.words(value) for value in frame[named["id"]]] if "id" in named else []
    if not all(listing.ids) or len(set(listing.ids)) < len(frame):
        named.pop("id", None)
        stems = [f"{Path(file).stem}/" if len(files) > 1 else "" for file in listing.paths]
        listing.ids = [f"{stem}{row:06d}" for stem, row in zip(stems, listing.extra["table_row"])]
    manifest.add_columns(listing, frame, named, str(path), (), unlabelled)
    return listing


def _without_images(file: Path) -> pd.DataFrame:
    """Every column of a table that holds no bytes, with label numbers as their names."""
    import pyarrow.parquet as pq

    schema = pq.read_schema(file)
    with_bytes = parquet_cells.byte_columns(file)
    others = [name for name in schema.names if name not in with_bytes]
    frame = (
        table_files.read_table(file, columns=others)
        if others
        else pd.DataFrame(index=range(pq.read_metadata(file).num_rows))
    )
    for name, feature in _features(schema.metadata or {}).items():
        if name in frame and feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list):
            names = dict(enumerate(map(str, feature["names"])))
            frame[name] = [names.get(code, code) if isinstance(code, int) else code for code in frame[name].tolist()]
    return frame


def _features(metadata: dict[bytes, bytes]) -> dict[str, dict[str, Any]]:
    """What the `datasets` library wrote about its columns; {} where it wrote nothing."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}
