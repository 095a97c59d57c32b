"""Fine-tuning: it learns what is planted, is the same every time, goes on after a kill, and never flatters itself."""

from __future__ import annotations

import dataclasses
import errno
import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import backbones, data, files, paths
from core.backbones import tuned, tuned_export
from core.errors import BadInput, Cancelled, StoreUnusable
from core.studies import embedding, fusion, training_split
from core.studies.finetuning import figures, heads, loop, parts, run, seen_classes
from core.studies.finetuning.learners import HeadLearner, ValidationSet
from core.studies.finetuning.losses import LOSSES
from core.studies.finetuning.plan import DEFAULTS, MOVES, QUESTIONS, Plan, batch_shape
from core.studies.training.linear_head import self_map
from core.task import Task
from core.types import Dataset, Split, unit

LITE = "tf_efficientnet_lite0"


def planted(n_classes: int = 10, per_class: int = 12, dim: int = 24, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Classes differ in 6 directions, the others carry stronger noise: what a head can learn to leave out."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes), per_class)
    clear = random.standard_normal((n_classes, 6))[labels] + 0.4 * random.standard_normal((len(labels), 6))
    return unit(np.hstack([clear, 1.0 * random.standard_normal((len(labels), dim - 6))])), labels


def dataset_of(labels: np.ndarray, split: Split | None = None, keys: list[bytes] | None = None) -> Dataset:
    import pandas as pd

    n = len(labels)
    names = [f"{at:064x}".encode() for at in range(n)] if keys is None else keys
    return Dataset.of(
        "planted",
        np.array([f"image {at}" for at in range(n)]),
        np.array(names, "S64"),
        pd.DataFrame({"path": [""] * n}),
        tuple(f"class {code}" for code in range(int(labels.max()) + 1)),
        labels.astype(np.int64),
        split=split,
    )


def trained(plan: Plan, vectors: np.ndarray, dataset: Dataset, **more):
    divided = parts.of(dataset, plan.question, plan.seed)
    made = heads.shape(plan.head, vectors.shape[1], plan.dim, plan.question)
    learner = HeadLearner(heads.build(made, vectors[divided.fit], plan.seed), vectors, divided)
    codes = np.unique(divided.groups[divided.fit], return_inverse=True)[1]
    course = loop.train(learner, plan, codes, dim=made.outputs, **more)
    return learner, course, divided


def weights_of(learner: HeadLearner) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in learner.module.parameters()])


@pytest.mark.parametrize("loss", LOSSES.names)
def test_every_loss_learns_what_is_planted(loss: str) -> None:
    vectors, labels = planted()
    plan = Plan("x", LITE, loss=loss, dim=8, epochs=30, rate=3e-3)
    learner, course, divided = trained(plan, vectors, dataset_of(labels))
    report = divided.report.split.queries
    rows = unit(vectors @ next(learner.module.parameters()).detach().numpy().T)
    assert self_map(rows[report], labels[report]) > self_map(vectors[report], labels[report]) + 0.01
    assert course.epochs[course.best].map == max(epoch.map for epoch in course.epochs) and course.epochs[0].epoch == 0


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_the_same_seed_gives_the_same_numbers_and_a_kill_changes_none(tmp_path, head: str) -> None:
    vectors, labels = planted()
    plan, dataset = Plan("x", LITE, head=head, dim=8, epochs=6, loss="proxy_anchor", patience=6), dataset_of(labels)
    whole, course, _ = trained(plan, vectors, dataset)
    again, _, _ = trained(plan, vectors, dataset)
    assert np.array_equal(weights_of(whole), weights_of(again))
    checkpoint = tmp_path / "x.ckpt"

    class Killed(Exception):
        pass

    def kill(seen: loop.Course) -> None:
        if seen.epochs[-1].epoch == 3:
            raise Killed

    with pytest.raises(Killed):
        trained(plan, vectors, dataset, checkpoint=checkpoint, every=0, on_epoch=kill)
    assert checkpoint.is_file() and not list(tmp_path.glob(".*"))
    resumed, rest, _ = trained(plan, vectors, dataset, checkpoint=checkpoint, every=0)
    assert np.array_equal(weights_of(whole), weights_of(resumed))
    assert repr(rest.epochs) == repr(course.epochs) and rest.best == course.best
    assert not checkpoint.exists(), "a training that is over leaves nothing"
    other, _, _ = trained(dataclasses.replace(plan, seed=1), vectors, dataset)
    assert not np.array_equal(weights_of(whole), weights_of(other))


def test_it_stops_early_and_takes_the_best_epoch() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(8), 10)
    noise = unit(random.standard_normal((80, 16)))
    learner, course, _ = trained(Plan("x", LITE, question="new", epochs=40, patience=3), noise, dataset_of(labels))
    assert course.ended == "early" and len(course.epochs) - 1 == course.best + 3
    if course.best == 0:
        assert np.array_equal(next(learner.module.parameters()).detach().numpy(), np.eye(16)), (
            "the frozen one, untouched"
        )


def test_a_stop_keeps_the_best_and_a_stop_before_any_gain_says_so(tmp_path) -> None:
    vectors, labels = planted()
    task = Task()
    plan = Plan("x", LITE, dim=8, epochs=50, patience=50)
    _, course, _ = trained(
        plan, vectors, dataset_of(labels), task=task, on_epoch=lambda seen: seen.epochs[-1].epoch == 4 and task.cancel()
    )
    assert course.ended == "stopped" and course.best > 0 and len(course.epochs) == 5
    stopped = Task()
    stopped.cancel()
    with pytest.raises(Cancelled):
        trained(plan, vectors, dataset_of(labels), task=stopped)


def test_a_loss_that_is_no_number_keeps_the_best_or_says_what_to_try(monkeypatch) -> None:
    import torch

    vectors, labels = planted()
    real = loop._Run._step
    seen = {"steps": 0, "bad": 10**9}

    def step(self, batch, random):
        seen["steps"] += 1
        if seen["steps"] > seen["bad"]:
            self.loss = lambda vectors, labels: torch.tensor(float("nan"), requires_grad=True)
        return real(self, batch, random)

    monkeypatch.setattr(loop._Run, "_step", step)
    plan = Plan("x", LITE, dim=8, epochs=10)
    with pytest.raises(BadInput, match=r"lower rate, such as 0\.0001"):
        seen["steps"], seen["bad"] = 0, 0
        trained(plan, vectors, dataset_of(labels))
    seen["steps"], seen["bad"] = 0, 45
    learner, course, _ = trained(plan, vectors, dataset_of(labels))
    assert course.ended == "loss" and course.best > 0 and np.isfinite(weights_of(learner)).all()
    assert "taken" in course.notes[-1]


def test_full_memory_halves_the_batch_once(monkeypatch) -> None:
    vectors, labels = planted()
    real, limit = loop._Run._step, {"images": 36}

    def step(self, batch, random):
        if len(batch) > limit["images"]:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return real(self, batch, random)

    monkeypatch.setattr(loop._Run, "_step", step)
    _, course, _ = trained(Plan("x", LITE, dim=8, epochs=3, batch=64), vectors, dataset_of(labels))
    assert course.batch == 32 and "halved to 32" in course.notes[0]
    limit["images"] = 8
    with pytest.raises(BadInput, match="not enough memory for batches of 32"):
        trained(Plan("x", LITE, dim=8, epochs=3, batch=64), vectors, dataset_of(labels))


def test_a_full_disk_costs_the_checkpoint_not_the_training(tmp_path, monkeypatch) -> None:
    vectors, labels = planted()

    def full(path, content) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(files, "write_bytes", full)
    _, course, _ = trained(
        Plan("x", LITE, dim=8, epochs=3), vectors, dataset_of(labels), checkpoint=tmp_path / "x.ckpt", every=0
    )
    assert len(course.epochs) == 4 and sum("No space left" in note for note in course.notes) == 1


def test_a_checkpoint_of_another_version_or_a_damaged_one_is_said(tmp_path, monkeypatch) -> None:
    vectors, labels = planted()
    plan, dataset, checkpoint = Plan("x", LITE, dim=8, epochs=3), dataset_of(labels), tmp_path / "x.ckpt"
    checkpoint.write_bytes(b"nothing that torch wrote")
    with pytest.raises(BadInput, match="cannot be read; delete it"):
        trained(plan, vectors, dataset, checkpoint=checkpoint)
    checkpoint.unlink()

    def kill(seen: loop.Course) -> None:
        if len(seen.epochs) == 2:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        trained(plan, vectors, dataset, checkpoint=checkpoint, every=0, on_epoch=kill)
    monkeypatch.setattr(loop, "FORMAT", 2)
    with pytest.raises(BadInput, match="of version 1, and 2 is read here"):
        trained(plan, vectors, dataset, checkpoint=checkpoint)
    assert checkpoint.is_file(), "nothing is lost"


@given(st.integers(0, 400))
def test_a_batch_has_about_as_many_images_as_asked(batch: int) -> None:
    classes, each = batch_shape(max(1, batch))
    assert classes >= 1 and each >= 1 and classes * each <= max(1, batch)


def test_validation_figures_are_average_precision_and_hit_rate() -> None:
    vectors, labels = planted(6, 6)
    divided = parts.of(dataset_of(labels), "known")
    chosen = ValidationSet(divided)
    value, hit = chosen.figures(vectors[chosen.positions])
    assert value == pytest.approx(self_map(vectors[chosen.positions], chosen.groups, len(chosen.queries)))
    assert 0 <= hit <= 1
    broken = np.full_like(vectors[chosen.positions], np.nan)
    assert np.isnan(chosen.figures(broken)).all(), "a network of no numbers is not the best one"


# ---------------------------------------------------------------- what may train


@given(st.integers(2, 9), st.integers(4, 16), st.sampled_from(list(QUESTIONS)), st.integers(0, 50))
def test_no_image_is_on_two_sides(n_classes: int, per_class: int, question: str, seed: int) -> None:
    labels = np.repeat(np.arange(n_classes), per_class)
    keys = [f"{at // 2:064x}".encode() for at in range(len(labels))]  # pairs of equal bytes, some across classes
    dataset = dataset_of(labels, keys=keys)
    try:
        divided = parts.of(dataset, question, seed)
    except BadInput:
        assert question == "new" and n_classes < 6 or question == "known" and per_class < 13
        return
    content = np.asarray(dataset.keys)
    trains = set(content[np.r_[divided.fit, divided.validation]].tolist())
    assert not set(content[divided.fit].tolist()) & set(content[divided.validation].tolist()) or question == "new"
    for side in (divided.report.split.queries, divided.report.split.gallery):
        assert not trains & set(content[side].tolist())
    if question == "new":
        assert not set(labels[divided.fit]) & set(labels[divided.validation])
    assert set(divided.keys) == {key.decode() for key in trains}


def test_what_cannot_train_is_said_in_a_sentence() -> None:
    labels = np.repeat(np.arange(6), 6)
    everyone = np.arange(36)
    for changed, question, words in (
        (dataset_of(np.full(36, -1, np.int64)), "known", "Nothing in 'planted' is labelled"),
        (dataset_of(np.zeros(36, np.int64)), "known", "two classes with two images each"),
        (dataset_of(labels[:18]), "new", "takes four"),
        (dataset_of(labels, Split(everyone, everyone, everyone)), "known", "Make a split"),
        (
            dataset_of(labels, Split(everyone[::3], everyone[::3], np.array([1, 2, 7, 8]))),
            "known",
            "three different training",
        ),
        (
            dataset_of(np.where(everyone < 18, labels, -1), Split(everyone[:18], everyone[:18], everyone[18:])),
            "known",
            "None of the training images",
        ),
    ):
        with pytest.raises(BadInput, match=words):
            parts.of(changed, question)


def test_lone_classes_and_queries_of_unknown_classes_are_named() -> None:
    labels = np.r_[np.repeat(np.arange(4), 6), 4, 4, 5, 5]
    everyone = np.arange(28)
    train = np.r_[np.flatnonzero(labels < 4)[::2], 24]
    rest = np.setdiff1d(everyone, train)
    divided = parts.of(dataset_of(labels, Split(rest, rest, train)), "known")
    assert divided.rule == "given" and "class 4" in divided.notes[0] and "teaches nothing" in divided.notes[0]
    assert "class 5" in divided.notes[1] and "no training image" in divided.notes[1]


def test_a_plan_that_makes_no_sense_is_refused() -> None:
    assert set(DEFAULTS) == {(moves, question) for moves in MOVES for question in QUESTIONS}
    for fields, words in (
        ({"batch": 1}, "too few for two classes"),
        ({"head": "none"}, "cannot be left out"),
        ({"loss": "supcom"}, "Did you mean 'supcon'"),
        ({"name": "a/b"}, "no name for a tuned backbone"),
        ({"rate": 50.0}, "rate is below 10"),
        ({"moves": "everything"}, "none of head, last, all"),
    ):
        with pytest.raises(Exception, match=words) as caught:
            Plan(**{"name": "x", "backbone": LITE, **fields})
        assert isinstance(caught.value, backbones_errors())
    assert Plan("x", LITE, batch=1, loss="arcface").numbers.batch == 1
    with pytest.raises(BadInput, match="at most as many numbers"):
        heads.shape("linear", 24, 512, "known")


def backbones_errors() -> type[Exception]:
    from core.errors import CoreError

    return CoreError


# ---------------------------------------------------------------- a backbone like any other


@pytest.fixture(scope="module")
def world(tmp_path_factory, tiny_images):
    """The tiny images embedded by a real network, and a head that was trained on half of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(tmp_path_factory.mktemp("home")))
        dataset = data.add("tiny", tiny_images)
        embedding.embed(dataset, [LITE, "hsv_histogram"])
        ready = run.prepare(dataset, Plan("mine", LITE, dim=16, epochs=8))
        made = run.train(ready)
        yield SimpleNamespace(dataset=dataset, ready=ready, made=made, name=made.backbone.name)


def test_a_tuned_head_is_a_backbone_and_its_derived_vectors_are_its_own(world) -> None:
    assert world.name == "tuned:mine" and world.name in backbones.names() and world.made.backbone.dim == 16
    stored = embedding.embeddings(world.dataset, world.name).vectors
    assert embedding.embed(world.dataset, [world.name]).computed == {world.name: 0}, "derived when the training ended"
    from PIL import Image

    encoder = backbones.query_encoder(world.name, engine="torch")
    images = [Image.open(path).convert("RGB") for path in world.dataset.items["path"][:4]]
    direct = encoder.encode(images)
    assert np.sum(direct * stored[:4], axis=1).min() > 0.9999, "the head behind the network gives what the product gave"


def test_its_figures_never_use_what_it_trained_on_after_a_restart_too(world) -> None:
    tuned._read.cache_clear(), tuned._keys.cache_clear()
    trains = backbones.tuned.trained_on(world.name)
    divided = world.made.parts
    assert trains == set(divided.keys) and len(trains) >= len(np.r_[divided.fit, divided.validation]) - 1
    with pytest.raises(BadInput, match="trained on images of 'tiny'"):
        fusion.space_of(world.dataset, [world.name])
    left = training_split.without_tuned(world.dataset, [LITE, world.name])
    content = np.asarray(world.dataset.keys, "S64")
    for side in (left.split.queries, left.split.gallery):
        assert len(side) and not trains & {key.decode() for key in content[side].tolist()}
    assert training_split.without_tuned(world.dataset, [LITE]) is world.dataset
    assert training_split.without_tuned(left, [world.name]) is left
    beside = figures.beside(world.name, world.dataset)
    assert beside.figure(world.name).n_queries == len(left.split.queries) == beside.figure(LITE).n_queries
    assert beside.seen.words == "classes seen in training" and "frozen" in beside.sentence()
    assert any("of other classes these figures say nothing" in w for w in beside.result[world.name].warnings)


def test_a_study_of_several_datasets_leaves_them_out_too(world) -> None:
    from core.studies.study import study_data
    from core.studies.study.study_record import Study, StudyDataset

    entry = StudyDataset("tiny", "tiny")
    plain = study_data.load(Study("s", (entry,), backbones=(LITE,)), entry)
    left = study_data.load(Study("s", (entry,), backbones=(LITE, world.name)), entry)
    assert (
        len(plain.split.queries) == 60 and len(left.split.queries) == len(world.made.parts.report.split.queries) == 30
    )


def test_copies_across_the_border_are_counted_and_named(world) -> None:
    divided = parts.of(world.dataset, "known")
    vectors = embedding.embeddings(world.dataset, LITE)
    rows = np.array(vectors.vectors)
    rest = divided.report.split.queries
    rows[rest[0]] = rows[divided.fit[0]]
    (sentence,) = [
        s for s in parts.near_copies(world.dataset, divided, [dataclasses.replace(vectors, vectors=rows)], 0.9999)
    ]
    assert "1 query or gallery image is nearly the same" in sentence and str(world.dataset.ids[rest[0]]) in sentence


def test_new_classes_are_told_from_known_ones(world) -> None:
    codes = np.unique(world.dataset.labels)
    others = dataclasses.replace(world.dataset, label_names=tuple(f"other {code}" for code in codes))
    assert seen_classes.of(world.name, others).words == "classes never seen in training"
    assert seen_classes.of(LITE, world.dataset) is None and seen_classes.sentence(LITE, world.dataset) == ""


def test_its_card_says_how_it_came_to_be(world) -> None:
    card = backbones.tuned.card(world.name)
    assert card["base"]["name"] == LITE and card["base_weights"]["sha256"] and card["dataset"]["name"] == "tiny"
    assert card["plan"]["loss"] == "supcon" and card["plan"]["epochs"] == 8 and card["versions"]["torch"]
    assert len(card["curve"]) == len(world.made.course.epochs) and card["classes"] == list(world.made.parts.classes)
    assert "no figure of it uses any of them" in backbones.source_of(world.made.backbone).note(world.made.backbone)


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_plain_timm_opens_what_was_exported_with_the_lines_of_its_card(world, tmp_path, head: str) -> None:
    import safetensors.torch
    import timm
    import torch

    name = world.name
    if head == "mlp":
        name = run.train(run.prepare(world.dataset, Plan("two", LITE, head="mlp", dim=8, epochs=2))).backbone.name
    tuned_export.write(name, tmp_path / "out")
    lines = json.loads((tmp_path / "out" / "card.json").read_text())["open_with"]
    assert len(lines) == (2 if head == "linear" else 3)
    scope = {"timm": timm, "safetensors": safetensors, "torch": torch}
    exec("\n".join(lines).replace("'model.safetensors'", repr(str(tmp_path / "out" / "model.safetensors"))), scope)
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    backbone = backbones.get(name)
    with torch.inference_mode():
        theirs = torch.nn.functional.normalize(scope["network"].eval()(images), dim=1)
        ours = torch.nn.functional.normalize(backbones.source_of(backbone).load(backbone)(images), dim=1)
    assert torch.allclose(theirs, ours, atol=1e-6)


def test_what_cannot_be_tuned_or_exported_is_said(world) -> None:
    for name, words in (
        ("hsv_histogram", "no network that could be tuned"),
        ("concepts_lite0", "no network that could be tuned"),
        (f"fast:{LITE}", "is a fast mode"),
        (world.name, "is tuned already; tune its base"),
    ):
        with pytest.raises(BadInput, match=words):
            run.tunable(name)
    with pytest.raises(BadInput, match="was not tuned here"):
        tuned_export.write(f"fast:{LITE}", paths.home() / "out")


def test_damage_and_a_card_that_is_gone_are_sentences(world) -> None:
    made = run.train(run.prepare(world.dataset, Plan("gone", LITE, dim=8, epochs=1)))
    name = made.backbone.name
    file = backbones.tuned.weights_file(name)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(BadInput, match="is damaged"):
        backbones.source_of(made.backbone).load(made.backbone)
    card = backbones.tuned.folder(name) / "card.json"
    content = json.loads(card.read_text())
    card.write_text(json.dumps({**content, "format": 99}))
    with pytest.raises(BadInput, match="of version 99"):
        backbones.tuned.card(name)
    card.unlink()
    assert not backbones.available(made.backbone)[0]
    with pytest.raises(BadInput, match="Nothing says on which images"):
        training_split.without_tuned(world.dataset, [name])
    backbones.remove(name)
    assert name not in backbones.names() and not backbones.tuned.folder(name).exists()


def test_a_full_disk_while_saving_is_said_and_the_last_one_stays(world, monkeypatch) -> None:
    before = backbones.tuned.card(world.name)

    def full(path, content) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(StoreUnusable, match="the training goes on at its last epoch"):
        run.train(run.prepare(world.dataset, Plan("mine", LITE, dim=16, epochs=2)))
    assert backbones.tuned.card(world.name) == before


# ---------------------------------------------------------------- more than a head


def small_vit() -> str:
    """A ViT of two millions of random parameters, for the path and not the quality."""
    from core.backbones import custom, preprocessing
    from core.types import Backbone

    options = preprocessing.options(64, img_size=64)
    made = Backbone(
        "small_vit", "timm", 192, "vit_tiny_patch16_224", family="ViT", image_size=64, options=options, random=True
    )
    return custom.add(made).name


@pytest.fixture(scope="module")
def vit_world(world):
    import torch

    name = small_vit()
    with pytest.MonkeyPatch.context() as patch:
        from core.backbones.sources.timm import Timm

        weights: dict = {}

        def load_network(self, backbone, num_classes=0):
            from core.backbones.sources import timm

            network = timm.build(backbone, num_classes)
            state = weights.setdefault("state", {k: v.clone() for k, v in network.state_dict().items()})
            network.load_state_dict(state)
            return network

        patch.setattr(Timm, "load_network", load_network)
        torch.manual_seed(0)
        embedding.embed(world.dataset, [name])
        yield SimpleNamespace(dataset=world.dataset, name=name)


@pytest.mark.parametrize("moves", ["last", "all", "lora"])
def test_networks_learn_are_saved_and_come_back_the_same(vit_world, moves: str, tmp_path) -> None:
    import torch

    if moves == "lora":
        pytest.importorskip("peft", reason="LoRA is optional: requirements-lora.txt")
    plan = Plan(f"vit-{moves}", vit_world.name, moves=moves, dim=16, epochs=2, batch=16, rate=1e-3)
    ready = run.prepare(vit_world.dataset, plan)
    measured = run.estimate(ready)
    assert measured.seconds > 0 and "for 2 epochs" in measured.sentence() and "cpu" in measured.sentence().lower()
    seen: list[float] = []
    made = run.train(ready, on_epoch=lambda course: seen.append(course.epochs[-1].loss))
    assert len(seen) == 3 and np.isfinite(seen[1:]).all()
    assert not list(paths.checkpoints().glob("*")), "no map and no checkpoint stays"
    name = made.backbone.name
    embedding.embed(vit_world.dataset, [name])
    stored = embedding.embeddings(vit_world.dataset, name).vectors
    card = backbones.tuned.card(name)
    assert card["moved"] == moves and stored.shape == (60, 16) and "crops" in card["augmentation"]
    from safetensors.torch import load_file

    names = set(load_file(str(backbones.tuned.weights_file(name))))
    touched = {key for key in names if key.startswith("network.")}
    assert any("blocks.11" in key for key in touched) and any("blocks.0." in key for key in touched) == (
        moves != "last"
    )
    assert not any("lora" in key for key in names), "merged into the network's own weights"
    twice = run.train(dataclasses.replace(ready, plan=dataclasses.replace(plan, name="again")))
    a, b = (load_file(str(backbones.tuned.weights_file(n))) for n in (name, "tuned:again"))
    assert all(torch.equal(a[key], b[key]) for key in a) and twice.course.best == made.course.best


def test_a_network_that_cannot_be_parted_or_take_lora_says_so(world) -> None:
    ready = run.prepare(world.dataset, Plan("x", LITE, moves="lora"))
    with pytest.raises(BadInput, match="has none; train its last stage"):
        run.learner_of(ready)
    import torch

    from core.studies.finetuning import network

    with pytest.raises(BadInput, match="is not known here"):
        network.part(torch.nn.Linear(2, 2), backbones.get(LITE))
