"""Doubtful labels of a collection, with the images that speak against them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core import files, wording
from core.studies import image_neighbours, label_errors
from core.types import Dataset
from core.ui.app import cache, state, theme
from core.ui.app.cached import digest
from core.ui.components import gallery
from core.ui.views.datasets.common import (
    beside,
    computed,
    dataset_cards,
    need_backbones,
    page_of,
    slider,
    stored,
    titles,
)

strings = wording.page("datasets")

ERRORS_PER_PAGE = 40


def review(loaded: Dataset) -> None:
    """Images whose neighbours agree on another label, most certain first."""
    if loaded.label_matrix is not None or len(loaded.label_names) < 2:
        reason = (
            strings("option.several_labels") if loaded.label_matrix is not None else strings("option.too_few_classes")
        )
        st.info(
            strings("sentence.one_label_each", reason=reason),
            icon=":material/info:",
        )
        return
    names = need_backbones(loaded, strings("option.label_errors_possible"))
    if not names:
        return
    left, right = beside("asked", [3, 4], gap="large", vertical_alignment="bottom")
    with left:
        k = int(slider(strings("label.neighbours")))
    with right:
        errors = computed(
            f"doubts {digest(loaded)} {','.join(names)} {k}",
            strings("option.label_errors_of", name=loaded.name),
            strings("option.ask_neighbours"),
            lambda task: label_errors.label_errors(loaded, stored(loaded, names), k, task),
        )
        if errors is not None:
            st.download_button(
                strings("button.download_list_csv"),
                files.csv_bytes(errors),
                f"{loaded.name} label errors.csv",
                "text/csv",
                icon=":material/download:",
                on_click="ignore",
            )
    st.caption(
        strings("sentence.vote_how", k=k, titles=titles(names))
        + " "
        + image_neighbours.note(int((loaded.labels >= 0).sum()))
    )
    if errors is not None:
        error_list(loaded, errors, names, k)


def percent(value: float) -> str:
    """A share for people, with a real minus."""
    return f"{value * 100:.0f} %".replace("-", "−")


def error_list(loaded: Dataset, errors: pd.DataFrame, names: tuple[str, ...], k: int) -> None:
    """The doubted images; the one that was clicked beside its neighbours."""
    if not len(errors):
        st.success(strings("sentence.no_label_errors"), icon=":material/check_circle:")
        return
    st.markdown(
        strings("sentence.label_errors_count", n_errors=f"{len(errors):,}", sum=f"{int((loaded.labels >= 0).sum()):,}")
    )
    chosen = state.session_get("doubt chosen", "")
    ids = errors["id"].tolist()
    if chosen in ids:
        one_error(loaded, errors.iloc[ids.index(chosen)], names, k)
    _, rows = page_of(len(errors), ERRORS_PER_PAGE, f"doubts {loaded.name} {len(names)}")
    words = {
        row.position: f"→ {row.suggested} · {percent(row.certainty)}"
        for row in errors.iloc[rows].itertuples(index=False)
    }
    gallery.grid(
        dataset_cards(loaded, words, note=words.__getitem__),
        key="datasets doubts",
        size=120,
        name=strings("option.label_errors_possible"),
        on_pick=lambda text: state.session_set("doubt chosen", text),
        pick=strings("option.click_neighbours"),
    )
    st.caption(strings("sentence.review_how"))


def one_error(loaded: Dataset, row: pd.Series, names: tuple[str, ...], k: int) -> None:
    """One doubted image and its nearest others, in each backbone."""
    with st.container(border=True):
        left, right = beside("doubt", [1.9, 6], gap="medium")
        with left:
            gallery.grid(
                dataset_cards(loaded, [row.position], frame="query"),
                key="doubt query",
                size=150,
                pick="",
                name=strings("option.label_errors_possible"),
            )
            st.markdown(
                strings(
                    "sentence.rather_label",
                    label=theme.plain(row.label),
                    suggested=theme.plain(row.suggested),
                    n_agree=row.n_agree,
                    n_backbones=row.n_backbones,
                    percent=percent(row.certainty),
                )
            )
            st.button(
                strings("button.close"),
                on_click=state.session_set,
                args=("doubt chosen", ""),
                type="tertiary",
                icon=":material/close:",
            )
        with right:
            for name in names:
                vectors = cache.vectors(loaded, (name,))[name]
                positions = label_errors.labelled_neighbours(loaded, vectors, int(row.position), k)
                same = sum(loaded.label_of(p) == row.label for p in positions)
                other = sum(loaded.label_of(p) == row.suggested for p in positions)
                st.caption(
                    strings(
                        "sentence.neighbours",
                        backbone_title=theme.plain(cache.backbone_title(name)),
                        other=other,
                        n_positions=len(positions),
                        suggested=theme.plain(row.suggested),
                        same=same,
                        label=theme.plain(row.label),
                    )
                )
                shown = dataset_cards(loaded, positions[:12])
                gallery.grid(shown, key=f"doubt {name}", size=76, pick="", name=f"nearest by {name}")
