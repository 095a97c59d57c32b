"""The page Studies: run, answer, diagram, published tables, from and to the other pages; once in Chromium."""

from __future__ import annotations

import dataclasses
import re
import secrets
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import access, data, paths
from core.errors import NotAllowed
from core.fusion import FusionSpec
from core.fusion import store as fusions
from core.studies import embedding
from core.studies.study import study_cases, study_library, study_run, study_text
from core.studies.study.study_record import StudyCatalogue, StudyDataset
from core.types import Dataset
from tests.browser import ROOT, chromium, serve, tab  # noqa: F401  (fixtures)
from tests.conftest import TINY_CLASSES, write_tiny
from tests.pages.alone import OWN, link, opened, settled, words

pytestmark = pytest.mark.usefixtures("fresh")
PAGE = "studies"
STUDY = """title = "Drawn sets"
metrics = ["map", "p@1"]
backbones = ["hsv_histogram", "hog"]
[[dataset]]
data = "tiny"
[[dataset]]
data = "few"
[[dataset]]
data = "fewer"
[[fusion]]
name = "Both"
kind = "concat"
backbones = ["hsv_histogram", "hog"]
[[published]]
title = "A table of a post"
source = "A post"
columns = [{ label = "mAP", ours = "map", why = "Their list is cut off." }, { label = "R@1", ours = "p@1", same = true }]
rows = [{ system = "HOG of theirs", ours = "hog", values = [0.510, 0.7] }, { system = "Gain", ours = "gain", values = ["+0.03 to +0.04", "–"] }]
"""


@pytest.fixture
def three(tmp_path: Path, tiny: Dataset) -> Path:
    """The dataset "tiny" and two smaller ones, embedded, and a study of them that is not run."""
    for number, name in enumerate(("few", "fewer")):
        embedding.embed(data.add(name, write_tiny(tmp_path / name, 5, TINY_CLASSES[number:])), OWN)
    paths.studies().mkdir(parents=True)
    (paths.studies() / "drawn-sets.toml").write_text(STUDY)
    return tmp_path


def test_a_study_is_run_and_shown(three: Path) -> None:
    app = opened(PAGE, study="drawn-sets")
    assert not app.exception and "Not run yet: Drawn sets." in words(app)
    assert "Everything is on this machine. Every image is embedded; 0 of 9 evaluations are kept." in words(app)
    app.button(key="run study").click().run()
    app = settled(app)
    assert not app.exception and not app.error
    result = study_run.run(study_library.open_study("drawn-sets"))
    assert study_text.answer(result) in words(app) and study_text.brief(result) in words(app)
    table = next(frame.value for frame in app.dataframe if "mean rank" in frame.value.columns)
    assert table.values.tolist() == study_text.rows_of(result, "map")[1:]
    assert not any(one.key == "run study" for one in app.button), "nothing is left to run"
    published = next(frame.value for frame in app.dataframe if "published" in frame.value.columns)
    row = published.iloc[0]
    assert (row["system"], row["published"]) == ("HOG of theirs", "0.510 [–]") and "Another definition." in row["why"]
    assert row["ours"].startswith(f"{result.mean('hog', 'map').mean:.3f} [")
    assert published.iloc[2]["difference"] == "–", "of a text there is no difference"


@pytest.mark.parametrize("look", ["bars", "ranks", "cost", "curves", "cases", "winners"])
def test_every_look_is_drawn(three: Path, look: str) -> None:
    result = study_run.run(study_library.open_study("drawn-sets"))
    app = opened(PAGE, study="drawn-sets", see=look, m="p@1")
    assert not app.exception and not app.error
    if look in ("bars", "ranks", "curves"):
        assert app.get("plotly_chart")
    if look == "ranks":
        assert "Nemenyi's test cannot tell apart" in words(app)
    if look == "cases":
        ranked = study_cases.ranked(result, result.parts[0], (result.parts[0].comparison.order[0],))
        best, worst = ranked.best_and_worst()
        assert 0 < len(worst) <= 10 and worst[0].ap == min(case.ap for case in (*best, *worst))
        for case in worst:
            assert f"{case.ap:.3f}" in words(app)
    if look == "winners":
        frame = next(frame.value for frame in app.dataframe if "gap" in frame.value.columns)
        assert frame["dataset"].tolist() == ["tiny", "few", "fewer"] and set(frame["mix"]) == {"Both"}


def test_the_page_opens_on_the_study_that_was_finished_last(three: Path) -> None:
    app = opened(PAGE)
    assert not app.exception and link(app, "study") == "drawn-sets", "nothing has run: the one that takes least"
    assert app.button(key="run study").label == "Run the study: a moment" and "What it will show" in words(app)
    theirs = next(frame.value for frame in app.dataframe if "Ours beside" in frame.value.columns)
    assert theirs.iloc[0].tolist()[:2] == ["HOG of theirs", "0.510"]
    study = study_library.open_study("drawn-sets")
    names = [study_library.save(dataclasses.replace(study, title=title, seed=at)) for at, title in enumerate("ABC", 1)]
    for name in (names[1], names[0]):
        study_run.run(study_library.open_study(name))
    assert link(opened(PAGE), "study") == names[0]
    heavy = opened(PAGE, study="multi-model-fusion")
    label = heavy.button(key="run study").label
    assert re.fullmatch(r"Run the study: \d+\.\d GB, about [\d.]+ h", label), label


@pytest.mark.parametrize("name", ["<b>", "../../etc/passwd", "encoder-study"])
def test_any_link_opens(three: Path, name: str) -> None:
    app = opened(PAGE, study=name, m="<script>", see="nothing", of="x")
    assert not app.exception and not app.error


def test_a_study_that_cannot_be_read_is_a_sentence(three: Path) -> None:
    (paths.studies() / "bad.toml").write_text(STUDY.replace("backbones", "backbone", 1))
    app = opened(PAGE, study="bad")
    assert (
        not app.exception
        and "bad.toml, line 3: there is no field 'backbone' here. Did you mean 'backbones'?" in words(app)
    )


def test_a_study_opens_in_the_other_pages(three: Path) -> None:
    study_run.run(study_library.open_study("drawn-sets"))
    app = opened(PAGE, study="drawn-sets", d="few")
    for key in ("leaderboard", "fusion_lab"):
        click = next(one for one in app.button if one.key == f"study opens {key}")
        assert click.label
    # AppTest draws one page alone, so the click sets the fields and the page that would open is opened with them.
    next(one for one in app.button if one.key == "study opens leaderboard").click()
    app.run()
    assert app.session_state["FrameSetup.dataset"] == "tiny"
    systems = app.session_state["LeaderboardSetup.systems"]
    assert "hog" in systems and "concat(" in systems
    board = opened("leaderboard", d="tiny", sys=systems)
    assert not board.exception and not board.error and len(board.dataframe[0].value) == 3


def whole(page: str, **link: str) -> AppTest:
    """The app with its navigation, on a page."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params.update(link)
    return app.run().switch_page(f"pages/{page}.py").run()


def save(app: AppTest, key: str, title: str) -> str:
    """Save what a page compares as a study; its name."""
    app.text_input(key=f"{key} study title").set_value(title).run()
    app.multiselect(key=f"{key} study datasets").set_value(["few"]).run()
    app.button(key=f"{key} save study").click().run()
    assert not app.exception and not app.error
    return next(name for name in study_library.names() if name.startswith(title.lower()))


def test_a_leaderboard_is_saved_as_a_study(three: Path) -> None:
    app = whole("leaderboard", d="tiny", sys="hog|hsv_histogram|concat(hsv_histogram:0.3,hog:0.7)")
    study = study_library.open_study(save(app, "leaderboard", "Board"))
    assert [entry.name for entry in study.datasets] == ["tiny", "few"] and study.backbones == ("hog", "hsv_histogram")
    assert study.fusions[0].spec.shares == pytest.approx({"hsv_histogram": 0.3, "hog": 0.7}, abs=1e-3)
    assert study.metrics[0] == "map"
    assert len(study_run.run(study).parts) == 2


def test_the_lab_and_the_report_are_saved_as_studies(three: Path) -> None:
    app = whole("fusion_lab", d="tiny", b="hsv_histogram,hog", see="files")
    study = study_library.open_study(save(app, "lab", "Lab"))
    assert study.backbones == OWN and len(study.fusions) == 1
    fusions.save(FusionSpec("My mix", "rrf", OWN))
    app = settled(whole("report", d="tiny"))
    study = study_library.open_study(save(app, "report", "Rep"))
    assert study.metrics[:2] == ("map", "p@1") and "My mix" in study.systems


def test_a_copy_runs_on_other_images(three: Path) -> None:
    app = opened(PAGE, study="encoder-study")
    app.multiselect(key="study copy datasets").set_value(["tiny", "few"]).run()
    app.multiselect(key="study copy backbones").set_value(list(OWN)).run()
    app.button(key="make copy").click().run()
    assert not app.exception and not app.error
    assert link(app, "study").startswith("encoder-study-resnet-clip-and-dinov2-on-tiny-few")
    study = study_library.open_study(link(app, "study"))
    assert study.backbones == OWN and study.baseline in OWN
    assert len(study_run.run(study).parts) == 2


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory):
    """The app with three small datasets and a study."""
    home = tmp_path_factory.mktemp("study journey") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(home))
        for number, name in enumerate(("tiny", "few", "fewer")):
            folder = write_tiny(home.parent / name, 5, TINY_CLASSES[number:])
            embedding.embed(data.add(name, folder), OWN)
        with serve(ROOT / "app.py", home) as address:
            yield address


@pytest.mark.browser
def test_a_study_in_chromium(served: str, tab, tmp_path: Path) -> None:  # noqa: F811
    """A file is opened, run, its diagram looked at, opened in the Leaderboard, and that saved as a study."""
    from playwright.sync_api import expect

    file = tmp_path / "drawn.toml"
    number = secrets.randbelow(10**6)  # a second try must not meet what the first one has kept
    file.write_text(
        STUDY.replace("Drawn sets", f"Drawn {number}").replace("backbones", f"seed = {number}\nbackbones", 1)
    )
    tab.goto(f"{served}/studies?d=tiny")
    tab.get_by_role("button", name=re.compile("File")).first.click()
    tab.locator("input[type=file]").set_input_files(str(file))
    expect(tab).to_have_url(re.compile(f"study=drawn-{number}"))
    expect(tab.get_by_text(f"Not run yet: Drawn {number}.")).to_be_visible(timeout=30_000)
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Run the study").click()
    expect(tab.get_by_text("is best over all")).to_be_visible(timeout=60_000)
    tab.get_by_role("radio", name="Ranks").click()
    expect(tab.get_by_text("critical difference")).to_be_visible()
    expect(tab.get_by_role("heading", name="Published: A table of a post")).to_be_visible()
    tab.get_by_role("radio", name="few", exact=True).last.click()
    tab.get_by_role("button", name="Leaderboard").click()
    expect(tab.get_by_role("heading", name="Leaderboard")).to_be_visible()
    expect(tab).to_have_url(re.compile("d=few"))
    tab.get_by_role("button", name="Save as study").click()
    tab.get_by_label("Title").fill(f"From board {number}")
    tab.get_by_label("Title").press("Enter")
    tab.get_by_role("button", name="Save", exact=True).click()
    expect(tab.get_by_text(f"Saved as 'from-board-{number}'.")).to_be_visible()
    tab.get_by_role("link", name="Open Studies").click()
    expect(tab.get_by_text(f"Not run yet: From board {number}.")).to_be_visible()


def test_members_save_studies_and_run_none(three: Path) -> None:
    """On a server of several people: who runs, who saves, who forgets; what names a private dataset is not there."""
    study = study_library.open_study("drawn-sets")
    ann, bob = (access.Visitor("member", name, f"account {name}") for name in ("Ann", "Bob"))
    with access.acting(ann), pytest.raises(NotAllowed, match="Owners"):
        study_run.run(study)
    with access.acting(ann):
        mine = study_library.save(dataclasses.replace(study, title="Mine"))
        with pytest.raises(NotAllowed):
            study_library.save(dataclasses.replace(study, datasets=(StudyDataset("/etc", "etc"),)))
        for queries in ("/etc/hostname", "/dev/zero", "queries.csv"):  # a table is a file of the server too
            asked = dataclasses.replace(study, catalogue=StudyCatalogue("tfidf", ("average",), queries=queries))
            with pytest.raises(NotAllowed):
                study_library.save(asked)
    with access.acting(bob):
        assert not study_library.is_mine(mine)
        with pytest.raises(NotAllowed):
            study_library.remove(mine)
    study_run.run(study)
    by_path = study_library.save(dataclasses.replace(study, title="By path", datasets=(StudyDataset("/srv/x", "x"),)))
    assert by_path in study_library.readable()
    with access.acting(access.Visitor("guest")):
        assert mine in study_library.readable() and by_path not in study_library.readable()
        with pytest.raises(NotAllowed):
            study_library.save(study)
    data.set_private("few", True)
    with access.acting(bob):
        assert study_library.readable() == study_library.shipped()
        assert study_run.opened(study)[1], "its datasets are not all there for others"
    assert mine in study_library.readable()
    with access.acting(ann):
        study_library.remove(mine)
    assert mine not in study_library.names()
