"""Arrays as text: whole numbers of 8, 10 or 12 bits in planes, deflated, in base64."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass

import numpy as np

FINEST, COARSEST = 12, 8
BITS = (12, 10, 8)
"""Bits of a score in a file; those beyond eight lie packed in a plane of their own."""


def packed(array: np.ndarray) -> str:
    """The bytes of an array, little-endian, as a zlib stream in base64."""
    ordered = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return base64.b64encode(zlib.compress(ordered.tobytes(), 6)).decode()


@dataclass(frozen=True)
class Codes:
    """The scores of one backbone as whole numbers: score = low + step × code.

    Attributes:
        values: (n_queries, n_gallery) uint16; symmetric where every image is a query, its diagonal means nothing.
        low, step: of the scale.
        bits: 8, 10 or 12; codes are below 2 ** bits.
        triangle: every image is a query, so that the file holds each pair once.
    """

    values: np.ndarray
    low: float
    step: float
    bits: int
    triangle: bool

    @classmethod
    def of(cls, scores: np.ndarray, self_position: np.ndarray, bits: int, triangle: bool) -> Codes:
        """The nearest codes between the lowest and the highest score.

        Args:
            scores: (n_queries, n_gallery) float32 cosines.
            self_position: (n_queries,) int64, the query's own column, −1 for none; it takes no part in the scale.
        """
        values = np.array(scores, np.float64)
        rows = np.flatnonzero(self_position >= 0)
        values[rows, self_position[rows]] = np.nan
        low, high = (float(np.nanmin(values)), float(np.nanmax(values))) if values.size > len(rows) else (0.0, 0.0)
        values[rows, self_position[rows]] = low
        step = (high - low) / (2**bits - 1) if high > low else 1.0
        codes = np.rint((values - low) / step).astype(np.uint16)
        if triangle:
            upper = np.triu(codes, 1)
            codes = upper + upper.T
        return cls(codes, low, step, bits, triangle)

    def planes(self) -> dict[str, object]:
        """Scale and planes for the file's JSON: "high" holds eight bits a score, "low" the finer ones, 2 or 4 a byte."""
        n = len(self.values)
        stored = self.values[np.triu_indices(n, 1)] if self.triangle else self.values.ravel()
        fine = self.bits - COARSEST
        record: dict[str, object] = {"low": self.low, "step": self.step}
        if not fine:
            return record | {"high": packed(stored.astype(np.uint8)), "fine": ""}
        per_byte = 8 // fine
        rest = np.zeros(-(-len(stored) // per_byte) * per_byte, np.uint8)
        rest[: len(stored)] = stored & (2**fine - 1)
        shifts = (fine * np.arange(per_byte)).astype(np.uint8)
        lower = np.bitwise_or.reduce(rest.reshape(-1, per_byte) << shifts, axis=1).astype(np.uint8)
        return record | {"high": packed((stored >> fine).astype(np.uint8)), "fine": packed(lower)}


def estimated_bytes(n_scores: int, bits: int) -> int:
    """Bytes of so many scores in a file: about an eighth of the high plane deflates, the fine one does not.

    >>> estimated_bytes(1000, 8) < estimated_bytes(1000, 10) < estimated_bytes(1000, 12)
    True
    """
    return int(n_scores * (0.87 + (bits - COARSEST) / 8) * 4 / 3)
