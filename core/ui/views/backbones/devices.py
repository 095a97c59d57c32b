"""What the backbones page shares with others: devices to run on, titles, and similarity that is worked out once."""

from __future__ import annotations

import streamlit as st

from core import arrays, wording
from core.backbones.engines import torch_engine
from core.errors import BadInput
from core.setups import BackbonesSetup
from core.studies import embedding
from core.studies import similarity as study
from core.types import Dataset
from core.ui.app import cache, state, theme
from core.ui.app.cached import cached

text = wording.page("backbones")


@cached("resource", spinner=text("sentence.looking_devices"))
def devices() -> tuple[str, ...]:
    """What networks can run on here, the one picked by itself first."""
    return tuple(torch_engine.devices())


def device_choice() -> None:
    """The widget that says what networks run on, and lets one be chosen."""
    available = devices()
    try:
        picked = torch_engine.pick_device()
    except BadInput as error:  # FUSIONSCOPE_DEVICE names one that is not there
        picked = available[0]
        st.warning(theme.plain(str(error)), icon=":material/memory:")
    if state.get(BackbonesSetup, "device") not in ("auto", *available):
        state.set_field(BackbonesSetup, "device", "auto")
    st.selectbox(
        text("label.runs"),
        ("auto", *dict.fromkeys(available)),
        key=state.key(BackbonesSetup, "device"),
        width=230,
        format_func=lambda name: f"{picked} (picked by itself)" if name == "auto" else name,
        help=text("help.device"),
    )


def title(dataset: str, name: str) -> str:
    """The name that people read, of a backbone or of vectors attached to the dataset."""
    return embedding.find(cache.dataset(dataset), name).title


@cached(max_entries=16, spinner=text("sentence.comparing_backbones"))
def similarity(loaded: Dataset, names: tuple[str, ...]) -> study.Similarity:
    """How alike backbones behave on a dataset; kept for all sessions."""
    rows = arrays.sample(len(loaded), study.SAMPLE)
    return study.compare({name: vectors[rows] for name, vectors in cache.vectors(loaded, names).items()})
