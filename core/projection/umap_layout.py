"""UMAP: its graph by umap-learn, its descent a step at a time, and the compilation ahead of the first map."""

from __future__ import annotations

import logging
import threading
import time

import numpy as np

from core.projection.methods import METHODS, LayoutJob, layout
from core.projection.neighbourhoods import Neighbours, neighbours
from core.projection.space import JointSpace, principal_components
from core.types import ZERO_NORM

UMAP_STEPS = 500
"""Steps of a fresh UMAP; 200 above 10,000 images. A warm one takes 60."""
WARM_STEPS = 60
REPORT_EVERY = 0.08
"""Seconds between two layouts that UMAP shows on its way, for up to 5,000 points; more points, rarer."""

_log = logging.getLogger("fusionscope")
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
    job.report(0, 1, "neighbours")
    near = neighbours(matrix, job.n_neighbors - 1, job.task)
    near = Neighbours(
        np.hstack([np.arange(n)[:, None], near.indices]), np.hstack([np.zeros((n, 1), np.float32), near.distances])
    )
    start = principal_components(matrix, job.dims) if job.start is None else job.start
    steps = WARM_STEPS if job.start is not None else UMAP_STEPS if n <= 10_000 else 200
    job.report(0, steps, "" if _UMAP_WARM.is_set() else "compiling UMAP, once per start")
    with _UMAP_LOCK:
        job.task.check()
        edges = _umap_graph(matrix, near, job, steps)
    flat = _descend(_spread(start, job.seed), edges, job, steps)
    _UMAP_WARM.set()
    return flat


def _spread(start: np.ndarray, seed: int) -> np.ndarray:
    """A start in UMAP's own scale, twins set apart a little: equal starts would stay equal."""
    span = max(float(np.ptp(start, axis=0).max()), ZERO_NORM)
    noise = np.random.default_rng(seed).normal(scale=1e-3, size=start.shape)
    return np.ascontiguousarray((start - start.mean(axis=0)) * (10 / span) + noise, np.float32)


def _umap_graph(
    matrix: np.ndarray, near: Neighbours, job: LayoutJob, steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The edges, and once in how many steps each pulls: head and tail (n_edges,) int32, period (n_edges,) float64.

    Args:
        near: the neighbours of every row, the row itself first.
    """
    from umap.umap_ import fuzzy_simplicial_set

    random = np.random.RandomState(job.seed)  # noqa: NPY002  what umap-learn asks for
    weights, _, _ = fuzzy_simplicial_set(
        matrix, near.indices.shape[1], random, "euclidean", knn_indices=near.indices, knn_dists=near.distances
    )
    graph = weights.tocoo()
    rate = graph.data / graph.data.max()
    used = rate >= 1 / steps
    return graph.row[used].astype(np.int32), graph.col[used].astype(np.int32), 1 / rate[used].astype(np.float64)


def _descend(
    points: np.ndarray, edges: tuple[np.ndarray, np.ndarray, np.ndarray], job: LayoutJob, steps: int
) -> np.ndarray:
    """Let the points move, reporting about every 0.08 s where they are; (n, dims) float32."""
    from umap.umap_ import find_ab_params

    from core.projection import umap_steps

    head, tail, period = edges
    a, b = find_ab_params(1.0, job.min_dist)
    due, push_due = period.copy(), period / umap_steps.PUSHES
    state = np.array([2 * job.seed + 0x9E3779B97F4A7C15], np.uint64)
    last_report, pause = time.monotonic(), REPORT_EVERY * max(1.0, len(points) / 5_000)
    for now in range(steps):
        umap_steps.step(points, head, tail, period, due, push_due, a, b, 1 - now / steps, now, state)
        if time.monotonic() - last_report > pause:
            job.report(now + 1, steps)
            if job.on_layout and now + 1 < steps:
                job.on_layout(points.copy())
            last_report = time.monotonic()
    job.report(steps, steps)
    return points


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
