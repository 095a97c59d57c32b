"""Where memory runs out on an accelerator, the batch is halved and the work goes on; which device runs is said."""

from __future__ import annotations

import dataclasses
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from core import backbones
from core.backbones import custom, encode
from core.backbones.engines import probe as engine_probe
from core.backbones.engines import select, torch_engine
from core.errors import BadInput
from core.studies import embedding
from core.types import Backbone

SMALL = Backbone("small", "timm", 3, family="CNN", image_size=8)
LITE = backbones.get("tf_efficientnet_lite0")
FAST = custom.fast(LITE)
SMALL_LITE = dataclasses.replace(LITE, name="random", random=True)


class Greedy(torch.nn.Module):
    """A fake network that has room for a few pictures only, and fails as CUDA does for more."""

    def __init__(self, room: int, error: RuntimeError | None = None) -> None:
        super().__init__()
        self.room, self.batches = room, []
        self.error = error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(pictures))
        if len(pictures) > self.room:
            raise self.error
        return pictures.mean((2, 3))


def squares(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 8, 8, 3), np.uint8)


def test_the_batch_is_halved_until_it_fits_and_stays_so() -> None:
    greedy = Greedy(5)
    engine = torch_engine.TorchEngine(greedy, SMALL)
    engine.chunk = 64
    found = engine.embed(squares(64))
    wanted = torch_engine.TorchEngine(Greedy(999), SMALL).embed(squares(64))
    np.testing.assert_array_equal(found, wanted)
    assert greedy.batches[:5] == [64, 32, 16, 8, 4] and engine.chunk == 4
    greedy.batches.clear()
    rows = torch_engine.unit_vectors(engine, squares(12))
    assert greedy.batches == [4, 4, 4] and rows.shape == (12, 3), "it is not tried too large again"


@pytest.mark.parametrize(
    "words",
    ["MPS backend out of memory (MPS allocated: 17 GB)", "[enforce fail] DefaultCPUAllocator: can't allocate memory"],
)
def test_metal_and_the_processor_say_it_in_words(words: str) -> None:
    greedy = Greedy(2, RuntimeError(words))
    assert torch_engine.TorchEngine(greedy, SMALL).embed(squares(6)).shape == (6, 3) and max(greedy.batches[-2:]) <= 2
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        torch_engine.TorchEngine(Greedy(2, RuntimeError("shapes cannot be multiplied")), SMALL).embed(squares(6))


def test_an_accelerator_decodes_ahead_and_halves_its_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch takes "cpu:0" for a device of its own, so an accelerator's whole way through can run here."""
    monkeypatch.setattr(torch_engine, "devices", lambda: ["cpu:0", "cpu"])
    assert torch_engine.pick_device() == "cpu:0" and select.decide(LITE) == "torch", "exact on an accelerator is torch"
    greedy = Greedy(5)
    engine = torch_engine.TorchEngine(greedy, SMALL, torch_engine.pick_device())
    assert engine.chunk == 64
    pictures = [Image.fromarray(square) for square in squares(40)]
    got: dict[str, np.ndarray] = {}
    ahead = threading.Event()
    ahead_of_what: list[int] = []
    greedy.register_forward_pre_hook(lambda *_: ahead.wait(20) and None)

    def source(number: int) -> encode.EncoderInput:
        def open_picture() -> Image.Image:
            if number == 16:
                ahead_of_what.append(len(got))
                ahead.set()
            return pictures[number]

        return encode.EncoderInput(str(number), open_picture)

    loop = encode.MultiEncoder([encode.Encoder(SMALL, engine)], workers=2, memory=1)
    assert loop.block == 16
    loop.run([source(number) for number in range(40)], lambda _, keys, rows: got.update(zip(keys, rows)))
    plain = torch_engine.unit_vectors(torch_engine.TorchEngine(Greedy(999), SMALL), squares(40))
    np.testing.assert_allclose(np.stack([got[str(number)] for number in range(40)]), plain, atol=1e-6)
    assert engine.chunk == 4 and max(greedy.batches) == 16
    assert ahead_of_what == [0], "the second block is read while the first one is embedded"


def test_half_precision_on_an_accelerator_stands_behind_its_own_probe(home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_engine, "devices", lambda: ["cpu:0", "cpu"])
    asked: list[tuple[str, str]] = []

    def probe(backbone: Backbone, engine: str, device: str) -> engine_probe.EngineVerdict:
        asked.append((engine, device))
        return engine_probe.EngineVerdict(engine == select.FLOAT32, "seen")

    monkeypatch.setattr(select, "probe", probe)
    assert select.decide(FAST) == select.FLOAT32
    assert asked == [("torch", "cpu:0"), (select.FLOAT32, "cpu:0")], "autocast first, and not OpenVINO"
    assert select.remembered(FAST, "torch", "cpu:0") and not select.remembered(FAST, "torch", "cpu")
    one = select.build(custom.fast(SMALL_LITE), "cpu:0", "torch")
    assert (one.device, one.precision) == ("cpu:0", "bfloat16")


def test_not_even_one_picture_is_a_sentence() -> None:
    with pytest.raises(BadInput, match="Not enough memory on cpu for one image; .*FUSIONSCOPE_DEVICE=cpu"):
        torch_engine.TorchEngine(Greedy(0), SMALL).embed(squares(4))


def test_the_device_is_picked_said_and_overridden(tiny_world, monkeypatch: pytest.MonkeyPatch) -> None:
    there = torch_engine.devices()
    assert "cpu" in there and torch_engine.pick_device() == there[0]
    assert torch_engine.pick_device("cpu") == "cpu"
    monkeypatch.setenv("FUSIONSCOPE_DEVICE", "cpu")
    assert torch_engine.pick_device() == "cpu"
    for wanted in ("tpu", "cuda:99"):
        with pytest.raises(BadInput, match=f"no device '{wanted}' here; choose one of: .*cpu"):
            torch_engine.pick_device(wanted)
    report = embedding.embed(tiny_world.dataset, ["hog"])
    assert report.engine == {"hog": "numpy on cpu"}


def test_cuda_is_preferred_to_mps_and_mps_to_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FUSIONSCOPE_DEVICE", raising=False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert torch_engine.pick_device() == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert torch_engine.devices() == ["cuda", "cuda:0", "cuda:1", "mps", "cpu"]
    assert torch_engine.pick_device() == "cuda" and torch_engine.pick_device("cuda:1") == "cuda:1"
