"""An index of large galleries that knows nothing of weights: short codes of several vectors a row, all looked at.

The vectors of an image's backbones stand behind one another, a block each. A code covers numbers of one block alone,
so that the weight of a backbone only scales its part of the query: every weighting is answered by the same file. There
are no cells that a small or independent block has no say in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core import arrays, files
from core.errors import BadInput, StoreMismatch, StoreUnusable
from core.task import NO_TASK, Task

WIDTH = 8
"""Numbers of a code as the index stores them; a block that needs more codes fills the rest with zeros."""
LEAST_CODES = 96
"""Codes of a block at least; a code is 4 bits."""
TURNED_UP_TO = 512
"""Blocks of so many numbers and fewer are turned: it costs dim² a row, and long blocks gain nothing from it."""
TRAINING_ROWS = 10_000
_LEAST_ROWS = 16
"""A code has 16 values, so that it is trained on no fewer rows."""
_ROWS_AT_ONCE = 4_096


@dataclass(frozen=True)
class Block:
    """How the vectors of one backbone lie in the index.

    Attributes:
        name: of the backbone.
        dim: numbers of its vectors.
    """

    name: str
    dim: int

    @property
    def turned_dim(self) -> int:
        """Numbers after turning: more than `dim` where there would be too few codes, with the same cosines."""
        return max(self.dim, LEAST_CODES) if self.is_turned else self.dim

    @property
    def is_turned(self) -> bool:
        """Whether a seeded orthogonal matrix spreads what it holds evenly over its codes."""
        return self.dim <= TURNED_UP_TO

    @property
    def numbers(self) -> int:
        """Numbers of the vector in each code: the largest power of two that leaves `LEAST_CODES` codes."""
        return next((count for count in (8, 4, 2) if self.turned_dim // count >= LEAST_CODES), 1)

    @property
    def codes(self) -> int:
        """Codes of 4 bits."""
        return -(-self.turned_dim // self.numbers)

    def arranged(self, rows: np.ndarray, matrix: np.ndarray | None) -> np.ndarray:
        """(n, dim) float32 → (n, codes · WIDTH) float32 with the same dot products."""
        turned = rows @ matrix if matrix is not None else rows
        out = np.zeros((len(rows), self.codes, WIDTH), np.float32)
        padded = np.pad(turned, ((0, 0), (0, self.codes * self.numbers - self.turned_dim)))
        out[:, :, : self.numbers] = padded.reshape(len(rows), self.codes, self.numbers)
        return out.reshape(len(rows), -1)


def orthogonal_rows(dim: int, width: int, seed: int) -> np.ndarray:
    """(dim, width) float32 with orthonormal rows, so that products by it keep all dot products; width ≥ dim.

    Source: QR of a Gaussian matrix with signs fixed (Stewart 1980, doi:10.1137/0717034).
    """
    normal = np.random.default_rng([seed, dim, width]).standard_normal((width, width))
    basis, upper = np.linalg.qr(normal)
    return np.ascontiguousarray((basis * np.sign(np.diag(upper)))[:dim], np.float32)


class BlockIndex:
    """The nearest rows under any weighting of their blocks, nearly: score again exactly what it finds.

    Rows are numbered in the order in which they were added. Product quantisation of 4 bits (Jégou, Douze and Schmid
    2011, doi:10.1109/TPAMI.2010.57) with look-up tables in registers (André, Kermarrec and Le Scouarnec 2021,
    doi:10.1109/TPAMI.2019.2952606), as FAISS has it.

    Args:
        dims: backbone → numbers of its vectors, in the order in which the blocks stand.
        seed: of the matrices that turn small blocks.
    """

    def __init__(self, dims: Mapping[str, int], seed: int = 0) -> None:
        import faiss

        if not dims:
            raise BadInput("An index needs the vectors of one backbone at least.")
        self.blocks = tuple(Block(name, int(dim)) for name, dim in dims.items())
        self._matrices = {
            block.name: orthogonal_rows(block.dim, block.turned_dim, seed) for block in self.blocks if block.is_turned
        }
        codes = sum(block.codes for block in self.blocks)
        self._index: Any = faiss.IndexPQFastScan(codes * WIDTH, codes, 4, faiss.METRIC_INNER_PRODUCT)
        self._index.pq.cp.min_points_per_centroid = 1  # a smaller gallery needs no warning for each code

    @property
    def names(self) -> tuple[str, ...]:
        """The backbones, in the order of their blocks."""
        return tuple(block.name for block in self.blocks)

    @property
    def n_rows(self) -> int:
        """How many rows it holds."""
        return int(self._index.ntotal)

    @cached_property
    def bytes_per_row(self) -> int:
        """Memory of a row."""
        return -(-sum(block.codes for block in self.blocks) // 2)

    def train(self, rows: Mapping[str, np.ndarray]) -> None:
        """Find what the codes stand for, on a sample of the rows: (n, dim) float32 per backbone."""
        n = max(len(rows[self.names[0]]), _LEAST_ROWS)
        self._index.train(self._arranged({name: np.resize(part, (n, part.shape[1])) for name, part in rows.items()}))

    def add(self, rows: Mapping[str, np.ndarray], task: Task = NO_TASK) -> None:
        """Add rows behind those that are there; nothing is trained again. (n, dim) float32 per backbone.

        Raises:
            Cancelled: the task was cancelled; the rows before are in.
        """
        count = len(rows[self.names[0]])
        for part in task.chunks("Filling the index", count, _ROWS_AT_ONCE):
            self._index.add(self._arranged({name: rows[name][part] for name in self.names}))

    def candidates(self, queries: Mapping[str, np.ndarray], shares: Mapping[str, float], k: int) -> np.ndarray:
        """The rows that seem nearest under some weighting, best first.

        Args:
            queries: backbone → (n_queries, dim) unit vectors; a backbone without a share may be left out.
            shares: backbone → what its cosine counts; left out is 0.
            k: how many.
        Returns:
            (n_queries, ≤ k) int64 row numbers, −1 is none.
        Raises:
            BadInput: a share belongs to a backbone that the index does not hold, or nothing counts.
        """
        counting = {name: share for name, share in shares.items() if share}
        if unknown := set(counting) - set(self.names):
            raise BadInput(f"The index holds {', '.join(self.names)} and not {', '.join(sorted(unknown))}.")
        if not counting:
            raise BadInput("All shares are 0; give one backbone a share above 0.")
        n = len(queries[next(iter(counting))])
        weighted = {
            block.name: np.float32(counting[block.name]) * np.asarray(queries[block.name], np.float32)
            if block.name in counting
            else np.zeros((n, block.dim), np.float32)
            for block in self.blocks
        }
        return np.asarray(self._index.search(self._arranged(weighted), max(1, min(int(k), self.n_rows)))[1], np.int64)

    def _arranged(self, rows: Mapping[str, np.ndarray]) -> np.ndarray:
        parts = [
            block.arranged(np.asarray(rows[block.name], np.float32), self._matrices.get(block.name))
            for block in self.blocks
        ]
        return np.ascontiguousarray(np.concatenate(parts, axis=1))

    def write(self, file: Path) -> None:
        """Keep it as two files, `file` and the matrices in `.npz` beside it; each whole or not at all.

        Raises:
            StoreUnusable: the folder cannot be written.
        """
        import faiss

        layout = json.dumps([[block.name, block.dim] for block in self.blocks])
        try:
            matrices = {f"matrix {name}": matrix for name, matrix in self._matrices.items()}
            files.write_arrays(file.with_suffix(".npz"), layout=np.array(layout), **matrices)
            with files.replacing(file) as beside:
                faiss.write_index(self._index, str(beside))
        except (OSError, RuntimeError) as error:  # faiss raises RuntimeError for what the system refused
            raise StoreUnusable(
                f"The index could not be kept in {file.parent}: {' '.join(str(error).split())[:200]}."
            ) from error

    @classmethod
    def read(cls, file: Path) -> BlockIndex:
        """An index that was written.

        Raises:
            StoreMismatch: a file is damaged, or they do not belong together.
            FileNotFoundError: there is none.
        """
        import faiss

        try:
            with np.load(file.with_suffix(".npz"), allow_pickle=False) as stored:
                layout = json.loads(str(stored["layout"]))
                matrices = {name[len("matrix ") :]: stored[name] for name in stored.files if name != "layout"}
            made = cls.__new__(cls)
            made.blocks = tuple(Block(str(name), int(dim)) for name, dim in layout)
            made._matrices = matrices
            file.stat()
            made._index = faiss.read_index(str(file))
            codes = sum(block.codes for block in made.blocks)
            fits = all(matrices[b.name].shape == (b.dim, b.turned_dim) for b in made.blocks if b.is_turned)
            if made._index.d != codes * WIDTH or not fits:
                raise ValueError("its parts do not belong together")
        except FileNotFoundError:
            raise
        except (RuntimeError, AttributeError, ValueError, KeyError, TypeError, OSError, EOFError) as error:
            raise StoreMismatch(f"{file} is damaged; remove it, and the index is built again.") from error
        return made


def training_sample(n_rows: int, seed: int = 0) -> np.ndarray:
    """(≤ TRAINING_ROWS,) int64, rising: the rows that codes are trained on."""
    return arrays.sample(n_rows, TRAINING_ROWS, seed)
