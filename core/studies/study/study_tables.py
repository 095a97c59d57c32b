"""A study as files: every figure as JSON and as a table."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

from core import files
from core.metrics.across_datasets import AcrossDatasets
from core.studies.study import beside, study_text
from core.studies.study.beside import PublishedCell
from core.studies.study.study_result import StudyPart, StudyResult
from core.types import Figure

if TYPE_CHECKING:
    import pandas as pd


def table(result: StudyResult) -> pd.DataFrame:
    """One row per system, dataset and metric; the dataset "mean" is over all of them.

    Returns:
        columns system, title, dataset, metric, value, low, high, n_valid, mean_rank (in the rows "mean"). NaN is undefined.
    """
    import pandas as pd

    rows = []
    for key in study_text.shown_keys(result):
        compared = result.across(key)
        ranks = dict(zip(compared.names, compared.mean_ranks.tolist()))
        for name in result.names:
            figures = {part.name: part.figure(name, key) for part in result.parts}
            for dataset, figure in (*figures.items(), ("mean", result.mean(name, key))):
                rank = ranks.get(name, math.nan) if dataset == "mean" else math.nan
                rows.append(
                    [name, result.title(name), dataset, key, figure.mean, figure.low, figure.high, figure.n_valid, rank]
                )
    columns = ["system", "title", "dataset", "metric", "value", "low", "high", "n_valid", "mean_rank"]
    return pd.DataFrame(rows, columns=columns)


def as_csv(result: StudyResult) -> bytes:
    """`table` as CSV."""
    return files.csv_bytes(table(result))


def as_json(result: StudyResult) -> str:
    """Everything as one JSON object; NaN and infinity are null."""
    content = {
        "title": result.study.title,
        "rests_on": result.rests_on,
        "metric": result.metric,
        "datasets": [_dataset(part) for part in result.parts],
        "across": _across(result.compared),
        "published": [
            {
                "title": shown.title,
                "source": shown.source,
                "cells": [_published(cell) for cell in beside.cells(result, shown)],
            }
            for shown in result.study.published
        ],
    }
    return json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _dataset(part: StudyPart) -> dict[str, Any]:
    differences = part.comparison.differences
    return {
        "name": part.name,
        "queries": part.n_valid,
        "left_out": dict(part.left_out),
        "weights": {name: dict(shares) for name, shares in part.shares.items()},
        "systems": {
            evaluation.name: {key: _figure(figure) for key, figure in evaluation.figures.items()}
            for evaluation in part.evaluations
        },
        "differences": [
            {"a": a, "b": b, "mean": d.mean, "low": d.low, "high": d.high, "p_holm": d.p_holm, "differs": d.differs}
            for (a, b), d in differences.items()
        ],
    }


def _across(compared: AcrossDatasets) -> dict[str, Any]:
    test = compared.friedman
    return {
        "systems": list(compared.names),
        "mean_ranks": compared.mean_ranks.tolist(),
        "critical_difference": compared.critical_difference,
        "friedman": None if test is None else dataclasses.asdict(test),
        "nemenyi_p": compared.nemenyi.tolist(),
        "wilcoxon_holm_p": compared.wilcoxon.tolist(),
    }


def _published(cell: PublishedCell) -> dict[str, Any]:
    return {
        "system": cell.system,
        "figure": cell.column,
        "published": cell.published,
        "ours": _figure(cell.ours),
        "difference": cell.difference,
        "same_definition": cell.same,
        "why": cell.why,
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {"mean": figure.mean, "low": figure.low, "high": figure.high, "n_valid": figure.n_valid}


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {key: _finite(part) for key, part in content.items()}
    return [_finite(part) for part in content] if isinstance(content, list) else content
