"""The verbs `search` and `catalogue`: what they find, what they judge, and a sentence for everything that is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import cli, data
from core.studies.catalogue import catalogue_evaluation, catalogue_items
from core.studies.catalogue import catalogue_search as study
from tests.browser import ROOT

SPACE = "concepts_lite0"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the demo catalogue, and a shop beside it."""
    home = tmp_path_factory.mktemp("cli") / "home"
    shop = home.parent / "shop"
    shop.mkdir()
    for name in ("red", "blue"):
        Image.new("RGB", (40, 40), name).save(shop / f"{name}.png")
    (shop / "list.csv").write_text("id,title,image,image_2\nr,Red thing,red.png,blue.png\nw,Words alone,,\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(home))
        assert cli.main(["embed", "--data", "demo_catalogue", "--backbone", SPACE]) == 0
    return home


@pytest.fixture(autouse=True)
def same_home(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(place))
    yield


def said(capsys: pytest.CaptureFixture, *arguments: str) -> str:
    capsys.readouterr()
    assert cli.main(list(arguments)) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture, *arguments: str) -> str:
    capsys.readouterr()
    assert cli.main(list(arguments)) == 2
    out = capsys.readouterr().err.strip().splitlines()[-1]
    assert out.startswith("error: ")
    return out


def test_a_text_search_says_how_likely(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fitted once on the names of the classes, then read again; a second step has other scores and is refused."""
    from core.studies.text import text_calibration

    search = ("search", "cat", "--data", "demo_catalogue", "--k", "8", "--probability")
    first = said(capsys, *search)
    shares = [int(match[1]) for match in re.finditer(r" (\d+) %  ", first)]
    assert len(shares) == 8 and shares == sorted(shares, reverse=True) and all(0 <= share <= 100 for share in shares)
    monkeypatch.setattr(text_calibration, "calibrate_text", None)
    assert said(capsys, *search) == first
    assert "second-step" in refused(capsys, *search, "--second-step", "3")


@pytest.mark.slow
def test_search_lists_the_nearest_pictures(capsys) -> None:
    lines = said(capsys, "search", "a cat -rocket", "--data", "demo_catalogue", "--k", "3").splitlines()
    assert lines[0] == "“a cat” without “rocket”" and lines[1] == "The text is read by concepts_lite0."
    assert lines[2].split()[0] == "1" and lines[2].split()[2] == "chelsea" and len(lines) == 5
    again = said(
        capsys,
        "search",
        "a cat",
        "--data",
        "demo_catalogue",
        "--backbone",
        SPACE,
        "--backbone",
        "hsv_histogram",
        "--second-step",
        "2",
    )
    assert "hsv_histogram has no text tower" in again and "Two steps: the text chose 2 images" in again
    assert "Type what to look for" in refused(capsys, "search", " - ", "--data", "demo_catalogue")
    assert "Add concepts_lite0" in refused(capsys, "search", "cat", "--data", "demo_catalogue", "--backbone", "hog")


def test_catalogue_prints_and_writes_what_the_study_says(capsys, tmp_path) -> None:
    out = said(capsys, "catalogue", "--data", "demo_catalogue", "--json", str(tmp_path / "out.json"))
    searcher = study.searcher(catalogue_items.of_dataset(data.load("demo_catalogue")), SPACE)
    written = json.loads((tmp_path / "out.json").read_text())
    for title, questions in catalogue_evaluation.questions_of(searcher).items():
        found = catalogue_evaluation.compare(searcher, questions, SPACE)
        assert catalogue_evaluation.as_text(found) in out and title in out
        assert [row["strategy"] for row in written[title]["strategies"]] == list(found.table.strategy)
        assert written[title]["strategies"][0]["mean"] == pytest.approx(found.table["mean"][0])
    assert "Holm p" in out and "22 items have it, likeness over all items G" in out


def test_the_results_are_what_the_command_prints() -> None:
    written = (ROOT / "core" / "studies" / "catalogue" / "RESULTS.md").read_text("utf-8")
    said = re.search(r"<!-- catalogue -->\n(.*?)<!-- /catalogue -->", written, re.S)[1]
    rows = {cells[1].strip(): cells[2:4] for cells in (line.split("|") for line in said.splitlines()[2:])}
    searcher = study.searcher(catalogue_items.of_dataset(data.load("demo_catalogue")), SPACE)
    for column, questions in enumerate(catalogue_evaluation.questions_of(searcher).values()):
        found = catalogue_evaluation.compare(searcher, questions, SPACE).table.set_index("label")
        assert set(found.index) == {label for label, cells in rows.items() if cells[column].strip() != "–"}
        for label, cells in rows.items():
            figures = [float(number) for number in re.findall(r"[0-9.]+", cells[column])]
            if figures:  # another engine or processor may move the last digits
                np.testing.assert_allclose(figures, found.loc[label, ["mean", "low", "high"]].astype(float), atol=0.02)


def test_catalogue_with_labelled_queries_weights_and_another_base(capsys, tmp_path) -> None:
    queries = tmp_path / "queries.csv"
    queries.write_text("query,item_id\na hot drink,coffee\na cat,chelsea\n")
    out = said(
        capsys,
        "catalogue",
        "--data",
        "demo_catalogue",
        "--queries",
        str(queries),
        "--weigh",
        "title=1,picture=0.5",
        "--base",
        "hybrid",
        "--metric",
        "mrr",
    )
    assert "The queries of queries.csv ask (2 questions)" in out and "Fixed weights" in out and "MRR" in out
    assert "No difference to Hybrid global-local is shown for" in out
    found = said(capsys, "catalogue", "--data", "demo_catalogue", "--find", "a hot drink", "--k", "1")
    assert found.count("coffee  Cup of espresso: most from its") >= 4 and "none of these words occurs" in found


def test_catalogue_of_a_table_with_several_pictures_and_an_item_without(capsys, place) -> None:
    table = str(place.parent / "shop" / "list.csv")
    out = said(capsys, "catalogue", "--data", table, "--name", "shop", "--pictures", "each", "--find", "thing")
    assert "shop: 2 items" in out and "picture 2" in out and "Words alone" in out
    assert "Images ask, their own text" in said(capsys, "catalogue", "--data", "shop", "--pictures", "best")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--space", "hog"], "Add concepts_lite0"),
        (["--components", "colour"], "has no column 'colour'"),
        (["--queries", "nowhere.csv"], "nowhere.csv does not exist"),
        (["--weigh", "colour=1"], "there are title, description, picture"),
        (["--weigh", "title=much"], "--weigh takes NAME=SHARE"),
        (["--base", "bset"], "bset"),
        (["--metric", "mpa"], "mpa"),
        (["--components", "category"], "Give a file of queries"),
    ],
)
def test_what_is_wrong_is_one_sentence(capsys, more, sentence) -> None:
    assert sentence in refused(capsys, "catalogue", "--data", "demo_catalogue", *more)


def test_class_names_are_measured_beside_what_is_demanded(capsys) -> None:
    lines = said(capsys, "bench", "text", "--data", "demo_catalogue").splitlines()
    assert [line.split("  ")[0] for line in lines[2:5]] == [
        "the plain name",
        "mean over photo sentences",
        "demanded (pilot)",
    ]
    assert lines[4].split()[-3:] == ["0.71", "0.80", "0.68"] and lines[5].startswith("Hardest names (AP): ")
    assert "was chosen on the 1,169 photographs" in lines[6], "what was chosen and reported on one set says so"
