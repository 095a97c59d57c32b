"""The answer of a dataset: a planted gain is found where it was not chosen, noise is not, and one backbone is no mix."""

from __future__ import annotations

import numpy as np
import pytest

from core.studies import fusion_evaluator, headline
from tests.studies.test_weights import planted


def answered(noise: dict[str, float], seed: int = 0) -> headline.Headline:
    space, truth, _ = planted(noise, 16, 8, seed)
    return headline.headline(fusion_evaluator.FusionEvaluator(space, truth), tuple(noise))


def test_a_planted_gain_is_the_answer() -> None:
    result = answered({"a": 2.0, "b": 2.0, "noise": np.inf}, seed=1)
    assert result.gain and set(result.mix) == {"a", "b"}
    assert result.difference.mean == pytest.approx(result.mix_figure.mean - result.single_figure.mean)
    assert result.unit.name == "classes" and result.n_valid == result.n_queries


def test_noise_is_no_gain() -> None:
    result = answered({"a": 1.5, "noise": np.inf})
    assert not result.gain and result.single == "a"


def test_one_backbone_alone_has_no_difference() -> None:
    result = answered({"a": 1.0})
    assert result.difference is None and result.mix == ("a",) and not result.gain
    assert result.mix_figure == result.single_figure


def test_mixes_are_subsets_of_the_strongest_and_all_together() -> None:
    means = {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1}
    tried = headline.mixes(tuple(means), means)
    assert tried == [("a", "b"), ("a", "c"), ("b", "c"), ("a", "b", "c"), ("a", "b", "c", "d")]
    assert headline.mixes(("a", "b"), {"a": 0.4, "b": 0.3}) == [("a", "b")] and headline.mixes(("a",), {"a": 1.0}) == []


def test_slices_give_the_same_answer() -> None:
    space, truth, _ = planted({"a": 2.0, "b": 2.0}, 16, 8, 1)
    whole, sliced = (
        headline.headline(fusion_evaluator.FusionEvaluator(space, truth, by_slices=by), ("a", "b"))
        for by in (False, True)
    )
    assert whole.difference == sliced.difference and whole.mix == sliced.mix
