"""What was fitted outlives the process that fitted it, and never answers on vectors that it was not fitted on."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from core import data, metrics, paths
from core.fusion import FusionSpec
from core.studies import embedding, fusion, fusion_evaluator, training_split
from core.studies.training import trained_fusions
from core.studies.vector_set import VectorSet

OWN = ("hsv_histogram", "hog")


@pytest.fixture
def world(tiny_world: SimpleNamespace) -> SimpleNamespace:
    embedding.embed(tiny_world.dataset, OWN)
    space = fusion.space_of(tiny_world.dataset, OWN)
    return SimpleNamespace(dataset=tiny_world.dataset, space=space, truth=data.relevance(tiny_world.dataset))


@pytest.mark.parametrize("what", list(trained_fusions.WAYS))
def test_it_is_found_again_whole(world: SimpleNamespace, what: str) -> None:
    spec = FusionSpec("now", "concat", OWN)
    name = trained_fusions.name_of(what, world.dataset, spec)
    assert trained_fusions.find(name, world.space) is None
    made = trained_fusions.fit(what, world.dataset, world.space, world.truth, spec, dim=8)
    assert trained_fusions.keep(name, made, world.space)
    trained_fusions._read.cache_clear()
    again = trained_fusions.find(name, fusion.space_of(world.dataset, OWN))
    assert again.spec == made.spec and again.date == made.date and again.split.by == made.split.by
    assert len(again.spec.trained_on) == len(made.split.train) > 0
    np.testing.assert_array_equal(again.split.report, made.split.report)
    assert type(again.course) is type(made.course)
    if what in ("gate", "linear_head"):
        assert repr(again.course.curve) == repr(made.course.curve) and again.course.best == made.course.best
    elif what == "dims":
        assert again.course.dims == made.course.dims and again.course.proposed == made.course.proposed
        np.testing.assert_array_equal(again.course.low, made.course.low)
    else:
        assert again.course.learned.by_name == made.course.learned.by_name
        np.testing.assert_array_equal(again.course.tuned, made.course.tuned)
    asked = training_split.without(world.dataset, again.spec.trained_on)
    run = fusion_evaluator.FusionEvaluator(fusion.space_of(asked, OWN), data.relevance(asked))
    for one in (made.spec, again.spec):
        assert np.nanmean(metrics.average_precision(run.fusion(one))) > 0
    trained = set(again.spec.trained_on)
    assert not trained & set(training_split.query_keys(asked)), "nobody is judged on what trained it"
    trained_fusions.forget(name)
    assert trained_fusions.find(name, world.space) is None


def test_other_vectors_other_names_and_damage_find_nothing(world: SimpleNamespace) -> None:
    spec = FusionSpec("now", "concat", OWN)
    name = trained_fusions.name_of("tune", world.dataset, spec)
    trained_fusions.keep(name, trained_fusions.fit("tune", world.dataset, world.space, world.truth, spec), world.space)
    turned = {one: rows[:, ::-1].copy() for one, rows in world.space.vectors.items()}
    assert trained_fusions.find(name, VectorSet(turned, world.dataset.split)) is None
    assert (
        trained_fusions.find(
            trained_fusions.name_of("tune", world.dataset, FusionSpec("now", "score_sum", OWN)), world.space
        )
        is None
    )
    smaller = training_split.without(world.dataset, training_split.query_keys(world.dataset)[:1])
    assert trained_fusions.name_of("tune", smaller, spec) != name, "other queries are another question"
    (file,) = paths.fitted().glob("*.json")
    file.write_text(file.read_text()[:-40])
    assert trained_fusions.find(name, world.space) is None


def test_fitted_weights_are_known_by_themselves(world: SimpleNamespace) -> None:
    spec = FusionSpec("now", "concat", OWN).with_shares(dict(zip(OWN, (0.3, 0.7))))
    import dataclasses

    trained_fusions.mark(dataclasses.replace(spec, trained_on=("a", "b")))
    trained_fusions.mark(dataclasses.replace(spec, name="another name", trained_on=("b", "c")))
    assert trained_fusions.marked(spec) == ("a", "b", "c"), "fitted twice, both are left out"
    assert trained_fusions.marked(spec.with_shares(dict(zip(OWN, (0.31, 0.69))))) == ()
    for shares in ((0.5, 0.5), (1.0, 0.0)):
        plain = spec.with_shares(dict(zip(OWN, shares)))
        trained_fusions.mark(dataclasses.replace(plain, trained_on=("a",)))
        assert trained_fusions.marked(plain) == (), "nobody needs training to name equal shares, or one backbone"


def test_a_home_that_cannot_be_written_costs_only_the_memory(world: SimpleNamespace) -> None:
    paths.fitted().parent.mkdir(parents=True, exist_ok=True)
    paths.fitted().write_text("a file where the folder would be")
    spec = FusionSpec("now", "concat", OWN)
    made = trained_fusions.fit("tune", world.dataset, world.space, world.truth, spec)
    assert not trained_fusions.keep("x", made, world.space)
