"""Texts read for the pages: short lists at once, long ones beside the page, and each only once."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence

import numpy as np
import streamlit as st

from core import wording
from core.errors import CoreError
from core.studies.text import text_encoding
from core.ui.app import cache, jobs
from core.ui.app.cached import cached

text = wording.page("text_search")

_log = logging.getLogger("fusionscope")
JOB = "texts"
AT_ONCE = 64
"""So many texts may be read while the page waits; more are read beside it, with a bar."""


def words(space: str, texts: Sequence[str]) -> np.ndarray:
    """(n, dim) vectors of texts in a space; what was asked before is there at once, long lists are kept on disk."""
    return _words(space, tuple(texts))


@cached(max_entries=256)
def _words(space: str, texts: tuple[str, ...]) -> np.ndarray:
    return (
        text_encoding.encode_words(space, texts)
        if len(texts) <= AT_ONCE
        else text_encoding.cached_vectors(space, texts)
    )


def warm(spaces: Sequence[str]) -> None:
    """Load what reads the words while somebody still types; once per process."""
    for space in spaces:
        _warm(space)


@cached("resource")
def _warm(space: str) -> threading.Thread:
    def load() -> None:
        try:
            text_encoding.encode_words(space, ["warm"])
        except CoreError as error:  # the query itself will say so
            _log.info("%s was not loaded ahead: %s", space, error)

    thread = threading.Thread(target=load, name=f"warm {space}", daemon=True)
    thread.start()
    return thread


def ready(space: str, texts: Sequence[str], what: str) -> bool:
    """Whether a list of texts is read, but for a few; else it is read beside the page.

    A page that calls this shows `jobs.job_panel(text_cache.JOB)` at its top.

    Args:
        what: whose texts these are, for the panel: "the catalogue shop".
    """
    key = _key(space, texts)
    if key in _read():
        return True
    if text_encoding.unread(space, texts) <= AT_ONCE:
        _read().add(key)
        return True
    job = jobs.find(JOB)
    title = text("phrase.reads", backbone=cache.backbone_title(space), texts=what)

    def work(running: jobs.BackgroundJob) -> None:
        text_encoding.cached_vectors(space, texts, running.task)

    def begin() -> None:
        jobs.start(JOB, title, work)

    if job is None or job.state == "done":
        begin()
        st.rerun()  # the whole page: the bar stands at its top
    if not job.running:
        st.button(
            text("button.go_on"),
            type="primary",
            icon=":material/play_arrow:",
            key=f"read {what}",
            on_click=begin,
        )
    return False


def _key(space: str, texts: Sequence[str]) -> str:
    digest = hashlib.sha256(space.encode())
    for line in texts:
        digest.update(line.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


@st.cache_resource
def _read() -> set[str]:
    """Lists of texts that are known to be read in this process."""
    return set()
