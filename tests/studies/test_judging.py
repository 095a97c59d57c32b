"""A judge at work: blind, in one random order, every click kept; repeated questions, undo, several judges, files."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core import cli, data, judging
from core.errors import BadInput
from core.fusion import FusionSpec
from core.judging.answers import Answer, AnswerLog, relation
from core.studies import judged_precision, judgements, judging_lists, judging_sentences, training_split
from core.studies.judging_lists import JudgedLists
from core.studies.judging_session import JudgingSession
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from tests.judging.test_comparison import K, precision, world

TRUTH, LISTS = world(8, (0.15, 0.06, 0.02))


def lists(n: int = 2) -> JudgedLists:
    queries, gallery = (tuple(f"{kind}{i}" for i in range(count)) for kind, count in (("q", 150), ("g", 60)))
    return JudgedLists(("Strong", "Weak", "Weakest")[:n], queries, gallery, tuple(LISTS[:n]), K)


def click(session: JudgingSession, error: float = 0.0, random=None) -> str:
    """The simulated judge answers the next question; its id."""
    shown = session.questions(1)[0]
    fits = [
        sum(TRUTH[int(shown.query[1:]), int(key[1:])] for key in side) ^ int(bool(error) and random.random() < error)
        for side in (shown.left, shown.right)
    ]
    if session.way == "rows":
        answer = "both" if fits[0] == fits[1] else "left" if fits[0] > fits[1] else "right"
    else:
        answer = {(1, 0): "left", (0, 1): "right", (1, 1): "both", (0, 0): "neither"}[tuple(map(int, fits))]
    session.answer(shown.id, answer)
    return shown.id


def finished(session: JudgingSession, most: int = 900) -> JudgingSession:
    for _ in range(most):
        if session.decided:
            return session
        click(session)
    raise AssertionError("no verdict")


@pytest.mark.parametrize("way", ["pairs", "rows"])
def test_a_session_ends_with_the_better_system_and_opens_again_as_it_was(way: str, tmp_path: Path) -> None:
    session = finished(JudgingSession(lists(), AnswerLog(tmp_path), "me", way))
    assert session.verdict(0, 1).outcome == "first" and session.verdict(1, 0).outcome == "second"
    assert judging_sentences.conclusion(session, session.lists.titles).startswith("Strong is better than Weak: +")
    again = JudgingSession(lists(), AnswerLog(tmp_path), "me", way)
    assert (again.verdict(0, 1), again.n_clicks, again.decided) == (session.verdict(0, 1), session.n_clicks, True)
    assert not JudgingSession(lists(), AnswerLog(tmp_path), "other", way).decided


def test_the_record_of_a_session_fixes_its_order(tmp_path: Path) -> None:
    session = JudgingSession(lists(), AnswerLog(tmp_path), "me", seed=5)
    click(session)
    record = json.loads((tmp_path / "sessions" / f"{session.name}.json").read_text())
    assert record["systems"] == ["Strong", "Weak"] and (record["seed"], record["way"], record["k"]) == (5, "pairs", K)
    made = lists()
    units = judging.pairs(made.items[0], made.items[1], K, record["pairs"]["0-1"], made.content)
    assert units.plus == session._units[0, 1].plus and (units.flip == session._units[0, 1].flip).all()


def test_the_interval_holds_the_truth_and_the_order_is_blind(tmp_path: Path) -> None:
    session = finished(JudgingSession(lists(), AnswerLog(tmp_path), "me"))
    verdict = session.verdict(0, 1)
    assert verdict.low <= precision(TRUTH, LISTS[0]) - precision(TRUTH, LISTS[1]) <= verdict.high
    shown = JudgingSession(lists(), AnswerLog(tmp_path / "b"), "me").questions(40)
    systems = [set(map(int, rows)) for rows in LISTS[0]]
    left_is_first = [int(s.left[0][1:]) in systems[int(s.query[1:])] for s in shown]
    assert 8 < sum(left_is_first) < 32, "sides are drawn"
    live = judging_sentences.live(session)
    assert "Strong" not in str(live) and "Weak" not in str(live), "names stay hidden"


def test_after_the_verdict_the_interval_can_be_narrowed_down_to_the_exact_difference(tmp_path: Path) -> None:
    session = finished(JudgingSession(lists(), AnswerLog(tmp_path), "me"))
    before = session.verdict(0, 1)
    assert not session.asks and judging_sentences.live(session)["done"]
    session.go_further()
    assert session.asks and not judging_sentences.live(session)["done"]
    while session.asks:
        click(session)
    after = session.verdict(0, 1)
    assert after.outcome == before.outcome == "first" and after.answers == after.total
    assert after.low == after.high == pytest.approx(precision(TRUTH, LISTS[0]) - precision(TRUTH, LISTS[1]))


def test_several_systems_leave_the_best(tmp_path: Path) -> None:
    session = JudgingSession(lists(3), AnswerLog(tmp_path), "me")
    session.answer(session.questions(1)[0].id, "neither")
    assert judging_sentences.conclusion(session, session.lists.titles).startswith("Level: 0.00"), "nobody is ahead yet"
    session.undo()
    session = finished(session)
    assert session.elimination.survivors == [0]
    assert judging_sentences.conclusion(session, session.lists.titles).startswith("Strong is better than all others")


def test_one_question_in_twenty_comes_again_and_counts_for_nothing_else(tmp_path: Path) -> None:
    session = JudgingSession(lists(), AnswerLog(tmp_path), "me", same=0.001)
    ids = [click(session) for _ in range(64)]
    n_again = sum(name.startswith("again") for name in ids)
    assert n_again == 3 and session.n_clicks == 61 and session.self_agreement() == (3, 3)
    assert session.verdict(0, 1).answers == 61
    again = next(a for a in session.clicks if a.again)
    shown = next(name for name in ids if name.startswith("again"))
    session.answer(shown, "left")
    assert sum(a.again for a in session.clicks) == 3, "an answer that was sent twice counts once"
    session.log.keep([replace(again, id="other", fits=tuple(1 - fits for fits in again.fits))])
    session.rebuild()
    assert session.self_agreement() == (3, 4) and session.verdict(0, 1).answers == 61


def test_undo_takes_back_click_by_click_down_to_nothing(tmp_path: Path) -> None:
    session = JudgingSession(lists(), AnswerLog(tmp_path), "me")
    states = []
    for _ in range(25):
        states.append((session.verdict(0, 1), [shown.id for shown in session.questions(3)]))
        click(session)
    for verdict, upcoming in reversed(states):
        session.undo()
        assert session.verdict(0, 1) == verdict and [shown.id for shown in session.questions(3)] == upcoming
    assert session.undo() is None and session.n_clicks == 0


def test_an_answer_twice_changes_nothing_and_a_strange_one_is_refused(tmp_path: Path) -> None:
    session = JudgingSession(lists(), AnswerLog(tmp_path), "me")
    shown = session.questions(1)[0]
    session.answer(shown.id, "left")
    session.answer(shown.id, "right")
    assert session.n_clicks == 1
    for identity, answer in (("0-1-99999", "left"), ("x", "left"), ("again-x-0", "left"), ("5-6-1", "both")):
        with pytest.raises(BadInput, match="another comparison"):
            session.answer(identity, answer)
    with pytest.raises(BadInput, match="no answer"):
        session.answer(session.questions(1)[0].id, "maybe")


def test_two_judges_at_once_merge(tmp_path: Path) -> None:
    """Each has their own session; who counts everyone takes in what the other has answered, when the order is there."""
    log = AnswerLog(tmp_path)
    anna, bert = (JudgingSession(lists(), log, name, everyone=True) for name in ("anna", "bert"))
    for _ in range(10):
        click(anna)
    bert.rebuild()
    assert bert.verdict(0, 1).answers == 10 and bert.n_clicks == 0
    for _ in range(10):
        click(bert)
    anna.rebuild()
    assert anna.verdict(0, 1).answers == 20 and "anna, bert" in str(finished(anna).log.judges()).replace("'", "")
    assert JudgingSession(lists(), log, "anna").verdict(0, 1).answers == 10, "as one judge judges"


def test_judges_at_once_are_asked_other_questions(tmp_path: Path) -> None:
    log = AnswerLog(tmp_path)
    anna, bert = (JudgingSession(lists(), log, name, seed=3, everyone=True) for name in ("anna", "bert"))
    mine, theirs = ({shown.id for shown in session.questions(6)} for session in (anna, bert))
    assert len(mine) == len(theirs) == 6 and not mine & theirs
    for _ in range(6):
        click(bert)
    assert bert.verdict(0, 1).answers == 0, "the order has not reached them"
    for _ in range(6):
        click(anna)
    assert anna.verdict(0, 1).answers >= 12, "now it has"


def test_cannot_tell_is_kept_and_is_a_tie(tmp_path: Path) -> None:
    session = JudgingSession(lists(), AnswerLog(tmp_path), "me")
    session.answer(session.questions(1)[0].id, "skip")
    assert session.verdict(0, 1).answers == 1 and session.verdict(0, 1).difference == 0
    assert all(math.isnan(value) for value in relation(session.log.answers()).values())
    assert any("Can't tell" in line for line in judging_sentences.live(session)["more"])


def test_what_the_page_says_beforehand() -> None:
    session = JudgingSession(lists(), AnswerLog(Path("/nonexistent")), "me")
    shared, expected = judging_sentences.opening(session)
    assert shared == f"The lists of Strong and Weak share {round(100 * lists().shared(0, 1))} % of their first {K}."
    assert expected.startswith("A difference of 0.05 takes about ") and "that can be asked" in expected
    live = judging_sentences.live(session)
    assert live["answers"] == 0 and live["bars"][0]["text"] == "" and not live["undo"]


# ---------------------------------------------------------------- over a dataset


@pytest.fixture
def tiny(tiny_world: SimpleNamespace) -> SimpleNamespace:
    dataset = tiny_world.dataset
    random = np.random.default_rng(0)
    noise = random.normal(size=(len(dataset), 16))
    centres = random.normal(size=(6, 16))
    vectors = {
        name: (centres[dataset.labels] * strength + noise[:, ::step]).astype(np.float32)
        for name, strength, step in (("good", 1.5, 1), ("poor", 0.3, -1))
    }
    vectors = {name: rows / np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in vectors.items()}
    space = VectorSet(vectors, dataset.split)
    return SimpleNamespace(dataset=dataset, space=space, systems=[System(name, space) for name in vectors])


def test_lists_are_those_of_the_ranking_without_the_query(tiny: SimpleNamespace) -> None:
    made = judging_lists.of_systems(tiny.dataset, data.relevance(tiny.dataset), tiny.systems, ["Good", "Poor"], 5)
    scores = tiny.systems[0].block(0, 60)
    assert all(set(row) == set(np.argsort(-score)[:5]) for row, score in zip(made.items[0].tolist(), scores))
    assert all(query not in row for query, row in enumerate(made.items[0].tolist()))
    other = judging_lists.of_systems(tiny.dataset, data.relevance(tiny.dataset), tiny.systems[::-1], ["a", "b"], 5)
    assert made.fingerprint != other.fingerprint and len(made.queries) == 60
    with pytest.raises(BadInput, match="two or more"):
        judging_lists.of_systems(tiny.dataset, data.relevance(tiny.dataset), tiny.systems[:1], ["Good"], 5)


def test_queries_that_a_fusion_was_fitted_on_judge_nobody(tiny: SimpleNamespace) -> None:
    keys = training_split.query_keys(tiny.dataset)
    spec = FusionSpec("fitted", "concat", ("good", "poor"), trained_on=tuple(keys[:20]))
    systems, truth = [tiny.systems[0], System("fitted", tiny.space, spec)], data.relevance(tiny.dataset)
    made = judging_lists.of_systems(tiny.dataset, truth, systems, ["Good", "Fitted"], 5)
    assert made.left_out == 20 and made.queries == tuple(keys[20:])
    everything = replace(spec, trained_on=tuple(keys))
    with pytest.raises(BadInput, match="fitted on every query"):
        judging_lists.of_systems(tiny.dataset, truth, [systems[0], System("f", tiny.space, everything)], ["a", "b"], 5)


def test_of_many_queries_a_sample_is_judged(tiny: SimpleNamespace, monkeypatch) -> None:
    truth = data.relevance(tiny.dataset)
    every = judging_lists.of_systems(tiny.dataset, truth, tiny.systems, ["Good", "Poor"], 5)
    monkeypatch.setattr(judging_lists, "MOST_QUERIES", 20)
    some = judging_lists.of_systems(tiny.dataset, truth, tiny.systems, ["Good", "Poor"], 5)
    assert len(some.queries) == 20 and some.every == 60 and every.every == 0
    places = [every.queries.index(query) for query in some.queries]
    assert places == sorted(places) and (some.items[0] == every.items[0][places]).all()
    session = JudgingSession(some, AnswerLog(Path("/nonexistent")), "me")
    assert "20 of 60 queries, drawn at random, are judged." in judging_sentences.opening(session)


def test_text_queries_are_judged_and_become_labelled_queries(
    tiny: SimpleNamespace, monkeypatch, tmp_path: Path
) -> None:
    from core.studies.text import text_search

    orders = {"good": np.arange(60), "poor": np.arange(60)[::-1]}
    monkeypatch.setattr(
        text_search, "search", lambda vectors, line, shares: SimpleNamespace(order=orders[next(iter(vectors))])
    )
    made = judging_lists.of_texts(tiny.dataset, [" a  red shoe ", "", "a red shoe", "dog"], tiny.systems, ["G", "P"], 3)
    assert made.queries == ("text:a red shoe", "text:dog") and made.items[0].tolist() == [[0, 1, 2]] * 2
    session = JudgingSession(made, AnswerLog(tmp_path), "me")
    session.answer(session.questions(1)[0].id, "both")
    rows = [line.split() for line in judgements.as_qrels(tiny.dataset, session.log.answers()).decode().splitlines()]
    assert len(rows) == 2 and {row[0] for row in rows} <= {"text:a%20red%20shoe", "text:dog"}
    assert [row[3] for row in rows] == ["1", "1"]
    with pytest.raises(BadInput, match="at least one line"):
        judging_lists.of_texts(tiny.dataset, ["  "], tiny.systems, ["G", "P"], 3)


def judged(tiny: SimpleNamespace, judge: str, wrong: int = 0) -> list[Answer]:
    keys = training_split.query_keys(tiny.dataset)
    rows = [(0, 1), (0, 11), (0, 21), (12, 13), (12, 1), (30, 31)]
    labels = tiny.dataset.labels
    return [
        Answer(judge, "s", keys[q], (keys[i],), (float((labels[q] == labels[i]) ^ (number < wrong)),))
        for number, (q, i) in enumerate(rows)
    ]


@pytest.mark.parametrize("ending", ["qrels", "csv"])
def test_judgements_leave_and_come_back(ending: str, tiny: SimpleNamespace, tmp_path: Path, capsys) -> None:
    judgements.log().keep(judged(tiny, "anna"))
    path = tmp_path / f"out.{ending}"
    assert cli.main(["judge", "export", "--data", "tiny", "--file", str(path)]) == 0
    assert cli.main(["judge", "import", "--data", "tiny", "--file", str(path), "--judge", "bert"]) == 0
    assert cli.main(["judge", "import", "--data", "tiny", "--file", str(path), "--judge", "bert"]) == 0
    printed = capsys.readouterr().out
    assert "6 judgements written" in printed and "6 judgements imported" in printed and "6 known before" in printed
    answers = judgements.log().answers()
    by_judge = [relation(a for a in answers if a.judge == judge) for judge in ("anna", "bert")]
    assert by_judge[0] == by_judge[1] and len(by_judge[0]) == 6
    assert cli.main(["judge", "status", "--data", "tiny"]) == 0
    assert "alpha 1.00 on 6 results" in capsys.readouterr().out


def test_qrels_are_those_that_trec_eval_reads(tiny: SimpleNamespace) -> None:
    import pytrec_eval

    text = judgements.as_qrels(tiny.dataset, judged(tiny, "anna")).decode()
    qrels: dict = {}
    for query, _, image, relevance in map(str.split, text.splitlines()):
        qrels.setdefault(query, {})[image] = int(relevance)
    run = {query: {image: float(relevance) for image, relevance in row.items()} for query, row in qrels.items()}
    results = pytrec_eval.RelevanceEvaluator(qrels, {"map"}).evaluate(run)
    assert len(results) == 3 and sum(map(len, qrels.values())) == 6
    assert results[next(iter(results))]["map"] == 1.0


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.qrels", "one two three\n", "no line of qrels"),
        ("a.qrels", "nobody 0 nothing 1\n", "is no image of 'tiny'"),
        ("a.csv", "query_id,item_id\na,b\n", "has no column 'kind'"),
        ("a.csv", "query_id,item_id,kind\na,b,perhaps\n", "neither relevant nor not relevant"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    name: str, content: str, what: str, tiny: SimpleNamespace, tmp_path: Path, capsys
) -> None:
    (tmp_path / name).write_text(content)
    assert cli.main(["judge", "import", "--data", "tiny", "--file", str(tmp_path / name)]) == 2
    assert what in capsys.readouterr().err
    assert judgements.log().answers() == []


def test_agreement_and_disagreements(tiny: SimpleNamespace) -> None:
    answers = judged(tiny, "anna") + judged(tiny, "bert", wrong=2) + judged(tiny, "carl")[:3]
    found = judgements.agreement(answers)
    assert found.shared == 6 and len(found.disagreements) == 2 and 0 < found.alpha < 1
    assert [pair[:3] for pair in found.pairs] == [("anna", "bert", 6), ("anna", "carl", 3), ("bert", "carl", 3)]
    assert set(found.disagreements[0][2]) == {"anna", "bert", "carl"}
    assert math.isnan(judgements.agreement(answers[:6]).alpha)


def test_judges_and_labels_are_compared(tiny: SimpleNamespace) -> None:
    assert not len(judgements.against_labels(tiny.dataset, judged(tiny, "anna")))
    differing = judgements.against_labels(tiny.dataset, judged(tiny, "anna", wrong=1))
    assert differing["judged"].tolist() == ["not relevant"]
    assert differing["query label"].tolist() == differing["item label"].tolist() == ["circle"]


def test_pooled_counts_each_result_once() -> None:
    made = lists()
    known = {(made.queries[0], made.gallery[LISTS[0][0][0]]): 1.0, ("elsewhere", "x"): 1.0}
    total = sum(len(set(a) | set(b)) for a, b in zip(LISTS[0].tolist(), LISTS[1].tolist()))
    assert judgements.pool_counts(made, known) == (1, total)


def test_precision_of_each_system_lies_between_its_bounds_however_often_one_looks(tmp_path: Path) -> None:
    true = [precision(TRUTH, items) for items in LISTS]
    alone = [
        np.mean([TRUTH[q, i] for q in range(150) for i in set(LISTS[at][q]) - set(LISTS[1 - at][q])]) for at in (0, 1)
    ]
    missed = 0
    for seed in range(6):
        session = JudgingSession(lists(), AnswerLog(tmp_path / str(seed)), "me", seed=seed)
        session.go_further()
        held = True
        for number in range(45):
            click(session)
            if number % 15 == 14:
                for at, made in enumerate(judged_precision.of_systems(session)):
                    held &= made.low <= true[at] <= made.high and made.only_low <= alone[at] <= made.only_high
                    assert made.answers == session.n_clicks
        missed += not held
    assert missed <= 1  # 5 % of the sessions, of each system


def test_precision_is_exact_once_everything_is_judged_and_unsure_answers_widen_it(tmp_path: Path) -> None:
    session = JudgingSession(lists(), AnswerLog(tmp_path), "me", same=1e-6)
    session.go_further()
    while session.questions(1):
        click(session)
    whole = judged_precision.of_systems(session)[0]
    shared = [(q, i) for q in range(150) for i in set(LISTS[0][q]) & set(LISTS[1][q])]
    found = sum(TRUTH[key] for key in shared) / (150 * K)
    assert whole.low == pytest.approx(precision(TRUTH, LISTS[0]) - found)
    assert whole.high == pytest.approx(whole.low + 1 - whole.differing) and whole.only_low == pytest.approx(whole.only)
    session.by_content |= {(f"q{q}", f"g{i}"): float(TRUTH[q, i]) for q, i in shared}
    every = judged_precision.of_systems(session)[0]
    assert every.low == every.high == pytest.approx(precision(TRUTH, LISTS[0]))
    unsure = JudgingSession(lists(), AnswerLog(tmp_path / "unsure"), "me")
    for _ in range(40):
        unsure.answer(unsure.questions(1)[0].id, "skip")
    nobody_knows = judged_precision.of_systems(unsure)[0]
    assert math.isnan(nobody_knows.only) and nobody_knows.low == 0 and nobody_knows.high > 0.95


def test_of_several_systems_each_has_its_bounds(tmp_path: Path) -> None:
    session = finished(JudgingSession(lists(3), AnswerLog(tmp_path), "me"))
    for at, made in enumerate(judged_precision.of_systems(session)):
        assert made.low <= precision(TRUTH, LISTS[at]) <= made.high


def test_labels_with_a_comma_are_compared_whole(tiny: SimpleNamespace) -> None:
    names = tuple(f"{name}, plain" for name in tiny.dataset.label_names)
    assert not len(judgements.against_labels(replace(tiny.dataset, label_names=names), judged(tiny, "anna")))


def test_rows_of_lists_that_ended_early_do_not_come_again(tmp_path: Path) -> None:
    whole = lists()
    shorter = whole.items[0].copy()
    shorter[:, -2:] = -1
    made = replace(whole, items=(shorter, whole.items[1]))
    session = JudgingSession(made, AnswerLog(tmp_path), "me", "rows", same=1e-6)
    for _ in range(30):
        shown = session.questions(1)[0]
        assert {len(shown.left), len(shown.right)} == {K - 2, K}
        session.answer(shown.id, "skip")
