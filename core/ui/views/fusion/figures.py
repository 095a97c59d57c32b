"""The numbers of the fusion now, against the baseline, and the verdict in words."""

from __future__ import annotations

import streamlit as st

from core import charts, metrics, wording
from core.fusion import FusionSpec
from core.setups import FusionSetup
from core.studies import evaluation_warnings, fusion_baseline, leaderboard, query_sampling
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme
from core.ui.app.cached import digest
from core.ui.views.fusion import fusion_state, tab_common, training
from core.ui.views.fusion.lab_view import METRICS, LabView
from core.ui.widgets import background_full_eval
from core.wording import plural


def _numbers(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec, by_class: bool) -> None:
    """Each metric with its interval and the change against the baseline."""
    values = cache.list_metrics(loaded, names, spec, METRICS)
    before = cache.list_metrics(loaded, base.backbones, base, METRICS)
    ends = cache.intervals(loaded, names, spec, METRICS, by_class)
    for column, key in zip(st.columns(len(METRICS)), METRICS):
        mean = metrics.mean(values[key])
        change = mean - metrics.mean(before[key])
        with column.container(gap=None):
            st.metric(
                metrics.label(key),
                wording.number(mean),
                f"{change:.4f}" if abs(change) >= 5e-5 else "no change",
                delta_color="normal" if abs(change) >= 5e-5 else "off",
                delta_arrow="auto" if abs(change) >= 5e-5 else "off",
                help=f"{metrics.sentence(key)} The change is against the baseline; below it stands the 95 % interval.",
            )
            low, high = (wording.number(end) for end in ends[key])
            st.caption(f"{low} to {high}")


def draw(view: LabView) -> None:
    """The numbers now, against the baseline; the verdict in words; every system beside each other."""
    whole, evaluated, names, spec, base = view.loaded, view.evaluated, view.names, view.spec, view.base
    left_out = len(whole.split.queries) - len(evaluated.split.queries)
    if left_out:
        st.caption(
            f":material/school: All figures are of the {plural(len(evaluated.split.queries), 'query')} that neither these weights "
            f"nor the baseline were fitted on; {left_out:,} are left out."
        )
    loaded = evaluated_queries(evaluated, names, spec, base, view.setup)
    _numbers_and_verdict(loaded, names, spec, base, view.setup, view.base_title)
    _bars(loaded, names, spec, base, view.setup)


def _numbers_and_verdict(
    loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec, setup: FusionSetup, base_title: str
) -> None:
    """The numbers against the baseline, what they amount to, and what to know before reading them."""
    metric, by_class = _lab_metric(loaded, setup)
    _numbers(loaded, names, spec, base, by_class)
    st.caption(
        f"Under each number its 95 % interval; in colour the change against the baseline ({theme.plain(base_title)})."
    )
    comparison = cache.baseline_comparison(loaded, names, spec, metric, by_class)
    verdict = cache.with_titles(comparison.verdict, names)
    icon = ":material/trending_up:" if comparison.gain else ":material/info:"
    (st.success if comparison.gain else st.info)(verdict[0].upper() + verdict[1:], icon=icon)
    for sentence in _remarks(loaded, names, comparison):
        st.caption(f":material/warning: {theme.plain(cache.with_titles(sentence, names))}")


def _bars(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec, setup: FusionSetup) -> None:
    """Every system beside each other, in a metric of one's choice."""
    metric, by_class = _lab_metric(loaded, setup)
    comparison = cache.baseline_comparison(loaded, names, spec, metric, by_class)
    bars = training.bar_rows(comparison, names, cache.backbone_title)
    if not fusion_state.is_even(base):
        values = cache.list_metrics(loaded, base.backbones, base, (metric,))
        ends = cache.intervals(loaded, base.backbones, base, (metric,), by_class)
        bars.insert(-2, charts.Bar("baseline", metrics.mean(values[metric]), *ends[metric], charts.OTHER_MIX_COLOUR))
    st.plotly_chart(
        charts.BarChart(bars, metrics.label(metric), row_height=23).figure(),
        key="lab bars",
        config=tab_common.NO_TOOLBAR,
    )
    left, right = st.columns([5, 4], vertical_alignment="center")
    left.segmented_control(
        "Metric of the bars",
        METRICS,
        format_func=metrics.label,
        key=state.key(FusionSetup, "metric"),
        label_visibility="collapsed",
        required=True,
    )
    if cache.relevance_of(loaded).query_groups is not None:
        bounds = state.bounds(FusionSetup, "by_query")
        right.toggle(bounds.label, key=state.key(FusionSetup, "by_query"), help=bounds.help)
    st.caption(f"{comparison.caution}", help=_small_print(comparison, spec))


def evaluated_queries(
    loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec, setup: FusionSetup
) -> Dataset:
    """The dataset as figures evaluate it: by all its queries, or of a large set by a sample of them until all are worked out."""
    sampled = cache.query_sample(loaded, names)
    if sampled is None:
        return loaded
    metric, by_class = _lab_metric(loaded, setup)
    name = f"all queries {digest(loaded, spec, base, metric, by_class)}"

    def work(job: jobs.BackgroundJob) -> bool:
        even = fusion_baseline.equal_weights(spec)
        wanted: dict[tuple[str, ...], list[str | FusionSpec]] = {names: [*names, *([even] if even else []), spec]}
        wanted.setdefault(base.backbones, []).append(base)
        for backbones, systems in wanted.items():
            cache.evaluator(loaded, backbones).prepare(systems, METRICS, job.task)
        for fused in (spec, base):
            cache.list_metrics(loaded, fused.backbones, fused, METRICS)
            cache.intervals(loaded, fused.backbones, fused, METRICS, by_class)
        cache.baseline_comparison(loaded, names, spec, metric, by_class)
        return True

    if background_full_eval.ready(name):
        return loaded
    low, high = cache.intervals(sampled, names, spec, METRICS, by_class)[metric]
    background_full_eval.follow(
        name, work, query_sampling.sentence(len(sampled.split.queries), len(loaded.split.queries), low, high)
    )
    return sampled


def _lab_metric(loaded: Dataset, setup: FusionSetup) -> tuple[str, bool]:
    """The metric of the bars, and whether whole classes are drawn where queries share them."""
    return setup.metric if setup.metric in METRICS else "map", not setup.by_query


def _remarks(loaded: Dataset, names: tuple[str, ...], comparison: fusion_baseline.BaselineComparison) -> list[str]:
    """What the contract wants said beside figures: ties, vectors that are not there, a truth that cannot tell."""
    space = cache.vector_set(loaded, names)
    absent = [name for name in names if space.missing((name,))]
    sentences = [
        comparison.ties,
        *(evaluation_warnings.nothing_there(space.get(name), name, loaded) for name in absent),
    ]
    return [
        sentence for sentence in [*leaderboard.remarks(loaded, cache.relevance_of(loaded), 1), *sentences] if sentence
    ]


def _small_print(comparison: fusion_baseline.BaselineComparison, spec: FusionSpec) -> str:
    """The small print of the bars: queries, intervals, the upper bound, fitted weights, costs."""
    sentences = [
        f"{comparison.n_valid:,} of {plural(comparison.n_queries, 'query')} have a relevant image; all systems answer the same ones. "
        "Intervals are 95 % bootstrap intervals.",
        "“Best per query” picks the best row for every query with the answer in hand: an upper bound, no system.",
    ]
    if comparison.choice:
        names = tuple(row.name for row in comparison.rows if row.role == "backbone")
        sentences.append(cache.with_titles(comparison.choice, names))
    if spec.trained_on:
        sentences.append(
            f"{plural(len(spec.trained_on), 'query')} that fitted these weights are left out of every figure."
        )
    cost = comparison.row("fusion").cost
    if cost.milliseconds is not None:
        size = f" and {cost.megabytes:.0f} MB of weights" if cost.megabytes is not None else ""
        sentences.append(
            f"It costs {cost.milliseconds:.0f} ms per query image{size}: sums of its backbones, measured here."
        )
    else:
        sentences.append("What it costs per image was not measured yet: “Budget” below does it.")
    return "\n\n".join(sentences)
