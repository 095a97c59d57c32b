"""Which queries the figures of the lab are of, and what to know before reading them."""

from __future__ import annotations

import streamlit as st

from core import metrics, wording
from core.fusion import FusionSpec
from core.setups import FusionSetup
from core.studies import evaluation_warnings, fusion_baseline, leaderboard, query_sampling
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme
from core.ui.app.cached import digest
from core.ui.views.fusion.lab_view import LabView
from core.ui.widgets import background_full_eval
from core.wording import plural

text = wording.page("fusion_lab")


def about(view: LabView, evaluated: Dataset) -> None:
    """What to know before reading the figures: queries left out, ties, missing vectors, intervals, costs.

    Args:
        evaluated: with the queries that figures are of.
    """
    comparison = cache.baseline_comparison(evaluated, view.names, view.spec, view.metric, view.by_class)
    for sentence in _remarks(evaluated, view.names, comparison):
        st.caption(f":material/warning: {theme.plain(cache.with_titles(sentence, view.names))}")
    with st.expander(text("heading.about")):
        st.markdown(theme.plain(comparison.caution))
        st.markdown(_small_print(comparison, view.spec, view.loaded.is_judged))
        if cache.relevance_of(evaluated).query_groups is not None:
            bounds = state.bounds(FusionSetup, "by_query")
            st.toggle(bounds.label, key=state.key(FusionSetup, "by_query"), help=bounds.help)


def left_out(view: LabView) -> None:
    """How many queries are in no figure, since weights were fitted on them."""
    count = len(view.loaded.split.queries) - len(view.evaluated.split.queries)
    if count:
        rest = plural(len(view.evaluated.split.queries), "query")
        st.caption(f":material/school: {text('sentence.left_out', rest=rest, count=f'{count:,}')}")


def evaluated_queries(view: LabView) -> Dataset:
    """The dataset as figures evaluate it: by all its queries, or of a large set by a sample of them until all are worked out."""
    loaded, names, spec, base = view.evaluated, view.names, view.spec, view.base
    sampled = cache.query_sample(loaded, names)
    if sampled is None:
        return loaded
    metric, by_class = view.metric, view.by_class
    name = f"all queries {digest(loaded, spec, base, metric, by_class)}"

    def work(job: jobs.BackgroundJob) -> bool:
        """Evaluates the mix, its backbones, and what it is compared with."""
        even = fusion_baseline.equal_weights(spec)
        wanted: dict[tuple[str, ...], list[str | FusionSpec]] = {names: [*names, *([even] if even else []), spec]}
        wanted.setdefault(base.backbones, []).append(base)
        for backbones, systems in wanted.items():
            cache.evaluator(loaded, backbones).prepare(systems, view.metrics, job.task)
        for fused in (spec, base):
            cache.list_metrics(loaded, fused.backbones, fused, view.metrics)
            cache.intervals(loaded, fused.backbones, fused, view.metrics, by_class)
        cache.baseline_comparison(loaded, names, spec, metric, by_class)
        return True

    if background_full_eval.ready(name):
        return loaded
    low, high = cache.intervals(sampled, names, spec, view.metrics, by_class)[metric]
    background_full_eval.follow(
        name, work, query_sampling.sentence(len(sampled.split.queries), len(loaded.split.queries), low, high)
    )
    return sampled


def _remarks(loaded: Dataset, names: tuple[str, ...], comparison: fusion_baseline.BaselineComparison) -> list[str]:
    """What the contract wants said beside figures: ties, vectors that are not there, a truth that cannot tell."""
    space = cache.vector_set(loaded, names)
    absent = [name for name in names if space.missing((name,))]
    sentences = [
        metrics.as_judged(comparison.ties, loaded.is_judged),
        *(evaluation_warnings.nothing_there(space.get(name), name, loaded) for name in absent),
    ]
    return [
        sentence for sentence in [*leaderboard.remarks(loaded, cache.relevance_of(loaded), 1), *sentences] if sentence
    ]


def _small_print(comparison: fusion_baseline.BaselineComparison, spec: FusionSpec, judged: bool) -> str:
    """The small print of the bars: queries, intervals, the upper bound, fitted weights, costs."""
    sentences = [
        text(
            "sentence.have_known_image" if judged else "sentence.have_relevant_image",
            n_valid=f"{comparison.n_valid:,}",
            queries=plural(comparison.n_queries, "query"),
        ),
        text("sentence.best_per_query"),
    ]
    if comparison.choice:
        names = tuple(row.name for row in comparison.rows if row.role == "backbone")
        sentences.append(cache.with_titles(comparison.choice, names))
    if spec.trained_on:
        sentences.append(text("sentence.fitted_these_weights", queries=plural(len(spec.trained_on), "query")))
    cost = comparison.row("fusion").cost
    if cost.milliseconds is not None:
        size = f" and {cost.megabytes:.0f} MB of weights" if cost.megabytes is not None else ""
        sentences.append(text("sentence.costs_ms_per", milliseconds=f"{cost.milliseconds:.0f}", size=size))
    else:
        sentences.append(text("sentence.costs_per_image"))
    return "\n\n".join(sentences)
