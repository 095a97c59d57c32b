"""What backbones cost on this machine."""

from __future__ import annotations

from core import backbones
from core.errors import CoreError
from core.studies import costs as measurements
from core.studies.fusion_costs import FusionCost


def embedding_seconds(names: tuple[str, ...], n_images: int) -> float | None:
    """About how long embedding takes here, measured or guessed by size; None where one of them is no known network."""
    seconds = 0.0
    for name in names:
        try:
            seconds += n_images * measurements.seconds_per_image(backbones.get(name))[0]
        except CoreError:
            return None
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
