"""Thumbnails as objects of a store, `thumbnails/small/ab/abcd….webp`; the file of this machine keeps what passed here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.objects import ObjectStore
from core.store.thumbnails import Thumbnails

_CONNECTIONS = 16
_ASKED_ONE_BY_ONE = 256
"""Up to so many are asked for by their names; more are looked for in listings."""


class SharedThumbnails(Thumbnails):
    """Thumbnails that several machines share.

    Args:
        file: of this machine.
        objects: where all of them lie.
        prefix: before each name, ending in "/".
    """

    def __init__(self, file: Path, objects: ObjectStore, prefix: str) -> None:
        super().__init__(file)
        self._objects, self._prefix = objects, prefix

    def _name(self, key: str, size: str = "small") -> str:
        return f"{self._prefix}{size}/{key[:2]}/{key}.webp"

    def put(self, images: Mapping[str, Mapping[str, bytes]]) -> None:
        """As `Thumbnails.put`, on the store first; equal keys have equal thumbnails, so that writing twice is harmless."""
        new = images.keys() - super().having(images)
        # `having` looks for small ones, so they are written last: an image that has its small one is complete
        for size in ("large", "small"):
            pairs = [(self._name(key, size), images[key][size]) for key in new if size in images[key]]
            with ThreadPoolExecutor(_CONNECTIONS) as pool:
                list(pool.map(lambda pair: self._objects.put(*pair), pairs))
        super().put(images)

    def get(self, key: str, size: str) -> bytes | None:
        """As `Thumbnails.get`; what lies on the store alone is kept here then."""
        content = super().get(key, size)
        if content is None:
            try:
                content, _ = self._objects.get(self._name(key, size))
            except FileNotFoundError:
                return None
            super().put({key: {size: content}})
        return content

    def check(self) -> int:
        """How many images have thumbnails on the store; of the file of this machine, as `Thumbnails.check`."""
        super().check()
        return len(self._objects.listing(f"{self._prefix}small/"))

    def having(self, keys: Iterable[str]) -> set[str]:
        """As `Thumbnails.having`."""
        wanted = list(keys)
        present = super().having(wanted)
        missing = [key for key in wanted if key not in present]
        prefixes = (
            [self._name(key) for key in missing]
            if len(missing) <= _ASKED_ONE_BY_ONE
            else sorted({self._name(key).rpartition("/")[0] + "/" for key in missing})
        )
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            listings = pool.map(self._objects.listing, prefixes)
            names = {name for listing in listings for name in listing}
        return present | {key for key in missing if self._name(key) in names}
