"""The backbones page: filters, cards, embedding, measuring, removing, adding; quickly with AppTest, once in Chromium."""

from __future__ import annotations

import csv
import io
import os
import re
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import backbones, data
from core.backbones import custom
from core.errors import WeightsMissing
from core.setups import BackbonesSetup, FrameSetup
from core.studies import backbone_info, costs, embedding
from core.ui.app import jobs, state, theme
from tests.browser import ROOT, chromium, serve, tab  # noqa: F401  (fixtures)

OWN = ("hsv_histogram", "hog")


def one_page() -> None:
    import runpy

    from core import paths
    from core.ui.app import state
    from core.ui.app.error_boundary import guarded
    from core.ui.widgets import sidebar

    state.begin("backbones")
    guarded(sidebar.frame)()
    guarded(lambda: runpy.run_path(str(paths.REPOSITORY / "pages" / "backbones.py")))()


@pytest.fixture
def page(tiny_world, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    jobs._JOBS.clear()  # jobs belong to the process, and another test's last word is not of interest
    embedding.embed(tiny_world.dataset, OWN)
    app = AppTest.from_function(one_page, default_timeout=60)
    app.query_params["d"] = "tiny"
    return app.run()


def field(name: str) -> str:
    return state.key(BackbonesSetup, name)


def table(app) -> list[str]:
    return app.dataframe[0].value["name"].tolist()


def heading(app) -> str:
    return app.subheader[0].value


def settled(app):
    """Run again until no job is running."""
    for _ in range(120):
        app.run()
        if not [button for button in app.button if button.key and button.key.startswith("stop ")]:
            return app
        time.sleep(0.25)
    raise AssertionError("a job did not end")


def test_every_backbone_has_its_row_and_filters_narrow_it(page) -> None:
    assert not page.exception and not page.error
    assert table(page) == list(backbones.names())
    rows = page.dataframe[0].value.set_index("name")
    assert rows.loc["hog", "embedded"] == 1 and rows.loc["resnet50", "embedded"] == 0
    assert rows.loc["hog", "here"] and not rows.loc["resnet50", "here"]
    assert rows.loc["hog", "measured"] == "not measured" and np.isnan(rows.loc["hog", "ms"])
    page.multiselect(field("families")).set_value(["vision-language"]).run()
    assert set(table(page)) == {b.name for b in backbones.BACKBONES if b.family == "vision-language"}
    page.selectbox(field("licence")).set_value("research").run()
    assert table(page) and all(backbones.get(name).commercial is False for name in table(page))
    page.multiselect(field("families")).set_value([]).run()
    page.selectbox(field("licence")).set_value("any").run()
    page.toggle(field("embedded")).set_value(True).run()
    assert set(table(page)) == set(OWN)
    page.toggle(field("embedded")).set_value(False).run()
    page.text_input(field("search")).set_value("dinov2 518").run()
    assert table(page) == ["dinov2_vits14_518", "dinov2_vitb14_518"]
    page.text_input(field("search")).set_value("nothing like it").run()
    assert "loosen one" in page.info[0].value


def test_a_link_opens_a_card_and_nonsense_opens_the_page(page) -> None:
    page.query_params["card"] = "resnet50"
    fresh = AppTest.from_function(one_page, default_timeout=60)
    fresh.query_params.update(
        {"d": "tiny", "card": "resnet50", "dev": "no such device", "fam": "none,CNN", "lic": "<b>"}
    )
    fresh.run()
    assert not fresh.exception and not fresh.error and heading(fresh) == "ResNet-50"
    said = " ".join(one.value for one in fresh.info)
    assert "are not on this machine" in said and fresh.code[0].value == "python -m core fetch resnet50"
    assert fresh.selectbox(field("device")).value == "auto"
    other = AppTest.from_function(one_page, default_timeout=60)
    other.query_params.update({"d": "tiny", "card": "![x](http://evil)"})
    other.run()
    assert not other.exception and not other.error and "No backbone is named" in other.warning[0].value


def test_the_device_is_shown_and_can_be_set(page, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = page.selectbox(field("device"))
    assert choice.value == "auto" and "cpu" in choice.options and choice.options[0].endswith("(picked by itself)")
    seen = {}
    monkeypatch.setattr(costs, "measure", lambda name, *_, device=None, **__: seen.update({name: device}))
    choice.set_value("cpu").run()
    page.button("measure chosen").click().run()
    settled(page)
    assert seen == {"tf_efficientnet_lite0": "cpu"}
    monkeypatch.setenv("FUSIONSCOPE_DEVICE", "cuda:77")
    page.run()
    assert "no device 'cuda:77'" in page.warning[0].value.replace("\\", "")


@pytest.mark.slow
def test_embed_measure_choose_and_remove(page) -> None:
    page.query_params["card"] = "gist"
    app = AppTest.from_function(one_page, default_timeout=60)
    app.query_params.update({"d": "tiny", "card": "lbp"})
    app.run()
    app.button("embed chosen").click().run()
    settled(app)
    tiny = data.load("tiny")
    assert embedding.stored(tiny, backbones.get("lbp")).n_images == 60
    assert app.button("embed chosen").disabled
    app.button("measure chosen").click().run()
    settled(app)
    cost = costs.measured("lbp")
    assert cost is not None and cost.latency_ms > 0
    assert any("Measured here" in one.value for one in app.caption)
    app.button("choose chosen").click().run()
    assert app.session_state[state.key(FrameSetup, "backbones")] == ["lbp"]
    assert any(one.value.startswith("Remove the embeddings by **LBP texture**?") for one in app.markdown)
    app.button("removal").click().run()
    assert embedding.stored(tiny, backbones.get("lbp")).n_images == 0
    assert embedding.stored(tiny, backbones.get("hog")).n_images == 60


def test_missing_weights_end_in_a_sentence_and_the_rest_goes_on(page, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source, backbone) -> None:
        if backbone.name == "resnet18":
            raise WeightsMissing("The weights of 'resnet18' are not here. Run `python -m core fetch resnet18`.")

    monkeypatch.setattr("core.backbones.sources.hub.HubSource.require", refuse)
    app = AppTest.from_function(one_page, default_timeout=60)
    app.query_params.update({"d": "tiny", "card": "resnet18"})
    app.run()
    app.button("embed chosen").click().run()
    settled(app)
    assert any("fetch resnet18" in one.value for one in app.error)
    next(button for button in app.button if button.key == "dismiss embed").click().run()
    assert not app.error and not app.exception, "a sentence that was read can be taken away"


def test_other_backbones_are_added_and_taken_off(page, tmp_path: Path) -> None:
    page.text_input("add by name").set_value("timm:test_vit.r160_in1k")
    add = next(button for button in page.button if button.label == "Add")
    add.click().run()
    assert not page.error, [one.value for one in page.error]
    assert heading(page) == "test\\_vit.r160\\_in1k"
    assert "timm:test_vit.r160_in1k" in table(page) and "timm:test_vit.r160_in1k" in custom.added()
    page.text_input("add by name").set_value("timm:resnet5000")
    next(button for button in page.button if button.label == "Add").click().run()
    assert len(page.error) == 1 and "no architecture" in page.error[0].value
    page.text_input("add architecture").set_value("resnet18")
    page.text_input("add file").set_value(str(tmp_path / "none.pth"))
    next(button for button in page.button if button.label == "Add this checkpoint").click().run()
    assert len(page.error) == 1 and "There is no file" in page.error[0].value
    page.button("forget backbone").click().run()
    assert "timm:test_vit.r160_in1k" not in table(page)


def test_the_fast_mode_joins_the_list_from_the_card_of_the_exact_one(page) -> None:
    page.session_state[field("card")] = "tf_efficientnet_lite0"
    page.run()
    assert "fast:tf_efficientnet_lite0" not in table(page)
    page.button("fast mode").click().run()
    assert not page.error, [one.value for one in page.error]
    assert heading(page) == theme.plain("EfficientNet-Lite0 (fast)") and "fast:tf_efficientnet_lite0" in table(page)
    assert any("bfloat16 after the first layers" in one.value for one in page.markdown)
    assert "fast mode" not in {button.key for button in page.button}, "there is no faster mode of it"
    page.button("forget backbone").click().run()
    assert "fast:tf_efficientnet_lite0" not in table(page)


def test_similarity_is_drawn_for_what_is_embedded(page) -> None:
    text = " ".join(one.value for one in page.markdown)
    assert "HSV histogram" in text and "Least alike on tiny" in text and "Linear CKA" in text
    assert len(page.get("plotly_chart")) == 3, "the answer's picture, and two maps of pairs"


def test_smaller_vectors_are_measured_when_somebody_asks(page) -> None:
    app = AppTest.from_function(one_page, default_timeout=60)
    app.query_params.update({"d": "tiny", "card": "hog"})
    app.run()
    before = len(app.dataframe)
    app.toggle("smaller vectors").set_value(True).run()
    assert not app.exception and not app.error and len(app.dataframe) == before + 1
    rows = app.dataframe[before].value.set_index("stored as")
    assert rows.loc["binary", "of float32"] == "3.1%" and "PCA to 48" not in rows.index


@pytest.mark.parametrize("backbone", backbones.BACKBONES, ids=lambda one: one.name)
def test_every_backbone_can_be_said_in_words(backbone) -> None:
    assert backbone_info.what_it_is(backbone).endswith(".")
    assert str(backbone.image_size) in backbone_info.preprocessing_text(backbone)
    assert any(address for _, address in backbone_info.papers(backbone))
    assert backbone.architecture in backbone_info.built_by(backbone) and backbone_info.pooling(backbone)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, tiny_images: Path):
    home = tmp_path_factory.mktemp("home")
    before = os.environ.get("FUSIONSCOPE_HOME")
    os.environ["FUSIONSCOPE_HOME"] = str(home)
    try:
        embedding.embed(data.add("tiny", tiny_images), OWN)
    finally:
        os.environ.pop("FUSIONSCOPE_HOME") if before is None else os.environ.__setitem__("FUSIONSCOPE_HOME", before)
    with serve(ROOT / "app.py", home) as address:
        yield address


def _click_row(tab, grid, row: int, x: int) -> None:  # noqa: F811
    """Click into a row of the table, once the table rests where it is."""
    before, now = None, grid.bounding_box()
    while now != before:
        tab.wait_for_timeout(300)
        before, now = now, grid.bounding_box()
    tab.mouse.click(now["x"] + x, now["y"] + 38 + 35 * row + 17)


@pytest.mark.browser
@pytest.mark.slow
def test_a_row_opens_its_card_and_ticked_rows_are_embedded(app: str, tab, tmp_path: Path) -> None:  # noqa: F811
    from playwright.sync_api import expect

    tab.goto(f"{app}/backbones?d=tiny&fam=descriptor")
    grid = tab.locator("[data-testid=stDataFrame]").first
    expect(grid).to_be_visible(timeout=60_000)
    expect(tab.get_by_role("heading", name="HSV histogram")).to_be_visible(timeout=60_000)
    expect(tab.locator("[data-testid=stSelectbox]", has_text="Runs on")).to_be_visible(timeout=60_000)
    click = partial(_click_row, tab, grid)
    click(2, 100)
    expect(tab.get_by_role("heading", name="LBP texture")).to_be_visible(timeout=30_000)
    expect(tab).to_have_url(re.compile("card=lbp"))
    for row in (2, 3):
        click(row, 17)
        expect(tab.get_by_text(f"{row - 1} ticked")).to_be_visible(timeout=30_000)
    tab.get_by_role("button", name="Embed for tiny").click()
    expect(tab.get_by_text("Least alike on tiny")).to_be_visible()
    expect(tab.get_by_role("button", name="Embed for tiny")).to_be_disabled(timeout=60_000)
    expect(tab.locator(".js-plotly-plot").get_by_text("GIST-like texture").first).to_be_visible(timeout=60_000)
    with tab.expect_download() as waiting:
        tab.get_by_test_id("stDownloadButton").get_by_role("button", name="CSV").click()
    waiting.value.save_as(tmp_path / "b.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "b.csv").read_text(encoding="utf-8"))))
    assert {row["name"] for row in rows} == {"hsv_histogram", "hog", "lbp", "gist"}
    assert all(float(row["embedded"]) == 1 for row in rows)
    assert not tab.complaints
