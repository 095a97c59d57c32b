"""Vectors of files, attached to a dataset that is there, or made into one of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.access import gated
from core.data import attached_vectors, dataset_table, external_vectors, library, readers, saved, vector_files
from core.data.vector_alignment import aligned, row_order
from core.errors import BadInput
from core.types import Dataset


@gated("vectors.attach")
def add_vectors(
    name: str,
    files: Mapping[str, str | Path],
    labels: str | Path | None = None,
    pairs: str | Path | None = None,
    invalid: str = "refuse",
    tell: Callable[[str], None] | None = None,
) -> Dataset:
    """Attach vectors from files to a dataset, or make a dataset of vectors alone.

    Args:
        name: a dataset that is there (rows go by id, or by row number), or the name of a new one.
        files: name of each set of vectors → its file; they are backbones of this dataset from then on.
        labels, pairs, invalid: for a new dataset, as in `external_vectors.read`.
        tell: told in a sentence what was assumed: the order of rows without ids, columns that were left out.
    Raises:
        BadInput: a file that cannot be used; nothing is attached then.
    """
    if name in saved.names():
        if labels is not None or pairs is not None:
            raise BadInput(f"{name!r} has its own labels; give vectors alone, or another name for a new dataset.")
        dataset, rows = _for_dataset(name, files, tell)
    else:
        if labels is None:
            raise BadInput(f"No dataset is named {name!r}; to make one of vectors, give `--labels FILE` too.")
        dataset, rows = external_vectors.read(files, labels, pairs, invalid, tell)
        dataset = replace(dataset, name=dataset_table.check_name(name))
    for key, matrix in rows.items():
        attached_vectors.check(dataset, key, matrix)
    if name not in saved.names():
        saved.save(dataset, {"reader": "vectors", "options": {}})
    for key, matrix in rows.items():
        attached_vectors.attach(dataset, key, matrix, str(files[key]))
    return library.get(name)


def _for_dataset(
    name: str, files: Mapping[str, str | Path], tell: Callable[[str], None] | None
) -> tuple[Dataset, dict[str, np.ndarray]]:
    """The rows of each file in the order of a saved dataset; of the whole one where all files have as many rows."""
    dataset, everything = library.get(name), saved.whole(name)
    contents = {key: vector_files.read(path) for key, path in files.items()}
    if len(everything) > len(dataset) and all(len(content.rows) >= len(everything) for content in contents.values()):
        dataset = everything  # so that the vectors still fit when the copies are brought back
    ids, where = dataset.ids.tolist(), f"the dataset {name!r}"
    rows = {}
    for key, content in contents.items():
        if content.ids is not None:
            rows[key] = aligned(content, ids, files[key], where, extra="drop", tell=tell)
            continue
        wanted, order = row_order(ids, _is_by_path(name), files[key]) if len(content.rows) == len(ids) else (ids, "")
        matrix = aligned(content, wanted, files[key], where, extra="drop", tell=tell)
        row_of = {text: row for row, text in enumerate(wanted)}
        rows[key] = matrix[[row_of[text] for text in ids]]
        if tell is not None and not set(ids) <= set(content.index or ()):
            tell(
                f"{key}: rows in the order of the dataset ({order}: {wanted[0]!r} first, {wanted[-1]!r} last); "
                "give an .npz with ids and vectors to be sure."
            )
    return dataset, rows


def _is_by_path(name: str) -> bool:
    reader = saved.record_of(name).get("reader", "")
    return reader in readers.known() and readers.READERS.get(reader).by_path
