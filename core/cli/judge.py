"""`judge`: what people judged on a dataset, as files for other programs, and theirs for this one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from core import wording
from core.cli import outputs
from core.cli.verbs import Verb, flag
from core.errors import BadInput
from core.wording import number, plural

if TYPE_CHECKING:
    from core.judging.answers import Answer
    from core.types import Dataset

text = wording.page("cli")
words = wording.page("judge")

ACTIONS = ("status", "export", "import", "use", "forget", "texts")


def run(arguments: argparse.Namespace) -> None:
    """Show, write or read judgements."""
    from core import data
    from core.studies import judgements, pooled_figures

    dataset = data.get(_name(arguments))
    answers = judgements.on_dataset(judgements.log().answers(), dataset)
    answers = [answer for answer in answers if not arguments.judge or answer.judge == arguments.judge]
    if arguments.action == "import":
        if arguments.file is None:
            raise BadInput(text("error.judge_import_reads"))
        new = judgements.imported(dataset, arguments.file, arguments.judge or "imported")
        n_kept = judgements.keep_new(new, judgements.log())
        print(f"{plural(n_kept, 'judgement')} imported, {len(new) - n_kept:,} known before.")
    elif arguments.action == "export":
        if arguments.file is None:
            raise BadInput(text("error.judge_export_writes"))
        outputs.check("file", arguments.file)
        made = judgements.as_csv if arguments.file.suffix.lower() == ".csv" else judgements.as_qrels
        outputs.write(arguments.file, made(dataset, answers))
        print(f"{plural(len(judgements.table(dataset, answers)), 'judgement')} written to {arguments.file}.")
    elif arguments.action == "use":
        relation = judgements.as_truth(dataset, answers)
        pooled, k, systems = judgements.pool_of(answers, judgements.log())
        used = data.use_judgements(dataset.name, relation, pooled, k)
        print(words("sentence.used", dataset=dataset.name, count=plural(len(relation), "judgement")))
        pool = words("phrase.pool_of", systems=", ".join(systems)) if systems else ""
        print(f"{pooled_figures.marking(used)} {pool}".rstrip())
    elif arguments.action == "forget":
        data.use_judgements(dataset.name, None)
        print(words("sentence.forgotten", dataset=dataset.name))
    elif arguments.action == "texts":
        print(_texts(dataset, answers))
    else:
        print(_status(answers))


def _name(arguments: argparse.Namespace) -> str:
    from core import data

    if not arguments.data:
        raise BadInput(text("error.which_dataset_was"))
    return data.name_of(arguments.data) or arguments.data


def _texts(dataset: Dataset, answers: list[Answer]) -> str:
    """How well the embedded backbones that read text answer the judged text queries."""
    from core.studies import embedding
    from core.studies.text import judged_texts, text_encoding

    queries = judged_texts.of(dataset, answers)
    if queries is None:
        raise BadInput(words("sentence.no_judged_texts", dataset=repr(dataset.name)))
    embedded = [row.backbone for row in embedding.status(dataset) if row.n_images >= len(dataset)]
    names = text_encoding.readers(tuple(embedded)).reading
    if not names:
        raise BadInput(text("error.no_text_reader", dataset=repr(dataset.name)))
    rows = {name: embedding.embeddings(dataset, name).vectors[dataset.split.gallery] for name in names}
    figures = {name: judged_texts.evaluate(queries, {name: vectors}) for name, vectors in rows.items()}
    return judged_texts.printed(queries, figures)


def _status(answers: list[Answer]) -> str:
    """Who judged how much, and how far they agree."""
    from core.studies import judgements

    first = [answer for answer in answers if not answer.again]
    if not first:
        return text("sentence.nothing_was_judged")
    lines = [
        f"{judge}: {plural(sum(answer.judge == judge for answer in first), 'answer')}"
        for judge in sorted({answer.judge for answer in first})
    ]
    agreed = judgements.agreement(first)
    if agreed.shared:
        lines.append(
            text(
                "sentence.krippendorff_alpha_judged",
                number=number(agreed.alpha, 2),
                results=plural(agreed.shared, "result"),
            )
        )
        lines += [
            f"  {a} and {b}: Cohen's kappa {number(kappa, 2)} on {count:,}" for a, b, count, kappa in agreed.pairs
        ]
        lines.append(f"{plural(len(agreed.disagreements), 'disagreement')}; the page Judge lists them.")
    return "\n".join(lines)


JUDGE = Verb(
    "judge",
    text("phrase.judgements_people_who"),
    run,
    (
        flag("action", choices=ACTIONS, help=text("flag.status_who_judged")),
        flag("--data", "--dataset", metavar="NAME", help=text("flag.dataset_was_judged")),
        flag("--file", type=Path, metavar="FILE", help=text("flag.file_csv_holds")),
        flag("--judge", default="", help=text("flag.only_judge_import")),
    ),
)
