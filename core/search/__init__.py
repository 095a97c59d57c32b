"""Similarity, the order of a list, exact ranks of relevant items, indexes. Arrays in, arrays out."""

from core.search.live_engine import LiveEngine
from core.search.ranking import RankingResult, precompile, rank_scores
from core.search.scores import BlockScores, CosineScores, ScoreSource, first_copies, rows_at

__all__ = [
    "BlockScores",
    "CosineScores",
    "LiveEngine",
    "RankingResult",
    "ScoreSource",
    "first_copies",
    "rank_scores",
    "rows_at",
    "precompile",
]
