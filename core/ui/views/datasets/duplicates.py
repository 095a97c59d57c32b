"""Copies in a collection: equal bytes, nearly equal images, leaks between the parts of a split."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core import data, wording
from core.setups import DatasetsSetup
from core.studies import datasets as study
from core.studies import image_neighbours
from core.types import Dataset
from core.ui.app import drawn, jobs, state, theme, visitors
from core.ui.app.cached import digest
from core.ui.components import gallery
from core.ui.views.datasets.common import (
    asked_backbones,
    beside,
    computed,
    dataset_cards,
    decide,
    exact_duplicates,
    page_of,
    slider,
    stored,
    titles,
)
from core.wording import plural

text = wording.page("datasets")

GROUPS_PER_PAGE = 12


def near_job(loaded: Dataset) -> str:
    """The name under which the near duplicates of a dataset are looked for: all that changes them."""
    names, threshold = asked_backbones(loaded), state.get(DatasetsSetup, "threshold")
    return f"near {digest(loaded)} {','.join(names)} {threshold:.3f}"


def near_pairs(loaded: Dataset) -> pd.DataFrame | None:
    """The near duplicates, when they were looked for."""
    job = jobs.find(near_job(loaded))
    return job.result if job is not None and job.state == "done" else None


def duplicates(loaded: Dataset) -> None:
    """Exact copies at once, near ones when asked for; one of each can be kept."""
    copies_left_out(loaded)
    names = asked_backbones(loaded)
    left, right = beside("near", [3, 4], gap="large", vertical_alignment="bottom")
    with left:
        threshold = slider(text("label.threshold"))
    with right:
        pairs = look_for_near(loaded, names, threshold) if names else None
    if names:
        whose = f"most of {titles(names)}" if len(names) > 1 else titles(names)
        st.caption(text("sentence.duplicates_how", whose=whose, note=image_neighbours.note(len(loaded))))
    else:
        st.caption(text("sentence.duplicates_need_backbone"))
    exact, groups = exact_duplicates(loaded), study.duplicate_groups(loaded, pairs)
    if not len(groups):
        more = text("sentence.none_near") if pairs is not None else "."
        st.success(text("sentence.no_duplicates", more=more), icon=":material/check_circle:")
        return
    n_groups, n_exact = groups["group"].nunique(), exact["group"].nunique()
    left, right = beside("keep", [5, 2], vertical_alignment="center")
    left.markdown(
        text(
            "sentence.duplicate_groups",
            groups=plural(n_groups, "group"),
            images=plural(len(groups), "image"),
            n_exact=f"{n_exact:,}",
        )
    )
    if visitors.offered("dataset.change", right):
        right.button(
            text("button.keep_one", value=f"{len(groups) - n_groups:,}"),
            type="primary",
            width="stretch",
            on_click=decide,
            args=(loaded.name, data.keep_one_of_each, groups),
            icon=":material/filter_1:",
            help=text("help.keep_one"),
        )
    leaks(loaded, pairs)
    group_list(loaded, groups, set(exact["position"].tolist()))


def copies_left_out(loaded: Dataset) -> None:
    """How many copies are left out, and the way back."""
    made = data.decided(loaded.name)
    if not made.one_of_each and not made.copies:
        return
    left, right = beside("back", [5, 2], vertical_alignment="center")
    out = len(data.whole(loaded.name)) - len(loaded)
    left.info(text("sentence.copies_left_out", out=f"{out:,}"), icon=":material/filter_none:")
    if visitors.offered("dataset.change", right):
        right.button(
            text("button.restore_copies"),
            on_click=decide,
            args=(loaded.name, data.keep_all),
            width="stretch",
            icon=":material/undo:",
        )


def look_for_near(loaded: Dataset, names: tuple[str, ...], threshold: float) -> pd.DataFrame | None:
    """The near duplicates of these backbones, once somebody asked for them."""
    return computed(
        near_job(loaded),
        text("option.near_duplicates", name=loaded.name),
        text("option.look_near_duplicates"),
        lambda task: study.near_duplicates(loaded, stored(loaded, names), threshold, task=task),
    )


def leaks(loaded: Dataset, pairs: pd.DataFrame | None) -> None:
    """Training images that are seen again where results are measured."""
    if not len(loaded.split.train):
        return
    table = study.leakage(loaded, pairs)
    if not len(table):
        st.caption(text("sentence.no_leakage"))
        return
    with st.expander(text("heading.leakage", n_table=f"{len(table):,}"), icon=":material/warning:"):
        st.caption(text("sentence.leakage_means"))
        drawn.table(table, hide_index=True, width="stretch")


def group_list(loaded: Dataset, groups: pd.DataFrame, exact: set[int]) -> None:
    """The groups, a row of images each."""
    every = [rows for _, rows in groups.groupby("group", sort=True)]
    _, part = page_of(len(every), GROUPS_PER_PAGE, f"groups {loaded.name}")
    halves = beside("groups", 2, gap="medium")
    for number, rows in enumerate(every[part]):
        with halves[number % 2], st.container(border=True):
            one_group(loaded, rows, exact)


def one_group(loaded: Dataset, rows: pd.DataFrame, exact: set[int]) -> None:
    """The images of one group, and whether their labels agree."""
    labels, positions = rows["label"].unique(), rows["position"].tolist()
    what = "equal bytes" if set(positions) <= exact else "nearly the same"
    caption = f"**{len(rows)} images**, {what}"
    if len(labels) > 1:
        caption += f" · :red[labels differ: {theme.plain(', '.join(filter(None, labels)))}]"
    st.markdown(caption)
    notes = {p: word if word != "query|gallery" else "" for p, word in zip(positions, rows["split"])}
    gallery.grid(
        dataset_cards(loaded, positions[:24], note=notes.__getitem__),
        key=f"group {loaded.name} {positions[0]}",
        size=104,
        pick="",
        name="duplicates",
    )
    if len(positions) > 24:
        st.caption(text("phrase.more", value=f"{len(positions) - 24:,}"))
