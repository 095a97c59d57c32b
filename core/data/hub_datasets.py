"""`hf:ORGANISATION/NAME`: datasets of the Hugging Face hub, brought into the home once and read like any folder."""

from __future__ import annotations

import re
from pathlib import Path

from core import files, paths
from core.access import gated
from core.errors import BadInput
from core.task import NO_TASK, Task

PREFIX = "hf:"
_WHOLE = ".fetched"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def is_name(text: str) -> bool:
    """Whether a text names a dataset of the hub.

    >>> is_name("hf:nelorth/oxford-flowers"), is_name("hf:../x"), is_name("photos")
    (True, False, False)
    """
    return text.startswith(PREFIX) and _NAME.fullmatch(text.removeprefix(PREFIX)) is not None


def folder_of(text: str) -> Path:
    """Where its files lie, once they are here."""
    return paths.home() / "huggingface" / text.removeprefix(PREFIX).replace("/", "--")


def is_here(text: str) -> bool:
    """Whether it was fetched."""
    return (folder_of(text) / _WHOLE).is_file()


@gated("dataset.add")
def fetch(text: str, task: Task = NO_TASK) -> Path:
    """The folder of a dataset of the hub, fetched where it is not here.

    Raises:
        BadInput: no such name, or it is not here and cannot be fetched; one sentence.
    """
    if not is_name(text):
        raise BadInput(f"{text[:80]!r} names no dataset of the Hugging Face hub; write hf:ORGANISATION/NAME.")
    task.check()
    files.make_folder(folder_of(text), lambda folder: _fill(text, folder), lambda: is_here(text))
    return folder_of(text)


def _fill(text: str, folder: Path) -> None:
    """Download every file."""
    from huggingface_hub import errors, snapshot_download

    name = text.removeprefix(PREFIX)
    try:
        if paths.hub_is_offline():
            raise OSError("HF_HUB_OFFLINE is set")
        snapshot_download(name, repo_type="dataset", local_dir=folder)
    except (OSError, ValueError, errors.HfHubHTTPError, errors.LocalEntryNotFoundError) as error:
        why = " ".join(str(error).split())[:160] or type(error).__name__
        raise BadInput(
            f"{name} of the Hugging Face hub is not on this machine and could not be fetched ({why}); connect to the "
            "network, or give the folder of a copy."
        ) from None
    (folder / _WHOLE).write_text("", encoding="utf-8")
