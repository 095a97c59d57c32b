"""A tar without its images: the same offsets and texts, holes where images are, and what was learnt of them beside it."""

from __future__ import annotations

import json
import os
import tarfile
from contextlib import suppress
from pathlib import Path

from core import files
from core.data import image_bytes, images
from core.errors import BadInput

_CHUNK = 2**20
Learnt = tuple[str, int, int, int, str]
"""Content key, size, width, height, and the reason why it cannot be used, "" where it can."""


def _index_of(skeleton: Path) -> Path:
    return skeleton.with_name(f".{skeleton.name}.images.json")


def write(whole: Path, skeleton: Path, place_of: Path) -> None:
    """Write the skeleton of a tar and the index of its images, reading it once from front to back.

    Args:
        whole: the tar.
        skeleton: the file to write.
        place_of: where the skeleton will lie; its index lies beside it.
    Raises:
        OSError: it cannot be written. What is no tar becomes a copy: the reader says what is wrong with it.
    """
    learnt: dict[int, Learnt] = {}
    holes: list[tuple[int, int]] = []
    with suppress(tarfile.TarError, EOFError, ValueError, OverflowError), tarfile.open(whole, "r:") as archive:
        for member in archive:
            if member.isreg() and not member.issparse() and images.looks_like_one(member.name):
                file = archive.extractfile(member)
                if file is not None:
                    learnt[member.offset_data] = _learn(file.read(images.MAX_BYTES + 1), member)
                    holes.append((member.offset_data, member.size))
    with whole.open("rb") as source, skeleton.open("wb") as target:
        at = 0
        for start, size in [*holes, (os.path.getsize(whole), 0)]:
            source.seek(at)
            target.seek(at)
            while at < start:
                part = source.read(min(_CHUNK, start - at))
                target.write(part)
                at += len(part)
            at = start + size
        target.truncate(os.path.getsize(whole))
    files.write_json(_index_of(place_of), {str(offset): image for offset, image in learnt.items()}, indent=None)


def _learn(content: bytes, member: tarfile.TarInfo) -> Learnt:
    try:
        if len(content) > images.MAX_BYTES:
            raise BadInput(f"The file has more than {images.MAX_BYTES // 2**20} MB, which is the most that is read.")
        header = images.header(content, member.name)
    except BadInput as error:
        return "", member.size, 0, 0, str(error)
    return image_bytes.content_key(content, None), member.size, header.width, header.height, ""


def images_of(skeleton: Path) -> dict[int, Learnt]:
    """Offset → what was learnt of each image; nothing where the index is gone or damaged."""
    try:
        content = json.loads(_index_of(skeleton).read_text(encoding="utf-8"))
        return {
            int(offset): (str(key), int(size), int(w), int(h), str(why))
            for offset, (key, size, w, h, why) in content.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
