"""Verification figures: hand cases for ties, scikit-learn and torchmetrics as references, properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from core.errors import BadInput
from core.metrics import pair_resampling, verification
from core.metrics.verification import (
    ThresholdCurve,
    at_false_rate,
    at_threshold,
    curve_of_counts,
    curve_of_scores,
    equal_error,
    roc_auc,
    shortage,
)

SCORES = st.lists(st.integers(-4, 8).map(lambda n: n / 8), min_size=1, max_size=40)


def of(matching: list[float], other: list[float]) -> ThresholdCurve:
    return curve_of_scores(np.array(matching, np.float32), np.array(other, np.float32))


def both(matching: list[float], other: list[float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([1] * len(matching) + [0] * len(other)), np.array([*matching, *other], np.float32)


def test_equal_scores_are_accepted_together() -> None:
    curve = of([0.9, 0.5, 0.5], [0.5, 0.5, 0.1])
    assert curve.thresholds.round(3).tolist() == [0.9, 0.5, 0.1]
    assert curve.true_matches.tolist() == [1, 3, 3] and curve.false_matches.tolist() == [0, 2, 3]
    assert at_false_rate(curve, 0.5).true_rate == pytest.approx(1 / 3), "half of a tie cannot be accepted"
    assert at_false_rate(curve, 2 / 3).true_rate == 1
    assert roc_auc(curve) == pytest.approx((3 + 2 * (0.5 + 0.5 + 1)) / 9)


def test_nothing_can_be_accepted_where_the_highest_score_is_wrong() -> None:
    point = at_false_rate(of([0.5], [0.9, 0.1]), 0.4)
    assert (point.threshold, point.true_rate, point.false_rate) == (np.inf, 0, 0) and np.isnan(point.precision)


def test_what_was_not_retrieved_is_never_accepted() -> None:
    curve = of([0.9, -np.inf], [0.5, -np.inf])
    assert curve.thresholds.round(3).tolist() == [0.9, 0.5] and (curve.n_matching, curve.n_other) == (2, 2)
    assert at_false_rate(curve, 1).true_rate == 0.5
    assert roc_auc(curve) == pytest.approx((1 + 1 + 0 + 0.5) / 4)


def test_one_kind_of_pairs_alone_has_no_figures() -> None:
    for curve in (of([0.5], []), of([], [0.5])):
        assert np.isnan(roc_auc(curve)) and np.isnan(equal_error(curve)[0])
    for bad in (np.nan, np.inf):
        with pytest.raises(BadInput, match="finite"):
            of([bad], [0.1])


@settings(max_examples=120, deadline=None)
@given(SCORES, SCORES)
def test_as_scikit_learn_computes_it(matching: list[float], other: list[float]) -> None:
    curve, (truth, scores) = of(matching, other), both(matching, other)
    false, true, thresholds = sk.roc_curve(truth, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_rate, false[1:], atol=1e-12)
    np.testing.assert_allclose(curve.true_rate, true[1:], atol=1e-12)
    np.testing.assert_array_equal(curve.thresholds, thresholds[1:])
    assert roc_auc(curve) == pytest.approx(sk.roc_auc_score(truth, scores))
    for rate in (0.0, 0.01, 0.2, 0.5, 1.0):
        assert at_false_rate(curve, rate).true_rate == pytest.approx(true[false <= rate + 1e-12].max())
    det_false, det_missed, at = sk.det_curve(truth, scores)
    for threshold, f, m in zip(at, det_false, det_missed):
        if np.isfinite(threshold):
            point = at_threshold(curve, threshold)
            assert (point.false_rate, 1 - point.true_rate) == (pytest.approx(f), pytest.approx(m))
    precision, recall, cuts = sk.precision_recall_curve(truth, scores)
    for threshold, p, r in zip(cuts, precision, recall):
        point = at_threshold(curve, threshold)
        assert (point.precision, point.true_rate) == (pytest.approx(p), pytest.approx(r))


@settings(max_examples=60, deadline=None)
@given(SCORES, SCORES)
def test_the_equal_error_lies_on_the_curve(matching: list[float], other: list[float]) -> None:
    curve, (truth, scores) = of(matching, other), both(matching, other)
    rate = equal_error(curve)[0]
    false, true, _ = sk.roc_curve(truth, scores, drop_intermediate=False)
    # Where the curve rises straight up, any height of that piece is on it.
    low, high = np.interp(rate - 1e-9, false, true), np.interp(rate + 1e-9, false, true)
    assert (
        min(low, true[false <= rate + 1e-9].max()) - 1e-6
        <= 1 - rate
        <= max(high, true[false <= rate + 1e-9].max()) + 1e-6
    )
    opposite = curve_of_scores(-np.array(other, np.float32), -np.array(matching, np.float32))
    assert equal_error(opposite)[0] == pytest.approx(rate), "the two kinds of error are alike"


def test_as_torchmetrics_computes_it() -> None:
    import torch

    from core.compat import library

    reference = library("torchmetrics.functional.classification")

    random = np.random.default_rng(3)
    matching, other = random.normal(0.6, 0.2, 300), random.normal(0.2, 0.2, 5000)
    curve, (truth, scores) = of(matching.tolist(), other.tolist()), both(matching.tolist(), other.tolist())
    # torchmetrics takes scores outside 0 … 1 for logits; a rising map of them changes no figure.
    squeezed, target = torch.tensor((scores + 2) / 5), torch.tensor(truth)
    assert roc_auc(curve) == pytest.approx(float(reference.binary_auroc(squeezed, target)), abs=1e-6)
    for rate in (0.1, 0.01, 0.002):
        value, _ = reference.binary_sensitivity_at_specificity(squeezed, target, 1 - rate)
        assert at_false_rate(curve, rate).true_rate == pytest.approx(float(value), abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(SCORES, SCORES)
def test_a_threshold_only_accepts_more_as_it_falls(matching: list[float], other: list[float]) -> None:
    curve = of(matching, other)
    assert (np.diff(curve.thresholds) < 0).all()
    assert (np.diff(curve.true_rate) >= 0).all() and (np.diff(curve.false_rate) >= 0).all()
    assert 0 <= equal_error(curve)[0] <= 1 and 0 <= roc_auc(curve) <= 1
    assert roc_auc(of(other, matching)) == pytest.approx(1 - roc_auc(curve))
    for threshold in (*curve.thresholds, 0.33, -9, 9):
        point = at_threshold(curve, threshold)
        assert point.true_matches == sum(np.float32(score) >= threshold for score in matching)
        assert point.false_matches == sum(np.float32(score) >= threshold for score in other)


def test_a_thinned_curve_keeps_exact_points() -> None:
    random = np.random.default_rng(0)
    curve = curve_of_scores(random.normal(1, 1, 4000), random.normal(0, 1, 40_000))
    thin = curve.thinned(500)
    assert 100 < len(thin.thresholds) <= 510
    at = np.searchsorted(-curve.thresholds, -thin.thresholds)
    np.testing.assert_array_equal(curve.thresholds[at], thin.thresholds)
    np.testing.assert_array_equal(curve.false_matches[at], thin.false_matches)
    assert roc_auc(thin) == pytest.approx(roc_auc(curve), abs=1e-4)
    assert set(range(1, 20)) <= set(thin.false_matches.tolist()), "the first false matches each have their point"


def test_counts_of_bins_give_the_same_curve() -> None:
    random = np.random.default_rng(1)
    matching, other = random.integers(3, 9, 50) / 8, random.integers(0, 7, 90) / 8
    counts = [np.bincount((side * 8).astype(int), minlength=9) for side in (matching, other)]
    counted = curve_of_counts(np.arange(9) / 8, *counts, 50, 90)
    exact = curve_of_scores(matching, other)
    for name in ("thresholds", "true_matches", "false_matches"):
        np.testing.assert_array_equal(getattr(counted, name), getattr(exact, name))


def test_too_few_pairs_are_said() -> None:
    assert shortage(9_999, 1e-4).startswith("Not measurable") and "10,000" in shortage(9_999, 1e-4)
    assert shortage(200_000, 1e-4).startswith("Uncertain") and "20 false matches" in shortage(200_000, 1e-4)
    assert shortage(300_001, 1e-4) == ""


# ---------------------------------------------------------------- draws


def world(n_classes: int, size: int, seed: int = 0, spread: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around class centres, and their classes."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(n_classes, 1, 16))
    rows = (centres + spread * random.normal(size=(n_classes, size, 16))).reshape(-1, 16)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), np.repeat(np.arange(n_classes), size)


def cosines(rows: np.ndarray) -> np.ndarray:
    """Alike to the last bit, however many are computed at once."""
    return (rows @ rows.T).round(6)


def counted(rows: np.ndarray, classes: np.ndarray) -> tuple[ThresholdCurve, pair_resampling.PairCounts]:
    queries, items = np.nonzero(~np.eye(len(rows), dtype=bool))
    scores, relevant = cosines(rows)[queries, items], classes[queries] == classes[items]
    curve = curve_of_scores(scores[relevant], scores[~relevant])
    counts = pair_resampling.count(pair_resampling.bin_edges(curve), int(classes.max()) + 1, both_sides=True)
    pair_resampling.add(counts, scores, relevant, classes[queries], classes[items])
    return curve, counts


def test_a_draw_is_the_figure_of_the_classes_drawn() -> None:
    """Each copy of a class stands for itself: the slow way builds the drawn set, without pairs between copies."""
    rows, classes = world(6, 5)
    _, counts = counted(rows, classes)
    weights = np.array([2, 0, 1, 3, 0, 1])
    false, true = counts.curves(weights[None, :].astype(float))
    copies = [(c, copy) for c in range(6) for copy in range(weights[c])]
    matching, other = [], []
    for c, one in copies:
        for d, two in copies:
            block = cosines(rows)[np.ix_(classes == c, classes == d)]
            if c == d and one == two:
                matching.append(block[~np.eye(len(block), dtype=bool)])
            elif c != d:
                other.append(block.ravel())
    slow = curve_of_scores(np.concatenate(matching), np.concatenate(other))
    for edge, f, t in zip(counts.edges[:-1], false[:-1, 0], true[:-1, 0]):
        point = at_threshold(slow, edge)
        assert (f, t) == (pytest.approx(point.false_rate), pytest.approx(point.true_rate))


def test_the_first_draw_is_the_classes_as_they_are() -> None:
    rows, classes = world(9, 12, spread=1.2)
    curve, counts = counted(rows, classes)
    drawn = pair_resampling.spread(counts, (1e-2,), draws=50)
    assert drawn.auc[0] == pytest.approx(roc_auc(curve), abs=2e-3)
    assert drawn.eer[0] == pytest.approx(equal_error(curve)[0], abs=2e-3)
    assert drawn.true_rates[0, 0] == pytest.approx(at_false_rate(curve, 1e-2).true_rate, abs=0.02)


def test_intervals_hold_the_figure_and_narrow_with_classes() -> None:
    widths = []
    for n_classes in (6, 48):
        curve, counts = counted(*world(n_classes, 6, spread=1.2))
        value = roc_auc(curve)
        low, high = pair_resampling.ends(pair_resampling.spread(counts, (1e-2,), draws=400).auc, value, n_classes)
        assert 0 <= low <= value <= high <= 1
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_a_perfect_system_is_not_perfectly_sure() -> None:
    rows, classes = world(8, 5, spread=0.0)
    curve, counts = counted(rows, classes)
    drawn = pair_resampling.spread(counts, (1e-2,), draws=100)
    value = at_false_rate(curve, 1e-2).true_rate
    low, high = pair_resampling.ends(drawn.true_rates[:, 0], value, 8)
    assert (value, high) == (1, 1) and 0.5 < low < 0.95


@pytest.mark.parametrize("turned", [False, True])
def test_the_interval_of_a_rate_near_an_end_stays_near_it(turned: bool) -> None:
    random = np.random.default_rng(5)
    drawn = np.concatenate([[0.004], random.gamma(2.0, 0.002, 400)])
    drawn[1:30] = 0.0  # some draws hold no error at all, and have no logit
    value = 0.996 if turned else 0.004
    low, high = pair_resampling.ends(1 - drawn if turned else drawn, value, 28, student=True)
    low, high = (1 - high, 1 - low) if turned else (low, high)
    assert 0 <= low < 0.001 and 0.01 < high < 0.06


def test_a_threshold_is_chosen_on_one_half_and_reported_on_the_other() -> None:
    rows, classes = world(20, 6, spread=1.2)
    _, counts = counted(rows, classes)
    moved = pair_resampling.transfer(counts, 0.05, partitions=40)
    middle, low, high = moved.range_of("false_rates")
    assert len(moved.false_rates) == 40 and low <= middle <= high and low < 0.05 < high
    assert 0.02 < middle < 0.1 and high > 0.055, "on other classes the rate is another one"


def test_many_classes_are_drawn_in_groups_of_whole_classes() -> None:
    groups = np.repeat(np.arange(300), 3)
    units, n_units = pair_resampling.units_of(np.r_[groups, -1], 128)
    assert n_units == 128 and units[-1] == -1 and set(units[:-1]) == set(range(128))
    assert all(len(set(units[:-1][groups == group])) == 1 for group in range(300))


def test_what_is_never_drawn_always_counts() -> None:
    edges = np.array([-np.inf, 0.0, 0.5])
    counts = pair_resampling.count(edges, 2, both_sides=True)
    pair_resampling.add(
        counts, np.array([0.7, 0.2, 0.6]), np.array([True, False, False]), np.array([0, 0, 1]), np.array([0, -1, -1])
    )
    false, true = counts.curves(np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 3.0]]))
    assert false[:, 0].tolist() == [0, 1, 1] and np.isnan(true[:, 1]).all() and false[0, 2] == pytest.approx(3 / 4)


def test_every_figure_of_pairs_is_in_the_table() -> None:
    from core.metrics import METRICS

    assert [metric.name for metric in METRICS if metric.kind == "pairs"] == list(verification.KEYS)
    curve = of([0.9, 0.8, 0.4], [0.5, 0.1] * 40)
    values = [METRICS[key].function(curve) for key in verification.KEYS]
    assert values[2:] == [pytest.approx(2 / 3)] * 3 and values[0] == roc_auc(curve)


def test_a_threshold_that_was_named_stays_in_a_thinned_curve() -> None:
    random = np.random.default_rng(1)
    curve = of(random.normal(1, 1, 5000).tolist(), random.normal(0, 1, 50_000).tolist())
    points = [at_false_rate(curve, rate) for rate in (0.1, 0.01, 0.001)]
    thinned = curve.thinned(256, at=tuple(point.threshold for point in points))
    assert len(thinned.thresholds) < 300
    assert [at_threshold(thinned, point.threshold) for point in points] == points
