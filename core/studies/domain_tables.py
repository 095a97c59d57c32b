"""The cross-domain matrix in words, and as tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core import text_table, wording
from core.studies.domains import DEPTH, DomainMatrix
from core.types import Figure


def _figure(figure: Figure) -> str:
    return wording.figure(figure.mean, figure.low, figure.high)


def lead(title: str, made: DomainMatrix) -> str:
    """How much a system loses on the way to another domain."""
    within, across = _figure(made.within), _figure(made.across)
    if math.isnan(made.across.mean):
        return f"{title}: no query has a relevant image in another domain of {made.column}."
    row, column = made.hardest
    hardest = wording.figure(made.mean[row, column], made.low[row, column], made.high[row, column])
    return (
        f"{title}: mAP {within} within a domain, {across} across; hardest from “{made.values[row]}” to “{made.values[column]}”, "
        f"{hardest}."
    )


def own_sentence(title: str, made: DomainMatrix) -> str:
    """How many first results are of the query's own domain."""
    share, chance = wording.percent(made.own_share), wording.percent(made.chance)
    return f"{title}: {share} of the first {DEPTH} results are of the query's own domain, {chance} would be by chance."


def table_lines(made: DomainMatrix) -> list[str]:
    """A matrix for the terminal: rows ask, columns answer; each with its interval and its valid queries."""
    rows = [[f"from {made.column} ↓ to →", *made.values]]
    for row, name in enumerate(made.values):
        cells = [
            "–"
            if not made.n[row, at]
            else f"{wording.figure(made.mean[row, at], made.low[row, at], made.high[row, at])} n {made.n[row, at]:,}"
            for at in range(len(made.values))
        ]
        rows.append([name, *cells])
    return text_table.aligned(rows)


def printed(made: Sequence[DomainMatrix], title: Callable[[str], str] = str) -> str:
    """Every system: its sentence and its matrix."""
    parts = []
    for single in made:
        name = title(single.system)
        parts.append("\n".join([lead(name, single), own_sentence(name, single), *table_lines(single)]))
    return "\n\n".join([*parts, made[0].unit.caution])


def as_json(made: Sequence[DomainMatrix]) -> dict[str, Any]:
    """Every system as plain data; NaN is None."""
    return {
        "column": made[0].column,
        "domains": list(made[0].values),
        "systems": [
            {
                "name": single.system,
                "within": _record(single.within),
                "across": _record(single.across),
                "own_domain_in_first_10": _plain(single.own_share),
                "by_chance": _plain(single.chance),
                "queries": single.n.tolist(),
                **{name: _rows(getattr(single, name)) for name in ("mean", "low", "high")},
            }
            for single in made
        ],
    }


def _record(figure: Figure) -> dict[str, Any]:
    return {"mean": _plain(figure.mean), "low": _plain(figure.low), "high": _plain(figure.high), "n": figure.n_valid}


def _rows(matrix: np.ndarray) -> list[list[float | None]]:
    return [[_plain(value) for value in row] for row in matrix.tolist()]


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
