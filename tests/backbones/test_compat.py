"""torchvision imports beside a CPU-only torch, and nothing is touched where it is whole; what is installed is found."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from core import compat


@pytest.mark.slow
def test_timm_and_open_clip_transforms_work_in_a_fresh_process() -> None:
    code = (
        "from core.compat import ensure_torchvision as ensure\n"
        "first, second = ensure(), ensure()\n"
        "import timm.data, open_clip, torchvision\n"
        "from PIL import Image\n"
        "assert first in {'native', 'no-ops', 'shim'} and second == first, (first, second)\n"
        "print(timm.data.create_transform((3, 32, 32))(Image.new('RGB', (50, 40))).shape)"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "torch.Size([3, 32, 32])"


def test_a_whole_torchvision_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = SimpleNamespace(extension=SimpleNamespace(_has_ops=lambda: True))
    monkeypatch.setattr(compat, "_KEPT", [])
    monkeypatch.setattr(importlib, "import_module", lambda name: whole)
    assert compat.ensure_torchvision() == "native"
    assert compat._KEPT == []


def test_any_other_failure_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> None:
        raise RuntimeError("CUDA driver version is insufficient")

    monkeypatch.setattr(importlib, "import_module", fails)
    with pytest.raises(RuntimeError, match="driver"):
        compat.ensure_torchvision()


@pytest.mark.slow
def test_a_changing_search_path_hides_nothing() -> None:
    interval = sys.getswitchinterval()
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            sys.path.insert(0, "no-such-folder")
            sys.path.remove("no-such-folder")

    thread = threading.Thread(target=come_and_go)
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        assert all(compat.version("openTSNE") for _ in range(3000))
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)


def test_what_is_not_installed_has_no_version() -> None:
    assert compat.version("no-such-package") == "" and compat.distribution("no-such-package") is None
    found = compat.versions(["numpy", "no-such-package", "scikit-image"])
    assert list(found) == ["numpy", "scikit-image"] and all(found.values())


def test_nothing_but_the_door_imports_what_needs_it() -> None:
    """A traceback about torchvision's operators is what every other way ends in, beside a CPU torch."""
    root = Path(__file__).resolve().parents[2]
    guarded = {"timm", "open_clip", "transformers", "torchvision", "torchmetrics"}
    elsewhere = []
    for path in [*(root / "core").rglob("*.py"), *(root / "pages").rglob("*.py"), root / "app.py"]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if {name.partition(".")[0] for name in names} & guarded:
                elsewhere.append(f"{path.relative_to(root)}:{node.lineno}")
    assert not elsewhere, f"use core.compat.library: {elsewhere}"
    assert compat.library("timm.data").create_transform and compat.library("open_clip").create_model
