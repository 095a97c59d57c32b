"""Stories in the home: one JSON file each, written whole or not at all."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from pathlib import Path

from core import access, files, paths
from core.access import authors, gated
from core.errors import BadInput, StoreUnusable, UnknownName
from core.registry import did_you_mean
from core.stories.story import Story, dump, parse

_CHANGING = threading.Lock()


def _file_of(name: str) -> Path:
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:40]
    return paths.stories() / f"{plain or 'story'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.json"


def _read(path: Path) -> Story:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadInput(f"The story {path.name} cannot be read: {reason}. Move the file away, or mend it.") from None
    return parse(text, path.name)


def author(name: str) -> str:
    """Who saved the story of that name; "" for one of this installation itself."""
    return authors.name_of(_file_of(name))


def is_mine(name: str) -> bool:
    """Whether whoever acts may change or delete the story of that name: owners all, members their own."""
    return access.may("story.save") and authors.is_mine(_file_of(name))


@gated("story.save")
def save(story: Story) -> Path:
    """Keep a story under its name; one of the same name is replaced.

    Raises:
        NotAllowed: it is somebody else's.
        StoreUnusable: the home cannot be written.
    """
    target = _file_of(story.name)
    authors.require_mine(target, story.name)
    try:
        files.write_text(target, dump(story))
        authors.note(target)
    except OSError as error:
        raise StoreUnusable(
            f"The story {story.name!r} could not be saved in {target.parent}: {error.strerror}. "
            "Free some space or set FUSIONSCOPE_HOME to a folder that can be written."
        ) from None
    return target


def saved() -> tuple[dict[str, Story], tuple[str, ...]]:
    """All stories by name, the one changed last first, and a sentence for each file that cannot be read."""
    folder, problems = paths.stories(), []
    stories: dict[str, Story] = {}
    listed = [path for path in folder.glob("*.json") if not path.name.startswith(".")] if folder.is_dir() else []
    for path in sorted(listed, key=lambda path: (-path.stat().st_mtime_ns, path.name)):
        try:
            story = _read(path)
            stories[story.name] = story
        except BadInput as error:
            problems.append(str(error))
    return stories, tuple(problems)


def load(name: str) -> Story:
    """One story.

    Raises:
        UnknownName: with the nearest names.
        BadInput: its file cannot be read.
    """
    path = _file_of(name)
    if path.is_file():
        return _read(path)
    names = list(saved()[0])
    hint = did_you_mean(name, names)
    raise UnknownName(f"No story is named {name[:80]!r}.{hint} There are: {', '.join(names) or 'none yet'}.")


def change(name: str, edit: Callable[[Story], Story]) -> Story:
    """Read a story, change it and keep it: what several sessions do to one at the same time adds up.

    Args:
        edit: gets the story as it is now, an empty one where there is none.
    Raises:
        CoreError: what `edit` raises, or as `save`; the story stays as it was then.
    """
    with _CHANGING:
        path = _file_of(name)
        story = edit(_read(path) if path.is_file() else Story(name))
        save(story)
    return story


@gated("story.save")
def remove(name: str) -> None:
    """Delete a story; one that is not there is no error.

    Raises:
        NotAllowed: it is somebody else's.
    """
    authors.require_mine(_file_of(name), name)
    authors.forget(_file_of(name))
