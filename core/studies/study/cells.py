"""Evaluations of a study, kept one by one under the hash of what they rest on: a kill costs the one in work."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core import files, paths
from core.access import gated
from core.errors import StoreUnusable
from core.fusion import FusionSpec
from core.studies import embedding
from core.studies.vector_set import groups_of
from core.types import CurveFigure, Dataset, Evaluation, Figure, TieRange

CODE = 1
"""Raised when an evaluation changes though nothing that it rests on did."""


@dataclass(frozen=True)
class Cell:
    """One system on one dataset: what its evaluation rests on, as JSON, and the key of that."""

    record: Mapping[str, Any]

    @property
    def key(self) -> str:
        """32 hex digits."""
        return key_of(self.record)


def key_of(record: Any) -> str:
    """32 hex digits of what a kept thing rests on."""
    text = json.dumps(record, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def rests_on(
    dataset: Dataset, spec: FusionSpec | str, keys: Sequence[str], ks: Sequence[int], seed: int, by_class: bool
) -> Cell:
    """What the evaluation of a backbone, or of a fusion, on a dataset rests on.

    Args:
        keys: metrics that are kept query by query, and clustering ones.
    """
    names = (spec,) if isinstance(spec, str) else spec.active
    system = {"backbone": spec} if isinstance(spec, str) else {"fusion": spec.fingerprint}
    return Cell(
        {
            "code": CODE,
            "dataset": dataset.fingerprint,
            "vectors": {name: vectors_of(dataset, name) for name in names},
            **system,
            **grouped_by(dataset, spec),
            "metrics": list(keys),
            "ks": list(ks),
            "seed": seed,
            "by_class": by_class,
        }
    )


def grouped_by(dataset: Dataset, spec: FusionSpec | str) -> dict[str, str]:
    """A digest of the column that the preparation of a fusion goes by, which no fingerprint of a dataset holds; else {}."""
    step = None if isinstance(spec, str) else spec.prepare
    column = "" if step is None or "groups" not in step.method.accepts else str(step.settings.get("column", ""))
    return {"groups": key_of(groups_of(dataset)(column).tolist())} if column else {}


def vectors_of(dataset: Dataset, name: str) -> str:
    """What stands for a backbone's vectors on a dataset: the fingerprint of the store, or a digest of attached ones."""
    stored = embedding.stored(dataset, embedding.find(dataset, name))
    if stored.fingerprint:
        return stored.fingerprint
    return hashlib.blake2b(
        np.ascontiguousarray(embedding.embeddings(dataset, name).vectors).data, digest_size=16
    ).hexdigest()


# ---------------------------------------------------------------- in files


def _file(key: str) -> Path:
    return paths.study_results() / key[:2] / f"{key}.npz"


def kept_at(cell: Cell) -> float:
    """When the evaluation was written (seconds since 1970); 0 where it is not on the disk."""
    try:
        return _file(cell.key).stat().st_mtime
    except OSError:
        return 0.0


@gated("study.run")
def save(cell: Cell, evaluation: Evaluation) -> None:
    """Keep an evaluation, whole or not at all; its lists of results are not kept.

    Raises:
        StoreUnusable: the folder cannot be written.
    """
    numbers = {f"query {key}": values for key, values in evaluation.per_query.items()}
    if evaluation.curve is not None:
        curve = evaluation.curve
        numbers["curve"] = np.stack([curve.mean, curve.low, curve.high])
    ties = evaluation.tie_range
    content = {
        "rests on": cell.record,
        "name": evaluation.name,
        "figures": {key: dataclasses.astuple(figure) for key, figure in evaluation.figures.items()},
        "n_queries": evaluation.n_queries,
        "n_valid": evaluation.n_valid,
        "warnings": list(evaluation.warnings),
        "tie_range": None if ties is None else dataclasses.astuple(ties),
    }
    numbers["record"] = np.frombuffer(json.dumps(content, ensure_ascii=False).encode(), np.uint8)
    numbers["mixed_ties"] = evaluation.mixed_ties
    _write(_file(cell.key), numbers)


def load(cell: Cell, name: str) -> Evaluation | None:
    """The kept evaluation, under this name; None where there is none that can be read."""
    try:
        with np.load(_file(cell.key), allow_pickle=False) as numbers:
            content = json.loads(numbers["record"].tobytes().decode())
            per_query = {key[6:]: numbers[key] for key in numbers.files if key.startswith("query ")}
            mixed = numbers["mixed_ties"]
            curve = numbers["curve"] if "curve" in numbers.files else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    n_valid = content["n_valid"]
    return Evaluation(
        name,
        per_query,
        {key: Figure(*figure) for key, figure in content["figures"].items()},
        np.empty((0, 11)),
        content["n_queries"],
        n_valid,
        mixed,
        warnings=tuple(content["warnings"]),
        curve=None if curve is None else CurveFigure(curve[0], curve[1], curve[2], n_valid),
        tie_range=None if content["tie_range"] is None else TieRange(*content["tie_range"]),
    )


@gated("study.run")
def save_weights(key: str, shares: Mapping[str, float], trained_on: Sequence[str]) -> None:
    """Keep learned weights, and the queries that they were learned on."""
    try:
        files.write_json(_file(key).with_suffix(".json"), {"shares": dict(shares), "trained_on": list(trained_on)})
    except OSError as error:
        raise _unusable(error) from None


def load_weights(key: str) -> tuple[dict[str, float], tuple[str, ...]] | None:
    """Kept weights; None where there are none that can be read."""
    try:
        content = json.loads(_file(key).with_suffix(".json").read_text(encoding="utf-8"))
        return {str(name): float(share) for name, share in content["shares"].items()}, tuple(content["trained_on"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(path: Path, numbers: Mapping[str, np.ndarray]) -> None:
    whole = io.BytesIO()
    np.savez_compressed(whole, **numbers)  # type: ignore[arg-type]  # numpy's own types take each name for `allow_pickle`
    try:
        files.write_bytes(path, whole.getbuffer())
    except OSError as error:
        raise _unusable(error) from None


def _unusable(error: OSError) -> StoreUnusable:
    return StoreUnusable(
        f"Results of a study cannot be kept in {paths.study_results()}: {error.strerror}. "
        "Free some space or set FUSIONSCOPE_HOME to a folder that can be written."
    )
