"""Vectors that were computed elsewhere, from uploads or files of this machine, as backbones of a dataset."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import streamlit as st

from core import data
from core.data import vector_files
from core.errors import BadInput, CoreError
from core.setups import FrameSetup
from core.ui.app import cache, state, theme
from core.ui.views.datasets.common import select_dataset


def form() -> None:
    """Files and the dataset that they belong to; a new dataset takes labels too."""
    ready = cache.ready_datasets()
    st.caption(
        "Numbers that another program computed, one vector per image, become backbones like any other: "
        f"{', '.join(vector_files.VECTOR_ENDINGS)}, aligned by an id column or by row."
    )
    new = "a new dataset of vectors alone"
    left, right = st.columns([3, 4], gap="large")
    now = state.get(FrameSetup, "dataset")
    target = left.selectbox(
        "For", [*ready, new], index=ready.index(now) if now in ready else len(ready), key="vectors for"
    )
    files = right.file_uploader(
        "Vector files",
        accept_multiple_files=True,
        key="vector files",
        help="Each file's name names its vectors.",
        type=[ending[1:] for ending in vector_files.VECTOR_ENDINGS],
    )
    lines = right.text_area(
        "or files on this machine, one NAME=PATH a line",
        key="vector paths",
        placeholder="resnet=/data/resnet.npy",
        height=80,
    )
    name, labels, pairs, invalid = target, None, None, "refuse"
    if target == new:
        name = left.text_input("Name", key="vectors name", placeholder="my vectors").strip()
        labels = left.file_uploader(
            "Labels", type=["csv"], key="vector labels", help="id,label[,split]: a row per vector."
        )
        pairs = left.file_uploader("Pairs, if any", type=["csv"], key="vector pairs", help="query_id,item_id,kind")
        drop = left.toggle("Leave rows with NaN or infinity out", key="vector drop", help="Otherwise they are refused.")
        invalid = "drop" if drop else "refuse"
    if right.button("Attach", type="primary", disabled=not (files or lines.strip())):
        _attach(name, target == new, list(files or []), lines, labels, pairs, invalid)


def _attach(name: str, is_new: bool, files: list, lines: str, labels: Any, pairs: Any, invalid: str) -> None:
    """Attach vectors from uploads and paths: all of them, or one sentence and nothing."""
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            if is_new and name in data.names():
                raise BadInput(f"The name {name!r} is taken; choose another one.")
            vectors: dict[str, Any] = {Path(upload.name).stem: _kept(folder, upload) for upload in files} | _named(
                lines
            )
            extra: dict[str, Any] = (
                {"labels": _kept(folder, labels), "pairs": _kept(folder, pairs), "invalid": invalid} if is_new else {}
            )
            if is_new and labels is None:
                raise BadInput("A dataset of vectors needs a file of labels: a CSV with the columns id,label[,split].")
            data.add_vectors(name, vectors, tell=notes.append, **extra)
        except CoreError as error:
            st.error(theme.plain(str(error).replace(f"{folder}/", "")), icon=":material/error:")
            return
    st.success(f"{', '.join(map(theme.plain, vectors))} joined {theme.plain(name)}.", icon=":material/check_circle:")
    for sentence in notes:
        st.caption(f":material/manage_search: {theme.plain(sentence.replace(f'{folder}/', ''))}")
    st.button("Look at it", key="look at vectors", on_click=select_dataset, args=(name,))


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
            raise BadInput(f"Write one NAME=PATH a line, e.g. resnet=/data/resnet.npy; got {line[:60]!r}.")
        paths[name.strip()] = Path(path.strip())
    return paths
