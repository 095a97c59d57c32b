"""What is installed, what a library needs to import at all, and the one door through which timm and open_clip come in.

torchvision's wheels are linked against CUDA. Beside a CPU-only torch of the same version its C++ extension cannot
load, so its operators do not exist; `torchvision/_meta_registrations.py` then fails because it describes two operators
(`nms`, `qnms`) that nobody declared. Declaring their schemas is enough for everything that Fusionscope uses (the
transforms of timm and open_clip); `torchvision.ops.nms` itself stays unusable and says so.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
import threading
from collections.abc import Iterable
from typing import Any

_LOCK = threading.Lock()
_KEPT: list[object] = []
_CAUSE = "operator torchvision::"
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def distribution(name: str) -> importlib.metadata.Distribution | None:
    """An installed package, None when it is not there.

    `importlib.metadata.version` walks the search path itself while it is looked through: another thread that changes
    it meanwhile (a page that begins or ends does) makes it miss what is installed. A copy cannot change.
    """
    return next(iter(importlib.metadata.distributions(name=name, path=list(sys.path))), None)


def version(name: str) -> str:
    """The version of an installed package, "" when it is not there.

    >>> version("no-such-package")
    ''
    """
    installed = distribution(name)
    return installed.version if installed else ""


def versions(names: Iterable[str]) -> dict[str, str]:
    """Package → version, of those that are installed."""
    all_versions = {name: version(name) for name in names}
    return {name: number for name, number in all_versions.items() if number}


def library(name: str) -> Any:
    """timm, open_clip, transformers or torchvision, or a part of one, importable beside any torch.

    Nothing else imports them: a test looks for it.
    """
    ensure_torchvision()
    return importlib.import_module(name)


def ensure_torchvision() -> str:
    """Make `import torchvision` work.

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
