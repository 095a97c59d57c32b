"""Studies of catalogues: ways of weighing title, description and image, judged by ranks; the first score stands beside."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from core import metrics
from core.access import reach
from core.errors import BadInput, NotComputed
from core.fusion.catalogue import CATALOGUE_STRATEGIES
from core.metrics import resampling
from core.studies.catalogue import catalogue_evaluation, catalogue_items, catalogue_search
from core.studies.catalogue.catalogue_evaluation import CatalogueQueries
from core.studies.catalogue.catalogue_search import Searcher
from core.studies.comparison import ResamplingUnit, compare
from core.studies.study import cells, study_data
from core.studies.study.parts import kept_metrics
from core.studies.study.study_record import FIRST_SCORE, Study, StudyCatalogue, StudyDataset
from core.studies.study.study_result import StudyPart
from core.studies.text import zero_shot
from core.task import NO_TASK, Task
from core.types import Dataset, Evaluation, Figure


def _of(study: Study) -> StudyCatalogue:
    assert study.catalogue is not None, "a study of catalogues"
    return study.catalogue


def cell(study: Study, dataset: Dataset, name: str) -> cells.Cell:
    """What the evaluation of a strategy on a catalogue rests on.

    Raises:
        BadInput, NotAllowed: the study's own queries cannot be read.
    """
    wanted = _of(study)
    items = catalogue_items.of_dataset(dataset).items
    text = items.drop(columns=[column for column in ("path",) if column in items]).to_json()
    file = _queries_file(study)
    try:
        queries = "" if file is None else file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadInput(
            f"The queries {wanted.queries!r} cannot be read: {error.strerror}. Give the path of a table."
        ) from None
    return cells.Cell(
        {
            "code": cells.CODE,
            "dataset": dataset.fingerprint,
            "texts": cells.key_of(text),
            "queries": cells.key_of(queries),
            "space": cells.vectors_of(dataset, wanted.space),
            "strategy": name,
            "components": list(wanted.components),
            "weights": dict(wanted.weights),
            "metrics": list(kept_metrics(study)),
            "seed": study.seed,
            "by_class": not study.by_query,
        }
    )


def _questions(study: Study, searcher: Searcher) -> CatalogueQueries:
    """The study's own queries; else the names of the categories, else the items' images."""
    return next(iter(catalogue_evaluation.questions_of(searcher, _queries_file(study)).values()))


def _queries_file(study: Study) -> Path | None:
    """The table of queries that a study names, if whoever acts may have it read; None where it names none.

    Raises:
        NotAllowed: it is a device, or lies where nothing is read.
    """
    wanted = _of(study).queries
    return reach.require(study_data.path_of(wanted, study.folder)) if wanted else None


def evaluate(study: Study, entry: StudyDataset, dataset: Dataset, task: Task = NO_TASK) -> None:
    """Every strategy that is not kept yet.

    Raises:
        BadInput: nothing can ask the catalogue, or no strategy can be asked.
    """
    wanted = _of(study)
    lacking = [name for name in wanted.strategies if cells.load(cell(study, dataset, name), name) is None]
    if not lacking:
        return
    catalogue = catalogue_items.of_dataset(dataset)
    searcher = catalogue_search.searcher(catalogue, wanted.space, wanted.components)
    questions = _questions(study, searcher)
    shares = dict(wanted.weights) or None
    texts = not len(questions.query_items)
    vectors = catalogue_evaluation.query_vectors(wanted.space, questions.texts) if texts else None
    for name in task.each(f"Evaluating {entry.name}", lacking, "strategies"):
        try:
            scores = catalogue_evaluation.query_scores(searcher, questions, name, wanted.space, shares, vectors=vectors)
        except BadInput:
            continue
        cells.save(cell(study, dataset, name), _evaluation(study, name, scores, questions))


def _evaluation(study: Study, name: str, scores: np.ndarray, questions: CatalogueQueries) -> Evaluation:
    """List metrics of a strategy, and the score of the first hit: which says how alike, not how right."""
    truth = questions.truth
    keys = [key for key in kept_metrics(study) if metrics.parse(key)[0].kind == "list"]
    per_query = zero_shot.query_metrics(scores, truth, keys)
    groups = ResamplingUnit.of(truth, not study.by_query).groups
    n, valid = truth.n_queries, truth.n_relevant > 0
    figures = {}
    for key, values in per_query.items():
        low, high = resampling.interval(values, seed=study.seed, classes=groups)
        figures[key] = Figure(metrics.mean(values), low, high, n, int(valid.sum()))
    firsts = scores.max(axis=1)
    low, high = resampling.interval(firsts, seed=study.seed, classes=groups)
    joins = CATALOGUE_STRATEGIES.get(name).joins
    if joins in ("words", "ranks"):  # no similarity between 0 and 1
        figures[FIRST_SCORE] = Figure(math.nan, math.nan, math.nan, n, 0)
    else:
        figures[FIRST_SCORE] = Figure(float(firsts.mean()), low, high, n, n)
    return Evaluation(name, per_query, figures, np.empty((0, 11)), n, int(valid.sum()), np.zeros(n, bool), warnings=())


def part(study: Study, entry: StudyDataset, dataset: Dataset) -> StudyPart:
    """What is kept of one catalogue.

    Raises:
        NotComputed: nothing is.
    """
    wanted = _of(study)
    made = {name: cells.load(cell(study, dataset, name), name) for name in wanted.strategies}
    evaluations = tuple(evaluation for evaluation in made.values() if evaluation is not None)
    if not evaluations:
        raise NotComputed(f"No strategy was evaluated on {entry.name} yet. Run the study.")
    searcher = catalogue_search.searcher(catalogue_items.of_dataset(dataset), wanted.space, wanted.components)
    questions = _questions(study, searcher)
    values = {evaluation.name: evaluation.per_query[study.metrics[0]] for evaluation in evaluations}
    unit = ResamplingUnit.of(questions.truth, not study.by_query)
    comparison = compare(values, unit, metric=study.metrics[0], seed=study.seed)
    left_out = {
        name: f"{CATALOGUE_STRATEGIES.get(name).label} cannot be asked by these queries."
        for name, evaluation in made.items()
        if evaluation is None
    }
    rests = {name: cell(study, dataset, name).key for name in wanted.strategies}
    return StudyPart(entry.name, dataset.name, evaluations, comparison, left_out, rests)
