"""Sums of scores against slow loops and ranx; the algebra of shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInput
from core.fusion import early, late
from core.fusion.normalize import normalize
from core.types import unit
from tests import ranx_reference

SEEDS = st.integers(0, 2**32 - 1).map(np.random.default_rng)
NORMS = st.sampled_from(["none", "minmax", "zscore"])


def slow_lists(scores, own, norm, depth):
    """Per query and backbone: {item: normalised score} over its own pool, by the words of the contract."""
    found = []
    for i in range(scores.shape[1]):
        per_backbone = []
        for one in scores:
            items = [j for j in range(scores.shape[2]) if j != own[i]]
            items = sorted(items, key=lambda j: (-one[i, j], j))[: depth or None]  # noqa: B023
            values = np.array([one[i, j] for j in items], np.float64)
            if norm == "minmax":
                spread = np.ptp(values) if len(values) else 0.0
                values = (values - values.min()) / spread if spread >= 1e-9 else values * 0
            elif norm == "zscore":
                spread = values.std() if len(values) else 0.0
                values = (values - values.mean()) / spread if spread >= 1e-9 else values * 0
            per_backbone.append(dict(zip(items, values)))
        found.append(per_backbone)
    return found


def world(rng: np.random.Generator, n_backbones: int = 3) -> tuple[np.ndarray, np.ndarray]:
    if rng.random() < 0.5:
        scores = rng.choice(np.linspace(-1, 1, 5, dtype=np.float32), (n_backbones, 5, 8))
    else:
        scores = rng.standard_normal((n_backbones, 5, 8)).astype(np.float32)
    scores[0, 1] = 0.25  # a backbone that cannot tell anything apart
    return scores, rng.integers(-1, 8, 5)


@settings(max_examples=80)
@given(SEEDS, NORMS, st.one_of(st.none(), st.integers(1, 8)))
def test_sums_are_those_of_the_contract(rng: np.random.Generator, norm: str, depth: int | None) -> None:
    scores, own = world(rng)
    weights = np.array([0.2, 0.5, 0.3])
    sums = late.score_sum(list(scores), weights, own=own, norm=norm, depth=depth)
    comb = late.combsum(list(scores), np.ones(3), own=own, norm=norm, depth=depth)
    mnz = late.combmnz(list(scores), np.ones(3), own=own, norm=norm, depth=depth)
    for i, lists in enumerate(slow_lists(scores, own, norm, depth)):
        for j in range(8):
            votes = sum(j in one for one in lists)
            if not votes:
                assert sums[i, j] == comb[i, j] == mnz[i, j] == -np.inf
                continue
            plain = sum(one.get(j, 0.0) for one in lists)
            shared = sum(w * one.get(j, 0.0) for w, one in zip(weights, lists))
            assert sums[i, j] == pytest.approx(shared, abs=1e-6)
            assert comb[i, j] == pytest.approx(plain, abs=1e-6)
            assert mnz[i, j] == pytest.approx(plain * votes, abs=3e-6)


@settings(max_examples=40)
@given(SEEDS, NORMS)
def test_the_kernel_agrees_with_normalize(rng: np.random.Generator, norm: str) -> None:
    scores, own = world(rng, 2)
    total = late.combsum(list(scores), np.ones(2), own=own, norm=norm)
    plain = sum(normalize(one, norm, own) for one in scores)
    there = np.isfinite(total)
    assert np.allclose(total[there], plain[there], atol=1e-9)
    assert (~there).sum() == (own >= 0).sum()


@settings(max_examples=40)
@given(SEEDS)
def test_a_share_sum_is_the_concatenation_of_roots(rng: np.random.Generator) -> None:
    parts = [unit(rng.standard_normal((9, dim))) for dim in (3, 5, 4)]
    shares = rng.dirichlet(np.ones(3))
    joined = early.concat(parts, early.weights_of(shares))
    scores = [part[:4] @ part.T for part in parts]
    assert np.allclose(late.score_sum(scores, shares), joined[:4] @ joined.T, atol=1e-6)


def test_equal_columns_stay_equal_bit_for_bit() -> None:
    rng = np.random.default_rng(1)
    scores = [rng.standard_normal((6, 1003)).astype(np.float32) for _ in range(3)]
    for one in scores:
        one[:, 1001] = one[:, 7]
    for function in (late.score_sum, late.combsum, late.combmnz, late.confidence_sum):
        fused = function(scores, np.array([0.3, 0.3, 0.4]))
        assert np.array_equal(fused[:, 7], fused[:, 1001])


@pytest.mark.slow
def test_ranx_agrees() -> None:
    rng = np.random.default_rng(2)
    scores = [rng.choice(np.linspace(-1, 1, 9, dtype=np.float32), (6, 20)) for _ in range(3)]
    theirs = ranx_reference.fused(scores, *({"norm": "min-max", "method": method} for method in ("sum", "mnz")))
    for ours, expected in zip((late.combsum, late.combmnz), theirs, strict=True):
        mine = ours(scores, np.ones(3))
        assert np.allclose(mine, expected, atol=1e-6)
        in_order = np.take_along_axis(expected, np.argsort(-mine, axis=1, kind="stable"), axis=1)
        assert (np.diff(in_order, axis=1) <= 1e-9).all()


def test_an_unknown_scale_is_named() -> None:
    with pytest.raises(BadInput, match="'log'"):
        late.score_sum([np.zeros((1, 2), np.float32)], np.ones(1), norm="log")


def test_confidence_follows_the_gap() -> None:
    clear = np.array([[0.9] + [0.1] * 9], np.float32)
    flat = np.array([[0.5] * 10], np.float32)
    slope = np.linspace(0.9, 0.1, 10, dtype=np.float32)[None]
    nowhere = np.array([-1])
    assert late.confidence(flat, nowhere, 10)[0] == 0
    assert late.confidence(clear, nowhere, 10)[0] == pytest.approx(1.0)
    assert late.confidence(slope, nowhere, 10)[0] == pytest.approx(5 / 9)
    shares = late.confidence_shares([clear, slope], np.ones(2), nowhere, sharpness=1, read=10)
    assert shares[0] == pytest.approx([9 / 14, 5 / 14])
    kept = late.confidence_shares([flat, flat], np.array([1.0, 3.0]), nowhere, sharpness=1, read=10)
    assert kept[0] == pytest.approx([0.25, 0.75])


def test_confidence_does_not_look_at_the_query_itself() -> None:
    scores = np.array([[1.0, 0.5, 0.4, 0.1]], np.float32)
    without = np.array([[0.5, 0.4, 0.1]], np.float32)
    assert late.confidence(scores, np.array([0]), 3) == pytest.approx(late.confidence(without, np.array([-1]), 3))
