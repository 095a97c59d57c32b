"""The query of the Catalogue page: typed text, an image, or both."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import backbones
from core.errors import CoreError
from core.setups import CatalogueSetup
from core.studies.catalogue import catalogue_items
from core.studies.text import zero_shot
from core.ui.app import cache, state, theme
from core.ui.components import gallery
from core.ui.views.catalogue import catalogue_cache, catalogue_view, preparation
from core.ui.views.catalogue.catalogue_view import CatalogueView
from core.ui.views.retrieval import uploads
from core.ui.widgets import image_cards

UPLOADED = "given:"
_IMAGE = "catalogue image"
_UPLOADER = "catalogue query image"
_EXAMPLES = {
    preparation.DEMO: (
        "a hot drink",
        "red vehicle",
        "looking at stars",
        "seen through a microscope",
        "medical image -microscope",
    ),
}


def search_like(item: str) -> None:
    """Search with the image of an item."""
    state.set_field(CatalogueSetup, "like", item)


def _forget_image() -> None:
    """Search with the text alone again."""
    state.set_field(CatalogueSetup, "like", "")


def _example_chosen() -> None:
    """An example was chosen."""
    chosen = state.widget("try a query")
    if chosen:
        state.set_field(CatalogueSetup, "question", chosen)
        state.set_widget("try a query", None)


def _image_uploaded() -> None:
    """An image was uploaded: it is the query, in this session."""
    file = state.widget(_UPLOADER)
    if file is None:
        return
    try:
        uploaded = uploads.take([file])
    except CoreError as error:
        state.session_set(catalogue_view.REFUSED, str(error))
        return
    state.session_set(catalogue_view.REFUSED, "")
    state.session_set(_IMAGE, uploaded)
    state.set_field(CatalogueSetup, "like", UPLOADED)


def examples(catalogue: catalogue_items.Catalogue) -> tuple[str, ...]:
    """Queries to try: written for the demo, else names of categories."""
    if catalogue.name in _EXAMPLES:
        return _EXAMPLES[catalogue.name]
    names = catalogue.facets.get(catalogue_items.CATEGORY, ())
    return tuple(zero_shot.readable(str(name)) for name in names[:: max(1, len(names) // 5)][:5])


def query_image(view: CatalogueView) -> tuple[np.ndarray | None, str, str, list[tuple[str, float]]]:
    """The query image: (its vector, its address, its title, what concepts see in it); None without one."""
    like = view.setup.like
    concepts = backbones.get(view.setup.space).family == "concepts"
    if like.startswith(UPLOADED):
        uploaded = state.session_get(_IMAGE)
        if uploaded is None:
            st.warning("An uploaded image stays in its session; upload it again to search with it.")
            return None, "", "", []
        vector = uploads.encode(view.setup.space, uploaded.decoded(None))[0]
        seen = catalogue_cache.seen(uploaded.contents[0]) if concepts else []
        return vector, uploaded.thumbnails[0], uploaded.title, seen
    position = image_position(view.catalogue, like)
    if position < 0:
        st.warning(f"No item with an image is named “{theme.plain(like[:80])}” here.")
        return None, "", "", []
    item = int(view.catalogue.owner[position])
    vector = cache.vectors(view.loaded, (view.setup.space,))[view.setup.space][position]
    seen = catalogue_cache.seen_in(view.loaded, position) if concepts else []
    return vector, image_cards.key_of(view.loaded, position), view.catalogue.title(item), seen


def image_position(catalogue: catalogue_items.Catalogue, name: str) -> int:
    """The position of an image by its own id, or of the first image of an item by the item's; −1 for none."""
    images = np.flatnonzero(catalogue.dataset.ids == name)
    if len(images):
        return int(images[0])
    items = np.flatnonzero(catalogue.items["id"].astype(str).to_numpy() == name)
    return int(catalogue.image_of[items[0]]) if len(items) else -1


def text_box(catalogue: catalogue_items.Catalogue) -> None:
    """Where one types, and examples to begin with."""
    st.text_input(
        "Search",
        key=state.key(CatalogueSetup, "question"),
        icon=":material/search:",
        max_chars=2000,
        placeholder="Words that an item should fit, e.g. warm jacket -hood",
        label_visibility="collapsed",
        help='“-word” avoids, “word:2” counts twice, "several words" are one term.',
    )
    lines = examples(catalogue)
    if lines and not state.get(CatalogueSetup, "question").strip():
        st.pills(
            "Try",
            lines,
            format_func=theme.plain,
            key="try a query",
            on_change=_example_chosen,
            label_visibility="collapsed",
        )


def image_box(view: CatalogueView, image: tuple) -> None:
    """The query image, how much it counts beside the text, and what the backbone sees in it."""
    vector, key, title, seen = image
    if vector is None:
        return
    left, right = st.columns([1, 4], vertical_alignment="center")
    with left:
        card = gallery.Card(id="query", key=key, title=title, frame="query")
        gallery.grid([card], key="catalogue query image shown", size=112, name="the query", pick="")
    with right:
        st.markdown(f"Like **{theme.plain(title)}**")
        if seen:
            classes = ", ".join(f"{theme.plain(name)} {share:.0%}" for name, share in seen[:4])
            st.caption(f"What concepts sees in it: {classes}.")
        if view.setup.question.strip():
            st.slider(
                "Text against image",
                0.0,
                1.0,
                step=0.05,
                key=state.key(CatalogueSetup, "balance"),
                help="0 searches with the image alone, 1 with the text alone.",
            )
        st.button("Remove image", icon=":material/close:", on_click=_forget_image, key="forget image")


def image_popover() -> None:
    """Search with an image of one's own."""
    with st.popover("Image", icon=":material/image_search:", help="Search with an image"):
        st.file_uploader("Query image", key=_UPLOADER, on_change=_image_uploaded, max_upload_size=32)
        st.caption("Or click an image in the results: “like this”. Text beside it says what should be different.")
