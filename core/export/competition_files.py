"""What a competition run leaves: the lists of all queries, the table of systems, and the report of the comparison."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from core import files
from core.export.report import comparison
from core.fusion import FusionSpec
from core.studies import training_split
from core.task import NO_TASK, Task

if TYPE_CHECKING:
    from core.studies.competition import Outcome
    from core.types import Dataset

RESULTS, SYSTEMS, REPORT = "results.json", "systems.csv", "report.html"


def results(made: Outcome) -> bytes:
    """`{"query file": ["gallery file", ...]}` of the system that was picked, the nearest first."""
    return json.dumps(made.results, ensure_ascii=False, indent=1).encode()


def systems(made: Outcome) -> bytes:
    """The table as CSV."""
    import pandas as pd

    head, *rows = made.rows()
    return files.csv_bytes(pd.DataFrame(rows, columns=[*head[:-1], "picked"]))


def report(made: Outcome, dataset: Dataset, task: Task = NO_TASK) -> bytes:
    """The comparison of the tuned networks and of the fusion that was picked, without the images that they trained on; b"" where
    no query counts.

    Raises:
        NotComputed: a network is not embedded any more. Cancelled.
    """
    if not made.test:
        return b""
    names = tuple(dict.fromkeys(name for system in made.configurations for name in system.names))
    picked = made.picked
    mixes = [] if picked.kind == "single" else [FusionSpec(picked.title, picked.kind, picked.names)]
    left = training_split.without_tuned(dataset, names)
    ks = tuple(sorted({1, made.top_k}))
    return comparison.of_stored(left, names, mixes, ks, True, None, task=task).encode()
