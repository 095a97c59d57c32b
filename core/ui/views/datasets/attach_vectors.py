"""Vectors that were computed elsewhere, from uploads or files of this machine, as backbones of a dataset."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import streamlit as st

from core import data, wording
from core.access import reach
from core.data import vector_files
from core.errors import BadInput, CoreError
from core.setups import FrameSetup
from core.ui.app import cache, state, theme
from core.ui.views.datasets.common import select_dataset
from core.ui.widgets import sidebar

text = wording.page("datasets")
_JOINED = "vectors joined"


def form() -> None:
    """Files and the dataset that they belong to; a new dataset takes labels too."""
    ready = cache.ready_datasets()
    st.caption(text("sentence.vectors_how", vector_endings=", ".join(vector_files.VECTOR_ENDINGS)))
    new = text("option.new_vectors")
    left, right = st.columns([3, 4], gap="large")
    now = state.get(FrameSetup, "dataset")
    target = left.selectbox(
        text("label.for"),
        [new, *ready],
        index=1 + ready.index(now) if now in ready and now not in data.DATASETS else 0,
        key="vectors for",
    )
    files = right.file_uploader(
        text("label.vector_files"),
        accept_multiple_files=True,
        key="vector files",
        help=text("help.vector_files"),
        type=[ending[1:] for ending in vector_files.VECTOR_ENDINGS],
    )
    lines = right.text_area(
        text("label.vector_paths"),
        key="vector paths",
        placeholder=text("placeholder.vector_paths"),
        height=80,
    )
    name, labels, pairs, invalid = target, None, None, "refuse"
    if target == new:
        name = left.text_input(
            text("label.name"), key="vectors name", placeholder=text("placeholder.my_vectors")
        ).strip()
        labels = left.file_uploader(
            text("label.labels"), type=["csv"], key="vector labels", help=text("help.labels_file")
        )
        pairs = left.file_uploader(text("label.pairs"), type=["csv"], key="vector pairs", help=text("help.pairs"))
        drop = left.toggle(text("label.drop_nan"), key="vector drop", help=text("help.drop_nan"))
        invalid = "drop" if drop else "refuse"
    if right.button(text("button.attach"), type="primary", disabled=not (files or lines.strip())):
        if target == new and not name and files:
            name = Path(files[0].name).stem
        _attach(name, target == new, list(files or []), lines, labels, pairs, invalid)


def _attach(name: str, is_new: bool, files: list, lines: str, labels: Any, pairs: Any, invalid: str) -> None:
    """Attach vectors from uploads and paths: all of them, or one sentence and nothing."""
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            if is_new and name in data.names():
                raise BadInput(text("error.name_taken", name=repr(name)))
            vectors: dict[str, Any] = {Path(upload.name).stem: _kept(folder, upload) for upload in files} | _named(
                lines
            )
            extra: dict[str, Any] = (
                {"labels": _kept(folder, labels), "pairs": _kept(folder, pairs), "invalid": invalid} if is_new else {}
            )
            if is_new and labels is None:
                raise BadInput(text("error.labels_file"))
            data.add_vectors(name, vectors, tell=notes.append, **extra)
        except CoreError as error:
            st.error(theme.plain(str(error).replace(f"{folder}/", "")), icon=":material/error:")
            return
    sentence = text("sentence.joined", vectors=", ".join(map(theme.plain, vectors)), name=theme.plain(name))
    state.session_set(_JOINED, [sentence, *(theme.plain(note.replace(f"{folder}/", "")) for note in notes)])
    if is_new:
        sidebar.show_next(name)
    show_joined()
    st.button(text("button.look"), key="look at vectors", on_click=select_dataset, args=(name,))


def show_joined() -> None:
    """Which vectors joined which dataset, and what is to be known of them, once."""
    for number, sentence in enumerate(state.session_take(_JOINED, ())):
        if number:
            st.caption(f":material/manage_search: {sentence}")
        else:
            st.success(sentence, icon=":material/check_circle:")


def _kept(folder: str, upload: Any) -> Path | None:
    if upload is None:
        return None
    path = Path(folder) / Path(upload.name).name
    path.write_bytes(upload.getvalue())
    return path


def _named(lines: str) -> dict[str, Path]:
    paths = {}
    for line in filter(None, map(str.strip, lines.splitlines())):
        name, equals, path = line.partition("=")
        if not equals or not name.strip() or not path.strip():
            raise BadInput(text("error.vector_paths", line=repr(line[:60])))
        paths[name.strip()] = reach.require(path.strip())
    return paths
