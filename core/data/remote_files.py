"""Files at an address, s3://bucket/key or https://host/path: read where they lie, known by their skeleton.

`remote_sources` makes the skeleton of a collection in the cache of this machine: files of the size and time of those at
the address.
"""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from core import files, paths
from core.data import web_files
from core.errors import BadInput
from core.objects import S3Objects

SCHEMES = ("s3", "https", "http")


def is_address(text: str | Path) -> bool:
    """Whether images may lie there: an address of one of `SCHEMES`."""
    return paths.scheme(text) in SCHEMES


def normal(text: str | Path) -> str:
    """An address as it is kept: with two slashes after its scheme, without one at its end.

    Raises:
        BadInput: it holds a password, a query, or leads upwards.

    >>> normal(Path("s3://bucket/photos/")), normal("HTTPS://host/my a.csv")
    ('s3://bucket/photos', 'https://host/my%20a.csv')
    """
    scheme = paths.scheme(text)
    rest = re.sub("^[^:]+:/+", "", str(text)).rstrip("/")
    if "@" in rest.partition("/")[0] or (scheme != "s3" and ("?" in rest or "#" in rest)):
        raise BadInput("An address of images holds no user, password or query; the environment does (AWS_PROFILE).")
    if not rest or {"", ".", ".."} & set(unquote(rest).split("/")):
        raise BadInput(f"{scheme}://{rest[:80]} is no whole address; give one such as s3://bucket/photos.")
    return address_of(str(staged(f"{scheme}://{rest}")))


def _root() -> Path:
    return paths.cache() / "sources"


def staged(address: str) -> Path:
    """Where the skeleton of an address lies."""
    scheme, _, rest = address.partition("://")
    if scheme != "s3":
        rest = unquote(urlsplit(address).netloc + urlsplit(address).path)
    return _root() / scheme / rest


def is_skeleton(path: Path) -> bool:
    """Whether a path is the skeleton of an address."""
    return path.is_relative_to(_root())


def address_of(path: str) -> str:
    """The address of which a path is the skeleton; any other path as it is."""
    root = f"{_root()}{os.sep}"
    if not path.startswith(root):
        return path
    scheme, _, rest = path[len(root) :].replace(os.sep, "/").partition("/")
    host, slash, below = rest.partition("/")
    return f"{scheme}://{host}{slash}{below if scheme == 's3' else quote(below)}"


@functools.lru_cache(maxsize=32)
def _bucket(name: str) -> S3Objects:
    return S3Objects(f"s3://{name}")


def bucket_and_key(address: str) -> tuple[S3Objects, str]:
    """The bucket of an address, and what it names there."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return _bucket(bucket), key


def status(address: str) -> os.stat_result:
    """Size and time of a file at an address, as it was when its collection was listed.

    Raises:
        FileNotFoundError: it was not listed here.
    """
    return os.stat(staged(address))


def read(address: str, offset: int, size: int, most: int) -> bytes:
    """The bytes of a file, or of a part of it.

    Args:
        offset, size: of the part; offset −1 is all of it.
        most: bytes that are read.
    Raises:
        BadInput: it is larger. FileNotFoundError: it has gone. StoreUnusable: it does not answer.
    """
    start, length = (offset, min(size, most + 1)) if offset >= 0 else (0, most + 1)
    if address.startswith("s3:"):
        objects, key = bucket_and_key(address)
        content, _ = objects.get(key, start, length) if offset >= 0 else objects.get(key)
    else:
        content = web_files.get(address, start, length)
    if len(content) > most:
        raise BadInput(f"The file has more than {most // 2**20} MB, which is the most that is read.")
    return content


def whole(address: str) -> Path:
    """A table with images in its cells, as a file of this machine; fetched when the cache has lost it."""
    path = staged(address)
    if not path.is_file():
        with files.replacing(path, durable=False) as beside:
            if address.startswith("s3:"):
                objects, key = bucket_and_key(address)
                objects.save(key, beside)
            else:
                beside.write_bytes(web_files.get(address))
    return path
