"""The closer looks of the fusion lab: only the one that is open is worked out."""

from __future__ import annotations

import dataclasses

import numpy as np
import streamlit as st

from core import charts
from core.errors import BadInput
from core.fusion import FusionSpec, spec_checks, store
from core.fusion import spec as fusion_files
from core.metrics.curves import RECALL_LEVELS
from core.setups import FusionSetup
from core.studies import costs, fusion_attribution, fusion_costs
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme
from core.ui.components import gallery
from core.ui.views.fusion import fusion_state, results, training
from core.ui.widgets import image_cards, weight_shares
from core.wording import plural

BARE = {"displayModeBar": False}
MOST_AT_ONCE = 4_000_000
"""Scores (queries times gallery) up to which many weightings of a strategy that is not linear are tried unasked."""


def titles_of(names: tuple[str, ...]) -> dict[str, str]:
    """name → what people read."""
    return {name: cache.backbone_title(name) for name in names}


def may_begin(loaded: Dataset, spec: FusionSpec, weightings: int, key: str) -> bool:
    """False while a long computation waits for a click: many weightings of a slow strategy over many queries."""
    size = len(loaded.split.queries) * len(loaded.split.gallery)
    wanted = (key, loaded.fingerprint, spec.kind)
    if spec.is_linear or size <= MOST_AT_ONCE or state.session_get("lab wanted") == wanted:
        return True
    st.caption(
        f"{spec.strategy.label} is ranked anew for each of about {weightings:,} weightings and {len(loaded.split.queries):,} "
        "queries, which can take minutes."
    )
    st.button("Work it out", on_click=state.session_set, args=("lab wanted", wanted), key=f"begin {key}")
    return False


# ------------------------------------------------------------------------------------------------ curves


def curve(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """11-point curves of each backbone, the baseline and the fusion."""
    colours, titles = theme.colours(names), titles_of(names)
    lines = []
    for name in names:
        alone = FusionSpec(name, "concat", names).with_shares({name: 1.0})
        lines.append(charts.Line(titles[name], RECALL_LEVELS, cache.levels(loaded, names, alone), colours[name], "dot"))
    lines.append(charts.Line("baseline", RECALL_LEVELS, cache.levels(loaded, base.backbones, base), "#8a93a3", "dash"))
    lines.append(charts.Line("this fusion", RECALL_LEVELS, cache.levels(loaded, names, spec), charts.FUSION_COLOUR))
    st.plotly_chart(charts.precision_recall(lines, cache.n_valid(loaded)).figure(), key="lab curve", config=BARE)
    st.caption(
        "Interpolated precision: at each recall level the best precision at that recall or beyond, averaged over the queries."
    )


# ------------------------------------------------------------------------------------------------ landscape


def _clicked(key: str, points: np.ndarray, names: tuple[str, ...]) -> None:
    """A point of the landscape was clicked: its weights are the sliders' now."""
    chosen = state.widget(key)["selection"]["points"]
    if not chosen or chosen[0].get("customdata") is None:
        return
    index = chosen[0]["customdata"]
    index = int(index[0] if isinstance(index, list | tuple) else index)
    if 0 <= index < len(points):
        fusion_state.set_shares(dict(zip(names, map(float, points[index]))))


def landscape(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """mAP over all weights; a click sets the sliders."""
    if len(names) < 2:
        st.info("A landscape needs at least two backbones: choose another one at the left.")
        return
    weightings = {2: 41, 3: 231}.get(len(names), 21 * len(names) * (len(names) - 1) // 2)
    if not may_begin(loaded, spec, weightings, "landscape"):
        return
    found = cache.landscape(loaded, names, spec)
    titles, pair = titles_of(names), None
    if found.shape == "slices":
        pairs = list(dict.fromkeys(found.slices))
        pair = st.selectbox(
            "Pair",
            pairs,
            format_func=lambda p: f"{titles[p[0]]} against {titles[p[1]]}",
            key="lab pair",
            help="The share of these two together stays; the curve moves it from one to the other.",
        )
    marks = [
        ("now", [spec.shares[name] for name in names], "#2b7de9"),
        ("equal", [1 / len(names)] * len(names), "#8a93a3"),
    ]
    tuned = training.tuned_shares(loaded, names, spec)
    if tuned:
        marks.append(("tuned", [tuned[name] for name in names], "#167a43"))
    key = f"lab landscape {pair}"
    st.plotly_chart(
        charts.landscape(found, titles, marks, pair),
        key=key,
        config=BARE,
        selection_mode="points",
        on_select=lambda: _clicked(key, found.points, names),
    )
    best = ", ".join(f"{theme.plain(titles[n])} {s:.0%}" for n, s in zip(names, found.points[found.best]) if s > 0)
    region = {"ternary": "Ringed in white", "curve": "Red", "slices": "Red"}[found.shape]
    st.caption(
        f"**Click a point to set the sliders.** mAP of {plural(cache.n_valid(loaded), 'query')} at {len(found.points):,} weightings; "
        f"the best one looked at has {found.values[found.best]:.3f} ({best}). {region}: not shown to be worse than it, since "
        "the paired 95 % interval reaches zero. The best point is chosen on these same queries and flatters itself; “Tune” "
        "reports on others."
    )


# ------------------------------------------------------------------------------------------------ attribution


def attribution(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """Exact Shapley values of the backbones."""
    if len(spec.active) > fusion_costs.MOST_FOR_SUBSETS:
        st.info(
            f"Exact attribution tries all subsets, which is done for up to {fusion_costs.MOST_FOR_SUBSETS} backbones; "
            "take some out at the left."
        )
        return
    if not may_begin(loaded, spec, 2 ** len(spec.active) - 1, "attribution"):
        return
    found = cache.attribution(loaded, names, spec)
    titles = titles_of(names)
    with theme.side_by_side("attribution"):
        left, right = st.columns([5, 4], gap="large", vertical_alignment="center")
    left.plotly_chart(charts.attribution(found, titles, theme.colours(names)), key="lab attribution", config=BARE)
    rows = [
        {
            "backbone": titles[n],
            "adds": found.shapley[m],
            "from": found.low[m],
            "to": found.high[m],
            "alone": found.alone[m],
            "without it": found.without[m],
        }
        for m, n in enumerate(found.backbones)
    ]
    rows.sort(key=lambda row: -row["adds"])
    with right:
        numbers = ("adds", "from", "to", "alone", "without it")
        st.dataframe(
            rows,
            hide_index=True,
            width="stretch",
            column_config={name: st.column_config.NumberColumn(format="%.3f") for name in numbers},
        )
        st.caption(
            f"Exact Shapley values for mAP over all {2 ** len(found.backbones) - 1} subsets and "
            f"{plural(cache.n_valid(loaded), 'query')}: what a backbone adds when it joins the others, averaged over every order of "
            "joining, from a random order of the gallery up to this fusion. “from … to” is the 95 % bootstrap interval; "
            "“without it” is the mAP of the fusion of the others."
        )


# ------------------------------------------------------------------------------------------------ winners and losers


def changes(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """The queries that gain and lose most against the baseline."""
    now = cache.average_precision(loaded, names, spec)
    before = cache.average_precision(loaded, base.backbones, base)
    up, down = fusion_attribution.winners_and_losers(now, before)
    difference = now - before
    better, worse = int((difference > 1e-12).sum()), int((difference < -1e-12).sum())
    st.caption(
        f"AP of each query under the baseline → now: {better:,} better, {worse:,} worse, "
        f"{cache.n_valid(loaded) - better - worse:,} the same. Click a picture to see its results above."
    )
    if not up and not down:
        st.info("No query changes against the baseline. Move a slider, or pin another baseline.")
        return
    for column, title, rows in zip(st.columns(2, gap="large"), ("They gain most", "They lose most"), (up, down)):
        with column:
            st.markdown(f"**{title}**")
            if not rows:
                st.caption("No query.")
                continue
            positions = [int(loaded.split.queries[q]) for q, _ in rows]
            shown = [
                dataclasses.replace(card, note=f"{before[q]:.3f} → {now[q]:.3f}")
                for card, (q, _) in zip(image_cards.cards(loaded, positions, frame="query"), rows)
            ]
            gallery.grid(
                shown,
                key=f"lab {title}",
                size=96,
                on_pick=results.pick,
                name=title,
                pick="Click to see its results",
            )


# ------------------------------------------------------------------------------------------------ budget


def budget(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """The best subset and weights for a limit on latency or size."""
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    by = left.radio(
        "Limit",
        ["milliseconds", "megabytes"],
        key="lab by",
        horizontal=True,
        format_func=lambda b: "ms per query image" if b == "milliseconds" else "MB of weights",
    )
    limit = middle.number_input("At most", min_value=0.0, value=50.0, step=5.0, key=f"lab limit {by}")
    commercial = right.toggle(
        "Only weights for commercial use",
        key="lab commercial",
        help="Leaves out weights whose licence forbids it or is not known.",
    )
    _measure(names, by)
    weightings = 10 ** min(len(names), 4) // 4
    if not may_begin(loaded, spec, weightings, "budget"):
        return
    found = fusion_costs.by_cost(cache.offers(loaded, names, spec), by)
    if not found:
        return
    budget = fusion_costs.Budget(**{by: limit}, commercial_only=commercial)
    best = fusion_costs.within_budget(found, budget)
    titles = titles_of(names)
    st.plotly_chart(charts.subset_costs(found, titles, by, best), key="lab offers", config=BARE)
    if best is None:
        st.warning("Nothing fits under this limit: raise it, or allow more licences.")
        return
    words = " + ".join(f"{theme.plain(titles[n])} {s:.0%}" for n, s in zip(best.backbones, best.shares))
    unit = "ms" if by == "milliseconds" else "MB"
    said, use = st.columns([5, 2], vertical_alignment="center")
    honest = cache.chosen_within_budget(loaded, names, spec, budget)
    reached = (
        ""
        if honest is None
        else f"mAP {honest.mean:.3f} on queries that did not choose it ({best.value:.3f} on these) "
    )
    said.markdown(f"Best under the limit: **{words}**, {reached}for {getattr(best.cost, by):.1f} {unit}.")
    use.button(
        "Use these weights",
        on_click=fusion_state.set_shares,
        width="stretch",
        type="primary",
        args=(weight_shares.fitted(dict(zip(best.backbones, best.shares)), names),),
    )
    st.caption(
        "A fusion costs the sum of its backbones. Red: nothing is better without costing more. The best weights of each "
        "subset are found on these same queries, so small differences between subsets may be luck; the first figure of the "
        "best is cross-fitted: nine parts of the classes choose subset and weights, the tenth reports."
    )


def _measure(names: tuple[str, ...], by: str) -> None:
    """Offer to measure what has no cost yet; say it where that is not possible."""
    known = cache.costs(names)
    missing = tuple(name for name in names if getattr(known[name], by) is None)
    jobs.job_panel("measure")
    if not missing:
        return
    job = jobs.find("measure")
    listed = theme.plain(", ".join(cache.backbone_title(name) for name in missing))
    if by == "megabytes":
        st.info(f"The size of {listed} is not known, so it is left out here.")
        return
    left, right = st.columns([5, 2], vertical_alignment="center")
    left.markdown(f"Not measured on this machine yet, so left out: {listed}.")

    def work(job: jobs.BackgroundJob) -> None:
        for name in missing:
            costs.measure(name, task=job.task)

    right.button(
        "Measure now",
        on_click=jobs.start,
        args=("measure", "Measuring latency", work),
        width="stretch",
        disabled=job is not None and job.running,
        help="Some seconds for each: single pictures, from the file to the vector.",
    )


# ------------------------------------------------------------------------------------------------ files


def files(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """Save under a name, load, export and import."""
    with theme.side_by_side("files"):
        left, right = st.columns(2, gap="large")
    with left:
        with st.form("save fusion", border=False):
            name = st.text_input(
                "Name", key="lab save name", placeholder="for example: shop mix", max_chars=spec_checks.LONGEST_NAME
            )
            if st.form_submit_button("Save this fusion", type="primary"):
                saved = dataclasses.replace(spec, name=name.strip() or spec.title)
                store.save(saved)
                st.success(f"Saved as {theme.plain(repr(saved.name))}: every page offers it as a system now.")
        st.download_button(
            "Export this fusion as JSON",
            fusion_files.dump([dataclasses.replace(spec, name=spec.title)]),
            "fusions.json",
            "application/json",
            key="lab export",
            icon=":material/download:",
        )
        _import()
        st.caption(
            "The link in the address bar holds the whole view too: dataset, backbones, weights, baseline and query."
        )
    with right:
        found, faults = store.saved()
        for fault in faults:
            st.warning(theme.plain(fault))
        st.markdown("**Saved fusions**" if found else "No fusion is saved yet.")
        for name, one in found.items():
            _saved(name, one)


def _import() -> None:
    given = st.file_uploader("Import a fusions.json", type="json", key="lab import")
    if given is None:
        return
    try:
        taken = fusion_files.parse(given.getvalue().decode("utf-8-sig", errors="replace"), given.name)
    except BadInput as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        return
    done = state.session_get("lab imported")
    if done != given.file_id:
        for one in taken:
            store.save(one)
        state.session_set("lab imported", given.file_id)
    st.success(theme.plain(f"{given.name}: {', '.join(repr(one.name) for one in taken)} imported."))


def _saved(name: str, one: FusionSpec) -> None:
    said, use, pin, remove = st.columns([6, 2, 3, 1], vertical_alignment="center")
    parts = ", ".join(f"{theme.plain(cache.backbone_title(n))} {s:.0%}" for n, s in one.shares.items())
    told = one.strategy.label + ("" if one.strategy.learned else f": {parts}")
    fitted = f" · fitted on {plural(len(one.trained_on), 'query')}" if one.trained_on else ""
    said.markdown(f"{theme.plain(name)}  \n:gray[{told}{fitted}]")
    use.button(
        "Use",
        key=f"use {name}",
        on_click=fusion_state.use,
        args=(one,),
        width="stretch",
        disabled=one.strategy.learned,
        help="Sliders cannot move a trained fusion: make it the baseline."
        if one.strategy.learned
        else "Into the sliders.",
    )
    pin.button("As baseline", key=f"pin {name}", on_click=fusion_state.pin_saved, args=(name,), width="stretch")
    remove.button(
        "",
        key=f"remove {name}",
        icon=":material/delete:",
        on_click=store.remove,
        args=(name,),
        type="tertiary",
        help="Forget this fusion.",
    )


def trained(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """Gate, linear head and dimension curve."""
    training.show(loaded, names, spec)


LOOKS = {
    "curve": ("Precision and recall", curve),
    "landscape": ("Landscape", landscape),
    "adds": ("What each adds", attribution),
    "changes": ("Winners and losers", changes),
    "budget": ("Budget", budget),
    "trained": ("Trained fusions", trained),
    "files": ("Save and share", files),
}
_OF_WEIGHTS = ("landscape", "budget")


def show(loaded: Dataset, asked: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """One closer look at a time.

    Args:
        loaded: with all its queries, for what divides them itself.
        asked: asked only by queries that nothing shown was fitted on.
    """
    key = state.key(FusionSetup, "look")
    if state.widget(key) not in LOOKS:
        state.set_widget(key, "curve")
    look = st.segmented_control(
        "A closer look",
        list(LOOKS),
        format_func=lambda name: LOOKS[name][0],
        key=key,
        label_visibility="collapsed",
        required=True,
    )
    if look in _OF_WEIGHTS and not spec.strategy.weight:
        st.info(
            f"{spec.strategy.label} counts all its backbones the same, so there are no weights to look at. "
            "Choose Concatenation or a weighted sum."
        )
        return
    LOOKS[look][1](loaded if look in ("trained", "files") else asked, names, spec, base)
