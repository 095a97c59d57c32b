"""The leaderboard to take away: CSV, Parquet, and a table for a paper."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core import files, metrics
from core.studies import evaluation
from core.studies.leaderboard import SystemInfo, order
from core.types import Dataset

if TYPE_CHECKING:
    import pandas as pd

    from core.types import Figure


def as_csv(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV with a header row; undefined is empty."""
    return files.csv_bytes(frame)


def as_parquet(frame: pd.DataFrame) -> bytes:
    """The same as Parquet."""
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    return file.getvalue()


def as_latex(
    result: evaluation.Result, known: Mapping[str, SystemInfo], keys: Sequence[str], dataset: Dataset, places: int = 3
) -> str:
    """A table for a paper (booktabs): the best of each column bold, the interval of the compared metric, letters of ties.

    Args:
        keys: metrics, one column each.
        places: digits after the point.
    """
    import pandas as pd

    names = order(result)
    columns: dict[str, list] = {"System": [known[name].title for name in names]}
    columns["Ties"] = [result.tie_groups[name] for name in names]
    for key in keys:
        columns[metrics.label(key, result.judged)] = [result[name].mean(key) for name in names]
        if key == result.metric:
            columns["95 % interval"] = [_interval(result[name].figures.get(key), places) for name in names]
    style = pd.DataFrame(columns).style.hide(axis="index").format_index(escape="latex", axis=1)
    style = style.format(precision=places, na_rep="--", escape="latex")
    for key in keys:
        higher = metrics.parse(key)[0].higher_is_better
        highlight = style.highlight_max if higher else style.highlight_min
        style = highlight(subset=[metrics.label(key, result.judged)], props="textbf:--rwrap;")
    alignment = "".join("r" if pd.api.types.is_float_dtype(kind) else "l" for kind in style.data.dtypes)
    table = style.to_latex(hrules=True, column_format=alignment)
    return f"% needs \\usepackage{{booktabs}}\n{table}% {_footnote(result, dataset)}\n"


def _interval(figure: Figure | None, places: int) -> str:
    if figure is None or math.isnan(figure.low):
        return "--"
    return f"[{figure.low:.{places}f}, {figure.high:.{places}f}]"


def _footnote(result: evaluation.Result, dataset: Dataset) -> str:
    first = result.evaluations[0]
    return (
        f"{dataset.name}: {first.n_valid} of {first.n_queries} queries count; 95 % bootstrap intervals over "
        f"{result.resampled}; systems that share a letter cannot be told apart in {metrics.label(result.metric, result.judged)} "
        f"(tests that flip whole {result.resampled}, Holm-corrected over all pairs, 0.05)."
    )
