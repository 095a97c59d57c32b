"""Objects of an S3 bucket, of Amazon's or of any server that speaks the same (MinIO, Ceph, SeaweedFS).

Credentials, region and endpoint come from the usual chain of AWS (environment, profile, role of the machine) each time
they are needed; they are kept nowhere and no sentence holds them.

Source: Amazon S3, conditional writes (If-Match, If-None-Match) and strong consistency of reads after writes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import BadInput, CoreError, StoreUnusable
from core.objects.base import Changed, Stored

_SECONDS_TO_CONNECT = 5
_SECONDS_TO_READ = 60
_TRIES = 4
_CONNECTIONS = 32
_LANCE = {"connect_timeout": f"{_SECONDS_TO_CONNECT}s", "client_max_retries": "3", "client_retry_timeout": "60"}
"""Lance by itself tries for minutes."""
_DELETED_AT_ONCE = 1_000
_MISSING = {"NoSuchKey", "404", "NotFound"}
_OTHER_VERSION = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_WHY = {
    "NoSuchBucket": "there is no such bucket; make it, or correct the address",
    "AccessDenied": "it refuses these credentials; ask for the right to list, read, write and delete there",
    "InvalidAccessKeyId": "it does not know these credentials; check AWS_PROFILE or AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "it refuses these credentials; check AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": "the credentials have expired; sign in again",
}


def split_address(address: str) -> tuple[str, str]:
    """Bucket and prefix of an address; the prefix ends in "/" unless it is empty.

    Raises:
        BadInput: it names no bucket.

    >>> split_address("s3://bucket/some/where/"), split_address("s3://bucket")
    (('bucket', 'some/where/'), ('bucket', ''))
    """
    bucket, _, prefix = address.partition("://")[2].partition("/")
    if not bucket or "@" in bucket:
        raise BadInput("An address on an object store looks like s3://bucket/prefix, without credentials in it.")
    prefix = "/".join(part for part in prefix.split("/") if part)
    return bucket, f"{prefix}/" if prefix else ""


class S3Objects:
    """Objects below s3://bucket/prefix; cheap to make, nothing is asked before the first use."""

    def __init__(self, address: str) -> None:
        self.bucket, self.prefix = split_address(address)
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """s3://bucket/prefix."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def require_library(self) -> None:
        """Raises BadInput where nothing is installed that speaks S3; nothing was made until then."""
        try:
            import boto3  # noqa: F401
        except ImportError as error:
            raise BadInput(
                f"{self.address} needs boto3, which is not installed: pip install -r requirements-distributed.txt"
            ) from error

    @cached_property
    def _session(self) -> Any:
        self.require_library()
        import boto3

        return boto3.Session()

    @cached_property
    def _made(self) -> Any:
        from botocore.config import Config

        settings = Config(
            connect_timeout=_SECONDS_TO_CONNECT,
            read_timeout=_SECONDS_TO_READ,
            retries={"max_attempts": _TRIES, "mode": "standard"},
            max_pool_connections=_CONNECTIONS,
        )
        return self._session.client("s3", config=settings)

    @property
    def _client(self) -> Any:
        with self._lock:
            return self._made

    def lance_options(self) -> dict[str, str]:
        """What Lance is told to reach the same bucket, as strings; made anew each time, as credentials expire."""
        with self._answering():
            client, credentials = self._client, self._session.get_credentials()
            options = {"aws_region": client.meta.region_name or "us-east-1", **_LANCE}
            if credentials is not None:
                frozen = credentials.get_frozen_credentials()
                options |= {"aws_access_key_id": frozen.access_key, "aws_secret_access_key": frozen.secret_key}
                if frozen.token:
                    options["aws_session_token"] = frozen.token
        endpoint = client.meta.endpoint_url
        if not endpoint.endswith(".amazonaws.com"):
            options |= {"aws_endpoint": endpoint, "allow_http": str(endpoint.startswith("http://")).lower()}
        return options

    @contextmanager
    def _answering(self, name: str = "") -> Iterator[None]:
        """What the library says becomes one sentence of ours."""
        try:
            yield
        except (CoreError, Changed, OSError):
            raise
        except Exception as error:  # noqa: BLE001  botocore raises kinds of its own, some made at run time
            code = str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
            if code in _OTHER_VERSION:
                raise Changed(name) from error
            if code in _MISSING:
                raise FileNotFoundError(f"{self.address}/{name}") from error
            if type(error).__module__.partition(".")[0] not in ("botocore", "boto3", "s3transfer", "urllib3"):
                raise
            kind = type(error).__name__
            if "Credential" in kind or "Token" in kind or "Profile" in kind:
                why = "there are no credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            else:
                why = _WHY.get(code) or f"{code or kind}; check the address, the network and AWS_ENDPOINT_URL"
            raise StoreUnusable(f"{self.address} cannot be used: {why}.") from error

    def listing(self, prefix: str = "", most: int = 0) -> dict[str, Stored]:
        """As `ObjectStore.listing`."""
        objects: dict[str, Stored] = {}
        page = {"PageSize": min(most, 1_000)} if most else {}
        with self._answering():
            for answer in self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix + prefix, PaginationConfig=page
            ):
                for entry in answer.get("Contents", ()):
                    changed = int(entry["LastModified"].timestamp() * 1e9)
                    objects[entry["Key"][len(self.prefix) :]] = Stored(entry["ETag"], entry["Size"], changed)
                    if len(objects) == most:
                        return objects
        return objects

    def folders(self, prefix: str) -> list[str]:
        """As `ObjectStore.folders`."""
        whole = self.prefix + prefix
        with self._answering():
            answers = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=whole, Delimiter="/"
            )
            return sorted(
                entry["Prefix"][len(whole) : -1] for answer in answers for entry in answer.get("CommonPrefixes", ())
            )

    def get(self, name: str, offset: int = 0, size: int = -1) -> tuple[bytes, str]:
        """As `ObjectStore.get`."""
        wanted = {"Range": f"bytes={offset}-{offset + size - 1 if size >= 0 else ''}"} if offset or size >= 0 else {}
        with self._answering(name):
            answer = self._client.get_object(Bucket=self.bucket, Key=self.prefix + name, **wanted)
            return answer["Body"].read(), answer["ETag"]

    def save(self, name: str, path: Path) -> None:
        """Fetch an object into a file, in pieces, so that it may be larger than the memory.

        Raises:
            FileNotFoundError: there is none.
        """
        with self._answering(name):
            self._client.download_file(self.bucket, self.prefix + name, str(path))

    def put(self, name: str, content: bytes | BinaryIO, expected: str | None = None) -> str:
        """As `ObjectStore.put`."""
        condition = {} if expected is None else {"IfMatch": expected} if expected else {"IfNoneMatch": "*"}
        try:
            with self._answering(name):
                answer = self._client.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=content, **condition)
                return str(answer["ETag"])
        except FileNotFoundError as error:  # what was to be replaced has gone
            raise Changed(name) from error

    def delete(self, names: Iterable[str]) -> None:
        """As `ObjectStore.delete`."""
        keys = [{"Key": self.prefix + name} for name in names]
        for start in range(0, len(keys), _DELETED_AT_ONCE):
            with self._answering():
                part = {"Objects": keys[start : start + _DELETED_AT_ONCE], "Quiet": True}
                answer = self._client.delete_objects(Bucket=self.bucket, Delete=part)
            if errors := answer.get("Errors"):
                why = _WHY.get(errors[0].get("Code", ""), errors[0].get("Code", "it does not say why"))
                raise StoreUnusable(f"Objects below {self.address} cannot be removed: {why}.")

    def copy(self, name: str, new: str) -> None:
        """As `ObjectStore.copy`; the bytes do not pass through this machine."""
        with self._answering(name):
            source = {"Bucket": self.bucket, "Key": self.prefix + name}
            self._client.copy(source, self.bucket, self.prefix + new)
