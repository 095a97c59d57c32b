"""“Save as study”: what a page compares, as a study file on this dataset and any others."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import streamlit as st

from core import metrics, paths, wording
from core.errors import CoreError
from core.fusion import FusionSpec, store
from core.setups import StudiesSetup
from core.studies.study import study_library
from core.studies.study.study_record import METRICS, Study, StudyDataset, StudyFusion
from core.ui.app import cache, state, theme, visitors

text = wording.page("studies")


def popover(
    dataset: str,
    backbones: Sequence[str],
    specs: Sequence[FusionSpec],
    *,
    key: str,
    keys: Sequence[str] = METRICS,
    by_query: bool = False,
    container: Any = None,
) -> None:
    """The button, the title, the other datasets.

    Args:
        dataset: that the page is about.
        key: unique on the page.
        keys: metrics, the compared one first; those that a study cannot have are left out.
        container: where the button stands; None for here.
    """
    with (container or st).popover(text("button.save"), icon=":material/stacks:", help=text("help.save")):
        if not visitors.offered("study.save"):
            return
        title = st.text_input(
            text("label.title"), key=f"{key} study title", placeholder=text("phrase.saved_title", dataset=dataset)
        )
        others = [name for name in cache.ready_datasets() if name != dataset]
        more = st.multiselect(
            text("label.more"), others, key=f"{key} study datasets", placeholder=text("placeholder.more")
        )
        if st.button(
            text("button.save_now"), key=f"{key} save study", type="primary", disabled=not backbones and not specs
        ):
            usable = tuple(dict.fromkeys(name for name in keys if _can_stand(name))) or METRICS
            study = Study(
                title.strip() or text("phrase.saved_title", dataset=dataset),
                tuple(StudyDataset(f"dataset:{name}", name) for name in (dataset, *more)),
                tuple(backbones),
                tuple(map(StudyFusion, _named(specs, backbones))),
                usable,
                by_query=by_query,
            )
            try:
                name = study_library.save(study)
            except CoreError as error:
                st.error(theme.plain(str(error)), icon=":material/error:")
                return
            state.set_field(StudiesSetup, "study", name)
            st.success(theme.plain(text("sentence.saved", name=repr(name))))
            st.page_link(paths.REPOSITORY / "pages" / "studies.py", label=text("button.open"), icon=":material/stacks:")


def _can_stand(key: str) -> bool:
    """Whether a study shows this metric; its first one is a list metric, which the caller names first."""
    try:
        metric, cut = metrics.parse(key)
    except CoreError:
        return False
    return metric.kind not in ("pairs", "curve") and metric.needs_k == (cut is not None)


def _named(specs: Sequence[FusionSpec], backbones: Sequence[str]) -> list[FusionSpec]:
    """The fusions, each with a name of its own; trained ones are saved, since a study file names them by that."""
    made: list[FusionSpec] = []
    for spec in specs:
        taken = {*backbones, *(other.name for other in made)}
        name, number = spec.name, 2
        while name in taken:
            name, number = f"{spec.name} ({number})", number + 1
        made.append(spec if name == spec.name else dataclasses.replace(spec, name=name))
        if made[-1].learned or made[-1].trained_on:
            store.save(made[-1])
    return made
