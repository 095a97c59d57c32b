"""Words about a collection, its name, a new look at its source, and its end."""

from __future__ import annotations

import streamlit as st

from core import access, data, wording
from core.errors import CoreError, StoreMismatch
from core.setups import FrameSetup
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme, visitors
from core.ui.views.datasets.common import MESSAGE, beside
from core.ui.widgets import embedding_job
from core.wording import plural

text = wording.page("datasets")
access_text = wording.page("access")


def manage(loaded: Dataset) -> None:
    """Words about a dataset, its name, a new look at its source, and its end."""
    if not visitors.offered("dataset.change"):
        return
    left, right = beside("manage", [3, 2], gap="large")
    built_in = loaded.name in data.DATASETS
    with left, st.form("describe", border=True):
        st.markdown(text("phrase.about_dataset"))
        licence = st.text_input(
            text("label.licence"), loaded.licence, key=f"licence {loaded.name}", help=text("help.licence")
        )
        reference = st.text_input(
            text("label.reference"), loaded.reference, key=f"reference {loaded.name}", help=text("help.reference")
        )
        notes = st.text_area(text("label.notes"), loaded.notes, key=f"notes {loaded.name}", height=120)
        if st.form_submit_button(text("button.save")):
            data.describe(loaded.name, licence=licence.strip(), reference=reference.strip(), notes=notes.strip())
            st.rerun()
    with right:
        with st.container(border=True):
            st.markdown(text("phrase.rescan"))
            st.caption(text("sentence.rescan_means"))
            st.button(
                text("button.re_scan"),
                icon=":material/sync:",
                on_click=_rescan,
                args=(loaded.name,),
                width="stretch",
                **jobs.waits(),
            )
        if access.settings().mode != "local" and not built_in:
            _private(loaded.name)
        with st.container(border=True):
            st.markdown(text("phrase.name"))
            if built_in:
                st.caption(text("sentence.keeps_name"))
            else:
                new = st.text_input(
                    text("label.new_name"), loaded.name, key=f"rename {loaded.name}", label_visibility="collapsed"
                )
                st.button(
                    text("button.rename"),
                    on_click=_rename,
                    args=(loaded.name, new.strip()),
                    disabled=new.strip() == loaded.name,
                    width="stretch",
                )
        with st.container(border=True):
            st.markdown(text("phrase.remove"))
            st.caption(text("sentence.removal_means"))
            if visitors.offered("dataset.remove") and st.button(
                text("button.ask_remove"), icon=":material/delete:", width="stretch"
            ):
                ask_to_remove(loaded.name, len(loaded), built_in)
    attached(loaded)


def _private(name: str) -> None:
    """Who sees it, on a server that several people reach."""
    if visitors.offered("dataset.private"):
        key = f"private {name}"
        state.set_widget(key, data.is_private(name))
        st.toggle(
            access_text("label.private"),
            key=key,
            help=access_text("help.private"),
            on_change=lambda: data.set_private(name, bool(state.widget(key))),
        )


def attached(loaded: Dataset) -> None:
    """Vectors that came from files, each with a way to take it off."""
    names = data.attached_vectors.names(loaded)
    if not names:
        return
    st.markdown(text("phrase.vectors_computed_elsewhere"))
    for name in names:
        left, right = st.columns([6, 1], vertical_alignment="center")
        left.markdown(f"**{theme.plain(name)}** · {_have(loaded, name)}")
        right.button(
            text("button.take_off"), key=f"detach {name}", on_click=_detach, args=(loaded.name, name), width="stretch"
        )


def _have(loaded: Dataset, name: str) -> str:
    """What vectors of that name hold; damaged ones can be taken off too."""
    try:
        backbone = data.attached_vectors.find(loaded, name)
        count, dim = data.attached_vectors.present(loaded, name) or (0, backbone.dim if backbone else 0)
    except StoreMismatch:
        return text("phrase.vectors_damaged")
    return f"{dim:,} numbers each · " + (
        f"{count:,} of {plural(len(loaded), 'image')}" if count < len(loaded) else "all images"
    )


def _detach(name: str, vectors: str) -> None:
    data.attached_vectors.detach(name, vectors)


def _rescan(name: str) -> None:
    def work(job: jobs.BackgroundJob) -> str:
        return data.rescan(name, task=job.task).name

    jobs.start(embedding_job.JOB, text("option.looking_again", name=name), work, action="dataset.change")


def _rename(name: str, new: str) -> None:
    try:
        data.rename(name, new)
        state.set_field(FrameSetup, "dataset", new)
    except CoreError as error:
        state.session_set(MESSAGE, str(error))


@st.dialog(text("heading.remove_dataset"), icon=":material/delete:")
def ask_to_remove(name: str, n_images: int, built_in: bool) -> None:
    """The question before a dataset goes."""
    st.markdown(text("sentence.will_be_removed", name=theme.plain(name), images=plural(n_images, "image")))
    st.caption(text("sentence.removal_keeps") + (" " + text("sentence.can_be_rebuilt") if built_in else ""))
    left, right = st.columns(2)
    if left.button(text("button.keep"), width="stretch"):
        st.rerun()
    if right.button(text("button.remove"), type="primary", width="stretch", on_click=_remove, args=(name,)):
        st.rerun()


def _remove(name: str) -> None:
    try:
        data.remove(name)
    except CoreError as error:
        state.session_set(MESSAGE, str(error))
        return
    left = cache.ready_datasets()
    state.set_field(FrameSetup, "dataset", left[0] if left else FrameSetup.dataset)
