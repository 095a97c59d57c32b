"""The query of the Catalogue page: typed text, an image, or both."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import backbones, wording
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

text = wording.page("catalogue")

UPLOADED = "given:"
_IMAGE = "catalogue image"
_UPLOADER = "catalogue query image"


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
    if catalogue.name == preparation.DEMO:
        return tuple(text.group("placeholder.example").values())
    names = catalogue.facets.get(catalogue_items.CATEGORY, ())
    return tuple(zero_shot.readable(str(name)) for name in names[:: max(1, len(names) // 5)][:5])


def query_image(view: CatalogueView) -> tuple[np.ndarray | None, str, str, list[tuple[str, float]]]:
    """The query image: (its vector, its address, its title, what concepts see in it); None without one."""
    like = view.setup.like
    concepts = backbones.get(view.setup.space).family == "concepts"
    if like.startswith(UPLOADED):
        uploaded = state.session_get(_IMAGE)
        if uploaded is None:
            st.warning(text("error.upload_again"))
            return None, "", "", []
        vector = uploads.encode(view.setup.space, uploaded.decoded(None))[0]
        seen = catalogue_cache.seen(uploaded.contents[0]) if concepts else []
        return vector, uploaded.thumbnails[0], uploaded.title, seen
    position = image_position(view.catalogue, like)
    if position < 0:
        st.warning(text("error.no_item", name=theme.plain(like[:80])))
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
        text("label.query"),
        key=state.key(CatalogueSetup, "question"),
        icon=":material/search:",
        max_chars=2000,
        placeholder=text("placeholder.query"),
        label_visibility="collapsed",
        help=text("help.query"),
    )
    lines = examples(catalogue)
    if lines and not state.get(CatalogueSetup, "question").strip():
        st.pills(
            text("label.examples"),
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
        gallery.grid([card], key="catalogue query image shown", size=112, name=text("phrase.query"), pick="")
    with right:
        st.markdown(text("phrase.likeness", title=theme.plain(title)))
        if seen:
            classes = ", ".join(f"{theme.plain(name)} {wording.percent(share)}" for name, share in seen[:4])
            st.caption(text("sentence.seen", classes=classes))
        if view.setup.question.strip():
            st.slider(
                text("label.balance"),
                0.0,
                1.0,
                step=0.05,
                key=state.key(CatalogueSetup, "balance"),
                help=text("help.balance"),
            )
        st.button(text("button.remove_image"), icon=":material/close:", on_click=_forget_image, key="forget image")


def image_popover() -> None:
    """Search with an image of one's own."""
    with st.popover(text("label.image"), icon=":material/image_search:", help=text("help.image")):
        st.file_uploader(text("label.query_image"), key=_UPLOADER, on_change=_image_uploaded, max_upload_size=32)
        st.caption(text("sentence.image_or_results"))
