"""What a verb says and writes: progress and remarks to the terminal, files that are refused before work is done."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core import wording
from core.errors import BadInput

text = wording.page("cli")

if TYPE_CHECKING:
    from core.progress import Progress


def print_progress(progress: Progress) -> None:
    """One line of the terminal; on a pipe, nothing but the end of each stage."""
    if sys.stderr.isatty():
        print(f"\r\033[K{progress.sentence()}", end="", file=sys.stderr, flush=True)
    elif progress.total is not None and progress.done >= progress.total:
        print(progress.sentence(), file=sys.stderr)


def end_progress() -> None:
    """Leave the line of the progress."""
    if sys.stderr.isatty():
        print(file=sys.stderr)


def remark(sentence: str) -> None:
    """Beside the results, so that a pipe holds the results alone."""
    print(sentence, file=sys.stderr)


def check(flag: str, path: Path | None, endings: tuple[str, ...] = ()) -> None:
    """Raises BadInput for a path that cannot be written or whose ending is none of `endings`; before any work."""
    if path is None:
        return
    name, file = f"--{flag} {path}", path.expanduser().absolute()
    if endings and file.suffix.lower() not in endings:
        raise BadInput(text("error.end_name_which", name=name, endings=" or ".join(endings)))
    if file.is_dir():
        raise BadInput(text("error.folder_name_file", name=name))
    if not file.exists() and not file.parent.is_dir():
        raise BadInput(text("error.there_folder_make", name=name, parent=file.parent))
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise BadInput(text("error.nothing_may_written", name=name))


def write(path: Path, content: str | bytes) -> None:
    """Write a file that the user named.

    Raises:
        BadInput: the system refuses it.
    """
    try:
        path.expanduser().write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise BadInput(text("error.cannot_write_give", path=path, strerror=error.strerror)) from None
