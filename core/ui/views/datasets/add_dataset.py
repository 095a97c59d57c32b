"""The ways in: images on this machine, in any form that a reader knows, and vectors that were computed elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from core import backbones, data, wording
from core.data import readers, remote_sources, table_files
from core.data.readers.columns import USUAL, guess_columns
from core.errors import CoreError
from core.setups import FrameSetup
from core.ui.app import cache, jobs, state, theme, visitors
from core.ui.app.cached import cached
from core.ui.views.datasets import attach_vectors, folder_browser
from core.ui.views.datasets.common import select_dataset
from core.ui.widgets import embedding_job
from core.wording import plural

text = wording.page("datasets")

_BY_ITSELF = ""
_TORCHVISION = "torchvision:"


def forms(expanded: bool) -> None:
    """The two forms, folded away where datasets of one's own are there already."""
    with st.expander(text("heading.add_dataset"), icon=":material/add_photo_alternate:", expanded=expanded):
        if not visitors.offered("dataset.add"):
            return
        images_tab, numbers = st.tabs([text("label.images_machine"), text("label.vectors_computed_elsewhere")])
        with images_tab:
            _images()
        with numbers:
            attach_vectors.form()


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
        text("sentence.is_here", name=theme.plain(loaded.name), images=plural(len(loaded), "image"))
        + (text("sentence.could_not_read", files=plural(unread, "file")) if unread else "."),
        icon=":material/check_circle:",
    )
    right.button(text("button.look"), on_click=select_dataset, args=(loaded.name,), type="primary", width="stretch")


def _images() -> None:
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    path = left.text_input(
        text("label.folder_file"),
        key=folder_browser.PATH_KEY,
        placeholder=text("placeholder.path"),
        help=text("help.path", kinds=_kinds()),
    ).strip()
    right.button(
        text("button.browse"),
        icon=":material/folder_open:",
        on_click=folder_browser.start,
        args=(path,),
        width="stretch",
    )
    if folder_browser.is_open():
        folder_browser.dialog()
    if not path:
        st.caption(text("sentence.path_how"))
        return
    try:
        reader, options = _how(path)
    except CoreError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        return
    left, middle, right = st.columns([2, 4, 1.2], vertical_alignment="bottom")
    name = left.text_input(
        text("label.name"), key="add name", placeholder=text("placeholder.folder_own"), help=text("help.name")
    )
    usable = _usable()
    wanted = [backbone for backbone in state.get(FrameSetup, "backbones") if backbone in usable]
    chosen = middle.multiselect(
        text("label.embed"),
        usable,
        default=wanted,
        key="add backbones",
        format_func=cache.backbone_title,
        placeholder=text("placeholder.nothing_now"),
        help=text("help.embed_with"),
    )
    if right.button(text("button.add"), type="primary", width="stretch", **jobs.waits(beside_unasked=True)):
        start(path, name.strip(), reader, options, tuple(chosen))


def _kinds() -> str:
    """What is read, by the readers' own words."""
    known = (readers.READERS.get(name) for name in readers.known() if name != "torchvision")
    return "; ".join(reader.label for reader in known)


@cached(ttl=60)
def _usable() -> list[str]:
    """Backbones that can be computed here and now."""
    return [name for name in backbones.names() if backbones.available(backbones.get(name))[0]]


def _how(path: str) -> tuple[str | None, dict[str, Any]]:
    """Which reader fits, what it sees at a glance, and its options; all can be set by hand."""
    if path.startswith(_TORCHVISION):
        st.info(
            text("sentence.torchvision_fetch", partition=theme.plain(path.partition(":")[2])),
            icon=":material/cloud_download:",
        )
        return None, {}
    source = _located(path)
    names = [name for name in readers.known() if name != "torchvision"]
    by_hand = state.widget(f"add reader {path}") or _BY_ITSELF
    reader = readers.choose(source, by_hand or None)
    with st.container(border=True):
        left, right = st.columns([5, 3], vertical_alignment="center")
        left.markdown(f":material/check: **{theme.plain(reader.label)}**")
        right.selectbox(
            text("label.read"),
            [_BY_ITSELF, *names],
            key=f"add reader {path}",
            label_visibility="collapsed",
            format_func=lambda n: f"as: {readers.READERS.get(n).label}" if n else text("option.reader_automatic"),
        )
        options = _options(reader, source)
        left.caption(theme.plain(_glance(str(source), _mtime(source), reader.name, options.get("columns"))))
    return reader.name, options


@cached(ttl=60)
def _located(path: str) -> Path:
    """Where a source is read on this machine; an address is listed once a minute."""
    with st.spinner(text("sentence.looking_address"), show_time=True):
        return remote_sources.located(path)


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
    with st.expander(text("heading.options"), icon=":material/tune:"):
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
        """Reads the dataset; its name is the job's result."""
        loaded = data.load(path, name=name or None, reader=reader, task=job.task, **options)
        job.result = loaded.name
        job.changed()
        embedding_job.embed(loaded, chosen, job)
        return loaded.name

    jobs.start(
        embedding_job.JOB, text("option.adding", value=name or Path(path).name or path), work, action="dataset.add"
    )
    st.rerun()
