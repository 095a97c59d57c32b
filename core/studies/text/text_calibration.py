"""Scores of text queries as probabilities: the names of the classes ask, half of them fit, the others examine."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from core import arrays
from core.errors import BadInput
from core.metrics import calibration
from core.studies import training_split
from core.studies.calibration import DEPTH, Calibrated, Outcomes, fit_and_examine
from core.studies.retrieval import positions_of_label
from core.studies.score_pairs import labelled_images
from core.studies.text import text_search
from core.studies.text.text_encoding import EncodeWords
from core.studies.text.text_query import Term, TextQuery
from core.studies.text.zero_shot import readable
from core.task import NO_TASK, Task
from core.types import Dataset

MOST_CLASSES = 200
"""Class names that ask; of more a seeded sample."""
FEWEST_CLASSES = 4


def calibrate_text(
    dataset: Dataset,
    vectors: Mapping[str, np.ndarray],
    *,
    method: str = "logistic",
    templates: bool | None = None,
    depth: int = DEPTH,
    seed: int = 0,
    encode: EncodeWords | None = None,
    task: Task = NO_TASK,
) -> Calibrated:
    """Fit every method on half of the class names, examine each on the other half.

    Args:
        vectors: backbone → (n_gallery, dim) unit vectors, as `text_search.search` takes them.
        method: the one that is used; templates: as the search has them.
        depth: results of each name that are read.
    Raises:
        BadInput: fewer than four classes have images, or all results are alike.
    """
    if method not in calibration.FITTED:
        raise BadInput(f"Scores are fitted by {', '.join(calibration.FITTED)}, not by {method!r}.")
    gallery = dataset.split.gallery
    there = [label for label in dataset.label_names if np.isin(positions_of_label(dataset, label), gallery).any()]
    if len(there) < FEWEST_CLASSES:
        raise BadInput(
            f"Probabilities of a text search are fitted on the names of classes, and {dataset.name!r} has {len(there)}; "
            f"at least {FEWEST_CLASSES} are needed."
        )
    labels = [there[at] for at in arrays.sample(len(there), MOST_CLASSES, [seed, 7])]
    known = labelled_images(dataset)[gallery]  # of an image without a label nobody knows whether it is right
    parts = []
    for number, label in enumerate(task.each("Asking with class names", labels, "classes")):
        query = TextQuery((Term(readable(label), 1.0),))
        answer = text_search.search(vectors, query, templates=templates, encode=encode)
        items = answer.order[known[answer.order]][:depth]
        right = np.isin(gallery[items], positions_of_label(dataset, label))
        ones = np.ones(len(items))
        parts.append(Outcomes(answer.scores[items], right, ones, np.full(len(items), number)))
    columns = ("scores", "right", "weights", "queries")
    every = Outcomes(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))
    split = training_split.split_queries(np.arange(len(labels)), seed=seed)
    reported = every.of(split.report)
    fits, examined = fit_and_examine(every.of(split.train), reported, None, seed)
    share = float(reported.right.mean())
    return Calibrated("text", fits, examined, method, 0.0, depth, split, tuple(labels[at] for at in split.train), share)
