"""Datasets are added once, opened fast, looked at again, cut, renamed and removed; bad folders get one sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core import data, paths
from core.data import dataset_table, demo, image_bytes
from core.errors import BadInput, Cancelled, StoreMismatch, StoreUnusable, UnknownName
from core.store import open_store
from core.task import Task
from tests.conftest import TINY_CLASSES, draw_tiny, write_tiny


def test_folders_become_labels_and_everything_asks(tiny_world) -> None:
    dataset = tiny_world.dataset
    assert len(dataset) == 60 and dataset.label_names == TINY_CLASSES
    assert dataset.ids[0] == "circle/circle_00.png" and dataset.label_of(59) == "stripes"
    assert dataset.split.is_self_retrieval and (data.relevance(dataset).n_relevant == 9).all()
    assert set(dataset.items[["width", "height"]].to_numpy().ravel()) == {48}
    assert len(set(dataset.keys.tolist())) == 60


def test_a_saved_dataset_opens_the_same_and_at_once(tiny_world) -> None:
    again = data.load("tiny")
    assert again is data.load("tiny") and again.fingerprint == tiny_world.dataset.fingerprint
    fresh = dataset_table.opened(paths.datasets() / "tiny")
    assert fresh.fingerprint == again.fingerprint and fresh.items.equals(again.items)


def test_only_files_that_moved_are_opened_again(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_tiny(tmp_path / "moving", 3)
    first = data.load(folder)
    read: list[str] = []
    real = image_bytes.read
    monkeypatch.setattr(image_bytes, "read", lambda place: read.append(place.path) or real(place))
    assert data.load(folder) is first and read == []
    draw_tiny("circle", 99).save(folder / "circle" / "circle_00.png")
    draw_tiny("circle", 98).save(folder / "circle" / "circle_77.png")
    (folder / "cross" / "cross_01.png").unlink()
    (folder / "grid" / "grid_00.png").rename(folder / "grid" / "renamed.png")
    second = data.load(folder)
    assert sorted(Path(path).name for path in read) == ["circle_00.png", "circle_77.png", "renamed.png"]
    assert len(second) == 18 and second.fingerprint != first.fingerprint
    key_of = dict(zip(second.ids, second.keys))
    assert key_of["grid/renamed.png"] == dict(zip(first.ids, first.keys))["grid/grid_00.png"]


def test_quarantine_moves_everything_together(tiny_world) -> None:
    before = tiny_world.dataset
    bad = {before.items["path"][3]: "it fell apart", str(before.ids[15]): "so did this"}
    after = data.quarantine("tiny", bad)
    keep = np.setdiff1d(np.arange(60), [3, 15])
    assert np.array_equal(after.ids, before.ids[keep]) and np.array_equal(after.keys, before.keys[keep])
    assert np.array_equal(after.labels, before.labels[keep]) and len(after.items) == 58
    assert after.split.is_self_retrieval and len(after.split.queries) == 58
    assert after.quarantine["reason"].tolist() == ["it fell apart", "so did this"]
    assert data.quarantine("tiny", bad) is data.load("tiny")
    assert len(data.load(tiny_world.images, name="tiny")) == 58, "a rescan does not bring unchanged files back"
    with pytest.raises(BadInput, match="None of the 58"):
        data.quarantine("tiny", dict.fromkeys(after.ids.tolist(), "all gone"))


def test_subset_keeps_split_pairs_and_labels_consistent(shared_data: Path, home: Path) -> None:
    whole = data.load(shared_data / "photos" / "splits.csv")
    pairs = pd.DataFrame({"query_id": whole.ids[:4], "item_id": whole.ids[4:8], "kind": "junk"})
    object.__setattr__(whole, "pairs", pairs)
    keep = np.random.default_rng(0).random(len(whole)) < 0.5
    part = data.subset(whole, keep)
    words = dict(zip(whole.ids, dataset_table.split_words(whole)))
    assert [words[text] for text in part.ids] == dataset_table.split_words(part).tolist()
    assert set(part.pairs["query_id"]) | set(part.pairs["item_id"]) <= set(part.ids)
    named = {whole.ids[i]: whole.label_of(i) for i in range(len(whole))}
    assert all(part.label_of(i) == named[part.ids[i]] for i in range(len(part)))


def test_the_nasty_folder_goes_through_entirely(shared_data: Path, home: Path) -> None:
    dataset = data.load(shared_data / "nasty" / "files")
    assert len(dataset) + len(dataset.quarantine) == 198
    bad = {}
    for position in range(len(dataset)):
        try:
            data.images.open_rgb(data.read_bytes(dataset, position))
        except BadInput as error:
            bad[dataset.items["path"][position]] = str(error)
    after = data.quarantine(dataset.name, bad)
    assert len(after) + len(after.quarantine) == 198 and 115 < len(after) < 135
    assert after.quarantine["reason"].str.len().min() > 10
    store = open_store()
    assert store.ensure_thumbnails(after, range(len(after))) == {}
    assert data.load(shared_data / "nasty" / "files") is data.load(after.name)


@pytest.mark.parametrize(("name", "n_images", "n_classes"), [("photos", 1169, 28), ("instances", 620, 31)])
def test_real_folders(shared_data: Path, home: Path, name: str, n_images: int, n_classes: int) -> None:
    dataset = data.load(shared_data / name)
    assert (len(dataset), len(dataset.label_names)) == (n_images, n_classes)
    assert data.names() == (*data.DATASETS.names, name)


# ------------------------------------------------------------------------------------------- odd and bad folders


def test_names_in_any_script_with_spaces(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "große Sammlung 图"
    names = ["猫 (1).png", "naïve café.png", "emoji 🐈.png", "a#b%20?.png", "ё;,.png"]
    for number, name in enumerate(names):
        (folder / "κλάση α").mkdir(parents=True, exist_ok=True)
        (folder / "второй").mkdir(exist_ok=True)
        draw_tiny("circle", number).save(folder / ("κλάση α" if number % 2 else "второй") / name)
    dataset = data.load(folder)
    assert dataset.name == "große Sammlung 图" and dataset.label_names == ("κλάση α", "второй")
    assert {Path(text).name for text in dataset.ids} == set(names)
    assert data.load(dataset.name).fingerprint == dataset.fingerprint
    assert len(open_store().thumbnail_or_make(dataset, 0)) > 50


def test_a_name_that_is_not_utf8_is_listed(tmp_path: Path, home: Path) -> None:
    folder = write_tiny(tmp_path / "odd", 2, ("circle", "grid"))
    try:
        (folder / "circle" / "circle_00.png").rename(os.fsdecode(os.fsencode(folder / "circle") + b"/\xff\xfe.png"))
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    dataset = data.load(folder)
    assert len(dataset) == 3 and "not valid UTF-8" in dataset.quarantine["reason"][0]


def test_loops_of_links_are_entered_once(tmp_path: Path, home: Path) -> None:
    folder = write_tiny(tmp_path / "loops", 2, ("circle", "grid"))
    (folder / "circle" / "again").symlink_to(folder)
    (folder / "dead").symlink_to(folder / "nowhere.png")
    dataset = data.load(folder)
    assert len(dataset) == 4 and sorted(dataset.quarantine["reason"]) == [
        "The link leads nowhere.",
        f"The link leads to {folder}, which is read once.",
    ]


def test_unreadable_folders_and_files_are_listed(tmp_path: Path, home: Path, permissions: None) -> None:
    folder = write_tiny(tmp_path / "closed", 2, ("circle", "grid"))
    (folder / "circle").chmod(0)
    (folder / "grid" / "grid_00.png").chmod(0)
    dataset = data.load(folder)
    (folder / "circle").chmod(0o755)
    assert len(dataset) == 1 and len(dataset.quarantine) == 2


def test_one_image_a_flat_folder_and_one_folder_have_no_labels(tmp_path: Path, home: Path) -> None:
    (tmp_path / "one").mkdir()
    draw_tiny("circle", 1).save(tmp_path / "one" / "only.png")
    one = data.load(tmp_path / "one")
    assert len(one) == 1 and not one.has_labels and data.relevance(one).n_relevant.tolist() == [0]
    flat = write_tiny(tmp_path / "flat", 4, ("circle",))
    dataset = data.load(flat)
    assert not dataset.has_labels and "names no class" in dataset.notes


def test_deeper_folders_name_the_class_when_asked(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "nested"
    for first in ("a", "b"):
        write_tiny(folder / first, 2, ("circle", "grid"))
    assert data.load(folder).label_names == ("a", "b")
    deeper = data.load(folder, depth=2)
    assert deeper.label_names == ("circle", "grid") and deeper.name == "nested-2"


@pytest.mark.parametrize("made", ["empty", "words", "nothing"])
def test_folders_without_a_picture_get_one_sentence(tmp_path: Path, home: Path, made: str) -> None:
    folder = tmp_path / "folder"
    if made != "nothing":
        folder.mkdir()
    if made == "words":
        (folder / "notes.txt").write_text("no picture")
    with pytest.raises(BadInput) as caught:
        data.load(folder)
    assert {"empty": "no image in", "words": "can be read, out of 1 file;", "nothing": "does not exist"}[made] in str(
        caught.value
    )
    assert str(folder) in str(caught.value) and data.names() == data.DATASETS.names


def test_unknown_names_get_a_hint(home: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'photo_views'"):
        data.load("photo_view")


def test_a_home_that_cannot_be_written_is_one_sentence(
    tiny_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(StoreUnusable, match="FUSIONSCOPE_HOME"):
        data.add("tiny", tiny_images)
    with pytest.raises(StoreUnusable, match="FUSIONSCOPE_HOME"):
        data.load("digits")


def test_a_listing_can_be_stopped(tiny_images: Path, home: Path) -> None:
    task = Task()
    task.cancel()
    with pytest.raises(Cancelled):
        data.add("tiny", tiny_images, task=task)
    assert "tiny" not in data.names()


def test_rename_remove_and_describe(tiny_world) -> None:
    data.describe("tiny", licence="CC0", notes="drawn here")
    assert (data.load("tiny").licence, data.load("tiny").notes) == ("CC0", "drawn here")
    renamed = data.rename("tiny", "shapes")
    assert renamed.name == "shapes" and "tiny" not in data.names()
    assert data.rescan("shapes") is data.load("shapes") and data.load("shapes").licence == "CC0"
    with pytest.raises(BadInput, match="taken"):
        data.rename("shapes", "digits")
    with pytest.raises(BadInput, match="cannot name"):
        data.rename("shapes", "../escape")
    data.remove("shapes")
    assert "shapes" not in data.names() and tiny_world.images.is_dir()
    with pytest.raises(UnknownName):
        data.remove("shapes")


def test_names_that_are_taken(tiny_world, tmp_path: Path) -> None:
    other = write_tiny(tmp_path / "tiny", 1, ("circle", "grid"))
    with pytest.raises(BadInput, match="'tiny' is taken by"):
        data.add("tiny", other)
    assert data.load(other).name == "tiny-2"
    with pytest.raises(BadInput, match="built-in"):
        data.add("digits", other)


def test_a_damaged_record_is_named(tiny_world) -> None:
    record = paths.datasets() / "tiny" / "record.json"
    record.write_text("{")
    with pytest.raises(StoreMismatch, match="record.json is damaged"):
        data.load("tiny")


def test_originals_that_have_gone_say_so(tmp_path: Path, home: Path) -> None:
    folder = write_tiny(tmp_path / "gone", 1)
    dataset = data.load(folder)
    shutil.rmtree(folder)
    assert data.load("gone") is dataset
    with pytest.raises(BadInput, match="not there any more"):
        data.read_bytes(dataset, 0)


ADDER = """
import os, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from core import data
for turn in range(6):
    beside = Path({home!r}) / "beside-{many}"
    beside.write_bytes(Path({picture!r}).read_bytes() + bytes([turn] * {many}))
    beside.replace({extra!r})  # a picture that is half written would be set aside for a moment
    dataset = data.load({folder!r})
    assert len(dataset) == 61, len(dataset)
"""


@pytest.mark.slow
def test_two_processes_add_a_changing_folder_at_once(tmp_path: Path, home: Path) -> None:
    folder = write_tiny(tmp_path / "busy")
    extra, picture = folder / "circle" / "new.png", folder / "grid" / "grid_00.png"
    extra.write_bytes(picture.read_bytes())
    data.load(folder)
    given = {
        "root": str(paths.REPOSITORY),
        "extra": str(extra),
        "picture": str(picture),
        "folder": str(folder),
        "home": str(home),
    }
    running = [subprocess.Popen([sys.executable, "-c", ADDER.format(many=many, **given)]) for many in (1, 2, 3)]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert len(data.load("busy")) == 61


# ------------------------------------------------------------------------------------------- built-in


def test_the_digits_are_made_once(home: Path) -> None:
    dataset = data.load("digits")
    assert len(dataset) == 1797 and dataset.label_names == tuple("0123456789")
    made = (paths.home() / "demo" / "digits" / ".made.json").stat().st_mtime_ns
    assert data.load("digits") is dataset
    assert (paths.home() / "demo" / "digits" / ".made.json").stat().st_mtime_ns == made
    assert dataset.licence and dataset.reference


@pytest.mark.slow
def test_the_photo_views_are_the_same_every_time(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = []
    dataset = data.load("photo_views", task=Task(told.append))
    assert len(dataset) == 480 and len(dataset.label_names) == 20
    assert (data.relevance(dataset).n_relevant == 23).all()
    assert len(set(dataset.keys.tolist())) == 480 and any("photo views" in p.stage for p in told)
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(tmp_path / "elsewhere"))
    assert data.load("photo_views").fingerprint == dataset.fingerprint


def test_colour_variants_differ_by_photograph_and_by_colour(home: Path) -> None:
    dataset = data.load(data.OPENING)
    assert len(dataset) == 240 and len(dataset.label_names) == 60
    assert (data.relevance(dataset).n_relevant == 3).all() and len(set(dataset.keys.tolist())) == 240
    grey = Image.new("RGB", (8, 8), (120, 120, 120))
    hues = [demo.recoloured(grey, turn / 4).convert("HSV").getpixel((0, 0))[0] for turn in range(4)]
    assert all(abs(hue - 64 * turn) <= 2 for turn, hue in enumerate(hues)), hues
