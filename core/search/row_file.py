"""The vectors of all backbones of an image together, image after image, in one file of half precision."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from core.errors import BadInput, StoreMismatch

NUMBER = np.dtype("<f2")


class RowFile:
    """Rows of half precision on the disk, read by number: one read an image, whatever the number of backbones.

    A score of such rows differs from one of float32 vectors by up to 2e-4, and not at all where the vectors are of
    half precision themselves. The file has no header: rows are appended, and what a kill left of one is cut off.

    Args:
        path: of the file; it is made when the first rows are added.
        dims: backbone → numbers of its vectors, in the order in which they stand in a row.
    """

    def __init__(self, path: Path, dims: Mapping[str, int]) -> None:
        self.path, self.dims = path, {name: int(dim) for name, dim in dims.items()}
        self.dim = sum(self.dims.values())
        self._mapped: np.ndarray | None = None

    @property
    def bytes_per_row(self) -> int:
        """Bytes of a row."""
        return self.dim * NUMBER.itemsize

    @property
    def n_rows(self) -> int:
        """Whole rows in the file."""
        return self.path.stat().st_size // self.bytes_per_row if self.path.exists() else 0

    def append(self, rows: Mapping[str, np.ndarray]) -> None:
        """Add rows at the end: (n, dim) per backbone.

        Raises:
            OSError: the file cannot be written.
        """
        joined = np.concatenate([np.asarray(rows[name]).astype(NUMBER, copy=False) for name in self.dims], axis=1)
        if joined.shape[1] != self.dim:
            raise BadInput(f"A row of {self.path.name} has {self.dim:,} numbers, not {joined.shape[1]:,}.")
        self._mapped = None
        whole = self.n_rows * self.bytes_per_row
        with open(self.path, "r+b" if self.path.exists() else "w+b") as file:
            file.truncate(whole)
            file.seek(whole)
            file.write(np.ascontiguousarray(joined).data)
            file.flush()
            os.fsync(file.fileno())

    @property
    def mapped(self) -> np.ndarray:
        """(n_rows, dim) float16, read from the disk when it is looked at.

        Raises:
            StoreMismatch: there is no whole row.
        """
        if self._mapped is None:
            if not self.n_rows:
                raise StoreMismatch(f"{self.path} holds no row; build it again.")
            self._mapped = np.memmap(self.path, NUMBER, "r", shape=(self.n_rows, self.dim))
        return self._mapped

    def block(self, name: str, rows: slice | np.ndarray) -> np.ndarray:
        """(n, dim) float16 of one backbone."""
        start = sum(list(self.dims.values())[: list(self.dims).index(name)])
        return self.mapped[rows, start : start + self.dims[name]]

    def best(
        self, queries: Mapping[str, np.ndarray], shares: Mapping[str, float], rows: np.ndarray, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best k of some rows for one query, scored by what the file holds.

        Args:
            queries: backbone → (dim,) unit vector; one without a share may be left out.
            shares: backbone → what its cosine counts; left out is 0.
            rows: (n,) row numbers.
        Returns:
            (≤ k,) int64 row numbers, and their scores, float32; best first, equal ones by number.
        """
        import torch

        rows = np.sort(rows[rows >= 0])
        query = np.concatenate(
            [
                np.float32(shares.get(name, 0.0)) * np.asarray(queries[name], np.float32)
                if shares.get(name, 0.0)
                else np.zeros(dim, np.float32)
                for name, dim in self.dims.items()
            ]
        )
        # torch widens half precision with vector instructions; numpy's own cast takes 39 times as long.
        wide = torch.from_numpy(self.mapped[rows]).float()
        scores = (wide @ torch.from_numpy(query)).numpy()
        order = np.argsort(-scores, kind="stable")[:k]
        return rows[order], scores[order]
