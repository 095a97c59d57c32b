"""What is done before and after the search: two lists, their parameters, and what a re-ranking costs here."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from core import wording
from core.errors import CoreError
from core.fusion import PREPARATIONS, RERANKINGS, FusionSpec, Parameter, Step
from core.fusion.method import Method
from core.registry import Registry
from core.studies import reranking, step_tuning
from core.studies.systems import System
from core.studies.vector_set import group_columns
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme
from core.ui.app.cached import digest
from core.ui.views.fusion import fusion_state
from core.ui.widgets import parameter_widget

text = wording.page("steps")
LARGE, DEPTH = 20_000, 1_000
"""In a gallery of more images only the first results are ranked again, unless somebody says otherwise."""
AT_ONCE = 4_000_000
"""Queries times gallery images whose list is ranked again while the page waits; more is done beside it."""


def draw(loaded: Dataset, spec: FusionSpec) -> None:
    """One line: the two lists, each with the parameters of what is chosen, and what a re-ranking costs."""
    chosen = fusion_state.mix()
    line = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    with line:
        _selector(loaded, "preparation", PREPARATIONS, fusion_state.step_read("preparation", chosen.prepare))
        _selector(loaded, "re-ranking", RERANKINGS, fusion_state.step_read("re-ranking", chosen.rerank))
    if spec.rerank is not None:
        _cost(loaded, spec)


def _selector(loaded: Dataset, kind: str, table: Registry[Method], step: Step | None) -> None:
    """One list, and beside it the parameters of the entry."""
    field = fusion_state.STEP_FIELDS[kind]
    names = [name for name in table.names if name != "none" and _possible(loaded, table.get(name))]
    widget = f"lab {kind}"
    state.set_widget(widget, step.name if step is not None and step.name in names else "")
    sentence = "" if step is None else step.method.sentence
    st.selectbox(
        text(f"label.{field}"),
        ["", *names],
        key=widget,
        format_func=lambda name: table.get(name).label if name else text(f"option.{field}"),
        on_change=_chosen,
        args=(loaded, kind),
        help=f"{text(f'help.{field}')} {sentence}",
        width=230,
    )
    if step is None or not step.known:
        return
    with st.popover(_summary(step), icon=":material/tune:"):
        for parameter in step.known:
            _parameter(loaded, kind, step, parameter)


def _summary(step: Step) -> str:
    """The parameters as the button that opens them shows them: "k1 15, k2 4, lambda 0.3"."""
    named = [f"{name} {value}" for name, value in step.settings.items() if value is not None]
    return theme.plain(", ".join(named[:4])) or text("label.parameters")


def _parameter(loaded: Dataset, kind: str, step: Step, parameter: Parameter) -> None:
    key = f"{kind} {step.name} {parameter.name}"
    change: dict[str, Any] = {"on_change": _parameter_set, "args": (kind, step, parameter.name, key)}
    if parameter.name != "column":
        parameter_widget.draw(parameter, key, step.settings[parameter.name], change)
        return
    columns = group_columns(loaded)
    state.set_widget(key, step.settings["column"] if step.settings["column"] in columns else columns[0])
    st.selectbox(text("label.column"), columns, key=key, width=170, **change)


def _possible(loaded: Dataset, method: Method) -> bool:
    return "groups" not in method.accepts or bool(group_columns(loaded))


def _chosen(loaded: Dataset, kind: str) -> None:
    """Another entry: it starts with as many neighbours as a training image has right answers."""
    name = state.widget(f"lab {kind}")
    if not name:
        fusion_state.step_set(kind, None)
        return
    step = Step(kind, name)
    if "groups" in step.method.accepts:
        step = step.with_settings(column=group_columns(loaded)[0])
    elif loaded.has_labels and kind == "re-ranking":
        step = step_tuning.proposed(step, cache.training_truth(loaded))
    if len(loaded.split.gallery) > LARGE:
        step = step.with_settings(depth=DEPTH)
    fusion_state.step_set(kind, step)


def _parameter_set(kind: str, step: Step, name: str, key: str) -> None:
    """A parameter's widget was changed."""
    fusion_state.step_set(kind, step.with_settings(**{name: state.widget(key)}))


def _cost(loaded: Dataset, spec: FusionSpec) -> None:
    """What the re-ranking costs: time of one query, memory of the gallery's graph."""
    try:
        cost = cache.rerank_cost(loaded, spec)
    except CoreError:
        return
    st.caption(
        ":material/timer: "
        + text("sentence.cost", ms=wording.number(cost.milliseconds, 1), mb=wording.number(cost.megabytes, 0))
    )


def shown_now(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> FusionSpec:
    """The fusion as it can be shown now: a re-ranking that is refused, or takes longer, is left out and said so."""
    if spec.rerank is None:
        return spec
    plain = fusion_state.without_rerank(spec)
    space = cache.vector_set(loaded, names)
    try:
        reranking.vector_spec(space.prepared(spec.prepare), spec)
    except CoreError:
        st.warning(text("sentence.refused", label=theme.plain(spec.strategy.label)), icon=":material/info:")
        return plain
    if len(loaded.split.queries) * len(loaded.split.gallery) <= AT_ONCE:
        return spec
    name = f"re-ranking {digest(loaded, spec)}"
    job = jobs.find_open(name)
    if job is not None and job.state == "done":
        return spec
    if job is None:
        job = jobs.start(name, text("label.rerank"), partial(_look_up, loaded, names, spec))
    if job.running:
        st.caption(f":material/hourglass: {text('sentence.waits')}")
    jobs.job_panel(name)
    return plain


def _look_up(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, job: jobs.BackgroundJob) -> bool:
    """The gallery's graph, then the figures of the lab's queries: both are cached."""
    space = cache.vector_set(loaded, names)
    graph = reranking.graph_of(space.prepared(spec.prepare), spec)
    settings = spec.rerank.settings if spec.rerank is not None else {}
    longest = max([int(settings.get(key) or 0) for key in ("k1", "n", "k")])
    if longest and not settings.get("depth"):
        graph.nearest(longest + 1, job.task)
    System(spec.name, space, spec).block(0, 1)
    if loaded.has_labels:
        cache.list_metrics(cache.query_sample(loaded, names) or loaded, names, spec, ("map", "p@1", "p@10", "ndcg@10"))
    return True
