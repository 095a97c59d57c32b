"""The leaderboard and curves as tables: against plain loops, on drawn worlds and degenerate ones."""

from __future__ import annotations

import dataclasses
import io
import itertools
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core import data, metrics
from core.errors import BadInput
from core.export import file_formats
from core.metrics import resampling, significance
from core.studies import class_table, curves, evaluation, fusion_costs, leaderboard
from core.studies.comparison import ResamplingUnit, compare
from core.studies.ranker import Ranker
from core.studies.systems import build
from core.types import Split
from tests.studies.test_evaluation import FUSED, KS, dataset_of, judged, several_labels, space_for, worlds


@pytest.fixture(scope="module")
def world():
    dataset = worlds()["self"]
    truth = data.relevance(dataset)
    systems = build(space_for(dataset), ("a", "b"), FUSED)
    result = evaluation.evaluate(systems, truth, KS, dataset=dataset)
    known = {
        "a": leaderboard.SystemInfo(
            "Alpha_1", dim=12, milliseconds=5.0, megabytes=10.0, measured="measured here, 2026-01-02", licence="MIT"
        ),
        "b": leaderboard.SystemInfo("Beta & Co", dim=12),
        "mix": leaderboard.SystemInfo("Mix", "Concatenation", "Alpha_1 50 %, Beta & Co 50 %", 24),
        "ranks": leaderboard.SystemInfo("Ranks", "RRF"),
    }
    return dataset, truth, systems, result, known


def test_the_table_has_every_figure_best_first(world) -> None:
    _, _, _, result, known = world
    frame = leaderboard.table(result, known)
    means = [result[name].mean("map") for name in leaderboard.order(result)]
    assert frame["map"].tolist() == means == sorted(means, reverse=True)
    assert set(leaderboard.available(result)) <= set(frame.columns) and "p@7" in frame and "acc@7" in frame
    row = frame[frame["system"] == "Alpha_1"].iloc[0]
    figure = result["a"].figures["recall@7"]
    assert (row["recall@7"], row["recall@7 low"], row["recall@7 high"]) == (figure.mean, figure.low, figure.high)
    assert (row["n_valid"], row["n_queries"], row["ties"]) == (57, 60, result.tie_groups["a"])
    assert (row["dim"], row["ms"], row["measured"]) == (12, 5.0, "measured here, 2026-01-02")
    ranks = frame[frame["system"] == "Ranks"].iloc[0]
    assert pd.isna(ranks["dim"]) and pd.isna(ranks["silhouette_cosine"]) and ranks["measured"] == "not measured"
    assert frame["relative"].iloc[0] == 100
    assert frame["relative"].iloc[1] == pytest.approx(100 * means[1] / means[0])


def test_lower_is_better_where_it_is(world) -> None:
    _, _, _, result, _ = world
    names = leaderboard.order(result, "davies_bouldin_l2")
    found = [result[name].mean("davies_bouldin_l2") for name in names]
    assert found[:3] == sorted(found[:3]) and math.isnan(found[3]) and names[3] == "ranks"
    share = leaderboard.relative(result, "davies_bouldin_l2")
    assert share[names[0]] == 100 and share[names[1]] == pytest.approx(100 * found[0] / found[1])
    assert math.isnan(share["ranks"])


def test_each_pair_once_the_better_first(world) -> None:
    _, truth, _, result, known = world
    frame = leaderboard.differences(result, known)
    assert len(frame) == 6 and (frame["difference"] >= 0).all()
    for a, b in itertools.combinations(leaderboard.order(result), 2):
        row = frame[(frame["better"] == known[a].title) & (frame["other"] == known[b].title)].iloc[0]
        slow = significance.compare(result[a].per_query["map"], result[b].per_query["map"], classes=truth.query_groups)
        assert row["difference"] == pytest.approx(slow.mean) and row["wins"] == slow.wins
        assert (row["low"], row["high"]) == pytest.approx((slow.low, slow.high))
        back = result.comparison.difference(b, a)
        assert back.turned() == result.comparison.difference(a, b) and back.losses == slow.wins


def test_files_hold_the_table(world) -> None:
    dataset, _, _, result, known = world
    frame = leaderboard.table(result, known, ("map", "p@7"))
    read = pd.read_csv(io.BytesIO(file_formats.as_csv(frame)))
    assert read.columns.tolist() == frame.columns.tolist()
    np.testing.assert_allclose(read["map low"], frame["map low"], rtol=0, atol=1e-15)
    again = pd.read_parquet(io.BytesIO(file_formats.as_parquet(frame)))
    pd.testing.assert_frame_equal(again, frame, check_dtype=False)
    text = file_formats.as_latex(result, known, ("map", "p@7", "davies_bouldin_l2"), dataset)
    assert r"\begin{tabular}{llrlrr}" in text and r"Alpha\_1" in text and r"Beta \& Co" in text
    best = result.best.figures["map"]
    assert rf"\textbf{{{best.mean:.3f}}} & [{best.low:.3f}, {best.high:.3f}]" in text
    assert text.count(r"\\") == 5 and "57 of 60 queries count" in text and " & -- " in text
    lowest = min(result[n].mean("davies_bouldin_l2") for n in ("a", "b", "mix"))
    assert rf"\textbf{{{lowest:.3f}}}" in text


def test_warnings_speak_of_titles_and_contradictions(world) -> None:
    _, _, _, result, known = world
    said = leaderboard.warnings(result, known)
    assert any(sentence.startswith("Alpha_1 has nothing (a zero vector) for 1 of 60") for sentence in said)
    assert len(said) == len(set(said))
    pairs = result.comparison.differences
    one = dataclasses.replace(pairs["a", "b"], p=0.4, wilcoxon=0.001)
    doubtful = dataclasses.replace(result.comparison, differences={**pairs, ("a", "b"): one})
    shown = dataclasses.replace(result, comparison=doubtful)
    said = leaderboard.warnings(shown, known)
    assert any("contradict each other about Alpha_1 and Beta & Co (randomisation p = 0.4" in s for s in said)


@pytest.mark.parametrize("seed", range(5))
def test_the_front_is_what_nobody_beats(seed: int) -> None:
    random = np.random.default_rng(seed)
    cost, value = random.integers(0, 6, 25).astype(float), random.integers(0, 6, 25) / 5
    slow = [
        not any(c <= cost[i] and v >= value[i] and (c, v) != (cost[i], value[i]) for c, v in zip(cost, value))
        for i in range(25)
    ]
    assert fusion_costs.pareto_front(cost, value).tolist() == slow
    assert fusion_costs.pareto_front([None, 1.0, 2.0], [0.9, 0.5, float("nan")]).tolist() == [False, True, False]
    assert fusion_costs.pareto_front([], []).tolist() == []


@pytest.mark.parametrize("several", [False, True])
def test_class_by_class_is_the_plain_mean(several: bool) -> None:
    dataset = several_labels() if several else worlds()["self"]
    truth = data.relevance(dataset)
    result = evaluation.evaluate(build(space_for(dataset), ("a", "b")), truth, KS, dataset=dataset)
    table = class_table.per_class(result, dataset, "map", dataset.label_names)
    for row, label in enumerate(dataset.label_names):
        code = dataset.label_names.index(label)
        inside = dataset.label_matrix[:, [code]].toarray().ravel() if several else dataset.labels == code
        for column, name in enumerate(table.systems):
            values = result[name].per_query["map"][inside]
            values = values[~np.isnan(values)]
            assert table.n[row] == len(values)
            if len(values):
                assert table.values[row, column] == pytest.approx(values.mean())
                assert (table.low[row, column], table.high[row, column]) == pytest.approx(resampling.interval(values))
                queries = class_table.class_queries(result, dataset, name, "map", label)
                assert result[name].per_query["map"][queries].tolist() == sorted(values)
            else:
                assert np.isnan(table.values[row, column])


def test_orders_of_classes(world) -> None:
    dataset, _, _, result, _ = world
    hardest = class_table.class_order(result, dataset, "map", "hardest first")
    assert "c5" not in hardest, "a class without a valid query has no row"
    table = class_table.per_class(result, dataset, "map", hardest)
    means = table.values.mean(axis=1)
    assert (np.diff(means) >= 0).all()
    assert class_table.class_order(result, dataset, "map", "easiest first") == hardest[::-1]
    widest = class_table.class_order(result, dataset, "map", "systems differ most")[0]
    assert widest == hardest[int(np.argmax(np.ptp(table.values, axis=1)))]
    assert class_table.class_order(result, dataset, "map", "by name") == sorted(hardest)
    with pytest.raises(BadInput, match="hardest first"):
        class_table.class_order(result, dataset, "map", "; drop table")


def test_what_cannot_be_judged_is_said() -> None:
    nobody = dataset_of(np.full(5, -1))
    assert "no labels" in leaderboard.obstacle(nobody, None)
    lone = dataset_of(np.arange(5))
    assert "another image of its class" in leaderboard.obstacle(lone, data.relevance(lone))
    one = dataset_of(np.zeros(5, int))
    assert not leaderboard.obstacle(one, data.relevance(one))
    assert any("one class" in s for s in leaderboard.remarks(one, data.relevance(one), 2))
    some = dataset_of(np.array([0, 0, 1, -1]))
    said = leaderboard.remarks(some, data.relevance(some), 9)
    assert any("2 of 4 queries have no relevant image" in s for s in said) and any("k = 9" in s for s in said)
    assert not leaderboard.remarks(
        dataset_of(np.array([0, 0, 1, 1])), data.relevance(dataset_of(np.array([0, 0, 1, 1]))), 3
    )


def test_relative_of_nothing_is_undefined() -> None:
    one = judged([0, 1, 2])
    unit = ResamplingUnit("queries", None, 0, False)
    comparison = compare({"a": one.per_query["map"]}, unit)
    result = evaluation.Result((one,), comparison, np.empty(0), np.empty(0), np.empty(0))
    assert math.isnan(leaderboard.relative(result)["a"])


def test_facts_are_measured_here_or_not_at_all(home, monkeypatch: pytest.MonkeyPatch) -> None:

    from core.fusion import FusionSpec
    from core.studies.systems import System
    from core.studies.vector_set import VectorSet

    dataset = worlds()["self"]
    random = np.random.default_rng(0)
    rows = {
        name: random.standard_normal((60, dim)).astype(np.float32) for name, dim in (("hog", 8), ("hsv_histogram", 4))
    }
    space = VectorSet(rows, dataset.split)
    spec = FusionSpec("mix", "concat", ("hog", "hsv_histogram")).with_shares({"hog": 0.25, "hsv_histogram": 0.75})
    made = {"hog": SimpleNamespace(latency_ms=3.0, megabytes=1.5, date="2026-05-02")}
    monkeypatch.setattr(leaderboard.costs, "measured", made.get)
    alone = leaderboard.system_info(System("hog", space), dataset)
    assert (alone.milliseconds, alone.measured, alone.dim, alone.kind) == (
        3.0,
        "measured here, 2026-05-02",
        8,
        "backbone",
    )
    both = leaderboard.system_info(System("mix", space, spec), dataset, "My mix")
    assert (both.milliseconds, both.measured, both.dim, both.title) == (None, "not measured", 12, "My mix")
    assert both.parts == "HOG 25 %, HSV histogram 75 %"
    made["hsv_histogram"] = SimpleNamespace(latency_ms=2.0, megabytes=0.5, date="2026-04-01")
    both = leaderboard.system_info(System("mix", space, spec), dataset)
    assert (both.milliseconds, both.megabytes, both.measured) == (5.0, 2.0, "measured here, 2026-04-01")


# ---------------------------------------------------------------- curves


def test_curves_are_the_plain_means(world) -> None:
    dataset, truth, systems, result, _ = world
    ranks = Ranker(truth).rank(systems[0], k=1).ranks
    everybody = curves.queries_of(dataset, ranks)
    assert everybody.sum() == 57
    mine = curves.queries_of(dataset, ranks, "c2")
    assert (mine == ((dataset.labels == 2) & (truth.n_relevant > 0))).all()
    found = curves.levels(ranks, mine)
    np.testing.assert_allclose(found.y, result["a"].levels[mine].mean(axis=0), atol=1e-12)
    assert found.n == mine.sum() and (np.diff(found.y) <= 1e-12).all()
    assert (found.low - 1e-12 <= found.y).all() and (found.y <= found.high + 1e-12).all()
    deep = curves.over_k(ranks, everybody, 59)
    for k in (1, 2, 17, 59):
        for key in ("p", "recall"):
            expected = metrics.compute(ranks, [f"{key}@{k}"])[f"{key}@{k}"][everybody]
            assert deep[key].y[k - 1] == pytest.approx(expected.mean())
            low, high = deep[key].low[k - 1], deep[key].high[k - 1]
            assert low - 1e-9 <= expected.mean() <= high + 1e-9
    assert (np.diff(deep["recall"].y) >= -1e-12).all() and deep["recall"].y[-1] == pytest.approx(1)


def test_distributions_count_every_query_once(world) -> None:
    dataset, truth, systems, result, _ = world
    ranks = Ranker(truth).rank(systems[0], k=1).ranks
    queries = curves.queries_of(dataset, ranks)
    values = result["a"].per_query["map"][queries]
    bars = curves.distribution(ranks, queries)
    assert bars.y.sum() == pytest.approx(1) and bars.mean == pytest.approx(values.mean()) and bars.n == 57
    assert bars.y[3] * 57 == pytest.approx(((values >= 0.15) & (values < 0.2)).sum())
    above = curves.distribution(ranks, queries, cumulative=True)
    for at in (0, 25, 60, 100):
        assert above.y[at] == pytest.approx((values >= at / 100 - 1e-12).mean())
    one = dataset_of(np.zeros(6, int))
    perfect = Ranker(data.relevance(one)).rank(build(space_for(one), ("a",))[0], k=1).ranks
    assert curves.distribution(perfect, perfect.valid).y[-1] == 1
    assert curves.distribution(perfect, perfect.valid, cumulative=True).y.tolist() == [1.0] * 101


def test_one_query_has_its_points_and_nothing_at_recall_zero(world) -> None:
    _, truth, systems, result, _ = world
    ranks = Ranker(truth).rank(systems[0], k=1).ranks
    recall, precision, levels = curves.one_query(ranks, 4)
    n = truth.n_relevant[4]
    np.testing.assert_allclose(recall, np.arange(1, n + 1) / n)
    np.testing.assert_allclose(precision, np.arange(1, n + 1) / ranks.of(4))
    assert levels[0] == precision.max() and precision.mean() == pytest.approx(result["a"].per_query["map"][4])


def test_curves_of_nobody_are_undefined_and_tables_hold_the_points(world) -> None:
    dataset, truth, systems, _, _ = world
    ranks = Ranker(truth).rank(systems[0], k=1).ranks
    nobody = curves.queries_of(dataset, ranks, "no such class")
    assert np.isnan(curves.levels(ranks, nobody).y).all() and np.isnan(curves.over_k(ranks, nobody, 5)["p"].y).all()
    assert np.isnan(curves.distribution(ranks, nobody).y).all()
    found = curves.levels(ranks, curves.queries_of(dataset, ranks))
    frame = curves.table({"A": found, "B": found}, "recall", "precision")
    assert frame.columns.tolist() == ["system", "recall", "precision", "low", "high", "n_queries"] and len(frame) == 22
    assert frame["precision"].tolist()[11:] == found.y.tolist() and set(frame["n_queries"]) == {57}
    assert "low" not in curves.table({"A": curves.Curve(found.x, found.y, 1)}, "recall", "precision")


def test_a_split_counts_its_queries() -> None:
    dataset = worlds()["split"]
    assert isinstance(dataset.split, Split)
    truth = data.relevance(dataset)
    result = evaluation.evaluate(build(space_for(dataset), ("a",)), truth, KS, dataset=dataset)
    table = class_table.per_class(result, dataset, "map", dataset.label_names)
    assert table.n.sum() == (truth.n_relevant > 0).sum()
    label = dataset.label_names[0]
    for query in class_table.class_queries(result, dataset, "a", "map", label):
        assert dataset.labels[dataset.split.queries[query]] == 0


@pytest.mark.parametrize("by", class_table.ORDERS)
def test_classes_with_numbers_stand_as_people_count(by: str) -> None:
    names = [f"class {n}" for n in range(1, 13)]
    dataset = SimpleNamespace(
        split=SimpleNamespace(queries=np.arange(12)),
        label_names=tuple(sorted(names)),
        label_matrix=None,
        labels=np.arange(12),
    )
    result = SimpleNamespace(evaluations=[SimpleNamespace(per_query={"map": np.full(12, 0.5)})])
    assert class_table.class_order(result, dataset, "map", by) == names
