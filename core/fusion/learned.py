"""Trained fusions, as they answer: a gate over backbones, and a linear head. Training lies in studies.weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.fusion.early import concat, present
from core.fusion.late import weighted_by_query
from core.fusion.strategy import FUSIONS
from core.types import unit

PROFILE_RANKS = (1, 2, 5, 10, 20, 50)
"""The ranks at which a score curve is read for the gate's profile."""


def profiles(scores: Sequence[np.ndarray], own: np.ndarray | None) -> np.ndarray:
    """What a query's score curves look like, per backbone: (n_queries, n_backbones · 8) float32.

    Per backbone: the scores at ranks 1, 2, 5, 10, 20, 50 as z-scores of its pool, the first score itself, and the
    pool's standard deviation. All of it is known when the query is asked; no label is used.
    """
    blocks = []
    for part in scores:
        pool = np.array(part, np.float32)
        counted = np.full(len(pool), pool.shape[1], np.float64)
        if own is not None:
            rows = np.flatnonzero(own >= 0)
            pool[rows, own[rows]] = np.nan
            counted[rows] -= 1
        counted = np.maximum(counted, 1)[:, None]
        wide = np.nan_to_num(pool.astype(np.float64), nan=0.0)
        middle = wide.sum(axis=1, keepdims=True) / counted
        spread = np.sqrt((np.where(np.isnan(pool), 0.0, wide - middle) ** 2).sum(axis=1, keepdims=True) / counted)
        keep = min(max(PROFILE_RANKS), pool.shape[1])
        visible = np.where(np.isnan(pool), -np.inf, pool)
        top = -np.sort(-np.partition(visible, pool.shape[1] - keep, axis=1)[:, -keep:], axis=1)
        read = top[:, [min(rank, keep) - 1 for rank in PROFILE_RANKS]].astype(np.float64)
        read = np.where(np.isfinite(read), read, middle)
        scaled = (read - middle) / np.maximum(spread, 1e-9)
        blocks.append(np.concatenate([scaled, read[:, :1], spread], axis=1))
    return np.concatenate(blocks, axis=1).astype(np.float32)


def gate_shares(inputs: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """(n_queries, n_backbones) float64, rows sum to 1: softmax of a linear map of the gate's inputs."""
    raw = np.asarray(inputs, np.float64) @ np.asarray(weight, np.float64) + np.asarray(bias, np.float64)
    raw -= raw.max(axis=1, keepdims=True)
    shares = np.exp(raw)
    return shares / shares.sum(axis=1, keepdims=True)


def gate_inputs(
    scores: Sequence[np.ndarray],
    own: np.ndarray | None,
    queries: Sequence[np.ndarray],
    center: np.ndarray,
    scale: np.ndarray,
    basis: np.ndarray,
) -> np.ndarray:
    """(n_queries, n_features) float64: the score profiles and the query's own place on a few main directions."""
    seen = np.concatenate([np.asarray(part, np.float64) for part in queries], axis=1) @ np.asarray(basis, np.float64)
    return (np.concatenate([profiles(scores, own), seen], axis=1) - center) / scale


@FUSIONS.register(
    "gate",
    label="Attention-style gate",
    joins="scores",
    weight="",
    learned=True,
    arrays=(
        ("basis", ("joined", "seen")),
        ("weight", ("profiles+seen", "backbones")),
        ("bias", ("backbones",)),
        ("center", ("profiles+seen",)),
        ("scale", ("profiles+seen",)),
    ),
    sentence="A small trained gate looks at each query and decides how much each backbone may say about it.",
    reference="Jacobs et al. 1991, doi:10.1162/neco.1991.3.1.79 (mixture of experts); "
    "Vaswani et al. 2017, arXiv:1706.03762",
)
def gate(
    scores: Sequence[np.ndarray],
    weights: np.ndarray,
    own: np.ndarray | None,
    queries: Sequence[np.ndarray],
    learned: dict[str, np.ndarray],
) -> np.ndarray:
    """Σ_m a_m(q) · z_m with shares a(q) from the trained gate and z-scored scores z.

    Args:
        queries: (n_queries, dim) unit vectors per backbone.
        learned: weight (n_features, n_backbones), bias, center, scale, basis (Σ dim, n_directions).
    Returns:
        (n_queries, n_gallery) float64; −inf at the query's own place.
    """
    inputs = gate_inputs(scores, own, queries, learned["center"], learned["scale"], learned["basis"])
    return weighted_by_query(scores, gate_shares(inputs, learned["weight"], learned["bias"]), own, "zscore")


@FUSIONS.register(
    "linear_head",
    label="Linear fusion head",
    joins="vectors",
    weight="length",
    learned=True,
    arrays=(("matrix", ("joined", "dim")), ("shift", ("dim",))),
    sentence="A trained linear map turns the joined vectors into a short one that keeps what tells classes apart.",
    reference="Wu et al. 2017, arXiv:1706.07567 (margin and sampling); Musgrave et al. 2020, arXiv:2003.08505",
)
def linear_head(parts: Sequence[np.ndarray], weights: np.ndarray, learned: dict[str, np.ndarray]) -> np.ndarray:
    """The concatenation times a trained matrix plus a shift, unit again: (n_images, dim) float32.

    An image of which nothing is there stays zero.

    Args:
        learned: matrix (Σ dim, dim) and shift (dim,), float32.
    """
    joined = concat(parts, weights)
    fused = unit(joined.astype(np.float64) @ learned["matrix"].astype(np.float64) + learned["shift"])
    fused[~present(joined)] = 0.0
    return fused
