"""Verification, strangers and probabilities of systems: against slow loops over pairs, on every kind of relevance."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn import metrics as sk

from core import data
from core.errors import BadInput, NotComputed
from core.fusion import FusionSpec, Step
from core.metrics import resampling
from core.metrics.verification import KEYS
from core.studies import calibration, calibration_store, evaluation, open_set, verification
from core.studies.score_pairs import PairTruth
from core.studies.systems import System, build
from core.studies.vector_set import VectorSet
from core.types import Dataset, unit
from tests.studies.test_evaluation import FUSED, KS, dataset_of, space_for, worlds
from tests.studies.test_evaluation import lists_of as ranked_lists

NAMES = list(worlds())


def known(dataset: Dataset, position: int) -> bool:
    """Whether one knows what an image is."""
    if dataset.label_matrix is not None:
        return dataset.label_matrix[position].nnz > 0
    return dataset.labels[position] >= 0


def slow_pairs(system: System, dataset: Dataset) -> tuple[list[bool], list[float]]:
    """Whether a pair matches, and its score: every pair of known images, itself and junk left out."""
    truth = data.relevance(dataset)
    matches, scores = [], []
    for q in range(system.n_queries):
        row, relevant, junk = system.block(q, q + 1)[0], set(truth.relevant(q)), set(truth.junk(q))
        for g in range(system.n_gallery):
            images = dataset.split.queries[q], dataset.split.gallery[g]
            if images[0] != images[1] and g not in junk and all(known(dataset, image) for image in images):
                matches.append(g in relevant)
                scores.append(float(row[g]))
    return matches, scores


@pytest.mark.parametrize("tied", [False, True], ids=["plain", "tied"])
@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_that_of_the_slow_loop(name: str, tied: bool) -> None:
    dataset = worlds()[name]
    truth, space = data.relevance(dataset), space_for(dataset, tied=tied)
    for system in build(space, ("a",), FUSED):
        made = verification.verify(system, truth, dataset)
        matches, scores = slow_pairs(system, dataset)
        # What is not retrieved lies below everything else.
        finite = np.where(np.isfinite(scores), scores, -99)
        assert made.figures["roc_auc"].mean == pytest.approx(sk.roc_auc_score(matches, finite))
        false, true, _ = sk.roc_curve(matches, finite, drop_intermediate=False)
        for rate in (0.01, 0.1, 0.3):
            point = verification.at_rate(made, rate).point
            allowed = (false <= rate + 1e-12) & (np.r_[False, np.sort(np.unique(finite))[::-1] > -99])
            assert point.true_rate == pytest.approx(true[allowed].max(initial=0.0), abs=1e-12), (system.name, rate)
        for key in ("roc_auc", "eer"):
            figure = made.figures[key]
            assert 0 <= figure.low <= figure.mean <= figure.high <= 1
        assert made.unit == ("queries" if name == "several labels" else "classes")
        assert "Not measurable" in made.figures["tpr@fpr1e-4"].note and np.isnan(made.figures["tpr@fpr1e-4"].mean)


def test_counted_scores_give_the_figures_of_single_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of large sets, on a small one: cosines, and a fusion whose scores lie elsewhere."""
    dataset = worlds()["self"]
    truth, space = data.relevance(dataset), space_for(dataset)
    for system in build(space, ("a",), FUSED):
        exact = verification.verify(system, truth, dataset)
        monkeypatch.setattr(verification, "EXACT_PAIRS", 10)
        counted = verification.verify(system, truth, dataset)
        monkeypatch.undo()
        assert (counted.n_matching, counted.n_other) == (exact.n_matching, exact.n_other)
        for key in KEYS:
            np.testing.assert_allclose(counted.figures[key].mean, exact.figures[key].mean, atol=2e-3, err_msg=key)


def test_two_images_that_ask_each_other_are_one_pair() -> None:
    dataset = worlds()["self"]
    made = verification.verify(System("a", space_for(dataset)), data.relevance(dataset), dataset)
    labels = dataset.labels[dataset.labels >= 0]
    same = sum(int(n * (n - 1) // 2) for n in np.bincount(labels))
    assert (made.n_matching, made.n_other) == (same, len(labels) * (len(labels) - 1) // 2 - same)


def test_nothing_to_verify_is_said() -> None:
    alone = dataset_of(np.arange(8))
    with pytest.raises(NotComputed, match="known to match"):
        verification.verify(System("a", space_for(alone)), data.relevance(alone), alone)
    alike = dataset_of(np.zeros(8, int))
    with pytest.raises(NotComputed, match="do not match"):
        verification.verify(System("a", space_for(alike)), data.relevance(alike), alike)
    with pytest.raises(NotComputed, match="to be refused"):
        open_set.open_set(System("a", space_for(alike)), data.relevance(alike), alike)


def test_the_nearest_pairs_are_the_nearest() -> None:
    dataset = worlds()["self"]
    truth, system = data.relevance(dataset), System("a", space_for(dataset))
    threshold = 0.2
    shown = verification.nearest_pairs(system, truth, dataset, threshold, most=5)
    for matches in (True, False):
        for accepted in (True, False):
            mine = [pair for pair in shown if (pair.matches, pair.accepted) == (matches, accepted)]
            every = {}
            for q in range(system.n_queries):
                for g, score in enumerate(system.block(q, q + 1)[0]):
                    right = g in truth.relevant(q)
                    if (
                        q != g
                        and dataset.labels[[q, g]].min() >= 0
                        and (right, score >= threshold) == (matches, accepted)
                    ):
                        every[frozenset((q, g))] = abs(float(score) - threshold)
            expected = sorted(every.values())[:5]
            assert [abs(pair.score - threshold) for pair in mine] == pytest.approx(expected, abs=1e-6)
            assert len({frozenset((pair.query, pair.item)) for pair in mine}) == len(mine) == 5


def test_figures_join_an_evaluation() -> None:
    dataset = worlds()["split"]
    truth, systems = data.relevance(dataset), build(space_for(dataset), ("a", "b"))
    plain = evaluation.evaluate(systems, truth, KS, dataset=dataset)
    verified = [verification.verify(system, truth, dataset) for system in systems]
    joined = verification.with_figures(plain, verified)
    assert joined["b"].figures["eer"] == verified[1].figures["eer"] and joined["b"].mean("map") == plain["b"].mean(
        "map"
    )
    assert verification.is_wanted(["map", "eer"]) and not verification.is_wanted(["map", "p@10"])


# ---------------------------------------------------------------- strangers


@pytest.mark.parametrize("name", NAMES)
def test_strangers_by_the_slow_loop(name: str) -> None:
    dataset = worlds()[name]
    truth, system = data.relevance(dataset), System("a", space_for(dataset))
    made = open_set.open_set(system, truth, dataset)
    best, strange, right = [], [], []
    for q, ranked in enumerate(ranked_lists(system, truth)):
        if not truth.n_relevant[q]:
            continue
        row, relevant = system.block(q, q + 1)[0], set(truth.relevant(q))
        best.append(row[ranked[0]])
        right.append(ranked[0] in relevant)
        strange.append(next(row[g] for g in ranked if g not in relevant))
    assert made.n_queries == len(best) and made.first_right == pytest.approx(np.mean(right))
    truths = [1] * len(best) + [0] * len(best)
    assert made["maximum"].auc.mean == pytest.approx(sk.roc_auc_score(truths, best + strange))
    for rate, figure in zip(open_set.FALSE_ALARMS, made["maximum"].rates):
        cuts = [cut for cut in {*best, *strange} if np.mean(np.array(strange) >= cut) <= rate]
        expected = max((np.mean((np.array(best) >= cut) & right) for cut in cuts), default=0.0)
        assert figure.mean == pytest.approx(expected) and figure.low <= figure.mean <= figure.high


def test_rules_read_the_first_scores() -> None:
    top = np.array([[0.9, *[0.5] * 10], [0.8, 0.2, *[-np.inf] * 9], [0.3, *[-np.inf] * 10]])
    read = {rule: function(top).round(6).tolist() for rule, (_, function) in open_set.RULES.items()}
    assert read == {"maximum": [0.9, 0.8, 0.3], "margin": [0.4, 0.6, 0.3], "mean5": [0.58, 0.5, 0.3]}


# ---------------------------------------------------------------- probabilities


def many_classes() -> Dataset:
    return dataset_of(np.repeat(np.arange(8), 9))


def test_nobody_is_fitted_and_examined() -> None:
    dataset = many_classes()
    truth, system = data.relevance(dataset), System("a", space_for(dataset))
    made = calibration.calibrate(system, truth, dataset)
    train, report = made.split.train, made.split.report
    assert not set(dataset.labels[train]) & set(dataset.labels[report]) and len(train) + len(report) == 72
    every = calibration.outcomes(system, PairTruth.of(dataset, truth), 0.0, 10)
    assert len(every.scores) == 720 and every.weights.min() == 1
    mine = every.of(report)
    p = made.fit.probability(mine.scores)
    assert made.examined["logistic"].brier.mean == pytest.approx(np.mean((p - mine.right) ** 2))
    assert made.share_right == pytest.approx(mine.right.mean())
    assert made.examined["logistic"].ece.mean < made.examined["range"].ece.mean


def test_strangers_have_the_weight_of_their_share() -> None:
    dataset = many_classes()
    truth, system = data.relevance(dataset), System("a", space_for(dataset))
    every = calibration.outcomes(system, PairTruth.of(dataset, truth), 0.25, 4)
    strange = every.weights == 0.25
    assert strange.sum() == (~strange).sum() == 72 * 4 and not every.right[strange].any()
    surer, doubting = (calibration.calibrate(system, truth, dataset, unknown=share) for share in (0.0, 0.5))
    score = np.array([0.5])
    assert doubting.fit.probability(score) < surer.fit.probability(score)
    for bad in (-0.1, 1.0):
        with pytest.raises(BadInput, match="at least 0 and below 1"):
            calibration.calibrate(system, truth, dataset, unknown=bad)
    with pytest.raises(BadInput, match="not by 'magic'"):
        calibration.calibrate(system, truth, dataset, method="magic")


def test_what_is_saved_is_read_again_and_not_for_other_vectors(home) -> None:
    dataset = many_classes()
    truth, space = data.relevance(dataset), space_for(dataset)
    made = calibration.calibrate(System("a", space), truth, dataset, method="isotonic", unknown=0.3)
    name = calibration_store.name_of(dataset, ("a",))
    assert calibration_store.load(name, space, ("a",)) is None
    path = calibration_store.save(name, calibration_store.of(made), space, ("a",))
    stored = calibration_store.load(name, space, ("a",))
    assert stored == calibration_store.of(made) and "30 % of the queries" in stored.sentence()
    assert calibration_store.load(name, space_for(dataset, seed=5), ("a",)) is None, "other vectors"
    path.write_text("{}")
    assert calibration_store.load(name, space, ("a",)) is None
    calibration_store.forget(name)
    assert not path.exists()


def test_probabilities_of_a_preparation_by_group_go_with_its_groups() -> None:
    dataset = many_classes()
    space = space_for(dataset)
    texts = np.array(["day" if at % 2 else "night" for at in range(len(dataset))], object)
    by_group = FusionSpec(
        "a", "concat", ("a",), prepare=Step("preparation", "centred_by_group", (("column", "light"),))
    )
    plain = dataclasses.replace(by_group, prepare=Step("preparation", "centred"))

    def grouped(values: np.ndarray) -> VectorSet:
        return VectorSet(space.vectors, dataset.split, groups=lambda column: values)

    made = calibration_store.of(calibration.calibrate(System("a", space), data.relevance(dataset), dataset))
    moved = texts.copy()
    moved[3] = "night"
    for spec, changes in ((by_group, True), (plain, False)):
        name = calibration_store.name_of(dataset, ("a",), spec)
        calibration_store.save(name, made, grouped(texts), ("a",), spec)
        assert calibration_store.load(name, grouped(texts), ("a",), spec) == made
        assert (calibration_store.load(name, grouped(moved), ("a",), spec) is None) == changes
        calibration_store.forget(name)


def test_classes_without_a_matching_pair_make_nothing_surer() -> None:
    """Three classes are found without a fault: that says little, however many images stand alone in their class."""
    random, labels = np.random.default_rng(0), np.concatenate([np.repeat(np.arange(3), 5), np.arange(3, 100)])
    rows = np.zeros((len(labels), 43))
    rows[np.arange(15), labels[:15]] = 2
    rows[:, 3:] = 0.2 * random.standard_normal((len(labels), 40))
    dataset = dataset_of(labels)
    system = System("a", VectorSet({"a": unit(rows)}, dataset.split))
    made = verification.verify(system, data.relevance(dataset), dataset)
    figure = made.figures["tpr@fpr1e-2"]
    assert figure.mean == 1 and figure.low == pytest.approx(resampling.wilson(np.ones((3, 1)))[0][0])
    assert made.caution.startswith("Intervals draw whole classes (100), 3 of them with matching pairs;")
