"""The table of metrics: what each number is called, how it is defined, and the key that it has in results."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from core.errors import UnknownName
from core.registry import Registry, nearest

TIES = "Equal scores stand in the order of the gallery."
NOTHING = "A query without relevant items is left out of the mean."
SELF = "The query is never in its own list; a duplicate of it stays."


@dataclass(frozen=True)
class Metric:
    """One number that can be said about a system.

    Attributes:
        name: the key in results; "@k" stands for a cut-off, "p@k" becomes "p@10".
        label: what people read; "@k" is replaced in the same way.
        kind: "list" (per query, from ranks), "curve", "mean" (of a list metric, averaged otherwise), "knn",
            "clustering", or "pairs" (over all pairs of query and gallery image).
        definition: one sentence, shown wherever the number is shown.
        divided_by, ties, nothing_relevant, self_match: the four answers that every metric owes.
        function: of list metrics: (RelevantRanks, k) → (n_queries,) float64, NaN where nothing is relevant; of
            clustering metrics: (n, dim) unit vectors, (n,) labels → float; of metrics of pairs: `ThresholdCurve` → float.
        judged: where people judged some results, the label of what is computed then, among the judged ones alone; "" is
            not defined then (DEFINITIONS.md, section 16).
        limits: lowest and highest value; None where there is no limit.
    """

    name: str
    label: str
    definition: str
    kind: str = "list"
    divided_by: str = ""
    ties: str = TIES
    nothing_relevant: str = NOTHING
    self_match: str = SELF
    higher_is_better: bool = True
    limits: tuple[float | None, float | None] = (0.0, 1.0)
    reference: str = ""
    judged: str = ""
    function: Callable[..., Any] | None = None

    @property
    def needs_k(self) -> bool:
        """Whether it is read at a cut-off."""
        return self.name.endswith("@k")

    def at(self, k: int | None) -> str:
        """The key in results: "p@k" at 10 is "p@10"."""
        return self.name.replace("@k", f"@{k}") if self.needs_k else self.name

    def label_at(self, k: int | None) -> str:
        """The label in tables: "mAP@k (/R)" at 10 is "mAP@10 (/R)"."""
        return self.label.replace("@k", f"@{k}") if self.needs_k else self.label

    @property
    def sentence(self) -> str:
        """Everything that a person may ask about the number, for a tooltip."""
        parts = [self.definition]
        if self.divided_by:
            parts.append(f"Divided by {self.divided_by}.")
        parts += [self.ties, self.nothing_relevant, self.self_match]
        parts.append("Higher is better." if self.higher_is_better else "Lower is better.")
        if self.reference:
            parts.append(f"Reference: {self.reference}.")
        return " ".join(part for part in parts if part)


METRICS: Registry[Metric] = Registry("metric", Metric)


def parse(key: str) -> tuple[Metric, int | None]:
    """'p@10' → (the metric p@k, 10); 'map' → (map, None).

    Raises:
        UnknownName: no such metric.
    """
    if key in METRICS:
        return METRICS[key], None
    stem, _, cut = key.rpartition("@")
    if stem and cut.isdigit() and f"{stem}@k" in METRICS:
        return METRICS[f"{stem}@k"], int(cut)
    near = _nearest(key)
    if near:
        raise UnknownName(
            f"No metric is named {key[:40]!r}. Did you mean {near!r}? `python -m core list metrics` shows all {len(METRICS)}."
        )
    return METRICS[key], None


def _nearest(key: str) -> str:
    """The key that somebody meant who wrote a metric's long name, or its label: 'precision@5' → 'p@5'; "" for none."""
    stem, at, cut = key.strip().lower().replace(" ", "_").replace("-", "_").partition("@")
    spelled: dict[str, Metric] = {}
    for metric in METRICS:
        if not at or metric.needs_k:
            label = metric.label.partition("@")[0].lower().replace(" ", "_")
            words = (metric.name.partition("@")[0], label, metric.function.__name__ if metric.function else "")
            for word in filter(None, words):
                spelled.setdefault(word, metric)
    near = nearest(stem, spelled, count=1, cutoff=0.75)
    if not near:
        return ""
    metric = spelled[near[0]]
    return metric.at(int(cut)) if cut.isdecimal() and len(cut) < 9 else metric.name


def label(key: str, judged: bool = False) -> str:
    """What people read for a key of results: 'map_cut@10' → 'mAP@10 (/R)'.

    Args:
        judged: the truth is what people judged, so that 'map' is 'mAP′', of judged results alone.
    """
    metric, k = parse(key)
    return (judged and metric.judged) or metric.label_at(k)


def as_judged(words: str, judged: bool = True) -> str:
    """Words with the names that metrics have where people judged some results: 'mAP 0.9' → 'mAP′ 0.9'.

    Args:
        judged: whether they did; else the words stay.
    """
    return re.sub(r"\b(mAP|nDCG)\b(?![′@])", r"\1′", words) if judged else words


def sentence(key: str) -> str:
    """The definition sentence and the four answers for a key of results, for tooltips."""
    return parse(key)[0].sentence


def list_keys(ks: Iterable[int]) -> tuple[str, ...]:
    """The keys of all list metrics at these cut-offs, in the order of the table."""
    ks = tuple(ks)
    return tuple(m.at(k) for m in METRICS if m.kind == "list" for k in (ks if m.needs_k else (None,)))
