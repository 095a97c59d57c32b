"""Results of a query as cards of the grid: rank, score, frame, and what each backbone says about them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from core import wording
from core.metrics.calibration import Calibration
from core.studies import reranking
from core.studies.retrieval import QueryResult
from core.types import Dataset
from core.ui.app import cache
from core.ui.components.gallery import Card
from core.ui.widgets import image_cards

text = wording.page("steps")
shared = wording.page("shared")


def result_cards(
    loaded: Dataset,
    result: QueryResult,
    items: np.ndarray,
    colours: Mapping[str, str],
    *,
    moves: Sequence[int | str] = (),
    agreement_k: int = 0,
    likely: Calibration | None = None,
) -> list[Card]:
    """Results as cards.

    Args:
        items: (n,) gallery positions.
        colours: of each backbone, for its share of the score.
        moves: (n,) places won or lost against another list, "new" where that does not have the image.
        likely: makes probabilities of the scores, which each card then says.
        agreement_k: above 0, the large card says which backbones have the image among their own first k.
    """
    contributions, positions = result.parts(items), result.system.space.split.gallery[items]
    titles = [cache.backbone_title(name) for name in contributions.backbones]
    titled = dataclasses.replace(contributions, backbones=tuple(titles))
    shades = [colours.get(name, "#888") for name in contributions.backbones]
    image_cards.ensure_thumbnails(loaded, positions)
    cards = []
    for at, (item, position) in enumerate(zip(items, positions)):
        rank, shares = int(result.ranks[item]), contributions.shares[at]
        known = len(titles) > 1 and np.isfinite(shares).all()
        card = image_cards.card(
            loaded,
            int(position),
            rank=rank or None,
            score=float(result.scores[item]) if rank else None,
            frame=result.relevance_kind(loaded, int(item)),
            move=moves[at] if moves else None,
            shares=tuple(zip(titles, shares.round(3).tolist(), shades)) if known else (),
            rows=tuple(
                (title, int(own_rank) if own_rank > 0 else None, float(score) if np.isfinite(score) else None)
                for title, own_rank, score in zip(titles, contributions.ranks[at], contributions.scores[at])
            ),
            note=_note(result, item, likely) if rank else "not retrieved",
        )
        if result.system.rerank is not None and rank:
            card = dataclasses.replace(card, facts=(*_through(loaded, result, int(item)), *card.facts))
        if agreement_k and (sentence := titled.sentence(at, agreement_k)):
            card = dataclasses.replace(card, facts=((f"first {agreement_k} of each", sentence), *card.facts))
        cards.append(card)
    return cards


def _before(result: QueryResult, item: int) -> str:
    """Where a result stood before it was ranked again; "" where it did not move."""
    before = result.ranks_before
    if before is None or before[item] == result.ranks[item]:
        return ""
    return text("phrase.moved", before=f"{before[item]:,}") if before[item] else text("phrase.unlisted")


def _through(loaded: Dataset, result: QueryResult, item: int) -> list[tuple[str, str]]:
    """Through which images a result came, for the large card."""
    system = result.system
    if system.spec is None or system.rerank is None or system.rerank.settings.get("depth"):
        return []  # with a depth nobody knows the neighbours in the whole gallery
    items = reranking.through(system.prepared, system.spec, 0, item)
    positions = system.space.split.gallery[items]
    names = ", ".join(f"{loaded.ids[position]} {loaded.label_of(int(position))}".strip() for position in positions)
    return [(text("label.through"), names or text("phrase.nobody"))]


def _note(result: QueryResult, item: int, likely: Calibration | None) -> str:
    """ "87 % likely relevant" where that was asked for, and where the result stood before it was ranked again."""
    parts = [_before(result, item)]
    if likely is not None:
        share = float(likely.probability(result.scores[item : item + 1])[0])
        parts.insert(0, shared("phrase.likely", share=wording.percent(share)))
    return " · ".join(filter(None, parts))
