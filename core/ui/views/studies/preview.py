"""A study that has not run: what is missing, how large, how long, and what it will show."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core import wording
from core.studies.study import beside
from core.studies.study.study_record import Published, Study
from core.ui.app import cache, drawn, theme
from core.ui.views.studies import tables
from core.ui.views.studies.study_view import StudyView

text = wording.page("studies")


def draw(view: StudyView) -> None:
    """The check, then the tables as they will stand, with what was published in its place."""
    tables.draw_check(view)
    study = view.study
    content = text("sentence.preview", metrics=", ".join(map(beside.label, study.metrics)))
    st.subheader(text("heading.preview"), anchor=False, help=content)
    names = [entry.name for entry in study.datasets]
    rows = [[_title(study, name), *("" for _ in names), "", "", ""] for name in study.systems]
    columns = [text("column.system"), *names, text("column.mean"), text("column.rank"), text("column.relative")]
    drawn.table(pd.DataFrame(rows, columns=columns), hide_index=True, width="stretch", key="study preview")
    for number, table in enumerate(study.published):
        _published(study, table, number)


def _title(study: Study, name: str) -> str:
    """What people call a system that nothing is known of yet."""
    return cache.backbone_title(name) if name in study.backbones and ":" not in name else name


def _published(study: Study, table: Published, number: int) -> None:
    """A table as it was printed; ours is empty yet."""
    source = theme.plain(f"{table.source}. {table.why}".strip())
    st.subheader(theme.plain(text("heading.published", title=table.title)), anchor=False, help=source)
    rows = [
        [row.system, *map(beside.shown, row.values), _title(study, row.ours) if row.ours else "–"] for row in table.rows
    ]
    columns = [text("column.system"), *(column.label for column in table.columns), text("column.beside")]
    drawn.table(
        pd.DataFrame(rows, columns=columns), hide_index=True, width="stretch", key=f"study published preview {number}"
    )
