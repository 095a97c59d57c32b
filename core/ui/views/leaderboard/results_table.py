"""The table of the Leaderboard: its columns, what they rest on, and the files of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import metrics, wording
from core.export import file_formats
from core.setups import LeaderboardSetup
from core.studies import leaderboard, pooled_figures
from core.ui.app import drawn, state
from core.ui.views.leaderboard import controls
from core.ui.views.leaderboard.leaderboard_view import LeaderboardView
from core.ui.widgets import figure_definitions, save_study
from core.wording import plural

text = wording.page("leaderboard")

_TIE_HELP = text("sentence.systems_share_letter")


def metric_keys(view: LeaderboardView) -> list[str]:
    """The keys of the metric columns chosen, the compared metric first; of judged results those that are defined."""
    result = view.result
    available = set(leaderboard.available(result))
    wanted = [result.metric, *(controls.at_k(name, view.setup.k) for name in view.setup.columns)]
    if result.judged:
        wanted = [result.metric, *pooled_figures.defined(wanted)]
    return [key for key in dict.fromkeys(wanted) if key in available]


def draw(view: LeaderboardView) -> None:
    """The table, which columns it has, the table as a file, and what the numbers rest on."""
    keys = metric_keys(view)
    frame, config = _shown_table(view, keys)
    drawn.table(
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
    with row.popover(text("label.columns"), icon=":material/view_column:"):
        _choose_columns()
    with row.popover(text("label.download"), icon=":material/download:"):
        _downloads(view, keys)
    figure_definitions.button(keys, (2, 7), row)
    _save_study(view, keys, row)
    evaluation = view.result.evaluations[0]
    st.caption(
        text(
            "sentence.table_judged" if view.result.judged else "sentence.table",  # of judged results more is not known
            count=f"{evaluation.n_valid:,}",
            queries=plural(evaluation.n_queries, "query"),
        ),
        help=text("help.table", caution=view.caution),
    )
    if view.result.resampled == "queries":  # what makes intervals too narrow is never behind a mark alone
        st.caption(view.caution)


def _save_study(view: LeaderboardView, keys: list[str], row: DeltaGenerator) -> None:
    """These systems, to be compared on other datasets too."""
    systems = [competitor.system for competitor in view.competitors.values()]
    specs = [
        dataclasses.replace(system.spec, name=view.competitors[system.name].title)
        for system in systems
        if system.spec is not None
    ]
    backbones = [system.name for system in systems if system.spec is None]
    save_study.popover(
        view.loaded.name, backbones, specs, keys=keys, key="leaderboard", by_query=view.setup.by_query, container=row
    )


def _shown_table(view: LeaderboardView, keys: list[str]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table as it is shown, and what Streamlit needs to know of each column."""
    result = view.result
    bounded = [key for key in keys if result.judged and key.startswith("p@")]  # their interval says how much is judged
    spread = keys if view.setup.spread else [result.metric, *bounded]
    with_ends = leaderboard.table(result, view.infos, keys)
    frame = leaderboard.table(result, view.infos, keys, ())
    order = ["system", "ties"]
    config = _fixed_columns(metrics.label(result.metric, result.judged))
    for key in keys:
        top = metrics.parse(key)[0].limits[1]
        label = metrics.label(key, result.judged)
        short = label.partition(" (")[0]  # the whole of it is the first line of the help
        config[key] = st.column_config.NumberColumn(
            short, help=f"{label}: {metrics.sentence(key)}", format="%.3f" if top == 1.0 else "%.2f"
        )
        order.append(key)
        if key in spread:
            name = f"{key} interval"
            ends = zip(with_ends[f"{key} low"], with_ends[f"{key} high"])
            frame[name] = [wording.interval(low, high) for low, high in ends]
            config[name] = st.column_config.TextColumn(
                "95 %" if view.setup.spread else text("column.interval"),
                help=text("help.bootstrap_interval_were", label=label, resampled=result.resampled),
            )
            order.append(name)
        if key == result.metric:
            order.append("relative")
    fusions = any(info.parts for info in view.infos.values())
    costs = ["ms", "MB", "measured"] if any(info.milliseconds is not None for info in view.infos.values()) else []
    order += ["dim", *costs, "kind", *(["made of"] if fusions else []), "licence"]
    return frame[order], config


def _fixed_columns(label: str) -> dict[str, Any]:
    """The columns that are no metric."""
    column = st.column_config
    return {
        "system": column.TextColumn(text("column.system"), width=150, pinned=True),
        "ties": column.TextColumn(text("column.ties"), help=_TIE_HELP, width=52),
        "relative": column.NumberColumn(
            text("column.best"), format="%.1f %%", help=text("help.percent_best_system", label=label)
        ),
        "kind": column.TextColumn(text("column.kind"), help=text("help.backbone_how_fusion")),
        "made of": column.TextColumn(text("column.made"), help=text("help.share_backbone_fusion")),
        "dim": column.NumberColumn(text("column.dim"), help=text("help.length_vector_stored")),
        "ms": column.NumberColumn(
            "ms",
            format="%.1f",
            help=text("help.one_image_file"),
        ),
        "MB": column.NumberColumn("MB", format="%.1f", help=text("help.weights_disk_fusion")),
        "measured": column.TextColumn(text("column.costs"), help=text("help.when_latency_size")),
        "licence": column.TextColumn(text("column.licence"), help=text("help.weights")),
    }


def _choose_columns() -> None:
    st.multiselect(
        text("label.metrics"),
        controls.column_options(),
        key=state.key(LeaderboardSetup, "columns"),
        format_func=metrics.label,
        help=text("help.stands_cut_off"),
    )
    st.toggle(text("label.intervals_all_columns"), key=state.key(LeaderboardSetup, "spread"))


def _downloads(view: LeaderboardView, keys: list[str]) -> None:
    """The table as CSV, Parquet and LaTeX."""
    frame = leaderboard.table(view.result, view.infos, keys)
    latex = file_formats.as_latex(view.result, view.infos, keys, view.loaded)
    for label, content, ending, kind in (
        ("CSV", file_formats.as_csv(frame), "csv", "text/csv"),
        (text("option.parquet"), file_formats.as_parquet(frame), "parquet", "application/octet-stream"),
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
    st.caption(text("sentence.columns_shown_interval"))
