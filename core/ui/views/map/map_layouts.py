"""The layouts behind the Map page: what is there is shown at once, the rest is laid out beside the page and measured.

A layout goes its own way to the browser while it is made (`core.ui.components.map.layout_stream`); the page runs again only when it is
whole and measured.
"""

from __future__ import annotations

import dataclasses
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core import projection, wording
from core.progress import Progress
from core.setups import MapSetup
from core.studies import maps
from core.studies.system_spec_text import SystemRef
from core.types import Dataset
from core.ui.app import cache, jobs, state
from core.ui.components.map import layout_stream
from core.wording import plural

text = wording.page("map")

StartKey = tuple[str, str, int, str]
"""Dataset, method, dimensions, side: where a layout can go on from the one before."""


@dataclass(frozen=True)
class ShownLayout:
    """A map as far as it is there.

    Attributes:
        settled: it is a whole layout, or on the way from one: points can travel on from it.
        job: what makes or measures it, "" when nothing is to be done.
    """

    map: maps.Map
    settled: bool = True
    job: str = ""

    @property
    def address(self) -> str:
        """Where the browser finds newer layouts, "" when none are on their way."""
        return layout_stream.address(self.job) if self.job else ""

    def newest(self) -> np.ndarray:
        """(n, dims) where the points are now, also while the job goes on."""
        job = jobs.find(self.job) if self.job else None
        return job.result.projection.xy if job and isinstance(job.result, maps.Map) else self.map.projection.xy


def parameters(setup: MapSetup) -> dict[str, float]:
    """What was set by hand."""
    return {name: getattr(setup, name) for name in ("perplexity", "iterations", "n_neighbors", "min_dist")}


@dataclass(frozen=True)
class _LayoutRequest:
    """What a side of the page waits for, or has.

    Attributes:
        wish: everything that changes the layout; start_key: where later ones can go on from it.
        job: what makes or measures it, "" when all was there; warm: it goes on from the layout before.
    """

    wish: tuple
    start_key: StartKey
    job: str = ""
    warm: bool = False


def drawn(
    loaded: Dataset, named: SystemRef, setup: MapSetup, side: str, beside: ShownLayout | None = None
) -> ShownLayout:
    """The map of a system now. PCA is there at once; t-SNE and UMAP go on from what this side shows, so that points
    travel. Until the first layout arrives that one, or PCA, is shown.

    Args:
        side: "left" or "right".
        beside: the map on the left, which one on the right is turned onto.
    """
    space = cache.joint_space(loaded, named)
    method, dims = setup.method, min(setup.dims, max(projection.METHODS.get(setup.method).dims))
    start_key = (loaded.fingerprint, method, dims, side)
    wish = (*start_key, space.fingerprint, tuple(parameters(setup).items()), setup.seed)
    requests: dict[str, _LayoutRequest] = state.session_get("maps asked", {})
    request = requests.get(side)
    _take(request)
    if request is None or request.wish != wish:
        drop(side)
        request = requests[side] = _begin(space, setup, dims, wish, start_key, beside)
        _take(request)
    last: dict[StartKey, ShownLayout] = state.session_get("maps last", {})
    job = jobs.find(request.job) if request.job else None
    if job is None:
        return last[start_key]
    if job.state == "done":
        jobs.forget(job.name)
        requests[side] = dataclasses.replace(request, job="")
        return last[start_key]
    shown = last.get(start_key) or ShownLayout(_first_look(space, setup, dims), settled=False)
    return dataclasses.replace(shown, job=job.name)


def _take(request: _LayoutRequest | None) -> None:
    """Remember what a job has made so far: the next layout goes on from there."""
    if request is None:
        return
    job = jobs.find(request.job) if request.job else None
    if job is not None and isinstance(job.result, maps.Map):
        on_the_way = " " in job.result.key
        state.session_get("maps last", {})[request.start_key] = ShownLayout(
            job.result, settled=request.warm or not on_the_way
        )


def _first_look(space: projection.JointSpace, setup: MapSetup, dims: int) -> maps.Map:
    """PCA, which stands there until something better comes."""
    return maps.draw(space, "pca", dims=dims, seed=setup.seed, measure=False)


def _begin(
    space: projection.JointSpace,
    setup: MapSetup,
    dims: int,
    wish: tuple,
    start_key: StartKey,
    beside: ShownLayout | None,
) -> _LayoutRequest:
    """Find the layout, or start what makes and measures it."""
    method, last = setup.method, state.session_get("maps last", {})
    layout = maps.stored_map(space, method, dims=dims, parameters=parameters(setup), seed=setup.seed)
    if layout is None and projection.METHODS.get(method).instant:
        layout = maps.draw(space, method, dims=dims, seed=setup.seed, measure=False)
    before = last.get(start_key)
    if layout is not None:
        shown = layout if before is None else facing(layout, before.map)
        last[start_key] = ShownLayout(shown)
        return _LayoutRequest(wish, start_key, "" if layout.quality else _measure(space, layout, shown))
    start = before.map if before is not None and before.settled else None
    return _LayoutRequest(wish, start_key, _lay_out(space, setup, dims, start, beside), warm=start is not None)


def drop(side: str) -> None:
    """Stop the layout that nobody waits for any more."""
    request = state.session_get("maps asked", {}).pop(side, None)
    job = jobs.find(request.job) if request and request.job else None
    if job is not None:
        job.task.cancel()
        jobs.forget(job.name)


def forget() -> None:
    """Lay out again what was stopped."""
    for side in ("left", "right"):
        drop(side)


def stop(shown: ShownLayout) -> None:
    """The person does not want to wait: what is shown stays."""
    job = jobs.find(shown.job) if shown.job else None
    if job is not None:
        job.task.cancel()


def facing(layout: maps.Map, before: maps.Map) -> maps.Map:
    """The same map, mirrored (PCA, whose axes mean something) or turned onto the one before, so that points travel no
    further than they must. One that had to be changed has a key of its own: what goes on from it starts elsewhere.
    """
    xy, other = layout.projection.xy, before.projection.xy
    if xy.shape != other.shape:
        return layout
    if projection.METHODS.get(layout.projection.method).instant:
        against = ((xy - xy.mean(axis=0)) * (other - other.mean(axis=0))).sum(axis=0) < 0
        changed = xy * np.where(against, -1, 1).astype(np.float32)
    else:
        changed = projection.align(xy, other)
    if np.array_equal(changed, xy):
        return layout
    mark = hashlib.blake2b(changed.tobytes(), digest_size=6).hexdigest()
    return dataclasses.replace(
        layout, projection=dataclasses.replace(layout.projection, xy=changed), key=f"{layout.key}-{mark}"
    )


def _measure(space: projection.JointSpace, layout: maps.Map, shown: maps.Map) -> str:
    """Measure a map that is shown already, perhaps mirrored; the name of the job."""

    def work(running: jobs.BackgroundJob) -> maps.Map:
        """Lay out, showing what is on its way; then measure."""
        running.result = shown
        return dataclasses.replace(shown, quality=maps.measured(space, layout, running.task).quality)

    return jobs.start(f"measure {uuid.uuid4().hex}", text("option.trust_job"), work).name


def _lay_out(
    space: projection.JointSpace, setup: MapSetup, dims: int, start: maps.Map | None, beside: ShownLayout | None
) -> str:
    """Start a layout beside the page, going on from another one where there is one; the name of the job."""
    method, settings, name = setup.method, parameters(setup), f"map-{uuid.uuid4().hex}"
    if method == "umap":
        projection.warm_umap()
    stream = layout_stream.open_stream(name, _turned_onto(beside) if beside is not None else None)
    label = projection.METHODS.get(method).label

    def work(running: jobs.BackgroundJob) -> maps.Map:
        """Lay out, showing what is on its way; then measure."""

        def show(layout: maps.Map) -> None:
            running.result = layout
            stream.put(layout.projection.xy)

        def tell(progress: Progress) -> None:
            running.task.report(progress)
            stream.note = _note(label, progress)

        try:
            made = maps.draw(
                space,
                method,
                dims=dims,
                parameters=settings,
                seed=setup.seed,
                start=start,
                on_layout=show,
                task=running.task.reporting(tell),
                measure=False,
            )
            running.result = made
            stream.put(made.projection.xy, whole=True)
        finally:
            stream.end()
        return maps.measured(space, made, running.task)

    return jobs.start(name, text("option.laying_out", points=plural(len(space), "point"), label=label), work).name


def _turned_onto(beside: ShownLayout) -> Callable[[np.ndarray], np.ndarray]:
    """How the right map is turned: onto the left one as that is at the moment."""

    def turned(xy: np.ndarray) -> np.ndarray:
        other = beside.newest()
        return projection.align(xy, other) if other.shape == xy.shape else xy

    return turned


def _note(label: str, progress: Progress) -> str:
    """What the map says while a layout is made."""
    if label == "UMAP" and not projection.umap_is_warm():
        return text("phrase.umap_compiles")
    done = f" · {progress.done:,} of {progress.total:,} steps" if progress.done and progress.total else ""
    return text("option.way", label=label, done=done)
