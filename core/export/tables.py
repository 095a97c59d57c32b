"""What `evaluate` prints and writes: every figure, every pair, every query, every class and curve, as one of several files."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from core import metrics, text_table, wording
from core.data.readers import revisited
from core.errors import BadInput, CoreError
from core.export import file_formats
from core.metrics import curves
from core.studies import class_table, evaluation, evaluation_tables, leaderboard, retrieval, revisited_protocols
from core.studies.leaderboard import SystemInfo
from core.types import Dataset

if TYPE_CHECKING:
    import pandas as pd

    from core.studies.systems import System
    from core.types import Figure

MOST_PRINTED_PAIRS = 15


# ---------------------------------------------------------------- printed


def check_metrics(metric: str, text: str, ks: Sequence[int]) -> None:
    """What --metric and --show name, looked at before anything is computed.

    Raises:
        UnknownName: no metric is called so; the sentence names the nearest.
        BadInput: its cut-off is not in `ks`, or it is no metric that pairs can be compared in.
    """
    metrics.parse(metric)
    evaluation.check_metric(metric, ks)
    known = {metric.at(k) for metric in metrics.METRICS if metric.kind != "curve" for k in ks}
    for key in _named(text):
        metrics.parse(key)
        if key not in known:
            raise BadInput(
                f"{key!r} is not computed here: name its cut-off in --k. There are {', '.join(sorted(known))}."
            )


def _named(text: str) -> list[str]:
    """The metrics that `--show` names one by one."""
    return [] if text.strip() == "all" else [part.strip() for part in text.split(",") if part.strip()]


def columns(text: str, result: evaluation.Result) -> list[str]:
    """The metrics that `--show` names, the compared one first; "" for the usual ones, "all" for every one.

    Raises:
        UnknownName: no metric is called so.
        BadInput: it was not computed, as a cut-off that `--k` leaves out.
    """
    computed = leaderboard.available(result)
    if text.strip() == "all":
        wanted = list(computed)
    elif text.strip():
        wanted = _named(text)
    else:
        wanted = [key for key in evaluation_tables.SHOWN if key in computed]
    for key in wanted:
        metrics.parse(key)
        if key not in computed:
            raise BadInput(f"{key!r} was not computed here: name its cut-off in --k. There are {', '.join(computed)}.")
    return list(dict.fromkeys([result.metric, *wanted]))


def printed(result: evaluation.Result, keys: Sequence[str], dataset: Dataset) -> str:
    """A line per system, best first; who can be told apart; of revisited Oxford and Paris the three protocols.

    Args:
        keys: metrics, one column each; beyond ten, a line per metric and a column per system, each with its interval.
    """
    parts = [evaluation_tables.table(result, keys) if len(keys) <= 10 else _across(result, keys)]
    if len(result.names) > 1:
        parts.append(pairs(result))
    if revisited.is_revisited(dataset):
        parts.append(revisited_protocols.printed(revisited_protocols.report(result.systems, dataset)))
    return "\n\n".join(parts)


def _across(result: evaluation.Result, keys: Sequence[str]) -> str:
    """A line per metric, a column per system."""
    names = leaderboard.order(result)
    rows = [["metric", *names], ["ties", *(result.tie_groups[name] for name in names)]]
    rows += [
        [metrics.label(key, result.judged), *(_interval(result[name].figures[key]) for name in names)] for key in keys
    ]
    return "\n".join([*text_table.aligned(rows), *evaluation_tables.footnotes(result)])


def _interval(figure: Figure) -> str:
    """ "0.8123 [0.8010, 0.8230]"; without an interval the mean alone; "-" where it is not defined."""
    if math.isnan(figure.mean):
        return "-"
    ends = "" if math.isnan(figure.low) else f" [{figure.low:.4f}, {figure.high:.4f}]"
    return f"{figure.mean:.4f}{ends}"


def pairs(result: evaluation.Result) -> str:
    """Every pair as a line; of many pairs those with the best system, and a sentence that says so."""
    names = leaderboard.order(result)
    every = [(a, b) for at, a in enumerate(names) for b in names[at + 1 :]]
    shown = every if len(every) <= MOST_PRINTED_PAIRS else [pair for pair in every if pair[0] == names[0]]
    rows = [
        [
            "pair",
            metrics.label(result.metric, result.judged),
            "95 % interval",
            "p",
            "Holm p",
            "d_z",
            "wins/ties/losses",
            "",
        ]
    ]
    for a, b in shown:
        pair = result.comparison.difference(a, b)
        rows.append(
            [
                f"{a} less {b}",
                f"{pair.mean:+.4f}",
                f"[{pair.low:+.4f}, {pair.high:+.4f}]",
                wording.p_cell(pair.p),
                wording.p_cell(pair.p_holm),
                f"{pair.d_z:.2f}",
                f"{pair.wins}/{pair.ties}/{pair.losses}",
                pair.conclusion,
            ]
        )
    left = len(every) - len(shown)
    more = [f"{left:,} more pairs were tested too: --differences FILE writes all {len(every):,}."] if left else []
    return "\n".join([*text_table.aligned(rows), *more])


# ---------------------------------------------------------------- written


def facts(systems: Sequence[System], dataset: Dataset, from_files: bool = False) -> dict[str, SystemInfo]:
    """What is known beside the figures, by system; of vectors out of files only what they say themselves.

    Args:
        from_files: the vectors were computed elsewhere, so a backbone of the same name says nothing about them.
    """
    return {system.name: _plain(system) if from_files else _known(system, dataset) for system in systems}


def _known(system: System, dataset: Dataset) -> SystemInfo:
    try:
        return leaderboard.system_info(system, dataset)
    except CoreError:  # vectors that nobody described
        return _plain(system)


def _plain(system: System) -> SystemInfo:
    if system.spec is None:
        return SystemInfo(system.name, dim=system.dim)
    parts = ", ".join(f"{name} {100 * share:.0f} %" for name, share in system.shares.items() if share > 0)
    return SystemInfo(system.name, system.spec.strategy.label, parts, system.dim)


def file_content(
    name: str,
    ending: str,
    result: evaluation.Result,
    known: Mapping[str, SystemInfo],
    dataset: Dataset,
    keys: Sequence[str],
) -> bytes:
    """What one of the files of `evaluate` holds.

    Args:
        name: "json", "table", "latex", "differences", "per-query", "per-class", "curves", "ranking", "overlap" or "protocols".
        ending: ".csv" or another for Parquet, where both can be had.
        keys: metrics of the LaTeX table.
    """
    if name == "json":
        record = evaluation_tables.as_json(result)
        return (json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()
    if name == "latex":
        return file_formats.as_latex(result, known, keys, dataset).encode()
    frame = _tables(result, known, dataset)[name]()
    return file_formats.as_csv(frame) if ending.lower() == ".csv" else file_formats.as_parquet(frame)


def _tables(
    result: evaluation.Result, known: Mapping[str, SystemInfo], dataset: Dataset
) -> dict[str, Callable[[], pd.DataFrame]]:
    """Each table, made when it is asked for."""
    return {
        "table": lambda: leaderboard.table(result, known),
        "differences": lambda: leaderboard.differences(result, known),
        "per-query": lambda: evaluation_tables.per_query_table(result),
        "per-class": lambda: class_rows(result, dataset),
        "curves": lambda: curve_table(result),
        "overlap": lambda: retrieval.overlap_table(result, _largest_cutoff(result)),
        "ranking": lambda: evaluation_tables.ranking_table(result),
        "protocols": lambda: revisited_protocols.report(result.systems, dataset),
    }


def _largest_cutoff(result: evaluation.Result) -> int:
    """The largest k that metrics were computed at."""
    return max((metrics.parse(key)[1] or 1 for key in result.evaluations[0].figures), default=1)


def class_rows(result: evaluation.Result, dataset: Dataset) -> pd.DataFrame:
    """class, system, the compared metric, its interval, n_queries: a row for each class that has a valid query."""
    import pandas as pd

    order = class_table.class_order(result, dataset, result.metric)
    table = class_table.per_class(result, dataset, result.metric, order)
    rows = []
    for at, label in enumerate(table.classes):
        for number, system in enumerate(table.systems):
            rows.append(
                {
                    "class": label,
                    "system": system,
                    result.metric: table.values[at, number],
                    "low": table.low[at, number],
                    "high": table.high[at, number],
                    "n_queries": int(table.n[at]),
                }
            )
    return pd.DataFrame(rows, columns=["class", "system", result.metric, "low", "high", "n_queries"])


def curve_table(result: evaluation.Result) -> pd.DataFrame:
    """system, recall, precision, low, high, n_queries: the 11 levels of each system."""
    import pandas as pd

    frames = []
    for system in result.evaluations:
        if system.curve is None:
            continue
        frames.append(
            pd.DataFrame(
                {
                    "system": system.name,
                    "recall": curves.RECALL_LEVELS,
                    "precision": system.curve.mean,
                    "low": system.curve.low,
                    "high": system.curve.high,
                    "n_queries": system.curve.n_valid,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
