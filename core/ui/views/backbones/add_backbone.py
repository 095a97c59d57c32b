"""The forms for backbones that are not in the catalog."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core import backbones
from core.errors import CoreError
from core.ui.app import state, theme
from core.ui.views.backbones.actions import DONE, OPEN_CARD


def add(make: Callable[[], str]) -> None:
    """Resolve, check and keep a backbone; open its card."""
    try:
        with st.spinner("Looking it up and building it once …"):
            name = make()
    except CoreError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        return
    state.session_set(OPEN_CARD, name)
    state.session_set(DONE, f"{backbones.get(name).title} is on the list now; its card is below the table.")
    st.rerun()


def forms() -> None:
    """The forms for anything that is not in the catalog."""
    with st.popover("Add", icon=":material/add:", width="stretch"):
        with st.form("add by name", border=False):
            name = st.text_input(
                "From timm, open_clip or the hub",
                placeholder="timm:resnet26d.bt_in1k",
                key="add by name",
                help="`timm:NAME.TAG`, `open_clip:ARCH/TAG` or `hf-hub:ORG/NAME`; `fast:NAME` is the fast mode of any; "
                "`endpoint:MODEL@http://HOST:PORT/v1` is a model on a server that takes images at `/embeddings`.",
            )
            st.caption(
                "Or `open_clip:ViT-B-16/openai`, `hf-hub:timm/resnet18.a1_in1k`. It is built once, without weights."
            )
            if st.form_submit_button("Add", type="primary"):
                add(lambda: backbones.add(name.strip()).name)
        with st.form("add a file", border=False):
            architecture = st.text_input("Architecture of timm", placeholder="resnet18", key="add architecture")
            file = st.text_input(
                "Checkpoint on the server's machine",
                placeholder="/home/me/best.safetensors",
                key="add file",
                help="safetensors, or a plain state dict; anything that would run code is refused.",
            )
            if st.form_submit_button("Add this checkpoint"):
                add(lambda: backbones.add_local(architecture.strip(), file.strip()).name)
