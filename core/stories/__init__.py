"""Stories: views of the pages in an order, each with a title and a sentence, to present and to send.

`story` has the records and their bounds, `store` keeps them in the home by name.
"""

from core.stories.store import author, change, is_mine, load, remove, save, saved
from core.stories.story import LONGEST, LONGEST_NAME, Story, StoryStep, dump, parse

__all__ = [
    "LONGEST",
    "LONGEST_NAME",
    "Story",
    "StoryStep",
    "author",
    "change",
    "dump",
    "is_mine",
    "load",
    "parse",
    "remove",
    "save",
    "saved",
]
