"""The question of the page Slices: which systems, parted by what, and what is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from core.setups.fields import choice, flag, several, text, whole

METRICS = ("map", "p@1", "p@10", "hit@1", "recall@10", "ndcg@10", "mrr")
"""List metrics that slices are offered in."""
LOOKS = ("columns", "weak", "domains", "robustness")


@dataclass(frozen=True)
class SlicesSetup:
    """Slices: which systems, in which metric, by which column or pair of columns, from and to which domain, how corrupted.

    `kinds` and `steps` are the corruptions that are embedded and compared; `corruption` is the one that is looked at.
    """

    systems: str = text(default="", longest=6000, label="Systems", short="sys")
    look: str = choice(lambda: LOOKS, default="columns", label="Section", short="see")
    metric: str = choice(lambda: METRICS, default="map", label="Metric", short="m")
    column: str = text(default="", longest=120, label="Column", short="col")
    cross: str = text(default="", longest=120, label="Crossed with", short="x")
    bins: int = whole(2, 12, default=4, label="Parts of numbers", short="n", help="Numbers are binned by quantiles.")
    value: str = text(default="", longest=300, label="Slice", short="v")
    system: str = text(default="", longest=2000, label="System", short="a")
    other: str = text(default="", longest=2000, label="Compared with", short="vs")
    domain: str = text(default="", longest=120, label="Domains", short="dom")
    cell: str = text(default="", longest=300, label="From and to", short="to")
    corruption: str = text(default="", longest=60, label="Corruption", short="cor")
    kinds: tuple[str, ...] = several(
        None, default=(), label="Corruptions", short="cors", help="None chosen: all of them."
    )
    steps: tuple[str, ...] = several(None, default=(), label="Steps", short="st", help="None chosen: all of them.")
    queries: int = whole(
        10,
        5000,
        default=100,
        step=50,
        label="Queries",
        short="nq",
        help="Of a seeded sample; a larger one holds each smaller.",
    )
    by_query: bool = flag(False, label="Optimistic: assumes independent queries", short="iq")
