"""`report`: every single backbone and the fusions as one HTML file that opens offline."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.cli import inputs, outputs
from core.cli.verbs import BACKBONES, DATASET, FUSIONS, UNIT, Verb, flag


def run(arguments: argparse.Namespace) -> None:
    """Compare and write the report."""
    from core.export.report import comparison

    inputs.load_plugins()
    ks = inputs.cutoffs(arguments.k)
    content = comparison.of_stored(*inputs.systems(arguments), ks=ks, by_class=not arguments.by_query).encode()
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
        flag("--k", default="1,10", help="cut-offs, e.g. 1,10"),
        *UNIT,
        flag("--out", type=Path, default=Path("report.html"), help="where to write (default: report.html)"),
    ),
    {"out": ()},
)
