"""Intervals and paired tests against scipy, plain loops and full enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.errors import ShapeMismatch
from core.metrics import resampling as r
from core.metrics import significance as s


def pair(n: int = 60, shift: float = 0.05, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two systems' average precisions, correlated as real ones are."""
    random = np.random.default_rng(seed)
    base = random.beta(2, 2, n)
    return np.clip(base + random.normal(shift, 0.15, n), 0, 1), base


# ---------------------------------------------------------------- intervals


@pytest.mark.parametrize("n", [1, 2, 7, 40, 300])
def test_bootstrap_is_the_plain_loop_over_seeded_draws(n: int) -> None:
    columns = np.random.default_rng(n).random((n, 3))
    drawn = np.random.default_rng(5).integers(0, n, (700, n))
    slow = np.array([[columns[row, c].mean() for c in range(3)] for row in drawn])
    np.testing.assert_allclose(r.bootstrap_means(columns, 700, seed=5), slow, rtol=0, atol=1e-12)


def test_interval_is_where_all_resamples_of_three_numbers_lie() -> None:
    values = np.array([0.1, 0.5, 1.0])
    every = np.sort([np.mean(some) for some in itertools.product(values, repeat=3)])
    drawn = np.quantile(r.bootstrap_means(values[:, None], 20_000), r.percentile_levels(3))
    # 27 equally likely resamples: 2.5 % lies within the lowest one, which is 0.1 itself.
    assert drawn == pytest.approx([every[0], every[-1]])
    half = stats.t.ppf(0.975, 2) * values.std(ddof=1) / math.sqrt(3)
    low, high = r.interval(values - 1)  # no shares, so that nothing is cut off
    assert low <= values.mean() - 1 - half + 1e-9 and high >= values.mean() - 1 + half - 1e-9


def test_interval_agrees_with_scipy_and_with_the_normal_law() -> None:
    values = np.random.default_rng(1).beta(2, 1, 800)
    low, high = r.interval(values)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=10_000, method="percentile", random_state=np.random.default_rng(9)
    ).confidence_interval
    width = high - low
    assert abs(low - theirs.low) < 0.05 * width and abs(high - theirs.high) < 0.05 * width
    spread = values.std() / math.sqrt(len(values))
    assert low == pytest.approx(values.mean() - 1.96 * spread, abs=0.06 * width)


def test_interval_holds_the_expanded_percentiles_and_students() -> None:
    for n in (5, 11, 40):
        values = np.random.default_rng(n).beta(3, 1, n)
        means = r.bootstrap_means(values[:, None], 1000, seed=3)[:, 0]
        alpha = stats.norm.cdf(-math.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1))  # Hesterberg 2015
        low, high = r.interval(values, 1000, seed=3)
        half = stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / math.sqrt(n)
        assert low <= min(np.quantile(means, alpha), values.mean() - half) + 1e-12
        assert high >= min(1.0, max(np.quantile(means, 1 - alpha), values.mean() + half)) - 1e-12
        assert low >= 0 and high <= 1, "a mean of shares is a share"


@pytest.mark.parametrize("n", [20, 50, 300])
def test_shares_at_the_boundary_have_wilsons_interval(n: int) -> None:
    for hits in (0, 1, n - 1, n):
        values = np.repeat([1.0, 0.0], [hits, n - hits])
        low, high = stats.binomtest(hits, n).proportion_ci(method="wilson")
        expected = (0.0 if hits == 0 else low, 1.0 if hits == n else high)
        assert r.interval(values) == pytest.approx(expected, abs=1e-9)
    low, high = r.interval(np.ones(n), classes=np.arange(n) % 10)
    assert low < stats.binomtest(n, n).proportion_ci(method="wilson").low and high == 1, (
        "classes may hang together: wider"
    )


def test_queries_that_do_not_count_are_left_out_column_by_column() -> None:
    random = np.random.default_rng(3)
    columns = random.random((30, 4))
    columns[[2, 9], 1] = columns[[2, 9], 3] = np.nan
    columns[:, 2] = np.nan
    lows, highs = r.intervals(columns, 500, seed=1)
    assert np.isnan([lows[2], highs[2]]).all()
    for c in (0, 1, 3):
        kept = columns[~np.isnan(columns[:, c]), c]
        assert (lows[c], highs[c]) == pytest.approx(r.interval(kept, 500, seed=1))


def test_constant_values_have_an_interval_of_no_width() -> None:
    assert r.interval(np.full(37, 0.1)) == (0.1, 0.1)
    assert r.interval(np.array([0.3])) == (0.3, 0.3)
    assert all(math.isnan(end) for end in r.interval(np.array([np.nan, np.nan])))


def test_seeds_repeat_and_differ() -> None:
    values = np.random.default_rng(4).random(50)
    assert r.interval(values, seed=1) == r.interval(values, seed=1) != r.interval(values, seed=2)


def test_many_queries_are_drawn_in_blocks_that_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = np.random.default_rng(8).random((90, 2))
    kept = r.bootstrap_means(columns, 600, seed=4)
    monkeypatch.setattr(r, "KEPT_BYTES", 0)
    np.testing.assert_array_equal(r.bootstrap_means(columns, 600, seed=4), kept)


# ---------------------------------------------------------------- whole classes


def test_class_bootstrap_draws_classes_with_all_their_queries() -> None:
    random = np.random.default_rng(6)
    classes = random.integers(3, 9, 40)
    values = random.random((40, 2))
    names = np.unique(classes)
    drawn = np.random.default_rng(7).integers(0, len(names), (300, len(names)))
    slow = []
    for row in drawn:
        taken = np.concatenate([values[classes == names[c]] for c in row])
        slow.append(taken.mean(axis=0))
    np.testing.assert_allclose(r.bootstrap_means(values, 300, seed=7, classes=classes), slow, atol=1e-12)


def test_class_bootstrap_of_lone_queries_is_the_plain_one() -> None:
    values = np.random.default_rng(1).random(25)
    assert r.interval(values, classes=np.arange(25)) == pytest.approx(r.interval(values))


def test_class_bootstrap_is_wider_when_classes_share_their_luck() -> None:
    random = np.random.default_rng(2)
    classes = np.repeat(np.arange(12), 30)
    values = np.repeat(random.normal(0, 0.2, 12), 30) + random.normal(0, 0.05, 360)
    plain, careful = r.interval(values), r.interval(values, classes=classes)
    assert careful[1] - careful[0] > 3 * (plain[1] - plain[0])
    one = s.compare(values, np.zeros(360), classes=classes)
    assert one.resampled == "classes" and (one.low, one.high) == pytest.approx(careful)


# ---------------------------------------------------------------- randomisation


@pytest.mark.parametrize("n", [1, 2, 5, 9, 12])
def test_few_queries_try_every_sign(n: int) -> None:
    d = np.round(np.random.default_rng(n).normal(0.1, 0.3, n), 2)
    patterns = list(itertools.product([1, -1], repeat=n))
    observed = abs(d.mean())
    slow = np.mean([abs(np.mean(d * np.array(signs))) >= observed - 1e-12 for signs in patterns])
    assert s.randomisation(d) == pytest.approx(slow, abs=1e-15)
    if n >= 2:
        theirs = stats.permutation_test(
            (d, np.zeros(n)),
            lambda x, y, axis: np.abs((x - y).mean(axis=axis)),
            permutation_type="samples",
            n_resamples=np.inf,
            alternative="greater",
            vectorized=True,
        )
        assert s.randomisation(d) == pytest.approx(theirs.pvalue, abs=1e-12)


def test_fourteen_are_enumerated_and_fifteen_drawn() -> None:
    ones = np.full(15, 0.1)
    assert s.randomisation(ones[:14]) == 2 / 2**14
    assert s.randomisation(ones, draws=500) >= 1 / 501
    assert s.randomisation(np.full(60, 0.1), draws=500) == 1 / 501, "a drawn p is never 0"


@pytest.mark.parametrize("n", [15, 16, 23, 64, 200])
def test_drawn_signs_agree_with_enumeration_and_scipy(n: int) -> None:
    d = np.random.default_rng(n).normal(0.06, 0.25, n)
    if n <= 16:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        exact = float((np.abs(signs @ d) / n >= abs(d.mean()) - 1e-12).mean())
    else:
        exact = stats.permutation_test(
            (d, np.zeros(n)),
            lambda x, y, axis: np.abs((x - y).mean(axis=axis)),
            permutation_type="samples",
            n_resamples=40_000,
            alternative="greater",
            vectorized=True,
            random_state=np.random.default_rng(1),
        ).pvalue
    assert s.randomisation(d, draws=20_000, seed=3) == pytest.approx(exact, abs=4 * math.sqrt(exact / 20_000) + 2e-4)


def test_p_does_not_depend_on_who_is_named_first() -> None:
    a, b = pair(80, 0.02)
    forth, back = s.compare(a, b), s.compare(b, a)
    assert forth.p == back.p and forth.wilcoxon == pytest.approx(back.wilcoxon)
    assert forth.mean == -back.mean and (forth.wins, forth.losses) == (back.losses, back.wins)
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low))


def test_p_is_rarely_small_when_nothing_differs() -> None:
    random = np.random.default_rng(0)
    found = [s.randomisation(random.normal(0, 1, 25), draws=999, seed=1) for _ in range(400)]
    assert 0.02 < np.mean(np.array(found) <= 0.05) < 0.085
    assert 0.4 < np.median(found) < 0.6


# ---------------------------------------------------------------- Wilcoxon and effects


def enumerated_wilcoxon(d: np.ndarray) -> float:
    """Every sign of the ranks of non-zero differences, ties at their mean rank, two-sided as scipy doubles it."""
    d = np.round(d, 12)
    d = d[d != 0]
    ranks = stats.rankdata(np.abs(d))
    plus = ranks[d > 0].sum()
    sums = np.array(
        [ranks[list(signs)].sum() for signs in (np.array(p, bool) for p in itertools.product([0, 1], repeat=len(d)))]
    )
    return min(1.0, 2 * min((sums >= plus - 1e-9).mean(), (sums <= plus + 1e-9).mean()))


@pytest.mark.parametrize("tied", [False, True])
def test_wilcoxon_of_few_queries_is_enumerated(tied: bool) -> None:
    for seed in range(6):
        d = np.random.default_rng(seed).normal(0.2, 0.5, 10)
        if tied:
            d = np.round(d, 1)
        if d.any():
            assert s.wilcoxon(d) == pytest.approx(enumerated_wilcoxon(d), abs=1e-12)


def test_wilcoxon_of_many_queries_is_the_normal_law_by_hand() -> None:
    d = np.round(np.random.default_rng(3).normal(0.02, 0.1, 120), 2)
    kept = d[d != 0]
    ranks, n = stats.rankdata(np.abs(kept)), len(kept)
    _, ties = np.unique(np.abs(kept), return_counts=True)
    spread = math.sqrt(n * (n + 1) * (2 * n + 1) / 24 - (ties**3 - ties).sum() / 48)
    z = (ranks[kept > 0].sum() - n * (n + 1) / 4) / spread
    assert s.wilcoxon(d) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)


def test_equal_differences_tie_although_their_last_bits_differ() -> None:
    exact = np.array([1, 1, 1, -1, 2, 2, -2, 3] * 2) / 10
    shaken = exact * (1 + np.random.default_rng(0).integers(-1, 2, 16) * 1e-15)
    assert s.wilcoxon(shaken) == s.wilcoxon(exact)
    assert s.rank_biserial(shaken) == s.rank_biserial(exact)


def test_effects_by_hand() -> None:
    one = s.compare(np.array([0.9, 0.5, 0.7, 0.4]), np.array([0.5, 0.6, 0.7, 0.2]))
    d = np.array([0.4, -0.1, 0.0, 0.2])
    assert one.d_z == pytest.approx(d.mean() / d.std(ddof=1))
    assert one.rank_biserial == pytest.approx((3 + 2 - 1) / 6)
    assert (one.wins, one.ties, one.losses, one.n) == (2, 1, 1, 4)
    assert one.mean == pytest.approx(0.125) and one.resampled == "queries"


# ---------------------------------------------------------------- a pair


def test_two_equal_systems_differ_in_nothing() -> None:
    values = np.random.default_rng(0).random(50)
    for other in (values, values + 1e-14):
        one = s.compare(other, values)
        assert (one.mean, one.low, one.high) == (0, 0, 0)
        assert one.p == one.p_holm == one.wilcoxon == 1
        assert one.d_z == one.rank_biserial == 0 and one.ties == 50 and not one.contradicts


def test_a_constant_gain_has_an_interval_of_no_width_and_no_made_up_effect() -> None:
    one = s.compare(np.full(20, 0.75), np.full(20, 0.5))
    assert (one.low, one.high, one.d_z, one.rank_biserial) == (0.25, 0.25, 0, 1)


def test_only_the_same_valid_queries_are_compared() -> None:
    a, b = pair(30)
    a[[3, 8]] = b[[3, 8]] = np.nan
    kept = ~np.isnan(a)
    assert s.compare(a, b) == s.compare(a[kept], b[kept])
    classes = np.arange(30) % 5
    assert s.compare(a, b, classes=classes) == s.compare(a[kept], b[kept], classes=classes[kept])
    b[4] = np.nan
    with pytest.raises(ShapeMismatch, match="same valid queries"):
        s.compare(a, b)
    with pytest.raises(ShapeMismatch):
        s.compare(a, b[:-1])


def test_nothing_valid_is_undefined_not_zero() -> None:
    nothing = np.full(5, np.nan)
    one = s.compare(nothing, nothing)
    assert one.n == 0 and all(math.isnan(v) for v in (one.mean, one.low, one.high, one.p, one.wilcoxon))


def test_contradicting_tests_are_noticed() -> None:
    # Many small losses and a few large wins: the mean says nothing, the ranks say worse.
    d = np.concatenate([np.full(60, -0.02), np.full(4, 0.5)]) + np.random.default_rng(1).normal(0, 1e-4, 64)
    one = s.compare(d, np.zeros(64))
    assert one.p > 0.05 > one.wilcoxon and one.contradicts and not one.differs


def test_two_sure_tests_in_opposite_directions_conclude_nothing() -> None:
    d = np.concatenate([np.full(23, 1.0), np.full(16, -0.001)] + [np.full(161, -0.0002)])
    one = s.compare(d, np.zeros(len(d)))
    assert one.mean > 0 > one.rank_biserial and max(one.p, one.p_holm, one.wilcoxon) < 0.05 and one.low > 0
    assert one.contradicts and not one.differs and one.conclusion == "the two tests disagree: no conclusion"
    assert one.turned().contradicts and one.turned().turned() == one


def test_a_difference_needs_its_interval_too() -> None:
    d = np.random.default_rng(0).normal(0.05, 0.1, 200)
    one = s.compare(d, np.zeros(200))
    from dataclasses import replace

    assert one.differs and one.conclusion == "differ"
    assert not replace(one, low=-0.001).differs and not replace(one, p_holm=0.06).differs


def test_whole_classes_flip_together_and_few_cannot_tell() -> None:
    random = np.random.default_rng(5)
    classes = np.repeat(np.arange(6), 30)
    d = 0.05 + random.normal(0, 0.02, 6)[classes] + random.normal(0, 0.1, 180)
    sums = np.bincount(classes, d)
    signs = 1 - 2 * ((np.arange(64)[:, None] >> np.arange(6)) & 1)
    exact = float((np.abs(signs @ sums) >= abs(sums.sum()) - 1e-9).mean())
    one = s.compare(d, np.zeros(180), classes=classes)
    assert one.p == exact == 2 / 64 and one.n_units == 6 and one.differs and not one.too_few
    five = s.compare(d[:150], np.zeros(150), classes=classes[:150])
    assert five.p == 2 / 32 and not five.differs and five.conclusion == "5 classes are too few to tell"


# ---------------------------------------------------------------- many pairs


def slow_holm(p: list[float]) -> list[float]:
    ordered = sorted(p)
    found = []
    for value in p:
        j = max(i for i, other in enumerate(ordered) if other == value)
        found.append(max(min(1.0, (len(p) - i) * ordered[i]) for i in range(j + 1)))
    return found


@given(st.lists(st.floats(1e-4, 1), min_size=1, max_size=12))
@settings(max_examples=80)
def test_holm_by_definition(p: list[float]) -> None:
    found = s.holm(p)
    if len(set(p)) == len(p):
        np.testing.assert_allclose(found, slow_holm(p), atol=1e-12)
    assert (found >= np.array(p) - 1e-15).all() and (found <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(found[order]) >= 0).all()
    assert found[order[0]] == pytest.approx(min(1.0, len(p) * min(p)))


def test_holm_of_a_textbook() -> None:
    np.testing.assert_allclose(s.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


def test_differences_are_corrected_together() -> None:
    random = np.random.default_rng(2)
    base = random.random(70)
    alone = {shift: s.compare(base + random.normal(shift, 0.1, 70), base, draws=2000) for shift in (0, 0.02, 0.05, 0.3)}
    corrected = s.corrected(alone)
    np.testing.assert_allclose([one.p_holm for one in corrected.values()], s.holm([one.p for one in alone.values()]))
    assert all(corrected[shift].low == one.low and corrected[shift].p == one.p for shift, one in alone.items())


def test_the_smallest_p_survives_the_correction_of_many_pairs() -> None:
    d = np.random.default_rng(0).random(40) + 1
    assert s.compare(d, np.zeros(40), draws=100).p == 1 / (s.FLIPS + 1) < s.LEVEL / 496
    doubtful = np.random.default_rng(1).normal(0.1, 1, 40)
    assert s.randomisation(doubtful, 50_000) == s.randomisation(doubtful, 10_000), "enough of the first draws reach it"


# ---------------------------------------------------------------- letters


def differences(names: str, different: set[tuple[str, str]]) -> dict:
    zero = s.compare(np.zeros(3), np.zeros(3))
    from dataclasses import replace

    apart = replace(zero, p=0.001, p_holm=0.001, wilcoxon=0.001, mean=0.2, low=0.1, high=0.3, rank_biserial=1.0)
    return {(a, b): apart if (a, b) in different else zero for a, b in itertools.combinations(names, 2)}


@given(st.integers(1, 6), st.data())
@settings(max_examples=80)
def test_two_systems_share_a_letter_exactly_when_they_cannot_be_told_apart(n: int, data: st.DataObject) -> None:
    names = "uvwxyz"[:n]
    pairs = list(itertools.combinations(names, 2))
    different = {pair for pair in pairs if data.draw(st.booleans())}
    letters = s.tie_groups({name: -ord(name) for name in names}, differences(names, different))
    for a, b in pairs:
        assert bool(set(letters[a]) & set(letters[b])) == ((a, b) not in different)
    assert all(letters.values()) and "a" in letters["u"]
    # Largest sets only: no letter's members are all inside another letter's.
    groups = [{name for name in names if letter in letters[name]} for letter in sorted(set("".join(letters.values())))]
    assert not any(one < other for one in groups for other in groups)


def test_letters_go_down_the_leaderboard() -> None:
    letters = s.tie_groups(
        {"low": 0.1, "mid": 0.5, "top": 0.9},
        differences("x", set())
        | {
            ("low", "mid"): differences("xy", set())["x", "y"],
            ("low", "top"): differences("xy", {("x", "y")})["x", "y"],
            ("mid", "top"): differences("xy", set())["x", "y"],
        },
    )
    assert letters == {"top": "a", "mid": "ab", "low": "b"}


def test_there_are_letters_for_any_number_of_groups() -> None:
    assert [s._letter(i) for i in (0, 25, 26, 52)] == ["a", "z", "a2", "a3"]
