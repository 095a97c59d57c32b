"""Vectors and labels from files, judged like any system of the app: the door for scripts and other programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core import data
from core.data import external_vectors
from core.errors import BadInput
from core.fusion import FusionSpec, store
from core.studies import evaluation, systems, vector_set
from core.types import Dataset, unit


def evaluate_files(
    vectors: Mapping[str, str | Path],
    labels: str | Path | None,
    pairs: str | Path | None = None,
    fusions: str | Path | None = None,
    ks: Sequence[int] = (1, 5, 10),
    invalid: str = "refuse",
    more: Sequence[FusionSpec] = (),
    tell: Callable[[str], None] | None = None,
    **how: Any,
) -> tuple[evaluation.Result, Dataset]:
    """Evaluate every set of vectors alone, and the fusions of a fusions.json, on labels from a file.

    Args:
        vectors: name → .npy, .npz, .parquet, .safetensors or .csv.
        labels: `id,label[,split]`, one row per vector row; its order is the gallery's.
        pairs: `query_id,item_id,kind`.
        fusions: a list of fusions; the names in `backbones` are those of `vectors`.
        ks: cut-offs of the metrics "@k".
        invalid: "refuse" or "drop" rows with NaN or infinity, for all vectors alike.
        more: fusions beside those of the file.
        tell: told in a sentence what was assumed or left out on reading.
        how: more of `evaluation.evaluate`: metric, by_class, seed, task.
    Returns:
        The result, and the dataset that the files describe.
    Raises:
        BadInput: one sentence that names the file and the field, row or column.
    """
    if labels is None:
        raise BadInput(
            "--vectors needs --labels FILE: a CSV with the columns id,label[,split], one row per vector row."
        )
    specs = (*(store.read(fusions) if fusions is not None else ()), *more)
    dataset, rows = external_vectors.read(vectors, labels, pairs, invalid, tell)
    return run(dataset, rows, specs, ks, **how), dataset


def run(
    dataset: Dataset,
    rows: Mapping[str, np.ndarray],
    fusions: Sequence[FusionSpec] = (),
    ks: Sequence[int] = (1, 5, 10),
    **how: Any,
) -> evaluation.Result:
    """Evaluate vectors and fusions over a dataset's split.

    Args:
        rows: name → (n_images, dim) finite vectors in dataset order, of any norm; zero rows mean "nothing here".
        how: more of `evaluation.evaluate`.
    """
    made = {name: unit(vectors) for name, vectors in rows.items()}
    space = vector_set.VectorSet(made, dataset.split, groups=vector_set.groups_of(dataset))
    return evaluation.evaluate(
        systems.build(space, tuple(rows), fusions), data.relevance(dataset), ks, dataset=dataset, **how
    )
