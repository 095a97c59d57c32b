"""How much memory an object holds: its arrays, tables and texts, as far as they can be reached."""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

import numpy as np

_MOST_LOOKED_AT = 20_000
"""Objects; what lies behind them counts as nothing. Large things are arrays, and few."""
_PLAIN = (str, bytes, bytearray, int, float, complex, bool, type(None))
_LEFT_OUT = (type, type(sys), type(len), type(lambda: 0))


def of(value: Any, seen: set[int] | None = None) -> int:
    """Bytes of an object and of all that it holds, each part once.

    Arrays that lie in a file (`numpy.memmap`) take no memory of their own; networks of torch count with their weights.

    Args:
        seen: ids of what was counted before; those counted now are added.
    """
    seen = set() if seen is None else seen
    waiting, total, looked_at = deque([value]), 0, 0
    while waiting and looked_at < _MOST_LOOKED_AT:
        part = waiting.popleft()
        if id(part) in seen:
            continue
        seen.add(id(part))
        looked_at += 1
        try:
            if isinstance(part, _LEFT_OUT):  # this alone raises for a proxy of what is gone
                continue
            n_bytes, parts = _of_part(part)
        except Exception:  # noqa: BLE001  objects of any library: one that cannot be looked into counts as nothing
            continue
        total += n_bytes
        waiting.extend(parts)
    return total


def _of_part(part: Any) -> tuple[int, list[Any]]:
    """Its bytes alone, and what it holds."""
    if isinstance(part, _PLAIN):
        return sys.getsizeof(part), []
    if isinstance(part, np.ndarray):
        return _of_array(part)
    if hasattr(part, "memory_usage") and hasattr(part, "index"):  # of pandas, which is imported only where it is used
        usage = part.memory_usage(deep=False)
        return int(usage if isinstance(usage, int | np.integer) else usage.sum()), []
    if hasattr(part, "untyped_storage"):
        return int(part.untyped_storage().nbytes()), []
    if isinstance(part, dict):
        return sys.getsizeof(part), [*part.keys(), *part.values()]
    if isinstance(part, list | tuple | set | frozenset | deque):
        return sys.getsizeof(part), list(part)
    inner = [getattr(part, name, None) for name in ("__dict__", "_parameters", "_buffers", "_modules")]
    slots = [getattr(part, name, None) for kind in type(part).__mro__ for name in getattr(kind, "__slots__", ())]
    return sys.getsizeof(part, 64), [*filter(_is_something, (*inner, *slots))]


def _is_something(value: Any) -> bool:
    return value is not None


def _of_array(array: np.ndarray) -> tuple[int, list[Any]]:
    if isinstance(array, np.memmap):
        return 0, []
    if isinstance(array.base, np.ndarray):
        return 0, [array.base]
    inner = array.ravel().tolist() if array.dtype == object and array.size <= _MOST_LOOKED_AT else []
    return int(array.nbytes), inner
