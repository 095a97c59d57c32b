"""The systems that a page offers, and the two lists in which one and another beside it are chosen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import streamlit as st

from core import paths, wording
from core.errors import CoreError
from core.fusion import FusionSpec, store
from core.setups import FusionSetup
from core.studies import system_spec_text
from core.studies.system_spec_text import SystemRef
from core.ui.app import cache, state, theme
from core.ui.widgets import lab_steps, weight_shares
from core.ui.widgets.sidebar import Selection

shared = wording.page("shared")


def saved_fusions() -> dict[str, FusionSpec]:
    """The fusions that were saved on this installation, by name."""
    return store.saved()[0] if paths.fusions().is_dir() else {}


def lab_fusion(names: tuple[str, ...]) -> FusionSpec | None:
    """The fusion as the Fusion lab has it now; None with fewer than two backbones."""
    if len(names) < 2:
        return None
    fitted = weight_shares.fitted(dict(state.get(FusionSetup, "shares") or ()), names)
    try:
        mix = FusionSpec(
            "lab",
            state.get(FusionSetup, "strategy"),
            names,
            prepare=lab_steps.chosen_step("preparation", "prepare"),
            rerank=lab_steps.chosen_step("re-ranking", "rerank"),
        )
        return system_spec_text.named_by_shares(mix.with_shares(fitted))
    except CoreError:
        return system_spec_text.named_by_shares(
            FusionSpec("equal", "concat", names).with_shares(weight_shares.equal(names))
        )


def lab_text(names: tuple[str, ...]) -> str:
    """The fusion of the Fusion lab as a link writes it; "" with fewer than two backbones."""
    mix = lab_fusion(names)
    return "" if mix is None else system_spec_text.spell(mix)


@dataclass(frozen=True)
class SystemOptions:
    """The systems that can be chosen: text → what is shown in the list. The first is where a visit starts."""

    titles: dict[str, str]
    saved: dict[str, FusionSpec]
    embedded: tuple[str, ...]

    def read(self, text: str) -> SystemRef:
        """The system of a text.

        Raises:
            UnknownName, BadInput: one sentence.
        """
        return titled(system_spec_text.read(text, self.embedded, self.saved))


def system_name(named: SystemRef) -> str:
    """What the studies call it: a backbone's own name, a fusion's title."""
    return named.text if named.spec is None else named.title


def titled(named: SystemRef) -> SystemRef:
    """The same system, called as pages call its backbones."""
    if named.spec is None:
        return SystemRef(named.text, cache.backbone_title(named.text))
    if named.text.startswith(system_spec_text.SAVED):
        return named
    return SystemRef(named.text, system_spec_text.title(named.spec, cache.backbone_title), named.spec)


def stepped_backbones(names: tuple[str, ...]) -> dict[str, str]:
    """Each backbone alone with the steps of the Fusion lab, text → title; nothing while it has none."""
    prepare = lab_steps.chosen_step("preparation", "prepare")
    rerank = lab_steps.chosen_step("re-ranking", "rerank")
    if prepare is None and rerank is None:
        return {}
    specs = [FusionSpec(name, "concat", (name,), prepare=prepare, rerank=rerank) for name in names]
    return {system_spec_text.spell(spec): system_spec_text.title(spec, cache.backbone_title) for spec in specs}


def system_options(chosen: tuple[str, ...], embedded: tuple[str, ...], also: Iterable[str] = ()) -> SystemOptions:
    """What the lists of systems hold: the fusion of the lab, saved fusions, backbones, and what a link named.

    Args:
        chosen: backbones of the sidebar; embedded: all that can be used.
        also: texts in use now that are in no list, as far as they can be read.
    """
    saved = saved_fusions()
    titles: dict[str, str] = {}
    lab = lab_fusion(chosen)
    if lab is not None:
        titles[system_spec_text.spell(lab)] = shared(
            "option.lab", title=system_spec_text.title(lab, cache.backbone_title)
        )
    titles |= {name: cache.backbone_title(name) for name in chosen} | stepped_backbones(chosen)
    for name, fused in saved.items():
        if set(fused.active) <= set(embedded):
            titles[system_spec_text.SAVED + name] = shared("option.saved", name=name)
    titles |= {name: cache.backbone_title(name) for name in embedded if name not in chosen}
    for text in also:
        if text and text not in titles:
            try:
                titles[text] = titled(system_spec_text.read(text, embedded, saved)).title
            except CoreError:
                continue
    return SystemOptions(titles, saved, embedded)


def follow_lab(setup: type, selection: Selection) -> None:
    """Who looks at the fusion of the lab goes on doing so when its weights, the backbones or the dataset change.

    Args:
        setup: has the fields "system" and "other".
    """
    shown = f"lab fusion of {setup.__name__}"
    now, before = lab_text(selection.backbones), state.session_get(shown, "")
    for name in ("system", "other"):
        if before and state.get(setup, name) == before and now != before:
            state.set_field(setup, name, now)
    state.session_set(shown, now)


def system_boxes(
    setup: type, selection: Selection, columns: Sequence, titles: tuple[str, str], helps: tuple[str, str]
) -> tuple[SystemRef, SystemRef | None]:
    """The two lists in which a page's system, and the one beside it, are chosen.

    A link that names no system of this installation gets one sentence and the first of the list.

    Args:
        setup: has the fields "system" and "other".
        places: the two containers that the lists stand in.
        titles, helps: of the two lists.
    """
    wanted = {name: state.get(setup, name) for name in ("system", "other")}
    options = system_options(selection.backbones, selection.embedded, wanted.values())
    texts = list(options.titles)
    for name, text in wanted.items():
        if text and text not in options.titles:
            try:
                options.read(text)
            except CoreError as error:
                st.warning(theme.plain(str(error)), icon=":material/info:")
        if text not in options.titles:
            state.set_field(setup, name, texts[0] if name == "system" else "")
    system = columns[0].selectbox(
        titles[0], texts, key=state.key(setup, "system"), format_func=options.titles.get, help=helps[0]
    )
    other = columns[1].selectbox(
        titles[1],
        ["", *texts],
        key=state.key(setup, "other"),
        help=helps[1],
        format_func=lambda text: options.titles.get(text, shared("option.nothing")),
    )
    return options.read(system), options.read(other) if other and other != system else None
