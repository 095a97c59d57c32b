"""Sources as people have them, made on the spot: layouts, tables, archives and images that failed in the field."""

from __future__ import annotations

import io
import json
import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core import data
from core.types import Dataset
from tests.conftest import draw_tiny


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


def set_aside(root: Path) -> Path:
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


def coco(root: Path) -> Path:
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


def yolo(root: Path, pattern: str = "{kind}/{part}/{n}") -> Path:
    for part in ("train", "val"):
        for n in range(4):
            write(root, pattern.format(kind="images", part=part, n=n) + ".jpg")
            text = root / (pattern.format(kind="labels", part=part, n=n) + ".txt")
            text.parent.mkdir(parents=True, exist_ok=True)
            text.write_text(f"{n % 2} 0.5 0.5 0.5 0.25\n")
    (root / "data.yaml").write_text("names: [cup, pen]\n")
    return root


def voc_beside(root: Path) -> Path:
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


def products(root: Path) -> Path:
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
    return yolo(root) / "data.yaml"


def _masks_beside(root: Path) -> Path:
    write(root, "JPEGImages/0.jpg", "JPEGImages/1.jpg", "SegmentationClass/0.png")
    (root / "Annotations").mkdir()
    (root / "Annotations" / "0.xml").write_text("<annotation><object><name>a</name></object></annotation>")
    return root


SPLIT, SELF = "parts of a split", "search each other"
READ_AS: dict[str, tuple[Made, list[str], str]] = {
    "files set aside": (set_aside, ["a", "b"], "2 × This is a HEIC photograph"),
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
    "tar with two images a sample": (_two_a_sample, ["cup", "cup", "pen", "pen"], "2 samples with several images"),
    "tar of class folders from a Mac": (_mac_tar, ["cup", "cup", "pen", "pen"], "taken as classes"),
    "COCO as a folder": (coco, ["cup", "pen", "cup", "pen"], ""),
    "COCO beside the images": (_roboflow, ["cup", "pen", "cup", "pen"] * 2, "parts of the split"),
    "COCO captions": (lambda root: coco(root) / "annotations" / "captions_val.json", [""] * 4, "Captions are"),
    "YOLO": (yolo, ["cup", "pen", "cup", "pen"] * 2, "parts of the split"),
    "YOLO by split": (lambda root: yolo(root, "{part}/{kind}/{n}"), ["cup", "pen"] * 4, "parts of the split"),
    "VOC beside the images": (voc_beside, ["cup", "pen", "cup", "pen"], ""),
    "a folder around the classes": (_wrapped, ["green", "green", "red", "red"], "the option depth"),
    "a folder around the split": (_wrapped_splits, ["a", "a", "b", "b"] * 2, SPLIT),
    "links to class folders": (_linked_classes, ["also x", "y"], "which is read once"),
    "what a storage box leaves": (_storage_box, ["a", "b"], ""),
    "words for no label": (_no_labels, ["cat", "", "", "", "", "", "1", "1"], "Read as no label"),
    "a list as text": (_list_as_text, ["cat, dog", "dog"], ""),
    "coordinates and folds": (_coordinates, ["", ""], "'fold' holds numbers (folds)"),
    "measures": (_measures, ["", ""], "'target' holds fractions"),
    "ids of products": (products, [""] * 4, "so it is an instance"),
    "a folder around the classes, and a loose file": (_loose_beside_wrapper, ["", "a", "b"], "inside the one folder 'v1'"),
    "only the training folder": (lambda root: write(root, "train/a/0.jpg", "train/b/0.jpg"), ["a", "b"], "'train'"),
    "an archive beside its images": (_archive_beside, ["a", "b"], "1 file set aside"),
    "tar with a folder around the split": (_wrapped_tar, ["a", "a", "b", "b"] * 2, SPLIT),
    "Parquet shards with names of labels": (_parquet_shards, ["cup", "pen"] * 2, "label from 'label'"),
    "YOLO by its data.yaml": (_data_yaml, ["cup", "pen", "cup", "pen"] * 2, "parts of the split"),
    "VOC with masks and no lists": (_masks_beside, ["a", ""], ""),
    "ids that are the files": (_listed("id,label\nx1,a\nx2,b\n", "train/x1.jpg", "train/x2.jpg"), ["a", "b"], "'train'"),
    "a list as numpy prints it": (_listed("path,label\n0.jpg,['a' 'b']\n", "0.jpg"), ["a, b"], ""),
    "a spreadsheet's CSV": (_spreadsheet, ["größer", "kleiner"], "Windows-1252"),
}  # fmt: skip
