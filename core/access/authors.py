"""Whose a saved file is: a name beside it. Owners change everything; members what they saved themselves."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from core import files, wording
from core.access import visitor
from core.errors import NotAllowed

text = wording.page("access")

_BY = ".by"
"""Ending of the file that says it."""


def note(path: Path) -> None:
    """Whoever acts has saved this file; nothing is written for those without an account.

    Raises:
        OSError: the folder cannot be written.
    """
    saver = visitor.current()
    if saver.name and not path.with_suffix(_BY).exists():
        files.write_json(path.with_suffix(_BY), {"name": saver.name, "key": saver.key})


def forget(path: Path) -> None:
    """The file goes, and with it whose it was."""
    files.remove(path)
    files.remove(path.with_suffix(_BY))


def name_of(path: Path) -> str:
    """Who saved the file; "" for one of this installation itself."""
    return _read(path).get("name", "")


def is_mine(path: Path) -> bool:
    """Whether whoever acts may replace or remove what lies there, or put something there."""
    saver = visitor.current()
    return saver.is_owner or not path.exists() or (bool(saver.key) and _read(path).get("key", "") == saver.key)


def require_mine(path: Path, name: str) -> None:
    """Go on only for somebody who may change what lies there.

    Args:
        name: under which people know it.
    Raises:
        NotAllowed: it is somebody else's.
    """
    if not is_mine(path):
        raise NotAllowed(text("error.saved_by_another", name=repr(name)))


def _read(path: Path) -> dict[str, str]:
    with suppress(OSError, ValueError):
        content = json.loads(path.with_suffix(_BY).read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return {str(key): str(value) for key, value in content.items()}
    return {}
