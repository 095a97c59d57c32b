"""Corrupted queries: embedded once, resumed after a kill, ranked without their clean image, and judged by hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core import backbones, data, metrics
from core.backbones import encode
from core.backbones.query_encoding import QueryEncoder
from core.data.corruptions import CORRUPTIONS
from core.errors import BadInput, Cancelled, NotComputed, UnknownName
from core.fusion import FusionSpec, Step
from core.metrics import significance
from core.store import open_store
from core.store.writer import Writer
from core.studies import embedding, fusion
from core.studies.comparison import ResamplingUnit
from core.studies.stress import corrupted_queries, stress_result, stress_tables
from core.studies.systems import System
from core.task import Task
from core.types import Dataset, unit
from tests.browser import ROOT
from tests.pages.alone import OWN, attached

FEW = {"corruptions": ("blur", "dark"), "steps": (1, 5), "n_queries": 12}


@pytest.fixture
def tiny(tiny_world: SimpleNamespace) -> Dataset:
    return embedding.embed(tiny_world.dataset, OWN).dataset


def test_a_plan_is_a_seeded_sample_and_a_larger_one_holds_it(tiny: Dataset) -> None:
    truth = data.relevance(tiny)
    small, large = (corrupted_queries.plan(truth, n_queries=n) for n in (10, 30))
    assert set(small.queries) < set(large.queries) and len(large.queries) == 30
    assert small.corruptions == CORRUPTIONS.names and len(small.conditions) == 5 * len(CORRUPTIONS)
    assert len(corrupted_queries.plan(truth, n_queries=1000).queries) == 60
    with pytest.raises(UnknownName, match="corruption"):
        corrupted_queries.plan(truth, ["blurr"])
    with pytest.raises(BadInput, match="Steps are 1 to 5"):
        corrupted_queries.plan(truth, steps=(6,))


def test_vectors_are_those_of_the_corrupted_images_and_are_kept(tiny: Dataset) -> None:
    plan = corrupted_queries.plan(data.relevance(tiny), **FEW)
    with pytest.raises(NotComputed, match="python -m core stress --data tiny"):
        corrupted_queries.vectors(tiny, plan, OWN)
    assert corrupted_queries.lacking(tiny, plan, OWN) == 2 * 4 * 12
    assert corrupted_queries.embed(tiny, plan, OWN) == 2 * 4 * 12
    made = corrupted_queries.vectors(tiny, plan, OWN)
    for name in OWN:
        encoder = QueryEncoder(backbones.get(name))
        for at, (kind, step) in enumerate(plan.conditions):
            position = int(tiny.split.queries[plan.queries[3]])
            image = corrupted_queries.corrupted(tiny, position, kind, step)
            assert np.allclose(made[name][at, 3], encoder.encode([image])[0], atol=1e-5)
    assert corrupted_queries.embed(tiny, plan, OWN) == 0 == corrupted_queries.lacking(tiny, plan, OWN)
    assert {row.backbone: row.n_images for row in embedding.status(tiny)} == dict.fromkeys(OWN, 60), "clean ones stay"
    assert "whole" in open_store().check()


def test_an_amount_that_changes_is_embedded_anew(tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    plan = corrupted_queries.plan(data.relevance(tiny), ["grey"], (1, 5), 4)
    corrupted_queries.embed(tiny, plan, ["hog"])
    milder = dataclasses.replace(CORRUPTIONS.get("grey"), steps=(0.9, 0.5, 0.25, 0.1, 0.0))
    monkeypatch.setitem(CORRUPTIONS._entries, "grey", milder)
    assert corrupted_queries.lacking(tiny, plan, ["hog"]) == 4
    other_seed = corrupted_queries.StressPlan(plan.queries, plan.corruptions, plan.steps, seed=1)
    assert corrupted_queries.lacking(tiny, other_seed, ["hog"]) == 8


def test_a_cancelled_run_goes_on_from_where_it_was(tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, task = corrupted_queries.plan(data.relevance(tiny), n_queries=20), Task()
    monkeypatch.setattr("core.store.writer.ROWS_PER_APPEND", 16)
    monkeypatch.setattr(encode, "_memory_for_a_block", lambda: 1)
    append = Writer.append

    def append_and_cancel(*arguments: object) -> None:
        append(*arguments)
        task.cancel()

    with monkeypatch.context() as patch, pytest.raises(Cancelled, match="Stopped"):
        patch.setattr(Writer, "append", append_and_cancel)
        corrupted_queries.embed(tiny, plan, OWN, task=task, workers=1)
    left = corrupted_queries.lacking(tiny, plan, OWN)
    assert 0 < left < 2 * len(plan.conditions) * 20
    assert corrupted_queries.embed(tiny, plan, OWN) == left


KILLED = """
import sys, time
from core import data
from core.store import writer
from core.data import corruptions
from core.studies.stress import corrupted_queries
writer.ROWS_PER_APPEND = 8
apply = corruptions.Corruption.apply
corruptions.Corruption.apply = lambda self, *args: (time.sleep(0.01), apply(self, *args))[1]
from core.backbones import encode
encode.MultiEncoder.__init__.__kwdefaults__["memory"] = 1
dataset = data.get("tiny")
plan = corrupted_queries.plan(data.relevance(dataset), n_queries=60)
print("begins", flush=True)
corrupted_queries.embed(dataset, plan, ["hog"], workers=1)
"""


def test_a_killed_run_goes_on_from_where_it_was(tiny: Dataset) -> None:
    """SIGKILL in the middle: what was written stays, the rest is made by the next start."""
    plan = corrupted_queries.plan(data.relevance(tiny), n_queries=60)
    whole = corrupted_queries.lacking(tiny, plan, ["hog"])
    run = subprocess.Popen([sys.executable, "-c", KILLED], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None and run.stdout.readline() == "begins\n"
    end = time.monotonic() + 60
    while corrupted_queries.lacking(tiny, plan, ["hog"]) == whole and time.monotonic() < end and run.poll() is None:
        time.sleep(0.02)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    left = corrupted_queries.lacking(tiny, plan, ["hog"])
    assert 0 < left < whole
    assert corrupted_queries.embed(tiny, plan, ["hog"]) == left
    assert corrupted_queries.lacking(tiny, plan, ["hog"]) == 0


def test_vectors_from_a_file_cannot_be_corrupted(tiny: Dataset) -> None:
    attached(tiny, elsewhere=unit(np.random.default_rng(0).standard_normal((60, 5))))
    plan = corrupted_queries.plan(data.relevance(tiny), **FEW)
    with pytest.raises(BadInput, match="'elsewhere' are vectors from a file"):
        corrupted_queries.embed(tiny, plan, ["elsewhere"])


# ---------------------------------------------------------------- figures


def naive_precision(scores: np.ndarray, own: int, relevant: np.ndarray) -> float:
    """Average precision of one list without the query's own image."""
    order = [at for at in np.argsort(-scores, kind="stable") if at != own]
    hits = np.isin(order, relevant)
    return float((np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1)).mean())


def test_precisions_are_those_of_naive_loops_for_any_system(tiny: Dataset) -> None:
    truth, space = data.relevance(tiny), fusion.space_of(tiny, OWN)
    plan = corrupted_queries.plan(truth, **FEW)
    corrupted_queries.embed(tiny, plan, OWN)
    made = corrupted_queries.vectors(tiny, plan, OWN)
    mix = FusionSpec("mix", "concat", OWN)
    centred = FusionSpec("centred", "concat", OWN, prepare=Step.read("preparation", "centred"))
    ranks, again = FusionSpec("ranks", "rrf", OWN), Step.read("re-ranking", "k_reciprocal:k1=5,k2=2")
    reranked = FusionSpec("reranked", "concat", OWN, rerank=again)
    specs = (mix, centred, ranks, reranked)
    built = [System("hog", space), *(System(spec.name, space, spec) for spec in specs)]
    result = stress_result.evaluate(built, truth, plan, made)
    clean = stress_result.stressed(space, plan, made)
    for system in built:
        values = result.precisions[system.name]
        assert values.shape == (5, 12) and np.isfinite(values).all()
        alone = metrics.compute(stress_result.rank_scores(system, truth).ranks, ("map",))["map"][plan.queries]
        equal = np.isclose(values[0], alone)  # a neighbourhood may end between two scores that differ in their last bit
        assert equal.sum() >= (10 if system.rerank else 12), (
            f"the clean row of {system.name} is that of the leaderboard"
        )
    gallery = {name: space.gallery(name) for name in OWN}
    mean = {name: gallery[name].mean(axis=0) for name in OWN}
    for at in range(4):
        for place in (0, 7):
            query = int(plan.queries[place])
            itself, relevant = int(space.self_position[query]), truth.relevant(query)
            cosines = {name: gallery[name] @ made[name][at, place] for name in OWN}
            assert result.precisions["hog"][1 + at, place] == pytest.approx(
                naive_precision(cosines["hog"], itself, relevant)
            )
            both = sum(cosines.values())
            assert result.precisions["mix"][1 + at, place] == pytest.approx(naive_precision(both, itself, relevant))
            moved = sum(
                unit(gallery[name] - mean[name]) @ unit(made[name][at, place][None] - mean[name])[0] for name in OWN
            )
            expected = naive_precision(moved, itself, relevant)
            assert result.precisions["centred"][1 + at, place] == pytest.approx(expected, abs=0.02)
    assert clean.n_queries == 5 * 12 and (clean.self_position >= 0).all()


def result_of(precisions: dict[str, np.ndarray], classes: np.ndarray | None = None) -> stress_result.StressResult:
    """A result from per-query values: clean, then the five steps of a blur."""
    n = next(iter(precisions.values())).shape[1]
    plan = corrupted_queries.StressPlan(np.arange(n), ("blur",))
    name, groups = ("queries", None) if classes is None else ("classes", classes)
    return stress_result.StressResult(plan, precisions, ResamplingUnit(name, groups, n, classes is not None))


def test_a_curve_is_means_losses_and_the_area_under_them() -> None:
    random = np.random.default_rng(0)
    rows = np.clip(np.linspace(0.9, 0.4, 6)[:, None] + random.normal(0, 0.05, (6, 40)), 0, 1)
    curve = result_of({"a": rows}).curve("a", "blur")
    assert np.allclose(curve.mean, rows.mean(axis=1)) and curve.loss[0] == 0
    assert curve.loss[5] == pytest.approx(1 - rows[5].mean() / rows[0].mean())
    assert (curve.low <= curve.mean).all() and (curve.mean <= curve.high).all()
    assert curve.loss_low[5] < curve.loss[5] < curve.loss_high[5] and curve.loss_high[5] - curve.loss_low[5] < 0.1
    assert (
        curve.area.mean == pytest.approx(np.trapezoid(rows.mean(axis=1), dx=0.2)) and curve.area.low < curve.area.mean
    )
    steady = result_of({"a": np.full((6, 10), 0.7)}).curve("a", "blur")
    assert (steady.loss == 0).all() and steady.area.mean == pytest.approx(0.7)


def test_the_images_that_broke_first() -> None:
    rows = np.full((6, 4), 0.9)
    rows[4:, 0], rows[2:, 1], rows[2:, 2], rows[:, 3] = 0.2, 0.4, 0.1, 0.3
    rows[5, 3] = 0.0
    broken = result_of({"a": rows}).broken_first("a", "blur")
    assert broken == [(2, 2, 0.9, 0.1), (1, 2, 0.9, 0.4), (0, 4, 0.9, 0.2)], "what was bad before had little to lose"


def test_an_order_that_changes_is_said_only_when_it_is_shown() -> None:
    random, n = np.random.default_rng(1), 80
    noise = random.normal(0, 0.03, (6, n))
    falls, stays = np.linspace(0.9, 0.4, 6)[:, None] + noise, np.linspace(0.8, 0.6, 6)[:, None] - noise
    result = result_of({"Keen": falls, "Calm": stays})
    (swap,) = result.swaps()
    assert (swap.first, swap.second, swap.step, swap.was_ahead) == ("Keen", "Calm", 5, True)
    again = significance.compare(falls[5], stays[5])
    assert swap.damaged.mean == pytest.approx(again.mean) and swap.damaged.n_pairs == 1
    sentence = stress_tables.swap_sentence(swap)
    assert (
        sentence.startswith("Keen leads Calm on clean images by +0.09")
        and "under blur 5 Calm leads by +0.1" in sentence
    )
    (turned,) = result_of({"Calm": stays, "Keen": falls}).swaps()
    assert (turned.first, turned.second, turned.was_ahead) == ("Keen", "Calm", True)
    level = result_of({"Keen": falls - 0.1 + 0.001, "Calm": stays}).swaps()
    assert not level or not level[0].was_ahead
    same = random.normal(0.6, 0.2, (6, n))
    assert not result_of({"a": same, "b": same + random.normal(0, 0.2, (6, n))}).swaps(), "chance shows nothing"
    assert "No two systems" in stress_tables.no_swap(result)


def test_the_tables_say_the_same_as_the_record(tiny: Dataset, tmp_path: Path) -> None:
    truth, space = data.relevance(tiny), fusion.space_of(tiny, OWN)
    plan = corrupted_queries.plan(truth, **FEW)
    corrupted_queries.embed(tiny, plan, OWN)
    built = [System(name, space) for name in OWN]
    result = stress_result.evaluate(built, truth, plan, corrupted_queries.vectors(tiny, plan, OWN))
    printed, record = stress_tables.printed(result), stress_tables.as_json(result)
    curve = result.curve("hog", "dark")
    assert f"{curve.mean[2]:.3f} [{curve.low[2]:.3f}, {curve.high[2]:.3f}]" in printed and "lost at step 5" in printed
    steps = next(single for single in record["systems"] if single["name"] == "hog")["corruptions"][1]["steps"]
    assert [single["step"] for single in steps] == [0, 1, 5] and steps[2]["mean"] == pytest.approx(curve.mean[2])
    assert "12 queries, 2 corruptions in 2 steps" in printed


def test_the_best_is_called_so_with_what_cannot_be_told_from_it() -> None:
    random = np.random.default_rng(0)
    rows = np.clip(np.linspace(0.9, 0.5, 6)[:, None] + random.normal(0, 0.05, (6, 40)), 0, 1)
    near, far = np.clip(rows + random.normal(0, 0.05, rows.shape) - 0.001, 0, 1), rows - 0.3
    assert "not told apart" not in stress_tables.lead(result_of({"a": rows, "far": far}))
    assert " clean, not told apart from near. " in stress_tables.lead(result_of({"a": rows, "near": near, "far": far}))
