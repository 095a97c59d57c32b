"""Map: the space of a system as a picture to work in; points travel when weights move, selections are pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import streamlit as st

from core import projection
from core.errors import BadInput, CoreError
from core.fusion import FusionSpec
from core.setups import FusionSetup, MapSetup, RetrievalSetup, bounds_of
from core.studies import maps
from core.studies.naming import Named
from core.studies.systems import System
from core.types import Dataset
from core.ui import asking, cache, cards, controls, gallery, jobs, shares, state, theme
from core.ui import map as picture_map
from core.ui.guard import fragment, guarded

MOST_PICTURES = 60
LONGEST_LINES = 10


# ------------------------------------------------------------------------------------------------ what is drawn


def systems(selection: controls.Selection) -> tuple[Named, Named | None]:
    """Whose space is drawn, and beside which other; what a link names wrongly becomes the first of the list."""
    wanted = {name: state.get(MapSetup, name) for name in ("system", "other")}
    choice = asking.choice(selection.backbones, selection.embedded, wanted.values())
    texts = list(choice.titles)
    for name, text in wanted.items():
        if text and text not in choice.titles:
            try:
                choice.read(text)
            except CoreError as error:
                st.warning(theme.plain(str(error)), icon=":material/info:")
        if text not in choice.titles:
            state.put(MapSetup, name, texts[0] if name == "system" else "")
    left, middle, right = st.columns([5, 5, 4], gap="medium", vertical_alignment="bottom")
    system = left.selectbox(
        "Space of", texts, key=state.key(MapSetup, "system"), format_func=choice.titles.get,
        help="A backbone, the fusion as it stands in the Fusion lab, or a saved fusion of vectors.",
    )  # fmt: skip
    other = middle.selectbox(
        "Side by side with", ["", *texts], key=state.key(MapSetup, "other"),
        format_func=lambda text: choice.titles.get(text, "nothing"), help="A second map: same colours, same selection.",
    )  # fmt: skip
    with right:
        st.segmented_control(
            "Method", projection.METHODS.names, key=state.key(MapSetup, "method"), required=True,
            format_func=lambda name: projection.METHODS.get(name).label,
            help="PCA shows at once; t-SNE and UMAP are laid out beside the page and kept.",
        )  # fmt: skip
    return choice.read(system), choice.read(other) if other and other != system else None


def space_of(loaded: Dataset, named: Named) -> projection.Space:
    """The space of a system; fusions of scores and ranks have none.

    Raises:
        BadInput: the system has no vectors.
    """
    names = named.backbones
    if named.spec is None:
        return maps.space_of(cache.vectors(loaded, names), {names[0]: 1.0})
    if named.spec.kind == "concat":
        return maps.space_of(cache.vectors(loaded, names), named.spec.shares)
    system = System(named.title, cache.space(loaded, tuple(named.spec.backbones)), named.spec)
    if not system.has_vectors:
        raise BadInput(
            f"{named.title} joins scores or ranks, so it has no vectors to draw. Choose a backbone, or a fusion of vectors."
        )
    return maps.space_of({named.title: system.vectors}, {named.title: 1.0})


def parameters(setup: MapSetup) -> dict[str, float]:
    """What was set by hand."""
    return {name: getattr(setup, name) for name in ("perplexity", "iterations", "n_neighbors", "min_dist")}


def drawn(loaded: Dataset, named: Named, setup: MapSetup, side: str) -> tuple[maps.Map, str]:
    """The map as far as it is there, and the name of the job that makes it ("" when it is whole).

    PCA is there at once. t-SNE and UMAP go on from the last map of this method, so that points travel; until the
    first layout arrives the last map, or PCA, is shown.
    """
    space = space_of(loaded, named)
    method, dims = setup.method, min(setup.dims, max(projection.METHODS.get(setup.method).dims))
    last: dict = state.hold("maps last", {})
    place = (loaded.fingerprint, method, dims, side)
    if projection.METHODS.get(method).instant:
        last[place] = maps.draw(space, method, dims=dims, seed=setup.seed)
        return last[place], ""
    before = last.get(place)
    start = before if before is not None and before.quality is not None else None
    wish = (named.text, tuple(sorted(parameters(setup).items())), setup.seed)
    name = f"map {side} {loaded.fingerprint} {method} {dims} {wish}"
    job = jobs.find(name)
    if job is None:
        given = parameters(setup)
        found = maps.kept(space, method, dims=dims, parameters=given, seed=setup.seed)
        if found is not None:
            last[place] = found
            return found, ""
        if method == "umap":
            projection.warm_umap()

        def work(running: jobs.Job) -> maps.Map:
            def show(layout: maps.Map) -> None:
                running.result = layout
                running.changed()

            return maps.draw(
                space, method, dims=dims, parameters=given, seed=setup.seed, start=start, on_layout=show,
                on_progress=running.tell, cancel=running.cancel,
            )  # fmt: skip

        for old in [one.name for one in jobs.running() if one.name.startswith(f"map {side} ")]:
            jobs.find(old).cancel.set()
        job = jobs.start(name, f"Laying out {len(loaded):,} points with {projection.METHODS.get(method).label}", work)
    if isinstance(job.result, maps.Map):
        last[place] = job.result
    if job.state == "done":
        return job.result, ""
    shown = last.get(place) or maps.draw(space, "pca", dims=dims, seed=setup.seed)
    return shown, name


# ------------------------------------------------------------------------------------------------ colours


def figures(loaded: Dataset, named: Named, other: Named | None) -> dict[str, np.ndarray]:
    """AP of each image as a query, per image; NaN for images that do not ask."""
    if not loaded.has_labels:
        return {}
    found = {}
    for key, one in (("ap", named), ("ap of the other", other)):
        if one is None:
            continue
        names = tuple(one.backbones)
        spec = one.spec or FusionSpec(one.text, "concat", names)
        values = np.full(len(loaded), np.nan)
        values[loaded.split.queries] = cache.list_metrics(loaded, tuple(spec.backbones), spec, ("map",))["map"]
        found[key] = values
        if key == "ap":
            first = np.full(len(loaded), np.nan)
            first[loaded.split.queries] = cache.list_metrics(loaded, tuple(spec.backbones), spec, ("p@1",))["p@1"]
            found["p@1"] = first
    return found


def colour_label(name: str) -> str:
    return name.removeprefix("column:") if name.startswith("column:") else maps.COLOURINGS.get(name).label


def settings(view: maps.View) -> str:
    """The colour, and behind a button what is rarely changed; returns the colour's name."""
    offered = maps.colourings(view)
    if state.get(MapSetup, "colour") not in offered:
        state.put(MapSetup, "colour", offered[0])
    left, right = st.columns([6, 2], vertical_alignment="bottom")
    colour = left.selectbox("Colour", offered, key=state.key(MapSetup, "colour"), format_func=colour_label)
    with right.popover("Layout", icon=":material/tune:", width="stretch"):
        st.segmented_control(
            "Dimensions", [2, 3], key=state.key(MapSetup, "dims"), required=True, help="Three for PCA and UMAP."
        )
        for name in ("perplexity", "iterations", "n_neighbors", "min_dist", "seed"):
            bounds = bounds_of(MapSetup, name)
            step, low, high = bounds.step, bounds.low, bounds.high
            if bounds.kind == "whole":
                step, low, high = int(step), int(low), int(high)
            st.number_input(bounds.label, low, high, step=step, key=state.key(MapSetup, name), help=bounds.help)
    return colour


def weights(names: tuple[str, ...]) -> None:
    """The sliders of the Fusion lab, here too: the map follows."""
    parts = shares.fitted(dict(state.get(FusionSetup, "shares")), names)
    for column, name in zip(st.columns(len(names)), names):
        st.session_state[f"map share {name}"] = round(parts[name] * 100)
        column.slider(
            cache.backbone_title(name), 0, 100, key=f"map share {name}", format="%d %%", on_change=slid,
            args=(name, names), help="Its share of the fusion; the points travel when you let go.",
        )  # fmt: skip


def slid(name: str, names: tuple[str, ...]) -> None:
    """A weight was moved: the fusion of the lab changes, and the map shows it."""
    before = shares.fitted(dict(state.get(FusionSetup, "shares")), names)
    after = shares.moved(
        before, name, st.session_state[f"map share {name}"] / 100, set(state.get(FusionSetup, "locked"))
    )
    state.put(FusionSetup, "shares", shares.as_pairs(after))
    state.put(MapSetup, "system", asking.lab_text(names))


# ------------------------------------------------------------------------------------------------ selection


def chosen_positions(loaded: Dataset) -> np.ndarray:
    """What is selected, kept by id across systems, methods and pages."""
    return maps.positions_of(loaded, state.hold("selected ids", {}).get(loaded.name, ()))


def choose(loaded: Dataset, positions: np.ndarray) -> None:
    state.hold("selected ids", {})[loaded.name] = tuple(str(loaded.ids[p]) for p in positions)


def selected(loaded: Dataset, chosen: np.ndarray, found: Mapping[str, np.ndarray], drawing: maps.Map) -> None:
    """The pictures of the selection, its classes, its mean AP, and a file of it."""
    if not len(chosen):
        st.caption(
            "Nothing is selected. Draw around points with the lasso or the box on the map; Shift adds, Ctrl removes, "
            "x clears. A click on a point draws lines to its nearest neighbours in the original space."
        )
        return
    left, right = st.columns([7, 4], gap="large")
    with right:
        ap = maps.mean_figure(found["ap"], chosen) if "ap" in found else float("nan")
        counted = int(np.isfinite(found["ap"][chosen]).sum()) if "ap" in found else 0
        if counted:
            st.metric(
                "Mean AP of the selection",
                theme.number(ap),
                help=f"Of {counted:,} selected images that are valid queries.",
            )
        st.dataframe(
            maps.class_counts(loaded, chosen, found), hide_index=True, width="stretch", height=260,
            column_config={"mean AP": st.column_config.NumberColumn(format="%.3f", help="Of the selected images as queries.")},
        )  # fmt: skip
        a, b = st.columns(2)
        table = maps.selection_table(loaded, chosen, drawing, found)
        a.download_button(
            "Download", table.to_csv(index=False), "selection.csv", "text/csv", key="map csv", width="stretch"
        )
        b.button("Clear", on_click=choose, args=(loaded, np.empty(0, np.int64)), key="map clear", width="stretch")
    with left:
        st.markdown(
            f"**{len(chosen):,} selected**"
            + (f", the first {MOST_PICTURES} shown" if len(chosen) > MOST_PICTURES else "")
        )
        picked = gallery.grid(
            cards.cards(loaded, chosen[:MOST_PICTURES]), key="map pictures", size=84, name="the selection",
            pick="Click to see it on the map",
        )  # fmt: skip
        if picked:
            state.keep("map focus", (loaded.name, picked))
            st.rerun(scope="fragment")


def focus_of(loaded: Dataset, space: projection.Space) -> picture_map.Focus | None:
    """The point whose neighbours are joined to it by lines."""
    held = state.hold("map focus")
    if not held or held[0] != loaded.name:
        return None
    where = maps.positions_of(loaded, [held[1]])
    if not len(where):
        return None
    return picture_map.Focus(int(where[0]), projection.nearest(space, LONGEST_LINES)[where[0]])


def show_focus(loaded: Dataset, focus: picture_map.Focus) -> None:
    """The point that was clicked, its neighbours, and the way to Retrieval."""
    name = str(loaded.ids[focus.position])
    left, right = st.columns([8, 3], vertical_alignment="center")
    left.markdown(f"**{theme.plain(name)}** and its {len(focus.neighbours)} nearest in the original space")
    if right.button("Open in Retrieval", icon=":material/image_search:", key="map open", width="stretch"):
        state.put(RetrievalSetup, "query", name)
        st.switch_page("pages/retrieval.py")
    shown = [cards.card(loaded, focus.position, frame="query"), *cards.cards(loaded, focus.neighbours)]
    picked = gallery.grid(
        shown, key="map neighbours", size=84, name="nearest neighbours", pick="Click to go there on the map"
    )
    if picked:
        state.keep("map focus", (loaded.name, picked))
        st.rerun(scope="fragment")


# ------------------------------------------------------------------------------------------------ the page


@fragment
def drawing(loaded: Dataset, named: Named, other: Named | None, colour: str) -> None:
    """The maps and what is selected on them; a lasso reruns this part alone."""
    setup = dataclasses.replace(state.read(MapSetup), colour=colour)
    sides = [("left", named)] + ([("right", other)] if other else [])
    made = [drawn(loaded, one, setup, side) for side, one in sides]
    waiting = [name for _, name in made if name]
    if waiting:
        jobs.panel(*waiting)
    space, found = space_of(loaded, named), figures(loaded, named, other)
    view = maps.View(loaded, space, found, space_of(loaded, other) if other else None)
    colours = maps.colours(view, colour)
    panels = [
        picture_map.Panel(one.projection.xy, title=side[1].title if other else "")
        for (one, _), side in zip(made, sides)
    ]
    if other and panels[0].xy.shape == panels[1].xy.shape:
        turned = projection.align(panels[1].xy, panels[0].xy)
        panels[1] = dataclasses.replace(panels[1], xy=turned)
    names = [loaded.label_of(i) for i in range(len(loaded))] if loaded.has_labels else None
    items = picture_map.Items(list(map(str, loaded.ids)), loaded.fingerprint, names, loaded.keys)
    focus = focus_of(loaded, space)
    event = picture_map.show(
        panels, items, colours, key="map", selection=chosen_positions(loaded), focus=focus, height=620,
        status="a better layout is on its way" if waiting else "",
    )  # fmt: skip
    if event.clicked is not None:
        state.keep("map focus", (loaded.name, str(loaded.ids[event.clicked])) if event.clicked >= 0 else None)
        st.rerun(scope="fragment")
    if event.selection is not None:
        choose(loaded, event.selection)
    for (one, _), (_, system) in zip(made, sides):
        st.caption((f"**{theme.plain(system.title)}** – " if other else "") + one.sentence)
    if focus is not None:
        show_focus(loaded, focus)
    selected(loaded, chosen_positions(loaded), found, made[0][0])


def page() -> None:
    """Draw the page."""
    theme.title(
        "Map", "The space as a picture: who lies next to whom, where classes mix, and how that moves with the weights."
    )
    selection = controls.selection()
    state.seed(FusionSetup)
    state.seed(MapSetup)
    loaded = selection.dataset
    named, other = systems(selection)
    view = maps.View(
        loaded,
        space_of(loaded, named),
        figures(loaded, named, other),
        None if other is None else space_of(loaded, other),
    )
    colour = settings(view)
    if named.spec is not None and named.text == asking.lab_text(selection.backbones) and len(selection.backbones) > 1:
        with st.expander("Weights", icon=":material/tune:", expanded=False):
            weights(selection.backbones)
    drawing(loaded, named, other, colour)


guarded(page)()
