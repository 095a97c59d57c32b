"""Scores as probabilities: scikit-learn and torchmetrics as references, hand cases, properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from core.errors import BadInput
from core.metrics.calibration import FITTED, Calibration, fit, reliability


def sample(n: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and outcomes that follow them."""
    random = np.random.default_rng(seed)
    scores = random.uniform(0.1, 0.9, n)
    return scores, random.uniform(size=n) < 1 / (1 + np.exp(-9 * (scores - 0.55)))


def test_logistic_is_the_likeliest_curve() -> None:
    scores, right = sample()
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(scores[:, None], right)
    grid = np.linspace(0, 1, 21)
    expected = model.predict_proba(grid[:, None])[:, 1]
    # Platt's targets are a little inside 0 and 1; with 2,000 outcomes this moves little.
    np.testing.assert_allclose(fit("logistic", scores, right).probability(grid), expected, atol=2e-3)


def test_logistic_has_platts_targets() -> None:
    """Against a general minimiser of the same loss."""
    from scipy.optimize import minimize

    scores, right = sample(60, seed=4)
    n_right, n_wrong = right.sum(), (~right).sum()
    target = np.where(right, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))

    def loss(at: np.ndarray) -> float:
        line = at[0] * scores + at[1]
        return float((np.logaddexp(0, line) - target * line).sum())

    slope, shift = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-9}).x
    grid = np.linspace(0, 1, 9)
    expected = 1 / (1 + np.exp(-slope * grid - shift))
    np.testing.assert_allclose(fit("logistic", scores, right).probability(grid), expected, atol=1e-5)


def test_separable_outcomes_stay_finite() -> None:
    made = fit("logistic", np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]))
    p = made.probability(np.array([0.1, 0.5, 0.9]))
    assert 0.1 < p[0] < p[1] < p[2] < 0.9 and p[1] == pytest.approx(0.5)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans(), st.integers(1, 3)), min_size=2, max_size=40))
def test_isotonic_as_scikit_learn_computes_it(rows: list[tuple[int, bool, int]]) -> None:
    scores, right, weights = (np.array(column) for column in zip(*rows))
    if right.all() or not right.any():
        with pytest.raises(BadInput, match="right"):
            fit("isotonic", scores / 12, right)
        return
    made = fit("isotonic", scores / 12, right, weights)
    reference = IsotonicRegression(out_of_bounds="clip").fit(scores / 12, right, sample_weight=weights)
    grid = np.linspace(-0.2, 1.2, 30)
    np.testing.assert_allclose(made.probability(grid), reference.predict(grid), atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 1), st.booleans()), min_size=4, max_size=60), st.sampled_from(FITTED))
def test_a_probability_never_falls_and_stays_a_probability(rows: list[tuple[float, bool]], method: str) -> None:
    scores, right = (np.array(column) for column in zip(*rows))
    if right.all() or not right.any():
        return
    p = fit(method, scores, right).probability(np.linspace(-2, 2, 60))
    assert ((p >= 0) & (p <= 1)).all() and (np.diff(p) >= -1e-12).all()


def test_a_score_that_misleads_says_nothing() -> None:
    scores, right = np.arange(40) / 40, np.arange(40) < 20
    assert fit("logistic", scores, right).probability(scores) == pytest.approx(np.full(40, 0.5))
    assert fit("isotonic", scores, right).probability(scores) == pytest.approx(np.full(40, 0.5))


def test_weights_are_repetitions() -> None:
    scores, right = sample(80, seed=2)
    weights = np.random.default_rng(0).integers(1, 4, 80)
    for method in FITTED:
        weighted = fit(method, scores, right, weights.astype(float))
        repeated = fit(method, np.repeat(scores, weights), np.repeat(right, weights))
        np.testing.assert_allclose(weighted.probability(scores), repeated.probability(scores), atol=1e-7)
    one, other = (
        reliability(scores, right, weights.astype(float)),
        reliability(np.repeat(scores, weights), np.repeat(right, weights)),
    )
    assert (one.ece, one.brier) == (pytest.approx(other.ece), pytest.approx(other.brier))


def test_reliability_as_others_compute_it() -> None:
    import torch

    from core.compat import library

    binary_calibration_error = library("torchmetrics.functional.classification").binary_calibration_error

    p, _ = sample(3000, seed=5)
    right = np.random.default_rng(1).uniform(size=3000) < p**2
    made = reliability(p, right)
    assert made.brier == pytest.approx(brier_score_loss(right, p))
    assert made.ece == pytest.approx(
        float(binary_calibration_error(torch.tensor(p), torch.tensor(right.astype(int)), n_bins=15, norm="l1")),
        abs=1e-6,
    )
    share, said = calibration_curve(right, p, n_bins=15)
    filled = made.counts > 0
    np.testing.assert_allclose(made.share[filled], share)
    np.testing.assert_allclose(made.said_mean[filled], said)


def test_a_kept_calibration_is_the_same_and_a_broken_one_is_refused() -> None:
    scores, right = sample(200)
    for method in (*FITTED, "range"):
        made = fit(method, scores, right)
        assert Calibration.from_json(made.to_json()) == made
    assert np.isnan(made.probability(np.array([-np.inf]))).all()
    for broken in ({}, {"method": "magic", "x": [1], "y": [1]}, {"method": "logistic", "x": [1], "y": [float("nan")]}):
        with pytest.raises(BadInput, match="fit it again"):
            Calibration.from_json(broken)
