"""What is fitted in the lab, in the background: weights, a gate, a linear head, the number of dimensions.

All of it learns on training queries alone and is shown on the others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import streamlit as st

from core import charts, metrics, wording
from core.fusion import FUSIONS, FusionSpec, spec_checks, store
from core.setups.finetune import QUESTIONS
from core.studies import fusion_baseline, training_split, weight_search
from core.studies.training import trained_fusions
from core.studies.training.trained_fusions import Fitted
from core.studies.training.training_loop import Trained
from core.types import Dataset
from core.ui.app import cache, drawn, jobs, theme, visitors
from core.ui.views.fusion import fusion_state

text = wording.page("fusion_lab")
question_text = wording.page("finetune")
"""What it will be asked for is asked in the words of the page Fine-tune."""

WAYS = [way for way in trained_fusions.WAYS if way != "tune"]
_PLAIN = {
    "dims": text("sentence.all_vectors_joined"),
}


def begin(
    what: str, loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, dim: int = 64, question: str = "new"
) -> None:
    """Start to fit one of `fitted.WAYS` in the background; what comes of it is kept on this installation."""
    space, truth = cache.vector_set(loaded, names), cache.relevance_of(loaded)
    name = trained_fusions.name_of(what, loaded, spec, question)

    def work(job: jobs.BackgroundJob) -> Fitted:
        fitted = trained_fusions.fit(what, loaded, space, truth, spec, dim=dim, question=question, task=job.task)
        trained_fusions.keep(name, fitted, space)
        return fitted

    jobs.forget(name)
    jobs.start(
        name,
        text("option.tuning_weights") if what == "tune" else text("option.training", ways=trained_fusions.WAYS[what]),
        work,
        action="fusion.train",
    )


def outcome(what: str, loaded: Dataset, spec: FusionSpec, question: str = "new") -> Fitted | None:
    """What was fitted in this way, now or before a restart; None when nothing was."""
    name = trained_fusions.name_of(what, loaded, spec, question)
    job = jobs.find(name)
    if job is not None:
        return job.result if job.state == "done" else None
    return trained_fusions.find(name, cache.vector_set(loaded, spec.backbones))


def dismiss(name: str) -> None:
    """Forget what was fitted under this name."""
    jobs.forget(name)
    trained_fusions.forget(name)


def reported(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> fusion_baseline.BaselineComparison:
    """A fitted fusion beside its backbones, on queries that it was not fitted on; of a large set on a panel of them."""
    others = training_split.without(loaded, spec.trained_on)
    return cache.baseline_comparison(cache.query_sample(others, names) or others, names, spec, "map")


def beside(comparison: fusion_baseline.BaselineComparison) -> str:
    """'this 0.941 [0.930, 0.951], equal weights 0.869 [...], best single X 0.937 [...]'."""
    parts = []
    for role, words in (("fusion", "fitted"), ("equal", "equal weights")):
        row = next((compared for compared in comparison.rows if compared.role == role), None)
        if row is not None:
            parts.append(f"{words} **{row.mean:.3f}** {_plain_interval(row)}")
    best = next(row for row in comparison.rows if row.name == comparison.best and row.role == "backbone")
    parts.append(f"best single ({cache.backbone_title(best.name)}) **{best.mean:.3f}** {_plain_interval(best)}")
    if comparison.chosen is not None:
        parts.append(text("option.where_was_not", mean=f"{comparison.chosen.mean:.3f}"))
    return ", ".join(parts)


def _plain_interval(row: fusion_baseline.Row) -> str:
    return wording.interval(row.low, row.high).replace("[", "(").replace("]", ")")


def tuned(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """What tuning these weights found, on queries that it did not see."""
    name = trained_fusions.name_of("tune", loaded, spec)
    if jobs.find(name) is not None:
        jobs.job_panel(name)
    fitted = outcome("tune", loaded, spec)
    if fitted is None:
        return
    comparison = reported(loaded, names, fitted.spec)
    words = ", ".join(f"{theme.plain(cache.backbone_title(n))} {s:.0%}" for n, s in fitted.spec.shares.items())
    verdict = theme.plain(cache.with_titles(comparison.verdict, names))
    with st.container(border=True):
        st.markdown(
            metrics.as_judged(
                text(
                    "sentence.tuned_map_those",
                    words=words,
                    sentence=fitted.split.sentence(),
                    beside=beside(comparison),
                    upper=verdict[0].upper(),
                    verdict=verdict[1:],
                ),
                loaded.is_judged,
            )
        )
        left, right, _ = st.columns([3, 2, 3])
        left.button(
            text("button.use_tuned_weights"),
            on_click=fusion_state.use,
            args=(fitted.spec,),
            width="stretch",
            type="primary",
        )
        right.button(text("button.dismiss"), on_click=dismiss, args=(name,), width="stretch", key="dismiss tuned")


def tuned_shares(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> dict[str, float] | None:
    """The tuned weights of this strategy, if they were looked for."""
    fitted = outcome("tune", loaded, spec)
    return None if fitted is None else fitted.spec.shares


def show(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """The closer look "Trained fusions"."""
    if len(names) < 2:
        st.info(text("sentence.trained_fusion_needs"))
        return
    with theme.side_by_side("what to train"):
        left, middle, right = st.columns([5, 2, 2], vertical_alignment="bottom")
    what = left.segmented_control(
        text("label.train"),
        WAYS,
        format_func=trained_fusions.WAYS.__getitem__,
        key="lab way",
        default="gate",
        required=True,
    )
    if what is None:
        return
    longest = int(sum(cache.vector_set(loaded, names).get(name).shape[1] for name in names))
    dim, question = 64, "new"
    if what == "linear_head":
        question = st.radio(
            question_text("label.question"),
            QUESTIONS,
            index=QUESTIONS.index(question),
            format_func=question_text.group("option.question").__getitem__,
            key="lab question",
            horizontal=True,
            help=question_text("help.question"),
        )
        dim = middle.number_input(text("label.dimensions"), 2, min(1024, longest), min(64, longest), key="lab dim")
    name = trained_fusions.name_of(what, loaded, spec, question)
    job, fitted = jobs.find(name), outcome(what, loaded, spec, question)
    if visitors.offered("fusion.train", right):
        right.button(
            text("button.train") if job is None and fitted is None else text("button.train_again"),
            on_click=begin,
            args=(what, loaded, names, spec, int(dim), question),
            type="primary",
            width="stretch",
            disabled=job is not None and job.running,
            icon=":material/model_training:",
        )
    st.caption((_PLAIN.get(what) or FUSIONS.get(what).sentence) + " " + text("sentence.learns_half_queries"))
    if job is not None:
        jobs.job_panel(name)
    if fitted is not None:
        _outcome(loaded, names, fitted)


def _outcome(loaded: Dataset, names: tuple[str, ...], fitted: Fitted) -> None:
    comparison = reported(loaded, names, fitted.spec)
    verdict = cache.with_titles(comparison.verdict, names)
    (st.success if comparison.gain else st.info)(verdict[0].upper() + verdict[1:], icon=":material/balance:")
    with theme.side_by_side("trained"):
        left, right = st.columns(2, gap="large")
    with left:
        if isinstance(fitted.course, weight_search.DimensionCurve):
            st.markdown(
                text(
                    "phrase.dimensions_enough",
                    proposed=f"{fitted.course.proposed:,}",
                    dims=f"{fitted.course.dims[-1]:,}",
                )
            )
            lengths = charts.as_judged(charts.dimensions(fitted.course), loaded.is_judged)
            drawn.chart(lengths, key="lab dims", config={"displayModeBar": False})
            st.caption(metrics.as_judged(text("sentence.map_training_queries"), loaded.is_judged))
        elif isinstance(fitted.course, Trained):
            st.markdown(text("phrase.course_training"))
            drawn.chart(
                charts.as_judged(charts.training(fitted.course.curve, fitted.course.best), loaded.is_judged),
                key="lab course",
                config={"displayModeBar": False},
            )
            st.caption(text("sentence.kept_epoch_best", best=fitted.course.best))
    with right:
        st.markdown(text("phrase.other_queries"))
        drawn.chart(
            charts.BarChart(
                bar_rows(comparison, names, cache.backbone_title),
                metrics.label("map", loaded.is_judged),
                row_height=27,
            ).figure(),
            key="lab trained bars",
            config={"displayModeBar": False},
        )
        st.caption(theme.plain(f"{fitted.split.sentence()} {comparison.caution}"))
    if visitors.offered("fusion.save"):
        _keep(fitted.spec)


def bar_rows(
    comparison: fusion_baseline.BaselineComparison,
    names: tuple[str, ...],
    title: Callable[[str], str],
    fused: str = "this fusion",
) -> list[charts.Bar]:
    """Bars of a `charts.BarChart`: each system of a comparison in its colour."""
    colours = theme.colours(names)
    shade = {"equal": "#7b8698", "fusion": charts.FUSION_COLOUR, "oracle": "#c9ced8"}
    words = {"fusion": fused}
    return [
        charts.Bar(
            title(r.name) if r.role == "backbone" else words.get(r.role, r.name),
            r.mean,
            r.low,
            r.high,
            shade.get(r.role) or colours[r.name],
        )
        for r in comparison.rows
    ]


def _keep(spec: FusionSpec) -> None:
    with st.form("save trained", border=False):
        with theme.side_by_side("save trained"):
            left, middle, right = st.columns([4, 2, 3], vertical_alignment="bottom")
        name = left.text_input(
            text("label.save"), value=spec.name, max_chars=spec_checks.LONGEST_NAME, key="lab trained name"
        )
        plain = middle.form_submit_button(text("button.save"), width="stretch")
        compared = right.form_submit_button(text("button.save_make_baseline"), width="stretch", type="primary")
        if plain or compared:
            saved = dataclasses.replace(spec, name=name.strip() or spec.name)
            store.save(saved)
            if compared:
                fusion_state.pin_saved(saved.name)
                st.rerun(scope="app")
            st.success(text("sentence.saved_every_page", name=theme.plain(repr(saved.name))))
