"""`judge`: what people judged on a dataset, as files for other programs, and theirs for this one."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.cli import outputs
from core.cli.verbs import Verb, flag
from core.errors import BadInput
from core.wording import number, plural

ACTIONS = ("status", "export", "import")


def run(arguments: argparse.Namespace) -> None:
    """Show, write or read judgements."""
    from core import data
    from core.studies import judgements

    dataset = data.get(_name(arguments))
    answers = judgements.on_dataset(judgements.log().answers(), dataset)
    answers = [answer for answer in answers if not arguments.judge or answer.judge == arguments.judge]
    if arguments.action == "import":
        if arguments.file is None:
            raise BadInput("`judge import` reads a file: add `--file NAME.qrels`, or a CSV of query_id,item_id,kind.")
        new = judgements.imported(dataset, arguments.file, arguments.judge or "imported")
        n_kept = judgements.keep_new(new, judgements.log())
        print(f"{plural(n_kept, 'judgement')} imported, {len(new) - n_kept:,} known before.")
    elif arguments.action == "export":
        if arguments.file is None:
            raise BadInput("`judge export` writes a file: add `--file NAME.qrels`, or NAME.csv.")
        outputs.check("file", arguments.file)
        made = judgements.as_csv if arguments.file.suffix.lower() == ".csv" else judgements.as_qrels
        outputs.write(arguments.file, made(dataset, answers))
        print(f"{plural(len(judgements.table(dataset, answers)), 'judgement')} written to {arguments.file}.")
    else:
        print(_status(answers))


def _name(arguments: argparse.Namespace) -> str:
    from core import data

    if not arguments.data:
        raise BadInput("Which dataset was judged? Give `--data NAME`; `python -m core list datasets` shows all.")
    return data.name_of(arguments.data) or arguments.data


def _status(answers: list) -> str:
    """Who judged how much, and how far they agree."""
    from core.studies import judgements

    first = [answer for answer in answers if not answer.again]
    if not first:
        return "Nothing was judged here yet; the page Judge asks."
    lines = [
        f"{judge}: {plural(sum(answer.judge == judge for answer in first), 'answer')}"
        for judge in sorted({answer.judge for answer in first})
    ]
    agreed = judgements.agreement(first)
    if agreed.shared:
        lines.append(
            f"Krippendorff's alpha {number(agreed.alpha, 2)} on {plural(agreed.shared, 'result')} judged twice."
        )
        lines += [
            f"  {a} and {b}: Cohen's kappa {number(kappa, 2)} on {count:,}" for a, b, count, kappa in agreed.pairs
        ]
        lines.append(f"{plural(len(agreed.disagreements), 'disagreement')}; the page Judge lists them.")
    return "\n".join(lines)


JUDGE = Verb(
    "judge",
    "judgements of people: who judged what, to and from TREC qrels and CSV",
    run,
    (
        flag("action", choices=ACTIONS, help="status: who judged how much; export, import: --file"),
        flag("--data", "--dataset", metavar="NAME", help="the dataset that was judged"),
        flag("--file", type=Path, metavar="FILE", help="FILE.csv holds query_id,item_id,kind; anything else is qrels"),
        flag("--judge", default="", help="only this judge's; of an import, whose the answers are (default: imported)"),
    ),
)
