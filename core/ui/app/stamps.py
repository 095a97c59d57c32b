"""When something on disk changed last: parts of cache keys, read anew at every call."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from core import paths

Place = tuple[str, str]
"""Home folder, dataset name."""

_LOCK = threading.Lock()
_FINGERPRINTS: dict[Place, dict[str, str]] = {}
_REPLACED: dict[Place, int] = {}


def record(name: str) -> int:
    """When the dataset's record was written, ns; 0 while the dataset is not built."""
    return _changed(name, "record.json")


def vectors(name: str) -> tuple[int, int]:
    """Changes whenever vectors that a dataset had before may be others now.

    Returns:
        (ns, count): when vectors were attached to the dataset or taken off last, and how often a backbone's vectors
        in the store got another fingerprint (`note_fingerprints`).
    """
    return _changed(name, "vectors"), _REPLACED.get((str(paths.home()), name), 0)


def store() -> str:
    """Changes whenever a backbone gets a folder, or rows, in the store."""
    folder = paths.store() / "embeddings"
    inner = [entry for backbone in folder.glob("*") for entry in backbone.glob("*/_versions")] + [*folder.glob("*")]
    return ",".join(str(entry.stat().st_mtime_ns) for entry in sorted(inner))


def note_fingerprints(name: str, stored: Iterable[tuple[str, str]]) -> None:
    """Remember which (backbone, fingerprint) stand for a dataset: weights that were replaced give another fingerprint."""
    dataset_key = (str(paths.home()), name)
    with _LOCK:
        known = _FINGERPRINTS.setdefault(dataset_key, {})
        for backbone, fingerprint in stored:
            if known.setdefault(backbone, fingerprint) != fingerprint:
                known[backbone] = fingerprint
                _REPLACED[dataset_key] = _REPLACED.get(dataset_key, 0) + 1


def _changed(name: str, entry: str) -> int:
    try:
        return (paths.datasets() / name / entry).stat().st_mtime_ns
    except OSError:
        return 0
