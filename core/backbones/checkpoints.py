"""Weights in files: read without running code, known by their hash, matched to the network that they belong to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import BadInput

if TYPE_CHECKING:
    import torch

_FIRST = ("", "state_dict", "model", "model_state_dict", "state_dict_ema", "model_ema", "ema")
"""Where a file holds a network more than once, the part that is taken, in this order: the weights that were trained
before their average."""
_DEEPEST = 4


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
    """The tensors of a checkpoint by name; those in dictionaries inside it by their path, "state_dict.fc.weight".

    Safetensors, or what `torch.save` wrote, read without running any code. What is no tensor is passed over.

    Raises:
        BadInput: not a checkpoint, or one that could only be read by running code.
    """
    import torch

    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(str(file))
        content = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise BadInput(f"There is no file {file}.") from None
    except Exception as error:  # a damaged or hostile file can fail in any way
        raise BadInput(_unreadable(file)) from error
    state = dict(_tensors(content)) if isinstance(content, dict) else {}
    if not state:
        raise BadInput(f"{file.name} holds no state dict: expected names and tensors.")
    return state


def _unreadable(file: Path) -> str:
    import torch

    try:
        objects = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    except Exception:  # not even the container can be read
        objects = []
    if objects:
        return (
            f"{file.name} holds objects ({', '.join(sorted(objects)[:3])}) beside its tensors, and reading those would "
            "run code, so it is refused. Save the tensors alone: "
            "torch.save(network.state_dict(), 'weights.pth') writes such a file."
        )
    return (
        f"{file.name} cannot be read as weights; give a .safetensors file or a state dict that torch.save wrote "
        "(saved objects are refused, because reading them runs code)."
    )


def _tensors(content: dict[Any, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, torch.Tensor]]:
    import torch

    for name, value in content.items():
        if isinstance(value, torch.Tensor):
            yield f"{prefix}{name}", value
        elif isinstance(value, dict) and depth < _DEEPEST:
            yield from _tensors(value, f"{prefix}{name}.", depth + 1)


def part_for(state: Mapping[str, torch.Tensor], reference: Mapping[str, torch.Tensor], what: str) -> str:
    """What stands before the names of a network in a checkpoint: "module.", "state_dict.model.", "_orig_mod." …

    Args:
        state: the tensors of the checkpoint.
        reference: the tensors of the network.
        what: the file, for the sentence.
    Returns:
        the prefix under which most names of the network are found; "" where there are none.
    Raises:
        BadInput: the network is there more than once, and nothing says which one is meant.
    """
    prefixes = {name[: -len(known)] for name in state for known in reference if name.endswith(known)}
    prefixes = {prefix for prefix in prefixes if not prefix or prefix.endswith(".")}
    counts = {prefix: sum(f"{prefix}{name}" in state for name in reference) for prefix in prefixes}
    best = sorted(prefix for prefix in counts if counts[prefix] == max(counts.values()))
    if len(best) > 1:
        by_part = {first: [prefix for prefix in best if prefix.partition(".")[0] == first] for first in _FIRST}
        usual = next((prefixes for prefixes in by_part.values() if prefixes), [])
        if len(usual) != 1:
            raise BadInput(
                f"{what} holds the network {len(best)} times, under {' and '.join(map(repr, best[:3]))}; "
                "save the one that is meant as a file of its own."
            )
        return usual[0]
    return best[0] if best else ""


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
