"""How good a ranking is: the table of metrics and what computes them. Arrays in, arrays out."""

# The order of these imports is the order of the table of metrics.
# isort: off
from core.metrics.registry import METRICS, Metric, as_judged, label, list_keys, parse, sentence
from core.metrics.ranking import average_precision, compute, falls_with_k, precision_revisitop
from core.metrics import curves
from core.metrics.means import class_mean, empty_as_zero, mean
from core.metrics import knn, clustering, hubs
from core.metrics import verification
# isort: on

__all__ = [
    "METRICS",
    "Metric",
    "as_judged",
    "average_precision",
    "class_mean",
    "clustering",
    "compute",
    "curves",
    "empty_as_zero",
    "falls_with_k",
    "hubs",
    "knn",
    "label",
    "list_keys",
    "mean",
    "parse",
    "precision_revisitop",
    "sentence",
    "verification",
]
