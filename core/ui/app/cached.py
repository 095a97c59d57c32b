"""`@cached`: results that all sessions share. The arguments are the key, and so is everything they stand for.

A `Dataset` counts with its fingerprint and the stamps of its record (columns that are no labels) and of its vectors, a
`FusionSpec` with its fingerprint, a `System` with both its name and its fusion; the home folder is in every key. So a
value never outlives what it was made from, and nothing has to be cleared by hand.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core import paths
from core.fusion import FusionSpec
from core.studies.system_spec_text import SystemRef
from core.studies.systems import System
from core.types import Dataset
from core.ui.app import stamps, turns
from core.ui.app.shared_results import RESULTS, Kind

P = ParamSpec("P")
T = TypeVar("T")

CACHED: dict[str, CachedFunction] = {}
"""Every cached function by its full name; a test walks them."""


@functools.singledispatch
def key_of(value: Any) -> Hashable:
    """What stands for a value in a cache key.

    Raises:
        TypeError: nothing does; register a function for its type, or leave the argument out (`ignore`).
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (getattr(value, field.name) for field in dataclasses.fields(value))
        return (type(value).__name__, *map(key_of, fields))
    raise TypeError(f"{type(value).__name__} cannot be part of a cache key; register it with `key_of`.")


@key_of.register(type(None))
@key_of.register(str)
@key_of.register(int)
@key_of.register(float)
def _plain(value: Hashable) -> Hashable:
    return value


@key_of.register
def _number(value: np.generic) -> Hashable:
    return value.item()


@key_of.register
def _path(value: Path) -> Hashable:
    return str(value)


@key_of.register
def _content(value: bytes) -> Hashable:
    return hashlib.sha256(value).hexdigest()


@key_of.register(tuple)
@key_of.register(list)
def _sequence(value: tuple | list) -> Hashable:
    return tuple(map(key_of, value))


@key_of.register
def _mapping(value: Mapping) -> Hashable:
    return tuple((key_of(name), key_of(item)) for name, item in value.items())


@key_of.register
def _dataset(value: Dataset) -> Hashable:
    return "dataset", value.name, value.fingerprint, stamps.record(value.name), stamps.vectors(value.name)


@key_of.register
def _fusion(value: FusionSpec) -> Hashable:
    return value.fingerprint


@key_of.register
def _system(value: System) -> Hashable:
    return value.name, key_of(value.spec)


@key_of.register
def _reference(value: SystemRef) -> Hashable:
    return value.text, value.title, key_of(value.spec)


def digest(*values: Any) -> str:
    """16 hex digits that stand for values, in the names of jobs and in what a session keeps."""
    return hashlib.sha256(repr((str(paths.home()), key_of(values))).encode()).hexdigest()[:16]


_WORKING: ContextVar[bool] = ContextVar("working", default=False)


class CachedFunction(Generic[P, T]):
    """A function whose results are kept for all sessions."""

    def __init__(
        self,
        function: Callable[P, T],
        kind: Kind,
        most: int | None,
        spinner: str,
        seconds: float | None,
        ignore: tuple[str, ...],
        also: Callable[..., Any] | None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.signature = inspect.signature(function)
        self.ignore = ignore
        self._also = also
        self._kind: Kind = kind
        self._most, self._spinner, self._seconds = most, spinner, seconds
        self._name = f"{function.__module__}.{function.__qualname__}"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (self._name, self.key(*args, **kwargs))
        result = RESULTS.find(key, self._seconds)
        if result is not None:
            return result.get()
        with _working(self._spinner):
            return RESULTS.work_out(key, lambda: self.function(*args, **kwargs), self._kind, self._most, self._seconds)

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """What the result of these arguments is kept under."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        parts: list[Hashable] = [str(paths.home())]
        parts += [key_of(value) for name, value in bound.arguments.items() if name not in self.ignore]
        if self._also is not None:
            parts.append(key_of(self._also(*bound.args, **bound.kwargs)))
        return repr(parts)

    def clear(self) -> None:
        """Forget every result."""
        RESULTS.forget(self._name)


@contextmanager
def _working(spinner: str) -> Iterator[None]:
    """Others go on meanwhile; a page says what it waits for, once where one result needs another."""
    is_inner = _WORKING.get()
    token = _WORKING.set(True)
    try:
        with turns.aside():
            if spinner and not is_inner and get_script_run_ctx(suppress_warning=True) is not None:
                with st.spinner(spinner):
                    yield
            else:
                yield
    finally:
        _WORKING.reset(token)


def cached(
    kind: Kind = "data",
    *,
    max_entries: int | None = None,
    spinner: str = "",
    ttl: float | None = None,
    ignore: tuple[str, ...] = (),
    also: Callable[..., Any] | None = None,
) -> Callable[[Callable[P, T]], CachedFunction[P, T]]:
    """Keep what a function returns for all sessions.

    Args:
        kind: "data" hands every caller a copy of its own (tables, figures); "resource" the one object itself (large
            read-only arrays, encoders).
        max_entries: results kept; those used longest ago go.
        spinner: what people read while it is worked out.
        ttl: seconds a result is kept.
        ignore: arguments that change nothing about the result (progress, cancel).
        also: called with the same arguments for what else the result depends on (a file's time).
    """

    def decorate(function: Callable[P, T]) -> CachedFunction[P, T]:
        """The function, behind what is kept."""
        made = CachedFunction(function, kind, max_entries, spinner, ttl, ignore, also)
        CACHED[f"{function.__module__}.{function.__qualname__}"] = made
        return made

    return decorate
