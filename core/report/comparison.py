"""The report of a whole comparison: every system with its intervals, curves, differences, best and worst queries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core import data
from core.errors import NotComputed
from core.metrics import curves, ranking
from core.report import document, drawings, provenance
from core.studies import embedding, fusion, retrieval
from core.types import Dataset, Evaluation, Relevance

if TYPE_CHECKING:
    from core.fusion import FusionSpec
    from core.studies.evaluation import Result

COLUMNS = ("map", "p@k", "recall@k", "hit@k", "mrr", "rprec", "ndcg", "silhouette_cosine")
"""Metrics of the main table, as far as they were computed; each @k at every cut-off."""


def build(
    dataset: Dataset,
    result: Result,
    truth: Relevance,
    *,
    backbones: Sequence[str],
    fusions: Sequence[FusionSpec] = (),
    titles: Mapping[str, str] | None = None,
    columns: Sequence[str] = COLUMNS,
    n_cases: int = 10,
    n_shown: int = 3,
) -> str:
    """The HTML of a comparison.

    Args:
        result: what `studies.evaluation.evaluate` gave; systems are shown by falling mean average precision.
        backbones: whose records are listed; fusions: whose configurations are.
        titles: system → what people call it.
        n_cases: best and worst queries of each of the first `n_shown` systems.
    """
    called = dict(titles or {})
    ordered = sorted(result.evaluations, key=lambda one: -_number(one.mean("map")))
    best = ordered[0]
    lead = (
        f"{len(ordered)} systems on {dataset.name}: {len(dataset):,} images, {best.n_queries:,} queries, of which "
        f"{best.n_valid:,} have something relevant. Intervals are 95 % and stand under each number."
    )
    album = document.Album()
    parts = [document.heading("Every system"), _main_table(ordered, columns, called, result.tie_groups)]
    parts.append(document.paragraph(
        "Means over valid queries with 95 % bootstrap intervals; the best mean average precision is bold. Systems that share a "
        "letter cannot be told apart (paired randomisation tests, Holm-corrected over all pairs).", quiet=True,
    ))  # fmt: skip
    parts.append(drawings.bars([_bar(one, called) for one in ordered]))
    parts.append(document.paragraph("Mean average precision with its 95 % interval.", quiet=True))
    parts += _warnings(ordered)
    parts.append(document.heading("Precision and recall"))
    parts.append(drawings.curves({called.get(one.name, one.name): curves.average_curve(one.levels) for one in ordered}))
    parts.append(document.paragraph(f"11-point interpolated precision, mean of {best.n_valid:,} queries.", quiet=True))
    parts += _differences(result, best.name, called)
    for one in ordered[:n_shown]:
        parts += _cases(dataset, one, truth, n_cases, called, album)
    parts.append(document.heading("What the metrics mean"))
    keys = [key for key in columns if any(key in one.figures for one in ordered)]
    parts.append(document.table(["Metric", "Meaning"], [[ranking.label(key), ranking.sentence(key)] for key in keys]))
    parts.append(album.note())
    parts += provenance.section(dataset, backbones, fusions)
    return document.document(f"Comparison on {dataset.name}", lead, parts)


def of_stored(
    dataset: Dataset, backbones: Sequence[str], fusions: Sequence[FusionSpec], ks: Sequence[int] = (1, 5, 10)
) -> str:
    """Evaluate backbones and fusions whose embeddings are in the store, and report on them.

    Raises:
        NotComputed: an embedding is missing, or the dataset has no labels to judge by.
    """
    if not dataset.has_labels:
        raise NotComputed(
            f"{dataset.name!r} has no labels, so nothing can be judged. Add the images again with one folder per class, "
            "or take the report of one query from the Retrieval page."
        )
    used = list(dict.fromkeys([*backbones, *(name for spec in fusions for name in spec.backbones)]))
    result = fusion.evaluate(dataset, backbones, fusions, ks=ks)
    titles = {name: embedding.find(dataset, name).title for name in used}
    columns = [
        key if "@" not in key else f"{key.partition('@')[0]}@{k}"
        for key in COLUMNS
        for k in (ks if "@" in key else (0,))
    ]
    return build(
        dataset, result, data.relevance(dataset), backbones=used, fusions=fusions, titles=titles,
        columns=tuple(dict.fromkeys(columns)),
    )  # fmt: skip


def _number(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _main_table(
    ordered: Sequence[Evaluation], columns: Sequence[str], called: Mapping[str, str], groups: Mapping[str, str]
) -> str:
    keys = [key for key in columns if any(key in one.figures for one in ordered)]
    rows = []
    for one in ordered:
        row: list = [called.get(one.name, one.name), groups.get(one.name, "")]
        for key in keys:
            figure = one.figures.get(key)
            row.append(
                document.Cell("–") if figure is None else document.figure_cell(figure.mean, figure.low, figure.high)
            )
        rows.append([*row, document.Cell(f"{one.n_valid:,}")])
    names = ["System", "Alike", *[ranking.label(key) for key in keys], "Queries"]
    return document.table(names, rows, best=0)


def _bar(one: Evaluation, called: Mapping[str, str]) -> tuple[str, float, float, float]:
    figure = one.figures.get("map")
    name = called.get(one.name, one.name)
    return (name, math.nan, math.nan, math.nan) if figure is None else (name, figure.mean, figure.low, figure.high)


def _warnings(ordered: Sequence[Evaluation]) -> list[str]:
    said = list(dict.fromkeys(sentence for one in ordered for sentence in one.warnings))
    return [document.heading("To keep in mind", 3), *map(document.paragraph, said)] if said else []


def _differences(result: Result, best: str, called: Mapping[str, str]) -> list[str]:
    """The best system against each other one."""
    rows = []
    for (one, two), found in result.comparisons.items():
        if best not in (one, two):
            continue
        other, sign = (two, 1) if one == best else (one, -1)
        ends = sorted((sign * found.low, sign * found.high))
        wins, losses = (found.wins, found.losses) if sign > 0 else (found.losses, found.wins)
        verdict = "the two tests disagree: no conclusion" if found.contradicts else ""
        rows.append([
            called.get(other, other), document.figure_cell(sign * found.mean, *ends),
            document.Cell(f"{found.p_holm:.4f}", f"uncorrected {found.p:.4f}"), document.Cell(f"{sign * found.d_z:+.2f}"),
            document.Cell(f"{wins:,} / {found.ties:,} / {losses:,}"), verdict,
        ])  # fmt: skip
    if not rows:
        return []
    return [
        document.heading(f"{called.get(best, best)} against the others"),
        document.table(["Other system", "Difference in mAP", "p (Holm)", "Effect d_z", "Better / equal / worse", ""], rows),
        document.paragraph(
            "Paired over the same queries. Queries of one class share their relevant images, so they are not independent: "
            "a significant difference is about these queries, not about another dataset.", quiet=True,
        ),
    ]  # fmt: skip


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
