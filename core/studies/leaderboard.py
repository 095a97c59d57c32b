"""The leaderboard: every system with every figure, what it costs, who cannot be told apart, class by class."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from core.errors import BadInput
from core.metrics import ranking as metrics
from core.metrics import significance
from core.studies import costs, embedding, evaluation, retrieval
from core.types import Backbone, Dataset, Relevance

if TYPE_CHECKING:
    import pandas as pd

    from core.studies.systems import System

NOT_MEASURED = "not measured"
LEVEL = 0.05
"""Pairs whose Holm-corrected p is below this can be told apart."""
ORDERS = ("hardest first", "easiest first", "systems differ most", "by name")


# ---------------------------------------------------------------- what is known beside the figures


@dataclass(frozen=True)
class SystemInfo:
    """What a system is and what it costs on this machine.

    Attributes:
        title: what people read.
        kind: "backbone", or the label of the fusion's strategy.
        parts: what a fusion is made of, for people; "" for a backbone.
        dim: length of its vectors, None for fusions of scores and ranks.
        milliseconds: median time of one image file to its vector, summed over the backbones; None is not measured.
        megabytes: weights on disk, summed; None is not measured.
        measured: "measured here, DATE" (the oldest of its backbones), or "not measured".
        licence: of the weights, several joined by " + ".
        commercial: None where it is not known.
    """

    title: str
    kind: str = "backbone"
    parts: str = ""
    dim: int | None = None
    milliseconds: float | None = None
    megabytes: float | None = None
    measured: str = NOT_MEASURED
    licence: str = ""
    commercial: bool | None = None


def system_info(system: System, dataset: Dataset, title: str = "") -> SystemInfo:
    """What is known about a system: measured costs are those of this machine, published ones are never shown."""
    records = [embedding.find(dataset, name) for name in system.backbones]
    measured = [costs.measured(name) for name in system.backbones]
    whole = all(one is not None for one in measured)
    allowed = [record.commercial for record in records]
    return SystemInfo(
        title or system.name,
        "backbone" if system.spec is None else system.spec.strategy.label,
        "" if system.spec is None else _parts(system, records),
        system.dim,
        sum(one.latency_ms for one in measured) if whole else None,
        sum(one.megabytes for one in measured) if whole else None,
        f"measured here, {min(one.date for one in measured)}" if whole else NOT_MEASURED,
        " + ".join(dict.fromkeys(record.licence for record in records)),
        False if False in allowed else None if None in allowed else True,
    )


def _parts(system: System, records: Sequence[Backbone]) -> str:
    """ "EfficientNet-Lite0 60 %, HOG 40 %"."""
    return ", ".join(f"{one.title} {100 * system.shares[one.name]:.0f} %" for one in records)


# ---------------------------------------------------------------- the table


def order(result: evaluation.Result, key: str | None = None) -> list[str]:
    """Names of the systems, best first by a metric (that of the comparison if none is named); undefined ones last."""
    key = key or result.metric
    sign = 1 if metrics.parse(key)[0].higher_is_better else -1

    def place(name: str) -> tuple[bool, float]:
        mean = result[name].mean(key)
        return math.isnan(mean), -sign * mean

    return sorted(result.names, key=place)


def available(result: evaluation.Result) -> tuple[str, ...]:
    """Keys of all single figures that were computed, in the order of the table of metrics."""
    keys = dict.fromkeys(key for one in result.evaluations for key in one.figures)
    names = list(metrics.METRICS.names)
    return tuple(sorted(keys, key=lambda key: (names.index(metrics.parse(key)[0].name), metrics.parse(key)[1] or 0)))


def relative(result: evaluation.Result, key: str | None = None) -> dict[str, float]:
    """Each system's mean in percent of the best one's; NaN where it is undefined or the best is not above 0.

    Where lower is better, the best divided by the system's: 100 is the best, as elsewhere.
    """
    key = key or result.metric
    best = result[order(result, key)[0]].mean(key)
    found = {}
    for name in result.names:
        mean = result[name].mean(key)
        upper, lower = (mean, best) if metrics.parse(key)[0].higher_is_better else (best, mean)
        found[name] = 100 * upper / lower if lower > 0 else float("nan")
    return found


def table(
    result: evaluation.Result,
    known: Mapping[str, SystemInfo],
    keys: Sequence[str] | None = None,
    intervals: Iterable[str] | None = None,
) -> pd.DataFrame:
    """One row per system, best first.

    Args:
        known: system → its facts.
        keys: metrics, one column each; None for all.
        intervals: metrics that get two more columns, "KEY low" and "KEY high"; None for all of `keys`.
    Returns:
        columns system, ties, the metrics, relative (percent of the best), n_valid, n_queries, resampled, kind, made of, dim,
        ms, MB, measured, licence. NaN is undefined.
    """
    import pandas as pd

    keys = tuple(available(result) if keys is None else keys)
    intervals = set(keys if intervals is None else intervals)
    groups, share = result.tie_groups, relative(result)
    lines = []
    for name in order(result):
        one, fact = result[name], known[name]
        line: dict = {"system": fact.title, "ties": groups[name]}
        for key in keys:
            figure = one.figures.get(key)
            line[key] = float("nan") if figure is None else figure.mean
            if key in intervals:
                line[f"{key} low"] = float("nan") if figure is None else figure.low
                line[f"{key} high"] = float("nan") if figure is None else figure.high
        line |= {
            "relative": share[name],
            "n_valid": one.n_valid,
            "n_queries": one.n_queries,
            "resampled": result.resampled,
            "kind": fact.kind,
            "made of": fact.parts,
            "dim": fact.dim,
            "ms": fact.milliseconds,
            "MB": fact.megabytes,
            "measured": fact.measured,
            "licence": fact.licence,
        }
        lines.append(line)
    frame = pd.DataFrame(lines)
    frame["dim"] = frame["dim"].astype("Int64")
    for name in ("ms", "MB"):
        frame[name] = frame[name].astype(float)
    return frame


def differences(result: evaluation.Result, known: Mapping[str, SystemInfo]) -> pd.DataFrame:
    """Every pair once, the better system first: n, mean difference, interval, p, Holm p, effects, wins/ties/losses."""
    import pandas as pd

    lines = []
    for a, b in combinations(order(result), 2):
        one = difference(result, a, b)
        lines.append(
            {
                "better": known[a].title,
                "other": known[b].title,
                "n": one.n,
                "difference": one.mean,
                "low": one.low,
                "high": one.high,
                "p": one.p,
                "p Holm": one.p_holm,
                "p Wilcoxon": one.wilcoxon,
                "d_z": one.d_z,
                "rank biserial": one.rank_biserial,
                "wins": one.wins,
                "ties": one.ties,
                "losses": one.losses,
                "resampled": one.resampled,
            }
        )
    return pd.DataFrame(lines)


def difference(result: evaluation.Result, a: str, b: str) -> significance.Difference:
    """A less B, whichever way round it was tested."""
    if (a, b) in result.comparisons:
        return result.comparisons[a, b]
    return turned(result.comparisons[b, a])


def turned(one: significance.Difference) -> significance.Difference:
    """The same comparison the other way round."""
    import dataclasses

    return dataclasses.replace(
        one,
        mean=-one.mean + 0.0,
        low=-one.high + 0.0,
        high=-one.low + 0.0,
        d_z=-one.d_z + 0.0,
        rank_biserial=-one.rank_biserial + 0.0,
        wins=one.losses,
        losses=one.wins,
    )


def warnings(result: evaluation.Result, known: Mapping[str, SystemInfo]) -> list[str]:
    """Everything to read before the numbers, in words, each sentence once."""
    found = evaluation.warnings(result.evaluations, {name: fact.title for name, fact in known.items()})
    doubtful = [
        f"{known[a].title} and {known[b].title} (randomisation p = {one.p:.2g}, Wilcoxon p = {one.wilcoxon:.2g})"
        for (a, b), one in result.comparisons.items()
        if one.n and one.contradicts
    ]
    if doubtful:
        found.append(
            f"The two tests contradict each other about {'; '.join(doubtful)}, as they may with many small losses and a few "
            f"large wins; nothing is concluded about {'these pairs' if len(doubtful) > 1 else 'this pair'}."
        )
    return found


# ---------------------------------------------------------------- to take away


def as_csv(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV with a header row; undefined is empty."""
    return frame.to_csv(index=False).encode()


def as_parquet(frame: pd.DataFrame) -> bytes:
    """The same as Parquet."""
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    return file.getvalue()


_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "±": r"$\pm$",
    "²": r"\textsuperscript{2}",
}


def _latex(text: object) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in str(text))


def as_latex(
    result: evaluation.Result, known: Mapping[str, SystemInfo], keys: Sequence[str], dataset: Dataset, places: int = 3
) -> str:
    """A table for a paper (booktabs): the best of each column bold, intervals of the compared metric, letters of ties.

    Args:
        keys: metrics, one column each.
        places: digits after the point.
    """
    groups = result.tie_groups
    best = {key: result[order(result, key)[0]].mean(key) for key in keys}
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{tabular}{l" + "r" * len(keys) + "}",
        r"\toprule",
        " & ".join(["System", *(_latex(metrics.label(key)) for key in keys)]) + r" \\",
        r"\midrule",
    ]
    for name in order(result):
        cells = [_latex(known[name].title) + (rf"\textsuperscript{{{groups[name]}}}" if groups[name] else "")]
        for key in keys:
            figure = result[name].figures.get(key)
            if figure is None or math.isnan(figure.mean):
                cells.append("--")
                continue
            text = f"{figure.mean:.{places}f}"
            text = rf"\textbf{{{text}}}" if figure.mean == best[key] else text
            if key == result.metric:
                text += rf" {{\footnotesize [{figure.low:.{places}f}, {figure.high:.{places}f}]}}"
            cells.append(text)
        lines.append(" & ".join(cells) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}", f"% {_footnote(result, dataset)}"]
    return "\n".join(lines) + "\n"


def _footnote(result: evaluation.Result, dataset: Dataset) -> str:
    one = result.evaluations[0]
    return (
        f"{dataset.name}: {one.n_valid} of {one.n_queries} queries count; 95 % bootstrap intervals over "
        f"{result.resampled}; systems that share a letter cannot be told apart in {metrics.label(result.metric)} "
        "(paired randomisation tests, Holm-corrected over all pairs, 0.05)."
    )


# ---------------------------------------------------------------- quality against cost


def pareto_of_rows(costs_of: Sequence[float | None], values: Sequence[float]) -> np.ndarray:
    """(n,) bool: the Pareto front, those that nobody beats without costing more; unknown ones are never on it.

    Of systems equal in both, all are on the front.

    >>> front([1.0, 2.0, 3.0, None], [0.5, 0.4, 0.9, 1.0])
    array([ True, False,  True, False])
    """
    price = np.array([math.nan if cost is None else cost for cost in costs_of], float)
    value = np.asarray(values, float)
    known = ~np.isnan(price) & ~np.isnan(value)
    found = known.copy()
    for i in np.flatnonzero(known):
        better = (price <= price[i]) & (value >= value[i]) & ((price < price[i]) | (value > value[i]))
        found[i] = not (better & known).any()
    return found


# ---------------------------------------------------------------- class by class


@dataclass(frozen=True)
class ClassTable:
    """One metric of every class and system.

    Attributes:
        classes: names, in the order shown.
        systems: names.
        n: (n_classes,) valid queries of each class.
        values, low, high: (n_classes, n_systems) means over a class's valid queries and their 95 % intervals, NaN
            where a class has none.
    """

    classes: tuple[str, ...]
    systems: tuple[str, ...]
    n: np.ndarray
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray


def class_order(result: evaluation.Result, dataset: Dataset, metric: str, by: str = ORDERS[0]) -> list[str]:
    """The classes that have a valid query, in one of ORDERS; equal ones by name."""
    if by not in ORDERS:
        raise BadInput(f"Classes are ordered {', '.join(ORDERS)}; not {by!r}.")
    queries = np.arange(len(dataset.split.queries))
    means = {}
    for label in dataset.label_names:
        mine = retrieval.of_label(dataset, queries, label)
        row = [metrics.mean(one.per_query[metric][mine]) for one in result.evaluations]
        if not all(map(math.isnan, row)):
            means[label] = row
    if by == "by name":
        return sorted(means)
    if by == "systems differ most":
        return sorted(means, key=lambda label: (-(max(means[label]) - min(means[label])), label))
    sign = 1 if by == "hardest first" else -1
    return sorted(means, key=lambda label: (sign * float(np.mean(means[label])), label))


def per_class(result: evaluation.Result, dataset: Dataset, metric: str, classes: Sequence[str]) -> ClassTable:
    """One metric of some classes by every system, best system first, with intervals over each class's queries.

    A query with several labels counts in each of its classes.

    Args:
        metric: a list metric that was computed.
        classes: names of labels.
    """
    systems = order(result, metric)
    columns = np.stack([result[name].per_query[metric] for name in systems], axis=1)
    queries = np.arange(len(dataset.split.queries))
    shape = (len(classes), len(systems))
    values, low, high = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    n = np.zeros(len(classes), np.int64)
    for at, label in enumerate(classes):
        rows = columns[retrieval.of_label(dataset, queries, label)]
        rows = rows[~np.isnan(rows).any(axis=1)]
        n[at] = len(rows)
        if len(rows):
            values[at] = rows.mean(axis=0)
            low[at], high[at] = significance.intervals(rows)
    return ClassTable(tuple(classes), tuple(systems), n, values, low, high)


def class_queries(result: evaluation.Result, dataset: Dataset, system: str, metric: str, label: str) -> list[int]:
    """The valid queries of a class, worst first by one system's values: positions among the split's queries."""
    values = result[system].per_query[metric]
    mine = retrieval.of_label(dataset, np.arange(len(values)), label) & ~np.isnan(values)
    found = np.flatnonzero(mine)
    return [int(at) for at in found[np.argsort(values[found], kind="stable")]]


# ---------------------------------------------------------------- what cannot be judged


def obstacle(dataset: Dataset, truth: Relevance | None) -> str:
    """Why there can be no figures at all, in words with what to do; "" when there can."""
    if not dataset.has_labels or truth is None:
        return (
            f"{dataset.name!r} has no labels, so nobody can say which results are right and there are no figures. Add the "
            "images again with one folder per class, or with a manifest that names a label for each."
        )
    if not (truth.n_relevant > 0).any():
        return (
            f"No query of {dataset.name!r} has a relevant image besides itself, as when every image is alone in its class: "
            "every mean is undefined. Give at least two images of one class."
        )
    return ""


def remarks(dataset: Dataset, truth: Relevance, k: int) -> list[str]:
    """What to know about the truth before reading figures: one class, lone queries, a k beyond the list."""
    found = []
    n_valid = int((truth.n_relevant > 0).sum())
    used = truth.gallery_classes
    if used is not None and len(np.unique(used[used >= 0])) == 1 and not (used < 0).any():
        found.append(
            "All images are of one class, so every result is relevant: every system reaches 1, and no clustering index "
            "is defined. Add images of another class."
        )
    if n_valid < truth.n_queries:
        found.append(
            f"{truth.n_queries - n_valid:,} of {truth.n_queries:,} queries have no relevant image (alone in their class, or "
            "without a label). They are left out of every mean."
        )
    return [*found, *filter(None, [beyond_list(truth, k)])]


def beyond_list(truth: Relevance, k: int) -> str:
    """What a k means that is more than a list holds (DEFINITIONS.md, section 3); "" where it is not."""
    longest = int(truth.list_length.max(initial=0))
    if k <= longest:
        return ""
    return (
        f"k = {k:,} is more than the {longest:,} images of a list: precision still divides by k, the others use what "
        "there is."
    )
