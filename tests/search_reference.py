"""Plain forms of what the engine streams: the tests compare with them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from core.search import BlockScores, CosineScores, ScoreSource, rank_scores
from core.search.scores import missing_factors
from core.types import Ranking, Relevance


def top(scores: ScoreSource | np.ndarray, k: int, self_position: np.ndarray | None = None) -> Ranking:
    """The exact best k of every query, without any truth.

    Args:
        scores: a source, or (n_queries, n_gallery).
        self_position: (n_queries,) the query's own gallery position, left out; −1 for none.
    """
    source = BlockScores(np.atleast_2d(scores)) if isinstance(scores, np.ndarray) else scores
    truth = Relevance(
        source.n_queries,
        source.n_gallery,
        self_position=self_position,
        query_classes=np.full(source.n_queries, -1),
        gallery_classes=np.full(source.n_gallery, -1),
    )
    best = rank_scores(source, truth, k=max(1, k)).best
    assert best is not None  # asked for at least one
    return best


def fused_scores(sources: Mapping[str, CosineScores], shares: Mapping[str, float], start: int, stop: int) -> np.ndarray:
    """Cosines of the weighted concatenation, (stop − start, n_gallery) float32: sum of share x cosine.

    Shares are divided by their sum; a share of 0 takes its backbone out; missing (zero) vectors follow the rule of
    DEFINITIONS.md, section 8.
    """
    names = [name for name in sources if shares.get(name, 0) > 0]
    part = np.array([shares[name] for name in names], np.float64)
    part /= part.sum()
    weights = part.astype(np.float32)
    fused = weights[0] * sources[names[0]].block(start, stop)
    for weight, name in zip(weights[1:], names[1:]):
        fused += weight * sources[name].block(start, stop)
    columns = missing_factors(part, [sources[name].gallery_present for name in names])
    rows = missing_factors(part, [sources[name].query_present[start:stop] for name in names])
    if columns is not None:
        fused *= columns
    if rows is not None:
        fused *= rows[:, None]
    return fused
