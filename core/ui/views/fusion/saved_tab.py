"""Fusions as files: save, load, export and import."""

from __future__ import annotations

import dataclasses

import streamlit as st

from core import access, wording
from core.errors import BadInput
from core.fusion import FusionSpec, spec_checks, store
from core.fusion import spec as fusion_files
from core.setups import FusionSetup
from core.types import Dataset
from core.ui.app import cache, state, theme, visitors
from core.ui.views.fusion import fusion_state
from core.ui.widgets import save_study
from core.wording import plural

strings = wording.page("fusion_lab")


def draw(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """Save under a name, load, export and import."""
    with theme.side_by_side("files"):
        left, right = st.columns(2, gap="large")
    with left:
        if visitors.offered("fusion.save"):
            _save(spec)
        st.download_button(
            strings("button.export_fusion_json"),
            fusion_files.dump([dataclasses.replace(spec, name=spec.title)]),
            "fusions.json",
            "application/json",
            key="lab export",
            icon=":material/download:",
        )
        save_study.popover(
            loaded.name,
            names,
            [dataclasses.replace(spec, name=spec.title)],
            key="lab",
            by_query=state.get(FusionSetup, "by_query"),
        )
        if access.may("fusion.save"):
            _import()
        st.caption(strings("sentence.link_address_bar"))
    with right:
        fusions, problems = store.saved()
        for problem in problems:
            st.warning(theme.plain(problem))
        st.markdown(strings("phrase.saved_fusions") if fusions else strings("sentence.fusion_saved"))
        for name, saved_spec in fusions.items():
            _saved_row(name, saved_spec)


def _save(spec: FusionSpec) -> None:
    with st.form("save fusion", border=False):
        name = st.text_input(
            strings("label.name"),
            key="lab save name",
            placeholder=strings("placeholder.example_shop_mix"),
            max_chars=spec_checks.LONGEST_NAME,
        )
        if st.form_submit_button(strings("button.save_fusion"), type="primary"):
            saved = dataclasses.replace(spec, name=name.strip() or spec.title)
            store.save(saved)
            st.success(strings("sentence.saved_every_page", name=theme.plain(repr(saved.name))))


def _import() -> None:
    uploaded = st.file_uploader(strings("label.import_fusions_json"), type="json", key="lab import")
    if uploaded is None:
        return
    try:
        specs = fusion_files.parse(uploaded.getvalue().decode("utf-8-sig", errors="replace"), uploaded.name)
    except BadInput as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        return
    done = state.session_get("lab imported")
    if done != uploaded.file_id:
        for spec in specs:
            store.save(spec)
        state.session_set("lab imported", uploaded.file_id)
    st.success(theme.plain(f"{uploaded.name}: {', '.join(repr(spec.name) for spec in specs)} imported."))


def _saved_row(name: str, spec: FusionSpec) -> None:
    text, use, pin, remove = st.columns([6, 2, 3, 1], vertical_alignment="center")
    parts = ", ".join(f"{theme.plain(cache.backbone_title(n))} {s:.0%}" for n, s in spec.shares.items())
    strategy = spec.strategy.label + ("" if spec.strategy.learned else f": {parts}")
    fitted = f" · fitted on {plural(len(spec.trained_on), 'query')}" if spec.trained_on else ""
    by = store.author(name)
    words = f"{theme.plain(name)} :small[{theme.plain(by)}]" if by else theme.plain(name)
    text.markdown(f"{words}  \n:gray[{strategy}{fitted}]")
    use.button(
        strings("button.use"),
        key=f"use {name}",
        on_click=fusion_state.use,
        args=(spec,),
        width="stretch",
        disabled=spec.strategy.learned,
        help=strings("help.sliders_cannot_move") if spec.strategy.learned else strings("help.into_sliders"),
    )
    pin.button(
        strings("button.baseline"), key=f"pin {name}", on_click=fusion_state.pin_saved, args=(name,), width="stretch"
    )
    if not store.is_mine(name):
        return
    remove.button(
        "",
        key=f"remove {name}",
        icon=":material/delete:",
        on_click=store.remove,
        args=(name,),
        type="tertiary",
        help=strings("help.forget_fusion"),
    )
