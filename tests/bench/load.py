"""`bench load`: many visitors of one server at once, over the sockets that browsers use; nothing is drawn.

Each visitor opens the Fusion lab, moves weights (the live route answers, then the page runs once as the thumb is let go),
clicks results in Retrieval, and switches pages, with a pause of a person between. Printed are the times until an answer
is whole, errors, and the memory of the server before and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import numpy as np

from core import paths
from core.bench import machine
from core.errors import BadInput
from tests.bench import page

DEMANDS = {20: {"slider": (500, 2000), "click": (600, 2000), "page": (800, 2000)}, 50: {}}
"""Visitors → kind → milliseconds that the median and the 99th percentile may take."""
LONGEST_P99 = {50: 6000}
PAGES = ("leaderboard", "curves", "retrieval", "fusion_lab", "overview", "datasets")
BUSY = 0.75
"""Load per processor before the start above which the machine has other work."""
_LIVE = re.compile(rb"/live/fuse/[A-Za-z0-9_-]{20,}")


@dataclass
class Measured:
    """What all visitors saw: kind → seconds, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def add(self, kind: str, took: float) -> None:
        self.seconds.setdefault(kind, []).append(took)


def run(args: list[str]) -> None:
    """Start a server on the home of this installation, let visitors in, and print the table with its demands."""
    parser = argparse.ArgumentParser(prog="python -m core bench load", description=__doc__)
    parser.add_argument("--visitors", type=int, default=20, help="how many at once")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds that a visitor looks before the next act")
    parser.add_argument("--dataset", default="photo_views", help="which is embedded in this home")
    given = parser.parse_args(args)
    images, names = _embedded(given.dataset)
    before = os.getloadavg()[0]
    print(f"{machine.machine()['sentence']} Load {before:.1f}{', BUSY' if _is_busy(before) else ''}.")
    measured = Measured()
    with page.server(paths.home()) as (address, pid):
        asyncio.run(_one(address, given.dataset, names, images, 0.0, Measured(), 12))  # cold code is not what is asked
        memory, worked = [_megabytes(pid)], _processor_seconds(pid)
        asyncio.run(_all(address, given, names, images, measured))
        memory.append(_megabytes(pid))
        worked = _processor_seconds(pid) - worked
    _print(given, measured, memory, _is_busy(before))
    n_acts = max(1, sum(map(len, measured.seconds.values())))
    print(f"processor of the server {worked:.1f} s, {1000 * worked / n_acts:.0f} ms an act")


def _is_busy(load: float) -> bool:
    return load > BUSY * paths.cpu_count()


def _embedded(name: str) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Id of each query image → the key of its content, and the backbones that have all images."""
    from core import data
    from core.studies import embedding

    dataset = data.get(name)
    names = tuple(row.backbone for row in embedding.status(dataset) if row.n_images >= len(dataset))
    if len(names) < 2:
        raise BadInput(f"Two backbones are needed; run `python -m core embed --data {name} --backbone NAME` twice.")
    asks = dataset.split.queries
    return dict(zip(dataset.ids[asks].tolist(), np.asarray(dataset.keys, "S64")[asks].tolist())), names


def _megabytes(pid: int) -> float:
    import psutil

    return psutil.Process(pid).memory_info().rss / 2**20


def _processor_seconds(pid: int) -> float:
    import psutil

    return sum(psutil.Process(pid).cpu_times()[:2])


async def _all(
    address: str, given: argparse.Namespace, names: tuple[str, ...], images: dict[str, bytes], out: Measured
) -> None:
    end = time.monotonic() + given.seconds

    async def visitor(number: int) -> None:
        await asyncio.sleep(number * min(given.pause, 1.0) / 2)  # people do not come in the same moment
        try:
            await _one(address, given.dataset, names, images, given.pause, out, seed=number, end=end)
        except Exception as error:  # noqa: BLE001  each is counted, none ends the measurement
            out.errors.append(f"{type(error).__name__}: {error}"[:200])

    await asyncio.gather(*(visitor(number) for number in range(given.visitors)))


async def _one(
    address: str,
    dataset: str,
    names: tuple[str, ...],
    images: dict[str, bytes],
    pause: float,
    out: Measured,
    acts: int = 0,
    seed: int = 0,
    end: float = 0.0,
) -> None:
    """One visitor, until so many acts are done or the time is over."""
    import websockets

    drawn, socket_address, here = random.Random(seed), address.replace("http", "ws", 1), urlsplit(address).netloc
    options: dict = {"origin": address, "max_size": None, "ping_timeout": 120}
    async with websockets.connect(f"{socket_address}/_stcore/stream", subprotocols=["streamlit"], **options) as socket:
        link = {"d": dataset, "b": ",".join(names)}
        seen = await _ran(socket, "fusion_lab", link)
        await _ran(socket, "retrieval", link)  # a link is followed on a page that was open before
        live = _LIVE.search(seen)
        if live is None:
            raise BadInput(f"The Fusion lab at {here} draws no live lab.")
        async with websockets.connect(f"{socket_address}{live[0].decode()}", **options) as slider:
            done = 0
            while done < acts or time.monotonic() < end:
                await asyncio.sleep(pause * drawn.uniform(0.5, 1.5))
                kind, began = ("slider", "let go", "click", "page")[done % 4], time.perf_counter()
                shares = [drawn.random() for _ in names]
                if kind == "slider":
                    message = {"weights": shares, "names": sorted_as(seen, names), "query": 0, "metric": 0, "k": 12}
                    await slider.send(json.dumps(message))
                    answer = await asyncio.wait_for(slider.recv(), 60)
                    if b'"problem"' in bytes(answer)[:4000]:
                        out.errors.append(bytes(answer)[4:200].decode(errors="replace"))
                elif kind == "let go":
                    weights = ",".join(f"{name}:{share / sum(shares):.2f}" for name, share in zip(names, shares))
                    if b'"weights": [' not in await _ran(socket, "fusion_lab", {**link, "w": weights}):
                        out.errors.append("the Fusion lab shows no weights")
                elif kind == "click":
                    query = drawn.choice(list(images))
                    if images[query] not in await _ran(socket, "retrieval", {**link, "q": query}):
                        out.errors.append(f"Retrieval does not show {query}")
                else:
                    await _ran(socket, drawn.choice(PAGES), link)
                out.add(kind, time.perf_counter() - began)
                done += 1


def sorted_as(seen: bytes, names: tuple[str, ...]) -> list[str]:
    """The backbones in the order in which the live lab names them first."""
    return sorted(names, key=lambda name: seen.find(f'"{name}"'.encode()) % (1 << 62))


async def _ran(socket, address: str, link: dict[str, str]) -> bytes:  # noqa: ANN001
    """Run a page; what came until it had ended."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    message = BackMsg()
    message.rerun_script.query_string = urlencode(link)
    message.rerun_script.page_name = address
    await socket.send(message.SerializeToString())
    seen, began = b"", False
    while True:
        part = await asyncio.wait_for(socket.recv(), 120)
        read = ForwardMsg.FromString(part)
        kind = read.WhichOneof("type")
        began = began or kind == "new_session"
        seen += part if kind == "delta" else b""
        if kind == "script_finished" and began and read.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            return seen


def _print(given: argparse.Namespace, measured: Measured, memory: list[float], busy: bool) -> None:
    demands = DEMANDS.get(given.visitors, {})
    print(f"{given.visitors} visitors on {given.dataset}, {given.seconds:.0f} s, pauses of {given.pause:g} s")
    print(f"{'act':<10}{'times':>7}{'p50':>9}{'p95':>9}{'p99':>9}   ms")
    for kind, taken in measured.seconds.items():
        p50, p95, p99 = (1000 * float(np.percentile(taken, part)) for part in (50, 95, 99))
        verdict = ""
        if kind in demands:
            verdict = _verdict(p50 <= demands[kind][0] and p99 <= demands[kind][1], busy)
        elif given.visitors in LONGEST_P99:
            verdict = _verdict(p99 <= LONGEST_P99[given.visitors], busy)
        print(f"{kind:<10}{len(taken):>7}{p50:>9.0f}{p95:>9.0f}{p99:>9.0f}   {verdict}")
    print(f"errors {len(measured.errors)}{': ' + measured.errors[0] if measured.errors else ''}")
    print(f"memory {memory[0]:,.0f} MB before, {memory[1]:,.0f} MB at the end")


def _verdict(is_met: bool, busy: bool) -> str:
    return "met" if is_met else "missed" + (" (other work ran meanwhile)" if busy else "")
