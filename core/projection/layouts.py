"""Layouts that are kept in files, each under a hash of everything that changes it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from core import compat, files, paths
from core.errors import StoreUnusable
from core.projection.space import JointSpace
from core.types import Projection

CODE = 3
"""Raised when a layout computed by this package changes for the same input."""
KEPT_LAYOUTS = 1_000

_log = logging.getLogger("fusionscope")


def layout_key(
    space: JointSpace, method: str, dims: int, parameters: Mapping[str, Any], seed: int, start: str = ""
) -> str:
    """The name of a layout: a hash of everything that changes it, the libraries' versions included.

    Args:
        start: the key of the layout it went on from, "" for none.
    """
    library = {"tsne": "openTSNE", "umap": "umap-learn"}.get(method, "numpy")
    record = {
        "space": space.fingerprint,
        "method": method,
        "dims": dims,
        "parameters": dict(sorted(parameters.items())),
        "seed": seed,
        "start": start,
        "library": f"{library} {compat.version(library)}",
        "code": CODE,
    }
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:32]


def save_layout(key: str, projection: Projection, figures: Mapping[str, Any] | None = None) -> None:
    """Keep a layout under its key; whole or not at all. The oldest go when more than 1,000 are kept.

    Raises:
        StoreUnusable: the folder cannot be written.
    """
    folder = paths.layouts()
    record = {
        "method": projection.method,
        "parameters": dict(projection.parameters),
        "seed": projection.seed,
        **(figures or {}),
    }
    try:
        files.write_json(folder / f"{key}.json", record)
        files.write_array(folder / f"{key}.npy", projection.xy)
        layouts = sorted(folder.glob("*.npy"), key=lambda path: path.stat().st_mtime)
        for old in layouts[: max(0, len(layouts) - KEPT_LAYOUTS)]:
            old.unlink(missing_ok=True)
            old.with_suffix(".json").unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnusable(f"The layout could not be kept in {folder}: {error.strerror or error}.") from error


def load_layout(key: str) -> tuple[Projection, dict[str, Any]] | None:
    """A kept layout and its figures, or None where there is none (a damaged file counts as none)."""
    folder = paths.layouts()
    try:
        record = json.loads((folder / f"{key}.json").read_text())
        xy = np.load(folder / f"{key}.npy", allow_pickle=False)
        return Projection(xy, record.pop("method"), record.pop("parameters"), int(record.pop("seed"))), record
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        _log.warning("layout %s cannot be read and will be computed again: %s", key, error)
        return None
