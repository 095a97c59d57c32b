"""The page Studies on paper: the answer of a study, and the picture that its link opens."""

from __future__ import annotations

from collections.abc import Callable

from core import wording
from core.charts import study_charts
from core.errors import NotComputed
from core.export.report import cases, study_report
from core.export.report.document import Cell, Paragraph, Part, Table, number_cell
from core.export.report.scenes import SCENES, SceneView
from core.setups import StudiesSetup
from core.studies.study import study_cases, study_library, study_run, study_text
from core.studies.study.study_result import StudyPart, StudyResult

text = wording.page("studies")
CASES = 2
"""Queries of either end; more would not stay on one page of paper."""


@SCENES.register("studies")
def studies(view: SceneView) -> list[Part]:
    """Who is best over all datasets, then what the link looks at."""
    setup = view.setup(StudiesSetup)
    result = _result(setup.study)
    keys = study_text.shown_keys(result)
    part = next((part for part in result.parts if part.name == setup.dataset), result.parts[0])
    drawn: dict[str, Callable[[], list[Part]]] = {
        "ranks": lambda: study_report.across(result)[1:],
        "curves": lambda: [chart] if (chart := study_charts.curve(result, part)) is not None else [],
        "winners": lambda: study_report.winners(result)[1:],
        "cost": lambda: [_costs(result)],
        "cases": lambda: _cases(view, result, part, setup.system),
    }
    bars = study_charts.bars(result, setup.metric if setup.metric in keys else result.metric)
    parts = drawn[setup.look]() if setup.look in drawn else [bars]
    return [Paragraph(study_text.answer(result)), *(parts or [bars])]


def _result(name: str) -> StudyResult:
    if name not in study_library.readable():
        study_library.path_of(name)  # says which there are
        raise NotComputed(text("error.private", name=repr(name)))
    study = study_library.open_study(name)
    datasets, reasons = study_run.opened(study)
    if reasons:
        raise NotComputed(reasons[0])
    return study_run.result(study, datasets)


def _costs(result: StudyResult) -> Table:
    """Quality over all datasets beside what was measured on this machine."""
    rows: list[list[object]] = []
    for name in study_text.ordered(result, result.metric):
        mean, cost = result.mean(name, result.metric), result.cost(name)
        measured = [Cell(wording.number(value, 1)) for value in (cost.milliseconds, cost.megabytes)]
        rows.append([result.title(name), number_cell(mean.mean, mean.low, mean.high), *measured])
    columns = ["system", "mean"]
    headings = [text(f"column.{name}") for name in columns]
    return Table([*headings, text("phrase.milliseconds"), text("phrase.megabytes")], rows, best=0)


def _cases(view: SceneView, result: StudyResult, part: StudyPart, wanted: str) -> list[Part]:
    names = [evaluation.name for evaluation in part.evaluations]
    if not study_cases.can_show(result):
        return []
    name = wanted if wanted in names else part.comparison.order[0]
    ranked = study_cases.ranked(result, part, (name,))
    title = text("phrase.system_on", system=result.title(name), dataset=part.name)
    return cases.section(ranked.dataset, ranked.evaluations[0], ranked.truth, view.strip, title, CASES)[1:]
