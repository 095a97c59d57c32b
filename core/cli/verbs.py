"""A verb of the command line as a record, and the flags that several verbs share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import wording

text = wording.page("cli")


@dataclass(frozen=True)
class Flag:
    """One argument of a verb.

    Attributes:
        names: "--k", or one without dashes for what stands by its place.
        settings: of `argparse.ArgumentParser.add_argument`, its help among them.
        excludes: flags that share this text exclude each other.
    """

    names: tuple[str, ...]
    settings: Mapping[str, Any]
    excludes: str = ""

    @property
    def takes_value(self) -> bool:
        """Whether the argument that follows belongs to it."""
        return self.names[0].startswith("-") and self.settings.get("action", "append") == "append"


def flag(*names: str, excludes: str = "", **settings: Any) -> Flag:
    """A flag as `add_argument` takes it."""
    return Flag(names, settings, excludes)


@dataclass(frozen=True)
class Verb:
    """What can be asked for: `run` gets the parsed arguments and prints.

    Attributes:
        help: one line for the list of all verbs.
        outputs: flags that name a file to write, each with the endings it may have (none: any); they are looked at
            before anything is computed.
    """

    name: str
    help: str
    run: Callable[[argparse.Namespace], None]
    flags: Sequence[Flag]
    outputs: Mapping[str, tuple[str, ...]] | None = None


DATASET = (
    flag("--data", "--dataset", metavar="PATH|NAME", help=text("flag.folder_manifest_dataset")),
    flag("--name", default="", help=text("flag.name_under_which")),
    flag(
        "--reader",
        default="",
        help=text("flag.how_path_read"),
    ),
    flag(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=text("flag.reader_repeatable_depth"),
    ),
    flag(
        "--split",
        default="",
        metavar="QUERY[,TRAIN]",
        help=text("flag.make_seeded_stratified"),
    ),
    flag("--seed", type=int, default=None, help=text("flag.split_default")),
    flag(
        "--one-of-each",
        action=argparse.BooleanOptionalAction,
        default=None,
        help=text("flag.leave_copies_equal"),
    ),
)
VECTORS = (
    flag(
        "--vectors",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help=text("flag.vectors_computed_elsewhere"),
    ),
    flag("--labels", type=Path, help=text("flag.csv_id_label")),
    flag("--pairs", type=Path, help=text("flag.csv_query_id")),
    flag("--invalid", choices=["refuse", "drop"], default="refuse", help=text("flag.rows_nan_infinity")),
)
BACKBONES = (
    flag("--backbone", action="append", default=[], metavar="NAME", help=text("flag.repeatable")),
    flag("--weights", type=Path, help=text("flag.local_checkpoint_one")),
    flag("--projection", action="store_true", help=text("flag.projection")),
)
FUSIONS = (
    flag(
        "--fusions",
        type=Path,
        metavar="FILE",
        help=text("flag.json_list_fusions"),
    ),
    flag("--fuse", action="append", default=[], metavar="A+B", help=text("flag.equal_shares_these")),
)
STEPS = (
    flag(
        "--prepare",
        default="",
        metavar="NAME",
        help=text("flag.vectors_prepared_before"),
    ),
    flag(
        "--rerank",
        default="",
        metavar="NAME",
        help=text("flag.list_ranked_once"),
    ),
)
UNIT = (
    flag(
        "--by-query",
        action="store_true",
        excludes="unit",
        help=text("flag.optimistic_assumes_independent"),
    ),
    flag(
        "--by-class",
        action="store_true",
        excludes="unit",
        help=text("flag.draw_flip_whole"),
    ),
)
