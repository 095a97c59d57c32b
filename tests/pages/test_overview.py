"""The Overview with AppTest: a table whose pictures are partly missing is refused, or taken without them, as one likes."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import data, paths
from core.data import saved
from core.studies import embedding
from tests.browser import ROOT
from tests.conftest import draw_tiny, write_tiny
from tests.pages.alone import button, forget_everything, opened, settled, words
from tests.pages.test_every_page import open_page

pytestmark = pytest.mark.usefixtures("no_jobs_of_others")


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
    assert app.query_params["d"] in ("circles", ["circles"])  # the page has turned to what was added


def attached_world(name: str = "tiny") -> Path:
    """The folder of two sets of vectors that are attached to a dataset."""
    loaded = data.load(name)
    for given in ("a", "b"):
        data.attached_vectors.attach(loaded, given, np.random.default_rng(0).normal(size=(len(loaded), 6)))
    return paths.datasets() / name / "vectors"


def embed_buttons(app: AppTest) -> list[str]:
    return [one.label for one in app.button if one.label.startswith("Embed ")]


def test_names_of_a_link_that_a_dataset_does_not_know_are_left_out(tiny_world, tmp_path: Path) -> None:
    data.add("other", write_tiny(tmp_path / "other", 2, ("circle", "cross")))
    attached_world()
    for link in ("a,b", "nan", "a,nan,hog"):
        app = open_page("pages/overview.py", d="tiny", b=link)
        assert not app.error and not app.exception, words(app)
        assert {"tiny", "other"} <= {one.value for one in app.subheader}
        assert len(embed_buttons(app)) == (2 if "hog" in link else 0)


def test_damaged_vectors_of_one_dataset_are_one_sentence_and_every_card_is_drawn(tiny_world, tmp_path: Path) -> None:
    data.add("other", write_tiny(tmp_path / "other", 2, ("circle", "cross")))
    folder = attached_world("other")
    (folder / "a.npz").write_bytes(b"junk")
    (folder / "b.json").write_text("{}")
    app = open_page("pages/overview.py", d="tiny", b="hog")
    assert not app.error and {"tiny", "other"} <= {one.value for one in app.subheader}, words(app)
    app = open_page("pages/overview.py", d="other", b="hog")
    assert not app.error, words(app)
    assert len(app.warning) == 2 and all("are damaged" in one.value for one in app.warning)


def test_a_card_that_cannot_be_drawn_leaves_all_others(tiny_world, tmp_path: Path) -> None:
    data.add("other", write_tiny(tmp_path / "other", 2, ("circle", "cross")))
    for table in (paths.datasets() / "other").glob("table-*.parquet"):
        table.unlink()
    saved.forget_opened()
    forget_everything()
    app = open_page("pages/overview.py", d="tiny", b="hog")
    assert "tiny" in [one.value for one in app.subheader]
    assert len(app.error) == 1 and "is missing or damaged; add the dataset again" in app.error[0].value
    assert any("Everything computed is in" in one.value for one in app.caption), "the page goes on"


@pytest.mark.slow
def test_damage_of_the_store_is_said_on_the_page_and_set_aside_with_one_click(tiny_world) -> None:
    embedding.embed(tiny_world.dataset, ["hsv_histogram", "hog"])
    (folder,) = (paths.store() / "embeddings").glob("hog-*")
    for path in (*folder.rglob("*.lance"), *folder.rglob("*.npy")):
        if path.is_file():
            path.write_bytes(b"x" * 10)
    forget_everything()
    for page in ("pages/overview.py", "pages/backbones.py"):
        app = open_page(page, d="tiny", b="hsv_histogram,hog")
        assert not app.error and not app.exception, words(app)
        if page == "pages/overview.py":  # AppTest draws the frame around the first page alone
            assert folder.name in words(app) and "check --mend" in words(app)
    app = open_page("pages/overview.py", d="tiny", b="hsv_histogram,hog")
    assert embed_buttons(app) == ["Embed 1 missing (1 s)"]
    app.button("mend the store").click().run()
    assert not folder.exists() and not app.warning and "nothing" not in app.success[0].value
    button(app, "Embed 1 missing (1 s)").click().run()
    settled(app)
    assert not app.error and not embed_buttons(app), words(app)


def test_a_dataset_of_vectors_alone_offers_nothing_to_embed(home: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(8, 4)))
    (tmp_path / "l.csv").write_text("id,label\n" + "".join(f"i{n},{'ab'[n % 2]}\n" for n in range(8)))
    data.add_vectors("vecs", {"mine": tmp_path / "v.npy"}, labels=tmp_path / "l.csv")
    app = open_page("pages/overview.py", d="vecs", b="hog,hsv_histogram")
    assert not app.error and not app.exception, words(app)
    assert not embed_buttons(app) and "vectors, no images" in words(app)


def test_names_from_data_are_no_markdown(tiny_world) -> None:
    from core.fusion import FusionSpec, store

    store.save(FusionSpec("![n](http://evil/n.png)", "concat", ("![p](http://evil/p.png)", "hog")))
    embedding.embed(tiny_world.dataset, ["hsv_histogram", "hog"])
    app = opened("fusion_lab", d="tiny", b="hsv_histogram,hog", see="files")
    shown = [one.value for part in (app.markdown, app.caption, app.warning, app.error) for one in part]
    assert any("evil" in one for one in shown), "the saved fusion is listed"
    assert not any(re.search(r"!\[|http://", one) for one in shown)


def test_the_first_page_answers_to_its_own_address(tiny_world) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params.update(d="tiny", b="hog")
    app._page_hash = hashlib.md5(b"overview", usedforsecurity=False).hexdigest()
    app.run()
    assert not app.exception and app.title[0].value == "Overview", words(app)
    assert "hog" in app.query_params["b"]


def test_the_button_says_how_long_as_measured_else_as_guessed(tiny_world, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.studies import costs

    app = open_page("pages/overview.py", d="tiny", b="hog")
    assert embed_buttons(app) == ["Embed 1 missing (1 s)"] and "appears here as each backbone finishes" in words(app)
    monkeypatch.setattr(costs, "measured", lambda name: SimpleNamespace(images_per_second=2.0, latency_ms=1.0))
    app = open_page("pages/overview.py", d="tiny", b="hog")
    assert embed_buttons(app) == ["Embed 1 missing (30 s)"]


def test_the_answer_names_the_best_system_and_without_labels_says_what_can_be_done(tiny_world, tmp_path: Path) -> None:
    embedding.embed(tiny_world.dataset, ["hsv_histogram", "hog"])
    app = open_page("pages/overview.py", d="tiny", b="hsv_histogram,hog")
    assert not app.error and re.search(r"\*\*.+\*\* (finds most|is enough|reaches mAP)", words(app))
    assert "Chosen on other queries" in words(app)
    draw_tiny("circle", 0).save(tmp_path / "a.png")
    draw_tiny("circle", 1).save(tmp_path / "b.png")
    flat = data.add("flat", tmp_path)
    embedding.embed(flat, ["hog"])
    app = open_page("pages/overview.py", d="flat", b="hog")
    assert not app.error and "no labels, so there are no figures" in words(app)


def test_a_bare_address_opens_on_the_demo_and_a_link_without_a_dataset_does_not(
    tiny_world, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.add("other", write_tiny(tmp_path / "other", 2, ("circle", "cross")))
    monkeypatch.setattr(data, "OPENING", "tiny", raising=False)

    def shown(**link: str) -> str:
        app = open_page("pages/overview.py", **link)
        assert not app.exception and not app.warning, words(app)
        return next(one for one in app.selectbox if one.label == "Dataset").value

    assert shown() == "tiny" and shown(b="hog") == "other" and shown(d="other") == "other"
