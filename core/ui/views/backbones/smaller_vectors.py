"""What shorter, int8 and binary vectors of a backbone cost on the dataset at hand."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core import data, wording
from core.metrics import METRICS
from core.studies import compression, systems
from core.studies.backbone_info import BackboneInfo
from core.studies.vector_set import VectorSet
from core.types import Dataset
from core.ui.app import cache, drawn, theme
from core.ui.app.cached import cached

text = wording.page("backbones")


@cached(max_entries=16, spinner=text("sentence.compressing_vectors"))
def costs(loaded: Dataset, name: str) -> pd.DataFrame:
    """A row per form: what it takes, its mAP, and the change against float32."""
    space = VectorSet(cache.vectors(loaded, (name,)), loaded.split)
    (system,) = systems.build(space, [name])
    rows = compression.rows_of(compression.measure(system, data.relevance(loaded)), len(loaded), METRICS["map"].label)
    return pd.DataFrame(rows[1:], columns=[column or " " for column in rows[0]])


def smaller_vectors(info: BackboneInfo, dataset: str) -> None:
    """The table, once somebody asks for it: each form is ranked anew."""
    if not dataset or info.name not in cache.embedded(dataset):
        return
    st.subheader(text("heading.smaller_vectors"), anchor=False)
    title = theme.plain(info.backbone.title)
    if not st.toggle(text("label.smaller_vectors", title=title, dataset=theme.plain(dataset)), key="smaller vectors"):
        return
    loaded = cache.without_tuned(cache.dataset(dataset), (info.name,))
    drawn.table(costs(loaded, info.name), hide_index=True, width="stretch")
    st.caption(text("sentence.differs_meaning", note=compression.NOTE))
