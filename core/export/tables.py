"""What `evaluate` prints and writes: every figure, every pair, every query, every class and curve, as one of several files."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core import metrics
from core.data.readers import revisited
from core.errors import BadInput, CoreError
from core.metrics import curves
from core.studies import class_table, evaluation, evaluation_tables, leaderboard, leaderboard_files, revisited_protocols
from core.studies.leaderboard import SystemInfo
from core.types import Dataset

if TYPE_CHECKING:
    import pandas as pd

    from core.studies.systems import System
    from core.types import Figure

MOST_PRINTED_PAIRS = 15


# ---------------------------------------------------------------- printed


def check_metrics(metric: str, text: str, ks: Sequence[int]) -> None:
    """What --metric and --show name, looked at before anything is worked out.

    Raises:
        UnknownName: no metric is called so; the sentence names the nearest.
        BadInput: its cut-off is not in `ks`, or it is no metric that pairs can be compared in.
    """
    metrics.parse(metric)
    evaluation.check_metric(metric, ks)
    known = {one.at(k) for one in metrics.METRICS if one.kind != "curve" for k in ks}
    for key in _named(text):
        metrics.parse(key)
        if key not in known:
            raise BadInput(
                f"{key!r} is not worked out here: name its cut-off in --k. There are {', '.join(sorted(known))}."
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
    there = leaderboard.available(result)
    if text.strip() == "all":
        wanted = list(there)
    elif text.strip():
        wanted = _named(text)
    else:
        wanted = [key for key in evaluation_tables.SHOWN if key in there]
    for key in wanted:
        metrics.parse(key)
        if key not in there:
            raise BadInput(f"{key!r} was not worked out here: name its cut-off in --k. There are {', '.join(there)}.")
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
    rows += [[metrics.label(key), *(_interval(result[name].figures[key]) for name in names)] for key in keys]
    return "\n".join([*evaluation_tables.aligned(rows), *evaluation_tables.footnotes(result)])


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
    rows = [["pair", metrics.label(result.metric), "95 % interval", "p", "Holm p", "d_z", "wins/ties/losses", ""]]
    for a, b in shown:
        d = result.comparison.difference(a, b)
        rows.append(
            [
                f"{a} less {b}",
                f"{d.mean:+.4f}",
                f"[{d.low:+.4f}, {d.high:+.4f}]",
                f"{d.p:.2g}",
                f"{d.p_holm:.2g}",
                f"{d.d_z:.2f}",
                f"{d.wins}/{d.ties}/{d.losses}",
                d.conclusion,
            ]
        )
    left = len(every) - len(shown)
    more = [f"{left:,} more pairs were tested too: --differences FILE writes all {len(every):,}."] if left else []
    return "\n".join([*evaluation_tables.aligned(rows), *more])


# ---------------------------------------------------------------- written


def facts(systems: Sequence[System], dataset: Dataset, from_files: bool = False) -> dict[str, SystemInfo]:
    """What is known beside the figures, by system; of vectors out of files only what they say themselves.

    Args:
        from_files: the vectors were computed elsewhere, so a backbone of the same name says nothing about them.
    """
    return {one.name: _plain(one) if from_files else _known(one, dataset) for one in systems}


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


def check(files: Mapping[str, Path]) -> None:
    """Raises BadInput for a name whose ending does not say CSV or Parquet: asked before anything is worked out."""
    for name, path in files.items():
        if name not in ("json", "latex") and path.suffix.lower() not in (".csv", ".parquet"):
            raise BadInput(f"--{name} {path}: end the name in .csv or .parquet, which says what is written.")
        if not path.expanduser().absolute().parent.is_dir():
            raise BadInput(f"--{name} {path}: there is no folder {path.parent}. Make it first, or name another.")


def write(
    files: Mapping[str, Path],
    result: evaluation.Result,
    known: Mapping[str, SystemInfo],
    dataset: Dataset,
    keys: Sequence[str],
) -> None:
    """Write what was asked for, each to its file.

    Args:
        files: "json", "table", "latex", "differences", "per-query", "per-class", "curves", "ranking" or "protocols" → path; the
            ending says CSV or Parquet where both can be had (`check`).
        keys: metrics of the LaTeX table.
    Raises:
        BadInput: a path that cannot be written.
    """
    tables = _tables(result, known, dataset)
    for name, path in files.items():
        if name == "json":
            text = json.dumps(evaluation_tables.as_json(result), indent=1, allow_nan=False, ensure_ascii=False)
            _put(path, (text + "\n").encode())
        elif name == "latex":
            _put(path, leaderboard_files.as_latex(result, known, keys, dataset).encode())
        else:
            as_csv = path.suffix.lower() == ".csv"
            _put(path, (leaderboard_files.as_csv if as_csv else leaderboard_files.as_parquet)(tables[name]()))


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
        "ranking": lambda: evaluation_tables.ranking_table(result),
        "protocols": lambda: revisited_protocols.report(result.systems, dataset),
    }


def class_rows(result: evaluation.Result, dataset: Dataset) -> pd.DataFrame:
    """class, system, the compared metric, its interval, n_queries: a row for each class that has a valid query."""
    import pandas as pd

    found = class_table.per_class(
        result, dataset, result.metric, class_table.class_order(result, dataset, result.metric)
    )
    rows = []
    for at, label in enumerate(found.classes):
        for number, system in enumerate(found.systems):
            rows.append(
                {
                    "class": label,
                    "system": system,
                    result.metric: found.values[at, number],
                    "low": found.low[at, number],
                    "high": found.high[at, number],
                    "n_queries": int(found.n[at]),
                }
            )
    return pd.DataFrame(rows, columns=["class", "system", result.metric, "low", "high", "n_queries"])


def curve_table(result: evaluation.Result) -> pd.DataFrame:
    """system, recall, precision, low, high, n_queries: the 11 levels of each system."""
    import pandas as pd

    frames = []
    for one in result.evaluations:
        if one.curve is None:
            continue
        frames.append(
            pd.DataFrame(
                {
                    "system": one.name,
                    "recall": curves.RECALL_LEVELS,
                    "precision": one.curve.mean,
                    "low": one.curve.low,
                    "high": one.curve.high,
                    "n_queries": one.curve.n_valid,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _put(path: Path, content: bytes) -> None:
    try:
        path.expanduser().write_bytes(content)
    except OSError as error:
        raise BadInput(
            f"Cannot write {path}: {error.strerror}. Give a path in a folder that exists and is writable."
        ) from None
