"""Why a result matched, as files: overlays where the geometry says, a PNG, an HTML file, and the report's cases."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from core import cli, data
from core.charts import heat_overlay
from core.explain import Heat
from core.export import match_maps
from core.export.report import cases, document
from core.studies import embedding, fusion, retrieval
from core.studies.match_explanation import ExplainerPool
from core.studies.systems import System

BACKBONES = ("hsv_histogram", "hog")


@pytest.fixture
def small(tiny_world: SimpleNamespace) -> SimpleNamespace:
    embedding.embed(tiny_world.dataset, BACKBONES)
    return SimpleNamespace(dataset=data.get("tiny"), images=tiny_world.images)


def test_an_overlay_is_red_blue_and_dark_where_it_should_be() -> None:
    """Cells stand in their box: what adds is redder, what takes is bluer, what is not seen is darker."""
    grey = Image.new("RGB", (200, 100), (120, 120, 120))
    cells = np.array([[1.0, -1.0], [0.0, 0.0]])
    seen = np.asarray(heat_overlay.overlay(grey, Heat(np.kron(cells, np.ones((4, 4)))), (0.25, 0, 0.75, 1.0), 200), int)
    red, blue, plain, dark = seen[20, 70], seen[20, 130], seen[85, 100], seen[50, 20]
    assert red[0] > red[2] + 60 and blue[2] > blue[0] + 60
    assert np.ptp(plain) < 8 and abs(plain[0] - 120) < 8 and (dark < 70).all()
    assert heat_overlay.overlay(grey, Heat(np.zeros((0, 0))), (0, 0, 1, 1), 50).size == (50, 25)


def test_one_strong_cell_does_not_hide_the_others() -> None:
    cells = np.ones((20, 20))
    cells[3, 4] = 500
    strengths = heat_overlay.strengths(Heat(cells))
    assert strengths.max() == 1 and strengths[0, 0] == pytest.approx(1.0)


def test_the_verb_writes_both_kinds_of_files(small: SimpleNamespace, tmp_path: Path, capsys) -> None:
    common = ["why", "--data", "tiny", "--backbone", "hsv_histogram", "--backbone", "hog"]
    png, page = tmp_path / "why.png", tmp_path / "why.html"
    assert cli.main([*common, "--query", "circle/circle_03.png", "--out", str(png)]) == 0
    printed = capsys.readouterr().out
    assert "All together: adds up to the score." in printed and "Result 1" in printed
    sheet = Image.open(io.BytesIO(png.read_bytes()))
    assert sheet.width > 600 and sheet.height > 4 * match_maps.SIDE
    file = str(small.images / "cross" / "cross_01.png")
    assert cli.main([*common, "--query", file, "--result", "2", "--plain", "--out", str(page)]) == 0
    content = page.read_text(encoding="utf-8")
    assert content.count("<img") == 8 and "<script" not in content and "Result 2" in content
    assert "The image&#39;s places add" in content or "The image's places add" in content
    for wrong, sentence in (
        ([], "Which query?"),
        (["--query", "circle/circle_3.png"], "Did you mean"),
        (["--query", "circle/circle_03.png", "--result", "77"], "from 1 to 59"),
        (["--query", "circle/circle_03.png", "--out", str(tmp_path / "why.gif")], ".png or .html"),
    ):
        assert cli.main([*common, *wrong]) == 2
        assert sentence in capsys.readouterr().err


def test_a_report_says_why_queries_fail_and_where_they_match(small: SimpleNamespace) -> None:
    dataset = small.dataset
    space, truth = fusion.space_of(dataset, BACKBONES), data.relevance(dataset)
    system = System("hog", space)
    evaluation = retrieval.evaluate_queries(system, truth)
    strip = document.ImageStrip()
    parts = cases.section(dataset, evaluation, truth, strip, "HOG", 5, system=system, pool=ExplainerPool())
    drawn = [part for part in parts if isinstance(part, document.Case)]
    assert (
        len(drawn) == 10
        and [case.maps is not None for case in drawn] == [True] * 3 + [False] * 2 + [True] * 3 + [False] * 2
    )
    for case in (case for case in drawn if case.maps is not None):
        assert [image.caption.split(" · ")[1] for image, *_ in case.maps.images] == ["adds up to the score"] * 2
        assert all(content for _, content, _ in case.maps.images)
    alone = cases.section(dataset, evaluation, truth, document.ImageStrip(), "HOG", 5)
    assert not any(part.maps for part in alone if isinstance(part, document.Case))
