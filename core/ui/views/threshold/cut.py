"""Where to cut: a slider, what it gives over all pairs, and one query's results painted by it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import charts, wording
from core.metrics import verification
from core.setups import ThresholdSetup
from core.studies import retrieval
from core.ui.app import cache, drawn, state
from core.ui.app.error_boundary import fragment
from core.ui.components import gallery
from core.ui.views.threshold import controls
from core.ui.views.threshold.threshold_view import ThresholdView
from core.ui.widgets import image_cards, result_cards, sidebar, system_select

text = wording.page("threshold")
MOST_ACCEPTED, MOST_MISSED, MOST_REFUSED = 48, 24, 12
_SLIDER = "threshold slider"


@fragment
def draw(view: ThresholdView) -> None:
    """The slider and what it gives; only this part runs when it moves."""
    state.read(ThresholdSetup, in_link=system_select.in_link(view.competitors, ThresholdSetup))  # the link follows
    low, high = view.ends
    cut = view.cut_of(state.get(ThresholdSetup, "cut"))  # the view is older where this part runs alone
    if high > low:
        state.set_widget(_SLIDER, cut)
        row = st.container(horizontal=True, vertical_alignment="bottom")
        row.slider(
            text("label.cut"),
            low,
            high,
            step=(high - low) / 400,
            format="%.4f",
            key=_SLIDER,
            help=text("help.cut"),
            on_change=_moved,
        )
        row.button(text("button.at_error"), key="cut at error", on_click=controls.follow_error)
    point = verification.at_threshold(view.verification.curve, cut)
    st.markdown(
        text(
            "sentence.cut",
            cut=f"**{wording.number(cut, 4)}**",
            recall=f"**{wording.percent(point.true_rate, 1)}**",
            precision=f"**{wording.percent(point.precision, 1)}**",
            false=f"{100 * point.false_rate:.3g} %",
        )
    )
    chart = charts.CutChart(view.verification.curve, cut, low, high, view.system.colour or charts.backbone_colour(0))
    drawn.chart(chart.figure(), key="cut", config=charts.download_config("threshold-cut"))
    _results(view, cut)


def _moved() -> None:
    state.set_field(ThresholdSetup, "cut", f"{state.widget(_SLIDER):.6g}")


# ---------------------------------------------------------------- one query


def _query_position(view: ThresholdView) -> int:
    """The query that is shown: the one of the link, else the first that has an answer."""
    wanted = state.get(ThresholdSetup, "query")
    ids = np.asarray(view.loaded.ids).astype(str)
    matches = np.flatnonzero(ids == wanted)
    if len(matches):
        return int(matches[0])
    valid = np.flatnonzero(cache.relevance_of(view.loaded).n_relevant > 0)
    return int(view.loaded.split.queries[valid[0]])


def _pick(name: str) -> None:
    state.set_field(ThresholdSetup, "query", name)


def _another(view: ThresholdView) -> None:
    valid = np.flatnonzero(cache.relevance_of(view.loaded).n_relevant > 0)
    drawn = np.random.default_rng().choice(valid)
    _pick(str(view.loaded.ids[view.loaded.split.queries[drawn]]))


def _results(view: ThresholdView, cut: float) -> None:
    """The query, and its list cut where the slider stands."""
    position, system = _query_position(view), view.system.system
    question = cache.image_query(view.loaded, tuple(sorted(system.backbones)), position)
    answer = retrieval.retrieve(question, question.system(system.name, system.spec))
    accepted = answer.order[answer.scores[answer.order] >= cut]
    rest = answer.order[answer.scores[answer.order] < cut]
    missed, refused = rest[answer.relevant[rest]], rest[~answer.relevant[rest]]
    left, right = st.columns([1.1, 5], gap="medium")
    with left:
        image_cards.ensure_thumbnails(view.loaded, [position])
        gallery.grid(
            [image_cards.card(view.loaded, position, frame="query")],
            key="threshold query",
            size=170,
            name=text("phrase.query"),
            pick="",
        )
        st.button(text("button.another"), key="threshold another", on_click=_another, args=(view,), width="stretch")
        st.caption(text("phrase.frames"))
    with right:
        right_count = int(answer.relevant[accepted].sum())
        st.markdown(f"**{text('heading.accepted', count=f'{len(accepted):,}', right=f'{right_count:,}')}**")
        if not len(accepted):
            st.caption(text("sentence.none_accepted"))
        _grid(view, answer, accepted[:MOST_ACCEPTED], "accepted", 104)
        if len(missed):
            st.markdown(f"**{text('heading.missed', count=f'{len(missed):,}')}**")
            _grid(view, answer, missed[:MOST_MISSED], "missed", 78)
        if len(refused):
            st.caption(text("heading.refused"))
            _grid(view, answer, refused[:MOST_REFUSED], "refused", 62)


def _grid(view: ThresholdView, answer: retrieval.QueryResult, items: np.ndarray, name: str, size: int) -> None:
    if len(items):
        cards = result_cards.result_cards(view.loaded, answer, items, sidebar.selection().colours)
        gallery.grid(cards, key=f"threshold {name}", size=size, on_pick=_pick, name=name, group="threshold")
