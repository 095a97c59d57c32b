"""Which backbones see the same, which see something else, and what each costs on this machine."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import charts, wording
from core.studies.backbone_info import BackboneInfo
from core.ui.app import cache, drawn, theme
from core.ui.views.backbones import devices
from core.wording import plural

text = wording.page("backbones")


def alike(dataset: str) -> None:
    """Which backbones see the same, and which see something else."""
    st.subheader(text("heading.overlap"), anchor=False)
    names = cache.embedded(dataset) if dataset else ()
    if len(names) < 2:
        st.caption(text("sentence.overlap_needs_two"))
        return
    similarity = devices.similarity(cache.dataset(dataset), names).ordered()
    titles = [devices.title(dataset, name) for name in similarity.names]
    pair = similarity.most_different()
    assert pair is not None, "there are two backbones"
    a, b, share = pair
    st.markdown(
        text(
            "sentence.least_alike",
            dataset=theme.plain(dataset),
            title=theme.plain(devices.title(dataset, a)),
            title_2=theme.plain(devices.title(dataset, b)),
            k=similarity.k,
            share=wording.percent(share),
        )
    )
    maps = (
        (text("option.linear_cka"), text("option.cka_meaning"), similarity.cka, "linear CKA"),
        (
            text("option.neighbour_overlap", k=similarity.k),
            text("phrase.overlap_meaning"),
            similarity.overlap,
            "shared",
        ),
    )
    with st.container(key="backbones-wrap-maps"):
        columns = st.columns(2, gap="medium")
    for column, (name, meaning, matrix, label) in zip(columns, maps):
        with column:
            st.markdown(f"**{name}**: {meaning}")
            drawn.chart(
                charts.similarity_map(matrix, titles, label), key=f"{name} {dataset}", config={"displayModeBar": False}
            )
    st.caption(f"{plural(similarity.n_images, 'image')} of {theme.plain(dataset)}.")


def cost_chart(infos: Sequence[BackboneInfo]) -> None:
    """What is dear and what is cheap, as measured here."""
    rows = [
        (
            info.backbone.title,
            info.backbone.parameters,
            info.cost.latency_ms,
            info.backbone.family,
            info.cost.sentence(),
        )
        for info in infos
        if info.cost
    ]
    st.subheader(text("heading.cost"), anchor=False)
    if len(rows) < 2:
        st.caption(text("sentence.cost_needs_two"))
        return
    drawn.chart(charts.cost_scatter(rows), key="cost chart", config={"displayModeBar": False})
