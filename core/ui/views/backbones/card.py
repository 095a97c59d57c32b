"""The card of one backbone: what it is, what it costs here, and which others behave alike."""

from __future__ import annotations

import streamlit as st

from core import backbones, templates
from core.backbones import custom
from core.studies import backbone_info
from core.studies.backbone_info import BackboneInfo
from core.ui.app import cache, theme
from core.ui.views.backbones import actions, add_backbone, devices

_LICENCE_COLOURS = {"commercial": "green", "research": "orange", "unknown": "gray"}


def card(info: BackboneInfo, dataset: str) -> None:
    """Everything about one backbone."""
    backbone = info.backbone
    with st.container(border=True, key="backbones-wrap-card"):
        left, right = st.columns([3, 2], gap="large")
        with left:
            st.subheader(theme.plain(backbone.title), anchor=False)
            st.markdown(" ".join(_badges(info)))
            st.markdown(theme.plain(backbone_info.what_it_is(backbone)))
            st.html(str(templates.render("backbone_facts.html.jinja", rows=_facts(info))))
            note = backbones.source_of(backbone).note(backbone)
            if note:
                st.caption(theme.plain(note))
        with right:
            _cost(info, dataset)
            _relatives(info, dataset)
            _buttons(info)
        if not info.here:
            st.info(theme.plain(info.why.replace("`", "")), icon=":material/cloud_download:")
            if backbones.source_of(backbone).on_hub:
                st.code(f"python -m core fetch {backbone.name}", language="bash")


def _badges(info: BackboneInfo) -> list[str]:
    badges = [
        f":gray-badge[{theme.plain(info.backbone.family)}]",
        f":{_LICENCE_COLOURS[info.licence]}-badge[{backbones.licence_in_words(info.backbone)}]",
    ]
    badges += [":blue-badge[reads text]"] if info.reads_text else []
    return [*badges, ":green-badge[runs here now]" if info.here else ":orange-badge[weights are not here]"]


def _buttons(info: BackboneInfo) -> None:
    has_fast_mode = not backbones.source_of(info.backbone).engine and info.backbone.mode == "exact"
    if has_fast_mode and st.button(
        "Its fast mode",
        key="fast mode",
        icon=":material/bolt:",
        help="The same network with cheaper pixels and arithmetic, as a backbone of its own: embed it beside the "
        "exact one, and the Leaderboard says what it loses.",
    ):
        add_backbone.add(lambda: backbones.get(f"fast:{info.name}").name)
    if info.name in custom.added():
        st.button(
            "Take it off the list",
            key="forget backbone",
            icon=":material/playlist_remove:",
            on_click=actions.forget,
            args=(info.name,),
            help="It was added here. Its embeddings stay in the store.",
        )


def _facts(info: BackboneInfo) -> list[tuple[str, list[tuple[str, str]], bool]]:
    """(what, [(text, address or "")], whether it is code) of each line."""
    backbone = info.backbone
    size = f"{backbone.parameters:,.1f} million parameters, {'' if info.here else 'about '}{info.megabytes:,.0f} MB"
    lines = {
        "Licence": f"{backbones.licence_in_words(backbone)} ({backbone.licence})",
        "Paper": "",
        "Built by": backbone_info.built_by(backbone),
        "Sees": backbone_info.preprocessing_text(backbone),
        "Read from": backbone_info.pooling(backbone),
        "Size": size if backbone.parameters else "no weights",
        "Weights": info.why if info.here else "not on this machine",
        "Engine": backbone_info.engine(backbone),
        "Type it as": backbone.name,
    }
    papers = backbone_info.papers(backbone)
    return [(name, papers if name == "Paper" else [(text, "")], name == "Type it as") for name, text in lines.items()]


def _cost(info: BackboneInfo, dataset: str) -> None:
    cost = info.cost
    figures = [
        ("ms per image", f"{cost.latency_ms:.1f}" if cost else "–"),
        ("images per second", f"{cost.images_per_second:.0f}" if cost else "–"),
    ]
    if dataset:
        figures.append(("embedded", f"{info.embedded or 0:.0%}"))
    st.html(str(templates.render("backbone_figures.html.jinja", figures=figures)))
    if cost is None:
        st.caption("Not measured on this machine yet.")
        return
    made = ", ".join(f"{name} {cost.versions[name]}" for name in ("torch", "openvino") if name in cost.versions)
    st.caption(
        f"{cost.sentence()[0].upper()}{cost.sentence()[1:]}; {cost.peak_megabytes:,.0f} MB of memory at the most. "
        f"{theme.plain(cost.processor.split(';')[0])}, {made}."
    )


def _relatives(info: BackboneInfo, dataset: str) -> None:
    st.markdown(
        "**Nearest relatives**",
        help="Which embedded backbones place these images most alike: linear CKA, 1 is the same up to a turn.",
    )
    names = cache.embedded(dataset) if dataset else ()
    if info.name not in names or len(names) < 2:
        why = "Embed it" if info.name not in names else "Embed a second backbone"
        st.caption(f"{why} to see which backbones behave alike{f' on {theme.plain(dataset)}' if dataset else ''}.")
        return
    nearest = devices.similarity(cache.dataset(dataset), names).nearest(info.name, 4)
    rows = [(devices.title(dataset, name), value) for name, value in nearest]
    st.html(str(templates.render("backbone_relatives.html.jinja", rows=rows)))
