"""What a click leads to, beside the page: the cards, and nothing for strangers."""

from __future__ import annotations

import asyncio
import gc
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.requests import Request

from core.errors import BadInput
from core.ui.components.gallery import pick_route


def answered(name: str, body: bytes) -> tuple[int, object]:
    """What a browser gets: status and content."""

    async def receive() -> dict:
        return {"type": "http.request", "body": body}

    scope = {"type": "http", "method": "POST", "headers": [], "path_params": {"name": name}}
    with ThreadPoolExecutor(1) as thread:  # a browser test before this one may have left a loop in the main thread
        response = thread.submit(asyncio.run, pick_route._post(Request(scope, receive))).result()
    return response.status_code, json.loads(response.body) if response.body else None


def test_a_click_is_answered_as_long_as_somebody_holds_the_cards() -> None:
    first, other = (pick_route.NextCards(lambda id_: [{"id": f"after {id_}"}]) for _ in range(2))
    assert len(first.name) >= 32 and first.name != other.name and first.address.endswith(f"/live/cards/{first.name}")
    assert answered(first.name, b'{"id": "a"}') == (200, {"cards": [{"id": "after a"}]})
    first.cards = lambda id_: [{"id": id_}]
    assert answered(first.name, b'{"id": "a"}') == (200, {"cards": [{"id": "a"}]})
    name = first.name
    del first
    gc.collect()
    assert answered(name, b'{"id": "a"}') == answered("nobody", b'{"id": "a"}') == (404, None)


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[1]", b'{"id": 1}', b"[" * 5000, b'{"id": "' + 9_000 * b"x" + b'"}', b"\xff"]
)
def test_junk_is_refused(body: bytes) -> None:
    cards = pick_route.NextCards(lambda id_: pytest.fail(f"asked for {id_}"))
    assert answered(cards.name, body) == (400, None)


@pytest.mark.parametrize("error", [BadInput("no"), ZeroDivisionError("no")])
def test_what_goes_wrong_is_left_to_the_page(error: Exception) -> None:
    def cards(id_: str) -> list[dict]:
        raise error

    entry = pick_route.NextCards(cards)
    assert answered(entry.name, b'{"id": "a"}') == (200, {"cards": []})
