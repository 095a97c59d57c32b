"""`threshold`: same or not, nothing like it here, scores as probabilities: what a deployment needs to know."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from core import wording
from core.cli import inputs, outputs
from core.cli.verbs import BACKBONES, DATASET, FUSIONS, STEPS, UNIT, VECTORS, Verb, flag
from core.errors import BadInput

text = wording.page("cli")

if TYPE_CHECKING:
    from core.studies.systems import System
    from core.studies.threshold_tables import ThresholdAnswers
    from core.types import Dataset, Relevance


def run(arguments: argparse.Namespace) -> None:
    """Choose thresholds, print the tables, save probabilities, write the record."""
    from core import data
    from core.studies import calibration_store, fusion, leaderboard, systems, threshold_tables
    from core.studies.training_split import query_keys, refuse_trained

    _check(arguments)
    inputs.load_plugins()
    dataset, names, fusions = inputs.systems(arguments)
    truth = data.relevance(dataset)
    obstacle = leaderboard.obstacle(dataset, truth)
    if obstacle:
        raise BadInput(obstacle)
    for spec in fusions:
        refuse_trained(spec, query_keys(dataset))
    used = list(dict.fromkeys([*names, *(name for spec in fusions for name in spec.backbones)]))
    space = fusion.space_of(dataset, used)
    space.keep()
    built = systems.build(space, names, fusions)
    answers = [_answers(system, truth, dataset, arguments) for system in built]
    outputs.end_progress()
    print(threshold_tables.printed(answers))
    for system, made in zip(built, answers):
        if arguments.save and made.probabilities is not None:
            stored = calibration_store.of(made.probabilities)
            name = calibration_store.name_of(dataset, system.backbones, system.spec)
            calibration_store.save(name, stored, space, system.backbones, system.spec)
            outputs.remark(f"{system.name}: probabilities are saved. {stored.sentence()}")
    if arguments.json is not None:
        record = threshold_tables.as_json(answers)
        outputs.write(arguments.json, json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def _check(arguments: argparse.Namespace) -> None:
    """Numbers that cannot be, before anything is computed."""
    if not 0 < arguments.error < 1:
        raise BadInput(text("error.error_takes_false", error=f"{arguments.error:g}"))
    if not 0 <= arguments.unknown < 1:
        raise BadInput(text("error.unknown_takes_share", unknown=f"{arguments.unknown:g}"))
    if (arguments.save or arguments.unknown) and not arguments.calibrate:
        raise BadInput(text("error.save_unknown_belong"))


def _answers(system: System, truth: Relevance, dataset: Dataset, arguments: argparse.Namespace) -> ThresholdAnswers:
    from core.studies import calibration, open_set, verification
    from core.studies.threshold_tables import ThresholdAnswers

    by_class, task = not arguments.by_query, inputs.task()
    verified = verification.verify(system, truth, dataset, by_class=by_class, task=task)
    strangers = open_set.open_set(system, truth, dataset, by_class=by_class, task=task) if arguments.open_set else None
    fitted = None
    if arguments.calibrate:
        fitted = calibration.calibrate(
            system, truth, dataset, method=arguments.calibrate, unknown=arguments.unknown, task=task
        )
    return ThresholdAnswers(system.name, verified, verification.at_rate(verified, arguments.error), strangers, fitted)


THRESHOLD = Verb(
    "threshold",
    text("phrase.where_cut_scores"),
    run,
    (
        *DATASET,
        *BACKBONES,
        *VECTORS,
        *FUSIONS,
        *STEPS,
        flag("--error", type=float, default=0.001, metavar="RATE", help=text("flag.false_matches_accept")),
        flag("--open-set", action="store_true", help=text("flag.also_ask_queries")),
        flag("--calibrate", choices=["logistic", "isotonic"], default="", help=text("flag.also_make_probabilities")),
        flag("--unknown", type=float, default=0.0, metavar="SHARE", help=text("flag.queries_without_answer")),
        flag("--save", action="store_true", help=text("flag.keep_probabilities_system")),
        *UNIT,
        flag("--json", type=Path, metavar="FILE", help=text("flag.write_everything_printed")),
    ),
    {"json": ()},
)
