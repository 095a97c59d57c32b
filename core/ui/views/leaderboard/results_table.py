"""The table of the Leaderboard: its columns, what they rest on, and the files of it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core import metrics, wording
from core.export import file_formats
from core.setups import LeaderboardSetup
from core.studies import leaderboard
from core.ui.app import state
from core.ui.views.leaderboard import controls
from core.ui.views.leaderboard.leaderboard_view import LeaderboardView
from core.ui.widgets import figure_definitions
from core.wording import plural

text = wording.page("leaderboard")

_TIE_HELP = (
    "Systems that share a letter cannot be told apart. Two differ when p (Holm-corrected over all pairs) is below 0.05, the "
    "interval of their difference leaves 0 out, and the two tests do not contradict each other. See “Differences”."
)


def metric_keys(view: LeaderboardView) -> list[str]:
    """The keys of the metric columns chosen, the compared metric first."""
    available = set(leaderboard.available(view.result))
    wanted = [view.result.metric, *(controls.at_k(name, view.setup.k) for name in view.setup.columns)]
    return [key for key in dict.fromkeys(wanted) if key in available]


def draw(view: LeaderboardView) -> None:
    """The table, which columns it has, the table as a file, and what the numbers rest on."""
    keys = metric_keys(view)
    frame, config = _shown_table(view, keys)
    st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        column_config=config,
        placeholder="–",
        key="leaderboard table",
        alt=text("label.table"),
        height="content" if len(frame) <= 14 else 530,
    )
    row = st.container(horizontal=True, gap="small")
    with row.popover("Columns", icon=":material/view_column:"):
        _choose_columns()
    with row.popover("Download", icon=":material/download:"):
        _downloads(view, keys)
    figure_definitions.button(keys, (2, 7), row)
    evaluation = view.result.evaluations[0]
    st.caption(
        text("sentence.table", count=f"{evaluation.n_valid:,}", queries=plural(evaluation.n_queries, "query")),
        help=text("help.table", caution=view.caution),
    )
    if view.result.resampled == "queries":  # what makes intervals too narrow is never behind a mark alone
        st.caption(view.caution)


def _shown_table(view: LeaderboardView, keys: list[str]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table as it is shown, and what Streamlit needs to know of each column."""
    result = view.result
    spread = keys if view.setup.spread else [result.metric]
    with_ends = leaderboard.table(result, view.infos, keys)
    frame = leaderboard.table(result, view.infos, keys, ())
    order = ["system", "ties"]
    config = _fixed_columns(result.metric)
    for key in keys:
        top = metrics.parse(key)[0].limits[1]
        short = metrics.label(key).partition(" (")[0]  # the whole of it is the first line of the help
        config[key] = st.column_config.NumberColumn(
            short, help=f"{metrics.label(key)}: {metrics.sentence(key)}", format="%.3f" if top == 1.0 else "%.2f"
        )
        order.append(key)
        if key in spread:
            name = f"{key} interval"
            ends = zip(with_ends[f"{key} low"], with_ends[f"{key} high"])
            frame[name] = [wording.interval(low, high) for low, high in ends]
            config[name] = st.column_config.TextColumn(
                "95 %" if view.setup.spread else "95 % interval",
                help=f"95 % bootstrap interval of {metrics.label(key)}: {result.resampled} were resampled.",
            )
            order.append(name)
        if key == result.metric:
            order.append("relative")
    fusions = any(info.parts for info in view.infos.values())
    costs = ["ms", "MB", "measured"] if any(info.milliseconds is not None for info in view.infos.values()) else []
    order += ["dim", *costs, "kind", *(["made of"] if fusions else []), "licence"]
    return frame[order], config


def _fixed_columns(metric: str) -> dict[str, Any]:
    """The columns that are no metric."""
    column = st.column_config
    return {
        "system": column.TextColumn("System", width=150, pinned=True),
        "ties": column.TextColumn("Ties", help=_TIE_HELP, width=52),
        "relative": column.NumberColumn(
            "Of best", format="%.1f %%", help=f"{metrics.label(metric)} in percent of the best system's."
        ),
        "kind": column.TextColumn("Kind", help="A backbone, or how a fusion joins its backbones."),
        "made of": column.TextColumn("Made of", help="The share of each backbone in a fusion."),
        "dim": column.NumberColumn(
            "Dim", help="Length of the vector that is stored and searched; a fusion of scores or ranks has none."
        ),
        "ms": column.NumberColumn(
            "ms",
            format="%.1f",
            help="One image file to its vector on this machine, median; a fusion sums its backbones.",
        ),
        "MB": column.NumberColumn("MB", format="%.1f", help="Weights on disk; a fusion sums its backbones."),
        "measured": column.TextColumn("Costs", help="When latency and size were measured on this machine."),
        "licence": column.TextColumn("Licence", help="Of the weights."),
    }


def _choose_columns() -> None:
    st.multiselect(
        "Metrics",
        controls.column_options(),
        key=state.key(LeaderboardSetup, "columns"),
        format_func=metrics.label,
        help="“@k” stands for the cut-off k above.",
    )
    st.toggle("Intervals of all columns", key=state.key(LeaderboardSetup, "spread"))


def _downloads(view: LeaderboardView, keys: list[str]) -> None:
    """The table as CSV, Parquet and LaTeX."""
    frame = leaderboard.table(view.result, view.infos, keys)
    latex = file_formats.as_latex(view.result, view.infos, keys, view.loaded)
    for label, content, ending, kind in (
        ("CSV", file_formats.as_csv(frame), "csv", "text/csv"),
        ("Parquet", file_formats.as_parquet(frame), "parquet", "application/octet-stream"),
        ("LaTeX", latex, "tex", "text/plain"),
    ):
        st.download_button(
            label,
            content,
            f"{view.loaded.name}-leaderboard.{ending}",
            kind,
            key=f"take {label.lower()}",
            on_click="ignore",
            width="stretch",
        )
    st.caption("The columns shown, each with its interval; the number of queries is inside.")
