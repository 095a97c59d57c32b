"""The map of a dataset: a system's space laid out, how far the map can be trusted, and what was selected on it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
import pandas as pd

from core import projection
from core.errors import NotComputed, StoreUnusable
from core.projection import JointSpace, Quality
from core.task import NO_TASK, Task
from core.types import Dataset, Projection

_log = logging.getLogger("fusionscope")


def space_of(vectors: Mapping[str, np.ndarray], shares: Mapping[str, float]) -> JointSpace:
    """The space of a backbone or of a concatenation.

    Args:
        vectors: backbone → (n_images, dim) float32 unit rows.
        shares: backbone → share; backbones that are not named count nothing.
    Raises:
        NotComputed: a share is given to a backbone of which there are no vectors.
    """
    for name, share in shares.items():
        if share > 0 and name not in vectors:
            raise NotComputed(f"There are no vectors of {name!r} here; embed the dataset with it first.")
    return JointSpace(tuple(vectors.values()), tuple(float(shares.get(name, 0.0)) for name in vectors))


@dataclass(frozen=True)
class Map:
    """A layout with its quality.

    Attributes:
        key: names the layout in the store; holds everything that changes it.
        quality: None while it is not measured (layouts on the way).
        stored: True when it was kept from before.
    """

    projection: Projection
    key: str
    quality: Quality | None = None
    stored: bool = False

    @property
    def sentence(self) -> str:
        """How far this map can be trusted, and what such a map can and cannot show."""
        reading = projection.METHODS.get(self.projection.method).reading
        later = "How far it can be trusted is measured as soon as it is whole."
        return f"{self.quality.sentence() if self.quality else later} {reading}"


def _key(space: JointSpace, method: str, dims: int, parameters: Mapping[str, Any], seed: int, start: Map | None) -> str:
    used = projection.parameters_of(method, len(space), parameters)
    if projection.METHODS.get(method).instant:  # neither seed nor start changes it
        return projection.layout_key(space, method, dims, used, 0)
    return projection.layout_key(space, method, dims, used, seed, start.key if start else "")


def stored_map(
    space: JointSpace,
    method: str,
    *,
    dims: int = 2,
    parameters: Mapping[str, Any] | None = None,
    seed: int = 0,
    start: Map | None = None,
) -> Map | None:
    """The map that was laid out before with exactly this, or None."""
    key = _key(space, method, dims, parameters or {}, seed, start)
    layout = projection.load_layout(key)
    if layout is None or len(layout[0].xy) != len(space):
        return None
    figures = layout[1].get("quality")
    return Map(layout[0], key, Quality(**figures) if figures else None, stored=True)


def draw(
    space: JointSpace,
    method: str = "pca",
    *,
    dims: int = 2,
    parameters: Mapping[str, Any] | None = None,
    seed: int = 0,
    start: Map | None = None,
    on_layout: Callable[[Map], None] | None = None,
    task: Task = NO_TASK,
    measure: bool = True,
) -> Map:
    """The map of a space: read from the store, else laid out, stored and measured.

    Args:
        start: a map of the same method and size to go on from; the points then travel instead of jumping.
        on_layout: called with unmeasured maps on the way, and with the last one before it is measured.
        measure: False leaves the quality of a new map to `measured`, so that it can be shown first.
        dims, parameters, seed, task: see `core.projection.layout`.
    """
    stored = stored_map(space, method, dims=dims, parameters=parameters, seed=seed, start=start)
    if stored is not None:
        return measured(space, stored, task) if measure else stored
    usable = start is not None and start.projection.method == method and start.projection.xy.shape == (len(space), dims)
    previous = start if usable else None
    key = _key(space, method, dims, parameters or {}, seed, previous)
    used = projection.parameters_of(method, len(space), parameters)
    steps = count(1)

    def show(xy: np.ndarray) -> None:
        if on_layout:
            on_layout(Map(Projection(xy, method, used, seed), f"{key} {next(steps)}"))

    layout = projection.layout(
        space,
        method,
        dims=dims,
        parameters=parameters,
        seed=seed,
        start=previous.projection.xy if previous else None,
        on_layout=show if on_layout else None,
        task=task,
    )
    drawn = Map(layout, key)
    _store(drawn)
    if on_layout:
        on_layout(drawn)
    return measured(space, drawn, task) if measure else drawn


def measured(space: JointSpace, drawn: Map, task: Task = NO_TASK) -> Map:
    """A map with its quality against the original space, which is kept beside the layout."""
    if drawn.quality is not None:
        return drawn
    with_quality = replace(drawn, quality=projection.measure_quality(space, drawn.projection.xy, task=task))
    _store(with_quality)
    return with_quality


def _store(drawn: Map) -> None:
    try:
        projection.save_layout(drawn.key, drawn.projection, {"quality": vars(drawn.quality)} if drawn.quality else None)
    except StoreUnusable as error:
        _log.warning("%s It is shown all the same.", error)


def class_counts(dataset: Dataset, chosen: np.ndarray, figures: Mapping[str, np.ndarray] | None = None) -> pd.DataFrame:
    """Per class: how many are selected, of how many, and the mean AP of the selected ones as queries."""
    labels = dataset.labels
    total = np.bincount(labels[labels >= 0], minlength=len(dataset.label_names))
    inside = labels[chosen]
    counts = np.bincount(inside[inside >= 0], minlength=len(dataset.label_names))
    rows = []
    for code in np.argsort(-counts, kind="stable"):
        if counts[code] == 0:
            break
        row = {"class": dataset.label_names[code], "selected": int(counts[code]), "of": int(total[code])}
        if figures and "ap" in figures:
            row["mean AP"] = mean_figure(figures["ap"], chosen[inside == code])
        rows.append(row)
    return pd.DataFrame(
        rows, columns=["class", "selected", "of", *(["mean AP"] if figures and "ap" in figures else [])]
    )


def mean_figure(values: np.ndarray, chosen: np.ndarray) -> float:
    """Mean of a figure over some images, NaN where none has it."""
    part = np.asarray(values, np.float64)[chosen]
    part = part[np.isfinite(part)]
    return float(part.mean()) if len(part) else float("nan")


def selection_table(
    dataset: Dataset, chosen: np.ndarray, drawn: Map | None = None, figures: Mapping[str, np.ndarray] | None = None
) -> pd.DataFrame:
    """The selection for download: id, label, path, coordinates on the map, figures."""
    table = pd.DataFrame({"id": dataset.ids[chosen], "label": [dataset.label_of(int(i)) for i in chosen]})
    if "path" in dataset.items.columns:
        table["path"] = dataset.items["path"].to_numpy()[chosen]
    if drawn is not None:
        for axis, name in zip(range(drawn.projection.xy.shape[1]), "xyz"):
            table[name] = drawn.projection.xy[chosen, axis]
    for name, values in (figures or {}).items():
        table[name] = np.asarray(values)[chosen]
    return table


def positions_of(dataset: Dataset, ids: Sequence[str]) -> np.ndarray:
    """(n,) int64 ascending positions of the ids that this dataset has."""
    position_of = {str(name): position for position, name in enumerate(dataset.ids)}
    return np.array(sorted({position_of[str(name)] for name in ids if str(name) in position_of}), np.int64)
