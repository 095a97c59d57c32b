"""Long work beside the pages: one thread per job, its progress on every page, a button that stops it.

Jobs belong to the process, not to a tab: two tabs see the same embedding run, and a closed tab does not end it. What
came of a job, and how it failed, is for the session that started it: a sentence may name a path of somebody's disk.
Each is done for the visitor who started it, who may do what it does; only they and owners stop it or read its title.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from core import access, wording
from core.access import Visitor
from core.errors import CoreError
from core.progress import Progress
from core.store import leases
from core.task import Task
from core.ui.app import state, theme
from core.ui.app.error_boundary import fragment

_log = logging.getLogger("fusionscope")
shared = wording.page("shared")


@dataclass
class BackgroundJob:
    """One piece of long work.

    Attributes:
        visitor: the session that started it, "" for work of the process itself.
        by: the person behind it.
        yields: other work may begin beside it, so that no button waits for it.
        gives_way: nobody asked for it, so work of the same name that somebody asks for ends it and begins.
        state: "running", "done", "failed" or "stopped".
        elsewhere: another server on the same home folder does it; here its progress is shown.
    """

    name: str
    title: str
    visitor: str = ""
    yields: bool = False
    gives_way: bool = False
    by: Visitor = access.OWNER
    progress: Progress | None = None
    state: str = "running"
    sentence: str = ""
    result: Any = None
    version: int = 0
    forgotten: bool = False
    elsewhere: bool = False
    task: Task = field(init=False)
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.task = Task(self._show)

    def _show(self, progress: Progress) -> None:
        self.progress = progress

    def changed(self) -> None:
        """Called by the work when something new can be seen on the pages: they draw themselves again."""
        self.version += 1

    @property
    def running(self) -> bool:
        """Whether the work goes on."""
        return self.state == "running"

    @property
    def mine(self) -> bool:
        """Whether this session may see what came of it."""
        return not self.elsewhere and self.visitor in ("", state.visitor())

    @property
    def public_title(self) -> str:
        """What everybody may read of it: the title names a dataset, which may be private."""
        return self.title if self.mine or access.may("job.stop") else shared("phrase.other_work")

    def stop(self) -> None:
        """Cancel it, for somebody who may: whoever started it, or an owner.

        Raises:
            NotAllowed: it is somebody else's.
        """
        if not self.mine:
            access.require("job.stop")
        if self.elsewhere:
            leases.ask_to_stop(self.name)
        self.task.cancel()


_JOBS: dict[str, BackgroundJob] = {}
"""By name. In no cache of Streamlit: any browser may ask for those to be cleared."""


_ONCE = frozenset({"embed", "backbone.measure", "backbone.add", "study.run", "dataset.add", "dataset.change"})
"""Actions whose work is kept in the home folder: of several servers on it, one does it."""
_LOOK_EVERY = 1.0
"""Seconds between two looks at what other servers do."""
_looked_at = 0.0
_LOCK = threading.Lock()
_GIVES_WAY = 30.0
"""Seconds at most until the piece in flight of work that gives way is kept."""
STOPPING = shared("state.stopping")
_FIRST_LOOK = "jobs first look"


def start(
    name: str,
    title: str,
    work: Callable[[BackgroundJob], Any],
    *,
    action: str = "work",
    yields: bool = False,
    gives_way: bool = False,
) -> BackgroundJob:
    """Start `work(job)` in a thread, unless a job of that name is running already: then that one is returned.

    Args:
        action: what it does, of `access.ACTIONS`; the work goes on as whoever starts it.
        yields: no button waits for it.
        gives_way: nobody asked for it; the next of this name ends it.
    Raises:
        NotAllowed: this visitor may not do that. Who has enough work going on gets a job that failed and says so.
    """
    access.require(action)
    visitor = access.current()
    before = find(name)
    if before is not None and before.running and before.gives_way and not gives_way:
        _end(before)
    with _LOCK:
        if name in _JOBS and _JOBS[name].running:
            return _JOBS[name]
        job = BackgroundJob(name, title, state.visitor(), yields, gives_way, visitor)
        if not _has_room(visitor):
            job.state, job.sentence = "failed", shared("error.enough_work")
            job.ended.set()
        lease = _take_lease(job) if job.running and action in _ONCE else None
        _JOBS[name] = job  # last: where something went wrong until here, nothing counts as running for ever
        if job.elsewhere or not job.running:
            return job

    def run() -> None:
        """The thread: the work, and how it ended."""
        try:
            with access.acting(visitor), lease or nullcontext():
                job.result = work(job)
            job.state = "stopped" if job.task.cancelled else "done"
        except CoreError as error:
            job.sentence, job.state = str(error), "stopped" if job.task.cancelled else "failed"
        except BaseException as error:  # a panic in Lance's Rust is no Exception, and the job would run for ever
            _log.exception("job %s failed", name)
            job.sentence = shared("phrase.log", title=title, kind=type(error).__name__, reason=error)
            job.state = "failed"
        job.version += 1
        job.ended.set()
        if job.forgotten:
            forget(name)

    threading.Thread(target=run, name=f"job {name}", daemon=True).start()
    return job


def _end(job: BackgroundJob) -> None:
    """End work that gives way, here or on another server, and wait until what is in flight is kept."""
    job.task.cancel()
    if job.elsewhere:
        with suppress(OSError):
            leases.ask_to_stop(job.name)
    end = time.monotonic() + _GIVES_WAY
    while time.monotonic() < end and not job.ended.wait(_LOOK_EVERY if job.elsewhere else _GIVES_WAY):
        _look_elsewhere()


def _take_lease(job: BackgroundJob) -> leases.HeldLease | None:
    """Begin work that only one server does; where another does it now, the job shows how far that is."""
    kind = leases.Lease(job.name, "", job.title, job.yields, job.gives_way)
    with suppress(OSError):  # a folder that cannot be written: the work itself says so
        lease = leases.take(kind, lambda: job.progress, job.task.cancel)
        job.elsewhere = lease is None
        return lease
    return None


def _look_elsewhere() -> None:
    """Show what other servers on this home folder do, and what of it has ended; once a second at most."""
    global _looked_at
    with _LOCK:
        if time.monotonic() - _looked_at < _LOOK_EVERY:
            return
        _looked_at = time.monotonic()
        theirs = {lease.name: lease for lease in leases.of_others()}
        for name, lease in theirs.items():
            job = _JOBS.get(name)
            if job is None or not job.running:
                job = _JOBS[name] = BackgroundJob(name, lease.title, "", lease.yields, lease.gives_way, elsewhere=True)
            if job.elsewhere:
                job.progress = lease.progress
        for job in _JOBS.values():
            if job.elsewhere and job.running and job.name not in theirs:
                job.state = "done"
                job.version += 1
                job.ended.set()


def _has_room(visitor: Visitor) -> bool:
    """Whether one more job may run: somebody who is no owner has so many at once, all of them together so many."""
    if visitor.is_owner:
        return True
    limits = access.settings().limits
    others = [job for job in list(_JOBS.values()) if job.running and not job.by.is_owner]
    return len(others) < limits.all_jobs and sum(job.by.key == visitor.key for job in others) < limits.jobs


def find(name: str) -> BackgroundJob | None:
    """The job of that name, running or ended, if there was one."""
    _look_elsewhere()
    return _JOBS.get(name)


def find_open(name: str) -> BackgroundJob | None:
    """The job of that name; None also where it failed or was stopped in another session, which alone is told how."""
    job = find(name)
    return None if job is not None and not job.mine and job.state in {"failed", "stopped"} else job


def find_mine(name: str) -> BackgroundJob | None:
    """The job of that name, if this session may see what came of it."""
    job = find(name)
    return job if job is not None and job.mine else None


def is_running(name: str) -> bool:
    """Whether a job of that name runs now."""
    job = find(name)
    return job is not None and job.running


def running() -> list[BackgroundJob]:
    """Every job that runs now."""
    _look_elsewhere()
    return [job for job in list(_JOBS.values()) if job.running]


def end_all(seconds: float = 20.0) -> None:
    """Cancel all work and wait until what is in flight is kept: this server ends."""
    end = time.monotonic() + seconds
    jobs = [job for job in running() if not job.elsewhere]
    for job in jobs:
        job.task.cancel()
    for job in jobs:
        job.ended.wait(max(0.0, end - time.monotonic()))


def waits(help: str = "", beside_unasked: bool = False) -> dict[str, Any]:
    """How a button that starts work is drawn: greyed while a job runs, and then it says for which one it waits.

    Args:
        help: what the button says of itself while nothing runs.
        beside_unasked: the button starts work that what gives way makes room for.
    """
    blocking = [job for job in running() if not job.yields and not (beside_unasked and job.gives_way)]
    titles = ", ".join(job.public_title for job in blocking)
    return {
        "disabled": bool(titles),
        "help": shared("help.waits", jobs=theme.plain(titles)) if titles else help or None,
    }


def forget(name: str) -> None:
    """Drop an ended job, so that its last word is not shown for ever; one that still runs goes when it ends."""
    with _LOCK:
        job = _JOBS.get(name)
        if job and job.running:
            job.forgotten = True
        elif job:
            del _JOBS[name]


def job_panel(*names: str) -> None:
    """Draw the jobs of these names (all running ones if none is given): bar, rate, time left, a stop button.

    The panel refreshes itself twice a second; when a job has something new or ends, the whole page runs again.
    """
    shown = [job for name in names if (job := find(name))] if names else running()
    seen = {job.name: (job.version, job.state) for job in shown}
    if any(job.running for job in shown):
        _first_look(True)
        _live_panel(tuple(job.name for job in shown), seen)
    else:
        for job in shown:
            _draw(job)


def watch(*names: str) -> None:
    """Run the page again when one of these jobs is done. Nothing is drawn, but how a job failed or was stopped.

    The page is to take the result of a job that is done, so that it does not wait for it any more.
    """
    ended = [job for name in names if (job := find(name)) and job.state in {"failed", "stopped"}]
    waiting = tuple(name for name in names if name not in {job.name for job in ended})
    if waiting:
        _first_look(True)
        _watcher(waiting)
    for job in ended:
        _draw(job)


@fragment(run_every=0.3)
def _watcher(names: tuple[str, ...]) -> None:
    # One that ended between its start and this look, or was taken by another session, is not waited for either.
    if not _first_look() and any((job := find(name)) is None or not job.running for name in names):
        st.rerun(scope="app")


def _first_look(begins: bool = False) -> bool:
    """True while the page itself is being drawn, where `begins` was said before.

    To run a page again before the browser has seen it loses what a link has set in its widgets: Streamlit sends such a
    value once only. The next look is a moment away.
    """
    if begins:
        state.session_set(_FIRST_LOOK, True)
        return True
    return state.session_take(_FIRST_LOOK, False)


@fragment(run_every=0.5)
def _live_panel(names: tuple[str, ...], seen: dict[str, tuple[int, str]]) -> None:
    jobs = [job for name in names if (job := find(name))]
    if not _first_look() and any((job.version, job.state) != seen[job.name] for job in jobs):
        st.rerun(scope="app")
    for job in jobs:
        _draw(job)


def _draw(job: BackgroundJob) -> None:
    if job.running:
        left, right = st.columns([6, 1], vertical_alignment="center")
        progress = job.progress
        text = progress.sentence() if progress else shared("state.starting")
        if job.task.cancelled:
            text = STOPPING
        left.progress(
            progress.fraction if progress else 0.0, text=f"**{theme.plain(job.public_title)}**  \n{theme.plain(text)}"
        )
        if not job.mine and not access.may("job.stop"):
            return
        right.button(
            shared("button.stop"),
            key=f"stop {job.name}",
            on_click=job.stop,
            disabled=job.task.cancelled,
            help=shared("help.stop"),
        )
    elif not job.mine:
        return
    elif job.state == "failed":
        _last_word(job, st.error, job.sentence, ":material/error:")
    elif job.state == "stopped":
        _last_word(job, st.info, f"{job.title}: {_stopped(job.sentence)}", ":material/stop_circle:")


def _stopped(sentence: str) -> str:
    """That a job was stopped, said once: most of what is raised then says so itself."""
    text = sentence or shared("sentence.stopped")
    return (
        text[0].lower() + text[1:]
        if text.startswith(shared("state.stopped"))
        else shared("phrase.stopped", sentence=text)
    )


def _last_word(job: BackgroundJob, box: Callable[..., Any], sentence: str, icon: str) -> None:
    """How a job ended, and a cross that takes the sentence away."""
    left, right = st.columns([24, 1], vertical_alignment="center", gap="small")
    with left:
        box(theme.plain(sentence), icon=icon)
    right.button(
        "",
        key=f"dismiss {job.name}",
        icon=":material/close:",
        type="tertiary",
        help=shared("help.dismiss"),
        on_click=forget,
        args=(job.name,),
    )
