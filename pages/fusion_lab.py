"""Fusion lab: move the weights of the backbones and see at once what it does to the figures and to the results."""

from __future__ import annotations

import dataclasses

import numpy as np
import streamlit as st

from core import charts
from core.fusion import FUSIONS, FusionSpec
from core.fusion import spec as fusion_files
from core.metrics import ranking as metrics
from core.setups import FrameSetup, FusionSetup
from core.studies import explain, fusion, retrieval, weights
from core.types import Dataset
from core.ui import cache, cards, controls, gallery, jobs, shares, state, theme
from core.ui.guard import fragment

NOW = "now"


def current(setup: FusionSetup, names: tuple[str, ...]) -> FusionSpec:
    """The fusion that the sliders say."""
    parts = shares.fitted(dict(setup.shares), names)
    return FusionSpec(NOW, setup.strategy, names).with_shares(parts)


def set_shares(parts: dict[str, float]) -> None:
    """New shares, remembered for undo, and in the link; the sliders follow at the next run."""
    names = controls.selection().backbones
    before = shares.fitted(dict(state.get(FusionSetup, "shares")), names)
    shares.Steps("lab").note(before)
    state.put(FusionSetup, "shares", shares.as_pairs(parts))


def slid(name: str, names: tuple[str, ...]) -> None:
    """A slider was released."""
    before = shares.fitted(dict(state.get(FusionSetup, "shares")), names)
    locked = set(state.get(FusionSetup, "locked"))
    set_shares(shares.moved(before, name, st.session_state[f"share {name}"] / 100, locked))


def step(back: bool, names: tuple[str, ...]) -> None:
    """Undo or redo."""
    now = shares.fitted(dict(state.get(FusionSetup, "shares")), names)
    steps = shares.Steps("lab")
    found = steps.undo(now) if back else steps.redo(now)
    if found:
        state.put(FusionSetup, "shares", shares.as_pairs(shares.fitted(found, names)))


def lock(name: str) -> None:
    """Hold or free one share."""
    locked = list(state.get(FusionSetup, "locked"))
    state.put(FusionSetup, "locked", tuple(n for n in locked if n != name) if name in locked else (*locked, name))


def weights_panel(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """Strategy, a slider per backbone, and what one does to all of them at once."""
    colours = theme.colours(names)
    with st.container(border=True):
        st.selectbox(
            "Strategy", [s.name for s in FUSIONS if not s.learned], key=state.key(FusionSetup, "strategy"),
            format_func=lambda name: FUSIONS.get(name).label, help="How the backbones are joined: their vectors, their scores, or their ranks.",
        )  # fmt: skip
        st.caption(spec.strategy.sentence)
        if not spec.strategy.weight:
            st.caption("It counts all backbones the same: only a share of 0 takes one out.")
        parts, locked = spec.shares, set(state.get(FusionSetup, "locked"))
        for name in names:
            left, right = st.columns([7, 1], vertical_alignment="bottom")
            st.session_state[f"share {name}"] = round(parts[name] * 100)
            left.slider(
                f":color[●]{{foreground=\"{colours[name]}\"}} {cache.backbone_title(name)}", 0, 100,
                key=f"share {name}", format="%d %%", on_change=slid, args=(name, names),
                disabled=name in locked or len(names) == 1,
                help="Its share of the whole; the others that are not locked give or take the rest.",
            )  # fmt: skip
            right.button(
                "", icon=":material/lock:" if name in locked else ":material/lock_open:", key=f"lock {name}",
                on_click=lock, args=(name,), type="tertiary", help="Hold this share while others move.",
            )  # fmt: skip
        buttons(loaded, names, spec)


def buttons(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """What is done to all weights at once."""
    steps = shares.Steps("lab")
    first, second = st.columns(2), st.columns([2, 2, 1, 1])
    first[0].button(
        "Equal", on_click=set_shares, args=(shares.equal(names),), width="stretch", help="The same share for all."
    )
    first[1].button(
        "Tune", on_click=tune, args=(loaded, names, spec), width="stretch", icon=":material/target:",
        disabled=len(names) < 2 or not loaded.has_labels or not spec.strategy.weight,
        help="Search the weights on half of the queries (whole classes) and report them on the other half.",
    )  # fmt: skip
    second[0].button(
        "Pin",
        icon=":material/keep:",
        on_click=pin,
        args=(spec,),
        width="stretch",
        help="Make the present weights the baseline of before and after.",
    )
    second[1].button(
        "Reset",
        on_click=reset,
        args=(names,),
        width="stretch",
        help="Equal shares, nothing locked, concatenation, baseline equal weights.",
    )
    second[2].button(
        "",
        icon=":material/undo:",
        key="undo",
        on_click=step,
        args=(True, names),
        disabled=not steps.can_undo,
        width="stretch",
        help="Take the last change back.",
    )
    second[3].button(
        "",
        icon=":material/redo:",
        key="redo",
        on_click=step,
        args=(False, names),
        disabled=not steps.can_redo,
        width="stretch",
        help="Do it again.",
    )


def reset(names: tuple[str, ...]) -> None:
    """Everything as at the first visit."""
    set_shares(shares.equal(names))
    state.put(FusionSetup, "locked", ())
    state.put(FusionSetup, "strategy", "concat")
    state.put(FusionSetup, "baseline", "")


def query_position(loaded: Dataset, setup: FusionSetup) -> int:
    """Where the query of the link stands in the dataset; else the first query of the split."""
    found = np.flatnonzero(loaded.ids == setup.query) if setup.query else ()
    return int(found[0]) if len(found) else int(loaded.split.queries[0])


def result_cards(
    loaded: Dataset, answer: retrieval.Answer, k: int, other: retrieval.Answer | None, colours: dict[str, str]
) -> list[gallery.Card]:
    """The first k results of one system as cards, with each backbone's rank, score and share."""
    places = answer.order[:k]
    said = explain.hit_parts(answer.system, 0, places)
    found = []
    for at, place in enumerate(places):
        position = int(answer.system.space.split.gallery[place])
        frame = "unknown" if not answer.judged else "relevant" if answer.relevant[place] else "not"
        move = None
        if other is not None:
            before = int(other.ranks[place])
            move = "new" if before == 0 or before > k else before - (at + 1)
        parts = said.shares[at]
        bar = (
            tuple((n, float(s), colours.get(n, "#888")) for n, s in zip(said.backbones, parts))
            if len(parts) > 1 and np.isfinite(parts).all()
            else ()
        )
        rows = tuple(
            (cache.backbone_title(n), int(r) or None, float(s))
            for n, r, s in zip(said.backbones, said.ranks[at], said.scores[at])
        )
        found.append(
            cards.card(
                loaded, position, frame=frame, rank=at + 1, score=float(answer.scores[place]), move=move,
                shares=tuple((cache.backbone_title(n), s, c) for n, s, c in bar), rows=rows,
            )
        )  # fmt: skip
    return found


def pick_query(name: str) -> None:
    """A picture was clicked: it asks now."""
    state.put(FusionSetup, "query", name)


def results(
    loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec | None, setup: FusionSetup
) -> None:
    """One query under the baseline and under the present weights, linked."""
    space = cache.space(loaded, names)
    position = query_position(loaded, setup)
    question = retrieval.image_query(loaded, space, position, cache.truth(loaded))
    now = retrieval.ask(question, question.system(NOW, spec))
    before = retrieval.ask(question, question.system("baseline", base)) if base else None
    colours = theme.colours(names)
    left, right = st.columns([1, 6], gap="medium")
    with left:
        st.markdown("**Query**")
        gallery.grid(
            [cards.card(loaded, position, frame="query")], key="lab query", size=110, pick="", name="the query"
        )
        st.button(
            "Another",
            icon=":material/shuffle:",
            on_click=shuffle,
            args=(loaded,),
            width="stretch",
            help="A query at random.",
        )
    with right:
        if before is not None:
            st.markdown("**Before** – the pinned baseline")
            gallery.grid(
                result_cards(loaded, before, setup.k, None, colours), key="lab before", size=96, group="lab",
                on_pick=pick_query, name="results of the baseline",
            )  # fmt: skip
        st.markdown("**Now**" if before is None else "**Now** – ▲ moved up, ▼ moved down, against the baseline")
        gallery.grid(
            result_cards(loaded, now, setup.k, before, colours), key="lab now", size=96, group="lab",
            on_pick=pick_query, name="results now",
        )  # fmt: skip


def shuffle(loaded: Dataset) -> None:
    """Another query at random."""
    position = np.random.default_rng().choice(loaded.split.queries)
    state.put(FusionSetup, "query", str(loaded.ids[position]))


# ------------------------------------------------------------------------------------------------ analyses


def show_landscape(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """mAP over all weights; a click sets the sliders."""
    if len(names) < 2:
        st.info("A landscape needs at least two backbones: choose another one at the left.")
        return
    found = cache.landscape(loaded, names, spec)
    titles = {name: cache.backbone_title(name) for name in names}
    pair = None
    if found.shape == "slices":
        pairs = list(dict.fromkeys(found.slices))
        pair = st.selectbox(
            "Pair", pairs, format_func=lambda p: f"{titles[p[0]]} against {titles[p[1]]}", key="lab pair",
            help="The share of these two together stays; the curve moves it from one to the other.",
        )  # fmt: skip
    here = [spec.shares[name] for name in names]
    marks = [("now", here, "#2b7de9"), ("equal", [1 / len(names)] * len(names), "#8a93a3")]
    tuned = state.hold("lab tuned", {}).get((loaded.fingerprint, names, spec.kind))
    if tuned:
        marks.append(("tuned", [tuned.learned.by_name[name] for name in names], "#167a43"))
    event = st.plotly_chart(
        charts.landscape(found, titles, marks, pair), key=f"lab landscape {pair}", on_select="rerun",
        selection_mode="points", config={"displayModeBar": False},
    )  # fmt: skip
    points = event["selection"]["points"] if event else []
    if points and points[0].get("customdata") is not None:
        index = points[0]["customdata"]
        index = int(index[0] if isinstance(index, (list, tuple)) else index)
        wanted = dict(zip(names, map(float, found.points[index])))
        if index != state.hold("lab clicked") and shares.as_pairs(wanted) != shares.as_pairs(spec.shares):
            state.keep("lab clicked", index)
            set_shares(wanted)
            st.rerun(scope="fragment")
    best = ", ".join(f"{titles[n]} {s:.0%}" for n, s in zip(names, found.points[found.best]) if s > 0)
    st.caption(
        f"mAP of {cache.n_valid(loaded):,} queries at {len(found.points):,} weightings; the best one looked at has "
        f"{found.values[found.best]:.3f} ({best}). Highlighted: weightings whose paired 95 % interval against it reaches "
        "zero, so they are not shown to be worse. The best point is chosen on these same queries and flatters itself; "
        "“Tune” reports on others. Click a point to set the sliders."
    )


def show_attribution(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """Exact Shapley values of the backbones."""
    if len(spec.active) > explain.MOST_FOR_SHAPLEY:
        st.info(
            f"Exact attribution tries all subsets, which is done for up to {explain.MOST_FOR_SHAPLEY} backbones; take some out."
        )
        return
    found = cache.attribution(loaded, names, spec)
    titles = {name: cache.backbone_title(name) for name in names}
    st.plotly_chart(
        charts.attribution(found, titles, theme.colours(names)), key="lab attribution", config={"displayModeBar": False}
    )
    st.caption(
        f"Exact Shapley values for mAP over all {2 ** len(found.backbones) - 1} subsets and {cache.n_valid(loaded):,} queries: "
        "the average of what a backbone adds when it joins the others in every possible order, from a random order of the gallery "
        "up to this fusion. Hover for 95 % bootstrap intervals."
    )
    rows = [
        {"backbone": titles[n], "adds": found.shapley[m], "low": found.low[m], "high": found.high[m], "alone": found.alone[m], "fusion without it": found.without[m]}
        for m, n in enumerate(found.backbones)
    ]  # fmt: skip
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        column_config={
            k: st.column_config.NumberColumn(format="%.3f")
            for k in ("adds", "low", "high", "alone", "fusion without it")
        },
    )


def show_changes(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """The queries that gain and lose most against the baseline."""
    now = cache.average_precision(loaded, names, spec)
    before = cache.average_precision(loaded, names, base)
    up, down = explain.winners_and_losers(now, before)
    for title, rows in (("They gain most", up), ("They lose most", down)):
        st.markdown(f"**{title}** – AP of the query, against the baseline")
        shown = [
            cards.card(loaded, int(loaded.split.queries[q]), frame="query", note=f"AP {before[q]:.3f} → {now[q]:.3f}")
            for q, _ in rows
        ]
        if shown:
            gallery.grid(
                shown, key=f"lab {title}", size=104, on_pick=pick_query, name=title, pick="Click to look at its results"
            )
        else:
            st.caption("No query.")


def show_budget(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """The best subset and weights for a limit on latency or size."""
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    by = left.radio("Limit", ["milliseconds", "megabytes"], key="lab by", horizontal=True,
                    format_func=lambda b: "ms per query image" if b == "milliseconds" else "MB of weights")  # fmt: skip
    limit = middle.number_input("At most", min_value=0.0, value=50.0, step=5.0, key="lab limit")
    commercial = right.toggle(
        "Commercial use allowed only",
        key="lab commercial",
        help="Leaves out weights whose licence forbids it or is not known.",
    )
    costs = cache.costs(names)
    unmeasured = [cache.backbone_title(n) for n in names if getattr(costs[n], by) is None]
    if unmeasured:
        st.info(
            f"Not measured on this machine yet: {', '.join(unmeasured)}. “Measure” on the page Backbones, or `python -m core bench backbones`, does it."
        )
    found = explain.pareto(cache.offers(loaded, names, spec), by)
    if not found:
        return
    best = explain.within_budget(found, **{by: limit}, commercial_only=commercial)
    titles = {name: cache.backbone_title(name) for name in names}
    st.plotly_chart(charts.offers(found, titles, by, best), key="lab offers", config={"displayModeBar": False})
    if best is None:
        st.warning("Nothing fits under this limit: raise it, or allow more licences.")
        return
    words = " + ".join(f"{titles[n]} {s:.0%}" for n, s in zip(best.backbones, best.shares))
    st.markdown(f"Best under the limit: **{words}** with mAP {best.value:.3f}.")
    st.button(
        "Use these weights", on_click=set_shares, args=(shares.fitted(dict(zip(best.backbones, best.shares)), names),)
    )
    st.caption(
        "A fusion costs the sum of its backbones. The best weights of each subset are found on these queries, so small differences between subsets may be luck."
    )


def show_files(spec: FusionSpec) -> None:
    """Save under a name, load, export and import."""
    left, right = st.columns(2, gap="large")
    with left:
        with st.form("save fusion", border=False):
            name = st.text_input(
                "Name", key="lab save name", placeholder="for example: shop mix", max_chars=fusion_files.LONGEST_NAME
            )
            if st.form_submit_button("Save this fusion", type="primary"):
                saved = dataclasses.replace(spec, name=name.strip() or spec.title)
                fusion_files.save(saved)
                st.success(f"Saved as {saved.name!r}: every page offers it as a system now.")
        st.download_button(
            "Export as JSON",
            fusion_files.dump([dataclasses.replace(spec, name=spec.title)]),
            "fusions.json",
            "application/json",
            key="lab export",
        )
        given = st.file_uploader("Import fusions.json", type="json", key="lab import")
        if given is not None:
            for one in fusion_files.parse(given.getvalue().decode("utf-8", errors="replace"), given.name):
                fusion_files.save(one)
            st.success(f"{given.name}: imported.")
    with right:
        found, faults = fusion_files.saved()
        for fault in faults:
            st.warning(fault)
        st.markdown("**Saved fusions**" if found else "No fusion is saved yet.")
        for name, one in found.items():
            a, b, c = st.columns([6, 2, 2], vertical_alignment="center")
            a.markdown(
                f"{name}  \n:gray[{one.title}: " + ", ".join(f"{n} {s:.0%}" for n, s in one.shares.items()) + "]"
            )
            b.button("Use", key=f"use {name}", on_click=use, args=(one,), width="stretch")
            c.button("Remove", key=f"remove {name}", on_click=fusion_files.remove, args=(name,), width="stretch")


def use(spec: FusionSpec) -> None:
    """Take the weights and the strategy of a saved fusion."""
    state.put(FrameSetup, "backbones", spec.backbones)
    state.put(FusionSetup, "strategy", spec.kind)
    set_shares(spec.shares)


# ------------------------------------------------------------------------------------------------ figures

SHOWN = ("map", "p@1", "p@10", "recall@10")
ANALYSES = {
    "Precision and recall": "curve",
    "Landscape": "landscape",
    "What each adds": "attribution",
    "Winners and losers": "changes",
    "Budget": "budget",
    "Save and share": "files",
}


def baseline(names: tuple[str, ...]) -> FusionSpec:
    """The pinned baseline: as pinned, else equal weights."""
    pinned = state.get(FusionSetup, "baseline")
    kind, _, parts = pinned.partition(" ")
    if kind in FUSIONS and parts:
        given = {
            n: float(v)
            for n, _, v in (part.rpartition(":") for part in parts.split(","))
            if v.replace(".", "", 1).isdigit()
        }
        if set(given) & set(names):
            return FusionSpec("baseline", kind, names).with_shares(shares.fitted(given, names))
    return FusionSpec("baseline", "concat", names).with_shares(shares.equal(names))


def pin(spec: FusionSpec) -> None:
    """The present weights become the baseline of before and after."""
    state.put(FusionSetup, "baseline", f"{spec.kind} " + ",".join(f"{n}:{v:.4f}" for n, v in spec.shares.items()))


def figures(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """The numbers now, against the baseline; every system beside each other; the verdict in words."""
    values, before = cache.list_metrics(loaded, names, spec, SHOWN), cache.list_metrics(loaded, names, base, SHOWN)
    standing = cache.standing(loaded, names, spec, "map")
    for column, key in zip(st.columns(len(SHOWN)), SHOWN):
        mean, was = metrics.mean(values[key]), metrics.mean(before[key])
        change = mean - was
        column.metric(
            metrics.label(key), theme.number(mean), theme.number(change, 4) if abs(change) >= 5e-5 else None,
            help=f"{metrics.sentence(key)} Mean of {standing.n_valid:,} of {standing.n_queries:,} queries; the change is against the pinned baseline.",
        )  # fmt: skip
    icon = ":material/trending_up:" if standing.gain else ":material/info:"
    titled = standing.verdict.replace(standing.best, cache.backbone_title(standing.best))
    (st.success if standing.gain else st.info)(titled[0].upper() + titled[1:], icon=icon)
    colours = theme.colours(names)
    shade = {"equal": "#9aa3b2", "fusion": charts.FUSION_COLOUR, "oracle": "#c9ced8"}
    title = {"fusion": "this fusion"}
    rows = [
        (cache.backbone_title(r.name) if r.role == "backbone" else title.get(r.role, r.name), r.mean, r.low, r.high, shade.get(r.role) or colours[r.name])
        for r in standing.rows
    ]  # fmt: skip
    st.plotly_chart(charts.metric_bars(rows, "mAP"), key="lab bars", config={"displayModeBar": False})
    cost = standing.row("fusion").cost
    priced = "" if cost.milliseconds is None else f" It costs {cost.milliseconds:.0f} ms per query image"
    priced += (
        ""
        if not priced or cost.megabytes is None
        else f" and {cost.megabytes:.0f} MB of weights (sums of its backbones, measured here)."
    )
    st.caption(
        f"mAP with 95 % bootstrap intervals over {standing.n_valid:,} queries, all on the same ones. “Best per query” picks the best row "
        f"for every query with the answer in hand: an upper bound, no system.{priced} Queries of one class share their relevant images, "
        "so intervals and p-values are somewhat too confident."
    )


def show_curve(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """11-point curves of each backbone, the baseline and the fusion."""
    colours = theme.colours(names)
    lines = [
        (cache.backbone_title(n), cache.levels(loaded, names, FusionSpec(n, "concat", names).with_shares({n: 1.0})), colours[n], "dot")
        for n in names
    ]  # fmt: skip
    lines.append(("baseline", cache.levels(loaded, names, base), "#8a93a3", "dash"))
    lines.append(("this fusion", cache.levels(loaded, names, spec), charts.FUSION_COLOUR, "solid"))
    st.plotly_chart(charts.precision_recall(lines, cache.n_valid(loaded)), key="lab curve")
    st.caption(
        "Interpolated precision: at each recall level the best precision at that recall or beyond, averaged over the queries."
    )


def analysis(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """One closer look at a time: only what is shown is computed."""
    chosen = st.segmented_control(
        "A closer look",
        list(ANALYSES),
        key="lab analysis",
        default="Precision and recall",
        label_visibility="collapsed",
    )
    look = ANALYSES.get(chosen or "", "")
    weighted = bool(spec.strategy.weight)
    if look in {"landscape", "attribution", "budget"} and not weighted:
        st.info(
            f"{spec.strategy.label} counts all its backbones the same, so there are no weights to look at. Choose Concatenation or a weighted sum."
        )
    elif look == "curve":
        show_curve(loaded, names, spec, base)
    elif look == "landscape":
        show_landscape(loaded, names, spec)
    elif look == "attribution":
        show_attribution(loaded, names, spec)
    elif look == "changes":
        show_changes(loaded, names, spec, base)
    elif look == "budget":
        show_budget(loaded, names, spec)
    elif look == "files":
        show_files(spec)


# ------------------------------------------------------------------------------------------------ tuning


def tune(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """Search the weights in the background, on training queries only."""
    space, judged = cache.space(loaded, names), cache.truth(loaded)

    def work(job: jobs.Job) -> weights.Tuned:
        groups = loaded.instances if loaded.instances is not None else loaded.labels
        split = weights.split_queries(
            groups[loaded.split.queries], by="class" if loaded.instances is None else "instance"
        )
        return weights.tune(
            space, spec, judged, split, keys=fusion.query_keys(loaded), on_progress=job.tell, cancel=job.cancel
        )

    jobs.forget("tune")
    state.keep("lab tuning", (loaded.fingerprint, names, spec.kind))
    jobs.start("tune", "Tuning the weights", work)


def tuned_words(loaded: Dataset, names: tuple[str, ...]) -> None:
    """What tuning found, on queries that it did not see."""
    job = jobs.find("tune")
    tuning = state.hold("lab tuning")
    if job is None or tuning is None or tuning[:2] != (loaded.fingerprint, names):
        return
    jobs.panel("tune")
    if job.state != "done":
        return
    found: weights.Tuned = job.result
    kept = state.hold("lab tuned", {})
    kept[tuning] = found
    words = ", ".join(f"{cache.backbone_title(n)} {s:.0%}" for n, s in found.learned.by_name.items())
    reached, even = metrics.mean(found.tuned), metrics.mean(found.equal)
    st.success(
        f"Tuned: **{words}**. {found.split.sentence()} There the tuned weights have mAP {reached:.3f}, equal ones {even:.3f}.",
        icon=":material/target:",
    )
    left, right = st.columns(2)
    left.button(
        "Use the tuned weights", on_click=set_shares, args=(found.learned.by_name,), width="stretch", type="primary"
    )
    right.button("Dismiss", on_click=jobs.forget, args=("tune",), width="stretch")


@fragment
def lab() -> None:
    """Everything that moves with the weights; a slider reruns this part alone."""
    chosen = controls.selection()
    loaded, names = chosen.dataset, chosen.backbones
    state.seed(FusionSetup)
    setup = state.read(FusionSetup)
    kind = setup.strategy if setup.strategy in FUSIONS else "concat"
    spec, base = current(dataclasses.replace(setup, strategy=kind), names), baseline(names)
    left, right = st.columns([4, 8], gap="large")
    with left:
        weights_panel(loaded, names, spec)
    with right:
        if loaded.has_labels:
            tuned_words(loaded, names)
            figures(loaded, names, spec, base)
        else:
            st.info(
                f"{loaded.name!r} has no labels, so nobody can say which results are right: no figures, but the results below follow the weights."
            )
    results(loaded, names, spec, base, setup)
    if loaded.has_labels:
        st.divider()
        analysis(loaded, names, spec, base)


theme.title("Fusion lab", "Move the weights: figures, intervals and results follow when you let go.")
lab()
