"""The black-box door: what goes in, and one sentence for everything that cannot."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import data
from core.data import external_vectors
from core.data.readers import columns
from core.errors import BadInput

ROWS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def table(folder: Path, text: str, name: str = "labels.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return table(tmp_path, "id,label\na,cat\nb,dog\nc,cat|dog\nd,\ne,cat\n")


@pytest.fixture
def single(tmp_path: Path) -> Path:
    return table(tmp_path, "id,label\na,cat\nb,dog\nc,cat\nd,\ne,cat\n", "single.csv")


def npy(folder: Path, rows: np.ndarray = ROWS, name: str = "a.npy") -> Path:
    np.save(folder / name, rows)
    return folder / name


def test_labels_of_several_names_and_none(tmp_path: Path, labels: Path) -> None:
    dataset, rows = external_vectors.read({"a": npy(tmp_path)}, labels)
    assert dataset.label_names == ("cat", "dog") and list(dataset.ids) == list("abcde")
    assert dataset.label_of(2) == "cat, dog" and dataset.label_of(3) == ""
    assert np.array_equal(rows["a"], ROWS)
    truth = data.relevance(dataset)
    assert list(truth.n_relevant) == [2, 1, 3, 0, 2]
    assert list(truth.relevant(2)) == [0, 1, 4]


def test_a_split_says_who_asks(tmp_path: Path) -> None:
    path = table(tmp_path, "id,label,split\na,x,query\nb,x,gallery\nc,x,query|gallery\nd,y,gallery\ne,,gallery\n")
    dataset, _ = external_vectors.read({"a": npy(tmp_path)}, path)
    assert list(dataset.split.queries) == [0, 2] and list(dataset.split.gallery) == [1, 2, 3, 4]
    truth = data.relevance(dataset)
    assert list(truth.self_position) == [-1, 1] and list(truth.n_relevant) == [2, 1]


def test_pairs_replace_absent_labels_and_complete_given_ones(tmp_path: Path, single: Path) -> None:
    pairs = table(tmp_path, "query_id,item_id,kind\na,b,relevant\na,d,junk\nd,e,relevant\n", "pairs.csv")
    dataset, _ = external_vectors.read({"a": npy(tmp_path)}, single, pairs)
    truth = data.relevance(dataset)
    assert [list(truth.relevant(q)) for q in range(5)] == [[1, 2, 4], [], [0, 4], [4], [0, 2]]
    assert list(truth.junk(0)) == [3]
    bare = table(tmp_path, "id,label\na,\nb,\nc,\nd,\ne,\n", "bare.csv")
    dataset, _ = external_vectors.read({"a": npy(tmp_path)}, bare, pairs)
    truth = data.relevance(dataset)
    assert [list(truth.relevant(q)) for q in range(5)] == [[1], [], [], [4], []]


def test_pairs_come_on_top_of_several_labels(tmp_path: Path, labels: Path) -> None:
    pairs = table(tmp_path, "query_id,item_id,kind\na,b,relevant\na,c,relevant\n", "pairs.csv")
    truth = data.relevance(external_vectors.read({"a": npy(tmp_path)}, labels, pairs)[0])
    assert list(truth.relevant(0)) == [1, 2, 4] and truth.gains is not None


def test_relevant_and_junk_at_once_is_an_error(tmp_path: Path, single: Path) -> None:
    both = table(tmp_path, "query_id,item_id,kind\na,b,relevant\na,b,junk\n", "pairs.csv")
    with pytest.raises(BadInput, match=r"row 3: 'b' is junk for 'a', but row 2 says relevant"):
        external_vectors.read({"a": npy(tmp_path)}, single, both)
    label = table(tmp_path, "query_id,item_id,kind\na,c,junk\n", "pairs.csv")
    dataset, _ = external_vectors.read({"a": npy(tmp_path)}, single, label)
    with pytest.raises(BadInput, match="both relevant and junk"):
        data.relevance(dataset)


def test_invalid_rows_are_refused_or_leave_every_backbone(tmp_path: Path, single: Path) -> None:
    bad = ROWS.copy()
    bad[1, 0], bad[4, 2] = np.nan, np.inf
    given = {"a": npy(tmp_path), "b": npy(tmp_path, bad, "b.npy")}
    with pytest.raises(BadInput, match=r"b.npy.*in 2 of 5 rows, ids 'b', 'e'"):
        external_vectors.read(given, single)
    dataset, rows = external_vectors.read(given, single, invalid="drop")
    assert list(dataset.ids) == ["a", "c", "d"] and [len(one) for one in rows.values()] == [3, 3]
    assert list(data.relevance(dataset).n_relevant) == [1, 1, 0]


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 2, 0, 1, 3]])
@pytest.mark.parametrize("ending", ["npz", "parquet", "columns.parquet", "csv", "safetensors"])
def test_every_kind_of_file_by_id_or_by_row(tmp_path: Path, single: Path, ending: str, order: list[int]) -> None:
    ids, path = np.array(list("abcde"))[order], tmp_path / f"v.{ending}"
    rows = ROWS[order]
    if ending == "npz":
        np.savez(path, vectors=rows, ids=ids)
    elif ending == "parquet":
        pd.DataFrame({"id": ids, "embedding": list(rows)}).to_parquet(path)
    elif ending == "columns.parquet":
        pd.DataFrame({"id": ids, **{f"d{i}": rows[:, i] for i in range(3)}}).to_parquet(path)
    elif ending == "csv":
        pd.DataFrame({"id": ids, **{f"d{i}": rows[:, i] for i in range(3)}}).to_csv(path, index=False)
    else:
        from safetensors.numpy import save_file

        save_file({"vectors": ROWS}, path)
    _, found = external_vectors.read({"v": path}, single)
    assert np.allclose(found["v"], ROWS, atol=1e-6)


def test_a_csv_without_header_is_read_by_row(tmp_path: Path, single: Path) -> None:
    np.savetxt(tmp_path / "v.csv", ROWS, delimiter=",")
    _, found = external_vectors.read({"v": tmp_path / "v.csv"}, single)
    assert np.allclose(found["v"], ROWS)


def test_float64_stays_float64_and_half_becomes_single(tmp_path: Path, single: Path) -> None:
    given = {
        "a": npy(tmp_path, ROWS.astype(np.float64)),
        "b": npy(tmp_path, ROWS.astype(np.float16), "b.npy"),
        "c": npy(tmp_path, np.arange(15, dtype=np.int32).reshape(5, 3), "c.npy"),
    }
    _, rows = external_vectors.read(given, single)
    assert [one.dtype for one in rows.values()] == [np.float64, np.float32, np.float32]


class Evil:
    def __reduce__(self):
        return (Path("/nonexistent").touch, ())


BAD_VECTORS = {
    "rows": (lambda p: np.save(p, ROWS[:4]), r"v.npy has 4 rows, .*labels.csv has 5"),
    "flat": (lambda p: np.save(p, ROWS[:, 0]), r"shape \(5,\)"),
    "text": (lambda p: np.save(p, np.full((5, 3), "x")), r"type <U1"),
    "complex": (lambda p: np.save(p, ROWS.astype(complex)), r"type complex128"),
    "flags": (lambda p: np.save(p, ROWS > 0), r"type bool"),
    "pickle": (lambda p: np.save(p, np.array([Evil()] * 5, object), allow_pickle=True), "Python objects"),
    "empty": (lambda p: p.write_bytes(b""), "cannot be read as vectors"),
    "cut off": (lambda p: (np.save(p, ROWS), p.write_bytes(p.read_bytes()[:-9])), "cannot be read as vectors"),
    "garbage": (lambda p: p.write_bytes(b"\x93NUMPYgarbage"), "cannot be read as vectors"),
}


@pytest.mark.parametrize("case", BAD_VECTORS)
def test_bad_vector_files_get_one_sentence(tmp_path: Path, labels: Path, case: str) -> None:
    write, sentence = BAD_VECTORS[case]
    write(tmp_path / "v.npy")
    with pytest.raises(BadInput, match=sentence) as caught:
        external_vectors.read({"v": tmp_path / "v.npy"}, labels)
    assert "\n" not in str(caught.value) and "v.npy" in str(caught.value)


def test_a_zip_bomb_is_not_opened(tmp_path: Path, labels: Path) -> None:
    path = tmp_path / "v.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("vectors.npy", "w") as member:
        for _ in range(100):
            member.write(bytes(2**20))
    with pytest.raises(BadInput, match="would grow"):
        external_vectors.read({"v": path}, labels)


BAD_LABELS = {
    "no id": ("name,label\na,x\n", "no column 'id'"),
    "no label": ("id,class\na,x\n", "no column 'label'"),
    "twice": ("id,label\na,x\na,y\n", r"row 3, column 'id': 'a' stands in row 2 already"),
    "no name": ("id,label\n,x\n", r"row 2, column 'id': the id is empty"),
    "split": ("id,label,split\na,x,middle\n", r"row 2, column 'split': 'middle' is no split"),
    "nobody asks": ("id,label,split\na,x,gallery\n", "no row is 'query'"),
    "mixed separators": ("id,label\na,x\nb;y\n", r"row 3: 1 columns where the header has 2"),
    "long row": ("id,label\na,x,y\n", r"row 2: 3 columns where the header has 2"),
    "encoding": (b"id,label\na,caf\x81\n", r"row 2: the text is not UTF-8"),
    "nul": ("id,label\na,\0\n", "NUL"),
    "empty": ("", "is empty"),
    "header only": ("id,label\n", "no rows"),
    "quote": ('id,label\na,"x\n', "labels.csv"),
    "two columns": ("id,label,label\na,x,y\n", "'label' twice"),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_bad_label_files_get_one_sentence(tmp_path: Path, case: str) -> None:
    text, sentence = BAD_LABELS[case]
    with pytest.raises(BadInput, match=sentence) as caught:
        external_vectors.read({"v": npy(tmp_path)}, table(tmp_path, text))
    assert "\n" not in str(caught.value) and "labels.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("query_id,item_id\na,b\n", "no column 'kind'"),
        ("query_id,item_id,kind\na,b,maybe\n", r"row 2, column 'kind': 'maybe'"),
        ("query_id,item_id,kind\na,zz,junk\n", r"row 2, column 'item_id': 'zz' is no id"),
    ],
)
def test_bad_pairs_get_one_sentence(tmp_path: Path, labels: Path, text: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        external_vectors.read({"v": npy(tmp_path)}, labels, table(tmp_path, text, "pairs.csv"))


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", None])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_marks_and_separators_of_spreadsheets(tmp_path: Path, mark: bytes | None, separator: str) -> None:
    text = f"id{separator}label\r\nä{separator}喵\r\nb{separator}x\r\n"
    data_ = mark + text.encode() if mark else text.encode("utf-16")
    dataset, _ = external_vectors.read({"v": npy(tmp_path, ROWS[:2])}, table(tmp_path, data_))
    assert dataset.label_of(0) == "喵" and list(dataset.ids) == ["ä", "b"]


def test_ids_that_do_not_match_are_named(tmp_path: Path, labels: Path) -> None:
    np.savez(tmp_path / "v.npz", vectors=ROWS, ids=np.array(list("abcdx")))
    with pytest.raises(BadInput, match=r"lacks 1 of the 5 ids.*'e'"):
        external_vectors.read({"v": tmp_path / "v.npz"}, labels)
    np.savez(tmp_path / "v.npz", vectors=np.vstack([ROWS, ROWS[:1]]), ids=np.array(list("abcdex")))
    with pytest.raises(BadInput, match=r"1 ids that .* does not have: 'x'"):
        external_vectors.read({"v": tmp_path / "v.npz"}, labels)


word = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="|"), max_size=8).map(str.strip)
word = word.filter(lambda text: columns.labels_of([text])[0] == [(text,)])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(word, max_size=3, unique=True), min_size=1, max_size=12))
def test_any_labels_survive_the_way_through_a_file(tmp_path: Path, rows: list[list[str]]) -> None:
    frame = pd.DataFrame({"id": [f"image {i}" for i in range(len(rows))], "label": ["|".join(row) for row in rows]})
    frame.to_csv(tmp_path / "any.csv", index=False)
    dataset, _ = external_vectors.read({"v": npy(tmp_path, np.ones((len(rows), 2)))}, tmp_path / "any.csv")
    found = [dataset.label_of(i) for i in range(len(rows))]
    assert [
        sorted(text.split(", ")) if text and ", " not in "".join(row) else text for text, row in zip(found, rows)
    ] == [sorted(row) if row and ", " not in "".join(row) else text for text, row in zip(found, rows)]
    truth = data.relevance(dataset)
    for i, row in enumerate(rows):
        shared = [j for j, other in enumerate(rows) if j != i and set(row) & set(other)]
        assert list(truth.relevant(i)) == shared
