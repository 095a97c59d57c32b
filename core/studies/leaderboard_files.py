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


def as_csv(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV with a header row; undefined is empty."""
    return files.csv_bytes(frame)


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
    first = result.evaluations[0]
    return (
        f"{dataset.name}: {first.n_valid} of {first.n_queries} queries count; 95 % bootstrap intervals over "
        f"{result.resampled}; systems that share a letter cannot be told apart in {metrics.label(result.metric)} "
        f"(tests that flip whole {result.resampled}, Holm-corrected over all pairs, 0.05)."
    )
