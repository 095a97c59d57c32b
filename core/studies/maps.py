"""The map of a dataset: a system's space laid out, what its points are coloured by, and how far it can be trusted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
import pandas as pd

from core import arrays, metrics, projection
from core.errors import BadInput, NotComputed, ShapeMismatch, StoreUnusable
from core.projection import JointSpace, Quality
from core.registry import Registry
from core.search import rank_scores
from core.studies.systems import System
from core.task import NO_TASK, Task
from core.types import Dataset, Projection, Relevance, frozen_array

NO_VALUE = 65_535
"""The code of a point that has no colour."""
MOST_NAMES = 200
NEAR = 10
TWIN_SCORE = 0.985
MOST_PAIRS = 20_000**2
MOST_ASKED = 5_000
OTHER = "Other"
GREEN, RED, BLUE, GREY = "#4f9d5d", "#cf4b4b", "#4e79a7", "#a9adb5"

_log = logging.getLogger("fusionscope")


# --- layouts ---------------------------------------------------------------------------------------------------------


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
        found: True when it was kept from before.
    """

    projection: Projection
    key: str
    quality: Quality | None = None
    found: bool = False

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


def kept(
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
    found = projection.load_layout(key)
    if found is None or len(found[0].xy) != len(space):
        return None
    figures = found[1].get("quality")
    return Map(found[0], key, Quality(**figures) if figures else None, found=True)


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
    """The map of a space: found in the store, else laid out, kept and measured.

    Args:
        start: a map of the same method and size to go on from; the points then travel instead of jumping.
        on_layout: called with unmeasured maps on the way, and with the last one before it is measured.
        measure: False leaves the quality of a new map to `measured`, so that it can be shown first.
        others: see `core.projection.layout`.
    """
    found = kept(space, method, dims=dims, parameters=parameters, seed=seed, start=start)
    if found is not None:
        return measured(space, found, task) if measure else found
    usable = start is not None and start.projection.method == method and start.projection.xy.shape == (len(space), dims)
    first = start if usable else None
    key = _key(space, method, dims, parameters or {}, seed, first)
    used = projection.parameters_of(method, len(space), parameters)

    on_the_way = count(1)

    def tell(xy: np.ndarray) -> None:
        if on_layout:
            on_layout(Map(Projection(xy, method, used, seed), f"{key} {next(on_the_way)}"))

    made = projection.layout(
        space,
        method,
        dims=dims,
        parameters=parameters,
        seed=seed,
        start=first.projection.xy if first else None,
        on_layout=tell if on_layout else None,
        task=task,
    )
    drawn = Map(made, key)
    _keep(drawn)
    if on_layout:
        on_layout(drawn)
    return measured(space, drawn, task) if measure else drawn


def measured(space: JointSpace, drawn: Map, task: Task = NO_TASK) -> Map:
    """A map with its quality against the original space, which is kept beside the layout."""
    if drawn.quality is not None:
        return drawn
    judged = replace(drawn, quality=projection.measure_quality(space, drawn.projection.xy, task=task))
    _keep(judged)
    return judged


def _keep(drawn: Map) -> None:
    try:
        projection.save_layout(drawn.key, drawn.projection, {"quality": vars(drawn.quality)} if drawn.quality else None)
    except StoreUnusable as error:
        _log.warning("%s It is shown all the same.", error)


# --- colours ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Colours:
    """What the points of a map are coloured by.

    Attributes:
        title: what the legend is called.
        kind: "category", "number" or "diverging".
        codes: (n,) uint16, a place in `names`, or a step of 0 to 255 of the scale; 65535 is "no value".
        names: the categories; rest: those that stand back in grey ("Other", "no cluster").
        tints: CSS colours of the first names, where a colour means something.
        values: (n,) float32 for numbers, NaN is "no value"; low, high: the ends of the scale.
    """

    title: str
    kind: str
    codes: np.ndarray
    names: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    tints: tuple[str, ...] = ()
    values: np.ndarray | None = None
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", frozen_array(self.codes, np.uint16))
        if self.values is not None:
            object.__setattr__(self, "values", frozen_array(self.values, np.float32))


def categories(
    title: str,
    codes: np.ndarray,
    names: Sequence[str],
    *,
    rest: Sequence[str] = (),
    tints: Sequence[str] = (),
    most: int = MOST_NAMES,
    ordered: bool = False,
) -> Colours:
    """One colour per category, the largest first; beyond `most` the smallest share the name "Other".

    Args:
        codes: (n,) int, −1 is "no value"; names: per code.
        ordered: keep the given order instead of the largest first.
    """
    codes = np.asarray(codes, np.int64)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = np.arange(len(names)) if ordered else np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    kept_codes, tail = (order, order[:0]) if len(order) <= most else (order[: most - 1], order[most - 1 :])
    place = np.full(len(names) + 1, NO_VALUE, np.int64)
    place[kept_codes] = np.arange(len(kept_codes))
    shown = [str(names[code]) for code in kept_codes]
    if len(tail):
        place[tail] = len(kept_codes)
        shown.append(f"{OTHER} ({len(tail)} more)")
        rest = (*rest, shown[-1])
    place[-1] = NO_VALUE
    return Colours(title, "category", place[codes], tuple(shown), tuple(rest), tuple(tints))


def numbers(title: str, values: np.ndarray, *, low: float | None = None, high: float | None = None) -> Colours:
    """A scale from the lowest to the highest value; NaN is "no value"."""
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    low = float(finite.min()) if low is None and len(finite) else (low or 0.0)
    high = float(finite.max()) if high is None and len(finite) else (1.0 if high is None else high)
    return Colours(title, "number", _steps(values, low, high), values=values, low=low, high=high)


def diverging(title: str, values: np.ndarray) -> Colours:
    """A scale around zero, as far to the one side as to the other."""
    values = np.asarray(values, np.float64)
    finite = np.abs(values[np.isfinite(values)])
    far = float(finite.max()) if len(finite) and finite.max() > 0 else 1.0
    return Colours(title, "diverging", _steps(values, -far, far), values=values, low=-far, high=far)


def _steps(values: np.ndarray, low: float, high: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        steps = np.round(np.clip((values - low) / max(high - low, 1e-12), 0, 1) * 255)
    return np.where(np.isfinite(values), steps, NO_VALUE).astype(np.uint16)


def column(items: pd.DataFrame, name: str) -> Colours:
    """Any column: numbers as a scale (around zero where both signs occur), the rest as categories.

    Raises:
        BadInput: there is no such column.
    """
    if name not in items.columns:
        raise BadInput(f"There is no column {name!r}; there are {', '.join(map(str, items.columns)) or 'none'}.")
    values = items[name]
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values) and values.nunique() > 12:
        plain = values.to_numpy(np.float64, na_value=np.nan)
        both = np.nanmin(plain) < 0 < np.nanmax(plain) if np.isfinite(plain).any() else False
        return diverging(name, plain) if both else numbers(name, plain)
    codes, found = pd.factorize(values, use_na_sentinel=True, sort=True)
    return categories(name, codes, [str(value) for value in found])


@dataclass(frozen=True)
class MapView:
    """What a colouring may look at.

    Attributes:
        figures: (n_images,) float64 by name, from an evaluation, NaN where undefined: "ap", "p@1", "ap of the other".
        other: the second map's space, where there are two.
    """

    dataset: Dataset
    space: JointSpace
    figures: Mapping[str, np.ndarray] = field(default_factory=dict)
    other: JointSpace | None = None

    @cached_property
    def near(self) -> np.ndarray:
        """(n_images, 10) positions of the nearest others in the original space."""
        return projection.nearest(self.space, NEAR)

    def figure(self, name: str) -> np.ndarray:
        """A figure per image.

        Raises:
            NotComputed: no evaluation gave it.
        """
        if name not in self.figures:
            raise NotComputed(f"There is no {name} for these images; it needs labels and an evaluated system.")
        values = np.asarray(self.figures[name], np.float64)
        if len(values) != len(self.dataset):
            raise ShapeMismatch(f"{name} has {len(values)} values for {len(self.dataset)} images.")
        return values


@dataclass(frozen=True)
class Colouring:
    """A way to colour the points. `needs`: "labels", "figures", "other" or "" for nothing."""

    name: str
    label: str
    function: Callable[[MapView], Colours]
    needs: str = ""
    help: str = ""


COLOURINGS: Registry[Colouring] = Registry("colouring", Colouring)


@COLOURINGS.register("class", label="Class", needs="labels", help="The label of each picture; of several, the first.")
def _by_class(view: MapView) -> Colours:
    return categories("Class", view.dataset.labels, view.dataset.label_names)


@COLOURINGS.register("split", label="Split", help="Who asks and who is searched.")
def _by_split(view: MapView) -> Colours:
    split, names = view.dataset.split, ("query and gallery", "query", "gallery", "train")
    codes = np.full(len(view.dataset), -1)
    codes[split.train] = 3
    codes[split.gallery] = 2
    codes[split.queries] = 1
    codes[np.intersect1d(split.queries, split.gallery)] = 0
    return categories("Split", codes, names, ordered=True)


@COLOURINGS.register("ap", label="AP as a query", needs="figures", help="How well each picture finds its own kind.")
def _by_average_precision(view: MapView) -> Colours:
    return numbers("AP as a query", view.figure("ap"), low=0.0, high=1.0)


@COLOURINGS.register(
    "correct", label="First hit right", needs="labels", help="Whether the nearest other picture has the same label."
)
def _by_correctness(view: MapView) -> Colours:
    if "p@1" in view.figures:
        given = view.figure("p@1")
        known, right = np.isfinite(given), given > 0
    else:
        labels, first = view.dataset.labels, view.near[:, 0]
        known = (labels >= 0) & (labels[first] >= 0)
        right = labels == labels[first]
    codes = np.where(known, np.where(right, 1, 0), -1)
    names = ("first hit wrong", "first hit right")
    tints = [tint for code, tint in enumerate((RED, GREEN)) if (codes == code).any()]
    return categories("First hit", codes, names, tints=tints, ordered=True)


@COLOURINGS.register(
    "cluster", label="Cluster", help="Density clusters of the original space, named by their majority class."
)
def _by_cluster(view: MapView) -> Colours:
    found = projection.density_clusters(view.space)
    names = [*projection.cluster_names(found, view.dataset.labels, view.dataset.label_names), "in no cluster"]
    codes = np.where(found >= 0, found, len(names) - 1)
    return categories("Cluster", codes, names, rest=("in no cluster",), ordered=True)


@COLOURINGS.register("duplicates", label="Duplicate groups", help="Pictures that are nearly the same to this system.")
def _by_duplicates(view: MapView) -> Colours:
    groups = duplicate_groups(view)
    counts = np.bincount(groups[groups >= 0]) if (groups >= 0).any() else np.empty(0, np.int64)
    names = [*(f"group {i + 1} ({count})" for i, count in enumerate(counts)), "no duplicate"]
    codes = np.where(groups >= 0, groups, len(names) - 1)
    return categories("Duplicates", codes, names, rest=("no duplicate",))


@COLOURINGS.register(
    "doubt", label="Label doubt", needs="labels", help="Share of the ten nearest pictures that have another label."
)
def _by_doubt(view: MapView) -> Colours:
    labels = view.dataset.labels
    around = labels[view.near]
    known = around >= 0
    other = ((around != labels[:, None]) & known).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    doubt = np.where((labels >= 0) & known.any(axis=1), other, np.nan)
    return numbers("Label doubt", doubt, low=0.0, high=1.0)


@COLOURINGS.register(
    "difference",
    label="AP difference",
    needs="other",
    help="AP of the left system minus AP of the right one: above 0 the left one finds more of its own kind.",
)
def _by_difference(view: MapView) -> Colours:
    return diverging("AP difference", view.figure("ap") - view.figure("ap of the other"))


@COLOURINGS.register(
    "change",
    label="Neighbourhood change",
    needs="other",
    help="Share of the ten nearest that the second system exchanges.",
)
def _by_change(view: MapView) -> Colours:
    if view.other is None:
        raise NotComputed("A change of neighbourhoods needs two systems; show two maps side by side.")
    values = projection.neighbourhood_change(view.space, view.other, NEAR)
    return numbers("Neighbours exchanged", values, low=0.0, high=1.0)


def duplicate_groups(view: MapView, least: float = TWIN_SCORE) -> np.ndarray:
    """(n_images,) int64 groups of near duplicates, largest first; −1 is "alone".

    Joined are equal files, and pictures among each other's ten nearest with a cosine of at least `least`.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(view.dataset)
    near = view.near
    scores = np.empty(near.shape, np.float32)
    for part in arrays.chunks(n, 2_000):
        scores[part] = np.einsum(
            "nd,nkd->nk", view.space.rows(part), view.space.rows(near[part].ravel()).reshape(*near[part].shape, -1)
        )
    rows, columns = np.nonzero(scores >= least)
    left = np.concatenate([rows, np.arange(n)])
    right = np.concatenate([near[rows, columns], arrays.first_of_equal(view.dataset.keys)])
    _, group = connected_components(coo_matrix((np.ones(len(left)), (left, right)), shape=(n, n)), directed=False)
    sizes = np.bincount(group)
    number = np.full(len(sizes), -1)
    several = np.flatnonzero(sizes > 1)
    number[several[np.argsort(-sizes[several], kind="stable")]] = np.arange(len(several))
    return number[group]


def colourings(view: MapView) -> tuple[str, ...]:
    """What this view can be coloured by: names of COLOURINGS, then "column:NAME"."""
    has = {"": True, "labels": bool((view.dataset.labels >= 0).any()), "figures": "ap" in view.figures}
    named = []
    for entry in COLOURINGS:
        able = has.get(entry.needs, view.other is not None)
        if entry.name == "difference":
            able = able and {"ap", "ap of the other"} <= set(view.figures)
        if able:
            named.append(entry.name)
    shown = [
        name
        for name in map(str, view.dataset.items.columns)
        if name not in {"path", "title", "description", "key", "id"}
    ]
    return (*named, *(f"column:{name}" for name in shown))


def colours(view: MapView, name: str) -> Colours:
    """The colours of that name.

    Raises:
        UnknownName, BadInput, NotComputed.
    """
    if name.startswith("column:"):
        return column(view.dataset.items, name.removeprefix("column:"))
    return COLOURINGS.get(name).function(view)


def figures_of(system: System, truth: Relevance, queries: np.ndarray, task: Task = NO_TASK) -> dict[str, np.ndarray]:
    """AP and first hit of some queries: "ap" and "p@1", (n_asked,) float64, NaN where nothing is relevant.

    Args:
        system, truth: of a whole split.
        queries: (n_asked,) positions among the split's queries.
    """
    asked = System(system.name, system.space.only(queries), system.spec)
    ranks = rank_scores(asked, truth.take(queries), task=task).ranks
    found = metrics.compute(ranks, ("map", "p@1"))
    return {"ap": found["map"], "p@1": found["p@1"]}


def some_queries(n_queries: int, n_gallery: int) -> np.ndarray:
    """(n_asked,) positions of the queries that a colour asks: all, but 5,000 drawn by chance of a large dataset's.

    All pairs of a large dataset are minutes of work; a colour is a look.
    """
    return arrays.sample(n_queries, n_queries if n_queries * n_gallery <= MOST_PAIRS else MOST_ASKED)


# --- what was selected -----------------------------------------------------------------------------------------------


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
    """The selection for download: id, label, path, place on the map, figures."""
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
    """(n_found,) int64 ascending positions of the ids that this dataset has."""
    where = {str(name): position for position, name in enumerate(dataset.ids)}
    return np.array(sorted({where[str(name)] for name in ids if str(name) in where}), np.int64)
