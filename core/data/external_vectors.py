"""The black-box door: vectors and labels out of files, evaluated without a single image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.data import dataset_table, table_files, vector_files
from core.data.listing import split_word
from core.data.readers.columns import labels_of
from core.data.vector_alignment import aligned
from core.errors import BadInput
from core.types import Dataset

KINDS = ("relevant", "junk")


def read(
    files: Mapping[str, str | Path],
    labels: str | Path,
    pairs: str | Path | None = None,
    invalid: str = "refuse",
    tell: Callable[[str], None] | None = None,
) -> tuple[Dataset, dict[str, np.ndarray]]:
    """Read vector files and the table that says what their rows are.

    Args:
        files: name of each backbone → its vector file; rows in the order of `labels`, or with ids.
        labels: `id,label[,split]`: one row per vector, in gallery order. Several labels by `|`, an empty one is
            unlabelled (never a query, always in the gallery). Without a split column everything searches itself.
        pairs: `query_id,item_id,kind`, kind relevant or junk. Where no row has a label, the pairs alone say what is
            relevant; else they come on top of the labels.
        invalid: what to do with rows that hold NaN or infinity: "refuse", or "drop" them for all backbones.
        tell: told in a sentence what was assumed or left out on reading.
    Returns:
        The dataset, and for each name the (n_images, dim) float32 or float64 rows as they were given, finite, in
        the dataset's order (not yet of norm 1).
    Raises:
        BadInput: one sentence that names file, row and column.
    """
    if invalid not in ("refuse", "drop"):
        raise BadInput(
            f"Invalid vectors can be refused or dropped: `--invalid refuse` or `--invalid drop`, not {invalid!r}."
        )
    if not files:
        raise BadInput("No vectors were given; add `--vectors NAME=FILE`.")
    labels = Path(labels).expanduser()
    dataset, notes = _labelled(labels)
    if tell is not None:
        for note in notes:
            tell(note)
    if pairs is not None:
        pairs = Path(pairs).expanduser()
        by = dataset.relevant_by if (dataset.labels >= 0).any() else "pairs"
        dataset = replace(dataset, pairs=_pairs(pairs, set(dataset.ids.tolist()), labels), relevant_by=by)
    ids = dataset.ids.tolist()
    rows = {name: aligned(vector_files.read(path), ids, path, str(labels), tell=tell) for name, path in files.items()}
    finite = {name: np.isfinite(matrix).all(axis=1) for name, matrix in rows.items()}
    good = np.logical_and.reduce(list(finite.values()))
    if good.all():
        return dataset, rows
    if invalid == "refuse":
        name = next(name for name, usable in finite.items() if not usable.all())
        bad = np.flatnonzero(~finite[name])
        raise BadInput(
            f"{files[name]} ({name}) has NaN or infinity in {len(bad):,} of {len(ids):,} rows, ids "
            f"{table_files.some([ids[i] for i in bad])}; `--invalid drop` leaves these rows out for all backbones."
        )
    if not good.any():
        raise BadInput("Every row has NaN or infinity in some backbone; nothing is left to evaluate.")
    return dataset_table.subset(dataset, good), {name: matrix[good] for name, matrix in rows.items()}


def _labelled(path: Path) -> tuple[Dataset, list[str]]:
    frame = table_files.read_table(path)
    columns = {name.strip().lower(): name for name in frame.columns}
    if "id" not in columns:
        raise BadInput(
            f"{path} has no column 'id'; its header is `id,label[,split]`, found {table_files.some(list(frame), 8)}."
        )
    label = columns.get("label", columns.get("labels"))
    if label is None:
        raise BadInput(f"{path} has no column 'label'; leave its cells empty where nothing is known.")
    if not len(frame):
        raise BadInput(f"{path} has a header but no rows.")
    ids = [table_files.words(value) for value in frame[columns["id"]]]
    table_files.check_ids(ids, list(frame.index), str(path), "id")
    splits = None
    if "split" in columns:
        cells = zip(frame.index, frame[columns["split"]])
        splits = [split_word(table_files.words(value), f"{path}, row {row}, column 'split'") for row, value in cells]
        for part, what in (("query", "a query image"), ("gallery", "searched")):
            if not any(part in text for text in splits):
                raise BadInput(f"{path}, column 'split': no row is {part!r}, so nothing is {what}.")
    extra = {
        name: [table_files.words(value) for value in frame[name]]
        for name in frame.columns
        if name not in (columns["id"], label, columns.get("split"))
    }
    names, notes = labels_of(list(frame[label]))
    dataset = dataset_table.build(
        path.stem,
        ids=ids,
        keys=[hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in ids],
        items=pd.DataFrame({"path": [""] * len(ids), **extra}),
        labels=names,
        splits=splits,
        source=str(path),
    )
    return dataset, [*table_files.notes_of(frame), *(note.partition(";")[0] + "." for note in notes)]


def _pairs(path: Path, ids: set[str], labels: Path) -> pd.DataFrame:
    frame = table_files.read_table(path)
    columns = {name.strip().lower(): name for name in frame.columns}
    for name in ("query_id", "item_id", "kind"):
        if name not in columns:
            raise BadInput(f"{path} has no column {name!r}; its header is `query_id,item_id,kind`.")
    seen: dict[tuple[str, str], tuple[str, int]] = {}
    for row, *cells in zip(frame.index, *(frame[columns[name]] for name in ("query_id", "item_id", "kind"))):
        query, item, kind = map(table_files.words, cells)
        kind = kind.lower()
        if kind not in KINDS:
            raise BadInput(f"{path}, row {row}, column 'kind': {kind[:40]!r} is neither relevant nor junk.")
        for column, text in (("query_id", query), ("item_id", item)):
            if text not in ids:
                raise BadInput(f"{path}, row {row}, column {column!r}: {text[:80]!r} is no id of {labels}.")
        before = seen.setdefault((query, item), (kind, row))
        if before[0] != kind:
            raise BadInput(
                f"{path}, row {row}: {item!r} is {kind} for {query!r}, but row {before[1]} says {before[0]}; "
                "it can only be one of them."
            )
    rows = [(query, item, kind) for (query, item), (kind, _) in seen.items()]
    return pd.DataFrame(rows, columns=["query_id", "item_id", "kind"])
