"""FAISS indexes for galleries that are too large to score whole: the best k only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core import arrays, files
from core.errors import BadInput, StoreMismatch, StoreUnusable
from core.task import NO_TASK, Task
from core.types import Ranking

if TYPE_CHECKING:
    import faiss

KINDS = ("flat", "hnsw", "ivf", "ivf16")
_ROWS_AT_ONCE = 10_000
_TRAIN_PER_CELL = 40


class GalleryIndex:
    """The best k by dot product: exact ("flat") or approximate ("hnsw", "ivf", "ivf16").

    Args:
        gallery: (n_gallery, dim) float32 rows, unit ones for cosines; or several such arrays of the same length, which
            stand behind one another as one long row each and are never joined in memory.
        kind: "flat" looks at everything; "hnsw" walks a graph; "ivf" looks into the nearest of sqrt(n) cells; "ivf16"
            does so in half the memory, in numbers of 16 bits: score again what it finds.
        effort: candidates that hnsw keeps, or cells that ivf opens; more is slower and nearer to exact.
        seed: of the cells of ivf.
    """

    def __init__(
        self,
        gallery: np.ndarray | Sequence[np.ndarray],
        kind: str = "flat",
        effort: int = 0,
        seed: int = 0,
        *,
        task: Task = NO_TASK,
    ) -> None:
        import faiss

        if kind not in KINDS:
            raise BadInput(f"No index is of kind {kind!r}; take one of {', '.join(KINDS)}.")
        parts = [gallery] if isinstance(gallery, np.ndarray) else list(gallery)
        n, dim = len(parts[0]), sum(part.shape[1] for part in parts)
        self.kind = kind
        self._index: Any  # faiss makes its classes when it is imported
        if kind == "hnsw":
            self._index = faiss.IndexHNSWFlat(dim, 32, faiss.METRIC_INNER_PRODUCT)
            self._index.hnsw.efConstruction = 128
        elif kind == "flat":
            self._index = faiss.IndexFlatIP(dim)
        else:
            self._index = _cells(dim, max(1, int(np.sqrt(n))), kind == "ivf16")
            self._index.cp.seed = seed
            self._index.train(_rows(parts, arrays.sample(n, _TRAIN_PER_CELL * self.cells, seed)))
        for rows in task.chunks("Filling the index", n, _ROWS_AT_ONCE):
            self._index.add(_rows(parts, rows))
        self.effort = effort or self.usual_effort

    @property
    def n_gallery(self) -> int:
        """How many vectors are searched."""
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return int(self._index.d)

    @property
    def cells(self) -> int:
        """How many cells an ivf has; 0 for the other kinds."""
        return int(self._index.nlist) if self.kind.startswith("ivf") else 0

    @property
    def usual_effort(self) -> int:
        """Where nobody says how hard to look."""
        return {"flat": 0, "hnsw": 128}.get(self.kind, max(1, self.cells // 8))

    @property
    def effort(self) -> int:
        """How hard it looks: cells that an ivf opens, candidates that an hnsw keeps."""
        return self._effort

    @effort.setter
    def effort(self, effort: int) -> None:
        self._effort = min(effort, self.cells) if self.cells else effort
        if self.cells:
            self._index.nprobe = self._effort
        elif self.kind == "hnsw":
            self._index.hnsw.efSearch = effort

    def search(self, queries: np.ndarray, k: int) -> Ranking:
        """The best k of (n_queries, dim) float32. Equal scores among the found stand by gallery position."""
        k = max(1, min(int(k), self.n_gallery))
        scores, items = self._index.search(np.ascontiguousarray(queries, np.float32), k)
        scores = np.where(items < 0, -np.inf, scores)
        order = np.lexsort((items, -scores), axis=1)
        items, scores = np.take_along_axis(items, order, 1), np.take_along_axis(scores, order, 1)
        return Ranking(items.astype(np.int64), np.where(items < 0, np.nan, scores).astype(np.float32))

    def write(self, file: Path) -> None:
        """Keep the index as a file; whole or not at all.

        Raises:
            StoreUnusable: the folder cannot be written.
        """
        import faiss

        try:
            with files.replacing(file) as beside:
                faiss.write_index(self._index, str(beside))
        except (OSError, RuntimeError) as error:  # faiss raises RuntimeError for what the system refused
            raise StoreUnusable(
                f"The index could not be kept in {file.parent}: {' '.join(str(error).split())[:200]}."
            ) from error

    @classmethod
    def read(cls, file: Path, kind: str, effort: int = 0) -> GalleryIndex:
        """An index that was written.

        Raises:
            StoreMismatch: the file is damaged, or of another kind.
        """
        import faiss

        try:
            made = cls.__new__(cls)
            made.kind, made._index = kind, faiss.read_index(str(file))
            made.effort = effort or made.usual_effort
        except (RuntimeError, AttributeError) as error:
            raise StoreMismatch(f"{file} is damaged; remove it, and the index is built again.") from error
        return made


def _cells(dim: int, count: int, half: bool) -> faiss.IndexIVF:
    """An empty inverted file: rows lie in the cell of their nearest centre."""
    import faiss

    if not half:
        return faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, count, faiss.METRIC_INNER_PRODUCT)
    kind = faiss.ScalarQuantizer.QT_fp16
    return faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(dim), dim, count, kind, faiss.METRIC_INNER_PRODUCT, False)


def _rows(parts: Sequence[np.ndarray], where: np.ndarray | slice) -> np.ndarray:
    """Some rows of all parts, one behind the other, float32."""
    taken = parts[0][where] if len(parts) == 1 else np.concatenate([part[where] for part in parts], axis=1)
    return np.ascontiguousarray(taken, np.float32)
