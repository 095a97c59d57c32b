"""What the server tells whoever runs it: a line for each thing that happened, and numbers for Prometheus.

A line says who, what and how long, never what is on an image. The numbers need prometheus-client
(`requirements-serve.txt`); without it there are none, and everything else works.
"""

from __future__ import annotations

import functools
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core import access, paths, wording
from core.access import Visitor
from core.ui.app.shared_results import RESULTS

text = wording.page("access")
_lines = logging.getLogger("fusionscope.visits")
_KINDS = {
    "/pictures/": "thumbnail",
    "/layouts/": "layout",
    "/judging/": "judgement",
    "/live/": "live",
    "/present/": "story",
    "/_stcore/upload_file/": "upload",
    "/_stcore/stream": "socket",
    "/auth/": "sign in",
    "/oauth2callback": "sign in",
    "/enter/": "invitation",
    "/media/": "media",
}
_QUIET = {"thumbnail", "layout", "media", "other"}
"""Kinds of requests that are counted but have no line of their own: there are dozens for each page."""


def kind_of(path: str) -> str:
    """What a request asks for, in few words."""
    return next((kind for start, kind in _KINDS.items() if path.startswith(start)), "other")


def begin() -> None:
    """Write lines, as JSON where FUSIONSCOPE_LOG says so; on one's own machine there are none."""
    if access.settings().mode == "local" or _lines.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    _lines.addHandler(handler)
    _lines.setLevel(logging.INFO)
    _lines.propagate = False


def note(what: str, visitor: Visitor, seconds: float, status: int = 200, detail: str = "") -> None:
    """Something happened: count it, and write its line.

    Args:
        what: "page", or a kind of request.
        detail: the page, or the method; nothing that a visitor typed.
    """
    made = _numbers()
    if made is not None:
        made["requests"].labels(what, visitor.role, str(status)).inc()
        made["seconds"].labels(what).observe(seconds)
    if _lines.handlers and what not in _QUIET:
        who = visitor.name or visitor.key
        line = {"what": what, "who": who, "role": visitor.role, "ms": round(seconds * 1000), "status": status}
        line |= {"detail": detail} if detail else {}
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        as_json = paths.log_is_json()
        _lines.info("%s", json.dumps({"time": stamp, **line}, ensure_ascii=False) if as_json else _plain(stamp, line))


def _plain(stamp: str, line: dict[str, Any]) -> str:
    return " ".join([stamp, *(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in line.items())])


@contextmanager
def timed_page(page: str) -> Iterator[None]:
    """The run of a page."""
    began, visitor = time.perf_counter(), access.current()
    try:
        yield
    finally:
        if access.settings().mode != "local":
            note("page", visitor, time.perf_counter() - began, detail=page or "home")


@functools.cache
def _numbers() -> dict[str, Any] | None:
    try:
        from prometheus_client import REGISTRY, Counter, Gauge, Histogram
    except ImportError:
        return None
    from core.ui.app import jobs

    kinds = ("what",)
    made: dict[str, Any] = {
        "requests": Counter("fusionscope_requests", text("about.requests"), (*kinds, "role", "status")),
        "seconds": Histogram("fusionscope_seconds", text("about.seconds"), kinds),
        "jobs": Gauge("fusionscope_jobs", text("about.jobs")),
        "sessions": Gauge("fusionscope_sessions", text("about.sessions")),
        "cached": Gauge("fusionscope_cache_entries", text("about.cached"), ("cache",)),
        "bytes": Gauge("fusionscope_cache_bytes", text("about.cache_bytes"), ("cache",)),
        "registry": REGISTRY,
    }
    made["jobs"].set_function(lambda: len(jobs.running()))
    made["sessions"].set_function(_open_pages)
    return made


def _open_pages() -> int:
    from streamlit import runtime

    manager: Any = getattr(runtime.get_instance(), "_session_mgr", None) if runtime.exists() else None
    return manager.num_active_sessions() if manager is not None else 0


def exposed() -> tuple[bytes, str] | None:
    """(body, media type) of all numbers as Prometheus reads them; None without prometheus-client."""
    made = _numbers()
    if made is None:
        return None
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    for name, (count, n_bytes) in RESULTS.sizes().items():
        made["cached"].labels(name.removeprefix("core.ui.")).set(count)
        made["bytes"].labels(name.removeprefix("core.ui.")).set(n_bytes)
    return generate_latest(made["registry"]), CONTENT_TYPE_LATEST
