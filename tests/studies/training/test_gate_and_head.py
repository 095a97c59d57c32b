"""Trained fusions: they learn what is planted, are the same every time, and never look at other queries."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import BadInput, Cancelled
from core.fusion import FusionSpec, spec
from core.studies import systems, vector_set
from core.studies.training import gate, linear_head, training_loop
from core.task import Task
from core.types import Relevance, Split, unit


def planted(n_classes: int = 16, per_class: int = 14, seed: int = 0):
    """Two backbones that are each blind to half of the classes: class c is clear to "a" when c is even, else to "b".

    Where a backbone is blind its vectors are plain noise, so its score curve has no cliff: what a gate can see.
    """
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes), per_class)
    vectors = {}
    for name, sees in (("a", 0), ("b", 1)):
        centres = rng.standard_normal((n_classes, 24))
        clear = (labels % 2 == sees)[:, None]
        vectors[name] = unit(np.where(clear, centres[labels], 0.0) + 0.9 * rng.standard_normal((len(labels), 24)))
    return world_of(vectors, labels)


def world_of(vectors: dict[str, np.ndarray], labels: np.ndarray):
    n = len(labels)
    truth = Relevance(n, n, self_position=np.arange(n), query_classes=labels, gallery_classes=labels)
    return vector_set.VectorSet(vectors, Split.self_retrieval(n)), truth, labels


def shaky(n_classes: int = 24, per_class: int = 12, seed: int = 0):
    """Classes differ in 6 directions; the other 18 carry stronger noise, which the main directions follow."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes), per_class)
    vectors = {}
    for name in ("a", "b"):
        told = rng.standard_normal((n_classes, 6))[labels] + 0.5 * rng.standard_normal((len(labels), 6))
        vectors[name] = unit(np.hstack([told, 1.5 * rng.standard_normal((len(labels), 18))]))
    return world_of(vectors, labels)


def mean_ap(system: systems.System, truth: Relevance, queries: np.ndarray) -> float:
    values = []
    for query in queries:
        row = system.block(query, query + 1)[0]
        order = [j for j in np.argsort(-row, kind="stable") if j != query]
        hits = np.isin(order, truth.relevant(query))
        values.append((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())
    return float(np.mean(values))


def halves(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first half of the classes to train on, the others to report on."""
    middle = (labels.max() + 1) // 2
    return np.flatnonzero(labels < middle), np.flatnonzero(labels >= middle)


def test_the_gate_learns_whom_to_trust_and_helps_on_other_classes() -> None:
    space, truth, labels = planted()
    train, report = halves(labels)
    trained = gate.train_gate(space, ("a", "b"), truth, train, labels, epochs=30)
    gated = systems.System("g", space, trained.spec)
    equal = systems.System("e", space, FusionSpec("e", "score_sum", ("a", "b"), parameters=(("norm", "zscore"),)))
    assert mean_ap(gated, truth, report) > mean_ap(equal, truth, report) + 0.02
    assert trained.curve[trained.best].validation == max(e.validation for e in trained.curve)
    assert trained.curve[0].epoch == 0 and len(trained.curve) > 2


def test_the_gate_is_the_same_every_time_and_blind_to_other_labels() -> None:
    space, truth, labels = planted(8, 8)
    train = np.flatnonzero(labels < 4)
    one = gate.train_gate(space, ("a", "b"), truth, train, labels, epochs=4)
    again = gate.train_gate(space, ("a", "b"), truth, train, labels, epochs=4)
    assert one.spec == again.spec
    shuffled = labels.copy()
    shuffled[labels >= 4] = np.random.default_rng(1).permutation(labels[labels >= 4])
    other = Relevance(
        len(labels), len(labels), self_position=np.arange(len(labels)), query_classes=shuffled, gallery_classes=shuffled
    )
    assert gate.train_gate(space, ("a", "b"), other, train, labels, epochs=4).spec == one.spec


def test_the_head_brings_classes_together_and_keeps_epoch_zero_if_nothing_helps() -> None:
    space, truth, labels = shaky()
    train, report = halves(labels)
    trained = linear_head.train_head(space, ("a", "b"), train, labels, dim=16, epochs=25)
    head = systems.System("h", space, trained.spec)
    plain = systems.System("p", space, FusionSpec("p", "concat_pca", ("a", "b"), parameters=(("dim", 16),)))
    assert head.vectors.shape == (len(labels), 16)
    assert mean_ap(head, truth, report) > mean_ap(plain, truth, report) + 0.02
    assert trained.curve[trained.best].validation >= trained.curve[0].validation
    again = linear_head.train_head(space, ("a", "b"), train, labels, dim=16, epochs=25)
    assert again.spec == trained.spec


def test_trained_fusions_survive_json() -> None:
    space, truth, labels = planted(8, 6)
    trained = linear_head.train_head(space, ("a", "b"), np.arange(24), labels, dim=4, epochs=2)
    (read,) = spec.parse(spec.dump([trained.spec]))
    one, other = (systems.System("h", space, s).block(0, 5) for s in (trained.spec, read))
    assert np.array_equal(one, other)


def test_smooth_ap_is_ap_when_cold() -> None:
    import torch

    rng = np.random.default_rng(0)
    scores = rng.standard_normal((6, 20)).astype(np.float32)
    relevant = rng.random((6, 20)) < 0.3
    relevant[:, 0] = True
    relevant = np.sort(relevant, axis=1)[:, ::-1].copy()
    there = np.ones((6, 20), bool)
    there[:, 15:] = relevant[:, 15:]
    found = gate.smooth_ap(torch.tensor(scores), torch.tensor(relevant), torch.tensor(there), temperature=1e-5)
    for row, right, present, value in zip(scores, relevant, there, found):
        order = np.argsort(-row[present], kind="stable")
        hits = right[present][order]
        assert float(value) == pytest.approx((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean(), abs=1e-5)


def test_self_map_is_average_precision() -> None:
    vectors = unit(np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [0.5, 0.5]]))
    assert linear_head.self_map(vectors, np.array([0, 0, 1, 1, 2])) == 1.0
    assert linear_head.self_map(vectors, np.array([0, 1, 0, 1, 2])) < 0.5


def test_batches_are_balanced_whatever_the_sizes() -> None:
    groups = np.repeat([0, 1, 2, 3], [2, 200, 50, 1])
    drawn = np.concatenate(linear_head.balanced_batches(groups, np.random.default_rng(0), classes=2, each=4))
    counts = np.bincount(groups[drawn], minlength=4)
    assert counts[3] == 0 and counts[:3].max() <= 1.5 * counts[:3].min()


def test_the_validation_part_shares_no_group() -> None:
    groups = np.repeat(np.arange(10), 6)
    fit, held = training_loop.validation_part(np.arange(60), groups, 0)
    assert not set(groups[fit]) & set(groups[held]) and len(fit) + len(held) == 60 and len(held) == 12


def test_what_cannot_be_trained_is_said() -> None:
    space, truth, labels = planted(4, 3)
    with pytest.raises(BadInput, match="at least 10"):
        gate.train_gate(space, ("a", "b"), truth, np.arange(3), labels)
    with pytest.raises(BadInput, match="two training classes"):
        linear_head.train_head(space, ("a", "b"), np.array([0, 3, 6]), labels)
    with pytest.raises(BadInput, match="1 to 48 dimensions"):
        linear_head.train_head(space, ("a", "b"), np.arange(12), labels, dim=100)
    task = Task()
    task.cancel()
    with pytest.raises(Cancelled):
        linear_head.train_head(space, ("a", "b"), np.arange(12), labels, dim=4, task=task)


def test_the_head_keeps_what_tells_unseen_classes_apart() -> None:
    """It starts from the gallery's directions, so classes that nobody trained on do not fall together."""
    random = np.random.default_rng(0)
    n, classes, dim = 240, 24, 40
    groups = np.repeat(np.arange(classes), n // classes)
    # Each class has a direction of its own: those of the reported classes are unknown to the training images.
    vectors = unit(np.eye(classes, dim)[groups] + 0.25 * random.standard_normal((n, dim)))
    space = vector_set.VectorSet({"a": vectors, "b": np.roll(vectors, 1, axis=1)}, Split.self_retrieval(n))
    train, report = np.flatnonzero(groups < classes // 2), np.flatnonzero(groups >= classes // 2)
    made = linear_head.train_head(space, ("a", "b"), train, np.where(groups < classes // 2, groups, -1), dim=classes)
    rows = systems.System("head", space, made.spec).vectors
    plain = space.get("a")
    assert linear_head.self_map(rows[report], groups[report]) > 0.95 * linear_head.self_map(
        plain[report], groups[report]
    )
