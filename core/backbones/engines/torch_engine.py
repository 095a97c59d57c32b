"""What runs a backbone: squares of uint8 in, vectors of float32 out.

Every engine normalises inside, so that what travels between threads is a quarter as large. The torch engine always
works; others must agree with it on real photographs before they are chosen.
"""

from __future__ import annotations

import ctypes
import itertools
import platform
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from core import paths
from core.backbones import preprocessing
from core.backbones.sources.descriptors import DESCRIPTORS
from core.errors import BadInput
from core.types import Backbone, unit

if TYPE_CHECKING:
    import torch

_TRANSFORMERS = {"ViT", "self-supervised ViT", "vision-language"}
_TUNED: list[str] = []
_TUNE_LOCK = threading.Lock()


class Engine(Protocol):
    """Turns squares into vectors. May be called from several threads at once."""

    name: str
    precision: str
    device: str
    dim: int
    preprocessing: preprocessing.Preprocessing
    chunk: int
    """Squares that it likes to get at once."""

    def embed(self, squares: np.ndarray) -> np.ndarray:
        """(n, side, side, 3) uint8 → (n, dim) float32, not normalised; zeros mean "nothing here"."""
        ...


class DescriptorEngine:
    """A descriptor of `core.backbones.sources.descriptors`, computed with numpy."""

    name = "numpy"
    precision = "float32"
    device = "cpu"
    chunk = 8

    def __init__(self, backbone: Backbone) -> None:
        self.dim = backbone.dim
        self.preprocessing = preprocessing.preprocessing_of(backbone)
        self._function = DESCRIPTORS[backbone.architecture]

    def embed(self, squares: np.ndarray) -> np.ndarray:
        """(n, side, side, 3) uint8 → (n, dim) float32."""
        return self._function(squares)


class TorchEngine:
    """A network run by torch: eval, inference mode, channels last for networks of convolutions.

    Args:
        module: normalised pictures (n, 3, side, side) float32 → (n, dim); in eval mode.
        backbone: the record that it belongs to.
        device: "cpu", "cuda", "mps"; where memory runs out, the batch is halved and the work goes on.
        precision: "float32", or "bfloat16" (autocast) for the fast mode.
        float32_convolutions: how many of the first convolutions autocast leaves alone.
        packed: lay the weights out once for this processor; on the CPU, in float32 alone.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        backbone: Backbone,
        device: str = "cpu",
        precision: str = "float32",
        packed: bool = False,
        float32_convolutions: int = 0,
    ) -> None:
        import torch

        self.name = "torch packed" if packed else "torch"
        self.device = device
        self.precision = precision
        self.dim = backbone.dim
        self.chunk = 8 if device == "cpu" else 64
        self.preprocessing = preprocessing.preprocessing_of(backbone)
        self._format = torch.contiguous_format if backbone.family in _TRANSFORMERS else torch.channels_last
        self._module = module.to(device).to(memory_format=self._format)
        if packed:
            from core.backbones.engines.mkldnn_packing import pack

            pack(self._module)
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
            if not _out_of_memory(error):
                raise
            if len(squares) == 1:
                raise BadInput(
                    f"Not enough memory on {self.device} for one picture; "
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
            pictures = (
                torch.from_numpy(np.require(squares, requirements=["C", "W"])).to(self.device).permute(0, 3, 1, 2)
            )
            normalised = pictures.float().sub_(self._mean).mul_(self._scale).contiguous(memory_format=self._format)
            with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.precision == "bfloat16"):
                return self._module(normalised).float().cpu().numpy()


def _keep_in_float32(module: torch.nn.Module, count: int) -> None:
    """Take the first convolutions out of autocast, in the order in which the network lists them."""
    import torch

    convolutions = (one for one in module.modules() if isinstance(one, torch.nn.Conv2d))
    for one in itertools.islice(convolutions, count):
        one.forward = partial(_in_float32, one.forward)  # type: ignore[method-assign]


def _in_float32(forward: Callable[[torch.Tensor], torch.Tensor], given: torch.Tensor) -> torch.Tensor:
    import torch

    with torch.autocast(given.device.type, enabled=False):
        return forward(given.float())


def _out_of_memory(error: RuntimeError) -> bool:
    """CUDA raises an error of its own; Metal and the processor's allocator say it in words alone."""
    import torch

    words = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in words or "can't allocate memory" in words


def build(
    backbone: Backbone,
    device: str | None = None,
    engine: str | None = None,
    workers: int = 1,
    threads: int = 1,
) -> Engine:
    """The engine for a backbone, with its weights loaded.

    Args:
        device: "cpu", "cuda", "mps"; the best by default.
        engine: the engine's name; by default the one that is chosen for this backbone.
        workers: how many threads will use it at once.
        threads: intra-op threads of each of them (torch takes its own setting).
    Raises:
        WeightsMissing, BadInput: as `loading.load_module`; a device that is not there.
    """
    if backbone.source == "own":
        return DescriptorEngine(backbone)
    from core.backbones import weights
    from core.backbones.engines import openvino_engine, select
    from core.backbones.loading import load_module

    weights.require(backbone)
    name = engine or select.decide(backbone, device)
    precision, kept = select.precision(name, backbone.mode), select.float32_convolutions(name, backbone.mode)
    if select.library(name) == "openvino":
        return openvino_engine.OpenVinoEngine(backbone, precision, workers, threads, kept)
    packed = name in {select.PACKED, select.PACKED_FLOAT32}
    chosen = "cpu" if packed else pick_device(device)
    tune_process()
    return TorchEngine(load_module(backbone), backbone, chosen, precision, packed, kept)


def pick_device(wanted: str | None = None) -> str:
    """CUDA, else MPS, else CPU; an argument or FUSIONSCOPE_DEVICE overrides.

    Raises:
        BadInput: the device asked for is not there.
    """
    there = devices()
    asked = wanted or paths.device_wanted()
    if asked and asked not in there:
        raise BadInput(f"There is no device {asked!r} here; choose one of: {', '.join(there)}.")
    return asked or there[0]


def devices() -> list[str]:
    """What networks can run on here, the one picked by itself first."""
    import torch

    there = ["cpu"]
    if torch.backends.mps.is_available():
        there.insert(0, "mps")
    if torch.cuda.is_available():
        there[:0] = ["cuda", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    return there


def unit_vectors(engine: Engine, squares: np.ndarray) -> np.ndarray:
    """(n, dim) float32 of norm 1, in pieces that the engine likes; rows that are nothing stay zero."""
    made = [engine.embed(squares[start : start + engine.chunk]) for start in range(0, len(squares), engine.chunk)]
    return unit(np.concatenate(made)) if made else np.empty((0, engine.dim), np.float32)


def tune_process() -> str:
    """Keep freed memory in the process instead of handing every large activation back to the kernel.

    With glibc's defaults each forward pass faults its buffers in again: EfficientNet-Lite0 at batch 32 took 26 ms per
    picture, and 7 ms with these four settings. Memory in use is bounded by the chunk size. Done once per process;
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
