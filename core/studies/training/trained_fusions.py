"""What was fitted on this installation: weights, a gate, a head, a length; kept with what it was trained on.

A restart, or a link opened on the same installation, finds it again. What was fitted on other vectors than those that
are there now is not found: it would answer nonsense.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from core import files, paths
from core.access import gated
from core.errors import BadInput, CoreError
from core.fusion import FusionSpec
from core.studies import query_sampling, training_split, weight_search
from core.studies.training import gate, linear_head, training_loop
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task
from core.types import Dataset, Relevance

WAYS = {"tune": "Weights", "gate": "Gate over backbones", "linear_head": "Linear head", "dims": "How many dimensions"}
"""What can be fitted → what people call it."""
CODE = 1
"""Raised when what is kept, or how it is fitted, changes its meaning."""
_ROWS = 256

_log = logging.getLogger("fusionscope")


@dataclass(frozen=True)
class Fitted:
    """A fusion that was fitted, who trained it, and how it went.

    Attributes:
        spec: it names its training queries.
        split: who trained and who reports.
        course: the epochs of a training, the curve over dimensions, or what the search for weights found.
        date: of the day, ISO.
    """

    spec: FusionSpec
    split: training_split.TrainingSplit
    course: training_loop.Trained | weight_search.DimensionCurve | weight_search.Tuned
    date: str


def name_of(what: str, dataset: Dataset, spec: FusionSpec, question: str = "new") -> str:
    """Names the one result that there is for this dataset, these backbones and, of weights, this strategy; of a head, for
    what it will be asked for."""
    way = f"{spec.kind} {spec.parameters}" if what == "tune" else "known" if _knows(what, question) else ""
    return f"{what} {dataset.fingerprint} {'+'.join(spec.backbones)} {way}".strip()


def _knows(what: str, question: str) -> bool:
    """Whether the classes that it is fitted on are those that it will be asked for; a head alone is fitted so."""
    return what == "linear_head" and question == "known"


def fit(
    what: str,
    dataset: Dataset,
    space: VectorSet,
    truth: Relevance,
    spec: FusionSpec,
    *,
    dim: int = 64,
    question: str = "new",
    task: Task = NO_TASK,
) -> Fitted:
    """Fit one of WAYS on the training queries alone.

    Args:
        space, truth: of the dataset's split.
        spec: the backbones, and of "tune" and "dims" the strategy and the weights to start from.
        dim: length of the linear head; question: whether it will be asked for "new" classes, or for "known" ones, those that it trains on.
    """
    names = spec.backbones
    # A search over weights asks every training query a thousand times: of a large set a panel of them trains.
    most = query_sampling.SIZE if what != "linear_head" and query_sampling.needed(truth, len(names)) else None
    rule = "known" if _knows(what, question) else "new"
    part = training_split.training(dataset, space, truth, most=most, question=rule)
    asks, day = part.space.split.queries, datetime.date.today().isoformat()
    if what == "tune":
        plain = dataclasses.replace(spec, trained_on=())
        result = weight_search.tune(
            space, plain, truth, part.split, training=(part.space, part.truth), keys=part.keys, task=task
        )
        return Fitted(result.spec, part.split, result, day)
    if what == "gate":
        made = gate.train_gate(part.space, names, part.truth, np.arange(len(asks)), part.groups[asks], task=task)
    elif what == "linear_head":
        made = linear_head.train_head(space, names, asks, part.groups, dim=dim, question=rule, task=task)
    elif what == "dims":
        joined = FusionSpec("as many as needed", "concat_pca", names).with_shares(spec.shares)
        curve = weight_search.dimension_curve(part.space, joined, part.truth, task=task)
        chosen = dataclasses.replace(joined, parameters=(("dim", curve.proposed),), trained_on=part.keys)
        return Fitted(chosen, part.split, curve, day)
    else:
        raise BadInput(f"Nothing is fitted as {what!r}; there are {', '.join(WAYS)}.")
    return Fitted(dataclasses.replace(made.spec, trained_on=part.keys), part.split, made, day)


# ---------------------------------------------------------------- kept


def _file(name: str) -> Path:
    return paths.fitted() / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.json"


def vectors_digest(space: VectorSet, names: Sequence[str], spec: FusionSpec | None = None) -> str:
    """A hash of the vectors: their sizes and 256 rows spread over them; and of the groups that a preparation goes by.

    Args:
        spec: of the system that rests on them.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name in names:
        rows = space.get(name)
        digest.update(f"{name} {rows.shape} ".encode())
        some: np.ndarray = np.unique(np.linspace(0, len(rows) - 1, _ROWS).astype(int)) if len(rows) else np.arange(0)
        digest.update(np.ascontiguousarray(rows[some]).tobytes())
    step = None if spec is None else spec.prepare
    if step is not None and "groups" in step.method.accepts and space.groups is not None:
        texts = space.groups(str(step.settings.get("column", ""))).tolist()
        digest.update(json.dumps([step.text, texts]).encode())
    return digest.hexdigest()


@gated("fusion.train")
def keep(name: str, fitted: Fitted, space: VectorSet) -> bool:
    """Write it down, whole or not at all. False where nothing can be written: it then lasts until the app ends."""
    record = {
        "code": CODE,
        "of": name,
        "vectors": vectors_digest(space, fitted.spec.backbones, fitted.spec),
        "date": fitted.date,
        "fusion": fitted.spec.to_json(),
        "split": {"train": fitted.split.train.tolist(), "report": fitted.split.report.tolist(), "by": fitted.split.by},
        "course": _course(fitted.course),
    }
    return _write(_file(name), record)


def _write(target: Path, record: Mapping[str, Any]) -> bool:
    try:
        files.write_json(target, record, indent=None)
    except OSError as error:
        _log.warning("what was fitted could not be kept in %s: %s", target, error)
        return False
    return True


def find(name: str, space: VectorSet) -> Fitted | None:
    """What was kept under this name, if it was fitted on the vectors that are there now."""
    file = _file(name)
    try:
        record, fitted = _read(file, file.stat().st_mtime_ns)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, CoreError) as error:
        _log.warning("what was fitted as %r cannot be read; fit it again: %s", name, error)
        return None
    fresh = (record["code"], record["of"]) == (CODE, name) and record["vectors"] == vectors_digest(
        space, fitted.spec.backbones, fitted.spec
    )
    return fitted if fresh else None


@lru_cache(maxsize=16)
def _read(file: Path, stamp: int) -> tuple[dict[str, Any], Fitted]:
    """One file, read once while it does not change: the lab asks at every move of a slider."""
    record = json.loads(file.read_text(encoding="utf-8"))
    spec, split = FusionSpec.from_json(record["fusion"]), record["split"]
    parted = training_split.TrainingSplit(
        np.array(split["train"], np.int64), np.array(split["report"], np.int64), str(split["by"])
    )
    fitted = Fitted(spec, parted, _read_course(record["course"], spec, parted), str(record["date"]))
    return {name: record[name] for name in ("code", "of", "vectors")}, fitted


def forget(name: str) -> None:
    """Drop what was kept under this name; nothing there is no error."""
    files.remove(_file(name))


def _course(course: training_loop.Trained | weight_search.DimensionCurve | weight_search.Tuned) -> dict[str, Any]:
    """How it went, as plain data."""
    if isinstance(course, training_loop.Trained):
        return {"kind": "epochs", "epochs": [dataclasses.astuple(epoch) for epoch in course.curve], "best": course.best}
    if isinstance(course, weight_search.DimensionCurve):
        values = {name: getattr(course, name).tolist() for name in ("mean", "low", "high")}
        return {"kind": "dims", "dims": list(course.dims), "proposed": course.proposed, **values}
    learned = course.learned
    return {
        "kind": "weights",
        "shares": learned.shares.tolist(),
        "value": learned.value,
        "uniform": learned.uniform,
        "points": learned.points.tolist(),
        "values": learned.values.tolist(),
        "tuned": course.tuned.tolist(),
        "equal": course.equal.tolist(),
    }


def _read_course(
    record: Mapping[str, Any], spec: FusionSpec, split: training_split.TrainingSplit
) -> training_loop.Trained | weight_search.DimensionCurve | weight_search.Tuned:
    if record["kind"] == "epochs":
        epochs = tuple(training_loop.Epoch(int(at), float(loss), float(value)) for at, loss, value in record["epochs"])
        return training_loop.Trained(spec, epochs, int(record["best"]))
    arrays = {name: np.array(values, np.float64) for name, values in record.items() if isinstance(values, list)}
    if record["kind"] == "dims":
        return weight_search.DimensionCurve(
            tuple(map(int, record["dims"])), arrays["mean"], arrays["low"], arrays["high"], int(record["proposed"])
        )
    learned = weight_search.LearnedWeights(
        spec.backbones,
        arrays["shares"],
        float(record["value"]),
        float(record["uniform"]),
        arrays["points"],
        arrays["values"],
    )
    return weight_search.Tuned(spec, learned, split, arrays["tuned"], arrays["equal"])


# ---------------------------------------------------------------- weights that were fitted


def _weights_file(spec: FusionSpec) -> Path:
    parts = [(name, round(share, 3)) for name, share in spec.shares.items()]
    key = json.dumps([spec.kind, [list(pair) for pair in spec.parameters], parts])
    return paths.fitted() / "weights" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"


def _says_nothing(spec: FusionSpec) -> bool:
    """Equal shares, and one backbone alone: nobody needs training queries to name them."""
    shares = [share for share in spec.shares.values() if share > 0]
    return len(shares) == 1 or (len(shares) == len(spec.backbones) and max(shares) - min(shares) < 1e-6)


def mark(spec: FusionSpec) -> None:
    """Remember on which queries these weights were fitted, so that they are never reported on those, from any link."""
    if not spec.trained_on or _says_nothing(spec):
        return
    known = tuple(dict.fromkeys((*marked(spec), *spec.trained_on)))
    _write(_weights_file(spec), {"fusion": spec.to_json() | {"trained_on": list(known)}})


def marked(spec: FusionSpec) -> tuple[str, ...]:
    """Content keys of the queries that these weights were fitted on, on this installation; () when they were not."""
    try:
        return tuple(map(str, json.loads(_weights_file(spec).read_text(encoding="utf-8"))["fusion"]["trained_on"]))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("the note about fitted weights cannot be read: %s", error)
        return ()
