"""Thumbnails: small WebP images by content, made once, and what happens to a damaged file of them."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from core.data import images
from core.errors import BadInput, StoreMismatch
from core.store import Store, open_store

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("content", [b"junk" * 500, b"SQLite format 3\0" + b"z" * 3000])
def test_damaged_thumbnails_are_made_from_the_originals_until_they_are_set_aside(tiny_world, content: bytes) -> None:
    store, dataset = Store(open_store().root), tiny_world.dataset
    file = store.root / "thumbnails.sqlite"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    assert store.thumbnail(dataset.keys[0]) is None
    assert (
        store.thumbnail_or_make(dataset, 0)[8:12] == b"WEBP"
        and "thumbnails.sqlite is damaged" in store.damage_report()[0]
    )
    with pytest.raises(StoreMismatch, match="check --mend"):
        store.thumbnails_missing(dataset.keys)
    assert "thumbnails: NOT WHOLE." in store.check()
    assert "The thumbnails were damaged" in store.repair(known=True)[0] and not store.damage_report()
    made = store.thumbnail_or_make(dataset, 0)
    assert store.thumbnail(dataset.keys[0]) == made and "thumbnails of 1 image, whole" in store.check()


def test_a_file_of_thumbnails_that_was_cut_to_nothing_is_filled_again(tiny_world) -> None:
    store, dataset = Store(open_store().root), tiny_world.dataset
    store.root.mkdir(parents=True, exist_ok=True)
    (store.root / "thumbnails.sqlite").touch()
    assert store.thumbnail(dataset.keys[0]) is None and "thumbnails of 0 images, whole" in store.check()
    assert store.thumbnail(dataset.keys[0]) is None and store.thumbnail_or_make(dataset, 0)
    assert store.thumbnail(dataset.keys[0])


def test_thumbnails_are_small_webp_and_quick_to_read(tiny_world) -> None:
    store = open_store()
    dataset = tiny_world.dataset
    assert store.thumbnail(dataset.keys[0]) is None
    assert store.ensure_thumbnails(dataset, range(60)) == {}
    assert store.thumbnails_missing(dataset.keys) == []
    for size, side in images.THUMBNAIL_SIDES.items():
        data = store.thumbnail(dataset.keys[5], size)
        picture = images.open_rgb(data)
        assert data[8:12] == b"WEBP" and max(picture.size) <= side
    took = []
    for key in dataset.keys:
        start = time.thread_time()
        store.thumbnail(key, "large")
        took.append(time.thread_time() - start)
    assert np.median(took) < 0.001


def test_a_thumbnail_is_made_when_it_is_asked_for_and_outlives_its_original(tiny_world, tmp_path: Path) -> None:
    from core import data
    from tests.conftest import write_tiny

    folder = write_tiny(tmp_path / "moving", 2, ("circle", "square"))
    dataset = data.add("moving", folder)
    store = open_store()
    made = store.thumbnail_or_make(dataset, 0, "large")
    for path in folder.rglob("*.png"):
        path.unlink()
    assert store.thumbnail_or_make(dataset, 0, "large") == made
    with pytest.raises(BadInput, match="not there any more"):
        store.thumbnail_or_make(dataset, 1, "large")
    failed = store.ensure_thumbnails(dataset, [0, 1])
    assert list(failed) == [1] and "not there any more" in failed[1]


def test_a_file_that_changed_since_it_was_listed_leaves_no_thumbnail_under_the_old_key(
    tiny_world, tmp_path: Path
) -> None:
    from core import data
    from tests.conftest import write_tiny

    folder = write_tiny(tmp_path / "changing", 2, ("circle", "square"))
    dataset = data.add("changing", folder)
    first, other = dataset.items["path"].iloc[0], dataset.items["path"].iloc[-1]
    Path(first).write_bytes(Path(other).read_bytes())
    store = open_store()
    with pytest.raises(BadInput, match="has changed since it was looked at"):
        store.thumbnail_or_make(dataset, 0)
    assert store.thumbnail(dataset.keys[0]) is None and "changed" in store.ensure_thumbnails(dataset, [0])[0]


THUMBS = """
    import sys
    sys.path.insert(0, {root!r})
    from pathlib import Path
    from core.store import Store
    store = Store(Path({place!r}))
    for n in range({low}, {high}):
        store.put_thumbnails({{f"{{n:064x}}": {{"small": b"small %d" % n, "large": b"large %d" % n}}}})
"""


def test_two_processes_keep_thumbnails_at_once(tmp_path: Path) -> None:
    place = tmp_path / "store"
    codes = [textwrap.dedent(THUMBS.format(root=str(ROOT), place=str(place), low=a, high=a + 200)) for a in (0, 100)]
    running = [subprocess.Popen([sys.executable, "-c", code]) for code in codes]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    store = Store(place)
    assert [store.thumbnail(f"{n:064x}", "large") for n in range(300)] == [b"large %d" % n for n in range(300)]
