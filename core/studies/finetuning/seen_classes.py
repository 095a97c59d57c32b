"""Whether the classes that are asked for were seen in training: a figure of known classes says nothing about new ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core import backbones
from core.types import Dataset


@dataclass(frozen=True)
class Seen:
    """How many of the classes of the queries a backbone was tuned on."""

    n_seen: int
    n_classes: int

    @property
    def words(self) -> str:
        """ "classes seen", "classes never seen", or how many of them."""
        if self.n_seen == self.n_classes:
            return "classes seen in training"
        if not self.n_seen:
            return "classes never seen in training"
        return f"{self.n_seen:,} of {self.n_classes:,} classes seen in training"


def of(name: str, dataset: Dataset) -> Seen | None:
    """The classes of a dataset's queries beside those of the training; None for a backbone that was not tuned.

    Classes are compared by their names, whatever the dataset.
    """
    card = backbones.tuned.card(name.removeprefix("fast:"))
    if card is None:
        return None
    if dataset.relevant_by == "instance" and dataset.instances is not None:
        codes = np.asarray(dataset.instances)[dataset.split.queries]
        wanted = {f"instance {code}" for code in np.unique(codes[codes >= 0]).tolist()}
    else:
        codes = dataset.labels[dataset.split.queries]
        wanted = {dataset.label_names[code] for code in np.unique(codes[codes >= 0]).tolist()}
    return Seen(len(wanted & set(card["classes"])), len(wanted))


def sentence(name: str, dataset: Dataset) -> str:
    """For the notes below figures; "" for a backbone that was not tuned."""
    seen = of(name, dataset)
    if seen is None:
        return ""
    meaning = (
        "of other classes these figures say nothing"
        if seen.n_seen == seen.n_classes
        else "these figures are those of new classes"
        if not seen.n_seen
        else "these figures mix known and new classes"
    )
    return f"{name}: {seen.words}; {meaning}. No image that it was trained on is among queries and gallery."
