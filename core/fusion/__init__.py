"""Fusion: every way to join backbones. Pure arrays in, arrays out; the table is FUSIONS."""

from core.fusion import early, late, learned, rank
from core.fusion.learned_array import LearnedArray
from core.fusion.spec import FusionSpec
from core.fusion.strategy import FUSIONS, Parameter, Strategy

__all__ = ["FUSIONS", "FusionSpec", "LearnedArray", "Parameter", "Strategy", "early", "late", "learned", "rank"]
