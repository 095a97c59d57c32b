"""What was judged on a dataset: how far judges agree, on what they do not, and files in and out."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import streamlit as st

from core import access, data, wording
from core.judging.answers import Answer
from core.setups import JudgeSetup
from core.studies import judgements, pooled_figures
from core.studies.judging_lists import TEXT
from core.studies.judging_session import JudgingSession
from core.types import Dataset
from core.ui.app import drawn, state, theme, thumbnail_route, visitors
from core.ui.views.datasets import common
from core.wording import number, plural

text = wording.page("judge")
MOST_SHOWN = 100


def draw(loaded: Dataset, session: JudgingSession | None) -> None:
    """Folded: the truth that other pages use, agreement, disagreements, downloads, import.

    Args:
        session: the comparison of the page, whose lists are the pool; None where there is none.
    """
    answers = judgements.on_dataset(judgements.log().answers(), loaded)
    count = sum(not answer.again for answer in answers)
    with st.expander(f"{text('heading.keep')} ({count:,})", key="judgements", icon=":material/inventory_2:"):
        if answers or loaded.is_judged:
            _truth(loaded, answers, session)
        if not answers:
            st.caption(text("sentence.nothing_here"))
        else:
            _agreement(judgements.agreement([answer for answer in answers if not answer.again]))
            _labels(loaded, answers)
            with st.container(horizontal=True):
                for label, content, name in (
                    (text("button.qrels"), judgements.as_qrels, f"{loaded.name}.qrels"),
                    (text("button.pairs"), judgements.as_csv, f"{loaded.name}-judgements.csv"),
                ):
                    st.download_button(
                        label,
                        partial(content, loaded, answers),
                        name,
                        key=f"take {name}",
                        icon=":material/download:",
                        on_click="ignore",
                    )
        if visitors.offered("judgement.import"):
            _import(loaded)


def _truth(loaded: Dataset, answers: list[Answer], session: JudgingSession | None) -> None:
    """Whether every page evaluates by what was judged, and the way there and back."""
    relation = judgements.as_truth(loaded, answers)
    is_new = not loaded.is_judged or relation != judgements.used_as_truth(loaded)
    if loaded.is_judged:
        st.markdown(f"{pooled_figures.marking(loaded)} {text('sentence.in_use')}")
    else:
        st.markdown(text("sentence.may_be_used"))
    if not visitors.offered("dataset.change"):
        return
    with st.container(horizontal=True):
        if is_new and relation:
            count = judgements.pool_counts(session.lists, relation) if session is not None else (0, 0)
            k = session.lists.k if session is not None else 0
            st.button(
                text("button.update_truth" if loaded.is_judged else "button.use_truth"),
                key="use judgements",
                icon=":material/fact_check:",
                on_click=common.decide,
                args=(loaded.name, data.use_judgements, relation, count[1], k),
            )
        if loaded.is_judged:
            st.button(
                text("button.forget_truth"),
                key="forget judgements",
                icon=":material/undo:",
                on_click=common.decide,
                args=(loaded.name, data.use_judgements, None),
            )
    common.show_message()


def _labels(loaded: Dataset, answers: list[Answer]) -> None:
    """Results on which the judges and the labels disagree."""
    differing = judgements.against_labels(loaded, answers)
    if len(differing):
        st.markdown(text("sentence.labels", count=plural(len(differing), "result")))
        drawn.table(differing.head(MOST_SHOWN), hide_index=True, width="content")


def _agreement(agreed: judgements.Agreement) -> None:
    if not agreed.shared:
        return
    shared = plural(agreed.shared, "result")
    st.markdown(text("sentence.agreement", alpha=number(agreed.alpha, 2), count=shared))
    drawn.table(
        {
            text("column.judges"): [f"{first} – {second}" for first, second, _, _ in agreed.pairs],
            text("column.both"): [count for _, _, count, _ in agreed.pairs],
            text("column.agreement"): [number(kappa, 2) for _, _, _, kappa in agreed.pairs],
        },
        hide_index=True,
        width="content",
    )
    if not agreed.disagreements:
        return
    st.markdown(text("sentence.disagreements", count=plural(len(agreed.disagreements), "result")))
    shown = agreed.disagreements[:MOST_SHOWN]
    drawn.table(
        {
            text("column.query"): [_image(query) for query, _, _ in shown],
            text("column.image"): [_image(image) for _, image, _ in shown],
            text("column.verdict"): [_said(by_judge) for _, _, by_judge in shown],
        },
        column_config={name: st.column_config.ImageColumn() for name in (text("column.query"), text("column.image"))},
        hide_index=True,
        row_height=70,
    )


def _image(key: str) -> str:
    return key.removeprefix(TEXT) if key.startswith(TEXT) else thumbnail_route.url(key)


def _said(by_judge: dict[str, float]) -> str:
    words = {1.0: text("state.fits"), 0.0: text("state.fails")}
    return "; ".join(f"{judge}: {words.get(fits, text('state.unsure'))}" for judge, fits in by_judge.items())


def _import(loaded: Dataset) -> None:
    upload = st.file_uploader(text("label.import"), type=["csv", "qrels", "txt"], key="judgements file")
    if upload is None or not st.button(text("button.import"), key="import judgements", icon=":material/upload:"):
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(upload.name).name
        path.write_bytes(upload.getvalue())
        judge = access.current().name or state.get(JudgeSetup, "judge")
        new = judgements.keep_new(judgements.imported(loaded, path, judge), judgements.log())
    st.success(theme.plain(text("sentence.imported", count=plural(new, "answer"), judge=judge)))
