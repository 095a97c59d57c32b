"""The ways to colour a map, in one registry: by class, by split, by how well each image finds its own kind, and so on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from core import arrays, metrics, projection
from core.errors import NotComputed, ShapeMismatch
from core.projection import JointSpace
from core.registry import Registry
from core.search import rank_scores
from core.studies.point_colours import Colours, categories, column, diverging, numbers
from core.studies.systems import System
from core.task import NO_TASK, Task
from core.types import Dataset, Relevance

NEAR = 10
TWIN_SCORE = 0.985
MOST_PAIRS = 20_000**2
MOST_QUERIES = 5_000
GREEN, RED = "#4f9d5d", "#cf4b4b"


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


@COLOURINGS.register("class", label="Class", needs="labels", help="The label of each image; of several, the first.")
def _by_class(view: MapView) -> Colours:
    return categories("Class", view.dataset.labels, view.dataset.label_names)


@COLOURINGS.register("split", label="Split", help="Queries, gallery and training images.")
def _by_split(view: MapView) -> Colours:
    split, names = view.dataset.split, ("query and gallery", "query", "gallery", "train")
    codes = np.full(len(view.dataset), -1)
    codes[split.train] = 3
    codes[split.gallery] = 2
    codes[split.queries] = 1
    codes[np.intersect1d(split.queries, split.gallery)] = 0
    return categories("Split", codes, names, ordered=True)


@COLOURINGS.register("ap", label="AP as a query", needs="figures", help="How well each image finds its own class.")
def _by_average_precision(view: MapView) -> Colours:
    return numbers("AP as a query", view.figure("ap"), low=0.0, high=1.0)


@COLOURINGS.register(
    "correct", label="First hit right", needs="labels", help="Whether the nearest other image has the same label."
)
def _by_correctness(view: MapView) -> Colours:
    if "p@1" in view.figures:
        first_hit = view.figure("p@1")
        known, right = np.isfinite(first_hit), first_hit > 0
    else:
        labels, nearest = view.dataset.labels, view.near[:, 0]
        known = (labels >= 0) & (labels[nearest] >= 0)
        right = labels == labels[nearest]
    codes = np.where(known, np.where(right, 1, 0), -1)
    names = ("first hit wrong", "first hit right")
    tints = [tint for code, tint in enumerate((RED, GREEN)) if (codes == code).any()]
    return categories("First hit", codes, names, tints=tints, ordered=True)


@COLOURINGS.register(
    "cluster", label="Cluster", help="Density clusters of the original space, named by their majority class."
)
def _by_cluster(view: MapView) -> Colours:
    clusters = projection.density_clusters(view.space)
    names = [*projection.cluster_names(clusters, view.dataset.labels, view.dataset.label_names), "in no cluster"]
    codes = np.where(clusters >= 0, clusters, len(names) - 1)
    return categories("Cluster", codes, names, rest=("in no cluster",), ordered=True)


@COLOURINGS.register("duplicates", label="Duplicate groups", help="Images that are nearly the same to this system.")
def _by_duplicates(view: MapView) -> Colours:
    groups = duplicate_groups(view)
    counts = np.bincount(groups[groups >= 0]) if (groups >= 0).any() else np.empty(0, np.int64)
    names = [*(f"group {i + 1} ({count})" for i, count in enumerate(counts)), "no duplicate"]
    codes = np.where(groups >= 0, groups, len(names) - 1)
    return categories("Duplicates", codes, names, rest=("no duplicate",))


@COLOURINGS.register(
    "doubt",
    label="Possible label error",
    needs="labels",
    help="Share of the ten nearest images that have another label.",
)
def _by_label_error(view: MapView) -> Colours:
    labels = view.dataset.labels
    around = labels[view.near]
    known = around >= 0
    other = ((around != labels[:, None]) & known).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    share = np.where((labels >= 0) & known.any(axis=1), other, np.nan)
    return numbers("Possible label error", share, low=0.0, high=1.0)


@COLOURINGS.register(
    "difference",
    label="AP difference",
    needs="other",
    help="AP of the left system minus AP of the right one: above 0 the left one finds more of its own class.",
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

    Joined are equal files, and images among each other's ten nearest with a cosine of at least `least`.
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
    """AP and first hit of some queries: "ap" and "p@1", (n_queries,) float64, NaN where nothing is relevant.

    Args:
        system, truth: of a whole split.
        queries: (n_queries,) positions among the split's queries.
    """
    part = System(system.name, system.space.only(queries), system.spec)
    values = metrics.compute(rank_scores(part, truth.take(queries), task=task).ranks, ("map", "p@1"))
    return {"ap": values["map"], "p@1": values["p@1"]}


def some_queries(n_queries: int, n_gallery: int) -> np.ndarray:
    """Positions of the queries that a colour is made of: all, but 5,000 drawn at random from a large dataset's.

    All pairs of a large dataset are minutes of work; a colour is a look.
    """
    return arrays.sample(n_queries, n_queries if n_queries * n_gallery <= MOST_PAIRS else MOST_QUERIES)
