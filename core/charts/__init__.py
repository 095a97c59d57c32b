"""Tables and results in, charts out. No Streamlit here.

A chart that pages and the report share is a record with `figure()` (Plotly) and `svg()`: `BarChart`, `LineChart`. The
others, which only pages draw, are functions that return a Plotly figure. One module per form: bars, lines, heatmaps,
scatter; `base` holds what all share.
"""

from core.charts.bars import Bar, BarChart, attribution, class_counts, histogram
from core.charts.base import (
    BACKBONE_COLOURS,
    FUSION_COLOUR,
    OTHER_MIX_COLOUR,
    Chart,
    as_judged,
    backbone_colour,
    download_config,
    fusion_style,
    plain_text,
)
from core.charts.critical_difference import CriticalDifference, RankedSystem
from core.charts.grouped_bars import BarSeries, GroupedBars
from core.charts.heatmaps import (
    DARK,
    LIGHT,
    Shades,
    class_map,
    confusion_map,
    differences_map,
    label_confusion,
    similarity_map,
)
from core.charts.lines import (
    Line,
    LineChart,
    ListedImage,
    dimensions,
    precision_recall,
    rank_lines,
    stress_chart,
    training,
    tuning,
)
from core.charts.scatter import CostPoint, MapChart, cost_scatter, image_sizes, quality_cost, subset_costs
from core.charts.thresholds import CutChart, RateChart, ReliabilityChart, rate_line
from core.charts.waterfall import Waterfall, WaterfallStep, of_pipeline

__all__ = [
    "BACKBONE_COLOURS",
    "DARK",
    "FUSION_COLOUR",
    "LIGHT",
    "OTHER_MIX_COLOUR",
    "Bar",
    "BarChart",
    "BarSeries",
    "Chart",
    "CostPoint",
    "CriticalDifference",
    "CutChart",
    "GroupedBars",
    "Line",
    "LineChart",
    "ListedImage",
    "MapChart",
    "RankedSystem",
    "RateChart",
    "ReliabilityChart",
    "Shades",
    "Waterfall",
    "WaterfallStep",
    "attribution",
    "backbone_colour",
    "class_counts",
    "class_map",
    "confusion_map",
    "cost_scatter",
    "differences_map",
    "dimensions",
    "download_config",
    "fusion_style",
    "histogram",
    "image_sizes",
    "label_confusion",
    "of_pipeline",
    "as_judged",
    "plain_text",
    "precision_recall",
    "quality_cost",
    "rank_lines",
    "rate_line",
    "similarity_map",
    "stress_chart",
    "subset_costs",
    "training",
    "tuning",
]
