"""What backbones cost on this machine."""

from __future__ import annotations

from core import backbones
from core.errors import CoreError
from core.studies import costs as measurements
from core.studies.fusion_costs import FusionCost


def embedding_seconds(names: tuple[str, ...], n_images: int) -> float | None:
    """How long embedding takes here by what was measured; None where one of them was not measured."""
    seconds = 0.0
    for name in names:
        try:
            measured = measurements.measured(name)
        except CoreError:
            return None
        if measured is None or measured.images_per_second <= 0:
            return None
        seconds += n_images / measured.images_per_second
    return seconds


def costs(names: tuple[str, ...]) -> dict[str, FusionCost]:
    """What each backbone costs, as far as it was measured."""
    priced = {}
    for name in names:
        try:
            measured, backbone = measurements.measured(name), backbones.get(name)
        except CoreError:  # vectors that were computed elsewhere: nobody measured that
            priced[name] = FusionCost()
            continue
        priced[name] = FusionCost(
            measured.latency_ms if measured else None,
            backbones.source_of(backbone).megabytes(backbone),
            backbone.commercial,
        )
    return priced
