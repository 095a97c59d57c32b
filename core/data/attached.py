"""Vectors that were computed elsewhere, attached to a dataset: backbones like any other from then on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from core import paths
from core.data.table import write_json
from core.errors import BadInput, StoreMismatch, StoreUnusable
from core.types import Backbone, Dataset, unit

_FAMILY = "vectors"


def _folder(dataset_name: str) -> Path:
    return paths.datasets() / dataset_name / "vectors"


def check(dataset: Dataset, name: str, rows: np.ndarray) -> None:
    """Refuse vectors that cannot be attached.

    Raises:
        BadInput: the wrong number of rows, NaN or infinity in them, or an awkward name.
    """
    rows = np.asarray(rows)
    if rows.ndim != 2 or len(rows) != len(dataset) or rows.shape[1] < 1:
        raise BadInput(f"Vectors {name!r} have shape {rows.shape}, but {dataset.name!r} has {len(dataset):,} images.")
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise BadInput(
            f"Vectors {name!r} hold NaN or infinity in {len(bad):,} rows, the first for {str(dataset.ids[bad[0]])!r}."
        )
    if not name or not all(c.isalnum() or c in "._- " for c in name) or name.startswith("."):
        raise BadInput(f"{name!r} cannot name vectors; use letters, digits, dots, dashes and underscores.")


def attach(dataset: Dataset, name: str, rows: np.ndarray, came_from: str = "") -> Backbone:
    """Keep (n_images, dim) vectors beside a saved dataset, as the backbone `name`.

    They are aligned to the dataset's ids, so they outlive a rescan that drops images.

    Raises:
        BadInput: as `check`.
        StoreUnusable: the folder cannot be written.
    """
    check(dataset, name, rows)
    folder = _folder(dataset.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f"{name}.{os.getpid()}.part.npz"
        np.savez(beside, vectors=unit(rows), ids=dataset.ids)
        beside.replace(folder / f"{name}.npz")
        content = {"name": name, "dim": int(np.shape(rows)[1]), "came_from": came_from}
        write_json(folder / f"{name}.json", content)
    except OSError as error:
        raise StoreUnusable(f"Vectors cannot be kept in {folder}: {error.strerror or error}.") from error
    return _backbone(folder / f"{name}.json")


def _backbone(record: Path) -> Backbone:
    try:
        held = json.loads(record.read_text(encoding="utf-8"))
        return Backbone(
            held["name"], source="vectors", dim=held["dim"], family=_FAMILY, pooling="given",
            weights=held["came_from"], architecture="computed elsewhere", image_size=1,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise StoreMismatch(f"{record} is damaged; attach the vectors again.") from error


def backbones(dataset: Dataset | str) -> tuple[Backbone, ...]:
    """The backbones whose vectors are attached to a dataset, by name."""
    folder = _folder(dataset if isinstance(dataset, str) else dataset.name)
    records = [path for path in folder.glob("*.json")] if folder.is_dir() else []
    return tuple(_backbone(path) for path in sorted(records))


def _file(dataset: Dataset, backbone_name: str) -> Path | None:
    path = _folder(dataset.name) / f"{backbone_name}.npz"
    return None if "/" in backbone_name or ":" in backbone_name or not path.is_file() else path


def present(dataset: Dataset, backbone_name: str) -> tuple[int, int] | None:
    """(images of the dataset that have a vector there, dim), without reading the vectors; None when nothing is."""
    path = _file(dataset, backbone_name)
    if path is None:
        return None
    with np.load(path, allow_pickle=False) as held:
        count = int(np.isin(dataset.ids, held["ids"]).sum())
    return count, _backbone(path.with_name(f"{backbone_name}.json")).dim


def vectors(dataset: Dataset, backbone_name: str) -> np.ndarray | None:
    """(n_images, dim) float32 unit rows in dataset order; None when nothing of that name is attached.

    Raises:
        BadInput: an image of the dataset has no vector there.
    """
    path = _file(dataset, backbone_name)
    if path is None:
        return None
    with np.load(path, allow_pickle=False) as held:
        rows, ids = held["vectors"], held["ids"]
    if np.array_equal(ids, dataset.ids):
        return rows
    row_of = {text: row for row, text in enumerate(ids.tolist())}
    order = [row_of.get(text, -1) for text in dataset.ids.tolist()]
    missing = order.count(-1)
    if missing:
        raise BadInput(
            f"The vectors {backbone_name!r} lack {missing:,} of the {len(dataset):,} images; attach them again."
        )
    return rows[order]


def detach(dataset_name: str, backbone_name: str) -> None:
    """Remove vectors that were attached; nothing else is touched."""
    for ending in ("npz", "json"):
        (_folder(dataset_name) / f"{backbone_name}.{ending}").unlink(missing_ok=True)
