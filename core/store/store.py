"""What is slow is kept here: embeddings and thumbnails, by the content of the image."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from core import arrays, files, paths
from core.access import gated
from core.data import attached_vectors, image_bytes, images
from core.errors import BadInput, NotComputed, StoreMismatch, StoreUnusable
from core.objects import mirror_of
from core.store import folders, locks, mapped_rows, repair
from core.store.folders import KEY_FILE, key_text
from core.store.lance import LanceVectors
from core.store.shared_thumbnails import SharedThumbnails
from core.store.thumbnails import Thumbnails
from core.store.writer import Writer
from core.types import Dataset, Embeddings, frozen_array, unit
from core.wording import plural

_ROWS_AT_ONCE = 8192
_log = logging.getLogger("fusionscope")


class Store:
    """The store in one folder. Cheap to open, safe for threads; get it from `open_store`.

    Args:
        root: the folder; made when first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._records: dict[Path, tuple[int, dict[str, Any]]] = {}
        self._thumbnails = _thumbnails_in(root)
        self._damage = repair.DamageLog()

    # -- embeddings

    def writer(self, fingerprint: str, record: Mapping[str, Any], dim: int) -> Writer:
        """Open (or make) the folder of one backbone fingerprint for writing.

        Args:
            fingerprint: the short id that `embeddings` asks for.
            record: everything that changes a number; it becomes `key.json`.
            dim: length of a vector.
        Raises:
            StoreMismatch: the store holds that fingerprint with another record or dim.
            StoreUnusable: the folder cannot be made or written.
        """
        folder = self._folder(fingerprint)
        with locks.usable(self.root):
            if folder is None:
                folder = folders.make(self._parent, fingerprint, record, dim)
            key = folders.read_key(folder)
            content = folders.content(fingerprint, record, dim)
            # how the numbers are stored is the folder's own affair
            if folders.canonical({**key, **content}) != folders.canonical(key):
                raise StoreMismatch(
                    f"{folder / KEY_FILE} describes another backbone than the one that was asked for "
                    f"({fingerprint}); remove that folder and embed again."
                )
            if not os.access(folder, os.W_OK):
                raise PermissionError(f"Permission denied: {folder}")
            return Writer(folder, folders.vectors_of(folder, key), int(dim))

    @property
    def _parent(self) -> Path:
        return self.root / "embeddings"

    def _folder(self, fingerprint: str) -> Path | None:
        matching = sorted(self._parent.glob(folders.pattern(fingerprint))) if self._parent.is_dir() else []
        matching = [folder for folder in matching if (folder / KEY_FILE).is_file()]
        if len(matching) > 1:
            names = " and ".join(folder.name for folder in matching)
            raise StoreMismatch(f"The store holds {fingerprint} twice, as {names}; remove the one that is not wanted.")
        return matching[0] if matching else None

    def embeddings(self, dataset: Dataset, backbone_name: str, fingerprint: str, dim: int) -> Embeddings:
        """The embeddings of a dataset by one backbone, in dataset order.

        Returns:
            Embeddings with (n_images, dim) float32 vectors, rows of norm 1 (or zero), read-only.
        Raises:
            NotComputed: some image has no vector yet; the sentence is the command that makes it.
            StoreMismatch: the folder's data and its key.json disagree.
        """
        attached = attached_vectors.vectors(dataset, backbone_name)
        if attached is not None:
            return Embeddings(backbone_name, attached, dataset.ids)
        folder = self._folder(fingerprint)
        missing = len(dataset)
        if folder is not None:
            with locks.usable(self.root), locks.shared(folder), self._damage.noted(folder):
                stored, rows = self._rows(folder, dataset, dim)
                missing = int((rows < 0).sum())
                if not missing:
                    return Embeddings(backbone_name, self._vectors(fingerprint, dataset, stored, rows), dataset.ids)
        what = (
            "embeddings"
            if missing == len(dataset)
            else f"embeddings for {missing:,} of {plural(len(dataset), 'image')}"
        )
        raise NotComputed(
            f"No {what} of {dataset.name!r} by {backbone_name!r} yet. "
            f"Run `python -m core embed --dataset {dataset.name} --backbone {backbone_name}`."
        )

    def _vectors(self, fingerprint: str, dataset: Dataset, stored: LanceVectors, rows: np.ndarray) -> np.ndarray:
        """(n_images, dim) float32 unit rows, read-only: in memory, of a large dataset mapped from the cache."""
        if len(rows) < (mapped_rows.FETCHED_FROM if stored.is_remote else mapped_rows.MAPPED_FROM):
            return _unit_float32(stored.take(rows))
        path = mapped_rows.file_for(fingerprint, dataset.keys, self.root)
        there = mapped_rows.opened(path, (len(rows), stored.dim))
        if there is not None:
            return there
        try:
            return mapped_rows.write(path, stored.blocks(), rows, stored.dim)
        except OSError as error:
            _log.warning("Vectors are read into memory, as the cache cannot hold them: %s", error)
            return _unit_float32(stored.take(rows))

    def vectors_of(self, fingerprint: str, dim: int, keys: Sequence[str]) -> np.ndarray:
        """The vectors of some contents, whether or not they are images of a dataset.

        Args:
            keys: (n,) 64 hex digits each.
        Returns:
            (n, dim) float32 unit rows in the order of `keys`; a row of NaN where there is none yet.
        Raises:
            StoreMismatch: the folder's data and its key.json disagree.
        """
        rows = np.full((len(keys), dim), np.nan, np.float32)
        folder = self._folder(fingerprint)
        if folder is None:
            return rows
        with locks.usable(self.root), locks.shared(folder), self._damage.noted(folder):
            stored, at = self._rows_of(folder, [bytes.fromhex(key_text(key)) for key in keys], dim)
            present = np.flatnonzero(at >= 0)
            if len(present):
                rows[present] = _unit_float32(stored.take(at[present]))
        return rows

    def count(self, dataset: Dataset, fingerprint: str) -> int:
        """How many images of the dataset have their vector of that fingerprint."""
        folder = self._folder(fingerprint)
        if folder is None:
            return 0
        with locks.usable(self.root), self._damage.noted(folder):
            try:
                _, rows = self._rows(folder, dataset)
            except StoreMismatch:  # perhaps somebody joined the pieces meanwhile: once more, and nobody may
                with locks.shared(folder):
                    _, rows = self._rows(folder, dataset)
        return int((rows >= 0).sum())

    def _rows(self, folder: Path, dataset: Dataset, dim: int | None = None) -> tuple[LanceVectors, np.ndarray]:
        """The vectors, and for every image the row of its vector, −1 where there is none; the first row wins."""
        raw = [bytes.fromhex(text.decode()) for text in np.asarray(dataset.keys, "S64").tolist()]
        return self._rows_of(folder, raw, dim)

    def _rows_of(
        self, folder: Path, contents: Sequence[bytes], dim: int | None = None
    ) -> tuple[LanceVectors, np.ndarray]:
        """The same for contents by the 32 bytes of their keys."""
        key = folders.read_key(folder)
        if dim is not None and int(key["dim"]) != dim:
            raise StoreMismatch(
                f"{folder / KEY_FILE} says dim {key['dim']}, but the backbone has {dim}; "
                "remove that folder and embed again."
            )
        stored = folders.vectors_of(folder, key)
        keys = stored.written_keys()
        first: dict[bytes, int] = {}
        for row in range(len(keys) - 1, -1, -1):
            first[keys[row].tobytes()] = row
        return stored, np.fromiter((first.get(content, -1) for content in contents), np.int64, len(contents))

    def records(self) -> list[dict[str, Any]]:
        """The key.json of every backbone folder that is not damaged, the newest first; quick, nothing else is read."""
        dated = []
        with locks.usable(self.root):
            for file in self._parent.glob(f"*/{KEY_FILE}") if self._parent.is_dir() else []:
                changed = file.stat().st_mtime_ns
                try:
                    if self._records.get(file, (0,))[0] != changed:
                        with self._damage.noted(file):
                            self._records[file] = (changed, folders.read_key(file.parent))
                except StoreMismatch:
                    continue  # it is remembered; all others are still there
                dated.append((changed, file.parent.name, self._records[file][1]))
        return [key for _, _, key in sorted(dated, key=lambda entry: entry[:2], reverse=True)]

    @gated("embed")
    def remove(self, fingerprint: str, keys: Iterable[str | bytes] | None = None) -> int:
        """Take the vectors of some images, or all of them, out of the folder of one fingerprint.

        Args:
            keys: the images, 64 hex digits each; None removes the whole folder.
        Returns:
            rows that were taken away.
        Raises:
            StoreUnusable: somebody embeds with that backbone now, or the store is read-only.
        """
        folder = self._folder(fingerprint)
        if folder is None:
            return 0
        with locks.usable(self.root), locks.exclusive(folder) as alone:
            stored = folders.vectors_of(folder, folders.read_key(folder))
            if not alone and locks.can_lock():
                raise StoreUnusable(
                    f"The embeddings in {folder.name} are in use just now; stop what embeds or reads them, "
                    "then remove them again."
                )
            if keys is not None:
                removed = stored.drop({bytes.fromhex(key_text(key)) for key in keys})
                stored.compact(alone=True)
                return removed
            try:
                removed = len(stored.written_keys())
            except StoreMismatch:
                removed = 0  # nobody can read what is damaged, but it can be removed
            files.remove(folder / KEY_FILE)  # first, so that a stop half way leaves no folder that looks whole
            files.remove_folder(folder)
            return removed

    def contents(self) -> list[dict[str, Any]]:
        """Every backbone folder: its key.json, `folder`, `rows` and `bytes`; for pages and `list`."""
        entries = []
        with locks.usable(self.root):
            for folder in self._parts():
                if (folder / KEY_FILE).is_file():
                    key = folders.read_key(folder)
                    rows = len(folders.vectors_of(folder, key).written_keys())
                    size = files.folder_bytes(folder)
                    entries.append({**key, "folder": str(folder), "rows": rows, "bytes": size})
        return entries

    def _parts(self) -> list[Path]:
        return sorted(path for path in self._parent.iterdir() if path.is_dir()) if self._parent.is_dir() else []

    # -- damage

    def damage_report(self) -> tuple[str, ...]:
        """A sentence for each damaged part that was met since the store was opened and that still lies there."""
        return self._damage.sentences()

    def check(self) -> str:
        """As `repair.check`: what is there and what is wrong, a line each, for people."""
        return repair.check(self.root, self._parts(), self._thumbnails, self._damage)

    @gated("store.repair")
    def repair(self, known: bool = False) -> list[str]:
        """As `repair.repair`: move what is damaged aside.

        Args:
            known: look only at what `damage_report` names, instead of reading everything.
        """
        parts = self._parts()
        if known:
            parts = [folder for folder in parts if folder in self._damage or folder / KEY_FILE in self._damage]
        lines = repair.repair(self.root, parts, self._thumbnails, self._damage)
        for folder in parts:
            self._damage.forget(folder / KEY_FILE)
        return lines

    # -- thumbnails

    def _thumbnails_usable(self) -> AbstractContextManager[None]:
        return repair.thumbnails_usable(self.root, self._thumbnails, self._damage)

    def put_thumbnails(self, thumbnails: Mapping[str, Mapping[str, bytes]]) -> None:
        """Keep WebP thumbnails: {key: {"small": bytes, "large": bytes}}, all of them or none; existing ones stay."""
        if thumbnails:
            with self._thumbnails_usable():
                self._thumbnails.put(thumbnails)

    def thumbnail(self, key: str | bytes, size: str = "small") -> bytes | None:
        """One WebP thumbnail, None when it was not made yet, or cannot be read any more."""
        text = key_text(key)
        if size not in ("small", "large"):
            raise BadInput(f"A thumbnail is 'small' or 'large', not {size!r}.")
        try:
            with self._thumbnails_usable():
                return self._thumbnails.get(text, size)
        except StoreMismatch:
            return None  # `damage_report` tells of it, and the thumbnail can be made from the original

    def thumbnails_missing(self, keys: Iterable[str | bytes]) -> list[str]:
        """Those of `keys` that have no thumbnail yet, each once, in their order."""
        distinct = list(dict.fromkeys(map(key_text, keys)))
        with self._thumbnails_usable():
            present = self._thumbnails.having(distinct)
        return [key for key in distinct if key not in present]

    def thumbnail_or_make(self, dataset: Dataset, position: int, size: str = "small") -> bytes:
        """One thumbnail, made from the original when it is not there yet.

        Raises:
            BadInput: the original has gone, has changed or cannot be decoded; the reason.
        """
        key = key_text(dataset.keys[position])
        thumbnail = self.thumbnail(key, size)
        return thumbnail if thumbnail is not None else self._make_thumbnails(dataset, position, key)[size]

    def ensure_thumbnails(self, dataset: Dataset, positions: Iterable[int]) -> dict[int, str]:
        """Make the missing thumbnails of some images; returns {position: reason} of those that cannot be made."""
        keys = {int(position): key_text(dataset.keys[int(position)]) for position in positions}
        missing = set(self.thumbnails_missing(keys.values()))
        failed: dict[int, str] = {}
        for position, key in keys.items():
            if key in missing:
                try:
                    self._make_thumbnails(dataset, position, key)
                except BadInput as error:
                    failed[position] = str(error)
        return failed

    def _make_thumbnails(self, dataset: Dataset, position: int, key: str) -> dict[str, bytes]:
        """Of the very bytes that the key belongs to: a file that was changed since it was listed is refused."""
        thumbnails = images.thumbnails(images.open_rgb(image_bytes.read_checked(dataset, position)))
        try:
            self.put_thumbnails({key: thumbnails})
        except (StoreUnusable, StoreMismatch):
            return thumbnails  # a read-only or damaged store still shows images; the thumbnails are only not kept
        return thumbnails


def _unit_float32(vectors: np.ndarray) -> np.ndarray:
    """Stored rows as unit float32 rows, block by block so that memory stays near the result's own size."""
    if vectors.dtype == np.float32:
        return frozen_array(vectors, np.float32)  # of norm 1 as they were written
    wide = np.empty(vectors.shape, np.float32)
    for rows in arrays.chunks(len(vectors), _ROWS_AT_ONCE):
        wide[rows] = unit(vectors[rows])
    return frozen_array(wide, np.float32)


def _thumbnails_in(root: Path) -> Thumbnails:
    """The thumbnails of a store: one file, and the objects behind it where the home is on an object store."""
    file, mirror = root / "thumbnails.sqlite", mirror_of(root / "embeddings")
    return SharedThumbnails(file, mirror.objects, "store/thumbnails/") if mirror else Thumbnails(file)


_STORES: dict[Path, Store] = {}
_STORES_LOCK = threading.Lock()


def open_store(root: Path | str | None = None) -> Store:
    """The store in `root` (by default `paths.store()`); the same object for the same folder.

    Raises:
        StoreUnusable: the place is there but is no folder.
    """
    path = Path(root).expanduser().resolve() if root is not None else paths.store()
    if path.exists() and not path.is_dir():
        raise StoreUnusable(f"The store {path} is a file, not a folder; set FUSIONSCOPE_HOME to a folder.")
    with _STORES_LOCK:
        return _STORES.setdefault(path, Store(path))
