"""Where studies lie: those that come with Fusionscope, and those that were saved on this installation."""

from __future__ import annotations

import re
from pathlib import Path

from core import access, files, paths
from core.access import authors, gated
from core.errors import BadInput, CoreError, StoreUnusable, UnknownName
from core.registry import did_you_mean
from core.studies.study import study_data, study_file
from core.studies.study.study_record import Study

SHIPPED = paths.ASSETS / "studies"


def names() -> tuple[str, ...]:
    """Every study by name: those saved here, then those that come with Fusionscope."""
    return tuple(dict.fromkeys([*_stems(paths.studies()), *_stems(SHIPPED)]))


def shipped() -> tuple[str, ...]:
    """Those that come with Fusionscope."""
    return _stems(SHIPPED)


def is_shipped(name: str) -> bool:
    """Whether a study comes with Fusionscope, and nobody saved another one under its name."""
    return name in _stems(SHIPPED) and name not in _stems(paths.studies())


def _stems(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in folder.glob("*.toml"))) if folder.is_dir() else ()


def readable() -> tuple[str, ...]:
    """Every study that whoever acts may look at: owners all, others those that name no private dataset and no path."""
    if access.current().is_owner:
        return names()
    usable = []
    for name in names():
        try:
            study = open_study(name)
        except CoreError:
            continue
        if not study_data.names_path(study):
            usable.append(name)
    return tuple(usable)


def path_of(name: str) -> Path:
    """The file of a study.

    Raises:
        UnknownName: with the nearest names.
    """
    for folder in (paths.studies(), SHIPPED):
        if name in _stems(folder):
            return folder / f"{name}.toml"
    raise UnknownName(
        f"No study is named {name[:80]!r}.{did_you_mean(name, names(), 1)} There are {', '.join(names())}."
    )


def open_study(name_or_path: str) -> Study:
    """A study by the path of its file, else by its name.

    Raises:
        UnknownName: neither is there. BadInput: the file is no study; one sentence with the line.
    """
    path = Path(name_or_path).expanduser()
    if path.suffix == ".toml" and path.is_file():
        return study_file.read(path)
    if path.suffix == ".toml" and len(path.parts) > 1:
        raise BadInput(f"{path} does not exist; check the spelling, or give a full path.")
    return study_file.read(path_of(name_or_path.removesuffix(".toml")))


@gated("study.save")
def save(study: Study) -> str:
    """Save a study under its title; a number follows where another one has that name. Returns its name.

    Raises:
        NotAllowed: it names a folder or a file, and whoever acts may not look into those.
        BadInput: it cannot be written. StoreUnusable: the folder cannot.
    """
    if study_data.names_path(study):
        access.require("path.browse")
    text = study_file.dump(study)
    stem = re.sub(r"[^a-z0-9]+", "-", study.title.lower()).strip("-")[:60] or "study"
    number = 1
    while True:
        name = stem if number == 1 else f"{stem}-{number}"
        path = paths.studies() / f"{name}.toml"
        if name not in names() or (path.is_file() and path.read_text(encoding="utf-8") == text):
            break
        number += 1
    try:
        files.write_text(path, text)
        authors.note(path)
    except OSError as error:
        raise StoreUnusable(
            f"The study could not be saved in {path.parent}: {error.strerror}. "
            "Free some space or set FUSIONSCOPE_HOME to a folder that can be written."
        ) from None
    return name


def is_mine(name: str) -> bool:
    """Whether whoever acts may forget the study: owners all that were saved, members their own."""
    return not is_shipped(name) and access.may("study.save") and authors.is_mine(paths.studies() / f"{name}.toml")


@gated("study.save")
def remove(name: str) -> None:
    """Forget a saved study; one that comes with Fusionscope stays.

    Raises:
        NotAllowed: it is somebody else's.
    """
    if name in _stems(paths.studies()):
        path = paths.studies() / f"{name}.toml"
        authors.require_mine(path, name)
        authors.forget(path)
