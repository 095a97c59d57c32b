"""A verb of the command line as a record, and the flags that several verbs share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
    flag("--data", "--dataset", metavar="PATH|NAME", help="a folder, a manifest, or a dataset's name"),
    flag("--name", default="", help="the name under which a path is remembered (default: the folder's name)"),
    flag(
        "--reader",
        default="",
        help="how the path is read; found by itself if left out; `python -m core list readers` shows all, with options",
    ),
    flag(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the reader, repeatable: depth=2, columns=path:photo,label:kind, protocol=hard, ...",
    ),
    flag(
        "--split",
        default="",
        metavar="QUERY[,TRAIN]",
        help="make a seeded, stratified split of these shares and keep it, e.g. 0.2 or 0.15,0.5; 'given' goes back",
    ),
    flag("--seed", type=int, default=None, help="of --split (default 0)"),
    flag(
        "--one-of-each",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="leave copies of equal bytes out and remember it, or bring them back",
    ),
)
VECTORS = (
    flag(
        "--vectors",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="vectors computed elsewhere; with --data they are attached to it, by id or by row",
    ),
    flag("--labels", type=Path, help="CSV id,label[,split], a row per vector row"),
    flag("--pairs", type=Path, help="CSV query_id,item_id,kind (relevant or junk)"),
    flag("--invalid", choices=["refuse", "drop"], default="refuse", help="rows with NaN or infinity"),
)
BACKBONES = (
    flag("--backbone", action="append", default=[], metavar="NAME", help="repeatable"),
    flag("--weights", type=Path, help="a local checkpoint for the one backbone named (timm)"),
)
FUSIONS = (
    flag(
        "--fusions",
        type=Path,
        metavar="FILE",
        help='JSON list of fusions, e.g. [{"kind": "rrf", "backbones": ["a", "b"]}]',
    ),
    flag("--fuse", action="append", default=[], metavar="A+B", help="equal shares of these; repeatable"),
)
STEPS = (
    flag(
        "--prepare",
        default="",
        metavar="NAME",
        help="vectors prepared before the search; where systems are compared, beside each as it is, e.g. centred, centred_by_group:column=domain "
        "(`list preparations`)",
    ),
    flag(
        "--rerank",
        default="",
        metavar="NAME",
        help="the list ranked once more; where systems are compared, beside each as it is, e.g. k_reciprocal:k1=20,k2=6,lambda=0.3,keep=1 "
        "(`list re-rankings`)",
    ),
)
UNIT = (
    flag(
        "--by-query",
        action="store_true",
        excludes="unit",
        help="optimistic: assumes independent queries, though those of a class are not",
    ),
    flag(
        "--by-class",
        action="store_true",
        excludes="unit",
        help="draw and flip whole classes where queries share them (the default)",
    ),
)
