"""One of several servers on one home folder, without its pages: starts the same work as the others, and says what it sees.

Lines on its standard output: `runs`, `elsewhere`, `sees TEXT`, `ended STATE`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from core.ui.app import jobs


def work(job: jobs.BackgroundJob) -> None:
    """Writes whole pieces, one after the other, until it is stopped."""
    meter = job.task.meter("Pieces", 100_000, "pieces")
    while True:
        job.task.check()
        with pieces.open("a") as file:
            file.write(f"{sys.argv[2]}\n")
        meter.add()
        time.sleep(0.05)


if __name__ == "__main__":
    pieces = Path(sys.argv[1])
    job = jobs.start("embed", "Embedding", work, action="embed")
    print("elsewhere" if job.elsewhere else "runs", flush=True)
    for line in sys.stdin:
        if line.strip() == "stop":
            job.stop()
        elif line.strip() == "start":
            job = jobs.start("embed", "Embedding", work, action="embed")
            print("elsewhere" if job.elsewhere else "runs", flush=True)
        elif line.strip() == "look":
            end = time.monotonic() + 30
            while time.monotonic() < end and (seen := jobs.find("embed")) and seen.running and not seen.progress:
                time.sleep(0.1)
            print(f"sees {seen.progress.sentence()}" if seen and seen.progress else "sees nothing", flush=True)
        elif line.strip() == "wait":
            end = time.monotonic() + 40
            while time.monotonic() < end and (seen := jobs.find("embed")) and seen.running:
                time.sleep(0.1)
            print(f"ended {seen.state if seen else 'gone'}", flush=True)
