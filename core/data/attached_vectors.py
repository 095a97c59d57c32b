"""Vectors that were computed elsewhere, attached to a dataset: backbones like any other from then on."""

from __future__ import annotations

import json
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np

from core import files, paths
from core.access import gated
from core.errors import BadInput, StoreMismatch, StoreUnusable
from core.types import Backbone, Dataset, unit
from core.wording import plural

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
        raise BadInput(
            f"Vectors {name!r} have shape {rows.shape}, but {dataset.name!r} has {plural(len(dataset), 'image')}."
        )
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise BadInput(
            f"Vectors {name!r} hold NaN or infinity in {plural(len(bad), 'row')}, the first for {str(dataset.ids[bad[0]])!r}."
        )
    if not name or not all(c.isalnum() or c in "._- " for c in name) or name.startswith("."):
        raise BadInput(f"{name!r} cannot name vectors; use letters, digits, dots, dashes and underscores.")


@gated("vectors.attach")
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
        files.write_arrays(folder / f"{name}.npz", vectors=unit(rows), ids=dataset.ids)
        content = {"name": name, "dim": int(np.shape(rows)[1]), "came_from": came_from}
        files.write_json(folder / f"{name}.json", content, sort_keys=True)
    except OSError as error:
        raise StoreUnusable(f"Vectors cannot be kept in {folder}: {error.strerror or error}.") from error
    return _backbone(folder / f"{name}.json")


def _backbone(record: Path) -> Backbone:
    """What a record describes.

    Raises:
        StoreMismatch: it is damaged.
    """
    try:
        record_content = json.loads(record.read_text(encoding="utf-8"))
        name, dim, came_from = record_content["name"], record_content["dim"], record_content["came_from"]
        if name != record.stem or type(dim) is not int or dim < 1 or not isinstance(came_from, str):
            raise ValueError("a field has no value that `attach` writes")
        return Backbone(
            name,
            source="vectors",
            dim=dim,
            family=_FAMILY,
            pooling="given",
            weights=came_from,
            architecture="computed elsewhere",
            image_size=1,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(record, error) from error


def _damaged(path: Path, error: Exception) -> StoreMismatch:
    return StoreMismatch(
        f"The vectors {path.stem!r} of {path.parents[1].name!r} are damaged ({path.name}: {type(error).__name__}); "
        f"attach them again, or remove {path.stem}.npz and {path.stem}.json from {path.parent}."
    )


def backbones(dataset: Dataset | str) -> tuple[Backbone, ...]:
    """The backbones whose vectors are attached to a dataset, by name; damaged records are left to `faults`."""
    usable = []
    for path in _records(dataset):
        with suppress(StoreMismatch):
            usable.append(_backbone(path))
    return tuple(usable)


def names(dataset: Dataset | str) -> tuple[str, ...]:
    """The names under which vectors are attached, of damaged ones too."""
    return tuple(path.stem for path in _records(dataset))


def find(dataset: Dataset | str, name: str) -> Backbone | None:
    """The backbone whose vectors are attached under a name; None when there is none.

    Raises:
        StoreMismatch: its record is damaged.
    """
    return next((_backbone(path) for path in _records(dataset) if path.stem == name), None)


def _records(dataset: Dataset | str) -> list[Path]:
    folder = _folder(dataset if isinstance(dataset, str) else dataset.name)
    return sorted(folder.glob("*.json")) if folder.is_dir() else []


def look_over(dataset: Dataset | str) -> tuple[list[str], list[str]]:
    """All vectors attached to a dataset, read whole: a line for each that can be used, a sentence for each damaged."""
    whole, sentences = [], []
    for record in _records(dataset):
        try:
            backbone = _backbone(record)
            rows, ids = _read(record.with_suffix(".npz"), backbone.dim)
        except StoreMismatch as error:
            sentences.append(str(error))
        else:
            whole.append(f"{backbone.name}, {len(rows):,} vectors of {backbone.dim} numbers (imported)")
    return whole, sentences


def damage_report(dataset: Dataset | str) -> tuple[str, ...]:
    """A sentence for each file of attached vectors that cannot be opened; the vectors themselves are not read."""
    sentences = []
    for record in _records(dataset):
        try:
            _read(record.with_suffix(".npz"), _backbone(record).dim, ids_only=True)
        except StoreMismatch as error:
            sentences.append(str(error))
    return tuple(sentences)


def _read(path: Path, dim: int, ids_only: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(n, dim) float32 vectors ((0, dim) if only the ids are asked for) and their n ids.

    Raises:
        StoreMismatch: the file is damaged, or is not what its record says.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            ids = arrays["ids"]
            rows = np.empty((0, dim), np.float32) if ids_only else arrays["vectors"]
            if not ids_only and (rows.shape != (len(ids), dim) or not np.isfinite(rows).all()):
                raise ValueError(f"vectors of shape {rows.shape} for {len(ids)} ids of dim {dim}")
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise _damaged(path, error) from error
    return rows, ids


def _file(dataset: Dataset, backbone_name: str) -> Path | None:
    path = _folder(dataset.name) / f"{backbone_name}.npz"
    return None if "/" in backbone_name or ":" in backbone_name or not path.is_file() else path


def present(dataset: Dataset, backbone_name: str) -> tuple[int, int] | None:
    """(images of the dataset that have a vector there, dim), without reading the vectors; None when nothing is.

    Raises:
        StoreMismatch: the files are damaged.
    """
    path = _file(dataset, backbone_name)
    if path is None:
        return None
    dim = _backbone(path.with_name(f"{backbone_name}.json")).dim
    _, ids = _read(path, dim, ids_only=True)
    return int(np.isin(dataset.ids, ids).sum()), dim


def vectors(dataset: Dataset, backbone_name: str) -> np.ndarray | None:
    """(n_images, dim) float32 unit rows in dataset order; None when nothing of that name is attached.

    Raises:
        BadInput: an image of the dataset has no vector there.
        StoreMismatch: the files are damaged.
    """
    path = _file(dataset, backbone_name)
    if path is None:
        return None
    rows, ids = _read(path, _backbone(path.with_name(f"{backbone_name}.json")).dim)
    if np.array_equal(ids, dataset.ids):
        return rows
    row_of = {text: row for row, text in enumerate(ids.tolist())}
    order = [row_of.get(text, -1) for text in dataset.ids.tolist()]
    missing = order.count(-1)
    if missing:
        raise BadInput(
            f"The vectors {backbone_name!r} lack {missing:,} of the {plural(len(dataset), 'image')}; attach them again."
        )
    return rows[order]


@gated("vectors.attach")
def detach(dataset_name: str, backbone_name: str) -> None:
    """Remove vectors that were attached; nothing else is touched."""
    for ending in ("npz", "json"):
        files.remove(_folder(dataset_name) / f"{backbone_name}.{ending}")
