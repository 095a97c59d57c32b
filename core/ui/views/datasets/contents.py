"""What a collection holds: its numbers, images, classes, split, sizes and unread files."""

from __future__ import annotations

import tempfile

import numpy as np
import streamlit as st

from core import access, charts, data, files, wording
from core.setups import DatasetsSetup
from core.studies import datasets as study
from core.studies import retrieval
from core.types import Dataset
from core.ui.app import cache, drawn, jobs, state, theme
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
    source = loaded.source
    if not access.current().is_owner or source.startswith(tempfile.gettempdir()):  # an upload's own folder is gone
        source = source.rstrip("/").rpartition("/")[2]
    words = [theme.plain(part) for part in (source, loaded.licence, notes) if part]
    if size:
        words.insert(min(1, len(words)), _bytes(size))
    _answer(loaded, numbers, " · ".join(words))
    for remark in remarks:
        st.caption(f":material/manage_search: {theme.plain(remark)}")
    figures = [
        (
            text("option.images" if loaded.has_images else "option.items"),
            numbers["images"],
            text("sentence.images_meaning"),
        ),
        (text("option.classes"), numbers["classes"], text("sentence.classes_meaning")),
        (text("option.queries"), numbers["queries"], text("sentence.queries_meaning")),
        (
            text("option.gallery"),
            numbers["gallery"],
            text("sentence.gallery_meaning"),
        ),
    ]
    if numbers["train"]:
        figures.append((text("option.train"), numbers["train"], text("sentence.training_meaning")))
    if numbers["instances"]:
        figures.append((text("option.instances"), numbers["instances"], text("sentence.instances_meaning")))
    if numbers["unlabelled"]:
        figures.append((text("option.unlabelled"), numbers["unlabelled"], text("sentence.unlabelled_meaning")))
    figures.append((text("option.not_read"), numbers["quarantined"], text("sentence.not_read_meaning")))
    with st.container(horizontal=True, gap="large", key="figures", border=False):
        for title, value, words_ in figures:
            st.metric(title, f"{value:,}", help=words_, width="content")


def _answer(loaded: Dataset, numbers: dict[str, int], small: str) -> None:
    """What is in it, how it is searched, and how much is to be known before a figure is trusted."""
    classes = plural(numbers["classes"], "class", "classes")
    every = loaded.split.is_self_retrieval and numbers["queries"] == numbers["images"]
    fields = {
        "dataset": theme.plain(loaded.name),
        "images": plural(numbers["images"], "image" if loaded.has_images else "item"),
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
        text("label.class"),
        ["", *loaded.label_names],
        key=state.key(DatasetsSetup, "label"),
        format_func=lambda name: name or text("option.all_classes"),
    )
    words = middle.text_input(text("label.name"), key="datasets words", placeholder=text("placeholder.find_image"))
    size = right.select_slider(text("label.image_size"), [80, 104, 140, 190], value=104, key="datasets size")
    positions = retrieval.browse(loaded, label, words)
    if not label and not words:
        positions = np.array(cache.sample_positions(loaded.name, len(loaded)))
    if not len(positions):
        st.info(text("sentence.no_match"), icon=":material/search_off:")
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
        + ("" if label or words else text("phrase.mix_of_classes"))
        + text("sentence.point_to_enlarge")
    )


def sizes(loaded: Dataset) -> None:
    """How large the images are."""
    table = study.sizes(loaded)
    if not len(table):
        st.info(text("sentence.nothing_to_measure"), icon=":material/info:")
        return
    left, right = beside("sizes", [3, 2], gap="large")
    with left:
        st.markdown(text("phrase.width_height"))
        drawn.chart(charts.image_sizes(table), key="datasets sizes", config=QUIET)
        distinct = len(table[["width", "height"]].drop_duplicates())
        st.caption(
            text("sentence.sizes_meaning", distinct=f"{distinct:,}")
            + " "
            + (text("sentence.sizes_drawn", value=f"{3000:,}") if distinct > 3000 else "")
        )
    with right:
        st.markdown(text("phrase.shape"))
        drawn.chart(
            charts.histogram(table["aspect"], text("option.width_divided_height")), key="datasets aspect", config=QUIET
        )
        st.markdown(text("phrase.file_size"))
        drawn.chart(
            charts.histogram(table["bytes"] / 1000, "kB", charts.BACKBONE_COLOURS[2]),
            key="datasets bytes",
            config=QUIET,
        )
    smallest, largest = table.loc[table["megapixels"].idxmin()], table.loc[table["megapixels"].idxmax()]
    st.caption(
        text(
            "sentence.size_summary",
            smallest=theme.plain(smallest["id"]),
            smallest_2=format(smallest["width"], ","),
            smallest_3=format(smallest["height"], ","),
            largest=theme.plain(largest["id"]),
            largest_2=format(largest["width"], ","),
            largest_3=format(largest["height"], ","),
            median=format(table["megapixels"].median(), ".2f"),
            value=format(table["bytes"].median() / 1000, ",.0f"),
        )
    )


def unread(loaded: Dataset) -> None:
    """Files that were set aside, with the reason; and originals that have gone since."""
    table = study.quarantine(loaded)
    below = loaded.source.rstrip("/") + "/"
    table["path"] = [path.removeprefix(below) for path in table["path"]]
    st.markdown(text("phrase.set_aside"))
    if len(table):
        reasons = table["reason"].str.slice(0, 60).nunique()
        st.caption(text("sentence.set_aside", files=plural(len(table), "file"), reasons=plural(reasons, "reason")))
        drawn.table(
            table,
            hide_index=True,
            width="stretch",
            height=min(420, 40 + 35 * len(table)),
            column_config={
                "path": st.column_config.TextColumn(text("column.file"), width="medium"),
                "reason": st.column_config.TextColumn(width="large"),
            },
        )
        st.download_button(
            text("button.download_list_csv"),
            files.csv_bytes(table),
            f"{loaded.name} not read.csv",
            "text/csv",
            type="tertiary",
            icon=":material/download:",
            on_click="ignore",
        )
    else:
        st.caption(text("sentence.all_read"))
    st.markdown(text("phrase.originals_gone"))
    gone = computed(
        f"gone {loaded.name} {loaded.fingerprint}",
        text("option.looking_originals", name=loaded.name),
        text("option.look_originals"),
        lambda task: study.missing_originals(loaded),
    )
    if gone is None:
        st.caption(text("sentence.look_originals"))
    elif len(gone):
        st.caption(text("sentence.originals_gone", n_gone=f"{len(gone):,}", n_loaded=f"{len(loaded):,}"))
        drawn.table(gone[["id", "path"]], hide_index=True, width="stretch")
        st.button(
            text("button.look_again"),
            on_click=jobs.forget,
            args=(f"gone {loaded.name} {loaded.fingerprint}",),
            type="tertiary",
        )
    else:
        st.caption(text("sentence.originals_there", n_loaded=f"{len(loaded):,}"))
        st.button(
            text("button.look_again"),
            on_click=jobs.forget,
            args=(f"gone {loaded.name} {loaded.fingerprint}",),
            type="tertiary",
        )
