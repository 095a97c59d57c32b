"""Explanations add up: parts to the fused score, Shapley values to the gain, offers to their sums."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInput, Cancelled
from core.fusion import FusionSpec
from core.studies import fusion_attribution, fusion_costs, systems, vector_set, weight_landscape, weight_search
from core.task import Task
from core.types import Split, unit


def space(n: int = 30, seed: int = 0) -> vector_set.VectorSet:
    rng = np.random.default_rng(seed)
    return vector_set.VectorSet(
        {name: unit(rng.standard_normal((n, dim))) for name, dim in (("a", 4), ("b", 8), ("c", 6))},
        Split.self_retrieval(n),
    )


SPECS = [
    FusionSpec("f", "concat", ("a", "b", "c"), (1.0, 2.0, 0.5)),
    FusionSpec("f", "concat", ("a", "b", "c"), (1.0, 0.0, 0.5)),
    FusionSpec("f", "score_sum", ("a", "b", "c"), (0.2, 0.5, 0.3)),
    FusionSpec("f", "score_sum", ("a", "b"), parameters=(("norm", "minmax"),)),
    FusionSpec("f", "combsum", ("a", "b", "c")),
    FusionSpec("f", "combmnz", ("a", "b", "c"), parameters=(("depth", 10),)),
    FusionSpec("f", "rrf", ("a", "b", "c"), (1.0, 2.0, 3.0)),
    FusionSpec("f", "borda", ("a", "b"), parameters=(("depth", 12),)),
    FusionSpec("f", "confidence", ("a", "b", "c")),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: f"{s.kind}-{len(s.active)}")
def test_parts_of_a_hit_add_up_to_its_score(spec: FusionSpec) -> None:
    system = systems.System("f", space(), spec)
    for query in (0, 7):
        row = system.block(query, query + 1)[0]
        items = np.argsort(-row, kind="stable")[:8]
        found = fusion_attribution.score_contributions(system, query, items)
        assert found.backbones == spec.active
        assert np.allclose(found.parts.sum(axis=1), row[items], atol=1e-6)
        assert (found.shares >= 0).all() and np.allclose(found.shares.sum(axis=1), 1)
        for column, name in enumerate(spec.active):
            scores = system.space.scores(name, query, query + 1)[0].astype(float)
            scores[query] = -np.inf
            order = list(np.argsort(-scores, kind="stable"))
            assert found.ranks[:, column].tolist() == [order.index(item) + 1 for item in items]
            assert np.allclose(found.scores[:, column], scores[items])


def test_shares_of_rrf_follow_its_terms() -> None:
    system = systems.System("f", space(), FusionSpec("f", "rrf", ("a", "b"), (1.0, 2.0)))
    found = fusion_attribution.score_contributions(system, 3, np.array([5]))
    terms = np.array([1.0, 2.0]) / (60 + found.ranks[0])
    assert np.allclose(found.parts[0], terms, atol=1e-9)


def test_mixed_vectors_cannot_be_taken_apart_and_say_so() -> None:
    system = systems.System("f", space(), FusionSpec("f", "mean_pad", ("a", "b")))
    found = fusion_attribution.score_contributions(system, 0, np.array([1, 2]))
    assert np.isnan(found.parts).all() and np.isnan(found.shares).all() and (found.ranks > 0).all()


def test_who_found_it_and_who_lost_it() -> None:
    found = fusion_attribution.ScoreContributions(
        ("a", "b", "c"), np.array([[1, 212, 0]]), np.zeros((1, 3)), np.ones((1, 3))
    )
    assert found.sentence(0, k=10) == "found by a (1), lost by b (212), c"


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_shapley_is_the_mean_over_all_orders(seed: int, n: int) -> None:
    rng, names = np.random.default_rng(seed), tuple("abcde"[:n])
    table = {chosen: rng.random(4) for chosen in fusion_costs.subsets(names)}
    nothing = rng.random(4)
    found = fusion_attribution.shapley(table.__getitem__, names, nothing)
    slow = np.zeros((n, 4))
    for order in itertools.permutations(range(n)):
        before = nothing
        for position, member in enumerate(order):
            joined = tuple(names[m] for m in sorted(order[: position + 1]))
            slow[member] += (table[joined] - before) / math.factorial(n)
            before = table[joined]
    assert np.allclose(found, slow)
    assert np.allclose(found.sum(axis=0), table[names] - nothing)


def test_nine_backbones_are_too_many_for_shapley() -> None:
    with pytest.raises(BadInput, match="up to 8"):
        fusion_attribution.shapley(lambda s: np.zeros(1), list("abcdefghi"), 0.0)


def test_attribution_names_the_useless_one() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(200) * 0.4

    def per_query(chosen: tuple[str, ...]) -> np.ndarray:
        return base + 0.2 * ("a" in chosen) + 0.1 * ("b" in chosen)

    nothing = base.copy()
    base[3] = np.nan
    seen: list = []
    found = fusion_attribution.attribution(per_query, ("a", "b", "c"), nothing, task=Task(seen.append))
    assert np.allclose(found.shapley, [0.2, 0.1, 0.0], atol=1e-12)
    assert np.allclose(found.low, found.shapley) and np.allclose(found.high, found.shapley)
    assert found.everything - found.without[0] == pytest.approx(0.2)
    assert found.alone[1] == found.values[("b",)]
    assert found.sentences()[0] == "a adds +0.200" and seen[-1].done == 7


def test_random_average_precision_is_the_mean_over_all_orders() -> None:
    for length, relevant in ((2, 1), (5, 2), (6, 3), (4, 4), (1, 1)):
        values = []
        for places in itertools.combinations(range(1, length + 1), relevant):
            values.append(sum((c + 1) / place for c, place in enumerate(places)) / relevant)
        found = fusion_attribution.random_average_precision(np.array([relevant]), np.array([length]))[0]
        assert found == pytest.approx(np.mean(values), abs=1e-12)
    assert np.isnan(fusion_attribution.random_average_precision(np.array([0]), np.array([4]))[0])


def test_the_landscape_of_two_three_and_four() -> None:
    def objective(shares: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(0)
        return 0.9 - (shares[0] - 0.6) ** 2 + 0.01 * rng.standard_normal(300) * np.abs(shares[0] - 0.6)

    curve = weight_landscape.landscape(objective, ("a", "b"), {"a": 0.5, "b": 0.5})
    assert curve.shape == "curve" and len(curve.points) == 41
    assert curve.points[curve.best][0] == pytest.approx(0.6)
    assert curve.as_good[curve.best] and not curve.as_good[0] and not curve.as_good.all()
    ternary = weight_landscape.landscape(objective, ("a", "b", "c"), {})
    assert ternary.shape == "ternary" and len(ternary.points) == 231
    # Every point with the same first share is as good as the best.
    assert ternary.as_good[np.isclose(ternary.points[:, 0], 0.6)].all()
    slices = weight_landscape.landscape(objective, ("a", "b", "c", "d"), {"a": 0.4, "b": 0.4, "c": 0.2})
    assert slices.shape == "slices" and len(slices.points) == 6 * 21
    assert np.allclose(slices.points.sum(axis=1), 1) and (slices.points >= 0).all()
    table = slices.table()
    ab = table[(table["first"] == "a") & (table["second"] == "b")]
    assert np.allclose(ab["c"], 0.2) and ab["a"].max() == pytest.approx(0.8)
    task = Task()
    task.cancel()
    with pytest.raises(Cancelled):
        weight_landscape.landscape(objective, ("a", "b"), {}, task=task)


def test_one_backbone_has_no_landscape() -> None:
    with pytest.raises(BadInput, match="at least two"):
        weight_landscape.landscape(lambda s: np.zeros(2), ("a",), {})


COSTS = {
    "a": fusion_costs.FusionCost(10, 20, True),
    "b": fusion_costs.FusionCost(5, 100, False),
    "c": fusion_costs.FusionCost(1, 1, True),
    "d": fusion_costs.FusionCost(None, 5, None),
}


def offers() -> list[fusion_costs.SubsetCost]:
    values = {"a": 0.8, "b": 0.7, "c": 0.3, "d": 0.75, "ab": 0.9, "ac": 0.8, "abc": 0.9, "ad": 0.95}
    return [
        fusion_costs.SubsetCost(
            tuple(chosen), (1 / len(chosen),) * len(chosen), value, fusion_costs.total_cost(tuple(chosen), COSTS)
        )
        for chosen, value in values.items()
    ]


def test_costs_are_sums_and_unknown_stays_unknown() -> None:
    assert fusion_costs.total_cost(("a", "b"), COSTS) == fusion_costs.FusionCost(15, 120, False)
    assert fusion_costs.total_cost(("a", "d"), COSTS) == fusion_costs.FusionCost(None, 25, None)
    assert fusion_costs.total_cost(("zzz",), COSTS) == fusion_costs.FusionCost(None, None, None)


def test_the_best_within_a_budget() -> None:
    assert fusion_costs.within_budget(offers(), fusion_costs.Budget(milliseconds=15)).backbones == ("a", "b")
    assert fusion_costs.within_budget(offers(), fusion_costs.Budget(milliseconds=14)).backbones == ("a",), (
        "of equal ones the cheaper"
    )
    assert fusion_costs.within_budget(offers(), fusion_costs.Budget(megabytes=30)).backbones == ("a", "d")
    assert fusion_costs.within_budget(offers(), fusion_costs.Budget(commercial_only=True)).backbones == ("a",)
    assert fusion_costs.within_budget(offers(), fusion_costs.Budget(milliseconds=0.5)) is None


def test_the_pareto_front_is_what_nothing_beats() -> None:
    found = fusion_costs.by_cost(offers())
    front = [offer.backbones for offer in found if offer.on_front]
    assert front == [("c",), ("b",), ("a",), ("a", "b")]
    for offer in found:
        beaten = any(o.value > offer.value + 1e-12 and o.cost.milliseconds <= offer.cost.milliseconds for o in found)
        same_cheaper = any(
            o.value >= offer.value and o.cost.milliseconds < offer.cost.milliseconds for o in found if o is not offer
        )
        assert offer.on_front == (not beaten and not same_cheaper)
    assert all(offer.cost.milliseconds is not None for offer in found)


def test_one_simplex_holds_the_best_weights_of_every_subset() -> None:
    points = weight_search.simplex(3)
    values = np.random.default_rng(1).random(len(points))
    found = fusion_costs.best_offers(fusion_costs.offers_of(points, values[:, None], ("a", "b", "c"), COSTS))
    assert {offer.backbones for offer in found} == set(fusion_costs.subsets(("a", "b", "c")))
    for offer in found:
        inside = [i for i, p in enumerate(points) if {n for n, s in zip("abc", p) if s > 0} == set(offer.backbones)]
        assert offer.value == max(values[inside])


def test_all_subsets_are_offered_with_their_learned_weights() -> None:
    goal = np.array([0.7, 0.3, 0.0])

    def objective(shares: np.ndarray) -> np.ndarray:
        return np.array([1 - ((shares - goal) ** 2).sum(), np.nan])

    points = weight_search.simplex(3)
    every = fusion_costs.offers_of(points, np.array([objective(point) for point in points]), ("a", "b", "c"), COSTS)
    made = {offer.backbones: offer for offer in fusion_costs.best_offers(every)}
    assert set(made) == set(fusion_costs.subsets(("a", "b", "c")))
    assert made[("a", "b")].shares == pytest.approx((0.7, 0.3)) and made[("a", "b")].value == pytest.approx(1.0)
    assert made[("b", "c")].cost == fusion_costs.FusionCost(6, 101, False)
    assert fusion_costs.within_budget(list(made.values()), fusion_costs.Budget(milliseconds=15)).backbones == ("a", "b")


def test_the_best_within_a_budget_is_reported_where_it_was_not_chosen() -> None:
    from core.studies.comparison import ResamplingUnit

    random, classes = np.random.default_rng(0), np.repeat(np.arange(12), 4)
    points = weight_search.simplex(3)
    lucky = 0.5 + random.normal(0, 0.2, (len(points), 12))[:, classes]
    every = fusion_costs.offers_of(points, lucky, ("a", "b", "c"), COSTS)
    budget, unit_of = fusion_costs.Budget(milliseconds=12), ResamplingUnit("classes", classes, 12, True)
    plain = fusion_costs.within_budget(every, budget)
    honest = fusion_costs.chosen_within_budget(every, budget, unit_of)
    assert plain.cost.milliseconds <= 12 and plain.value > 0.6, "66 equal ones, the luckiest of them"
    assert honest.low < 0.5 < plain.value and honest.mean < plain.value - 0.05
    assert fusion_costs.chosen_within_budget(every, fusion_costs.Budget(milliseconds=0.1), unit_of) is None


def test_winners_and_losers() -> None:
    now = np.array([0.5, 0.9, np.nan, 0.1, 0.4, 0.4])
    before = np.array([0.5, 0.2, 0.5, 0.8, 0.3, 0.5])
    up, down = fusion_attribution.winners_and_losers(now, before)
    assert [q for q, _ in up] == [1, 4] and [q for q, _ in down] == [3, 5]
    assert up[0][1] == pytest.approx(0.7) and down[0][1] == pytest.approx(-0.7)
    assert len(fusion_attribution.winners_and_losers(now, before, most=1)[0]) == 1
