"""Small datasets of real images, and of drawn ones where those are not here, embedded by what loads offline."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import REPOSITORY, TINY_CLASSES, write_tiny

NETWORKS = ("tf_efficientnet_lite0", "hsv_histogram", "hog")
"""What the studies of the tests are made of: a network and two descriptors."""


def a_part(source: Path, folder: Path, classes: int = 6, images: int = 7) -> Path:
    """Some classes of a folder of folders."""
    chosen = sorted(path for path in source.iterdir() if path.is_dir())[:: max(1, 28 // classes)][:classes]
    for kind in chosen:
        (folder / kind.name).mkdir(parents=True)
        for image in sorted(kind.iterdir())[:images]:
            shutil.copy(image, folder / kind.name / image.name)
    return folder


@pytest.fixture(scope="session")
def three_homes(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """`photos`, `instances` (parts of the real ones, else drawn) and `drawn` as folders, read and embedded in one home."""
    from core import data
    from core.studies import embedding

    room = tmp_path_factory.mktemp("studies")
    shared = REPOSITORY.parent / "shared" / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(room / "home"))
        for number, name in enumerate(("photos", "instances")):
            if (shared / name).is_dir():
                a_part(shared / name, room / name)
            else:
                write_tiny(room / name, 7, TINY_CLASSES[number:])
        write_tiny(room / "drawn", 7)
        for name in ("photos", "instances", "drawn"):
            embedding.embed(data.add(name, room / name), NETWORKS)
    return SimpleNamespace(room=room, home=room / "home")


@pytest.fixture
def three(three_homes: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The same, for one test, which may keep results but changes no dataset."""
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(three_homes.home))
    return three_homes


@pytest.fixture
def nothing_evaluated(three: SimpleNamespace) -> None:
    """No evaluation of another test is kept."""
    from core import paths

    shutil.rmtree(paths.study_results(), ignore_errors=True)
