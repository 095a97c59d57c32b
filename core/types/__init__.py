"""The nouns. Each is checked when it is built, so nothing downstream checks again."""

from core.types.backbone import Backbone
from core.types.dataset import Dataset, JudgedPool, Split
from core.types.evaluation import CurveFigure, Evaluation, Figure, TieRange
from core.types.projection import Projection
from core.types.ranking import Ranking, RelevantRanks
from core.types.relevance import Relevance
from core.types.vectors import ZERO_NORM, Affine, Embeddings, frozen_array, unit, unit_wide

__all__ = [
    "ZERO_NORM",
    "Affine",
    "Backbone",
    "CurveFigure",
    "Dataset",
    "Embeddings",
    "Evaluation",
    "Figure",
    "JudgedPool",
    "Projection",
    "Ranking",
    "Relevance",
    "RelevantRanks",
    "Split",
    "TieRange",
    "frozen_array",
    "unit",
    "unit_wide",
]
