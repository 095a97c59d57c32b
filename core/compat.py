"""What a library needs to import at all, and why.

torchvision's wheels are linked against CUDA. Beside a CPU-only torch of the same version its C++ extension cannot
load, so its operators do not exist; `torchvision/_meta_registrations.py` then fails because it describes two operators
(`nms`, `qnms`) that nobody declared. Declaring their schemas is enough for everything that Fusionscope uses (the
transforms of timm and open_clip); `torchvision.ops.nms` itself stays unusable and says so.
"""

from __future__ import annotations

import importlib
import sys
import threading

_LOCK = threading.Lock()
_KEPT: list[object] = []
_CAUSE = "operator torchvision::"
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def ensure_torchvision() -> str:
    """Make `import torchvision` work; call it before the first import of timm or open_clip.

    Returns:
        "native" where torchvision is whole, "no-ops" where it imports without its operators,
        "shim" where the two schemas had to be declared first.
    Raises:
        Whatever the import raises for any other reason than the one named above.
    """
    with _LOCK:
        try:
            torchvision = importlib.import_module("torchvision")
        except RuntimeError as error:
            if _CAUSE not in str(error):
                raise
        else:
            if _KEPT:
                return "shim"
            return "native" if torchvision.extension._has_ops() else "no-ops"
        for name in [m for m in sys.modules if m == "torchvision" or m.startswith("torchvision.")]:
            del sys.modules[name]
        import torch

        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(operator + _SCHEMA)
        _KEPT.append(library)  # the schemas live as long as this object
        importlib.import_module("torchvision")
        return "shim"
