"""Tar archives, read where they lie: members are found by their place in the archive, nothing is unpacked."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from core.data import file_kinds, images
from core.data.file_walk import is_clutter
from core.data.listing import Listing, known_split
from core.data.natural_order import natural_path_key
from core.data.readers.columns import labels_of
from core.data.readers.folders import DEPTH_HELP, has_image, meaning
from core.data.readers.registry import READERS
from core.data.table_files import several_words, words
from core.errors import BadInput
from core.task import NO_TASK, ProgressMeter, Task
from core.wording import plural

_SMALL = 16 * 2**20
_TEXTS = {"txt": "description", "caption": "description", "title": "title"}
_FIELDS = ("label", "labels", "instance", "split", "title", "description", "caption")


@dataclass
class _Image:
    """One image of an archive: where it lies, and what the texts of its sample say."""

    shard: Path
    member: str
    offset: int
    size: int
    sample: str = ""
    number: int = 1
    texts: dict[str, Any] = field(default_factory=dict)


def _tars(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.name.lower().endswith((".tar", ".tar.gz", ".tgz", ".zip")) else []
    return sorted(p for p in path.glob("*.tar") if p.is_file()) if path.is_dir() else []


def _is_archive(path: Path) -> bool:
    """An archive, or a folder of them; one that lies beside the images that it was packed from is passed over."""
    return bool(_tars(path)) and (path.is_file() or not has_image(path))


@READERS.register(
    "webdataset",
    label="Tar archives, WebDataset or plain (.tar)",
    detects=_is_archive,
    options={"depth": DEPTH_HELP},
    rank=6,
    by_path=True,
)
def webdataset(path: Path, *, depth: int | None = None, task: Task = NO_TASK) -> Listing:
    """One tar or a folder of shards. An image may have `.cls`, `.json`, `.txt` of its sample; else folders name classes.

    `.cls` holds the label; `.json` may hold label(s), instance, split, title, description. A shard whose name
    starts with train, val or test gives its split.
    """
    listing = Listing(str(path))
    meter = task.meter("Listing archives", None, "members")
    shards = _tars(path)
    every = [image for shard in shards for image in _read(shard, listing, meter)]
    if not every:
        raise BadInput(f"There is no image in {path}; a sample is an image and perhaps .cls, .json or .txt beside it.")
    for image in every:
        name = image.sample if image.number == 1 else f"{image.sample}#{image.number}"
        listing.ids.append(name if len(shards) == 1 else f"{image.shard.name}/{name}")
        listing.paths.append(str(image.shard))
    listing.extra = {
        "offset": [image.offset for image in every],
        "member_size": [image.size for image in every],
        "member": [image.member for image in every],
    }
    _add_texts(listing, every)
    _add_samples(listing, every, len(shards) > 1)
    if not any(image.texts for image in every):
        _add_folders(listing, every, depth)
    return listing


def _read(shard: Path, listing: Listing, meter: ProgressMeter) -> list[_Image]:
    """The images of one archive, with the texts that belong to them."""
    with shard.open("rb") as file:
        start = file.read(2048)
    if start[:2] == b"\x1f\x8b" or start[:4] == b"PK\x03\x04":
        raise BadInput(f"{shard} is compressed; unpack it and give the folder, or give a plain .tar.")
    image_of: dict[str, _Image] = {}
    texts: dict[str, dict[str, Any]] = {}
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                meter.task.check()
                meter.add()
                name = _checked_name(member, shard)
                if member.isdir() or is_clutter(PurePosixPath(name).parts):
                    continue
                where = f"{shard}/{name}"
                if not member.isreg() or member.issparse():
                    listing.quarantine[where] = "This member is a link or a device, not a file."
                elif name != name.encode("utf-8", "replace").decode():
                    listing.quarantine[where.encode("utf-8", "replace").decode()] = "The name is not valid UTF-8."
                elif images.looks_like_one(name):
                    if name in image_of:
                        listing.notes.append(f"{where} stands in the archive twice; the last one is read.")
                    image_of[name] = _Image(shard, name, member.offset_data, member.size)
                else:
                    _read_text(archive, member, name, texts, where)
    except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError) as error:
        foreign = file_kinds.foreign(start, shard)
        raise BadInput(f"{shard} is damaged: {foreign or f'{error}.'}") from error
    return _samples(sorted(image_of.values(), key=lambda image: natural_path_key(image.member)), texts)


def _checked_name(member: tarfile.TarInfo, shard: Path) -> str:
    """A member's name without ./ before it.

    Raises:
        BadInput: it leads out of the archive.
    """
    parts = PurePosixPath(member.name).parts
    if member.name.startswith("/") or ".." in parts or "\\" in member.name:
        raise BadInput(f"{shard} has a member named {member.name[:80]!r}, which leaves its folder; it is not read.")
    return "/".join(parts)


def _read_text(
    archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, texts: dict[str, dict[str, Any]], where: str
) -> None:
    """What a small member beside the images says, under its name without the last ending."""
    stem, _, ending = name.rpartition(".")
    ending = ending.lower()
    if ending not in ("cls", "json", *_TEXTS) or member.size > _SMALL:
        return
    fields = texts.setdefault(stem, {})
    try:
        file = archive.extractfile(member)
        text = file.read().decode("utf-8").strip() if file else ""
        if ending == "json":
            content = json.loads(text)
            for key in _FIELDS if isinstance(content, dict) else ():
                if key in content:
                    fields["description" if key == "caption" else key] = content[key]
        else:
            fields["label" if ending == "cls" else _TEXTS[ending]] = text
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where} cannot be read: {str(error)[:120]}.") from error


def _samples(members: list[_Image], texts: dict[str, dict[str, Any]]) -> list[_Image]:
    """Give each image its sample: the longest beginning of its name, up to a dot, that texts have too.

    So `7.left.jpg` and `7.right.jpg` are two images of the sample `7` where `7.cls` is there, and names with dots that
    have no texts are images of their own.
    """
    counts: dict[str, int] = {}
    for image in members:
        folder, slash, last = image.member.rpartition("/")
        pieces = last.split(".")
        stems = [folder + slash + ".".join(pieces[:n]) for n in range(len(pieces) - 1, 0, -1)]
        image.sample = next((stem for stem in stems if stem in texts), stems[0])
        image.texts = texts.get(image.sample, {})
        counts[image.sample] = counts.get(image.sample, 0) + 1
        image.number = counts[image.sample]
    return members


def _add_samples(listing: Listing, every: list[_Image], by_shard: bool) -> None:
    """Which sample each image belongs to, where one has several; images of one sample are one instance."""
    n_several = sum(image.number == 2 for image in every)
    if not n_several:
        return
    owners = [f"{image.shard.name}/{image.sample}" if by_shard else image.sample for image in every]
    listing.extra["picture_of"], listing.extra["picture_number"] = owners, [image.number for image in every]
    listing.notes.append(f"{plural(n_several, 'sample')} with several images; each of them is an image here.")
    if listing.instances is None and any(image.texts for image in every):
        listing.instances = owners
        listing.relevant_by = "label" if listing.labels else "instance"


def _add_folders(listing: Listing, every: list[_Image], depth: int | None) -> None:
    """Where no text says anything, folders inside the archives name classes and splits as folders on a disk do."""
    folders = meaning([PurePosixPath(image.member).parts for image in every], depth)
    listing.labels = folders.labels
    listing.notes += folders.notes
    if folders.splits is not None and all(folders.splits) and listing.splits is None:
        listing.splits = folders.splits


def _add_texts(listing: Listing, every: list[_Image]) -> None:
    rows = [image.texts for image in every]
    listing.labels, notes = labels_of([several_words(row.get("labels", row.get("label"))) for row in rows])
    listing.notes += notes
    listing.several = any("labels" in row for row in rows)
    if not any(listing.labels):
        listing.labels = None
    if any(row.get("instance") is not None for row in rows):
        listing.instances = [words(row.get("instance")) for row in rows]
        listing.relevant_by = "label" if listing.labels else "instance"
    splits = [known_split(row.get("split") or _split_of(image.shard)) for row, image in zip(rows, every)]
    if all(splits) and set(splits) != {"train"}:
        listing.splits = splits
    for name in ("title", "description"):
        if any(name in row for row in rows):
            listing.extra[name] = [words(row.get(name)) for row in rows]


def _split_of(shard: Path) -> str:
    return shard.name.lower().split(".")[0].split("-")[0].split("_")[0].rstrip("0123456789")
