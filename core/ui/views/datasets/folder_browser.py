"""Folders of this machine, to choose a source from without typing its path."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core import access, wording
from core.access import reach
from core.data import table_files
from core.data.natural_order import natural_key
from core.errors import BadInput, CoreError
from core.ui.app import state, theme

text = wording.page("datasets")

BROWSED = "folder browsed"
PATH_KEY = "add path"
_MOST_ENTRIES = 300


def is_open() -> bool:
    """Whether somebody is choosing."""
    return bool(state.session_get(BROWSED))


def start(path: str) -> None:
    """Open the dialog at a path, or at the nearest folder above it that is there."""
    access.require("path.browse")
    roots = access.settings().roots
    folder = Path(path).expanduser() if path else Path.home()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    if roots and not reach.allowed(folder):
        folder = roots[0]
    state.session_set(BROWSED, str(folder))


def _stop_browsing() -> None:
    state.session_set(BROWSED, "")


def _enter(folder: str) -> None:
    state.session_set(BROWSED, folder)


def _take(path: str) -> None:
    state.set_widget(PATH_KEY, path)
    _stop_browsing()


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Folders, and files that a reader may know, in sorted order."""
    endings = (*table_files.TABLE_ENDINGS, ".json", ".pkl", ".pickle", ".tar", ".yaml", ".yml")
    try:
        reach.require(folder)
        entries = sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=lambda p: natural_key(p.name))
        entries = [p for p in entries if not p.is_symlink() or reach.allowed(p)]
        return [p for p in entries if p.is_dir()], [
            p for p in entries if p.name.lower().endswith(endings) and p.is_file()
        ]
    except OSError as error:
        raise BadInput(text("error.folder", folder=folder, value=error.strerror or error)) from error


@st.dialog(text("heading.choose_folder_file"), width="medium", icon=":material/folder_open:", on_dismiss=_stop_browsing)
def dialog() -> None:
    """Folders and files of this machine, one folder at a time."""
    access.require("path.browse")
    if not state.session_get(BROWSED):  # something was chosen in here
        st.rerun()
    folder = Path(state.session_get(BROWSED))
    left, right = st.columns([5, 2], vertical_alignment="center")
    left.markdown(f"**{theme.plain(str(folder))}**")
    right.button(text("button.use_folder"), type="primary", on_click=_take, args=(str(folder),), width="stretch")
    try:
        folders, files = _entries(folder)
    except CoreError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        folders, files = [], []
    with st.container(height=420, border=False):
        if folder != folder.parent:
            st.button(
                text("button.one_folder_up"),
                icon=":material/arrow_upward:",
                type="tertiary",
                on_click=_enter,
                args=(str(folder.parent),),
            )
        for entry in folders[:_MOST_ENTRIES]:
            st.button(
                theme.plain(entry.name),
                icon=":material/folder:",
                type="tertiary",
                key=f"enter {entry}",
                on_click=_enter,
                args=(str(entry),),
            )
        for entry in files[:_MOST_ENTRIES]:
            st.button(
                theme.plain(entry.name),
                icon=":material/description:",
                type="tertiary",
                key=f"take {entry}",
                on_click=_take,
                args=(str(entry),),
            )
        if not folders and not files:
            st.caption(text("sentence.no_folder_here"))
        elif max(len(folders), len(files)) > _MOST_ENTRIES:
            st.caption(text("sentence.first_folders", most_entries=_MOST_ENTRIES))
