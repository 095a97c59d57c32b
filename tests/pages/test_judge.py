"""The page Judge: from choosing systems to a verdict with names; its route; a whole session by keyboard in a browser."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from core import data
from core.judging.answers import AnswerLog
from core.studies import embedding
from core.studies.judging_session import JudgingSession
from core.types import Dataset
from core.ui.components.judging import judging_route
from tests.browser import ROOT, chromium, serve, tab
from tests.conftest import write_tiny
from tests.pages.alone import OWN, button, link, opened, settled, words
from tests.pages.test_every_page import failed_parts, open_page
from tests.studies.test_judging import finished, lists

__all__ = ["chromium", "tab"]


# ---------------------------------------------------------------- the page


def test_it_says_what_the_lists_share_and_begins(tiny: Dataset) -> None:
    app = opened("judge", d="tiny", sys="|".join(OWN))
    assert not app.exception and not app.error
    assert "The lists of HSV histogram and HOG share " in words(app) and "A difference of 0.05 takes about" in words(
        app
    )
    begun = button(app, "Start judging").click().run()
    assert not begun.exception and not begun.error and "Start judging" not in [b.label for b in begun.button]
    assert link(begun, "sys") == "|".join(OWN)


def test_a_finished_comparison_shows_names_and_files(tiny: Dataset) -> None:
    app = opened("judge", d="tiny", sys="|".join(OWN))
    session: JudgingSession = app.session_state["held judging session"][1]
    labels = {key.decode(): label for key, label in zip(tiny.keys.tolist(), tiny.labels.tolist())}
    while not session.decided:
        shown = session.questions(1)[0]
        fits = tuple(labels[side[0]] == labels[shown.query] for side in (shown.left, shown.right))
        session.answer(shown.id, {(1, 0): "left", (0, 1): "right", (1, 1): "both", (0, 0): "neither"}[fits])
    app = opened("judge", d="tiny", sys="|".join(OWN))
    assert not app.exception and not app.error
    assert re.search(r"(is better than|No difference that matters).* as you judge these queries", words(app))
    assert "results in the first 10 are judged" in words(app)
    assert app.dataframe[0].value.shape[0] == 1
    each = app.dataframe[1].value
    assert list(each.iloc[:, 0]) == ["HSV histogram", "HOG"] and "once as right" in words(app)
    assert all(re.fullmatch(r"[01]\.\d{3} \[[01]\.\d{3}, [01]\.\d{3}\]", cell) for cell in each.iloc[:, 1])
    assert all(re.fullmatch(r"\[[01]\.\d{3}, [01]\.\d{3}\]", cell) for cell in each["P@10"])
    other = opened("judge", d="tiny", sys="|".join(OWN), by="bert", of="everyone")
    assert "as me judge these queries" in words(other), "answers of other judges count where they are asked for"


def judge_all(app) -> None:
    """Answer every question of the comparison of an opened page by the labels of the drawn images."""
    session: JudgingSession = app.session_state["held judging session"][1]
    labels = {key.decode(): label for key, label in zip(data.get("tiny").keys.tolist(), data.get("tiny").labels)}
    while not session.decided:
        shown = session.questions(1)[0]
        fits = tuple(bool(side and labels[side[0]] == labels[shown.query]) for side in (shown.left, shown.right))
        session.answer(shown.id, {(1, 0): "left", (0, 1): "right", (1, 1): "both", (0, 0): "neither"}[fits])


def test_judgements_become_the_truth_of_every_page_and_go_again(tiny: Dataset) -> None:
    compared = {"d": "tiny", "sys": "|".join(OWN)}
    judge_all(opened("judge", **compared))
    app = button(opened("judge", **compared), "Use as the truth").click().run()
    assert not app.exception and not app.error and "Every page evaluates by them." in words(app)
    marking = re.search(r"Judged: [\d,]+ of [\d,]+ results in the first 10\.", words(app))[0]
    assert data.get("tiny").is_judged and "Use the newest judgements" not in [b.label for b in app.button]
    for page in ("pages/overview.py", "pages/retrieval.py"):
        shown = open_page(page, d="tiny", b=",".join(OWN))
        assert not shown.exception and not failed_parts(shown), page
    for page in ("leaderboard", "fusion_lab", "curves", "report"):
        said = words(opened(page, d="tiny"))
        assert marking in said and "mAP is mAP′" in said, page
    for page in ("overview", "leaderboard", "fusion_lab", "retrieval", "curves", "slices", "backbones"):
        said = words(settled(opened(page, d="tiny", b=",".join(OWN)))).replace("mAP is mAP′", "")
        assert not re.findall(r".{30}\bmAP\b(?!′).{30}", said), page
        assert "; sure" not in said, "what nobody judged may turn it around"
    board = settled(opened("leaderboard", d="tiny"))
    columns = [c for c in board.dataframe[0].value.columns if c in ("map", "bpref", "ndcg", "p@10", "recall@10", "mrr")]
    assert columns == ["map", "bpref", "ndcg", "p@10"], "what nobody can tell has no column"
    assert "mAP′, nDCG′ and bpref read judged results alone" in words(board)
    assert "queries were judged; of" in words(board) and "p@10 interval" in board.dataframe[0].value.columns
    position = int(np.argmax(data.relevance(data.get("tiny")).n_relevant > 0))
    found = open_page("pages/retrieval.py", d="tiny", b=",".join(OWN), q=str(data.get("tiny").ids[position]))
    assert re.search(r"judged among the first \d+ are relevant", words(found)) and "grey: not judged" in words(found)
    threshold = opened("threshold", d="tiny")
    assert "nothing is known about thresholds" in words(threshold) and not threshold.get("plotly_chart")
    app = button(opened("judge", **compared), "Go back to the labels").click().run()
    assert not app.exception and not data.get("tiny").is_judged and "Judged: " not in words(opened("curves", d="tiny"))


def test_one_system_is_not_enough_and_rows_and_texts_have_their_place(tiny: Dataset) -> None:
    app = opened("judge", d="tiny", sys="hog")
    assert "Choose two or more systems" in words(app) and not app.exception
    rows = opened("judge", d="tiny", sys="|".join(OWN), way="rows")
    assert not rows.exception and "A difference of" not in words(rows)
    texts = opened("judge", d="tiny", sys="|".join(OWN), ask="texts", t="circle")
    assert not texts.exception and not [e for e in texts.error if "could not be drawn" in e.value]


def test_texts_of_an_undo_or_of_a_link_gone_back_to_stand_in_their_box(tiny: Dataset) -> None:
    app = opened("judge", d="tiny", sys="|".join(OWN), ask="texts", t="circle|cross")
    assert app.text_area[0].value == "circle\ncross"
    app.text_area[0].set_value("grid\n\n square ").run()
    assert app.session_state["JudgeSetup.texts"] == "grid|square"
    app.session_state["JudgeSetup.texts"] = "circle"  # as history and links set it
    assert app.run().text_area[0].value == "circle" and link(app, "t") == "circle"


def test_hints_without_a_click_are_no_figures_of_quality(tiny: Dataset) -> None:
    app = button(opened("judge", d="tiny", n="10"), "Look without labels").click().run()
    app = settled(app)
    assert not app.exception and not app.error
    assert "No order is shown" in words(app), "two backbones have no order"
    assert "wrong with confidence" in words(app) and "groups that the backbones form together" in words(app)
    copies = app.dataframe[-1].value
    assert list(copies.iloc[:, 0]) == ["HSV histogram", "HOG"]
    assert all(re.fullmatch(r"[01]\.\d{3} \[[01]\.\d{3}, [01]\.\d{3}\]", cell) for cell in copies.iloc[:, 1])


# ---------------------------------------------------------------- the route


def post(name: str, message: object) -> tuple[int, dict]:
    content = message if isinstance(message, bytes) else json.dumps(message).encode()

    async def body() -> bytes:
        assert len(content) <= judging_route.LONGEST_BODY, "what is too long is not read"
        return content

    headers = {"content-length": str(len(content))}
    request = SimpleNamespace(path_params={"name": name}, headers=headers, body=body)
    with ThreadPoolExecutor(1) as thread:  # a browser test before this one may have left a loop in the main thread
        answer = thread.submit(asyncio.run, judging_route._click(request)).result()
    return answer.status_code, json.loads(answer.body or b"{}")


def test_a_click_is_on_the_disk_when_it_is_answered(tmp_path: Path) -> None:
    session = JudgingSession(lists(), AnswerLog(tmp_path), "me")
    entry = judging_route.opened(session, "visitor")
    name = entry.name
    status, reply = post(name, {})
    assert status == 200 and len(reply["questions"]) == judging_route.PREFETCHED and reply["state"]["answers"] == 0
    assert "Strong" not in json.dumps(reply) and "Weak" not in json.dumps(reply), "blind"
    first = reply["questions"][0]
    _, reply = post(name, {"id": first["id"], "click": "left"})
    assert reply["state"]["answers"] == 1 and reply["questions"][0]["id"] != first["id"]
    assert len(AnswerLog(tmp_path).answers()) == 1
    _, reply = post(name, {"undo": True})
    assert reply["state"]["answers"] == 0 and reply["questions"][0]["id"] == first["id"]


def test_a_click_and_an_undo_whose_answers_were_lost_count_once(tmp_path: Path) -> None:
    session = JudgingSession(lists(), AnswerLog(tmp_path), "me")
    entry = judging_route.opened(session, "visitor")
    for _ in range(3):
        message = {"id": post(entry.name, {})[1]["questions"][0]["id"], "click": "left"}
        for _ in range(2):
            status, reply = post(entry.name, message)
    assert status == 200 and reply["state"]["answers"] == 3
    for _ in range(3):
        assert post(entry.name, {"undo": "17-0.5"})[1]["state"]["answers"] == 2
    restarted = judging_route.opened(JudgingSession(lists(), AnswerLog(tmp_path), "me"), "visitor")
    assert post(restarted.name, {"undo": "17-0.5"})[1]["state"]["answers"] == 2, "a restart does not forget it"
    assert post(restarted.name, {"undo": "17-0.6"})[1]["state"]["answers"] == 1


def test_strangers_and_strange_messages_are_refused(tmp_path: Path) -> None:
    session = JudgingSession(lists(), AnswerLog(tmp_path), "me")
    entry = judging_route.opened(session, "visitor")
    name = entry.name
    assert judging_route.opened(session, "another").name != name
    assert post("0" * 32, {})[0] == 404
    for message in (b"no json", b"[]", b"3", b"x" * 2000, b"[" * 1000):
        assert post(name, message)[0] == 400
    for message in ({"id": "0-1-0", "click": "maybe"}, {"id": "a" * 200}, {"id": ["x"], "click": {}}):
        status, reply = post(name, message)
        assert status == 409 and reply["error"].endswith(".")
    assert session.n_clicks == 0


def test_a_session_goes_with_the_browser_that_holds_it_and_no_other_closes_it(tmp_path: Path) -> None:
    session = JudgingSession(lists(), AnswerLog(tmp_path), "me")
    entry = judging_route.opened(session, "first")
    others = [judging_route.opened(session, str(number)) for number in range(80)]
    assert post(entry.name, {})[0] == 200, "many others judge too"
    name = others.pop().name
    gc.collect()
    assert post(name, {})[0] == 404


def test_the_end_is_told(tmp_path: Path) -> None:
    session = finished(JudgingSession(lists(), AnswerLog(tmp_path), "me"))
    entry = judging_route.opened(session, "v")
    status, reply = post(entry.name, {})
    assert status == 200 and reply["state"]["done"] and reply["questions"] == []


# ---------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Photographs (drawn images where there are none) in one flat folder, so that nothing knows a label but `.labels`."""
    folder = tmp_path_factory.mktemp("judge")
    source = ROOT.parent / "shared" / "data" / "photos"
    if source.is_dir():
        classes = sorted(path for path in source.iterdir() if path.is_dir())[::2]
        files = [(path.name, file) for path in classes for file in sorted(path.glob("*.jpg"))[:9]]
    else:
        drawn = write_tiny(folder / "drawn", per_class=20)
        files = [(file.parent.name, file) for file in sorted(drawn.rglob("*.png"))]
    flat = folder / "flat"
    flat.mkdir()
    for number, (_, file) in enumerate(files):
        shutil.copy(file, flat / f"{number:04d}{file.suffix}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(folder / "home"))
        dataset = embedding.embed(data.add("flat", flat), ("hsv_histogram", "tf_efficientnet_lite0")).dataset
        assert not dataset.has_labels
        names = [files[int(Path(str(image_id)).stem)][0] for image_id in dataset.ids]
        codes = np.unique(names, return_inverse=True)[1]
        vectors = {
            name: embedding.embeddings(dataset, name).vectors for name in ("hsv_histogram", "tf_efficientnet_lite0")
        }
    precision = {}
    for name, rows in vectors.items():
        scores = rows @ rows.T
        np.fill_diagonal(scores, -np.inf)
        precision[name] = float((codes[np.argsort(-scores, axis=1)[:, :10]] == codes[:, None]).mean())
    labels = {key.decode(): int(code) for key, code in zip(dataset.keys.tolist(), codes)}
    return SimpleNamespace(home=folder / "home", labels=labels, precision=precision)


KEYS = {(1, 0): "ArrowLeft", (0, 1): "ArrowRight", (1, 1): "ArrowUp", (0, 0): "ArrowDown"}


def press_until(tab, world: SimpleNamespace, most: int) -> int:
    """Judge by keyboard, by what the images on the screen are of; how many questions were answered."""
    judge = tab.locator(".judge")
    for number in range(most):
        if "over" in (judge.get_attribute("class") or ""):
            return number
        sources = [tab.locator(f".judge {part} img").get_attribute("src") for part in (".query", ".left", ".right")]
        query, left, right = (world.labels[re.search(r"[0-9a-f]{64}", source)[0]] for source in sources)
        before = judge.get_attribute("data-question")
        tab.keyboard.press(KEYS[int(left == query), int(right == query)])
        judge.and_(
            tab.locator(f'.judge.over, .judge:not([data-question="{before}"]):not([data-question=""])')
        ).wait_for()
    return most


@pytest.mark.browser
@pytest.mark.slow
def test_a_session_by_keyboard_ends_with_the_right_winner_over_a_kill(tab, unlabelled: SimpleNamespace) -> None:
    titles = {"hsv_histogram": "HSV histogram", "tf_efficientnet_lite0": "EfficientNet-Lite0"}
    best = max(unlabelled.precision, key=unlabelled.precision.get)
    query = "judge?d=flat&sys=hsv_histogram%7Ctf_efficientnet_lite0"
    shutil.rmtree(unlabelled.home / "judgements", ignore_errors=True)  # of a first try
    tab.set_default_timeout(90_000)
    with serve(ROOT / "app.py", unlabelled.home) as address:
        tab.goto(f"{address}/{query}")
        tab.get_by_role("button", name="Start judging").click()
        tab.locator(".judge .side.left img").wait_for()
        assert press_until(tab, unlabelled, 7) == 7
        tab.locator('.judge[data-answers="7"]').wait_for()
        tab.keyboard.press("u")
        tab.locator('.judge[data-answers="6"]').wait_for()
        port = address.rsplit(":", 1)[1]
        for server in psutil.Process().children():
            if any(port in part for part in server.cmdline()):
                server.kill()
    answers = AnswerLog(unlabelled.home / "judgements").answers()
    assert len(answers) == 6, "every click that was shown as answered is on the disk, and the one taken back is not"
    with serve(ROOT / "app.py", unlabelled.home) as address:
        tab.goto(f"{address}/{query}")
        tab.get_by_role("button", name="Go on judging").click()
        tab.locator('.judge[data-answers="6"]').wait_for()
        press_until(tab, unlabelled, 400)
        tab.locator(".judge.over").wait_for()
        assert titles[best] not in tab.locator(".judge").inner_text(), "names stay hidden"
        tab.keyboard.press("Enter")
        tab.get_by_text(f"{titles[best]} is better than").first.wait_for()
        assert "as you judge these queries" in tab.locator('[class*="st-key-answer"]').inner_text()
    assert not tab.complaints
