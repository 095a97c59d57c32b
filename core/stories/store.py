"""Stories in the home: one JSON file each, written whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from core import access, files, paths
from core.access import authors, gated
from core.data.saved import is_visible
from core.errors import BadInput, StoreUnusable, UnknownName
from core.registry import did_you_mean
from core.setups import FrameSetup, of_link
from core.stories.story import Story, dump, parse

_CHANGING = threading.Lock()


def _file_of(name: str) -> Path:
    return paths.stories() / files.named(name, "story", ".json")


def _read(path: Path) -> Story:
    return parse(files.read_text(path, f"The story {path.name}", "Move the file away, or mend it."), path.name)


def _is_visible(story: Story) -> bool:
    """Whether whoever acts may see a story: one with a step over a private dataset is for owners alone."""
    if access.current().is_owner:
        return True
    names = {of_link(FrameSetup, step.values).dataset for step in story.steps}
    return all(_is_plain(name) and is_visible(name) for name in names)


def _is_plain(name: str) -> bool:
    """Whether a name of a link, which is anybody's text, can be that of a dataset."""
    return not any(c in name for c in "/\\\0")


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
    """All stories by name, the one changed last first, and a sentence for each file that cannot be read.

    Those of private datasets are for owners alone.
    """
    folder, problems = paths.stories(), []
    stories: dict[str, Story] = {}
    listed = [path for path in folder.glob("*.json") if not path.name.startswith(".")] if folder.is_dir() else []
    for path in sorted(listed, key=lambda path: (-path.stat().st_mtime_ns, path.name)):
        try:
            story = _read(path)
            if _is_visible(story):
                stories[story.name] = story
        except BadInput as error:
            problems.append(str(error))
    return stories, tuple(problems)


def load(name: str) -> Story:
    """One story.

    Raises:
        UnknownName: with the nearest names; also for one that whoever acts may not see.
        BadInput: its file cannot be read.
    """
    path = _file_of(name)
    story = _read(path) if path.is_file() else None
    if story is not None and _is_visible(story):
        return story
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
