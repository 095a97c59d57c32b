"""The engine of a playable report: in Python and in Chromium, against exact ranking, however the queries stand."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import metrics
from core.errors import BadInput
from core.export.report.live import contents, extent, mirror
from core.export.report.live.packing import BITS, Codes
from core.javascript import bundle
from core.metrics import curves, resampling
from core.search import LiveEngine
from core.studies.vector_set import VectorSet
from core.types import Relevance, Split
from tests.browser import chromium, tab  # noqa: F401  fixtures

LIVE = Path(contents.__file__).parent
KEYS = (
    "map",
    "p@1",
    "p@10",
    "ndcg@10",
    "mrr",
    "rprec",
    "recall@10",
    "hit@10",
    "map_min@10",
    "map_cut@5",
    "map@r",
    "ndcg",
    "ap11",
)


def unit_rows(random: np.random.Generator, labels: np.ndarray, dim: int, strength: float) -> np.ndarray:
    centres = random.standard_normal((labels.max() + 1, dim))
    rows = (strength * centres[labels] + random.standard_normal((len(labels), dim))).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def world(kind: str, n: int = 90, seed: int = 3) -> contents.LiveScores:
    """A little set: "self", "split" (queries apart, with junk), "lists" (several labels, graded), "gaps" (missing rows),
    "ten" (bits of a score), "sample" (of the queries, in eight bits)."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 7, n)
    vectors = {name: unit_rows(random, labels, dim, 0.3) for name, dim in (("a", 8), ("b", 20), ("c", 5))}
    vectors["b"][5] = vectors["b"][9]
    split = Split.self_retrieval(n) if kind != "split" else Split(np.arange(0, 30), np.arange(20, n))
    query_labels, gallery_labels = labels[split.queries], labels[split.gallery]
    if kind == "gaps":
        vectors["a"][3:40:4] = 0
        vectors["c"][10:14] = 0
    if kind == "lists":
        matrix = random.random((n, 6)) < 0.3
        truth = Relevance.from_matrices(matrix, matrix, split.self_position)
    else:
        more = {}
        if kind == "split":
            junk = [np.flatnonzero(gallery_labels != label)[:3] for label in query_labels]
            junk = [items[items != own] for items, own in zip(junk, split.self_position)]
            more = {"junk_indptr": np.cumsum([0, *map(len, junk)]), "junk_items": np.concatenate(junk)}
        truth = Relevance(
            len(split.queries), len(split.gallery), self_position=split.self_position,
            query_classes=query_labels, gallery_classes=gallery_labels, **more,
        )  # fmt: skip
    space = VectorSet(vectors, split)
    if kind == "ten":
        return contents.LiveScores(space, truth, extent.Extent(np.arange(n), n, n, 3, 10, True))
    if kind == "sample":
        return contents.LiveScores(space, truth, extent.Extent(np.arange(2, n, 3), n, n, 3, 8, False))
    return contents.LiveScores.of(space, truth)


KINDS = ("self", "split", "lists", "gaps", "ten", "sample")
BITS_OF = {"ten": 10, "sample": 8}


def exact(scores: contents.LiveScores) -> LiveEngine:
    return LiveEngine(scores.space.vectors, scores.space.split, scores.truth, background=False)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mirror_is_near_exact_ranking(kind: str) -> None:
    scores = world(kind)
    near = scores.nearness(KEYS)
    assert scores.extent.bits == BITS_OF.get(kind, 12) and near.n == 20
    assert all(gap < max(0.003, 2.01 / scores.held_truth.n_queries) for gap in near.means.values()), near.means
    assert near.curve < 0.03 and set(near.sample) == (set(KEYS) if kind == "sample" else set())
    held = scores.extent.queries if kind == "sample" else None
    alone = [exact(scores).rank({"b": 1.0}, queries=held), scores.mirror.rank([0, 1.0, 0])]
    values = [metrics.compute(one.ranks, ["map"])["map"] for one in alone]
    assert np.nanmax(np.abs(values[0] - values[1])) < 0.1 and (np.isnan(values[0]) == np.isnan(values[1])).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(BITS), st.booleans())
def test_codes_are_the_nearest_and_come_back(seed: int, bits: int, triangle: bool) -> None:
    random = np.random.default_rng(seed)
    scores = random.uniform(-1, 1, (9, 9)).astype(np.float32)
    scores = (scores + scores.T) / 2 if triangle else scores
    own = np.arange(9) if triangle else np.full(9, -1)
    codes = Codes.of(scores, own, bits, triangle)
    off = ~np.eye(9, dtype=bool) if triangle else np.ones((9, 9), bool)
    assert codes.values.max() < 2**bits
    assert np.abs(codes.low + codes.step * codes.values - scores)[off].max() <= codes.step / 2 + 1e-6


def test_equal_scores_keep_equal_codes_and_a_flat_scale_is_no_error() -> None:
    codes = Codes.of(np.full((3, 4), 0.5, np.float32), np.full(3, -1), 8, False)
    assert not codes.values.any() and codes.step == 1.0 and codes.low == 0.5


@pytest.mark.parametrize(
    "n, n_backbones, bits, triangle", [(480, 4, 12, True), (1000, 4, 10, True), (1400, 4, 8, True)]
)
def test_scores_are_as_fine_as_fits(n: int, n_backbones: int, bits: int, triangle: bool) -> None:
    classes = np.arange(n) % 20
    split = Split.self_retrieval(n)
    truth = Relevance(n, n, self_position=np.arange(n), query_classes=classes, gallery_classes=classes)
    made = extent.of(split, truth, n_backbones)
    assert (made.bits, made.triangle, made.is_sample) == (bits, triangle, False)
    assert made.megabytes < (5.3 if n <= 1000 else 10)


@pytest.mark.parametrize("n, n_backbones", [(1_600, 4), (5_000, 4), (5_000, 8), (30_000, 2)])
def test_many_images_give_a_seeded_sample_of_queries_with_all_neighbours(n: int, n_backbones: int) -> None:
    classes = np.arange(n) % 20
    split = Split.self_retrieval(n)
    truth = Relevance(n, n, self_position=np.arange(n), query_classes=classes, gallery_classes=classes)
    made = extent.of(split, truth, n_backbones)
    assert made.is_sample and made.n_gallery == n and made.megabytes < 15 and "seeded sample" in made.sentence
    assert np.array_equal(made.queries, extent.of(split, truth, n_backbones).queries)
    assert (np.diff(made.queries) > 0).all()


def test_what_no_file_can_hold_is_one_sentence() -> None:
    classes = np.zeros(40_000, int)
    split = Split.self_retrieval(40_000)
    truth = Relevance(40_000, 40_000, query_classes=classes, gallery_classes=classes)
    with pytest.raises(BadInput, match="at most 30,000 images"):
        extent.of(split, truth, 2)
    with pytest.raises(BadInput, match="at most 8 backbones"):
        extent.of(Split.self_retrieval(3), Relevance(3, 3, query_classes=classes[:3], gallery_classes=classes[:3]), 9)
    alone = np.arange(3)
    with pytest.raises(BadInput, match="No query"):
        extent.of(
            Split.self_retrieval(3),
            Relevance(3, 3, self_position=alone, query_classes=alone, gallery_classes=alone),
            2,
        )


# ---------------------------------------------------------------- in a browser


def harness(folder: Path, record: dict) -> Path:
    """A page on the disk that opens the engine on a record: `engine` in its window."""
    main = folder / "main.js"
    here = os.path.relpath(LIVE, folder)
    main.write_text(
        f'import {{ WorkerEngine }} from "./{here}/worker_engine.js";\n'
        "const text = (id) => document.getElementById(id).textContent;\n"
        'window.opened = WorkerEngine.open(JSON.parse(text("record")), text("worker")).then((engine) => {\n'
        "  window.engine = engine;\n  return engine.where;\n});\n",
        encoding="utf-8",
    )
    page = folder / "page.html"
    page.write_text(
        f'<meta charset="utf-8"><script type="application/json" id="record">{contents.inert_json(record)}</script>'
        f'<script type="text/plain" id="worker">{bundle(LIVE / "worker.js")}</script>'
        f'<script type="module">{bundle(main)}</script>',
        encoding="utf-8",
    )
    return page


ASK = """async ([weights, query, k]) => {
  const { columns, means, lows, highs, curve, list } = await window.engine.update(weights, query, k);
  return { columns: columns.map((column) => [...column].map((v) => (Number.isNaN(v) ? null : v))), means, lows, highs, curve, list };
}"""


@pytest.mark.browser
@pytest.mark.parametrize("kind", KINDS)
def test_chromium_gives_the_figures_of_the_mirror(kind: str, tab, tmp_path: Path) -> None:  # noqa: F811
    scores = world(kind)
    record = scores.record(KEYS, {}, ["#4269d0"] * 3)
    tab.goto(harness(tmp_path, record).as_uri())
    assert "worker" in tab.evaluate("window.opened")
    reference, exact_engine = scores.mirror, exact(scores)
    for weights in [*mirror.random_weights(3, 4), np.array([0.0, 1.0, 0.0])]:
        query = 8
        answer = tab.evaluate(ASK, [list(map(float, weights)), query, 12])
        ranked = reference.rank(list(map(float, weights)))
        values = metrics.compute(ranked.ranks, KEYS)
        for key, column, mean in zip(KEYS, answer["columns"], answer["means"]):
            np.testing.assert_allclose(np.array(column, float), values[key], atol=1e-12, err_msg=key)
            assert mean == pytest.approx(np.nanmean(values[key]), abs=1e-12)
        np.testing.assert_allclose(answer["curve"], curves.average_curve(curves.levels(ranked.ranks)), atol=1e-12)
        table = np.stack([values[key] for key in KEYS], axis=1)
        lows, highs = resampling.intervals(table, draws=0, classes=scores.groups)
        np.testing.assert_allclose(np.array(answer["lows"], float), lows, atol=1e-9)
        np.testing.assert_allclose(np.array(answer["highs"], float), highs, atol=1e-9)
        shares = dict(zip("abc", map(float, weights)))
        best, row = exact_engine.rank(shares, k=12).best, scores.extent.queries[query]
        shown = answer["list"]["results"]
        assert [one["score"] for one in shown] == pytest.approx(best.scores[row].tolist(), abs=0.01)
        assert sum(one["item"] in best.items[row] for one in shown) >= 11
        truth = set(scores.held_truth.relevant(query))
        assert all(one["relevant"] == (one["item"] in truth) for one in shown)
        assert all(abs(sum(one["shares"]) - 1) < 1e-9 for one in shown)
    assert not tab.complaints
