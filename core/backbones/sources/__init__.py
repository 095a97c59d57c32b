"""Where backbones come from. A new source is one class: subclass `Source`, and list it here."""

from __future__ import annotations

import re

from core import paths
from core.backbones.sources import hub, open_clip, timm
from core.backbones.sources.attached import Attached
from core.backbones.sources.base import Engine, Source, TextEncoder
from core.backbones.sources.concepts import ConceptSource
from core.backbones.sources.descriptor import Descriptor
from core.backbones.sources.endpoint import Endpoint
from core.backbones.sources.file import File
from core.backbones.sources.package import Package
from core.backbones.sources.tuned import Tuned
from core.errors import BadInput, WeightsMissing
from core.types import Backbone

__all__ = ["HUB_SCHEME", "SCHEMES", "SOURCES", "Engine", "Source", "TextEncoder", "resolve", "source_of"]

SOURCES: dict[str, Source] = {
    source.key: source
    for source in (timm.Timm(), open_clip.OpenClip(), Package(), File(), Descriptor(), Endpoint(), Attached())
}
_CONCEPTS = ConceptSource()
HUB_SCHEME = "hf-hub:"


def source_of(backbone: Backbone) -> Source:
    """The source of a record."""
    return _CONCEPTS if backbone.family == "concepts" else SOURCES[backbone.source]


SOURCES[Tuned.key] = Tuned(source_of)


def schemes(typed: bool = True) -> tuple[str, ...]:
    """What names begin with that can be resolved: all of them where a person typed the name, else the libraries'."""
    usable = (source for source in SOURCES.values() if source.scheme and (typed or not source.asks_servers))
    return (*(source.scheme for source in usable), HUB_SCHEME)


def resolve(name: str) -> Backbone:
    """The record that `timm:…`, `open_clip:…` or `hf-hub:…` stands for, built once without weights.

    Raises:
        UnknownName: the library has no such architecture or tag.
        WeightsMissing: a hub repository whose config is not here and cannot be fetched.
    """
    scheme, _, rest = name.partition(":")
    source = next((source for source in SOURCES.values() if source.scheme == f"{scheme}:"), None)
    if not re.fullmatch((source or Source).name_pattern, rest) or ".." in rest:
        raise BadInput(f"{name!r} is not a name of a backbone; examples: timm:resnet26, open_clip:ViT-B-32/openai.")
    if f"{scheme}:" == HUB_SCHEME:
        return _resolve_hub(hub.check_repository(rest))
    if source is None:
        raise BadInput(f"{name!r} begins with none of: {', '.join(schemes())}.")
    return source.resolve(rest)


def _resolve_hub(repository: str) -> Backbone:
    """A repository of the hub that holds a network of open_clip or of timm."""
    name = f"{HUB_SCHEME}{repository}"
    config = hub.read_json(repository, "open_clip_config.json")
    if config is not None and "model_cfg" in config:
        return open_clip.hub_record(repository, name, config)
    config = hub.read_json(repository, "config.json")
    if config is None:
        raise WeightsMissing(
            f"The config of {repository} is neither in {paths.hub_cache()} nor to be had from the hub now. "
            f"Run `python -m core fetch {name}` on a machine with a network and copy that folder."
        )
    if "architecture" not in config:
        raise BadInput(f"{repository} holds no network of timm or open_clip; choose one that does.")
    return timm.hub_record(repository, name)
