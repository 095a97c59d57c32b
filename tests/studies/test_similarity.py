"""CKA and neighbour overlap against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from core import data
from core.errors import ShapeMismatch
from core.studies import costs, embedding, similarity
from core.types import unit


def naive_cka(a: np.ndarray, b: np.ndarray) -> float:
    n = len(a)
    centre = np.eye(n) - 1 / n
    one, other = centre @ (a @ a.T) @ centre, centre @ (b @ b.T) @ centre
    return np.trace(one @ other) / np.sqrt(np.trace(one @ one) * np.trace(other @ other))


@pytest.mark.parametrize("dims", [(5, 9), (80, 60)])
def test_cka_is_its_definition_whatever_the_shape(dims: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(40, dims[0])) + 1, random.normal(size=(40, dims[1]))
    assert similarity.linear_cka(a, b) == pytest.approx(naive_cka(a, b), abs=1e-10)


def test_a_rotation_changes_nothing_and_noise_does() -> None:
    random = np.random.default_rng(1)
    rows = unit(random.normal(size=(60, 16)))
    turn = np.linalg.qr(random.normal(size=(16, 16)))[0].astype(np.float32)
    found = similarity.compare({"a": rows, "turned": rows @ turn, "other": unit(random.normal(size=(60, 16)))})
    assert found.cka[0, 1] == pytest.approx(1, abs=1e-5) and found.overlap[0, 1] > 0.99
    assert found.cka[0, 2] < 0.6 and found.overlap[0, 2] < 0.4
    assert found.nearest("a", 1)[0][0] == "turned"
    assert np.array_equal(found.cka, found.cka.T) and (np.diag(found.overlap) == 1).all()


def test_overlap_is_the_mean_of_shared_neighbours() -> None:
    random = np.random.default_rng(4)
    a, b = (np.sort(random.permuted(np.tile(np.arange(12), (20, 1)), axis=1)[:, :4], axis=1) for _ in range(2))
    wanted = np.mean([len(set(x) & set(y)) / 4 for x, y in zip(a.tolist(), b.tolist())])
    assert similarity.overlap(a, b) == pytest.approx(wanted, abs=1e-12)


def test_like_backbones_stand_together_and_the_most_different_pair_is_named() -> None:
    random = np.random.default_rng(5)
    one, other = (unit(random.normal(size=(50, 12))) for _ in range(2))
    near = {name: unit(rows + 0.05 * random.normal(size=rows.shape)) for name, rows in (("a2", one), ("b2", other))}
    found = similarity.compare({"a": one, "b": other, **near})
    ordered = found.ordered()
    assert sorted(ordered.names) == sorted(found.names)
    assert {frozenset(ordered.names[:2]), frozenset(ordered.names[2:])} == {
        frozenset(["a", "a2"]),
        frozenset(["b", "b2"]),
    }
    for i, a in enumerate(ordered.names):
        for j, b in enumerate(ordered.names):
            at = found.names.index(a), found.names.index(b)
            assert ordered.cka[i, j] == found.cka[at] and ordered.overlap[i, j] == found.overlap[at]
    a, b, share = found.most_different()
    assert a[0] != b[0] and share == found.overlap.min()
    assert similarity.compare({"a": one}).most_different() is None


def test_neighbours_are_the_most_alike() -> None:
    rows = unit(np.random.default_rng(2).normal(size=(30, 8)))
    scores = rows @ rows.T
    np.fill_diagonal(scores, -9)
    wanted = np.sort(np.argsort(-scores, axis=1)[:, :4], axis=1)
    np.testing.assert_array_equal(similarity.neighbours(rows, 4), wanted)


def test_different_numbers_of_images_are_refused() -> None:
    with pytest.raises(ShapeMismatch):
        similarity.compare({"a": np.ones((3, 2)), "b": np.ones((4, 2))})


def test_on_a_dataset_the_embedded_backbones_are_compared(tiny_world) -> None:
    embedding.embed(tiny_world.dataset, ["hog", "hsv_histogram"])
    found = similarity.of_dataset(tiny_world.dataset)
    assert set(found.names) == {"hog", "hsv_histogram"} and found.n_images == 60
    assert 0 < found.cka[0, 1] < 1


def test_what_is_measured_is_kept_with_its_conditions(tiny_world) -> None:
    assert costs.measured("hog") is None
    cost = costs.measure("hog", data.load("tiny"), n_images=8)
    assert costs.measured("hog") == cost
    assert 0 < cost.latency_ms <= cost.latency_p95_ms and cost.images_per_second > 0 and cost.n_images == 8
    assert "numpy" in cost.versions and cost.date in cost.sentence() and "measured here" in cost.sentence()


def test_another_machine_s_measurement_is_not_shown(tiny_world, monkeypatch: pytest.MonkeyPatch) -> None:
    costs.measure("hog", n_images=4)
    monkeypatch.setattr(costs.select, "processor", lambda: "another processor")
    assert costs.measured("hog") is None
