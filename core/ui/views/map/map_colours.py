"""The colours and figures behind the Map page. What takes longer than a moment is worked out beside the page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core import arrays, wording
from core.fusion import FusionSpec
from core.studies import colourings, point_colours
from core.studies.system_spec_text import SystemRef
from core.studies.systems import System
from core.types import Dataset
from core.ui.app import cache, jobs, state
from core.ui.app.cached import cached, key_of
from core.ui.widgets import system_options
from core.wording import plural

strings = wording.page("map")

MOMENT = 0.4
"""Seconds that a page waits for a colour or a figure before it goes on without."""
HASTE = 0.05
"""The same while a layout is on its way to the map, which is to be seen first."""
KEPT_SCORES = 10_000**2
"""Pairs up to which all queries are asked through the live engine, which keeps their scores."""
_KEPT = 12


@dataclass(frozen=True)
class ComputedFigures:
    """A value, or what it waits for.

    Attributes:
        value: None while it is not there.
        job: what works it out, "" when it is there; problem: one sentence when it could not be worked out.
    """

    value: Any = None
    job: str = ""
    problem: str = ""


def worked_out(
    key: tuple, title: str, make: Callable[[jobs.BackgroundJob], Any], moment: float = MOMENT
) -> ComputedFigures:
    """The value of that key: from before, or worked out within a moment, else on its way in a job of its own.

    Args:
        key: everything that changes the value.
        title: what the job is called.
        moment: seconds to wait for it.
    """
    values: dict[tuple, Any] = state.session_get("map worked out", {})
    if key in values:
        return ComputedFigures(values[key])
    name = f"map-figures-{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}"
    job = jobs.find(name) or jobs.start(name, title, make)
    job.ended.wait(moment)
    if job.running:
        return ComputedFigures(job=name)
    jobs.forget(name)
    if job.state != "done":
        return ComputedFigures(problem=job.sentence)
    while len(values) >= _KEPT:
        values.pop(next(iter(values)))
    values[key] = job.result
    return ComputedFigures(job.result)


# ------------------------------------------------------------------------------------------------ figures


def figures(loaded: Dataset, named: SystemRef, queries: np.ndarray) -> dict[str, np.ndarray]:
    """ "ap" and "p@1" of some queries as the system answers them: (n_images,) float64, NaN for all other images.

    Args:
        queries: positions among the split's queries.
    """
    spec = named.spec or FusionSpec(named.text, "concat", named.backbones)
    n_queries, n_gallery = len(loaded.split.queries), len(loaded.split.gallery)
    if len(queries) == n_queries and n_queries * n_gallery <= KEPT_SCORES:
        every = cache.list_metrics(loaded, tuple(spec.backbones), spec, ("map", "p@1"))
        by_metric = {"ap": every["map"], "p@1": every["p@1"]}
    else:
        system = System(system_options.system_name(named), cache.vector_set(loaded, tuple(spec.backbones)), named.spec)
        by_metric = colourings.figures_of(system, cache.relevance_of(loaded), queries)
    by_image = {}
    for name, values in by_metric.items():
        by_image[name] = np.full(len(loaded), np.nan)
        by_image[name][loaded.split.queries[queries]] = values
    return by_image


class Figures(Mapping[str, np.ndarray]):
    """AP and first hit of each image as a query, NaN for images that are no queries: worked out when something asks for
    them, so that a moved weight waits for neither.
    """

    def __init__(self, loaded: Dataset, named: SystemRef, other: SystemRef | None) -> None:
        self._loaded = loaded
        self._of = {"ap": (named, "ap"), "p@1": (named, "p@1"), strings("option.ap_other"): (other, "ap")}
        self._names = [name for name, (system, _) in self._of.items() if system is not None and loaded.has_labels]

    @property
    def queries(self) -> np.ndarray:
        """Positions among the queries that are evaluated: all, or a sample of a large dataset's."""
        return colourings.some_queries(len(self._loaded.split.queries), len(self._loaded.split.gallery))

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise KeyError(name)
        system, figure = self._of[name]
        assert system is not None, "only the names of systems are offered"
        return figures(self._loaded, system, self.queries)[figure]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def selection_figures(loaded: Dataset, named: SystemRef, chosen: np.ndarray) -> ComputedFigures:
    """ "ap" and "p@1" of the selected images that are queries, of at most 5,000 of them drawn by chance.

    The value is a mapping of (n_images,) float64, NaN for all other images; an empty one without labels.
    """
    queries = np.flatnonzero(np.isin(loaded.split.queries, chosen))
    if not loaded.has_labels or not len(queries):
        return ComputedFigures({})
    queries = queries[arrays.sample(len(queries), colourings.MOST_QUERIES)]
    key = ("figures", key_of(loaded), *_said(named), hashlib.sha256(queries.tobytes()).hexdigest())
    return worked_out(key, strings("option.ap_job"), lambda _: figures(loaded, named, queries))


# ------------------------------------------------------------------------------------------------ colours


def _said(named: SystemRef | None) -> tuple[str, str]:
    return ("", "") if named is None else (named.text, named.spec.fingerprint if named.spec else "")


@cached("resource", max_entries=12)
def view_of(loaded: Dataset, named: SystemRef, other: SystemRef | None) -> colourings.MapView:
    """What the colours and the lines are made of, kept for all sessions."""
    other_space = None if other is None else cache.joint_space(loaded, other)
    return colourings.MapView(loaded, cache.joint_space(loaded, named), Figures(loaded, named, other), other_space)


def colours_of(
    view: colourings.MapView, colour: str, named: SystemRef, other: SystemRef | None, moment: float = MOMENT
) -> tuple[point_colours.Colours, ComputedFigures]:
    """The colours, worked out once, and how far they are.

    While they are on their way, the points have what this colour was before (a weight was moved), or are grey.
    """
    shown: dict[tuple[str, str], point_colours.Colours] = state.session_get("map colours shown", {})
    colouring = (view.dataset.fingerprint, colour)
    beside = colourings.COLOURINGS.get(colour).needs == "other" if colour in colourings.COLOURINGS.names else False
    space = "" if colour in ("class", "split") or colour.startswith("column:") else view.space.fingerprint
    systems = (*(_said(named) if space else ()), *_said(other if beside else None))
    key = ("colours", key_of(view.dataset), space, *systems, colour)
    computed = worked_out(
        key,
        strings("option.colour_job", label=label(colour)),
        lambda _: colourings.colours(view, colour),
        moment,
    )
    if computed.value is not None:
        while len(shown) >= _KEPT:
            shown.pop(next(iter(shown)))
        shown[colouring] = computed.value
        return computed.value, computed
    if computed.job and colouring in shown:
        return shown[colouring], computed
    word = strings("option.colour_failed") if computed.problem else "being worked out"
    grey = point_colours.categories(label(colour), np.zeros(len(view.dataset), np.int64), [word], rest=(word,))
    return grey, computed


def label(colour: str) -> str:
    """What a colour is called on the page."""
    return colour.removeprefix("column:") if colour.startswith("column:") else colourings.COLOURINGS.get(colour).label


def explained(view: colourings.MapView, colour: str) -> str:
    """One line below the map: what the colour says, and of whom; "" where the name says it all."""
    if colour not in colourings.COLOURINGS.names:
        return ""
    entry = colourings.COLOURINGS.get(colour)
    text = strings("option.coloured", help=entry.help) if entry.help else ""
    queries = view.figures.queries if isinstance(view.figures, Figures) else np.empty(0)
    if (
        colour in ("ap", "correct", "difference")
        and view.dataset.has_labels
        and len(queries) < len(view.dataset.split.queries)
    ):
        text += " " + strings("sentence.drawn_sample", queries=plural(len(queries), "query"))
    return text
