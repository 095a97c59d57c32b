"""Class names as labels and as queries: what images are called, and how well names find their images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import BadInput
from core.studies.retrieval import mean_vector, ranked_positions
from core.studies.text.text_encoding import EncodeWords, phrases
from core.types import Dataset, Relevance


@dataclass(frozen=True)
class ZeroShot:
    """Labels given by name alone.

    Attributes:
        names: the classes that were typed.
        scores: (n, n_classes) float64 cosines.
        predicted: (n,) int64, the best class; equal scores take the first.
        margin: (n,) float64, best minus second best cosine: small means unsure.
    """

    names: tuple[str, ...]
    scores: np.ndarray
    predicted: np.ndarray
    margin: np.ndarray


def class_list(line: str) -> tuple[str, ...]:
    """Class names as typed: one per line, or separated by commas or semicolons; repeats are dropped.

    Raises:
        BadInput: fewer than two, or more than 1,000.
    """
    names = tuple(dict.fromkeys(part.strip() for part in re.split(r"[\n,;]", line) if part.strip()))
    if not 2 <= len(names) <= 1000:
        raise BadInput(f"Type 2 to 1,000 class names, one per line or separated by commas; got {len(names)}.")
    return names


def readable(name: str) -> str:
    """A class name as people say it: underscores and the path of a category become spaces."""
    return " ".join(re.sub(r"[_/|]+", " ", name).split())


def classify(
    backbone: str,
    vectors: np.ndarray,
    names: Sequence[str],
    templates: bool | None = None,
    encode: EncodeWords | None = None,
) -> ZeroShot:
    """Give every image the class whose name lies nearest.

    Args:
        vectors: (n, dim) unit vectors by `backbone`.
        names: class names.
    """
    words = phrases(backbone, [readable(name) for name in names], templates, encode)
    scores = vectors.astype(np.float64) @ words.astype(np.float64).T
    best = np.sort(scores, axis=1)
    margin = best[:, -1] - best[:, -2] if len(names) > 1 else np.zeros(len(vectors))
    return ZeroShot(tuple(names), scores, scores.argmax(axis=1), margin)


def confusion(labels: Sequence[str], result: ZeroShot) -> tuple[pd.DataFrame, float]:
    """What was predicted for each true label: counts (true labels down, predicted classes across), and the accuracy.

    Accuracy is over images whose label (made readable) is among the classes; NaN where there are none. Images
    without label do not count.
    """
    predicted = np.array([result.names[code] for code in result.predicted], object)
    true = np.array(labels, object)
    labelled = np.array([bool(label) for label in labels], bool)
    table = pd.crosstab(pd.Series(true[labelled], name="label"), pd.Series(predicted[labelled], name="given"))
    known = {readable(name).casefold() for name in result.names}
    plain = [readable(label).casefold() for label in true[labelled]]
    right = [label == readable(name).casefold() for label, name in zip(plain, predicted[labelled]) if label in known]
    return table, float(np.mean(right)) if right else float("nan")


def vocabulary(words: Sequence[str] = ()) -> tuple[str, ...]:
    """Words to describe images with: those of the user first, then the 1,000 ImageNet class names."""
    from core.backbones.concepts import class_names

    return tuple(dict.fromkeys([*(word.strip() for word in words if word.strip()), *class_names()]))


def nearest_words(
    backbone: str,
    selection: np.ndarray,
    everyone: np.ndarray,
    words: Sequence[str],
    k: int = 8,
    templates: bool | None = None,
    encode: EncodeWords | None = None,
) -> pd.DataFrame:
    """Describe a selection: the words nearest to its mean, and how much nearer they are than to all images.

    Args:
        selection, everyone: (n, dim) unit vectors by `backbone`.
    Returns:
        word, cosine (with the selection's mean), more (that, minus the cosine with everyone's mean), best `more`
        first: a word that fits every image describes none.
    """
    if not len(selection):
        raise BadInput("Select at least one image to describe.")
    vectors = phrases(backbone, list(words), templates, encode).astype(np.float64)
    near = vectors @ mean_vector(selection)[0].astype(np.float64)
    more = near - vectors @ mean_vector(everyone)[0].astype(np.float64) if len(everyone) > len(selection) else near
    best = ranked_positions(more)[:k]
    return pd.DataFrame({"word": np.array(words, object)[best], "cosine": near[best], "more": more[best]})


def label_queries(dataset: Dataset) -> tuple[tuple[str, ...], Relevance]:
    """The dataset's class names as text queries, and which gallery images are relevant to each.

    Raises:
        BadInput: a dataset without labels.
    """
    if not dataset.label_names:
        raise BadInput(f"{dataset.name!r} has no labels, so there are no class names to search with.")
    gallery = dataset.split.gallery
    n_classes = len(dataset.label_names)
    if dataset.label_matrix is not None:
        matrix = dataset.label_matrix[gallery]
        return dataset.label_names, Relevance.from_matrices(np.eye(n_classes), matrix, graded=False)
    return dataset.label_names, Relevance(
        n_classes, len(gallery), query_classes=np.arange(n_classes), gallery_classes=dataset.labels[gallery]
    )


def query_metrics(scores: np.ndarray, truth: Relevance, keys: Sequence[str] = ("map", "p@10")) -> dict[str, np.ndarray]:
    """List metrics of text queries, which are no items: key → (n_queries,) float64, NaN where nothing is relevant.

    Args:
        scores: (n_queries, n_gallery), higher is closer.
    """
    from core.metrics import compute
    from core.search import rank_scores

    return compute(rank_scores(np.ascontiguousarray(scores, np.float64), truth).ranks, keys)


@dataclass(frozen=True)
class ClassNameMetrics:
    """How well class names find their images.

    Attributes:
        names: the classes whose names were the queries.
        per_query: metric key → (n_classes,) float64.
        accuracy: share of labelled gallery images whose nearest class name is one of theirs.
    """

    names: tuple[str, ...]
    per_query: dict[str, np.ndarray]
    accuracy: float

    def mean(self, key: str) -> float:
        """The mean over class names that have images."""
        return float(np.nanmean(self.per_query[key]))


def evaluate_class_names(
    dataset: Dataset,
    backbone: str,
    vectors: np.ndarray,
    templates: bool | None = None,
    encode: EncodeWords | None = None,
    keys: Sequence[str] = ("map", "p@10"),
) -> ClassNameMetrics:
    """Class names as text queries on a labelled dataset's gallery, and as labels for its images.

    Args:
        vectors: (n_images, dim) unit vectors of the whole dataset by `backbone`.
    """
    names, truth = label_queries(dataset)
    gallery = dataset.split.gallery
    result = classify(backbone, vectors[gallery], names, templates, encode)
    if dataset.label_matrix is not None:
        true = np.asarray(dataset.label_matrix[gallery].todense(), bool)
    else:
        true = dataset.labels[gallery][:, None] == np.arange(len(names))
    labelled = true.any(axis=1)
    right = true[np.arange(len(true)), result.predicted]
    accuracy = float(right[labelled].mean()) if labelled.any() else float("nan")
    return ClassNameMetrics(names, query_metrics(result.scores.T, truth, keys), accuracy)
