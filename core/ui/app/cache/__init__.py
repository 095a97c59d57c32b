"""What several pages and sessions share: loaded datasets, aligned embeddings, live engines, results of studies.

Large read-only arrays are shared as one object, tables are handed out as copies; `core.ui.app.cached` makes the keys.
"""

from core.ui.app.cache.backbone_costs import costs
from core.ui.app.cache.datasets import (
    backbone_title,
    counts,
    damage_report,
    dataset,
    embedded,
    known,
    ready_datasets,
    sample_positions,
    status,
    status_table,
    store_place,
    titled,
)
from core.ui.app.cache.fusion_attribution import attribution, chosen_within_budget, landscape, offers
from core.ui.app.cache.fusions import (
    average_precision,
    baseline_comparison,
    chosen_mix,
    evaluator,
    intervals,
    leaderboard,
    levels,
    list_metrics,
    objective,
    query_sample,
    two_strongest,
)
from core.ui.app.cache.systems import compared, evaluated, protocols, system_ranks
from core.ui.app.cache.vector_sets import engine, map_space, n_valid, question, space, truth, vectors

__all__ = [
    "attribution",
    "average_precision",
    "backbone_title",
    "chosen_mix",
    "chosen_within_budget",
    "compared",
    "costs",
    "counts",
    "damage_report",
    "dataset",
    "embedded",
    "engine",
    "evaluated",
    "intervals",
    "evaluator",
    "known",
    "landscape",
    "leaderboard",
    "levels",
    "list_metrics",
    "map_space",
    "n_valid",
    "objective",
    "offers",
    "query_sample",
    "protocols",
    "question",
    "ready_datasets",
    "sample_positions",
    "space",
    "baseline_comparison",
    "status",
    "status_table",
    "store_place",
    "system_ranks",
    "titled",
    "truth",
    "two_strongest",
    "vectors",
]
