"""WebDataset tars, read where they lie: members are found by their place in the archive, nothing is unpacked."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

from core.data import images
from core.data.listing import READERS, SPLIT_WORDS, Listing
from core.data.table_files import several_words, words
from core.errors import BadInput
from core.task import NO_TASK, ProgressMeter, Task

_SMALL = 16 * 2**20
_TEXTS = {"txt": "description", "caption": "description", "title": "title"}


def _tars(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.name.lower().endswith((".tar", ".tar.gz", ".tgz", ".zip")) else []
    return sorted(p for p in path.glob("*.tar") if p.is_file()) if path.is_dir() else []


@READERS.register("webdataset", label="WebDataset archives (.tar)", detect=lambda path: bool(_tars(path)))
def webdataset(path: Path, *, task: Task = NO_TASK) -> Listing:
    """One tar or a folder of shards. Members with the same stem are one sample: a picture, `.cls`, `.json`, `.txt`.

    `.cls` holds the label; `.json` may hold label(s), instance, split, title, description. A shard whose name
    starts with train, val or test gives its split.
    """
    listing = Listing(str(path), labels=[], extra={"offset": [], "member_size": []})
    fields: list[dict[str, Any]] = []
    meter = task.meter("Listing archives", None, "members")
    shards = _tars(path)
    for shard in shards:
        for name, row in _samples(shard, listing, meter).items():
            listing.ids.append(name if len(shards) == 1 else f"{shard.name}/{name}")
            listing.paths.append(str(shard))
            listing.extra["offset"].append(row.pop("offset"))
            listing.extra["member_size"].append(row.pop("size"))
            row.setdefault("split", _split_of(shard))
            fields.append(row)
    if not fields:
        raise BadInput(
            f"There is no picture in {path}; a sample is a picture and perhaps .cls, .json or .txt beside it."
        )
    _columns(listing, fields)
    return listing


def _split_of(shard: Path) -> str:
    start = shard.name.lower().split(".")[0].split("-")[0].split("_")[0].rstrip("0123456789")
    return SPLIT_WORDS.get(start, "")


def _samples(shard: Path, listing: Listing, meter: ProgressMeter) -> dict[str, dict[str, Any]]:
    """Stem → what the members of that sample say, for samples with a picture."""
    with shard.open("rb") as file:
        start = file.read(4)
    if start[:2] == b"\x1f\x8b" or start == b"PK\x03\x04":
        raise BadInput(f"{shard} is compressed; unpack it and give the folder, or give a plain .tar.")
    found: dict[str, dict[str, Any]] = {}
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                meter.task.check()
                meter.add()
                parts = PurePosixPath(member.name).parts
                if member.name.startswith("/") or ".." in parts or "\\" in member.name:
                    raise BadInput(
                        f"{shard} has a member named {member.name[:80]!r}, which leaves its folder; it is not read."
                    )
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    listing.quarantine[f"{shard}/{member.name}"] = "This member is a link or a device, not a file."
                    continue
                _member(archive, member, found.setdefault(_stem(member.name), {}), f"{shard}/{member.name}")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BadInput(f"{shard} is damaged: {error}.") from error
    return {name: row for name, row in found.items() if "offset" in row}


def _stem(name: str) -> str:
    folder, _, last = name.rpartition("/")
    return f"{folder}/{last.split('.')[0]}" if folder else last.split(".")[0]


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo, row: dict[str, Any], where: str) -> None:
    ending = member.name.rpartition("/")[2].partition(".")[2].lower()
    if images.looks_like_one(member.name):
        if "offset" not in row:
            row.update(offset=member.offset_data, size=member.size)
        return
    if ending not in ("cls", "json", *_TEXTS) or member.size > _SMALL:
        return
    try:
        text = archive.extractfile(member).read().decode("utf-8").strip()
        if ending == "json":
            held = json.loads(text)
            for name in ("label", "labels", "instance", "split", "title", "description", "caption"):
                if isinstance(held, dict) and name in held:
                    row["description" if name == "caption" else name] = held[name]
        elif ending == "cls":
            row["label"] = text
        else:
            row[_TEXTS[ending]] = text
    except ValueError as error:
        raise BadInput(f"{where} cannot be read: {str(error)[:120]}.") from error


def _columns(listing: Listing, fields: list[dict[str, Any]]) -> None:
    listing.labels = [several_words(row.get("labels", row.get("label"))) for row in fields]
    listing.several = any("labels" in row for row in fields)
    if not any(listing.labels):
        listing.labels = None
    if any(row.get("instance") is not None for row in fields):
        listing.instances = [words(row.get("instance")) for row in fields]
        listing.relevant_by = "label" if listing.labels else "instance"
    given = [SPLIT_WORDS.get(str(row.get("split", "")).lower(), "") for row in fields]
    if all(given) and set(given) != {"train"}:
        listing.splits = given
    for name in ("title", "description"):
        if any(name in row for row in fields):
            listing.extra[name] = [words(row.get(name)) for row in fields]
