"""Classes and split: images per class, and another split by shares and a seed."""

from __future__ import annotations

import dataclasses

import streamlit as st

from core import charts, data, files, wording
from core.data import splits
from core.errors import CoreError
from core.types import Dataset
from core.ui.app import drawn, theme, visitors
from core.ui.views.datasets.common import beside, counts, decide, overview, preview_split

text = wording.page("datasets")

MOST_BARS = 600
QUIET = {"displayModeBar": False}
ORDERS = {"most": "most images first", "fewest": "fewest images first", "name": "by name"}


def classes(loaded: Dataset) -> None:
    """Images per class and part of the split, and the split itself."""
    left, right = beside("classes", [5, 3], gap="large")
    with left:
        st.markdown(text("phrase.images_per_class"))
        class_bars(loaded)
    with right:
        st.markdown(text("phrase.queries_gallery"))
        split_maker(loaded)


def class_bars(loaded: Dataset) -> None:
    """A bar per class, sorted, in a frame that scrolls."""
    table = counts(loaded)
    totals = table.groupby("label", sort=False)["n_images"].sum()  # in the order of the classes: 2 before 10
    named = totals.drop("", errors="ignore")
    if not len(named):
        st.info(text("sentence.no_label_counts"), icon=":material/info:")
        return
    left, right = st.columns([3, 3], vertical_alignment="bottom")
    order = left.selectbox(text("label.order"), list(ORDERS), format_func=ORDERS.__getitem__, key="datasets order")
    words = right.text_input(
        text("label.find_class"), key="datasets class words", placeholder=text("placeholder.part_name")
    ).casefold()
    shown = totals[[words in name.casefold() for name in totals.index]]
    if order != "name":
        shown = shown.sort_values(ascending=order == "fewest", kind="stable")
    if not len(shown):
        st.info(text("sentence.no_such_class", words=theme.plain(words)), icon=":material/search_off:")
        return
    figure = charts.class_counts(table, shown.index[:MOST_BARS].tolist())
    with st.container(height=min(560, figure.layout.height + 20), border=False):
        drawn.chart(figure, key="datasets classes", config=QUIET)
    spread = (
        f"{len(named):,} classes with {named.min():,} to {named.max():,} images each, {named.median():g} in the middle."
    )
    if loaded.label_matrix is not None:
        spread += " " + text("sentence.several_labels_count")
    if len(shown) > MOST_BARS:
        spread += " " + text("sentence.first_bars", most_bars=MOST_BARS)
    st.caption(spread)
    wide = table.pivot_table(index="label", columns="split", values="n_images", aggfunc="sum", fill_value=0)
    st.download_button(
        text("button.download_counts_csv"),
        files.csv_bytes(wide, index=True),
        f"{loaded.name} classes.csv",
        "text/csv",
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
    )


def split_maker(loaded: Dataset) -> None:
    """The present split in words, and another one by shares and a seed."""
    parts = overview(loaded)
    _present_split(loaded, parts["queries"] == parts["images"])
    if not loaded.has_labels:
        st.caption(text("sentence.split_needs_labels"))
        return
    with st.container(border=True):
        st.markdown(text("phrase.make_split"))
        query = st.slider(text("label.share_queries"), 5, 60, 20, step=5, format="%d %%", key="split query") / 100
        train_help = text("sentence.training_share")
        train = (
            st.slider(text("label.share_training"), 0, 80, 0, 5, format="%d %%", key="split train", help=train_help)
            / 100
        )
        seed = st.number_input(text("label.seed"), 0, 2**31 - 1, 0, key="split seed", help=text("help.seed"))
        try:
            sizes = preview_split(loaded, query, train, int(seed))
        except CoreError as error:
            st.error(theme.plain(str(error)), icon=":material/error:")
            return
        instances = text("phrase.whole_instances") if parts["instances"] else ""
        st.caption(
            text(
                "sentence.split_preview",
                sizes=format(sizes["queries"], ","),
                sizes_2=format(sizes["gallery"], ","),
                sizes_3=format(sizes["train"], ","),
                instances=instances,
            )
        )
        if visitors.offered("dataset.change"):
            st.button(
                text("button.split"),
                type="primary",
                width="stretch",
                on_click=decide,
                args=(loaded.name, data.make_split, splits.SplitShares(query, train), int(seed)),
            )
    st.caption(text("sentence.nothing_recomputed"))


def _present_split(loaded: Dataset, all_are_queries: bool) -> None:
    """The split that is used now, and the way back from one that was made here."""
    made = data.decided(loaded.name)
    if made.shares is not None:
        train = f", **{made.shares.train:.0%} are for training**" if made.shares.train else ""
        st.markdown(text("sentence.split_made", query=f"{made.shares.query:.0%}", train=train, seed=made.seed))
        _way_back(loaded)
    elif made.domains is not None:
        words = {name: theme.plain(value) for name, value in dataclasses.asdict(made.domains).items()}
        st.markdown(text("sentence.split_by_domain", **words))
        _way_back(loaded)
    elif loaded.split.is_self_retrieval and all_are_queries:
        st.markdown(text("sentence.self_retrieval"))
    else:
        st.markdown(text("sentence.split_given"))


def _way_back(loaded: Dataset) -> None:
    if visitors.offered("dataset.change"):
        st.button(
            text("button.undo_split"),
            icon=":material/undo:",
            on_click=decide,
            args=(loaded.name, data.make_split, None),
        )
