"""The order in which people count: class 2 before class 10."""

from __future__ import annotations

import re
from typing import Any

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(text: str) -> tuple[Any, ...]:
    """A key to sort names by: numbers in them by value, letter case aside, the text itself where that ties.

    >>> sorted(["class 10", "class 9", "Class 1"], key=natural_key)
    ['Class 1', 'class 9', 'class 10']
    """
    parts = _DIGITS.split(text.casefold())
    # int() refuses numbers of thousands of digits, so a number is compared by its length and then as text.
    numbers = [(len(digits), digits) for digits in (part.lstrip("0") for part in parts[1::2])]
    return (*(piece for pair in zip(parts[::2], [*numbers, (0, "")]) for piece in pair), text)


def natural_path_key(path: str) -> list[tuple[Any, ...]]:
    """The same for a path with "/", folder by folder.

    >>> sorted(["cat-2/1.jpg", "cat/10.jpg", "cat/9.jpg"], key=natural_path_key)
    ['cat/9.jpg', 'cat/10.jpg', 'cat-2/1.jpg']
    """
    return [natural_key(part) for part in path.split("/")]
