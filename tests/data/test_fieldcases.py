"""Inputs that failed in the field: each is made here, read, and gives the figures or the sentence that are right."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core import cli, data
from core.data import dataset_table, images, saved
from core.errors import BadInput
from tests.data.sources import (
    READ_AS,
    Made,
    coco,
    jpeg,
    labels_of,
    notes,
    products,
    set_aside,
    tar,
    voc_beside,
    write,
    yolo,
)

HSV = ("--backbone", "hsv_histogram")


@pytest.mark.parametrize("case", READ_AS)
def test_a_source_is_read_as_a_person_means_it(tmp_path: Path, home: Path, case: str) -> None:
    make, labels, sentence = READ_AS[case]
    dataset = data.load(make(tmp_path / "set"), name="case")
    assert labels_of(dataset) == labels
    assert sentence in notes(dataset)
    assert len(dataset.split.queries) and len(dataset.split.gallery)
    assert data.load("case") is dataset, "looked at again, nothing has changed"
    for position in range(len(dataset)):
        assert images.open_rgb(data.read_bytes(dataset, position)).mode == "RGB"


def test_products_are_instances(tmp_path: Path, home: Path) -> None:
    dataset = data.load(products(tmp_path / "set"))
    assert dataset.ids.tolist() == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert data.relevance(dataset).n_relevant.tolist() == [1, 1, 1, 1]


def test_files_set_aside_are_named_on_every_run(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = set_aside(tmp_path / "set")
    for _ in range(2):
        assert cli.main(["embed", "--data", str(folder), *HSV]) == 0
        said = capsys.readouterr().err
        assert "2 files set aside: 2 × This is a HEIC photograph" in said and saved.NOT_READ in said
    listed = pd.read_csv(home / "datasets" / "set" / saved.NOT_READ)
    assert [Path(path).name for path in listed["path"]] == ["1.heic", "1.HEIC"]


def test_a_split_without_relevant_images_says_so(tmp_path: Path, home: Path) -> None:
    dataset = data.load(write(tmp_path / "set", "train/a/0.jpg", "train/b/0.jpg", "val/a/0.jpg", "val/b/0.jpg"))
    assert "No query of this split has a relevant image; `--split 0.3`" in notes(dataset)


# ------------------------------------------------------------------------------------------- rows without ids


def test_rows_in_two_orders_ask_for_ids(tmp_path: Path, home: Path) -> None:
    names = [f"cat/{n}.jpg" for n in range(4)] + [f"cat-small/{n}.jpg" for n in (0, 1)] + ["cat2/0.jpg", "cat2/1.jpg"]
    dataset = data.load(write(tmp_path / "rows", *names))
    wanted = np.eye(3)[[dataset.label_names.index(text.split("/")[0]) for text in sorted(names)]]
    np.save(tmp_path / "by_row.npy", wanted)
    np.savez(tmp_path / "by_id.npz", vectors=wanted, ids=sorted(names))
    with pytest.raises(BadInput, match="row 1 is 'cat-small/0.jpg', folder by folder it is 'cat/0.jpg'"):
        data.add_vectors("rows", {"byrow": tmp_path / "by_row.npy"})
    data.add_vectors("rows", {"byid": tmp_path / "by_id.npz"})
    vectors = data.attached_vectors.vectors(dataset, "byid")
    assert vectors is not None and (vectors.argmax(axis=1) == dataset.labels).all()


def test_rows_go_by_sorted_paths_whatever_order_people_see(tmp_path: Path, home: Path) -> None:
    dataset = data.load(write(tmp_path / "many", *(f"{kind}/{n}.jpg" for kind in "ab" for n in range(12))))
    assert dataset.ids[2] == "a/2.jpg" and dataset.ids[10] == "a/10.jpg"
    by_path = sorted(dataset.ids.tolist())
    np.save(tmp_path / "v.npy", np.arange(1, 25)[:, None] * np.ones((1, 2)) + [[0, 1]])
    told: list[str] = []
    data.add_vectors("many", {"v": tmp_path / "v.npy"}, tell=told.append)
    vectors = data.attached_vectors.vectors(dataset, "v")
    ratio = {text: row[1] / row[0] for text, row in zip(dataset.ids, vectors)}
    assert by_path == sorted(ratio, key=ratio.get, reverse=True)
    assert "sorted ids: 'a/0.jpg' first, 'b/9.jpg' last" in told[-1]


# ------------------------------------------------------------------------------------------- names and paths


def test_a_path_comes_before_a_name(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "one" / "pics", "green/0.jpg", "red/0.jpg")
    write(tmp_path / "two" / "pics", "x/0.jpg", "y/0.jpg")
    monkeypatch.chdir(tmp_path / "one")
    assert data.load("pics").label_names == ("green", "red")
    monkeypatch.chdir(tmp_path / "two")
    other = data.load("pics")
    assert other.label_names == ("x", "y") and other.name == "pics-2"
    assert "the dataset named 'pics' is another one" in notes(other)
    write(tmp_path / "two" / "pics", "x/0.jpg", "x/1.jpg", "y/0.jpg")
    assert len(data.load("pics")) == 3 and "another one" in notes(data.load("pics"))
    assert data.load("dataset:pics").label_names == ("green", "red")
    assert [data.name_of(text) for text in ("pics", "dataset:pics", "../one/pics", "no")] == [
        "pics-2",
        "pics",
        "pics",
        None,
    ]
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "one" / "pics", "green/0.jpg", "green/1.jpg", "red/0.jpg")
    assert len(data.load("pics")) == 3, "a name looks at its folder again"
    (tmp_path / "digits").mkdir()
    assert data.load("pics").name == "pics" and data.library._is_source(Path("digits")) is False


ELSEWHERE = {
    "backslashes": ("sub\\0.jpg", "sub/0.jpg", "with \\ as /"),
    "a drive": ("C:\\me\\pics\\sub\\0.jpg", "sub/0.jpg", "without a drive letter"),
    "a folder of another machine": ("/home/me/sub/0.jpg", "sub/0.jpg", "without 'home/me' before"),
    "letter case of the ending": ("img.jpg", "img.JPG", "with the ending '.JPG'"),
    "letter case": ("SUB/Img.jpg", "sub/img.jpg", "in other letter case"),
    "Unicode form": ("caf\u00e9.jpg", "cafe\u0301.jpg", "in another Unicode form"),
    "no ending": ("sub/0", "sub/0.jpg", "with the ending of the file"),
    "a leading slash": ("/sub/0.jpg", "sub/0.jpg", "without a leading /"),
    "a file address": ("file:///data/pics/sub/a%20b.jpg", "sub/a b.jpg", "without file://"),
    "jpeg for jpg": ("0.jpeg", "0.jpg", "with the ending '.jpg'"),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_paths_of_another_machine_are_found(tmp_path: Path, home: Path, case: str) -> None:
    written, on_disk, sentence = ELSEWHERE[case]
    folder = write(tmp_path / "set", on_disk, "other/9.jpg")
    pd.DataFrame({"path": [written], "label": ["a"]}).to_csv(folder / "list.csv", index=False)
    dataset = data.load(folder / "list.csv")
    assert dataset.items["path"][0] == str(folder / on_disk) and sentence in notes(dataset)


def test_paths_with_two_readings_are_refused(tmp_path: Path, home: Path) -> None:
    folder = write(tmp_path / "set", "a.jpg", "a.png")
    (folder / "list.csv").write_text("path\na\n")
    with pytest.raises(BadInput, match="do not exist.*there is 'a.jpg', 'a.png'"):
        data.load(folder / "list.csv")


def test_a_missing_image_is_not_another_one_of_its_name(tmp_path: Path, home: Path) -> None:
    folder = write(tmp_path / "set", "train/0.jpg", "1.jpg")
    (folder / "list.csv").write_text("path\ntrain/0.jpg\ntrain/1.jpg\n")
    with pytest.raises(BadInput, match="1 of 2 files do not exist"):
        data.load(folder / "list.csv")


# ------------------------------------------------------------------------------------------- order, pipes, changes


def test_names_with_numbers_stand_in_natural_order(tmp_path: Path, home: Path) -> None:
    dataset = data.load(write(tmp_path / "set", *(f"class {n}/{n}.jpg" for n in (1, 10, 12, 2, 9, 11))))
    assert dataset.label_names == tuple(f"class {n}" for n in (1, 2, 9, 10, 11, 12))
    assert [text.split("/")[0] for text in dataset.ids] == list(dataset.label_names)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_in_a_manifest_ends(tmp_path: Path, home: Path) -> None:
    folder = write(tmp_path / "set", "0.jpg")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "list.csv").write_text("path\n0.jpg\npipe.jpg\n/dev/zero\n")
    dataset = data.load(folder / "list.csv")
    assert len(dataset) == 1 and set(dataset.quarantine["reason"]) == {"This is a pipe or a device, not a file."}


def test_one_bad_member_leaves_the_others_of_its_archive(tmp_path: Path, home: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG")
    cut = buffer.getvalue()[: len(buffer.getvalue()) // 2]
    path = tar(tmp_path / "x.tar", {"a/0.jpg": jpeg(0), "a/1.jpg": cut, "b/2.jpg": jpeg(2), "b/3.jpg": jpeg(3)})
    assert cli.main(["embed", "--data", str(path), *HSV]) == 0
    dataset = data.load("x")
    assert dataset.ids.tolist() == ["a/0", "b/2", "b/3"]
    assert dataset.quarantine["path"].tolist() == [f"{path}/a/1.jpg"]


def test_a_thumbnail_is_of_the_bytes_of_its_key(tmp_path: Path, home: Path) -> None:
    from core.store import open_store

    folder = write(tmp_path / "set", "a/0.jpg", "b/0.jpg")
    dataset = data.load(folder)
    (folder / "a" / "0.jpg").write_bytes(jpeg(77))
    assert "has changed" in open_store().ensure_thumbnails(dataset, [0, 1])[0]
    again = data.load(folder)
    assert open_store().ensure_thumbnails(again, [0, 1]) == {}


def test_a_split_whose_queries_are_gone_searches_itself(tmp_path: Path, home: Path) -> None:
    folder = write(tmp_path / "set", "query/a/0.jpg", "gallery/a/1.jpg", "gallery/a/2.jpg")
    dataset = data.load(folder)
    smaller = data.quarantine("set", {str(dataset.ids[dataset.split.queries[0]]): "it fell apart"})
    assert dataset_table.split_words(smaller).tolist() == ["query|gallery"] * 2
    assert data.relevance(smaller).n_relevant.tolist() == [1, 1]


# ------------------------------------------------------------------------------------------- objects as items


@pytest.mark.parametrize("make", [coco, yolo, voc_beside], ids=["COCO", "YOLO", "VOC"])
def test_objects_become_images_of_their_own(tmp_path: Path, home: Path, make: Made) -> None:
    dataset = data.load(make(tmp_path / "set"), objects=True, margin=0.0)
    assert set(dataset.label_names) == {"cup", "pen"} and all(text.endswith("#1") for text in dataset.ids)
    sizes = {images.open_rgb(data.read_bytes(dataset, i)).size for i in range(len(dataset))}
    assert len(sizes) == 1 and sizes == {(int(dataset.items["width"][0]), int(dataset.items["height"][0]))}
    assert len(set(dataset.keys.tolist())) == len(dataset), "each part of an image has a key of its own"
    wider = data.load(tmp_path / "set", name="wider", objects=True, margin=0.25)
    assert wider.items["width"][0] > dataset.items["width"][0]


def test_a_box_beyond_the_image_is_cut_or_set_aside(tmp_path: Path, home: Path) -> None:
    folder = coco(tmp_path / "set")
    content = json.loads((folder / "annotations" / "instances_val.json").read_text())
    content["annotations"][0]["bbox"] = [20, 20, 1000, 1000]
    content["annotations"][1]["bbox"] = [500, 500, 10, 10]
    content["annotations"][2]["bbox"] = [1e300, 0, 5, float("nan")]
    (folder / "annotations" / "instances_val.json").write_text(json.dumps(content))
    dataset = data.load(folder, objects=True, margin=0.0)
    assert dataset.ids.tolist() == ["0.jpg#1", "3.jpg#1"] and dataset.items["width"].tolist() == [12, 20]
    assert "lies outside the image" in dataset.quarantine["reason"][0]


@pytest.mark.parametrize("make", [coco, voc_beside], ids=["COCO", "VOC"])
def test_listed_images_that_are_gone_can_be_set_aside(tmp_path: Path, home: Path, make: Made) -> None:
    folder = make(tmp_path / "set")
    next(folder.rglob("1.jpg")).unlink()
    with pytest.raises(BadInput, match="missing=quarantine|do not exist"):
        data.load(folder)
    dataset = data.load(folder, missing="quarantine")
    assert labels_of(dataset) == ["cup", "cup", "pen"] and len(dataset.quarantine) == 1
