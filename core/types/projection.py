"""A map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import ShapeMismatch
from core.types.vectors import frozen_array


@dataclass(frozen=True)
class Projection:
    """A flat (or 3-D) map: xy (n_images, 2 or 3) float32, and what made it."""

    xy: np.ndarray
    method: str
    parameters: Mapping[str, Any]
    seed: int

    def __post_init__(self) -> None:
        if self.xy.ndim != 2 or self.xy.shape[1] not in (2, 3):
            raise ShapeMismatch(f"A projection is (n_images, 2) or (n_images, 3), got {self.xy.shape}.")
        object.__setattr__(self, "xy", frozen_array(self.xy, np.float32))
