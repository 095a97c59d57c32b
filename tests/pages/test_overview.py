"""The Overview with AppTest: a table whose pictures are partly missing is refused, or taken without them, as one likes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core import data
from core.ui import jobs
from tests.conftest import draw_tiny
from tests.pages.alone import button, settled, words
from tests.pages.test_every_page import open_page


@pytest.fixture(autouse=True)
def no_jobs_of_others() -> Iterator[None]:
    jobs._jobs().clear()
    yield
    for job in jobs.running():
        job.cancel.set()


def test_rows_whose_picture_is_missing_are_refused_or_left_out(tiny_world, tmp_path: Path) -> None:
    draw_tiny("circle", 0).save(tmp_path / "a.png")
    (tmp_path / "list.csv").write_text("id,title,path\n1,circle,a.png\n2,gone,gone.png\n3,words,\n")
    app = open_page("pages/overview.py", d="tiny", b="hsv_histogram")
    app.text_input("overview path").set_value(str(tmp_path / "list.csv"))
    app.text_input("overview name").set_value("shop")
    button(app, "Add and embed").click().run()
    settled(app)
    assert "the path is empty" in app.error[0].value and "shop" not in data.names()
    app.checkbox("overview lenient").check()
    button(app, "Add and embed").click().run()
    settled(app)
    assert not app.exception and not app.error, words(app)
    assert len(data.load("shop")) == 1 and data.options_of("shop") == {"missing": "quarantine"}


def test_the_same_box_does_no_harm_to_a_folder(tiny_world, tiny_images: Path) -> None:
    app = open_page("pages/overview.py", d="tiny", b="hsv_histogram")
    app.text_input("overview path").set_value(str(tiny_images / "circle"))
    app.text_input("overview name").set_value("circles")
    app.checkbox("overview lenient").check()
    button(app, "Add and embed").click().run()
    settled(app)
    assert len(data.load("circles")) == 10 and not app.error
