"""Overview: what is here, what is computed, what is running, and what the backbones find so far."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core import backbones, charts, data, metrics, paths
from core.data.readers import manifest
from core.fusion import FusionSpec
from core.setups import FrameSetup
from core.studies import fusion_baseline
from core.ui.app import cache, jobs, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.components import gallery
from core.ui.views.datasets import add_dataset
from core.ui.widgets import embedding_job, image_cards
from core.wording import plural

DEMO = "photo_views"

# On a narrow page the results stand below the dataset instead of beside it.
_NARROW = """
<style>
[data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"] .st-key-overview-results) { flex-wrap: wrap; }
[data-testid="stColumn"]:has(.st-key-overview-dataset) { flex: 3 1 460px; min-width: min(100%, 460px); }
[data-testid="stColumn"]:has(.st-key-overview-results) { flex: 2 1 340px; min-width: min(100%, 340px); }
[data-testid="stColumn"] [data-testid="stColumn"] { min-width: 0; }
</style>
"""


def first_minute(chosen: tuple[str, ...]) -> None:
    """On an installation that holds nothing yet, build the demo without being asked; once per session."""
    if cache.ready_datasets() or jobs.find(embedding_job.JOB) or state.session_get("demo started"):
        return
    state.session_set("demo started", True)
    embedding_job.start_embedding(DEMO, embedding_job.in_catalog(chosen))
    st.rerun()


def results(name: str) -> None:
    """The mean average precision of each backbone that is selected and done, and of their equal mix."""
    loaded, done = cache.dataset(name), selected(name)
    if not done:
        st.caption("Results appear here as each backbone finishes.")
        return
    if not loaded.has_labels:
        st.caption(
            "This dataset has no labels, so nobody can say which results are right. Look at Retrieval and the Map."
        )
        return
    standing, colours = cache.leaderboard(name, done), theme.colours(done)
    rows = [
        charts.Bar(cache.backbone_title(r.name), r.mean, r.low, r.high, colours[r.name])
        for r in standing.rows
        if r.role == "backbone"
    ]
    if len(done) > 1:
        even = standing.row("fusion")
        rows.append(
            charts.Bar(
                f"equal mix of these {len(done)}",
                even.mean,
                even.low,
                even.high,
                charts.OTHER_MIX_COLOUR if len(done) > 2 else charts.FUSION_COLOUR,
            )
        )
    best = two_strongest(name, done) if len(done) > 2 else None
    if best is not None:
        pair = cache.chosen_mix(cache.panel(loaded, done) or loaded, done)
        rows.append(charts.Bar("equal mix of the best two", pair.mean, pair.low, pair.high, charts.FUSION_COLOUR))
    rows.sort(key=lambda row: -row.mean)
    n_queries = len(loaded.split.queries)
    of_all = f"of {n_queries:,} " if n_queries > standing.n_valid else ""
    st.plotly_chart(
        charts.BarChart(rows, "mAP").figure(), key=f"overview bars {name}", config={"displayModeBar": False}
    )
    st.caption(
        f"{metrics.parse('map')[0].definition} {standing.n_valid:,} {of_all}queries; the lines are 95 % intervals."
        + (
            f" The bar of the best two stands for queries that did not choose them; on these, it is "
            f"{best.row('fusion').mean:.3f}."
            if best is not None
            else ""
        )
    )
    if len(done) > 1:
        mixes = {f"The equal mix of these {len(done)}": standing, "The best two, mixed equally": best}
        for what, one in mixes.items():
            if one is not None:
                st.markdown(f"**{what}**: {theme.plain(cache.titled(one.verdict, done))}")
    go_on()


def selected(name: str) -> tuple[str, ...]:
    """The backbones of the sidebar that are embedded, all embedded ones where none of them is: as on every page."""
    embedded = cache.embedded(name)
    return tuple(b for b in state.get(FrameSetup, "backbones") if b in embedded) or embedded


def two_strongest(name: str, done: tuple[str, ...]) -> fusion_baseline.BaselineComparison:
    """The equal mix of the two backbones that find most alone, beside all of them."""
    loaded = cache.dataset(name)
    spec = FusionSpec("best two", "concat", done).with_shares(cache.two_strongest(loaded, done))
    return cache.standing(cache.panel(loaded, done) or loaded, done, spec, "map")


NEXT = (
    ("pages/fusion_lab.py", "Move the weights", ":material/tune:"),
    ("pages/retrieval.py", "Look at what comes back", ":material/image_search:"),
    ("pages/projection.py", "See the space", ":material/scatter_plot:"),
    ("pages/leaderboard.py", "Compare everything", ":material/leaderboard:"),
)


def go_on() -> None:
    """Where the figures are taken further."""
    with st.container(key="overview-next", gap="small"):
        for page_file, label, icon in NEXT:
            st.page_link(paths.REPOSITORY / page_file, label=label, icon=icon)


def dataset_card(name: str, chosen: tuple[str, ...]) -> None:
    """One dataset: what it holds, some of its pictures, how far each backbone is."""
    loaded = cache.dataset(name)
    counts = cache.counts(name)
    missing = [b for b in cache.known(name, chosen) if counts.get(b, 0) < len(loaded)]
    with st.container(border=True):
        left, right = st.columns([5, 2], vertical_alignment="center")
        classes = f" · {plural(len(loaded.label_names), 'class', 'classes')}" if loaded.label_names else " · no labels"
        unread = len(loaded.quarantine)
        left.subheader(theme.plain(name), anchor=False)
        left.caption(
            f"{plural(len(loaded), 'image')}{classes}"
            + (f" · {plural(unread, 'file')} could not be read" if unread else "")
        )
        if missing:
            right.button(
                f"Embed {len(missing)} missing",
                key=f"embed {name}",
                on_click=embedding_job.start_embedding,
                args=(name, tuple(missing)),
                type="primary",
                width="stretch",
                **jobs.waits(),
            )
        elif loaded.has_images:
            right.markdown(":green[:material/check_circle:] :small[all embedded]", width="content")
        else:
            right.markdown(":gray[:material/scatter_plot:] :small[vectors, no pictures]", width="content")
        if loaded.has_images:
            sample = image_cards.cards(loaded, cache.sample_positions(name, 15))
            gallery.grid(sample, key=f"sample {name}", size=84, name=f"pictures of {name}", pick="")
        st.dataframe(
            cache.status_table(name, chosen),
            hide_index=True,
            width="stretch",
            column_config={
                "embedded": st.column_config.ProgressColumn("embedded", min_value=0, max_value=1, format="percent")
            },
        )
        if unread:
            with st.expander(f"{plural(unread, 'file')} that could not be read"):
                st.dataframe(loaded.quarantine, hide_index=True, width="stretch")


def add_dataset_section() -> None:
    """The form for a folder of one's own; every other way in is on Datasets."""
    with st.expander("Add a folder of images", icon=":material/create_new_folder:", expanded=False):
        with st.form("add dataset", border=False):
            left, middle = st.columns([3, 1])
            path = left.text_input("Path on the server's machine", placeholder="/home/me/pictures", key="overview path")
            name = middle.text_input("Name", placeholder="the folder's name", key="overview name")
            st.caption(
                "One folder per class gives labels; a flat folder gives retrieval and maps without figures. Nothing is moved or copied."
            )
            left, right = st.columns([1, 3], vertical_alignment="center")
            lenient = right.checkbox(
                "In a table, leave rows out whose picture is missing",
                key="overview lenient",
                help="Otherwise such a table is refused. A catalogue still finds the words of these rows.",
            )
            if left.form_submit_button("Add and embed", type="primary"):
                add(path.strip(), name.strip(), lenient)
        st.page_link(
            paths.REPOSITORY / "pages" / "datasets.py",
            label="Tables, annotations, archives, splits and vectors: all other ways in",
            icon=":material/photo_library:",
        )


def add(path: str, name: str, lenient: bool) -> None:
    """Scan a path in the background, then embed it with the backbones of the sidebar.

    Args:
        lenient: leave rows of a table out whose picture is missing.
    """
    if not path:
        st.error("Type the path of a folder that holds images.", icon=":material/error:")
        return
    options = {"missing": "quarantine"} if lenient and manifest.is_table(Path(path).expanduser()) else {}
    add_dataset.start(path, name, None, options, embedding_job.in_catalog(state.get(FrameSetup, "backbones")))


def page() -> None:
    """Draw the page."""
    theme.title(
        "Overview",
        "Which backbone, or which mix of them, finds the right images – and how sure are we? "
        "Pick a dataset and backbones at the left; look at results in the Fusion lab and in Retrieval.",
    )
    chosen = state.read(FrameSetup).backbones
    first_minute(chosen)
    jobs.job_panel(embedding_job.JOB)
    ready = cache.ready_datasets()
    current = state.get(FrameSetup, "dataset")
    if current in ready:
        left, right = st.columns([3, 2], gap="large")
        st.html(_NARROW)
        with left.container(key="overview-dataset"):
            guarded(dataset_card)(current, chosen)
        with right.container(key="overview-results"):
            st.subheader("What they find", anchor=False)
            guarded(results)(current)
    add_dataset_section()
    others = [name for name in data.names() if name != current]
    if others:
        st.subheader("Other datasets", anchor=False)
    for name in others:
        if name in ready:
            guarded(dataset_card)(name, chosen)
        else:
            left, right = st.columns([5, 2], vertical_alignment="center")
            left.markdown(f"**{theme.plain(name)}** – {data.DATASETS.get(name).description}")
            right.button(
                "Build and embed",
                key=f"build {name}",
                on_click=embedding_job.start_embedding,
                args=(name, embedding_job.in_catalog(chosen)),
                width="stretch",
                **jobs.waits(),
            )
    st.caption(f"Everything that was computed lies in `{cache.store_place()}`. {backbones.engine_sentence()}")


guarded(page)()
