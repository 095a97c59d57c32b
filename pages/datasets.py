"""Datasets: add pictures and vectors, and see what a dataset is made of before trusting a number."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import streamlit as st

from core import charts, data, setups
from core.data import splits
from core.errors import CoreError
from core.progress import Cancel, OnProgress
from core.setups import DatasetsSetup, FrameSetup
from core.store import open_store
from core.studies import datasets as study
from core.studies import doubts, embedding, retrieval
from core.types import Dataset, Embeddings
from core.ui import adding, cache, cards, gallery, jobs, state, theme
from core.ui.guard import guarded

PER_PAGE = 48
GROUPS_PER_PAGE = 12
DOUBTS_PER_PAGE = 40
MOST_BARS = 600
QUIET = {"displayModeBar": False}

# On a narrow page what stands side by side comes one below the other, before words are cut.
_STYLE = """
<style>
.st-key-figures { row-gap: 0.4rem !important; }
[class*="st-key-wrap-"] > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] { flex-wrap: wrap; }
[class*="st-key-wrap-"] > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"]
  { min-width: min(100%, 270px); }
.st-key-wrap-doubt > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"]
  { min-width: min(100%, 190px); }
</style>
"""


# ------------------------------------------------------------------------------------------- what sections share


@st.cache_data(max_entries=32, show_spinner=False)
def _overview(fingerprint: str, quarantined: int, _loaded: Dataset) -> dict[str, int]:
    return study.overview(_loaded)


@st.cache_data(max_entries=32, show_spinner=False)
def _counts(fingerprint: str, _loaded: Dataset) -> pd.DataFrame:
    return study.counts(_loaded)


@st.cache_data(max_entries=32, show_spinner=False)
def _exact(fingerprint: str, _loaded: Dataset) -> pd.DataFrame:
    return study.exact_duplicates(_loaded)


@st.cache_data(max_entries=32, show_spinner=False)
def _warnings(fingerprint: str, near: str, _loaded: Dataset, _near: pd.DataFrame | None) -> list[str]:
    return study.warnings(_loaded, _near)


@st.cache_data(max_entries=64, show_spinner=False)
def _preview_split(fingerprint: str, query: float, train: float, seed: int, _loaded: Dataset) -> dict[str, int]:
    made = splits.stratified(_loaded, splits.Shares(query, train), seed)
    return {"queries": len(made.queries), "gallery": len(made.gallery), "train": len(made.train)}


def picture_cards(
    loaded: Dataset, positions: Iterable[int], note: Callable[[int], str] | None = None, frame: str = "none"
) -> list[gallery.Card]:
    """Cards whose thumbnails are there; a picture whose original has gone, or cannot be shown, says so itself."""
    wanted = [int(position) for position in positions]
    failed = open_store().ensure_thumbnails(loaded, [p for p in wanted if loaded.items["path"].iloc[p]])
    made = []
    for position in wanted:
        path = loaded.items["path"].iloc[position]
        words = note(position) if note else ""
        if not path:
            words = words or "vectors only, no picture"
        elif not os.path.exists(path):
            words = "the original has gone" + (f" · {words}" if words else "")
        elif position in failed:
            words = "cannot be shown" + (f" · {words}" if words else "")
        made.append(cards.card(loaded, position, note=words, frame=frame))
    return made


def computed(name: str, title: str, button: str, work: Callable[[OnProgress, Cancel], object]) -> object | None:
    """What slow work found, kept as long as the server runs; until then its button, or how far it is."""
    job = jobs.find(name)
    if job is not None and job.state == "done":
        return job.result
    jobs.panel(name)
    idle = job is None or not job.running
    if idle and st.button(button, key=f"run {name}", type="primary", icon=":material/play_arrow:"):
        jobs.start(name, title, lambda running: work(running.tell, running.cancel))
        st.rerun()
    return None


def asked_backbones(loaded: Dataset) -> tuple[str, ...]:
    """The backbones of the sidebar that are embedded for this dataset, else all that are."""
    done = cache.embedded(loaded.name)
    wanted = state.get(FrameSetup, "backbones")
    return tuple(name for name in wanted if name in done) or done


def stored(loaded: Dataset, names: Iterable[str]) -> list[Embeddings]:
    """The embeddings of these backbones, in dataset order."""
    return [embedding.embeddings(loaded, name) for name in names]


def need_backbones(loaded: Dataset, what: str) -> tuple[str, ...]:
    """The backbones to ask; without any, a sentence stands in the page's place."""
    names = asked_backbones(loaded)
    if not names:
        st.info(
            f"{what} need at least one embedded backbone: embed some on the Overview first.", icon=":material/info:"
        )
    return names


def beside(key: str, widths: int | list[float], **options: str) -> list:
    """Columns that wrap on a narrow page."""
    with st.container(key=f"wrap-{key}"):
        return st.columns(widths, **options)


def many(count: int, what: str) -> str:
    """'1 group', '2 groups'."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def titles(names: Iterable[str]) -> str:
    """Backbones as people read them, joined."""
    return ", ".join(theme.plain(cache.backbone_title(name)) for name in names)


def page_of(total: int, per_page: int, key: str) -> tuple[int, slice]:
    """A pager where there is more than one page: (number of pages, the rows to show)."""
    pages = max(1, -(-total // per_page))
    # The number of pages is part of the key: a shorter list starts at its first page.
    at = st.pagination(pages, key=f"{key} of {pages}") if pages > 1 else 1
    return pages, slice((at - 1) * per_page, at * per_page)


def slider(name: str) -> float:
    """The widget of a number of this page's setup, within its bounds."""
    bounds = setups.bounds_of(DatasetsSetup, name)
    kind = int if bounds.kind == "whole" else float
    value = st.slider(
        bounds.label, kind(bounds.low), kind(bounds.high), step=kind(bounds.step), help=bounds.help,
        key=state.key(DatasetsSetup, name),
    )  # fmt: skip
    return kind(value)


# ------------------------------------------------------------------------------------------- the head


def head(loaded: Dataset) -> None:
    """The name, where it comes from, and its numbers."""
    found = _overview(loaded.fingerprint, 0 if loaded.quarantine is None else len(loaded.quarantine), loaded)
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
    said = _warnings(loaded.fingerprint, "" if pairs is None else str(len(pairs)), loaded, pairs)
    if said:
        st.markdown("  \n".join(f":orange[:material/info:] {theme.plain(one)}" for one in said))


# ------------------------------------------------------------------------------------------- pictures


def pictures(loaded: Dataset) -> None:
    """A sample, or one class, or words, page by page."""
    now = state.get(DatasetsSetup, "label")
    if now not in loaded.label_names:
        state.put(DatasetsSetup, "label", "")
    left, middle, right = st.columns([3, 3, 2], vertical_alignment="bottom")
    label = left.selectbox(
        "Class", ["", *loaded.label_names], key=state.key(DatasetsSetup, "label"),
        format_func=lambda name: name or "a mix of all classes",
    )  # fmt: skip
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


# ------------------------------------------------------------------------------------------- classes and split

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
    table = _counts(loaded.fingerprint, loaded)
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
        "Download the counts (CSV)", wide.to_csv().encode(), f"{loaded.name} classes.csv", "text/csv", type="tertiary",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def split_maker(loaded: Dataset) -> None:
    """The present split in words, and another one by shares and a seed."""
    made = data.decided(loaded.name)
    parts = _overview(loaded.fingerprint, 0 if loaded.quarantine is None else len(loaded.quarantine), loaded)
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
        train = st.slider(
            "Share for fitting", 0, 80, 0, step=5, format="%d %%", key="split train",
            help="For weights and heads that learn; never asked, never searched.",
        ) / 100  # fmt: skip
        seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="split seed", help="The same seed makes the same split.")
        try:
            counts = _preview_split(loaded.fingerprint, query, train, int(seed), loaded)
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
            "Split so", type="primary", width="stretch", on_click=_decide,
            args=(loaded.name, data.make_split, splits.Shares(query, train), int(seed)),
        )  # fmt: skip
    st.caption("Embeddings belong to the pictures, so nothing is computed again.")


_SAID = "datasets said"


def _decide(name: str, change: Callable[..., Dataset], *arguments: object) -> None:
    """Change a dataset from a button; what goes wrong is said on the page."""
    try:
        change(name, *arguments)
    except CoreError as error:
        state.keep(_SAID, str(error))


def say() -> None:
    """What a button had to say, once."""
    sentence = state.hold(_SAID, "")
    if sentence:
        st.error(theme.plain(sentence), icon=":material/error:")
        state.keep(_SAID, "")


# ------------------------------------------------------------------------------------------- sizes


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


# ------------------------------------------------------------------------------------------- what could not be read


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
            table, hide_index=True, width="stretch", height=min(420, 40 + 35 * len(table)),
            column_config={"path": st.column_config.TextColumn("file", width="medium"), "reason": st.column_config.TextColumn(width="large")},
        )  # fmt: skip
        st.download_button(
            "Download the list (CSV)", table.to_csv(index=False).encode(), f"{loaded.name} not read.csv", "text/csv",
            type="tertiary", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
    else:
        st.caption("Every file could be read.")
    st.markdown("##### Originals that have gone")
    gone = computed(
        f"gone {loaded.name} {loaded.fingerprint}", f"Looking for the originals of {loaded.name}", "Look for them now",
        lambda tell, cancel: study.missing_originals(loaded),
    )  # fmt: skip
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


# ------------------------------------------------------------------------------------------- duplicates


def near_job(loaded: Dataset) -> str:
    """The name under which the near duplicates of a dataset are looked for: all that changes them."""
    names, threshold = asked_backbones(loaded), state.get(DatasetsSetup, "threshold")
    return f"near {loaded.fingerprint} {','.join(names)} {threshold:.3f}"


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
        threshold = slider("threshold")
    with right:
        pairs = look_for_near(loaded, names, threshold) if names else None
    if names:
        whose = f"most of {titles(names)}" if len(names) > 1 else titles(names)
        st.caption(f"Exact duplicates have equal bytes. Near ones: {whose} must call two pictures the same.")
    else:
        st.caption("Exact duplicates have equal bytes. Embed a backbone on the Overview to find near ones too.")
    exact, groups = _exact(loaded.fingerprint, loaded), study.duplicate_groups(loaded, pairs)
    if not len(groups):
        more = ", and none are nearly the same." if pairs is not None else "."
        st.success(f"No two pictures have equal bytes{more}", icon=":material/check_circle:")
        return
    n_groups, n_exact = groups["group"].nunique(), exact["group"].nunique()
    left, right = beside("keep", [5, 2], vertical_alignment="center")
    left.markdown(f"**{many(n_groups, 'group')}** of {len(groups):,} pictures; in {n_exact:,} of them bytes are equal.")
    right.button(
        f"Keep one of each (−{len(groups) - n_groups:,})", type="primary", width="stretch", on_click=_decide,
        args=(loaded.name, data.keep_one_of_each, groups), icon=":material/filter_1:",
        help="The first picture of each group stays, the others are left out of this dataset. Nothing is deleted.",
    )  # fmt: skip
    leaks(loaded, pairs)
    group_list(loaded, groups, set(exact["position"].tolist()))


def copies_left_out(loaded: Dataset) -> None:
    """How many copies are left out, and the way back."""
    made = data.decided(loaded.name)
    if not made.one_of_each and not made.copies:
        return
    left, right = beside("back", [5, 2], vertical_alignment="center")
    out = len(data.whole(loaded.name)) - len(loaded)
    left.info(
        f"Copies that are left out: {out:,}. They stay on the disk and can come back.", icon=":material/filter_none:"
    )
    right.button(
        "Bring them back", on_click=_decide, args=(loaded.name, data.keep_all), width="stretch", icon=":material/undo:"
    )


def look_for_near(loaded: Dataset, names: tuple[str, ...], threshold: float) -> pd.DataFrame | None:
    """The near duplicates of these backbones, once somebody asked for them."""
    return computed(
        near_job(loaded), f"Near duplicates of {loaded.name}", "Look for near duplicates",
        lambda tell, cancel: study.near_duplicates(
            loaded, stored(loaded, names), threshold, on_progress=tell, cancel=cancel
        ),
    )  # fmt: skip


def leaks(loaded: Dataset, pairs: pd.DataFrame | None) -> None:
    """Training images that are seen again where results are measured."""
    if not len(loaded.split.train):
        return
    table = study.leakage(loaded, pairs)
    if not len(table):
        st.caption(":material/check: No training picture is seen again among the queries or in the gallery.")
        return
    with st.expander(f"{len(table):,} training pictures are seen again in query or gallery", icon=":material/warning:"):
        st.caption(
            "What was fitted on them knows the answers: figures come out too good. Keep one of each, or split anew."
        )
        st.dataframe(table, hide_index=True, width="stretch")


def group_list(loaded: Dataset, groups: pd.DataFrame, exact: set[int]) -> None:
    """The groups, a row of pictures each."""
    every = [rows for _, rows in groups.groupby("group", sort=True)]
    _, part = page_of(len(every), GROUPS_PER_PAGE, f"groups {loaded.name}")
    halves = beside("groups", 2, gap="medium")
    for number, rows in enumerate(every[part]):
        with halves[number % 2], st.container(border=True):
            one_group(loaded, rows, exact)


def one_group(loaded: Dataset, rows: pd.DataFrame, exact: set[int]) -> None:
    """The pictures of one group, and whether their labels agree."""
    labels, positions = rows["label"].unique(), rows["position"].tolist()
    what = "equal bytes" if set(positions) <= exact else "nearly the same"
    said = f"**{len(rows)} pictures**, {what}"
    if len(labels) > 1:
        said += f" · :red[labels differ: {theme.plain(', '.join(filter(None, labels)))}]"
    st.markdown(said)
    notes = {p: word if word != "query|gallery" else "" for p, word in zip(positions, rows["split"])}
    gallery.grid(
        picture_cards(loaded, positions[:24], note=notes.get), key=f"group {loaded.name} {positions[0]}", size=104, pick="",
        name="duplicates",
    )  # fmt: skip
    if len(positions) > 24:
        st.caption(f"and {len(positions) - 24:,} more")


# ------------------------------------------------------------------------------------------- label doubts


def label_doubts(loaded: Dataset) -> None:
    """Images whose neighbours agree on another label, most certain first."""
    if loaded.label_matrix is not None or len(loaded.label_names) < 2:
        reason = "several labels per image" if loaded.label_matrix is not None else "fewer than two classes"
        st.info(
            f"Doubts are about one label per image among at least two classes; this dataset has {reason}.",
            icon=":material/info:",
        )
        return
    names = need_backbones(loaded, "Label doubts")
    if not names:
        return
    left, right = beside("asked", [3, 4], gap="large", vertical_alignment="bottom")
    with left:
        k = int(slider("neighbours"))
    with right:
        found = computed(
            f"doubts {loaded.fingerprint} {','.join(names)} {k}", f"Label doubts of {loaded.name}", "Ask the neighbours",
            lambda tell, cancel: doubts.label_doubts(loaded, stored(loaded, names), k, tell, cancel),
        )  # fmt: skip
        if found is not None:
            st.download_button(
                "Download the list (CSV)", found.to_csv(index=False).encode(), f"{loaded.name} label doubts.csv", "text/csv",
                icon=":material/download:", on_click="ignore",
            )  # fmt: skip
    st.caption(
        f"Each picture's {k} nearest others vote, in each of {titles(names)}. A label is doubted when more than half of the "
        "backbones agree on one other label. Certainty is the share that names the other label minus the share that names "
        "its own, averaged: 100 % means that all neighbours say the other one; below 0 the backbones are at odds."
    )
    if found is not None:
        doubt_list(loaded, found, names, k)


def percent(value: float) -> str:
    """A share for people, with a real minus."""
    return f"{value * 100:.0f} %".replace("-", "−")


def doubt_list(loaded: Dataset, found: pd.DataFrame, names: tuple[str, ...], k: int) -> None:
    """The doubted pictures; the one that was clicked beside its neighbours."""
    if not len(found):
        st.success("No label is doubted.", icon=":material/check_circle:")
        return
    st.markdown(f"**{len(found):,} of {int((loaded.labels >= 0).sum()):,} labels are doubted**, most certain first.")
    chosen = state.hold("doubt chosen", "")
    ids = found["id"].tolist()
    if chosen in ids:
        one_doubt(loaded, found.iloc[ids.index(chosen)], names, k)
    _, rows = page_of(len(found), DOUBTS_PER_PAGE, f"doubts {loaded.name} {len(names)}")
    words = {
        row.position: f"→ {row.suggested} · {percent(row.certainty)}"
        for row in found.iloc[rows].itertuples(index=False)
    }
    gallery.grid(
        picture_cards(loaded, words, note=words.get), key="datasets doubts", size=120, name="label doubts",
        on_pick=lambda text: state.keep("doubt chosen", text), pick="Click to see what its neighbours say",
    )  # fmt: skip
    st.caption(
        "Below each picture: its label, what its neighbours say instead, and how certain they are. Labels are not changed here."
    )


def one_doubt(loaded: Dataset, row: pd.Series, names: tuple[str, ...], k: int) -> None:
    """One doubted picture and its nearest others, in each backbone."""
    with st.container(border=True):
        left, right = beside("doubt", [1.9, 6], gap="medium")
        with left:
            gallery.grid(
                picture_cards(loaded, [row.position], frame="query"),
                key="doubt query",
                size=150,
                pick="",
                name="doubted picture",
            )
            st.markdown(
                f"labelled **{theme.plain(row.label)}**, rather **{theme.plain(row.suggested)}**: {row.n_agree} of "
                f"{row.n_backbones} backbones, certainty {percent(row.certainty)}"
            )
            st.button("Close", on_click=state.keep, args=("doubt chosen", ""), type="tertiary", icon=":material/close:")
        with right:
            for name in names:
                positions = neighbours(loaded, name, int(row.position), k)
                same = sum(loaded.label_of(p) == row.label for p in positions)
                other = sum(loaded.label_of(p) == row.suggested for p in positions)
                st.caption(
                    f"**{theme.plain(cache.backbone_title(name))}**: {other} of {len(positions)} neighbours are "
                    f"{theme.plain(row.suggested)}, {same} are {theme.plain(row.label)}"
                )
                shown = picture_cards(loaded, positions[:12])
                gallery.grid(shown, key=f"doubt {name}", size=76, pick="", name=f"nearest by {name}")


def neighbours(loaded: Dataset, name: str, position: int, k: int) -> list[int]:
    """The k nearest labelled others of an image, copies of it left out, nearest first."""
    vectors = cache.vectors(loaded, (name,))[name]
    scores = vectors @ vectors[position]
    scores[(loaded.labels < 0) | (loaded.keys == loaded.keys[position])] = -np.inf
    best = np.argsort(-scores, kind="stable")[:k]
    return [int(p) for p in best if np.isfinite(scores[p])]


# ------------------------------------------------------------------------------------------- manage


def manage(loaded: Dataset) -> None:
    """Words about a dataset, its name, a new look at its source, and its end."""
    left, right = beside("manage", [3, 2], gap="large")
    built_in = loaded.name in data.DATASETS
    with left, st.form("describe", border=True):
        st.markdown("**About this dataset**")
        licence = st.text_input(
            "Licence", loaded.licence, key=f"licence {loaded.name}", help="What others may do with the pictures."
        )
        reference = st.text_input(
            "Reference", loaded.reference, key=f"reference {loaded.name}", help="The paper or page to cite."
        )
        notes = st.text_area("Notes", loaded.notes, key=f"notes {loaded.name}", height=120)
        if st.form_submit_button("Save"):
            data.describe(loaded.name, licence=licence.strip(), reference=reference.strip(), notes=notes.strip())
            st.rerun()
    with right:
        with st.container(border=True):
            st.markdown("**Look at the source again**")
            st.caption("New files join, gone ones leave, unchanged ones are not opened. A split made here stays.")
            st.button(
                "Re-scan",
                icon=":material/sync:",
                on_click=_rescan,
                args=(loaded.name,),
                disabled=bool(jobs.running()),
                width="stretch",
            )
        with st.container(border=True):
            st.markdown("**Name**")
            if built_in:
                st.caption("A built-in dataset keeps its name.")
            else:
                new = st.text_input("New name", loaded.name, key=f"rename {loaded.name}", label_visibility="collapsed")
                st.button(
                    "Rename",
                    on_click=_rename,
                    args=(loaded.name, new.strip()),
                    disabled=new.strip() == loaded.name,
                    width="stretch",
                )
        with st.container(border=True):
            st.markdown("**Remove**")
            st.caption("Forgets the table. Pictures, embeddings and thumbnails stay where they are.")
            if st.button("Remove …", icon=":material/delete:", width="stretch"):
                ask_to_remove(loaded.name, len(loaded), built_in)
    attached(loaded)


def attached(loaded: Dataset) -> None:
    """Vectors that came from files, each with a way to take it off."""
    given = data.attached.backbones(loaded)
    if not given:
        return
    st.markdown("##### Vectors computed elsewhere")
    for one in given:
        there = data.attached.present(loaded, one.name)
        left, right = st.columns([6, 1], vertical_alignment="center")
        have = f"{there[0]:,} of {len(loaded):,} images" if there and there[0] < len(loaded) else "all images"
        left.markdown(f"**{theme.plain(one.name)}** · {one.dim:,} numbers each · {have}")
        right.button(
            "Take off", key=f"detach {one.name}", on_click=_detach, args=(loaded.name, one.name), width="stretch"
        )


def _detach(name: str, vectors: str) -> None:
    data.attached.detach(name, vectors)
    cache.forget_vectors()


def _rescan(name: str) -> None:
    def work(job: jobs.Job) -> str:
        return data.rescan(name, on_progress=job.tell, cancel=job.cancel).name

    jobs.start(adding.JOB, f"Looking at {name} again", work)


def _rename(name: str, new: str) -> None:
    try:
        data.rename(name, new)
        state.put(FrameSetup, "dataset", new)
    except CoreError as error:
        state.keep(_SAID, str(error))


@st.dialog("Remove this dataset?", icon=":material/delete:")
def ask_to_remove(name: str, n_images: int, built_in: bool) -> None:
    """The question before a dataset goes."""
    st.markdown(f"**{theme.plain(name)}** with {n_images:,} images will be forgotten here.")
    st.caption(
        "The pictures are not touched. Embeddings and thumbnails belong to the pictures and are kept, so adding them again is quick. "
        "A split made here, notes and attached vectors are lost."
        + (" A built-in dataset can be built again on the Overview." if built_in else "")
    )
    left, right = st.columns(2)
    if left.button("Keep it", width="stretch"):
        st.rerun()
    if right.button("Remove it", type="primary", width="stretch", on_click=_remove, args=(name,)):
        st.rerun()


def _remove(name: str) -> None:
    try:
        data.remove(name)
    except CoreError as error:
        state.keep(_SAID, str(error))
        return
    left = cache.ready_datasets()
    state.put(FrameSetup, "dataset", left[0] if left else FrameSetup.dataset)


# ------------------------------------------------------------------------------------------- the page

SECTIONS: dict[str, tuple[str, Callable[[Dataset], None]]] = {
    "pictures": ("Pictures", pictures),
    "classes": ("Classes and split", classes),
    "sizes": ("Sizes", sizes),
    "unread": ("Not read", unread),
    "duplicates": ("Duplicates", duplicates),
    "doubts": ("Label doubts", label_doubts),
    "manage": ("Manage", manage),
}


def sections(loaded: Dataset, look: str) -> None:
    """One side of the dataset at a time: only the open one is computed."""
    wanted = SECTIONS.get(look, SECTIONS["pictures"])[0]
    tabs = st.tabs([title for title, _ in SECTIONS.values()], default=wanted, key="datasets tabs", on_change="rerun")
    for tab, (name, (_, draw)) in zip(tabs, SECTIONS.items()):
        if tab.open:
            state.put(DatasetsSetup, "look", "" if name == "pictures" else name)
            with tab:
                st.space("small")
                guarded(draw)(loaded)


def page() -> None:
    """Draw the page."""
    theme.title(
        "Datasets",
        "Add pictures of your own, and see what a dataset is made of before you trust a number: classes, copies, leaks, doubtful labels.",
    )
    st.html(_STYLE)
    state.seed(DatasetsSetup)
    ready = cache.ready_datasets()
    adding.announce()
    say()
    adding.panel(expanded=all(name in data.DATASETS for name in ready))
    name = state.get(FrameSetup, "dataset")
    if name not in ready:
        st.info(
            "No dataset is here yet: add one above, or open the Overview, which builds the demo.",
            icon=":material/info:",
        )
        return
    loaded = cache.dataset(name)
    head(loaded)
    good_to_know(loaded)
    sections(loaded, state.get(DatasetsSetup, "look"))
    state.read(DatasetsSetup)


guarded(page)()
