"""The forms for backbones that are not in the catalog."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core import backbones, wording
from core.errors import CoreError
from core.ui.app import state, theme, visitors
from core.ui.views.backbones.actions import DONE, OPEN_CARD

text = wording.page("backbones")


def add(make: Callable[[], str]) -> None:
    """Resolve, check and keep a backbone; open its card."""
    try:
        with st.spinner(text("sentence.building_backbone")):
            name = make()
    except CoreError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        return
    state.session_set(OPEN_CARD, name)
    state.session_set(DONE, text("sentence.added", title=backbones.get(name).title))
    st.rerun()


def forms() -> None:
    """The forms for anything that is not in the catalog."""
    with st.popover(text("label.add"), icon=":material/add:", width="stretch"):
        if not visitors.offered("backbone.add"):
            return
        with st.form("add by name", border=False):
            name = st.text_input(
                text("label.from_library"),
                placeholder=text("placeholder.library_name"),
                key="add by name",
                help=text("help.library_name"),
            )
            st.caption(text("sentence.library_examples"))
            if st.form_submit_button(text("button.add"), type="primary"):
                add(lambda: backbones.add(name.strip()).name)
        with st.form("add a file", border=False):
            architecture = st.text_input(
                text("label.architecture"), placeholder=text("placeholder.name"), key="add architecture"
            )
            file = st.text_input(
                text("label.checkpoint_path"),
                placeholder=text("placeholder.checkpoint"),
                key="add file",
                help=text("help.checkpoint"),
            )
            projection = st.checkbox(text("label.projection"), key="add projection", help=text("help.projection"))
            if st.form_submit_button(text("button.add_checkpoint")):
                add(lambda: backbones.add_local(architecture.strip(), file.strip(), projection).name)
