"""From a record to a network: timm's and open_clip's own loading, with every failure said in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import compat
from core.backbones import weights
from core.errors import BadInput, WeightsMissing
from core.types import Backbone

if TYPE_CHECKING:
    import torch

_RECORD_ONLY = {"crop", "resize_to", "rule", "filter", "mean", "std", "fill", "repository", "megabytes", "file", "gem"}
"""Options that describe the record; the rest goes to the library that builds the network."""


def build_options(backbone: Backbone) -> dict[str, Any]:
    """What the library is given beside the name, e.g. {"img_size": 224}."""
    return {key: value for key, value in backbone.options if key not in _RECORD_ONLY}


def load_module(backbone: Backbone) -> torch.nn.Module:
    """The network that turns normalised pictures (n, 3, side, side) into vectors (n, dim), in eval mode, on the CPU.

    Raises:
        WeightsMissing: the weights are not here and cannot be fetched.
        BadInput: a weights file that does not fit the architecture.
    """
    weights.require(backbone)
    compat.ensure_torchvision()
    if backbone.source == "open_clip":
        from core.backbones.sources.open_clip_source import load_image_tower

        module = load_image_tower(backbone)
    elif backbone.family == "concepts":
        from core.backbones.concepts import load as load_concepts

        module = load_concepts(backbone)
    elif backbone.source in {"timm", "package", "file"}:
        from core.backbones.sources.timm_source import load

        module = load(backbone)
    else:
        raise BadInput(f"{backbone.name!r} is not a network.")
    return module.eval().requires_grad_(False)


@contextmanager
def hub_errors(backbone: Backbone) -> Iterator[None]:
    """Turn what the hub libraries raise into one sentence."""
    try:
        yield
    except Exception as error:
        sentence = _hub_sentence(backbone, error)
        if sentence is None:
            raise
        raise WeightsMissing(sentence) from error


def _hub_sentence(backbone: Backbone, error: BaseException) -> str | None:
    """The sentence for a failure of the hub, None when it is something else."""
    from huggingface_hub import errors

    repository = weights.repository(backbone) or backbone.name
    chain = _causes(error)
    if any(isinstance(e, errors.GatedRepoError) for e in chain):
        return (
            f"The weights of {backbone.name!r} need consent: accept the terms of {repository} in a browser, "
            f"then run `hf auth login` and `python -m core fetch {backbone.name}`."
        )
    if any(isinstance(e, errors.RepositoryNotFoundError) for e in chain):
        return f"The hub has no repository {repository}, or it is private; check the name of {backbone.name!r}."
    status = next(
        (getattr(getattr(e, "response", None), "status_code", None) for e in chain if hasattr(e, "response")), None
    )
    if status in {401, 403}:
        return (
            f"The hub refused the access token for {repository} (HTTP {status}). Run `hf auth login` with a valid "
            f"token, then `python -m core fetch {backbone.name}`."
        )
    missing = (errors.LocalEntryNotFoundError, errors.EntryNotFoundError, errors.OfflineModeIsEnabled, ConnectionError)
    if any(isinstance(e, missing) for e in chain) or "Failed to download weights" in str(error):
        return weights.missing_sentence(backbone, "the download failed")
    return None


def _causes(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


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
    for wrapper in ("state_dict", "model", "model_state_dict", "state_dict_ema", "model_ema"):
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
