"""More than a head is proposed only where it is shown to beat the head; a name that is taken is not trained over."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from core import backbones, cli, data
from core.errors import BadInput
from core.fusion import FusionSpec
from core.setups import FinetuneSetup
from core.studies import comparison, embedding, fusion, training_split
from core.studies.finetuning import parts, plan, proposal, run
from core.studies.finetuning.plan import Plan
from core.studies.training import trained_fusions

LITE = "tf_efficientnet_lite0"


@pytest.fixture(scope="module")
def world(tmp_path_factory, tiny_images):
    """The tiny images embedded by a real network; its last stage and its head were trained on half of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(tmp_path_factory.mktemp("home")))
        dataset = data.add("tiny", tiny_images)
        embedding.embed(dataset, [LITE, "hsv_histogram"])
        made = run.train(run.prepare(dataset, Plan("last", LITE, moves="last", dim=16, epochs=1, batch=16)))
        embedding.embed(dataset, [made.backbone.name])
        yield SimpleNamespace(dataset=dataset, made=made, name=made.backbone.name)


def compared(**values: np.ndarray) -> comparison.Comparison:
    """Systems of which each query's AP is given, 20 classes of two queries."""
    unit = comparison.ResamplingUnit("classes", np.repeat(np.arange(20), 2), 20, True)
    return comparison.compare(values, unit, draws=500, choose=False)


def test_each_is_proposed_only_where_it_beats_what_costs_less() -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, (3, 40))
    low, same, high = 0.5 + noise[0], 0.5 + noise[1], 0.8 + noise[2]
    assert proposal.propose(compared(frozen=low, head=high), "frozen", ["head"]).name == "head"
    assert proposal.propose(compared(frozen=low, head=same), "frozen", ["head"]).name == "frozen"
    assert proposal.propose(compared(frozen=low, head=same, last=high), "frozen", ["head"], ["last"]).name == "last"
    assert proposal.propose(compared(frozen=low, head=high, last=high), "frozen", ["head"], ["last"]).name == "head"
    assert proposal.propose(compared(frozen=high, head=low, last=low), "frozen", ["head"], ["last"]).name == "frozen"
    made = proposal.propose(compared(frozen=low, a=same, b=high, last=high + 0.1), "frozen", ["a", "b"], ["last"])
    assert made.name == "last" and made.against_head.mean == pytest.approx(0.1), "the best of the heads stands for all"


def test_the_last_stage_stands_beside_its_head_on_the_same_queries(world) -> None:
    beside = proposal.beside_head(world.name, world.dataset)
    assert beside.base == LITE and set(beside.result.comparison.names) == {world.name, proposal.HEAD, LITE}
    left = world.made.parts.report.split
    assert beside.result[proposal.HEAD].figures["map"].n_queries == len(left.queries)
    assert proposal.beside_head(world.name, world.dataset).proposal == beside.proposal, "seeded"
    assert beside.proposal.name in (world.name, proposal.HEAD, LITE) and "over a head alone" in beside.sentence()
    for name, words in ((world.name, "so tuned:last is proposed"), (LITE, "the frozen network is proposed")):
        changed = dataclasses.replace(beside, proposal=dataclasses.replace(beside.proposal, name=name))
        assert words in changed.sentence()
    head = run.train(run.prepare(world.dataset, Plan("plain", LITE, dim=16, epochs=1))).backbone.name
    assert proposal.beside_head(head, world.dataset) is None
    with pytest.raises(BadInput, match="was not tuned here"):
        proposal.beside_head(LITE, world.dataset)


def test_a_name_that_is_taken_is_refused_until_somebody_says_so(world, capsys) -> None:
    before = backbones.tuned.card(world.name)
    assert plan.free_name("last") == "last-2" and plan.free_name("other") == "other"
    run.check_free("other")
    run.check_free("last", replace=True)
    arguments = ["finetune", "--data", "tiny", "--backbone", LITE, "--as", "last", "--epochs", "1", "--dim", "8"]
    assert cli.main(arguments) == 2
    assert "There is a tuned:last already. Give another name (`--as NAME`)" in capsys.readouterr().err
    assert backbones.tuned.card(world.name) == before
    assert cli.main([*arguments[:6], "once", *arguments[7:]]) == 0
    assert cli.main([*arguments[:6], "once", *arguments[7:], "--replace", "--train-seed", "1"]) == 0
    assert backbones.tuned.card("tuned:once")["plan"]["seed"] == 1


def test_the_command_and_the_page_ask_for_one_plan() -> None:
    asked = FinetuneSetup(
        backbone=LITE, question="new", moves="last", loss="arcface", dim=8, epochs=3, rate=0.01, batch=8
    )
    made = plan.plan_of(asked)
    assert made == Plan("lite0-last-new", LITE, "last", "new", "arcface", dim=8, epochs=3, rate=0.01, batch=8)
    shared = {field.name for field in dataclasses.fields(Plan)} - {"name", "patience"}
    assert shared <= {field.name for field in dataclasses.fields(FinetuneSetup)}
    with pytest.raises(BadInput, match="Choose a network"):
        plan.plan_of(FinetuneSetup())


def test_a_copy_that_another_network_sees_is_named(world, monkeypatch) -> None:
    divided = parts.of(world.dataset, "known")
    own = embedding.embeddings(world.dataset, LITE)
    rows = np.array(own.vectors)
    asked = divided.report.split.queries[0]
    rows[asked] = rows[divided.fit[0]]
    other = dataclasses.replace(own, backbone="another", vectors=rows)
    blind = parts.near_copies(world.dataset, divided, [own], 0.9999)
    seen = parts.near_copies(world.dataset, divided, [own, other], 0.9999)
    assert str(world.dataset.ids[asked]) in " ".join(seen) and str(world.dataset.ids[asked]) not in " ".join(blind)
    assert [one.backbone for one in run._seen_by(world.dataset, own)] == [LITE], "no descriptor, and nothing tuned"
    monkeypatch.setattr("core.studies.datasets.MOST_PAIRS", 0)
    assert "were not counted" in parts.near_copies(world.dataset, divided, [own], 0.5)[-1]


def test_time_and_memory_are_measured_before_it_starts(world) -> None:
    ready = run.parted(world.dataset, Plan("x", LITE, moves="last", epochs=2, batch=16))
    measured = run.estimate(ready)
    assert "measured on one batch of 16" in measured.sentence() and "at the most" in measured.sentence()
    assert measured.gigabytes > 0.05 and measured.free > 0 and "free:" not in measured.sentence()
    scarce = dataclasses.replace(measured, free=0.01)
    assert "take a smaller batch than 16" in scarce.sentence()


def test_a_fusion_head_may_know_its_classes(world) -> None:
    space, truth = fusion.space_of(world.dataset, [LITE, "hsv_histogram"]), data.relevance(world.dataset)
    spec = FusionSpec("now", "concat", (LITE, "hsv_histogram"))
    made = trained_fusions.fit("linear_head", world.dataset, space, truth, spec, dim=16, question="known")
    other = trained_fusions.fit("linear_head", world.dataset, space, truth, spec, dim=16)
    assert made.split.by == "image" and other.split.by == "class" and "classes that it knows" in made.split.sentence()
    labels = world.dataset.labels[world.dataset.split.queries]
    assert set(labels[made.split.train]) == set(labels[made.split.report]) == set(labels)
    assert not set(labels[other.split.train]) & set(labels[other.split.report])
    names = {trained_fusions.name_of("linear_head", world.dataset, spec, asked) for asked in ("known", "new")}
    assert len(names) == 2 and trained_fusions.name_of("gate", world.dataset, spec, "known") == trained_fusions.name_of(
        "gate", world.dataset, spec
    )
    keys = np.asarray(world.dataset.keys, "S64")
    left = training_split.without(world.dataset, made.spec.trained_on).split
    trained = np.isin(keys, np.array(made.spec.trained_on, "S64"))
    assert not trained[left.queries].any() and not trained[left.gallery].any(), "it knows them by heart"
    left = training_split.without(world.dataset, other.spec.trained_on).split
    assert len(left.gallery) == len(world.dataset.split.gallery), "of other classes they are wrong answers like others"
