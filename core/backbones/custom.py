"""Backbones that are not in the catalog: resolved from a name people type, checked, and kept for this installation.

`timm:NAME[.TAG]`, `open_clip:ARCH/TAG`, `hf-hub:ORG/NAME`, `endpoint:MODEL@ADDRESS` (`sources/endpoint.py`), and a
checkpoint file for an architecture of timm. Each is built once without weights, so that its record holds the dim, the parameters and the preprocessing of the network.
`fast:NAME` is the fast mode of any of them: a backbone of its own, compared like any other.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import threading
from pathlib import Path
from typing import Any

from core import access, files, paths
from core.access import gated, reach
from core.backbones import checkpoints, sources
from core.backbones.catalog import BACKBONES, FAST
from core.backbones.sources import file as file_source
from core.errors import BadInput, UnknownName
from core.registry import did_you_mean
from core.types import Backbone

_FAST_LABEL = " (fast)"
_LOCK = threading.Lock()
_READ: dict[Path, tuple[int, Backbone]] = {}


def added() -> dict[str, Backbone]:
    """The backbones that were added on this installation, by name."""
    folder = paths.backbones()
    records: dict[str, Backbone] = {}
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        changed = file.stat().st_mtime_ns
        with _LOCK:
            known = _READ.get(file)
            if known is None or known[0] != changed:
                known = _READ[file] = (changed, _from_json(file))
        records[known[1].name] = known[1]
    # the fast mode is that of the exact backbone as it is now
    return {
        name: fast(exact(backbone, records)) if backbone.mode == "fast" else backbone
        for name, backbone in records.items()
    }


def get(name: str, typed: bool = False) -> Backbone:
    """A backbone that was added, or that the name itself describes; the latter is checked and kept.

    Args:
        typed: a person typed the name, here and now: servers that it names may be asked.

    Raises:
        UnknownName: no such name; BadInput: the description is wrong; WeightsMissing: its config is on the hub only.
        NotAllowed: it is none that is here already, and whoever acts may not add one.
    """
    known = added()
    if name in known:
        return known[name]
    if name.startswith(FAST):
        base = name.removeprefix(FAST)
        if base.startswith(FAST):
            raise BadInput(f"{base[:60]!r} is in the fast mode already: there is no faster mode of it.")
        return add(fast(BACKBONES[base] if base in BACKBONES else get(base, typed)))
    if not name.startswith(sources.schemes(typed)):
        raise _unknown(name, known)
    access.require("backbone.add")  # before the hub or a server is asked, not after
    return add(sources.resolve(name))


def exact(backbone: Backbone, known: dict[str, Backbone] | None = None) -> Backbone:
    """The exact backbone of a fast mode, any other as it is.

    Args:
        known: what was added here, when that is known already.
    """
    if backbone.mode == "exact":
        return backbone
    base = backbone.name.removeprefix(FAST)
    if base in BACKBONES:
        return BACKBONES[base]
    record = (added() if known is None else known).get(base)
    if record is not None:
        return record
    label = backbone.label.removesuffix(_FAST_LABEL)  # it was taken off the list
    return dataclasses.replace(backbone, name=base, label=label, mode="exact")


def fast(backbone: Backbone) -> Backbone:
    """The same network in the fast mode.

    Raises:
        BadInput: it has none.
    """
    if sources.source_of(backbone).engine:
        raise BadInput(f"{backbone.title} needs no network: there is no faster mode of it.")
    return dataclasses.replace(
        backbone, name=f"{FAST}{backbone.name}", label=f"{backbone.title}{_FAST_LABEL}", mode="fast"
    )


@gated("backbone.add")
def add(backbone: Backbone) -> Backbone:
    """Keep a record for this installation."""
    if backbone.name in BACKBONES:
        raise BadInput(f"{backbone.name!r} is in the catalog already; choose another name.")
    files.write_json(paths.backbones() / _file_name(backbone.name), dataclasses.asdict(backbone))
    return backbone


@gated("backbone.add")
def remove(name: str) -> None:
    """Forget a backbone that was added; its embeddings stay in the store.

    Raises:
        UnknownName: it was not added.
    """
    if name in BACKBONES:
        raise BadInput(f"{name!r} is part of the catalog and cannot be removed.")
    file = paths.backbones() / _file_name(name)
    if not file.is_file():
        raise _unknown(name, added())
    record = _from_json(file)
    files.remove(file)
    if record.mode == "exact":
        sources.source_of(record).forget(record)


@gated("backbone.add")
def add_local(architecture: str, file: str | Path, projection: bool = False) -> Backbone:
    """A checkpoint on disk for an architecture of timm (or a catalog name that has one): loaded once to check it.

    Args:
        projection: apply the matrix that the file holds behind the vector; the record says so (`projection=512`).

    Raises:
        BadInput: no such architecture or file, a file that would need code to be read, or tensors that do not fit.
    """
    path = reach.require(file)
    if not path.is_file():
        raise BadInput(f"There is no file {path}. Give the path of a .safetensors file or a state dict.")
    plain = architecture.removeprefix("timm:")
    if plain in BACKBONES and sources.source_of(BACKBONES[plain]).of_timm:
        plain = BACKBONES[plain].architecture
    plain = plain.partition(".")[0]
    name = f"{plain}@{path.stem}"
    known = added().get(name)
    if known is not None and known.weights != str(path):
        name = f"{name}-{checkpoints.sha256(path)[:6]}"
    record = file_source.describe(plain, path, name)
    if projection:
        record = file_source.with_projection(record)
    sources.source_of(record).load(record)
    return add(record)


def _file_name(name: str) -> str:
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:60].strip("-.") or "backbone"
    return f"{slug}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.json"


def _from_json(file: Path) -> Backbone:
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        fields["options"] = tuple((key, _hashable(value)) for key, value in fields["options"])
        fields["modalities"] = tuple(fields["modalities"])
        return Backbone(**fields)
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{file} is damaged ({error}); remove it and add the backbone again.") from error


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _unknown(name: str, known: dict[str, Backbone]) -> UnknownName:
    names = [*BACKBONES.names, *known]
    return UnknownName(
        f"No backbone is named {name!r}.{did_you_mean(name, names)} `python -m core list backbones` shows all "
        f"{len(names)}; `timm:NAME`, `open_clip:ARCH/TAG`, `hf-hub:ORG/NAME`, `endpoint:MODEL@ADDRESS` and `fast:NAME` add others."
    )
