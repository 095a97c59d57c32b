"""The order in which people count: class 2 before class 10."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"[0-9]+")


def _by_value(match: re.Match[str]) -> str:
    """A number as text that sorts by its value: how many digits it has, then the digits."""
    digits = match[0].lstrip("0")
    return f"{len(digits):04d}{digits}"


def natural_key(text: str) -> tuple[str, str]:
    """A key to sort names by: numbers in them by value, letter case aside, the text itself where that ties.

    >>> sorted(["class 10", "class 9", "Class 1"], key=natural_key)
    ['Class 1', 'class 9', 'class 10']
    """
    return _DIGITS.sub(_by_value, text.casefold()), text


def natural_path_key(path: str) -> tuple[str, str]:
    """The same for a path with "/", folder by folder.

    >>> sorted(["cat-2/1.jpg", "cat/10.jpg", "cat/9.jpg"], key=natural_path_key)
    ['cat/9.jpg', 'cat/10.jpg', 'cat-2/1.jpg']
    """
    return _DIGITS.sub(_by_value, path.casefold().replace("/", "\0")), path
