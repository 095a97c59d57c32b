"""Each way in which people keep collections, on files written here in that format and on the shared real ones."""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from core import data
from core.data import dataset_table, readers, safe_pickle
from core.data.readers import columns, manifest, torchvision
from core.errors import BadInput, UnknownName
from core.store import open_store
from tests.conftest import draw_tiny, write_tiny


def png(number: int, side: int = 24) -> bytes:
    buffer = io.BytesIO()
    draw_tiny("circle", number, side).save(buffer, "PNG")
    return buffer.getvalue()


def pictures(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(number))
    return folder


# ------------------------------------------------------------------------------------------- split folders


@pytest.mark.parametrize("prefix", ["", "test/"])
def test_competition_folders(tmp_path: Path, home: Path, prefix: str) -> None:
    root = pictures(
        tmp_path / "contest",
        "train/a/1.png",
        "train/b/2.png",
        f"{prefix}query/a/3.png",
        f"{prefix}query/4.png",
        f"{prefix}gallery/a/5.png",
        f"{prefix}gallery/b/6.png",
    )
    dataset = data.load(root)
    words = dict(zip(dataset.ids.tolist(), dataset_table.split_words(dataset).tolist()))
    assert words[f"{prefix}query/4.png"] == "query" and words["train/a/1.png"] == "train"
    truth = data.relevance(dataset)
    found = {dataset.ids[q]: list(truth.relevant(i)) for i, q in enumerate(dataset.split.queries)}
    a = list(dataset.split.gallery).index(list(dataset.ids).index(f"{prefix}gallery/a/5.png"))
    assert found == {f"{prefix}query/a/3.png": [a], f"{prefix}query/4.png": []}


def test_train_and_test_folders_search_the_test_side(tmp_path: Path, home: Path) -> None:
    dataset = data.load(pictures(tmp_path / "d", "train/a/1.png", "train/b/2.png", "test/a/3.png", "test/a/4.png"))
    assert len(dataset.split.train) == 2 and list(dataset.split.queries) == list(dataset.split.gallery) == [0, 1]
    assert dataset.label_of(0) == "a" and data.relevance(dataset).n_relevant.tolist() == [1, 1]


# ------------------------------------------------------------------------------------------- manifests


def test_the_shared_manifests(shared_data: Path, home: Path) -> None:
    photos = data.load(shared_data / "photos" / "splits.csv")
    assert [len(p) for p in (photos.split.train, photos.split.queries, photos.split.gallery)] == [584, 168, 417]
    several = data.load(shared_data / "multilabel" / "labels.csv")
    assert len(several) == 286 and len(several.label_names) == 80 and several.label_matrix is not None
    truth = data.relevance(several)
    matrix = np.asarray(several.label_matrix.todense(), int)
    shared = matrix @ matrix.T
    np.fill_diagonal(shared, 0)
    assert truth.n_relevant.tolist() == (shared > 0).sum(axis=1).tolist()
    assert truth.gains[: truth.indptr[1]].tolist() == shared[0][shared[0] > 0].tolist()
    shop = data.load(shared_data / "catalogue" / "items.csv")
    assert len(shop) == 471 and len(shop.label_names) == 24 and shop.ids[0] == "24-MB01"
    assert shop.items["title"][0] == "Joust Duffle Bag" and "parent" in shop.items
    by_product = data.load(shared_data / "catalogue" / "items.csv", columns={"instance": "parent", "label": ""})
    assert by_product.relevant_by == "instance" and len(np.unique(by_product.instances)) > 200
    assert (
        data.relevance(by_product).n_relevant
        == pd.Series(by_product.instances).map(pd.Series(by_product.instances).value_counts()).to_numpy() - 1
    ).all()


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_a_manifest_of_any_kind(tmp_path: Path, home: Path, kind: str) -> None:
    pictures(tmp_path / "m", "pics/1.png", "pics/2.png", "pics/3.png")
    frame = pd.DataFrame({"File": [f"pics/{n}.png" for n in (1, 2, 3)], "Class": [7, 7, None], "Note": ["x", "y", "z"]})
    path = tmp_path / "m" / f"list.{kind}"
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame["Class"] = ["7", "7", ""]
        frame.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    dataset = data.load(path)
    assert dataset.label_names == ("7",) and dataset.labels.tolist() == [0, 0, -1]
    assert dataset.items["Note"].tolist() == ["x", "y", "z"]
    assert data.load(dataset.name).fingerprint == dataset.fingerprint


BAD_MANIFESTS = {
    "no path": ("name,label\na,b\n", "no column with the images' paths.*'name', 'label'"),
    "absent": (
        "path,label\n1.png,a\nnope.png,b\nnada.png,c\n",
        r"2 of 3 files do not exist.*row 3: 'nope.png', 'nada.png'",
    ),
    "twice": ("path,label\n1.png,a\n1.png,b\n", r"row 3, column 'path': '1.png' stands in row 2"),
    "empty path": ("path,label\n1.png,a\n,b\n", r"row 3, column 'path': the path is empty"),
    "address": ("path,label\nhttps://example.org/1.png,a\n", "is an address"),
    "split": ("path,split\n1.png,somewhere\n", r"row 2, column 'split': 'somewhere'"),
    "ids": ("image_id,path\nx,1.png\nx,2.png\n", r"row 3, column 'image_id': 'x' stands in row 2"),
    "separators": ("path,label\n1.png;a\n", r"row 2: 1 columns where the header has 2"),
    "header": ("path,label\n", "no rows"),
}


@pytest.mark.parametrize("case", BAD_MANIFESTS)
def test_bad_manifests_get_one_sentence_and_import_nothing(tmp_path: Path, home: Path, case: str) -> None:
    text, sentence = BAD_MANIFESTS[case]
    folder = pictures(tmp_path / "bad", "1.png", "2.png")
    (folder / "list.csv").write_text(text)
    with pytest.raises(BadInput, match=sentence) as caught:
        data.load(folder / "list.csv")
    assert "list.csv" in str(caught.value) and "\n" not in str(caught.value)
    assert data.names() == data.DATASETS.names


def test_rows_without_a_file_can_go_to_the_quarantine(tmp_path: Path, home: Path) -> None:
    folder = pictures(tmp_path / "some", "1.png")
    (folder / "list.csv").write_text("path,label\n1.png,a\nnope.png,b\n")
    dataset = data.load(folder / "list.csv", missing="quarantine")
    assert len(dataset) == 1 and dataset.label_names == ("a",)
    assert dataset.quarantine["reason"].tolist() == ["The file cannot be read: No such file or directory."]


def test_columns_can_be_mapped_by_hand(tmp_path: Path, home: Path) -> None:
    folder = pictures(tmp_path / "mapped", "1.png", "2.png")
    (folder / "list.csv").write_text("where,what,label\n1.png,x,\n2.png,y,\n")
    dataset = data.load(folder / "list.csv", columns={"path": "where", "label": "what"})
    assert dataset.label_names == ("x", "y")
    with pytest.raises(BadInput, match="no column 'there'"):
        data.load(folder / "list.csv", columns={"path": "there"})
    with pytest.raises(BadInput, match="'colour' is no column of ours"):
        data.load(folder / "list.csv", columns={"colour": "what"})


SEVERAL = {
    "marks between paths": "sku,image,kind\na,1.png|2.png|3.png,x\nb,4.png,y\nc,|5.png|5.png,y\n",
    "numbered columns": "sku,picture,picture_2,picture 3,kind\na,1.png,2.png,3.png,x\nb,4.png,,,y\nc,,,5.png,y\n",
    "numbers only": "sku,image_1,image_2,image_3,kind\na,1.png,2.png,3.png,x\nb,,4.png,,y\nc,5.png,,,y\n",
    "a column of further ones": "sku,image,images,kind\na,1.png,2.png|1.png|3.png,x\nb,4.png,,y\nc,,5.png,y\n",
}


@pytest.mark.parametrize("case", SEVERAL)
def test_a_row_may_name_several_pictures(tmp_path: Path, home: Path, case: str) -> None:
    folder = pictures(tmp_path / "shop", *[f"{n}.png" for n in range(1, 6)])
    (folder / "list.csv").write_text(SEVERAL[case])
    dataset = data.load(folder / "list.csv", columns={"label": "kind"})
    assert dataset.ids.tolist() == ["a", "a#2", "a#3", "b", "c"]
    assert [Path(path).name for path in dataset.items["path"]] == [f"{n}.png" for n in range(1, 6)]
    assert dataset.items["picture_of"].tolist() == list("aaabc")
    assert dataset.items["picture_number"].tolist() == [1, 2, 3, 1, 1]
    assert dataset.labels.tolist() == [0, 0, 0, 1, 1] and dataset.instances.tolist() == [0, 0, 0, 1, 2]
    assert "1 row with several images" in dataset.notes
    assert not {"image", "images", "image_2", "picture_2", "picture 3"} & set(dataset.items)


def test_several_pictures_in_a_list_and_columns_that_only_look_so(tmp_path: Path, home: Path) -> None:
    folder = pictures(tmp_path / "shop", "1.png", "2.png", "odd|name.png")
    rows = [
        {"path": ["1.png", "2.png"], "image_2": "https://example.org/2.png", "images": 2},
        {"path": "odd|name.png", "image_2": "https://example.org/3.png", "images": 1},
    ]
    pd.DataFrame(rows).to_json(folder / "list.jsonl", orient="records", lines=True)
    dataset = data.load(folder / "list.jsonl")
    assert dataset.ids.tolist() == ["1.png", "1.png#2", "odd|name.png"]
    assert dataset.items["images"].tolist() == [2, 2, 1] and "image_2" in dataset.items
    assert dataset.relevant_by == "instance" and data.relevance(dataset).n_relevant.tolist() == [1, 1, 0]
    with pytest.raises(BadInput, match="address"):
        data.load(folder / "list.jsonl", name="by hand", columns={"pictures": "image_2"})
    (folder / "plain.csv").write_text("path,image_2\n1.png,2.png\n")
    assert len(data.load(folder / "plain.csv")) == 2
    alone = data.load(folder / "plain.csv", name="alone", columns={"pictures": ""})
    assert len(alone) == 1 and alone.items["image_2"].tolist() == ["2.png"]


def test_a_picture_of_several_that_is_missing(tmp_path: Path, home: Path) -> None:
    folder = pictures(tmp_path / "shop", "1.png", "3.png")
    (folder / "list.csv").write_text("id,image,image_2\na,1.png,nope.png\nb,gone.png,3.png\nc,,\n")
    with pytest.raises(BadInput, match="row 4, column 'image': the path is empty"):
        data.load(folder / "list.csv")
    dataset = data.load(folder / "list.csv", missing="quarantine")
    assert dataset.ids.tolist() == ["a", "b#2"] and len(dataset.quarantine) == 2
    (folder / "list.csv").write_text("id,image,image_2\na,1.png,nope.png\n")
    with pytest.raises(BadInput, match="1 of 2 files do not exist.*row 2: 'nope.png'"):
        data.load(folder / "list.csv", name="refused")


def test_a_dataframe_goes_in(tmp_path: Path, home: Path) -> None:
    folder = pictures(tmp_path / "frame", "1.png", "2.png", "3.png")
    frame = pd.DataFrame({"filepath": [str(folder / f"{n}.png") for n in (1, 2, 3)], "tags": [["a", "b"], ["b"], []]})
    dataset = data.from_dataframe(frame, "mine")
    assert dataset.label_matrix.sum() == 3 and data.load("mine").fingerprint == dataset.fingerprint
    assert data.relevance(dataset).n_relevant.tolist() == [1, 1, 0]


cell = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="|"), max_size=6)
cell = cell.map(str.strip).filter(lambda text: not text or columns.labels_of([text])[0] == [(text,)])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.sets(cell.filter(bool), max_size=3), st.sampled_from(["train", "query", "gallery"])),
        min_size=1,
        max_size=8,
    ),
    order=st.permutations(["path", "labels", "split", "title"]),
)
def test_any_manifest_survives_the_way_through_a_file(tmp_path: Path, rows: list, order: list[str]) -> None:
    pictures(tmp_path, *[f"{n}.png" for n in range(8)])
    frame = pd.DataFrame(
        {
            "path": [f"{n}.png" for n in range(len(rows))],
            "labels": ["|".join(sorted(labels)) for labels, _ in rows],
            "split": [split for _, split in rows],
            "title": [f'no {n}, "quoted"; ä' for n in range(len(rows))],
        }
    )[order]
    frame.to_csv(tmp_path / "any.csv", index=False)
    listing = manifest.manifest(tmp_path / "any.csv")
    assert listing.ids == [f"{n}.png" for n in range(len(rows))]
    assert [set(labels) for labels in listing.labels or [()] * len(rows)] == [labels for labels, _ in rows]
    assert listing.splits == [split for _, split in rows] and listing.extra["title"] == frame["title"].tolist()


@settings(max_examples=100)
@given(
    names=st.lists(
        st.sampled_from(sum(columns.USUAL.values(), ()) + ("foo", "Path ", "LABEL")), min_size=1, unique=True
    )
)
def test_guessed_columns_are_there_and_used_once(names: list[str]) -> None:
    found = columns.guess_columns(names)
    assert set(found.values()) <= set(names) and len(set(found.values())) == len(found)
    assert all(theirs.strip().lower() in columns.USUAL[ours] for ours, theirs in found.items())
    for ours, usual in columns.USUAL.items():
        if any(name.strip().lower() in usual for name in names):
            assert ours in found or ours in (
                "label",
                "labels",
                "title",
                "description",
                "id",
                "path",
                "instance",
                "split",
            )


# ------------------------------------------------------------------------------------------- published formats


def test_hugging_face_image_folder(tmp_path: Path, home: Path) -> None:
    folder = pictures(tmp_path / "hf", "train/1.png", "train/2.png", "test/3.png")
    (folder / "train" / "metadata.csv").write_text("file_name,text\n1.png,one\n2.png,two\n")
    (folder / "test" / "metadata.jsonl").write_text('{"file_name": "3.png", "text": "three"}\n')
    dataset = data.load(folder)
    assert dataset.items["description"].tolist() == ["three", "one", "two"] or dataset.items[
        "description"
    ].tolist() == ["one", "two", "three"]
    assert len(dataset.split.train) == 2 and len(dataset.split.queries) == 1


def test_coco(tmp_path: Path, home: Path) -> None:
    folder = pictures(tmp_path / "coco", "val2017/a.png", "val2017/b.png", "val2017/c.png")
    (folder / "annotations").mkdir()
    content = {
        "images": [{"id": n, "file_name": f"{name}.png"} for n, name in ((5, "a"), (6, "b"), (7, "c"))],
        "categories": [{"id": 1, "name": "dog"}, {"id": 9, "name": "cat"}],
        "annotations": [{"image_id": 5, "category_id": c} for c in (1, 9, 1)] + [{"image_id": 6, "category_id": 9}],
    }
    path = folder / "annotations" / "instances_val2017.json"
    path.write_text(json.dumps(content))
    dataset = data.load(path)
    assert [dataset.label_of(i) for i in range(3)] == ["cat, dog", "cat", ""]
    assert data.relevance(dataset).n_relevant.tolist() == [1, 1, 0]
    path.write_text(json.dumps({**content, "annotations": [{"image_id": 99, "category_id": 1}]}))
    with pytest.raises(BadInput, match="annotates image 99"):
        data.load(path)
    path.write_text('{"images": 3, "annotations": []}')
    with pytest.raises(BadInput, match="no COCO file"):
        data.load(path)


VOC = "<annotation><object><name>{}</name></object><object><name>{}</name></object></annotation>"


def test_pascal_voc(tmp_path: Path, home: Path) -> None:
    folder = pictures(tmp_path / "VOC", "JPEGImages/1.png", "JPEGImages/2.png", "JPEGImages/3.png")
    (folder / "Annotations").mkdir()
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    for number, names in ((1, ("cat", "cat")), (2, ("cat", "dog")), (3, ("dog", "dog"))):
        (folder / "Annotations" / f"{number}.xml").write_text(VOC.format(*names))
    dataset = data.load(folder)
    assert [dataset.label_of(i) for i in range(3)] == ["cat", "cat, dog", "dog"] and dataset.split.is_self_retrieval
    (folder / "ImageSets" / "Main" / "train.txt").write_text("1\n")
    (folder / "ImageSets" / "Main" / "val.txt").write_text("2\n3\n")
    dataset = data.load(folder)
    assert len(dataset.split.train) == 1 and len(dataset.split.queries) == 2
    assert len(data.load(folder, image_set="train")) == 1
    with pytest.raises(BadInput, match="no list 'nope'"):
        data.load(folder, image_set="nope")
    (folder / "Annotations" / "2.xml").write_text('<!DOCTYPE a [<!ENTITY x "y">]><annotation>&x;</annotation>')
    with pytest.raises(BadInput, match="declares entities"):
        data.load(folder)


def ground_truth(folder: Path) -> Path:
    pictures(folder, *[f"jpg/{name}.png" for name in ("q0", "d0", "d1", "d2", "d3")])
    content = {
        "imlist": ["d0", "d1", "d2", "d3"],
        "qimlist": ["q0"],
        "gnd": [{"bbx": [2.0, 3.0, 20.0, 21.0], "easy": np.array([0]), "hard": [1], "junk": np.array([3])}],
    }
    path = folder / "gnd_tiny.pkl"
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path


@pytest.mark.parametrize(
    ("protocol", "relevant", "junk"), [("easy", [0], [1, 3]), ("medium", [0, 1], [3]), ("hard", [1], [0, 3])]
)
def test_revisited_ground_truth(tmp_path: Path, home: Path, protocol: str, relevant: list, junk: list) -> None:
    dataset = data.load(ground_truth(tmp_path / "tiny5k"), protocol=protocol)
    truth = data.relevance(dataset)
    assert list(truth.relevant(0)) == relevant and list(truth.junk(0)) == junk
    assert len(dataset.split.gallery) == 4 and dataset.relevant_by == "pairs"
    query = int(dataset.split.queries[0])
    shown = data.images.open_rgb(data.read_bytes(dataset, query))
    whole = Image.open(dataset.items["path"][query]).convert("RGB")
    assert shown.size == (18, 18) and shown.getpixel((0, 0)) == whole.getpixel((2, 3))
    assert (dataset.items["width"][query], dataset.items["height"][query]) == (18, 18)
    assert data.load(dataset.name).fingerprint == dataset.fingerprint


class Shell:
    def __reduce__(self):
        return (os.system, ("echo executed > executed",))


@pytest.mark.parametrize(
    "held", [Shell(), {"gnd": Shell()}, np.array([Shell()], object), [print], Path("x"), SimpleNamespace()]
)
def test_a_pickle_that_would_execute_something_is_refused(tmp_path: Path, held: object) -> None:
    path = tmp_path / "gnd_evil.pkl"
    path.write_bytes(pickle.dumps(held))
    with pytest.raises(BadInput, match="was not loaded"):
        safe_pickle.load(path)
    assert not (Path.cwd() / "executed").exists() and not (tmp_path / "executed").exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_pickles_are_read_as_they_are(tmp_path: Path, protocol: int) -> None:
    held = {"a": [1, 2.5, "text", None, True], "b": (np.arange(5), np.float32(2), np.array([[1.5]]))}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(held, protocol=protocol))
    found = safe_pickle.load(tmp_path / "x.pkl")
    assert found["a"] == held["a"] and found["b"][0].tolist() == [0, 1, 2, 3, 4] and found["b"][1] == 2


@pytest.mark.parametrize("damage", [b"", b"\x80\x04", b"nonsense", b"\x80\x04]q\x00(K\x01"])
def test_damaged_pickles(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "x.pkl").write_bytes(damage)
    with pytest.raises(BadInput):
        safe_pickle.load(tmp_path / "x.pkl")


# ------------------------------------------------------------------------------------------- archives


def tar(path: Path, members: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return path


def test_webdataset(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    tar(folder / "train-000.tar", {"0001.png": png(1), "0001.cls": b"3", "0002.png": png(2), "0002.cls": b"4"})
    tar(
        folder / "val-000.tar",
        {
            "a/0001.png": png(3),
            "a/0001.json": json.dumps({"label": 3, "caption": "three"}).encode(),
            "a/0002.png": png(4),
            "a/0002.cls": b"4",
            "a/0003.png": b"broken",
            "a/0004.txt": b"no picture",
        },
        {"a/0005.png": "/etc/passwd"},
    )
    dataset = data.load(folder)
    assert dataset.ids.tolist() == [
        "train-000.tar/0001",
        "train-000.tar/0002",
        "val-000.tar/a/0001",
        "val-000.tar/a/0002",
    ]
    assert [dataset.label_of(i) for i in range(4)] == ["3", "4", "3", "4"]
    assert len(dataset.split.train) == 2 and dataset.items["description"][2] == "three"
    assert [data.read_bytes(dataset, i) for i in range(4)] == [png(n) for n in (1, 2, 3, 4)]
    assert sorted(dataset.quarantine["reason"]) == [
        "This is not an image, or its header is damaged.",
        "This member is a link or a device, not a file.",
    ]
    again = data.load(folder)
    assert again is dataset
    assert len(open_store().thumbnail_or_make(dataset, 3)) > 50


def test_archives_that_leave_their_folder_or_are_packed(tmp_path: Path, home: Path) -> None:
    for name in ("../evil.png", "/etc/evil.png", "a/../../evil.png"):
        with pytest.raises(BadInput, match="leaves its folder"):
            data.load(tar(tmp_path / "evil.tar", {name: png(1)}))
    with tarfile.open(tmp_path / "packed.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    with pytest.raises(BadInput, match="is compressed; unpack it"):
        data.load(tmp_path / "packed.tar.gz")
    (tmp_path / "cut.tar").write_bytes(b"not a tar at all")
    with pytest.raises(BadInput, match="is damaged"):
        data.load(tmp_path / "cut.tar")
    with pytest.raises(BadInput, match="no image"):
        data.load(tar(tmp_path / "empty.tar", {"a.txt": b"words"}))


# ------------------------------------------------------------------------------------------- torchvision


def test_torchvision_says_what_is_missing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match=r"No torchvision dataset is named 'Nope'.*Caltech-101"):
        data.load("torchvision:Nope")

    def offline(kind: str, *_: object) -> None:
        raise OSError("no network")

    from core.compat import ensure_torchvision

    ensure_torchvision()
    from torchvision import datasets

    monkeypatch.setattr(datasets, "Flowers102", lambda *a, **k: offline("Flowers102"))
    with pytest.raises(BadInput, match=r"Flowers-102 is not on this machine.*no network"):
        data.load("torchvision:flowers102")


def test_torchvision_collections_become_listings(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(kind: str, folder: Path, arguments: dict, name: str) -> SimpleNamespace:
        if kind == "CIFAR10":
            values = np.random.default_rng(int(arguments["train"])).integers(0, 255, (4, 8, 8, 3), np.uint8)
            return SimpleNamespace(data=values, targets=[0, 1, 0, 1], classes=["plane", "car"])
        folder = write_tiny(folder / arguments["split"], 2, ("circle", "grid"))
        files = sorted(folder.rglob("*.png"))
        return SimpleNamespace(_image_files=files, _labels=[0, 0, 1, 1], classes=["round", "square"])

    monkeypatch.setattr(torchvision, "_fetch", fake)
    cifar = data.load("torchvision:cifar-10")
    assert len(cifar) == 8 and cifar.label_names == ("car", "plane") and len(cifar.split.train) == 4
    flowers = data.load("torchvision:Flowers-102")
    assert flowers.label_names == ("round", "square") and len(flowers.split.queries) == 4
    assert data.rescan("Flowers-102") is data.load("Flowers-102")


# ------------------------------------------------------------------------------------------- vectors


def test_vectors_of_others_become_backbones_of_a_dataset(tiny_world, tmp_path: Path) -> None:
    dataset = tiny_world.dataset
    rows = np.random.default_rng(3).normal(size=(60, 5))
    order = np.random.default_rng(4).permutation(60)
    np.savez(tmp_path / "theirs.npz", vectors=rows[order], ids=dataset.ids[order])
    np.save(tmp_path / "plain.npy", rows[:, :2])
    data.add_vectors("tiny", {"theirs": tmp_path / "theirs.npz", "plain": tmp_path / "plain.npy"})
    found = data.attached_vectors.backbones(dataset)
    assert [(b.name, b.dim, b.source) for b in found] == [("plain", 2, "vectors"), ("theirs", 5, "vectors")]
    held = open_store().embeddings(dataset, "theirs", "any", 5)
    assert np.allclose(held.vectors, rows / np.linalg.norm(rows, axis=1, keepdims=True), atol=1e-6)
    smaller = data.quarantine("tiny", {str(dataset.ids[0]): "gone"})
    assert np.array_equal(data.attached_vectors.vectors(smaller, "theirs"), held.vectors[1:])
    np.save(tmp_path / "short.npy", rows[:5])
    with pytest.raises(BadInput, match=r"short.npy has 5 rows, the dataset 'tiny' has 59"):
        data.add_vectors("tiny", {"short": tmp_path / "short.npy"})
    data.attached_vectors.detach("tiny", "theirs")
    assert [b.name for b in data.attached_vectors.backbones("tiny")] == ["plain"]


def test_a_dataset_of_vectors_alone(tmp_path: Path, home: Path) -> None:
    np.save(tmp_path / "a.npy", np.eye(4))
    (tmp_path / "labels.csv").write_text("id,label\nw,x\nx,x\ny,z\nz,z\n")
    dataset = data.add_vectors("abstract", {"a": tmp_path / "a.npy"}, tmp_path / "labels.csv")
    assert len(dataset) == 4 and data.load("abstract").label_names == ("x", "z")
    assert open_store().embeddings(dataset, "a", "", 4).vectors.shape == (4, 4)
    with pytest.raises(BadInput, match="has no image"):
        data.read_bytes(dataset, 0)
    with pytest.raises(BadInput, match="was made from"):
        data.rescan("abstract")


def test_every_reader_describes_itself() -> None:
    assert {
        "folder",
        "split_folders",
        "manifest",
        "coco",
        "voc",
        "revisited",
        "webdataset",
        "huggingface",
        "torchvision",
    } <= set(readers.known())
    for reader in readers.READERS:
        assert reader.label and callable(reader.function) and not reader.detects(Path(sys.executable))
    with pytest.raises(UnknownName):
        readers.choose(Path("."), "nope")
