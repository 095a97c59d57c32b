"""The card of one backbone: what it is, what it costs here, and which others behave alike."""

from __future__ import annotations

import streamlit as st

from core import access, backbones, templates, wording
from core.backbones import custom
from core.studies import backbone_info
from core.studies.backbone_info import BackboneInfo
from core.ui.app import cache, theme
from core.ui.views.backbones import actions, add_backbone, devices

strings = wording.page("backbones")

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
    return [*badges, ":green-badge[runs here now]" if info.here else strings("option.weights_missing")]


def _buttons(info: BackboneInfo) -> None:
    if not access.may("backbone.add"):
        return
    has_fast_mode = not backbones.source_of(info.backbone).engine and info.backbone.mode == "exact"
    if has_fast_mode and st.button(
        strings("button.fast_mode"),
        key="fast mode",
        icon=":material/bolt:",
        help=strings("help.fast_mode"),
    ):
        add_backbone.add(lambda: backbones.get(f"fast:{info.name}").name)
    if info.name in custom.added():
        st.button(
            strings("button.take_off_list"),
            key="forget backbone",
            icon=":material/playlist_remove:",
            on_click=actions.forget,
            args=(info.name,),
            help=strings("help.take_off"),
        )


def _facts(info: BackboneInfo) -> list[tuple[str, list[tuple[str, str]], bool]]:
    """(what, [(text, address or "")], whether it is code) of each line."""
    backbone = info.backbone
    size = f"{backbone.parameters:,.1f} million parameters, {'' if info.here else 'about '}{info.megabytes:,.0f} MB"
    lines = {
        strings("option.licence"): f"{backbones.licence_in_words(backbone)} ({backbone.licence})",
        strings("option.paper"): "",
        strings("option.built"): backbone_info.built_by(backbone),
        strings("option.sees"): backbone_info.preprocessing_text(backbone),
        strings("option.read_from"): backbone_info.pooling(backbone),
        strings("option.size"): size if backbone.parameters else "no weights",
        strings("option.weights"): info.why if info.here else strings("option.not_machine"),
        strings("option.engine"): backbone_info.engine(backbone),
        strings("option.type"): backbone.name,
    }
    papers = backbone_info.papers(backbone)
    return [
        (name, papers if name == strings("option.paper") else [(text, "")], name == strings("option.type"))
        for name, text in lines.items()
    ]


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
        st.caption(strings("sentence.not_measured"))
        return
    made = ", ".join(f"{name} {cost.versions[name]}" for name in ("torch", "openvino") if name in cost.versions)
    st.caption(
        strings(
            "sentence.measured_cost",
            upper=cost.sentence()[0].upper(),
            sentence=cost.sentence()[1:],
            peak_megabytes=f"{cost.peak_megabytes:,.0f}",
            split=theme.plain(cost.processor.split(";")[0]),
            made=made,
        )
    )


def _relatives(info: BackboneInfo, dataset: str) -> None:
    st.markdown(
        strings("phrase.nearest_relatives"),
        help=strings("help.relatives"),
    )
    names = cache.embedded(dataset) if dataset else ()
    if info.name not in names or len(names) < 2:
        why = strings("option.embed") if info.name not in names else strings("option.embed_second")
        st.caption(strings("sentence.overlap_waits", why=why, part=f" on {theme.plain(dataset)}" if dataset else ""))
        return
    nearest = devices.similarity(cache.dataset(dataset), names).nearest(info.name, 4)
    rows = [(devices.title(dataset, name), value) for name, value in nearest]
    st.html(str(templates.render("backbone_relatives.html.jinja", rows=rows)))
