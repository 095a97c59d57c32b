"""The route of the live lab: what strangers send is one sentence, the newest message wins, a fuser goes with its session."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from core.ui.components import live_lab
from core.ui.components.live_lab import fuse_route

NAMES, METRICS = ("first", "second"), ("map", "p@10")
GOOD = {"names": list(NAMES), "weights": [0.25, 0.75], "query": 3, "metric": 1, "k": 5}


class Echo:
    """Answers with what it understood."""

    names, metrics, n_images = NAMES, METRICS, 10

    def __init__(self) -> None:
        self.requests: list[fuse_route.FuseRequest] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def answer(self, request: fuse_route.FuseRequest, sent: set[int]) -> dict:
        assert self.go_on.wait(10)
        self.requests.append(request)
        return {"weights": np.array(list(request.shares.values())), "k": request.k, "low": float("nan")}


def unpacked(body: bytes) -> dict:
    """As socket_engine.js reads a message."""
    length = int.from_bytes(body[:4], "little")
    fields = json.loads(body[4 : 4 + length])
    assert (4 + length) % 8 == 0, "arrays of a browser must be aligned"
    for name, kind, start, count in fields.pop("arrays"):
        fields[name] = np.frombuffer(body, f"<{kind}" if kind != "u1" else kind, count, 4 + length + start)
    return fields


def asked(name: str, message: object) -> dict:
    text = message if isinstance(message, str) else json.dumps(message)
    return unpacked(fuse_route._answered(name, text, set()))


def test_what_is_packed_is_read_again() -> None:
    arrays = {
        "odd": np.arange(3, dtype=np.uint8),
        "shares": np.array([0.5, np.nan]),
        "ids": np.arange(5, dtype=np.int32),
        "scores": np.ones(1, np.float32),
    }
    fields = unpacked(fuse_route.packed({**arrays, "note": "größer", "p": float("inf"), "rows": [[1, np.pi]]}))
    for name, array in arrays.items():
        np.testing.assert_array_equal(fields[name], array)
    assert (fields["note"], fields["p"], fields["rows"]) == ("größer", None, [[1, np.pi]])


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"weights": [float("nan"), 0.5]}, "between 0 and 1, not nan"),
        ({"weights": [1e308, 0.5]}, "between 0 and 1, not 1e"),
        ({"weights": [float("inf"), 0.5]}, "between 0 and 1, not inf"),
        ({"weights": [-0.1, 0.5]}, "between 0 and 1, not -0.1"),
        ({"weights": [True, 0.5]}, "between 0 and 1, not True"),
        ({"weights": ["0.5", 0.5]}, "between 0 and 1"),
        ({"weights": [10**400, 0.5]}, "between 0 and 1, not 1000"),
        ({"weights": [0, 0.0]}, "All weights are 0"),
        ({"weights": [0.5]}, "one weight for each of 2 backbones"),
        ({"weights": [0.5] * 3}, "one weight for each of 2 backbones"),
        ({"weights": {"first": 1}}, "one weight for each of 2 backbones"),
        ({"names": ["first", "third"]}, "other backbones"),
        ({"names": None}, "other backbones"),
        ({"query": 10}, "query is a whole number from -1 to 9, not 10"),
        ({"query": 1.5}, "query is a whole number"),
        ({"query": True}, "query is a whole number"),
        ({"metric": 2}, "metric is a whole number from 0 to 1"),
        ({"k": 0}, "k is a whole number from 1 to 100"),
        ({"k": 10**9}, "k is a whole number from 1 to 100"),
    ],
)
def test_hostile_messages_are_one_sentence(change: dict, sentence: str) -> None:
    fuser = Echo()
    name = fuse_route.open_fuser(fuser)
    problem = asked(name, GOOD | change)["problem"]
    assert sentence in problem and problem.count(". ") <= 1 and len(problem) < 200
    assert not fuser.requests


@pytest.mark.parametrize("message", ["", "[", "[1]", "null", '"x"', "[" * 5000, "x" * 100_000, '{"a":' * 9000])
def test_junk_is_one_sentence(message: str) -> None:
    fuser = Echo()
    assert "not a request" in asked(fuse_route.open_fuser(fuser), message)["problem"]


@given(st.recursive(st.none() | st.floats() | st.text() | st.integers(), lambda inner: st.lists(inner), max_leaves=6))
def test_no_weights_reach_the_fuser_unless_they_are_shares(weights: object) -> None:
    fuser = Echo()
    answer = asked(fuse_route.open_fuser(fuser), GOOD | {"weights": weights})
    assert ("problem" in answer) != bool(fuser.requests)
    for request in fuser.requests:
        assert all(0 <= share <= 1 for share in request.shares.values()) and sum(request.shares.values()) > 0


def test_a_fuser_goes_with_whoever_holds_it_and_names_are_not_to_be_guessed() -> None:
    fuser, other = Echo(), Echo()
    name = fuse_route.open_fuser(fuser)
    assert len(name) >= 32 and name != fuse_route.open_fuser(other)
    assert asked(name, GOOD)["k"] == 5 and asked(name, GOOD)["low"] is None
    assert fuser.requests[0] == fuse_route.FuseRequest({"first": 0.25, "second": 0.75}, 3, "p@10", 5)
    del fuser
    gc.collect()
    assert "has ended" in asked(name, GOOD)["problem"] and "has ended" in asked("nobody", GOOD)["problem"]


def test_what_fails_inside_is_one_sentence_too() -> None:
    fuser = Echo()
    fuser.answer = lambda request, sent: 1 / 0
    problem = asked(fuse_route.open_fuser(fuser), GOOD)["problem"]
    assert "ZeroDivisionError" in problem and "Traceback" not in problem


class Browser:
    """One side of a WebSocket: what is put in is received, what is sent back is kept."""

    def __init__(self, name: str) -> None:
        self.path_params = {"name": name}
        self.messages: asyncio.Queue = asyncio.Queue()
        self.answers: list[dict] = []

    async def accept(self) -> None: ...

    async def receive(self) -> dict:
        return await self.messages.get()

    async def send_bytes(self, body: bytes) -> None:
        self.answers.append(unpacked(body))

    def say(self, weight: float) -> None:
        message = json.dumps(GOOD | {"weights": [weight, 1 - weight]})
        self.messages.put_nowait({"type": "websocket.receive", "text": message})


def in_a_loop(work) -> object:
    with ThreadPoolExecutor(1) as thread:  # a browser test before this one may have left a loop in the main thread
        return thread.submit(asyncio.run, work()).result(20)


def test_the_newest_message_wins() -> None:
    fuser = Echo()
    name = fuse_route.open_fuser(fuser)

    async def drag() -> list[dict]:
        browser = Browser(name)
        fuser.go_on.clear()
        served = asyncio.create_task(fuse_route._socket(browser))
        browser.say(0.0)
        await asyncio.sleep(0.05)
        for weight in (0.1, 0.2, 0.3):
            browser.say(weight)
        await asyncio.sleep(0.05)
        fuser.go_on.set()
        while len(browser.answers) < 2:
            await asyncio.sleep(0.01)
        browser.messages.put_nowait({"type": "websocket.disconnect"})
        await asyncio.wait_for(served, 5)
        return browser.answers

    assert [answer["weights"][0] for answer in in_a_loop(drag)] == [0.0, 0.3]


def posted(name: str, parts: Iterator[bytes]) -> Response:
    """What the route answers to a body that comes in parts."""
    request = Request(
        {"type": "http", "method": "POST", "headers": [], "path_params": {"name": name}},
        lambda: _part(parts),
    )
    return in_a_loop(lambda: fuse_route._post(request))


async def _part(parts: Iterator[bytes]) -> dict:
    part = next(parts, None)
    return {"type": "http.request", "body": part or b"", "more_body": part is not None}


def test_a_post_is_answered_where_no_socket_passes() -> None:
    fuser = Echo()
    response = posted(fuse_route.open_fuser(fuser), iter([json.dumps(GOOD).encode()]))
    assert response.headers["cache-control"] == "no-store" and unpacked(response.body)["k"] == 5


def test_of_a_post_without_end_only_the_beginning_is_read() -> None:
    fuser, parts = Echo(), (b"x" * 10_000 for _ in range(1_000))
    response = posted(fuse_route.open_fuser(fuser), parts)
    assert "not a request" in unpacked(response.body)["problem"] and len(list(parts)) > 900


@given(st.dictionaries(st.sampled_from(["weights", "number"]), st.none() | st.integers() | st.lists(st.floats())))
def test_only_shares_are_taken_when_a_thumb_is_let_go(value: dict) -> None:
    weights, number = live_lab.read_release(value, 2)
    assert not weights or (len(weights) == 2 and sum(weights) > 0 and all(0 <= weight <= 1 for weight in weights))
    assert isinstance(number, int)
