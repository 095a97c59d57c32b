"""Fusions in files: a fusions.json of the user, and those saved in the home."""

from __future__ import annotations

from pathlib import Path

from core import access, files, paths
from core.access import authors, gated
from core.data.natural_order import natural_key
from core.errors import BadInput, StoreUnusable, UnknownName
from core.fusion.spec import FusionSpec, dump, parse
from core.registry import did_you_mean


def read(path: Path | str) -> tuple[FusionSpec, ...]:
    """All fusions of a fusions.json: a list of objects, or one object.

    Raises:
        BadInput: one sentence that names the file and what is wrong in it.
    """
    path = Path(path)
    return parse(files.read_text(path, path.name, "Give a JSON file with a list of fusions."), path.name)


def _file_of(name: str) -> Path:
    return paths.fusions() / files.named(name, "fusion", ".json")


@gated("fusion.save")
def save(spec: FusionSpec) -> Path:
    """Save a fusion under its name; one of the same name is replaced, whole or not at all.

    Raises:
        NotAllowed: one of the same name is somebody else's.
        StoreUnusable: the folder cannot be written.
    """
    target = _file_of(spec.name)
    authors.require_mine(target, spec.name)
    try:
        files.write_text(target, dump([spec]))
        authors.note(target)
    except OSError as error:
        raise StoreUnusable(
            f"The fusion {spec.name!r} could not be saved in {target.parent}: {error.strerror}. "
            "Free some space or set FUSIONSCOPE_HOME to a folder that can be written."
        ) from None
    return target


def author(name: str) -> str:
    """Who saved the fusion of that name; "" for one of this installation itself."""
    return authors.name_of(_file_of(name))


def is_mine(name: str) -> bool:
    """Whether whoever acts may replace or remove what is saved under that name: owners all, members their own."""
    return access.may("fusion.save") and authors.is_mine(_file_of(name))


def saved() -> tuple[dict[str, FusionSpec], tuple[str, ...]]:
    """All saved fusions by name, in order of name, and one sentence per file that could not be read."""
    specs, problems = {}, []
    folder = paths.fusions()
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            specs.update({spec.name: spec for spec in read(path)})
        except BadInput as error:
            problems.append(str(error))
    return dict(sorted(specs.items(), key=lambda item: natural_key(item[0]))), tuple(problems)


def load(name: str) -> FusionSpec:
    """One saved fusion.

    Raises:
        UnknownName: with the nearest names.
    """
    specs, _ = saved()
    if name not in specs:
        hint = did_you_mean(name, specs)
        raise UnknownName(f"No fusion is saved as {name!r}.{hint} Saved are: {', '.join(specs) or 'none yet'}.")
    return specs[name]


@gated("fusion.save")
def remove(name: str) -> None:
    """Forget a saved fusion; one that is not there is no error.

    Raises:
        NotAllowed: it is somebody else's.
    """
    authors.require_mine(_file_of(name), name)
    authors.forget(_file_of(name))
