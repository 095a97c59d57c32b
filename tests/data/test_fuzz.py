"""Whatever lies in a folder or a file of vectors, it is read, or refused in one sentence: nothing else comes out.

`FUSIONSCOPE_FUZZ=600` runs the same for 600 seconds in all instead of a handful of examples.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from core import data
from core.data import vector_files
from core.errors import CoreError
from tests.data.sources import COCO, READ_AS, jpeg

SECONDS = float(os.environ.get("FUSIONSCOPE_FUZZ", 0))
N_TESTS = 7
EXAMPLES = int(SECONDS * 4) or 25
QUICK = settings(
    max_examples=EXAMPLES,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)

text = st.text(max_size=12)
name = st.one_of(
    st.sampled_from(["a", "b 10", "train", "test", "val", "images", "labels", "Annotations", "annotations", "@eaDir"]),
    st.text(st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=8),
)
ending = st.sampled_from(
    ["", ".jpg", ".png", ".txt", ".xml", ".json", ".csv", ".tar", ".parquet", ".yaml", ".heic", ".JPG"]
)
number = st.one_of(st.integers(), st.floats(), st.sampled_from([2**63, -(2**63), 10**30, 1e308, float("nan")]))
cell = st.one_of(
    text,
    number,
    st.none(),
    st.booleans(),
    st.lists(st.one_of(text, number), max_size=3),
    st.dictionaries(text, number, max_size=2),
    st.sampled_from(
        ["0.jpg", "a/0.jpg", "train", "query", "nan", "['x', 'y']", "C:\\a\\0.jpg", "file:///0.jpg", "x|y", "\\", "/"]
    ),
)
header = st.sampled_from(
    ["path", "file_name", "image", "image_2", "images", "label", "labels", "y", "x", "id", "sku", "split", "fold", "title", "instance", "", "0", "1", "offset", "crop_left", "crop_right", "table_row", "member_size"]
)  # fmt: skip
table = st.dictionaries(header, st.lists(cell, min_size=1, max_size=4), min_size=1, max_size=6)
tree = st.recursive(
    st.one_of(number, text, st.none(), st.sampled_from([0, 1, "0.jpg", "a", "1.jpg"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "images",
                    "annotations",
                    "categories",
                    "id",
                    "image_id",
                    "category_id",
                    "file_name",
                    "name",
                    "bbox",
                    "caption",
                    "segments_info",
                    "names",
                    "label",
                    "labels",
                ]
            ),  # fmt: skip
            inner,
            max_size=4,
        ),
    ),
    max_leaves=20,
)
content = st.one_of(
    st.integers(0, 5).map(jpeg),
    st.integers(0, 5).map(lambda n: jpeg(n)[:-2]),
    st.binary(max_size=60),
    text.map(lambda t: t.encode("utf-8", "replace")),
    tree.map(lambda t: json.dumps(t).encode()),
    st.sampled_from(
        [
            b"<annotation><object><name>a</name><bndbox><xmin>x</xmin></bndbox></object></annotation>",
            b"0 0.5 0.5 1 1\n",
            b"1 nan inf 1 1",
            b"names: [a, b]",
            b"names: 3",
            b"PK\x03\x04",
            b"version https://git-lfs",
        ]
    ),  # fmt: skip
)


class Clock:
    """When the present test began; each has its share of a long run."""

    began = 0.0


def enough() -> bool:
    """Whether this test has used its share of a long run: what is left is passed over."""
    return bool(SECONDS) and time.monotonic() - Clock.began > SECONDS / N_TESTS


def only_sentences(work: Callable[[], object]) -> None:
    try:
        work()
    except CoreError as error:
        assert str(error).strip() and "\n" not in str(error), repr(str(error))
        str(error).encode()


def read_whole(path: Path, **options: object) -> None:
    """Read a source, look at it again, and at every image."""
    dataset = data.load(path, name="fuzz", **options)
    assert data.load("fuzz").fingerprint == dataset.fingerprint
    data.relevance(dataset)
    for position in range(len(dataset)):
        only_sentences(lambda position=position: data.read_checked(dataset, position))
    data.remarks("fuzz")


@pytest.fixture
def place(tmp_path: Path, home: Path) -> Callable[[], Path]:
    """A fresh folder for each example, and no dataset from the last one."""
    Clock.began = time.monotonic()

    def fresh() -> Path:
        shutil.rmtree(home / "datasets", ignore_errors=True)
        return Path(tempfile.mkdtemp(dir=tmp_path))

    return fresh


def write(folder: Path, files: dict[tuple[str, ...], bytes]) -> None:
    for parts, bytes_ in files.items():
        path = folder.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes_)
        except (OSError, ValueError):
            continue  # this system takes no such name


files = st.dictionaries(
    st.tuples(st.lists(name, max_size=2), name, ending).map(lambda t: (*t[0], t[1] + t[2])), content, max_size=8
)


@seed(1)
@QUICK
@given(
    tree_of_files=files, reader=st.sampled_from([None, "folder", "split_folders", "yolo", "voc", "coco", "webdataset"])
)
def test_any_folder(place: Callable[[], Path], tree_of_files: dict, reader: str | None) -> None:
    if enough():
        return
    folder = place()
    write(folder, tree_of_files)
    only_sentences(lambda: read_whole(folder, reader=reader))


@seed(2)
@QUICK
@given(
    columns=table,
    kind=st.sampled_from(["csv", "jsonl", "parquet"]),
    mark=st.sampled_from(",;\t"),
    missing=st.booleans(),
)
def test_any_manifest(place: Callable[[], Path], columns: dict, kind: str, mark: str, missing: bool) -> None:
    if enough():
        return
    folder = place()
    write(folder, {("0.jpg",): jpeg(0), ("a", "0.jpg"): jpeg(1)})
    rows = max(len(values) for values in columns.values())
    filled = {key: (values * rows)[:rows] for key, values in columns.items()}
    path = folder / f"list.{kind}"
    try:
        if kind == "csv":
            buffer = io.StringIO()
            csv.writer(buffer, delimiter=mark).writerows([list(filled), *zip(*filled.values())])
            path.write_text(buffer.getvalue(), encoding="utf-8", errors="replace")
        elif kind == "jsonl":
            lines = (json.dumps(dict(zip(filled, row))) for row in zip(*filled.values()))
            path.write_text("\n".join(lines))
        else:
            pd.DataFrame(filled).to_parquet(path)
    except Exception:  # pandas cannot write these cells, so nobody has such a file
        return
    options = {"missing": "quarantine"} if missing else {}
    only_sentences(lambda: read_whole(path, **options))


@seed(3)
@QUICK
@given(
    raw=content, kind=st.sampled_from([".csv", ".tsv", ".jsonl", ".json", ".parquet", ".tar", ".pkl", ".xlsx", ".npz"])
)
def test_any_bytes_under_any_ending(place: Callable[[], Path], raw: bytes, kind: str) -> None:
    if enough():
        return
    path = place() / f"x{kind}"
    path.write_bytes(raw)
    only_sentences(lambda: read_whole(path))
    only_sentences(lambda: vector_files.read(path))


@seed(4)
@QUICK
@given(
    members=st.lists(st.tuples(name, st.sampled_from(["", "/x", "/../x"]), ending, content), max_size=6),
    cut=st.integers(0, 3000),
)
def test_any_archive(place: Callable[[], Path], members: list, cut: int) -> None:
    if enough():
        return
    path = place() / "x.tar"
    with tarfile.open(path, "w") as archive:
        for first, inner, last, bytes_ in members:
            info = tarfile.TarInfo(f"{first}{inner}{last}")
            info.size = len(bytes_)
            archive.addfile(info, io.BytesIO(bytes_))
    only_sentences(lambda: read_whole(path))
    path.write_bytes(path.read_bytes()[: -cut or None])
    only_sentences(lambda: read_whole(path))


@seed(6)
@QUICK
@given(
    case=st.sampled_from(sorted(READ_AS)),
    which=st.integers(0, 20),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 3), st.binary(max_size=4)), min_size=1, max_size=4),
)
def test_any_damage_to_a_good_source(place: Callable[[], Path], case: str, which: int, changes: list) -> None:
    if enough():
        return
    source = READ_AS[case][0](place() / "set")
    folder = source if source.is_dir() else source.parent
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    path = paths[which % len(paths)]
    raw = path.read_bytes()
    for at, gone, more in changes:
        at %= len(raw) + 1
        raw = raw[:at] + more + raw[at + gone :]
    path.write_bytes(raw)
    only_sentences(lambda: read_whole(source))


leaf = st.one_of(number, text, st.none(), st.lists(number, max_size=5), st.dictionaries(text, number, max_size=2))


@seed(7)
@QUICK
@given(
    part=st.sampled_from(sorted(COCO)),
    row=st.integers(0, 3),
    key=st.sampled_from(["id", "file_name", "name", "image_id", "category_id", "bbox", "caption", "segments_info"]),
    value=leaf,
    objects=st.booleans(),
)
def test_any_value_in_annotations(
    place: Callable[[], Path], part: str, row: int, key: str, value: object, objects: bool
) -> None:
    if enough():
        return
    folder = place()
    write(folder, {(f"{n}.jpg",): jpeg(n) for n in range(4)})
    rows = [dict(one) for one in COCO[part]]
    rows[row % len(rows)][key] = value
    (folder / "instances.json").write_text(json.dumps({**COCO, part: rows}))
    only_sentences(lambda: read_whole(folder / "instances.json", objects=objects))


@seed(5)
@QUICK
@given(
    columns=st.dictionaries(header, st.lists(st.one_of(number, text), min_size=1, max_size=3), min_size=1, max_size=6),
    kind=st.sampled_from(["csv", "parquet", "npz", "npy", "safetensors"]),
    shape=st.lists(st.integers(0, 4), max_size=4),
    dtype=st.sampled_from(["f2", "f4", "f8", "i8", "u1", "?", "c8", "S3", "U2", "O", "M8[s]"]),
    damage=st.integers(0, 200),
)
def test_any_file_of_vectors(
    place: Callable[[], Path], columns: dict, kind: str, shape: list[int], dtype: str, damage: int
) -> None:
    if enough():
        return
    path = place() / f"v.{kind}"
    rows = max(len(values) for values in columns.values())
    frame = {key: (values * rows)[:rows] for key, values in columns.items()}
    try:
        array = np.zeros(shape, dtype)
        if kind == "csv":
            pd.DataFrame(frame).to_csv(path, index=bool(damage % 2))
        elif kind == "parquet":
            pd.DataFrame(frame).to_parquet(path)
        elif kind == "npz":
            np.savez(path, **{key or "x": np.array(values) for key, values in frame.items()}, vectors=array)
        elif kind == "npy":
            np.save(path, array)
        else:
            from safetensors.numpy import save_file

            save_file({"vectors": array}, path)
    except Exception:  # no library writes this, so nobody has such a file
        return
    only_sentences(lambda: vector_files.read(path))
    raw = bytearray(path.read_bytes())
    if raw:
        raw[damage % len(raw)] ^= 0xFF
        path.write_bytes(bytes(raw))
        only_sentences(lambda: vector_files.read(path))
    (path.parent / "labels.csv").write_text("id,label\n0,a\n1,b\n2,a\n")
    only_sentences(lambda: data.external_vectors.read({"v": path}, path.parent / "labels.csv"))
