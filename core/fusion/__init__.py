"""Fusion: every way to join backbones (FUSIONS), and what is done before and after (PREPARATIONS, RERANKINGS).

Pure arrays in, arrays out.
"""

from core.fusion import early, late, learned, rank
from core.fusion.learned_array import LearnedArray
from core.fusion.preparations import PREPARATIONS
from core.fusion.rerankings import RERANKINGS
from core.fusion.spec import FusionSpec
from core.fusion.steps import Step
from core.fusion.strategy import FUSIONS, Parameter, Strategy

__all__ = [
    "FUSIONS",
    "PREPARATIONS",
    "RERANKINGS",
    "FusionSpec",
    "LearnedArray",
    "Parameter",
    "Step",
    "Strategy",
    "early",
    "late",
    "learned",
    "rank",
]
