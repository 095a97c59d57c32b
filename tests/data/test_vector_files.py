"""Vectors of other programs: only their numbers are read, in the order of their ids, or one sentence says why not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core import data
from core.data import vector_files
from core.errors import BadInput
from tests.data.sources import Made

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
    began = time.process_time()
    with pytest.raises(BadInput, match="'i199998' twice"):
        data.external_vectors.vector_files.read(tmp_path / "v.npz")
    assert time.process_time() - began < 5


def as_text(array: np.ndarray) -> str:
    return np.array2string(array, max_line_width=60)


@pytest.mark.parametrize("written", [lambda row: str(row.tolist()), as_text, lambda row: json.dumps(row.tolist())])
@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_a_vector_in_one_cell_is_read_as_pandas_writes_it(
    tmp_path: Path, written: Callable[[np.ndarray], str], ending: str
) -> None:
    rows = np.random.default_rng(0).normal(size=(5, 24)).round(5)
    path = tmp_path / f"vectors.{ending}"
    frame = pd.DataFrame({"id": list("abcde"), "label": [0, 0, 1, 1, 2], "embedding": [written(row) for row in rows]})
    frame.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    found = vector_files.read(path)
    assert found.ids == tuple("abcde")
    np.testing.assert_allclose(found.rows, rows, atol=1e-9)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("[0.1 0.2 ... 0.3]", "numbers were left out"),
        ("[0.1, cat]", "not a list"),
        ("[]", "not a list"),
        ("[1, 2]", "2 numbers"),
    ],
)
def test_a_cell_that_is_no_whole_vector_is_named(tmp_path: Path, cell: str, words: str) -> None:
    path = tmp_path / "vectors.csv"
    pd.DataFrame({"id": ["a", "b"], "vector": ["[1, 2, 3]", cell]}).to_csv(path, index=False)
    with pytest.raises(BadInput, match=f"row 3, column 'vector'.*{words}"):
        vector_files.read(path)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("counted", [True, False])
def test_a_list_that_says_something_about_an_image_is_no_vector(tmp_path: Path, counted: bool, ending: str) -> None:
    rows = np.random.default_rng(0).normal(size=(3, 6)).round(5)
    about = pd.DataFrame(
        {"id": list("abc"), "bbox" if counted else "labels": [[1, 2, 3, 4], [5, 6, 7, 8], [1, 1, 2, 2]]}
    )
    vectors = {f"f{at}": rows[:, at] for at in range(6)} if counted else {"embedding": rows.tolist()}
    path, frame = tmp_path / f"vectors.{ending}", about.assign(**vectors)
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    np.testing.assert_allclose(vector_files.read(path).rows, rows, atol=1e-9)
    more = frame.assign(vector=[[*row, 0.5, *row] for row in rows.tolist()]).drop(columns=[*about][1:], errors="ignore")
    if counted:
        more.to_csv(path, index=False) if ending == "csv" else more.to_parquet(path)
        assert vector_files.read(path).rows.shape == (3, 13), "the longer one is the vector"


def test_a_file_of_torch_is_told_what_to_save_instead(tmp_path: Path) -> None:
    path = tmp_path / "vectors.pt"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(BadInput, match=r"numpy.savez\(.vectors.npz., ids=ids"):
        vector_files.read(path)
