"""Below the results: all queries at once. Best and worst ones, where one system beats another, confusions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core import charts
from core.errors import CoreError, NotComputed
from core.metrics import resampling, significance
from core.setups import RetrievalSetup
from core.studies import retrieval
from core.studies.comparison import ResamplingUnit
from core.studies.ranker import Ranker
from core.studies.system_spec_text import SystemRef
from core.studies.systems import System
from core.task import NO_TASK
from core.types import Dataset, Evaluation
from core.ui.app import cache, jobs, state, theme
from core.ui.app.cached import cached, digest
from core.ui.app.error_boundary import fragment
from core.ui.components import gallery
from core.ui.widgets import image_cards, system_options
from core.wording import plural

if TYPE_CHECKING:
    import pandas as pd

    from core.ui.views.retrieval.retrieval_view import RetrievalView

Pick = Callable[[str], None]

MOST_SCORES = 400_000_000
"""Queries times gallery up to which every query is asked; beyond, a seeded panel of queries stands for all."""
PANEL = 2_000
TABS = {"worst": "Best and worst", "duel": "A against B", "confusions": "Confusions"}
SEEK = "picks below"
"""How often a picture was chosen below the results: the page then scrolls to the query."""
_LONG_TITLE = 32
_PICKED = "picked below"
_CELL = "confused pair"


# -- evaluations


def judged(loaded: Dataset, named: SystemRef) -> Evaluation:
    """The average precision of every query of a system and its best 100 results; kept for all sessions.

    Raises:
        NotComputed: the dataset has no labels, or so many queries that a panel of them must be asked first.
    """
    cache.engine(loaded, ())
    if not by_panel(loaded):
        return _judged(loaded, named)
    job = jobs.find(_panel_job(loaded, named))
    if job is None or job.result is None:
        raise NotComputed(
            f"{len(loaded.split.queries):,} queries are too many to ask at once. Press “Ask the panel” under “All queries” below."
        )
    return job.result


def by_panel(loaded: Dataset) -> bool:
    """Whether a seeded panel of queries stands for all of them."""
    return len(loaded.split.queries) * len(loaded.split.gallery) > MOST_SCORES


@cached("resource", max_entries=24)
def _judged(loaded: Dataset, named: SystemRef) -> Evaluation:
    return _judge(loaded, named)


def _judge(loaded: Dataset, named: SystemRef, job: jobs.BackgroundJob | None = None) -> Evaluation:
    """Ask every query, or the panel; a job is told how far it is, and may be stopped."""
    names, truth = tuple(named.backbones), cache.truth(loaded)
    space, engine = cache.space(loaded, tuple(sorted(names))), cache.engine(loaded, names)
    system = System(system_options.system_name(named), space, named.spec)
    panel = engine.query_sample(PANEL) if by_panel(loaded) else None
    task = NO_TASK if job is None else job.task
    return retrieval.evaluate_queries(system, truth, queries=panel, ranker=Ranker(truth, engine), task=task)


def _panel_job(loaded: Dataset, named: SystemRef) -> str:
    return f"panel {digest(loaded, named)}"


def _ask_panel(loaded: Dataset, systems: Sequence[SystemRef]) -> None:
    """Begin to ask the panel of every system that was not asked yet."""
    for named in systems:
        name = _panel_job(loaded, named)
        jobs.forget(name)
        jobs.start(
            name, f"Asking {plural(PANEL, 'query')} of {named.title}", lambda job, one=named: _judge(loaded, one, job)
        )


def _panel_is_asked(view: RetrievalView) -> bool:
    """Whether the tables can be drawn; while they cannot, the button that makes them stands there."""
    if not by_panel(view.loaded):
        return True
    found = {_panel_job(view.loaded, named): jobs.find(_panel_job(view.loaded, named)) for named in view.systems}
    if all(job is not None and job.result is not None for job in found.values()):
        return True
    jobs.job_panel(*found)
    waiting = [
        n for n in view.systems if (job := found[_panel_job(view.loaded, n)]) is None or not (job.running or job.result)
    ]
    if waiting:
        n_queries, n_gallery = len(view.loaded.split.queries), len(view.loaded.split.gallery)
        st.caption(
            f"{plural(n_queries, 'query')}, each against {plural(n_gallery, 'image')}, are too many to ask while one waits. A panel stands for "
            f"them: {plural(PANEL, 'query')}, drawn once with a fixed seed, searched exactly."
        )
        st.button(
            "Ask the panel",
            icon=":material/groups:",
            key="ask the panel",
            on_click=_ask_panel,
            args=(view.loaded, waiting),
        )
    return False


def _groups(loaded: Dataset, evaluation: Evaluation, shown: np.ndarray) -> np.ndarray | None:
    """The classes of the queries shown, which are drawn as a whole; None where they are of one class, or share none."""
    unit = ResamplingUnit.of(cache.truth(loaded))
    return unit.groups_of(
        np.arange(evaluation.n_queries)[shown] if evaluation.queries is None else evaluation.queries[shown]
    )


def mean_sentence(loaded: Dataset, evaluation: Evaluation, kept: np.ndarray) -> str:
    """The mean of the queries shown, its interval and how many they are."""
    values, groups = evaluation.per_query["map"][kept], _groups(loaded, evaluation, kept)
    if not np.isfinite(values).any():
        return "No query has anything relevant."
    low, high = resampling.interval(values, classes=groups)
    values = values[np.isfinite(values)]
    asked = "" if evaluation.queries is None else f", a panel of {evaluation.n_queries:,}"
    return (
        f"mAP **{values.mean():.3f}** {theme.interval(low, high)} over {len(values):,} valid queries{asked} "
        "(95 % bootstrap interval)."
    )


# -- the tabs


def draw(view: RetrievalView, pick: Pick) -> None:
    """The tabs; only the open one is computed."""
    st.space("medium")
    st.subheader("All queries", anchor=False)
    if not view.loaded.has_labels:
        st.info(
            f"{view.loaded.name!r} has no labels, so nobody can say which queries go well. Add the images with one folder per "
            "class to see best and worst queries, comparisons and confusions here.",
            icon=":material/info:",
        )
        return
    _tabs(view, pick)


@fragment
def _tabs(view: RetrievalView, pick: Pick) -> None:
    if state.session_get(_PICKED, False):
        state.session_set(_PICKED, False)
        st.rerun(scope="app")
    if not _panel_is_asked(view):
        return
    tabs = st.tabs(list(TABS.values()), key="retrieval tabs", on_change="rerun")
    for tab, part in zip(tabs, (_extremes, _duel, _confusions)):
        if tab.open:
            with tab:
                try:
                    part(view, _whole_page(pick))
                except CoreError as error:
                    st.error(theme.plain(str(error)), icon=":material/error:")


def _whole_page(pick: Pick) -> Pick:
    """A pick in the tables changes the query above, so the whole page runs again."""

    def picked(text: str) -> None:
        pick(text)
        state.session_set(_PICKED, True)
        state.session_set(SEEK, state.session_get(SEEK, 0) + 1)

    return picked


def _class_filter(view: RetrievalView) -> str:
    """The class that the tables are about; part of the link."""
    options = ["", *view.loaded.label_names]
    now = state.get(RetrievalSetup, "label")
    state.set_field(RetrievalSetup, "label", now if now in options else "")
    chosen = st.selectbox(
        "Class",
        options,
        key=state.key(RetrievalSetup, "label"),
        format_func=lambda name: name or "every class",
        help="Only queries of this class.",
    )
    state.read(RetrievalSetup)
    return chosen


def _extremes(view: RetrievalView, pick: Pick) -> None:
    left, middle, right = st.columns([3.6, 3.4, 3], vertical_alignment="bottom", gap="medium")
    which = left.segmented_control(
        "Which",
        ["worst", "best"],
        default="worst",
        required=True,
        wrap=True,
        key="which extremes",
        format_func=lambda w: f"Ten {w}",
        help="By average precision over the whole list; equal ones stand in the order of the dataset.",
    )
    with middle:
        label = _class_filter(view)
    for named in view.systems:
        with st.spinner(f"Asking every query of {theme.plain(named.title)} …"):
            evaluation = judged(view.loaded, named)
        best, worst = retrieval.best_and_worst(view.loaded, evaluation, cache.truth(view.loaded), 10, label)
        cases = worst if which == "worst" else best
        kept = retrieval.of_label(view.loaded, retrieval.query_numbers(evaluation), label)
        st.markdown(f"**{theme.plain(named.title)}** · {mean_sentence(view.loaded, evaluation, kept)}")
        if not cases:
            st.info("There are no such queries.", icon=":material/info:")
        for case in cases:
            _case_row(view.loaded, case, f"{which} {named.text} {case.query}", pick)
        if any(case.label_error >= 0 for case in cases):
            st.page_link("pages/datasets.py", label="Look at all doubtful labels", icon=":material/label_important:")
    right.caption("Blue: the query. Then its first results. Click a picture to ask with it above.")


def _case_row(loaded: Dataset, case: retrieval.QueryCase, key: str, pick: Pick, title: str = "") -> None:
    """One query: its figures and words at the left, the query and its first results at the right."""
    left, right = st.columns([2, 7], gap="medium", vertical_alignment="center")
    head = f"{theme.plain(title)} · " if title else ""
    with left.container(key=f"words {key}", gap="xsmall"):
        st.markdown(f"{head}AP **{case.ap:.3f}** · {case.n_relevant} relevant")
        st.caption(theme.plain(case.explanation))
        if case.label_error >= 0:
            st.markdown(":orange-badge[:material/label_important: label doubt]")
    with right:
        gallery.grid(
            case_cards(loaded, case),
            key=f"case {key}",
            size=72,
            on_pick=pick,
            name="a query and its first results",
            beside=8,
        )


def case_cards(loaded: Dataset, case: retrieval.QueryCase) -> list[gallery.Card]:
    """The query, then its first results."""
    image_cards.ensure_thumbnails(loaded, [case.position, *loaded.split.gallery[case.items]])
    made = [image_cards.card(loaded, case.position, frame="query")]
    for rank, (item, score, hit) in enumerate(zip(case.items, case.scores, case.hits), start=1):
        position = int(loaded.split.gallery[item])
        if position != case.position:
            made.append(
                image_cards.card(
                    loaded,
                    position,
                    rank=rank,
                    score=float(score),
                    frame="relevant" if hit else "not",
                    note="other label?" if item == case.label_error else "",
                )
            )
    return made


def _duel(view: RetrievalView, pick: Pick) -> None:
    if view.other is None:
        st.info(
            "Choose a second system above, under “Side by side with”, to see where one beats the other.",
            icon=":material/info:",
        )
        return
    one, two = (judged(view.loaded, named) for named in view.systems)
    titles = [theme.plain(named.title) for named in view.systems]
    if max(map(len, titles)) > _LONG_TITLE:
        st.caption("  \n".join(f"**{letter}**: {title}" for letter, title in zip("AB", titles)))
        titles = ["A", "B"]
    left, right = st.columns([3, 7], vertical_alignment="bottom", gap="medium")
    with left:
        label = _class_filter(view)
    kept = retrieval.of_label(view.loaded, retrieval.query_numbers(one), label)
    right.caption(_difference(view.loaded, one, two, kept))
    if one.ranking is not None and two.ranking is not None and kept.any():
        overlap = retrieval.list_overlap(one.ranking.items[kept], two.ranking.items[kept], view.setup.k)
        st.caption(overlap.sentence(*titles, classes=_groups(view.loaded, one, kept)))
    wins, losses = retrieval.largest_differences(view.loaded, one, two, cache.truth(view.loaded), 10, label)
    for name, pairs in ((titles[0], wins), (titles[1], losses)):
        st.markdown(f"#### Where {name} is better" if pairs else f"#### {name} is better nowhere here")
        for a, b in pairs:
            with st.container(border=True):
                _case_row(view.loaded, a, f"duel {a.query} a", pick, titles[0])
                _case_row(view.loaded, b, f"duel {b.query} b", pick, titles[1])


def _difference(loaded: Dataset, one: Evaluation, two: Evaluation, kept: np.ndarray) -> str:
    """The mean difference of two systems over the queries shown, with its interval and the counts."""
    groups = _groups(loaded, one, kept)
    found = significance.compare(one.per_query["map"][kept], two.per_query["map"][kept], classes=groups)
    if not found.n:
        return "No query has anything relevant."
    return (
        f"A − B: **{found.mean:+.3f}** mAP {theme.interval(found.low, found.high)} over {plural(found.n, 'query')} (paired 95 % "
        f"bootstrap; p {found.p:.4f}, randomisation): {found.conclusion}. A is better on {found.wins:,}, equal on {found.ties:,}, worse on "
        f"{found.losses:,}."
    )


def _confusions(view: RetrievalView, pick: Pick) -> None:
    loaded, named, k = view.loaded, view.system, view.setup.k
    evaluation = judged(loaded, named)
    table = retrieval.confusions(loaded, evaluation, k)
    if not len(table):
        st.info("The images of this dataset have no classes, so there is nothing to confuse.", icon=":material/info:")
        return
    place = st.columns([3, 7])[0]
    with place:
        label = _class_filter(view)
    wrong = table[~table["agrees"]].reset_index()
    if label:  # the class, and what is confused with it either way
        wrong = wrong[(wrong["query class"] == label) | (wrong["result class"] == label)].reset_index(drop=True)
    classes = _most_confused(loaded.label_names, wrong, label)
    left, right = st.columns([5.4, 4.6], gap="medium")
    with left.container(key="confusion map side"):
        shown = st.plotly_chart(
            charts.confusion_map(table, classes),
            key=f"confusion map {named.text} {k} {label}",
            on_select="rerun",
            selection_mode="points",
            config={"displayModeBar": False},
        )
    with right.container(key="confusion table side"):
        with_it = f" with {theme.plain(label)}" if label else ""
        few = (
            ""
            if len(classes) == len(loaded.label_names)
            else f" The map shows the {len(classes)} most confused classes{with_it}."
        )
        st.caption(
            f"What **{theme.plain(named.title)}** puts into the first {k} results, by class, over {plural(evaluation.n_queries, 'query')}."
            f"{few} Choose a square, or a row, to see its pictures."
        )
        rows = st.dataframe(
            wrong[["query class", "result class", "share", "results", "queries"]],
            hide_index=True,
            height=460,
            width="stretch",
            on_select="rerun",
            selection_mode="single-row",
            key=f"confusion rows {named.text} {k} {label}",
            column_config={
                "query class": "asked",
                "result class": "retrieved",
                "share": st.column_config.NumberColumn(
                    "share", format="percent", width=72, help="Of all results of the asked class."
                ),
                "results": st.column_config.NumberColumn(
                    "results", width=70, help="How many results of these two classes."
                ),
                "queries": st.column_config.NumberColumn(
                    "queries", width=72, help="How many queries the asked class has."
                ),
            },
        )
    cell = _chosen_cell(shown, rows, table, wrong)
    if cell:
        _cell_pictures(view, evaluation, cell, pick)


def _most_confused(names: Sequence[str], wrong: pd.DataFrame, label: str = "", most: int = 60) -> list[str]:
    """The classes of the map: all of them, or those with the most wrong results, in the order of the names.

    Args:
        label: a class that is always there.
    """
    if len(names) <= most:
        return list(names)
    counts = wrong.groupby("query class")["results"].sum()
    if label:
        counts = counts.add(wrong.groupby("result class")["results"].sum(), fill_value=0).astype(int)
        counts[label] = counts.sum() + 1
    kept = set(counts.sort_values(ascending=False, kind="stable").index[:most])
    return [name for name in names if name in kept]


def _chosen_cell(
    shown: Mapping[str, Any], rows: Mapping[str, Any], table: pd.DataFrame, wrong: pd.DataFrame
) -> tuple[str, str] | None:
    """The pair of classes chosen last, in the map or in the table."""
    points = [point["customdata"] for point in shown["selection"]["points"]]
    picked = tuple(rows["selection"]["rows"])
    before, now = state.session_get(_CELL, ((), (), None)), (tuple(np.ravel(points).tolist()), picked)
    cell = before[2]
    if now[0] != before[0] and now[0]:
        cell = tuple(table.loc[int(now[0][0]), ["query class", "result class"]])
    elif now[1] != before[1] and picked and picked[0] < len(wrong):
        cell = tuple(wrong.loc[picked[0], ["query class", "result class"]])
    state.session_set(_CELL, (*now, cell))
    return cell


def _cell_pictures(view: RetrievalView, evaluation: Evaluation, cell: tuple[str, str], pick: Pick) -> None:
    asked, given = cell
    found = retrieval.confused_pairs(view.loaded, evaluation, view.setup.k, asked, given)
    st.markdown(
        f"Asked **{theme.plain(asked)}**, retrieved **{theme.plain(given or 'no label')}**: pairs of query (blue) and result, best ranks first."
    )
    made = []
    image_cards.ensure_thumbnails(view.loaded, dict.fromkeys([*found["query"], *found["result"]]))
    for number, row in enumerate(found.itertuples(index=False)):
        frame = "relevant" if asked == given else "not"
        for position, more in (
            (row.query, {"frame": "query"}),
            (row.result, {"frame": frame, "rank": row.rank, "score": row.score}),
        ):
            made.append(image_cards.card(view.loaded, int(position), **more))
            made[-1] = dataclasses.replace(made[-1], id=f"{number}|{made[-1].id}")
    gallery.grid(
        made,
        key="confused pictures",
        size=92,
        name="confused pictures",
        on_pick=lambda text: pick(text.partition("|")[2]),
    )
