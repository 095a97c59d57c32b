"""`report`: every single backbone and the fusions as one HTML file that opens offline."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.cli import inputs, outputs, pipeline
from core.cli.verbs import BACKBONES, DATASET, FUSIONS, STEPS, UNIT, Verb, flag

if TYPE_CHECKING:
    from core.fusion import FusionSpec
    from core.types import Dataset


def run(arguments: argparse.Namespace) -> None:
    """Compare and write the report."""
    from core.export.report import comparison

    inputs.load_plugins()
    ks = inputs.cutoffs(arguments.k)
    dataset, names, fusions = inputs.systems(arguments)
    steps = pipeline.of_arguments(arguments, dataset, names) if arguments.prepare or arguments.rerank else None
    if arguments.live and dataset.has_labels:
        outputs.remark(_expected(dataset, names, fusions))
    content = comparison.of_stored(
        dataset,
        names,
        fusions,
        ks,
        not arguments.by_query,
        steps,
        live=arguments.live,
        task=inputs.task(),
    ).encode()
    outputs.end_progress()
    outputs.write(arguments.out, content)
    print(f"Wrote {arguments.out} ({len(content) / 1e6:.1f} MB). It opens in any browser, without a network.")


def _expected(dataset: Dataset, names: Sequence[str], fusions: Sequence[FusionSpec]) -> str:
    """What a playable report holds, how large it becomes and how long it takes; before any work."""
    from core import data
    from core.export.report.live import from_result

    used = {*names, *(name for spec in fusions for name in spec.backbones)}
    extent, seconds = from_result.expected(dataset, data.relevance(dataset), len(used))
    return (
        f"Playable: {extent.sentence}, scores in {extent.bits} bits; about {extent.megabytes:.1f} MB, "
        f"about {seconds:.0f} s more than without --live."
    )


REPORT = Verb(
    "report",
    "a comparison as one HTML file that opens offline",
    run,
    (
        *DATASET,
        *BACKBONES,
        *FUSIONS,
        *STEPS,
        flag("--k", default="1,10", help="cut-offs, e.g. 1,10"),
        *UNIT,
        flag(
            "--live", action="store_true", help="the file can be played with: weights move, and all figures with them"
        ),
        flag("--out", type=Path, default=Path("report.html"), help="where to write (default: report.html)"),
    ),
    {"out": ()},
)
