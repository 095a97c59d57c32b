"""Inputs that failed in the field: each is made here, read, and gives the figures or the sentence that are right."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core import cli, data
from core.data import dataset_table, images, saved
from core.errors import BadInput
from core.types import Dataset
from tests.conftest import draw_tiny

HSV = ("--backbone", "hsv_histogram")


def jpeg(number: int, kind: str = "circle") -> bytes:
    buffer = io.BytesIO()
    draw_tiny(kind, number, 32).save(buffer, "JPEG")
    return buffer.getvalue()


def write(folder: Path, *names: str) -> Path:
    """Images under these names, each of its own."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(jpeg(zlib.crc32(name.encode())))
    return folder


def tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def labels_of(dataset: Dataset) -> list[str]:
    return [dataset.label_of(i) for i in range(len(dataset))]


def notes(dataset: Dataset) -> str:
    return " ".join(data.remarks(dataset.name))


# ------------------------------------------------------------------------------------------- what a source is read as

Made = Callable[[Path], Path]


def _set_aside(root: Path) -> Path:
    write(root, "a/0.jpg", "b/0.jpg")
    for name in ("a/1.heic", "b/1.HEIC"):
        (root / name).write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    return root


def _split_and_notes(root: Path) -> Path:
    write(root, *(f"{part}/{kind}/{n}.jpg" for part in ("train", "test") for kind in ("green", "red") for n in (0, 1)))
    (root / "annotations").mkdir()
    (root / "annotations" / "notes.txt").write_text("no image")
    return root


def _split_and_extra(root: Path) -> Path:
    write(_split_and_notes(root), "unlabelled/0.jpg")
    return root


def _parquet_lists(root: Path) -> Path:
    write(root, "0.jpg", "1.jpg")
    rows = {"path": ["0.jpg", "1.jpg"], "label": ["a", "b"], "bbox": [[1, 2, 3, 4], [0.5]], "of": [{"x": 1}, None]}
    pd.DataFrame(rows).to_parquet(root / "items.parquet")
    return root / "items.parquet"


def _parquet_images(root: Path) -> Path:
    root.mkdir(parents=True)
    cells = [{"bytes": jpeg(n), "path": f"{n}.jpg"} for n in range(4)]
    pd.DataFrame({"image": cells, "label": [0, 1, 0, 1]}).to_parquet(root / "train-00000-of-00001.parquet")
    return root / "train-00000-of-00001.parquet"


def _parquet_plain_bytes(root: Path) -> Path:
    root.mkdir(parents=True)
    pd.DataFrame({"jpg": [jpeg(n) for n in range(4)], "class": list("abab")}).to_parquet(root / "x.parquet")
    return root


def _only(word: str) -> Made:
    def make(root: Path) -> Path:
        write(root, *(f"{n}.jpg" for n in range(4)))
        rows = "".join(f"{n}.jpg,{'ab'[n % 2]},{word}\n" for n in range(4))
        (root / "items.csv").write_text(f"path,label,split\n{rows}")
        return root / "items.csv"

    return make


def _huggingface_train(root: Path) -> Path:
    write(root, "train/0.jpg", "train/1.jpg")
    (root / "train" / "metadata.csv").write_text("file_name,label\n0.jpg,a\n1.jpg,a\n")
    return root


def _far_future(root: Path) -> Path:
    write(root, "0.jpg", "1.jpg")
    os.utime(root / "0.jpg", ns=(0, 13_569_465_600 * 10**9))
    return root


def _dotted_tar(root: Path) -> Path:
    root.mkdir()
    names = ("2021.05.01_a.jpg", "2021.05.01_b.jpg", "2021.05.02_c.jpg", "plain.jpg")
    return tar(root / "photos.tar", {name: jpeg(n) for n, name in enumerate(names)})


def _two_a_sample(root: Path) -> Path:
    root.mkdir()
    sides = {f"{n}.{side}.jpg": jpeg(n) for n in (1, 2) for side in ("left", "right")}
    return tar(root / "pairs.tar", {**sides, "1.cls": b"cup", "2.cls": b"pen"})


def _mac_tar(root: Path) -> Path:
    root.mkdir()
    members = {}
    for n, kind in enumerate(("cup", "pen", "cup", "pen")):
        members |= {f"./{kind}/{n}.jpg": jpeg(n), f"./{kind}/._{n}.jpg": b"\0\x05\x16\x07", f"__MACOSX/{n}.jpg": b"x"}
    return tar(root / "folders.tar", members)


COCO = {
    "images": [{"id": n, "file_name": f"{n}.jpg"} for n in range(4)],
    "categories": [{"id": 1, "name": "cup"}, {"id": 2, "name": "pen"}],
    "annotations": [{"image_id": n, "category_id": 1 + n % 2, "bbox": [2, 2, 20, 10]} for n in range(4)],
}


def _coco(root: Path) -> Path:
    write(root, *(f"val/{n}.jpg" for n in range(4)))
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_val.json").write_text(json.dumps(COCO))
    captions = [{"image_id": n, "caption": f"a {'cup' if n % 2 else 'pen'}"} for n in range(4)]
    text = json.dumps({"images": COCO["images"], "annotations": captions})
    (root / "annotations" / "captions_val.json").write_text(text)
    return root


def _roboflow(root: Path) -> Path:
    for part in ("train", "valid"):
        write(root / part, *(f"{n}.jpg" for n in range(4)))
        (root / part / "_annotations.coco.json").write_text(json.dumps(COCO))
    return root


def _yolo(root: Path, pattern: str = "{kind}/{part}/{n}") -> Path:
    for part in ("train", "val"):
        for n in range(4):
            write(root, pattern.format(kind="images", part=part, n=n) + ".jpg")
            text = root / (pattern.format(kind="labels", part=part, n=n) + ".txt")
            text.parent.mkdir(parents=True, exist_ok=True)
            text.write_text(f"{n % 2} 0.5 0.5 0.5 0.25\n")
    (root / "data.yaml").write_text("names: [cup, pen]\n")
    return root


def _voc_beside(root: Path) -> Path:
    for n in range(4):
        write(root, f"{n}.jpg")
        name = "cup" if n % 2 == 0 else "pen"
        (root / f"{n}.xml").write_text(
            f"<annotation><object><name>{name}</name><bndbox><xmin>3</xmin><ymin>3</ymin><xmax>20</xmax>"
            "<ymax>12</ymax></bndbox></object></annotation>"
        )
    return root


def _wrapped(root: Path) -> Path:
    write(root, *(f"Objects_v1/{kind}/{n}.jpg" for kind in ("green", "red") for n in (0, 1)))
    write(root, "__MACOSX/Objects_v1/green/0.jpg")
    return root


def _wrapped_splits(root: Path) -> Path:
    names = (f"v1/{part}/{kind}/{n}.jpg" for part in ("train", "test") for kind in ("a", "b") for n in (0, 1))
    return write(root, *names)


def _linked_classes(root: Path) -> Path:
    write(root, "store/x/0.jpg", "store/y/0.jpg", "set/y/1.jpg")
    (root / "set" / "x").symlink_to(root / "store" / "x")
    (root / "set" / "also x").symlink_to(root / "store" / "x")
    return root / "set"


def _storage_box(root: Path) -> Path:
    kinds = ("a/0.jpg", "b/0.jpg", "a/@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg", "#recycle/0.jpg", "$RECYCLE.BIN/1.jpg")
    return write(root, *kinds, "__MACOSX/a/._0.jpg", "a/.thumbnails/0.jpg", "lost+found/1.jpg")


def _no_labels(root: Path) -> Path:
    write(root, *(f"{n}.jpg" for n in range(8)))
    cells = ("cat", "NaN", "None", "N/A", "null", "", "1.0", "1")
    text = "".join(f"{n}.jpg,{cell}\n" for n, cell in enumerate(cells))
    (root / "list.csv").write_text(f"path,label\n{text}")
    return root / "list.csv"


def _list_as_text(root: Path) -> Path:
    write(root, "0.jpg", "1.jpg")
    (root / "list.csv").write_text('path,label\n0.jpg,"[\'cat\', \'dog\']"\n1.jpg,"[""dog""]"\n')
    return root / "list.csv"


def _coordinates(root: Path) -> Path:
    write(root, "0.jpg", "1.jpg")
    (root / "list.csv").write_text("path,x,y,fold\n0.jpg,1,2,0\n1.jpg,3,4,1\n")
    return root / "list.csv"


def _measures(root: Path) -> Path:
    write(root, "0.jpg", "1.jpg")
    (root / "list.csv").write_text("path,target\n0.jpg,0.53\n1.jpg,0.71\n")
    return root / "list.csv"


def _products(root: Path) -> Path:
    write(root, *(f"{n}.jpg" for n in range(4)))
    (root / "list.csv").write_text("sku,image\nA,0.jpg\nA,1.jpg\nB,2.jpg\nB,3.jpg\n")
    return root / "list.csv"


def _spreadsheet(root: Path) -> Path:
    write(root, "café 1.jpg", "café 2.jpg")
    text = "sep=;\r\npath;label;;\r\ncafé 1.jpg;größer;;\r\ncafé 2.jpg;kleiner;;\r\n;;;\r\n"
    (root / "list.csv").write_bytes(text.encode("cp1252"))
    return root / "list.csv"


def _listed(text: str, *names: str) -> Made:
    """A table of that text beside images of these names."""

    def make(root: Path) -> Path:
        write(root, *names)
        (root / "list.csv").write_text(text)
        return root / "list.csv"

    return make


def _loose_beside_wrapper(root: Path) -> Path:
    return write(root, "v1/a/0.jpg", "v1/b/0.jpg", "preview.jpg")


def _archive_beside(root: Path) -> Path:
    tar(write(root, "a/0.jpg", "b/0.jpg") / "all.tar", {"z.jpg": jpeg(9)})
    return root


def _wrapped_tar(root: Path) -> Path:
    root.mkdir()
    names = [f"set/{part}/{kind}/{n}.jpg" for part in ("train", "test") for kind in "ab" for n in (0, 1)]
    return tar(root / "x.tar", {name: jpeg(n) for n, name in enumerate(names)})


def _parquet_shards(root: Path) -> Path:
    (root / "data").mkdir(parents=True)
    for part, first in (("train", 0), ("test", 4)):
        cells = [{"bytes": jpeg(first + n), "path": None} for n in range(2)]
        table = pa.Table.from_pylist([{"image": cell, "label": n} for n, cell in enumerate(cells)])
        names = {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["cup", "pen"]}}}}
        pq.write_table(
            table.replace_schema_metadata({"huggingface": json.dumps(names)}), root / "data" / f"{part}-0-of-1.parquet"
        )
    return root


def _data_yaml(root: Path) -> Path:
    return _yolo(root) / "data.yaml"


def _masks_beside(root: Path) -> Path:
    write(root, "JPEGImages/0.jpg", "JPEGImages/1.jpg", "SegmentationClass/0.png")
    (root / "Annotations").mkdir()
    (root / "Annotations" / "0.xml").write_text("<annotation><object><name>a</name></object></annotation>")
    return root


SPLIT, SELF = "parts of a split", "search each other"
READ_AS: dict[str, tuple[Made, list[str], str]] = {
    "files set aside": (_set_aside, ["a", "b"], "2 × This is a HEIC photograph"),
    "split folders and one without images": (_split_and_notes, ["green", "green", "red", "red"] * 2, SPLIT),
    "split folders and one with images": (_split_and_extra, ["green", "green", "red", "red"] * 2, "'unlabelled' is in no"),
    "Parquet with lists and records": (_parquet_lists, ["a", "b"], "label from 'label'"),
    "Parquet with images": (_parquet_images, ["0", "1", "0", "1"], "label from 'label'"),
    "Parquet with plain bytes": (_parquet_plain_bytes, ["a", "b", "a", "b"], "label from 'class'"),
    "only train": (_only("train"), ["a", "b", "a", "b"], SELF),
    "only query": (_only("query"), ["a", "b", "a", "b"], SELF),
    "only gallery": (_only("gallery"), ["a", "b", "a", "b"], SELF),
    "Hugging Face with train alone": (_huggingface_train, ["a", "a"], SELF),
    "a file of the year 2400": (_far_future, ["", ""], ""),
    "tar of names with dots": (_dotted_tar, ["", "", "", ""], ""),
    "tar with two images a sample": (_two_a_sample, ["cup", "cup", "pen", "pen"], "2 samples hold several images"),
    "tar of class folders from a Mac": (_mac_tar, ["cup", "cup", "pen", "pen"], "taken as classes"),
    "COCO as a folder": (_coco, ["cup", "pen", "cup", "pen"], ""),
    "COCO beside the images": (_roboflow, ["cup", "pen", "cup", "pen"] * 2, "parts of the split"),
    "COCO captions": (lambda root: _coco(root) / "annotations" / "captions_val.json", [""] * 4, "Captions are"),
    "YOLO": (_yolo, ["cup", "pen", "cup", "pen"] * 2, "parts of the split"),
    "YOLO by split": (lambda root: _yolo(root, "{part}/{kind}/{n}"), ["cup", "pen"] * 4, "parts of the split"),
    "VOC beside the images": (_voc_beside, ["cup", "pen", "cup", "pen"], ""),
    "a folder around the classes": (_wrapped, ["green", "green", "red", "red"], "`--option depth=N`"),
    "a folder around the split": (_wrapped_splits, ["a", "a", "b", "b"] * 2, SPLIT),
    "links to class folders": (_linked_classes, ["also x", "y"], "which is read once"),
    "what a storage box leaves": (_storage_box, ["a", "b"], ""),
    "words for no label": (_no_labels, ["cat", "", "", "", "", "", "1", "1"], "Read as no label"),
    "a list as text": (_list_as_text, ["cat, dog", "dog"], ""),
    "coordinates and folds": (_coordinates, ["", ""], "'fold' holds numbers (folds)"),
    "measures": (_measures, ["", ""], "'target' holds fractions"),
    "ids of products": (_products, [""] * 4, "so it is an instance"),
    "a folder around the classes, and a loose file": (_loose_beside_wrapper, ["", "a", "b"], "inside the one folder 'v1'"),
    "only the training folder": (lambda root: write(root, "train/a/0.jpg", "train/b/0.jpg"), ["a", "b"], "'train'"),
    "an archive beside its images": (_archive_beside, ["a", "b"], "1 file is set aside"),
    "tar with a folder around the split": (_wrapped_tar, ["a", "a", "b", "b"] * 2, SPLIT),
    "Parquet shards with names of labels": (_parquet_shards, ["cup", "pen"] * 2, "label from 'label'"),
    "YOLO by its data.yaml": (_data_yaml, ["cup", "pen", "cup", "pen"] * 2, "parts of the split"),
    "VOC with masks and no lists": (_masks_beside, ["a", ""], ""),
    "ids that are the files": (_listed("id,label\nx1,a\nx2,b\n", "train/x1.jpg", "train/x2.jpg"), ["a", "b"], "'train'"),
    "a list as numpy prints it": (_listed("path,label\n0.jpg,['a' 'b']\n", "0.jpg"), ["a, b"], ""),
    "a spreadsheet's CSV": (_spreadsheet, ["größer", "kleiner"], "Windows-1252"),
}  # fmt: skip


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
    dataset = data.load(_products(tmp_path / "set"))
    assert dataset.ids.tolist() == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert data.relevance(dataset).n_relevant.tolist() == [1, 1, 1, 1]


def test_files_set_aside_are_named_on_every_run(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _set_aside(tmp_path / "set")
    for _ in range(2):
        assert cli.main(["embed", "--data", str(folder), *HSV]) == 0
        said = capsys.readouterr().err
        assert "2 files are set aside: 2 × This is a HEIC photograph" in said and saved.NOT_READ in said
    listed = pd.read_csv(home / "datasets" / "set" / saved.NOT_READ)
    assert [Path(path).name for path in listed["path"]] == ["1.heic", "1.HEIC"]


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


# ------------------------------------------------------------------------------------------- vectors of others

LABELS = "id,label\n" + "".join(f"img/{n}.jpg,{'ab'[n % 2]}\n" for n in range(6))
ROWS = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
IDS = [f"img/{n}.jpg" for n in range(6)]


def _csv(folder: Path, **columns: object) -> Path:
    frame = pd.DataFrame(ROWS, columns=[f"f{i}" for i in range(4)])
    for name, values in columns.items():
        frame.insert(0, name, values)
    frame.to_csv(folder / "v.csv", index=False)
    return folder / "v.csv"


def _frame(_: Path) -> pd.DataFrame:
    return pd.DataFrame(ROWS.astype(float), columns=list("pqrs"))


def _indexed(folder: Path) -> Path:
    pd.DataFrame(ROWS, columns=list("pqrs")).to_csv(folder / "v.csv")
    return folder / "v.csv"


def _indexed_parquet(folder: Path) -> Path:
    frame = pd.DataFrame(ROWS, columns=[str(i) for i in range(4)]).assign(label=1, fold=range(6))
    frame["Unnamed: 0"] = range(6)
    frame.to_parquet(folder / "v.parquet")
    return folder / "v.parquet"


def _headless(folder: Path) -> Path:
    np.savetxt(folder / "v.csv", np.c_[np.arange(6), ROWS], delimiter=",", fmt=["%d"] + ["%.9g"] * 4)
    return folder / "v.csv"


def _npz(folder: Path, ids: object) -> Path:
    np.savez(folder / "v.npz", vectors=ROWS, ids=np.array(ids))
    return folder / "v.npz"


def _array(folder: Path, shape: tuple[int, ...]) -> Path:
    np.save(folder / "v.npy", ROWS.reshape(shape))
    return folder / "v.npy"


def _bfloat16(folder: Path) -> Path:
    halves = (ROWS.view(np.uint32) >> 16).astype("<u2").tobytes()
    header = json.dumps({"vectors": {"dtype": "BF16", "shape": [6, 4], "data_offsets": [0, len(halves)]}}).encode()
    (folder / "v.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + halves)
    return folder / "v.safetensors"


VECTORS: dict[str, tuple[Made, str]] = {
    "pandas' index": (_indexed, "column '' left out"),
    "Parquet with index, label and fold": (_indexed_parquet, "'label', 'fold', 'Unnamed: 0' left out"),
    "a label among the numbers": (lambda f: _csv(f, label=[0, 1, 0, 1, 0, 1]), "'label' left out"),
    "a class, a split and a fold": (lambda f: _csv(f, target=1, split="train", fold=3), "left out"),
    "an unknown column beside counted ones": (lambda f: _csv(f, age=range(30, 36)), "'age' left out"),
    "a class as text before the numbers": (lambda f: _csv(f, **{"class": list("ababab")}), "'class' left out"),
    "ids under another name": (lambda f: _csv(f, shot=IDS), ""),
    "ids as a pandas index": (lambda f: _frame(f).set_axis(IDS).to_csv(f / "v.csv") or f / "v.csv", ""),
    "ids as a Parquet index": (lambda f: _frame(f).set_axis(IDS).to_parquet(f / "v.parquet") or f / "v.parquet", ""),
    "ids that were printed as bytes": (lambda f: _csv(f, id=[f"b'{text}'" for text in IDS]), "matched as paths"),
    "decimal commas": (lambda f: _frame(f).to_csv(f / "v.csv", sep=";", decimal=",", index=False) or f / "v.csv", ""),
    "no header, an index": (_headless, "counts the rows"),
    "ids as bytes": (lambda f: _npz(f, [text.encode() for text in IDS]), ""),
    "bare file names": (lambda f: _npz(f, [text.rpartition("/")[2] for text in IDS]), "matched by file name"),
    "absolute paths": (lambda f: _npz(f, [f"C:\\me\\{n}.jpg" for n in range(6)]), "matched by file name"),
    "no endings": (lambda f: _npz(f, [text[:-4] for text in IDS]), "without its ending"),
    "(n, 1, dim)": (lambda f: _array(f, (6, 1, 4)), ""),
    "(n, dim, 1, 1)": (lambda f: _array(f, (6, 4, 1, 1)), ""),
    "(1, n, dim)": (lambda f: _array(f, (1, 6, 4)), ""),
    "bfloat16": (_bfloat16, ""),
}


@pytest.mark.parametrize("case", VECTORS)
def test_vectors_of_others_hold_only_their_numbers(tmp_path: Path, case: str) -> None:
    make, sentence = VECTORS[case]
    (tmp_path / "labels.csv").write_text(LABELS)
    told: list[str] = []
    _, rows = data.external_vectors.read({"v": make(tmp_path)}, tmp_path / "labels.csv", tell=told.append)
    assert np.allclose(rows["v"], ROWS, atol=0.02 if case == "bfloat16" else 1e-6)
    assert sentence in " ".join(told)


def test_an_index_in_another_order_asks_for_ids(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(LABELS)
    pd.DataFrame(ROWS, columns=list("pqrs"), index=[3, 1, 0, 2, 5, 4]).to_csv(tmp_path / "v.csv")
    with pytest.raises(BadInput, match="add a column 'id'"):
        data.external_vectors.read({"v": tmp_path / "v.csv"}, tmp_path / "labels.csv")
    (tmp_path / "labels.csv").write_text(LABELS.replace("img/", "").replace(".jpg", ""))
    _, rows = data.external_vectors.read({"v": tmp_path / "v.csv"}, tmp_path / "labels.csv")
    assert np.allclose(rows["v"][3], ROWS[0]), "it is the ids where they are such numbers"


def test_ids_as_objects_have_their_way_out(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(LABELS)
    np.savez(tmp_path / "v.npz", vectors=ROWS, ids=np.array(IDS, object))
    with pytest.raises(BadInput, match=r"ids are Python objects.*ids\.astype\(str\)"):
        data.external_vectors.read({"v": tmp_path / "v.npz"}, tmp_path / "labels.csv")


def test_a_repeated_id_among_many_is_found_at_once(tmp_path: Path) -> None:
    ids = np.array([f"i{i}" for i in range(199_999)] + ["i199998"])
    np.savez(tmp_path / "v.npz", ids=ids, vectors=np.ones((200_000, 2), np.float32))
    began = time.monotonic()
    with pytest.raises(BadInput, match="'i199998' twice"):
        data.external_vectors.vector_files.read(tmp_path / "v.npz")
    assert time.monotonic() - began < 5


# ------------------------------------------------------------------------------------------- single images


def test_twelve_bits_in_sixteen_can_be_seen(tmp_path: Path) -> None:
    values = np.linspace(0, 4095, 64).astype(np.uint16).reshape(8, 8)
    for ending in ("tif", "png"):
        Image.fromarray(values).save(tmp_path / f"grey.{ending}")
        shown = np.asarray(images.open_rgb(tmp_path / f"grey.{ending}"))
        assert shown.max() == 255 and shown.min() == 0 and (np.diff(shown[..., 0].ravel().astype(int)) >= 0).all()


@pytest.mark.parametrize("kind", ["TIFF", "JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_header_and_pixels_agree_on_the_turn(kind: str, orientation: int) -> None:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.new("RGB", (60, 30)).save(buffer, kind, exif=exif)
    header = images.header(buffer.getvalue())
    assert (header.width, header.height) == images.open_rgb(buffer.getvalue()).size


def test_a_png_with_its_turn_behind_the_pixels(tmp_path: Path) -> None:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.new("RGB", (60, 30)).save(buffer, "PNG", exif=exif)
    content = buffer.getvalue()
    start = content.index(b"eXIf") - 4
    stop = start + 12 + int.from_bytes(content[start : start + 4], "big")
    end = content.index(b"IEND") - 4
    moved = content[:start] + content[stop:end] + content[start:stop] + content[end:]
    header = images.header(moved)
    assert (header.width, header.height) == images.open_rgb(moved).size == (30, 60)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_only_its_end_marker_is_whole(progressive: bool) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (97, 131, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", progressive=progressive)
    content = buffer.getvalue()
    for cut in (1, 2):
        assert images.open_rgb(content[:-cut]).tobytes() == images.open_rgb(content).tobytes()
    with pytest.raises(BadInput, match="cut off"):
        images.open_rgb(content[: len(content) // 2])


FOREIGN = {
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "pillow-heif"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
    "git-annex": (b"/annex/objects/SHA256E-s1--0.jpg\n", "git annex get"),
    "a web page": (b"\n<!DOCTYPE html>\n<html><title>403 Forbidden</title>", "web page"),
    "an error of a server": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "error message"),
    "a video": (b"\0\0\0\x18ftypisom\0\0\0\0", "video"),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "PDF": (b"%PDF-1.7", "PDF"),
    "zip": (b"PK\x03\x04", "unpack"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_no_image_is_called_by_its_name(tmp_path: Path, home: Path, case: str) -> None:
    content, words = FOREIGN[case]
    with pytest.raises(BadInput, match=words):
        images.header(content)
    folder = write(tmp_path / "set", "a/0.jpg", "b/0.jpg")
    (folder / "a" / "1.jpg").write_bytes(content)
    dataset = data.load(folder)
    assert words in dataset.quarantine["reason"][0]
    for name in ("v.npy", "list.csv", "x.parquet"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput):
            data.load(tmp_path / name, reader="manifest")


def test_a_spreadsheet_file_is_named(tmp_path: Path, home: Path) -> None:
    (tmp_path / "list.xlsx").write_bytes(b"PK\x03\x04" + b"xl/workbook.xml")
    with pytest.raises(BadInput, match="spreadsheet file: save it as CSV"):
        data.load(tmp_path / "list.xlsx")


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


@pytest.mark.parametrize("make", [_coco, _yolo, _voc_beside], ids=["COCO", "YOLO", "VOC"])
def test_objects_become_images_of_their_own(tmp_path: Path, home: Path, make: Made) -> None:
    dataset = data.load(make(tmp_path / "set"), objects=True, margin=0.0)
    assert set(dataset.label_names) == {"cup", "pen"} and all(text.endswith("#1") for text in dataset.ids)
    sizes = {images.open_rgb(data.read_bytes(dataset, i)).size for i in range(len(dataset))}
    assert len(sizes) == 1 and sizes == {(int(dataset.items["width"][0]), int(dataset.items["height"][0]))}
    assert len(set(dataset.keys.tolist())) == len(dataset), "each part of an image has a key of its own"
    wider = data.load(tmp_path / "set", name="wider", objects=True, margin=0.25)
    assert wider.items["width"][0] > dataset.items["width"][0]


def test_a_box_beyond_the_image_is_cut_or_set_aside(tmp_path: Path, home: Path) -> None:
    folder = _coco(tmp_path / "set")
    content = json.loads((folder / "annotations" / "instances_val.json").read_text())
    content["annotations"][0]["bbox"] = [20, 20, 1000, 1000]
    content["annotations"][1]["bbox"] = [500, 500, 10, 10]
    content["annotations"][2]["bbox"] = [1e300, 0, 5, float("nan")]
    (folder / "annotations" / "instances_val.json").write_text(json.dumps(content))
    dataset = data.load(folder, objects=True, margin=0.0)
    assert dataset.ids.tolist() == ["0.jpg#1", "3.jpg#1"] and dataset.items["width"].tolist() == [12, 20]
    assert "lies outside the image" in dataset.quarantine["reason"][0]


@pytest.mark.parametrize("make", [_coco, _voc_beside], ids=["COCO", "VOC"])
def test_listed_images_that_are_gone_can_be_set_aside(tmp_path: Path, home: Path, make: Made) -> None:
    folder = make(tmp_path / "set")
    next(folder.rglob("1.jpg")).unlink()
    with pytest.raises(BadInput, match="missing=quarantine|do not exist"):
        data.load(folder)
    dataset = data.load(folder, missing="quarantine")
    assert labels_of(dataset) == ["cup", "cup", "pen"] and len(dataset.quarantine) == 1
