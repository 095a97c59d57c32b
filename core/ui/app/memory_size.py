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
        one = waiting.popleft()
        if id(one) in seen or isinstance(one, _LEFT_OUT):
            continue
        seen.add(id(one))
        looked_at += 1
        n_bytes, parts = _of_one(one)
        total += n_bytes
        waiting.extend(parts)
    return total


def _of_one(one: Any) -> tuple[int, list[Any]]:
    """Its own bytes, and what it holds."""
    if isinstance(one, _PLAIN):
        return sys.getsizeof(one), []
    if isinstance(one, np.ndarray):
        return _of_array(one)
    if hasattr(one, "memory_usage") and hasattr(one, "index"):  # of pandas, which is imported only where it is used
        usage = one.memory_usage(deep=False)
        return int(usage if isinstance(usage, int | np.integer) else usage.sum()), []
    if hasattr(one, "untyped_storage"):
        return int(one.untyped_storage().nbytes()), []
    if isinstance(one, dict):
        return sys.getsizeof(one), [*one.keys(), *one.values()]
    if isinstance(one, list | tuple | set | frozenset | deque):
        return sys.getsizeof(one), list(one)
    inner = [getattr(one, name, None) for name in ("__dict__", "_parameters", "_buffers", "_modules")]
    slots = [getattr(one, name, None) for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
    return sys.getsizeof(one, 64), [part for part in (*inner, *slots) if part is not None]


def _of_array(one: np.ndarray) -> tuple[int, list[Any]]:
    if isinstance(one, np.memmap):
        return 0, []
    if isinstance(one.base, np.ndarray):
        return 0, [one.base]
    inner = one.ravel().tolist() if one.dtype == object and one.size <= _MOST_LOOKED_AT else []
    return int(one.nbytes), inner
