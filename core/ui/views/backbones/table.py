"""The table of backbones: what is shown of it, its columns, and which rows are ticked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from core import files
from core.setups import BackbonesSetup
from core.studies import backbone_info
from core.studies.backbone_info import BackboneInfo
from core.ui.app import state
from core.ui.views.backbones import add_backbone


def filters(infos: Sequence[BackboneInfo]) -> BackbonesSetup:
    """What is shown of the table."""
    with st.container(key="backbones-wrap-filters"):
        search, family, licence, add = st.columns([4, 4, 3, 2], vertical_alignment="bottom")
    with search:
        st.text_input(
            "Search",
            placeholder="name, training data …",
            key=state.key(BackbonesSetup, "search"),
            icon=":material/search:",
        )
    with family:
        families = list(dict.fromkeys(info.backbone.family for info in infos))
        chosen = tuple(family for family in state.get(BackbonesSetup, "families") if family in families)
        state.set_field(BackbonesSetup, "families", chosen)
        st.multiselect("Family", families, key=state.key(BackbonesSetup, "families"), placeholder="all families")
    with licence:
        st.selectbox(
            "Licence of the weights",
            list(backbone_info.LICENCES),
            format_func=backbone_info.LICENCES.__getitem__,
            key=state.key(BackbonesSetup, "licence"),
        )
    with add:
        add_backbone.forms()
    with st.container(horizontal=True, gap="medium"):
        st.toggle("runs here now", key=state.key(BackbonesSetup, "here"), help="Its weights are on this machine.")
        st.toggle("reads text", key=state.key(BackbonesSetup, "reads_text"), help="Images can be searched with texts.")
        st.toggle("embedded", key=state.key(BackbonesSetup, "embedded"), help="At least one image of this dataset.")
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
        "Download CSV",
        files.csv_bytes(backbone_info.table(infos)),
        file_name="backbones.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        width="content",
        key="backbones csv",
        help="What is shown, with every column.",
    )


def _picked(key: str, names: Sequence[str]) -> None:
    """A click on a cell opens the card of its row."""
    cells = state.widget(key)["selection"]["cells"]
    if cells and cells[0][0] < len(names):
        state.set_field(BackbonesSetup, "card", names[cells[0][0]])


def _columns(dataset: str) -> dict[str, Any]:
    """Column of `backbone_info.table` → how it looks; in the order in which they stand."""
    number = st.column_config.NumberColumn
    return {
        "backbone": st.column_config.TextColumn("backbone", width=156, pinned=True),
        "family": st.column_config.TextColumn("family", width=106),
        "licence of the weights": st.column_config.TextColumn(
            "licence", width=90, help="Of the weights; the card says what it means."
        ),
        "reads text": st.column_config.CheckboxColumn("text", width=46, help="Images can be searched with texts."),
        "here": st.column_config.CheckboxColumn("runs here", width=70, help="Its weights are on this machine."),
        "embedded": st.column_config.ProgressColumn(
            "embedded",
            min_value=0,
            max_value=1,
            format="percent",
            width=90,
            help=f"Share of {dataset or 'the dataset'}.",
        ),
        "ms": number(
            "ms here",
            format="%.1f",
            width=64,
            help="Milliseconds of one image, file to vector, measured on this machine. Empty: not measured.",
        ),
        "measured": st.column_config.TextColumn("measured", width=92),
        "dim": number("dim", format="localized", width=54, help="Numbers in a vector."),
        "input": number("input", format="%d px", width=64, help="Side of the square that it sees."),
        "million parameters": number(
            "M par.", format="%.1f", width=58, help="Million parameters of what runs for an image."
        ),
        "MB": number("MB", format="%.0f", width=52, help="Weights on disk; about, where they are not here."),
    }


def table(shown: Sequence[BackboneInfo], dataset: str) -> list[str]:
    """The table; returns the names of the rows that are ticked."""
    names = [info.name for info in shown]
    key = f"backbones table {hash(tuple(names))}"
    columns = _columns(dataset)
    order = [name for name in columns if name != "embedded" or dataset]
    selection = st.dataframe(
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
        alt="The backbones with their size, cost and licence",
    )
    return [names[row] for row in selection["selection"]["rows"] if row < len(names)]
