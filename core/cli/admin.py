"""What looks after the installation: `list`, `fetch`, `check`, `bench`."""

from __future__ import annotations

import argparse

from core import bench, wording
from core.cli import inputs
from core.cli.verbs import Verb, flag
from core.registry import LISTED

text = wording.page("cli")


def list_entries(arguments: argparse.Namespace) -> None:
    """One of the registries as a table."""
    from core.studies import registry_entries

    if arguments.kind in ("fusions", "preparations", "re-rankings") and not arguments.markdown:
        inputs.load_plugins()
    if arguments.markdown:
        print(registry_entries.markdown(arguments.kind), end="")
    else:
        print(registry_entries.plain(registry_entries.table(arguments.kind)))


def fetch(arguments: argparse.Namespace) -> None:
    """Bring weights into the hub's cache, on a machine with a network."""
    from core import backbones

    for name in arguments.names:
        print(backbones.fetch(name, task=inputs.task()))


def check(arguments: argparse.Namespace) -> None:
    """Where the store is, what it holds and what was imported, whether each part is whole; --mend sets aside."""
    from core import data
    from core.store import open_store

    if arguments.mend:
        print("\n".join(open_store().repair()) or text("sentence.nothing_store_damaged"))
    print(open_store().check())
    for name in data.names():
        whole, damaged = data.attached_vectors.look_over(name)
        for line in [*whole, *(f"NOT WHOLE. {reason}" for reason in damaged)]:
            print(f"  vectors of {name}: {line}")


def run_benchmark(arguments: argparse.Namespace) -> None:
    """Run one benchmark; `bench NAME --help` says what it takes."""
    bench.run(arguments.name, arguments.rest)


LIST = Verb(
    "list",
    "what is there: backbones, datasets, metrics, fusions, preparations, re-rankings, actions",
    list_entries,
    (
        flag("kind", choices=[f"{kind}s" for kind in LISTED]),
        flag("--markdown", action="store_true", help=text("flag.markdown_page_catalog")),
    ),
)
FETCH = Verb(
    "fetch",
    text("phrase.download_weights_backbone"),
    fetch,
    (flag("names", nargs="+", metavar="BACKBONE"),),
)
CHECK = Verb(
    "check",
    text("phrase.look_over_store"),
    check,
    (
        flag(
            "--mend",
            action="store_true",
            help=text("flag.set_damaged_aside"),
        ),
    ),
)
BENCH = Verb(
    "bench",
    text("sentence.measure_machine") + " " + ", ".join(bench.names()),
    run_benchmark,
    (flag("name", choices=bench.names()), flag("rest", nargs=argparse.REMAINDER)),
)
