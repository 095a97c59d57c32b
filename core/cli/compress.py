"""`compress`: what shorter, int8 and binary vectors of each system cost in a metric, and what memory they save."""

from __future__ import annotations

import argparse

from core import wording
from core.cli import inputs
from core.cli.verbs import BACKBONES, DATASET, FUSIONS, UNIT, Verb, flag

text = wording.page("cli")


def run(arguments: argparse.Namespace) -> None:
    """A table per system that has vectors."""
    from core import data
    from core.metrics import METRICS
    from core.studies import compression, evaluation, fusion, systems

    inputs.load_plugins()
    evaluation.check_metric(arguments.metric, ())
    dataset, names, fusions = inputs.systems(arguments)
    used = list(dict.fromkeys([*names, *(name for spec in fusions for name in spec.backbones)]))
    truth = data.relevance(dataset)
    for system in systems.build(fusion.space_of(dataset, used), names, fusions):
        if not system.has_vectors:
            continue
        costs = compression.measure(
            system, truth, metric=arguments.metric, by_class=not arguments.by_query, task=inputs.task()
        )
        print(f"{system.name}\n{compression.text(costs, len(dataset), METRICS[arguments.metric].label)}\n")


COMPRESS = Verb(
    "compress",
    text("phrase.shorter_int_binary"),
    run,
    (
        *DATASET,
        *BACKBONES,
        *FUSIONS,
        flag("--metric", default="map", help=text("flag.measured_list_metric")),
        *UNIT,
    ),
)
