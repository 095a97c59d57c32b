"""`report`: every single backbone and the fusions as one HTML file that opens offline."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core import stories, wording
from core.cli import inputs, outputs, pipeline
from core.cli.verbs import BACKBONES, DATASET, FUSIONS, STEPS, UNIT, Verb, flag

if TYPE_CHECKING:
    from core.fusion import FusionSpec
    from core.types import Dataset

text = wording.page("report")


def run(arguments: argparse.Namespace) -> None:
    """Compare and write the report."""
    from core.export.report import comparison

    inputs.load_plugins()
    ks = inputs.cutoffs(arguments.k)
    dataset, names, fusions = inputs.systems(arguments)
    story = stories.load(arguments.story) if arguments.story else None
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
        story=story,
        task=inputs.task(),
    ).encode()
    outputs.end_progress()
    outputs.write(arguments.out, content)
    print(text("sentence.wrote", file=arguments.out, size=wording.number(len(content) / 1e6, 1)))


def _expected(dataset: Dataset, names: Sequence[str], fusions: Sequence[FusionSpec]) -> str:
    """What a playable report holds, how large it becomes and how long it takes; before any work."""
    from core import data
    from core.export.report.live import from_result

    used = {*names, *(name for spec in fusions for name in spec.backbones)}
    extent, seconds = from_result.expected(dataset, data.relevance(dataset), len(used))
    return text(
        "sentence.playable_terminal",
        extent=extent.sentence,
        bits=extent.bits,
        size=wording.number(extent.megabytes, 1),
        seconds=f"{seconds:.0f}",
    )


REPORT = Verb(
    "report",
    text("phrase.verb"),
    run,
    (
        *DATASET,
        *BACKBONES,
        *FUSIONS,
        *STEPS,
        flag("--k", default="1,10", help=text("flag.ks")),
        *UNIT,
        flag("--live", action="store_true", help=text("flag.live")),
        flag("--story", default="", metavar="NAME", help=text("flag.story")),
        flag("--out", type=Path, default=Path("report.html"), help=text("flag.out")),
    ),
    {"out": ()},
)
