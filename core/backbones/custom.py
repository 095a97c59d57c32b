"""Backbones that are not in the catalog: resolved from a name people type, checked, and kept for this installation.

`timm:NAME[.TAG]`, `open_clip:ARCH/TAG`, `hf-hub:ORG/NAME`, and a checkpoint file for an architecture of timm. Each is
built once without weights, so that its record holds the dim, the parameters and the preprocessing of the network.
`fast:NAME` is the fast mode of any of them: a backbone of its own, compared like any other.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
import threading
from pathlib import Path
from typing import Any

from core import compat, files, paths
from core.backbones import loading, preprocessing, weights
from core.backbones.catalog import BACKBONES, FAST
from core.errors import BadInput, UnknownName, WeightsMissing
from core.registry import did_you_mean
from core.types import Backbone

SCHEMES = ("timm:", "open_clip:", "hf-hub:", FAST)
_FAST_LABEL = " (fast)"
_LOCK = threading.Lock()
_READ: dict[Path, tuple[int, Backbone]] = {}
_LICENCES = {
    "apache-2.0": ("Apache-2.0", True),
    "mit": ("MIT", True),
    "bsd-3-clause": ("BSD-3-Clause", True),
    "cc-by-nc-4.0": ("CC-BY-NC-4.0", False),
    "dinov3-license": ("DINOv3 License", True),
    "apple-amlr": ("Apple ML Research", False),
}


def kept() -> dict[str, Backbone]:
    """The backbones that were added on this installation, by name."""
    folder = paths.backbones()
    found: dict[str, Backbone] = {}
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        changed = file.stat().st_mtime_ns
        with _LOCK:
            held = _READ.get(file)
            if held is None or held[0] != changed:
                held = _READ[file] = (changed, _from_json(file))
        found[held[1].name] = held[1]
    # the fast mode is that of the exact backbone as it is now
    return {name: fast(exact(one, found)) if one.mode == "fast" else one for name, one in found.items()}


def get(name: str) -> Backbone:
    """A backbone that was added, or that the name itself describes; the latter is checked and kept.

    Raises:
        UnknownName: no such name; BadInput: the description is wrong; WeightsMissing: its config is on the hub only.
    """
    there = kept()
    if name in there:
        return there[name]
    if not name.startswith(SCHEMES):
        _refuse(name, there)
    if not name.startswith(FAST):
        return add(resolve(name))
    base = name.removeprefix(FAST)
    if base.startswith(FAST):
        raise BadInput(f"{base[:60]!r} is in the fast mode already: there is no faster mode of it.")
    return add(fast(BACKBONES[base] if base in BACKBONES else get(base)))


def exact(backbone: Backbone, there: dict[str, Backbone] | None = None) -> Backbone:
    """The exact backbone of a fast mode, any other as it is.

    Args:
        there: what was added here, when that is known already.
    """
    if backbone.mode == "exact":
        return backbone
    base = backbone.name.removeprefix(FAST)
    if base in BACKBONES:
        return BACKBONES[base]
    found = (kept() if there is None else there).get(base)
    if found is not None:
        return found
    label = backbone.label.removesuffix(_FAST_LABEL)  # it was taken off the list
    return dataclasses.replace(backbone, name=base, label=label, mode="exact")


def fast(backbone: Backbone) -> Backbone:
    """The same network in the fast mode.

    Raises:
        BadInput: it has none.
    """
    if backbone.source == "own":
        raise BadInput(f"{backbone.title} needs no network: there is no faster mode of it.")
    return dataclasses.replace(
        backbone, name=f"{FAST}{backbone.name}", label=f"{backbone.title}{_FAST_LABEL}", mode="fast"
    )


def add(backbone: Backbone) -> Backbone:
    """Keep a record for this installation."""
    if backbone.name in BACKBONES:
        raise BadInput(f"{backbone.name!r} is in the catalog already; choose another name.")
    files.write_json(paths.backbones() / _file_name(backbone.name), dataclasses.asdict(backbone))
    return backbone


def remove(name: str) -> None:
    """Forget a backbone that was added; its embeddings stay in the store.

    Raises:
        UnknownName: it was not added.
    """
    if name in BACKBONES:
        raise BadInput(f"{name!r} is part of the catalog and cannot be removed.")
    file = paths.backbones() / _file_name(name)
    if not file.is_file():
        _refuse(name, kept())
    file.unlink()


def add_local(architecture: str, file: str | Path) -> Backbone:
    """A checkpoint on disk for an architecture of timm (or a catalog name that has one): loaded once to check it.

    Raises:
        BadInput: no such architecture or file, a file that would need code to be read, or tensors that do not fit.
    """
    place = Path(file).expanduser().resolve()
    if not place.is_file():
        raise BadInput(f"There is no file {place}. Give the path of a .safetensors file or a state dict.")
    plain = architecture.removeprefix("timm:")
    if plain in BACKBONES and BACKBONES[plain].source in {"timm", "package"}:
        plain = BACKBONES[plain].architecture
    plain = plain.partition(".")[0]
    name = f"{plain}@{place.stem}"
    held = kept().get(name)
    if held is not None and held.weights != str(place):
        name = f"{name}-{weights.sha256(place)[:6]}"
    base = _describe_timm(plain, _timm_config(plain, ""))
    record = dataclasses.replace(
        base,
        name=name,
        source="file",
        weights=str(place),
        label=f"{plain} ({place.name})",
        licence="your own file",
        commercial=None,
        trained_on="see its maker",
    )
    loading.load_module(record)
    return add(record)


def resolve(name: str) -> Backbone:
    """The record that `timm:…`, `open_clip:…` or `hf-hub:…` stands for, built once without weights.

    Raises:
        UnknownName: the library has no such architecture or tag.
        WeightsMissing: a hub repository whose config is not here and cannot be fetched.
    """
    compat.ensure_torchvision()
    scheme, _, rest = name.partition(":")
    if not re.fullmatch(r"[\w.@/+-]{1,200}", rest) or ".." in rest:
        raise BadInput(f"{name!r} is not a name of a backbone; examples: timm:resnet26, open_clip:ViT-B-32/openai.")
    if scheme == "timm":
        architecture, _, tag = rest.partition(".")
        config = _timm_config(architecture, tag)
        return _describe_timm(
            architecture, config, name=f"timm:{architecture}" + (f".{config.tag}" if config.tag else "")
        )
    if scheme == "open_clip":
        return _resolve_open_clip(rest)
    return _resolve_hub(rest)


# ------------------------------------------------------------------------------------------------------- timm


def _timm_config(architecture: str, tag: str) -> Any:
    import timm

    if not timm.is_model(architecture):
        hint = did_you_mean(architecture, timm.list_models(), count=3)
        raise UnknownName(f"timm has no architecture {architecture!r}.{hint}")
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{architecture}.*") or [architecture]]
    if tag and tag not in tags:
        raise UnknownName(
            f"timm has no weights {tag!r} for {architecture}; there are: {', '.join(filter(None, tags))}."
        )
    config = timm.get_pretrained_cfg(f"{architecture}.{tag}" if tag else architecture)
    if config is None:
        raise UnknownName(f"timm has no preprocessing for {architecture!r}; choose another architecture.")
    return config


def _describe_timm(architecture: str, config: Any, name: str = "", **fixed: Any) -> Backbone:
    """The record of a timm network: its own preprocessing, and dim and parameters from the network itself."""
    said = timm_preprocessing(config.to_dict())
    if config.hf_hub_id and config.hf_hub_id != f"timm/{architecture}.{config.tag}":
        said["repository"] = config.hf_hub_id
    if config.hf_hub_filename:
        said["file"] = config.hf_hub_filename
    licence, commercial = _LICENCES.get((config.license or "").lower(), (config.license or "unknown", None))
    record = Backbone(
        name or f"timm:{architecture}",
        source="timm",
        dim=1,
        architecture=architecture,
        weights=config.tag or "",
        label=f"{architecture}.{config.tag}" if config.tag else architecture,
        image_size=said["crop"],
        licence=licence,
        commercial=commercial,
        trained_on="see its model card",
        pooling="timm's own",
        reference=_paper(config),
        options=preprocessing.options(**said),
        family="ViT" if "vit" in architecture else "CNN",
    )
    return _measured(dataclasses.replace(record, **fixed))


def _paper(config: Any) -> str:
    papers = getattr(config, "paper_ids", None) or ()
    return ", ".join([papers] if isinstance(papers, str) else papers) or f"timm model card of {config.architecture}"


def timm_preprocessing(config: dict[str, Any], **asked: Any) -> dict[str, Any]:
    """What `timm.data.create_transform` does for evaluation, in the words of `prep.options`."""
    from timm.data import resolve_data_config

    data = resolve_data_config(asked, pretrained_cfg=config)
    channels, height, width = data["input_size"]
    if height != width or channels != 3:
        raise BadInput(f"Only square colour inputs are read; this network wants {data['input_size']}.")
    rule = {"center": "shortest", "squash": "squash", "border": "longest"}[data["crop_mode"]]
    said = {
        "crop": height,
        "resize_to": math.floor(height / data["crop_pct"]),
        "rule": rule,
        "filter": data["interpolation"],
        "mean": tuple(data["mean"]),
        "std": tuple(data["std"]),
    }
    if rule == "longest":
        said["fill"] = tuple(round(255 * value) for value in data["mean"])
    return said


def _measured(record: Backbone) -> Backbone:
    """The record with dim and parameters of the network, built without weights on no memory at all."""
    import torch

    from core.backbones.sources import open_clip_source, timm_source

    try:
        with torch.device("meta"), torch.inference_mode():
            if record.source == "open_clip":
                both = open_clip_source.build(dataclasses.replace(record, random=True), device="meta")
                network, total = open_clip_source.image_tower(both), _millions(both)
            else:
                network = timm_source.build(record).eval()
                total = _millions(network)
            found = network(torch.zeros(1, 3, record.image_size, record.image_size))
    except WeightsMissing:
        raise
    except Exception as error:  # third-party networks fail in their own ways
        raise BadInput(f"{record.name!r} cannot be built as an image backbone: {str(error)[:200]}") from error
    if found.ndim != 2:
        raise BadInput(f"{record.name!r} gives {tuple(found.shape)} for one picture, not one vector; choose another.")
    options = dict(record.options)
    if record.source == "open_clip":
        options["megabytes"] = round(total * 4)
    return dataclasses.replace(
        record, dim=int(found.shape[1]), parameters=round(_millions(network), 1), options=tuple(sorted(options.items()))
    )


def _millions(network: Any) -> float:
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6


# -------------------------------------------------------------------------------------------------- open_clip


def _resolve_open_clip(rest: str) -> Backbone:
    import open_clip

    architecture, _, tag = rest.partition("/")
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if not tags:
        hint = did_you_mean(architecture, open_clip.list_models(), count=3)
        raise UnknownName(f"open_clip has no pretrained architecture {architecture!r}.{hint}")
    if tag not in tags:
        raise UnknownName(f"open_clip has no weights {tag!r} for {architecture}; write one of: {', '.join(tags)}.")
    config = open_clip.get_pretrained_cfg(architecture, tag)
    owner, _, rest_of = (config.get("hf_hub") or "").partition("/")
    repository, _, file = rest_of.partition("/")
    size = open_clip.get_model_config(architecture)["vision_cfg"].get("image_size", 224)
    record = _clip_record(
        f"open_clip:{architecture}/{tag}", architecture, tag, size, config, f"{owner}/{repository}", file
    )
    return _measured(record)


def _clip_record(
    name: str, architecture: str, tag: str, size: Any, config: dict[str, Any], repository: str, file: str
) -> Backbone:
    side = size[0] if isinstance(size, (list, tuple)) else int(size)
    more = {"file": file} if file else {}
    said = preprocessing.options(
        side,
        rule=config.get("resize_mode") or "shortest",
        filter=config.get("interpolation") or "bicubic",
        mean=tuple(config.get("mean") or preprocessing.CLIP_MEAN),
        std=tuple(config.get("std") or preprocessing.CLIP_STD),
        repository=repository,
        **more,
    )
    return Backbone(
        name,
        source="open_clip",
        dim=1,
        architecture=architecture,
        weights=tag,
        label=name.partition(":")[2],
        family="vision-language",
        image_size=side,
        modalities=("image", "text"),
        pooling="projection",
        trained_on="pictures with texts; see its model card",
        reference=f"model card of {repository}",
        options=said,
    )


# --------------------------------------------------------------------------------------------------- the hub


def _resolve_hub(repository: str) -> Backbone:
    """A repository of the hub that holds a network of open_clip or of timm."""
    if repository.count("/") != 1:
        raise BadInput(f"Write the repository as ORG/NAME, e.g. hf-hub:timm/resnet18.a1_in1k; got {repository!r}.")
    name = f"hf-hub:{repository}"
    clip = _hub_json(repository, "open_clip_config.json")
    if clip is not None and "model_cfg" in clip:
        size = clip["model_cfg"]["vision_cfg"].get("image_size", 224)
        given = clip.get("preprocess_cfg", {})
        return _measured(_clip_record(name, name, "", given.get("size", size), given, repository, ""))
    config = _hub_json(repository, "config.json")
    if config is None:
        raise WeightsMissing(
            f"The config of {repository} is neither in {paths.hub_cache()} nor to be had from the hub now. "
            f"Run `python -m core fetch {name}` on a machine with a network and copy that folder."
        )
    if "architecture" not in config:
        raise BadInput(f"{repository} holds no network of timm or open_clip; choose one that does.")
    from timm.models import load_model_config_from_hf, split_model_name_tag

    pretrained, architecture, _ = load_model_config_from_hf(repository)
    architecture = split_model_name_tag(architecture)[0]
    said = timm_preprocessing(pretrained)
    licence, commercial = _LICENCES.get(str(pretrained.get("license") or "").lower(), ("unknown", None))
    record = Backbone(
        name,
        source="timm",
        dim=1,
        architecture=name,
        weights="",
        label=repository,
        image_size=said["crop"],
        licence=licence,
        commercial=commercial,
        trained_on="see its model card",
        pooling="timm's own",
        reference=f"model card of {repository}",
        options=preprocessing.options(**said, repository=repository),
        family="ViT" if "vit" in architecture else "CNN",
    )
    return _measured(record)


def _hub_json(repository: str, file: str) -> dict[str, Any] | None:
    """A JSON file of a repository, from the cache or the hub; None when it is in neither."""
    from huggingface_hub import errors, hf_hub_download, try_to_load_from_cache

    cached = try_to_load_from_cache(repository, file, cache_dir=paths.hub_cache())
    if not isinstance(cached, str) and not weights.hub_reachable():
        return None
    try:
        with loading.hub_errors(Backbone(f"hf-hub:{repository}", "timm", 1, options=(("repository", repository),))):
            place = cached if isinstance(cached, str) else hf_hub_download(repository, file)
    except WeightsMissing as error:
        if isinstance(error.__cause__, errors.EntryNotFoundError):
            return None
        raise
    return json.loads(Path(place).read_text(encoding="utf-8"))


# ------------------------------------------------------------------------------------------------------ files


def _file_name(name: str) -> str:
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:60].strip("-.") or "backbone"
    return f"{slug}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.json"


def _from_json(file: Path) -> Backbone:
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        said["options"] = tuple((key, _hashable(value)) for key, value in said["options"])
        said["modalities"] = tuple(said["modalities"])
        return Backbone(**said)
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{file} is damaged ({error}); remove it and add the backbone again.") from error


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _refuse(name: str, there: dict[str, Backbone]) -> None:
    every = [*BACKBONES.names, *there]
    raise UnknownName(
        f"No backbone is named {name!r}.{did_you_mean(name, every)} `python -m core list backbones` shows all {len(every)}; "
        "`timm:NAME`, `open_clip:ARCH/TAG`, `hf-hub:ORG/NAME` and `fast:NAME` add others."
    )
