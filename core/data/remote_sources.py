"""Collections at an address: s3://bucket/prefix, or a table at https://; images are read where they lie.

A skeleton of the collection is made in the cache of this machine: what readers read (tables, annotations, texts) as it is,
each image as an empty file of its size and time, each tar without its images. So every reader reads an address, and a file
that has not changed is known by its size and time. A tar is read once, from front to back, and what was learnt about its
images is kept beside its skeleton.
"""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urljoin, urlsplit

from core import files
from core.access import require as require_action
from core.access import visitor
from core.access.server_settings import settings
from core.data import tar_skeletons, web_files
from core.data.listing import Listing
from core.data.readers import listed_addresses
from core.data.remote_files import address_of, bucket_and_key, is_address, normal, staged, status
from core.errors import BadInput, NotAllowed, StoreUnusable
from core.objects import S3Objects
from core.objects.base import Stored
from core.task import NO_TASK, Task

_COPIED = {
    ".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".txt", ".cls", ".xml", ".yaml", ".yml", ".names",
    ".mat", ".pkl", ".pickle", ".caption", ".title",
}  # fmt: skip
_FILES = (*_COPIED, ".tar")
_WORKERS = 16
_LONGEST_NAME = 255
_LOCK = threading.Lock()


def located(source: str | Path, task: Task = NO_TASK) -> Path:
    """Where readers find a source on this machine; of an address its skeleton is made, or brought up to date.

    Raises:
        BadInput: there is nothing, or it is no table at https.
        StoreUnusable: it does not answer.
        NotAllowed: whoever acts may read some folders only, and addresses are none.
    """
    if not is_address(source):
        return Path(source).expanduser()
    address = normal(source)
    _require()
    try:
        with _LOCK:
            _stage_bucket(address, task) if address.startswith("s3:") else _stage_table(address, task)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise BadInput(f"Below {address} a file and a folder have the same name; rename one of them.") from error
    except OSError as error:
        raise StoreUnusable(
            f"{address} cannot be listed in the cache: {error.strerror or error}; make room."
        ) from error
    return staged(address)


def _require() -> None:
    require_action("path.browse")
    if visitor.is_serving() and settings().roots:
        raise NotAllowed("This server reads images from some of its folders only, and an address is none of them.")


def translated(listing: Listing, address: str) -> Listing:
    """A listing of a skeleton as one of what it stands for."""
    here, there = str(staged(address)), address
    listing.root = there
    listing.paths = [address_of(path) if path else "" for path in listing.paths]
    listing.quarantine = {address_of(path): reason for path, reason in listing.quarantine.items()}
    listing.notes = [note.replace(here, there) for note in listing.notes]
    return listing


# -- skeletons


def _stage_bucket(address: str, task: Task) -> None:
    objects, key = bucket_and_key(address)
    is_file = PurePosixPath(key).suffix.lower() in _FILES
    around = key if key.lower().endswith(".tar") else key.rpartition("/")[0] + "/" if is_file else f"{key}/"
    listed = {name: stored for name, stored in objects.listing(around.lstrip("/")).items() if not name.endswith("/")}
    if not listed or (is_file and key not in listed):
        raise BadInput(f"There is nothing at {address}; check the spelling of the bucket and the prefix.")
    usable = {name: stored for name, stored in listed.items() if _can_lie_on_a_disk(name)}
    top = staged(address) if not is_file else staged(address).parent
    _drop_others(top, {staged(f"s3://{objects.bucket}/{name}") for name in usable}, only=is_file and around == key)
    todo = [(name, stored) for name, stored in usable.items() if not _is_staged(objects, name, stored)]
    meter = task.meter("Looking at the address", len(todo), "files")
    with ThreadPoolExecutor(_WORKERS) as pool:
        for start in range(0, len(todo), 256):
            task.check()
            part = todo[start : start + 256]
            list(pool.map(lambda entry: _stage_object(objects, *entry), part))
            meter.add(len(part))


def _can_lie_on_a_disk(name: str) -> bool:
    parts = name.split("/")
    return all(
        part not in ("", ".", "..") and len(part.encode()) <= _LONGEST_NAME and "\0" not in part for part in parts
    )


def _is_staged(objects: S3Objects, name: str, stored: Stored) -> bool:
    try:
        there = status(f"s3://{objects.bucket}/{name}")
    except (FileNotFoundError, NotADirectoryError):
        return False
    return (there.st_size, there.st_mtime_ns) == (stored.size, stored.changed_ns)


def _stage_object(objects: S3Objects, name: str, stored: Stored) -> None:
    path, ending = staged(f"s3://{objects.bucket}/{name}"), PurePosixPath(name).suffix.lower()
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path, durable=False) as beside:
        if ending in _COPIED:
            objects.save(name, beside)
        elif ending == ".tar":
            fetched = beside.with_name(f"{beside.name}.whole")
            try:
                objects.save(name, fetched)
                tar_skeletons.write(fetched, beside, path)
            finally:
                fetched.unlink(missing_ok=True)
        else:
            beside.touch()
            os.truncate(beside, stored.size)
        os.utime(beside, ns=(stored.changed_ns, stored.changed_ns))


def _drop_others(top: Path, wanted: set[Path], only: bool) -> None:
    """Files of the skeleton that are no longer listed."""
    for path in () if only or not top.is_dir() else list(top.rglob("*")):
        if path.is_file() and path not in wanted and not path.name.startswith("."):
            path.unlink(missing_ok=True)


def _stage_table(address: str, task: Task) -> None:
    """A table at https, and an empty file for each image that it names below its own folder."""
    if PurePosixPath(urlsplit(address).path).suffix.lower() not in (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"):
        raise BadInput(
            f"{address} is no table. Over https nobody lists a folder: give a manifest (.csv, .jsonl, .parquet) whose "
            "paths are relative to it."
        )
    path = staged(address)
    shutil.rmtree(path) if path.is_dir() else None
    try:
        files.write_bytes(path, web_files.get(address))
    except FileNotFoundError as error:
        raise BadInput(f"There is nothing at {address}; check the spelling.") from error
    names = listed_addresses.images_in(path)
    meter = task.meter("Looking at the address", len(names), "files")
    with ThreadPoolExecutor(_WORKERS) as pool:
        for start in range(0, len(names), 256):
            task.check()
            part = names[start : start + 256]
            list(pool.map(lambda name: _stage_web(urljoin(address, quote(name)), path.parent / name), part))
            meter.add(len(part))


def _stage_web(address: str, path: Path) -> None:
    answer = web_files.head(address)
    if answer is None:
        path.unlink(missing_ok=True)
        return
    size, changed_ns = answer
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.truncate(path, size)
    os.utime(path, ns=(changed_ns, changed_ns))
