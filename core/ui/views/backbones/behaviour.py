"""Which backbones see the same, which see something else, and what each costs on this machine."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import charts
from core.studies.backbone_info import BackboneInfo
from core.ui.app import cache, theme
from core.ui.views.backbones import devices
from core.wording import plural


def alike(dataset: str) -> None:
    """Which backbones see the same, and which see something else."""
    st.subheader("Which see the same, and which see something else?", anchor=False)
    names = cache.embedded(dataset) if dataset else ()
    if len(names) < 2:
        st.caption("Embed two backbones, and this shows how alike they see the images of the dataset.")
        return
    similarity = devices.similarity(cache.dataset(dataset), names).ordered()
    titles = [devices.title(dataset, name) for name in similarity.names]
    pair = similarity.most_different()
    assert pair is not None, "there are two backbones"
    a, b, share = pair
    st.markdown(
        f"Pale squares are pairs that see different things, and those are worth fusing; dark ones say the same twice. "
        f"On {theme.plain(dataset)} the most different pair is **{theme.plain(devices.title(dataset, a))}** and "
        f"**{theme.plain(devices.title(dataset, b))}**: of the {similarity.k} nearest neighbours of an image they share {share:.0%}. "
        "Being different is not yet being good: the Fusion lab says what a pair gains."
    )
    maps = (
        ("Linear CKA", "1 is the same up to a turn and a scale", similarity.cka, "linear CKA"),
        (
            f"Neighbour overlap@{similarity.k}",
            "the share of nearest images that both find",
            similarity.overlap,
            "shared",
        ),
    )
    with st.container(key="backbones-wrap-maps"):
        columns = st.columns(2, gap="medium")
    for column, (name, meaning, matrix, label) in zip(columns, maps):
        with column:
            st.markdown(f"**{name}**: {meaning}")
            st.plotly_chart(
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
    st.subheader("What an image costs on this machine", anchor=False)
    if len(rows) < 2:
        st.caption("Measure two backbones, and they stand here side by side. Published figures are never shown.")
        return
    st.plotly_chart(charts.cost_scatter(rows), key="cost chart", config={"displayModeBar": False})
