"""The question of the page Threshold: of which systems, at which error, and what is looked at closely."""

from __future__ import annotations

from dataclasses import dataclass

from core.setups.fields import choice, flag, text, whole

ERRORS = ("0.1", "0.01", "0.001", "0.0001")
"""False match rates that are offered."""


@dataclass(frozen=True)
class ThresholdSetup:
    """Thresholds: which systems, how many false matches may be accepted, where the scores are cut."""

    systems: str = text(default="", longest=6000, label="Systems", short="sys")
    system: str = text(default="", longest=2000, label="Looked at closely", short="a")
    error: str = choice(lambda: ERRORS, default="0.001", label="False matches", short="err")
    drawing: str = choice(lambda: ("roc", "det"), default="roc", label="Drawing", short="dr")
    look: str = choice(
        lambda: ("cut", "pairs", "strangers", "likely"), default="cut", label="A closer look", short="see"
    )
    cut: str = text(default="", longest=30, label="Threshold", short="cut")
    query: str = text(default="", label="Query", short="q")
    method: str = choice(lambda: ("logistic", "isotonic"), default="logistic", label="Fitted by", short="fit")
    unknown: int = whole(0, 90, default=0, step=10, label="Queries without an answer", short="unk")
    by_query: bool = flag(False, label="Optimistic: assumes independent queries", short="iq")
