"""The folder of one backbone fingerprint: its key.json, and what is in it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core import arrays, files
from core.errors import BadInput, StoreMismatch
from core.store.lance import LanceVectors
from core.store.locks import REMEDY

KEY_FILE = "key.json"
FLOAT32_DIMS = 2048
"""Vectors of up to this many numbers are stored as float32, longer ones as float16. Rounding to float16 moves a cosine
by up to 2e-4 and mAP by up to 7e-4, so that stored and attached vectors would differ. Folders made before keep float16."""
_ROWS_AT_ONCE = 8192
_HEX = re.compile(r"[0-9a-f]{64}")


def canonical(record: Mapping[str, Any]) -> bytes:
    """A record as key.json holds it."""
    return (json.dumps(record, sort_keys=True, indent=1, ensure_ascii=False, default=str) + "\n").encode()


def key_text(key: str | bytes) -> str:
    """A content key as 64 hex digits.

    Raises:
        BadInput: it is none.
    """
    text = key.decode("ascii", "replace") if isinstance(key, bytes) else str(key)
    if not _HEX.fullmatch(text):
        raise BadInput(f"{text[:80]!r} is not a key: 64 hexadecimal digits, the SHA-256 of a file.")
    return text


def pattern(fingerprint: str) -> str:
    """What the name of a fingerprint's folder looks like."""
    return f"*-{_safe(fingerprint)}-{'[0-9a-f]' * 16}"


def make(parent: Path, fingerprint: str, record: Mapping[str, Any], dim: int) -> Path:
    """Make the folder of a fingerprint; its name ends in the start of the SHA-256 of the key.json in it."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", str(record.get("name", "backbone")))[:60].strip("-.") or "backbone"
    dtype = "float32" if dim <= FLOAT32_DIMS else "float16"
    text = canonical({**content(fingerprint, record, dim), "dtype": dtype, "shelf": "lance"})
    folder = parent / f"{slug}-{_safe(fingerprint)}-{hashlib.sha256(text).hexdigest()[:16]}"
    files.write_bytes(folder / KEY_FILE, text)
    return folder


def content(fingerprint: str, record: Mapping[str, Any], dim: int) -> dict[str, Any]:
    """What key.json says beside how the numbers are stored."""
    return {"fingerprint": fingerprint, "dim": int(dim), "record": dict(record)}


def _safe(fingerprint: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", fingerprint)[:80]


def read_key(folder: Path) -> dict[str, Any]:
    """key.json of a folder, checked against the folder's name.

    Raises:
        StoreMismatch: it was changed.
    """
    text = (folder / KEY_FILE).read_bytes()
    if not folder.name.endswith(hashlib.sha256(text).hexdigest()[:16]):
        raise StoreMismatch(f"{folder / KEY_FILE} was changed after it was written; {REMEDY}.")
    return json.loads(text)


def vectors_of(folder: Path, key: Mapping[str, Any]) -> LanceVectors:
    """The vectors of a folder, stored as its key.json says."""
    return LanceVectors(folder, int(key["dim"]), str(key["dtype"]))


def check(folder: Path) -> str:
    """What one backbone folder holds, after reading all of it.

    Raises:
        StoreMismatch: it is not whole.
    """
    if not (folder / KEY_FILE).is_file():
        return "empty (a run was ended before its first vector)"
    key = read_key(folder)
    stored = vectors_of(folder, key)
    keys = stored.written_keys()
    repeated, bad = len(keys) - len({row.tobytes() for row in keys}), 0
    for rows in arrays.chunks(len(keys), _ROWS_AT_ONCE):
        norms = np.linalg.norm(stored.take(np.arange(rows.start, rows.stop)).astype(np.float32), axis=1)
        bad += int((~((np.abs(norms - 1) < 5e-3) | (norms < 1e-6))).sum())
    text = f"{key['record'].get('name', '?')}, {len(keys):,} vectors of {key['dim']} numbers ({key['dtype']})"
    if repeated:
        text += f", {repeated:,} of them written twice (harmless)"
    if bad:
        raise StoreMismatch(f"{bad:,} of {len(keys):,} vectors have no norm of 1; {REMEDY}.")
    return text + ", whole"
