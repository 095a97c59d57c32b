"""How a map is drawn: the registry of methods with their parameters, PCA and t-SNE, and the one function that runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core import arrays
from core.errors import BadInput, ShapeMismatch
from core.progress import Progress
from core.projection.alignment import align
from core.projection.neighbourhoods import neighbours
from core.projection.space import JointSpace, principal_components
from core.registry import Registry
from core.task import NO_TASK, Task
from core.types import ZERO_NORM, Projection

if TYPE_CHECKING:
    from scipy import sparse

THREADS = 2
AFFINITIES_AT_ONCE = 20_000
"""Rows of affinities between two looks at whether the task was cancelled."""
ONE_THREAD_UP_TO = 5_000
"""Up to so many points t-SNE runs on one thread: its steps are so short that waiting threads cost more than they give."""
BARNES_HUT_UP_TO = 20_000
EARLY_ITERATIONS = 250
WARM_ITERATIONS = 60
WARM_EVERY = 5
"""Iterations between two layouts that a warm t-SNE shows on its way."""

OnLayout = Callable[[np.ndarray], None]


@dataclass(frozen=True)
class LayoutJob:
    """What a method may look at: parameters, the start, who wants to see layouts on the way, and the task."""

    dims: int
    seed: int
    perplexity: float
    iterations: int
    n_neighbors: int
    min_dist: float
    start: np.ndarray | None = None
    on_layout: OnLayout | None = None
    task: Task = NO_TASK

    def report(self, done: int, total: int, note: str = "") -> None:
        """Report how far the layout is; raises Cancelled when the task was cancelled."""
        self.task.check()
        self.task.report(Progress("Layout", done, total, unit="steps", note=note))


@dataclass(frozen=True)
class Method:
    """A way to draw a map.

    Attributes:
        function: (space, job) → (n_images, dims) float32.
        dims: what it can draw, 2 or 3.
        instant: True where a page may compute it while it draws itself.
        parameters: the parameters that change its layout.
        reading: one sentence of what its maps can and cannot show.
    """

    name: str
    label: str
    function: Callable[[JointSpace, LayoutJob], np.ndarray]
    dims: tuple[int, ...]
    instant: bool
    parameters: tuple[str, ...]
    reading: str
    reference: str


METHODS: Registry[Method] = Registry("method", Method)


@METHODS.register(
    "pca",
    label="PCA",
    dims=(2, 3),
    instant=True,
    parameters=(),
    reading="Directions and distances are true, but only of the strongest two or three directions: "
    "what differs in another direction falls together.",
    reference="Pearson 1901, doi:10.1080/14786440109462720; Jolliffe 2002, doi:10.1007/b98835",
)
def _pca(space: JointSpace, job: LayoutJob) -> np.ndarray:
    return principal_components(space.reduced, job.dims)


@METHODS.register(
    "tsne",
    label="t-SNE",
    dims=(2,),
    instant=False,
    parameters=("perplexity", "iterations"),
    reading="Neighbours can be trusted; the distance between groups, their size and their density cannot.",
    reference="van der Maaten and Hinton 2008, JMLR 9; Poličar et al. 2024, openTSNE, doi:10.18637/jss.v109.i03",
)
def _tsne(space: JointSpace, job: LayoutJob) -> np.ndarray:
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PrecomputedAffinities

    n, warm = len(space), job.start is not None
    total = WARM_ITERATIONS if warm else EARLY_ITERATIONS + job.iterations
    job.report(0, total, "neighbours")
    threads = 1 if n <= ONE_THREAD_UP_TO else THREADS
    affinities = PrecomputedAffinities(_affinities(space, job, threads))
    start = np.array(job.start, np.float64) if warm else _tsne_start(space, job.seed)
    completed = 0

    def watch(iteration: int, _error: float, embedding: np.ndarray) -> bool:
        job.report(completed + iteration, total)
        if job.on_layout:
            job.on_layout(np.asarray(embedding, np.float32).copy())
        return False

    embedding = TSNEEmbedding(
        start,
        affinities,
        n_jobs=threads,
        random_state=job.seed,
        negative_gradient_method="bh" if n <= BARNES_HUT_UP_TO else "fft",
        callbacks=[watch],
        callbacks_every_iters=2 if n > BARNES_HUT_UP_TO else WARM_EVERY if warm else 20,
    )
    if warm:
        embedding.optimize(n_iter=WARM_ITERATIONS, momentum=0.8, inplace=True)
    else:
        embedding.optimize(n_iter=EARLY_ITERATIONS, exaggeration=12, momentum=0.8, inplace=True)
        completed = EARLY_ITERATIONS
        embedding.optimize(n_iter=job.iterations, momentum=0.8, inplace=True)
    return np.asarray(embedding, np.float32)


def _affinities(space: JointSpace, job: LayoutJob, threads: int) -> sparse.csr_matrix:
    """(n_images, n_images) symmetric affinities, as openTSNE computes them, but so that they can be cancelled."""
    from openTSNE._tsne import compute_gaussian_perplexity
    from scipy import sparse

    near, n = neighbours(space.reduced, int(3 * job.perplexity), job.task), len(space)
    k = near.indices.shape[1]
    perplexity = np.array([min(job.perplexity, k / 3)])
    conditional = np.empty((n, k))
    for rows in arrays.chunks(n, AFFINITIES_AT_ONCE):
        job.task.check()
        distances = near.distances[rows].astype(np.float64)
        conditional[rows] = compute_gaussian_perplexity(distances, perplexity, num_threads=threads)
    matrix = sparse.csr_matrix((conditional.ravel(), near.indices.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    return (matrix + matrix.T) / 2


def _tsne_start(space: JointSpace, seed: int) -> np.ndarray:
    """(n_images, 2) float64: two principal components, small, with a little noise that sets twins apart."""
    start = principal_components(space.reduced, 2).astype(np.float64)
    start *= 1e-4 / max(start[:, 0].std(), ZERO_NORM)
    return start + np.random.default_rng(seed).normal(scale=1e-6, size=start.shape)


def defaults(n_images: int) -> dict[str, Any]:
    """Parameters that suit a number of images; what a person leaves at 0 is taken from here."""
    return {
        "perplexity": float(min(30.0, max(2.0, (n_images - 1) / 3))),
        "iterations": 500 if n_images <= 20_000 else 750,
        "n_neighbors": int(min(15, max(2, n_images - 1))),
        "min_dist": 0.1,
    }


def parameters_of(method: str, n_images: int, chosen: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The parameters that this method will really use: chosen ones within what n_images allow, else the defaults.

    Raises:
        UnknownName: the method is not registered.
    """
    full = defaults(n_images)
    for name, value in (chosen or {}).items():
        if name in full and value:
            full[name] = type(full[name])(value)
    full["perplexity"] = float(min(full["perplexity"], max(2.0, (n_images - 1) / 3)))
    full["n_neighbors"] = int(min(full["n_neighbors"], max(2, n_images - 1)))
    return {name: full[name] for name in METHODS.get(method).parameters}


def layout(
    space: JointSpace,
    method: str = "pca",
    *,
    dims: int = 2,
    parameters: Mapping[str, Any] | None = None,
    seed: int = 0,
    start: np.ndarray | None = None,
    on_layout: OnLayout | None = None,
    task: Task = NO_TASK,
) -> Projection:
    """A map of a space.

    Args:
        space: what to draw.
        method: a name in METHODS.
        dims: 2, or 3 where the method can.
        parameters: perplexity, iterations, n_neighbors, min_dist; see `defaults`.
        seed: the same seed gives the same layout on the same machine.
        start: (n_images, dims) an earlier layout of the same method to go on from; the new one is turned back onto
            it, so that points travel no further than they must.
        on_layout: called with (n_images, dims) float32 layouts on the way.
        task: see `core.progress`.
    Raises:
        UnknownName, BadInput (the method cannot draw these dims), ShapeMismatch (start), Cancelled.
    """
    entry = METHODS.get(method)
    if dims not in entry.dims:
        raise BadInput(f"{entry.label} is drawn in {' or '.join(map(str, entry.dims))} dimensions, not {dims}.")
    if start is not None and start.shape != (len(space), dims):
        raise ShapeMismatch(f"The start is {start.shape}, the map is ({len(space)}, {dims}).")
    used = parameters_of(method, len(space), parameters)

    def show(xy: np.ndarray) -> None:
        if on_layout is not None:
            on_layout(xy if start is None else align(xy, start))

    job = LayoutJob(
        dims,
        seed,
        **{**defaults(len(space)), **used},
        start=start,
        on_layout=show if on_layout else None,
        task=task,
    )
    if len(space) < 6 or entry.instant:
        xy = _pca(space, job)
    else:
        xy = entry.function(space, job)
    if start is not None and not entry.instant:
        xy = align(xy, start)
    return Projection(xy, method, used, seed)
