"""The revisited Oxford and Paris protocols: Easy, Medium and Hard beside each other, never pooled into one number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from core import data, metrics, text_table
from core.data.readers import revisited
from core.errors import BadInput
from core.metrics import resampling
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.types import Dataset

if TYPE_CHECKING:
    import pandas as pd

CUTS = (1, 5, 10)
"""The k of mP@k that the benchmark reports."""
TITLES = {
    "protocol": "Protocol",
    "mAP": "mAP (benchmark)",
    "low": "low",
    "high": "high",
    "map": "mAP (all points)",
    **{f"mP@{k}": f"mP@{k}" for k in CUTS},
    "n_valid": "queries that count",
    "n_queries": "queries",
}
"""Columns of `report` → what people read."""
NOTE = (
    "The benchmark's own mAP takes trapezoids, and its mP@k divides by the rank of the last relevant image where that is "
    "below k; neither is comparable with mAP and P@k elsewhere. Easy counts easy images and leaves hard ones out of the "
    "list, Hard the other way round, Medium counts both. A query without a relevant image under a protocol is skipped. "
    "The three are never pooled."
)


def report(systems: Sequence[System], dataset: Dataset, seed: int = 0) -> pd.DataFrame:
    """One row per system and protocol.

    Args:
        dataset: whose pairs say what is easy, hard and junk (`revisited.is_revisited`).
    Returns:
        columns system and those of TITLES: mAP by trapezoids with its 95 % interval, mAP over all points, mP@k.
    Raises:
        BadInput: the pairs do not say it.
    Reference:
        Radenović, Iscen, Tolias, Avrithis and Chum 2018, arXiv:1803.11285, section 3.
    """
    import pandas as pd

    if not revisited.is_revisited(dataset):
        raise BadInput(f"{dataset.name!r} does not say what is easy and what is hard: add it from its gnd_*.pkl.")
    rows = []
    for protocol in revisited.PROTOCOLS:
        truth = data.relevance(revisited.under(dataset, protocol))
        ranker = Ranker(truth)
        for system in systems:
            ranks = ranker.rank(system, k=1).ranks
            values = metrics.compute(ranks, ("map_trapz", "map"))
            low, high = resampling.interval(values["map_trapz"], seed=seed, classes=truth.query_groups)
            rows.append(
                {
                    "system": system.name,
                    "protocol": protocol.capitalize(),
                    "mAP": metrics.mean(values["map_trapz"]),
                    "low": low,
                    "high": high,
                    "map": metrics.mean(values["map"]),
                    **{f"mP@{k}": metrics.mean(metrics.precision_revisitop(ranks, k)) for k in CUTS},
                    "n_valid": int(ranks.valid.sum()),
                    "n_queries": ranks.n_queries,
                }
            )
    frame = pd.DataFrame(rows)
    order = {name: number for number, name in enumerate(dict.fromkeys(system.name for system in systems))}
    return frame.sort_values("system", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def printed(frame: pd.DataFrame) -> str:
    """The report as the command line prints it."""
    rows = [["system", *TITLES.values()]]
    for line in frame.itertuples(index=False):
        rows.append(
            [
                *(
                    "-" if isinstance(v, float) and np.isnan(v) else f"{v:.4f}" if isinstance(v, float) else str(v)
                    for v in line
                )
            ]
        )
    return "\n".join([*text_table.aligned(rows), NOTE])
