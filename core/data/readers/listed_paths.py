"""Paths that somebody listed, perhaps on another machine, found on this one where only one reading is possible."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from core.data.file_walk import subfolders, walk
from core.data.table_files import some
from core.errors import BadInput

_DRIVE = re.compile(r"[A-Za-z]:(?=[\\/])")
_ABSOLUTE = re.compile(r"[A-Za-z]:[\\/]|[\\/]|file:", re.IGNORECASE)
_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
_MOST_WALKED = 5_000_000


class ListedPaths:
    """Where each of some listed paths lies below a folder.

    Attributes:
        paths: absolute path of each; what is not there stands where it was looked for.
        absent: positions of those that are not there.
        notes: what was read otherwise than it is written, as sentences.
    """

    def __init__(self, texts: Sequence[str], root: Path) -> None:
        self.texts, self.root = texts, root
        self.notes: list[str] = []
        self._differences: Counter[str] = Counter()
        self._lower: dict[str, list[str]] | None = None
        self.paths = [os.path.normpath(os.path.join(root, text)) for text in texts]
        self.absent = [i for i, path in enumerate(self.paths) if not os.path.exists(path)]
        if self.absent and root.is_dir():
            self._find_others()

    def _find_others(self) -> None:
        cleaned = {i: _cleaned(self.texts[i]) for i in self.absent}
        rows = [parts for parts, _ in cleaned.values()]
        # Beside paths that are found as they stand, one that is not there is missing, unless it is of another machine.
        prefix: tuple[str, ...] | None = ()
        added: tuple[str, ...] = ()
        if len(rows) == len(self.texts) or all(_ABSOLUTE.match(self.texts[i]) for i in self.absent):
            prefix = self._dropped_prefix(rows)
            added = self._added_folder(rows) if prefix is None else ()
        prefix = prefix or ()
        absent = []
        for i, (parts, differences) in cleaned.items():
            inside = (*added, *(parts[len(prefix) :] if parts[: len(prefix)] == prefix else parts))
            candidates = self._candidates(inside)
            if len(candidates) == 1:
                path, more = candidates[0]
                self.paths[i] = os.path.join(self.root, path)
                more = [*differences, *more]
                if prefix and parts[: len(prefix)] == prefix:
                    more.append(f"without {'/'.join(prefix)!r} before them")
                if added:
                    more.append(f"in the folder {added[0]!r}")
                self._differences.update(more)
            else:
                absent.append(i)
        self.absent = absent
        count = len(cleaned) - len(absent)
        if count:
            how = ", ".join(f"{difference} ({n:,})" for difference, n in self._differences.most_common())
            self.notes.append(f"{count:,} of {len(self.texts):,} paths are not written as on this disk; read {how}.")

    def _dropped_prefix(self, rows: list[tuple[str, ...]]) -> tuple[str, ...] | None:
        """The folder of another machine that all of these paths begin with: the shortest whose rest is found here.

        None where no rest is.
        """
        first = rows[0]
        common = os.path.commonprefix([row[:-1] for row in rows]) if len(rows) > 1 else list(first[:-1])
        sample = rows[:: max(1, len(rows) // 40)][:40]
        hits = [sum(len(self._candidates(row[n:])) == 1 for row in sample) for n in range(len(common) + 1)]
        best = max(hits)
        return tuple(first[: hits.index(best)]) if best else None

    def _added_folder(self, rows: list[tuple[str, ...]]) -> tuple[str, ...]:
        """The one folder below the root in which these paths lie; () where none or several would do."""
        sample = rows[:: max(1, len(rows) // 40)][:40]
        folders = subfolders(self.root)[:200]
        hits = [sum(len(self._candidates((folder, *row))) == 1 for row in sample) for folder in folders]
        best = max(hits, default=0)
        return (folders[hits.index(best)],) if best and hits.count(best) == 1 else ()

    def _candidates(self, parts: tuple[str, ...]) -> list[tuple[str, list[str]]]:
        """Files that a path may mean, each with what is written otherwise."""
        wanted = "/".join(parts)
        if wanted and os.path.exists(os.path.join(self.root, wanted)):
            return [(wanted, [])]
        name, ending = os.path.splitext(wanted)
        ending = ending.lower()
        candidates: list[tuple[Any, list[str]]] = []
        for path in self._by_key().get(_key(wanted), []) + self._by_key().get(_key(name), []):
            differences = _differences(wanted, path, ending)
            if differences and path not in (other for other, _ in candidates):
                candidates.append((path, differences))
        fewest = min((len(differences) for _, differences in candidates), default=0)
        return [candidate for candidate in candidates if len(candidate[1]) == fewest]

    def _by_key(self) -> dict[str, list[str]]:
        """Every file below the root, by its path in one letter case and Unicode form, with and without its ending."""
        if self._lower is None:
            self._lower = {}
            for count, parts in enumerate(walk(self.root, {})):
                if count >= _MOST_WALKED:
                    break
                path = "/".join(parts)
                for key in {_key(path), _key(os.path.splitext(path)[0])}:
                    self._lower.setdefault(key, []).append(path)
        return self._lower

    def difference(self, position: int) -> str:
        """Why a path that is not there is not found although something like it is; "" where nothing is."""
        if not self.root.is_dir():
            return ""
        parts, _ = _cleaned(self.texts[position])
        name = os.path.splitext("/".join(parts))[0]
        near = self._by_key().get(_key(name), [])
        return f"; there is {some(near, 3)}" if near else ""


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _cleaned(text: str) -> tuple[tuple[str, ...], list[str]]:
    """The parts of a path of any machine, and what was read otherwise."""
    differences = []
    if text.lower().startswith("file:"):
        text = unquote(re.sub(r"^file:(//[^/\\]*)?", "", text, flags=re.IGNORECASE))
        text = text[1:] if _DRIVE.match(text[1:]) else text
        differences.append("as a file without file://")
    elif re.search(r"%[0-9A-Fa-f]{2}", text):
        text = unquote(text)
        differences.append("with %20 and the like as the characters they stand for")
    if "\\" in text:
        text = text.replace("\\", "/")
        differences.append("with \\ as /")
    if _DRIVE.match(text):
        text = text[2:]
        differences.append("without a drive letter")
    if text.startswith("/") and not differences:
        differences.append("without a leading /")
    return tuple(part for part in PurePosixPath(text.lstrip("/")).parts if part != "."), differences


def _differences(wanted: str, path: str, ending: str) -> list[str]:
    """How a file's path differs from what was written; [] where it cannot be what was meant."""
    name, other = os.path.splitext(path)
    other = other.lower()
    differences = []
    if ending == other or (ending in _JPEG and other in _JPEG):
        written = os.path.splitext(wanted)[0]
        if os.path.splitext(wanted)[1] != os.path.splitext(path)[1]:
            differences.append(f"with the ending {os.path.splitext(path)[1]!r}")
    elif _key(wanted) == _key(name):
        written = wanted
        differences.append("with the ending of the file")
    else:
        return []
    if unicodedata.normalize("NFC", written) != unicodedata.normalize("NFC", name):
        differences.append("in other letter case")
    elif written != name:
        differences.append("in another Unicode form")
    return differences


def base_folder(root: Path, texts: Sequence[str]) -> Path:
    """The folder that listed paths are relative to: `root`, else the one folder below it that has them."""
    sample = texts[:: max(1, len(texts) // 40)][:40]

    def hits(folder: Path) -> int:
        return sum(os.path.exists(os.path.join(folder, text)) for text in sample)

    if not root.is_dir() or hits(root):
        return root
    below = [path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")][:200]
    best = max(below, key=hits, default=root)
    return best if hits(best) else root


def require(listed: ListedPaths, missing: str, where: str, rows: Sequence[object] | None = None) -> None:
    """Refuse listed files that are not on the disk, unless they are to be set aside.

    Args:
        missing: "refuse" or "quarantine"; where not one file is there, both refuse.
        rows: the row number of each path, for the sentence.
    Raises:
        BadInput: files that do not exist; the sentence names the first and what differs.
    """
    if missing not in ("refuse", "quarantine"):
        raise BadInput(f"Rows whose file is missing can be 'refuse' or 'quarantine', not {missing!r}.")
    absent = listed.absent
    if absent and (missing == "refuse" or len(absent) == len(listed.texts)):
        first = f" in row {rows[absent[0]]}" if rows is not None else ""
        way = "" if len(absent) == len(listed.texts) else " `--option missing=quarantine` lists them and goes on."
        raise BadInput(
            f"{where}: {len(absent):,} of {len(listed.texts):,} files do not exist below {listed.root}, the first"
            f"{first}: {some([listed.texts[i] for i in absent])}{listed.difference(absent[0])}.{way}"
        )
