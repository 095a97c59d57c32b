"""Joining vectors: concatenation, means in one space, and PCA.

All parts are (n_images, dim) float32 unit vectors of one backbone each; a zero row means that this backbone has
nothing for this image. Fused rows are unit vectors again, or zero where no backbone has anything.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from core import arrays
from core.errors import BadInput, ShapeMismatch
from core.fusion.strategy import FUSIONS, Parameter, dim_parameter
from core.setups import Bounds
from core.types import unit

FLAT = 1e-10
"""A principal component whose deviation is this small beside the first one's is noise: it is left at zero."""


def shares_of(weights: np.ndarray) -> np.ndarray:
    """Weights w_m of a concatenation as shares w_m²/Σw².

    >>> shares_of(np.array([1.0, 3.0]))
    array([0.1, 0.9])
    """
    squares = np.asarray(weights, np.float64) ** 2
    return squares / squares.sum()


def weights_of(shares: np.ndarray) -> np.ndarray:
    """Shares a_m as the weights of a concatenation, √a_m."""
    return np.sqrt(np.asarray(shares, np.float64))


def present(vectors: np.ndarray) -> np.ndarray:
    """(n_images,) bool: where a backbone has something; a zero vector means that it has nothing."""
    return np.asarray(np.asarray(vectors).any(axis=1))


@FUSIONS.register(
    "concat",
    label="Concatenation",
    joins="vectors",
    weight="length",
    linear=True,
    sentence="The vectors are put behind one another, so each backbone keeps its own view and adds its own say.",
    reference="DEFINITIONS.md, section 8",
)
def concat(parts: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """[w_1 x_1; …; w_M x_M], unit again: (n_images, Σ dim) float32.

    The cosine of two such rows is Σ w² s_m / √(Σ_{m in q} w² · Σ_{m in g} w²), over the parts that are there.

    >>> concat([np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32)], np.array([3.0, 4.0]))[0]
    array([0.6, 0. , 0.8, 0. ], dtype=float32)
    """
    rows = len(parts[0])
    joined = np.empty((rows, sum(part.shape[1] for part in parts)), np.float32)
    start = 0
    for weight, part in zip(weights, parts):
        joined[:, start : start + part.shape[1]] = part * np.float32(weight)
        start += part.shape[1]
    return unit(joined)


def concat_queries(parts: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Query vectors [w_m² x_m] whose dot products with the UNWEIGHTED stored concatenation rank as `concat` does.

    So a stored or indexed gallery never changes when weights do. It holds where no part is missing: refused else.

    Args:
        parts: (n_queries, dim) unit vectors per backbone.
        weights: (n_backbones,) w_m of `concat`.
    Returns:
        (n_queries, Σ dim) float32, scaled so that the dot product with [x_1; …; x_M] is the fused cosine.
    Raises:
        BadInput: a part is missing, where weights on one side would give another order.
    """
    lacking = sum(int((~present(part)).sum()) for part in parts)
    if lacking:
        raise BadInput(
            f"{lacking} vectors are missing (zero), so weights cannot be put on the query side alone. "
            "Fuse both sides with `concat`, or leave those images out."
        )
    return np.concatenate([part * np.float32(a) for part, a in zip(parts, shares_of(weights))], axis=1)


def concat_scores(
    scores: Sequence[np.ndarray],
    weights: np.ndarray,
    query_present: np.ndarray | None = None,
    gallery_present: np.ndarray | None = None,
) -> np.ndarray:
    """Cosines of the concatenation from each backbone's cosines, without building it.

    Args:
        scores: (n_queries, n_gallery) float32 cosines per backbone.
        weights: (n_backbones,) w_m.
        query_present, gallery_present: (n_queries, n_backbones) and (n_gallery, n_backbones) bool, True where the
            backbone has a vector; None when nothing is missing.
    Returns:
        (n_queries, n_gallery) float64; 0 where either side has nothing at all.
    """
    squares = np.asarray(weights, np.float64) ** 2
    total = np.zeros(scores[0].shape, np.float64)
    for square, part in zip(squares, scores):
        total += square * part
    if query_present is None or gallery_present is None:
        return total / squares.sum()
    query_lengths, gallery_lengths = query_present @ squares, gallery_present @ squares
    length = (
        np.sqrt(np.where(query_lengths > 0, query_lengths, np.inf))[:, None]
        * np.sqrt(np.where(gallery_lengths > 0, gallery_lengths, np.inf))[None, :]
    )
    return total / length


def _weighted_mean(parts: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    weights = np.asarray(weights, np.float64)
    total = np.zeros(parts[0].shape, np.float64)
    for weight, part in zip(weights / weights.sum(), parts):
        total += weight * part
    return unit(total)


@FUSIONS.register(
    "mean",
    label="Mean of vectors",
    joins="vectors",
    weight="share",
    sentence="The vectors are averaged number by number. Only sensible when the backbones share one space.",
    reference="DEFINITIONS.md, section 8",
)
def mean(parts: Sequence[np.ndarray], weights: np.ndarray, names: Sequence[str] = ()) -> np.ndarray:
    """Σ w_m x_m / Σ w_m, unit again: (n_images, dim) float32. Needs equal dims, and one space to mean anything.

    Raises:
        ShapeMismatch: the dims differ; the sentence names what to use instead.
    """
    dims = [part.shape[1] for part in parts]
    if len(set(dims)) > 1:
        lengths = ", ".join(f"{name} {dim}" for name, dim in zip(names or range(len(dims)), dims))
        raise ShapeMismatch(
            f"A mean needs vectors of one length, and these differ ({lengths}). "
            "Use concat or score_sum, or name how to equal the lengths: mean_pad, mean_pca or mean_random."
        )
    return _weighted_mean(parts, weights)


@FUSIONS.register(
    "weighted",
    label="Weighted mean of vectors",
    joins="vectors",
    weight="share",
    sentence="As the mean, with a weight for each backbone. Only sensible when the backbones share one space.",
    reference="DEFINITIONS.md, section 8",
)
def weighted(parts: Sequence[np.ndarray], weights: np.ndarray, names: Sequence[str] = ()) -> np.ndarray:
    """The same as `mean`, under the name that people use when weights are set."""
    return mean(parts, weights, names)


@FUSIONS.register(
    "mean_pad",
    label="Mean, padded with zeros",
    joins="vectors",
    weight="share",
    sentence="Shorter vectors are filled with zeros to the longest, then averaged.",
    reference="DEFINITIONS.md, section 8",
)
def mean_pad(parts: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """The mean after padding every part with zeros to the largest dim."""
    dim = max(part.shape[1] for part in parts)
    return _weighted_mean([np.pad(part, ((0, 0), (0, dim - part.shape[1]))) for part in parts], weights)


class Pca:
    """Centred principal components by a full singular value decomposition in float64.

    The sign of each component is fixed so that its largest absolute loading is positive.

    Args:
        rows: (n, dim) what to fit on: the gallery, never queries.
        dim: components kept, at most min(n, dim of the rows).
        whiten: divide by the standard deviation (ddof 1).
    """

    def __init__(self, rows: np.ndarray, dim: int, whiten: bool = False) -> None:
        from scipy.linalg import svd

        wide = np.asarray(rows, np.float64)
        self.center = wide.mean(axis=0)
        _, singular, components = svd(wide - self.center, full_matrices=False, overwrite_a=True, check_finite=False)
        components, singular = components[:dim], singular[:dim]
        largest = np.abs(components).argmax(axis=1)
        components = components * np.where(components[np.arange(len(components)), largest] < 0, -1.0, 1.0)[:, None]
        alive = singular > FLAT * max(float(singular[:1].max(initial=0.0)), 1e-300)
        self.deviations = singular / np.sqrt(max(len(wide) - 1, 1))
        scale = 1.0 / np.where(alive, self.deviations, 1.0) if whiten else np.ones(len(singular))
        self.components = components * np.where(alive, scale, 0.0)[:, None]

    def project(self, rows: np.ndarray, block: int = 4096) -> np.ndarray:
        """(n, dim) float64."""
        result = np.empty((len(rows), len(self.components)))
        for part in arrays.chunks(len(rows), block):
            result[part] = (np.asarray(rows[part], np.float64) - self.center) @ self.components.T
        return result


def _fitting_dim(dim: int | None, longest: int, what: str) -> int:
    if dim is None:
        return longest
    if not 1 <= dim <= longest:
        raise BadInput(f"{what} can have 1 to {longest} dimensions here, not {dim}. Choose a smaller `dim`.")
    return int(dim)


def _reduced(part: np.ndarray, gallery: np.ndarray, dim: int, whiten: bool) -> np.ndarray:
    """Unit projections of the rows on components fitted on the gallery; what was missing stays missing."""
    projected = unit(Pca(part[gallery], dim, whiten).project(part))
    projected[~present(part)] = 0.0
    return projected


@FUSIONS.register(
    "mean_pca",
    label="Mean after PCA",
    joins="vectors",
    weight="share",
    parameters=(dim_parameter(),),
    sentence="Each backbone is brought to the same number of its main directions, then averaged.",
    reference="DEFINITIONS.md, section 8",
)
def mean_pca(
    parts: Sequence[np.ndarray], weights: np.ndarray, gallery: np.ndarray, dim: int | None = None
) -> np.ndarray:
    """The mean of each backbone's `dim` principal components, fitted on the gallery, unit before and after.

    `dim` not set means the largest that all backbones and the gallery allow.
    """
    longest = min(len(gallery), *(part.shape[1] for part in parts))
    dim = _fitting_dim(dim, longest, "mean_pca")
    return _weighted_mean([_reduced(part, gallery, dim, False) for part in parts], weights)


@FUSIONS.register(
    "mean_random",
    label="Mean after random projection",
    joins="vectors",
    weight="share",
    parameters=(dim_parameter(), Parameter("seed", 0, Bounds("whole", low=0, high=2**31 - 1, label="Seed"))),
    sentence="Each backbone is cast by its own random matrix to the same length, then averaged: cheap, nothing fitted.",
    reference="Johnson and Lindenstrauss 1984, doi:10.1090/conm/026/737400; "
    "Achlioptas 2003, doi:10.1016/S0022-0000(03)00025-4",
)
def mean_random(
    parts: Sequence[np.ndarray], weights: np.ndarray, names: Sequence[str], dim: int | None = None, seed: int = 0
) -> np.ndarray:
    """The mean of seeded Gaussian random projections to `dim` (not set: the largest part), unit before and after.

    The matrix of a backbone depends on the seed and on its name alone, so the order of backbones changes nothing.
    """
    dim = _fitting_dim(dim, 65_536, "mean_random") if dim else max(part.shape[1] for part in parts)
    cast = []
    for name, part in zip(names, parts):
        matrix = np.random.default_rng([seed, zlib.crc32(name.encode())]).standard_normal((part.shape[1], dim))
        cast.append(unit(part @ matrix.astype(np.float32)))
    return _weighted_mean(cast, weights)


@FUSIONS.register(
    "concat_pca",
    label="Concatenation, then PCA",
    joins="vectors",
    weight="length",
    parameters=(dim_parameter(), Parameter("whiten", False, Bounds("flag", label="Whiten"))),
    sentence="The concatenation is reduced to its main directions: short vectors that keep most of what all see.",
    reference="Jolliffe 2002, doi:10.1007/b98835; whitening: Jégou and Chum 2012, doi:10.1007/978-3-642-33709-3_55",
)
def concat_pca(
    parts: Sequence[np.ndarray],
    weights: np.ndarray,
    gallery: np.ndarray,
    dim: int | None = None,
    whiten: bool = False,
) -> np.ndarray:
    """The concatenation on `dim` principal components fitted on the gallery alone, optionally whitened, unit again.

    `dim` not set means min(n_gallery, Σ dim, 256). A row of which nothing is there stays zero.
    """
    joined = concat(parts, weights)
    longest = min(len(gallery), joined.shape[1])
    chosen = min(longest, 256) if dim is None else _fitting_dim(dim, longest, "concat_pca")
    return _reduced(joined, gallery, chosen, whiten)
