"""Splits made here and copies left out are kept with the dataset, survive a new scan and can be taken back."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core import data, paths
from core.data import dataset_table
from core.data.splits import SplitShares, stratified
from core.errors import BadInput
from tests.conftest import draw_tiny, write_tiny


def forget_opened() -> None:
    """As a new process would see it."""
    from core.data import saved

    saved.forget_opened()


def test_a_split_is_saved_and_opens_again(tiny_world) -> None:
    before = tiny_world.dataset
    made = data.make_split("tiny", SplitShares(0.3, 0.2), seed=4)
    expected = stratified(before, SplitShares(0.3, 0.2), 4)
    assert [len(p) for p in (made.split.queries, made.split.gallery, made.split.train)] == [18, 30, 12]
    assert np.array_equal(made.split.queries, expected.queries) and np.array_equal(made.split.train, expected.train)
    assert made.fingerprint != before.fingerprint and np.array_equal(made.keys, before.keys)
    forget_opened()
    assert data.load("tiny").fingerprint == made.fingerprint
    assert data.decided("tiny").shares == SplitShares(0.3, 0.2) and data.decided("tiny").seed == 4
    assert data.make_split("tiny", None).fingerprint == before.fingerprint
    assert data.decided("tiny") == data.overrides.Overrides()


def test_a_new_scan_splits_new_images_too(tmp_path: Path, home: Path) -> None:
    folder = write_tiny(tmp_path / "growing", 4)
    data.add("growing", folder)
    data.make_split("growing", SplitShares(0.25), seed=1)
    draw_tiny("circle", 50).save(folder / "circle" / "new.png")
    again = data.rescan("growing")
    assert len(again) == 25 and not again.split.is_self_retrieval
    assert len(again.split.queries) + len(again.split.gallery) == 25
    assert again.fingerprint == data.load(folder).fingerprint
    renamed = data.rename("growing", "grown")
    assert renamed.fingerprint == again.fingerprint


def test_instances_stay_on_one_side(tmp_path: Path, home: Path) -> None:
    write_tiny(tmp_path, 4, ("circle", "cross"))
    rows = [(f"{kind}/{kind}_{n:02d}.png", kind, f"{kind}{n // 2}") for kind in ("circle", "cross") for n in range(4)]
    pd.DataFrame(rows, columns=["path", "label", "instance"]).to_csv(tmp_path / "list.csv", index=False)
    data.add("things", tmp_path / "list.csv")
    made = data.make_split("things", SplitShares(0.25, 0.5), seed=0)
    instances = np.asarray(made.instances)
    assert len(made.split.train) == 4
    assert not set(instances[made.split.train]) & set(instances[np.r_[made.split.queries, made.split.gallery]])


def test_a_split_that_cannot_be_made_changes_nothing(tmp_path: Path, home: Path) -> None:
    for kind in ("circle", "cross"):
        (tmp_path / kind).mkdir()
        draw_tiny(kind, 0).save(tmp_path / kind / "only.png")
    before = data.add("lonely", tmp_path)
    with pytest.raises(BadInput, match="can be a query"):
        data.make_split("lonely", SplitShares(0.5))
    assert data.load("lonely").fingerprint == before.fingerprint and data.decided("lonely").shares is None


def test_a_split_gives_way_when_a_scan_makes_it_impossible(tmp_path: Path, home: Path) -> None:
    folder = write_tiny(tmp_path / "shrinking", 2, ("circle", "cross"))
    data.add("shrinking", folder)
    data.make_split("shrinking", SplitShares(0.5))
    for kind in ("circle", "cross"):
        (folder / kind / f"{kind}_01.png").unlink()
    again = data.rescan("shrinking")
    assert len(again) == 2 and again.split.is_self_retrieval and data.decided("shrinking").shares == SplitShares(0.5)


def with_copies(folder: Path) -> Path:
    """Twelve pictures, two of them with an exact copy, one with a copy that was saved again."""
    write_tiny(folder, 6, ("circle", "cross"))
    shutil.copy(folder / "circle" / "circle_00.png", folder / "circle" / "z_same.png")
    shutil.copy(folder / "circle" / "circle_01.png", folder / "cross" / "z_wrong.png")
    Image.open(folder / "cross" / "cross_00.png").save(folder / "cross" / "z_near.bmp")
    return folder


def groups_of(dataset, *groups: tuple[str, ...]) -> pd.DataFrame:
    position = {text: at for at, text in enumerate(dataset.ids.tolist())}
    rows = [(number, position[text]) for number, group in enumerate(groups) for text in group]
    return pd.DataFrame(rows, columns=["group", "position"])


def test_one_of_each_is_kept_and_brought_back(tmp_path: Path, home: Path) -> None:
    folder = with_copies(tmp_path / "copies")
    before = data.add("copies", folder)
    assert len(before) == 15
    near = groups_of(before, ("cross/cross_00.png", "cross/z_near.bmp"))
    fewer = data.keep_one_of_each("copies", near)
    assert set(before.ids) - set(fewer.ids) == {"circle/z_same.png", "cross/z_wrong.png", "cross/z_near.bmp"}
    assert len(data.whole("copies")) == 15 and fewer.fingerprint != before.fingerprint
    # A later scan leaves new exact copies out too, and an image whose content became its own comes back.
    shutil.copy(folder / "circle" / "circle_02.png", folder / "circle" / "z_later.png")
    draw_tiny("cross", 77).save(folder / "cross" / "z_near.bmp")
    again = data.rescan("copies")
    assert set(again.ids) - set(fewer.ids) == {"cross/z_near.bmp"} and len(data.whole("copies")) == 16
    assert len(data.keep_all("copies")) == 16


def test_a_copy_stays_when_the_one_that_stands_for_it_has_gone(tmp_path: Path, home: Path) -> None:
    folder = with_copies(tmp_path / "copies")
    before = data.add("copies", folder)
    data.keep_one_of_each("copies", groups_of(before, ("cross/cross_00.png", "cross/z_near.bmp")))
    (folder / "cross" / "cross_00.png").unlink()
    assert "cross/z_near.bmp" in data.rescan("copies").ids


def test_decisions_join(tmp_path: Path, home: Path) -> None:
    data.add("copies", with_copies(tmp_path / "copies"))
    data.make_split("copies", SplitShares(0.3), seed=2)
    data.describe("copies", notes="checked by hand", licence="CC0")
    both = data.keep_one_of_each("copies")
    assert len(both) == 13 and len(both.split.queries) + len(both.split.gallery) == 13
    assert not set(both.split.queries) & set(both.split.gallery)
    again = data.rescan("copies")
    assert (again.fingerprint, again.notes, again.licence) == (both.fingerprint, "checked by hand", "CC0")
    smaller = data.quarantine("copies", {both.items["path"][0]: "it is broken"})
    assert len(smaller) == 13 and len(data.whole("copies")) == 14  # the exact copy stands in for the broken one
    assert data.decided("copies").words and data.decided("copies").shares == SplitShares(0.3)


@pytest.mark.slow
def test_a_built_in_dataset_can_be_split_too(home: Path) -> None:
    whole = data.load("digits")
    made = data.make_split("digits", SplitShares(0.1), seed=3)
    forget_opened()
    assert data.load("digits").fingerprint == made.fingerprint != whole.fingerprint


def test_words_of_the_reader_and_of_people(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "inner"
    write_tiny(folder / "all", 2, ("circle",))
    assert "names no class" in data.add("inner", folder, licence="MIT").notes
    assert data.add("noted", folder, notes="mine").notes == "mine"
    with pytest.raises(BadInput, match="but no colour"):
        data.describe("inner", colour="red")


def test_vectors_fit_the_whole_and_the_part(tmp_path: Path, home: Path) -> None:
    whole = data.add("copies", with_copies(tmp_path / "copies"))
    part = data.keep_one_of_each("copies")
    rows = np.random.default_rng(0).normal(size=(len(whole), 4)).astype(np.float32)
    np.save(tmp_path / "mine.npy", rows)
    data.add_vectors("copies", {"mine": tmp_path / "mine.npy"})
    kept = np.flatnonzero(np.isin(whole.ids, part.ids))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert np.allclose(data.attached_vectors.vectors(data.load("copies"), "mine"), unit[kept], atol=1e-6)
    assert np.allclose(data.attached_vectors.vectors(data.keep_all("copies"), "mine"), unit, atol=1e-6)


def test_vectors_that_lack_new_images_are_counted(tmp_path: Path, home: Path) -> None:
    folder = write_tiny(tmp_path / "growing", 2, ("circle", "cross"))
    dataset = data.add("growing", folder)
    np.save(tmp_path / "mine.npy", np.eye(4, dtype=np.float32))
    data.add_vectors("growing", {"mine": tmp_path / "mine.npy"})
    assert (
        data.attached_vectors.present(dataset, "mine") == (4, 4)
        and data.attached_vectors.present(dataset, "hog") is None
    )
    draw_tiny("cross", 9).save(folder / "cross" / "new.png")
    assert data.attached_vectors.present(data.rescan("growing"), "mine") == (4, 4)
    with pytest.raises(BadInput, match="lack 1 of the 5"):
        data.attached_vectors.vectors(data.load("growing"), "mine")


def test_the_table_on_disk_stays_whole(tiny_world) -> None:
    data.make_split("tiny", SplitShares(0.2))
    assert dataset_table.opened(paths.datasets() / "tiny").fingerprint == tiny_world.dataset.fingerprint
