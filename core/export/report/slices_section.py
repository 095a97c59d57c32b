"""The sections of a report that say where the best system is weak: by column, from domain to domain, on corrupted queries."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core import charts, metrics, wording
from core.errors import BadInput, CoreError, NotComputed
from core.export.report.document import Cell, Heading, Paragraph, Part, Table, number_cell
from core.metrics.significance import LEVEL
from core.studies import domain_tables, domains, slices
from core.studies.comparison import ResamplingUnit
from core.studies.domains import DomainMatrix
from core.studies.slices import SliceSearch, SliceTable, slice_search
from core.studies.slices import slice_sentences as sentences
from core.studies.stress import corrupted_queries, stress_result, stress_tables
from core.studies.stress.stress_result import StressResult
from core.studies.systems import System
from core.studies.verification import EXACT_PAIRS
from core.types import Dataset, Relevance

text = wording.page("report_slices")
Title = Callable[[str], str]


@dataclass(frozen=True)
class Weaknesses:
    """What the sections tell; None and () where there is nothing to tell.

    Attributes:
        best: the system that slices and domains are of.
        tables: its parts of each column; search: what is found among them and their pairs.
        matrix: from domain to domain, where a column of texts can be domains.
        stress: every system, where its corrupted queries are embedded already: a report embeds nothing.
    """

    best: str
    tables: Sequence[SliceTable] = ()
    search: SliceSearch | None = None
    matrix: DomainMatrix | None = None
    stress: StressResult | None = None


def measure(
    systems: Sequence[System], values: np.ndarray, best: str, truth: Relevance, dataset: Dataset, by_class: bool
) -> Weaknesses:
    """Slices of the best system, its domains, and what is there of corrupted queries.

    Args:
        values: (n_queries,) average precision of the best system.
    """
    unit = ResamplingUnit.of(truth, by_class)
    if not (truth.n_relevant > 0).any():
        return Weaknesses(best)
    columns = slices.columns(dataset)
    tables = [slices.slice_table({best: values}, column, unit) for column in columns if column.name != "label"]
    search = slice_search.search(values, columns, unit) if columns else None
    return Weaknesses(
        best,
        [table for table in tables if len(table.order) > 1],
        search,
        _matrix(next(system for system in systems if system.name == best), truth, dataset, by_class),
        _stress(systems, truth, dataset, by_class),
    )


def _matrix(system: System, truth: Relevance, dataset: Dataset, by_class: bool) -> DomainMatrix | None:
    """By the first column of texts; ranges of numbers are no domains unless somebody asks."""
    if truth.n_queries * truth.n_gallery > EXACT_PAIRS:
        return None
    for name in domains.candidates(dataset):
        column = domains.domain_column(dataset, name)
        if not column.is_binned:
            try:
                return domains.matrices([system], truth, dataset, column, by_class=by_class)[0]
            except BadInput:  # no query has an answer in any domain
                return None
    return None


def _stress(systems: Sequence[System], truth: Relevance, dataset: Dataset, by_class: bool) -> StressResult | None:
    try:
        made = corrupted_queries.plan(truth)
        used = sorted({name for system in systems for name in system.backbones})
        corrupted = corrupted_queries.vectors(dataset, made, used)
        return stress_result.evaluate(systems, truth, made, corrupted, by_class=by_class)
    except (NotComputed, BadInput, CoreError):  # not embedded, or vectors from a file
        return None


def section(
    made: Weaknesses, title: Title, style: Callable[[str], tuple[str, str]], judged: bool = False
) -> list[Part]:
    """Each part that there is something to tell of.

    Args:
        title: what people call a system; style: its colour and dash.
        judged: the truth is what people judged.
    """
    parts = [
        *_slices(made, title),
        *(domains_part(made.matrix, title) if made.matrix is not None else ()),
        *(robustness_part(made.stress, title, style) if made.stress is not None else ()),
    ]
    return [_as_judged(part) for part in parts] if judged else parts


def _as_judged(part: Part) -> Part:
    """A part whose words name metrics as they are where people judged some results."""
    if isinstance(part, Paragraph):
        return dataclasses.replace(part, text=metrics.as_judged(part.text))
    if isinstance(part, Table):
        rows = [[metrics.as_judged(cell) if isinstance(cell, str) else cell for cell in row] for row in part.rows]
        return dataclasses.replace(part, columns=[metrics.as_judged(column) for column in part.columns], rows=rows)
    return part


def _slices(made: Weaknesses, title: Title) -> list[Part]:
    if made.search is None or not made.tables:
        return []
    parts: list[Part] = [
        Heading(text("heading.slices", system=title(made.best))),
        Paragraph(sentences.weak_lead(title(made.best), made.search, "map")),
    ]
    if len(made.search.listed) > 1:
        parts.append(found_table(made.search, "map"))
    rows = []
    for table in made.tables:
        at = int(table.order[0])
        p = Cell(f"{wording.p_cell(table.p[at, 0], 3)}{' *' if table.p[at, 0] < LEVEL else ''}")
        figure = number_cell(table.mean[at, 0], table.low[at, 0], table.high[at, 0])
        rows.append([table.column.where(at), Cell(f"{table.n[at]:,}"), figure, number_cell(table.difference[at, 0]), p])
    names = ("slice", "queries", "mean", "difference", "p")
    parts.append(Table([text(f"column.{name}") for name in names], rows))
    return [*parts, Paragraph(text("sentence.columns", caution=made.tables[0].unit.caution), quiet=True)]


def found_table(made: SliceSearch, metric: str) -> Table:
    """The slices that were found, else those that come nearest, a row each."""
    rows = [
        [
            hit.where,
            Cell(f"{hit.n:,}"),
            number_cell(hit.mean),
            number_cell(hit.difference, hit.low, hit.high),
            Cell(wording.percent(hit.rate, 1)),
        ]
        for hit in made.listed or made.nearest
    ]
    names = [text(f"column.{name}") for name in ("slice", "queries", "difference", "rate")]
    return Table([*names[:2], metrics.label(metric), *names[2:]], rows)


def domains_part(matrix: DomainMatrix, title: Title) -> list[Part]:
    """From domain to domain, of one system."""
    rows = [
        [
            value,
            *(
                number_cell(matrix.mean[row, at], matrix.low[row, at], matrix.high[row, at])
                for at in range(len(matrix.values))
            ),
        ]
        for row, value in enumerate(matrix.values)
    ]
    columns = [
        text("column.source", column=matrix.column),
        *(text("column.target", value=value) for value in matrix.values),
    ]
    return [
        Heading(text("heading.domains", system=title(matrix.system))),
        Paragraph(
            f"{domain_tables.lead(title(matrix.system), matrix)} {domain_tables.own_sentence(title(matrix.system), matrix)}"
        ),
        Table(columns, rows),
        Paragraph(text("sentence.domains", caution=matrix.unit.caution), quiet=True),
    ]


def robustness_part(
    result: StressResult, title: Title, style: Callable[[str], tuple[str, str]], corruption: str = ""
) -> list[Part]:
    """Every system on corrupted queries.

    Args:
        corruption: whose curves are drawn; "" for the one that costs the best system most.
    """
    best = max(result.systems, key=lambda name: stress_tables.under_all(result, name).mean)
    losses = {name: float(result.curve(best, name).loss[-1]) for name in result.plan.corruptions}
    worst = corruption if corruption in losses else max(losses, key=losses.__getitem__)
    swaps = [stress_tables.swap_sentence(swap, title) for swap in result.swaps()]
    clean = [number_cell(float(result.precisions[name][0].mean())) for name in result.systems]
    rows: list[list[object]] = [[text("column.clean"), *clean]]
    for kind in result.plan.corruptions:
        curves = [result.curve(name, kind) for name in result.systems]
        shares = [
            number_cell(1 - curve.loss[-1], 1 - curve.loss_high[-1], 1 - curve.loss_low[-1], 2) for curve in curves
        ]
        rows.append([stress_tables.label(kind), *shares])
    columns = [text("column.kept", step=result.plan.steps[-1]), *map(title, result.systems)]
    return [
        Heading(text("heading.robustness")),
        Paragraph(" ".join([stress_tables.lead(result, title), *(swaps or [stress_tables.no_swap(result)])]).strip()),
        Heading(stress_tables.label(worst), 3),
        charts.stress_chart([result.curve(name, worst) for name in result.systems], title, style),
        Table(columns, rows),
        Paragraph(text("sentence.robustness", rests=stress_tables.rests_on(result)), quiet=True),
    ]
