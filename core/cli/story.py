"""`story`: the stories of this installation, and one of them as an HTML file."""

from __future__ import annotations

import argparse
from pathlib import Path

from core import stories, wording
from core.cli import inputs, outputs
from core.cli.verbs import Verb, flag
from core.errors import BadInput
from core.stories import Story

text = wording.page("story")

ACTIONS = ("list", "export")


def run(arguments: argparse.Namespace) -> None:
    """List or export."""
    known, problems = stories.saved()
    for problem in problems:
        outputs.remark(problem)
    if arguments.action == "export":
        if not arguments.name:
            raise BadInput(text("error.action", action="export", names=", ".join(known) or text("phrase.none")))
        _export(stories.load(arguments.name), arguments.out, arguments.notes)
    elif arguments.name:
        print(_steps(stories.load(arguments.name)))
    else:
        print("\n".join(map(_line, known.values())) or text("sentence.none"))


def _line(story: Story) -> str:
    pages = list(dict.fromkeys(step.page for step in story.steps))
    return text(
        "phrase.listed",
        name=story.name,
        steps=wording.plural(len(story.steps), "step"),
        pages=", ".join(pages) or text("phrase.none"),
    )


def _steps(story: Story) -> str:
    """The steps of one story with their links."""
    lines = [_line(story)]
    for number, step in enumerate(story.steps, start=1):
        lines.append(f"{number}. {step.title or text('phrase.step', number=number)}")
        lines += [f"   {line}" for line in (step.sentence, f"{step.page}?{step.link}".rstrip("?")) if line]
    return "\n".join(lines)


def _export(story: Story, out: Path, notes: bool) -> None:
    from core.export.report import story as story_report

    inputs.load_plugins()
    content = story_report.html(story, notes=notes, task=inputs.task()).encode()
    outputs.end_progress()
    outputs.write(out, content)
    size, steps = wording.number(len(content) / 1e6, 1), wording.plural(len(story.steps), "step")
    print(text("sentence.wrote", file=out, size=size, steps=steps))


STORY = Verb(
    "story",
    text("flag.verb"),
    run,
    (
        flag("action", choices=ACTIONS, help=text("flag.action")),
        flag("name", nargs="?", default="", help=text("flag.name")),
        flag("--notes", action="store_true", help=text("flag.notes")),
        flag("--out", type=Path, default=Path("story.html"), help=text("flag.out")),
    ),
    {"out": ()},
)
