"""`bench search`: a large gallery on the disk, searched under seven weightings of four backbones by one index.

Codes of every backbone lie in one index that knows no weights; what it finds is scored again from one file of half
precision. Recall is against the scores of all rows; the time is of one processor, both steps, one query after the other.
`--data` measures what the page's index finds of embedded images by each backbone alone.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.arrays import chunks, sample
from core.bench import machine
from core.search.block_index import BlockIndex, training_sample
from core.search.row_file import RowFile
from core.studies import ann_index, ann_search
from tests.bench import _gallery
from tests.bench.guards import Demand, demands_table

RECALL_10, RECALL_24, PHOTOS_RECALL = 0.98, 0.97, 0.98
P50, P95 = 30.0, 60.0
"""Milliseconds of processor time for one query at 1,000,000 rows."""
MOST_BYTES = 300
"""Of the index, an image."""
SMALL = "hsv_histogram"
"""What has the smallest say in an index over all: the demand on real images is for it alone."""
QUERIES, SEED = 100, 1
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Outcome:
    """What one gallery gave.

    Attributes:
        recall: weighting → recall@10 and recall@24, mean over the queries.
        times: milliseconds of processor time of each search, over all weightings.
        bytes_per_row: of the index on the disk.
        rebuilt: how often the index file changed while weights moved.
        build_seconds: processor seconds of training and adding.
    """

    recall: dict[str, tuple[float, float]]
    times: np.ndarray = field(repr=False)
    bytes_per_row: float
    rebuilt: int
    build_seconds: float


def run(args: list[str]) -> None:
    """`python -m core bench search [--rows 100000] [--folder DIR] [--data NAME]`: recall, time and size, with demands."""
    parser = argparse.ArgumentParser(
        prog="python -m core bench search", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000, help="6.3 kB of disk each; 0 for none")
    parser.add_argument(
        "--folder", default="", help="where the drawn gallery is kept and looked for; else it is removed"
    )
    parser.add_argument(
        "--data", default="", help="a dataset of this installation, with the backbones it is embedded by"
    )
    parser.add_argument("--depth", type=int, default=ann_search.CANDIDATES, help="candidates scored again")
    arguments = parser.parse_args(args)
    print(f"{machine.machine()['sentence']} Load {os.getloadavg()[0]:.1f}.")
    rows: list[Demand] = []
    if arguments.rows:
        with tempfile.TemporaryDirectory(prefix="fusionscope-search-") as place, one_thread():
            folder = Path(arguments.folder or place)
            folder.mkdir(parents=True, exist_ok=True)
            gallery = _gallery.write(folder / f"rows-{arguments.rows}.f16", arguments.rows)
            outcome = measure(gallery, folder / f"index-{arguments.rows}.faiss", arguments.depth)
            print_outcome(gallery, outcome)
        rows += demands(outcome)
    if arguments.data:
        rows.append(photos(arguments.data))
    print(demands_table(rows))


@contextmanager
def one_thread() -> Iterator[None]:
    """FAISS and torch on one thread, so that processor time is what one search costs."""
    import faiss
    import torch

    before = faiss.omp_get_max_threads(), torch.get_num_threads()
    faiss.omp_set_num_threads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before[0])
        torch.set_num_threads(before[1])


def measure(gallery: RowFile, file: Path, depth: int = ann_search.CANDIDATES, queries: int = QUERIES) -> Outcome:
    """Build the index over a gallery, keep it in `file`, and ask it under every weighting."""
    began = time.process_time()
    index = BlockIndex(gallery.dims)
    index.train(_blocks(gallery, training_sample(gallery.n_rows)))
    for part in chunks(gallery.n_rows, _ROWS_AT_ONCE):
        index.add(_blocks(gallery, part))
    build_seconds = time.process_time() - began
    index.write(file)
    before, rebuilt = _digest(file), 0
    index = BlockIndex.read(file)
    asked = sample(gallery.n_rows, queries, SEED)
    rows = _blocks(gallery, asked)
    right = best(gallery, asked, 24)
    recall, times = {}, []
    for name, shares in _gallery.WEIGHTINGS.items():
        shares = {backbone: share for backbone, share in shares.items() if backbone in gallery.dims}
        hits = []
        for at, position in enumerate(asked):
            query = {backbone: part[at] for backbone, part in rows.items()}
            began = time.process_time()
            items = index.candidates({backbone: row[None] for backbone, row in query.items()}, shares, depth + 1)[0]
            items = gallery.best(query, shares, items[items != position], 24)[0]
            times.append(1000 * (time.process_time() - began))
            hits.append([np.isin(right[name][at, :k], items[:k]).mean() for k in (10, 24)])
        recall[name] = (float(np.mean(hits, axis=0)[0]), float(np.mean(hits, axis=0)[1]))
        rebuilt += _digest(file) != before
    size = file.stat().st_size / gallery.n_rows
    return Outcome(recall, np.array(times), size, rebuilt, build_seconds)


def best(gallery: RowFile, asked: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """Weighting → (n_queries, k) int64: the first k of each query among all rows but itself, by all their scores."""
    import torch

    queries = {name: _wide(part) for name, part in _blocks(gallery, asked).items()}
    scores = {name: torch.full((len(asked), 0), 0.0) for name in _gallery.WEIGHTINGS}
    items = {name: torch.zeros((len(asked), 0), dtype=torch.int64) for name in _gallery.WEIGHTINGS}
    for part in chunks(gallery.n_rows, _ROWS_AT_ONCE):
        cosines = {name: queries[name] @ _wide(rows).T for name, rows in _blocks(gallery, part).items()}
        for name, shares in _gallery.WEIGHTINGS.items():
            block = sum(share * cosines[backbone] for backbone, share in shares.items() if backbone in cosines)
            inside = np.flatnonzero((asked >= part.start) & (asked < part.stop))
            block[inside, asked[inside] - part.start] = -torch.inf
            numbers = torch.arange(part.start, part.stop).expand(len(asked), -1)
            joined = torch.cat([scores[name], block], dim=1)
            scores[name], order = joined.topk(min(k, joined.shape[1]), dim=1)
            items[name] = torch.cat([items[name], numbers], dim=1).gather(1, order)
    return {name: part.numpy() for name, part in items.items()}


def _blocks(gallery: RowFile, rows: slice | np.ndarray) -> dict[str, np.ndarray]:
    return {name: _wide(gallery.block(name, rows)).numpy() for name in gallery.dims}


def _wide(rows: np.ndarray):
    import torch

    return torch.from_numpy(np.ascontiguousarray(rows)).float()


def _digest(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def print_outcome(gallery: RowFile, outcome: Outcome) -> None:
    """One line a weighting."""
    print(
        f"{gallery.n_rows:,} rows of {', '.join(f'{name} ({dim})' for name, dim in gallery.dims.items())}, "
        f"{gallery.bytes_per_row:,} bytes a row on the disk; index built in {outcome.build_seconds:.0f} s of processor"
    )
    for name, (at_10, at_24) in outcome.recall.items():
        print(f"  {name:<18} recall@10 {at_10:.4f}   recall@24 {at_24:.4f}")


def demands(outcome: Outcome) -> list[Demand]:
    """What is asked of the index, and what it gave."""
    lowest = {at: min(outcome.recall.items(), key=lambda one: one[1][at]) for at in (0, 1)}
    p50, p95 = np.percentile(outcome.times, (50, 95))
    return [
        Demand("recall@10, lowest of 7 weightings", f">= {RECALL_10}", _told(lowest[0], 0), lowest[0][1][0] >= RECALL_10),
        Demand("recall@24, lowest of 7 weightings", f">= {RECALL_24}", _told(lowest[1], 1), lowest[1][1][1] >= RECALL_24),
        Demand("processor time of a search, p50", f"<= {P50:g} ms", f"{p50:.1f} ms", p50 <= P50),
        Demand("processor time of a search, p95", f"<= {P95:g} ms", f"{p95:.1f} ms", p95 <= P95),
        Demand(
            "index on the disk", f"<= {MOST_BYTES} bytes an image", f"{outcome.bytes_per_row:.0f}",
            outcome.bytes_per_row <= MOST_BYTES,
        ),
        Demand("rebuilt while weights move", "0 times", f"{outcome.rebuilt} times", outcome.rebuilt == 0),
    ]  # fmt: skip


def _told(weighting: tuple[str, tuple[float, float]], at: int) -> str:
    return f"{weighting[1][at]:.4f} ({weighting[0]})"


def photos(name: str) -> Demand:
    """Recall@10 by each backbone alone, of one index over all of a dataset's backbones.

    A twentieth of the gallery are candidates, where that is less than the page takes.
    """
    from core import data
    from core.studies import embedding, fusion
    from core.studies.systems import System

    dataset = data.load(name)
    names = tuple(sorted(one.backbone for one in embedding.status(dataset) if one.n_images == len(dataset)))
    space = fusion.space_of(dataset, names)
    indexed = ann_index.made(space, names)
    depth = max(24, min(ann_search.CANDIDATES, space.n_gallery // 20))
    recall = {one: ann_search.agreement(indexed, System(one, space), 10, depth) for one in names}
    print(f"{name}: {space.n_gallery:,} images, {depth} candidates, each backbone alone in an index of {len(names)}")
    for one, share in recall.items():
        print(f"  {one:<26} recall@10 {share:.4f}")
    share = recall.get(SMALL, 0.0)
    return Demand(f"{name}: recall@10, {SMALL} alone", f">= {PHOTOS_RECALL}", f"{share:.4f}", share >= PHOTOS_RECALL)
