"""What backbones cost on this machine."""

from __future__ import annotations

from core import backbones
from core.errors import CoreError
from core.studies import costs as measurements
from core.studies.fusion_costs import FusionCost


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
