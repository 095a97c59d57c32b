"""The first screen of a report: the verdict, three queries before and after, the chance of being wrong, the cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from core import wording
from core.export.report.document import DocumentImage, ImageRow, ImageStrip
from core.metrics.significance import Difference
from core.studies import retrieval
from core.studies.evaluation import Result
from core.studies.leaderboard import SystemInfo
from core.types import Dataset, Evaluation, Figure, Relevance
from core.wording import number

text = wording.page("report_summary")

SHOWN = 6
MOST_CUT = 10
_NICE = (5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 70, 100, 150, 200, 300, 500, 700, 1_000, 2_000, 5_000, 10_000)


@dataclass(frozen=True)
class Example:
    """One query, before and after: what each of two systems returns first."""

    title: str
    query: ImageRow
    rows: Sequence[tuple[str, ImageRow]]


@dataclass(frozen=True)
class Summary:
    """What a reader without statistics wants to know.

    Attributes:
        verdict: one sentence.
        facts: what stands beside it: the chance of being wrong, and the cost, each with its name.
        examples: three queries, or fewer where there are no more; `title` stands over them.
    """

    kind: ClassVar[str] = "summary"
    verdict: str
    facts: Sequence[tuple[str, str]]
    title: str
    examples: Sequence[Example]


@dataclass(frozen=True)
class Pair:
    """The two systems that the first screen speaks of.

    Attributes:
        before: the best single backbone, or the second best where the best system is that one.
        after: the best system.
        judged: by people, who looked at some results.
        difference: after less before; None where there is one system alone.
    """

    before: Evaluation
    after: Evaluation
    difference: Difference | None
    is_single: bool
    judged: bool = False

    @classmethod
    def of(cls, result: Result, backbones: Sequence[str]) -> Pair:
        """The best system, and the best single backbone beside it."""
        ordered = sorted(result.evaluations, key=lambda system: -np.nan_to_num(system.mean("map"), nan=-1))
        after, *others = ordered
        singles = [system for system in others if system.name in backbones]
        is_single = after.name in backbones
        before = next(iter(others if is_single else singles or others), after)
        difference = None if before is after else result.comparison.difference(after.name, before.name)
        return cls(before, after, difference, is_single, result.judged)


def summary(
    dataset: Dataset,
    result: Result,
    truth: Relevance,
    backbones: Sequence[str],
    titles: Mapping[str, str],
    known: Mapping[str, SystemInfo],
    strip: ImageStrip,
) -> Summary:
    """The first screen of the report of a result.

    Args:
        backbones: the single ones among the systems.
        titles: system → what people call it.
        known: system → what it costs, as far as that is known.
        strip: embeds the images.
    """
    pair = Pair.of(result, backbones)
    facts = [
        (text("label.chance"), chance(pair.difference, pair.judged)),
        (text("label.cost"), cost(known.get(pair.after.name), known.get(pair.before.name), alone=pair.is_single)),
    ]
    examples = [] if pair.difference is None else examples_of(dataset, pair.before, pair.after, truth, titles, strip)
    return Summary(_verdict(pair, titles), facts, text("label.examples"), examples)


def _verdict(pair: Pair, titles: Mapping[str, str]) -> str:
    """Which system to use, in one sentence, and how many of its first results are right."""
    cuts = [int(key.partition("@")[2]) for key in pair.after.figures if key.startswith("p@")]
    k = max([cut for cut in cuts if cut <= MOST_CUT], default=min(cuts))
    best, single = (titles.get(system.name, system.name) for system in (pair.after, pair.before))
    hits = [_hits(system.figures.get(f"p@{k}"), k, pair.judged) for system in (pair.after, pair.before)]
    of_ten = text("phrase.of_ten", hits=hits[0], k=k)
    # What nobody judged may turn a difference around, so none is shown by judged results alone.
    shown = pair.difference is not None and pair.difference.differs and not pair.judged
    if pair.is_single:
        return text("sentence.single_best", best=best, of_ten=of_ten) if shown else _open(best, of_ten)
    if shown:
        return text("sentence.mix_better", best=best, of_ten=of_ten, single=single, hits=hits[1])
    return text("sentence.mix_open", best=best, of_ten=of_ten, single=single, hits=hits[1])


def _hits(figure: Figure | None, k: int, judged: bool) -> str:
    """How many of the first k are right: "9.7"; where people judged some of them, the bounds: "8.2 to 9.9"."""
    if figure is None:
        return number(math.nan, 1)
    return (
        text("phrase.bounds", low=number(k * figure.low, 1), high=number(k * figure.high, 1))
        if judged
        else number(k * figure.mean, 1)
    )


def _open(best: str, of_ten: str) -> str:
    """One backbone leads, and nothing is shown."""
    return text("sentence.single_open", best=best, of_ten=of_ten)


def chance(difference: Difference | None, judged: bool = False) -> str:
    """How likely such a difference is where there is none, in words.

    Args:
        judged: people judged some results; of the others nobody knows.

    >>> from core.metrics import significance
    >>> chance(None)
    'There is nothing to compare it with.'
    """
    if difference is None or math.isnan(difference.p_holm):
        return text("sentence.chance_alone")
    if judged:
        return text("sentence.chance_judged")
    if difference.too_few:
        return text("sentence.chance_few", n=difference.n_units)
    share = frequency(difference.p_holm)
    return text("sentence.chance_differs" if difference.differs else "sentence.chance_open", share=share)


def frequency(p: float) -> str:
    """A probability as people say it.

    >>> frequency(0.00005), frequency(0.031), frequency(0.6), frequency(1.0)
    ('fewer than 1 of 10,000', 'about 1 of 30', 'about 6 of 10', 'nearly all')
    """
    if p < 1 / _NICE[-1]:
        return f"fewer than 1 of {_NICE[-1]:,}"
    if p > 0.95:
        return "nearly all"
    if p >= 0.15:
        return f"about {max(2, round(p * 10))} of 10"
    nearest = min(_NICE, key=lambda n: abs(math.log(n * p)))
    return f"about 1 of {nearest:,}"


def time_cost(after: float | None, before: float | None) -> str:
    """What an image takes, in ms, beside another system; None was not measured, or is of no other one."""
    if after is None:
        return text("sentence.cost_unmeasured")
    if before is None:
        return text("sentence.cost_time_alone", after=number(after, 0))
    return text("sentence.cost_time", after=number(after, 0), before=number(before, 0))


def cost(after: SystemInfo | None, before: SystemInfo | None, *, alone: bool) -> str:
    """What a system costs, beside another one.

    Args:
        alone: without the other one.
    """
    if after is None:
        return text("sentence.cost_unmeasured")
    alone = alone or before is None
    sentences = [time_cost(after.milliseconds, None if alone or before is None else before.milliseconds)]
    if after.dim is not None:
        if alone or before is None or before.dim is None:
            sentences.append(text("sentence.cost_dims_alone", after=f"{after.dim:,}"))
        else:
            sentences.append(text("sentence.cost_dims", after=f"{after.dim:,}", before=f"{before.dim:,}"))
    return " ".join(sentences)


def examples_of(
    dataset: Dataset,
    before: Evaluation,
    after: Evaluation,
    truth: Relevance,
    titles: Mapping[str, str],
    strip: ImageStrip,
    kinds: Sequence[str] = ("gain", "middle", "loss"),
) -> list[Example]:
    """The query that gains most, a usual one, and the one that loses most; each once.

    Args:
        kinds: which of the three.
    """
    gains = after.per_query["map"] - before.per_query["map"]
    order = np.argsort(-gains[np.isfinite(gains)], kind="stable")
    positions = np.flatnonzero(np.isfinite(gains))[order]
    if not len(positions) or after.ranking is None or before.ranking is None:
        return []
    places = {"gain": 0, "middle": len(positions) // 2, "loss": len(positions) - 1}
    chosen = {int(positions[places[kind]]): text(f"heading.example_{kind}") for kind in reversed(kinds)}
    examples: list[Example] = []
    for query, title in reversed(chosen.items()):
        position = int(dataset.split.queries[query])
        image = DocumentImage(retrieval.text_key(dataset.keys[position]), dataset.label_of(position), "query")
        rows = [
            (text("phrase.before", system=titles.get(before.name, before.name)), before),
            (text("phrase.after", system=titles.get(after.name, after.name)), after),
        ]
        shown = [(label, strip.row(_results(dataset, system, truth, query))) for label, system in rows]
        examples.append(Example(title, strip.row([image]), shown))
    return examples


def _results(dataset: Dataset, system: Evaluation, truth: Relevance, query: int) -> list[DocumentImage]:
    """The first results of a query, framed by whether they are right."""
    if system.ranking is None:
        return []
    items = system.ranking.items[query][:SHOWN]
    items, images = items[items >= 0], []
    for item, frame in zip(items, retrieval.kinds_of(dataset, truth, query, items)):
        position = int(dataset.split.gallery[item])
        images.append(DocumentImage(retrieval.text_key(dataset.keys[position]), dataset.label_of(position), frame))
    return images
