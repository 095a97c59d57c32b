"""`compete`: the pipeline of a retrieval competition, from folders to a ranked list for every query."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from core import text_table, wording
from core.cli import inputs, outputs
from core.cli.verbs import DATASET, Verb, flag
from core.errors import BadInput

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
        device=arguments.device or None,
        task=inputs.task(),
    )
    outputs.end_progress()
    for note in made.notes:
        outputs.remark(note)
    rows = made.rows()
    print("\n".join(text_table.aligned(rows, numbers=(2, 3, 4))))
    print(competition.TOP_K)
    print(text("sentence.picked", title=made.picked.title, accuracy=wording.number(made.picked.accuracy)))
    _write(target, made, rows, dataset)


def _write(target: Path, made: Outcome, rows: list[list[str]], dataset: Dataset) -> None:
    """results.json, systems.csv and, where queries are labelled, report.html."""
    import pandas as pd

    from core import files
    from core.export.report import comparison
    from core.fusion import spec
    from core.studies import training_split

    table = pd.DataFrame(rows[1:], columns=[*rows[0][:-1], "picked"])
    try:
        files.write_json(target / "results.json", made.results)
        files.write_bytes(target / "systems.csv", files.csv_bytes(table))
        if made.test:
            names = tuple(dict.fromkeys(name for system in made.configurations for name in system.names))
            mixes = [spec.equal(made.picked.names)] if len(made.picked.names) > 1 else []
            left = training_split.without_tuned(dataset, names)
            report = comparison.of_stored(left, names, mixes, (1, made.top_k), True, None, task=inputs.task())
            files.write_bytes(target / "report.html", report.encode())
            outputs.end_progress()
    except OSError as error:
        raise BadInput(text("error.cannot_write_give", path=target, strerror=error.strerror)) from None
    print(
        "\n".join(
            str(target / name) for name in ("results.json", "systems.csv", "report.html") if (target / name).is_file()
        )
    )


COMPETE = Verb(
    "compete",
    text("phrase.compete"),
    run,
    (
        *DATASET,
        flag("--backbones", required=True, metavar="A,B,C", help=text("flag.compete_backbones")),
        flag("--top-k", type=int, default=3, help=text("flag.top_k")),
        flag("--budget-ms", type=float, default=float("inf"), metavar="MS", help=text("flag.budget_ms")),
        flag("--moves", choices=("head", "last", "all", "lora"), default="head", help=text("flag.moves")),
        flag("--loss", default="supcon", metavar="LOSS", help=text("flag.loss")),
        flag("--train-seed", type=int, default=0, help=text("flag.train_seed")),
        flag("--device", default="", help=text("flag.cuda_mps_cpu")),
        flag("--out", type=Path, required=True, metavar="FOLDER", help=text("flag.compete_out")),
    ),
)
