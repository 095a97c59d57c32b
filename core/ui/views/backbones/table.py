"""The table of backbones: what is shown of it, its columns, and which rows are ticked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from core import files, wording
from core.setups import BackbonesSetup
from core.studies import backbone_info
from core.studies.backbone_info import BackboneInfo
from core.ui.app import drawn, state
from core.ui.views.backbones import add_backbone

text = wording.page("backbones")


def filters(infos: Sequence[BackboneInfo]) -> BackbonesSetup:
    """What is shown of the table."""
    st.text_input(
        text("label.search"),
        placeholder=text("placeholder.search"),
        key=state.key(BackbonesSetup, "search"),
        icon=":material/search:",
    )
    families = list(dict.fromkeys(info.backbone.family for info in infos))
    chosen = tuple(family for family in state.get(BackbonesSetup, "families") if family in families)
    state.set_field(BackbonesSetup, "families", chosen)
    st.multiselect(
        text("label.family"),
        families,
        key=state.key(BackbonesSetup, "families"),
        placeholder=text("placeholder.all_families"),
    )
    st.selectbox(
        text("label.licence_weights"),
        list(backbone_info.LICENCES),
        format_func=backbone_info.LICENCES.__getitem__,
        key=state.key(BackbonesSetup, "licence"),
    )
    with st.container(horizontal=True, gap="small"):
        st.toggle(text("label.runs_now"), key=state.key(BackbonesSetup, "here"), help=text("help.here"))
        st.toggle(text("label.embedded"), key=state.key(BackbonesSetup, "embedded"), help=text("help.embedded"))
        st.toggle(text("label.reads_text"), key=state.key(BackbonesSetup, "reads_text"), help=text("help.reads_text"))
    add_backbone.forms()
    return state.read(BackbonesSetup)


def shown(infos: Sequence[BackboneInfo], setup: BackbonesSetup) -> list[BackboneInfo]:
    """The entries that pass the filters."""
    return backbone_info.fitting(
        infos,
        families=setup.families,
        licence=setup.licence,
        here=setup.here,
        text=setup.reads_text,
        embedded=setup.embedded,
        search=setup.search,
    )


def download(infos: Sequence[BackboneInfo]) -> None:
    """What is shown, as a file. It stands below the table: above it the table's own toolbar would lie over it."""
    st.download_button(
        text("button.download_csv"),
        files.csv_bytes(backbone_info.table(infos)),
        file_name="backbones.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        width="content",
        key="backbones csv",
        help=text("help.download"),
    )


def _picked(key: str, names: Sequence[str]) -> None:
    """A click on a cell opens the card of its row."""
    cells = state.widget(key)["selection"]["cells"]
    if cells and cells[0][0] < len(names):
        state.set_field(BackbonesSetup, "card", names[cells[0][0]])


def _columns(dataset: str, measured: bool) -> dict[str, Any]:
    """Column of `backbone_info.table` → how it looks; in the order in which they stand.

    What only the card and the file say is not among them.

    Args:
        measured: what one of the backbones costs here is known.
    """
    number = st.column_config.NumberColumn
    columns = {
        "backbone": st.column_config.TextColumn(text("column.backbone"), width=150, pinned=True),
        "family": st.column_config.TextColumn(text("column.family"), width=84),
        "here": st.column_config.CheckboxColumn(text("column.here"), width=44, help=text("help.runs_now")),
        "embedded": st.column_config.ProgressColumn(
            text("column.embedded"),
            min_value=0,
            max_value=1,
            format="percent",
            width=84,
            help=text("help.share", value=dataset or "the dataset"),
        ),
        "ms": number(
            "ms",
            format="%.1f",
            width=48,
            help=text("help.latency"),
        ),
        "dim": number("dim", format="localized", width=52, help=text("help.dim")),
        "MB": number("MB", format="%.0f", width=46, help=text("help.megabytes")),
        text("option.licence_weights"): st.column_config.TextColumn(
            text("column.licence"), width=92, help=text("help.licence")
        ),
        "input": number("input", format="%d px", width=60, help=text("help.input_size")),
        "reads text": st.column_config.CheckboxColumn(text("column.text"), width=42, help=text("help.reads_text")),
        "million parameters": number("M par.", format="%.1f", width=58, help=text("help.parameters")),
    }
    return {name: column for name, column in columns.items() if name != "ms" or measured}


def table(shown: Sequence[BackboneInfo], dataset: str) -> list[str]:
    """The table; returns the names of the rows that are ticked."""
    names = [info.name for info in shown]
    key = f"backbones table {hash(tuple(names))}"
    columns = _columns(dataset, any(info.cost for info in shown))
    order = [name for name in columns if name != "embedded" or dataset]
    selection = drawn.table(
        backbone_info.table(shown),
        hide_index=True,
        width="stretch",
        height=min(470, 38 + 35 * max(len(names), 1)),
        column_order=order,
        column_config=columns,
        key=key,
        on_select=partial(_picked, key, names),
        selection_mode=["multi-row", "single-cell"],
        placeholder="",
        alt=text("phrase.table_name"),
    )
    return [names[row] for row in selection["selection"]["rows"] if row < len(names)]
