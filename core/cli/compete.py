"""`compete`: the pipeline of a retrieval competition, from folders to a ranked list for every query."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from core import text_table, wording
from core.cli import inputs, outputs
from core.cli.verbs import DATASET, Verb, flag
from core.errors import BadInput
from core.setups.finetune import MOVES

if TYPE_CHECKING:
    from core.studies.competition import Outcome
    from core.types import Dataset

text = wording.page("cli")


def run(arguments: argparse.Namespace) -> None:
    """Tune, choose, rank, print the table, write the files."""
    from core import backbones
    from core.studies import competition

    target: Path = arguments.out.expanduser()
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(text("error.cannot_write_give", path=target, strerror=error.strerror)) from None
    names = [backbones.add(name.strip()).name for name in arguments.backbones.split(",") if name.strip()]
    dataset = inputs.dataset(arguments)
    made = competition.compete(
        dataset,
        names,
        top_k=arguments.top_k,
        budget_ms=arguments.budget_ms,
        moves=arguments.moves,
        loss=arguments.loss,
        seed=arguments.train_seed,
        replace=arguments.replace,
        device=arguments.device or None,
        say=outputs.remark,
        task=inputs.task(),
    )
    outputs.end_progress()
    print("\n".join(text_table.aligned(made.rows(), numbers=(2, 3, 4))))
    print(competition.TOP_K)
    print(made.basis())
    print(text("sentence.picked", title=made.picked.title, accuracy=wording.number(made.picked.accuracy)))
    _write(target, made, dataset)


def _write(target: Path, made: Outcome, dataset: Dataset) -> None:
    """results.json, systems.csv and, where queries are labelled, report.html."""
    from core import files
    from core.export import competition_files

    report = competition_files.report(made, dataset, inputs.task())
    outputs.end_progress()
    contents = {
        competition_files.RESULTS: competition_files.results(made),
        competition_files.SYSTEMS: competition_files.systems(made),
        competition_files.REPORT: report,
    }
    written = [target / name for name, content in contents.items() if content]
    try:
        for file in written:
            files.write_bytes(file, contents[file.name])
    except OSError as error:
        raise BadInput(text("error.cannot_write_give", path=target, strerror=error.strerror)) from None
    print("\n".join(map(str, written)))


COMPETE = Verb(
    "compete",
    text("phrase.compete"),
    run,
    (
        *DATASET,
        flag("--backbones", required=True, metavar="A,B,C", help=text("flag.compete_backbones")),
        flag("--top-k", type=int, default=3, help=text("flag.top_k")),
        flag("--budget-ms", type=float, default=float("inf"), metavar="MS", help=text("flag.budget_ms")),
        flag("--moves", choices=MOVES, default="head", help=text("flag.moves")),
        flag("--loss", default="supcon", metavar="LOSS", help=text("flag.loss")),
        flag("--train-seed", type=int, default=0, help=text("flag.train_seed")),
        flag("--replace", action="store_true", help=text("flag.replace_tuned")),
        flag("--device", default="", help=text("flag.cuda_mps_cpu")),
        flag("--out", type=Path, required=True, metavar="FOLDER", help=text("flag.compete_out")),
    ),
)
