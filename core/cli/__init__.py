"""The command line: a record per verb, flags → study → print. Errors of the user are one sentence and exit code 2."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from core import cache_bound, paths, wording
from core.cli import (
    admin,
    catalogue,
    compete,
    compress,
    embed,
    evaluate,
    finetune,
    judge,
    outputs,
    pipeline,
    report,
    search,
    serve,
    slices,
    story,
    study,
    threshold,
    why,
)
from core.cli.verbs import Verb
from core.errors import CoreError

text = wording.page("cli")

VERBS: tuple[Verb, ...] = (
    admin.LIST,
    embed.EMBED,
    evaluate.EVALUATE,
    threshold.THRESHOLD,
    slices.SLICES,
    slices.DOMAINS,
    slices.STRESS,
    compress.COMPRESS,
    pipeline.PIPELINE,
    study.STUDY,
    finetune.FINETUNE,
    finetune.EXPORT_BACKBONE,
    compete.COMPETE,
    search.SEARCH,
    why.WHY,
    catalogue.CATALOGUE,
    judge.JUDGE,
    report.REPORT,
    story.STORY,
    serve.SERVE,
    serve.INVITE,
    admin.FETCH,
    admin.CHECK,
    admin.BENCH,
)


class _Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong, and where the flags are listed."""

    def error(self, message: str) -> NoReturn:
        self.exit(
            2, text("sentence.error_help_lists", upper=message[:1].upper(), message=message[1:], prog=self.prog) + "\n"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Returns the exit code: 0, 2 for an error that the user can mend, 130 after Ctrl-C."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    parsed = _parser().parse_args(_marked(sys.argv[1:] if arguments is None else arguments))
    verb: Verb = parsed.verb
    try:
        paths.home()  # an address is refused before anything is done
        cache_bound.trim_now_and_then()
        for name, endings in (verb.outputs or {}).items():
            outputs.check(name, getattr(parsed, name.replace("-", "_")), endings)
        verb.run(parsed)
    except CoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\n" + text("sentence.stopped_was_finished"), file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, less) has closed: nothing is wrong, and Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        file = str(error.filename or "a file")
        file = file if len(file) <= 80 else f"{file[:77]}…"
        reason = error.strerror or error
        print(text("sentence.error_system_refused", file=file, reason=reason), file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    program = "fusionscope" if Path(sys.argv[0]).stem == "fusionscope" else "python -m core"
    parser = _Parser(prog=program, description=text("sentence.fusionscope_which_backbone"))
    commands = parser.add_subparsers(required=True, metavar="VERB")
    for verb in VERBS:
        command = commands.add_parser(verb.name, help=verb.help)
        groups = {
            name: command.add_mutually_exclusive_group() for name in {flag.excludes for flag in verb.flags} - {""}
        }
        for flag in verb.flags:
            groups.get(flag.excludes, command).add_argument(*flag.names, **flag.settings)
        command.set_defaults(verb=verb)
    return parser


def _marked(arguments: Sequence[str]) -> list[str]:
    """The arguments, with texts that begin with a minus ("-people") told from flags, as argparse cannot.

    No flag here has a single dash but -h. So a text with one, or any text after "--", gets a space before it, and the
    value of a flag is joined to it: `search -people --data x` → `search " -people" --data x`, `--find=-people`.
    """
    verb = next((verb for verb in VERBS if arguments and verb.name == arguments[0]), None)
    if verb is None or verb is admin.BENCH:
        return list(arguments)
    with_value = {name for flag in verb.flags if flag.takes_value for name in flag.names}
    flags = {name for flag in verb.flags for name in flag.names}
    marked, literal = [verb.name], False
    for argument in arguments[1:]:
        if argument == "--":
            literal = True
        elif argument.startswith("-") and argument not in ("-", "-h") and argument not in flags:
            is_text = literal or not argument.startswith("--") or " " in argument.partition("=")[0]
            if marked[-1] in with_value and is_text:
                marked[-1] += f"={argument}"
            else:
                marked.append(f" {argument}" if is_text else argument)
        else:
            marked.append(argument)
    return marked
