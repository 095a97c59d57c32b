"""Revisited Oxford and Paris: queries, database, and per query what is easy, hard and junk."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pandas as pd

from core.data import file_kinds, safe_pickle, table_files
from core.data.listing import Listing
from core.data.readers.boxes import SIDES
from core.data.readers.registry import MISSING, MISSING_CHOICES, READERS
from core.errors import BadInput
from core.task import NO_TASK, Task
from core.types import Dataset

PROTOCOLS = {
    "easy": ({"easy"}, {"junk", "hard"}),
    "medium": ({"easy", "hard"}, {"junk"}),
    "hard": ({"hard"}, {"junk", "easy"}),
}
"""Setup of the revisited Oxford and Paris sets → (what is relevant, what is junk); Radenović et al. 2018."""
_PARTS = ("easy", "hard", "junk")
_NO_BOX = (-1, -1, -1, -1)


@dataclasses.dataclass(frozen=True)
class _Truth:
    """A ground truth file: names of both sides, and per query the positions of each part and its box."""

    database: list[str]
    queries: list[str]
    parts: list[dict[str, list[int]]]
    boxes: list[tuple[int, ...] | None]


@READERS.register(
    "revisited",
    label="Revisited Oxford or Paris ground truth (gnd_*.pkl)",
    detects=lambda path: path.is_file() and path.suffix.lower() in (".pkl", ".pickle"),
    options={
        "protocol": "easy, medium (default) or hard: three numbers, never pooled.",
        "images": "The folder of the images; by default `jpg` beside the file.",
        "crop": "Cut queries to their box, as the protocol wants (default yes).",
        "missing": MISSING,
    },
    choices={"protocol": ("medium", "easy", "hard"), "missing": MISSING_CHOICES},
)
def revisited(
    path: Path,
    *,
    protocol: str = "medium",
    images: str | None = None,
    crop: bool = True,
    missing: str = "refuse",
    task: Task = NO_TASK,
) -> Listing:
    """Queries, database, and per query what is easy, hard and junk. The pickle is read without executing it."""
    if protocol not in PROTOCOLS:
        raise BadInput(f"The protocol is {', '.join(PROTOCOLS)}, not {protocol!r}.")
    truth = _read(path)
    folder = Path(images).expanduser().resolve() if images else path.parent / "jpg"
    ending_of = {Path(name).stem: name for name in sorted(os.listdir(folder))} if folder.is_dir() else {}
    files = [*truth.database, *truth.queries]
    absent = [name for name in files if Path(name).name not in ending_of]
    if absent and (missing == "refuse" or len(absent) == len(files)):
        raise BadInput(
            f"{folder} lacks {len(absent):,} of {len(files):,} images of {path.name}: {table_files.some(absent)}."
        )
    listing = Listing(str(path), [*truth.database, *(f"query/{name}" for name in truth.queries)])
    listing.paths = [str(folder / ending_of.get(Path(name).name, name)) for name in files]
    listing.splits = ["gallery"] * len(truth.database) + ["query"] * len(truth.queries)
    boxes = [_NO_BOX] * len(truth.database) + [box if crop and box else _NO_BOX for box in truth.boxes]
    for at, side in enumerate(SIDES):
        listing.extra[f"crop_{side}"] = [box[at] for box in boxes]
    listing.pairs = _protocol_pairs(truth, protocol)
    listing.relevant_by = "pairs"
    listing.notes.append(f"Protocol: {protocol}.")
    return listing


def _read(path: Path) -> _Truth:
    """A ground truth, checked.

    Raises:
        BadInput: it is none, or does not fit its own lists.
    """
    if foreign := file_kinds.foreign_file(path):
        raise BadInput(f"{path} is no ground truth. {foreign}")
    content = safe_pickle.load(path)
    try:
        database, queries = [str(name) for name in content["imlist"]], [str(name) for name in content["qimlist"]]
        parts = [{part: [int(i) for i in row.get(part, ())] for part in _PARTS} for row in content["gnd"]]
        boxes = [tuple(round(float(v)) for v in row["bbx"]) if "bbx" in row else None for row in content["gnd"]]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadInput(f"{path} is no ground truth of revisited Oxford or Paris: {error!s:.80}.") from error
    n = len(database)
    inside = all(0 <= i < n for row in parts for positions in row.values() for i in positions)
    if len(parts) != len(queries) or not inside or any(box is not None and len(box) != 4 for box in boxes):
        raise BadInput(f"{path}: the ground truth does not fit its lists of {len(queries)} queries, {n} images.")
    return _Truth(database, queries, parts, boxes)


def _protocol_pairs(truth: _Truth, protocol: str) -> pd.DataFrame:
    """The pairs of one protocol; column `part` keeps what they are, so that `under` finds the other two again."""
    rows = []
    in_database = set(truth.database)
    for name, parts in zip(truth.queries, truth.parts):
        itself = name if name in in_database else None  # the query's own image is neither found nor missed
        for part, numbers in parts.items():
            items = (truth.database[i] for i in sorted(set(numbers)))
            rows += [(f"query/{name}", item, part) for item in items if item != itself]
        if itself:
            rows.append((f"query/{name}", itself, "own"))
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
    if dataset.pairs is None:
        return dataset
    return dataclasses.replace(dataset, pairs=dataset.pairs.assign(kind=_kinds(dataset.pairs["part"], protocol)))
