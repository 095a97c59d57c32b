"""From a study to any page: one of its datasets with its backbones and its best mix."""

from __future__ import annotations

import streamlit as st

from core import paths, wording
from core.errors import CoreError
from core.setups import CurvesSetup, FrameSetup, LeaderboardSetup, SlicesSetup, ThresholdSetup
from core.setups.fields import join_texts
from core.studies import system_spec_text
from core.studies.study.study_result import StudyPart, StudyResult
from core.ui.app import cache, state, theme
from core.ui.views.fusion import fusion_state
from core.ui.views.studies.study_view import StudyView

text = wording.page("studies")
_GO, _OF = "study goes to", "study opens"
PAGES = ("leaderboard", "fusion_lab", "curves", "retrieval", "threshold", "slices", "map", "report")
CATALOGUE_PAGES = ("catalogue",)
_ICONS = {
    "leaderboard": ":material/leaderboard:",
    "fusion_lab": ":material/tune:",
    "curves": ":material/show_chart:",
    "retrieval": ":material/image_search:",
    "threshold": ":material/content_cut:",
    "slices": ":material/pie_chart:",
    "map": ":material/scatter_plot:",
    "report": ":material/description:",
    "catalogue": ":material/storefront:",
}


def turn_to(page: str) -> None:
    """From a callback, which cannot turn the page itself: the next run does."""
    state.session_set(_GO, page)


def go() -> None:
    """Turn to the page that was clicked; its fields are set by then."""
    page = state.session_take(_GO, "")
    if page:
        st.switch_page(paths.REPOSITORY / "pages" / f"{page}.py")


def draw(view: StudyView) -> None:
    """A row per dataset."""
    result = view.result
    assert result is not None, "there is something to open"
    st.subheader(text("heading.open"), anchor=False)
    names = [part.name for part in result.parts]
    st.segmented_control(
        text("label.dataset"),
        names,
        key=_OF,
        default=names[0],
        required=True,
        label_visibility="collapsed",
        format_func=theme.plain,
    )
    row = st.container(horizontal=True, gap="small")
    for page in PAGES if view.study.catalogue is None else CATALOGUE_PAGES:
        row.button(
            text.group("option.page")[page],
            key=f"study opens {page}",
            icon=_ICONS[page],
            on_click=_open,
            args=(result, page),
        )


def _open(result: StudyResult, page: str) -> None:
    """Set what the page shows, from a callback: of the dataset that is chosen by now, not of when the button was drawn."""
    chosen = state.widget(_OF)
    part = next((part for part in result.parts if part.name == chosen), result.parts[0])
    embedded = set(cache.embedded(part.dataset))
    names = tuple(name for name in result.study.used_backbones if name in embedded)
    state.set_field(FrameSetup, "dataset", part.dataset)
    state.set_field(FrameSetup, "backbones", names)
    if result.study.catalogue is None:
        systems = join_texts(_texts(result, part))
        for setup in (LeaderboardSetup, CurvesSetup, ThresholdSetup, SlicesSetup):
            state.set_field(setup, "systems", systems)
        best = part.best_of([name for name in result.fusions if not _is_tuned_here(result, name)])
        mix = result.study.fusion(best) if best else None
        if mix is not None and page in ("fusion_lab", "report") and not mix.spec.strategy.learned:
            fusion_state.use(mix.spec.with_shares(part.shares.get(mix.name, mix.spec.shares)))
    turn_to(page)


def _is_tuned_here(result: StudyResult, name: str) -> bool:
    """Whether its weights saw queries of the dataset itself: no other page may report on all of them."""
    mix = result.study.fusion(name)
    return mix is not None and mix.tuned == "here"


def _texts(result: StudyResult, part: StudyPart) -> list[str]:
    """The systems of the study as links write them, with the weights that they have on this dataset."""
    texts = []
    for name in (evaluation.name for evaluation in part.evaluations):
        if _is_tuned_here(result, name):
            continue
        mix = result.study.fusion(name)
        try:
            texts.append(name if mix is None else system_spec_text.spell(mix.spec.with_shares(part.shares[name])))
        except CoreError:
            continue
    return list(dict.fromkeys(texts))
