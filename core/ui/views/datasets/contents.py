"""What a collection holds: its numbers, pictures, classes, split, sizes and unread files."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import charts, data
from core.data import splits
from core.errors import CoreError
from core.setups import DatasetsSetup
from core.studies import datasets as study
from core.studies import retrieval
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme
from core.ui.components import gallery
from core.ui.views.datasets.common import (
    _decide,
    beside,
    computed,
    counts,
    many,
    overview,
    page_of,
    picture_cards,
    preview_split,
    warnings,
)
from core.ui.views.datasets.duplicates import near_pairs

QUIET = {"displayModeBar": False}
PER_PAGE = 48
MOST_BARS = 600


def head(loaded: Dataset) -> None:
    """The name, where it comes from, and its numbers."""
    found = overview(loaded)
    st.subheader(theme.plain(loaded.name), anchor=False)
    size = found["bytes"]
    words = [theme.plain(part) for part in (loaded.source, loaded.licence, loaded.notes) if part]
    if size:
        words.insert(min(1, len(words)), _bytes(size))
    if words:
        st.caption(" · ".join(words))
    figures = [
        ("Images", found["images"], "Pictures that can be used, without the copies that are left out."),
        ("Classes", found["classes"], "Labels that at least one image has."),
        ("Queries", found["queries"], "Images that ask."),
        ("Gallery", found["gallery"], "Images that are searched. In self-retrieval every image asks all the others."),
    ]
    if found["train"]:
        figures.append(("Train", found["train"], "Images for fitting only: neither asked nor searched."))
    if found["instances"]:
        figures.append(("Instances", found["instances"], "Different things that are pictured."))
    if found["unlabelled"]:
        figures.append(("Unlabelled", found["unlabelled"], "Images without a label: they never count as right."))
    figures.append(
        ("Not read", found["quarantined"], "Files that are no pictures that can be read; they are set aside.")
    )
    with st.container(horizontal=True, gap="large", key="figures"):
        for title, value, words_ in figures:
            st.metric(title, f"{value:,}", help=words_, width="content")


def _bytes(size: int) -> str:
    """A size on disk for people."""
    return (
        f"{size / 1e9:,.2f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} kB"
    )


def good_to_know(loaded: Dataset) -> None:
    """The warnings, most serious first, where there are any."""
    pairs = near_pairs(loaded)
    said = warnings(loaded, pairs)
    if said:
        st.markdown("  \n".join(f":orange[:material/info:] {theme.plain(one)}" for one in said))


def pictures(loaded: Dataset) -> None:
    """A sample, or one class, or words, page by page."""
    now = state.get(DatasetsSetup, "label")
    if now not in loaded.label_names:
        state.set_field(DatasetsSetup, "label", "")
    left, middle, right = st.columns([3, 3, 2], vertical_alignment="bottom")
    label = left.selectbox(
        "Class",
        ["", *loaded.label_names],
        key=state.key(DatasetsSetup, "label"),
        format_func=lambda name: name or "a mix of all classes",
    )
    words = middle.text_input("Name", key="datasets words", placeholder="words in the file name or title")
    size = right.select_slider("Picture size", [80, 104, 140, 190], value=104, key="datasets size")
    found = retrieval.browse(loaded, label, words)
    if not label and not words:
        found = np.array(cache.sample_positions(loaded.name, len(loaded)))
    if not len(found):
        st.info("No picture fits. Choose another class, or fewer words.", icon=":material/search_off:")
        return
    pager = st.container()
    with pager:
        _, rows = page_of(len(found), PER_PAGE, f"datasets page {loaded.name}")
    gallery.grid(
        picture_cards(loaded, found[rows]),
        key="datasets pictures",
        size=size,
        pick="",
        name=f"pictures of {loaded.name}",
    )
    st.caption(
        f"{len(found):,} pictures"
        + ("" if label or words else ", one of each class in turn")
        + ". Point at one to see it larger."
    )


ORDERS = {"most": "most images first", "fewest": "fewest images first", "name": "by name"}


def classes(loaded: Dataset) -> None:
    """Images per class and part of the split, and the split itself."""
    left, right = beside("classes", [5, 3], gap="large")
    with left:
        st.markdown("##### Images per class")
        class_bars(loaded)
    with right:
        st.markdown("##### Who asks, who is searched")
        split_maker(loaded)


def class_bars(loaded: Dataset) -> None:
    """A bar per class, sorted, in a frame that scrolls."""
    table = counts(loaded)
    totals = table.groupby("label")["n_images"].sum()
    named = totals.drop("", errors="ignore")
    if not len(named):
        st.info("No image has a label, so there is nothing to count by class.", icon=":material/info:")
        return
    one, two = st.columns([3, 3], vertical_alignment="bottom")
    order = one.selectbox("Order", list(ORDERS), format_func=ORDERS.get, key="datasets order")
    words = two.text_input("Find a class", key="datasets class words", placeholder="part of its name").casefold()
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
        wide.to_csv().encode(),
        f"{loaded.name} classes.csv",
        "text/csv",
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
    )


def split_maker(loaded: Dataset) -> None:
    """The present split in words, and another one by shares and a seed."""
    made = data.decided(loaded.name)
    parts = overview(loaded)
    if made.shares is not None:
        st.markdown(
            f"A split made here: **{made.shares.query:.0%} ask**"
            + (f", **{made.shares.train:.0%} are for fitting**" if made.shares.train else "")
            + f", the rest is searched; seed {made.seed}. New images are split the same way."
        )
        st.button(
            "Back to the given split",
            icon=":material/undo:",
            on_click=_decide,
            args=(loaded.name, data.make_split, None),
        )
    elif loaded.split.is_self_retrieval and parts["queries"] == parts["images"]:
        st.markdown("**Self-retrieval**: every image asks, and all the others are searched. No split was given.")
    else:
        st.markdown("The split **as it was given** with the images.")
    if not loaded.has_labels:
        st.caption("A stratified split needs labels.")
        return
    with st.container(border=True):
        st.markdown("**Make a split**")
        query = st.slider("Share that asks", 5, 60, 20, step=5, format="%d %%", key="split query") / 100
        train = (
            st.slider(
                "Share for fitting",
                0,
                80,
                0,
                step=5,
                format="%d %%",
                key="split train",
                help="For weights and heads that learn; never asked, never searched.",
            )
            / 100
        )
        seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="split seed", help="The same seed makes the same split.")
        try:
            counts = preview_split(loaded, query, train, int(seed))
        except CoreError as error:
            st.error(theme.plain(str(error)), icon=":material/error:")
            return
        how = (
            "class by class, whole instances on one side of the training border"
            if parts["instances"]
            else "class by class"
        )
        st.caption(
            f"Gives {counts['queries']:,} queries, {counts['gallery']:,} in the gallery, {counts['train']:,} for fitting, {how}."
        )
        st.button(
            "Split so",
            type="primary",
            width="stretch",
            on_click=_decide,
            args=(loaded.name, data.make_split, splits.SplitShares(query, train), int(seed)),
        )
    st.caption("Embeddings belong to the pictures, so nothing is computed again.")


def sizes(loaded: Dataset) -> None:
    """How large the pictures are."""
    table = study.sizes(loaded)
    if not len(table):
        st.info("There are no pictures to measure: this dataset holds vectors alone.", icon=":material/info:")
        return
    left, right = beside("sizes", [3, 2], gap="large")
    with left:
        st.markdown("##### Width and height")
        st.plotly_chart(charts.image_sizes(table), key="datasets sizes", config=QUIET)
        distinct = len(table[["width", "height"]].drop_duplicates())
        st.caption(
            f"{distinct:,} sizes; the larger a mark, the more images have it. On the dotted line pictures are square. "
            + (f"The {3000:,} most frequent sizes are drawn." if distinct > 3000 else "")
        )
    with right:
        st.markdown("##### Shape")
        st.plotly_chart(
            charts.histogram(table["aspect"], "width divided by height"), key="datasets aspect", config=QUIET
        )
        st.markdown("##### File size")
        st.plotly_chart(
            charts.histogram(table["bytes"] / 1000, "kB", charts.BACKBONE_COLOURS[2]),
            key="datasets bytes",
            config=QUIET,
        )
    smallest, largest = table.loc[table["megapixels"].idxmin()], table.loc[table["megapixels"].idxmax()]
    st.caption(
        f"Smallest: {theme.plain(smallest['id'])} ({smallest['width']:,} × {smallest['height']:,}). "
        f"Largest: {theme.plain(largest['id'])} ({largest['width']:,} × {largest['height']:,}). "
        f"In the middle: {table['megapixels'].median():.2f} megapixels, {table['bytes'].median() / 1000:,.0f} kB."
    )


def unread(loaded: Dataset) -> None:
    """Files that were set aside, with the reason; and originals that have gone since."""
    table = study.quarantine(loaded)
    below = loaded.source.rstrip("/") + "/"
    table["path"] = [path.removeprefix(below) for path in table["path"]]
    st.markdown("##### Files that were set aside")
    if len(table):
        reasons = table["reason"].str.slice(0, 60).nunique()
        st.caption(
            f"{many(len(table), 'file')}, {many(reasons, 'reason')}. They take no part in anything; mend them and re-scan."
        )
        st.dataframe(
            table,
            hide_index=True,
            width="stretch",
            height=min(420, 40 + 35 * len(table)),
            column_config={
                "path": st.column_config.TextColumn("file", width="medium"),
                "reason": st.column_config.TextColumn(width="large"),
            },
        )
        st.download_button(
            "Download the list (CSV)",
            table.to_csv(index=False).encode(),
            f"{loaded.name} not read.csv",
            "text/csv",
            type="tertiary",
            icon=":material/download:",
            on_click="ignore",
        )
    else:
        st.caption("Every file could be read.")
    st.markdown("##### Originals that have gone")
    gone = computed(
        f"gone {loaded.name} {loaded.fingerprint}",
        f"Looking for the originals of {loaded.name}",
        "Look for them now",
        lambda task: study.missing_originals(loaded),
    )
    if gone is None:
        st.caption("Looks at every path once. Thumbnails, embeddings and all figures work without the originals.")
    elif len(gone):
        st.caption(
            f"{len(gone):,} of {len(loaded):,} originals are not there any more; their thumbnails and embeddings are kept."
        )
        st.dataframe(gone[["id", "path"]], hide_index=True, width="stretch")
        st.button(
            "Look again", on_click=jobs.forget, args=(f"gone {loaded.name} {loaded.fingerprint}",), type="tertiary"
        )
    else:
        st.caption(f"All {len(loaded):,} originals are where they were.")
        st.button(
            "Look again", on_click=jobs.forget, args=(f"gone {loaded.name} {loaded.fingerprint}",), type="tertiary"
        )
