"""A retrieval competition from end to end: tune each network, index, ensembles, a choice, a ranked list for every query.

Labels of queries and gallery are not there until the choice is made: networks are tuned, ensembles compared and the choice
made on training images alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core import backbones, data, metrics
from core.data import images, read_checked
from core.errors import BadInput
from core.metrics import resampling
from core.studies import embedding, training_split
from core.studies.finetuning import run
from core.studies.finetuning.plan import Plan, usual_name
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task
from core.types import Dataset, Relevance, Split, unit
from core.wording import figure, plural

MOST_TOGETHER = 3
"""Networks of an ensemble."""
TIMED = 8
"""Images that are timed."""
TOP_K = (
    "Top-k accuracy: the share of the first k results that are of the query's class, mean over queries. Hit rate@k: the share "
    "of queries with at least one such result. Papers call either of them top-k accuracy."
)
UNLABELLED = (
    "Queries without a label, or without an image of their class in the gallery, count in no figure; unlabelled gallery images "
    "stay in it and are never right. The report counts the same."
)


@dataclass(frozen=True)
class Configuration:
    """A network alone, or an ensemble.

    Attributes:
        names: tuned backbones; kind: "single", "mean" (of unit vectors) or "concat".
        milliseconds: median time of one decoded image to its vector, summed over the networks.
        accuracy, hit: on validation images, searched among the fitted ones.
    """

    names: tuple[str, ...]
    kind: str
    milliseconds: float
    accuracy: float
    hit: float

    @property
    def title(self) -> str:
        """For tables."""
        joined = " + ".join(name.removeprefix(backbones.tuned.SCHEME) for name in self.names)
        return joined if self.kind == "single" else f"{self.kind}({joined})"

    def vectors(self, rows: Mapping[str, np.ndarray]) -> np.ndarray:
        """(n_images, dim) float32 unit vectors, from those of its networks."""
        parts = [rows[name] for name in self.names]
        if self.kind == "concat":
            return unit(np.concatenate(parts, axis=1))
        return unit(np.mean(parts, axis=0))


@dataclass(frozen=True)
class Outcome:
    """What a competition run gives.

    Attributes:
        configurations: the best on validation images first; picked: the first one within the time budget.
        results: query id → gallery ids, the nearest first, of the one that was picked.
        top_k: results a query.
        test: configuration → (n_tested, 2) P@k (the top-k accuracy) and hit rate@k of every query, as the report counts
            them: NaN for a query without a label or without anything right in the gallery; made after the choice,
            without queries and gallery images that are training images byte for byte. {} where no query counts.
        classes: (n_tested,) int64 of the queries, drawn as a whole in intervals.
        notes: sentences on who trained, and on copies across the border.
    """

    configurations: tuple[Configuration, ...]
    picked: Configuration
    results: dict[str, list[str]]
    top_k: int
    test: dict[str, np.ndarray]
    classes: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def n_counted(self) -> int:
        """Queries that count in the test figures."""
        return int((~np.isnan(next(iter(self.test.values()))[:, 0])).sum()) if self.test else 0

    def basis(self) -> str:
        """What the test figures rest on, for people."""
        if not self.test:
            return "No query has a label and a right answer in the gallery, so nothing is known beside the validation."
        return f"Test figures: {self.n_counted:,} of {plural(len(self.results), 'query')}, with 95 % intervals. {UNLABELLED}"

    def rows(self) -> list[list[str]]:
        """The table: header first."""
        k = self.top_k
        head = [
            "system",
            "kind",
            "time per image, ms",
            f"validation top-{k}",
            f"validation hit@{k}",
            f"test top-{k}",
            f"test hit@{k}",
            "",
        ]
        made = [head]
        for system in self.configurations:
            test = ["", ""]
            if system.title in self.test:
                values = self.test[system.title]
                lows, highs = resampling.intervals(values, classes=self.classes)
                test = [
                    figure(float(m), float(a), float(b)) for m, a, b in zip(np.nanmean(values, axis=0), lows, highs)
                ]
            kind = "single" if system.kind == "single" else f"ensemble, {system.kind}"
            mark = "picked" if system == self.picked else ""
            made.append(
                [
                    system.title,
                    kind,
                    f"{system.milliseconds:.1f}",
                    f"{system.accuracy:.3f}",
                    f"{system.hit:.3f}",
                    *test,
                    mark,
                ]
            )
        return made


def blind(dataset: Dataset) -> Dataset:
    """The dataset without the labels of queries and gallery: what is seen until the choice is made.

    Raises:
        BadInput: it names no training images, no queries or no gallery.
    """
    split = dataset.split
    for name, part in (("train", split.train), ("query", split.queries), ("gallery", split.gallery)):
        if not len(part):
            raise BadInput(
                f"A competition takes the folders train, query and gallery (or train, test/query, test/gallery), and {dataset.name!r} "
                f"has no {name} images."
            )
    if np.isin(split.train, np.union1d(split.queries, split.gallery)).any():
        raise BadInput(
            f"Training images of {dataset.name!r} are queries or gallery images too; a competition keeps them apart."
        )
    outside = np.union1d(split.queries, split.gallery)
    labels = np.array(dataset.labels)
    labels[outside] = -1
    matrix = None if dataset.label_matrix is None else dataset.label_matrix[split.train]
    if matrix is not None and (np.diff(matrix.indptr) > 1).any():
        raise BadInput(
            f"Training images of {dataset.name!r} have several labels each, and training takes one class an image. Use a dataset "
            "with one label an image."
        )
    instances, by = None, "label"
    if dataset.relevant_by == "instance" and dataset.instances is not None:
        instances, by = np.array(dataset.instances), "instance"
        instances[outside] = -1
    return dataclasses.replace(
        dataset, labels=labels, label_matrix=None, instances=instances, pairs=None, relevant_by=by
    )


def compete(
    dataset: Dataset,
    names: Sequence[str],
    *,
    top_k: int = 3,
    budget_ms: float = float("inf"),
    moves: str = "head",
    loss: str = "supcon",
    seed: int = 0,
    replace: bool = False,
    device: str | None = None,
    say: Callable[[str], object] = lambda sentence: None,
    task: Task = NO_TASK,
) -> Outcome:
    """Tune every network, compare all ensembles of up to three on validation images, choose, and rank.

    Args:
        budget_ms: time that an image may take; the choice is made among what is not slower.
        moves, loss, seed, device: as in `finetuning`.
        replace: train again what has the name of one of these networks; without it the very training that was made
            before is taken as it is, and any other stays.
        say: told what is to be known before anything is trained: who trains, copies across the border, the time.
    Raises:
        BadInput: no such folders, nothing within the budget, or too few labels. WeightsMissing, Cancelled.
    """
    if top_k < 1:
        raise BadInput(f"Top-k is of at least 1 result, not {top_k}.")
    unseen = blind(dataset)
    if not names:
        raise BadInput("A competition needs a network at least; name one with --backbones.")
    for name in dict.fromkeys(names):
        embedding.embed(unseen, [run.tunable(name).name], device=device, task=task)
    plans = [
        Plan(own_name, name, moves=moves, loss=loss, seed=seed)
        for name, own_name in own_names(dataset.name, names, moves).items()
    ]
    notes = (*run.prepare(unseen, plans[0]).notes, *_times(unseen, plans, device))
    for note in notes:
        say(note)
    tuned = [_tuned(run.parted(unseen, plan), replace, device, task) for plan in plans]
    parts = run.parted(unseen, plans[0]).parts
    rows = {name: embedding.embeddings(unseen, name).vectors for name in tuned}
    cost = {name: _milliseconds(name, unseen, device) for name in tuned}
    configurations = []
    for names_together, kind in _candidates(tuned, rows):
        made_of = Configuration(names_together, kind, sum(cost[name] for name in names_together), 0.0, 0.0)
        vectors = made_of.vectors(rows)
        values = _accuracies(vectors, parts.validation, parts.fit, parts.groups, top_k)
        accuracy, hit = (float(value) for value in np.nanmean(values, axis=0))
        configurations.append(dataclasses.replace(made_of, accuracy=accuracy, hit=hit))
    configurations.sort(key=lambda made: (-made.accuracy, -made.hit, made.milliseconds))
    picked = next((made for made in configurations if made.milliseconds <= budget_ms), None)
    if picked is None:
        quickest = min(configurations, key=lambda made: made.milliseconds)
        raise BadInput(
            f"No system answers within {budget_ms:g} ms an image; the quickest, {quickest.title}, takes {quickest.milliseconds:.1f} ms. "
            "Allow more time."
        )
    return dataclasses.replace(_answer(dataset, tuple(configurations), picked, rows, top_k), notes=notes)


def _times(dataset: Dataset, plans: Sequence[Plan], device: str | None) -> tuple[str, ...]:
    """What each training is going to take, measured before any of them starts; heads take seconds and are passed over."""
    if plans[0].moves == "head":
        return ()
    measured = ((plan.backbone, run.estimate(run.parted(dataset, plan), device)) for plan in plans)
    return tuple(f"{name}: {taken.sentence()}" for name, taken in measured if taken is not None)


def _tuned(ready: run.Prepared, replace: bool, device: str | None, task: Task) -> str:
    """The name of the tuned backbone, embedded: trained now, unless the very training was made before.

    Raises:
        BadInput: another training has that name, and it is not to be replaced.
    """
    name = f"{backbones.tuned.SCHEME}{ready.plan.name}"
    card = backbones.tuned.card(name)
    if replace or card is None or card.get("key") != run.key_of(ready) or name not in backbones.names():
        run.check_free(name, replace)
        run.train(ready, device=device, task=task)
    embedding.embed(ready.dataset, [name], device=device, task=task)
    return name


def own_names(dataset: str, names: Sequence[str], moves: str) -> dict[str, str]:
    """Network → the name that it is saved under once it is tuned: no two share one, and all are short enough.

    >>> own_names("birds", ["timm:a/b", "timm:a+b"], "head")
    {'timm:a/b': 'birds-a-b-known', 'timm:a+b': 'birds-a-b-known-2e2418'}
    """
    made: dict[str, str] = {}
    for name in dict.fromkeys(names):
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{dataset}-{usual_name(name, moves, 'known')}").strip("-._")[:60]
        if plain in made.values():
            plain = f"{plain[:53]}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
        made[name] = plain
    return made


def _candidates(tuned: Sequence[str], rows: Mapping[str, np.ndarray]) -> list[tuple[tuple[str, ...], str]]:
    """Every network, and every ensemble of two or three; a mean needs vectors of one length."""
    made: list[tuple[tuple[str, ...], str]] = [((name,), "single") for name in tuned]
    for count in range(2, MOST_TOGETHER + 1):
        for together in itertools.combinations(tuned, count):
            made.append((together, "concat"))
            if len({rows[name].shape[1] for name in together}) == 1:
                made.append((together, "mean"))
    return made


def _milliseconds(name: str, dataset: Dataset, device: str | None) -> float:
    """Median time of one decoded image to its vector."""
    encoder = backbones.query_encoder(name, device)
    spans = []
    for position in dataset.split.train[:TIMED].tolist():
        image = images.open_rgb(read_checked(dataset, position))
        began = time.perf_counter()
        encoder.encode([image])
        spans.append(1000 * (time.perf_counter() - began))
    return float(np.median(spans))


def search(gallery: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """(n_queries, k) int64 positions in the gallery, the nearest first, by an exact index of FAISS."""
    import faiss

    index = faiss.IndexFlatIP(gallery.shape[1])
    index.add(np.ascontiguousarray(gallery, np.float32))
    return np.asarray(index.search(np.ascontiguousarray(queries, np.float32), min(k, len(gallery)))[1], np.int64)


def _found(vectors: np.ndarray, queries: np.ndarray, gallery: np.ndarray, k: int) -> np.ndarray:
    """(n_queries, ≤ k) int64 positions in the gallery, the nearest first; no query finds itself."""
    inside = np.isin(queries, gallery)
    if not inside.any():
        return search(vectors[gallery], vectors[queries], k)
    items = search(vectors[gallery], vectors[queries], k + 1)
    itself = gallery[items] == queries[:, None]
    itself[~itself.any(axis=1), -1] = True  # one place more than is shown
    return items[~itself].reshape(len(queries), -1)


def _accuracies(
    vectors: np.ndarray, queries: np.ndarray, gallery: np.ndarray, groups: np.ndarray, k: int
) -> np.ndarray:
    """(n_queries, 2) float64: share of the first k that are right, and whether any is; NaN where nothing can be."""
    items = _found(vectors, queries, gallery, k)
    hits = groups[gallery[items]] == groups[queries][:, None]
    values = np.stack([hits.sum(axis=1) / k, hits.any(axis=1)], axis=1).astype(np.float64)
    values[(groups[queries] < 0) | ~np.isin(groups[queries], groups[gallery])] = np.nan
    return values


def _judged(vectors: np.ndarray, split: Split, truth: Relevance, k: int) -> np.ndarray:
    """(n_queries, 2) float64: P@k and hit rate@k, by the truth and the metrics of the report; NaN where nothing is relevant."""
    keys = [f"p@{k}", f"hit@{k}"]
    values = metrics.compute(Ranker(truth).rank(System("this", VectorSet({"this": vectors}, split))).ranks, keys)
    return np.stack([values[key] for key in keys], axis=1)


def _answer(
    dataset: Dataset,
    configurations: tuple[Configuration, ...],
    picked: Configuration,
    rows: Mapping[str, np.ndarray],
    top_k: int,
) -> Outcome:
    """After the choice: the lists, and what labels of queries say, where there are any."""
    split = dataset.split
    items = _found(picked.vectors(rows), split.queries, split.gallery, top_k)
    ids = np.asarray(dataset.ids)
    results = {
        str(ids[query]): [str(ids[split.gallery[item]]) for item in line] for query, line in zip(split.queries, items)
    }
    try:  # a copy of a training image says nothing, whichever folder it lies in
        left = training_split.without_tuned(dataset, list(rows))
    except BadInput:
        return Outcome(configurations, picked, results, top_k, {}, np.empty(0, np.int64))
    truth, test = data.relevance(left), {}
    if (truth.n_relevant > 0).any():
        for system in configurations:
            test[system.title] = _judged(system.vectors(rows), left.split, truth, top_k)
    classes = left.instances if left.relevant_by == "instance" and left.instances is not None else left.labels
    return Outcome(configurations, picked, results, top_k, test, np.asarray(classes)[left.split.queries])
