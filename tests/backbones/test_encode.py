"""The loop: every picture once, every backbone what it lacks, stops that keep what is done."""

from __future__ import annotations

import threading
import time
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from core.backbones import encode, preprocessing
from core.errors import BadInput, Cancelled
from core.task import Task
from core.types import Backbone


class Matrix:
    """A fake engine: a seeded random matrix on the mean of each row of pixels."""

    name, precision, device = "matrix", "float32", "cpu"

    def __init__(self, side: int, dim: int = 5, seed: int = 0, chunk: int = 8) -> None:
        self.preprocessing = preprocessing.Preprocessing(preprocessing.Geometry("squash", side, side))
        self.dim, self.chunk = dim, chunk
        self.threads: set[str] = set()
        self.batches: list[int] = []
        self._matrix = np.random.default_rng(seed).normal(size=(side * 3, dim)).astype(np.float32)

    def embed(self, squares: np.ndarray) -> np.ndarray:
        assert squares.dtype == np.uint8
        self.threads.add(threading.current_thread().name)
        self.batches.append(len(squares))
        return squares.mean(1).reshape(len(squares), -1).astype(np.float32) @ self._matrix


def encoder(name: str, side: int, effort: float = 0.0, **more) -> encode.Encoder:
    return encode.Encoder(Backbone(name, "own", 5, parameters=effort), Matrix(side, **more))


def picture(number: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (40, 30, 3), np.uint8))


class World:
    """Sources that count how often they are opened, and a sink that keeps all."""

    def __init__(self, n: int = 50) -> None:
        self.opened: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.got: dict[str, dict[str, np.ndarray]] = {}
        self.order: list[str] = []
        self.sources = [
            encode.EncoderInput(f"k{number}", lambda number=number: self.open(number)) for number in range(n)
        ]

    def open(self, number: int) -> Image.Image:
        with self.lock:
            self.opened[f"k{number}"] += 1
        return picture(number)

    def sink(self, name: str, keys: list[str], vectors: np.ndarray) -> None:
        assert vectors.dtype == np.float32 and len(keys) == len(vectors)
        self.order.append(name)
        self.got.setdefault(name, {}).update(zip(keys, vectors))


@pytest.mark.parametrize("memory", [2**30, 1])
def test_each_picture_is_decoded_once_and_resized_once_per_geometry(memory: int) -> None:
    world, done = World(), []
    encoders = [encoder("slow", 16, 9.0, seed=1), encoder("quick", 16, seed=2), encoder("other", 24, 3.0, seed=3)]
    counters = encode.MultiEncoder(encoders, workers=3, memory=memory).run(
        world.sources, world.sink, on_backbone=done.append
    )
    assert set(world.opened.values()) == {1} and len(world.opened) == 50
    assert (counters.decoded, counters.resized, counters.embedded) == (50, 50 * 2, 50 * 3)
    assert sorted(done) == ["other", "quick", "slow"]
    for one in encoders:
        square = np.stack([preprocessing.square(picture(n), one.geometry) for n in range(50)])
        wanted = one.engine.embed(square)
        wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
        got = np.stack([world.got[one.name][f"k{n}"] for n in range(50)])
        np.testing.assert_allclose(got, wanted, atol=1e-6)
        assert max(one.engine.batches[:-1]) <= 8


def test_the_quickest_is_ready_first() -> None:
    world, done = World(20), []
    encoders = [encoder("slow", 16, 9.0), encoder("quick", 16), encoder("other", 24, 3.0)]
    encode.MultiEncoder(encoders, workers=1).run(world.sources, world.sink, on_backbone=done.append)
    assert done == ["quick", "other", "slow"] and world.order == sorted(world.order, key=done.index)


def test_no_worker_waits_for_the_last_chunk_of_another_backbone() -> None:
    """Two backbones of one chunk each meet: neither is begun only after the other has ended."""
    met = threading.Barrier(2)
    encoders = [encoder("a", 16), encoder("b", 16, 1.0)]
    for one in encoders:
        plain = one.engine.embed
        one.engine.embed = lambda squares, plain=plain: (met.wait(20), plain(squares))[1]
    world = World(6)
    encode.MultiEncoder(encoders, workers=2).run(world.sources, world.sink)
    assert {name: len(rows) for name, rows in world.got.items()} == {"a": 6, "b": 6}


def test_only_what_is_lacking_is_done() -> None:
    world, done = World(20), []
    encoders = [encoder("a", 16), encoder("b", 24), encoder("full", 8)]
    have = {
        "a": {f"k{n}" for n in range(15)},
        "b": {f"k{n}" for n in range(5, 20)},
        "full": {f"k{n}" for n in range(20)},
    }
    counters = encode.MultiEncoder(encoders, workers=2).run(
        world.sources, world.sink, done=have, on_backbone=done.append
    )
    assert set(world.got["a"]) == {f"k{n}" for n in range(15, 20)}
    assert set(world.got["b"]) == {f"k{n}" for n in range(5)}
    assert "full" not in world.got and done[0] == "full"
    assert set(world.opened) == set(world.got["a"]) | set(world.got["b"])
    assert counters.resized == 10


def test_a_bad_picture_is_reported_and_the_rest_goes_on() -> None:
    world, failed = World(12), {}

    def broken() -> Image.Image:
        raise BadInput("The picture is cut off.")

    world.sources[7] = encode.EncoderInput("k7", broken)
    encode.MultiEncoder([encoder("a", 16)], workers=2).run(world.sources, world.sink, on_failure=failed.__setitem__)
    assert failed == {"k7": "The picture is cut off."}
    assert len(world.got["a"]) == 11 and "k7" not in world.got["a"]


def test_cancelling_keeps_what_the_sink_got_and_leaves_no_thread() -> None:
    world, task = World(200), Task()

    def stop_soon(name: str, count: int) -> None:
        if name and len(world.got.get("a", ())) >= 24:
            task.cancel()

    slow = encoder("a", 16)
    plain = slow.engine.embed
    slow.engine.embed = lambda squares: (time.sleep(0.01), plain(squares))[1]
    before = threading.active_count()
    with pytest.raises(Cancelled):
        encode.MultiEncoder([slow], workers=2).run(world.sources, world.sink, on_count=stop_soon, task=task)
    assert 24 <= len(world.got["a"]) < 200
    assert threading.active_count() == before


def test_an_error_of_an_engine_stops_at_once() -> None:
    world = World(200)
    broken = encoder("a", 16)
    broken.engine.embed = lambda squares: np.full((len(squares), 5), np.nan, np.float32)
    with pytest.raises(BadInput, match="not finite"):
        encode.MultiEncoder([broken], workers=2).run(world.sources, world.sink)
    assert not world.got


def test_workers_use_one_thread_each_and_others_keep_theirs() -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    seen: set[int] = set()
    one = encoder("a", 16)
    plain = one.engine.embed
    one.engine.embed = lambda squares: (seen.add(torch.get_num_threads()), plain(squares))[1]
    world = World(30)
    encode.MultiEncoder([one], workers=2).run(world.sources, world.sink)
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert seen == {1} and torch.get_num_threads() == 2 and later == [2]
    torch.set_num_threads(before)


def test_zero_vectors_stay_zero() -> None:
    world = World(3)
    one = encoder("a", 16)
    one.engine.embed = lambda squares: np.zeros((len(squares), 5), np.float32)
    encode.MultiEncoder([one], workers=1).run(world.sources, world.sink)
    assert all(not vector.any() for vector in world.got["a"].values())
