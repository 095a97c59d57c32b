"""`study`: a comparison over several datasets from one file: what is missing, what came of it, as a page to send."""

from __future__ import annotations

import argparse
from pathlib import Path

from core import wording
from core.cli import inputs, outputs
from core.cli.verbs import Verb, flag

text = wording.page("studies")


def run(arguments: argparse.Namespace) -> None:
    """Look before, or run and print; what is kept is not worked out again."""
    from core.studies.study import stand_in, study_check, study_library, study_run, study_tables, study_text

    inputs.load_plugins()
    if not arguments.file:
        for name in study_library.names():
            print(f"{name:<28} {study_library.open_study(name).title}")
        return
    study = stand_in.stand_in(study_library.open_study(arguments.file), arguments.data, arguments.backbone)
    if arguments.check:
        print(study_check.as_text(study_check.check(study)))
        return
    result = study_run.run(study, inputs.task(), arguments.device or None)
    outputs.end_progress()
    print(study_text.as_text(result))
    if arguments.json:
        outputs.write(arguments.json, study_tables.as_json(result))
    if arguments.csv:
        outputs.write(arguments.csv, study_tables.as_csv(result))
    if arguments.html:
        from core.export.report import study_report

        outputs.write(arguments.html, study_report.build(result))


STUDY = Verb(
    "study",
    text("phrase.verb"),
    run,
    (
        flag("file", nargs="?", default="", metavar="FILE|NAME", help=text("flag.file")),
        flag("--check", action="store_true", help=text("flag.check")),
        flag("--data", action="append", default=[], metavar="PATH|NAME", help=text("flag.data")),
        flag("--backbone", action="append", default=[], metavar="NAME", help=text("flag.backbone")),
        flag("--device", default="", help=text("flag.device")),
        flag("--html", type=Path, metavar="FILE", help=text("flag.html")),
        flag("--json", type=Path, metavar="FILE", help=text("flag.json")),
        flag("--csv", type=Path, metavar="FILE", help=text("flag.csv")),
    ),
    {"html": (".html",), "json": (".json",), "csv": (".csv",)},
)
