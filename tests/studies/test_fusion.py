"""A fusion beside its backbones: planted gains are shown, noise is not, and the words say which."""

from __future__ import annotations

import numpy as np
import pytest

from core import data
from core.errors import BadInput
from core.fusion import FusionSpec
from core.studies import fusion, fusion_baseline, fusion_evaluator, training_split, weight_search
from core.studies.fusion_costs import FusionCost
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.types import Split
from tests.studies.test_weights import planted, slow_ap


def stand(noise: dict[str, float], spec: FusionSpec, seed: int = 0, **more):
    space, truth, labels = planted(noise, 16, 8, seed)
    return (
        fusion_baseline.compare_to_baseline(fusion_evaluator.FusionEvaluator(space, truth), spec, draws=2000, **more),
        space,
        truth,
    )


def test_two_complementary_backbones_gain_and_it_is_said() -> None:
    found, space, truth = stand({"a": 2.0, "b": 2.0}, FusionSpec("both", "concat", ("a", "b")), seed=1)
    assert found.gain and found.verdict.startswith("gain over")
    versus = found.row("fusion").versus
    assert versus.low > 0 and versus.p < 0.01 and versus.p_holm >= versus.p
    plain = {name: slow_ap(System(name, space), truth) for name in "ab"}
    assert found.best == max(plain, key=lambda name: plain[name].mean())
    fused = slow_ap(System("both", space, FusionSpec("both", "concat", ("a", "b"))), truth)
    assert found.row("fusion").mean == pytest.approx(fused.mean())
    assert versus.mean == pytest.approx((fused - plain[found.best]).mean())


def test_noise_shows_no_gain() -> None:
    found, _, _ = stand({"a": 1.5, "noise": np.inf}, FusionSpec("both", "concat", ("a", "noise")))
    assert not found.gain and found.verdict.startswith("no gain shown: a alone is better")


def test_a_tiny_share_of_noise_lies_inside_the_interval() -> None:
    verdicts = []
    for seed in range(4):
        spec = FusionSpec("f", "score_sum", ("a", "noise"), (0.995, 0.005))
        found, _, _ = stand({"a": 1.5, "noise": np.inf}, spec, seed)
        verdicts.append(found.verdict)
    assert sum(verdict.startswith("no gain shown") for verdict in verdicts) >= 3, verdicts


def test_all_noise_has_no_gain() -> None:
    found, _, _ = stand({"x": np.inf, "y": np.inf}, FusionSpec("f", "concat", ("x", "y")))
    assert "no gain shown" in found.verdict


def test_the_rows_are_singles_equal_fusion_and_the_oracle() -> None:
    spec = FusionSpec("mix", "concat", ("a", "b", "c"), (1.0, 2.0, 0.0))
    costs = {"a": FusionCost(1, 10), "b": FusionCost(2, 20), "c": FusionCost(4, 40)}
    found, _, _ = stand({"a": 1.5, "b": 2.0, "c": 3.0}, spec, costs=costs)
    assert found.strongest(2) == ("a", "b") and found.strongest(9) == ("a", "b", "c")
    both, _, _ = stand({"a": 1.5, "fast:a": 1.5, "b": 3.0}, FusionSpec("mix", "concat", ("a", "fast:a", "b")))
    assert {"a", "fast:a"} & {both.strongest(2)[0]} and both.strongest(3)[1:] == ("b",), "two modes are one network"
    assert [row.role for row in found.rows] == ["backbone"] * 3 + ["equal", "fusion", "oracle"]
    shown = np.stack([row.per_query for row in found.rows[:-1]])
    assert np.allclose(found.rows[-1].per_query, shown.max(axis=0))
    assert "upper bound" in found.rows[-1].name and found.rows[-1].versus is None
    assert found.row("fusion").cost.milliseconds == 3 and found.row("equal").cost.megabytes == 70
    assert len(found.rows) == 6
    # Holm over the four pairs that were tested: two other singles, equal weights, the fusion.
    tested = [row.versus for row in found.rows if row.versus is not None]
    assert len(tested) == 4
    order = sorted(tested, key=lambda versus: versus.p)
    running = 0.0
    for place, versus in enumerate(order):
        running = max(running, min(1.0, (4 - place) * versus.p))
        assert versus.p_holm == pytest.approx(running)


@pytest.mark.parametrize("kind", ["concat", "score_sum", "rrf", "combsum"])
def test_every_kind_can_stand(kind: str) -> None:
    spec = FusionSpec("f", kind, ("a", "b"))
    found, space, truth = stand({"a": 1.5, "b": 1.5}, spec)
    assert found.row("fusion").mean == pytest.approx(slow_ap(System("f", space, spec), truth).mean())


def test_one_backbone_with_all_the_weight_is_that_backbone() -> None:
    found, _, _ = stand({"a": 1.2, "b": 3.0}, FusionSpec("f", "concat", ("a", "b"), (1.0, 0.0)))
    assert found.row("fusion").versus is None and "is a alone" in found.verdict and not found.gain


def test_names_that_meet_are_kept_apart() -> None:
    found, _, _ = stand({"equal weights": 1.5, "b": 1.5}, FusionSpec("b", "concat", ("equal weights", "b")))
    assert len(found.rows) == 5


def test_nobody_is_judged_on_what_trained_it() -> None:
    space, truth, labels = planted({"a": 1.6, "b": 1.2}, 8, 6)
    keys = [f"key{i}" for i in range(len(labels))]
    split = training_split.split_queries(labels, 0.5)
    tuned = weight_search.tune(space, FusionSpec("f", "concat", ("a", "b")), truth, split, keys=keys)
    with pytest.raises(BadInput, match="was fitted on"):
        fusion_baseline.compare_to_baseline(
            fusion_evaluator.FusionEvaluator(space, truth), tuned.spec, keys=keys, draws=200
        )
    report = [keys[i] for i in split.report]
    judge = fusion_evaluator.FusionEvaluator(space.only(split.report), truth.take(split.report))
    found = fusion_baseline.compare_to_baseline(judge, tuned.spec, keys=report, draws=200)
    assert found.n_queries == len(split.report)
    assert found.row("fusion").mean == pytest.approx(tuned.tuned.mean())
    assert found.row("equal").mean == pytest.approx(tuned.equal.mean())


def test_without_a_relevant_image_nothing_is_said() -> None:
    space, _, labels = planted({"a": 1.0, "b": 1.0}, 4, 2)
    n = len(labels)
    from core.types import Relevance

    alone = Relevance(n, n, self_position=np.arange(n), query_classes=np.arange(n), gallery_classes=np.arange(n))
    found = fusion_baseline.compare_to_baseline(
        fusion_evaluator.FusionEvaluator(space, alone), FusionSpec("f", "concat", ("a", "b")), draws=100
    )
    assert found.n_valid == 0 and "nothing can be said" in found.verdict and not found.gain


def test_whole_classes_are_drawn_unless_single_queries_are_asked_for() -> None:
    spec = FusionSpec("both", "concat", ("a", "b"))
    plain, _, _ = stand({"a": 2.0, "b": 2.0}, spec, by_class=False)
    careful, _, _ = stand({"a": 2.0, "b": 2.0}, spec)
    assert plain.resampled == "queries" and plain.caution.startswith("Optimistic: queries are taken as independent")
    assert careful.resampled == "classes" and "draw whole classes (16)" in careful.caution
    one, other = plain.row("fusion").versus, careful.row("fusion").versus
    assert one.mean == other.mean and (one.low, one.high) != (other.low, other.high)


def dataset_of(split=None, instances=None):
    import pandas as pd

    from core.types import Dataset

    space, truth, labels = planted({"a": 1.6, "b": 1.2}, 8, 6)
    n = len(labels)
    ids = np.array([f"i{i}" for i in range(n)])
    keys = np.array([f"{i:064x}" for i in range(n)], "S64")
    items = pd.DataFrame({"path": [""] * n})
    dataset = Dataset.of(
        "d",
        ids,
        keys,
        items,
        tuple("abcdefgh"),
        labels,
        split=split,
        instances=instances,
        relevant_by="label" if instances is None else "instance",
    )
    return dataset, VectorSet(space.vectors, dataset.split), data.relevance(dataset)


def test_training_images_that_the_dataset_names_are_used_as_they_are() -> None:
    order = np.random.default_rng(0).permutation(48)
    dataset, space, truth = dataset_of(Split(order[:16], order[16:32], order[32:]))
    found = training_split.training(dataset, space, truth)
    assert found.split.by == "given" and found.space.split.queries.tolist() == order[32:].tolist()
    assert found.truth.n_gallery == 16 and len(found.keys) == 16
    tuned = weight_search.tune(
        space,
        FusionSpec("f", "concat", ("a", "b")),
        truth,
        found.split,
        keys=found.keys,
        training=(found.space, found.truth),
    )
    assert len(tuned.tuned) == len(found.split.report) <= 16
    assert set(tuned.spec.trained_on) == {f"{i:064x}" for i in order[32:]}
    assert not training_split.trained_on(tuned.spec, training_split.query_keys(dataset)).any()


def test_without_a_given_part_whole_classes_or_instances_train() -> None:
    dataset, space, truth = dataset_of()
    found = training_split.training(dataset, space, truth)
    assert found.split.by == "class"
    assert not set(dataset.labels[found.split.train]) & set(dataset.labels[found.split.report])
    assert len(found.keys) == len(found.split.train) == found.truth.n_queries
    dataset, space, truth = dataset_of(instances=np.arange(48) // 3)
    found = training_split.training(dataset, space, truth)
    assert found.split.by == "instance"
    assert not set(dataset.instances[found.split.train]) & set(dataset.instances[found.split.report])


def test_training_images_that_are_queries_are_refused() -> None:
    dataset, space, truth = dataset_of(Split(np.arange(20), np.arange(48), np.arange(10, 30)))
    with pytest.raises(BadInput, match="10 training images"):
        training_split.training(dataset, space, truth)


@pytest.mark.slow
def test_two_networks_gain_on_real_photographs(shared_data, tmp_path, home) -> None:
    """Every second photograph of 28 classes, real weights: the mix is better than the better network alone."""
    import shutil

    from core.studies.embedding import embed

    photographs = sorted((shared_data / "photos").glob("*/*.jpg"))[::2]
    for path in photographs:
        target = tmp_path / "photos" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    names = ("tf_efficientnet_lite0", "tf_efficientnet_lite2")
    dataset = data.add("half", tmp_path / "photos")
    embed(dataset, names)
    space, truth = fusion.space_of(dataset, names), data.relevance(dataset)
    found = fusion_baseline.compare_to_baseline(
        fusion_evaluator.FusionEvaluator(space, truth), FusionSpec("both", "concat", names)
    )
    assert found.best == "tf_efficientnet_lite2" and found.gain, found.verdict
    versus = found.row("fusion").versus
    assert 0.003 < versus.mean < 0.02 and versus.low > 0 and versus.p_holm < 0.05
