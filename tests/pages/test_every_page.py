"""Every page of the app opens: on the tiny world, without labels, with nothing computed, and from any link."""

from __future__ import annotations

import ast
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from tests.browser import ROOT
from tests.conftest import draw_tiny
from tests.pages.alone import link

TREE = ast.parse((ROOT / "app.py").read_text(encoding="utf-8"))
PAGES = next(ast.literal_eval(node.value) for node in TREE.body if isinstance(node, ast.Assign))
FILES = [page[0] for page in PAGES]
BACKBONES = ("hsv_histogram", "hog")


def open_page(file: str, **link: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in link.items():
        app.query_params[name] = value
    app.run()
    if file != FILES[0]:
        app.switch_page(file).run()
    return app


def failed_parts(app: AppTest) -> list[str]:
    return [error.value for error in app.error if "could not be drawn" in error.value]


@pytest.fixture
def embedded_world(tiny_world: SimpleNamespace) -> SimpleNamespace:
    from core.studies import embedding

    embedding.embed(tiny_world.dataset, BACKBONES)
    return tiny_world


@pytest.mark.parametrize("file", FILES)
def test_a_page_opens_on_the_tiny_world(file: str, embedded_world: SimpleNamespace) -> None:
    app = open_page(file, d="tiny", b=",".join(BACKBONES))
    assert not app.exception
    assert not failed_parts(app)
    assert app.title, "a page has a heading"
    assert not any("Addresses of" in text.value for text in app.markdown), "no remark of app.py is drawn"


@pytest.mark.parametrize("file", FILES)
def test_a_page_opens_when_nothing_is_computed(file: str, tiny_world: SimpleNamespace) -> None:
    app = open_page(file, d="tiny")
    assert not app.exception
    assert not failed_parts(app)


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_a_page_opens_without_labels(file: str, home, tmp_path) -> None:
    from core import data
    from core.studies import embedding

    folder = tmp_path / "flat"
    folder.mkdir()
    for number in range(12):
        draw_tiny("circle", number).save(folder / f"{number:02d}.png")
    embedding.embed(data.add("flat", folder), BACKBONES)
    app = open_page(file, d="flat", b=",".join(BACKBONES))
    assert not app.exception
    assert not failed_parts(app)


@pytest.mark.parametrize("file", FILES)
def test_any_link_opens_a_page(file: str, embedded_world: SimpleNamespace) -> None:
    junk = {name: "<script>alert(1)</script>,;:%00=\N{GRINNING FACE}" for name in "dbswqkamcz"}
    app = open_page(file, **junk)
    assert not app.exception
    assert not failed_parts(app)


@pytest.mark.parametrize(("address", "title"), [("words", "Text search"), ("projection", "Map")])
def test_an_address_of_an_earlier_version_opens_the_page_of_today(
    address: str, title: str, embedded_world: SimpleNamespace
) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params.update({"d": "tiny", "b": "hog"})
    app._page_hash = calc_hash(address)  # what the server makes of the address bar
    app.run()
    assert not app.exception and not failed_parts(app)
    assert app.title[0].value == title
    assert link(app, "d") == "tiny" and link(app, "b") == "hog"
