"""The ways in: images on this machine, in any form that a reader knows, and vectors that were computed elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from core import backbones, data
from core.data import readers, table_files, vector_files
from core.data.natural_order import natural_key
from core.data.readers.columns import USUAL, guess_columns
from core.errors import BadInput, CoreError
from core.setups import FrameSetup
from core.ui.app import cache, jobs, state, theme
from core.ui.app.cached import cached
from core.ui.widgets import embedding_job
from core.wording import plural

_AT = "folder browsed"
_PATH = "add path"
_BY_ITSELF = ""
_TORCHVISION = "torchvision:"
_MOST_ENTRIES = 300


def forms(expanded: bool) -> None:
    """The two forms, folded away where datasets of one's own are there already."""
    with st.expander("Add a dataset", icon=":material/add_photo_alternate:", expanded=expanded):
        images_tab, numbers = st.tabs(["Images on this machine", "Vectors computed elsewhere"])
        with images_tab:
            _images()
        with numbers:
            _vectors()


def announce() -> None:
    """How far the reading is; when it is done, a way to what was read."""
    jobs.job_panel(embedding_job.JOB)
    job = jobs.find_mine(embedding_job.JOB)
    if job is None or job.state != "done" or job.result not in cache.ready_datasets():
        return
    loaded = cache.dataset(job.result)
    left, right = st.columns([5, 1.4], vertical_alignment="center")
    unread = len(loaded.quarantine)
    left.success(
        f"{theme.plain(loaded.name)} is here: {plural(len(loaded), 'image')}"
        + (f"; {plural(unread, 'file')} could not be read, see “Not read”." if unread else "."),
        icon=":material/check_circle:",
    )
    right.button("Look at it", on_click=show, args=(loaded.name,), type="primary", width="stretch")


def show(name: str) -> None:
    """Choose a dataset in the sidebar."""
    state.set_field(FrameSetup, "dataset", name)
    jobs.forget(embedding_job.JOB)


# ------------------------------------------------------------------------------------------- images


def _images() -> None:
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    path = left.text_input(
        "Folder or file",
        key=_PATH,
        placeholder="/home/me/images",
        help="A folder of images; a table (CSV, Parquet, JSONL) with a column of paths; COCO, VOC or WebDataset files; "
        "gnd_*.pkl; or torchvision:NAME where there is a network. Nothing is moved or copied.",
    ).strip()
    right.button("Browse", icon=":material/folder_open:", on_click=_start_browsing, args=(path,), width="stretch")
    if state.session_get(_AT):
        _browser()
    if not path:
        st.caption("Type a path or browse. One folder per class gives labels; a flat folder gives retrieval and maps.")
        return
    try:
        reader, options = _how(path)
    except CoreError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        return
    left, middle, right = st.columns([2, 4, 1.2], vertical_alignment="bottom")
    name = left.text_input("Name", key="add name", placeholder="the folder's own", help="As you will find it again.")
    usable = _usable()
    wanted = [backbone for backbone in state.get(FrameSetup, "backbones") if backbone in usable]
    chosen = middle.multiselect(
        "Embed with",
        usable,
        default=wanted,
        key="add backbones",
        format_func=cache.backbone_title,
        placeholder="nothing for now",
        help="Computed as soon as the files are listed; more can be added later.",
    )
    if right.button("Add", type="primary", width="stretch", **jobs.waits()):
        start(path, name.strip(), reader, options, tuple(chosen))


@cached(ttl=60)
def _usable() -> list[str]:
    """Backbones that can be computed here and now."""
    return [name for name in backbones.names() if backbones.available(backbones.get(name))[0]]


def _how(path: str) -> tuple[str | None, dict[str, Any]]:
    """Which reader fits, what it sees at a glance, and its options; all can be set by hand."""
    if path.startswith(_TORCHVISION):
        st.info(
            f"{theme.plain(path.partition(':')[2])} of torchvision: fetched once, then read.",
            icon=":material/cloud_download:",
        )
        return None, {}
    source = Path(path).expanduser()
    names = [name for name in readers.known() if name != "torchvision"]
    by_hand = state.widget(f"add reader {path}") or _BY_ITSELF
    reader = readers.choose(source, by_hand or None)
    with st.container(border=True):
        left, right = st.columns([5, 3], vertical_alignment="center")
        left.markdown(f":material/check: **{theme.plain(reader.label)}**")
        right.selectbox(
            "Read as",
            [_BY_ITSELF, *names],
            key=f"add reader {path}",
            label_visibility="collapsed",
            format_func=lambda n: f"as: {readers.READERS.get(n).label}" if n else "the reader is found by itself",
        )
        options = _options(reader, source)
        left.caption(theme.plain(_glance(str(source), _mtime(source), reader.name, options.get("columns"))))
    return reader.name, options


def _mtime(source: Path) -> int:
    try:
        return source.stat().st_mtime_ns
    except OSError:
        return 0


@cached(max_entries=16)
def _glance(path: str, mtime: int, reader: str, columns: Mapping[str, str] | None) -> str:
    return readers.preview(Path(path), readers.READERS.get(reader), dict(columns) if columns else None)


def _options(reader: readers.Reader, source: Path) -> dict[str, Any]:
    """A widget for each option of a reader; those that are left alone are not passed on."""
    if not reader.options:
        return {}
    options: dict[str, Any] = {}
    with st.expander("Options", icon=":material/tune:"):
        for name, words in reader.options.items():
            kind, key = readers.option_kind(reader, name), f"add option {reader.name} {name}"
            label = words.partition(":")[0].partition(";")[0].rstrip(".")
            label = label[:1].upper() + label[1:]
            if kind == "mapping":
                value: Any = _mapping(source, words)
            elif kind == "whole":
                value = st.selectbox(label, [None, 0, 1, 2, 3, 4, 5], key=key, help=words, format_func=_level)
            elif kind == "flag":
                usual = bool(readers.option_default(reader, name))
                value = st.toggle(label, value=usual, key=key, help=words)
                value = None if value == usual else value
            elif kind == "number":
                start = float(readers.option_default(reader, name))
                value = st.number_input(label, 0.0, 10.0, start, 0.05, key=key, help=words)
                value = None if value == start else value
            elif name in reader.choices:
                choices = reader.choices[name]
                value = st.selectbox(label, choices, key=key, help=words)
                value = None if value == choices[0] else value
            else:
                value = st.text_input(label, key=key, help=words).strip() or None
            if value is not None:
                options[name] = value
    return options


def _level(level: int | None) -> str:
    return (
        "found by itself" if level is None else "no labels" if level == 0 else f"folder level {level} names the class"
    )


def _mapping(source: Path, words: str) -> dict[str, str] | None:
    """Which of the table's columns is which of ours; only what differs from the guess is passed on."""
    theirs = [str(name) for name in table_files.read_table(source).columns]
    guessed = guess_columns(theirs)
    st.caption(words)
    mapping: dict[str, str] = {}
    columns = st.columns(4)
    for number, ours in enumerate(USUAL):
        usual = guessed.get(ours, "")
        chosen = columns[number % 4].selectbox(
            ours,
            ["", *theirs],
            index=1 + theirs.index(usual) if usual else 0,
            key=f"add column {source} {ours}",
            format_func=lambda name: name or "none",
        )
        if chosen != usual:
            mapping[ours] = chosen
    return mapping or None


def start(path: str, name: str, reader: str | None, options: dict[str, Any], chosen: tuple[str, ...]) -> None:
    """Read a path in the background, then embed it; the count grows in the page."""

    def work(job: jobs.BackgroundJob) -> str:
        loaded = data.load(path, name=name or None, reader=reader, task=job.task, **options)
        job.changed()
        embedding_job.embed(loaded, chosen, job)
        return loaded.name

    jobs.start(embedding_job.JOB, f"Adding {name or Path(path).name or path}", work)
    st.rerun()


# ------------------------------------------------------------------------------------------- folders of this machine


def _start_browsing(path: str) -> None:
    folder = Path(path).expanduser() if path else Path.home()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    state.session_set(_AT, str(folder))


def _stop_browsing() -> None:
    state.session_set(_AT, "")


def _enter(folder: str) -> None:
    state.session_set(_AT, folder)


def _take(path: str) -> None:
    state.set_widget(_PATH, path)
    _stop_browsing()


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Folders, and files that a reader may know, in sorted order."""
    endings = (*table_files.TABLE_ENDINGS, ".json", ".pkl", ".pickle", ".tar")
    try:
        entries = sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=lambda p: natural_key(p.name))
        return [p for p in entries if p.is_dir()], [
            p for p in entries if p.name.lower().endswith(endings) and p.is_file()
        ]
    except OSError as error:
        raise BadInput(f"{folder} cannot be opened: {error.strerror or error}.") from error


@st.dialog("Choose a folder or file", width="medium", icon=":material/folder_open:", on_dismiss=_stop_browsing)
def _browser() -> None:
    if not state.session_get(_AT):  # something was chosen in here
        st.rerun()
    folder = Path(state.session_get(_AT))
    left, right = st.columns([5, 2], vertical_alignment="center")
    left.markdown(f"**{theme.plain(str(folder))}**")
    right.button("Use this folder", type="primary", on_click=_take, args=(str(folder),), width="stretch")
    try:
        folders, files = _entries(folder)
    except CoreError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        folders, files = [], []
    with st.container(height=420, border=False):
        if folder != folder.parent:
            st.button(
                "one folder up",
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
            st.caption("There is no folder in here; use this one, or go up.")
        elif max(len(folders), len(files)) > _MOST_ENTRIES:
            st.caption(f"The first {_MOST_ENTRIES} are shown; type the path of another one.")


# ------------------------------------------------------------------------------------------- vectors


def _vectors() -> None:
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
    st.button("Look at it", key="look at vectors", on_click=show, args=(name,))


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
