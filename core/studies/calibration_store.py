"""Calibrations that are stored: one of each system of a dataset, beside what it was fitted on and how it did on the others.

What was fitted on other vectors than those that are there now is not used.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import files, paths
from core.access import gated
from core.errors import BadInput, StoreUnusable
from core.fusion import FusionSpec
from core.metrics.calibration import Calibration
from core.studies.calibration import Calibrated
from core.studies.training.trained_fusions import vectors_digest
from core.studies.vector_set import VectorSet
from core.types import Dataset, Figure
from core.wording import plural

CODE = 1
"""Raised when what is stored, or how it is fitted, changes its meaning."""
TEXT = "text queries"
"""In the place of a system's description, for scores of text queries."""

_FIGURES = ("ece", "ece_before", "brier", "brier_before")

_log = logging.getLogger("fusionscope")


@dataclass(frozen=True)
class KeptCalibration:
    """A calibration as it is stored.

    Attributes:
        fit: scores to probabilities.
        unknown, depth: what was assumed, and how many results of each query were read.
        n_train, n_report: queries that were fitted on, and others that it was examined on.
        ece, ece_before, brier, brier_before: on the others; "before" is the scores as they are.
        date: of the day, ISO.
    """

    fit: Calibration
    unknown: float
    depth: int
    n_train: int
    n_report: int
    ece: Figure
    ece_before: Figure
    brier: Figure
    brier_before: Figure
    date: str

    def sentence(self) -> str:
        """What the probabilities rest on."""
        strangers = (
            f" {self.unknown:.0%} of the queries without an answer assumed.".replace("%", " %") if self.unknown else ""
        )
        return (
            f"Fitted on {plural(self.n_train, 'training query')} ({self.fit.method}); on {self.n_report:,} others the "
            f"calibration error is {self.ece.mean:.3f} [{self.ece.low:.3f}, {self.ece.high:.3f}].{strangers}"
        )


def of(calibrated: Calibrated) -> KeptCalibration:
    """What is kept of a calibration."""
    after, before = (calibrated.examined[method] for method in (calibrated.method, "range"))
    return KeptCalibration(
        calibrated.fit,
        calibrated.unknown,
        calibrated.depth,
        len(calibrated.split.train),
        after.ece.n_queries,
        after.ece,
        before.ece,
        after.brier,
        before.brier,
        datetime.date.today().isoformat(),
    )


def name_of(dataset: Dataset, backbones: Sequence[str], spec: FusionSpec | None = None, kind: str = "") -> str:
    """Names the one calibration that there is of a system on a dataset.

    Args:
        backbones: of the system; spec: its fusion, None for a backbone or a search by text.
        kind: TEXT for scores of text queries, "" for those of image queries.
    """
    described = "+".join(backbones) if spec is None else spec.fingerprint
    return f"{dataset.fingerprint} {described} {kind}".strip()


def _file(name: str) -> Path:
    return paths.calibrations() / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.json"


@gated("calibration.save")
def save(
    name: str,
    stored: KeptCalibration,
    space: VectorSet,
    backbones: Sequence[str],
    spec: FusionSpec | None = None,
) -> Path:
    """Write a calibration down, whole or not at all; an earlier one of the same name is replaced.

    Args:
        space, backbones, spec: what it was fitted on, as `load` will be asked.
    Raises:
        StoreUnusable: nothing can be written there.
    """
    record = {
        "code": CODE,
        "of": name,
        "vectors": vectors_digest(space, backbones, spec),
        "date": stored.date,
        "calibration": stored.fit.to_json(),
        "unknown": stored.unknown,
        "depth": stored.depth,
        "queries": [stored.n_train, stored.n_report],
        "examined": {figure: _ends(getattr(stored, figure)) for figure in _FIGURES},
    }
    target = _file(name)
    try:
        files.write_json(target, record)
    except OSError as error:
        raise StoreUnusable(
            f"The probabilities could not be saved in {target.parent}: {error.strerror}. Free some space or set "
            "FUSIONSCOPE_HOME to a folder that can be written."
        ) from None
    return target


def _ends(figure: Figure) -> list[float | None]:
    """Mean, low and high; null where they are undefined."""
    return [None if value != value else value for value in (figure.mean, figure.low, figure.high)]


def load(
    name: str, space: VectorSet, backbones: Sequence[str], spec: FusionSpec | None = None
) -> KeptCalibration | None:
    """What was stored under this name, if it was fitted on the vectors, and in the groups, that are there now."""
    file = _file(name)
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        stored = _read(record)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, BadInput) as error:
        _log.warning("the calibration %r cannot be read; fit it again: %s", name, error)
        return None
    fresh = (record["code"], record["of"]) == (CODE, name)
    return stored if fresh and record["vectors"] == vectors_digest(space, backbones, spec) else None


def _figure(ends: Sequence[float | None], n_queries: int) -> Figure:
    """Mean, low and high as they are stored."""
    mean, low, high = (float("nan") if value is None else float(value) for value in ends)
    return Figure(mean, low, high, n_queries, n_queries)


def _read(record: Mapping[str, Any]) -> KeptCalibration:
    n_train, n_report = (int(count) for count in record["queries"])
    figures = {name: _figure(record["examined"][name], n_report) for name in _FIGURES}
    fit = Calibration.from_json(record["calibration"])
    date = str(record["date"])
    return KeptCalibration(fit, float(record["unknown"]), int(record["depth"]), n_train, n_report, date=date, **figures)


@gated("calibration.save")
def forget(name: str) -> None:
    """Drop what was kept under this name; nothing there is no error."""
    files.remove(_file(name))
