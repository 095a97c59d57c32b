"""Threads that do not wait for each other: workers of one intra-op thread each."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool whose threads use one intra-op thread each; other threads of the process keep what they had.

    Two intra-op threads spin at a barrier while they wait for each other: with another process on one of two cores,
    one worker of two threads took 26.7 s where two workers of one took 3.2 s.
    """
    pool = ThreadPoolExecutor(count, thread_name_prefix="embed")
    try:
        if "torch" in sys.modules:
            import torch

            everyone = threading.Barrier(count + 1)
            for _ in range(count):
                pool.submit(_use_one_thread, everyone)
            everyone.wait()
            # torch also keeps the last number said as the default of threads to come: give that back
            torch.set_num_threads(torch.get_num_threads())
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _use_one_thread(everyone: threading.Barrier) -> None:
    import torch

    torch.get_num_threads()  # a thread takes the default at its first question, and must not do so after the next line
    torch.set_num_threads(1)
    everyone.wait()


@contextmanager
def one_thread() -> Iterator[None]:
    """Work of this thread in small steps: several intra-op threads would only wait for one another, on a busy machine for long."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
