"""What people decided about a dataset, kept beside what was read and applied whenever it is opened.

The table on disk stays as the source gave it, so each decision can be taken back, and a new scan keeps them all.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.data import dataset_table, judged_truth, splits
from core.errors import BadInput
from core.types import Dataset

WORDS = ("licence", "reference", "notes")
_log = logging.getLogger("fusionscope")


@dataclass(frozen=True)
class Copy:
    """An image that is left out because another one stands for it."""

    id: str
    key: str
    original: str


@dataclass(frozen=True)
class Overrides:
    """What was decided about one dataset.

    Attributes:
        shares, seed: the split that was made here; None where the given one, or self-retrieval, is used.
        domains: the split by a column that was made here; never together with `shares`.
        one_of_each: only the first image of equal bytes is kept, whatever a later scan finds.
        copies: near duplicates that are left out, each as long as its content and the one that stands for it stay.
        words: licence, reference and notes as people wrote them.
        judged: what people judged is the truth; None where labels, instances or pairs are.
    """

    shares: splits.SplitShares | None = None
    seed: int = 0
    domains: splits.DomainSplit | None = None
    one_of_each: bool = False
    copies: tuple[Copy, ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    judged: judged_truth.JudgedTruth | None = None

    def as_record(self) -> dict[str, Any]:
        """As it stands in the dataset's record; what was not decided is left out."""
        content: dict[str, Any] = {}
        if self.shares is not None:
            content["split"] = {**asdict(self.shares), "seed": self.seed}
        if self.domains is not None:
            content["domains"] = asdict(self.domains)
        if self.one_of_each:
            content["one_of_each"] = True
        if self.copies:
            content["copies"] = [{"id": copy.id, "key": copy.key, "kept": copy.original} for copy in self.copies]
        if self.words:
            content["words"] = dict(self.words)
        if self.judged is not None:
            content["judged"] = self.judged.as_record()
        return content


def read(record: Mapping[str, Any]) -> Overrides:
    """The decisions in a dataset's record; none where it holds none."""
    decisions = record.get("decisions", {})
    split, domains = decisions.get("split"), decisions.get("domains")
    return Overrides(
        shares=splits.SplitShares(split["query"], split["train"]) if split else None,
        seed=int(split["seed"]) if split else 0,
        domains=splits.DomainSplit(**{name: str(value) for name, value in domains.items()}) if domains else None,
        one_of_each=bool(decisions.get("one_of_each")),
        copies=tuple(Copy(copy["id"], copy["key"], copy["kept"]) for copy in decisions.get("copies", ())),
        words=tuple(decisions.get("words", {}).items()),
        judged=judged_truth.JudgedTruth.of(decisions["judged"]) if decisions.get("judged") else None,
    )


def left_out(dataset: Dataset, decisions: Overrides) -> np.ndarray:
    """(n_images,) bool: images of the whole dataset that another one stands for."""
    gone = np.zeros(len(dataset), bool)
    if decisions.one_of_each:
        _, first = np.unique(dataset.keys, return_index=True)
        gone[:] = True
        gone[first] = False
    if decisions.copies:
        row_of = {text: row for row, text in enumerate(dataset.ids.tolist())}
        for copy in decisions.copies:
            row, stands = row_of.get(copy.id), row_of.get(copy.original)
            if row is not None and stands is not None and dataset.keys[row].decode() == copy.key:
                gone[row] = True
    return gone


def apply(dataset: Dataset, decisions: Overrides, folder: Path | None = None) -> Dataset:
    """The dataset as it was decided: copies left out first, then split; embeddings belong to content and stay.

    A split that is not possible any more (no class has two images left) gives way to the given one, with a warning.

    Args:
        folder: of the dataset; without it the truth stays that of the source.
    """
    gone = left_out(dataset, decisions)
    if gone.any():
        dataset = dataset_table.subset(dataset, ~gone)
    try:
        if decisions.shares is not None:
            dataset = splits.with_split(dataset, splits.stratified(dataset, decisions.shares, decisions.seed))
        elif decisions.domains is not None:
            dataset = splits.with_split(dataset, splits.by_domain(dataset, decisions.domains))
    except BadInput as error:
        _log.warning("the split that was made of %r is not used: %s", dataset.name, error)
    if decisions.judged is not None and folder is not None:
        dataset = judged_truth.applied(dataset, folder, decisions.judged)
    words: dict[str, Any] = dict(decisions.words)
    return replace(dataset, **words) if words else dataset


def copies_of(dataset: Dataset, groups: pd.DataFrame) -> tuple[Copy, ...]:
    """Everything but the first image of each group, with the image that stands for it.

    Args:
        groups: columns group and position, as the duplicates of a dataset are listed.
    """
    made = []
    for _, rows in groups.groupby("group", sort=True)["position"]:
        first, *others = rows.tolist()
        made += [
            Copy(str(dataset.ids[position]), dataset.keys[position].decode(), str(dataset.ids[first]))
            for position in others
        ]
    return tuple(made)
