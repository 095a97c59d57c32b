"""The live lab on the page: what it is given, and what happens when a thumb is let go or a button pressed."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from core import charts, metrics, wording
from core.setups import FusionSetup
from core.studies import retrieval
from core.studies.live_figures import LiveFigures
from core.types import Dataset
from core.ui.app import cache, state, theme
from core.ui.components import live_lab
from core.ui.components.live_lab import fuse_route
from core.ui.views.fusion import fusion_state, live_session, query_choice
from core.ui.views.fusion.lab_view import LabView
from core.ui.widgets import weight_shares, why_panel
from core.wording.live_lab import view_words

KEY = "live lab"
_ECHO, _FUSER, _WHY = "lab echo", "lab fuser", "lab why"
_SHADES = {"equal": "#7b8698", "oracle": "#c9ced8", "baseline": charts.OTHER_MIX_COLOUR}
text = wording.page("live_lab")


def draw(view: LabView, evaluated: Dataset) -> None:
    """Sliders, figures and results in one.

    Args:
        evaluated: with the queries that figures are of.
    """
    live_lab.show(data(view, evaluated), host(view), key=KEY)


def fuser(view: LabView) -> live_session.LabFuser:
    """What answers this session's drags; another one when anything but the weights, query and metric has changed."""
    stamp = live_session.stamp(view)
    stored = state.session_get(_FUSER, ("", None))
    if stored[0] != stamp:
        stored = (stamp, live_session.LabFuser(view))
        state.session_set(_FUSER, stored)
        fuse_route.warm(stored[1], dict(view.spec.shares))
    return stored[1]


def host(view: LabView) -> live_lab.LabHost:
    """What a person's hand does to the session."""
    names = view.names

    def released(weights: list[float], number: int) -> None:
        state.session_set(_ECHO, number)
        fusion_state.set_shares(weight_shares.fitted(dict(zip(names, weights)), names))

    def act(name: str) -> None:
        """What a button of the component does."""
        if name == "two":
            fusion_state.set_shares(cache.two_strongest(view.loaded, names))
        elif name == "reset":
            fusion_state.reset(names)
        else:
            fusion_state.step(back=name == "undo")

    def picked(position: int) -> None:
        if position < len(view.loaded):
            query_choice.pick(str(view.loaded.ids[position]))

    def chose(metric: int) -> None:
        if metric < len(view.metrics):
            state.set_field(FusionSetup, "metric", view.metrics[metric])

    def why(position: int) -> None:
        """The maps of this result open below the lab."""
        if position < len(view.loaded):
            state.session_set(_WHY, str(view.loaded.ids[position]))

    return live_lab.LabHost(
        released, lambda locked: state.set_field(FusionSetup, "locked", tuple(locked)), act, picked, chose, why
    )


def why_matched(view: LabView) -> None:
    """Where in both images the result that was asked about matches, under the weights that stand now."""
    wanted = state.session_get(_WHY, "")
    if not wanted:
        return

    def close() -> None:
        """The maps go away."""
        state.session_set(_WHY, "")

    loaded, position = view.loaded, query_choice.position(view.loaded, view.setup.query)
    query = cache.image_query(loaded, view.names, position)
    answer = retrieval.retrieve(query, query.system(view.spec.name, view.spec))
    shown = np.flatnonzero(loaded.ids == wanted)
    item = why_panel.item_of(loaded, answer, int(shown[0]) if len(shown) else None)
    if item is None:
        close()
        return
    query_images, colours = [why_panel.of_dataset(loaded, position)], theme.colours(view.names)
    why_panel.draw(why_panel.Match(loaded, answer, item, query_images, colours, f"lab {position} {wanted}"), close)


def slider_shares(view: LabView) -> dict[str, float]:
    """The shares as the sliders stand, whatever the strategy makes of them."""
    if view.spec.strategy.weight:
        return view.spec.shares
    return weight_shares.fitted(dict(fusion_state.mix().shares), view.names)


def data(view: LabView, evaluated: Dataset) -> dict[str, Any]:
    """Everything that the component is given: see `main.js`."""
    names, loaded, setup, locked = view.names, view.loaded, view.setup, set(view.setup.locked)
    colours, titles = theme.colours(names), {name: cache.backbone_title(name) for name in names}
    shares, steps, live = slider_shares(view), fusion_state.undo_stack(), fuser(view)
    position = query_choice.position(loaded, setup.query)
    began = time.perf_counter()
    answer, shown = _answer(view, evaluated, shares, position)
    live.page_seconds = max(live.page_seconds, time.perf_counter() - began)
    query = live_session.item(loaded, position)
    baseline = _baseline(view, evaluated, position)
    shown += baseline.pop("items")
    return {
        "stamp": live.address,
        "address": live.address,
        "backbones": [{"name": name, "label": titles[name], "colour": colours[name]} for name in names],
        "weights": [shares[name] for name in names],
        "locked": [name in locked for name in names],
        "metrics": [
            {"key": key, "label": metrics.label(key, view.loaded.is_judged), "help": metrics.sentence(key)}
            for key in live.metrics
        ],
        "metric": view.metrics.index(view.metric),
        "systems": _systems(view, titles, colours) if live.metrics else [],
        "baseline": baseline,
        "query": dict(zip(("id", "src", "large", "name", "label", "facts"), query)),
        "colour": charts.FUSION_COLOUR,
        "k": setup.k,
        "answer": answer,
        "items": shown,
        "live": live.is_live,
        "canUndo": steps.can_undo,
        "canRedo": steps.can_redo,
        "canPickTwo": len(names) > 2 and loaded.has_labels,
        "echo": state.session_get(_ECHO, 0),
        "words": view_words(),
    }


def _systems(view: LabView, titles: dict[str, str], colours: dict[str, str]) -> list[dict[str, str]]:
    """What stands beside the fusion, in the order of `LiveFigures.systems`."""
    rows = [{"role": "backbone", "label": titles[name], "colour": colours[name]} for name in view.names]
    others = ["equal", *([] if fusion_state.is_even(view.base) else ["baseline"]), "oracle"]
    rows += [{"role": role, "label": text(f"label.{role}_bar"), "colour": _SHADES[role]} for role in others]
    return rows


def _baseline(view: LabView, evaluated: Dataset, position: int) -> dict[str, Any]:
    """The baseline's curve and its results of the query."""
    base, fields = view.base, {"label": view.base_title, "curve": None}
    if view.loaded.has_labels:
        fields["curve"] = fuse_route.plain(cache.interpolated_curve(evaluated, base.backbones, base))
    results = live_session.results_of(view.loaded, base.backbones, base, position, view.setup.k)
    return {
        **fields,
        "ids": results.images.tolist(),
        "relevance": results.relevance.tolist(),
        "items": live_session.items(view.loaded, results, set()),
    }


def _answer(
    view: LabView, evaluated: Dataset, shares: dict[str, float], position: int
) -> tuple[dict[str, Any], list[list[Any]]]:
    """What stands on the page now, from what all pages share, and the images in it."""
    figures = _figures(evaluated, view) if view.loaded.has_labels else None
    results = live_session.results_of(view.loaded, view.names, view.spec, position, view.setup.k)
    fields = live_session.as_fields(view.names, shares, figures, results)
    fields["note"] = text("phrase.no_labels")
    if figures is not None:
        every = view.evaluated
        fields["note"] = live_session.note(evaluated, every)
    return fuse_route.plain(fields), live_session.items(view.loaded, results, set())


def _figures(evaluated: Dataset, view: LabView) -> LiveFigures:
    """The figures of the present weights, as the other pages have them."""
    names, spec, base, metric, by_class = view.names, view.spec, view.base, view.metric, view.by_class
    values = cache.list_metrics(evaluated, names, spec, view.metrics)
    before = cache.list_metrics(evaluated, base.backbones, base, view.metrics)
    ends = cache.intervals(evaluated, names, spec, view.metrics, by_class)
    comparison = cache.baseline_comparison(evaluated, names, spec, metric, by_class)
    means = np.array([metrics.mean(values[key]) for key in view.metrics])
    systems = [(row.mean, row.low, row.high) for row in comparison.rows if row.role != "fusion"]
    if not fusion_state.is_even(base):
        low, high = cache.intervals(evaluated, base.backbones, base, (metric,), by_class)[metric]
        systems.insert(-1, (metrics.mean(before[metric]), low, high))
    return LiveFigures(
        means=means,
        lows=np.array([ends[key][0] for key in view.metrics]),
        highs=np.array([ends[key][1] for key in view.metrics]),
        changes=means - np.array([metrics.mean(before[key]) for key in view.metrics]),
        systems=np.array(systems),
        curve=cache.interpolated_curve(evaluated, names, spec),
        versus=comparison.row("fusion").versus,
        gain=comparison.gain,
        verdict=comparison.verdict,
        n_valid=comparison.n_valid,
    )
