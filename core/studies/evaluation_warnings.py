"""Sentences to read before the figures of an evaluation: ties, missing vectors, uneven classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from core import metrics
from core.studies import pooled_figures
from core.studies.finetuning import seen_classes
from core.studies.systems import System
from core.types import Dataset, Evaluation, Relevance, TieRange

UNEVEN = 3.0
"""Classes whose sizes differ by more than this make the plain mean a mean over the big ones."""


def of_system(system: System, truth: Relevance, dataset: Dataset, ties: TieRange, n_valid: int) -> tuple[str, ...]:
    """What is to be known about one system's figures."""
    sentences = []
    if not n_valid:
        sentences.append("No query has a relevant image, so there are no figures: label more images.")
    if truth.pooled:
        sentences.append(pooled_figures.warning(dataset, truth))
    if ties.shows:
        sentences.append(tie_sentence([(system.name, ties)], n_valid, truth.pooled))
    if system.spec is not None:
        sentences += [system.name + remark.removeprefix(system.spec.name) for remark in system.spec.remarks]
    sentences += filter(None, (seen_classes.sentence(name, dataset) for name in system.backbones))
    sentences += filter(None, (nothing_there(system.space.get(name), name, dataset) for name in system.backbones))
    classes = truth.query_classes
    if classes is not None and (classes >= 0).any():
        sizes = np.bincount(classes[classes >= 0])
        sizes = sizes[sizes > 0]
        if sizes.max() > UNEVEN * sizes.min() and not truth.pooled:
            sentences.append(
                f"Classes have {sizes.min():,} to {sizes.max():,} queries: the plain mean is a mean over the big ones; "
                "look at mAP (mean of classes) too."
            )
    return tuple(sentences)


def tie_sentence(ties: Sequence[tuple[str, TieRange]], n_valid: int, judged: bool = False) -> str:
    """One sentence for all systems whose figures depend on the order of equal scores: (name, range of mAP)."""
    metric = metrics.label("map", judged)
    ranges = "; ".join(
        f"{name}: in {tie.n_queries:,} of {n_valid:,} queries, {metric} from {tie.low:.{digits}f} to {tie.high:.{digits}f}"
        for name, tie in ties
        for digits in (3 if tie.sampled else 4,)
    )
    sampled = ", estimated from a sample of these queries" if any(tie.sampled for _, tie in ties) else ""
    return (
        f"{ranges}. There a relevant and another image have equal scores, and the order in which the dataset is stored "
        f"decides between them: the range is that of all such orders{sampled}."
    )


def nothing_there(vectors: np.ndarray, name: str, dataset: Dataset) -> str:
    """How many gallery images and queries a backbone has a zero vector for; "" when there is none."""
    split, counts = dataset.split, []
    sides = [("gallery images", split.gallery)]
    sides += [] if split.is_self_retrieval else [("queries", split.queries)]
    for side, positions in sides:
        count = int((~vectors[positions].any(axis=1)).sum())
        if count:
            counts.append(f"{count:,} of {len(positions):,} {side}")
    return f"{name} has nothing (a zero vector) for {' and '.join(counts)}." if counts else ""


def of_all(
    evaluations: Iterable[Evaluation], titles: Mapping[str, str] | None = None, judged: bool = False
) -> list[str]:
    """The warnings of several systems, each once, under the names that people read; ties of many in one sentence.

    Args:
        titles: system → what people call it; None leaves the names.
        judged: the truth is what people judged.
    """
    titles, ties, n_valid, others = titles or {}, [], 0, []
    for evaluation in evaluations:
        tie = evaluation.tie_range
        own_ties = ""
        if tie is not None and tie.shows:
            ties.append((titles.get(evaluation.name, evaluation.name), tie))
            n_valid, own_ties = evaluation.n_valid, tie_sentence([(evaluation.name, tie)], evaluation.n_valid, judged)
        others += [sentence for sentence in evaluation.warnings if sentence != own_ties]
    by_length = sorted(titles, key=len, reverse=True)
    sentences = [tie_sentence(ties, n_valid, judged)] if ties else []
    for sentence in others:
        name = next((name for name in by_length if sentence.startswith((f"{name}: ", f"{name} has "))), None)
        sentences.append(sentence if name is None else titles[name] + sentence[len(name) :])
    return list(dict.fromkeys(sentences))
