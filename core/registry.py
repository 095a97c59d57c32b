"""One table per kind of thing: name → entry. Refuses duplicates, helps with typos."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from core.errors import UnknownName

LISTED = ("backbone", "dataset", "reader", "metric", "fusion", "preparation", "re-ranking", "corruption", "action")
"""The kinds that `python -m core list` shows."""


class Named(Protocol):
    """What a registry holds: anything with a name."""

    @property
    def name(self) -> str:
        """Under which it is found."""
        ...


Entry = TypeVar("Entry", bound=Named)


def nearest(name: object, names: Iterable[str], count: int = 2, cutoff: float = 0.6) -> list[str]:
    """The names that are spelled most alike, best first; none where nothing is alike."""
    return difflib.get_close_matches(str(name), list(names), n=count, cutoff=cutoff)


def did_you_mean(name: object, names: Iterable[str], count: int = 2) -> str:
    """A sentence with a space before it that names what was perhaps meant; "" where nothing is alike.

    >>> did_you_mean("resnet5", ["resnet50", "vit"])
    " Did you mean 'resnet50'?"
    """
    alike = nearest(name, names, count)
    return f" Did you mean {' or '.join(map(repr, alike))}?" if alike else ""


class Registry(Generic[Entry]):
    """Entries of one kind, in the order in which they were added.

    Args:
        kind: what an entry is called in a sentence, e.g. "backbone".
        entry_type: built by `register` from a function and its keyword arguments.
    """

    def __init__(self, kind: str, entry_type: Callable[..., Entry] | None = None) -> None:
        self.kind = kind
        self._entry_type = entry_type
        self._entries: dict[str, Entry] = {}

    def add(self, entry: Entry) -> Entry:
        """Add one entry; a second entry of the same name is a programming error (ValueError)."""
        if entry.name in self._entries:
            raise ValueError(f"two {self.kind}s are named {entry.name!r}")
        self._entries[entry.name] = entry
        return entry

    def discard(self, name: str) -> None:
        """Take an entry out, if it is there: what a user added, a user can remove."""
        self._entries.pop(name, None)

    def register(self, name: str, **fields: Any) -> Callable[[Callable], Callable]:
        """Decorator: add `entry_type(name=name, function=f, **fields)` and leave `f` as it is."""
        make = self._entry_type
        if make is None:
            raise TypeError(f"the registry of {self.kind}s has no entry type")

        def wrap(function: Callable) -> Callable:
            self.add(make(name=name, function=function, **fields))
            return function

        return wrap

    def get(self, name: str) -> Entry:
        """The entry of that name.

        Raises:
            UnknownName: with the nearest names, and the command that lists all of them, else all of them.
        """
        try:
            return self._entries[name]
        except (KeyError, TypeError):
            raise UnknownName(self._sentence(name)) from None

    def _sentence(self, name: object) -> str:
        hint = did_you_mean(name, self._entries)
        if self.kind in LISTED:
            return f"No {self.kind} is named {name!r}.{hint} `python -m core list {self.kind}s` shows all {len(self)}."
        return f"No {self.kind} is named {name!r}.{hint} There are {', '.join(self._entries)}."

    @property
    def names(self) -> tuple[str, ...]:
        """Every name, in the order of registration."""
        return tuple(self._entries)

    def __getitem__(self, name: str) -> Entry:
        return self.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)
