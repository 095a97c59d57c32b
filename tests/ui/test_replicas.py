"""Several servers on one home folder: work is done once, all see how far it is, and what a server finished is kept."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.store import leases
from core.store.leases import Lease
from tests.browser import ROOT, free_port

PLUGIN = """
import time
from pathlib import Path
from core.ui.app import jobs

def work(job):
    for number in range(100_000):
        job.task.check()
        Path({folder!r}, f"{{number}}.begun").touch()
        time.sleep(0.3)
        Path({folder!r}, f"{{number}}.whole").touch()

def end_idle():
    import asyncio
    from streamlit import runtime
    from core.ui.app import session_memory
    time.sleep(1)
    loop = runtime.get_instance()._get_async_objs().eventloop
    asyncio.run_coroutine_threadsafe(session_memory.end_idle(time.monotonic() + 7300), loop).result(20)

jobs.start("slow", "Slow work", work, action="embed")
jobs.start("idle", "As two hours later", lambda job: end_idle())
"""


class Replica:
    """A process of `_replica.py`."""

    def __init__(self, home: Path, pieces: Path, name: str) -> None:
        command = [sys.executable, "-m", "tests.ui._replica", str(pieces), name]
        surroundings = {**os.environ, "FUSIONSCOPE_HOME": str(home)}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=surroundings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def says(self) -> str:
        return self.process.stdout.readline().strip()

    def told(self, order: str) -> None:
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()

    def asked(self, order: str) -> str:
        self.told(order)
        return self.says()


@pytest.mark.slow
def test_a_job_runs_once_its_progress_is_seen_and_what_was_killed_is_taken_over(tmp_path: Path) -> None:
    home, pieces = tmp_path / "home", tmp_path / "pieces"
    replicas = [Replica(home, pieces, name) for name in "ab"]
    try:
        began = [replica.says() for replica in replicas]
        assert sorted(began) == ["elsewhere", "runs"]
        worker, other = replicas if began[0] == "runs" else replicas[::-1]
        assert other.asked("look").startswith("sees Pieces:")
        assert len(set(pieces.read_text().split())) == 1
        worker.process.kill()
        worker.process.wait(20)
        assert other.asked("wait") == "ended done"
        assert other.asked("start") == "runs"
        replicas.append(Replica(home, pieces, "c"))
        assert replicas[2].says() == "elsewhere"
        replicas[2].told("stop")  # as an owner on another server
        assert other.asked("wait") == "ended stopped"
        assert not list((home / "jobs").glob("*.json")) and not list((home / "jobs").glob("*.stop"))
    finally:
        for replica in replicas:
            replica.process.kill()
            replica.process.wait(20)


@pytest.mark.slow
def test_a_server_ends_idle_sessions_and_when_it_is_ended_keeps_what_its_work_has_finished(tmp_path: Path) -> None:
    home, folder, port = tmp_path / "home", tmp_path / "pieces", free_port()
    (home / "plugins").mkdir(parents=True)
    folder.mkdir()
    (home / "plugins" / "slow.py").write_text(PLUGIN.format(folder=str(folder)))
    command = [sys.executable, "-m", "core", "serve", "--access", "trusted", "--port", str(port)]
    surroundings = {**os.environ, "FUSIONSCOPE_HOME": str(home)}
    server = subprocess.Popen(command, cwd=ROOT, env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(asyncio.run, _left_open(port)).result(90) == 1001
        end = time.monotonic() + 30
        while time.monotonic() < end and len(list(folder.glob("*.whole"))) < 2:
            time.sleep(0.05)
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) is not None
        begun, whole = (sorted(file.stem for file in folder.glob(f"*.{kind}")) for kind in ("begun", "whole"))
        assert len(whole) >= 2 and begun == whole, "the piece in flight was finished, none was begun after it"
        assert not list((home / "jobs").glob("*.json"))
    finally:
        server.kill()
        server.wait(20)


async def _left_open(port: int) -> int | None:
    """A page is opened, which loads the plug-in, and left; the code with which the server closes its connection."""
    import websockets

    from tests.bench.load import _ran

    address, end = f"127.0.0.1:{port}", time.monotonic() + 60
    while True:
        try:
            async with websockets.connect(
                f"ws://{address}/_stcore/stream", origin=f"http://{address}", subprotocols=["streamlit"], max_size=None
            ) as socket:
                await _ran(socket, "", {})
                await asyncio.wait_for(socket.wait_closed(), 60)
                return socket.close_code
        except OSError:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.2)


# ---------------------------------------------------------------- one process


def test_whoever_is_silent_too_long_has_lost_the_work(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = threading.Event()
    monkeypatch.setattr(leases, "BEAT", 0.02)
    first = leases.take(Lease("work", ""), stop=stopped.set)
    file = leases._file("work")
    assert first is not None and file.exists() and not leases.of_others()
    now = leases._read(file)
    leases._write(file, dataclasses.replace(now, owner="another-host 1 x"))
    assert stopped.wait(20), "another has taken it over: the first one ends"
    first.release()
    assert leases.take(Lease("work", "")) is None and [lease.name for lease in leases.of_others()] == ["work"]
    os.utime(file, (0, 0))
    assert not leases.of_others()
    again = leases.take(Lease("work", ""))
    assert again is not None
    again.release()
    assert not file.exists()


def test_a_file_that_is_no_lease_holds_up_nobody(home: Path) -> None:
    file = leases._file("work")
    file.parent.mkdir(parents=True)
    file.write_text('{"name": 1')
    assert not leases.of_others()
    taken = leases.take(Lease("work", ""))
    assert taken is not None
    taken.release()


@pytest.mark.parametrize("content", ["[]", "{}", '{"name": "work", "owner": "x 1 y", "progress": 3}', "null"])
def test_what_another_version_wrote_is_no_lease(home: Path, content: str) -> None:
    file = leases._file("work")
    file.parent.mkdir(parents=True)
    file.write_text(content)
    assert not leases.of_others()


def test_a_lease_that_cannot_be_read_once_is_not_lost(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, looks, enough, stopped = leases._read, [], threading.Event(), threading.Event()

    def failing(file: Path) -> Lease | None:
        looks.append(file)
        if len(looks) > 6:
            enough.set()
        return None if len(looks) in (2, 3) else read(file)

    monkeypatch.setattr(leases, "BEAT", 0.01)
    monkeypatch.setattr(leases, "_read", failing)
    held = leases.take(Lease("work", ""), stop=stopped.set)
    assert held is not None and enough.wait(20) and not stopped.is_set()
    held.release()
    assert not leases._file("work").exists()


def test_a_machine_whose_clock_is_wrong_takes_nothing_over(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = leases._file("work")
    leases._write(file, Lease("work", "another-host 1 x"))
    late = time.time() + 1_000
    monkeypatch.setattr(leases.time, "time", lambda: late)
    assert leases.take(Lease("work", "")) is None and [lease.name for lease in leases.of_others()] == ["work"]
