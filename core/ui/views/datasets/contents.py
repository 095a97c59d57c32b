"""What a collection holds: its numbers, images, classes, split, sizes and unread files."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import charts, data, files, wording
from core.setups import DatasetsSetup
from core.studies import datasets as study
from core.studies import retrieval
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme
from core.ui.components import gallery
from core.ui.views.datasets.common import (
    beside,
    computed,
    dataset_cards,
    overview,
    page_of,
    warnings,
)
from core.ui.views.datasets.duplicates import near_pairs
from core.wording import plural

text = wording.page("datasets")
QUIET = {"displayModeBar": False}
PER_PAGE = 48


def head(loaded: Dataset) -> None:
    """The name, where it comes from, and its numbers."""
    numbers = overview(loaded)
    size = numbers["bytes"]
    remarks = data.remarks(loaded.name)
    notes = "" if any(loaded.notes.startswith(remark) for remark in remarks) else loaded.notes
    words = [theme.plain(part) for part in (loaded.source, loaded.licence, notes) if part]
    if size:
        words.insert(min(1, len(words)), _bytes(size))
    _answer(loaded, numbers, " · ".join(words))
    for remark in remarks:
        st.caption(f":material/manage_search: {theme.plain(remark)}")
    figures = [
        ("Images", numbers["images"], "Images that can be used, without the copies that are left out."),
        ("Classes", numbers["classes"], "Labels that at least one image has."),
        ("Queries", numbers["queries"], "Images that are searched for."),
        (
            "Gallery",
            numbers["gallery"],
            "Images that are searched. In self-retrieval every image is a query among all the others.",
        ),
    ]
    if numbers["train"]:
        figures.append(("Train", numbers["train"], "Images for training only: neither query nor gallery."))
    if numbers["instances"]:
        figures.append(("Instances", numbers["instances"], "Different things on the images."))
    if numbers["unlabelled"]:
        figures.append(("Unlabelled", numbers["unlabelled"], "Images without a label: they never count as right."))
    figures.append(("Not read", numbers["quarantined"], "Files that cannot be read as images; they are set aside."))
    with st.container(horizontal=True, gap="large", key="figures", border=False):
        for title, value, words_ in figures:
            st.metric(title, f"{value:,}", help=words_, width="content")


def _answer(loaded: Dataset, numbers: dict[str, int], small: str) -> None:
    """What is in it, how it is searched, and how much is to be known before a figure is trusted."""
    classes = plural(numbers["classes"], "class", "classes")
    every = loaded.split.is_self_retrieval and numbers["queries"] == numbers["images"]
    fields = {
        "dataset": theme.plain(loaded.name),
        "images": plural(numbers["images"], "image"),
        "classes": text("phrase.in_classes", classes=classes) if numbers["classes"] else text("phrase.no_labels"),
        "split": text("phrase.every_image")
        if every
        else text("phrase.split", queries=plural(numbers["queries"], "query"), gallery=f"{numbers['gallery']:,}"),
    }
    count = len(warnings(loaded, near_pairs(loaded)))
    known = text("phrase.nothing_odd") if not count else text("phrase.remarks", remarks=plural(count, "remark"))
    theme.answer(text("phrase.answer", **fields, known=known), small)


def _bytes(size: int) -> str:
    """A size on disk for people."""
    return (
        f"{size / 1e9:,.2f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} kB"
    )


def good_to_know(loaded: Dataset) -> None:
    """The warnings, most serious first, where there are any."""
    pairs = near_pairs(loaded)
    sentences = warnings(loaded, pairs)
    if sentences:
        st.markdown("  \n".join(f":orange[:material/info:] {theme.plain(sentence)}" for sentence in sentences))


def browse(loaded: Dataset) -> None:
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
    size = right.select_slider("Image size", [80, 104, 140, 190], value=104, key="datasets size")
    positions = retrieval.browse(loaded, label, words)
    if not label and not words:
        positions = np.array(cache.sample_positions(loaded.name, len(loaded)))
    if not len(positions):
        st.info("No image fits. Choose another class, or fewer words.", icon=":material/search_off:")
        return
    pager = st.container()
    with pager:
        _, rows = page_of(len(positions), PER_PAGE, f"datasets page {loaded.name}")
    gallery.grid(
        dataset_cards(loaded, positions[rows]),
        key="datasets images",
        size=size,
        pick="",
        name=f"images of {loaded.name}",
    )
    st.caption(
        f"{plural(len(positions), 'image')}"
        + ("" if label or words else ", one of each class in turn")
        + ". Point at one to see it larger."
    )


def sizes(loaded: Dataset) -> None:
    """How large the images are."""
    table = study.sizes(loaded)
    if not len(table):
        st.info("There are no images to measure: this dataset holds vectors alone.", icon=":material/info:")
        return
    left, right = beside("sizes", [3, 2], gap="large")
    with left:
        st.markdown("##### Width and height")
        st.plotly_chart(charts.image_sizes(table), key="datasets sizes", config=QUIET)
        distinct = len(table[["width", "height"]].drop_duplicates())
        st.caption(
            f"{distinct:,} sizes; the larger a mark, the more images have it. On the dotted line images are square. "
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
            f"{plural(len(table), 'file')}, {plural(reasons, 'reason')}. They take no part in anything; mend them and re-scan."
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
            files.csv_bytes(table),
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
