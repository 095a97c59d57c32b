"""A strategy of one's own, as the README shows it, works from the file to the figures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core import cli, data
from core.fusion import FUSIONS, FusionSpec
from core.studies import embedding, fusion, systems
from tests.browser import ROOT

BACKBONES = ("hsv_histogram", "hog")


@pytest.fixture
def example(tiny_world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The README's example, letter by letter, in the folder of plug-ins."""
    monkeypatch.delenv("FUSIONSCOPE_PLUGINS", raising=False)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = next(block for block in re.findall(r"```python\n(.*?)```", readme, re.S) if "FUSIONS.register" in block)
    folder = tiny_world.home / "plugins"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "highest.py").write_text(text, encoding="utf-8")
    yield folder
    for name in [strategy.name for strategy in FUSIONS if strategy.is_plugin]:
        FUSIONS.discard(name)


def test_the_readmes_example_is_listed_and_evaluated(example: Path, tmp_path: Path, capsys) -> None:
    assert cli.main(["list", "fusions"]) == 0
    assert "highest" in capsys.readouterr().out

    file, out = tmp_path / "fusions.json", tmp_path / "out.json"
    file.write_text(json.dumps([{"name": "most certain", "kind": "highest", "backbones": list(BACKBONES)}]))
    asked = ["evaluate", "--dataset", "tiny", "--fusions", str(file), "--json", str(out)]
    assert cli.main([*asked, *(part for name in BACKBONES for part in ("--backbone", name))]) == 0
    assert "most certain" in out.read_text()

    dataset = data.load("tiny")
    space = fusion.space_of(dataset, BACKBONES)
    system = systems.System("most certain", space, FusionSpec("most certain", "highest", BACKBONES))
    parts = [embedding.embeddings(dataset, name).vectors for name in BACKBONES]
    expected = np.maximum(*(part[:5] @ part.T for part in parts))
    shown = system.block(0, 5)
    places = np.isfinite(shown)
    assert places.sum() == 5 * 59  # the query itself is in nobody's list
    assert np.allclose(shown[places], expected[places], atol=1e-6)


def test_a_broken_file_is_one_sentence_and_the_others_work(example: Path, capsys) -> None:
    (example / "broken.py").write_text("import nothing_of_that_name\n")
    assert cli.main(["list", "fusions"]) == 0
    said = capsys.readouterr()
    assert "highest" in said.out
    assert said.err.count("\n") == 1 and "broken.py" in said.err and "Traceback" not in said.err


def test_the_frame_loads_it_and_follows_an_edit(example: Path) -> None:
    from core.ui import frame

    assert frame.plugins() == () and "highest" in FUSIONS
    file = example / "highest.py"
    file.write_text(file.read_text().replace('"highest"', '"renamed"'))
    assert frame.plugins() == ()
    assert "renamed" in FUSIONS and "highest" not in FUSIONS


def test_a_deleted_file_takes_its_strategy_along(example: Path) -> None:
    from core.fusion import store
    from core.ui import frame

    frame.plugins()
    store.save(FusionSpec("mine", "highest", BACKBONES))
    (example / "highest.py").unlink()
    assert frame.plugins() == () and "highest" not in FUSIONS
    assert "'highest'" in store.saved()[1][0], "a saved fusion of it is named with the reason"


def test_the_lab_says_that_a_strategy_is_gone(example: Path, tiny_world: SimpleNamespace) -> None:
    from streamlit.testing.v1 import AppTest

    embedding.embed(tiny_world.dataset, BACKBONES)
    app = AppTest.from_string(
        "import runpy\nfrom core.ui import frame\nfrom core.ui.app import state\nfrom core.ui.widgets import sidebar\nstate.begin('fusion_lab')\nframe.plugins()\n"
        f"sidebar.frame()\nrunpy.run_path({str(ROOT / 'pages' / 'fusion_lab.py')!r})\n",
        default_timeout=60,
    )
    for name, value in {"d": "tiny", "b": ",".join(BACKBONES), "s": "highest"}.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception and not app.warning
    (example / "highest.py").unlink()
    app.run()
    assert (
        not app.exception and "'highest'" in app.warning[0].value and "Concatenation is shown" in app.warning[0].value
    )
    app.selectbox(key="FusionSetup.strategy").set_value("rrf").run()
    assert not app.exception and not app.warning
