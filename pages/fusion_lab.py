"""Fusion lab: move the weights of the backbones and see at once what it does to the figures and to the results."""

from __future__ import annotations

import streamlit as st

from core import charts, metrics
from core.fusion import FUSIONS, FusionSpec
from core.setups import FusionSetup
from core.studies import (
    evaluation_warnings,
    fusion_baseline,
    leaderboard,
    query_sampling,
    training_split,
)
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme
from core.ui.app.cached import digest
from core.ui.app.error_boundary import fragment
from core.ui.views.fusion import fusion_state, fusion_tabs, results, training
from core.ui.widgets import background_full_eval, weight_shares

SHOWN = ("map", "p@1", "p@10", "ndcg@10")


def weights_panel(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """Strategy, its parameters, a slider per backbone, and what one does to all of them at once."""
    colours = theme.colours(names)
    with st.container(border=True, gap="small"):
        st.selectbox(
            "Strategy",
            fusion_state.kinds(),
            key=state.key(FusionSetup, "strategy"),
            on_change=fusion_state.strategy_chosen,
            format_func=lambda name: FUSIONS.get(name).label,
            help="How the backbones are joined: their vectors, their scores, or their ranks.",
        )
        st.caption(spec.strategy.sentence)
        parameter_widgets(spec)
        for remark in spec.remarks:
            st.caption(f":material/info: {remark}")
        if not spec.strategy.weight:
            st.caption("It counts all backbones the same: only a share of 0 takes one out.")
        parts, locked = (
            spec.shares if spec.strategy.weight else kept_shares(names),
            set(state.get(FusionSetup, "locked")),
        )
        for name in names:
            left, right = st.columns([7, 1], vertical_alignment="bottom", gap="small")
            state.set_widget(f"share {name}", round(parts[name] * 100))
            left.slider(
                f':color[●]{{foreground="{colours[name]}"}} {theme.plain(cache.backbone_title(name))}',
                0,
                100,
                key=f"share {name}",
                format="%d %%",
                on_change=fusion_state.slid,
                args=(name, names),
                disabled=name in locked or len(names) == 1,
            )
            right.button(
                "",
                icon=":material/lock:" if name in locked else ":material/lock_open:",
                key=f"lock {name}",
                on_click=fusion_state.lock,
                args=(name,),
                type="tertiary",
                help="Hold this share while others move.",
            )
        buttons(loaded, names, spec)


def kept_shares(names: tuple[str, ...]) -> dict[str, float]:
    """The shares as the sliders stand, whatever the strategy makes of them."""
    return weight_shares.fitted(dict(fusion_state.mix().shares), names)


def parameter_widgets(spec: FusionSpec) -> None:
    """A widget for every parameter of the strategy, two in a row; its bounds come from the strategy."""
    known = spec.strategy.parameters
    values = spec.settings
    for column, one in zip(st.columns(2) if known else (), known):
        key = f"parameter {spec.kind} {one.name}"
        bounds, value = one.bounds, values[one.name]
        state.set_widget(key, value)
        told = {
            "label": bounds.label or one.name,
            "key": key,
            "help": bounds.help or None,
            "on_change": fusion_state.parameter_set,
            "args": (spec.kind, one.name),
        }
        if bounds.kind == "choice":
            column.selectbox(options=list(bounds.names()), **told)
        elif bounds.kind == "flag":
            column.toggle(**told)
        else:
            whole = bounds.kind == "whole"
            kind = int if whole else float
            column.number_input(
                min_value=kind(bounds.low),
                max_value=kind(bounds.high),
                step=kind(1 if whole else max(bounds.step / 2, 0.1)),
                value=None if one.default is None else "min",
                placeholder="not set",
                format="%d" if whole else "%g",
                **told,
            )


def take_two_strongest(loaded: Dataset, names: tuple[str, ...]) -> None:
    """The weights that a person would try first."""
    fusion_state.set_shares(cache.two_strongest(loaded, names))


def buttons(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """What is done to all weights at once."""
    steps = fusion_state.undo_stack()
    first, second = st.columns([4, 5, 5], gap="small"), st.columns([2, 2, 1, 1], gap="small")
    first[0].button(
        "Equal",
        on_click=fusion_state.set_shares,
        args=(weight_shares.equal(names),),
        width="stretch",
        help="The same share for all.",
    )
    first[1].button(
        "Best two",
        on_click=take_two_strongest,
        args=(loaded, names),
        width="stretch",
        disabled=len(names) < 3 or not loaded.has_labels,
        help="Half each for the two backbones with the highest mAP alone, nothing for the others.",
    )
    first[2].button(
        "Tune",
        on_click=training.begin,
        args=("tune", loaded, names, spec),
        width="stretch",
        icon=":material/target:",
        disabled=len(names) < 2 or not loaded.has_labels or not spec.strategy.weight,
        help="Search the weights on training queries (half of all, whole classes) and report them on the others.",
    )
    second[0].button(
        "Pin",
        icon=":material/keep:",
        on_click=fusion_state.pin,
        args=(spec,),
        width="stretch",
        help="Make the present fusion the baseline of before and after.",
    )
    second[1].button(
        "Reset",
        on_click=fusion_state.reset,
        args=(names,),
        width="stretch",
        help="Concatenation, equal shares, nothing locked, baseline equal weights.",
    )
    second[2].button(
        "",
        icon=":material/undo:",
        key="undo",
        on_click=fusion_state.step,
        args=(True,),
        disabled=not steps.can_undo,
        width="stretch",
        help="Take the last change back.",
    )
    second[3].button(
        "",
        icon=":material/redo:",
        key="redo",
        on_click=fusion_state.step,
        args=(False,),
        disabled=not steps.can_redo,
        width="stretch",
        help="Do it again.",
    )


def numbers(asked: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec, by_class: bool) -> None:
    """Each metric with its interval and the change against the baseline."""
    values = cache.list_metrics(asked, names, spec, SHOWN)
    before = cache.list_metrics(asked, base.backbones, base, SHOWN)
    ends = cache.intervals(asked, names, spec, SHOWN, by_class)
    for column, key in zip(st.columns(len(SHOWN)), SHOWN):
        mean = metrics.mean(values[key])
        change = mean - metrics.mean(before[key])
        with column.container(gap=None):
            st.metric(
                metrics.label(key),
                theme.number(mean),
                theme.number(change, 4) if abs(change) >= 5e-5 else "no change",
                delta_color="normal" if abs(change) >= 5e-5 else "off",
                delta_arrow="auto" if abs(change) >= 5e-5 else "off",
                help=f"{metrics.sentence(key)} The change is against the baseline; below it stands the 95 % interval.",
            )
            low, high = (theme.number(end) for end in ends[key])
            st.caption(f"{low} to {high}")


def figures(
    asked: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec, setup: FusionSetup, base_said: str
) -> None:
    """The numbers now, against the baseline; every system beside each other; the verdict in words."""
    classes = cache.truth(asked).query_groups is not None
    metric, by_class = lab_metric(asked, setup)
    numbers(asked, names, spec, base, by_class)
    st.caption(
        f"Under each number its 95 % interval; in colour the change against the baseline ({theme.plain(base_said)})."
    )
    standing = cache.standing(asked, names, spec, metric, by_class)
    said = cache.titled(standing.verdict, names)
    icon = ":material/trending_up:" if standing.gain else ":material/info:"
    (st.success if standing.gain else st.info)(said[0].upper() + said[1:], icon=icon)
    for sentence in before_reading(asked, names, standing):
        st.caption(f":material/warning: {theme.plain(cache.titled(sentence, names))}")
    rows = training.bar_rows(standing, names, cache.backbone_title)
    if not fusion_state.is_even(base):
        values = cache.list_metrics(asked, base.backbones, base, (metric,))
        ends = cache.intervals(asked, base.backbones, base, (metric,), by_class)
        rows.insert(-2, charts.Bar("baseline", metrics.mean(values[metric]), *ends[metric], charts.OTHER_MIX_COLOUR))
    st.plotly_chart(
        charts.BarChart(rows, metrics.label(metric), row_height=23).figure(), key="lab bars", config=fusion_tabs.BARE
    )
    left, right = st.columns([5, 4], vertical_alignment="center")
    left.segmented_control(
        "Metric of the bars",
        SHOWN,
        format_func=metrics.label,
        key=state.key(FusionSetup, "metric"),
        label_visibility="collapsed",
        required=True,
    )
    if classes:
        bounds = state.bounds(FusionSetup, "by_query")
        right.toggle(bounds.label, key=state.key(FusionSetup, "by_query"), help=bounds.help)
    st.caption(f"{standing.caution}", help=rests_on(standing, spec))


def answering(
    asked: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec, setup: FusionSetup
) -> Dataset:
    """The dataset as figures ask it: by all its queries, or of a large set by a panel until all are worked out."""
    small = cache.panel(asked, names)
    if small is None:
        return asked
    metric, by_class = lab_metric(asked, setup)
    name = f"all queries {digest(asked, spec, base, metric, by_class)}"

    def work(job: jobs.BackgroundJob) -> bool:
        even = fusion_baseline.equal_weights(spec)
        wanted = {names: [*names, *([even] if even else []), spec]}
        wanted.setdefault(base.backbones, []).append(base)
        for backbones, systems in wanted.items():
            cache.judge(asked, backbones).prepare(systems, SHOWN, job.task)
        for one in (spec, base):
            cache.list_metrics(asked, one.backbones, one, SHOWN)
            cache.intervals(asked, one.backbones, one, SHOWN, by_class)
        cache.standing(asked, names, spec, metric, by_class)
        return True

    if background_full_eval.ready(name):
        return asked
    low, high = cache.intervals(small, names, spec, SHOWN, by_class)[metric]
    background_full_eval.follow(
        name, work, query_sampling.sentence(len(small.split.queries), len(asked.split.queries), low, high)
    )
    return small


def lab_metric(asked: Dataset, setup: FusionSetup) -> tuple[str, bool]:
    """The metric of the bars, and whether whole classes are drawn where queries share them."""
    return setup.metric if setup.metric in SHOWN else "map", not setup.by_query


def before_reading(asked: Dataset, names: tuple[str, ...], standing: fusion_baseline.BaselineComparison) -> list[str]:
    """What the contract wants said beside figures: ties, vectors that are not there, a truth that cannot tell."""
    space = cache.space(asked, names)
    absent = [name for name in names if space.missing((name,))]
    said = [standing.ties, *(evaluation_warnings.nothing_there(space.get(name), name, asked) for name in absent)]
    return [sentence for sentence in [*leaderboard.remarks(asked, cache.truth(asked), 1), *said] if sentence]


def rests_on(standing: fusion_baseline.BaselineComparison, spec: FusionSpec) -> str:
    """The small print of the bars: queries, intervals, the upper bound, fitted weights, costs."""
    said = [
        f"{standing.n_valid:,} of {standing.n_queries:,} queries have a relevant image; all systems answer the same ones. "
        "Intervals are 95 % bootstrap intervals.",
        "“Best per query” picks the best row for every query with the answer in hand: an upper bound, no system.",
    ]
    if standing.choice:
        said.append(cache.titled(standing.choice, tuple(row.name for row in standing.rows if row.role == "backbone")))
    if spec.trained_on:
        said.append(f"{len(spec.trained_on):,} queries that fitted these weights are left out of every figure.")
    cost = standing.row("fusion").cost
    if cost.milliseconds is not None:
        size = f" and {cost.megabytes:.0f} MB of weights" if cost.megabytes is not None else ""
        said.append(f"It costs {cost.milliseconds:.0f} ms per query image{size}: sums of its backbones, measured here.")
    else:
        said.append("What it costs per image was not measured yet: “Budget” below does it.")
    return "\n\n".join(said)


@fragment
def lab_fragment() -> None:
    """Everything that moves with the weights; a slider reruns this part alone."""
    loaded, names, embedded = fusion_state.selection()
    state.seed(FusionSetup)
    mix = fusion_state.mix()
    lost = fusion_state.lost_strategy()
    if lost:
        st.warning(
            f"No strategy is named {theme.plain(repr(lost[:60]))} here; its file may have left the folder of plug-ins. "
            f"{FUSIONS.get(mix.strategy).label} is shown instead.",
            icon=":material/extension_off:",
        )
    if state.get(FusionSetup, "strategy") != mix.strategy:
        state.set_field(FusionSetup, "strategy", mix.strategy)
    if state.get(FusionSetup, "metric") not in SHOWN:
        state.set_field(FusionSetup, "metric", SHOWN[0])
    setup = state.read(FusionSetup)
    spec = fusion_state.spec_of(mix, names)
    state.session_set("lab mix", mix)
    base, base_said = fusion_state.baseline(names, embedded)
    asked = training_split.without(loaded, (*spec.trained_on, *base.trained_on)) if loaded.has_labels else loaded
    with theme.side_by_side("lab"):
        left, right = st.columns([4, 8], gap="large")
    with left:
        weights_panel(loaded, names, spec)
        results.picker(loaded, names, spec)
    with right:
        if loaded.has_labels:
            training.tuned(loaded, names, spec)
            if asked is not loaded:
                st.caption(
                    f":material/school: All figures are of the {len(asked.split.queries):,} queries that neither these "
                    f"weights nor the baseline were fitted on; {len(loaded.split.queries) - len(asked.split.queries):,} are left out."
                )
            figures(answering(asked, names, spec, base, setup), names, spec, base, setup, base_said)
        else:
            st.info(
                f"{theme.plain(loaded.name)} has no labels, so nobody can say which results are right: no figures, "
                "but the results below follow the weights."
            )
        results.results(loaded, names, spec, base, base_said, setup.k)
    if loaded.has_labels:
        st.divider()
        small = cache.panel(asked, names)
        if small is not None:
            st.caption(
                f":material/groups: The closer looks ask a panel of {len(small.split.queries):,} of the "
                f"{len(asked.split.queries):,} queries, the same one every time."
            )
        fusion_tabs.show(loaded, small or asked, names, spec, base)


theme.title("Fusion lab", "Move the weights: figures, intervals and results follow when you let go.")
lab_fragment()
