"""The datasets of this installation: added once, opened fast, looked at again when a person names them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from core import paths
from core.access import gated
from core.data import dataset_table, hub_datasets, index_files, readers, remote_files, remote_sources, saved
from core.data.built_in import DATASETS
from core.data.listing import Listing
from core.data.saved import names
from core.errors import BadInput, CoreError, NotAllowed, StoreUnusable
from core.task import NO_TASK, Task
from core.types import Dataset

_PLAIN_STEMS = {"splits", "labels", "items", "index", "metadata", "manifest"}
_TORCHVISION, _BY_NAME = "torchvision:", "dataset:"
_log = logging.getLogger("fusionscope")


def get(name: str, *, task: Task = NO_TASK) -> Dataset:
    """A dataset by its name alone, as it was saved; a built-in one is made on first use.

    Raises:
        UnknownName: no dataset has that name.
    """
    if name in DATASETS:
        return _built_in(name, task)
    if saved.is_saved(name):
        return saved.opened(paths.datasets() / name)
    raise saved.unknown_name(name)


def load(
    name_or_path: str | Path,
    *,
    name: str | None = None,
    task: Task = NO_TASK,
    reader: str | None = None,
    **options: Any,
) -> Dataset:
    """What a person named: the path of a folder, manifest, annotation file or archive, else a dataset's name.

    A path that is there comes before a name that is remembered; `dataset:NAME` is the name in any case. The source is
    looked at again each time (files that did not move are not opened). A path is kept under `name`, else the name of
    its last part.

    Raises:
        UnknownName: neither a name nor a path.
        BadInput: the path cannot be used; the sentence says why.
    """
    text = str(name_or_path)
    if text.startswith(_TORCHVISION):
        wanted, options = text.removeprefix(_TORCHVISION), {"dataset": text.removeprefix(_TORCHVISION)}
        folder = paths.home() / "torchvision"
        folder.mkdir(parents=True, exist_ok=True)
        return add(name or wanted, folder, reader="torchvision", options=options, task=task)
    if text.startswith(hub_datasets.PREFIX):
        folder = hub_datasets.fetch(text, task)
        chosen = readers.choose(folder, reader)
        return add(name or folder.name.partition("--")[2], folder, reader=chosen.name, options=options, task=task)
    bare = text.removeprefix(_BY_NAME)
    if remote_files.is_address(text):
        return _load_address(text, name, reader, options, task)
    path = Path(text).expanduser()
    is_name = bare in DATASETS or saved.is_saved(bare)
    if is_name and (bare != text or not _is_source(path)):
        return _looked_at_again(bare, task)
    if not _exists(path) and "/" not in text and not path.suffix:
        raise saved.unknown_name(bare)
    chosen = readers.choose(path, reader)
    key = name or _name_for(path, chosen.name, options)
    notes = []
    if is_name and key != bare:
        notes.append(
            f"{text!r} is read as the path {path.resolve()} and kept as {key!r}; the dataset named {bare!r} is another "
            f"one (`--data {_BY_NAME}{bare}`)."
        )
    return add(key, path, reader=chosen.name, options=options, task=task, guesses=tuple(notes))


def _load_address(text: str, name: str | None, reader: str | None, options: dict[str, Any], task: Task) -> Dataset:
    """What lies at an address, kept under `name`, else the name of its last part."""
    address = remote_files.normal(text)
    path = remote_sources.located(address, task)
    chosen = readers.choose(path, reader)
    name = name or _name_for(path, chosen.name, options, address)
    return add(name, path, reader=chosen.name, options=options, task=task)


def name_of(text: str) -> str | None:
    """The name of the dataset that `load(text)` would open, where it is kept already; nothing is read."""
    bare, path = text.removeprefix(_BY_NAME), Path(text).expanduser()
    if (bare in DATASETS or saved.is_saved(bare)) and (bare != text or not _is_source(path)):
        return bare
    source = (
        remote_files.normal(text) if remote_files.is_address(text) else str(path.resolve()) if _exists(path) else ""
    )
    added = (name for name in names() if source and saved.is_saved(name))
    return next((name for name in added if saved.record_of(name)["source"] == source), None)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a path, or with characters that none can have
        return False


def _is_source(path: Path) -> bool:
    """Whether a path that is named like a dataset can be read as one: a file, or a folder with an image in it."""
    from core.data.readers import folders

    if not _exists(path):
        return False
    try:
        return folders.has_image(path) or readers.choose(path).name != "folder"
    except CoreError:
        return False


def _looked_at_again(name: str, task: Task) -> Dataset:
    """A dataset by name, with what is new in its source; as it was saved where the source cannot be read now."""
    if name in DATASETS:
        return _built_in(name, task)
    record = saved.record_of(name)
    there = remote_files.is_address(record["source"]) or _exists(Path(record["source"]))
    if record["reader"] in readers.known() and record["reader"] != "torchvision" and there:
        try:
            return rescan(name, task)
        except (BadInput, StoreUnusable, NotAllowed) as error:
            _log.warning("%s is used as it was saved: its source cannot be read now (%s)", name, error)
    return saved.opened(saved.folder_of(name))


@gated("dataset.add")
def add(
    name: str,
    source: str | Path,
    *,
    reader: str | None = None,
    options: dict[str, Any] | None = None,
    task: Task = NO_TASK,
    guesses: tuple[str, ...] = (),
    **described: Any,
) -> Dataset:
    """Read a collection and keep its table under `name`. Images are neither moved nor copied.

    Args:
        name: as people will type it; a name that is taken by another source is refused.
        source: a folder, a manifest, an annotation file or an archive, here or at an address.
        reader: a name of READERS; by default the one that fits.
        options: the reader's own options.
        guesses: sentences about how the source was found.
        described: licence, reference, notes.
    Raises:
        BadInput: the source cannot be used.
        StoreUnusable: the table cannot be saved.
    """
    name = dataset_table.check_name(name)
    path = remote_sources.located(source, task)
    is_remote = remote_files.is_skeleton(path)
    path = path if is_remote else path.resolve()
    text = remote_files.address_of(str(path))
    _require_text(path)
    chosen = readers.choose(path, reader)
    previous = None
    if saved.is_saved(name):
        record = saved.record_of(name)
        if record["source"] != text:
            raise BadInput(f"The name {name!r} is taken by {record['source']}; choose another one or remove that one.")
        previous = saved.whole(name)
        guesses = guesses or tuple(g for g in record.get("guesses", []) if _BY_NAME in g)
    elif name in DATASETS and (is_remote or not text.startswith(str(paths.home()))):
        raise BadInput(f"{name!r} is a built-in dataset; choose another name.")
    try:
        listing = chosen.function(path, task=task, **(options or {}))
    except BadInput as error:
        raise BadInput(str(error).replace(str(path), text)) from error
    if is_remote:
        listing = remote_sources.translated(listing, text)
    if not len(listing) and not listing.quarantine:
        raise BadInput(f"There is no image in {text}; choose a folder with images in it.")
    record = {"reader": chosen.name, "options": options or {}, "guesses": guesses}
    return _keep(name, text, record, listing, previous, task, described)


def _require_text(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = str(path).encode("utf-8", "backslashreplace").decode()
        raise BadInput(f"The name of {shown} is not valid UTF-8; rename it.") from error


def _keep(
    name: str,
    source: str,
    record: dict[str, Any],
    listing: Listing,
    previous: Dataset | None,
    task: Task,
    described: dict[str, Any],
) -> Dataset:
    if previous is not None:
        described = {"licence": previous.licence, "reference": previous.reference, **described}
    dataset = index_files.index_files(name, listing, previous, task, source=source, **described)
    record = {**record, "guesses": list(dict.fromkeys([*record["guesses"], *listing.notes]))}
    if previous is not None and _same(dataset, previous) and saved.record_of(name).get("guesses") == record["guesses"]:
        return saved.opened(paths.datasets() / name)
    return saved.save(dataset, record)


def _same(new: Dataset, old: Dataset) -> bool:
    def set_aside(dataset: Dataset) -> list:
        return sorted(zip(dataset.quarantine["path"], dataset.quarantine["reason"]))

    same_files = new.fingerprint == old.fingerprint and set_aside(new) == set_aside(old)
    return same_files and new.items.equals(old.items)


def _built_in(name: str, task: Task) -> Dataset:
    entry = DATASETS[name]
    if saved.is_saved(name) and entry.is_made():
        return saved.opened(paths.datasets() / name)
    with saved.LOCK:
        source = entry.make(task)
        kind = ("folder", {"depth": 1}) if source.is_dir() else ("manifest", {"missing": "quarantine"})
        return add(
            name,
            source,
            reader=kind[0],
            options=kind[1],
            task=task,
            licence=entry.licence,
            reference=entry.reference,
        )


def _name_for(path: Path, reader: str, options: dict[str, Any], address: str = "") -> str:
    """The last part of the path, with a number behind it while that name belongs to another source."""
    resolved = path.expanduser().resolve()
    source = address or str(resolved)
    stem = resolved.name if resolved.is_dir() else resolved.stem
    if not resolved.is_dir() and stem.lower() in _PLAIN_STEMS:
        stem = f"{resolved.parent.name}-{stem}"
    base = "".join("-" if c in '/\\:*?"<>|\n\r\t' else c for c in stem).strip(". ") or "images"
    base = base.encode()[:100].decode(errors="ignore")
    for number in range(1, 1000):
        name = base if number == 1 else f"{base}-{number}"
        if name in DATASETS:
            continue
        if not saved.is_saved(name):
            return name
        record = saved.record_of(name)
        if record["source"] == source and (record["reader"], record["options"]) == (reader, options):
            return name
    raise BadInput(f"There are too many datasets named like {base!r}; remove some.")


@gated("dataset.change")
def rescan(name: str, task: Task = NO_TASK) -> Dataset:
    """Look at the source of a dataset again: new files join, gone ones leave, unchanged ones are not opened."""
    if name in DATASETS:
        return _built_in(name, task)
    record = saved.record_of(name)
    if record["reader"] not in readers.known():
        raise BadInput(f"{name!r} was made from a table or from vectors, not from files; add it again from there.")
    return add(
        name,
        record["source"],
        reader=record["reader"],
        options=record["options"],
        task=task,
    )


def options_of(name: str) -> dict[str, Any]:
    """The options that the reader of a saved dataset was given.

    Raises:
        UnknownName: no saved dataset has that name.
    """
    return dict(saved.record_of(name).get("options") or {})


@gated("dataset.add")
def from_dataframe(
    frame: pd.DataFrame,
    name: str,
    *,
    root: str | Path = ".",
    columns: dict[str, str] | None = None,
    task: Task = NO_TASK,
    **described: Any,
) -> Dataset:
    """Add a pandas DataFrame as a dataset; FiftyOne's `to_pandas`-like tables go in the same way.

    Args:
        frame: one row per image; the columns of a manifest: path and any of id, label, labels, instance, split,
            title, description. Other columns are kept as they are.
        root: what relative paths are relative to.
        columns: ours → theirs, where the usual names are not used, e.g. {"path": "filepath"}.
    Raises:
        BadInput: as for a manifest.
    """
    from core.data.readers import manifest

    name = dataset_table.check_name(name)
    if name in DATASETS:
        raise BadInput(f"{name!r} is a built-in dataset; choose another name.")
    listing = manifest.from_frame(frame, Path(root).expanduser().resolve(), f"The table {name!r}", columns or {})
    previous = saved.whole(name) if saved.is_saved(name) else None
    record = {"reader": "dataframe", "options": {}, "guesses": ()}
    return _keep(name, str(listing.root), record, listing, previous, task, described)


__all__ = ["add", "from_dataframe", "get", "load", "name_of", "names", "options_of", "rescan"]
