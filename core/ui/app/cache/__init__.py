"""What several pages and sessions share: loaded datasets, aligned embeddings, live engines, results of studies.

Large read-only arrays are shared as one object, tables are handed out as copies; `core.ui.app.cached` makes the keys.
"""

from core.ui.app.cache.backbone_costs import costs, embedding_seconds
from core.ui.app.cache.datasets import (
    backbone_title,
    counts,
    damage_report,
    dataset,
    embedded,
    ready_datasets,
    sample_positions,
    status,
    status_table,
    store_folder,
    usable_backbones,
    with_titles,
)
from core.ui.app.cache.fusion_attribution import attribution, chosen_within_budget, landscape, subset_costs
from core.ui.app.cache.fusions import (
    average_precision,
    baseline_comparison,
    chosen_mix,
    evaluator,
    headline,
    interpolated_curve,
    intervals,
    leaderboard,
    list_metrics,
    objective,
    query_sample,
    two_strongest,
)
from core.ui.app.cache.steps import hubness, pipeline, rerank_cost, training_truth
from core.ui.app.cache.systems import comparison_of, evaluation_of, protocols, system_ranks, verification_of
from core.ui.app.cache.vector_sets import engine, image_query, joint_space, n_valid, relevance_of, vector_set, vectors

__all__ = [
    "attribution",
    "average_precision",
    "backbone_title",
    "baseline_comparison",
    "chosen_mix",
    "chosen_within_budget",
    "comparison_of",
    "costs",
    "counts",
    "damage_report",
    "dataset",
    "embedded",
    "embedding_seconds",
    "engine",
    "evaluation_of",
    "evaluator",
    "headline",
    "hubness",
    "image_query",
    "interpolated_curve",
    "intervals",
    "joint_space",
    "landscape",
    "leaderboard",
    "list_metrics",
    "n_valid",
    "objective",
    "pipeline",
    "protocols",
    "query_sample",
    "ready_datasets",
    "relevance_of",
    "rerank_cost",
    "sample_positions",
    "status",
    "status_table",
    "store_folder",
    "subset_costs",
    "system_ranks",
    "training_truth",
    "two_strongest",
    "usable_backbones",
    "vector_set",
    "vectors",
    "verification_of",
    "with_titles",
]
