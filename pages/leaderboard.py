"""Leaderboard: every system on the same queries, with intervals, what it costs, and who cannot be told apart."""

from __future__ import annotations

import dataclasses

import numpy as np
import streamlit as st

from core import charts, metrics
from core.data.readers import revisited
from core.metrics.significance import Difference
from core.setups import LeaderboardSetup, RetrievalSetup
from core.studies import (
    class_table,
    costs,
    evaluation,
    fusion_costs,
    leaderboard,
    leaderboard_files,
    revisited_protocols,
)
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.components import gallery
from core.ui.widgets import figure_definitions, image_cards, sidebar, system_select
from core.ui.widgets.system_select import ComparedSystem

FIXED_KS = (1, 5, 10)
ON_A_PAGE = 40  # classes of the heat map that are shown at once
SHOWN_QUERIES = 48
JOB = "measure costs"
LOOKS = {
    "intervals": "Intervals",
    "differences": "Differences",
    "cost": "Quality and cost",
    "classes": "Class by class",
}
TIE_HELP = (
    "Systems that share a letter cannot be told apart: paired randomisation tests of every pair, Holm-corrected over all "
    "pairs, at 0.05. The pairs are under “Differences”."
)


def column_options() -> list[str]:
    """Every metric that can be a column; "@k" stands for the cut-off of the page."""
    fixed = [f"{stem}@{k}" for stem in ("p", "hit") for k in FIXED_KS]
    return [*(m.name for m in metrics.METRICS if m.kind != "curve"), *fixed]


def at_k(name: str, k: int) -> str:
    """'recall@k' → 'recall@10'."""
    return name.replace("@k", f"@{k}")


def list_options() -> list[str]:
    """The metrics that pairs can be compared in: those of single queries."""
    return [m.name for m in metrics.METRICS if m.kind == "list"]


def put_back() -> None:
    """Values of a link that no widget offers go back to the default before the widgets are drawn."""
    if state.get(LeaderboardSetup, "metric") not in list_options():
        state.set_field(LeaderboardSetup, "metric", LeaderboardSetup.metric)
    known = set(column_options())
    kept = tuple(name for name in state.get(LeaderboardSetup, "columns") if name in known)
    if len(kept) != len(state.get(LeaderboardSetup, "columns")):
        state.set_field(LeaderboardSetup, "columns", kept or LeaderboardSetup.columns)
    if state.get(LeaderboardSetup, "order") not in class_table.ORDERS:
        state.set_field(LeaderboardSetup, "order", LeaderboardSetup.order)


def choices(selection: sidebar.Selection, grouped: bool, longest: int) -> list[ComparedSystem]:
    """The controls: systems, the metric that is compared, the cut-off, what is resampled.

    Args:
        longest: images of the longest list; no greater cut-off is offered, and one of a link stays until it is changed.
    """
    most = max(1, min(1000, longest), state.get(LeaderboardSetup, "k"))
    field = lambda name: state.key(LeaderboardSetup, name)  # noqa: E731
    help_of = lambda name: next(  # noqa: E731
        f.metadata["bounds"].help for f in LeaderboardSetup.__dataclass_fields__.values() if f.name == name
    )
    found = system_select.choose(LeaderboardSetup, selection)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.selectbox(
            "Compared in",
            list_options(),
            key=field("metric"),
            format_func=metrics.label,
            help=help_of("metric"),
            width=230,
        )
        st.number_input("Cut-off k", 1, most, key=field("k"), help=help_of("k"), width=130)
        st.toggle(
            state.bounds(LeaderboardSetup, "by_query").label,
            key=field("by_query"),
            disabled=not grouped,
            help=help_of("by_query") if grouped else "The queries of this dataset do not fall into classes.",
        )
    return found


# ------------------------------------------------------------------------------------------------ the table


def verdict(result: evaluation.Result, known: dict[str, leaderboard.SystemInfo]) -> None:
    """The one sentence that matters: who is best, how sure that is, and on what it rests."""
    names = leaderboard.order(result)
    best = result[names[0]]
    figure = best.figures[result.metric]
    said = (
        f"**{theme.plain(known[names[0]].title)}** leads: {metrics.label(result.metric)} **{theme.number(figure.mean)}** "
        f"{theme.plain(theme.interval(figure.low, figure.high))}, mean of {figure.n_valid:,} of {figure.n_queries:,} queries. "
    )
    if len(names) == 1:
        said = said.replace(" leads:", ":") + "Choose another system to compare it with."
    else:
        said += theme.plain(result.comparison.lead({name: info.title for name, info in known.items()}))
    st.markdown(said)


def columns_of(setup: LeaderboardSetup, result: evaluation.Result) -> list[str]:
    """The keys of the columns chosen, the compared metric first."""
    there = set(leaderboard.available(result))
    wanted = [result.metric, *(at_k(name, setup.k) for name in setup.columns)]
    return [key for key in dict.fromkeys(wanted) if key in there]


def draw_table(
    setup: LeaderboardSetup, result: evaluation.Result, known: dict[str, leaderboard.SystemInfo], loaded: Dataset
) -> None:
    """The leaderboard, what to show of it, and the files."""
    keys = columns_of(setup, result)
    spread = keys if setup.spread else [result.metric]
    whole = leaderboard.table(result, known, keys)
    shown = leaderboard.table(result, known, keys, ())
    order: list[str] = ["system", "ties"]
    config: dict = {
        "system": st.column_config.TextColumn("System", width="medium", pinned=True),
        "ties": st.column_config.TextColumn("Ties", help=TIE_HELP, width=52),
    }
    for key in keys:
        top = metrics.parse(key)[0].limits[1]
        config[key] = st.column_config.NumberColumn(
            metrics.label(key), help=metrics.sentence(key), format="%.3f" if top == 1.0 else "%.2f"
        )
        order.append(key)
        if key in spread:
            name = f"{key} interval"
            shown[name] = [theme.interval(low, high) for low, high in zip(whole[f"{key} low"], whole[f"{key} high"])]
            config[name] = st.column_config.TextColumn(
                "95 %" if setup.spread else "95 % interval",
                help=f"95 % bootstrap interval of {metrics.label(key)}: {result.resampled} were resampled.",
            )
            order.append(name)
        if key == result.metric:
            order.append("relative")
    config |= {
        "relative": st.column_config.NumberColumn(
            "Of best", format="%.1f %%", help=f"{metrics.label(result.metric)} in percent of the best system's."
        ),
        "kind": st.column_config.TextColumn("Kind", help="A backbone, or how a fusion joins its backbones."),
        "made of": st.column_config.TextColumn("Made of", help="The share of each backbone in a fusion."),
        "dim": st.column_config.NumberColumn(
            "Dim", help="Length of the vector that is stored and searched; a fusion of scores or ranks has none."
        ),
        "ms": st.column_config.NumberColumn(
            "ms",
            format="%.1f",
            help="One image file to its vector on this machine, median; a fusion sums its backbones.",
        ),
        "MB": st.column_config.NumberColumn("MB", format="%.1f", help="Weights on disk; a fusion sums its backbones."),
        "measured": st.column_config.TextColumn("Costs", help="When latency and size were measured on this machine."),
        "licence": st.column_config.TextColumn("Licence", help="Of the weights."),
    }
    order += ["kind", "made of", "dim", "ms", "MB", "measured", "licence"]
    if not any(one.parts for one in known.values()):
        order.remove("made of")
    st.dataframe(
        shown[order],
        hide_index=True,
        width="stretch",
        column_config=config,
        placeholder="–",
        key="leaderboard table",
        height="content" if len(shown) <= 14 else 530,
    )
    under_table(setup, result, known, loaded, keys)


def under_table(
    setup: LeaderboardSetup,
    result: evaluation.Result,
    known: dict[str, leaderboard.SystemInfo],
    loaded: Dataset,
    keys: list[str],
) -> None:
    """What the numbers rest on; which columns there are; the table as a file."""
    one = result.evaluations[0]
    row = st.container(horizontal=True, gap="small")
    with row.popover("Columns", icon=":material/view_column:"):
        st.multiselect(
            "Metrics",
            column_options(),
            key=state.key(LeaderboardSetup, "columns"),
            format_func=lambda name: metrics.label(name),
            help="“@k” stands for the cut-off k above.",
        )
        st.toggle("Intervals of all columns", key=state.key(LeaderboardSetup, "spread"))
    with row.popover("Download", icon=":material/download:"):
        frame = leaderboard.table(result, known, keys)
        name = f"{loaded.name}-leaderboard"
        same = {"on_click": "ignore", "width": "stretch"}
        st.download_button("CSV", leaderboard_files.as_csv(frame), f"{name}.csv", "text/csv", key="take csv", **same)
        st.download_button(
            "Parquet",
            leaderboard_files.as_parquet(frame),
            f"{name}.parquet",
            "application/octet-stream",
            key="take parquet",
            **same,
        )
        st.download_button(
            "LaTeX",
            leaderboard_files.as_latex(result, known, keys, loaded),
            f"{name}.tex",
            "text/plain",
            key="take latex",
            **same,
        )
        st.caption("The columns shown, each with its interval; the number of queries is inside.")
    figure_definitions.button(keys, (2, 7), row)
    st.caption(
        f"Means over the {one.n_valid:,} of {one.n_queries:,} queries that have a relevant image, every system on the same "
        f"ones. {result.comparison.unit.caution} A “–” is not defined. Click a heading to sort, point at it for the definition."
    )


# ------------------------------------------------------------------------------------------------ closer looks


def show_protocols(found: list[ComparedSystem], known: dict[str, leaderboard.SystemInfo], loaded: Dataset) -> None:
    """Easy, Medium and Hard of the revisited Oxford and Paris sets, beside each other."""
    with st.spinner("Judging Easy, Medium and Hard …"):
        frame = cache.protocols(loaded, tuple(one.system for one in found))
    st.subheader("Easy, Medium, Hard", anchor=False)
    shown = frame.assign(system=[known[name].title for name in frame["system"]])
    config = {
        name: st.column_config.NumberColumn(title, format="%d" if name.startswith("n_") else "%.3f")
        for name, title in revisited_protocols.TITLES.items()
        if name != "protocol"
    }
    config |= {"system": st.column_config.TextColumn("System", pinned=True), "protocol": "Protocol"}
    st.dataframe(
        shown, hide_index=True, width="stretch", column_config=config, placeholder="–", key="leaderboard protocols"
    )
    st.caption(
        f"{revisited_protocols.NOTE} “low” and “high” are the ends of the 95 % bootstrap interval of the benchmark’s mAP."
    )
    st.download_button(
        "Download as CSV",
        leaderboard_files.as_csv(shown),
        f"{loaded.name}-protocols.csv",
        "text/csv",
        key="take protocols",
        on_click="ignore",
    )


def show_intervals(result: evaluation.Result, known: dict, competitors: dict[str, ComparedSystem]) -> None:
    """A bar per system with its interval."""
    rows = []
    for name in leaderboard.order(result):
        figure = result[name].figures[result.metric]
        rows.append(charts.Bar(known[name].title, figure.mean, figure.low, figure.high, competitors[name].colour))
    st.plotly_chart(
        charts.BarChart(rows, metrics.label(result.metric)).figure(),
        key="leaderboard bars",
        config=charts.download_config("leaderboard"),
    )
    one = result.best
    st.caption(
        f"{metrics.parse(result.metric)[0].definition} The lines are 95 % bootstrap intervals over {one.n_valid:,} queries "
        f"({result.resampled} resampled). They are those of single systems: whether two differ is a paired question, answered "
        "under “Differences”, and intervals that overlap may still differ surely."
    )


def show_differences(result: evaluation.Result, known: dict, loaded: Dataset) -> None:
    """Every pair: a matrix, and the table behind it."""
    names = leaderboard.order(result)
    if len(names) < 2:
        st.info("A difference needs two systems: choose another one above.", icon=":material/info:")
        return
    titles = [known[n].title for n in names]
    values, told, hover = [], [], []
    for a in names:
        found = [None if a == b else result.comparison.difference(a, b) for b in names]
        values.append([float("nan") if one is None else one.mean for one in found])
        told.append([one is not None and one.differs for one in found])
        hover.append(
            ["" if one is None else pair_words(one, known[a].title, known[b].title) for b, one in zip(names, found)]
        )
    st.plotly_chart(
        charts.differences_map(titles, values, told, hover, system_select.shades()),
        key="leaderboard differences",
        config=charts.download_config("differences"),
    )
    pairs = len(result.comparison.differences)
    st.caption(
        f"{metrics.label(result.metric)} of the row less that of the column, on the same {result.best.n_valid:,} queries; "
        f"“≈” marks pairs that cannot be told apart: corrected p (Holm, {pairs:,} pairs) not below 0.05, 0 inside the "
        "interval, or two tests that contradict each other. Point at a square for everything known about the pair. "
        f"{result.comparison.unit.caution}"
    )
    with st.expander("All pairs as a table"):
        frame = leaderboard.differences(result, known)
        numbers = {
            name: st.column_config.NumberColumn(name, format=form)
            for name, form in {
                "difference": "%.4f",
                "low": "%.4f",
                "high": "%.4f",
                "p": "%.2g",
                "p Holm": "%.2g",
                "p Wilcoxon": "%.2g",
                "d_z": "%.2f",
                "rank biserial": "%.2f",
            }.items()
        }
        st.dataframe(frame, hide_index=True, width="stretch", column_config=numbers, placeholder="–")
        st.download_button(
            "Download as CSV",
            leaderboard_files.as_csv(frame),
            f"{loaded.name}-pairs.csv",
            "text/csv",
            key="take pairs",
            on_click="ignore",
        )


def pair_words(one: Difference, a: str, b: str) -> str:
    """All that is known about a pair, for the hover."""
    a, b = charts.plain_text(a), charts.plain_text(b)
    return (
        f"<b>{a}</b> less <b>{b}</b><br>{one.n:,} queries · mean difference {one.mean:+.4f}, 95 % [{one.low:+.4f}, {one.high:+.4f}] "
        f"({one.resampled} resampled)<br>randomisation p = {one.p:.2g}, Holm p = {one.p_holm:.2g}, Wilcoxon p = {one.wilcoxon:.2g}<br>"
        f"effect d_z = {one.d_z:.2f}, rank biserial {one.rank_biserial:.2f}<br>"
        f"better on {one.wins:,}, equal on {one.ties:,}, worse on {one.losses:,} queries<br><i>{one.conclusion}</i>"
    )


def start_measuring(names: tuple[str, ...]) -> None:
    """Measure latency and size of backbones here, one after the other, in the background."""

    def work(job: jobs.BackgroundJob) -> None:
        for name in names:
            costs.measure(name, task=job.task)
            job.changed()

    jobs.forget(JOB)
    jobs.start(JOB, "Measuring what backbones cost here", work)


def show_cost(result: evaluation.Result, known: dict, competitors: dict[str, ComparedSystem]) -> None:
    """Quality against latency or size, with the Pareto front."""
    by = st.segmented_control(
        "Cost",
        ["ms", "MB"],
        key=state.key(LeaderboardSetup, "cost"),
        label_visibility="collapsed",
        required=True,
        format_func={"ms": "Latency", "MB": "Size"}.get,
    )
    field = "milliseconds" if by == "ms" else "megabytes"
    used = dict.fromkeys(name for one in competitors.values() for name in one.system.backbones)
    missing = tuple(name for name in used if costs.measured(name) is None and not attached(name))
    jobs.job_panel(JOB)
    if missing:
        left, right = st.columns([7, 2], vertical_alignment="center")
        left.info(
            f"Not measured on this machine yet: {theme.plain(', '.join(map(cache.backbone_title, missing)))}. A system stands "
            "here once all its backbones are measured.",
            icon=":material/timer:",
        )
        right.button(
            "Measure now",
            icon=":material/timer:",
            on_click=start_measuring,
            args=(missing,),
            width="stretch",
            type="primary",
            **jobs.waits("Some seconds for each backbone; the figures are those of this machine."),
        )
    names = [name for name in leaderboard.order(result) if getattr(known[name], field) is not None]
    if not names:
        return
    prices = [getattr(known[name], field) for name in names]
    best = fusion_costs.pareto_front(prices, [result[name].mean(result.metric) for name in names])
    points = []
    for name, price, on_front in zip(names, prices, best):
        figure = result[name].figures[result.metric]
        points.append(
            charts.CostPoint(
                known[name].title, price, figure.mean, figure.low, figure.high, competitors[name].colour, bool(on_front)
            )
        )
    unit = "ms per image" if by == "ms" else "MB of weights"
    st.plotly_chart(
        charts.quality_cost(points, unit, metrics.label(result.metric)),
        key=f"leaderboard cost {by}",
        config=charts.download_config("quality-and-cost"),
    )
    dates = sorted({known[name].measured for name in names})
    st.caption(
        f"Ringed: the Pareto front, systems that no other one beats without costing more. {'; '.join(dates).capitalize()}; "
        f"{'median time from an image file to its vector, one at a time' if by == 'ms' else 'weights on disk; descriptors have none'}. A "
        f"fusion costs the sum of its backbones. Lines are 95 % intervals over {result.best.n_valid:,} queries; near the front, "
        "look at “Differences” before you pay for a small gain."
    )


def attached(name: str) -> bool:
    """True for vectors that were computed elsewhere: there is nothing to measure."""
    from core import backbones
    from core.errors import CoreError

    try:
        return not backbones.source_of(backbones.get(name)).embeds
    except CoreError:
        return True


def picked_square(classes: list[str], systems: tuple[str, ...], widget: str) -> None:
    """A square of the heat map was clicked: its class and system are looked at."""
    points = state.widget(widget).selection.points
    place = points[0].get("customdata") if points else None
    if place is not None:
        row, column = (int(v) for v in place[:2])
        state.set_field(LeaderboardSetup, "label", classes[row])
        state.set_field(LeaderboardSetup, "of", systems[column])


def show_classes(result: evaluation.Result, known: dict, loaded: Dataset, setup: LeaderboardSetup) -> None:
    """The compared metric of every class by every system; a click opens the queries behind a square."""
    if not loaded.label_names:
        st.info("This dataset names no classes: what is relevant is given pair by pair.", icon=":material/info:")
        return
    left, right = st.columns([3, 7], vertical_alignment="bottom")
    left.selectbox("Order of classes", class_table.ORDERS, key=state.key(LeaderboardSetup, "order"))
    ordered = class_table.class_order(result, loaded, result.metric, setup.order)
    pages = -(-len(ordered) // ON_A_PAGE)
    with right:
        page = st.pagination(pages, key=f"class page of {pages} {setup.order}") if pages > 1 else 1
    shown = ordered[(page - 1) * ON_A_PAGE : page * ON_A_PAGE]
    table = class_table.per_class(result, loaded, result.metric, shown)
    titles = [known[name].title for name in table.systems]
    hover = [
        [square_words(table, r, c, titles[c], result) for c in range(len(table.systems))]
        for r in range(len(table.classes))
    ]
    place = None
    if setup.label in shown and setup.of in table.systems:
        place = (shown.index(setup.label), table.systems.index(setup.of))
    widget = f"class map {page} {setup.order} {result.metric}"
    limits = metrics.parse(result.metric)[0].limits
    st.plotly_chart(
        charts.class_map(
            [f"{name}  ({n:,})" for name, n in zip(table.classes, table.n)],
            titles,
            table.values,
            hover,
            metrics.label(result.metric),
            place,
            system_select.shades(),
            (limits[0] or 0.0, limits[1] or float(np.nanmax(table.values))),
        ),
        key=widget,
        on_select=lambda: picked_square(shown, table.systems, widget),
        selection_mode="points",
        config=charts.download_config("classes"),
    )
    several = " An image with several labels counts in each of its classes." if loaded.label_matrix is not None else ""
    st.caption(
        f"{metrics.label(result.metric)} of each class's queries (their number in brackets), 95 % intervals on hover: few "
        f"queries make wide ones.{several} Click a square to see its queries."
    )
    show_square(result, known, loaded, setup)


def square_words(table: class_table.ClassTable, row: int, column: int, title: str, result: evaluation.Result) -> str:
    """What is known about a square of the heat map."""
    value = table.values[row, column]
    return (
        f"<b>{charts.plain_text(table.classes[row])}</b><br>{charts.plain_text(title)}<br>{metrics.label(result.metric)} {value:.3f} "
        f"[{table.low[row, column]:.3f}, {table.high[row, column]:.3f}]<br>mean of {table.n[row]:,} queries"
    )


def show_square(result: evaluation.Result, known: dict, loaded: Dataset, setup: LeaderboardSetup) -> None:
    """The queries behind the chosen square, worst first."""
    if setup.label not in loaded.label_names or setup.of not in result.names:
        return
    found = class_table.class_queries(result, loaded, setup.of, result.metric, setup.label)
    values = result[setup.of].per_query[result.metric]
    st.subheader(f"{theme.plain(setup.label)} by {theme.plain(known[setup.of].title)}", anchor=False)
    if not found:
        st.info("No query of this class has a relevant image.", icon=":material/info:")
        return
    label = metrics.label(result.metric).replace("mAP", "AP")
    positions = [int(loaded.split.queries[q]) for q in found[:SHOWN_QUERIES]]
    shown = image_cards.cards(loaded, positions)
    noted = [dataclasses.replace(card, frame="query", note=f"{label} {values[q]:.3f}") for card, q in zip(shown, found)]
    more = f" The {SHOWN_QUERIES} worst of them are shown." if len(found) > SHOWN_QUERIES else ""
    st.caption(f"{len(found):,} queries, worst first.{more} Click one to see what it retrieves.")
    picked = gallery.grid(
        noted, key="class queries", size=104, name=f"queries of {setup.label}", pick="Click to see what it retrieves"
    )
    if picked:
        state.set_field(RetrievalSetup, "query", picked)
        state.set_field(RetrievalSetup, "system", setup.of)
        st.switch_page("pages/retrieval.py")


def page() -> None:
    """Draw the page."""
    theme.title(
        "Leaderboard",
        "Every system on the same queries: how good, how sure, how expensive – and which of them cannot be told apart.",
    )
    selection = sidebar.selection()
    loaded = selection.dataset
    state.seed(LeaderboardSetup)
    put_back()
    judged = cache.truth(loaded)
    stop = leaderboard.obstacle(loaded, judged)
    if stop:
        state.read(LeaderboardSetup)
        st.info(theme.plain(stop), icon=":material/info:")
        return
    found = choices(selection, judged.query_groups is not None, int(judged.list_length.max(initial=0)))
    setup = state.read(LeaderboardSetup, in_link=system_select.in_link(found, LeaderboardSetup))
    if not found:
        st.info(system_select.NO_SYSTEM, icon=":material/info:")
        return
    ks = tuple(sorted({*FIXED_KS, setup.k}))
    loaded, found, result = system_select.judge(loaded, found, ks, at_k(setup.metric, setup.k), not setup.by_query)
    known = {one.name: leaderboard.system_info(one.system, loaded, one.title) for one in found}
    verdict(result, known)
    for sentence in [*leaderboard.remarks(loaded, judged, setup.k), *leaderboard.warnings(result, known)]:
        st.warning(theme.plain(sentence), icon=":material/warning:")
    draw_table(setup, result, known, loaded)
    if revisited.is_revisited(loaded):
        show_protocols(found, known, loaded)
    st.space("small")
    look = st.segmented_control(
        "A closer look",
        list(LOOKS),
        key=state.key(LeaderboardSetup, "look"),
        format_func=LOOKS.get,
        required=True,
        label_visibility="collapsed",
    )
    competitors = {one.name: one for one in found}
    if look == "differences":
        show_differences(result, known, loaded)
    elif look == "cost":
        show_cost(result, known, competitors)
    elif look == "classes":
        show_classes(result, known, loaded, setup)
    else:
        show_intervals(result, known, competitors)


guarded(page)()
