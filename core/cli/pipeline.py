"""`pipeline`: what each step adds, from the best single backbone to the prepared, fused and re-ranked list."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core import metrics, wording
from core.cli import inputs, outputs
from core.cli.verbs import BACKBONES, DATASET, STEPS, Verb, flag
from core.errors import BadInput

if TYPE_CHECKING:
    from core.studies.pipeline import Pipeline
    from core.types import Dataset

text = wording.page("cli")


def run(arguments: argparse.Namespace) -> None:
    """Tune on training queries, report on the others, print a row per step."""
    from core.fusion import spec
    from core.studies import pipeline

    inputs.load_plugins()
    names = inputs.backbones(arguments)
    loaded = inputs.without_tuned(inputs.embedded(arguments, names).dataset, names)
    made = of_arguments(arguments, loaded, names)
    print(metrics.as_judged(pipeline.text(made), loaded.is_judged))
    if arguments.fusion_out is not None:
        outputs.write(arguments.fusion_out, spec.dump([made.final]))


def of_arguments(arguments: argparse.Namespace, dataset: Dataset, names: Sequence[str]) -> Pipeline:
    """What each step adds on an embedded dataset, with the steps that --prepare and --rerank name.

    Raises:
        BadInput: the dataset has no labels.
    """
    from core import data
    from core.fusion import Step
    from core.studies import fusion, pipeline, training_split

    prepare = Step.read("preparation", arguments.prepare)
    rerank = Step.read("re-ranking", arguments.rerank)
    if not dataset.has_labels:
        raise BadInput(text("error.no_labels_tune", dataset=repr(dataset.name)))
    space, truth = fusion.space_of(dataset, names), data.relevance(dataset)
    training = training_split.training(dataset, space, truth, seed=arguments.seed or 0)
    made = pipeline.build(training, space, truth, names, prepare=prepare, rerank=rerank, task=inputs.task())
    outputs.end_progress()
    return made


PIPELINE = Verb(
    "pipeline",
    text("phrase.what_step_adds"),
    run,
    (
        *DATASET,
        *BACKBONES,
        *STEPS,
        flag("--fusion-out", type=Path, metavar="FILE", help=text("flag.write_pipeline_fusion")),
    ),
    {"fusion-out": (".json",)},
)
