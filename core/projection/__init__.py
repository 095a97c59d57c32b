"""Maps: PCA, t-SNE and UMAP of any system's vectors, how far a map can be trusted, and clusters. Pure arrays."""

from core.projection.alignment import align, drift, framed
from core.projection.clusters import cluster_names, density_clusters
from core.projection.layouts import layout_key, load_layout, save_layout
from core.projection.methods import METHODS, LayoutJob, Method, defaults, layout, parameters_of
from core.projection.neighbourhoods import Neighbours, nearest, nearest_to, neighbourhood_change, neighbours
from core.projection.quality import Quality, measure_quality
from core.projection.space import JointSpace, principal_components
from core.projection.umap_layout import umap_is_warm, warm_umap

__all__ = [
    "METHODS",
    "JointSpace",
    "LayoutJob",
    "Method",
    "Neighbours",
    "Quality",
    "align",
    "cluster_names",
    "defaults",
    "density_clusters",
    "drift",
    "framed",
    "layout",
    "layout_key",
    "load_layout",
    "measure_quality",
    "nearest",
    "nearest_to",
    "neighbourhood_change",
    "neighbours",
    "parameters_of",
    "principal_components",
    "save_layout",
    "umap_is_warm",
    "warm_umap",
]
