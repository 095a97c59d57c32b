"""Tests over datasets against scipy, scikit-posthocs and baycomp, and against what must hold for any values."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.errors import ShapeMismatch
from core.metrics import across_datasets
from core.metrics.across_datasets import across

# Demšar 2006, table 6: AUC of four algorithms on 14 datasets.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)
NAMES = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")


def made(values: np.ndarray, **how):
    n, k = values.shape
    return across(values, [f"s{at}" for at in range(k)], [f"d{at}" for at in range(n)], **how)


def some(seed: int, n: int, k: int) -> np.ndarray:
    """Values with ties."""
    return np.random.default_rng(seed).uniform(0, 1, (n, k)).round(2) + np.linspace(0, 0.2, k)


def test_the_papers_own_example() -> None:
    found = across(DEMSAR, NAMES, [str(at) for at in range(14)])
    assert found.mean_ranks.round(3).tolist() == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=1e-3)
    # The paper's χ² has no correction for ties (9.28); scipy's has, as ours.
    assert found.friedman.chi2 == pytest.approx(stats.friedmanchisquare(*DEMSAR.T).statistic)
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    assert found.friedman.differs and not found.friedman.exact


@pytest.mark.parametrize(("n", "k"), [(3, 3), (3, 7), (8, 4), (14, 6)])
def test_against_independent_libraries(n: int, k: int) -> None:
    import scikit_posthocs

    values = some(n * k, n, k)
    found = made(values)
    theirs = stats.friedmanchisquare(*values.round(12).T)
    assert found.friedman.chi2 == pytest.approx(theirs.statistic)
    assert found.friedman.p_chi2 == pytest.approx(theirs.pvalue)
    nemenyi = scikit_posthocs.posthoc_nemenyi_friedman(-values).to_numpy()
    small = nemenyi < 0.1  # beyond, their quantiles are interpolated
    assert found.nemenyi[small] == pytest.approx(nemenyi[small], abs=2e-3) and not (found.nemenyi[~small] < 0.095).any()
    assert found.mean_ranks == pytest.approx(stats.rankdata(-values.round(12), axis=1).mean(axis=0))
    # A critical difference is where Nemenyi's p is 0.05.
    gaps = np.abs(found.mean_ranks[:, None] - found.mean_ranks)
    apart = ~np.eye(k, dtype=bool)
    assert ((gaps < found.critical_difference) == (found.nemenyi > 0.05))[apart].all()


def test_the_bars_of_the_diagram_are_those_of_scikit_posthocs() -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import pandas as pd
    import scikit_posthocs

    for seed in range(4):
        found = made(some(seed, 9, 7) + np.linspace(0, 0.8, 7))
        ranks = dict(zip(found.names, found.mean_ranks))
        p = pd.DataFrame(found.nemenyi, index=found.names, columns=found.names)
        drawn = scikit_posthocs.critical_difference_diagram(ranks, p)
        plt.close("all")
        spans = [[round(float(x), 6) for x in bar.get_xdata()] for [bar] in drawn["crossbars"]]
        ends = sorted((min(span), max(span)) for span in spans)
        ours = sorted(tuple(round(ranks[name], 6) for name in (group[0], group[-1])) for group in found.groups)
        assert [(low, high) for low, high in ends if high > low] == ours


def test_wilcoxon_with_holm_is_that_of_scikit_posthocs() -> None:
    import scikit_posthocs

    values = np.random.default_rng(5).uniform(0, 1, (10, 4))
    theirs = scikit_posthocs.posthoc_wilcoxon([*values.T], p_adjust="holm").to_numpy()
    ours = made(values).wilcoxon
    assert ours[~np.eye(4, dtype=bool)] == pytest.approx(theirs[~np.eye(4, dtype=bool)])


@pytest.mark.parametrize("rope", [0.0, 0.01, 0.05])
def test_the_bayesian_test_is_that_of_its_authors(rope: float) -> None:
    import baycomp

    random = np.random.default_rng(7)
    for n in (3, 12):
        a, b = random.normal(0.8, 0.05, n), random.normal(0.78, 0.05, n)
        found = across_datasets.signed_rank_posterior(a - b, rope)
        theirs = baycomp.SignedRankTest.probs(b, a, rope, nsamples=20_000, random_state=1)
        ours = (found.worse, found.same, found.better) if rope else (found.worse, found.better)
        assert ours == pytest.approx(theirs, abs=0.015)
        assert found.better + found.same + found.worse == pytest.approx(1)


def test_full_agreement_of_three_datasets_is_no_p_of_zero() -> None:
    """Iman and Davenport's F is infinite there; three datasets in one order are one in 36."""
    found = made(np.tile([0.9, 0.8, 0.7], (3, 1)))
    assert math.isinf(found.friedman.f) and found.friedman.p_f == 0
    assert found.friedman.exact and found.friedman.p == pytest.approx(1 / 36)
    assert (found.wilcoxon[~np.eye(3, dtype=bool)] >= 0.25).all()


def test_a_sample_of_permutations_agrees_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    values = some(3, 4, 3)
    exact = made(values).friedman
    monkeypatch.setattr(across_datasets, "MOST_ENUMERATED", 0)
    sampled = made(values).friedman
    assert exact.exact and not sampled.exact and sampled.p == pytest.approx(exact.p, abs=0.015)


def test_what_a_system_lacks_leaves_the_dataset_out() -> None:
    values = some(1, 4, 3)
    values[1, 2] = np.nan
    found = made(values)
    assert found.datasets == ("d0", "d2", "d3") and found.ranks.shape == (3, 3)
    turned = made(-values, higher_is_better=False)
    assert (turned.ranks == found.ranks).all()
    alone = made(values[:1])
    assert alone.friedman is None and math.isnan(alone.critical_difference) and alone.groups == []
    with pytest.raises(ShapeMismatch):
        across(values, ("a",), ("d",))


def test_equal_systems_are_equal() -> None:
    found = made(np.full((4, 3), 0.5))
    assert found.friedman.p == found.friedman.p_f == 1 and (found.ranks == 2).all() and (found.wilcoxon == 1).all()


@given(st.integers(0, 10_000), st.integers(2, 7), st.integers(2, 6))
@settings(max_examples=40)
def test_what_holds_for_any_values(seed: int, n: int, k: int) -> None:
    values = some(seed, n, k)
    found = made(values)
    assert found.ranks.sum(axis=1) == pytest.approx([k * (k + 1) / 2] * n)
    assert 0 < found.friedman.p <= 1 and 0 <= found.friedman.p_f <= 1
    floor = across_datasets.least_p(n)
    for a, b in itertools.combinations(range(k), 2):
        assert found.wilcoxon[a, b] >= floor - 1e-12, "no pair has a smaller p than so many datasets can give"
    shuffled = np.random.default_rng(seed).permutation(n)
    again = made(values[shuffled])
    assert again.mean_ranks == pytest.approx(found.mean_ranks) and again.friedman.chi2 == pytest.approx(
        found.friedman.chi2
    )
    order = list(found.order)
    for group in found.groups:
        at = [order.index(name) for name in group]
        assert at == list(range(at[0], at[-1] + 1)), "a bar is one piece"


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.1), st.floats(0, 0.1)), min_size=1, max_size=6))
def test_the_interval_of_a_mean_over_datasets(parts: list[tuple[float, float, float]]) -> None:
    means = [mean for mean, _, _ in parts]
    mean, low, high = across_datasets.mean_with_interval(
        means, [m - left for m, left, _ in parts], [m + right for m, _, right in parts]
    )
    assert mean == pytest.approx(np.mean(means))
    assert low <= mean + 1e-12 and mean <= high + 1e-12
    assert mean - low <= np.mean([left for _, left, _ in parts]) + 1e-9, "never wider than the mean of the widths"


@pytest.mark.parametrize("rope", [0.0, 0.01])
def test_systems_that_are_alike_everywhere_are_not_better(rope: float) -> None:
    made = across_datasets.signed_rank_posterior(np.zeros(4), rope)
    assert made.better == pytest.approx(made.worse) and made.better + made.same + made.worse == pytest.approx(1)
    assert made.same == (1 if rope else 0)
