"""The leaderboard: every system with every figure, what it costs, who cannot be told apart, class by class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from core import metrics
from core.studies import costs, embedding, evaluation, evaluation_warnings, fusion_costs, pooled_figures
from core.types import Backbone, Dataset, Relevance

if TYPE_CHECKING:
    import pandas as pd

    from core.studies.systems import System

NOT_MEASURED = "not measured"


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
    measured = {name: costs.measured(name) for name in system.backbones}
    each = {
        record.name: fusion_costs.FusionCost(
            getattr(measured[name], "latency_ms", None), getattr(measured[name], "megabytes", None), record.commercial
        )
        for name, record in zip(system.backbones, records, strict=True)
    }
    cost = fusion_costs.total_cost([record.name for record in records], each)
    dates = [cost_of_one.date for cost_of_one in measured.values() if cost_of_one is not None]
    return SystemInfo(
        title or system.name,
        _kind(system),
        "" if system.spec is None else _parts(system, records),
        system.dim,
        cost.milliseconds,
        cost.megabytes,
        f"measured here, {min(dates)}" if len(dates) == len(records) else NOT_MEASURED,
        " + ".join(dict.fromkeys(record.licence for record in records)),
        cost.commercial,
    )


def _kind(system: System) -> str:
    """The strategy of a fusion; a backbone with steps before or after is still a backbone."""
    spec = system.spec
    alone = spec is None or (bool(spec.steps) and len(spec.active) == 1 and spec.strategy.linear)
    return "backbone" if spec is None or alone else spec.strategy.label


def _parts(system: System, records: Sequence[Backbone]) -> str:
    """ "EfficientNet-Lite0 60 %, HOG 40 %", and what is done before and after: "…, centred, k-reciprocal"."""
    parts = [f"{record.title} {100 * system.shares[record.name]:.0f} %" for record in records]
    return ", ".join([*parts, *(step.title for step in (() if system.spec is None else system.spec.steps))])


# ---------------------------------------------------------------- the table


def order(result: evaluation.Result, key: str | None = None) -> list[str]:
    """Names of the systems, best first by a metric (that of the comparison if none is named); undefined ones last."""
    key = key or result.metric
    sign = 1 if metrics.parse(key)[0].higher_is_better else -1

    def rank(name: str) -> tuple[bool, float]:
        mean = result[name].mean(key)
        return math.isnan(mean), -sign * mean

    return sorted(result.names, key=rank)


def available(result: evaluation.Result) -> tuple[str, ...]:
    """Keys of all single figures that were computed, in the order of the table of metrics."""
    keys = dict.fromkeys(key for evaluation in result.evaluations for key in evaluation.figures)
    names = list(metrics.METRICS.names)
    return tuple(sorted(keys, key=lambda key: (names.index(metrics.parse(key)[0].name), metrics.parse(key)[1] or 0)))


def relative(result: evaluation.Result, key: str | None = None) -> dict[str, float]:
    """Each system's mean in percent of the best one's; NaN where it is undefined or the best is not above 0.

    Where lower is better, the best divided by the system's: 100 is the best, as elsewhere.
    """
    key = key or result.metric
    best = result[order(result, key)[0]].mean(key)
    shares = {}
    for name in result.names:
        mean = result[name].mean(key)
        upper, lower = (mean, best) if metrics.parse(key)[0].higher_is_better else (best, mean)
        shares[name] = 100 * upper / lower if lower > 0 else float("nan")
    return shares


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
    records = []
    for name in order(result):
        evaluation, info = result[name], known[name]
        record: dict = {"system": info.title, "ties": groups[name]}
        for key in keys:
            figure = evaluation.figures.get(key)
            record[key] = float("nan") if figure is None else figure.mean
            if key in intervals:
                record[f"{key} low"] = float("nan") if figure is None else figure.low
                record[f"{key} high"] = float("nan") if figure is None else figure.high
        record |= {
            "relative": share[name],
            "n_valid": evaluation.n_valid,
            "n_queries": evaluation.n_queries,
            "resampled": result.resampled,
            "kind": info.kind,
            "made of": info.parts,
            "dim": info.dim,
            "ms": info.milliseconds,
            "MB": info.megabytes,
            "measured": info.measured,
            "licence": info.licence,
        }
        records.append(record)
    frame = pd.DataFrame(records)
    frame["dim"] = frame["dim"].astype("Int64")
    for name in ("ms", "MB"):
        frame[name] = frame[name].astype(float)
    return frame


def differences(result: evaluation.Result, known: Mapping[str, SystemInfo]) -> pd.DataFrame:
    """Every pair once, the better system first: n, mean difference, interval, p, Holm p, effects, wins/ties/losses."""
    import pandas as pd

    records = []
    for a, b in combinations(order(result), 2):
        d = result.comparison.difference(a, b)
        records.append(
            {
                "better": known[a].title,
                "other": known[b].title,
                "n": d.n,
                "difference": d.mean,
                "low": d.low,
                "high": d.high,
                "p": d.p,
                "p Holm": d.p_holm,
                "p Wilcoxon": d.wilcoxon,
                "d_z": d.d_z,
                "rank biserial": d.rank_biserial,
                "wins": d.wins,
                "ties": d.ties,
                "losses": d.losses,
                "resampled": d.resampled,
                "conclusion": d.conclusion,
            }
        )
    return pd.DataFrame(records)


def warnings(result: evaluation.Result, known: Mapping[str, SystemInfo]) -> list[str]:
    """Everything to read before the numbers, in words, each sentence once."""
    titles = {name: info.title for name, info in known.items()}
    contradictions = result.comparison.contradictions(titles)
    return [
        *evaluation_warnings.of_all(result.evaluations, titles, result.judged),
        *([contradictions] if contradictions else []),
    ]


# ---------------------------------------------------------------- what cannot be judged


def obstacle(dataset: Dataset, truth: Relevance | None) -> str:
    """Why there can be no figures at all, in words with what to do; "" when there can."""
    if not dataset.has_labels or truth is None:
        return (
            f"{dataset.name!r} has no labels, so there are no figures. Add the images again with one folder per class or "
            "with a table that has a label for each, or compare systems by looking: the page Judge."
        )
    if not (truth.n_relevant > 0).any():
        return (
            f"No query of {dataset.name!r} has another image of its class, so there are no figures. Give at least two "
            "images of one class."
        )
    return ""


def remarks(dataset: Dataset, truth: Relevance, k: int) -> list[str]:
    """What to know about the truth before reading figures: one class, lone queries, a k beyond the list."""
    sentences = []
    n_valid = int((truth.n_relevant > 0).sum())
    used = truth.gallery_classes
    if used is not None and len(np.unique(used[used >= 0])) == 1 and not (used < 0).any():
        sentences.append(
            "All images are of one class, so every result is relevant: every system reaches 1, and no clustering index "
            "is defined. Add images of another class."
        )
    if truth.judged is not None:
        sentences.append(pooled_figures.queries(truth))
    elif n_valid < truth.n_queries:
        sentences.append(
            f"{truth.n_queries - n_valid:,} of {truth.n_queries:,} queries have no relevant image (alone in their class, or "
            "without a label). They are left out of every mean."
        )
    return [*sentences, *filter(None, [beyond_list(truth, k)])]


def beyond_list(truth: Relevance, k: int) -> str:
    """What a k means that is more than a list holds (DEFINITIONS.md, section 3); "" where it is not."""
    longest = int(truth.list_length.max(initial=0))
    if k <= longest:
        return ""
    return (
        f"k = {k:,} is more than the {longest:,} images of a list: precision still divides by k, the others use what "
        "there is."
    )
