"""What an object store can do, and nothing that only some can."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Protocol


class Changed(Exception):
    """A conditional `put` met another version than it expected; nothing was written."""


@dataclass(frozen=True)
class Stored:
    """An object as a listing names it.

    Attributes:
        etag: changes whenever the content does; only ever compared.
        size: bytes.
        changed_ns: when it was written, nanoseconds since 1970, as exact as the store says.
    """

    etag: str
    size: int
    changed_ns: int = 0


class ObjectStore(Protocol):
    """Named bytes under one address. Names are parts joined by "/"; safe for threads.

    Every method raises StoreUnusable, in one sentence, when the store does not answer or refuses.
    """

    @property
    def address(self) -> str:
        """As people write it, without credentials."""

    def lance_options(self) -> dict[str, str]:
        """What Lance is told beside an address below this one."""

    def listing(self, prefix: str = "", most: int = 0) -> dict[str, Stored]:
        """Every object whose name starts so, in the order of the names.

        Args:
            most: the first so many; 0 is all.
        """

    def folders(self, prefix: str) -> list[str]:
        """What stands between `prefix`, which ends in "/", and the next "/" of some name; each once, sorted."""

    def get(self, name: str, offset: int = 0, size: int = -1) -> tuple[bytes, str]:
        """The bytes of an object, or `size` of them from `offset` on, and its ETag.

        Raises:
            FileNotFoundError: there is none.
        """

    def put(self, name: str, content: bytes | BinaryIO, expected: str | None = None) -> str:
        """Write an object whole or not at all; its new ETag.

        Args:
            expected: the ETag that is to be replaced; "" where there must be none yet, None for whatever is there.
        Raises:
            Changed: something else is there.
        """

    def delete(self, names: Iterable[str]) -> None:
        """Take objects away, in this order; those that are not there are passed over."""

    def copy(self, name: str, new: str) -> None:
        """Make a second object of the same bytes; an object of the new name is replaced."""
