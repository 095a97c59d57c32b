"""From files to figures: every kind of fusion through the black-box door, against a slow independent reference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadInput, CoreError
from core.studies import evaluation_tables, external_vectors
from tests.studies import slow_fusion

N = 36
FUSIONS = [
    {"name": "concat", "kind": "concat", "backbones": ["a", "b", "c"]},
    {"name": "concat w", "kind": "concat", "backbones": ["a", "b", "c"], "weights": [2.0, 0.5, 1.0]},
    {"name": "concat 0", "kind": "concat", "backbones": ["a", "b", "c"], "weights": [2.0, 0.0, 1.0]},
    {"name": "mean", "kind": "mean", "backbones": ["a", "d"]},
    {"name": "mean w", "kind": "mean", "backbones": ["a", "d"], "weights": [0.3, 0.7]},
    {"name": "mean_pad", "kind": "mean_pad", "backbones": ["a", "b", "c"], "weights": [0.2, 0.3, 0.5]},
    {"name": "mean_pca", "kind": "mean_pca", "backbones": ["a", "c"], "dim": 4},
    {"name": "concat_pca", "kind": "concat_pca", "backbones": ["a", "c"], "dim": 6},
    {"name": "white", "kind": "concat_pca", "backbones": ["a", "c"], "dim": 6, "whiten": True, "weights": [1, 2]},
    {"name": "sum", "kind": "score_sum", "backbones": ["a", "b", "c"], "weights": [0.2, 0.3, 0.5], "norm": "none"},
    {"name": "sum mm", "kind": "score_sum", "backbones": ["a", "b", "c"], "weights": [0.2, 0.3, 0.5], "norm": "minmax"},
    {"name": "sum z", "kind": "score_sum", "backbones": ["a", "b", "c"], "weights": [0.2, 0, 0.5], "norm": "zscore"},
    {"name": "combsum", "kind": "combsum", "backbones": ["a", "b", "c"]},
    {"name": "combsum z", "kind": "combsum", "backbones": ["a", "b", "c"], "norm": "zscore"},
    {"name": "combsum d", "kind": "combsum", "backbones": ["a", "b", "c"], "depth": 5},
    {"name": "combmnz", "kind": "combmnz", "backbones": ["a", "b", "c"]},
    {"name": "combmnz d", "kind": "combmnz", "backbones": ["a", "b", "c"], "depth": 7},
    {"name": "rrf", "kind": "rrf", "backbones": ["a", "b", "c"]},
    {"name": "rrf kd", "kind": "rrf", "backbones": ["a", "b", "c"], "k": 5, "depth": 6, "weights": [1, 2, 1]},
    {"name": "borda", "kind": "borda", "backbones": ["a", "b", "c"]},
]


def world(seed: int) -> dict[str, np.ndarray]:
    """Raw vectors: exact ties (one-hot b), parts and wholes that are missing, duplicates in one and in all."""
    rng = np.random.default_rng(seed)
    vectors = {name: rng.standard_normal((N, dim)).astype(np.float32) for name, dim in (("a", 8), ("c", 11), ("d", 8))}
    vectors["b"] = np.eye(4, dtype=np.float32)[rng.integers(0, 4, N)] * 3
    for rows in vectors.values():
        rows[20] = rows[4]
        rows[21] = rows[4]
    vectors["a"][9] = vectors["a"][2]
    vectors["a"][5] = vectors["c"][6] = vectors["b"][7] = 0
    for rows in vectors.values():
        rows[11] = 0
    return vectors


def labels_of(seed: int, several: bool) -> list[str]:
    rng = np.random.default_rng(seed + 100)
    found = []
    for number in range(N):
        if number % 13 == 12:
            found.append("")
        elif several:
            found.append("|".join(sorted({str(c) for c in rng.integers(0, 6, rng.integers(1, 4))})))
        else:
            found.append(str(rng.integers(0, 5)))
    found[30] = "lone"
    return found


def splits_of(seed: int, how: str) -> list[str] | None:
    if how == "self":
        return None
    rng = np.random.default_rng(seed + 200)
    words = ["query", "gallery", "query|gallery"] if how == "overlap" else ["query", "gallery"]
    return [words[i] for i in rng.integers(0, len(words), N)]


def write(folder: Path, vectors: dict, labels: list[str], splits: list[str] | None, pairs: list | None) -> dict:
    for name, rows in vectors.items():
        np.save(folder / f"{name}.npy", rows)
    head = "id,label" + (",split" if splits else "")
    lines = [f"i{n},{label}" + (f",{splits[n]}" if splits else "") for n, label in enumerate(labels)]
    (folder / "labels.csv").write_text("\n".join([head, *lines]) + "\n")
    (folder / "fusions.json").write_text(json.dumps(FUSIONS))
    given = {
        "vectors": {name: folder / f"{name}.npy" for name in vectors},
        "labels": folder / "labels.csv",
        "fusions": folder / "fusions.json",
    }
    if pairs:
        rows = [f"i{q},i{j},{kind}" for q, j, kind in pairs]
        (folder / "pairs.csv").write_text("\n".join(["query_id,item_id,kind", *rows]) + "\n")
        given["pairs"] = folder / "pairs.csv"
    return given


def slow_means(vectors: dict, labels: list[str], splits: list[str] | None, pairs: list | None) -> dict:
    """name → (mean AP, p@5, valid queries), all by loops."""
    queries = np.array([n for n in range(N) if splits is None or "query" in splits[n]])
    gallery = np.array([n for n in range(N) if splits is None or "gallery" in splits[n]])
    own = np.array([list(gallery).index(q) if q in gallery else -1 for q in queries])
    sets = [set(label.split("|")) - {""} for label in labels]
    systems = [{"name": name, "kind": "concat", "backbones": [name]} for name in vectors] + FUSIONS
    found = {}
    for record in systems:
        table = slow_fusion.fuse(record, vectors, queries, gallery, own)
        values, fives = [], []
        for i, q in enumerate(queries):
            allowed = [j for j in range(len(gallery)) if j != own[i]]
            relevant = {j for j in allowed if sets[q] & sets[gallery[j]]}
            junk = set()
            for asks, item, kind in pairs or ():
                if asks == q and item in gallery and item != q:
                    (relevant if kind == "relevant" else junk).add(list(gallery).index(item))
            value = slow_fusion.average_precision(table[i], relevant, junk, allowed)
            values.append(value)
            if not np.isnan(value):
                there = [j for j in allowed if not np.isnan(table[i][j])]
                order = [j for j in slow_fusion.order_of(table[i], there) if j not in junk]
                fives.append(len(set(order[:5]) & relevant) / 5)
        found[record["name"]] = (np.nanmean(values), np.mean(fives), int((~np.isnan(values)).sum()))
    return found


@pytest.mark.parametrize("how", ["self", "apart", "overlap"])
@pytest.mark.parametrize("several", [False, True], ids=["one label", "several labels"])
def test_every_kind_from_files_to_figures(tmp_path: Path, how: str, several: bool) -> None:
    seed = 10 * several + len(how)
    vectors, labels, splits = world(seed), labels_of(seed, several), splits_of(seed, how)
    result, _ = external_vectors.evaluate_files(**write(tmp_path, vectors, labels, splits, None), ks=(1, 5))
    assert_agrees(result, slow_means(vectors, labels, splits, None))


def test_pairs_complete_labels_and_junk_leaves_after_ranking(tmp_path: Path) -> None:
    vectors, labels = world(3), labels_of(3, False)
    pairs = [(0, n, "relevant") for n in range(1, N) if labels[n] != labels[0]][:3]
    pairs += [(q, n, "junk") for q in (1, 2, 4) for n in range(N) if n != q and labels[n] != labels[q]][:40]
    result, _ = external_vectors.evaluate_files(**write(tmp_path, vectors, labels, None, pairs), ks=(1, 5))
    assert_agrees(result, slow_means(vectors, labels, None, pairs))


def assert_agrees(result, expected: dict) -> None:

    record = json.loads(json.dumps(evaluation_tables.as_json(result), allow_nan=False))
    systems = {one["name"]: one["metrics"] for one in record["systems"]}
    assert set(systems) == set(expected)
    for name, (mean, five, valid) in expected.items():
        assert systems[name]["map"]["n_valid"] == valid
        assert systems[name]["map"]["mean"] == pytest.approx(mean, abs=1e-5), name
        assert systems[name]["p@5"]["mean"] == pytest.approx(five, abs=1e-5), name


def test_invalid_rows_are_refused_or_dropped_for_all(tmp_path: Path) -> None:

    vectors, labels = world(1), labels_of(1, False)
    vectors["a"][3] = np.nan
    vectors["c"][8, 2] = np.inf
    given = write(tmp_path, vectors, labels, None, None)
    with pytest.raises(BadInput, match="i3"):
        external_vectors.evaluate_files(**given)
    result, _ = external_vectors.evaluate_files(**given, invalid="drop")
    for one in evaluation_tables.as_json(result)["systems"]:
        assert one["metrics"]["map"]["n_queries"] <= N - 2


def test_what_is_wrong_with_the_files_is_one_sentence(tmp_path: Path) -> None:
    given = write(tmp_path, world(1), labels_of(1, False), None, None)
    with pytest.raises(BadInput, match="--labels"):
        external_vectors.evaluate_files(**(given | {"labels": None}))
    for record, said in (
        ([{"name": "x", "kind": "concat", "backbones": ["a", "nobody"]}], "'nobody'"),
        ([{"name": "a", "kind": "concat", "backbones": ["a", "b"]}], "Two systems are named 'a'"),
        ([{"name": "x", "kind": "mean", "backbones": ["a", "c"]}], "mean_pca"),
        ([{"name": "x", "kind": "concat_pca", "backbones": ["a"], "dim": 500}], "dimensions"),
        ([{"name": "x", "kind": "gate", "backbones": ["a"]}], "not trained"),
    ):
        (tmp_path / "fusions.json").write_text(json.dumps(record))
        with pytest.raises(CoreError, match=said) as caught:
            external_vectors.evaluate_files(**given)
        assert "\n" not in str(caught.value)
