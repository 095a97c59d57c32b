"""torchvision imports beside a CPU-only torch, and nothing is touched where it is whole."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import SimpleNamespace

import pytest

from core import compat


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
