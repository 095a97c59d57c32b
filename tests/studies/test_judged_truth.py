"""Judged results as the truth: what trec_eval computes from the same judgements, bounds that hold, unknown never wrong."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import cli, data, metrics, paths
from core.errors import BadInput, NotComputed
from core.export.report import comparison
from core.fusion import FusionSpec
from core.judging.answers import CANNOT_TELL, Answer
from core.metrics import resampling
from core.search import rank_scores
from core.studies import (
    embedding,
    evaluation,
    fusion,
    judgements,
    judging_lists,
    live_figures,
    pooled_figures,
    retrieval,
    verification,
)
from core.studies.systems import build
from core.types import Dataset, Relevance

NAMES = ("hsv_histogram", "hog")


def csr(rows: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return np.cumsum([0, *map(len, rows)]), np.concatenate([*rows, np.empty(0, np.int64)]).astype(np.int64)


def pooled_truth(relevant: np.ndarray, judged: np.ndarray) -> Relevance:
    """Of (n_queries, n_gallery) bool: what is relevant, and what somebody judged."""
    asked = judged.any(axis=1)
    indptr, items = csr([np.flatnonzero(row) for row in relevant & judged])
    junk_indptr, junk = csr([np.flatnonzero(row) for row in ~judged & asked[:, None]])
    return Relevance(*relevant.shape, indptr, items, junk_indptr=junk_indptr, junk_items=junk, judged=asked)


def test_figures_of_judged_results_are_those_of_trec_eval() -> None:
    import pytrec_eval

    draw = np.random.default_rng(3)
    relevant = draw.random((40, 90)) < draw.random((40, 1)) * 0.5
    judged = draw.random((40, 90)) < draw.random((40, 1)) * 0.6
    judged[5], judged[6] = False, True  # one query that nobody judged, one that is judged whole
    scores = np.stack([draw.permutation(90) for _ in range(40)]).astype(np.float64)
    ours = metrics.compute(rank_scores(scores, pooled_truth(relevant, judged)).ranks, metrics.list_keys((5,)))
    rows = [(q, np.flatnonzero(judged[q])) for q in range(40) if judged[q].any()]
    qrels = {f"q{q}": {f"d{i}": int(relevant[q, i]) for i in items} for q, items in rows}
    whole = {f"q{q}": {f"d{i}": float(scores[q, i]) for i in range(90)} for q, _ in rows}
    condensed = {f"q{q}": {f"d{i}": float(scores[q, i]) for i in items} for q, items in rows}
    preference = pytrec_eval.RelevanceEvaluator(qrels, {"bpref"}).evaluate(whole)
    lists = pytrec_eval.RelevanceEvaluator(qrels, {"map", "ndcg"}).evaluate(condensed)
    counted = 0
    for q in range(40):
        if not (relevant & judged)[q].any():
            assert all(math.isnan(values[q]) for values in ours.values())
            continue
        counted += 1
        assert ours["bpref"][q] == pytest.approx(preference[f"q{q}"]["bpref"], abs=1e-9)
        assert ours["map"][q] == pytest.approx(lists[f"q{q}"]["map"], abs=1e-9)
        assert ours["ndcg"][q] == pytest.approx(lists[f"q{q}"]["ndcg"], abs=1e-9)
    assert counted > 30
    told = {key for key, values in ours.items() if not np.isnan(values).all()}
    assert told == set(pooled_figures.OF_LISTS), "whatever needs R, or the rest of the list, is not defined"


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1), biased=st.booleans())
def test_precision_is_inside_its_bounds_whatever_was_not_judged(seed: int, share: float, biased: bool) -> None:
    draw = np.random.default_rng(seed)
    n, size, k = 25, 30, 10
    relevant = draw.random((n, size)) < draw.random((n, 1))
    judged = draw.random((n, size)) < share * (np.where(relevant, 0.2, 1.0) if biased else 1.0)
    items = np.stack([draw.permutation(size) for _ in range(n)])[:, :k]
    figure = pooled_figures.precision_at(pooled_truth(relevant, judged), items, (k,), None)[f"p@{k}"]
    asked = judged.any(axis=1)
    if not asked.any():
        assert math.isnan(figure.mean) and figure.n_valid == 0
        return
    true = np.take_along_axis(relevant, items, axis=1)[asked].mean()
    assert figure.low - 1e-12 <= true <= figure.high + 1e-12
    seen = np.take_along_axis(judged, items, axis=1)[asked]
    if seen.any():
        hits = np.take_along_axis(relevant, items, axis=1)[asked] & seen
        assert figure.mean == pytest.approx(hits.sum() / seen.sum()) and figure.n_valid == asked.sum()
    assert ("are judged" in figure.note) == (not seen.all())


def test_of_results_that_are_all_judged_precision_is_the_usual_one() -> None:
    draw = np.random.default_rng(1)
    relevant = draw.random((30, 40)) < 0.3
    scores = draw.normal(size=(30, 40))
    indptr, items = csr([np.flatnonzero(row) for row in relevant])
    plain = rank_scores(scores, Relevance(30, 40, indptr, items), k=10)
    values = metrics.compute(plain.ranks, ("p@10",))["p@10"]
    figure = pooled_figures.precision_at(pooled_truth(relevant, relevant | True), plain.items, (10,), None)["p@10"]
    assert figure.mean == pytest.approx(values.mean()) and not figure.note
    assert (figure.low, figure.high) == pytest.approx(resampling.interval(values))


# ---------------------------------------------------------------- through the product


@pytest.fixture
def judged(tiny_world: SimpleNamespace) -> SimpleNamespace:
    """The tiny world, of which every third image's first results were judged, right and with "cannot tell" among them."""
    dataset = embedding.embed(tiny_world.dataset, NAMES).dataset
    keys = [key.decode() for key in dataset.keys.tolist()]
    space = fusion.space_of(dataset, NAMES)
    answers, expected = [], {}
    for query in range(0, len(dataset), 3):
        for name in NAMES:
            question = retrieval.gallery_image_query(dataset, space, query)
            for item in retrieval.retrieve(question, build(space, (name,))[0]).order[:4].tolist():
                fits = float(dataset.labels[item] == dataset.labels[query])
                if (query + item) % 11 == 0:
                    fits = CANNOT_TELL
                answers.append(Answer("anna", "s", keys[query], (keys[item],), (fits,)))
                if not math.isnan(fits):
                    expected[keys[query], keys[item]] = bool(fits)
    answers.append(Answer("anna", "s", "text:a circle", (keys[0],), (1.0,)))
    judgements.log().keep(answers)
    relation = judgements.as_truth(dataset, judgements.log().answers())
    assert relation == expected
    changed = data.use_judgements("tiny", relation, pooled=160, k=4)
    return SimpleNamespace(plain=dataset, dataset=changed, relation=relation, keys=keys, space=space)


def test_every_evaluation_uses_them_and_marks_them(judged: SimpleNamespace, capsys) -> None:
    dataset: Dataset = judged.dataset
    assert dataset.is_judged and dataset.fingerprint != judged.plain.fingerprint and data.get("tiny") is dataset
    assert judgements.used_as_truth(dataset) == judged.relation
    assert pooled_figures.marking(dataset) == f"Judged: {len(judged.relation)} of 160 results in the first 4."
    truth = data.relevance(dataset)
    result = evaluation.evaluate(build(judged.space, NAMES), truth, (4, 10), dataset=dataset)
    first = result["hog"]
    assert result.judged and metrics.label("map", result.judged) == "mAP′"
    assert first.n_valid == len({query for (query, _), fits in judged.relation.items() if fits})
    assert 0 < first.mean("map") < 1 and 0 < first.mean("bpref") <= 1 and 0 < first.mean("acc") <= 1
    dashes = ("ndcg@4", "recall@4", "hit@4", "mrr", "map_empty_as_zero", "map_class_mean")
    assert all(math.isnan(first.mean(key)) and "Nobody knows" in first.figures[key].note for key in dashes)
    four, ten = first.figures["p@4"], first.figures["p@10"]
    true = np.mean(
        [[dataset.labels[q] == dataset.labels[i] for i in first.ranking.items[q, :4]] for q in range(0, 60, 3)]
    )
    assert (
        four.low <= true <= four.high and four.high - four.low < ten.high - ten.low and "% of the first 4" in four.note
    )
    assert sum("mAP′" in sentence for sentence in first.warnings) == 1
    asked = data.relevance(dataset).judged
    assert asked is not None and asked.tolist() == [query % 3 == 0 for query in range(60)]
    assert cli.main(["evaluate", "--data", "tiny", "--backbone", "hog"]) == 0
    printed = capsys.readouterr().out
    assert "mAP′" in printed and "bpref" in printed and "Judged: " in printed and "Recall@10" not in printed
    assert cli.main(["slices", "--data", "tiny", "--backbone", "hog", "--column", "label"]) == 0
    printed += capsys.readouterr().out
    assert not re.findall(r".*\bmAP\b(?!′).*", printed), "of judged results it is called mAP′ everywhere"


def test_what_nobody_judged_is_listed_and_unknown(judged: SimpleNamespace) -> None:
    question = retrieval.gallery_image_query(judged.dataset, judged.space, 3, data.relevance(judged.dataset))
    answer = retrieval.retrieve(question, build(judged.space, ("hog",))[0])
    plain = retrieval.retrieve(
        retrieval.gallery_image_query(judged.plain, judged.space, 3), build(judged.space, ("hog",))[0]
    )
    assert answer.order.tolist() == plain.order.tolist(), "a list holds what nobody judged too"
    known = {item: fits for (query, item), fits in judged.relation.items() if query == judged.keys[3]}
    kinds = [answer.relevance_kind(judged.dataset, item) for item in answer.order.tolist()]
    expected = [{True: "relevant", False: "not", None: "unknown"}[known.get(judged.keys[i])] for i in answer.order]
    assert kinds == expected and {"relevant", "unknown"} <= set(kinds)
    live = live_figures.results(judged.dataset, question, FusionSpec("hog", "concat", NAMES, (0.0, 1.0)), 9)
    assert [live_figures.KINDS[number] for number in live.relevance] == expected[:9]
    values = retrieval.query_metrics(answer, 4)
    condensed = [kind for kind in expected if kind != "unknown"]
    hits = [rank for rank, kind in enumerate(condensed, start=1) if kind == "relevant"]
    assert values["map"] == pytest.approx(np.mean([c / rank for c, rank in enumerate(hits, start=1)]))
    assert math.isnan(values["p@4"]) and math.isnan(values["ndcg"]) is False
    alone = retrieval.retrieve(
        retrieval.gallery_image_query(judged.dataset, judged.space, 4), build(judged.space, ("hog",))[0]
    )
    assert {alone.relevance_kind(judged.dataset, int(item)) for item in alone.order} == {"unknown"}
    assert retrieval.results_table(judged.dataset, alone, 3)["relevant"].tolist() == [None] * 3


def test_judging_goes_on_over_whole_lists(judged: SimpleNamespace) -> None:
    systems, truth = build(judged.space, NAMES), data.relevance(judged.dataset)
    after = judging_lists.of_systems(judged.dataset, truth, systems, NAMES, 5)
    before = judging_lists.of_systems(judged.plain, data.relevance(judged.plain), systems, NAMES, 5)
    assert after.fingerprint == before.fingerprint


def test_reports_say_it_and_what_needs_a_whole_truth_is_refused(judged: SimpleNamespace) -> None:
    dataset, truth = judged.dataset, data.relevance(judged.dataset)
    text = comparison.of_stored(dataset, NAMES, [], (1, 4))
    assert "mAP′" in text and pooled_figures.marking(dataset) in text and "no random pairs" not in text
    assert "nothing is known about thresholds" in text and re.search(
        r"[\d.]+ to [\d.]+ of the first 4 results are", text
    )
    plain = re.sub(r"base64,[^\"]*", "", text)
    assert not re.search(r"\bnan\b", plain, re.I)
    assert not re.findall(r".{60}\bmAP\b(?!′).{30}", plain), "of judged results it is called mAP′ everywhere"
    assert "Use " not in re.sub(r"<[^>]+>", " ", plain).split("Examples")[0], "judged results alone recommend nobody"
    with pytest.raises(NotComputed, match="thresholds and probabilities"):
        verification.verify(build(judged.space, ("hog",))[0], truth, dataset)
    with pytest.raises(BadInput, match="Make the plain report"):
        comparison.of_stored(dataset, NAMES, [], (1, 4), live=True)


def test_it_lasts_over_a_scan_and_a_new_name_and_can_be_taken_back(judged: SimpleNamespace, capsys) -> None:
    assert data.rescan("tiny").is_judged
    data.rename("tiny", "other")
    renamed = data.get("other")
    assert renamed.is_judged and judgements.used_as_truth(renamed) == judged.relation
    assert cli.main(["judge", "forget", "--data", "other"]) == 0
    assert data.get("other").fingerprint == judged.plain.fingerprint
    assert cli.main(["judge", "use", "--data", "other"]) == 0
    printed = capsys.readouterr().out
    assert f"is evaluated by {len(judged.relation)} judgements" in printed
    assert pooled_figures.marking(data.get("other")) == f"Judged: {len(judged.relation)} results."
    judgements.log().describe("s", {"pooled": 160, "k": 4, "systems": ["HSV", "HOG"]})
    assert cli.main(["judge", "use", "--data", "other"]) == 0
    said = capsys.readouterr().out
    assert f"Judged: {len(judged.relation)} of 160 results in the first 4. Pooled: HSV, HOG" in said
    assert data.get("other").pool.pooled == 160
    assert len(list((paths.datasets() / "other").glob("judged-*.csv"))) == 1
    with pytest.raises(BadInput, match="nothing to evaluate by"):
        data.use_judgements("other", {("a", "b"): False})
