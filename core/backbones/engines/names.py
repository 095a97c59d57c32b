"""The engines by name: what each computes in, and whether it can run on this machine.

A name is part of every fingerprint, so none is ever given to another way of computing.
"""

from __future__ import annotations

from core.backbones.engines import openvino_engine

TORCH, OPENVINO = "torch", "openvino"
FLOAT32, OPENVINO_FLOAT32 = "torch float32", "openvino float32"
"""The engines of the fast mode where bfloat16 is not good enough: cheaper pixels, exact arithmetic."""
OPENVINO_CAREFUL = "openvino careful"
FAST_ENGINES = (OPENVINO, OPENVINO_CAREFUL, OPENVINO_FLOAT32, TORCH, FLOAT32)
"""In the order in which the fast mode tries them: the quickest first."""
EXACT_ENGINES = (OPENVINO,)
"""In the order in which the exact mode tries them; torch is what remains."""
RETIRED = {"exact": ("torch packed",), "fast": ("torch packed float32",)}
"""Weights packed by oneDNN, by mode: nothing new is embedded with them, but stores hold their vectors.

Packing gained a factor of 1.06 to 1.11 over plain torch on five families where OpenVINO gained 1.09 to 1.67.
"""


def precision(engine: str, mode: str) -> str:
    """What an engine computes in: "float32", or "bfloat16" in the fast mode."""
    return "bfloat16" if mode == "fast" and not engine.endswith("float32") else "float32"


def float32_convolutions(engine: str, mode: str) -> int:
    """How many of a network's first convolutions stay in float32 where the rest runs in bfloat16; 0 without bfloat16.

    They hold the widest spread of values, and what they round away no later layer brings back: with two of them kept,
    the mean cosine of EfficientNet-Lite2 to float32 rises from 0.994 to 0.999 for a twentieth of the time.
    """
    if precision(engine, mode) == "float32":
        return 0
    return 5 if engine == OPENVINO_CAREFUL else 2


def library(engine: str) -> str:
    """Who computes: "numpy", "torch" or "openvino"."""
    return engine.partition(" ")[0]


def usable(engine: str) -> bool:
    """Whether new images can be embedded with an engine of that name on this machine."""
    if any(engine in retired for retired in RETIRED.values()):
        return False
    return library(engine) != OPENVINO or openvino_engine.installed()
