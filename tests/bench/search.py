"""How long one search of a large gallery takes: our exact row of scores, the FAISS indexes with their recall, and what
the retrieval page does (an index tuned by itself, what it finds scored again by the exact rule).
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from core.search.index import KINDS, GalleryIndex
from core.studies import ann_search, retrieval
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.types import Dataset, Split, unit

QUERIES = 30


def run(args: list[str]) -> None:
    """`bench search`: medians over 30 queries, one at a time, and the share of the exact first k that each finds."""
    parser = argparse.ArgumentParser(prog="python -m core bench search", description=run.__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--k", type=int, default=24)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=["flat", "ivf", "ivf16"])
    given = parser.parse_args(args)
    gallery = clustered(given.images, given.dim)
    space = VectorSet({"one": gallery}, Split.self_retrieval(given.images))
    asked = np.random.default_rng(1).choice(given.images, QUERIES, replace=False)
    print(f"{given.images:,} images, {given.dim} dimensions, the first {given.k} of {QUERIES} queries, one at a time")
    retrieval.retrieve(retrieval.gallery_image_query(_bare(given.images, space), space, 0), System("one", space))
    exact, times = [], []
    dataset = _bare(given.images, space)
    for position in asked:
        began = time.perf_counter()
        answer = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, int(position)), System("one", space))
        times.append(time.perf_counter() - began)
        exact.append(set(answer.order[: given.k].tolist()))
    print(f"{'exact row, whole list':24} {1000 * statistics.median(times):7.1f} ms   recall 1.000")
    for kind in given.kinds:
        began = time.perf_counter()
        index = GalleryIndex(gallery, kind)
        built = time.perf_counter() - began
        times, found = [], []
        for position, right in zip(asked, exact):
            began = time.perf_counter()
            items = index.search(gallery[position][None], given.k + 1).items[0]
            times.append(time.perf_counter() - began)
            kept = [int(item) for item in items if item != position][: given.k]
            found.append(len(right & set(kept)) / given.k)
        milliseconds = 1000 * statistics.median(times)
        print(f"{'FAISS ' + kind:24} {milliseconds:7.1f} ms   recall {np.mean(found):.3f}   built in {built:.1f} s")
    _page(dataset, space, asked, exact, given.k)


def _page(dataset: Dataset, space: VectorSet, asked: np.ndarray, exact: list[set[int]], k: int) -> None:
    """The last row: as the retrieval page asks, building and tuning included in the time to build."""
    system, times, found = System("one", space), [], []
    began = time.perf_counter()
    indexed = ann_search.made(space, space.names)
    built = time.perf_counter() - began
    for position, right in zip(asked, exact):
        question = retrieval.gallery_image_query(dataset, space, int(position))
        began = time.perf_counter()
        answer = ann_search.search_index(question, system, indexed)
        times.append(time.perf_counter() - began)
        found.append(len(right & set(answer.order[:k].tolist())) / k)
    milliseconds = 1000 * statistics.median(times)
    print(
        f"{'the page, scored again':24} {milliseconds:7.1f} ms   recall {np.mean(found):.3f}   built in {built:.1f} s"
    )


def clustered(n: int, dim: int, seed: int = 0) -> np.ndarray:
    """(n, dim) unit vectors in 1,000 loose groups, as embeddings of photographs are."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((1000, dim), np.float32)
    rows = np.empty((n, dim), np.float32)
    for start in range(0, n, 20_000):
        stop = min(start + 20_000, n)
        groups = random.integers(0, 1000, stop - start)
        rows[start:stop] = unit(centres[groups] + 1.2 * random.standard_normal((stop - start, dim), np.float32))
    return rows


def _bare(n: int, space: VectorSet) -> Dataset:
    """A dataset without labels, so that nothing but the search is measured."""
    import pandas as pd

    numbers = np.arange(n)
    return Dataset.of(
        "bench", numbers.astype(str), np.full(n, b"0" * 64), pd.DataFrame(index=numbers), split=space.split
    )
