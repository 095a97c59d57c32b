"""Preparations: fitted on the gallery alone, against their formulas and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from core.fusion import PREPARATIONS, FusionSpec, Step
from core.fusion.preparations import FEWEST_OF_A_GROUP, FittedPreparation
from core.types import unit

RNG = np.random.default_rng(0)
GALLERY = unit(RNG.standard_normal((80, 12)) + 1.5)
QUERIES = unit(RNG.standard_normal((7, 12)) + 1.5)


def fitted(name: str, groups: np.ndarray | None = None) -> FittedPreparation:
    return FittedPreparation(PREPARATIONS.get(name), {}, GALLERY, groups)


def test_centred_takes_the_gallerys_mean_off() -> None:
    assert fitted("centred")(QUERIES) == pytest.approx(unit(QUERIES - GALLERY.mean(axis=0)), abs=1e-6)


def test_half_whitened_divides_components_by_the_root_of_their_deviation() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    pca = decomposition.PCA(svd_solver="full").fit(GALLERY.astype(np.float64))
    expected = unit(pca.transform(QUERIES.astype(np.float64)) / np.sqrt(np.sqrt(pca.explained_variance_)))
    made = fitted("half_whitened")(QUERIES)
    assert np.abs(made @ made.T - expected @ expected.T).max() < 1e-5  # signs of components are free


def test_by_group_takes_each_groups_own_mean_off_and_the_mean_of_all_from_small_and_strange_ones() -> None:
    groups = np.repeat([0, 1, 2], [40, 80 - 40 - FEWEST_OF_A_GROUP + 1, FEWEST_OF_A_GROUP - 1])
    made = fitted("centred_by_group", groups)(QUERIES, np.array([0, 1, 2, -1, 0, 1, 2]))
    all_mean = GALLERY.mean(axis=0)
    means = [GALLERY[:40].mean(axis=0), GALLERY[groups == 1].mean(axis=0), all_mean, all_mean]
    expected = unit(np.stack([QUERIES[q] - means[g] for q, g in enumerate([0, 1, 2, -1, 0, 1, 2])]))
    assert made == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", PREPARATIONS.names)
def test_zero_rows_stay_zero_and_the_others_are_unit(name: str) -> None:
    rows = np.concatenate([QUERIES, np.zeros((1, 12), np.float32)])
    method = PREPARATIONS.get(name)
    holey = np.concatenate([GALLERY, np.zeros((2, 12), np.float32)])
    made = FittedPreparation(method, {}, holey, np.zeros(82, np.int64))(rows, np.zeros(8, np.int64))
    assert not made[-1].any() and np.linalg.norm(made[:-1], axis=1) == pytest.approx(1, abs=1e-5)
    whole = FittedPreparation(method, {}, GALLERY, np.zeros(80, np.int64))(rows, np.zeros(8, np.int64))
    assert made == pytest.approx(whole, abs=1e-6), "a missing vector is no part of what is fitted"


def test_steps_are_written_and_read_and_old_files_stay_as_they_were() -> None:
    step = Step.read("re-ranking", "k_reciprocal:k1=8,lambda=0.2,keep=0")
    assert step is not None and Step.read("re-ranking", step.text) == step
    spec = FusionSpec("mix", "concat", ("a", "b"), prepare=Step("preparation", "centred"), rerank=step)
    assert FusionSpec.from_json(spec.to_json()) == spec
    old = FusionSpec("mix", "concat", ("a", "b"))
    assert set(old.to_json()) == {"name", "kind", "backbones"}
    assert old.fingerprint != spec.fingerprint
    assert Step.read("preparation", "none") is None and Step.read("preparation", "") is None
