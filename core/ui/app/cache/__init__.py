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
    interpolated_curve,
    intervals,
    leaderboard,
    list_metrics,
    objective,
    query_sample,
    two_strongest,
)
from core.ui.app.cache.systems import comparison_of, evaluation_of, protocols, system_ranks
from core.ui.app.cache.vector_sets import engine, image_query, joint_space, n_valid, relevance_of, vector_set, vectors

__all__ = [
    "attribution",
    "chosen_within_budget",
    "comparison_of",
    "costs",
    "evaluation_of",
    "landscape",
    "protocols",
    "subset_costs",
    "system_ranks",
]
