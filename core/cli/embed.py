"""`embed`: compute what is missing, say what was there, what was computed and what could not be read."""

from __future__ import annotations

import argparse

from core import wording
from core.cli import inputs
from core.cli.verbs import BACKBONES, DATASET, VECTORS, Verb, flag

text = wording.page("cli")


def run(arguments: argparse.Namespace) -> None:
    """Embed a dataset and print what was done."""
    from core.backbones.engines.torch_engine import pick_device

    if arguments.device:
        pick_device(arguments.device)  # refused also where nothing is missing
    names = inputs.backbones(arguments)
    report = inputs.embedded(arguments, names, arguments.device or None)
    print(report.sentence())
    for path, reason in report.quarantined:
        print(f"  not read: {path}: {reason}")


EMBED = Verb(
    "embed",
    text("phrase.compute_keep_embeddings"),
    run,
    (
        *DATASET,
        *VECTORS,
        *BACKBONES,
        flag("--device", default="", help=text("flag.cuda_mps_cpu")),
    ),
)
