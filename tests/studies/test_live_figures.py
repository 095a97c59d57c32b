"""Figures while weights move are those of the comparison that the pages show, to the last digit."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from core import data, metrics
from core.fusion import FusionSpec, Step
from core.metrics import curves, resampling
from core.studies import embedding, fusion, live_figures, retrieval
from core.studies.comparison import ResamplingUnit
from core.studies.fusion_baseline import compare_to_baseline
from core.studies.fusion_evaluator import FusionEvaluator
from core.studies.live_figures import LiveEvaluator

KEYS = ("map", "p@1", "p@10", "ndcg@10")
SHARES = ((0.7, 0.2, 0.1), (1 / 3, 1 / 3, 1 / 3), (0.0, 0.5, 0.5), (1.0, 0.0, 0.0), (1e-9, 1.0, 0.0))


@pytest.fixture
def world(tiny_world: SimpleNamespace) -> SimpleNamespace:
    """The tiny world embedded by three backbones that need no weights."""
    from core.backbones import BACKBONES

    names = tuple(backbone.name for backbone in BACKBONES if backbone.source == "own")[:3]
    embedding.embed(tiny_world.dataset, names)
    dataset = data.load("tiny")
    space, truth = fusion.space_of(dataset, names), data.relevance(dataset)
    return SimpleNamespace(names=names, dataset=dataset, space=space, truth=truth)


@pytest.mark.parametrize("kind", ["concat", "rrf", "score_sum"])
@pytest.mark.parametrize("by_class", [True, False])
def test_figures_are_those_of_the_comparison(world: SimpleNamespace, kind: str, by_class: bool) -> None:
    spec = FusionSpec("this fusion", kind, world.names)
    base = FusionSpec("baseline", "combsum", world.names).with_shares({world.names[0]: 1.0})
    baseline = FusionEvaluator(world.space, world.truth).values(base, KEYS)
    live = LiveEvaluator(
        FusionEvaluator(world.space, world.truth),
        spec,
        KEYS,
        baseline=baseline,
        shows_baseline=True,
        by_class=by_class,
    )
    unit = ResamplingUnit.of(world.truth, by_class)
    for shares in SHARES:
        weights = dict(zip(world.names, shares))
        figures = live.at(weights, "p@10")
        evaluator = FusionEvaluator(world.space, world.truth)
        moved = spec.with_shares(weights)
        values = evaluator.values(moved, KEYS)
        compared = compare_to_baseline(evaluator, moved, metric="p@10", by_class=by_class)
        for at, key in enumerate(KEYS):
            assert figures.means[at] == metrics.mean(values[key])
            ends = resampling.interval(values[key], classes=unit.groups)
            assert (figures.lows[at], figures.highs[at]) == pytest.approx(ends, abs=1e-12)
            assert figures.changes[at] == metrics.mean(values[key]) - metrics.mean(baseline[key])
        np.testing.assert_array_equal(figures.curve, curves.average_curve(curves.levels(evaluator.fusion(moved))))
        assert figures.versus == compared.row("fusion").versus
        assert (figures.verdict, figures.gain, figures.n_valid) == (compared.verdict, compared.gain, compared.n_valid)
        rows = [(row.mean, row.low, row.high) for row in compared.rows if row.role != "fusion"]
        before = (metrics.mean(baseline["p@10"]), *resampling.interval(baseline["p@10"], classes=unit.groups))
        np.testing.assert_allclose(figures.systems, [*rows[:-1], before, rows[-1]], rtol=0, atol=1e-12)


def test_results_are_those_of_the_retrieval(world: SimpleNamespace) -> None:
    spec = FusionSpec("this fusion", "concat", world.names)
    unlabelled = np.arange(len(world.dataset)) % 5 == 0
    partly = dataclasses.replace(world.dataset, labels=np.where(unlabelled, -1, world.dataset.labels))
    question = retrieval.gallery_image_query(partly, world.space, 7, data.relevance(partly))
    weights = dict(zip(world.names, (0.7, 0.0, 0.3)))
    results = live_figures.results(partly, question, spec.with_shares(weights), 9)
    plain = retrieval.retrieve(question, question.system("now", spec.with_shares(weights)))
    np.testing.assert_array_equal(results.items, plain.order[:9])
    np.testing.assert_array_equal(results.images, world.dataset.split.gallery[plain.order[:9]])
    np.testing.assert_array_equal(results.scores, plain.scores[plain.order[:9]].astype(np.float32))
    expected = [
        2 if image % 5 == 0 else int(plain.relevant[item]) for item, image in zip(results.items, results.images)
    ]
    assert results.relevance.tolist() == expected and len(set(expected)) == 3
    assert (results.shares[:, 1] == 0).all()
    np.testing.assert_allclose(results.shares.sum(axis=1), 1)


def test_a_prepared_backbone_alone_is_not_the_backbone(world: SimpleNamespace) -> None:
    spec = FusionSpec("this fusion", "concat", world.names, prepare=Step("preparation", "centred"))
    compared = compare_to_baseline(FusionEvaluator(world.space, world.truth), spec)
    weights = dict.fromkeys(world.names, 0.0) | {compared.best: 1.0}
    alone = compare_to_baseline(FusionEvaluator(world.space, world.truth), spec.with_shares(weights))
    figures = LiveEvaluator(FusionEvaluator(world.space, world.truth), spec, KEYS).at(weights, "map")
    assert alone.row("fusion").versus is not None and figures.versus == alone.row("fusion").versus
    assert figures.verdict == alone.verdict
