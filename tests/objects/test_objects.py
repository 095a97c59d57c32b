"""The promises of an object store, kept by a folder and by a server of S3; and what is said when one does not answer."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest

from core.errors import BadInput, StoreUnusable
from core.objects import Changed, FolderObjects, ObjectStore, S3Objects
from core.objects.s3 import split_address


@pytest.fixture(params=["folder", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return FolderObjects(tmp_path / "kept")
    return S3Objects(f"s3://{request.getfixturevalue('bucket')}/deep/prefix")


def test_what_is_put_is_there_whole_and_listed_by_its_name(objects: ObjectStore) -> None:
    first = objects.put("a/b.txt", b"one")
    objects.put("a/c/d é+.txt", io.BytesIO(b"two"))
    objects.put("ab", b"")
    assert objects.get("a/b.txt") == (b"one", first) and objects.get("a/c/d é+.txt")[0] == b"two"
    assert list(objects.listing("a/")) == ["a/b.txt", "a/c/d é+.txt"] and list(objects.listing("a")) == [
        "a/b.txt", "a/c/d é+.txt", "ab",
    ]  # fmt: skip
    assert (
        list(objects.listing("a", most=1)) == ["a/b.txt"]
        and objects.folders("a/") == ["c"]
        and not objects.listing("x")
    )
    stored = objects.listing("a/")["a/b.txt"]
    assert stored.etag == first and stored.size == 3 and stored.changed_ns > 0
    assert objects.put("a/b.txt", b"other") != first and objects.get("a/b.txt")[0] == b"other"


def test_a_part_of_an_object_is_read_alone(objects: ObjectStore) -> None:
    objects.put("tar", bytes(range(100)))
    assert objects.get("tar", 10, 5)[0] == bytes(range(10, 15)) and objects.get("tar", 95)[0] == bytes(range(95, 100))


def test_what_is_not_there_says_so(objects: ObjectStore) -> None:
    with pytest.raises(FileNotFoundError):
        objects.get("nothing/here")
    objects.delete(["nothing/here"])


def test_a_copy_and_a_removal(objects: ObjectStore) -> None:
    for number in range(3):
        objects.put(f"old/{number}", bytes([number]))
    objects.copy("old/2", "new/2")
    objects.delete(f"old/{number}" for number in range(3))
    assert list(objects.listing()) == ["new/2"] and objects.get("new/2")[0] == b"\x02"


def test_a_conditional_put_meets_what_it_expects_or_writes_nothing(objects: ObjectStore) -> None:
    first = objects.put("record", b"1", expected="")
    with pytest.raises(Changed):
        objects.put("record", b"2", expected="")
    second = objects.put("record", b"2", expected=first)
    with pytest.raises(Changed):
        objects.put("record", b"3", expected=first)
    assert objects.get("record") == (b"2", second)
    objects.delete(["record"])
    with pytest.raises(Changed):
        objects.put("record", b"4", expected=second)


def test_of_many_that_write_at_once_one_wins(objects: ObjectStore) -> None:
    winners: list[int] = []

    def write(number: int) -> None:
        try:
            objects.put("lease", str(number).encode(), expected="")
        except Changed:
            return
        winners.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(winners) == 1 and objects.get("lease")[0] == str(winners[0]).encode()


@pytest.mark.parametrize("address", ["s3://", "s3:///prefix", "s3://me:secret@bucket/x"])
def test_an_address_without_a_bucket_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(BadInput, match="s3://bucket/prefix") as refused:
        split_address(address)
    assert "secret" not in str(refused.value)


def test_a_store_that_refuses_says_so_in_one_sentence_without_credentials(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreUnusable, match="no such bucket"):
        S3Objects("s3://not-there-at-all/x").listing()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY")
    with pytest.raises(StoreUnusable, match="does not know these credentials|refuses these credentials") as refused:
        S3Objects(f"s3://{bucket}/x").listing()
    assert "AKIANOBODY" not in str(refused.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreUnusable, match="check the address, the network and AWS_ENDPOINT_URL"):
        S3Objects(f"s3://{bucket}/x").get("a")


def test_without_credentials_it_is_said_which_to_set(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(StoreUnusable, match="set AWS_PROFILE, or AWS_ACCESS_KEY_ID"):
        S3Objects(f"s3://{bucket}/x").listing()
