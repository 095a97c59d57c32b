"""Weights in files: read without running code, known by their hash, matched to the network that they belong to."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import BadInput

if TYPE_CHECKING:
    import torch

_WRAPPERS = ("state_dict", "model", "model_state_dict", "state_dict_ema", "model_ema")


def sha256(file: Path) -> str:
    """SHA-256 of a file, remembered as long as its size and time stay."""
    status = file.stat()
    return _sha256(str(file), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(file: str, size: int, changed: int) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_named_hash(file: Path) -> None:
    """Raise BadInput if a file whose name carries the start of its SHA-256 (NAME-1a2b3c4d.pth) holds something else."""
    named = re.search(r"-([0-9a-f]{8,64})\.[a-z]+$", file.name)
    if named and not sha256(file).startswith(named.group(1)):
        raise BadInput(f"{file.name} is damaged: its content does not match the hash in its name. Install it again.")


def read_state(file: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint: safetensors, or a state dict read without running any code.

    Raises:
        BadInput: not a checkpoint, or one that could only be read by running code.
    """
    import torch

    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(str(file))
        state = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise BadInput(f"There is no file {file}.") from None
    except Exception as error:  # a damaged or hostile file can fail in any way
        raise BadInput(
            f"{file.name} cannot be read as weights; give a .safetensors file or a plain state dict "
            f"(saved objects are refused, because reading them runs code): {str(error).splitlines()[0][:120]}"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()) or not state:
        raise BadInput(f"{file.name} holds no state dict: expected names and tensors.")
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def match_by_position(state: dict[str, Any], reference: dict[str, Any], what: str) -> dict[str, Any]:
    """The tensors of `state` under the names of `reference`, where both list the same tensors in the same order.

    Names must end alike and shapes must be equal at every position, so that a changed file is refused, not misread.
    """
    if len(state) != len(reference):
        raise BadInput(
            f"{what} holds {len(state)} tensors, the architecture has {len(reference)}; install the pinned version."
        )
    for (theirs, a), (ours, b) in zip(state.items(), reference.items()):
        if a.shape != b.shape or theirs.rsplit(".", 1)[-1] != ours.rsplit(".", 1)[-1]:
            raise BadInput(f"{what}: tensor {theirs} {tuple(a.shape)} does not fit {ours} {tuple(b.shape)}.")
    return dict(zip(reference, state.values()))
