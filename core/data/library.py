"""The datasets of this installation: added once, opened fast, scanned again when asked."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core import files, paths
from core.data import dataset_table, index_files, overrides, readers, splits
from core.data.built_in import DATASETS
from core.data.listing import Listing
from core.errors import BadInput, StoreMismatch, StoreUnusable, UnknownName
from core.registry import did_you_mean
from core.task import NO_TASK, Task
from core.types import Dataset

_OPENED: dict[str, tuple[tuple[int, int], Dataset]] = {}
_LOCK = threading.RLock()


def names() -> tuple[str, ...]:
    """Names of all datasets: the built-in ones first, then those that were added, sorted."""
    folder = paths.datasets()
    added = sorted(p.parent.name for p in folder.glob("*/record.json")) if folder.is_dir() else []
    return (*DATASETS.names, *(name for name in added if name not in DATASETS))


def load(
    name_or_path: str | Path,
    *,
    name: str | None = None,
    task: Task = NO_TASK,
    reader: str | None = None,
    **options: Any,
) -> Dataset:
    """A dataset by its name, or by the path of a folder, manifest, annotation file or archive.

    A built-in dataset is made on first use. A path is looked at again each time (files that did not move are not
    opened) and is kept under `name`, else the name of its last part.

    Raises:
        UnknownName: neither a name nor a path.
        BadInput: the path cannot be used; the sentence says why.
    """
    text = str(name_or_path)
    if text in DATASETS:
        return _built_in(text, task)
    folder = paths.datasets() / text
    if "/" not in text and "\\" not in text and (folder / "record.json").is_file():
        return _open(folder)
    if text.startswith("torchvision:"):
        wanted = text.partition(":")[2]
        place = paths.home() / "torchvision"
        place.mkdir(parents=True, exist_ok=True)
        return add(
            name or wanted,
            place,
            reader="torchvision",
            options={"dataset": wanted},
            task=task,
        )
    path = Path(text).expanduser()
    if not path.exists() and "/" not in text and not path.suffix:
        raise UnknownName(_no_such(text))
    chosen = readers.choose(path, reader)
    return add(
        name or _name_for(path, chosen.name, options),
        path,
        reader=chosen.name,
        options=options,
        task=task,
    )


def add(
    name: str,
    source: str | Path,
    *,
    reader: str | None = None,
    options: dict[str, Any] | None = None,
    task: Task = NO_TASK,
    **described: Any,
) -> Dataset:
    """Read a collection and keep its table under `name`. Pictures are neither moved nor copied.

    Args:
        name: as people will type it; a name that is taken by another source is refused.
        source: a folder, a manifest, an annotation file or an archive.
        reader: a name of READERS; by default the one that fits.
        options: the reader's own options.
        described: licence, reference, notes.
    Raises:
        BadInput: the source cannot be used.
        StoreUnusable: the table cannot be saved.
    """
    name = dataset_table.check_name(name)
    path = Path(source).expanduser().resolve()
    chosen = readers.choose(path, reader)
    folder = paths.datasets() / name
    previous = None
    if (folder / "record.json").is_file():
        record = dataset_table.read_record(folder)
        if record["source"] != str(path):
            raise BadInput(f"The name {name!r} is taken by {record['source']}; choose another one or remove that one.")
        previous = whole(name)
    elif name in DATASETS and not str(path).startswith(str(paths.home())):
        raise BadInput(f"{name!r} is a built-in dataset; choose another name.")
    listing = chosen.function(path, task=task, **(options or {}))
    if not len(listing) and not listing.quarantine:
        raise BadInput(f"There is no image in {path}; choose a folder with pictures in it.")
    return _keep(name, str(path), chosen.name, options or {}, listing, previous, task, described)


def _keep(
    name: str,
    source: str,
    reader: str,
    options: dict[str, Any],
    listing: Listing,
    previous: Dataset | None,
    task: Task,
    described: dict[str, Any],
) -> Dataset:
    if previous is not None:
        described = {"licence": previous.licence, "reference": previous.reference, **described}
    dataset = index_files.index_files(name, listing, previous, task, source=source, **described)
    if previous is not None and _same(dataset, previous):
        return _open(paths.datasets() / name)
    _save(dataset, {"reader": reader, "options": options})
    return _open(paths.datasets() / name)


def _save(dataset: Dataset, record: dict[str, Any]) -> None:
    """Save a whole dataset; what was decided about it before stays decided."""
    folder = paths.datasets() / dataset.name
    try:
        with _LOCK:
            if (folder / "record.json").is_file():
                record = {**record, "decisions": dataset_table.read_record(folder).get("decisions", {})}
            dataset_table.save(dataset, folder, record)
    except OSError as error:
        raise StoreUnusable(
            f"The dataset cannot be saved in {folder}: {error.strerror or error}; make room there, or set "
            "FUSIONSCOPE_HOME to a folder that can be written."
        ) from error


def _same(one: Dataset, other: Dataset) -> bool:
    def bad_files(dataset: Dataset) -> list:
        return sorted(zip(dataset.quarantine["path"], dataset.quarantine["reason"]))

    same = one.fingerprint == other.fingerprint and one.items.equals(other.items)
    return same and bad_files(one) == bad_files(other)


def _open(folder: Path) -> Dataset:
    """The saved dataset; the same object as long as its record did not change."""
    try:
        status = (folder / "record.json").stat()
    except OSError as error:
        raise StoreUnusable(f"{folder} cannot be read: {error.strerror or error}.") from error
    stamp = (status.st_mtime_ns, status.st_ino)
    with _LOCK:
        held = _OPENED.get(str(folder))
        if held is None or held[0] != stamp:
            held = (stamp, overrides.apply(_read_whole(folder), overrides.read(dataset_table.read_record(folder))))
            _OPENED[str(folder)] = held
        return held[1]


def _read_whole(folder: Path) -> Dataset:
    """The saved dataset; read again as long as other processes save it in between."""
    while True:
        before = (folder / "record.json").read_bytes()
        try:
            return dataset_table.opened(folder)
        except StoreMismatch:
            if (folder / "record.json").read_bytes() == before:
                raise


def whole(name: str) -> Dataset:
    """A saved dataset as its source gave it: with every copy, and with the given split."""
    return _read_whole(_saved(name))


def _built_in(name: str, task: Task) -> Dataset:
    entry = DATASETS[name]
    folder = paths.datasets() / name
    if (folder / "record.json").is_file() and entry.is_made():
        return _open(folder)
    with _LOCK:
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


def _name_for(path: Path, reader: str, options: dict[str, Any]) -> str:
    """The last part of the path, with a number behind it while that name belongs to another source."""
    resolved = path.expanduser().resolve()
    stem = resolved.name if resolved.is_dir() else resolved.stem
    if not resolved.is_dir() and stem.lower() in {"splits", "labels", "items", "index", "metadata", "manifest"}:
        stem = f"{resolved.parent.name}-{stem}"
    base = "".join("-" if c in '/\\:*?"<>|\n\r\t' else c for c in stem).strip(". ") or "images"
    while len(base.encode()) > 100:
        base = base[:-1]
    for number in range(1, 1000):
        name = base if number == 1 else f"{base}-{number}"
        record = paths.datasets() / name / "record.json"
        if name in DATASETS:
            continue
        if not record.is_file():
            return name
        held = dataset_table.read_record(record.parent)
        if held["source"] == str(resolved) and (held["reader"], held["options"]) == (reader, options):
            return name
    raise BadInput(f"There are too many datasets named like {base!r}; remove some.")


def rescan(name: str, task: Task = NO_TASK) -> Dataset:
    """Look at the source of a dataset again: new files join, gone ones leave, unchanged ones are not opened."""
    if name in DATASETS:
        return _built_in(name, task)
    record = dataset_table.read_record(_saved(name))
    if record["reader"] not in readers.known():
        raise BadInput(f"{name!r} was made from a table or from vectors, not from files; add it again from there.")
    return add(
        name,
        record["source"],
        reader=record["reader"],
        options=record["options"],
        task=task,
    )


def _no_such(name: str) -> str:
    hint = did_you_mean(name, names())
    return f"No dataset is named {name!r}, and no folder or file is.{hint} There are {', '.join(names())}."


def _saved(name: str) -> Path:
    folder = paths.datasets() / dataset_table.check_name(name)
    if not (folder / "record.json").is_file():
        raise UnknownName(_no_such(name))
    return folder


def options_of(name: str) -> dict[str, Any]:
    """The options that the reader of a saved dataset was given.

    Raises:
        UnknownName: no saved dataset has that name.
    """
    return dict(dataset_table.read_record(_saved(name)).get("options") or {})


def remove(name: str) -> None:
    """Forget a dataset: its table goes; pictures, embeddings and thumbnails stay where they are."""
    folder = _saved(name)
    with _LOCK:
        _OPENED.pop(str(folder), None)
        (folder / "record.json").unlink()
        shutil.rmtree(folder)


def rename(name: str, new: str) -> Dataset:
    """Give an added dataset another name; nothing is computed again."""
    folder, new = _saved(name), dataset_table.check_name(new)
    if name in DATASETS or new in names():
        taken = name if name in DATASETS else new
        raise BadInput(f"{taken!r} is taken or built in; choose another name.")
    with _LOCK:
        target = folder.with_name(new)
        folder.rename(target)
        _OPENED.pop(str(folder), None)
        record = dataset_table.read_record(target)
        files.write_json(target / "record.json", {**record, "name": new}, sort_keys=True)
    return _open(target)


def describe(name: str, **words: str) -> Dataset:
    """Write the licence, the reference or the notes of a dataset; a new scan keeps what was written."""
    unknown = set(words) - set(overrides.WORDS)
    if unknown:
        raise BadInput(f"A dataset has a licence, a reference and notes, but no {sorted(unknown)[0]}.")
    before = decided(name)
    return _decide(name, replace(before, words=tuple({**dict(before.words), **words}.items())))


# ------------------------------------------------------------------------------------------- decisions


def decided(name: str) -> overrides.Overrides:
    """What was decided about a saved dataset: its split, the copies left out, its licence and notes."""
    return overrides.read(dataset_table.read_record(_saved(name)))


def _decide(name: str, new: overrides.Overrides) -> Dataset:
    folder = _saved(name)
    try:
        with _LOCK, dataset_table.alone(folder):
            record = {**dataset_table.read_record(folder), "decisions": new.as_record()}
            files.write_json(folder / "record.json", record, sort_keys=True)
    except OSError as error:
        raise StoreUnusable(f"{folder} cannot be written: {error.strerror or error}.") from error
    return _open(folder)


def make_split(name: str, shares: splits.SplitShares | None, seed: int = 0) -> Dataset:
    """Split a saved dataset by a seed, class by class and by instance; each scan from now on splits it so.

    Args:
        shares: of query and train images; None goes back to the split that the source gave, or to self-retrieval.
    Raises:
        BadInput: no image can ask; nothing is changed then.
    """
    before = decided(name)
    new = replace(before, shares=shares, seed=seed if shares else 0)
    if shares is not None:
        splits.stratified(overrides.apply(whole(name), replace(before, shares=None)), shares, seed)
    return _decide(name, new)


def keep_one_of_each(name: str, groups: pd.DataFrame | None = None) -> Dataset:
    """Leave copies out of a saved dataset: of each group only the first image stays. Nothing is deleted.

    Args:
        groups: near duplicates of `load(name)` (columns group, position), as they stand now. Images of equal bytes
            are left out in any case, those that a later scan finds too.
    """
    before = decided(name)
    new = () if groups is None else overrides.copies_of(load(name), groups)
    return _decide(name, replace(before, one_of_each=True, copies=(*before.copies, *new)))


def keep_all(name: str) -> Dataset:
    """Bring the copies back that were left out."""
    return _decide(name, replace(decided(name), one_of_each=False, copies=()))


def quarantine(name: str, reasons: dict[str, str]) -> Dataset:
    """Move images that turned out unreadable from a saved dataset to its quarantine.

    Args:
        reasons: path, or id, of an image → why. Unknown ones are passed over, so that it may be said twice.
    Returns:
        The dataset without them: ids, labels, split and pairs moved together.
    """
    folder = _saved(name)
    with _LOCK:
        dataset = whole(name)
        listed = dataset.items["path"].tolist()
        why = [reasons.get(path) or reasons.get(text) for path, text in zip(listed, dataset.ids.tolist())]
        bad = np.array([reason is not None for reason in why], bool)
        if not bad.any():
            return _open(folder)
        if bad.all():
            raise BadInput(f"None of the {len(dataset):,} images of {name!r} can be read; the first: {why[0]}")
        gone = pd.DataFrame(
            {
                "path": np.array(listed, object)[bad],
                "reason": [reason for reason in why if reason is not None],
                "size": dataset.items["size"].to_numpy()[bad],
                "mtime_ns": dataset.items["mtime_ns"].to_numpy()[bad],
            }
        )
        frames = [frame for frame in (dataset.quarantine, gone) if len(frame)]
        smaller = replace(dataset_table.subset(dataset, ~bad), quarantine=pd.concat(frames, ignore_index=True))
        record = dataset_table.read_record(folder)
        _save(smaller, {"reader": record["reader"], "options": record["options"]})
        return _open(folder)


def read_bytes(dataset: Dataset, position: int) -> bytes:
    """The bytes of one image, from its file or from inside its archive; a part of a picture as a PNG of that part.

    Raises:
        BadInput: the original has gone, cannot be read, or the row has no picture.
    """
    content, box = _stored_bytes(dataset, position)
    return content if box is None else index_files.cropped(content, box)


def read_checked(dataset: Dataset, position: int) -> bytes:
    """The same, of content that is still what the dataset's key says.

    Raises:
        BadInput: as `read_bytes`, or the file has changed since it was looked at.
    """
    content, box = _stored_bytes(dataset, position)
    if index_files.content_key(content, box).encode() != np.asarray(dataset.keys, "S64")[int(position)]:
        raise BadInput("The file has changed since it was looked at; load the dataset again.")
    return content if box is None else index_files.cropped(content, box)


def _stored_bytes(dataset: Dataset, position: int) -> tuple[bytes, index_files.Box | None]:
    """The bytes as they lie on the disk, and the part of the picture that is meant, None for all of it."""
    row = dataset.items.iloc[int(position)]
    path = row["path"]
    if not path:
        raise BadInput(f"{dataset.ids[position]!r} has no picture; only vectors were given.")
    try:
        offset = int(row["offset"]) if "offset" in row else -1
        content = index_files.read_slice(path, offset, int(row["size"]) if offset >= 0 else 0)
    except FileNotFoundError as error:
        raise BadInput(f"The original {path} is not there any more.") from error
    except OSError as error:
        raise BadInput(f"The original {path} cannot be read: {error.strerror or error}.") from error
    if "crop_right" in row and row["crop_right"] >= 0:
        return content, tuple(int(row[f"crop_{side}"]) for side in ("left", "top", "right", "bottom"))
    return content, None


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
    folder = paths.datasets() / name
    previous = whole(name) if (folder / "record.json").is_file() else None
    return _keep(name, str(listing.root), "dataframe", {}, listing, previous, task, described)


def add_vectors(
    name: str,
    given: dict[str, str | Path],
    labels: str | Path | None = None,
    pairs: str | Path | None = None,
    invalid: str = "refuse",
    tell: Callable[[str], None] | None = None,
) -> Dataset:
    """Attach vectors from files to a dataset, or make a dataset of vectors alone.

    Args:
        name: a dataset that is there (rows go by id, or by row number), or the name of a new one.
        given: name of each set of vectors → its file; they are backbones of this dataset from then on.
        labels, pairs, invalid: for a new dataset, as in `blackbox.read`.
        tell: told in a sentence which order was assumed of files without ids.
    Raises:
        BadInput: a file that cannot be used; nothing is attached then.
    """
    from core.data import attached_vectors, external_vectors, vector_files

    if name in names():
        if labels is not None or pairs is not None:
            raise BadInput(f"{name!r} has its own labels; give vectors alone, or another name for a new dataset.")
        dataset, everything = load(name), whole(name)
        read_files = {one: vector_files.read(path) for one, path in given.items()}
        if len(everything) > len(dataset) and all(len(one.rows) >= len(everything) for one in read_files.values()):
            dataset = everything  # so that the vectors still fit when the copies are brought back
        ids = dataset.ids.tolist()
        rows = {
            one: vector_files.aligned(held, ids, given[one], f"the dataset {name!r}", extra="drop")
            for one, held in read_files.items()
        }
        by_row = [one for one, held in read_files.items() if held.ids is None]
        if by_row and tell is not None:
            order = "sorted ids" if ids == sorted(ids) else "as its table lists them"
            tell(
                f"{', '.join(by_row)}: rows in the order of the dataset ({order}: {ids[0]!r} first, {ids[-1]!r} last); "
                "give an .npz with ids and vectors to be sure."
            )
    else:
        if labels is None:
            raise BadInput(f"No dataset is named {name!r}; to make one of vectors, give `--labels FILE` too.")
        read, rows = external_vectors.read(given, labels, pairs, invalid)
        dataset = replace(read, name=dataset_table.check_name(name))
    for one, matrix in rows.items():
        attached_vectors.check(dataset, one, matrix)
    if name not in names():
        _save(dataset, {"reader": "vectors", "options": {}})
    for one, matrix in rows.items():
        attached_vectors.attach(dataset, one, matrix, str(given[one]))
    return load(name)
