"""Whatever a user types: an answer, or one sentence and exit code 2; never a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from core import cli

TINY = ("--data", "tiny", "--backbone", "hsv_histogram")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Files that are not what they are taken for."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "bytes").write_bytes(os.urandom(300))
    (tmp_path / "bytes.npy").write_bytes(b"\x93NUMPY" + os.urandom(60))
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00" + os.urandom(300))
    (tmp_path / "empty").write_text("")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "list.json").write_text("[1, null, {}]")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "half.json").write_text('[{"kind": "rrf", "backbones"')
    np.save(tmp_path / "text.npy", np.array(["a", "b"]))
    np.save(tmp_path / "cube.npy", np.zeros((2, 3, 4)))
    np.save(tmp_path / "good.npy", np.eye(4, dtype=np.float32))
    (tmp_path / "labels.csv").write_text("id,label\n" + "".join(f"i{n},{n % 2}\n" for n in range(4)))
    return tmp_path


NAMES = ("folder", "bytes", "empty", "list.json", "deep.json", "half.json", "gone")
VECTORS = ("folder", "bytes", "bytes.npy", "empty", "text.npy", "cube.npy", "list.json", "gone")
TABLES = ("folder", "bytes.csv", "empty.csv", "list.json", "gone")
COMMANDS = [
    *(("evaluate", *TINY, "--fusions", f"FILES/{name}") for name in NAMES),
    *(("report", *TINY, "--fusions", f"FILES/{name}", "--out", "FILES/r.html") for name in NAMES[:3]),
    *(("evaluate", "--vectors", f"a=FILES/{name}", "--labels", "FILES/labels.csv") for name in VECTORS),
    *(("evaluate", "--vectors", "a=FILES/good.npy", "--labels", f"FILES/{name}") for name in TABLES),
    *(("evaluate", "--vectors", "a=FILES/good.npy", "--pairs", f"FILES/{name}") for name in TABLES),
    *(("embed", "--data", f"FILES/{name}", *TINY[2:]) for name in (*NAMES, "bytes.csv", "empty.csv", "bytes.npy")),
    *(("embed", "--data", "tiny", "--backbone", "resnet18", "--weights", f"FILES/{name}") for name in NAMES[:3]),
    *(("embed", "--data", text, *TINY[2:]) for text in ("", " ", "\0", "~nobody/x", "a\nb", "x" * 300, "😀")),
    *(("embed", *TINY, "--name", text) for text in ("a/b", "..", "\0")),
    *(("embed", "--data", "tiny", "--backbone", text) for text in ("", "a b", "timm:", "../x", "\0", "open_clip:a")),
    *(("evaluate", *TINY, "--k", text) for text in ("", "0", "a", "1,,x", "9" * 400, "-1")),
    *(("evaluate", *TINY, "--metric", text) for text in ("", "p@", "p@0", "p@x", "iprec", "map@99999999999")),
    *(("evaluate", *TINY, "--show", text) for text in ("nothing", "p@77", "map,,")),
    *(("evaluate", *TINY, "--fuse", text) for text in ("", "+", "hog", "hog+nothing", "a+a")),
    *(("embed", *TINY, "--split", text) for text in ("2", "0", "-1", "nan", "inf", "0.5,0.6", "1e-300", "x")),
    ("embed", *TINY, "--split", "0.5", "--seed", "99999999999999999999"),
    *(("embed", "--data", "FILES/folder", "--option", text) for text in ("", "=", "depth", "depth=", "depth=1e99")),
    ("fetch", "nothing"),
    ("fetch", ""),
    *(("search", text, "--data", "tiny") for text in ("", " ", "-", "::", "\0")),
    ("search", "cat", "--data", "tiny", "--backbone", "hog"),
    ("catalogue", "--data", "tiny", "--space", "hog"),
    ("embed",),
    ("evaluate",),
    ("report", "--out", "FILES/r.html"),
    ("catalogue",),
    ("search", "cat"),
]


@pytest.mark.parametrize(
    "arguments", COMMANDS, ids=lambda arguments: " ".join(arguments)[:70].encode("unicode_escape").decode()
)
def test_an_answer_or_one_sentence(arguments: tuple[str, ...], tiny_world, files: Path, capsys) -> None:
    command = [argument.replace("FILES", str(files)) for argument in arguments]
    try:
        code = cli.main(command)
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (code, len(errors)) in {(0, 0), (2, 1)}, err[-500:]
    assert all(len(error) < 700 for error in errors), len(errors[0])
    if errors:
        assert err.rstrip().endswith(errors[0]), "nothing follows the sentence"
