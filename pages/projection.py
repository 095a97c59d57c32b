"""Map: the space of a system as a picture to work in; points travel when weights move, selections are pictures."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.errors import StreamlitAPIException

from core import projection
from core.fusion import FusionSpec
from core.setups import FusionSetup, MapSetup, RetrievalSetup, bounds_of
from core.studies import maps
from core.studies.naming import Named
from core.types import Dataset
from core.ui import asking, cache, cards, controls, gallery, jobs, shares, state, theme
from core.ui import map as picture_map
from core.ui.guard import fragment, guarded

MOST_PICTURES = 60


# ------------------------------------------------------------------------------------------------ what is drawn


def systems(selection: controls.Selection) -> tuple[Named, Named | None]:
    """Whose space is drawn, and beside which other; what a link names wrongly becomes the first of the list."""
    return asking.system_boxes(
        MapSetup, selection, st.columns(2, gap="medium"), ("Space of", "Side by side with"),
        ("A backbone, the fusion as it stands in the Fusion lab, or a saved fusion of vectors.",
         "A second map: same colours, same selection."),
    )  # fmt: skip


def parameters(setup: MapSetup) -> dict[str, float]:
    """What was set by hand."""
    return {name: getattr(setup, name) for name in ("perplexity", "iterations", "n_neighbors", "min_dist")}


@dataclass(frozen=True)
class Shown:
    """A map as far as it is there.

    Attributes:
        settled: it is a whole layout, or on the way from one: points can travel on from it.
        job: what makes it, "" when it is whole.
    """

    map: maps.Map
    settled: bool = True
    job: str = ""


def drawn(loaded: Dataset, named: Named, setup: MapSetup, side: str) -> Shown:
    """The map of a system now. PCA is there at once; t-SNE and UMAP go on from what this side shows, so that points
    travel. Until the first layout arrives that one, or PCA, is shown.
    """
    space = cache.map_space(loaded, named)
    method, dims = setup.method, min(setup.dims, max(projection.METHODS.get(setup.method).dims))
    last: dict[tuple, Shown] = state.hold("maps last", {})
    place = (loaded.fingerprint, method, dims, side)
    if projection.METHODS.get(method).instant:
        return Shown(maps.draw(space, method, dims=dims, seed=setup.seed))
    wish = (*place, named.text, named.spec and named.spec.fingerprint, tuple(parameters(setup).items()), setup.seed)
    asked: dict[str, tuple[tuple, str]] = state.hold("maps asked", {})
    if side not in asked or asked[side][0] != wish:
        found = maps.kept(space, method, dims=dims, parameters=parameters(setup), seed=setup.seed)
        drop(asked.pop(side, None))
        if found is not None:
            last[place] = Shown(found)
        else:
            name = f"map {side} {uuid.uuid4().hex}"
            lay_out(name, loaded, space, setup, dims, last.get(place))
        asked[side] = (wish, "" if found is not None else name)
    job = jobs.find(asked[side][1])
    if job is not None:
        if isinstance(job.result, maps.Map):
            last[place] = Shown(
                job.result, job.result.quality is not None or job.name in state.hold("maps warm", set())
            )
        if job.state != "done":
            shown = last.get(place) or Shown(maps.draw(space, "pca", dims=dims, seed=setup.seed), settled=False)
            return dataclasses.replace(shown, job=job.name)
    return last[place]


def drop(before: tuple[tuple, str] | None) -> None:
    """Stop the layout that nobody waits for any more."""
    job = jobs.find(before[1]) if before else None
    if job is not None:
        job.cancel.set()
        jobs.forget(job.name)


def lay_out(
    name: str, loaded: Dataset, space: projection.Space, setup: MapSetup, dims: int, before: Shown | None
) -> None:
    """Start a layout beside the page; from the present one where that is a layout worth going on from."""
    method, given = setup.method, parameters(setup)
    start = before.map if before is not None and before.settled else None
    if start is not None:
        state.hold("maps warm", set()).add(name)
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

    jobs.start(name, f"Laying out {len(loaded):,} points with {projection.METHODS.get(method).label}", work)


def on_the_way(method: str, waiting: Sequence[str]) -> str:
    """What the map says while a layout is being made."""
    if not any((job := jobs.find(name)) and job.running for name in waiting):
        return ""
    if method == "umap" and not projection.umap_is_warm():
        return "UMAP is being compiled, once per start of the app: 20 to 60 seconds"
    return "a better layout is on its way"


# ------------------------------------------------------------------------------------------------ colours


class Figures(Mapping[str, np.ndarray]):
    """AP and first hit of each image as a query, NaN for images that do not ask: worked out when something asks for
    them, so that a moved weight waits for neither.
    """

    def __init__(self, loaded: Dataset, named: Named, other: Named | None) -> None:
        self._loaded = loaded
        self._of = {"ap": (named, "map"), "p@1": (named, "p@1"), "ap of the other": (other, "map")}
        self._names = [name for name, (system, _) in self._of.items() if system is not None and loaded.has_labels]

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise KeyError(name)
        system, metric = self._of[name]
        spec = system.spec or FusionSpec(system.text, "concat", system.backbones)
        values = np.full(len(self._loaded), np.nan)
        found = cache.list_metrics(self._loaded, tuple(spec.backbones), spec, ("map", "p@1"))
        values[self._loaded.split.queries] = found[metric]
        return values

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def view_of(loaded: Dataset, named: Named, other: Named | None) -> maps.View:
    """What the colours and the lines are made of, kept for all sessions."""
    key = [(one.text, one.spec and one.spec.fingerprint) if one else None for one in (named, other)]
    return _view(loaded.name, loaded.fingerprint, *key, loaded, named, other, cache.map_space(loaded, named))


@st.cache_resource(max_entries=12, show_spinner=False)
def _view(
    name: str, fingerprint: str, key: tuple, other_key: tuple | None, _loaded: Dataset, _named: Named,
    _other: Named | None, _space: projection.Space,
) -> maps.View:  # fmt: skip
    other = None if _other is None else cache.map_space(_loaded, _other)
    return maps.View(_loaded, _space, Figures(_loaded, _named, _other), other)


def colours_of(view: maps.View, colour: str, named: Named, other: Named | None) -> maps.Colours:
    """The colours, worked out once: a lasso or a better layout does not look for clusters again."""
    held: dict = state.hold("map colours", {})
    key = (view.dataset.fingerprint, view.space.fingerprint, named.text, other.text if other else "", colour)
    if key not in held:
        while len(held) >= 8:
            held.pop(next(iter(held)))
        held[key] = maps.colours(view, colour)
    return held[key]


@st.cache_resource(max_entries=4, show_spinner=False)
def _items(name: str, fingerprint: str, _loaded: Dataset) -> picture_map.Items:
    names = [_loaded.label_of(i) for i in range(len(_loaded))] if _loaded.has_labels else None
    return picture_map.Items(list(map(str, _loaded.ids)), _loaded.fingerprint, names, _loaded.keys)


def colour_label(name: str) -> str:
    return name.removeprefix("column:") if name.startswith("column:") else maps.COLOURINGS.get(name).label


def settings(view: maps.View) -> str:
    """The method, the colour, and behind a button what is rarely changed; returns the colour's name."""
    offered = maps.colourings(view)
    if state.get(MapSetup, "colour") not in offered:
        state.put(MapSetup, "colour", offered[0])
    left, middle, right = st.columns([7, 6, 4], gap="small", vertical_alignment="bottom")
    with left:
        st.segmented_control(
            "Method", projection.METHODS.names, key=state.key(MapSetup, "method"), required=True,
            format_func=lambda name: projection.METHODS.get(name).label,
            help="PCA shows at once; t-SNE and UMAP are laid out beside the page and kept.",
        )  # fmt: skip
    colour = middle.selectbox("Colour", offered, key=state.key(MapSetup, "colour"), format_func=colour_label)
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
            again()


def focus_of(loaded: Dataset, view: maps.View) -> picture_map.Focus | None:
    """The point whose neighbours are joined to it by lines."""
    held = state.hold("map focus")
    if not held or held[0] != loaded.name:
        return None
    where = maps.positions_of(loaded, [held[1]])
    if not len(where):
        return None
    return picture_map.Focus(int(where[0]), view.near[where[0]])


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
        again()


# ------------------------------------------------------------------------------------------------ the page


def again() -> None:
    """Run this part again, or the page where the whole of it is running anyway."""
    try:
        st.rerun(scope="fragment")
    except StreamlitAPIException:
        st.rerun()


@fragment
def drawing(loaded: Dataset, named: Named, other: Named | None, colour: str) -> None:
    """The maps and what is selected on them; a lasso reruns this part alone."""
    setup = dataclasses.replace(state.read(MapSetup), colour=colour)
    systems_shown = [named, other] if other else [named]
    made = [drawn(loaded, one, setup, side) for one, side in zip(systems_shown, ("left", "right"))]
    waiting = [one.job for one in made if one.job]
    view = view_of(loaded, named, other)
    panels = [
        picture_map.Panel(one.map.projection.xy, title=system.title if other else "")
        for one, system in zip(made, systems_shown)
    ]
    if other and panels[0].xy.shape == panels[1].xy.shape:
        panels[1] = dataclasses.replace(panels[1], xy=projection.align(panels[1].xy, panels[0].xy))
    focus = focus_of(loaded, view)
    event = picture_map.show(
        panels, _items(loaded.name, loaded.fingerprint, loaded), colours_of(view, colour, named, other), key="map",
        selection=chosen_positions(loaded), focus=focus, height=620, status=on_the_way(setup.method, waiting),
    )  # fmt: skip
    if event.selection is not None:
        choose(loaded, event.selection)
    if event.clicked is not None:
        state.keep("map focus", (loaded.name, str(loaded.ids[event.clicked])) if event.clicked >= 0 else None)
        again()
    if colour in maps.COLOURINGS.names and maps.COLOURINGS.get(colour).help:
        st.caption(f"Coloured by: {maps.COLOURINGS.get(colour).help}")
    for one, system in zip(made, systems_shown):
        st.caption((f"**{theme.plain(system.title)}** – " if other else "") + one.map.sentence)
    if waiting:
        jobs.panel(*waiting)
        if not any((job := jobs.find(name)) and job.running for name in waiting):
            st.button(
                "Lay out again",
                icon=":material/refresh:",
                key="map again",
                on_click=state.keep,
                args=("maps asked", {}),
            )
    if focus is not None:
        show_focus(loaded, focus)
    selected(loaded, chosen_positions(loaded), view.figures, made[0].map)


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
    colour = settings(view_of(loaded, named, other))
    if named.spec is not None and named.text == asking.lab_text(selection.backbones) and len(selection.backbones) > 1:
        with st.expander("Weights", icon=":material/tune:", expanded=False):
            weights(selection.backbones)
    drawing(loaded, named, other, colour)


guarded(page)()
