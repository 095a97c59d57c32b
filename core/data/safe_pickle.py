"""Read a pickle without executing it: plain containers and numpy arrays, nothing else."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import BadInput

_LARGEST = 256 * 2**20


def _allowed() -> dict[tuple[str, str], Any]:
    """The only names that a pickle may ask for: what numpy needs to rebuild an array."""
    numpy_core: Any = np._core  # type: ignore[attr-defined]  # private to numpy, and named in every pickle of an array
    core = numpy_core.multiarray
    arrays = {
        "_reconstruct": core._reconstruct,
        "scalar": core.scalar,
    }
    names: dict[tuple[str, str], Any] = {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype}
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        names.update({(module, name): value for name, value in arrays.items()})
    for module in ("numpy.core.numeric", "numpy._core.numeric"):
        names[(module, "_frombuffer")] = numpy_core.numeric._frombuffer
    names[("_codecs", "encode")] = _encode  # how Python 2 pickles carry an array's bytes
    return names


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError("bytes in an unknown encoding")
    return text.encode("latin1")


class _Reader(pickle.Unpickler):
    """An unpickler that makes plain data and numpy arrays, and calls nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """The allowed class or function of this name; anything else ends the reading."""
        allowed = _allowed()
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return allowed[(module, name)]

    def persistent_load(self, pid: Any) -> Any:
        """Objects outside the file are refused."""
        raise pickle.UnpicklingError("it asks for objects outside the file")


def load(path: Path) -> Any:
    """What a pickle of plain data holds.

    Raises:
        BadInput: it is damaged, too large, or asks for anything but lists, dicts, text, numbers and arrays.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise BadInput(f"{path} has more than {_LARGEST // 2**20} MB; a ground truth is smaller.")
        with path.open("rb") as file:
            content = _Reader(file, encoding="latin1").load()
    except BadInput:
        raise
    except pickle.UnpicklingError as error:
        raise BadInput(
            f"{path} was not loaded: {error}. Only lists, dicts, text, numbers and arrays are read from a pickle."
        ) from error
    except Exception as error:  # a damaged pickle stream can raise anything
        raise BadInput(f"{path} is no readable pickle: {type(error).__name__}.") from error
    if _holds_objects(content):
        raise BadInput(f"{path} was not loaded: an array in it holds Python objects.")
    return content


def _holds_objects(content: Any) -> bool:
    stack = [content]
    while stack:
        value = stack.pop()
        if isinstance(value, np.ndarray) and value.dtype.hasobject:
            return True
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, (list, tuple, set)):
            stack.extend(value)
    return False
