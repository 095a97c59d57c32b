"""What stands on a page that has nothing to draw: a sketch of what it shows, why it cannot yet, and the one button that helps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core import access, backbones, data, paths, wording
from core.errors import CoreError
from core.progress import duration
from core.setups import FrameSetup
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme, visitors
from core.ui.app.error_boundary import NothingToDraw
from core.ui.widgets import demo_job, embedding_job, next_steps
from core.wording import plural

text = wording.page("first_step")
_SKETCHES = {
    "finetune": "training",
    "fusion_lab": "lab",
    "retrieval": "results",
    "text_search": "text",
    "catalogue": "text",
    "map": "scatter",
    "leaderboard": "bars",
    "curves": "curves",
    "slices": "groups",
    "threshold": "cut",
    "judge": "rows",
    "report": "file",
    "story": "slides",
}
"""Address of a page → its sketch in `assets/previews`."""


def no_dataset() -> NothingToDraw:
    """Nothing is ready: the demo is a click away. To be raised by whoever needs a dataset."""
    return NothingToDraw(text("sentence.no_dataset"), _offer_demo)


def not_embedded(name: str) -> NothingToDraw:
    """A dataset without embeddings: they are a click away. To be raised by whoever needs vectors."""
    return NothingToDraw(text("sentence.not_embedded", dataset=repr(name)), lambda: _offer_embedding(name))


def draw_demo_button(key: str) -> None:
    """The button that builds the demo, with what it takes."""
    if not visitors.offered("dataset.add"):
        return
    names = embedding_job.in_catalog(state.get(FrameSetup, "backbones"))
    n_images = data.DATASETS.get(data.OPENING).n_images
    st.button(
        text("button.demo", time=_time(names, n_images)),
        type="primary",
        icon=":material/play_arrow:",
        key=key,
        on_click=demo_job.start,
        args=(names,),
        **jobs.waits(),
    )
    st.caption(text("sentence.demo", images=plural(n_images, "image"), backbones=plural(len(names), "backbone")))


def no_labels(loaded: Dataset, obstacle: str = "") -> None:
    """There can be no figures: why, and what works without.

    Args:
        obstacle: why not, where the dataset has labels; may hold names that people gave.
    """
    if loaded.has_labels and obstacle:
        elsewhere(theme.plain(obstacle), ("datasets", "retrieval", "map"))
        return
    steps = ("judge", "retrieval", "map", "datasets")
    elsewhere(text("sentence.no_labels", dataset=theme.plain(loaded.name)), steps, text("sentence.labels"))


def no_images(loaded: Dataset) -> None:
    """The page needs images, and the dataset is of vectors alone."""
    sentence = text("sentence.no_images", dataset=theme.plain(loaded.name))
    elsewhere(sentence, ("fusion_lab", "retrieval", "map"))


def elsewhere(sentence: str, steps: Sequence[str], small: str = "") -> None:
    """The sketch of the page, why it stays one for this dataset, and pages that work.

    Args:
        sentence: Markdown; steps: names of files in `pages`, the nearest first; small: how that can be changed.
    """
    draw(sentence, lambda: next_steps.buttons(steps), small)


def _offer_demo() -> None:
    def step() -> None:
        """The demo, and a way in for images of one's own."""
        draw_demo_button("open demo")
        datasets = paths.REPOSITORY / "pages" / "datasets.py"
        if access.may("dataset.add") and datasets.is_file():
            st.page_link(datasets, label=text("button.own"), icon=":material/photo_library:")

    draw(text("sentence.no_dataset"), step)


def _offer_embedding(name: str) -> None:
    """The backbones of the sidebar, as far as they can be used for this dataset without a download."""
    loaded = cache.dataset(name)
    wanted = embedding_job.in_catalog(state.get(FrameSetup, "backbones"))
    names = tuple(filter(_is_here, cache.usable_backbones(name, wanted)))
    sentence = text("sentence.images_wait", dataset=theme.plain(name), images=plural(len(loaded), "image"))
    draw(sentence, lambda: draw_embed_button(loaded, names))


def draw_embed_button(loaded: Dataset, names: tuple[str, ...]) -> None:
    """The button that embeds a dataset with some backbones, with what it takes."""
    if not visitors.offered("embed"):
        return
    st.button(
        text("button.embed", time=_time(names, len(loaded))),
        type="primary",
        icon=":material/play_arrow:",
        key=f"embed first {loaded.name}",
        on_click=embedding_job.start_embedding,
        args=(loaded.name, names),
        **jobs.waits(),
    )
    st.caption(theme.plain(", ".join(map(cache.backbone_title, names))))


def _is_here(name: str) -> bool:
    try:
        return backbones.available(backbones.get(name))[0]
    except CoreError:
        return False


def _time(names: tuple[str, ...], n_images: int) -> str:
    """About how long embedding takes; "" where nobody knows."""
    seconds = cache.embedding_seconds(names, n_images)
    return "" if seconds is None else f" ({duration(max(seconds, 1.0))})"


def draw(sentence: str, step: Callable[[], None], small: str = "") -> None:
    """Why the page that is open has nothing to draw, its sketch, and the step; while images are embedded, the progress.

    Args:
        sentence: Markdown; step: draws what helps; small: in small letters behind the sentence.
    """
    theme.answer(sentence, small)
    jobs.job_panel(embedding_job.JOB)
    with theme.side_by_side("first step"):
        left, right = st.columns([7, 5], gap="large", vertical_alignment="center")
    with left:
        draw_sketch()
    with right:
        if lead := text.group("lead").get(state.page()):
            st.subheader(lead, anchor=False)
        if not jobs.is_running(embedding_job.JOB):
            step()


def draw_sketch() -> None:
    """What the page that is open will show, sketched."""
    sketch = paths.ASSETS / "previews" / f"{_SKETCHES.get(state.page(), 'bars')}.svg"
    with st.container(border=True, key="first-step-sketch"):
        st.image(str(sketch), caption=text("phrase.sketch"), alt=text("phrase.sketch"), width="stretch")
