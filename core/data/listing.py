"""What a reader found, before any image is opened; and the words that people write for a split."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from core.errors import BadInput

SPLITS = ("train", "query", "gallery", "query|gallery")
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trainval", "fit"), "train"),
    **dict.fromkeys(("query", "queries", "probe"), "query"),
    **dict.fromkeys(("gallery", "database", "index", "distractor"), "gallery"),
    **dict.fromkeys(("query|gallery", "gallery|query", "both"), "query|gallery"),
    **dict.fromkeys(("test", "testing", "val", "valid", "validation", "dev"), "query|gallery"),
}
"""What people write for a split → ours. A test set without queries of its own searches itself."""


@dataclass
class Listing:
    """Rows of a dataset before any file was opened; all lists have one entry per row.

    Attributes:
        ids: unique names, as a person would write them.
        paths: absolute path of each file; "" where there is no image.
        labels: names of the labels of each row, () is unlabelled; None when nothing has a label.
        instances: instance name of each row, "" is none; None when there are no instances.
        splits: one of `SPLITS` each; None is self-retrieval.
        extra: further columns (title, description, crop_left ..., offset and size inside an archive ...).
        quarantine: path → reason, for what was seen to be unusable already.
        notes: sentences for people: every guess that was made, with the option that changes it.
        several: True when an image may have several labels, even if none has.
    """

    root: str
    ids: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    labels: list[tuple[str, ...]] | None = None
    instances: list[str] | None = None
    splits: list[str] | None = None
    extra: dict[str, list[Any]] = field(default_factory=dict)
    pairs: Any = None
    quarantine: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    relevant_by: str = "label"
    several: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def reorder(self, rows: list[int]) -> None:
        """Keep only these rows, in this order, in every column."""
        for name in ("ids", "paths", "labels", "instances", "splits"):
            values = getattr(self, name)
            if values is not None:
                setattr(self, name, [values[row] for row in rows])
        self.extra = {name: [values[row] for row in rows] for name, values in self.extra.items()}


def split_word(text: object, where: str) -> str:
    """Our word for what stands in a split column.

    Raises:
        BadInput: an unknown word; the sentence starts with `where`.
    """
    word = known_split(text)
    if not word:
        raise BadInput(
            f"{where}: {str(text)[:60]!r} is no split; write train, query, gallery or query|gallery, "
            "or leave the column out (`--option columns=split:`)."
        )
    return word


def known_split(text: object) -> str:
    """Our word for a split, "" for text that names none."""
    return SPLIT_WORDS.get("|".join(part.strip() for part in str(text).strip().lower().split("|")), "")


def has_relevant(labels: list[tuple[str, ...]], splits: list[str]) -> bool:
    """Whether any query of a split has an image with one of its labels in the gallery, other than itself.

    >>> has_relevant([("a",), ("b",)], ["query|gallery", "query|gallery"])
    False
    """
    gallery = Counter(label for row, split in zip(labels, splits) if "gallery" in split for label in row)
    queries = ((row, "gallery" in split) for row, split in zip(labels, splits) if "query" in split)
    return any(gallery[label] > itself for row, itself in queries for label in row)


def searchable(splits: list[str]) -> tuple[list[str] | None, str]:
    """A split with queries and a gallery, and what was done to make it one.

    Gallery images are queries too where there are no others, and the other way round; where all are for training,
    every image searches all others (None).

    >>> searchable(["train", "query"])[0], searchable(["train", "train"])[0]
    (['train', 'query|gallery'], None)
    """
    parts = {part for word in set(splits) for part in word.split("|")}
    if not parts - {"train"}:
        return None, "Every image is for training, so all of them search each other."
    if {"query", "gallery"} <= parts:
        return splits, ""
    lacking, there = ("query", "gallery") if "query" not in parts else ("gallery", "query")
    made = ["query|gallery" if word == there else word for word in splits]
    return made, f"The split has no {lacking} images, so the {there} images search each other."
