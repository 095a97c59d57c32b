"""A story as records: steps in an order, each the link of a view with what a presenter shows and says about it."""

from __future__ import annotations

import dataclasses
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from core.errors import BadInput, UnknownName
from core.setups.fields import LONGEST_VALUE
from core.setups.story import PARTS

MOST_STEPS = 60
LONGEST = {"title": 120, "sentence": 400, "notes": 4000, "link": 4 * LONGEST_VALUE}
LONGEST_NAME = 80
_ADDRESS = re.compile(r"[a-z_]{1,40}")


def _line(value: object, longest: int) -> str:
    """Anybody's text as one line."""
    bare = "".join(c if c.isprintable() else " " * c.isspace() for c in str(value))
    return " ".join(bare.split())[:longest].rstrip()


def _lines(value: object, longest: int) -> str:
    """Anybody's text as lines."""
    bare = "".join(c for c in str(value).replace("\r\n", "\n") if c.isprintable() or c == "\n")
    return bare.strip()[:longest].rstrip()


@dataclass(frozen=True)
class StoryStep:
    """One view of a story.

    Attributes:
        page: the address of a page, "fusion_lab".
        link: the view, as the page writes it into the browser's address: "d=photos&k=10".
        part: one of `setups.story.PARTS`.
        title, sentence: what an audience reads; notes: what the presenter alone reads.
        id: of the step within its story.
    """

    page: str
    link: str = ""
    part: str = PARTS[0]
    title: str = ""
    sentence: str = ""
    notes: str = ""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.page):
            raise BadInput(f"A step of a story names a page like fusion_lab; {self.page[:40]!r} is none.")
        if self.part not in PARTS:
            raise BadInput(f"A step of a story shows one of {', '.join(PARTS)}; {self.part[:40]!r} is none of them.")
        for name in ("title", "sentence"):
            object.__setattr__(self, name, _line(getattr(self, name), LONGEST[name]))
        object.__setattr__(self, "notes", _lines(self.notes, LONGEST["notes"]))
        object.__setattr__(self, "link", str(self.link).lstrip("?")[: LONGEST["link"]])
        object.__setattr__(self, "id", _line(self.id, 32))

    @property
    def values(self) -> dict[str, str]:
        """What the link says: name → value."""
        return dict(parse_qsl(self.link))


@dataclass(frozen=True)
class Story:
    """Steps under a name, in the order in which they are shown."""

    name: str
    steps: tuple[StoryStep, ...] = ()

    def __post_init__(self) -> None:
        name = _line(self.name, LONGEST_NAME + 1)
        if not name or len(name) > LONGEST_NAME:
            raise BadInput(f"A story has a name of 1 to {LONGEST_NAME} characters.")
        if len(self.steps) > MOST_STEPS:
            raise BadInput(f"A story has at most {MOST_STEPS} steps; {name!r} would have {len(self.steps)}.")
        object.__setattr__(self, "name", name)

    def at(self, id_: str) -> int:
        """Where a step stands.

        Raises:
            UnknownName: it is gone.
        """
        for number, step in enumerate(self.steps):
            if step.id == id_:
                return number
        raise UnknownName(f"This step of {self.name!r} is not there any more. Reload the page to see those that are.")

    def with_step(self, step: StoryStep) -> Story:
        """With one more step at the end."""
        return dataclasses.replace(self, steps=(*self.steps, step))

    def without(self, id_: str) -> Story:
        """Without a step; one that is not there is no error."""
        return dataclasses.replace(self, steps=tuple(step for step in self.steps if step.id != id_))

    def with_changed(self, id_: str, **fields: str) -> Story:
        """With other texts in one step."""
        at, steps = self.at(id_), list(self.steps)
        steps[at] = dataclasses.replace(steps[at], **fields)
        return dataclasses.replace(self, steps=tuple(steps))

    def with_moved(self, id_: str, by: int) -> Story:
        """With a step nearer to the start (−1) or to the end (+1); at an end it stays.

        >>> story = Story("s", tuple(StoryStep("map", id=name) for name in "abc"))
        >>> [step.id for step in story.with_moved("c", -1).steps]
        ['a', 'c', 'b']
        """
        steps, at = list(self.steps), self.at(id_)
        step = steps.pop(at)
        steps.insert(min(max(at + by, 0), len(steps)), step)
        return dataclasses.replace(self, steps=tuple(steps))


def dump(story: Story) -> str:
    """The story as JSON that a person can read; `parse` reads it back."""
    return json.dumps(dataclasses.asdict(story), ensure_ascii=False, indent=1) + "\n"


def parse(text: str, source: str) -> Story:
    """The story of such a text.

    Args:
        source: what is named in a sentence, e.g. a file.
    Raises:
        BadInput: it is something else; what, and where.
    """
    try:
        record = json.loads(text)
    except ValueError as error:
        raise BadInput(f"{source} is no JSON ({error}). A story is written by the page Story.") from None
    if not isinstance(record, Mapping) or not isinstance(record.get("steps"), list):
        raise BadInput(f'{source} is no story: it has no list "steps".')
    steps = tuple(_step(step, f"{source}, step {number}") for number, step in enumerate(record["steps"], start=1))
    return Story(str(record.get("name", "")), steps)


def _step(record: Any, source: str) -> StoryStep:
    if not isinstance(record, Mapping) or not isinstance(record.get("page"), str):
        raise BadInput(f'{source}: a step has a "page".')
    known = {f.name for f in dataclasses.fields(StoryStep)}
    unknown = sorted(set(record) - known)
    if unknown:
        raise BadInput(f"{source}: {str(unknown[0])[:40]!r} is unknown; a step has {', '.join(sorted(known))}.")
    try:
        return StoryStep(**{name: str(value) for name, value in record.items()})
    except BadInput as error:
        raise BadInput(f"{source}: {error}") from None
