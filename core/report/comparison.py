"""The report of a whole comparison: every system with its intervals, curves, differences, best and worst queries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.metrics import curves, ranking
from core.report import document, drawings, provenance
from core.studies import retrieval
from core.types import Dataset, Evaluation, Relevance

if TYPE_CHECKING:
    import pandas as pd

    from core.fusion import FusionSpec

COLUMNS = ("map", "p@1", "p@5", "p@10", "recall@10", "hit@10", "ndcg@10", "mrr", "rprec", "silhouette_cosine")
"""Metrics of the main table, as far as they were computed."""


def build(
    dataset: Dataset,
    evaluations: Sequence[Evaluation],
    truth: Relevance,
    *,
    backbones: Sequence[str],
    fusions: Sequence[FusionSpec] = (),
    titles: Mapping[str, str] | None = None,
    differences: pd.DataFrame | None = None,
    columns: Sequence[str] = COLUMNS,
    n_cases: int = 10,
    n_shown: int = 3,
) -> str:
    """The HTML of a comparison.

    Args:
        evaluations: with rankings; they are shown by falling mean average precision.
        backbones: whose records are listed; fusions: whose configurations are.
        titles: system → what people call it.
        differences: any table of differences between systems; its numbers are printed as they are.
        n_cases: best and worst queries of each of the first `n_shown` systems.
    """
    called = dict(titles or {})
    ordered = sorted(evaluations, key=lambda one: -_number(one.mean("map")))
    best = ordered[0] if ordered else None
    lead = (
        f"{len(ordered)} systems on {dataset.name}: {len(dataset):,} images, {best.n_queries:,} queries, of which {best.n_valid:,} "
        "have something relevant. Intervals are 95 % and under each number." if best else "No system was evaluated."
    )  # fmt: skip
    album = document.Album()
    parts = [document.heading("Every system"), _main_table(ordered, columns, called)]
    parts.append(
        document.paragraph(
            "Means over valid queries; the best mean average precision is bold. Ties stand in gallery order.",
            quiet=True,
        )
    )
    parts.append(drawings.bars([_bar(one, called) for one in ordered]))
    parts.append(document.paragraph("Mean average precision with its 95 % interval.", quiet=True))
    parts += _warnings(ordered, called)
    parts.append(document.heading("Precision and recall"))
    parts.append(drawings.curves({called.get(one.name, one.name): curves.average_curve(one.levels) for one in ordered}))
    if best:
        parts.append(
            document.paragraph(f"11-point interpolated precision, mean of {best.n_valid:,} queries.", quiet=True)
        )
    if differences is not None and len(differences):
        parts.append(document.heading("Differences"))
        parts.append(_frame_table(differences))
        parts.append(document.paragraph(
            "Paired over the same queries. Queries of one class share their relevant images, so they are not independent, "
            "and a significant difference is about these queries, not about another dataset.", quiet=True,
        ))  # fmt: skip
    for one in ordered[:n_shown]:
        parts += _cases(dataset, one, truth, n_cases, called, album)
    parts.append(document.heading("What the metrics mean"))
    keys = [key for key in columns if any(key in one.figures for one in ordered)]
    parts.append(document.table(["Metric", "Meaning"], [[ranking.label(key), ranking.sentence(key)] for key in keys]))
    parts.append(album.note())
    parts += provenance.section(dataset, backbones, fusions)
    return document.document(f"Comparison on {dataset.name}", lead, parts)


def _number(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _main_table(ordered: Sequence[Evaluation], columns: Sequence[str], called: Mapping[str, str]) -> str:
    keys = [key for key in columns if any(key in one.figures for one in ordered)]
    rows = []
    for one in ordered:
        row: list = [called.get(one.name, one.name)]
        for key in keys:
            figure = one.figures.get(key)
            row.append(
                document.Cell("–") if figure is None else document.figure_cell(figure.mean, figure.low, figure.high)
            )
        rows.append([*row, document.Cell(f"{one.n_valid:,}")])
    return document.table(["System", *[ranking.label(key) for key in keys], "Queries"], rows, best=0 if rows else None)


def _bar(one: Evaluation, called: Mapping[str, str]) -> tuple[str, float, float, float]:
    figure = one.figures.get("map")
    name = called.get(one.name, one.name)
    return (name, math.nan, math.nan, math.nan) if figure is None else (name, figure.mean, figure.low, figure.high)


def _warnings(ordered: Sequence[Evaluation], called: Mapping[str, str]) -> list[str]:
    said = [f"{called.get(one.name, one.name)}: {sentence}" for one in ordered for sentence in one.warnings]
    return [document.heading("To keep in mind", 3), *map(document.paragraph, said)] if said else []


def _frame_table(frame: pd.DataFrame) -> str:
    rows = []
    for record in frame.itertuples(index=False):
        row: list = []
        for value in record:
            if isinstance(value, bool) or not isinstance(value, int | float):
                row.append(str(value))
            else:
                row.append(
                    document.Cell(
                        f"{value:,}" if isinstance(value, int) else "–" if math.isnan(value) else f"{value:.4g}"
                    )
                )
        rows.append(row)
    return document.table([str(column) for column in frame.columns], rows)


def _cases(
    dataset: Dataset, one: Evaluation, truth: Relevance, n: int, called: Mapping[str, str], album: document.Album
) -> list[str]:
    """Best and worst queries of one system, with their pictures."""
    if one.ranking is None or not one.n_valid:
        return []
    best, worst = retrieval.extremes(dataset, one, truth, n)
    parts = []
    for what, cases in (("Worst", worst), ("Best", best)):
        parts.append(document.heading(f"{what} queries of {called.get(one.name, one.name)}"))
        for case in cases:
            title = f"AP {case.ap:.3f} · {case.n_relevant} relevant · {dataset.ids[case.position]}"
            parts.append(document.case(title, case.words, album.row(case_pictures(dataset, case))))
    return parts


def case_pictures(dataset: Dataset, case: retrieval.Case) -> list[document.Picture]:
    """The query, then its first results."""
    shown = [
        document.Picture(
            retrieval.text_key(dataset.keys[case.position]), f"query · {dataset.label_of(case.position)}", "query"
        )
    ]
    for rank, (item, score, hit) in enumerate(zip(case.items, case.scores, case.hits), start=1):
        position = int(dataset.split.gallery[item])
        said = f"{rank} · {dataset.label_of(position)} · {score:.3f}"
        shown.append(document.Picture(retrieval.text_key(dataset.keys[position]), said, "relevant" if hit else "not"))
    return shown
