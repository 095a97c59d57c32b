"""What slices say, in words and as tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from core import metrics, text_table, wording
from core.studies.slices.slice_search import Slice, SliceSearch
from core.studies.slices.slice_tables import SliceTable
from core.wording import plural

Title = Callable[[str], str]


def _rests_on(n: int, n_units: int, unit: str) -> str:
    """ "34 queries of 12 classes"."""
    return f"{plural(n, 'query')} of {plural(n_units, 'class', 'classes')}" if unit == "classes" else plural(n, "query")


def found_sentence(hit: Slice, made: SliceSearch, metric: str, where: str = "") -> str:
    """One slice that was found: where, how much, how sure.

    Args:
        where: the slice in other words.
    """
    where = where or hit.where
    on = _rests_on(hit.n, hit.n_units, made.unit.name)
    share = f"false discovery rate {wording.percent(hit.rate, 1) if hit.rate >= 5e-4 else 'below 0.1 %'}"
    change = f"{wording.signed(hit.difference)} {wording.interval(hit.low, hit.high, sign=True)}"
    if made.against_rest:
        return f"{where}: {metrics.label(metric)} {wording.number(hit.mean)}, {change} from the other queries ({on}, {share})."
    return f"{where}: {metrics.label(metric)} {change} ({on}, {share})."


def looked_at(made: SliceSearch) -> str:
    """Over what the rate of false discoveries was held."""
    return (
        f"{plural(made.n_tested, 'slice')} of {plural(len(made.columns), 'column')} and their pairs were tested; of those "
        "listed at most 5 % are expected to be chance."
    )


def weak_lead(title: str, made: SliceSearch, metric: str) -> str:
    """Where one system is weakest, or that nothing shows it is."""
    if not made.n_tested:
        return f"{title}: no slice could be tested; a slice needs 15 queries of three classes."
    if not made.listed:
        return f"{title}: none of {plural(made.n_tested, 'slice')} is shown to be worse than the other queries."
    return f"{title} is weakest for {_first(made, metric)}"


def losses_lead(a: str, b: str, made: SliceSearch, metric: str) -> str:
    """Where system A loses to system B, or that nothing shows it does."""
    if not made.n_tested:
        return f"{a} and {b}: no slice could be tested; a slice needs 15 queries of three classes."
    overall = f"{metrics.label(metric)} {wording.signed(made.mean)}"
    if made.against_rest:  # it loses over all queries
        if not made.listed:
            return f"{a} loses to {b} ({overall}), and in none of {plural(made.n_tested, 'slice')} shown to lose more."
        return f"{a} loses to {b} ({overall}), most for {_most(made, metric)}"
    if not made.listed:
        return (
            f"{a} is not shown to lose to {b} in any of {plural(made.n_tested, 'slice')} (over all queries {overall})."
        )
    return f"{a} loses to {b} for {_first(made, metric)} Over all queries: {overall}."


def _first(made: SliceSearch, metric: str) -> str:
    """The surest slice as a part of a sentence."""
    return found_sentence(made.listed[0], made, metric, f"images {made.listed[0].phrase}")


def _most(made: SliceSearch, metric: str) -> str:
    """Of a system that loses anyway: where most, with the difference there."""
    hit = made.listed[0]
    on = _rests_on(hit.n, hit.n_units, made.unit.name)
    share = f"false discovery rate {wording.percent(hit.rate, 1) if hit.rate >= 5e-4 else 'below 0.1 %'}"
    return f"images {hit.phrase}: {metrics.label(metric)} {wording.signed(hit.mean)}, elsewhere {wording.signed(hit.rest)} ({on}, {share})."


def worst_lead(table: SliceTable, title: Title, system: int = 0) -> str:
    """The worst part of a column for one system, and whether it is shown to be worse than the others."""
    part, name = int(table.order[0]), title(table.systems[system])
    figure = wording.figure(table.mean[part, system], table.low[part, system], table.high[part, system])
    on = _rests_on(int(table.n[part]), int(table.n_units[part]), table.unit.name)
    return f"{name} is worst for images {table.column.phrase(part)}: {metrics.label(table.metric)} {figure} ({on}){_verdict(table, part, system)}"


def _verdict(table: SliceTable, part: int, system: int) -> str:
    change, p = wording.signed(table.difference[part, system]), table.p[part, system]
    if math.isnan(p):
        return ", too few classes to test."
    tested = f"{change} from the others, Holm {wording.p_value(p)} over {plural(table.n_tested, 'slice')}."
    return f", {tested}" if table.is_worse(part, system) else f", not shown to be worse: {tested}"


def table_lines(table: SliceTable, title: Title = str, most: int | None = None) -> list[str]:
    """The parts of a column, worst first, with every system; "*": shown to be worse than the others."""
    rows = [[table.column.title, "queries", table.unit.name, *map(title, table.systems)]]
    for part in table.order[:most].tolist():
        cells = [
            wording.figure(table.mean[part, at], table.low[part, at], table.high[part, at])
            + (" *" if table.is_worse(part, at) else "")
            for at in range(len(table.systems))
        ]
        rows.append([table.column.values[part], f"{table.n[part]:,}", f"{table.n_units[part]:,}", *cells])
    lines = text_table.aligned(rows, numbers=[1, 2])
    hidden = len(table.order) - len(lines) + 1
    star = f"* worse than the other queries of the column (Holm over {plural(table.n_tested, 'slice')}). "
    note = (star if table.n_tested else "") + table.unit.caution
    return [*lines, *([f"… {hidden:,} more"] if hidden else []), note]


def record_of_table(table: SliceTable) -> dict[str, Any]:
    """The table as plain data; NaN is None."""
    rows = []
    for part in table.order.tolist():
        figures = {
            name: {
                "mean": _plain(table.mean[part, at]),
                "low": _plain(table.low[part, at]),
                "high": _plain(table.high[part, at]),
                "difference": _plain(table.difference[part, at]),
                "p_holm": _plain(table.p[part, at]),
            }
            for at, name in enumerate(table.systems)
        }
        rows.append({"value": table.column.values[part], "queries": int(table.n[part]), "systems": figures})
    return {"column": table.column.name, "metric": table.metric, "slices": rows}


def record_of_search(made: SliceSearch) -> dict[str, Any]:
    """What was found as plain data."""
    listed = [
        {
            "where": dict(hit.parts),
            "queries": hit.n,
            "mean": _plain(hit.mean),
            "rest": _plain(hit.rest),
            "difference": _plain(hit.difference),
            "low": _plain(hit.low),
            "high": _plain(hit.high),
            "p": _plain(hit.p),
            "false_discovery_rate": _plain(hit.rate),
        }
        for hit in made.listed
    ]
    return {"tested": made.n_tested, "columns": list(made.columns), "mean": _plain(made.mean), "found": listed}


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def search_lines(searches: Mapping[str, SliceSearch], metric: str) -> list[str]:
    """What was found for each system, a line each, the first sentence of each before."""
    lines: list[str] = []
    for lead, made in searches.items():
        lines.append(lead)
        lines += [f"  {found_sentence(hit, made, metric)}" for hit in made.listed[1:]]
    if searches:
        lines.append(looked_at(next(iter(searches.values()))))
    return lines
