"""A dataset as a table: built from columns, cut to some rows, saved as Parquet beside a record, opened again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from core import file_lock, files
from core.data.listing import SPLITS
from core.data.natural_order import natural_key
from core.errors import BadInput, StoreMismatch
from core.types import Dataset, Split

FORMAT = 1
_COLUMNS = ("id", "key", "label_code", "split_word", "label_codes", "instance_code")
"""Columns of a saved table that are no columns of the dataset's items."""
_RECORDED = ("relevant_by", "source", "licence", "reference", "notes")


def build(
    name: str,
    *,
    ids: Sequence[str],
    keys: Sequence[str],
    items: pd.DataFrame,
    labels: Sequence[tuple[str, ...]] | None = None,
    instances: Sequence[str] | None = None,
    splits: Sequence[str] | None = None,
    pairs: pd.DataFrame | None = None,
    quarantine: pd.DataFrame | None = None,
    several: bool = False,
    **described: Any,
) -> Dataset:
    """A `Dataset` from columns of names; label codes follow the names in natural order (2 before 10).

    Args:
        labels: names of each row's labels, () is unlabelled.
        instances: name of each row's instance, "" is none.
        splits: "train", "query", "gallery" or "query|gallery" each.
        several: keep a label matrix even if no row has two labels.
    """
    label_names, codes, matrix = _label_arrays(labels, len(ids), several)
    instance_codes = None
    if instances is not None and any(instances):
        names = sorted(set(instances) - {""}, key=natural_key)
        code_of = {text: code for code, text in enumerate(names)} | {"": -1}
        instance_codes = np.array([code_of[text] for text in instances], np.int64)
        items = items.assign(instance=list(instances))
    return Dataset.of(
        name=name,
        ids=np.array(ids, object).astype(str) if len(ids) else np.empty(0, "U1"),
        keys=np.array(keys, "S64"),
        items=items.reset_index(drop=True),
        label_names=label_names,
        labels=codes,
        label_matrix=matrix,
        instances=instance_codes,
        split=split_of(splits),
        pairs=pairs,
        quarantine=quarantine,
        **described,
    )


def _label_arrays(
    labels: Sequence[tuple[str, ...]] | None, n: int, several: bool
) -> tuple[tuple[str, ...], np.ndarray, sparse.csr_matrix | None]:
    if labels is None:
        return (), np.full(n, -1, np.int64), None
    names = tuple(sorted({label for row in labels for label in row}, key=natural_key))
    code_of = {label: code for code, label in enumerate(names)}
    codes = np.array([code_of[row[0]] if row else -1 for row in labels], np.int64)
    if not several and all(len(row) <= 1 for row in labels):
        return names, codes, None
    rows = [sorted({code_of[label] for label in row}) for row in labels]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    indices = np.array([code for row in rows for code in row], np.int64)
    matrix = sparse.csr_matrix((np.ones(len(indices), bool), indices, indptr), shape=(n, len(names)))
    return names, codes, matrix


def split_of(splits: Sequence[str] | None) -> Split | None:
    """The split that a column of words describes; None (self-retrieval) when every row is a query and is searched."""
    if splits is None:
        return None
    words = np.asarray(splits, object).astype(str)
    if (words == "query|gallery").all():
        return None
    both = words == "query|gallery"
    parts = ((words == "query") | both, (words == "gallery") | both, words == "train")
    return _searchable(*map(np.flatnonzero, parts))


def split_words(dataset: Dataset) -> np.ndarray:
    """(n_images,) str: what each image is in the split; "" when it is in none."""
    is_query, is_searched = np.zeros(len(dataset), bool), np.zeros(len(dataset), bool)
    is_query[dataset.split.queries] = True
    is_searched[dataset.split.gallery] = True
    words = np.full(len(dataset), "", "U13")
    words[dataset.split.train] = "train"
    words[is_query & ~is_searched], words[is_searched & ~is_query] = SPLITS[1], SPLITS[2]
    words[is_query & is_searched] = SPLITS[3]
    return words


def subset(dataset: Dataset, keep: np.ndarray) -> Dataset:
    """The dataset with only some of its images: ids, labels, split, pairs and all else stay consistent.

    Args:
        keep: (n_images,) bool, or positions in the order wanted. Label codes and names stay as they are.
    """
    keep = np.asarray(keep)
    rows = np.flatnonzero(keep) if keep.dtype == bool else keep.astype(np.int64)
    where = np.full(len(dataset), -1, np.int64)
    where[rows] = np.arange(len(rows))

    def moved(positions: np.ndarray) -> np.ndarray:
        new = where[positions]
        return new[new >= 0]

    ids = dataset.ids[rows]
    pairs = None if dataset.pairs is None else pairs_among(dataset.pairs, ids.tolist())
    return replace(
        dataset,
        ids=ids,
        keys=dataset.keys[rows],
        items=dataset.items.iloc[rows].reset_index(drop=True),
        labels=dataset.labels[rows],
        label_matrix=None if dataset.label_matrix is None else dataset.label_matrix[rows],
        instances=None if dataset.instances is None else np.asarray(dataset.instances)[rows],
        split=_searchable(
            *(moved(part) for part in (dataset.split.queries, dataset.split.gallery, dataset.split.train))
        ),
        pairs=pairs,
    )


def pairs_among(pairs: pd.DataFrame, ids: Sequence[str]) -> pd.DataFrame:
    """The pairs of which both images are there."""
    there = set(ids)
    return pairs[pairs["query_id"].isin(there) & pairs["item_id"].isin(there)].reset_index(drop=True)


def _searchable(queries: np.ndarray, gallery: np.ndarray, train: np.ndarray) -> Split:
    """A split in which something is a query and something is searched, whatever has been left out of it."""
    if len(queries) and len(gallery):
        return Split(queries, gallery, train)
    rest = queries if len(queries) else gallery
    return Split(rest, rest, train) if len(rest) else Split(train, train)


# ------------------------------------------------------------------------------------------- saved and opened


def save(dataset: Dataset, folder: Path, record: dict[str, Any]) -> None:
    """Write table, quarantine and pairs, then the record that names them: a kill leaves the old state or the new.

    `record` holds what the dataset itself does not know: reader and options.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = dataset.items.assign(
        id=dataset.ids,
        key=[bytes.fromhex(key.decode()) for key in np.asarray(dataset.keys, "S64").tolist()],
        label_code=dataset.labels,
        split_word=split_words(dataset),
    )
    if dataset.label_matrix is not None:
        matrix = dataset.label_matrix
        table["label_codes"] = [matrix.indices[a:b] for a, b in zip(matrix.indptr[:-1], matrix.indptr[1:])]
    if dataset.instances is not None:
        table["instance_code"] = dataset.instances
    content = {
        **record,
        "format": FORMAT,
        "name": dataset.name,
        **{key: getattr(dataset, key) for key in _RECORDED},
        "label_names": list(dataset.label_names),
        "several": dataset.label_matrix is not None,
        "self_retrieval": len(dataset.split.queries) == len(dataset) and dataset.split.is_self_retrieval,
        "n_images": len(dataset),
        "files": {},
    }
    frames = {
        "table": table,
        "quarantine": dataset.quarantine if len(dataset.quarantine) else None,
        "pairs": dataset.pairs,
    }
    with alone(folder):
        for part, frame in frames.items():
            if frame is not None:
                content["files"][part] = _write_parquet(_storable(frame), folder, part)
        files.write_json(folder / "record.json", content, sort_keys=True)
        for path in folder.glob("*.parquet"):
            if path.name not in content["files"].values():
                files.remove(path)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time saves a dataset, so that none sweeps away the table that another just wrote."""
    with file_lock.locked(folder / "save.lock"):
        yield


def _storable(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of mixed kinds as text, so that any manifest's extra columns can be kept."""
    frame = frame.copy(deep=False)
    for column in frame.columns:
        if frame[column].dtype == object and column not in ("key", "label_codes"):
            values = frame[column]
            kinds = {type(value) for value in values if value is not None and value == value}
            if len(kinds) > 1:
                frame[column] = [None if v is None or v != v else str(v) for v in values]
    return frame


def _write_parquet(frame: pd.DataFrame, folder: Path, part: str) -> str:
    content = frame.to_parquet(None, index=False, compression="zstd")
    name = f"{part}-{hashlib.sha256(content).hexdigest()[:12]}.parquet"
    files.write_bytes(folder / name, content)
    return name


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a saved dataset.

    Raises:
        StoreMismatch: it is damaged or from a newer version.
    """
    path = folder / "record.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        newer = record["format"] > FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise StoreMismatch(f"{path} is damaged; add the dataset again.") from error
    if newer:
        raise StoreMismatch(f"{path} was written by a newer version of Fusionscope; update, or add the dataset again.")
    return record


def opened(folder: Path) -> Dataset:
    """A saved dataset, as it was saved.

    Raises:
        StoreMismatch: record and table do not belong together.
    """
    record = read_record(folder)
    frames = {part: _read_parquet(folder / file) for part, file in record["files"].items()}
    table = frames["table"]
    if len(table) != record["n_images"]:
        raise StoreMismatch(f"{folder} has {len(table)} rows, its record says {record['n_images']}; add it again.")
    matrix = None
    if record["several"]:
        codes = table["label_codes"].tolist()
        indptr = np.concatenate([[0], np.cumsum([len(row) for row in codes])]).astype(np.int64)
        indices = np.concatenate(codes).astype(np.int64) if indptr[-1] else np.empty(0, np.int64)
        shape = (len(table), len(record["label_names"]))
        matrix = sparse.csr_matrix((np.ones(len(indices), bool), indices, indptr), shape=shape)
    return Dataset.of(
        ids=table["id"].to_numpy(object).astype(str),
        keys=np.array([key.hex() for key in table["key"]], "S64"),
        items=table.drop(columns=[column for column in _COLUMNS if column in table]),
        label_names=tuple(record["label_names"]),
        labels=table["label_code"].to_numpy(np.int64),
        label_matrix=matrix,
        instances=table["instance_code"].to_numpy(np.int64) if "instance_code" in table else None,
        split=None if record["self_retrieval"] else split_of(table["split_word"].tolist()),
        pairs=frames.get("pairs"),
        quarantine=frames.get("quarantine"),
        name=record["name"],
        **{key: record[key] for key in _RECORDED},
    )


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise StoreMismatch(f"{path} is missing or damaged; add the dataset again.") from error


def check_name(name: str) -> str:
    """A name that may become a folder.

    Raises:
        BadInput: empty, too long, or with characters that no folder can bear.
    """
    name = name.strip()
    if not name or name.startswith(".") or len(name.encode()) > 120 or any(c in '/\\:*?"<>|\0\n\r\t' for c in name):
        raise BadInput(
            f"{name[:60]!r} cannot name a dataset; use 1 to 40 letters, digits, spaces, dots, dashes or underscores."
        )
    return name
