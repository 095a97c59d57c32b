"""Where memory runs out on an accelerator, the batch is halved and the work goes on; which device runs is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.backbones import engines
from core.errors import BadInput
from core.studies import embedding
from core.types import Backbone

SMALL = Backbone("small", "timm", 3, family="CNN", image_size=8)


class Greedy(torch.nn.Module):
    """A fake network that has room for a few pictures only, and fails as CUDA does for more."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room, self.batches = room, []

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(pictures))
        if len(pictures) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return pictures.mean((2, 3))


def squares(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 8, 8, 3), np.uint8)


def test_the_batch_is_halved_until_it_fits_and_stays_so() -> None:
    greedy = Greedy(5)
    engine = engines.TorchEngine(greedy, SMALL)
    engine.chunk = 64
    found = engine.embed(squares(64))
    wanted = engines.TorchEngine(Greedy(999), SMALL).embed(squares(64))
    np.testing.assert_array_equal(found, wanted)
    assert greedy.batches[:5] == [64, 32, 16, 8, 4] and engine.chunk == 4
    greedy.batches.clear()
    rows = engines.unit_vectors(engine, squares(12))
    assert greedy.batches == [4, 4, 4] and rows.shape == (12, 3), "it is not tried too large again"


def test_not_even_one_picture_is_a_sentence() -> None:
    with pytest.raises(BadInput, match="Not enough memory on cpu for one picture; .*FUSIONSCOPE_DEVICE=cpu"):
        engines.TorchEngine(Greedy(0), SMALL).embed(squares(4))


def test_the_device_is_picked_said_and_overridden(tiny_world, monkeypatch: pytest.MonkeyPatch) -> None:
    there = engines.devices()
    assert "cpu" in there and engines.pick_device() == there[0]
    assert engines.pick_device("cpu") == "cpu"
    monkeypatch.setenv("FUSIONSCOPE_DEVICE", "cpu")
    assert engines.pick_device() == "cpu"
    for wanted in ("tpu", "cuda:99"):
        with pytest.raises(BadInput, match=f"no device '{wanted}' here; choose one of: .*cpu"):
            engines.pick_device(wanted)
    report = embedding.embed(tiny_world.dataset, ["hog"])
    assert report.engine == {"hog": "numpy on cpu"}


def test_cuda_is_preferred_to_mps_and_mps_to_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FUSIONSCOPE_DEVICE", raising=False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert engines.pick_device() == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert engines.devices() == ["cuda", "cuda:0", "cuda:1", "mps", "cpu"]
    assert engines.pick_device() == "cuda" and engines.pick_device("cuda:1") == "cuda:1"
