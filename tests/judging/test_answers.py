"""Answers of judges: on the disk before they count, whole after a kill, merged, taken back; and how far judges agree."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from core import judging
from core.errors import BadInput, StoreUnusable
from core.judging.answers import Answer, AnswerLog, check_judge, relation

ROOT = Path(__file__).resolve().parents[2]


def answer(judge: str, query: str, fits: dict[str, float], **more) -> Answer:
    return Answer(judge, "session", query, tuple(fits), tuple(fits.values()), **more)


def test_answers_are_read_back_as_they_were_given(tmp_path: Path) -> None:
    log = AnswerLog(tmp_path)
    clicks = [
        answer("Anna B.", "q1", {"a": 1.0, "b": 0.0}),
        answer("Anna B.", "text:a red shoe", {"a": math.nan, "c": 1.0}, again=True),
        Answer("Anna B.", "s", "q2", ("a", "b"), better=-1.0),
    ]
    for click in clicks:
        log.keep([click])
    assert [repr(a) for a in AnswerLog(tmp_path).answers()] == [repr(a) for a in clicks]
    log.take_back(clicks[0])
    assert [a.id for a in log.answers()] == [a.id for a in clicks[1:]] and log.judges() == ("Anna B.",)
    assert "null" in (tmp_path / "Anna B..jsonl").read_text()


def test_a_line_that_was_cut_costs_that_line_alone(tmp_path: Path) -> None:
    log = AnswerLog(tmp_path)
    log.keep([answer("me", "q", {"a": 1.0})])
    path = next(tmp_path.glob("*.jsonl"))
    with path.open("ab") as file:
        file.write(b'{"id": "cut", "when": "2026')
    log.keep([answer("me", "q", {"b": 0.0})])
    assert relation(log.answers()) == {("q", "a"): 1.0, ("q", "b"): 0.0}
    with path.open("a") as file:
        file.write('[1]\n"x"\n{"id": 3}\n\n')
    assert len(log.answers()) == 2


CLICKER = """
import sys
from pathlib import Path
from core.judging.answers import Answer, AnswerLog
log, judge = AnswerLog(Path(sys.argv[1])), sys.argv[2]
for number in range(int(sys.argv[3])):
    log.keep([Answer(judge, "s", f"q{number}", ("a", "b"), (1.0, 0.0))])
    print(number, flush=True)
"""


def clicker(folder: Path, judge: str, count: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", CLICKER, str(folder), judge, str(count)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_a_kill_loses_no_click_and_two_judges_at_once_merge(tmp_path: Path) -> None:
    killed, other, same = (clicker(tmp_path, *who) for who in (("anna", 10**6), ("bert", 40), ("anna", 40)))
    counted = 0
    for line in killed.stdout:
        counted = int(line) + 1
        if counted == 25:
            break
    os.kill(killed.pid, signal.SIGKILL)
    assert other.wait(60) == same.wait(60) == 0
    killed.wait()
    answers = AnswerLog(tmp_path).answers()
    by_judge = {judge: [a for a in answers if a.judge == judge] for judge in ("anna", "bert")}
    assert len(by_judge["bert"]) == 40 and len(by_judge["anna"]) >= 65
    assert {f"q{number}" for number in range(40)} <= {a.query for a in by_judge["anna"]}
    for process in (killed, other, same):
        process.stdout.close()


def test_the_first_answer_holds_and_the_majority_decides() -> None:
    clicks = [
        answer("a", "q", {"x": 1.0, "y": 0.0}),
        answer("a", "q", {"x": 0.0}),
        answer("a", "q", {"y": 1.0}, again=True),
        answer("b", "q", {"x": 1.0, "y": 1.0}),
        answer("c", "q", {"x": 0.0, "z": math.nan}),
    ]
    known = relation(clicks)
    assert known["q", "x"] == 1.0 and math.isnan(known["q", "y"]) and math.isnan(known["q", "z"])
    assert relation(clicks[:3])["q", "y"] == 0.0


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "\n"])
def test_a_judge_has_a_name(name: str) -> None:
    with pytest.raises(BadInput, match="needs a name"):
        check_judge(name)


def test_any_name_is_a_file_in_the_folder(tmp_path: Path) -> None:
    log = AnswerLog(tmp_path / "deep")
    for name in ("../../etc", "a/b", "Zoë ☃", "con|:*?"):
        log.keep([answer(name, "q", {"x": 1.0})])
    assert set(log.judges()) == {"../../etc", "a/b", "Zoë ☃", "con|:*?"}
    assert len(list((tmp_path / "deep").iterdir())) == 4


def test_long_names_beyond_ascii_have_a_file_each(tmp_path: Path) -> None:
    log, names = AnswerLog(tmp_path), ("審" * 60, "審" * 59 + "判")
    for name in names:
        log.keep([answer(name, "q", {"x": 1.0})])
    assert AnswerLog(tmp_path).judges() == tuple(sorted(names)) and len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_nobody_may_enter_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(StoreUnusable, match="cannot be kept"):
        AnswerLog(tmp_path).keep([answer("anna", "q", {"x": 1.0})])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=40))
def test_cohens_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    first, second = np.array(pairs).T
    ours, theirs = judging.cohen_kappa(first, second), cohen_kappa_score(first, second)
    assert (math.isnan(ours) and (math.isnan(theirs) or len(set(first) | set(second)) == 1)) or ours == pytest.approx(
        theirs
    )


def test_fleiss_kappa_is_that_of_his_paper() -> None:
    """The worked example of Fleiss 1971 as it is commonly reprinted: 14 judges, 10 items, 5 answers."""
    counts = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    assert judging.fleiss_kappa(np.array(counts)) == pytest.approx(0.210, abs=0.0005)
    with pytest.raises(ValueError, match="same number"):
        judging.fleiss_kappa(np.array([[1, 1], [1, 0]]))


def test_krippendorffs_alpha_is_that_of_his_paper() -> None:
    """Krippendorff 2011, section C: four judges, twelve units, answers missing, nominal: 0.743."""
    n = math.nan
    answers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, n, n, n],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, n, 3],
        [n, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, n],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, n],
    ]
    assert judging.krippendorff_alpha(np.array(answers)) == pytest.approx(0.743, abs=0.0005)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, math.nan]), min_size=3, max_size=3), min_size=1, max_size=20))
def test_krippendorffs_alpha_is_one_minus_observed_by_expected_disagreement(rows: list[list[float]]) -> None:
    """A loop over all pairs of answers, as the definition says."""
    units = [[v for v in row if not math.isnan(v)] for row in rows]
    units = [unit for unit in units if len(unit) > 1]
    values = [v for unit in units for v in unit]
    observed = sum(
        sum(a != b for i, a in enumerate(unit) for j, b in enumerate(unit) if i != j) / (len(unit) - 1)
        for unit in units
    )
    expected = sum(a != b for i, a in enumerate(values) for j, b in enumerate(values) if i != j)
    ours = judging.krippendorff_alpha(np.array(rows).T)
    if not expected:
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(1 - observed / (expected / (len(values) - 1)))


def test_a_text_query_with_other_ends_of_lines_loses_no_answer(tmp_path: Path) -> None:
    click = Answer("Ana", "s", "text:red\u2028shoe\x85", ("a",), (1.0,))
    AnswerLog(tmp_path).keep([click])
    assert AnswerLog(tmp_path).answers() == [click]
