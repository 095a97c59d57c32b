"""The datasets page: every section, every way in, splits, copies, doubts, names; quickly with AppTest, once in Chromium."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core import charts, data
from core.data.splits import SplitShares
from core.fusion import FusionSpec
from core.studies import embedding
from core.ui.app import cache, jobs
from tests.browser import ROOT, chromium, serve, tab  # noqa: F401  (fixtures)
from tests.conftest import TINY_CLASSES, draw_tiny, write_tiny
from tests.data.sources import yolo

pytestmark = pytest.mark.usefixtures("no_jobs_of_others")

OWN = ("hsv_histogram", "hog")
EVIL = "<img src=x onerror=alert(1)> **bold** [link](http:evil)"


def one_page() -> None:
    import runpy

    from core import paths
    from core.ui.app import state
    from core.ui.app.error_boundary import guarded
    from core.ui.widgets import sidebar

    state.begin("datasets")
    guarded(sidebar.frame)()
    guarded(lambda: runpy.run_path(str(paths.REPOSITORY / "pages" / "datasets.py")))()


def opened(name: str, look: str = "", **link: str) -> AppTest:
    app = AppTest.from_function(one_page, default_timeout=60)
    app.query_params.update({"d": name, **({"see": look} if look else {}), **link})
    return app.run()


def words(app: AppTest) -> str:
    """All that the page says."""
    parts = (app.title, app.subheader, app.markdown, app.caption, app.info, app.success, app.warning, app.error)
    return "\n".join(str(one.value) for part in parts for one in part)


def settled(app: AppTest) -> AppTest:
    """Run again until no job is running."""
    for _ in range(240):
        app.run()
        if not jobs.running():
            return app.run()
        time.sleep(0.1)
    raise AssertionError("a job did not end")


def button(app: AppTest, start: str):
    return next(one for one in app.button if one.label.startswith(start))


@pytest.fixture
def flawed(tmp_path: Path, home: Path):
    """Sixty drawn images, an exact copy under another label, a near copy, a broken file, and a split with a leak."""
    folder = write_tiny(tmp_path / "flawed")
    shutil.copy(folder / "circle" / "circle_00.png", folder / "cross" / "wrong.png")
    Image.open(folder / "grid" / "grid_03.png").save(folder / "grid" / "again.bmp")
    (folder / "square" / "broken.png").write_bytes(b"no picture")
    dataset = data.add("flawed", folder)
    embedding.embed(dataset, OWN)
    return dataset


# ------------------------------------------------------------------------------------------- sections


@pytest.mark.slow
@pytest.mark.parametrize(
    ("look", "said"),
    [
        ("", "one of each class in turn"),
        ("classes", "6 classes with 10 to 11 images each"),
        ("sizes", "In the middle: 0.00 megapixels"),
        ("unread", "1 file, 1 reason"),
        ("duplicates", "**1 group** of 2 images"),
        ("doubts", "most backbones agree on another label"),
        ("manage", "Look at the source again"),
        ("no such section", "one of each class in turn"),
    ],
)
def test_every_section_opens_from_its_link(flawed, look: str, said: str) -> None:
    app = opened("flawed", look)
    assert not app.exception and not app.error
    assert said in words(app) and "**flawed**: " in words(app)
    assert {one.label: one.value for one in app.metric} == {
        "Images": "62",
        "Classes": "6",
        "Queries": "62",
        "Gallery": "62",
        "Not read": "1",
    }
    assert "have equal bytes" in words(app) and "In 1 such group the labels differ, so one must be wrong" in words(app)


@pytest.mark.slow
def test_every_section_opens_without_labels_and_without_embeddings(tmp_path: Path, home: Path) -> None:
    for number in range(4):
        draw_tiny("circle", number).save(tmp_path / f"{number}.png")
    data.add("flat", tmp_path)
    said = {look: words(opened("flat", look)) for look in ("", "classes", "sizes", "unread", "duplicates", "doubts")}
    assert "There are no labels" in said[""] and "nothing to count by class" in said["classes"]
    assert "Embed a backbone" in said["duplicates"] and "fewer than two classes" in said["doubts"]
    assert all("could not be drawn" not in text for text in said.values())


@pytest.mark.slow
def test_vectors_alone_open_in_every_section(tmp_path: Path, home: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(6, 3)))
    (tmp_path / "labels.csv").write_text("id,label\n" + "".join(f"i{n},{'xy'[n % 2]}\n" for n in range(6)))
    data.add_vectors("numbers", {"a": tmp_path / "a.npy"}, tmp_path / "labels.csv")
    for look in ("", "classes", "sizes", "unread", "duplicates", "doubts", "manage"):
        app = opened("numbers", look)
        assert not app.exception and not app.error, look
    assert "this dataset holds vectors alone" in words(opened("numbers", "sizes"))
    assert "**a** · 3 numbers each · all images" in words(opened("numbers", "manage"))


# ------------------------------------------------------------------------------------------- ways in


def test_a_folder_is_recognised_added_and_embedded(tiny_world, tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "mine", 3, ("circle", "cross"))
    app = opened("tiny")
    app.text_input("add path").set_value(str(folder)).run()
    assert "A folder per class" in words(app) and "2 folders at the first level" in words(app)
    app.multiselect("add backbones").set_value(["hsv_histogram"]).run()
    app.text_input("add name").set_value("my pictures").run()
    button(app, "Add").click().run()
    settled(app)
    assert "my pictures is here: 6 images" in words(app)
    loaded = data.load("my pictures")
    assert loaded.label_names == ("circle", "cross")
    assert embedding.status(loaded)[0].n_images == 6
    button(app, "Look at it").click().run()
    assert "**my pictures**: 6 images in 2 classes" in words(app)


def test_a_bad_path_gets_one_sentence(tiny_world, tmp_path: Path) -> None:
    app = opened("tiny")
    app.text_input("add path").set_value(str(tmp_path / "nowhere")).run()
    assert "does not exist" in app.error[0].value and not [b for b in app.button if b.label == "Add"]
    (tmp_path / "empty").mkdir()
    app.text_input("add path").set_value(str(tmp_path / "empty")).run()
    app.multiselect("add backbones").set_value([]).run()
    button(app, "Add").click().run()
    settled(app)
    assert "There is no image in" in app.error[0].value and data.names()[-1] == "tiny"


def test_columns_are_mapped_in_the_page(tiny_world, tmp_path: Path) -> None:
    write_tiny(tmp_path, 2, ("circle", "cross"))
    rows = [(f"{kind}/{kind}_{n:02d}.png", kind) for kind in ("circle", "cross") for n in range(2)]
    pd.DataFrame(rows, columns=["wo", "was"]).to_csv(tmp_path / "liste.csv", index=False)
    app = opened("tiny")
    table = str(tmp_path / "liste.csv")
    app.text_input("add path").set_value(table).run()
    assert "choose them by hand" in words(app)
    app.selectbox(f"add column {table} path").set_value("wo").run()
    app.selectbox(f"add column {table} label").set_value("was").run()
    assert "path from 'wo', label from 'was'" in words(app)
    app.multiselect("add backbones").set_value([]).run()
    button(app, "Add").click().run()
    settled(app)
    assert data.load("liste").label_names == ("circle", "cross")


def test_the_reader_and_its_depth_are_set_by_hand(tiny_world, tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "deep" / "outer", 2, ("circle", "cross")).parent
    write_tiny(tmp_path / "deep" / "other", 2, ("grid",))
    app = opened("tiny")
    app.text_input("add path").set_value(str(folder)).run()
    app.selectbox(f"add reader {folder}").set_value("folder").run()
    app.selectbox("add option folder depth").set_value(2).run()
    app.multiselect("add backbones").set_value([]).run()
    button(app, "Add").click().run()
    settled(app)
    assert data.load("deep").label_names == ("circle", "cross", "grid")


def test_objects_and_their_margin_are_set_by_hand(tiny_world, tmp_path: Path) -> None:
    folder = yolo(tmp_path / "boxes")
    app = opened("tiny")
    app.text_input("add path").set_value(str(folder)).run()
    app.toggle("add option yolo objects").set_value(True).run()
    app.number_input("add option yolo margin").set_value(0.5).run()
    app.multiselect("add backbones").set_value([]).run()
    button(app, "Add").click().run()
    settled(app)
    assert data.options_of("boxes") == {"objects": True, "margin": 0.5}
    assert data.get("boxes").ids[0] == "images/train/0.jpg#1"
    assert "8 objects, each an image here" in words(opened("boxes"))


@pytest.mark.slow
def test_vectors_are_attached_in_the_page_and_taken_off(tiny_world, tmp_path: Path) -> None:
    np.save(tmp_path / "given.npy", np.eye(6, dtype=np.float32)[tiny_world.dataset.labels])
    np.save(tmp_path / "short.npy", np.eye(6, dtype=np.float32))
    app = opened("tiny")
    app.text_area("vector paths").set_value(f"short={tmp_path / 'short.npy'}").run()
    button(app, "Attach").click().run()
    assert "has 6 rows" in app.error[0].value and not data.attached_vectors.backbones("tiny")
    app.text_area("vector paths").set_value(f"given={tmp_path / 'given.npy'}").run()
    button(app, "Attach").click().run()
    assert "given joined tiny" in words(app) and "rows in the order of the dataset" in words(app)
    app = opened("tiny", "doubts")
    assert "by given" in words(app)  # a backbone like any other
    app = opened("tiny", "manage")
    next(one for one in app.button if one.key == "detach given").click().run()
    assert not data.attached_vectors.backbones("tiny") and not app.error


def test_vectors_attached_anew_elsewhere_leave_nothing_of_the_old_ones(tiny_world, tmp_path: Path) -> None:
    """As when the command line attaches better vectors under the same name while the app is open."""
    labels = tiny_world.dataset.labels
    given, spec = {"given": tmp_path / "given.npy"}, FusionSpec("given", "concat", ("given",))

    def seen() -> tuple[float, float]:
        loaded = cache.dataset("tiny")
        return float(cache.average_precision(loaded, ("given",), spec).mean()), cache.vectors(loaded, ("given",))[
            "given"
        ][0, 0]

    np.save(given["given"], np.random.default_rng(0).normal(size=(len(labels), 6)))
    data.add_vectors("tiny", given)
    before = seen()
    assert seen() == before
    np.save(given["given"], np.eye(6, dtype=np.float32)[labels])
    data.add_vectors("tiny", given)
    after = seen()
    assert after[0] == 1.0 > before[0] and after[1] != before[1]


# ------------------------------------------------------------------------------------------- split, copies, doubts


def test_a_split_is_made_and_taken_back(tiny_world) -> None:
    app = opened("tiny", "classes")
    assert "**Self-retrieval**" in words(app) and "Gives 12 queries, 48 in the gallery" in words(app)
    app.slider("split query").set_value(30).run()
    app.slider("split train").set_value(20).run()
    app.number_input("split seed").set_value(5).run()
    assert "Gives 18 queries, 30 in the gallery, 12 for training" in words(app)
    button(app, "Split so").click().run()
    assert data.decided("tiny").shares == SplitShares(0.3, 0.2) and data.decided("tiny").seed == 5
    assert {one.label: one.value for one in app.metric}["Train"] == "12"
    assert "**30% are queries**, **20% are for training**" in words(app)
    button(app, "Back to the given split").click().run()
    assert data.load("tiny").split.is_self_retrieval and "**Self-retrieval**" in words(app)


def test_copies_are_found_left_out_and_brought_back(flawed) -> None:
    app = opened("flawed", "duplicates")
    button(app, "Look for near duplicates").click().run()
    settled(app)
    assert "**2 groups** of 4 images; in 1 of them" in words(app) and "nearly the same" in words(app)
    assert "labels differ: circle, cross" in words(app)
    button(app, "Keep one of each").click().run()
    assert len(data.load("flawed")) == 60 and "Copies that are left out: 2" in words(app)
    button(app, "Bring them back").click().run()
    assert len(data.load("flawed")) == 62


def test_leaks_are_listed(flawed) -> None:
    path = data.make_split("flawed", SplitShares(0.3, 0.4), seed=0)
    wrong, right = (int(np.flatnonzero(path.ids == name)[0]) for name in ("cross/wrong.png", "circle/circle_00.png"))
    seed = next(
        seed
        for seed in range(50)
        if (np.isin([wrong, right], data.make_split("flawed", SplitShares(0.3, 0.4), seed).split.train)).sum() == 1
    )
    app = opened("flawed", "duplicates")
    assert data.decided("flawed").seed == seed
    assert "1 training image is in query or gallery too" in words(app)
    assert [one.label for one in app.expander if "training images seen again" in one.label]


def test_doubtful_labels_are_listed_and_looked_at(flawed) -> None:
    np_labels = flawed.labels.copy()
    data.attached_vectors.attach(flawed, "truth", np.eye(6)[np.where(flawed.ids == "cross/wrong.png", 0, np_labels)])
    app = opened("flawed", "doubts", b="truth")
    next(one for one in app.multiselect if one.label == "Backbones").set_value(["truth"]).run()
    button(app, "Ask the neighbours").click().run()
    settled(app)
    assert "**1 of 62 labels may be wrong**" in words(app)
    app.session_state["held doubt chosen"] = "cross/wrong.png"
    app.run()
    assert "labelled **cross**, rather **circle**" in words(app)
    assert "9 of 10 neighbours are circle" in words(app)  # the tenth: the exact copy does not vote


# ------------------------------------------------------------------------------------------- names and the end


def test_words_are_kept(tiny_world) -> None:
    app = opened("tiny", "manage")
    app.text_input("licence tiny").set_value("CC0")
    app.text_area("notes tiny").set_value(EVIL)
    button(app, "Save").click().run()
    loaded = data.rescan("tiny")
    assert (loaded.licence, loaded.notes) == ("CC0", EVIL)
    assert EVIL not in words(app) and not app.exception


def test_a_dataset_is_renamed(tiny_world) -> None:
    app = opened("tiny", "manage")
    assert button(app, "Rename").disabled
    app.text_input("rename tiny").set_value("a/b").run()
    button(app, "Rename").click().run()
    assert "cannot name a dataset" in app.error[0].value
    app.text_input("rename tiny").set_value("shapes").run()
    button(app, "Rename").click().run()
    assert data.names()[-1] == "shapes" and "**shapes**: 60 images" in words(app)


def test_removing_asks_first(tiny_world, tmp_path: Path) -> None:
    data.add("other", write_tiny(tmp_path / "other", 2))
    app = opened("tiny", "manage")
    button(app, "Remove …").click().run()
    assert "tiny" in data.names() and "with 60 images will be forgotten" in words(app)
    button(app, "Remove it").click().run()
    assert "tiny" not in data.names() and (tiny_world.images / "circle").is_dir()
    app.run()
    assert "**other**: " in words(app) and not app.warning


def test_a_new_scan_finds_new_files(tmp_path: Path, home: Path) -> None:
    folder = write_tiny(tmp_path / "growing", 3)
    data.add("growing", folder)
    draw_tiny("grid", 40).save(folder / "grid" / "new.png")
    app = opened("growing", "manage")
    button(app, "Re-scan").click().run()
    settled(app)
    assert "growing is here: 19 images" in words(app) and app.metric[0].value == "19"


def test_originals_that_have_gone_are_said(tmp_path: Path, home: Path) -> None:
    folder = write_tiny(tmp_path / "going", 3)
    embedding.embed(data.add("going", folder), ("hsv_histogram",))
    (folder / "grid" / "grid_00.png").unlink()
    app = opened("going", "unread")
    button(app, "Look for them now").click().run()
    settled(app)
    assert "1 of 18 originals are not there any more" in words(app)
    assert app.dataframe[-1].value["id"].tolist() == ["grid/grid_00.png"]
    assert not opened("going").error  # its thumbnail is shown


# ------------------------------------------------------------------------------------------- figures


def test_the_bars_count_what_is_there(tiny_world) -> None:
    from core.studies import datasets as study

    made = data.make_split("tiny", SplitShares(0.3, 0.2), seed=4)
    figure = charts.class_counts(study.counts(made), list(TINY_CLASSES))
    assert {bar.name: sum(bar.x) for bar in figure.data} == {"query": 18, "gallery": 30, "train": 12}
    tall = charts.class_counts(study.counts(made), [f"c{n}" for n in range(300)])
    assert tall.layout.height > 6000  # each name keeps its line
    assert figure.layout.xaxis.range[1] >= 10
    sizes = charts.image_sizes(study.sizes(made))
    assert list(sizes.data[0].customdata) == [60] and list(sizes.data[0].x) == [48]


# ------------------------------------------------------------------------------------------- in a browser


@pytest.mark.browser
@pytest.mark.slow
def test_a_folder_of_ones_own_in_the_browser(tmp_path: Path, tab) -> None:  # noqa: F811
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)
    images, home = tmp_path / "own", tmp_path / "home"
    for kind in TINY_CLASSES:
        folder = images / (EVIL if kind == "cross" else kind)
        folder.mkdir(parents=True)
        for number in range(6):
            draw_tiny(kind, number).save(folder / f"{number}.png")
    shutil.copy(images / "circle" / "0.png", images / "grid" / "copy.png")
    with serve(ROOT / "app.py", home) as address:
        tab.goto(f"{address}/datasets?b={','.join(OWN)}")
        expect(tab.get_by_role("heading", name="Datasets")).to_be_visible(timeout=60_000)
        # The picker walks from the folder above into the pictures.
        path = tab.get_by_role("textbox", name="Folder or file")
        path.fill(str(tmp_path))
        path.press("Enter")
        tab.get_by_role("button", name="Browse").click()
        tab.get_by_role("dialog").get_by_role("button", name="own", exact=True).click()
        expect(tab.get_by_role("dialog").get_by_text(str(images))).to_be_visible()
        tab.get_by_role("button", name="Use this folder").click()
        expect(tab.get_by_role("dialog")).to_have_count(0)
        expect(path).to_have_value(str(images))
        expect(tab.get_by_text("6 folders at the first level")).to_be_visible()
        tab.get_by_role("button", name="Add", exact=True).click()
        expect(tab.get_by_text("own is here: 37 images")).to_be_visible(timeout=120_000)
        tab.get_by_role("button", name="Look at it").click()
        expect(tab.get_by_text("own: 37 images in 6 classes").first).to_be_visible()
        expect(tab.locator(".card img").first).to_be_visible()
        expect(tab.get_by_text("have equal bytes").first).to_be_visible()
        tab.get_by_role("tab", name="Classes and split").click()
        expect(tab.locator(".js-plotly-plot .bars path").first).to_be_visible()
        tab.get_by_role("button", name="Split so").click()
        expect(tab.get_by_text("A split made here")).to_be_visible()
        expect(tab).to_have_url(re.compile("see=classes"))
        tab.get_by_role("tab", name="Duplicates").click()
        expect(tab.get_by_text("labels differ")).to_be_visible()
        tab.get_by_role("button", name="Keep one of each").click()
        expect(tab.get_by_text("Copies that are left out: 1")).to_be_visible()
        tab.reload()
        expect(tab.get_by_text("Copies that are left out: 1")).to_be_visible()
        assert not tab.complaints
