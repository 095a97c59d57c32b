"""Maps: PCA, t-SNE and UMAP of any system's vectors, how far a map can be trusted, and clusters.

Pure arrays. A `JointSpace` is what a map is drawn of: unit vectors in blocks, one block per backbone, joined by shares.
Everything that a layout needs (50 principal components, neighbours by FAISS) comes out of the blocks' own principal
components, so that a moved weight costs a small matrix product, not a pass over thousands of columns.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from core import arrays, compat, files, paths
from core.errors import BadInput, ShapeMismatch, StoreUnusable
from core.progress import Progress
from core.registry import Registry
from core.task import NO_TASK, Task
from core.types import ZERO_NORM, Projection, frozen_array

CODE = 3
"""Raised when a layout computed by this module changes for the same input."""
REDUCED_DIMS = 50
BLOCK_DIMS = 128
THREADS = 2
ONE_THREAD_UP_TO = 5_000
"""Up to so many points t-SNE runs on one thread: its steps are so short that waiting threads cost more than they give."""
FIT_ROWS = 20_000
EXACT_UP_TO = 10_000
"""Up to so many images, nearest others are looked for in the whole original space, above in its 50 components."""
EXACT_NEIGHBOURS = 20_000
BARNES_HUT_UP_TO = 20_000
EARLY_ITERATIONS = 250
WARM_ITERATIONS = 60
WARM_EVERY = 5
"""Iterations between two layouts that a warm t-SNE shows on its way."""
UMAP_STEPS = 500
"""Steps of a fresh UMAP; 200 above 10,000 images. A warm one takes 60."""
WARM_STEPS = 60
TELL_EVERY = 0.08
"""Seconds between two layouts that UMAP shows on its way, for up to 5,000 points; more points, rarer."""
KEPT_LAYOUTS = 1_000

OnLayout = Callable[[np.ndarray], None]
_log = logging.getLogger("fusionscope")


class _Block:
    """One backbone's unit vectors with what is worked out about them once, whatever they are weighed with."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    @cached_property
    def compressed(self) -> np.ndarray:
        """(n_images, at most 128) float32: the rows on their strongest directions."""
        return _strongest(self.vectors, BLOCK_DIMS)

    @cached_property
    def digest(self) -> bytes:
        """BLAKE2b of the vectors' bytes."""
        return hashlib.blake2b(memoryview(self.vectors).cast("B"), digest_size=32).digest()


@dataclass(frozen=True)
class JointSpace:
    """What a map is drawn of: unit vectors in blocks, one per backbone, joined by shares.

    Its vectors are the concatenation [sqrt(a_1) x_1; ...; sqrt(a_M) x_M] with unit rows (DEFINITIONS.md, section 8),
    so that its cosine is the share-weighted mean of the backbones' cosines.

    Attributes:
        blocks: per backbone (n_images, dim) float32, rows of norm 1 or zero.
        shares: per backbone at least 0, not all 0; a share of 0 leaves the backbone out.
    Raises:
        ShapeMismatch: lengths differ. BadInput: no share above 0, or a share that is no number.
    """

    blocks: tuple[np.ndarray, ...]
    shares: tuple[float, ...]
    _parts: tuple[_Block, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.blocks or len(self.blocks) != len(self.shares):
            raise ShapeMismatch(f"Got {len(self.shares)} shares for {len(self.blocks)} backbones; give one each.")
        if any(block.ndim != 2 or len(block) != len(self.blocks[0]) for block in self.blocks):
            raise ShapeMismatch(
                f"The backbones' vectors have shapes {[b.shape for b in self.blocks]}; rows must agree."
            )
        given = np.asarray(self.shares, np.float64)
        if not np.isfinite(given).all() or (given < 0).any() or given.sum() <= 0:
            raise BadInput("Give at least one backbone a share above 0; no share may be negative.")
        object.__setattr__(self, "blocks", tuple(frozen_array(block, np.float32) for block in self.blocks))
        object.__setattr__(self, "shares", tuple(float(a) for a in given / given.sum()))
        if not self._parts:
            object.__setattr__(self, "_parts", tuple(_Block(block) for block in self.blocks))

    def __len__(self) -> int:
        return len(self.blocks[0])

    def with_shares(self, shares: Sequence[float]) -> JointSpace:
        """The same backbones, weighed differently; their principal components are kept, not computed again."""
        return JointSpace(self.blocks, tuple(shares), self._parts)

    @classmethod
    def joined(cls, spaces: Sequence[JointSpace], shares: Sequence[float]) -> JointSpace:
        """The backbones of several spaces in one, weighed; what was worked out of each is kept."""
        blocks = tuple(block for space in spaces for block in space.blocks)
        return cls(blocks, tuple(shares), tuple(part for space in spaces for part in space._parts))

    @property
    def compressed(self) -> tuple[np.ndarray, ...]:
        """Per backbone (n_images, at most 128) float32: the rows on their strongest directions, computed once."""
        return tuple(part.compressed for part in self._parts)

    @cached_property
    def _row_scale(self) -> np.ndarray | None:
        """(n_images, 1): what makes the joined rows unit where a part is missing; None where nothing is missing."""
        present = sum(share * block.any(axis=1) for share, block in zip(self.shares, self.blocks))
        if (np.abs(present - 1.0) < 1e-9).all():
            return None
        return np.where(present > ZERO_NORM, 1 / np.sqrt(np.maximum(present, ZERO_NORM)), 0.0).astype(np.float32)[
            :, None
        ]

    def _join(self, parts: Sequence[np.ndarray], chosen: Any) -> np.ndarray:
        used = [(a, part) for a, part in zip(self.shares, parts) if a > 0]
        if len(used) == 1:
            return used[0][1][chosen]
        joined = np.concatenate([np.float32(np.sqrt(a)) * part[chosen] for a, part in used], axis=1)
        return joined if self._row_scale is None else joined * self._row_scale[chosen]

    def rows(self, chosen: Any = slice(None)) -> np.ndarray:
        """(n_chosen, dim) float32 unit rows of the joined space."""
        return self._join(self.blocks, chosen)

    def cosines(self, chosen: np.ndarray) -> np.ndarray:
        """(n_chosen, n_images) float32 cosines of some images with all, without ever joining the blocks."""
        found = np.zeros((len(chosen), len(self)), np.float32)
        for share, block in zip(self.shares, self.blocks):
            if share > 0:
                part = block[chosen] @ block.T
                part *= np.float32(share)
                found += part
        if self._row_scale is not None:
            found *= self._row_scale[chosen]
            found *= self._row_scale[:, 0]
        return found

    @cached_property
    def reduced(self) -> np.ndarray:
        """(n_images, at most 50) float32: principal components, which t-SNE, UMAP and clusters start from."""
        wide = self._join(self.compressed, slice(None))
        return principal_components(wide, min(REDUCED_DIMS, wide.shape[1]))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (16 hex digits) of the vectors and shares: what a layout belongs to."""
        digest = hashlib.sha256()
        for share, part in zip(self.shares, self._parts):
            if share > 0:
                digest.update(f"{share:.6f} {part.vectors.shape}".encode())
                digest.update(part.digest)
        return digest.hexdigest()[:16]


def _eigenvectors(matrix: np.ndarray, count: int) -> np.ndarray:
    """(dim, count) float32: strongest first, the largest absolute entry of each is positive."""
    from scipy.linalg import eigh

    dim = len(matrix)
    _, vectors = eigh(matrix.astype(np.float64), subset_by_index=(dim - count, dim - 1))
    vectors = vectors[:, ::-1]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(count)]
    return (vectors * np.where(largest < 0, -1.0, 1.0)).astype(np.float32)


def _strongest(block: np.ndarray, dims: int) -> np.ndarray:
    """Rows on the `dims` strongest directions (not centred: inner products are kept as well as they can be)."""
    if block.shape[1] <= dims:
        return block
    rows = block[arrays.sample(len(block), FIT_ROWS, seed=0)]
    return np.ascontiguousarray(block @ _eigenvectors(rows.T @ rows, dims))


def principal_components(matrix: np.ndarray, dims: int) -> np.ndarray:
    """Centred principal components, the same on every run.

    Directions come from at most 20,000 seeded rows; each has its largest absolute loading positive, so that no map
    is mirrored by chance. Missing directions (fewer columns or rows than asked) are columns of zeros.

    Args:
        matrix: (n, dim) float, finite.
        dims: how many components.
    Returns:
        (n, dims) float32.
    """
    matrix = np.asarray(matrix, np.float32)
    n, dim = matrix.shape
    rows = matrix[arrays.sample(n, FIT_ROWS, seed=0)]
    centre = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    rows = rows - centre
    found = min(dims, dim)
    flat = np.zeros((n, dims), np.float32)
    flat[:, :found] = (matrix - centre) @ _eigenvectors(rows.T @ rows, found)
    return flat


@dataclass(frozen=True)
class Neighbours:
    """The k nearest others of every row: indices (n, k) int64, distances (n, k) float32 (Euclidean, rising)."""

    indices: np.ndarray
    distances: np.ndarray


def neighbours(matrix: np.ndarray, k: int) -> Neighbours:
    """The k nearest other rows, Euclidean; on unit rows the order of the cosine.

    Exact up to 20,000 rows, above that by an inverted file (FAISS IVF, 1 in 8 lists looked at).

    Args:
        matrix: (n, dim) float32; k: at most n - 1, else brought down to it.
    """
    import faiss

    matrix = np.ascontiguousarray(matrix, np.float32)
    n, dim = matrix.shape
    k = max(1, min(k, n - 1))
    index = faiss.IndexFlatL2(dim)
    if n > EXACT_NEIGHBOURS:
        lists = int(2 * np.sqrt(n))
        index = faiss.IndexIVFFlat(index, dim, lists)
        index.cp.seed, index.cp.max_points_per_centroid, index.nprobe = 0, 64, max(16, lists // 8)
        index.train(matrix)
    index.add(matrix)
    squared, found = index.search(matrix, k + 1)
    return _without_self(found, np.sqrt(np.maximum(squared, 0.0)), k)


def _without_self(found: np.ndarray, distances: np.ndarray, k: int) -> Neighbours:
    """Drop each row's own number (or its last neighbour, where twins pushed it out)."""
    n = len(found)
    own = found == np.arange(n)[:, None]
    own[~own.any(axis=1), -1] = True
    missing = found < 0
    found = np.where(missing, found[:, :1], found)
    distances = np.where(missing, distances[:, :1], distances)
    return Neighbours(found[~own].reshape(n, k).astype(np.int64), distances[~own].reshape(n, k).astype(np.float32))


def nearest(space: JointSpace, k: int) -> np.ndarray:
    """(n_images, k) int64: the k nearest others in the original space (its 50 components above 10,000 images)."""
    return neighbours(space.rows() if len(space) <= EXACT_UP_TO else space.reduced, k).indices


def nearest_to(space: JointSpace, position: int, k: int) -> np.ndarray:
    """(at most k,) int64: the nearest others of one image in the original space, nearest first, exact at any size."""
    scores = space.cosines(np.array([position]))[0]
    scores[position] = -np.inf
    k = min(k, len(space) - 1)
    best = np.argpartition(-scores, max(k - 1, 0))[:k]
    return best[np.lexsort((best, -scores[best]))].astype(np.int64)


# --- the methods -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LayoutJob:
    """What a method may look at: parameters, the start, whom to tell, and when to stop."""

    dims: int
    seed: int
    perplexity: float
    iterations: int
    n_neighbors: int
    min_dist: float
    start: np.ndarray | None = None
    on_layout: OnLayout | None = None
    task: Task = NO_TASK
    task: Task = NO_TASK

    def tell(self, done: int, total: int, note: str = "") -> None:
        """Hand on a layout that is on its way."""
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
    reading="Who is next to whom can be read; the distance between groups, their size and their density cannot.",
    reference="van der Maaten and Hinton 2008, JMLR 9; Poličar et al. 2024, openTSNE, doi:10.18637/jss.v109.i03",
)
def _tsne(space: JointSpace, job: LayoutJob) -> np.ndarray:
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    matrix, n = space.reduced, len(space)
    warm = job.start is not None
    total = WARM_ITERATIONS if warm else EARLY_ITERATIONS + job.iterations
    job.tell(0, total, "neighbours")
    threads = 1 if n <= ONE_THREAD_UP_TO else THREADS
    near = neighbours(matrix, int(3 * job.perplexity))
    affinities = PerplexityBasedNN(
        knn_index=PrecomputedNeighbors(near.indices, near.distances.astype(np.float64)),
        perplexity=min(job.perplexity, near.indices.shape[1] / 3),
        n_jobs=threads,
    )
    if warm:
        first = np.array(job.start, np.float64)
    else:
        first = principal_components(matrix, 2).astype(np.float64)
        first *= 1e-4 / max(first[:, 0].std(), ZERO_NORM)
        first += np.random.default_rng(job.seed).normal(scale=1e-6, size=first.shape)
    before = 0

    def watch(iteration: int, _error: float, embedding: np.ndarray) -> bool:
        job.tell(before + iteration, total)
        if job.on_layout:
            job.on_layout(np.asarray(embedding, np.float32).copy())
        return False

    embedding = TSNEEmbedding(
        first,
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
        before = EARLY_ITERATIONS
        embedding.optimize(n_iter=job.iterations, momentum=0.8, inplace=True)
    return np.asarray(embedding, np.float32)


_UMAP_LOCK = threading.Lock()
_UMAP_WARM = threading.Event()
_UMAP_THREAD: threading.Thread | None = None


@METHODS.register(
    "umap",
    label="UMAP",
    dims=(2, 3),
    instant=False,
    parameters=("n_neighbors", "min_dist"),
    reading="Groups and what bridges them can be read roughly; distances across empty space and densities cannot.",
    reference="McInnes, Healy and Melville 2018, arXiv:1802.03426",
)
def _umap(space: JointSpace, job: LayoutJob) -> np.ndarray:
    matrix, n = space.reduced, len(space)
    warm = job.start is not None
    job.tell(0, 1, "neighbours")
    near = neighbours(matrix, job.n_neighbors - 1)
    myself = np.arange(n)[:, None]
    known = (
        np.hstack([myself, near.indices]),
        np.hstack([np.zeros((n, 1), np.float32), near.distances]),
    )
    first = job.start if warm else principal_components(matrix, job.dims)
    steps = WARM_STEPS if warm else UMAP_STEPS if n <= 10_000 else 200
    job.tell(0, steps, "" if _UMAP_WARM.is_set() else "compiling UMAP, once per start")
    with _UMAP_LOCK:
        job.task.check()
        edges = _umap_graph(matrix, known, job, steps)
    flat = _descend(_spread(first, job.seed), edges, job, steps)
    _UMAP_WARM.set()
    return flat


def _spread(first: np.ndarray, seed: int) -> np.ndarray:
    """A start in UMAP's own scale, twins set apart a little: equal starts would stay equal."""
    span = max(float(np.ptp(first, axis=0).max()), ZERO_NORM)
    noise = np.random.default_rng(seed).normal(scale=1e-3, size=first.shape)
    return np.ascontiguousarray((first - first.mean(axis=0)) * (10 / span) + noise, np.float32)


def _umap_graph(
    matrix: np.ndarray, known: tuple, job: LayoutJob, steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Who pulls whom, and once in how many steps: head and tail (n_edges,) int32, every (n_edges,) float64."""
    from umap.umap_ import fuzzy_simplicial_set

    random = np.random.RandomState(job.seed)  # noqa: NPY002  what umap-learn asks for
    found, _, _ = fuzzy_simplicial_set(
        matrix, known[0].shape[1], random, "euclidean", knn_indices=known[0], knn_dists=known[1]
    )
    graph = found.tocoo()
    often = graph.data / graph.data.max()
    kept = often >= 1 / steps
    return graph.row[kept].astype(np.int32), graph.col[kept].astype(np.int32), 1 / often[kept].astype(np.float64)


def _descend(place: np.ndarray, edges: tuple, job: LayoutJob, steps: int) -> np.ndarray:
    """Let the points move, telling about every 0.08 s where they are; (n, dims) float32."""
    from umap.umap_ import find_ab_params

    from core.projection import descent

    head, tail, every = edges
    a, b = find_ab_params(1.0, job.min_dist)
    due, push_due = every.copy(), every / descent.PUSHES
    state = np.array([2 * job.seed + 0x9E3779B97F4A7C15], np.uint64)
    told, pause = time.monotonic(), TELL_EVERY * max(1.0, len(place) / 5_000)
    for now in range(steps):
        descent.step(place, head, tail, every, due, push_due, a, b, 1 - now / steps, now, state)
        if time.monotonic() - told > pause:
            job.tell(now + 1, steps)
            if job.on_layout and now + 1 < steps:
                job.on_layout(place.copy())
            told = time.monotonic()
    job.tell(steps, steps)
    return place


def warm_umap() -> threading.Thread:
    """Compile UMAP in a background thread, once per process (20 to 60 s of JIT), so that no page waits for it."""
    global _UMAP_THREAD
    if _UMAP_THREAD is None or not (_UMAP_THREAD.is_alive() or _UMAP_WARM.is_set()):
        _UMAP_THREAD = threading.Thread(target=_compile_umap, name="warm umap", daemon=True)
        _UMAP_THREAD.start()
    return _UMAP_THREAD


def _compile_umap() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    try:
        layout(JointSpace((rows / np.linalg.norm(rows, axis=1, keepdims=True),), (1.0,)), "umap")
    except ImportError as error:
        _log.warning("UMAP could not be imported: %s", error)


def umap_is_warm() -> bool:
    """True once UMAP has been compiled in this process."""
    return _UMAP_WARM.is_set()


def defaults(n_images: int) -> dict[str, Any]:
    """Parameters that suit a number of images; what a person leaves at 0 is taken from here."""
    return {
        "perplexity": float(min(30.0, max(2.0, (n_images - 1) / 3))),
        "iterations": 500 if n_images <= 20_000 else 750,
        "n_neighbors": int(min(15, max(2, n_images - 1))),
        "min_dist": 0.1,
    }


def parameters_of(method: str, n_images: int, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The parameters that this method will really use: given ones within what n_images allow, else the defaults.

    Raises:
        UnknownName: the method is not registered.
    """
    full = defaults(n_images)
    for name, value in (given or {}).items():
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


# --- comparing maps --------------------------------------------------------------------------------------------------


def align(xy: np.ndarray, reference: np.ndarray, *, scale: bool = False) -> np.ndarray:
    """Turn, mirror and shift a map onto another one (orthogonal Procrustes): no distance within the map changes.

    Args:
        xy, reference: (n, dims) of the same shape.
        scale: also stretch it to the reference's size.
    Reference:
        Schönemann 1966, doi:10.1007/BF02289451.
    """
    if xy.shape != reference.shape:
        raise ShapeMismatch(f"A map of shape {xy.shape} cannot be laid onto one of shape {reference.shape}.")
    middle, target = xy.mean(axis=0, dtype=np.float64), reference.mean(axis=0, dtype=np.float64)
    left, strengths, right = np.linalg.svd((xy - middle).T @ (reference - target))
    moved = (xy - middle) @ (left @ right)
    if scale:
        moved = moved * (strengths.sum() / max(float(((xy - middle) ** 2).sum()), ZERO_NORM))
    return (moved + target).astype(np.float32)


def drift(xy: np.ndarray, reference: np.ndarray) -> float:
    """How far the points of an aligned map lie from the reference: root mean square over the reference's own radius."""
    moved = align(xy, reference, scale=True).astype(np.float64)
    radius = np.sqrt(((reference - reference.mean(axis=0)) ** 2).sum(axis=1).mean())
    return float(np.sqrt(((moved - reference) ** 2).sum(axis=1).mean()) / max(radius, ZERO_NORM))


def framed(xy: np.ndarray) -> np.ndarray:
    """(n, dims) float32 centred, with 99 % of the points within [-1, 1] on the longer axis: what a canvas needs."""
    low, high = np.percentile(xy, (0.5, 99.5), axis=0)
    half = max(float((high - low).max()) / 2, ZERO_NORM)
    return ((xy - (low + high) / 2) / half).astype(np.float32)


@dataclass(frozen=True)
class Quality:
    """How far a map can be trusted.

    Attributes:
        trustworthiness: in [0, 1]; 1 when no point has a stranger among its k nearest on the map.
        preservation: share of the k nearest in the original space that are also among the k nearest on the map.
        k: neighbours looked at.
        n_measured, n_images: points measured, of how many.
    """

    trustworthiness: float
    preservation: float
    k: int
    n_measured: int
    n_images: int

    def sentence(self) -> str:
        """One line for people."""
        if not np.isfinite(self.trustworthiness):
            return "Too few points to measure how far this map can be trusted."
        of = "" if self.n_measured == self.n_images else f" (measured on {self.n_measured:,} points)"
        return (
            f"Trustworthiness {self.trustworthiness:.3f}; {self.preservation:.0%} of each point's {self.k} nearest "
            f"neighbours are also its nearest on the map{of}."
        )


def quality(
    space: JointSpace, xy: np.ndarray, k: int = 10, *, seed: int = 0, sample: int = 0, task: Task = NO_TASK
) -> Quality:
    """Trustworthiness and neighbour preservation of a map against the original space (cosine).

    Exact up to 3,000 points; above that the mean over 1,000 of them drawn by chance (500 above 20,000), each measured
    against all others, which decides the third digit. Ties in the original space count in the point's favour.
    NaN where n is below 3k/2.

    Args:
        space: the original space; xy: (n, dims) its map; k: neighbours looked at.
        sample: points measured; 0 as said above.
    Raises:
        Cancelled: the task was cancelled meanwhile.
    Reference:
        Venna and Kaski 2001, doi:10.1007/3-540-44668-0_68.
    """
    n = len(space)
    if len(xy) != n:
        raise ShapeMismatch(f"The map has {len(xy)} points, the space {n} images.")
    if 2 * n - 3 * k - 1 <= 0 or k >= n:
        return Quality(float("nan"), float("nan"), k, 0, n)
    chosen = arrays.sample(n, sample or (3_000 if n <= 3_000 else 1_000 if n <= 20_000 else 500), seed)
    flat = np.ascontiguousarray(xy, np.float32)
    penalty = kept = 0.0
    for rows in arrays.chunks(len(chosen), 8_000_000 // n):
        part = chosen[rows]
        task.check()
        more_penalty, more_kept = _compare(space.cosines(part), flat, part, k)
        penalty += more_penalty
        kept += more_kept
    count = len(chosen)
    trust = 1.0 - 2.0 / (count * k * (2 * n - 3 * k - 1)) * penalty
    return Quality(float(trust), float(kept / (count * k)), k, count, n)


def _compare(scores: np.ndarray, flat: np.ndarray, part: np.ndarray, k: int) -> tuple[float, float]:
    """Sum of the rank penalties, and of the neighbours kept, of some points; `scores` (n_part, n) is overwritten."""
    lines = np.arange(len(part))
    scores[lines, part] = -np.inf
    distances = np.zeros(scores.shape, np.float32)
    for axis in range(flat.shape[1]):
        distances += (flat[part, axis, None] - flat[None, :, axis]) ** 2
    distances[lines, part] = np.inf
    on_map = np.argpartition(distances, k, axis=1)[:, :k]
    reached = np.take_along_axis(scores, on_map, axis=1)
    penalty = kept = 0.0
    for column in range(k):
        rank = 1 + (scores > reached[:, column, None]).sum(axis=1)
        penalty += float(np.maximum(rank - k, 0).sum())
        kept += float((rank <= k).sum())
    return penalty, kept


def neighbourhood_change(before: JointSpace, after: JointSpace, k: int = 10) -> np.ndarray:
    """(n_images,) float32 in [0, 1]: the share of each point's k nearest that are others in the second space."""
    if len(before) != len(after):
        raise ShapeMismatch(f"The spaces hold {len(before)} and {len(after)} images.")
    old, new = nearest(before, k), nearest(after, k)
    kept = sum((new == old[:, rank, None]).any(axis=1).astype(np.int64) for rank in range(old.shape[1]))
    return (1.0 - kept / old.shape[1]).astype(np.float32)


# --- clusters --------------------------------------------------------------------------------------------------------


def clusters(space: JointSpace, *, smallest: int = 0, seed: int = 0) -> np.ndarray:
    """(n_images,) int64 density clusters of the ORIGINAL space (its 50 components), largest is 0; −1 is none.

    HDBSCAN; above 10,000 images on a seeded sample, the others join the cluster of their nearest sampled image.

    Args:
        smallest: images that make a cluster; 0 chooses 5 or half a percent.
    Reference:
        Campello, Moulavi and Sander 2013, doi:10.1007/978-3-642-37456-2_14.
    """
    from sklearn.cluster import HDBSCAN

    matrix, n = space.reduced, len(space)
    chosen = arrays.sample(n, 10_000, seed)
    smallest = smallest or max(5, len(chosen) // 200)
    if len(chosen) <= smallest:
        return np.full(n, -1, np.int64)
    found = HDBSCAN(min_cluster_size=smallest, min_samples=min(5, smallest), copy=True).fit_predict(matrix[chosen])
    if len(chosen) < n:
        import faiss

        index = faiss.IndexFlatL2(matrix.shape[1])
        index.add(np.ascontiguousarray(matrix[chosen]))
        found = found[index.search(np.ascontiguousarray(matrix), 1)[1][:, 0]]
    sizes = np.bincount(found[found >= 0]) if (found >= 0).any() else np.empty(0, np.int64)
    new_number = np.empty(len(sizes) + 1, np.int64)
    new_number[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    new_number[-1] = -1
    return new_number[found]


def cluster_names(found: np.ndarray, labels: np.ndarray, label_names: Sequence[str]) -> list[str]:
    """A name per cluster: its majority class with its share, numbered where two would be named alike."""
    names: list[str] = []
    for number in range(int(found.max(initial=-1)) + 1):
        inside = labels[(found == number) & (labels >= 0)]
        if len(inside):
            counts = np.bincount(inside)
            name = f"{label_names[counts.argmax()]} · {counts.max() / (found == number).sum():.0%}"
        else:
            name = f"cluster {number + 1}"
        names.append(name if name not in names else f"{name} ({number + 1})")
    return names


# --- layouts that are kept -------------------------------------------------------------------------------------------


def layout_key(
    space: JointSpace, method: str, dims: int, parameters: Mapping[str, Any], seed: int, start: str = ""
) -> str:
    """The name of a layout: a hash of everything that changes it, the libraries' versions included.

    Args:
        start: the key of the layout it went on from, "" for none.
    """
    library = {"tsne": "openTSNE", "umap": "umap-learn"}.get(method, "numpy")
    record = {
        "space": space.fingerprint,
        "method": method,
        "dims": dims,
        "parameters": dict(sorted(parameters.items())),
        "seed": seed,
        "start": start,
        "library": f"{library} {compat.version(library)}",
        "code": CODE,
    }
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:32]


def save_layout(key: str, projection: Projection, figures: Mapping[str, Any] | None = None) -> None:
    """Keep a layout under its key; whole or not at all. The oldest go when more than 1,000 are kept.

    Raises:
        StoreUnusable: the folder cannot be written.
    """
    folder = paths.layouts()
    record = {
        "method": projection.method,
        "parameters": dict(projection.parameters),
        "seed": projection.seed,
        **(figures or {}),
    }
    try:
        files.write_json(folder / f"{key}.json", record)
        files.write_array(folder / f"{key}.npy", projection.xy)
        kept = sorted(folder.glob("*.npy"), key=lambda path: path.stat().st_mtime)
        for old in kept[: max(0, len(kept) - KEPT_LAYOUTS)]:
            old.unlink(missing_ok=True)
            old.with_suffix(".json").unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnusable(f"The layout could not be kept in {folder}: {error.strerror or error}.") from error


def load_layout(key: str) -> tuple[Projection, dict[str, Any]] | None:
    """A kept layout and its figures, or None where there is none (a damaged file counts as none)."""
    folder = paths.layouts()
    try:
        record = json.loads((folder / f"{key}.json").read_text())
        xy = np.load(folder / f"{key}.npy", allow_pickle=False)
        return Projection(xy, record.pop("method"), record.pop("parameters"), int(record.pop("seed"))), record
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        _log.warning("layout %s cannot be read and will be computed again: %s", key, error)
        return None
