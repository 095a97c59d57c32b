"""The questions of a story: which one is open, and what of a page a step of it shows."""

from __future__ import annotations

from dataclasses import dataclass

from core.setups.fields import choice, text

SUMMARY = "summary"
PARTS = ("main", "answer", "page", SUMMARY)
"""What of a page is shown: its answer and its main part, its answer alone, all of it without settings, or the answer to
the whole comparison (`SUMMARY`, of the Overview alone)."""
NOTHING = "all"


@dataclass(frozen=True)
class StorySetup:
    """The page Story: which story is open."""

    story: str = text(default="", longest=80, label="Story", short="story")


@dataclass(frozen=True)
class ShownSetup:
    """What of a page is shown while it is presented; else everything, with sidebar and settings."""

    part: str = choice(lambda: (NOTHING, *PARTS), default=NOTHING, label="Shown", short="show")

    @property
    def is_presented(self) -> bool:
        """Whether the page is a step of a story now."""
        return self.part != NOTHING
