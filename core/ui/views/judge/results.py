"""With names: the verdict, every pair that was compared, and how steady the judge was."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core import wording
from core.judging.answers import relation
from core.studies import judged_precision, judgements, judging_sentences
from core.studies.judging_lists import TEXT
from core.studies.judging_session import JudgingSession
from core.ui.app import drawn, theme

text = wording.page("judge")


def draw(session: JudgingSession) -> None:
    """The verdict and what it rests on."""
    titles = session.lists.titles
    with st.container(key="answer judge"):
        st.markdown(theme.plain(judging_sentences.conclusion(session, titles)))
        more = [judging_sentences.hint(session), text("sentence.scope")]
        st.caption(theme.plain(" ".join(filter(None, more))))
    agreed, n_again = session.self_agreement()
    if n_again:
        st.markdown(text("sentence.agreed", agreed=agreed, asked=n_again))
    known = relation(session.log.answers())
    if session.way == "pairs":
        judged, pooled = judgements.pool_counts(session.lists, known)
        st.markdown(text("sentence.pooled", judged=f"{judged:,}", pooled=f"{pooled:,}", k=session.lists.k))
    if any(query.startswith(TEXT) for query in session.lists.queries[:1]) and session.n_clicks:
        st.markdown(text("sentence.texts_are_queries"))
    drawn.table(_table(session), hide_index=True, width="content")
    if session.way == "pairs" and session.n_clicks:
        drawn.table(_systems(session), hide_index=True, width="content")
        st.caption(text("sentence.bounds", k=session.lists.k))


def _systems(session: JudgingSession) -> pd.DataFrame:
    """A row per system: what fits of what only it returns, and between what its P@k lies."""
    made = judged_precision.of_systems(session)
    return pd.DataFrame(
        {
            text("column.system"): list(session.lists.titles),
            text("column.only"): [wording.figure(each.only, each.only_low, each.only_high) for each in made],
            text("phrase.pairs", k=session.lists.k): [wording.interval(each.low, each.high) for each in made],
            text("column.drawn"): [f"{each.answers:,}" for each in made],
        }
    )


def _table(session: JudgingSession) -> pd.DataFrame:
    """A row per pair that was compared, the better system first."""
    names, rows = session.lists.titles, []
    for first, second in session.elimination.comparisons:
        verdict = session.verdict(first, second)
        if verdict.difference < 0:
            first, second = second, first
            verdict = session.verdict(first, second)
        rows.append(
            {
                text("column.first"): names[first],
                text("column.second"): names[second],
                text("column.difference"): f"{wording.signed(verdict.difference, 3)} {judging_sentences.unit(session)}",
                text("column.interval"): wording.interval(verdict.low, verdict.high, 3, sign=True),
                text("column.answers"): f"{verdict.answers:,} / {verdict.total:,}",
                text("column.verdict"): text(f"state.{verdict.outcome}"),
            }
        )
    return pd.DataFrame(rows)
