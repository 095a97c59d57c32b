"""A cache of the hub as the hub library lays it out, filled by tests with random weights, and processes that use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REVISION = "0" * 40
TINY_CLIP = {
    "model_cfg": {
        "embed_dim": 64,
        "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
    },
    "preprocess_cfg": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2], "size": 64, "interpolation": "bilinear"},
}


def cached_repository(hub: Path, repository: str, revision: str = REVISION) -> Path:
    """An empty repository in the hub's cache, as the hub library lays it out."""
    base = hub / ("models--" + repository.replace("/", "--"))
    (base / "refs").mkdir(parents=True)
    (base / "refs" / "main").write_text(revision)
    snapshot = base / "snapshots" / revision
    snapshot.mkdir(parents=True)
    return snapshot


def write_tiny_clip(place: Path) -> Path:
    """A hub folder (HF_HOME) whose cache holds the open_clip repository tiny/clip with random weights; returns it."""
    from core import compat

    compat.ensure_torchvision()
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    snapshot = cached_repository(place / "hub", "tiny/clip")
    (snapshot / "open_clip_config.json").write_text(json.dumps(TINY_CLIP))
    local = place / "clip"
    local.mkdir()
    (local / "open_clip_config.json").write_text(json.dumps(TINY_CLIP))
    model = open_clip.create_model(f"local-dir:{local}", load_weights=False)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, snapshot / "open_clip_model.safetensors")
    return place


def run(code: str, hub: Path, home: Path, offline: str = "1") -> str:
    """Run code in a fresh process whose hub cache is `hub`."""
    environment = {**os.environ, "HF_HOME": str(hub), "FUSIONSCOPE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    environment.pop("HF_HUB_CACHE", None)
    environment["HF_HUB_OFFLINE"] = offline
    seen = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=home.parent
    )
    assert seen.returncode == 0, seen.stderr[-2000:]
    return seen.stdout
