"""One query at a time: what a system returns, what it misses, why, and how two systems differ on it.

A click costs one row of scores per backbone, never a matrix. Everything here is arrays and tables; pages and the
report draw them.
"""

from core.studies.retrieval.confusion import confused_pairs, confusions
from core.studies.retrieval.failures import (
    QueryCase,
    best_and_worst,
    evaluate_queries,
    hardest_queries,
    kinds_of,
    largest_differences,
    of_label,
    query_numbers,
)
from core.studies.retrieval.feedback import Feedback, moved_query, rocchio
from core.studies.retrieval.overlap import ListOverlap, list_overlap, overlap_table
from core.studies.retrieval.query import (
    Query,
    browse,
    gallery_image_query,
    mean_vector,
    positions_of_label,
    sample_positions,
    text_key,
    uploaded_image_query,
)
from core.studies.retrieval.result import (
    NOT_LISTED,
    QueryResult,
    RankChanges,
    filtered,
    precision_recall,
    query_metrics,
    rank_changes,
    ranked_positions,
    results_table,
    retrieve,
)

__all__ = [
    "NOT_LISTED",
    "Feedback",
    "ListOverlap",
    "Query",
    "QueryCase",
    "QueryResult",
    "RankChanges",
    "best_and_worst",
    "browse",
    "confused_pairs",
    "confusions",
    "evaluate_queries",
    "filtered",
    "gallery_image_query",
    "hardest_queries",
    "kinds_of",
    "largest_differences",
    "list_overlap",
    "mean_vector",
    "moved_query",
    "of_label",
    "overlap_table",
    "positions_of_label",
    "precision_recall",
    "query_metrics",
    "query_numbers",
    "rank_changes",
    "ranked_positions",
    "results_table",
    "retrieve",
    "rocchio",
    "sample_positions",
    "text_key",
    "uploaded_image_query",
]
