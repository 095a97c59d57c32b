"""The competition run: chosen on training images alone, whatever the labels of queries say; a list for every query."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core import backbones, cli, data
from core.errors import BadInput
from core.studies import competition, evaluation
from core.studies.finetuning import run
from core.studies.finetuning.plan import usual_name
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.types import Dataset, unit

LITE = "tf_efficientnet_lite0"


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory, tiny_images: Path):
    """train/, test/query/ and test/gallery/ with the tiny classes below, as a dataset in a home of its own."""
    place = tmp_path_factory.mktemp("competition")
    for number, file in enumerate(sorted(tiny_images.glob("*/*.png"))):
        part = ("train", "train", "train", "test/query", "test/gallery", "train", "test/gallery", "train")[number % 8]
        target = place / "data" / part / file.parent.name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(place / "home"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield data.add("nested", place / "data")


def test_labels_of_queries_are_not_read_before_the_choice(nested: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Poisoned: every query and every gallery image gets a wrong label, and neither the choice nor a list moves."""
    seen: list[Dataset] = []
    real = run.parted
    monkeypatch.setattr(run, "parted", lambda dataset, plan: (seen.append(dataset), real(dataset, plan))[1])
    outside = np.union1d(nested.split.queries, nested.split.gallery)
    labels = np.array(nested.labels)
    labels[outside] = (labels[outside] + 1) % 6
    honest = competition.compete(nested, [LITE], top_k=3)
    poisoned = competition.compete(dataclasses.replace(nested, labels=labels), [LITE], top_k=3, replace=True)
    assert [(c.title, c.accuracy, c.hit) for c in honest.configurations] == [
        (c.title, c.accuracy, c.hit) for c in poisoned.configurations
    ]
    assert honest.picked.title == poisoned.picked.title and honest.results == poisoned.results
    assert all((dataset.labels[outside] == -1).all() for dataset in seen) and len(seen) >= 2
    assert len(honest.results) == len(nested.split.queries) and {len(line) for line in honest.results.values()} == {3}
    assert not set(sum(honest.results.values(), [])) - set(np.asarray(nested.ids)[nested.split.gallery].tolist())


def test_both_meanings_of_top_k_accuracy() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 0, 0, 1, 1]] + 0.01 * np.arange(5, dtype=np.float32)[:, None]
    groups = np.array([0, 0, 1, 1, -1])
    values = competition._accuracies(vectors, np.array([0, 3, 4]), np.array([1, 2, 3]), groups, 2)
    np.testing.assert_allclose(values[:2], [[0.5, 1.0], [0.5, 1.0]])
    assert np.isnan(values[2]).all(), "a query without a label counts nowhere"


def test_unlabelled_images_count_as_the_report_counts_them(nested: Dataset) -> None:
    """A query without a label, and one whose class the gallery has not, count nowhere; unlabelled gallery images stay."""
    split, labels = nested.split, np.array(nested.labels)
    labels[split.queries[0]] = -1
    lone = labels[split.queries[-1]]
    labels[split.gallery[labels[split.gallery] == lone]] = -1
    changed = dataclasses.replace(nested, labels=labels)
    vectors = unit(np.random.default_rng(1).standard_normal((len(nested), 8)).astype(np.float32))
    alone = competition.Configuration(("none",), "single", 1.0, 0.5, 0.5)
    made = competition._answer(changed, (alone,), alone, {"none": vectors}, 3)
    truth = data.relevance(changed)
    reported = evaluation.evaluate([System("x", VectorSet({"x": vectors}, split))], truth, (3,), dataset=changed)[
        "x"
    ].figures
    values = made.test["none"]
    np.testing.assert_array_equal(np.isnan(values[:, 0]), truth.n_relevant == 0)
    assert made.n_counted == reported["p@3"].n_valid < len(split.queries) and f"{made.n_counted} of" in made.basis()
    np.testing.assert_allclose(np.nanmean(values, axis=0), [reported["p@3"].mean, reported["hit@3"].mean])
    blank = competition._answer(
        dataclasses.replace(nested, labels=np.full(len(nested), -1)), (alone,), alone, {"none": vectors}, 3
    )
    assert blank.test == {} and blank.n_counted == 0 and "nothing is known" in blank.basis()


def test_instances_decide_where_the_dataset_says_so(nested: Dataset) -> None:
    by_instance = dataclasses.replace(nested, instances=np.array(nested.labels), relevant_by="instance")
    unseen = competition.blind(by_instance)
    outside = np.union1d(nested.split.queries, nested.split.gallery)
    assert unseen.relevant_by == "instance" and (unseen.instances[outside] == -1).all()
    assert (unseen.instances[nested.split.train] >= 0).all() and (by_instance.instances >= 0).all()


def test_the_same_training_is_not_done_twice_and_another_is_not_trained_over(
    nested: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    first = competition.compete(nested, [LITE], replace=True, say=said.append)
    assert "Trains on" in said[0] and tuple(said) == first.notes
    before = backbones.tuned.card(first.picked.names[0])
    monkeypatch.setattr(run, "train", lambda *args, **more: pytest.fail("trained again"))
    again = competition.compete(nested, [LITE])
    assert again.results == first.results and backbones.tuned.card(first.picked.names[0]) == before
    with pytest.raises(BadInput, match="There is a tuned:nested-lite0-known already.*--replace"):
        competition.compete(nested, [LITE], loss="arcface")


def test_no_query_finds_itself() -> None:
    vectors = np.eye(5, dtype=np.float32)[[0, 1, 2, 3, 4]] + 0.1
    items = competition._found(vectors, np.array([1, 4]), np.array([0, 1, 2, 3]), 3)
    assert items.shape == (2, 3), "as many results for the query that is not in the gallery"
    assert 1 not in items[0] and set(items[0]) == {0, 2, 3}


def test_no_two_networks_are_saved_under_one_name() -> None:
    """Two networks whose names end alike, and a dataset whose name fills all that a name may hold."""
    pair = ["dinov2_vits14_518", "dinov2_vitb14_518"]
    for dataset in ("birds", "b" * 80):
        names = competition.own_names(dataset, [*pair, pair[0]], "head")
        assert list(names) == pair and len(set(names.values())) == 2
        assert all(backbones.tuned.check_name(name) for name in names.values())
    usual = {usual_name(name, "head", "known") for name in backbones.names()}
    tunable = [name for name in backbones.names() if backbones.get(name).family != "concepts"]
    assert len({usual_name(name, "head", "known") for name in tunable}) == len(tunable) <= len(usual)


def test_copies_of_training_images_count_in_no_figure(nested: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """One query and one gallery image were trained on: they stay in the lists, and out of what labels say."""
    copies = frozenset(nested.keys[at].decode() for at in (nested.split.queries[0], nested.split.gallery[2]))
    monkeypatch.setattr(backbones.tuned, "trained_on", lambda name: copies)
    rows = {"tuned:x": unit(np.random.default_rng(0).standard_normal((len(nested), 8)))}
    alone = competition.Configuration(("tuned:x",), "single", 1.0, 0.5, 0.5)
    made = competition._answer(nested, (alone,), alone, rows, len(nested.split.gallery))
    assert len(made.results) == len(nested.split.queries)
    assert all(str(nested.ids[nested.split.gallery[2]]) in line for line in made.results.values())
    queries, gallery = nested.split.queries[1:], np.delete(nested.split.gallery, 2)
    expected = (nested.labels[queries][:, None] == nested.labels[gallery]).sum(axis=1) / len(nested.split.gallery)
    np.testing.assert_allclose(made.test["x"][:, 0], expected)
    assert len(made.classes) == len(queries)
    monkeypatch.setattr(backbones.tuned, "trained_on", lambda name: frozenset(key.decode() for key in nested.keys))
    assert competition._answer(nested, (alone,), alone, rows, 2).test == {}, "nothing is left to tell"


def test_ensembles_and_the_time_budget() -> None:
    rows = {name: np.eye(3, dtype=np.float32) for name in "abc"}
    kinds = competition._candidates("abc", rows)
    assert len(kinds) == 3 + 3 * 2 + 2, "each alone; each pair and the three together, by mean and by concat"
    rows["a"] = np.eye(4, dtype=np.float32)[:3]
    assert (("b", "c"), "mean") in competition._candidates("abc", rows)
    assert (("a", "b"), "mean") not in competition._candidates("abc", rows)


def test_what_cannot_compete_is_said(nested: Dataset) -> None:
    whole = dataclasses.replace(nested, split=type(nested.split).self_retrieval(len(nested)))
    with pytest.raises(BadInput, match="has no train images"):
        competition.compete(whole, [LITE])
    with pytest.raises(BadInput, match="at least 1 result"):
        competition.compete(nested, [LITE], top_k=0)
    with pytest.raises(BadInput, match="No system answers within 0 ms"):
        competition.compete(nested, [LITE], budget_ms=0)
    with pytest.raises(BadInput, match="no network that could be tuned"):
        competition.compete(nested, ["hog"])


def test_the_command_writes_its_files(nested: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    arguments = ["compete", "--data", "nested", "--backbones", LITE, "--top-k", "2", "--out", str(out)]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    assert (
        "test top-2" in printed
        and "share of the first k" in printed
        and "before any label of a query was read" in printed
    )
    results = json.loads((out / "results.json").read_text())
    assert len(results) == len(nested.split.queries) and all(len(line) == 2 for line in results.values())
    rows = list(csv.DictReader((out / "systems.csv").open()))
    assert rows[0]["picked"] == "picked" and "[" in rows[0]["test hit@2"]
    assert "<html" in (out / "report.html").read_text()[:300].lower()
