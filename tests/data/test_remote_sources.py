"""Collections at an address are read like those on a disk: equal keys and labels, unchanged files are not opened again."""

from __future__ import annotations

import functools
import http.server
import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core import cache_bound, data, paths
from core.data import remote_files, remote_sources, web_files
from core.errors import BadInput, NotAllowed, StoreUnusable
from core.objects import S3Objects
from core.types import Dataset


@pytest.fixture
def put(bucket: str) -> Callable[[Path, str], str]:
    """Copies a folder or a file below a prefix of the object store, and returns its address."""

    def copy(source: Path, name: str) -> str:
        objects = S3Objects(f"s3://{bucket}/{name}")
        for file in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if file.is_file():
                objects.put(file.relative_to(source).as_posix() if source.is_dir() else file.name, file.read_bytes())
        return objects.address

    return copy


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every object or file at https that is read, in order."""
    names: list[str] = []

    def noting(function: Callable) -> Callable:
        @functools.wraps(function)
        def noted(*arguments: object) -> object:
            names.append(str(arguments[1] if isinstance(arguments[0], S3Objects) else arguments[0]))
            return function(*arguments)

        return noted

    for name in ("get", "save"):
        monkeypatch.setattr(S3Objects, name, noting(getattr(S3Objects, name)))
    monkeypatch.setattr(web_files, "get", noting(web_files.get))
    return names


def packed(folder: Path, file: Path) -> Path:
    with tarfile.open(file, "w") as archive:
        for image in sorted(folder.rglob("*.png")):
            archive.add(image, image.relative_to(folder).as_posix())
            label = image.parent.name.encode()
            member = tarfile.TarInfo(image.relative_to(folder).with_suffix(".cls").as_posix())
            member.size = len(label)
            archive.addfile(member, io.BytesIO(label))
    return file


def same_images(one: Dataset, other: Dataset) -> bool:
    def content(dataset: Dataset) -> set[tuple[bytes, str]]:
        return {(key, dataset.label_of(at)) for at, key in enumerate(np.asarray(dataset.keys, "S64").tolist())}

    return content(one) == content(other)


def test_a_prefix_reads_as_the_folder_and_a_rescan_opens_nothing(
    put: Callable, opened: list[str], tiny_images: Path, home: Path
) -> None:
    address = put(tiny_images, "tiny")
    here, there = data.add("here", tiny_images), data.load(address)
    assert there.name == "tiny" and same_images(here, there) and len(there) == 60
    assert there.items["path"].iloc[0].startswith(f"{address}/") and len(opened) == 60
    assert data.read_bytes(there, 7) == (tiny_images / there.ids[7]).read_bytes()
    opened.clear()
    assert data.rescan("tiny").fingerprint == there.fingerprint and not opened
    objects = S3Objects(address)
    objects.delete([str(there.ids[0])])
    objects.put(str(there.ids[1]), (tiny_images / there.ids[2]).read_bytes())
    again = data.load("tiny")
    assert len(again) == 59 and again.ids[0] == there.ids[1] and again.keys[0] == there.keys[2]
    assert opened == [f"{address.split('/', 3)[3]}/{there.ids[1]}"]
    assert data.name_of(address) == "tiny"


def test_a_tar_is_read_once_and_its_images_by_ranges(
    put: Callable, opened: list[str], tiny_images: Path, home: Path, tmp_path: Path
) -> None:
    tar = packed(tiny_images, tmp_path / "tiny.tar")
    address = f"{put(tar, 'tars')}/tiny.tar"
    there = data.load(address)
    assert same_images(data.add("here", tiny_images), there)
    assert len(opened) == 1, "the whole of it, once"
    skeleton = remote_files.staged(address)
    assert skeleton.stat().st_size == tar.stat().st_size
    with tarfile.open(skeleton) as archive:
        assert set(archive.extractfile(archive.getnames()[0]).read()) == {0}, "the images are holes"
    for position in (0, 31, 59):
        assert data.read_bytes(there, position) == (tiny_images / f"{there.ids[position]}.png").read_bytes()
    opened.clear()
    assert data.rescan(there.name).fingerprint == there.fingerprint and not opened


def test_a_table_with_images_in_its_cells_and_a_manifest(
    put: Callable, tiny_images: Path, home: Path, tmp_path: Path
) -> None:
    files = sorted(tiny_images.rglob("*.png"))
    labels = [file.parent.name for file in files]
    cells = pd.DataFrame(
        {"image": [{"bytes": file.read_bytes(), "path": file.name} for file in files], "label": labels}
    )
    cells.to_parquet(tmp_path / "cells.parquet")
    here = data.add("here", tiny_images)
    table = data.load(f"{put(tmp_path / 'cells.parquet', 'cells')}/cells.parquet")
    assert same_images(here, table)
    remote_files.staged(table.items["path"].iloc[0]).unlink()
    assert data.read_bytes(table, 5) == files[5].read_bytes(), "fetched again when the cache has lost it"
    address = put(tiny_images, "listed")
    names = [file.relative_to(tiny_images).as_posix() for file in files]
    pd.DataFrame({"path": names, "label": labels}).to_csv(tmp_path / "items.csv", index=False)
    put(tmp_path / "items.csv", "listed")
    listed = data.load(f"{address}/items.csv")
    assert same_images(here, listed) and listed.items["path"].iloc[0] == f"{address}/{names[0]}"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and its address on loopback."""
    folder = tmp_path / "web"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_manifest_on_the_web(web: tuple[Path, str], opened: list[str], tiny_images: Path, home: Path) -> None:
    folder, address = web
    files = sorted(tiny_images.rglob("*.png"))[:20]
    names = [f"my images/{at} ü.png" for at in range(20)]
    (folder / "my images").mkdir()
    for file, name in zip(files, names):
        (folder / name).write_bytes(file.read_bytes())
    frame = pd.DataFrame({"path": names, "label": [file.parent.name for file in files]})
    frame.to_csv(folder / "items.csv", index=False)
    there = data.load(f"{address}/items.csv")
    assert len(there) == 20 and there.items["path"].iloc[3] == f"{address}/my%20images/3%20%C3%BC.png"
    assert [data.read_bytes(there, at) for at in range(20)] == [file.read_bytes() for file in files]
    opened.clear()
    data.rescan(there.name)
    assert opened == [f"{address}/items.csv"], "of the images only size and time are asked for"
    os.remove(folder / names[4])
    with pytest.raises(BadInput, match="1 of 20 files do not exist"):
        data.rescan(there.name)
    assert len(data.load(there.name)) == 20, "as it was saved"
    frame.assign(path="../x.png").to_csv(folder / "items.csv", index=False)
    with pytest.raises(BadInput, match="does not lie below"):
        data.load(f"{address}/items.csv", name="other")


def test_what_cannot_be_read_is_one_sentence(put: Callable, bucket: str, web: tuple[Path, str], home: Path) -> None:
    for address, says in (
        (f"s3://{bucket}/nothing", "There is nothing at"),
        (f"{web[1]}/folder", "is no table"),
        (f"{web[1]}/none.csv", "There is nothing at"),
        ("s3://me:secret@bucket/x", "holds no user, password or query"),
        ("https://host/items.csv?key=secret", "holds no user, password or query"),
        (f"s3://{bucket}/../x", "is no whole address"),
        ("https://host/%2e%2e/%2e%2e/items.csv", "is no whole address"),
    ):
        with pytest.raises(BadInput, match=says) as refused:
            data.load(address)
        assert "secret" not in str(refused.value)
    with pytest.raises(StoreUnusable, match="cannot be read"):
        data.load("http://127.0.0.1:9/items.csv")
    assert not data.names() or "nothing" not in data.names()


def test_another_machine_and_an_empty_cache_read_the_same(
    put: Callable, tiny_images: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSIONSCOPE_CACHE", str(tmp_path / "cache"))
    there = data.load(put(tiny_images, "tiny"))
    monkeypatch.setenv("FUSIONSCOPE_CACHE_GB", "0.0000001")
    cache_bound.trim()
    assert not list((paths.cache() / "sources").rglob("*.png"))
    assert data.read_bytes(data.get("tiny"), 3) == (tiny_images / there.ids[3]).read_bytes()
    assert data.rescan("tiny").fingerprint == there.fingerprint


def test_a_server_of_some_folders_reads_no_address(bucket: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    monkeypatch.setattr(remote_sources.visitor, "is_serving", lambda: True)
    monkeypatch.setattr(remote_sources, "settings", lambda: SimpleNamespace(roots=(home,)))
    with pytest.raises(NotAllowed, match="an address is none of them"):
        remote_sources.located(f"s3://{bucket}/x")
