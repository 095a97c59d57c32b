"""A study as one HTML file: the answer, the tables, the diagram, published figures beside ours, what it rests on."""

from __future__ import annotations

from core import data, metrics, wording
from core.charts import study_charts
from core.errors import CoreError
from core.export.report import cases, provenance, study_summary
from core.export.report.document import Cell, Facts, Heading, ImageStrip, Paragraph, Part, Report, Table, number_cell
from core.studies.study import beside, study_cases, study_text
from core.studies.study.study_record import FIRST_SCORE
from core.studies.study.study_result import StudyResult

text = wording.page("studies")


def build(result: StudyResult) -> str:
    """The HTML of a study; it opens anywhere, and runs nothing."""
    study = result.study
    parts: list[Part] = [Paragraph(study.text)] if study.text else []
    strip = ImageStrip()
    first = study_summary.of_study(result, strip)
    compared, *others = study_text.shown_keys(result)
    parts += [*_metric(result, compared), *across(result), *_published(result), *winners(result), *_weights(result)]
    for key in others:
        parts += _metric(result, key)
    parts += [*_curves(result), *_cases(result, strip), *_rests(result), *strip.notes()]
    lead = text(
        "phrase.report_lead",
        systems=wording.plural(len(result.names), "system"),
        datasets=wording.plural(len(result.parts), "dataset"),
    )
    return Report(study.title, "", lead, parts, first=first, folded=True).html()


def _metric(result: StudyResult, key: str) -> list[Part]:
    """Systems by datasets in one metric; the compared one is drawn too."""
    compared = result.across(key)
    ranks = dict(zip(compared.names, compared.mean_ranks.tolist()))
    rows = []
    for name in study_text.ordered(result, key):
        figures = [*(part.figure(name, key) for part in result.parts), result.mean(name, key)]
        relative = "–" if key == FIRST_SCORE else wording.percent(result.relative(name, key) / 100, 1)
        rows.append(
            [
                result.title(name),
                *(number_cell(figure.mean, figure.low, figure.high) for figure in figures),
                Cell(wording.number(ranks.get(name), 2)),
                Cell(relative),
            ]
        )
    columns = [text("column.system"), *(part.name for part in result.parts)]
    columns += [text("column.mean"), text("column.rank"), text("column.relative")]
    if key != result.metric:
        return [Heading(beside.label(key)), Table(columns, rows)]
    answer = Paragraph(study_text.answer(result))
    return [
        Heading(beside.label(key), is_open=True),
        answer,
        study_charts.bars(result, key),
        Table(columns, rows, best=0),
    ]


def winners(result: StudyResult) -> list[Part]:
    """Dataset by dataset: the best mix against the best backbone."""
    lines = [Paragraph(study_text.winner_sentence(result, line)) for line in result.winners]
    return [Heading(text("heading.winners")), *lines, Paragraph(study_text.caution(result), quiet=True)]


def _weights(result: StudyResult) -> list[Part]:
    rows = study_text.weight_rows(result)
    if not rows:
        return []
    columns = [text("column.fusion"), text("column.dataset"), text("column.weights")]
    return [Heading(text("heading.weights")), Paragraph(text("sentence.weights")), Table(columns, rows)]


def across(result: StudyResult) -> list[Part]:
    """Ranks over the datasets, and how probable it is that the best is better."""
    chart = study_charts.ranks(result, result.metric)
    if chart is None:
        return []
    rows = [[name, *map(Cell, cells)] for name, *cells in study_text.posterior_rows(result)]
    return [
        Heading(text("heading.across", metric=metrics.label(result.metric)), is_open=True),
        chart,
        Paragraph(text("sentence.diagram"), quiet=True),
        Paragraph(study_text.certainty(result)),
        Table(study_text.posterior_columns(result), rows),
        Paragraph(text("sentence.posterior", rope=f"{result.study.rope:g}"), quiet=True),
    ]


def _published(result: StudyResult) -> list[Part]:
    parts: list[Part] = []
    for table in result.study.published:
        rows = []
        for cell in beside.cells(result, table):
            figure, _, interval = beside.ours(cell).partition(" ")
            rows.append(
                [
                    cell.system,
                    cell.column,
                    Cell(beside.shown(cell.published), "" if isinstance(cell.published, str) else beside.NO_INTERVAL),
                    Cell(figure, interval),
                    Cell(beside.difference(cell)),
                    cell.why,
                ]
            )
        parts += [
            Heading(text("heading.published", title=table.title), is_open=True),
            Paragraph(" ".join(filter(None, [f"{table.source}.", table.why]))),
            Table(list(text.group("column.published").values()), rows),
            Paragraph(f"{text('sentence.published')} {text('sentence.no_interval')}", quiet=True),
        ]
    return parts


def _curves(result: StudyResult) -> list[Part]:
    """11-point curves, dataset by dataset."""
    parts: list[Part] = []
    for part in result.parts:
        chart = study_charts.curve(result, part)
        if chart is not None:
            parts += [Heading(text("heading.curve", dataset=part.name), 3), chart]
    return [Heading(text("heading.curves")), *parts] if parts else []


def _cases(result: StudyResult, strip: ImageStrip) -> list[Part]:
    """The queries of each dataset that the best system answers best and worst, by average precision."""
    parts: list[Part] = []
    for part in result.parts if study_cases.can_show(result) else ():
        best = next((name for name in part.comparison.order if name == result.best), part.comparison.order[0])
        try:
            ranked = study_cases.ranked(result, part, (best,))
        except CoreError:
            continue
        title = text("phrase.system_on", system=result.title(best), dataset=part.name)
        if ranked.dataset.has_images:
            parts += cases.section(ranked.dataset, ranked.evaluations[0], ranked.truth, strip, title, study_cases.SHOWN)
    return parts


def _rests(result: StudyResult) -> list[Part]:
    """Datasets, left-out systems, versions, and the key of everything."""
    parts: list[Part] = [Heading(text("heading.rests"))]
    for reason, where in result.left_out.items():
        parts.append(Paragraph(text("sentence.left_out", where=", ".join(where), reason=reason)))
    for part, entry in zip(result.parts, result.study.datasets, strict=True):
        try:
            parts.append(
                Facts([*provenance.of_dataset(data.get(part.dataset)), *([("", entry.why)] if entry.why else [])])
            )
        except CoreError:
            continue
    return [*parts, Facts([(text("phrase.key"), result.rests_on), *provenance.of_software()])]
