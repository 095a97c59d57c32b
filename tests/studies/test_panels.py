"""Large sets: the panel is seeded and says what it is; judging by slices gives what judging at once gives."""

from __future__ import annotations

import numpy as np
import pytest

from core import data
from core.errors import Cancelled
from core.fusion import FusionSpec
from core.search import LiveEngine
from core.studies import fusion_baseline, fusion_evaluator, query_sampling, training_split
from core.studies.vector_set import VectorSet
from core.task import Task
from core.types import Dataset, Relevance, unit

N = 300
KEYS = ("map", "p@1", "ndcg@10")


@pytest.fixture
def world() -> tuple[Dataset, VectorSet, Relevance]:
    import hashlib

    import pandas as pd

    random = np.random.default_rng(0)
    labels = random.integers(0, 9, N)
    labels[:4] = -1
    ids = np.array([f"i{n}" for n in range(N)])
    keys = np.array([hashlib.sha256(text.encode()).hexdigest() for text in ids], "S64")
    dataset = Dataset.of("large", ids, keys, pd.DataFrame({"path": [""] * N}), tuple("abcdefghi"), labels)
    vectors = {
        name: unit(np.eye(9)[np.maximum(labels, 0)] @ random.standard_normal((9, 12)) + random.standard_normal((N, 12)))
        for name in "xyz"
    }
    vectors["y"][7] = 0
    return dataset, VectorSet(vectors, dataset.split), data.relevance(dataset)


def test_the_bound_is_the_number_of_queries_or_the_memory(world, monkeypatch) -> None:
    dataset, _, truth = world
    assert not query_sampling.needed(truth, 4)
    monkeypatch.setattr(query_sampling, "SIZE", 50)
    assert not query_sampling.needed(truth, 4, 4 * 4 * N * N) and query_sampling.needed(truth, 4, 4 * 4 * N * N - 1)
    monkeypatch.setattr(query_sampling, "MOST_QUERIES", 200)
    assert query_sampling.needed(truth, 1, 1 << 40)
    small = query_sampling.of(dataset, truth)
    assert len(small.split.queries) == 50 and len(small.split.gallery) == N
    assert small.fingerprint == query_sampling.of(dataset, truth).fingerprint != dataset.fingerprint
    assert (dataset.labels[small.split.queries] >= 0).all(), "only queries that count are asked"
    judged = data.relevance(small)
    assert (judged.self_position == small.split.queries).all(), "each still leaves its own list"


def test_a_panel_estimates_the_whole(world, monkeypatch) -> None:
    dataset, space, truth = world
    monkeypatch.setattr(query_sampling, "SIZE", 120)
    small = query_sampling.of(dataset, truth)
    spec = FusionSpec("f", "concat", ("x", "y"))
    every = fusion_evaluator.FusionEvaluator(space, truth).values(spec, KEYS)
    few = fusion_evaluator.FusionEvaluator(VectorSet(space.vectors, small.split), data.relevance(small)).values(
        spec, KEYS
    )
    for key in KEYS:
        np.testing.assert_allclose(few[key], every[key][small.split.queries], atol=1e-6)
    standing = fusion_baseline.compare_to_baseline(
        fusion_evaluator.FusionEvaluator(VectorSet(space.vectors, small.split), data.relevance(small)), spec
    )
    row = standing.row("fusion")
    assert row.low - 0.02 < np.nanmean(every["map"]) < row.high + 0.02


@pytest.mark.parametrize("kind", ["concat", "score_sum", "rrf", "concat_pca", "confidence"])
def test_slices_give_the_same_figures(world, monkeypatch, kind: str) -> None:
    _, space, truth = world
    spec = FusionSpec("f", kind, ("x", "y", "z"))
    if spec.strategy.weight:
        spec = spec.with_shares({"x": 0.6, "y": 0.3, "z": 0.1})
    whole = fusion_evaluator.FusionEvaluator(space, truth)
    monkeypatch.setattr(fusion_evaluator, "SLICE_BYTES", 4 * N * 3 * 40)
    steps: list[int] = []
    sliced = fusion_evaluator.FusionEvaluator(space, truth, by_slices=True)
    sliced.prepare(["x", spec], KEYS, Task(lambda progress: steps.append(progress.done)))
    assert max(steps) == N and min(steps) == 40, "progress is told slice by slice"
    assert not sliced._singles and not sliced._fusions, "no ranks of all queries are kept"
    for what in ("x", spec):
        for key in KEYS:
            np.testing.assert_allclose(sliced.values(what, KEYS)[key], whole.values(what, KEYS)[key], atol=1e-6)
    one, other = fusion_baseline.compare_to_baseline(sliced, spec), fusion_baseline.compare_to_baseline(whole, spec)
    assert one.verdict.split(":")[0] == other.verdict.split(":")[0] and one.n_valid == other.n_valid
    assert [row.name for row in one.rows] == [row.name for row in other.rows]
    np.testing.assert_allclose([row.mean for row in one.rows], [row.mean for row in other.rows], atol=1e-6)


def test_it_can_be_stopped_and_then_nothing_is_half_kept(world, monkeypatch) -> None:
    _, space, truth = world
    monkeypatch.setattr(fusion_evaluator, "SLICE_BYTES", 4 * N * 40)
    judge = fusion_evaluator.FusionEvaluator(space, truth, by_slices=True)
    task = Task(lambda progress: task.cancel())
    with pytest.raises(Cancelled):
        judge.prepare(["x"], KEYS, task)
    assert judge.values("x", ("map",))["map"].shape == (N,)


def test_several_shares_at_once_are_each_alone(world) -> None:
    _, space, truth = world
    several = [{"x": 1.0}, {"x": 0.5, "y": 0.5}, {"z": 0.9, "y": 0.1}]
    for memory, panel in ((0, None), (1 << 30, None), (0, np.arange(5, 200, 3))):
        engine = LiveEngine(space.vectors, space.split, truth, memory_bytes=memory, background=False)
        together = engine.rank_several(several, k=5, queries=panel)
        for shares, one in zip(several, together):
            alone = engine.rank(shares, k=5, queries=panel)
            np.testing.assert_array_equal(one.ranks.ranks, alone.ranks.ranks)
            np.testing.assert_array_equal(one.best.items, alone.best.items)
            np.testing.assert_array_equal(one.best.scores, alone.best.scores)


def test_weights_of_a_large_set_are_searched_on_a_panel(world, monkeypatch) -> None:
    dataset, space, truth = world
    part = training_split.training(dataset, space, truth, most=30)
    whole = training_split.training(dataset, space, truth)
    assert len(part.split.train) == 30 < len(whole.split.train) and set(part.keys) < set(whole.keys)
    np.testing.assert_array_equal(part.split.report, whole.split.report)
