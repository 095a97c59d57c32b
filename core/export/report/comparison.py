"""The report of a whole comparison: every system with its intervals, curves, differences, best and worst queries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core import data
from core.errors import NotComputed
from core.export.report import document, drawings, provenance
from core.metrics import curves, ranking
from core.studies import embedding, evaluation, fusion, leaderboard, retrieval, system_spec_text, systems
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
    known: Mapping[str, leaderboard.SystemInfo] | None = None,
    columns: Sequence[str] = COLUMNS,
    n_cases: int = 10,
    n_shown: int = 3,
) -> str:
    """The HTML of a comparison.

    Args:
        result: what `studies.evaluation.evaluate` gave; systems are shown by falling mean average precision.
        backbones: whose records are listed; fusions: whose configurations are.
        titles: system → what people call it.
        known: system → what it is and costs; without it that table is left out.
        n_cases: best and worst queries of each of the first `n_shown` systems.
    """
    called = dict(titles or {})
    ordered = sorted(result.evaluations, key=lambda one: -_number(one.mean("map")))
    best = ordered[0]
    lead = (
        f"{len(ordered)} systems on {dataset.name}: {len(dataset):,} images, {best.n_queries:,} queries, of which "
        f"{best.n_valid:,} have something relevant. Intervals are 95 % and stand under each number."
    )
    album = document.ImageStrip()
    parts = [document.answer(_answer(result, [one.name for one in ordered], called))]
    parts += [document.heading("Every system"), _main_table(ordered, columns, called, result.tie_groups)]
    parts.append(
        document.paragraph(
            "Means over valid queries with 95 % bootstrap intervals; the best mean average precision is bold. Systems that share a "
            "letter cannot be told apart (paired randomisation tests, Holm-corrected over all pairs).",
            quiet=True,
        )
    )
    parts.append(drawings.bars([_bar(one, called) for one in ordered]))
    parts.append(document.paragraph("Mean average precision with its 95 % interval.", quiet=True))
    parts += _costs([one.name for one in ordered], known or {}, called)
    parts += _warnings(ordered, called)
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
    dataset: Dataset,
    backbones: Sequence[str],
    fusions: Sequence[FusionSpec],
    ks: Sequence[int] = (1, 5, 10),
    by_class: bool = False,
) -> str:
    """Evaluate backbones and fusions whose embeddings are in the store, and report on them.

    Args:
        by_class: intervals resample whole classes (the class bootstrap).
    Raises:
        NotComputed: an embedding is missing, or the dataset has no labels to judge by.
    """
    if not dataset.has_labels:
        raise NotComputed(
            f"{dataset.name!r} has no labels, so nothing can be judged. Add the images again with one folder per class, "
            "or take the report of one query from the Retrieval page."
        )
    used = list(dict.fromkeys([*backbones, *(name for spec in fusions for name in spec.backbones)]))
    result = fusion.evaluate(dataset, backbones, fusions, ks=ks, by_class=by_class)
    titles = {name: embedding.find(dataset, name).title for name in used}
    titles |= _fusion_titles(fusions, titles)
    parts = systems.build(fusion.space_of(dataset, used), backbones, fusions)
    known = {one.name: leaderboard.system_info(one, dataset, titles[one.name]) for one in parts}
    columns = [
        key if "@" not in key else f"{key.partition('@')[0]}@{k}"
        for key in COLUMNS
        for k in (ks if "@" in key else (0,))
    ]
    return build(
        dataset,
        result,
        data.relevance(dataset),
        backbones=used,
        fusions=fusions,
        titles=titles,
        known=known,
        columns=tuple(dict.fromkeys(columns)),
    )


def _fusion_titles(fusions: Sequence[FusionSpec], called: Mapping[str, str]) -> dict[str, str]:
    """A fusion that nobody has named is called by its strategy: what it joins stands in a table of its own."""
    titles: dict[str, str] = {}
    for spec in fusions:
        unnamed = spec.name == system_spec_text.named_by_shares(spec).name
        title = f"{spec.strategy.label} of {len(spec.active)}" if unnamed else spec.name
        if spec.name == " + ".join(spec.backbones):
            title = " + ".join(called[name] for name in spec.backbones)
        again = sum(one.startswith(title) for one in titles.values())
        titles[spec.name] = f"{title} ({again + 1})" if again else title
    return titles


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


def _warnings(ordered: Sequence[Evaluation], called: Mapping[str, str]) -> list[str]:
    said = evaluation.warnings(ordered, called)
    return [document.heading("To keep in mind", 3), *map(document.paragraph, said)] if said else []


def _answer(result: Result, order: Sequence[str], called: Mapping[str, str]) -> str:
    """Who is best, how sure that is, and on what it rests: what a reader wants to know first."""
    best = result[order[0]]
    figure = best.figures.get("map")
    if figure is None or math.isnan(figure.mean):
        return "No query has a relevant image, so nothing can be judged."
    said = (
        f"{called.get(best.name, best.name)} finds best: mAP {figure.mean:.3f} (95 % interval {figure.low:.3f} to "
        f"{figure.high:.3f}, {figure.n_valid:,} queries; the bootstrap draws {_drawn(result)})."
    )
    against = {name: leaderboard.difference(result, best.name, name) for name in order[1:]}
    alike = [called.get(name, name) for name, one in against.items() if one.p_holm >= leaderboard.LEVEL]
    if alike:
        return f"{said} It cannot be told apart from {', '.join(alike)}."
    if not against:
        return said
    second = against[order[1]]
    return (
        f"{said} It is ahead of {called.get(order[1], order[1])} by {second.mean:.3f} ({second.low:.3f} to "
        f"{second.high:.3f}, Holm p = {second.p_holm:.2g})."
    )


def _drawn(result: Result) -> str:
    """What the intervals rest on."""
    return "whole classes of queries" if result.resampled == "classes" else "queries one by one"


def _costs(order: Sequence[str], known: Mapping[str, leaderboard.SystemInfo], called: Mapping[str, str]) -> list[str]:
    """What each system is made of, and what it costs where that was measured."""
    rows = []
    for name in order:
        if name not in known:
            continue
        one = known[name]
        time, size = (
            document.Cell("–" if value is None else f"{value:,.1f}") for value in (one.milliseconds, one.megabytes)
        )
        dim = document.Cell("–" if one.dim is None else f"{one.dim:,}")
        rows.append([called.get(name, name), one.parts or one.kind, dim, time, size, one.measured, one.licence])
    if not rows:
        return []
    columns = ["System", "Made of", "Length", "ms an image", "MB", "When", "Licence of the weights"]
    return [
        document.heading("What each is, and what it costs"),
        document.table(columns, rows),
        document.paragraph(
            "Time from one image file to its vector and weights on disk, summed over the backbones used, measured on the machine "
            "that made this report; “–” was not measured, or has no vectors of its own.",
            quiet=True,
        ),
    ]


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
        rows.append(
            [
                called.get(other, other),
                document.figure_cell(sign * found.mean, *ends),
                document.Cell(f"{found.p_holm:.4f}", f"uncorrected {found.p:.4f}"),
                document.Cell(f"{sign * found.d_z:+.2f}"),
                document.Cell(f"{wins:,} / {found.ties:,} / {losses:,}"),
                verdict,
            ]
        )
    if not rows:
        return []
    return [
        document.heading(f"{called.get(best, best)} against the others"),
        document.table(
            ["Other system", "Difference in mAP", "p (Holm)", "Effect d_z", "Better / equal / worse", ""], rows
        ),
        document.paragraph(
            "Paired over the same queries. Queries of one class share their relevant images, so they are not independent: "
            "a significant difference is about these queries, not about another dataset.",
            quiet=True,
        ),
    ]


def _cases(
    dataset: Dataset, one: Evaluation, truth: Relevance, n: int, called: Mapping[str, str], album: document.ImageStrip
) -> list[str]:
    """Best and worst queries of one system, with their pictures."""
    if one.ranking is None or not one.n_valid:
        return []
    best, worst = retrieval.best_and_worst(dataset, one, truth, n)
    parts = []
    for what, cases in (("Worst", worst), ("Best", best)):
        parts.append(document.heading(f"{what} queries of {called.get(one.name, one.name)}"))
        for case in cases:
            title = f"AP {case.ap:.3f} · {case.n_relevant} relevant · {dataset.ids[case.position]}"
            parts.append(document.case(title, case.words, album.row(case_pictures(dataset, case))))
    return parts


def case_pictures(dataset: Dataset, case: retrieval.QueryCase) -> list[document.DocumentImage]:
    """The query, then its first results."""
    shown = [
        document.DocumentImage(
            retrieval.text_key(dataset.keys[case.position]), f"query · {dataset.label_of(case.position)}", "query"
        )
    ]
    for rank, (item, score, hit) in enumerate(zip(case.items, case.scores, case.hits), start=1):
        position = int(dataset.split.gallery[item])
        said = f"{rank} · {dataset.label_of(position)} · {score:.3f}"
        shown.append(
            document.DocumentImage(retrieval.text_key(dataset.keys[position]), said, "relevant" if hit else "not")
        )
    return shown
