"""Files are whole or not there, and nothing is left beside them."""

from __future__ import annotations

import csv
import io
import json
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core import files


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_each_kind_is_read_back_and_nothing_lies_beside(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "deep"
    files.write_text(folder / "a.txt", "é\n")
    files.write_json(folder / "a.json", {"b": 1, "a": "é"}, sort_keys=True)
    files.write_array(folder / "a.npy", np.arange(3))
    files.write_arrays(folder / "a.npz", x=np.eye(2), y=np.array(["z"]))
    assert (folder / "a.txt").read_text(encoding="utf-8") == "é\n"
    assert (folder / "a.json").read_text(encoding="utf-8") == '{\n "a": "é",\n "b": 1\n}\n'
    assert np.load(folder / "a.npy").tolist() == [0, 1, 2]
    with np.load(folder / "a.npz") as held:
        assert held["x"].tolist() == np.eye(2).tolist() and held["y"].tolist() == ["z"]
    assert names(folder) == ["a.json", "a.npy", "a.npz", "a.txt"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    files.write_json(file, 1)
    with pytest.raises(TypeError):
        files.write_json(file, {1, 2})
    with pytest.raises(RuntimeError), files.replacing(file) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert json.loads(file.read_text()) == 1
    assert names(tmp_path) == ["a.json"]


def test_a_block_that_writes_nothing_is_an_error_and_the_old_file_stays(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(FileNotFoundError), files.replacing(tmp_path / "a"):
        pass
    assert (tmp_path / "a").read_text() == "old"


def test_writers_that_meet_leave_one_whole_file(tmp_path: Path) -> None:
    texts = [str(number) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=files.write_text, args=(tmp_path / "a", text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a").read_text() in texts
    assert names(tmp_path) == ["a"]


def test_a_folder_is_made_once_and_whole(tmp_path: Path) -> None:
    folder, calls = tmp_path / "deep" / "set", []

    def fill(beside: Path) -> None:
        calls.append(beside)
        assert not folder.exists() or not (folder / "done").exists()
        (beside / "done").touch()

    files.make_folder(folder, fill, (folder / "done").exists)
    files.make_folder(folder, fill, (folder / "done").exists)
    assert len(calls) == 1
    (folder / "done").unlink()
    (folder / "stale").touch()
    files.make_folder(folder, fill, (folder / "done").exists)
    assert names(folder) == ["done"]
    assert names(folder.parent) == ["set"]


def test_a_folder_that_another_process_made_meanwhile_stays(tmp_path: Path) -> None:
    folder = tmp_path / "set"

    def fill(beside: Path) -> None:
        folder.mkdir()
        (folder / "done").write_text("theirs")
        (beside / "done").write_text("ours")

    files.make_folder(folder, fill, (folder / "done").exists)
    assert (folder / "done").read_text() == "theirs"
    assert names(tmp_path) == ["set"]


def test_a_folder_that_cannot_be_filled_is_not_there(tmp_path: Path) -> None:
    def fill(beside: Path) -> None:
        (beside / "half").touch()
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        files.make_folder(tmp_path / "set", fill, lambda: False)
    assert names(tmp_path) == []


def test_no_cell_of_a_table_is_a_formula_and_numbers_stay_numbers() -> None:
    frame = pd.DataFrame(
        {
            "label": ["=HYPERLINK(1)", "+1+1", "-2+3", "@SUM(1)", "\tx", "\rx", "＝1", "cat", None],
            "number": ["-5", "+1e3", "-inf", "-.5", "1", "2", "3", "4", "5"],
            "ap": [-1.5, 2.0, np.nan, 0, 0, 0, 0, 0, 0],
            "=named": list(range(-4, 5)),
        },
        index=pd.Index(["-a", *"bcdefghi"], name="@id"),
    )
    frame["kind"] = frame["label"].astype("category")
    rows = list(csv.reader(io.StringIO(files.csv_bytes(frame, index=True).decode(), newline="")))
    assert rows[0] == ["'@id", "label", "number", "ap", "'=named", "kind"]
    assert [row[1] for row in rows[1:]] == [
        *("'=HYPERLINK(1)", "'+1+1", "'-2+3", "'@SUM(1)", "'\tx", "'\nx", "'＝1", "cat", "")
    ]
    assert [row[5] for row in rows[1:]] == [row[1] for row in rows[1:]]
    assert [row[2] for row in rows[1:5]] == ["-5", "+1e3", "-inf", "-.5"] and rows[1][3] == "-1.5"
    assert rows[1][4] == "-4" and rows[1][0] == "'-a" and frame.columns[3] == "=named"
