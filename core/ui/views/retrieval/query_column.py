"""The query, always in sight, and the ways to another one."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import streamlit as st

from core import paths, wording
from core.ui.app import state, theme, thumbnail_route
from core.ui.components import clipboard, cropper, gallery
from core.ui.views.retrieval import (
    query_cases,
    query_crop,
    query_inputs,
    query_picker,
    query_state,
    text_reading,
    uploads,
)
from core.ui.views.retrieval.query_inputs import QueryInput
from core.ui.views.retrieval.retrieval_view import RetrievalView
from core.ui.widgets import image_cards

text = wording.page("retrieval")
# What stands for a text query in the trail.
_TEXT_ICON = "data:image/svg+xml," + quote((paths.ASSETS / "text_query.svg").read_text(encoding="utf-8").strip())


def _text_box(view: RetrievalView, query: QueryInput) -> None:
    """Search by text, where an embedded backbone reads it; more of that kind is on the page Text search."""
    readers = text_reading.readers(view.chosen, view.embedded)
    if readers:
        shown = (query.text, state.session_get(query_state.TEXT_BOX, ""))
        if shown[0] != shown[1]:  # another query than the last time the box was drawn: the box shows the query of now
            state.session_set(query_state.TEXT_BOX, query.text)
            state.set_widget(query_state.TEXT_BOX, query.words)
        st.text_input(
            text("label.text_query"),
            key=query_state.TEXT_BOX,
            on_change=query_state.text_entered,
            placeholder=text("placeholder.text_query"),
            help=text("help.text_query"),
        )
    st.page_link(
        "pages/text_search.py",
        label=text("label.to_text_search") if readers else text("label.search_text"),
        icon=":material/text_fields:",
    )


def draw_query(view: RetrievalView, query: QueryInput) -> None:
    """The query, always in sight."""
    if query.words:
        with st.container(key="the words", border=True, gap="xsmall"):
            st.markdown(f"**{theme.plain(query.title)}**")
            st.caption(text("sentence.text_query_frames"))
        return
    if state.session_get(query_state.CROPPING, False):
        source = (
            query.uploaded.thumbnails[0]
            if query.uploaded
            else thumbnail_route.url(image_cards.key_of(view.loaded, query.of_dataset), "large")
        )
        cropper.draw(source, query.box, key="cropper", on_box=lambda box: query_state.set_query(query.text, box))
        return
    whole: dict[str, Any] = {"frame": "query", "note": text("option.crop_image") if query.box else ""}
    if query.uploaded is None:
        shown = image_cards.cards(view.loaded, [query.of_dataset], **whole)
    else:
        shown = [
            gallery.Card(id=f"{query.text} {at}", key=url, title=name, **whole)
            for at, (name, url) in enumerate(zip(query.uploaded.names, query.uploaded.thumbnails))
        ]
    if query.box:
        shown[0] = query_crop.crop_card(shown[0], query, view.loaded)
    gallery.grid(
        shown,
        key="the query",
        size=200 if len(shown) == 1 else 90,
        name="the query",
        pick="",
        seek=state.session_get(query_cases.SEEK, 0),
    )
    if query.uploaded is not None:
        many = len(query.uploaded.names)
        sentence = text("sentence.own_image") if many == 1 else text("sentence.own_images", many=many)
        st.caption(text("sentence.own_query_frames", sentence=sentence))


def draw_buttons(view: RetrievalView, query: QueryInput) -> None:
    """Ways to another query."""
    row = st.container(horizontal=True, gap="xsmall", key="query buttons")
    if row.button(
        text("button.choose"),
        icon=":material/grid_view:",
        key="choose",
        help=text("help.choose"),
    ):
        query_picker.choose(view.loaded, query_state.set_query)
    row.button(
        text("button.random"),
        icon=":material/casino:",
        key="random",
        on_click=query_state.set_random_query,
        args=(view.loaded,),
        help=text("help.random"),
    )
    row.button(
        text("button.hardest_query"),
        icon=":material/psychology_alt:",
        key="hard",
        on_click=query_state.set_hardest_query,
        args=(view,),
        disabled=not view.loaded.has_labels,
        help=text("help.hardest") if view.loaded.has_labels else text("state.no_labels"),
    )
    single = not query.words and (query.uploaded is None or len(query.uploaded.names) == 1)
    row.button(
        text("button.crop"),
        icon=":material/crop:",
        key="part",
        disabled=not single,
        on_click=lambda: state.session_set(query_state.CROPPING, not state.session_get(query_state.CROPPING, False)),
        help=text("help.crop"),
    )
    if not view.loaded.has_labels:
        st.caption(text("state.no_labels"))
    st.file_uploader(
        text("label.uploads"),
        accept_multiple_files=True,
        key=query_state.uploader_key(),
        on_change=query_state.images_uploaded,
        max_upload_size=uploads.MOST_MEGABYTES,
        help=text("help.uploads", most_images=uploads.MOST_IMAGES),
    )
    _text_box(view, query)
    clipboard.paste_into_uploader(key="paste", uploader=query_state.uploader_key().replace(" ", "-"))


def draw_trail(view: RetrievalView, query: QueryInput) -> None:
    """The way back: every query of this session."""
    steps = [
        step for step in state.session_get(query_state.TRAIL, []) if query_state.can_be_shown(view.loaded, step[0])
    ]
    if len(steps) < 2:
        return
    st.caption(text("sentence.trail"))
    cards = []
    for number, (address, crop) in enumerate(steps):
        here = address == query.text and crop == cropper.as_text(query.box)
        frame = "query" if here else "none"
        uploaded, position = uploads.uploaded_queries().get(address), query_inputs.position_of(view.loaded, address)
        if uploaded is not None:
            cards.append(gallery.Card(id=str(number), key=uploaded.thumbnails[0], title=uploaded.title, frame=frame))
        elif position is not None:
            cards.append(
                gallery.Card(
                    id=str(number), key=image_cards.image_key(view.loaded, position), title=address, frame=frame
                )
            )
        else:
            line = address[len(text_reading.PREFIX) :]
            cards.append(gallery.Card(id=str(number), key=_TEXT_ICON, title=f"“{line}”", frame=frame))
    gallery.grid(
        cards,
        key="trail",
        size=40,
        name="trail of queries",
        pick=text("option.click_go_back"),
        on_pick=lambda number: query_state.set_query(steps[int(number)][0], steps[int(number)][1], remember=False),
    )
