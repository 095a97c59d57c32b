"""Best and worst queries of a system in a report: what was found, why it fails, and where it was seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core import wording
from core.errors import CoreError
from core.export import match_maps
from core.export.match_maps import MatchImages
from core.export.report.document import Case, DocumentImage, Heading, ImageStrip, Part
from core.studies import match_explanation, retrieval
from core.studies.failure_reasons import FailureEvidence
from core.studies.match_explanation import ExplainerPool
from core.studies.systems import System
from core.types import Dataset, Evaluation, Relevance

text = wording.page("why")
WITH_MAPS = 3
"""Of the worst and of the best queries so many show where they match."""


def section(
    dataset: Dataset,
    evaluation: Evaluation,
    truth: Relevance,
    strip: ImageStrip,
    title: str,
    n: int,
    *,
    system: System | None = None,
    pool: ExplainerPool | None = None,
) -> list[Part]:
    """Best and worst queries of one system, with their images.

    Args:
        title: of the system; n: of either kind.
        system: tells why the worst ones fail; None tells nothing.
        pool: shows where the first ones match; None shows nothing.
    """
    if evaluation.ranking is None or not evaluation.n_valid:
        return []
    best, worst = retrieval.best_and_worst(dataset, evaluation, truth, n)
    evidence = None if system is None else FailureEvidence(dataset, system, evaluation, truth, pool)
    parts: list[Part] = [Heading(f"Worst and best queries of {title}")]
    for which, cases in (("Worst", worst), ("Best", best)):
        parts.append(Heading(f"{which} queries", 3))
        for number, case in enumerate(cases):
            head = f"AP {case.ap:.3f} · {case.n_relevant} relevant · {dataset.ids[case.position]}"
            reason = evidence.reason(case) if evidence is not None and which == "Worst" else None
            sentence = case.explanation
            if reason is not None:
                evidence_too = "." if reason.is_told else f": {reason.evidence}"
                sentence = f"{reason.label}{evidence_too} {sentence}"
            maps: Sequence[DocumentImage] = ()
            if system is not None and pool is not None and number < WITH_MAPS:
                maps = _maps(dataset, system, truth, case, pool, wrong=which == "Worst")
            row = strip.row(case_images(dataset, case))
            parts.append(Case(head, sentence, row, strip.row(maps, large=True) if maps else None))
    return parts


def _maps(
    dataset: Dataset, system: System, truth: Relevance, case: retrieval.QueryCase, pool: ExplainerPool, *, wrong: bool
) -> Sequence[DocumentImage]:
    """Where a query and its first wrong result match, or its first right one; nothing where nobody can say."""
    wanted = np.flatnonzero(np.array(case.kinds) == ("not" if wrong else "relevant"))
    if not len(wanted):
        return ()
    item, rank = int(case.items[wanted[0]]), int(wanted[0]) + 1
    position = int(dataset.split.gallery[item])
    try:
        query = retrieval.gallery_image_query(dataset, system.space, case.position, truth)
        shown = match_explanation.image_of(dataset, case.position)
        why = match_explanation.explain_match(dataset, retrieval.retrieve(query, system), item, shown, pool)
        titles = (text("option.query"), text("option.result", rank=rank))
        return match_maps.of_report(why, MatchImages(shown, match_explanation.image_of(dataset, position), titles))
    except CoreError:
        return ()


def case_images(dataset: Dataset, case: retrieval.QueryCase) -> list[DocumentImage]:
    """The query, then its first results."""
    label = dataset.label_of(case.position)
    images = [DocumentImage(retrieval.text_key(dataset.keys[case.position]), f"query · {label}", "query")]
    for rank, (item, score, kind) in enumerate(zip(case.items, case.scores, case.kinds), start=1):
        position = int(dataset.split.gallery[item])
        caption = f"{rank} · {dataset.label_of(position)} · {score:.3f}"
        key = retrieval.text_key(dataset.keys[position])
        images.append(DocumentImage(key, caption, kind))
    return images
