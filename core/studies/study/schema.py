"""What a study file may hold, field by field, and the sentence for what it may not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from core.errors import BadInput
from core.registry import did_you_mean
from core.studies.study.toml_lines import line_of

LARGEST = 2**32 - 1
"""Of whole numbers: what every generator of random numbers takes as its seed."""
KINDS = {
    "text": ("text", '"words"'),
    "whole": (f"a whole number from 0 to {LARGEST:,}", "0"),
    "number": ("a number of at least 0", "0.01"),
    "flag": ("true or false", "true"),
    "texts": ("a list of texts", '["a", "b"]'),
    "numbers": ("a list of numbers", "[0.5, 0.25]"),
    "table": ("a table", "{ a = 1 }"),
    "tables": ("a list of tables", "[{ a = 1 }]"),
    "weights": ("a list of numbers or a table of them", "[0.7, 0.3]"),
    "values": ("a list of numbers and texts", '[0.456, "< 0.001"]'),
    "any": ("a value", "1"),
}
"""Kind of a field → what it is called, and an example."""

STUDY = {
    "title": "text",
    "text": "text",
    "seed": "whole",
    "metrics": "texts",
    "by_query": "flag",
    "rope": "number",
    "baseline": "text",
    "backbones": "texts",
    "dataset": "tables",
    "fusion": "tables",
    "catalogue": "table",
    "published": "tables",
}
DATASET = {"data": "text", "name": "text", "split": "numbers", "reader": "text", "options": "table", "why": "text"}
FUSION = {
    "name": "text",
    "kind": "text",
    "backbones": "texts",
    "weights": "weights",
    "norm": "text",
    "k": "number",
    "depth": "whole",
    "dim": "whole",
    "whiten": "flag",
    "seed": "whole",
    "parameters": "table",
    "prepare": "text",
    "rerank": "text",
    "tuned": "text",
    "saved": "text",
}
CATALOGUE = {"space": "text", "strategies": "texts", "components": "texts", "queries": "text", "weights": "table"}
PUBLISHED = {"title": "text", "source": "text", "why": "text", "columns": "tables", "rows": "tables"}
COLUMN = {"label": "text", "ours": "text", "same": "flag", "why": "text"}
ROW = {"system": "text", "ours": "text", "values": "values"}


@dataclass(frozen=True)
class Source:
    """The text of a study file, for sentences that name a line.

    Attributes:
        name: of the file, as people know it.
    """

    name: str
    text: str

    def refuse(self, path: Sequence[str | int], sentence: str) -> NoReturn:
        """Raises BadInput: the file, the line, the sentence."""
        raise BadInput(f"{self.name}, line {line_of(self.text, path)}: {sentence}")

    def names(self, path: Sequence[str | int], name: str, kind: str, known: Iterable[str]) -> None:
        """Raises BadInput where a name is none of those that are known."""
        known = list(dict.fromkeys(known))
        if name not in known:
            self.refuse(path, f"there is no {kind} {name[:60]!r}.{_instead(name, known)}")


def check(source: Source, table: Any, fields: Mapping[str, str], path: tuple[str | int, ...] = ()) -> None:
    """Every field is known and of its kind.

    Raises:
        BadInput: the first one that is not, with its line and what was perhaps meant.
    """
    for name, content in table.items():
        if name not in fields:
            source.refuse((*path, name), f"there is no field {name[:60]!r} here.{_instead(name, list(fields))}")
        kind = fields[name]
        if not _fits(content, kind):
            words, example = KINDS[kind]
            if kind == "tables" and isinstance(content, dict):
                source.refuse((*path, name), f"there may be several of {name}; write [[{name}]] with two brackets.")
            source.refuse((*path, name), f"{name} is {words}, such as `{name} = {example}`, not {_called(content)}.")


def _instead(name: str, known: Sequence[str]) -> str:
    """What was perhaps meant, else what there is."""
    more = f" and {len(known) - 10} more" if len(known) > 12 else ""
    return did_you_mean(name, known, count=1) or f" There are {', '.join(known[:10] if more else known)}{more}."


def require(source: Source, table: Mapping[str, Any], fields: Sequence[str], path: tuple[str | int, ...]) -> None:
    """Raises BadInput where a field is missing or empty."""
    for name in fields:
        if not table.get(name):
            source.refuse(path, f"{name} is missing; write `{name} = …` below this line.")


def _is_number(content: Any) -> bool:
    return isinstance(content, int | float) and not isinstance(content, bool) and math.isfinite(content)


def _fits(content: Any, kind: str) -> bool:
    fits = {
        "text": lambda: isinstance(content, str),
        "whole": lambda: isinstance(content, int) and not isinstance(content, bool) and 0 <= content <= LARGEST,
        "number": lambda: _is_number(content) and content >= 0,
        "flag": lambda: isinstance(content, bool),
        "texts": lambda: isinstance(content, list) and all(isinstance(part, str) for part in content),
        "numbers": lambda: isinstance(content, list) and all(map(_is_number, content)),
        "table": lambda: isinstance(content, dict),
        "tables": lambda: isinstance(content, list) and all(isinstance(part, dict) for part in content),
        "weights": lambda: (
            all(map(_is_number, content.values() if isinstance(content, dict) else content))
            if isinstance(content, dict | list)
            else False
        ),
        "values": lambda: (
            isinstance(content, list) and all(_is_number(part) or isinstance(part, str) for part in content)
        ),
        "any": lambda: True,
    }
    return bool(fits[kind]())


def _called(content: Any) -> str:
    """What a TOML value is, for sentences."""
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}
    if isinstance(content, int | float) and not isinstance(content, bool) and content < 0:
        return f"{content}"
    if isinstance(content, list) and content:
        inside = {names.get(type(part), "a date") for part in content}
        return f"a list of {', '.join(sorted(name.removeprefix('a ') for name in inside))}"
    return names.get(type(content), "a date or time")
