"""Which image contents only owners of a server see: those of private datasets that no other dataset has."""

from __future__ import annotations

import threading

import numpy as np

from core import paths
from core.data import saved

_LOCK = threading.Lock()
_KNOWN: dict[str, tuple[object, frozenset[bytes]]] = {}


def is_hidden(key: str) -> bool:
    """Whether an image is in private datasets alone.

    Args:
        key: hex SHA-256 of its content.
    """
    return key.encode() in _hidden()


def _hidden() -> frozenset[bytes]:
    folder = paths.datasets()
    records = sorted(folder.glob("*/record.json")) if folder.is_dir() else []
    private = {record.parent.name for record in records if saved.is_private(record.parent.name)}
    if not private:
        return frozenset()
    stamp = (tuple((record.parent.name, record.stat().st_mtime_ns) for record in records), frozenset(private))
    with _LOCK:
        known = _KNOWN.get(str(folder))
        if known is not None and known[0] == stamp:
            return known[1]
        keys: dict[bool, set[bytes]] = {True: set(), False: set()}
        for record in records:
            whole = saved.opened(record.parent)
            keys[record.parent.name in private].update(np.asarray(whole.keys, "S64").tolist())
        _KNOWN[str(folder)] = (stamp, frozenset(keys[True] - keys[False]))
        return _KNOWN[str(folder)][1]
