"""No page is empty: without a dataset, without embeddings, labels or images it says what helps, in one button."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from core import data, paths, wording
from core.studies import embedding
from core.ui.app import jobs
from core.ui.widgets import first_step
from tests.conftest import draw_tiny, write_tiny
from tests.pages.alone import forget_everything, words
from tests.pages.test_every_page import BACKBONES, FILES, failed_parts, open_page
from tests.pages.test_vectors_only import vectors_of

BUILD_THEMSELVES = {"pages/overview.py", "pages/catalogue.py"}
FULL_WITHOUT_DATA = {"pages/backbones.py", "pages/studies.py"}
"""The table of backbones and the list of studies are the same on any installation."""
OTHER_FORM = wording.page("datasets")("button.attach")
OF_FIGURES = [f"pages/{name}.py" for name in ("leaderboard", "curves", "slices", "threshold", "report", "finetune")]
OF_IMAGES = [f"pages/{name}.py" for name in ("text_search", "finetune", "judge")]


def primary(app: AppTest) -> list[str]:
    """The labels of the buttons that stand out."""
    return [button.label for button in app.button if button.proto.type == "primary"]


def step_of(app: AppTest) -> str:
    """What the one button of a page says; nothing on it is an error."""
    assert not app.exception and not app.error and not failed_parts(app)
    (label,) = [label for label in primary(app) if label != OTHER_FORM]
    return label


@pytest.fixture(autouse=True)
def alone(fresh: None, no_jobs_of_others: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No job and no value of another test; the first page, which AppTest passes, does not build the demo by itself."""
    monkeypatch.setattr("core.ui.widgets.demo_job.start_unasked", lambda names: False)


@pytest.mark.parametrize("file", [file for file in FILES if file not in BUILD_THEMSELVES | FULL_WITHOUT_DATA])
def test_an_empty_installation_offers_the_demo_with_its_time(file: str, home: Path) -> None:
    app = open_page(file)
    assert step_of(app).startswith("Open the demo (") and step_of(app).endswith("s)")
    assert "240 images, 4 backbones" in words(app)


@pytest.mark.parametrize("file", sorted(FULL_WITHOUT_DATA))
def test_pages_that_need_no_dataset_say_something(file: str, home: Path) -> None:
    app = open_page(file)
    assert not app.exception and not app.error and app.dataframe


def test_the_button_builds_the_demo(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    monkeypatch.setattr("core.ui.widgets.embedding_job.start_embedding", lambda name, names, **_: started.append(name))
    app = open_page("pages/curves.py")
    next(button for button in app.button if button.label.startswith("Open the demo")).click().run()
    assert started == [data.OPENING]


def test_the_demo_has_as_many_images_as_the_button_says(home: Path) -> None:
    for name in (data.OPENING, "demo_catalogue"):
        assert len(data.load(name)) == data.DATASETS.get(name).n_images


@pytest.mark.parametrize("file", ["pages/curves.py", "pages/judge.py", "pages/report.py"])
def test_what_is_not_embedded_is_a_click_away(file: str, tiny_world: SimpleNamespace) -> None:
    app = open_page(file, d="tiny", b=",".join(BACKBONES))
    assert step_of(app).startswith("Embed images (")
    assert "not embedded yet" in words(app)


@pytest.fixture
def flat(home: Path, tmp_path: Path) -> None:
    """Images without labels, embedded."""
    folder = tmp_path / "flat"
    folder.mkdir()
    for number in range(6):
        draw_tiny("circle", number).save(folder / f"{number:02d}.png")
    embedding.embed(data.add("flat", folder), BACKBONES)


@pytest.mark.parametrize("file", OF_FIGURES)
def test_without_labels_a_page_leads_to_judging(file: str, flat: None) -> None:
    app = open_page(file, d="flat", b=",".join(BACKBONES))
    assert step_of(app) == "Judge results"
    assert "has no labels" in words(app)


@pytest.mark.parametrize("file", OF_IMAGES)
def test_vectors_alone_are_not_offered_what_needs_images(file: str, home: Path, tmp_path: Path) -> None:
    vectors_of(tmp_path / "vectors")
    app = open_page(file, d="vectors")
    assert step_of(app) == "Move the weights"
    assert "vectors without images" in words(app)


def test_one_backbone_alone_is_offered_a_second_one_to_judge(tiny_world: SimpleNamespace) -> None:
    embedding.embed(tiny_world.dataset, BACKBONES[:1])
    app = open_page("pages/judge.py", d="tiny")
    assert step_of(app).startswith("Embed images")


def test_images_without_a_split_are_all_queries(home: Path, tmp_path: Path) -> None:
    """One folder per class and nothing else: every page of figures has figures."""
    embedding.embed(data.add("plain", write_tiny(tmp_path / "plain", per_class=3)), BACKBONES)
    forget_everything()
    app = open_page("pages/datasets.py", d="plain")
    assert "every image is a query" in words(app)
    for file in ("pages/leaderboard.py", "pages/curves.py"):
        assert not open_page(file, d="plain").error


def test_every_sketch_is_there() -> None:
    folder = paths.ASSETS / "previews"
    assert {path.stem for path in folder.glob("*.svg")} == set(first_step._SKETCHES.values())
    assert {f"pages/{page}.py" for page in first_step._SKETCHES} <= set(FILES)
    assert not jobs.running()
