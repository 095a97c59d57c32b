"""Classes and split: images per class, and another split by shares and a seed."""

from __future__ import annotations

import streamlit as st

from core import charts, data, files
from core.data import splits
from core.errors import CoreError
from core.types import Dataset
from core.ui.app import theme
from core.ui.views.datasets.common import beside, counts, decide, overview, preview_split

MOST_BARS = 600
QUIET = {"displayModeBar": False}
ORDERS = {"most": "most images first", "fewest": "fewest images first", "name": "by name"}


def classes(loaded: Dataset) -> None:
    """Images per class and part of the split, and the split itself."""
    left, right = beside("classes", [5, 3], gap="large")
    with left:
        st.markdown("##### Images per class")
        class_bars(loaded)
    with right:
        st.markdown("##### Queries and gallery")
        split_maker(loaded)


def class_bars(loaded: Dataset) -> None:
    """A bar per class, sorted, in a frame that scrolls."""
    table = counts(loaded)
    totals = table.groupby("label", sort=False)["n_images"].sum()  # in the order of the classes: 2 before 10
    named = totals.drop("", errors="ignore")
    if not len(named):
        st.info("No image has a label, so there is nothing to count by class.", icon=":material/info:")
        return
    left, right = st.columns([3, 3], vertical_alignment="bottom")
    order = left.selectbox("Order", list(ORDERS), format_func=ORDERS.__getitem__, key="datasets order")
    words = right.text_input("Find a class", key="datasets class words", placeholder="part of its name").casefold()
    shown = totals[[words in name.casefold() for name in totals.index]]
    if order != "name":
        shown = shown.sort_values(ascending=order == "fewest", kind="stable")
    if not len(shown):
        st.info(f"No class is named like “{theme.plain(words)}”.", icon=":material/search_off:")
        return
    figure = charts.class_counts(table, shown.index[:MOST_BARS].tolist())
    with st.container(height=min(560, figure.layout.height + 20), border=False):
        st.plotly_chart(figure, key="datasets classes", config=QUIET)
    spread = (
        f"{len(named):,} classes with {named.min():,} to {named.max():,} images each, {named.median():g} in the middle."
    )
    if loaded.label_matrix is not None:
        spread += " An image with several labels counts once for each."
    if len(shown) > MOST_BARS:
        spread += f" The first {MOST_BARS} are drawn; the table has them all."
    st.caption(spread)
    wide = table.pivot_table(index="label", columns="split", values="n_images", aggfunc="sum", fill_value=0)
    st.download_button(
        "Download the counts (CSV)",
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
        st.caption("A stratified split needs labels.")
        return
    with st.container(border=True):
        st.markdown("**Make a split**")
        query = st.slider("Share of queries", 5, 60, 20, step=5, format="%d %%", key="split query") / 100
        train_help = "For weights and heads that learn; never a query, never in the gallery."
        train = st.slider("Share for training", 0, 80, 0, 5, format="%d %%", key="split train", help=train_help) / 100
        seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="split seed", help="The same seed makes the same split.")
        try:
            sizes = preview_split(loaded, query, train, int(seed))
        except CoreError as error:
            st.error(theme.plain(str(error)), icon=":material/error:")
            return
        instances = ", whole instances on one side of the training border" if parts["instances"] else ""
        st.caption(
            f"Gives {sizes['queries']:,} queries, {sizes['gallery']:,} in the gallery, {sizes['train']:,} for "
            f"training, class by class{instances}."
        )
        st.button(
            "Split so",
            type="primary",
            width="stretch",
            on_click=decide,
            args=(loaded.name, data.make_split, splits.SplitShares(query, train), int(seed)),
        )
    st.caption("Embeddings belong to the images, so nothing is computed again.")


def _present_split(loaded: Dataset, all_are_queries: bool) -> None:
    """The split that is used now, and the way back from one that was made here."""
    made = data.decided(loaded.name)
    if made.shares is not None:
        train = f", **{made.shares.train:.0%} are for training**" if made.shares.train else ""
        st.markdown(
            f"A split made here: **{made.shares.query:.0%} are queries**{train}, the rest is the gallery; seed "
            f"{made.seed}. New images are split the same way."
        )
        st.button(
            "Back to the given split",
            icon=":material/undo:",
            on_click=decide,
            args=(loaded.name, data.make_split, None),
        )
    elif loaded.split.is_self_retrieval and all_are_queries:
        st.markdown(
            "**Self-retrieval**: every image is a query, and all the others are its gallery. No split came with the "
            "images."
        )
    else:
        st.markdown("The split **that came** with the images.")
