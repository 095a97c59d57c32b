"""Fusion by the words of DEFINITIONS.md, sections 1, 8 and 9: float64, one loop a sentence, nothing shared with core."""

from __future__ import annotations

import numpy as np


def unit(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows, np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(norms > 1e-12, rows / np.where(norms > 1e-12, norms, 1), 0.0)


def first_equal(rows: np.ndarray) -> list[int]:
    seen: dict[tuple, int] = {}
    return [seen.setdefault(tuple(row), i) for i, row in enumerate(rows.tolist())]


def cosines(rows: np.ndarray, first: list[int], queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Scores of unit rows; equal gallery rows get the score of the first of them. Rounded to float32 as stored."""
    table = rows[queries] @ rows[gallery].T
    where = {image: first[image] for image in gallery}
    leader: dict[int, int] = {}
    for column, image in enumerate(gallery):
        head = leader.setdefault(where[image], column)
        table[:, column] = table[:, head]
    return table


def order_of(row: np.ndarray, allowed: list[int]) -> list[int]:
    return sorted(allowed, key=lambda j: (-row[j], j))


def scale(values: list[float], norm: str) -> np.ndarray:
    values = np.array(values, np.float64)
    if norm == "none" or not len(values):
        return values
    if norm == "minmax":
        spread, middle = values.max() - values.min(), values.min()
    else:
        spread, middle = values.std(), values.mean()
    return values * 0 if spread < 1e-9 else (values - middle) / spread


def pca(rows: np.ndarray, gallery: np.ndarray, dim: int, whiten: bool) -> np.ndarray:
    center = rows[gallery].mean(axis=0)
    _, singular, components = np.linalg.svd(rows[gallery] - center, full_matrices=False)
    components, singular = components[:dim], singular[:dim]
    for component in components:
        if component[np.abs(component).argmax()] < 0:
            component *= -1
    projected = (rows - center) @ components.T
    if whiten:
        projected = projected / (singular / np.sqrt(len(gallery) - 1))
    result = unit(projected)
    result[~rows.any(axis=1)] = 0
    return result


def fused_vectors(kind: str, parts: list[np.ndarray], weights: list[float], gallery: np.ndarray, settings: dict):
    if kind in ("concat", "concat_pca"):
        joined = unit(np.concatenate([w * x for w, x in zip(weights, parts)], axis=1))
        if kind == "concat":
            return joined
        return pca(joined, gallery, settings["dim"], settings.get("whiten", False))
    if kind == "mean_pad":
        longest = max(x.shape[1] for x in parts)
        parts = [np.concatenate([x, np.zeros((len(x), longest - x.shape[1]))], axis=1) for x in parts]
    if kind == "mean_pca":
        parts = [pca(x, gallery, settings["dim"], False) for x in parts]
    return unit(sum(w * x for w, x in zip(weights, parts)) / sum(weights))


def fuse(record: dict, vectors: dict[str, np.ndarray], queries: np.ndarray, gallery: np.ndarray, own: np.ndarray):
    """(n_queries, n_gallery) float64 scores of one object of fusions.json; NaN where nothing was retrieved.

    `vectors` are raw; `own` says where each query stands in the gallery, −1 is nowhere.
    """
    given = record.get("weights") or [1.0] * len(record["backbones"])
    used = [(name, weight) for name, weight in zip(record["backbones"], given) if weight > 0]
    parts = [unit(vectors[name]) for name, _ in used]
    weights = [weight for _, weight in used]
    kind = record["kind"]
    if kind in ("concat", "mean", "weighted", "mean_pad", "mean_pca", "concat_pca"):
        rows = fused_vectors(kind, parts, weights, gallery, record)
        together = first_equal(np.concatenate(parts, axis=1))
        table = cosines(rows, together, queries, gallery)
    else:
        tables = [cosines(x, first_equal(x), queries, gallery).astype(np.float32).astype(np.float64) for x in parts]
        table = np.full(tables[0].shape, np.nan)
        for i in range(len(queries)):
            allowed = [j for j in range(len(gallery)) if j != own[i]]
            table[i] = one_query(kind, [t[i] for t in tables], weights, allowed, record)
    for i in range(len(queries)):
        if own[i] >= 0:
            table[i, own[i]] = np.nan
    return table


def one_query(kind: str, rows: list[np.ndarray], weights: list[float], allowed: list[int], record: dict) -> np.ndarray:
    depth = record.get("depth")
    lists = [order_of(row, allowed)[: depth or None] for row in rows]
    result = np.full(len(rows[0]), np.nan)
    norm = record.get("norm") or ("none" if kind == "score_sum" else "minmax")
    scaled = [dict(zip(items, scale([row[j] for j in items], norm))) for row, items in zip(rows, lists)]
    for j in allowed:
        holding = [m for m, items in enumerate(lists) if j in items]
        if not holding:
            continue
        if kind == "score_sum":
            result[j] = sum(weights[m] / sum(weights) * scaled[m][j] for m in holding)
        elif kind == "combsum":
            result[j] = sum(scaled[m][j] for m in holding)
        elif kind == "combmnz":
            result[j] = len(holding) * sum(scaled[m][j] for m in holding)
        elif kind == "rrf":
            k = record.get("k", 60)
            result[j] = round(sum(weights[m] / (k + lists[m].index(j) + 1) for m in holding), 12)
        elif kind == "borda":
            result[j] = round(sum(weights[m] * (len(lists[m]) - lists[m].index(j)) for m in holding), 12)
        else:
            raise ValueError(kind)
    return result


def average_precision(row: np.ndarray, relevant: set[int], junk: set[int], allowed: list[int]) -> float:
    """AP over all points; what was not retrieved contributes 0 and stays in R. NaN when nothing is relevant."""
    wanted = [j for j in relevant if j in allowed]
    if not wanted:
        return float("nan")
    ranked = [j for j in order_of(np.where(np.isnan(row), -np.inf, row), [j for j in allowed if not np.isnan(row[j])])]
    ranked = [j for j in ranked if j not in junk]
    hits, total = 0, 0.0
    for place, j in enumerate(ranked, start=1):
        if j in relevant:
            hits += 1
            total += hits / place
    return total / len(wanted)
