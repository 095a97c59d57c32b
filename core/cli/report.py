"""`report`: every single backbone and the fusions as one HTML file that opens offline."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.cli import inputs, outputs, pipeline
from core.cli.verbs import BACKBONES, DATASET, FUSIONS, STEPS, UNIT, Verb, flag


def run(arguments: argparse.Namespace) -> None:
    """Compare and write the report."""
    from core.export.report import comparison

    inputs.load_plugins()
    ks = inputs.cutoffs(arguments.k)
    dataset, names, fusions = inputs.systems(arguments)
    steps = pipeline.of_arguments(arguments, dataset, names) if arguments.prepare or arguments.rerank else None
    content = comparison.of_stored(
        dataset, names, fusions, ks=ks, by_class=not arguments.by_query, steps=steps
    ).encode()
    outputs.write(arguments.out, content)
    print(f"Wrote {arguments.out} ({len(content) / 1e6:.1f} MB). It opens in any browser, without a network.")


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
        flag("--out", type=Path, default=Path("report.html"), help="where to write (default: report.html)"),
    ),
    {"out": ()},
)
