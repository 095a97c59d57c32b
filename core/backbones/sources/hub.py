"""Weights on the model hub: where its cache has them, whether the hub answers, and one sentence where it does not.

Nothing here imports torch, so a page may ask for every backbone.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core import paths
from core.backbones.sources.base import NetworkSource, Source
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


class HubSource(NetworkSource):
    """A library that keeps its weights on the hub."""

    on_hub = True

    def repository(self, backbone: Backbone) -> str:
        """The hub repository, e.g. "timm/resnet18.a1_in1k"; "" where there is none."""
        return dict(backbone.options).get("repository", "")

    def cached_folder(self, backbone: Backbone) -> Path:
        """The folder of the hub's cache that holds (or would hold) these weights."""
        return paths.hub_cache() / ("models--" + self.repository(backbone).replace("/", "--"))

    def revision(self, backbone: Backbone) -> str:
        """The cached revision of the repository (40 hex digits), "" when there is none."""
        try:
            return (self.cached_folder(backbone) / "refs" / "main").read_text().strip()
        except OSError:
            return ""

    def weights_file(self, backbone: Backbone) -> Path | None:
        """The weights file of the cached revision."""
        revision = self.revision(backbone) if self.repository(backbone) else ""
        if not revision:
            return None
        snapshot = self.cached_folder(backbone) / "snapshots" / revision
        named = dict(backbone.options).get("file")
        return next((snapshot / name for name in ((named,) if named else _FILES) if (snapshot / name).exists()), None)

    def weights_identity(self, backbone: Backbone) -> dict[str, str]:
        """Repository and revision."""
        repository, revision = self.repository(backbone), self.revision(backbone)
        return {"repository": repository, "revision": revision} if revision else {"missing": repository}

    def weights_available(self, backbone: Backbone) -> tuple[bool, str]:
        """As `available`; only the cache is looked at."""
        if self.weights_file(backbone):
            return True, "from the hub's cache"
        return False, self.missing_sentence(backbone)

    def missing_sentence(self, backbone: Backbone, why: str = "") -> str:
        """Which weights, how large, where they were looked for, and what to do."""
        reason = f" ({why})" if why else ""
        return (
            f"The weights of {backbone.name!r} ({self.repository(backbone)}, about {self.megabytes(backbone):,.0f} MB) "
            f"are not on this machine{reason}; looked in {paths.hub_cache()}. "
            f"Run `python -m core fetch {backbone.name}` on a machine with a network, "
            f"then copy its folder {self.cached_folder(backbone).name} to that place."
        )

    def require(self, backbone: Backbone) -> None:
        """The weights are here, or the hub answers."""
        here, _ = self.available(backbone)
        # asked in either case: a dead network must not make a cached load wait
        if not backbone.random and not reachable() and not here:
            why = "the hub is switched off or does not answer"
            raise WeightsMissing(self.missing_sentence(backbone, why))

    def fetch(self, backbone: Backbone) -> Path:
        """Download the weights into the hub's cache, if they are not there.

        Raises:
            WeightsMissing: no network, a wrong token, a repository that needs consent, or one that does not exist.
        """
        if backbone.random:
            return Source.fetch(self, backbone)
        self.require(backbone)
        if not self.weights_file(backbone):
            self.load(backbone)  # the libraries' own download, so that the cache looks as they expect it
        return self.weights_file(backbone) or self.cached_folder(backbone)

    @contextmanager
    def errors(self, backbone: Backbone) -> Iterator[None]:
        """Turn what the hub libraries raise into one sentence."""
        try:
            yield
        except Exception as error:
            sentence = refusal(self.repository(backbone) or backbone.name, backbone.name, error)
            if sentence is None:
                raise
            raise WeightsMissing(sentence or self.missing_sentence(backbone, "the download failed")) from error


def refusal(repository: str, name: str, error: BaseException) -> str | None:
    """The sentence for a refusal of the hub; "" where the download failed, None when it is something else."""
    from huggingface_hub import errors

    chain = _causes(error)
    if any(isinstance(e, errors.GatedRepoError) for e in chain):
        return (
            f"The weights of {name!r} need consent: accept the terms of {repository} in a browser, "
            f"then run `hf auth login` and `python -m core fetch {name}`."
        )
    if any(isinstance(e, errors.RepositoryNotFoundError) for e in chain):
        return f"The hub has no repository {repository}, or it is private; check the name of {name!r}."
    status = next((getattr(e.response, "status_code", None) for e in chain if hasattr(e, "response")), None)
    if status in {401, 403}:
        return (
            f"The hub refused the access token for {repository} (HTTP {status}). Run `hf auth login` with a valid "
            f"token, then `python -m core fetch {name}`."
        )
    missing = (errors.LocalEntryNotFoundError, errors.EntryNotFoundError, errors.OfflineModeIsEnabled, ConnectionError)
    if any(isinstance(e, missing) for e in chain) or "Failed to download weights" in str(error):
        return ""
    return None


def _causes(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def read_json(repository: str, file: str) -> dict[str, Any] | None:
    """A JSON file of a repository, from the cache or the hub; None when it is in neither.

    Raises:
        WeightsMissing: the hub refuses.
    """
    from huggingface_hub import errors, hf_hub_download, try_to_load_from_cache

    cached = try_to_load_from_cache(repository, file, cache_dir=paths.hub_cache())
    if not isinstance(cached, str) and not reachable():
        return None
    try:
        path = cached if isinstance(cached, str) else hf_hub_download(repository, file)
    except errors.EntryNotFoundError:
        return None
    except Exception as error:
        sentence = refusal(repository, f"hf-hub:{repository}", error)
        if sentence is None:
            raise
        raise WeightsMissing(sentence or f"{file} of {repository} could not be fetched from the hub.") from error
    return json.loads(Path(path).read_text(encoding="utf-8"))


def check_repository(repository: str) -> str:
    """The repository, if it is written as ORG/NAME."""
    if repository.count("/") != 1:
        raise BadInput(f"Write the repository as ORG/NAME, e.g. hf-hub:timm/resnet18.a1_in1k; got {repository!r}.")
    return repository


def reachable() -> bool:
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
