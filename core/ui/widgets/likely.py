"""How likely a result is relevant: the saved probabilities of a system, or such as are fitted when they are asked for."""

from __future__ import annotations

from core.errors import CoreError
from core.fusion import FusionSpec
from core.studies import calibration_store
from core.studies.calibration_store import KeptCalibration
from core.studies.systems import System
from core.types import Dataset
from core.ui.app import cache


def of_system(loaded: Dataset, name: str, spec: FusionSpec | None) -> KeptCalibration:
    """The probabilities of a system; fitted by the logistic curve, and saved, where none are.

    Raises:
        CoreError: they cannot be fitted here.
    """
    backbones = (name,) if spec is None else spec.active
    system = System(name, cache.vector_set(loaded, tuple(sorted(backbones))), spec)
    stored_name = calibration_store.name_of(loaded, backbones, spec)
    stored = calibration_store.load(stored_name, system.space, backbones, spec)
    if stored is not None:
        return stored
    made = calibration_store.of(cache.calibration_of(loaded, system))
    calibration_store.save(stored_name, made, system.space, backbones, spec)
    return made


def of_answer(loaded: Dataset, name: str, spec: FusionSpec | None) -> tuple[KeptCalibration | None, str]:
    """The same, and a sentence: what they rest on, or why there are none."""
    try:
        made = of_system(loaded, name, spec)
    except CoreError as error:
        return None, str(error)
    return made, made.sentence()
