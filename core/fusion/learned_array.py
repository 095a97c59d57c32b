"""An array of a trained fusion as JSON carries it."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LearnedArray:
    """One array of a trained fusion: float32, base64 of its little-endian bytes, so that JSON carries it."""

    name: str
    shape: tuple[int, ...]
    data: str

    @classmethod
    def of(cls, name: str, values: np.ndarray) -> LearnedArray:
        """Pack an array: float32, any shape."""
        values = np.ascontiguousarray(values, "<f4")
        return cls(name, values.shape, base64.b64encode(values.tobytes()).decode())

    @property
    def values(self) -> np.ndarray:
        """The array as it was packed, float32."""
        return np.frombuffer(base64.b64decode(self.data), "<f4").reshape(self.shape).astype(np.float32)
