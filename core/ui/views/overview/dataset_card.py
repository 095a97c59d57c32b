"""One dataset: what it holds, some of its images, how far each backbone is."""

from __future__ import annotations

import streamlit as st

from core import data, wording
from core.progress import duration
from core.ui.app import cache, drawn, jobs, theme, visitors
from core.ui.app.error_boundary import guarded
from core.ui.components import gallery
from core.ui.widgets import embedding_job, image_cards
from core.wording import plural

text = wording.page("overview")


def draw(name: str, chosen: tuple[str, ...]) -> None:
    """One dataset: what it holds, some of its images, how far each backbone is."""
    loaded = cache.dataset(name)
    counts = cache.counts(name)
    missing = [b for b in cache.usable_backbones(name, chosen) if counts.get(b, 0) < len(loaded)]
    with st.container(border=True):
        left, right = st.columns([5, 2], vertical_alignment="center")
        classes = plural(len(loaded.label_names), "class", "classes") if loaded.label_names else text("state.no_labels")
        unread = len(loaded.quarantine)
        left.subheader(theme.plain(name), anchor=False)
        counted = [plural(len(loaded), "image" if loaded.has_images else "item"), classes]
        counted += [text("state.unread", files=plural(unread, "file"))] if unread else []
        left.caption(" · ".join(counted))
        if missing and not visitors.offered("embed", right):
            pass
        elif missing:
            right.button(
                _embed_label(tuple(missing), len(loaded)),
                key=f"embed {name}",
                on_click=embedding_job.start_embedding,
                args=(name, tuple(missing)),
                type="primary",
                width="stretch",
                **jobs.waits(),
            )
        elif loaded.has_images:
            right.markdown(f":green[:material/check_circle:] :small[{text('state.embedded')}]", width="content")
        else:
            right.markdown(f":gray[:material/scatter_plot:] :small[{text('state.vectors_only')}]", width="content")
        if loaded.has_images:
            sample = image_cards.cards(loaded, cache.sample_positions(name, 15))
            gallery.grid(sample, key=f"sample {name}", size=84, name=text("phrase.sample", dataset=name), pick="")
        drawn.table(
            cache.status_table(name, chosen),
            hide_index=True,
            width="stretch",
            column_config={
                "embedded": st.column_config.ProgressColumn(
                    text("label.embedded"), min_value=0, max_value=1, format="percent"
                )
            },
        )
        if unread:
            with st.expander(text("label.unread", files=plural(unread, "file"))):
                drawn.table(loaded.quarantine, hide_index=True, width="stretch")


def _embed_label(missing: tuple[str, ...], n_images: int) -> str:
    """What the button does, and how long that takes where it was measured here."""
    seconds = cache.embedding_seconds(missing, n_images)
    if seconds is None:
        return text("button.embed", count=len(missing))
    return text("button.embed_time", count=len(missing), time=duration(seconds))


def draw_others(current: str, chosen: tuple[str, ...]) -> None:
    """Every other dataset: as a card, or with the button that builds it."""
    others = [name for name in data.names() if name != current]
    if others:
        st.subheader(text("heading.other_datasets"), anchor=False)
    for name in others:
        if name in cache.ready_datasets():
            guarded(draw)(name, chosen)
            continue
        left, right = st.columns([5, 2], vertical_alignment="center")
        left.markdown(f"**{theme.plain(name)}** – {data.DATASETS.get(name).description}")
        if not visitors.offered("dataset.add", right):
            continue
        right.button(
            text("button.build"),
            key=f"build {name}",
            on_click=embedding_job.start_embedding,
            args=(name, embedding_job.in_catalog(chosen)),
            width="stretch",
            **jobs.waits(),
        )
