"""The pictures of a study: only the one that is open is worked out."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core import charts, metrics, wording
from core.charts import study_charts
from core.setups import StudiesSetup
from core.studies.study import beside, study_text
from core.studies.study.study_result import StudyPart, StudyResult
from core.ui.app import drawn, state, theme
from core.ui.views.studies import cases
from core.ui.views.studies.study_view import StudyView

text = wording.page("studies")


def draw(view: StudyView) -> None:
    """The choice between them, and the one that is open."""
    assert view.result is not None, "there is something to look at"
    options = text.group("option.look")
    look = st.segmented_control(
        text("label.look"),
        list(options),
        key=state.key(StudiesSetup, "look"),
        format_func=options.__getitem__,
        required=True,
        label_visibility="collapsed",
    )
    looks = {
        "bars": _bars,
        "ranks": _ranks,
        "cost": _cost,
        "curves": _curves,
        "cases": _cases,
        "winners": _winners,
    }
    if look is not None:
        looks[look](view, view.result)


def _bars(view: StudyView, result: StudyResult) -> None:
    """Every system on every dataset."""
    drawn.chart(
        study_charts.bars(result, view.metric).figure(), key="study bars", config=charts.download_config("study")
    )
    st.caption(text("sentence.bars"), help=study_text.caution(result))


def _ranks(view: StudyView, result: StudyResult) -> None:
    """The critical-difference diagram, and how probable it is that the best is better."""
    chart = study_charts.ranks(result, view.metric)
    if chart is None:
        st.info(text("sentence.no_ranks"), icon=":material/info:")
        return
    drawn.chart(chart.figure(), key="study ranks", config=charts.download_config("critical-difference"))
    st.caption(text("sentence.diagram"), help=study_text.certainty(result))
    rows = study_text.posterior_rows(result)
    frame = pd.DataFrame(rows, columns=study_text.posterior_columns(result))
    drawn.table(frame, hide_index=True, width="stretch", key="study posterior", alt=text("label.posterior"))
    st.caption(text("sentence.posterior_in", metric=metrics.label(result.metric), rope=f"{view.study.rope:g}"))


def _cost(view: StudyView, result: StudyResult) -> None:
    """Quality over all datasets against latency or size."""
    by = st.segmented_control(
        text("label.cost"),
        list(text.group("option.cost")),
        key=state.key(StudiesSetup, "cost"),
        format_func=text.group("option.cost").__getitem__,
        required=True,
        label_visibility="collapsed",
    )
    points = study_charts.costs(result, view.metric, by or "milliseconds")
    if not points:
        st.info(text("sentence.no_cost"), icon=":material/timer:")
        return
    unit = text("phrase.milliseconds") if by == "milliseconds" else text("phrase.megabytes")
    figure = charts.quality_cost(points, unit, beside.label(view.metric))
    drawn.chart(figure, key=f"study cost {by}", config=charts.download_config("study-cost"))
    lost = len(result.names) - len(points)
    st.caption(
        text("sentence.cost")
        + (f" {text('sentence.unmeasured', systems=wording.plural(lost, 'system'))}" if lost else "")
    )


def _part(result: StudyResult) -> StudyPart:
    """The dataset that is looked at."""
    names = [part.name for part in result.parts]
    if state.get(StudiesSetup, "dataset") not in names:
        state.set_field(StudiesSetup, "dataset", names[0])
    name = st.segmented_control(
        text("label.dataset"),
        names,
        key=state.key(StudiesSetup, "dataset"),
        required=True,
        label_visibility="collapsed",
        format_func=theme.plain,
    )
    return next((part for part in result.parts if part.name == name), result.parts[0])


def _cases(view: StudyView, result: StudyResult) -> None:
    """Ten best and worst queries on one dataset."""
    cases.draw(view, result, _part(result))


def _curves(view: StudyView, result: StudyResult) -> None:
    """11-point precision and recall on one dataset."""
    part = _part(result)
    chart = study_charts.curve(result, part)
    if chart is None:
        st.info(text("sentence.no_curves"), icon=":material/info:")
        return
    drawn.chart(chart.figure(), key=f"study curves {part.name}", config=charts.download_config("study-curves"))
    st.caption(text("sentence.curves", queries=wording.plural(part.n_valid, "query")))


def _winners(view: StudyView, result: StudyResult) -> None:
    """Dataset by dataset: the best mix against the best backbone, and learned weights."""
    rows = []
    for line in result.winners:
        pair = line.difference
        best = line.part.figure(line.best, result.metric)
        rows.append(
            {
                "dataset": line.part.name,
                "best": result.title(line.best),
                "figure": wording.figure(best.mean, best.low, best.high),
                "mix": result.title(line.fusion) if line.fusion else "–",
                "backbone": result.title(line.backbone) if line.backbone else "–",
                "gap": "–"
                if pair is None
                else f"{wording.signed(pair.mean)} {wording.interval(pair.low, pair.high, sign=True)}",
                "p": "–" if pair is None else wording.p_cell(pair.p_holm),
                "shown": "–" if pair is None else pair.conclusion,
            }
        )
    config = {name: st.column_config.TextColumn(label) for name, label in text.group("column.winner").items()}
    drawn.table(pd.DataFrame(rows), hide_index=True, width="stretch", column_config=config, key="study winners")
    st.caption(text("sentence.winners", metric=metrics.label(result.metric)), help=study_text.caution(result))
    weights = study_text.weight_rows(result)
    if weights:
        columns = [text("column.fusion"), text("column.dataset"), text("column.weights")]
        drawn.table(pd.DataFrame(weights, columns=columns), hide_index=True, width="stretch", key="study weights")
        st.caption(text("sentence.weights"))
