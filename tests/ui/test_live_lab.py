"""The live lab's JavaScript: sliders share a whole as in Python, the newest request wins, all words are there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from core.javascript import bundle
from core.ui.widgets import weight_shares
from core.wording.live_lab import view_words
from tests.browser import ROOT, chromium, tab  # noqa: F401  fixtures

FOLDER = ROOT / "core" / "ui" / "components" / "live_lab"


def in_browser(page, folder: Path, module: str, names: str, body: str, argument: object) -> object:  # noqa: ANN001
    """What a body makes of an argument, with names of a module of the lab at hand."""
    source = os.path.relpath(FOLDER / module, folder)
    (folder / "main.js").write_text(
        f'import {{ {names} }} from "{source}";\nexport default {body};\n', encoding="utf-8"
    )
    return page.evaluate(
        "async ([text, given]) => (await import(URL.createObjectURL(new Blob([text], { type: 'text/javascript' }))))"
        ".default(given)",
        [bundle(folder / "main.js"), argument],
    )


@pytest.mark.browser
def test_sliders_share_a_whole_as_in_python(tab, tmp_path: Path) -> None:  # noqa: F811
    random, cases, expected = np.random.default_rng(0), [], []
    for number in range(300):
        n = int(random.integers(1, 6))
        shares = random.dirichlet(np.ones(n)) if number % 3 else np.eye(n)[random.integers(n)]
        locked, at = random.random(n) < 0.3, int(random.integers(n))
        share = float(random.choice([0, 1, 0.5, random.random()]))
        cases.append([shares.tolist(), at, share, locked.tolist()])
        names = [str(i) for i in range(n)]
        held = {name for name, is_locked in zip(names, locked) if is_locked}
        after = weight_shares.moved(dict(zip(names, shares.tolist())), str(at), share, held)
        expected.append(list(after.values()))
    moved = in_browser(tab, tmp_path, "shares.js", "moved", "(cases) => cases.map((one) => moved(...one))", cases)
    for one, other in zip(moved, expected, strict=True):
        assert one == pytest.approx(other, abs=1.1e-6)


@pytest.mark.browser
def test_the_newest_request_takes_the_place_of_the_one_that_waits(tab, tmp_path: Path) -> None:  # noqa: F811
    body = """async () => {
      const asked = [], doors = [];
      const update = latestWins((request) => { asked.push(request); return new Promise((open) => doors.push(open)); });
      const answers = [1, 2, 3, 4].map(update);
      doors.shift()("first");
      await answers[0];
      await new Promise(requestAnimationFrame);
      doors.shift()("last");
      return [asked, await Promise.all(answers)];
    }"""
    asked, answers = in_browser(tab, tmp_path, "latest_wins.js", "latestWins", body, None)
    assert asked == [1, 4] and answers == ["first", None, None, "last"]


@pytest.mark.browser
def test_every_word_of_the_view_is_in_the_catalogue(tab, tmp_path: Path) -> None:  # noqa: F811
    body = "(words) => [missingWords(words), NAMES.length, missingWords({})[0]]"
    missing, count, first = in_browser(tab, tmp_path, "words.js", "missingWords, NAMES", body, view_words())
    assert not missing and count > 20 and first == "equal"


SOCKETS = """
  const sockets = [], wait = setTimeout;
  globalThis.setTimeout = (work, span) => wait(work, span > 10000 ? 30 : span);  // patience is short here
  globalThis.WebSocket = class {
    static OPEN = 1;
    constructor(url) { sockets.push(this); this.url = url.pathname; this.sent = []; this.readyState = 0; }
    arrive() { this.readyState = 1; this.onopen(); }
    send(text) { this.sent.push(JSON.parse(text)); }
    close() { this.readyState = 3; }
    answer(fields) {
      const head = new TextEncoder().encode(JSON.stringify({ ...fields, items: [], arrays: [] }));
      const buffer = new ArrayBuffer(4 + head.length);
      new DataView(buffer).setUint32(0, head.length, true);
      new Uint8Array(buffer, 4).set(head);
      this.onmessage({ data: buffer });
    }
  };
  const next = () => new Promise((go) => wait(go, 5));
  const engine = new SocketEngine();
  const connect = (path) => engine.connect({ address: "http://here" + path, items: [], words: { lost: "lost" } });
"""


@pytest.mark.browser
def test_an_answer_that_comes_too_late_is_no_answer_to_the_next_question(tab, tmp_path: Path) -> None:  # noqa: F811
    body = f"""async () => {{ {SOCKETS}
      connect("/first");
      const late = engine.update({{ number: 1 }}).catch((error) => error.message);
      sockets[0].arrive();
      const first = await late;
      const second = engine.update({{ number: 2 }});
      await next();
      if (sockets.length > 1) sockets[1].arrive();
      await next();
      if (sockets[0].readyState === 1) sockets[0].answer({{ of: 1 }});
      if (sockets.length > 1) sockets[1].answer({{ of: 2 }});
      return [first, (await second).of, sockets[0].readyState];
    }}"""
    assert in_browser(tab, tmp_path, "socket_engine.js", "SocketEngine", body, None) == ["lost", 2, 3]


@pytest.mark.browser
def test_a_socket_that_was_left_while_it_opened_is_closed(tab, tmp_path: Path) -> None:  # noqa: F811
    body = f"""async () => {{ {SOCKETS}
      connect("/first");
      const first = engine.update({{ number: 1 }});
      connect("/second");
      sockets[0].arrive();
      const answer = await Promise.race([first, next()]);
      const second = engine.update({{ number: 2 }});
      await next();
      sockets.at(-1).arrive?.();
      await next();
      const asked = sockets.map(({{ url, sent }}) => [url, sent.map(({{ number }}) => number)]);
      const third = engine.update({{ number: 3 }});
      engine.destroy();
      await next();
      return [answer, asked, sockets.map(({{ readyState }}) => readyState)];
    }}"""
    answer, asked, states = in_browser(tab, tmp_path, "socket_engine.js", "SocketEngine", body, None)
    assert answer is None and asked == [["/first", []], ["/second", [2]]] and states == [3, 3]


def called_twice(tab, script: Path, body: str) -> object:  # noqa: ANN001, F811
    """What a body makes of a component's default export, as Streamlit calls it: `draw(parent)`."""
    tab.goto("about:blank")
    return tab.evaluate(
        "async ([text, body]) => { const { default: draw } = await import(URL.createObjectURL(new Blob([text],"
        " { type: 'text/javascript' }))); return (0, eval)(body)(draw); }",
        [bundle(script), body],
    )


@pytest.mark.browser
def test_keys_of_a_page_end_with_it_however_often_it_was_drawn(tab) -> None:  # noqa: F811
    body = """(draw) => {
      const pressed = [], parentElement = document.createElement("div");
      parentElement.append(document.createElement("span"));
      const run = (number) => draw({ parentElement, setTriggerValue: (_, name) => pressed.push([number, name]) });
      const press = () => document.dispatchEvent(new KeyboardEvent("keydown", { key: "p" }));
      const ends = [run(1), run(2)];
      press();
      ends.at(-1)?.();  // Streamlit keeps what the last run returned
      press();
      return pressed;
    }"""
    assert called_twice(tab, FOLDER.parent / "keys" / "keys.js", body) == [[2, "projector"]]


@pytest.mark.browser
def test_keys_of_the_judge_rest_while_a_dialog_is_open(tab) -> None:  # noqa: F811
    body = """(draw) => {
      const sent = [], parentElement = document.createElement("div");
      globalThis.fetch = (_, { body }) => { sent.push(JSON.parse(body).id); return new Promise(() => {}); };
      parentElement.innerHTML = MARKUP;
      document.body.append(parentElement);
      const side = ["/a/small/1"], question = (id) => ({ id, text: "x", query: "", left: side, right: ["/a/small/2"] });
      const labels = new Proxy({}, { get: () => "a label" });
      const state = { done: false, undo: false, sentence: "", answers: 0, more: [], bars: [], same: 0.02 };
      const questions = [question("one"), question("two")];
      draw({ parentElement, data: { url: "/x", session: "s", way: "pairs", labels, questions, state }, setTriggerValue() {} });
      const press = () => document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
      const dialog = document.createElement("div");
      dialog.setAttribute("role", "dialog");
      document.body.append(dialog);
      press();
      const during = sent.length;
      dialog.remove();
      press();
      return [during, sent];
    }"""
    folder = FOLDER.parent / "judging"
    html = json.dumps((folder / "judging.html").read_text(encoding="utf-8"))
    assert called_twice(tab, folder / "judging.js", body.replace("MARKUP", html)) == [0, ["one"]]
