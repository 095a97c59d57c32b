"""Which study: one of the list, a file, or a copy on other images and with other backbones."""

from __future__ import annotations

import dataclasses

import streamlit as st

from core import data, wording
from core.errors import CoreError
from core.setups import StudiesSetup
from core.studies.study import beside, stand_in, study_file, study_library, toml_lines
from core.studies.study.study_record import Study
from core.ui.app import cache, state, theme, visitors
from core.ui.views.studies import study_view

text = wording.page("studies")
_UPLOADED = "study uploaded"


def choose() -> Study | None:
    """The list, and below it what can be done with it; None where the study cannot be read, in a sentence."""
    names = study_library.readable()
    wanted = state.get(StudiesSetup, "study")
    if wanted not in names:
        if wanted:
            st.warning(theme.plain(text("sentence.unknown", name=repr(wanted[:60]))), icon=":material/info:")
        state.set_field(StudiesSetup, "study", cache.usual_study(names))
    name = st.selectbox(
        text("label.study"),
        names,
        key=state.key(StudiesSetup, "study"),
        format_func=_title,
        help=text("help.study"),
    )
    try:
        study = study_library.open_study(name)
    except CoreError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        study = None
    _more(name, study)
    if study is not None:
        _metric(study)
    return study


def _title(name: str) -> str:
    try:
        return study_library.open_study(name).title
    except CoreError:
        return name


def _metric(study: Study) -> None:
    """The metric of charts and tables; the first is the one that tests are in."""
    keys = study_view.metrics_of(study)
    if state.get(StudiesSetup, "metric") not in keys:
        state.set_field(StudiesSetup, "metric", keys[0])
    st.selectbox(
        text("label.metric"),
        keys,
        key=state.key(StudiesSetup, "metric"),
        format_func=beside.label,
        help=text("help.metric"),
    )


def _more(name: str, study: Study | None) -> None:
    """The file of the study or another one, and a copy."""
    row = st.container(horizontal=True, gap="small")
    with row.popover(text("button.text"), icon=":material/code:"):
        if visitors.offered("study.save"):
            _upload()
        if study is not None:
            _show_text(name)
    if study is not None:
        with row.popover(text("button.copy"), icon=":material/content_copy:"):
            _copy(study)


def _show_text(name: str) -> None:
    """The study as it stands in its file."""
    content = study_library.path_of(name).read_text(encoding="utf-8")
    st.code(content, language="toml", height=320)
    row = st.container(horizontal=True, gap="small")
    row.download_button(
        text("button.download_study"),
        content,
        f"{name}.toml",
        "application/toml",
        key="take study file",
        icon=":material/download:",
        on_click="ignore",
    )
    if study_library.is_mine(name):
        row.button(
            text("button.forget"),
            key="forget study",
            icon=":material/delete:",
            on_click=study_library.remove,
            args=(name,),
        )


def _upload() -> None:
    """A study file from this computer, saved as it is."""
    uploaded = st.file_uploader(text("label.file"), type="toml", key="study file")
    if uploaded is None or state.session_get(_UPLOADED) == uploaded.file_id:
        return
    try:
        content = toml_lines.decoded(uploaded.getvalue(), uploaded.name)
        name = study_library.save(study_file.parse(content, uploaded.name))
    except CoreError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        return
    state.session_set(_UPLOADED, uploaded.file_id)
    show(name)


def show(name: str) -> None:
    """Run the page again with another study: its list is drawn by now."""
    state.session_set("study shown next", name)
    st.rerun()


def follow() -> None:
    """Turn to the study that was saved in the last run."""
    name = state.session_take("study shown next", "")
    if name:
        state.set_field(StudiesSetup, "study", name)


def _copy(study: Study) -> None:
    """The same questions about other images and with other backbones."""
    st.caption(text("sentence.copy"))
    if not visitors.offered("study.save"):
        return
    datasets = st.multiselect(
        text("label.datasets"),
        data.names(),
        key="study copy datasets",
        placeholder=text("placeholder.datasets"),
    )
    names = st.multiselect(
        text("label.backbones"),
        stand_in.usable_here(study),
        key="study copy backbones",
        format_func=cache.backbone_title,
        placeholder=text("placeholder.backbones"),
    )
    if st.button(text("button.make_copy"), key="make copy", type="primary", disabled=not datasets and not names):
        try:
            made = stand_in.stand_in(study, datasets, names)
            title = text(
                "phrase.copy_title", title=study.title, datasets=", ".join(entry.name for entry in made.datasets)
            )
            name = study_library.save(dataclasses.replace(made, title=title))
        except CoreError as error:
            st.error(theme.plain(str(error)), icon=":material/error:")
            return
        show(name)
