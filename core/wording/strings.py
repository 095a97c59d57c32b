"""The strings of a page, from `core/wording/en/PAGE.toml`: what a translator would read and replace."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "en"


@dataclass(frozen=True)
class Strings:
    """The strings of one page or door.

    Attributes:
        name: of the file, without its suffix.
        by_key: "button.embed" → the string; the part before the dot says what kind of string it is.
    """

    name: str
    by_key: Mapping[str, str]

    def __call__(self, key: str, **fields: object) -> str:
        """A string with its named fields filled in.

        Args:
            fields: what stands in its braces; numbers of people are written by this package before.
        Raises:
            KeyError: no such key, or the string names a field that is missing.
        """
        if key not in self.by_key:
            raise KeyError(f"{self.name}.toml has no string {key!r}")
        missing = fields_of(self.by_key[key]) - fields.keys()
        if missing:
            raise KeyError(f"{key!r} of {self.name}.toml needs {', '.join(sorted(missing))}")
        return self.by_key[key].format(**fields)

    def group(self, kind: str) -> dict[str, str]:
        """All strings of one table, without fields: options of a control, value → what it is called.

        Raises:
            KeyError: no such table.
        """
        strings = {key[len(kind) + 1 :]: text for key, text in self.by_key.items() if key.startswith(f"{kind}.")}
        if not strings:
            raise KeyError(f"{self.name}.toml has no table {kind!r}")
        return strings


def fields_of(text: str) -> set[str]:
    """The names in a string's braces.

    >>> sorted(fields_of("{system} finds most (mAP {figure})"))
    ['figure', 'system']
    """
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def pages() -> tuple[str, ...]:
    """The names of all files of strings."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


@cache
def page(name: str) -> Strings:
    """The strings of one page or door, read once.

    Raises:
        KeyError: there is no such file.
    """
    path = FOLDER / f"{name}.toml"
    if not path.is_file():
        raise KeyError(f"no strings are named {name!r}: {', '.join(pages())}")
    return Strings(name, dict(_flat(tomllib.loads(path.read_text(encoding="utf-8")))))


def _flat(table: Mapping[str, object], stem: str = "") -> list[tuple[str, str]]:
    """Tables within tables as keys with dots; anything but text is refused."""
    rows: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{stem}{key}.")
        elif isinstance(value, str):
            rows.append((f"{stem}{key}", value.strip()))
        else:
            raise TypeError(f"{stem}{key} is {type(value).__name__}, not text")
    return rows
