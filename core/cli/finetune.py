"""`finetune`: a network is adapted to one's own labelled images and becomes a backbone; `export-backbone`: it leaves the house."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core import wording
from core.cli import inputs, outputs
from core.cli.verbs import DATASET, Verb, flag
from core.errors import BadInput
from core.setups import FinetuneSetup
from core.setups.finetune import HEADS, MOVES, QUESTIONS

if TYPE_CHECKING:
    from core.studies.finetuning.loop import Course
    from core.studies.finetuning.plan import Plan

text = wording.page("cli")


def run(arguments: argparse.Namespace) -> None:
    """Train, save, embed, and print the tuned backbone beside the frozen one."""
    from core.studies import embedding
    from core.studies.finetuning import figures, proposal
    from core.studies.finetuning import run as finetuning

    plan = _plan(arguments)
    if not arguments.estimate:
        finetuning.check_free(plan.name, arguments.replace)
    dataset = inputs.embedded(arguments, [finetuning.tunable(plan.backbone).name], arguments.device or None).dataset
    ready = finetuning.prepare(dataset, plan)
    for sentence in ready.notes:
        outputs.remark(sentence)
    measured = finetuning.estimate(ready, arguments.device or None)
    if measured is not None:
        outputs.remark(measured.sentence())
    if arguments.estimate:
        if measured is None:
            outputs.remark(text("sentence.head_takes_seconds"))
        return
    made = finetuning.train(ready, on_epoch=_print_epoch, device=arguments.device or None, task=inputs.task())
    outputs.end_progress()
    for note in made.course.notes:
        outputs.remark(note)
    print(text("sentence.tuned_saved", name=made.backbone.name, best=made.course.best, ended=made.course.ended))
    embedding.embed(dataset, [made.backbone.name], device=arguments.device or None, task=inputs.task())
    outputs.end_progress()
    print(figures.beside(made.backbone.name, dataset).sentence())
    beside_head = proposal.beside_head(made.backbone.name, dataset, task=inputs.task())
    outputs.end_progress()
    if beside_head is not None:
        print(beside_head.sentence())


def _plan(arguments: argparse.Namespace) -> Plan:
    from core import backbones
    from core.studies.finetuning.plan import plan_of

    named = {field: getattr(arguments, field) for field in _FIELDS}
    setup = FinetuneSetup(backbone=backbones.add(arguments.backbone).name, seed=arguments.train_seed, **named)
    return plan_of(setup, arguments.save_as)


_FIELDS = ("moves", "question", "loss", "head", "dim", "epochs", "rate", "batch")


def _print_epoch(course: Course) -> None:
    """One line an epoch, beside the results."""
    last = course.epochs[-1]
    if sys.stderr.isatty():
        outputs.end_progress()
    outputs.remark(
        text(
            "sentence.epoch",
            epoch=last.epoch,
            loss=wording.number(last.loss),
            map=wording.number(last.map),
            hit=wording.number(last.hit),
        )
    )


def export(arguments: argparse.Namespace) -> None:
    """Write a tuned backbone as files for plain timm."""
    from core.backbones import tuned_export

    if not arguments.name.startswith("tuned:"):
        raise BadInput(text("error.only_tuned", name=repr(arguments.name)))
    print("\n".join(tuned_export.write(arguments.name, arguments.to)))


FINETUNE = Verb(
    "finetune",
    text("phrase.finetune"),
    run,
    (
        *DATASET,
        flag("--backbone", required=True, metavar="NAME", help=text("flag.tuned_backbone")),
        flag("--as", dest="save_as", default="", metavar="NAME", help=text("flag.tuned_name")),
        flag("--moves", choices=MOVES, default="head", help=text("flag.moves")),
        flag("--question", choices=QUESTIONS, default="known", help=text("flag.question")),
        flag("--loss", default="supcon", metavar="LOSS", help=text("flag.loss")),
        flag("--head", choices=HEADS, default="linear", help=text("flag.head")),
        flag("--dim", type=int, default=0, help=text("flag.head_dim")),
        flag("--epochs", type=int, default=0, help=text("flag.epochs")),
        flag("--rate", type=float, default=0.0, help=text("flag.rate")),
        flag("--batch", type=int, default=0, help=text("flag.batch")),
        flag("--train-seed", type=int, default=0, help=text("flag.train_seed")),
        flag("--replace", action="store_true", help=text("flag.replace_tuned")),
        flag("--estimate", action="store_true", help=text("flag.estimate")),
        flag("--device", default="", help=text("flag.cuda_mps_cpu")),
    ),
)
EXPORT_BACKBONE = Verb(
    "export-backbone",
    text("phrase.export_backbone"),
    export,
    (
        flag("name", metavar="tuned:NAME", help=text("flag.export_name")),
        flag("--to", type=Path, required=True, metavar="FOLDER", help=text("flag.export_folder")),
    ),
)
