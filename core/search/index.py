"""FAISS indexes for galleries that are too large to score whole: the best k only."""

from __future__ import annotations

import numpy as np

from core.errors import BadInput
from core.types import Ranking

KINDS = ("flat", "hnsw", "ivf")


class GalleryIndex:
    """The best k by cosine: exact ("flat") or approximate ("hnsw", "ivf").

    Args:
        gallery: (n_gallery, dim) unit float32.
        kind: "flat" looks at everything; "hnsw" walks a graph; "ivf" looks into the nearest of sqrt(n) cells.
        effort: candidates that hnsw keeps, or cells that ivf opens; more is slower and nearer to exact.
        seed: of the cells of ivf.
    """

    def __init__(self, gallery: np.ndarray, kind: str = "flat", effort: int = 0, seed: int = 0) -> None:
        import faiss

        if kind not in KINDS:
            raise BadInput(f"No index is of kind {kind!r}; take one of {', '.join(KINDS)}.")
        gallery = np.ascontiguousarray(gallery, np.float32)
        n, dim = gallery.shape
        self.kind, self.n_gallery = kind, n
        if kind == "hnsw":
            self._index = faiss.IndexHNSWFlat(dim, 32, faiss.METRIC_INNER_PRODUCT)
            self._index.hnsw.efConstruction = 128
            self._index.hnsw.efSearch = effort or 128
        elif kind == "ivf":
            cells = max(1, int(np.sqrt(n)))
            self._cells = faiss.IndexFlatIP(dim)
            self._index = faiss.IndexIVFFlat(self._cells, dim, cells, faiss.METRIC_INNER_PRODUCT)
            self._index.cp.seed = seed
            self._index.nprobe = min(cells, effort or max(1, cells // 8))
            self._index.train(gallery)
        else:
            self._index = faiss.IndexFlatIP(dim)
        self._index.add(gallery)

    def search(self, queries: np.ndarray, k: int) -> Ranking:
        """The best k of (n_queries, dim) unit float32. Equal scores among the found stand by gallery position."""
        k = max(1, min(int(k), self.n_gallery))
        scores, items = self._index.search(np.ascontiguousarray(queries, np.float32), k)
        scores = np.where(items < 0, -np.inf, scores)
        order = np.lexsort((items, -scores), axis=1)
        items, scores = np.take_along_axis(items, order, 1), np.take_along_axis(scores, order, 1)
        return Ranking(items.astype(np.int64), np.where(items < 0, np.nan, scores).astype(np.float32))
