"""Networks run by torch: squares of uint8 in, vectors of float32 out. It always works.

Every engine normalises inside, so that what travels between threads is a quarter as large. Other engines must agree
with this one on real photographs before they are chosen.
"""

from __future__ import annotations

import ctypes
import itertools
import platform
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from core import paths
from core.backbones import preprocessing
from core.backbones.sources.base import Engine
from core.errors import BadInput
from core.types import Backbone, unit

if TYPE_CHECKING:
    import torch

_TRANSFORMERS = {"ViT", "self-supervised ViT", "vision-language"}
_TUNED: list[str] = []
_TUNE_LOCK = threading.Lock()


class TorchEngine:
    """A network run by torch: eval, inference mode, channels last for networks of convolutions.

    Args:
        module: normalised images (n, 3, side, side) float32 → (n, dim); in eval mode.
        backbone: the record that it belongs to.
        device: "cpu", "cuda", "mps"; where memory runs out, the batch is halved and the work goes on.
        precision: "float32", or "bfloat16" (autocast) for the fast mode.
        float32_convolutions: how many of the first convolutions autocast leaves alone.
    """

    name = "torch"

    def __init__(
        self,
        module: torch.nn.Module,
        backbone: Backbone,
        device: str = "cpu",
        precision: str = "float32",
        float32_convolutions: int = 0,
    ) -> None:
        import torch

        self.device = device
        self.precision = precision
        self.dim = backbone.dim
        self.chunk = 8 if device == "cpu" else 64
        self.preprocessing = preprocessing.preprocessing_of(backbone)
        self._format = torch.contiguous_format if backbone.family in _TRANSFORMERS else torch.channels_last
        moved: Any = module.to(device)  # torch's types lack this form of `to`
        self._module = moved.to(memory_format=self._format)
        _keep_in_float32(self._module, float32_convolutions)
        shape = (1, 3, 1, 1)
        self._mean = torch.tensor(self.preprocessing.mean, device=device).mul(255).view(shape)
        self._scale = torch.tensor(self.preprocessing.std, device=device).mul(255).reciprocal().view(shape)

    def embed(self, squares: np.ndarray) -> np.ndarray:
        """(n, side, side, 3) uint8 → (n, dim) float32."""
        import torch

        try:
            return self._forward(squares)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            if len(squares) == 1:
                raise BadInput(
                    f"Not enough memory on {self.device} for one image; "
                    "close other programs, or set FUSIONSCOPE_DEVICE=cpu."
                ) from error
        # out of the handler, so that the failed pass holds no memory any more
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
        elif self.device == "mps":
            torch.mps.empty_cache()
        half = (len(squares) + 1) // 2
        self.chunk = max(1, min(self.chunk, half))
        return np.concatenate([self.embed(squares[:half]), self.embed(squares[half:])])

    def _forward(self, squares: np.ndarray) -> np.ndarray:
        import torch

        with torch.inference_mode():
            tensor = torch.from_numpy(np.require(squares, requirements=["C", "W"]))
            images = tensor.to(self.device).permute(0, 3, 1, 2)
            normalised = images.float().sub_(self._mean).mul_(self._scale).contiguous(memory_format=self._format)
            with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.precision == "bfloat16"):
                return self._module(normalised).float().cpu().numpy()


def _keep_in_float32(module: torch.nn.Module, count: int) -> None:
    """Take the first convolutions out of autocast, in the order in which the network lists them."""
    import torch

    convolutions = (layer for layer in module.modules() if isinstance(layer, torch.nn.Conv2d))
    for layer in itertools.islice(convolutions, count):
        layer.forward = partial(_in_float32, layer.forward)  # type: ignore[method-assign]


def _in_float32(forward: Callable[[torch.Tensor], torch.Tensor], features: torch.Tensor) -> torch.Tensor:
    import torch

    with torch.autocast(features.device.type, enabled=False):
        return forward(features.float())


def out_of_memory(error: RuntimeError) -> bool:
    """CUDA raises an error of its own; Metal and the processor's allocator say it in words alone."""
    import torch

    words = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in words or "can't allocate memory" in words


def pick_device(wanted: str | None = None) -> str:
    """CUDA, else MPS, else CPU; an argument or FUSIONSCOPE_DEVICE overrides.

    Raises:
        BadInput: the device asked for is not there.
    """
    available = devices()
    device = wanted or paths.device_wanted() or available[0]
    if device not in available:
        raise BadInput(f"There is no device {device!r} here; choose one of: {', '.join(available)}.")
    return device


def devices() -> list[str]:
    """What networks can run on here, the one picked by itself first."""
    import torch

    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available[:0] = ["cuda", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    return available


def unit_vectors(engine: Engine, squares: np.ndarray) -> np.ndarray:
    """(n, dim) float32 of norm 1, in pieces that the engine likes; rows that are nothing stay zero."""
    chunks = [engine.embed(squares[start : start + engine.chunk]) for start in range(0, len(squares), engine.chunk)]
    return unit(np.concatenate(chunks)) if chunks else np.empty((0, engine.dim), np.float32)


def tune_process() -> str:
    """Keep freed memory in the process instead of handing every large activation back to the kernel.

    With glibc's defaults each forward pass faults its buffers in again: EfficientNet-Lite0 at batch 32 took 26 ms per
    image, and 7 ms with these four settings. Memory in use is bounded by the chunk size. Done once per process;
    nothing happens elsewhere (musl, macOS, Windows) or where FUSIONSCOPE_KEEP_ALLOCATOR is set.

    Returns:
        "tuned", "kept" (asked not to) or "not glibc".
    """
    with _TUNE_LOCK:
        if not _TUNED:
            _TUNED.append(_tune())
        return _TUNED[0]


def _tune() -> str:
    if paths.allocator_is_left_alone():
        return "kept"
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return "not glibc"
    # from malloc.h: the codes are part of glibc's interface
    arena_max, mmap_max, trim_threshold, top_pad = -8, -4, -1, -2
    libc = ctypes.CDLL(None)
    for code, value in ((arena_max, 1), (mmap_max, 0), (trim_threshold, 2**31 - 1), (top_pad, 64 * 2**20)):
        libc.mallopt(code, value)
    return "tuned"
