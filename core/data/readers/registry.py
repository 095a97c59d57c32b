"""READERS: one entry per way in which people keep image collections. A module beside this one adds its own entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from core.data.listing import Listing
from core.registry import Registry

MISSING = "What to do where a listed file is not on the disk: refuse (default) or quarantine (list it, go on)."
MISSING_CHOICES = ("refuse", "quarantine")
OBJECTS = "Each object with a box as an image of its own, cut out of its image (default no)."
MARGIN = "What is kept around the box of an object, as a share of its sides (default 0.1)."
SPLIT = "Take folders and files named train, val and test as the parts of a split (default yes)."
IMAGES = "The folder of the images; by default found beside the file."


@dataclass(frozen=True)
class Reader:
    """One way in which people keep image collections.

    Attributes:
        function: (path, task=, **options) → Listing.
        label: what it reads, for people.
        detects: (path) → True when the path looks like this; the first reader that says so is taken.
        options: option → one sentence for people; its type is that of the function's argument.
        choices: option → the words that it takes, the usual one first, where they are few.
        rank: readers of a lower rank are asked first; what fits many paths has a high one.
        by_path: rows follow the sorted paths, not a list that somebody wrote.
    """

    name: str
    function: Callable[..., Listing]
    label: str
    detects: Callable[[Path], bool]
    options: dict[str, str] = field(default_factory=dict)
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rank: int = 0
    by_path: bool = False


READERS: Registry[Reader] = Registry("reader", Reader)
