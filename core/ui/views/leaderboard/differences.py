"""Every pair of systems: how far apart, and whether they can be told apart."""

from __future__ import annotations

import streamlit as st

from core import charts, metrics, wording
from core.export import file_formats
from core.metrics.significance import Difference
from core.studies import leaderboard
from core.ui.app import drawn
from core.ui.views.leaderboard.leaderboard_view import LeaderboardView
from core.ui.widgets import system_select
from core.wording import plural

text = wording.page("leaderboard")


def draw(view: LeaderboardView) -> None:
    """Every pair: a matrix, and the table behind it."""
    result, infos = view.result, view.infos
    names = leaderboard.order(result)
    if len(names) < 2:
        st.info(text("sentence.difference_needs_two"), icon=":material/info:")
        return
    titles = [infos[n].title for n in names]
    values, distinct, hover = [], [], []
    for a in names:
        pairs_of_row = [None if a == b else result.comparison.difference(a, b) for b in names]
        values.append([float("nan") if pair is None else pair.mean for pair in pairs_of_row])
        distinct.append([pair is not None and pair.differs for pair in pairs_of_row])
        hover.append(
            [
                "" if pair is None else _pair_hover(pair, infos[a].title, infos[b].title)
                for b, pair in zip(names, pairs_of_row)
            ]
        )
    drawn.chart(
        charts.differences_map(titles, values, distinct, hover, system_select.shades()),
        key="leaderboard differences",
        config=charts.download_config("differences"),
    )
    st.caption(
        text(
            "sentence.differences",
            metric=metrics.label(result.metric, result.judged),
            queries=plural(result.best.n_valid, "query"),
            pairs=plural(len(result.comparison.differences), "pair"),
        ),
        help=text("help.differences", caution=view.caution),
    )
    with st.expander(text("heading.all_pairs_table")):
        frame = leaderboard.differences(result, infos)
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
        drawn.table(frame, hide_index=True, width="stretch", column_config=numbers, placeholder="–")
        st.download_button(
            text("button.download_csv"),
            file_formats.as_csv(frame),
            f"{view.loaded.name}-pairs.csv",
            "text/csv",
            key="take pairs",
            on_click="ignore",
        )


def _pair_hover(pair: Difference, a: str, b: str) -> str:
    """All that is known about a pair, for the hover."""
    a, b = charts.plain_text(a), charts.plain_text(b)
    return text(
        "hover.less_br_mean",
        a=a,
        b=b,
        queries=plural(pair.n, "query"),
        mean=f"{pair.mean:+.4f}",
        low=f"{pair.low:+.4f}",
        high=f"{pair.high:+.4f}",
        resampled=pair.resampled,
        p=wording.p_value(pair.p),
        holm=pair.holm,
        wilcoxon=wording.p_value(pair.wilcoxon),
        d_z=f"{pair.d_z:.2f}",
        rank_biserial=f"{pair.rank_biserial:.2f}",
        wins=f"{pair.wins:,}",
        ties=f"{pair.ties:,}",
        queries_2=plural(pair.losses, "query"),
        conclusion=pair.conclusion,
    )
