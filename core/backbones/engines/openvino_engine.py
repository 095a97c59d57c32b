"""Networks run by OpenVINO on the CPU: the same numbers as torch at a half to a quarter of the time.

Normalising is folded into the graph, so it takes uint8. The precision is always said: OpenVINO's own default on newer
processors is bfloat16, which is not exact; where it is asked for, the first convolutions can stay in float32. The
converted network is kept on disk, so converting happens once.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from core import compat, files, paths
from core.backbones import preprocessing
from core.backbones.sources import source_of
from core.types import Backbone

if TYPE_CHECKING:
    import openvino
    import torch

_HINTS = {"float32": "f32", "bfloat16": "bf16"}
_LOCK = threading.Lock()
_IMPORTING = threading.Lock()


class OpenVinoEngine:
    """A network compiled for this processor, with one thread and one request per worker.

    Args:
        backbone: the record.
        precision: "float32" (exact) or "bfloat16" (fast mode).
        workers: how many threads will call `embed` at once.
        threads: intra-op threads of one request: 1 for many images, all of them for a single query.
        float32_convolutions: how many of the first convolutions bfloat16 leaves alone.
    """

    name = "openvino"
    device = "cpu"
    chunk = 8

    def __init__(
        self,
        backbone: Backbone,
        precision: str = "float32",
        workers: int = 1,
        threads: int = 1,
        float32_convolutions: int = 0,
    ) -> None:
        openvino = _library()
        self.dim = backbone.dim
        self.precision = precision
        self.preprocessing = preprocessing.preprocessing_of(backbone)
        self._local = threading.local()
        with _LOCK:
            core = openvino.Core()
            model = _with_preprocessing(core.read_model(converted(backbone)), self.preprocessing)
            if float32_convolutions:
                model = _kept_in_float32(model, float32_convolutions)
            self._compiled = core.compile_model(
                model,
                "CPU",
                {
                    "INFERENCE_PRECISION_HINT": _HINTS[precision],
                    "NUM_STREAMS": str(workers),
                    "INFERENCE_NUM_THREADS": str(workers * threads),
                    "ENABLE_CPU_PINNING": "NO",
                },
            )

    def embed(self, squares: np.ndarray) -> np.ndarray:
        """(n, side, side, 3) uint8 → (n, dim) float32."""
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._compiled.create_infer_request()
        request.infer([np.ascontiguousarray(squares)])
        vectors = np.array(request.get_output_tensor(0).data, np.float32)
        if len(vectors) != len(squares):
            raise RuntimeError(f"OpenVINO made {len(vectors)} vectors of {len(squares)} images.")
        return vectors


def installed() -> bool:
    """Whether the package is there; nothing is imported."""
    return version() != ""


def version() -> str:
    """The version of the package, "" when it is not installed."""
    return compat.version("openvino")


def _library() -> Any:
    """The package, without the usage statistics that its converter would send.

    The package that sends them comes with it as a dependency. Where it cannot be imported, OpenVINO puts an empty one
    in its place: so its import is refused before OpenVINO's own, and nothing of it ever runs.

    Its first exchange with numpy is made here, by one thread: two that make it at once wait for each other for ever,
    one with the interpreter's lock in hand, so that the whole process stands still (2026.4.1: five of ten runs).
    """
    with _IMPORTING:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # None refuses the import
        import openvino

        _ = openvino.Tensor(np.zeros(1, np.float32)).data
    return openvino


def converted(backbone: Backbone) -> Path:
    """The network in OpenVINO's own format, converted at first use and kept by its weights and library versions."""
    fields = {
        "weights": source_of(backbone).identity(backbone),
        "architecture": backbone.architecture,
        "tag": source_of(backbone).plain_record(backbone)["weights"],
        "options": json.loads(json.dumps(backbone.options)),
        "openvino": version(),
        "torch": compat.version("torch"),
        "timm": compat.version("timm"),
    }
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]
    file = paths.cache() / "engines" / digest / "network.xml"
    if not file.is_file() or backbone.random:
        files.make_folder(file.parent, lambda folder: _convert(backbone, folder), lambda: False)
    return file


def _convert(backbone: Backbone, folder: Path) -> None:
    model = _traced(source_of(backbone).load(backbone), backbone.image_size)
    # the default would round the weights
    _library().save_model(model, folder / "network.xml", compress_to_fp16=False)


def _traced(module: torch.nn.Module, side: int) -> openvino.Model:
    import torch

    openvino = _library()
    # the fused attention of torch.nn.MultiheadAttention cannot be traced
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            model = openvino.convert_model(module, example_input=torch.zeros(2, 3, side, side))
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    model.reshape([-1, 3, side, side])
    return model


def _kept_in_float32(model: openvino.Model, count: int) -> openvino.Model:
    """The same network with a mark on its first convolutions that keeps them out of bfloat16.

    The mark is an attribute of OpenVINO's file format. A layer that is merged with another one loses it, so whatever is
    merged (padding, scaling) is merged before. Additions are marked as well, because a sum is computed inside of the
    convolution before it. A version that does not know the mark runs everything in bfloat16: the probe of
    `core.backbones.engines.probe` judges the outcome, whatever it is.
    """
    from openvino._offline_transformations import apply_moc_transformations

    apply_moc_transformations(model, cf=True)
    with tempfile.TemporaryDirectory(dir=paths.cache() / "engines") as folder:
        plain = Path(folder, "network.xml")
        _library().save_model(model, plain, compress_to_fp16=False)
        tree = ElementTree.parse(plain)
        # in the order of execution; a network of fewer convolutions gets its additions marked, which changes nothing
        for layer in tree.iterfind("layers/layer"):
            convolution = layer.get("type") in {"Convolution", "GroupConvolution"}
            count -= convolution
            if count < 0:
                break
            if not convolution and layer.get("type") != "Add":
                continue
            notes = layer.find("rt_info")
            if notes is None:
                notes = ElementTree.SubElement(layer, "rt_info")
            ElementTree.SubElement(
                notes, "attribute", name="DisablePrecisionConversion", version="0", value="dynamic:f16"
            )
        # the weights are read into memory, because the folder goes
        return (
            _library().Core().read_model(ElementTree.tostring(tree.getroot()), plain.with_suffix(".bin").read_bytes())
        )


def _with_preprocessing(model: openvino.Model, preprocessing: preprocessing.Preprocessing) -> openvino.Model:
    openvino = _library()
    from openvino.preprocess import PrePostProcessor

    steps: Any = PrePostProcessor(model)
    tensor = steps.input().tensor()
    tensor.set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    network = steps.input().preprocess().convert_element_type(openvino.Type.f32)
    network.mean([255 * value for value in preprocessing.mean]).scale([255 * value for value in preprocessing.std])
    return steps.build()
