"""How the tests run, a tiny world of 60 drawn images in 6 classes, and the real pictures that may lie beside the checkout."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

# Before anything loads them: threads of two processes that wait for each other are many times slower on two cores.
os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")})

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image, ImageDraw

# What a clock decides is left out: it would fail on a busy machine.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

REPOSITORY = Path(__file__).resolve().parent.parent
TINY_CLASSES = ("circle", "cross", "diamond", "grid", "square", "stripes")
TINY_PER_CLASS = 10


def draw_tiny(kind: str, seed: int, side: int = 48) -> Image.Image:
    """One drawn picture: the class gives the shape, the seed its place, size and colours."""
    random = np.random.default_rng([TINY_CLASSES.index(kind), seed])
    back, front = (tuple(int(v) for v in random.integers(low, low + 110, 3)) for low in (130, 10))
    picture = Image.new("RGB", (side, side), back)
    pen = ImageDraw.Draw(picture)
    x, y = (int(v) for v in random.integers(side // 3, 2 * side // 3, 2))
    r = int(random.integers(side // 6, side // 3))
    if kind == "circle":
        pen.ellipse((x - r, y - r, x + r, y + r), fill=front)
    elif kind == "square":
        pen.rectangle((x - r, y - r, x + r, y + r), fill=front)
    elif kind == "diamond":
        pen.polygon([(x, y - r), (x + r, y), (x, y + r), (x - r, y)], fill=front)
    elif kind == "cross":
        pen.line((x - r, y, x + r, y), fill=front, width=5)
        pen.line((x, y - r, x, y + r), fill=front, width=5)
    else:
        step = max(5, r // 2)
        for at in range(int(random.integers(0, step)), side, step):
            pen.line((at, 0, at, side), fill=front, width=2)
            if kind == "grid":
                pen.line((0, at, side, at), fill=front, width=2)
    return picture


def write_flat(folder: Path, n: int = 4) -> Path:
    """Drawn pictures in one folder, which says nothing of their classes."""
    folder.mkdir(parents=True)
    for number in range(n):
        draw_tiny("circle", number).save(folder / f"{number}.png")
    return folder


def write_tiny(folder: Path, per_class: int = TINY_PER_CLASS, classes: tuple[str, ...] = TINY_CLASSES) -> Path:
    """A folder per class of drawn pictures."""
    for kind in classes:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            draw_tiny(kind, number).save(folder / kind / f"{kind}_{number:02d}.png", compress_level=1)
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real pictures beside the checkout; tests that need them are skipped where they are not."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared real images are not beside this checkout")
    return folder


@pytest.fixture
def permissions(tmp_path: Path) -> None:
    """Skips the test for a user whom no permission stops, such as root."""
    closed = tmp_path / "closed.txt"
    closed.write_text("closed")
    closed.chmod(0)
    if os.access(closed, os.R_OK):
        pytest.skip("no permission stops this user")


@pytest.fixture(scope="session")
def tiny_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 60 drawn images, one folder per class; drawn once, never to be changed."""
    return write_tiny(tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture(scope="session", autouse=True)
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the user's own home is read or written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("FUSIONSCOPE_CACHE", raising=False)
        patch.delenv("FUSIONSCOPE_CACHE_GB", raising=False)
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty FUSIONSCOPE_HOME."""
    place = tmp_path / "home"
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(place))
    return place


@pytest.fixture(scope="session")
def object_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an object store on loopback; tests that need one are skipped where none can start."""
    from tests import object_store_server

    with object_store_server.running(tmp_path_factory.mktemp("objects")) as address:
        yield address


@pytest.fixture
def bucket(object_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """bucket/prefix of the object store where nothing lies yet; the environment leads there."""
    from tests import object_store_server

    for name, value in object_store_server.variables(object_server).items():
        monkeypatch.setenv(name, value)
    return object_store_server.new_prefix()


@pytest.fixture
def remote_home(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty home on the object store, its cache in a folder of the test."""
    address = f"s3://{bucket}/some/home"
    monkeypatch.setenv("FUSIONSCOPE_HOME", address)
    monkeypatch.setenv("FUSIONSCOPE_CACHE", str(tmp_path / "cache"))
    return address


@pytest.fixture
def tiny_world(tiny_images: Path, home: Path) -> SimpleNamespace:
    """The drawn images as the saved dataset "tiny" in an empty home: `.images`, `.home`, `.dataset`."""
    from core import data

    return SimpleNamespace(images=tiny_images, home=home, dataset=data.add("tiny", tiny_images))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes for the whole suite; a file or a folder that is named runs in this one, where a debugger works."""
    return 2 if config.args_source is pytest.Config.ArgsSource.TESTPATHS else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys in a real browser get a second try on a busy machine; no other test does."""
    for item in items:
        if {"chromium", "tab"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.flaky(reruns=1))


def write_shops(folder: Path) -> Path:
    """The drawn images and a manifest, `shops.csv`, that says where each was taken: shop and street in turn."""
    images = write_tiny(folder / "images")
    with (folder / "shops.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "place"])
        for number, path in enumerate(sorted(images.rglob("*.png"))):
            rows.writerow([path, path.parent.name, "shop" if number % 2 else "street"])
    return folder / "shops.csv"
