"""The live lab's JavaScript: sliders share a whole as in Python, the newest request wins, all words are there."""

from __future__ import annotations

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
