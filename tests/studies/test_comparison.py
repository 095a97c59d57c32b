"""The one comparison: what is drawn as a whole, one rule for "it differs", choices reported honestly, ranges of ties."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from core.metrics import significance
from core.studies import comparison
from core.studies.comparison import ResamplingUnit
from core.studies.evaluation_warnings import tie_sentence
from core.studies.systems import System
from core.studies.tie_range import tie_range
from core.studies.vector_set import VectorSet
from core.types import Relevance, Split, unit

CLASSES = np.repeat(np.arange(12), 5)


def by_label(classes: np.ndarray = CLASSES) -> Relevance:
    n = len(classes)
    return Relevance(n, n, self_position=np.arange(n), query_classes=classes, gallery_classes=classes)


def values(seed: int = 0, names: str = "abcd", step: float = 0.0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    base = random.beta(4, 3, len(CLASSES))
    return {
        name: np.clip(base + step * at + random.normal(0, 0.05, 12)[CLASSES] + random.normal(0, 0.1, 60), 0, 1)
        for at, name in enumerate(names)
    }


# ---------------------------------------------------------------- units


def test_queries_of_one_label_are_one_unit_and_lone_ones_are_none() -> None:
    drawn = ResamplingUnit.of(by_label())
    assert (drawn.name, drawn.n, drawn.few) == ("classes", 12, False)
    single = ResamplingUnit.of(by_label(), by_class=False)
    assert (single.name, single.groups, single.n) == ("queries", None, 60) and single.caution.startswith("Optimistic")
    assert by_label(np.arange(8)).query_groups is None, "no query counts"
    few = ResamplingUnit.of(by_label(CLASSES[:30]))
    assert few.few and "6 classes are few" in few.caution


def test_queries_that_share_relevant_items_are_one_unit_whatever_says_so() -> None:
    lists = [[0, 1], [1, 2], [4], [4, 5], [7], [8, 9]]
    indptr = np.concatenate([[0], np.cumsum([len(one) for one in lists])])
    truth = Relevance(6, 10, indptr, np.concatenate(lists))
    groups = truth.query_groups
    assert groups[0] == groups[1] != groups[2] and groups[2] == groups[3] and len(set(groups)) == 4
    chain = [[0, 1], [1, 2], [2, 3], [3, 4], [9]]
    indptr = np.concatenate([[0], np.cumsum([len(one) for one in chain])])
    assert Relevance(5, 10, indptr, np.concatenate(chain)).query_groups is None, "most hang together"
    one = ResamplingUnit.of(Relevance(5, 10, indptr, np.concatenate(chain)))
    assert one.name == "queries" and "too small" in one.caution
    apart = ResamplingUnit.of(Relevance(3, 10, np.array([0, 1, 2, 3]), np.array([4, 5, 6])))
    assert apart.name == "queries" and "Optimistic" not in apart.caution, "nothing is shared"


# ---------------------------------------------------------------- one rule


def test_every_pair_is_judged_by_the_one_rule() -> None:
    drawn, columns = ResamplingUnit.of(by_label()), values(step=0.06)
    result = comparison.compare(columns, drawn)
    alone = {
        pair: significance.compare(columns[pair[0]], columns[pair[1]], classes=CLASSES)
        for pair in itertools.combinations("abcd", 2)
    }
    expected = significance.holm([one.p for one in alone.values()])
    for (pair, one), p in zip(alone.items(), expected, strict=True):
        found = result.difference(*pair)
        assert (found.mean, found.low, found.p) == (one.mean, one.low, one.p) and found.p_holm == pytest.approx(p)
        shared = set(result.tie_groups[pair[0]]) & set(result.tie_groups[pair[1]])
        assert bool(shared) == (not found.differs), "letters follow the same rule"
        assert result.difference(*pair[::-1]) == found.turned()
    assert result.order[0] == "d" and set(result.tied_with_best()) == {
        name for name in "abc" if not result.difference("d", name).differs
    }
    lead = result.lead({"d": "The <best>"})
    assert lead.startswith("It is ahead of c") or lead.startswith("It cannot be told apart from")
    assert "the best of 4 reaches" in lead


def test_only_the_pairs_with_the_base_are_corrected_together() -> None:
    drawn = ResamplingUnit.of(by_label())
    result = comparison.compare(values(), drawn, base="b", choose=False)
    assert set(result.differences) == {("a", "b"), ("c", "b"), ("d", "b")} and result.chosen is None
    p = [one.p for one in result.differences.values()]
    np.testing.assert_allclose([one.p_holm for one in result.differences.values()], significance.holm(p))
    every = comparison.compare(values(), drawn, choose=False)
    for (a, b), one in result.differences.items():
        elsewhere = every.difference(a, b)
        assert replace(one, p_holm=0, n_pairs=0) == replace(elsewhere, p_holm=0, n_pairs=0), (
            "one p wherever it is asked"
        )
        assert one.holm.endswith("over 3 pairs") and elsewhere.holm.endswith("over 6 pairs")
    assert "over the 3 pairs compared here" in result.caution and "over the 6 pairs" in every.caution


def test_contradictions_and_few_classes_are_said() -> None:
    few = ResamplingUnit.of(by_label(CLASSES[:25]))
    columns = {name: column[:25] for name, column in values(step=0.2, names="ab").items()}
    result = comparison.compare(columns, few)
    assert "5 classes are too few to tell" in result.lead() and result.difference("b", "a").p == 2 / 32
    assert result.contradictions() == ""


# ---------------------------------------------------------------- chosen among many


def test_a_choice_is_reported_on_queries_that_did_not_make_it() -> None:
    drawn, columns = ResamplingUnit.of(by_label()), values(3, "abcdefgh")
    crossed = comparison.cross_fitted_best(columns, drawn, seed=1)
    assert crossed.shape == (60,) and not np.isnan(crossed).any()
    best = max(column.mean() for column in columns.values())
    assert crossed.mean() < best, "the plain best of equals flatters itself"
    lookups: list[tuple[frozenset, str]] = []

    def choose(mask: np.ndarray) -> str:
        assert set(CLASSES[mask]).isdisjoint(CLASSES[~mask]), "whole classes choose or report"
        lookups.append((frozenset(np.flatnonzero(mask)), "a"))
        return "a"

    same = comparison.cross_fitted(choose, columns.__getitem__, drawn, np.ones(60, bool))
    np.testing.assert_allclose(same, columns["a"])
    assert len(lookups) == comparison.FOLDS * comparison.REPEATS


def test_one_clear_winner_loses_nothing() -> None:
    columns = values(step=0.0, names="abc") | {"top": np.full(60, 0.99)}
    result = comparison.compare(columns, ResamplingUnit.of(by_label()))
    assert result.chosen.mean == pytest.approx(0.99)


# ---------------------------------------------------------------- ties


def test_the_range_of_ties_is_that_of_all_orders() -> None:
    random = np.random.default_rng(2)
    labels = np.repeat(np.arange(3), 3)
    rows = unit(random.integers(-1, 2, (9, 3)).astype(np.float32))
    space, truth = VectorSet({"x": rows}, Split.self_retrieval(9)), by_label(labels)
    system = System("x", space)
    lows, highs, ap, mixed = [], [], [], []
    for query in range(9):
        scores = system.block(query, query + 1)[0]
        others = [item for item in range(9) if item != query]
        each = []
        for order in itertools.permutations(others):
            listed = sorted(order, key=lambda item: -scores[item])
            hits = np.array([labels[item] == labels[query] for item in listed])
            each.append((np.cumsum(hits) / np.arange(1, 9))[hits].sum() / 2)
            if len(each) > 4000:
                break
        listed = sorted(others, key=lambda item: (-scores[item], item))
        hits = np.array([labels[item] == labels[query] for item in listed])
        ap.append((np.cumsum(hits) / np.arange(1, 9))[hits].sum() / 2)
        same = {scores[item] for item in others if labels[item] == labels[query]}
        mixed.append(any(scores[item] in same for item in others if labels[item] != labels[query]))
        ties_first = sorted(others, key=lambda item: (-scores[item], labels[item] != labels[query]))
        ties_last = sorted(others, key=lambda item: (-scores[item], labels[item] == labels[query]))
        for listed, ends in ((ties_first, highs), (ties_last, lows)):
            hits = np.array([labels[item] == labels[query] for item in listed])
            ends.append((np.cumsum(hits) / np.arange(1, 9))[hits].sum() / 2)
        assert min(each) >= lows[-1] - 1e-12 and max(each) <= highs[-1] + 1e-12
    found = tie_range(system, truth, np.array(mixed), np.array(ap))
    assert found.n_queries == sum(mixed) > 0
    assert (found.low, found.high) == pytest.approx((np.mean(lows), np.mean(highs))) and found.shows
    assert not found.sampled and "sample" not in tie_sentence([("x", found)], 9)
    few = tie_range(system, truth, np.array(mixed), np.array(ap), most=1)
    assert few.sampled and "estimated from a sample of these queries" in tie_sentence([("x", few)], 9)
    nothing = tie_range(system, truth, np.zeros(9, bool), np.array(ap))
    assert nothing.low == nothing.high == pytest.approx(np.mean(ap)) and not nothing.shows


@pytest.mark.slow
def test_forty_systems_can_be_told_apart() -> None:
    random = np.random.default_rng(0)
    base = random.normal(0, 0.1, 200)
    columns = {f"s{at:02}": base + 0.05 * at + random.normal(0, 0.05, 200) for at in range(40)}
    drawn = ResamplingUnit("queries", None, 200, False)
    result = comparison.compare(columns, drawn, choose=False)
    assert min(one.p_holm for one in result.differences.values()) < 0.01
    assert all(result.difference("s39", f"s{at:02}").differs for at in range(38))
