"""What the Fusion lab does before and after the search, as its link holds it."""

from __future__ import annotations

from core.errors import CoreError
from core.fusion import Step
from core.setups import FusionSetup
from core.ui.app import state


def step_of(kind: str, text: str) -> Step | None:
    """The step of a link's text; None for none and for what cannot be read. Never raises."""
    try:
        return Step.read(kind, text)
    except CoreError:
        return None


def chosen_step(kind: str, field: str) -> Step | None:
    """The preparation or the re-ranking as the Fusion lab has it now."""
    return step_of(kind, state.get(FusionSetup, field))
