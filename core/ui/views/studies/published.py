"""Published tables beside ours: never merged, and no colour says that one is better."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core import wording
from core.studies.study import beside
from core.studies.study.study_result import StudyResult
from core.ui.app import drawn, theme

text = wording.page("studies")


def draw(result: StudyResult) -> None:
    """Each table: as it was printed, ours, the difference, and why the two can differ."""
    for number, table in enumerate(result.study.published):
        st.subheader(theme.plain(text("heading.published", title=table.title)), anchor=False)
        st.caption(theme.plain(f"{table.source}. {table.why}".strip()))
        rows = [
            {
                "system": cell.system,
                "figure": cell.column,
                "published": beside.as_published(cell),
                "ours": beside.ours(cell),
                "difference": beside.difference(cell),
                "why": cell.why,
            }
            for cell in beside.cells(result, table)
        ]
        widths = {"system": 150, "figure": 130, "published": 105, "ours": 165, "difference": 85}
        config = {
            name: st.column_config.TextColumn(label, width=widths.get(name))
            for name, label in text.group("column.published").items()
        }
        drawn.table(
            pd.DataFrame(rows), hide_index=True, width="stretch", column_config=config, key=f"published {number}"
        )
        st.caption(f"{text('sentence.published')} {text('sentence.no_interval')}")
