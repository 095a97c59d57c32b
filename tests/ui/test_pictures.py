"""The web route of the thumbnails: content for a key, for a year, and nothing for anything else."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.store import open_store
from core.ui.app import thumbnail_route

KEY = "ab" * 32


@pytest.fixture
def client(home) -> TestClient:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(file, "WEBP")
    open_store().put_thumbnails({KEY: {"small": file.getvalue(), "large": file.getvalue()}})
    return TestClient(Starlette(routes=thumbnail_route.routes()))


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_thumbnail_is_served_for_ever(client: TestClient, size: str) -> None:
    answer = client.get(f"/pictures/{size}/{KEY}.webp")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/webp"
    assert "immutable" in answer.headers["cache-control"]
    assert Image.open(io.BytesIO(answer.content)).size == (40, 30)


@pytest.mark.parametrize(
    "path",
    [
        f"/pictures/huge/{KEY}.webp",
        f"/pictures/small/{'0' * 64}.webp",
        "/pictures/small/..%2F..%2Frecord.webp",
        "/pictures/small/x.webp",
        f"/pictures/small/{KEY.upper()}.webp",
        f"/pictures/small/{KEY}.png",
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("cache-control", "")


def test_the_address_of_a_picture_names_its_content() -> None:
    assert thumbnail_route.url(KEY) == f"/pictures/small/{KEY}.webp"
    assert thumbnail_route.url(KEY.encode(), "large") == f"/pictures/large/{KEY}.webp"
