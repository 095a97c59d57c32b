"""TOML for people: the line at which something stands, and texts, numbers and tables as they are written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.errors import BadInput


class PrintedFloat(float):
    """A number that is shown as it was written: 1.510 stays 1.510."""

    def __new__(cls, text: str) -> PrintedFloat:
        """A number from its text."""
        number = super().__new__(cls, text)
        number.text = text.replace("_", "")
        return number

    text: str

    def __reduce__(self) -> tuple[type[PrintedFloat], tuple[str]]:
        """A copy is made from the text."""
        return PrintedFloat, (self.text,)

    def __repr__(self) -> str:
        return self.text


_HINTS = {
    "Cannot overwrite a value": "this field stands twice; take one of the two out",
    "Cannot declare": "this table stands twice; write [[dataset]], [[fusion]] and [[published]] with two brackets each",
    "Cannot mutate immutable": "this table was closed already; put the field where the table begins",
    "Expected '=' after a key": "write a field as `name = …`",
    "Invalid value": 'texts stand between quotes, as in `title = "words"`; lists between brackets',
    "Illegal character": "a text ends on its line, with the quote that it began with",
    "Unterminated string": "a text ends with the quote that it began with",
    'Expected "\'"': "a text ends with the quote that it began with",
    "Unclosed array": "a list that began with [ ends with ]",
    "Unclosed inline table": "a table that began with { ends with }",
    "Expected newline or end of document": "one field a line; a number has no leading zero, and texts stand between quotes",
    "Expected ']": "a header is [name] or [[name]]",
    "Invalid statement": "a line is a field, a [header], or a # comment",
    "Unescaped": "write a backslash twice, or put the text between single quotes",
    "Invalid initial character for a key part": "a field has a name of letters, as in `title = …`",
    "Exceeds the limit": "this number has too many digits",
}
"""How a reason of Python's reader begins → what to do about it."""
_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


def decoded(content: bytes, name: str) -> str:
    """The text of a file.

    Raises:
        BadInput: it is not UTF-8; the sentence has the line.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{name}, line {line}: this is not UTF-8 text; save the file as UTF-8.") from None


def problem(error: ValueError, text: str, name: str) -> str:
    """What is wrong with a text that is no TOML, in a sentence with its line and what to do.

    >>> import tomllib
    >>> try:
    ...     tomllib.loads("seed = 1\\nseed = 2")
    ... except ValueError as error:
    ...     problem(error, "seed = 1\\nseed = 2", "a.toml")
    'a.toml, line 2, is not valid TOML: this field stands twice; take one of the two out.'
    """
    position = _PLACE.search(str(error))
    reason = str(error)[: position.start()] if position else str(error)
    line = int(position[1]) if position and position[1] else max(1, len(text.rstrip().splitlines()))
    hint = next((hint for begin, hint in _HINTS.items() if reason.startswith(begin)), reason)
    return f"{name}, line {line}, is not valid TOML: {hint}."


_HEADER = re.compile(r"^\s*\[(\[?)\s*([\w.-]+)\s*\]\]?\s*(?:#.*)?$")


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The line, from 1, at which a value of a TOML text stands; that of what it is in where it cannot be told.

    Args:
        path: keys and positions, such as ("fusion", 1, "kind").

    >>> line_of('seed = 1\\n[[fusion]]\\nname = "a"\\n[[fusion]]\\nkind = "x"\\n', ("fusion", 1, "kind"))
    5
    """
    if not path:
        return 1
    lines = text.splitlines()
    headers = [(at, match[2], bool(match[1])) for at, line in enumerate(lines) if (match := _HEADER.match(line))]
    first = str(path[0])
    mine = [at for at, name, _ in headers if name == first]
    if not mine:
        end = headers[0][0] if headers else len(lines)
        return _within(lines, 0, end, path)
    number = path[1] if len(path) > 1 and isinstance(path[1], int) else 0
    start = mine[min(number, len(mine) - 1)]
    end = next((at for at, name, _ in headers if at > start and not name.startswith(first + ".")), len(lines))
    rest = path[2:] if len(path) > 1 and isinstance(path[1], int) else path[1:]
    return _within(lines, start, end, rest)


def _within(lines: Sequence[str], start: int, end: int, path: Sequence[str | int]) -> int:
    """Follow keys and positions downwards, each from where the last one was seen."""
    here, depth = start, 0
    for step in path:
        if isinstance(step, str):
            key = re.compile(rf"(?:^|[{{,\s])\"?{re.escape(step)}\"?\s*=")
            # Within a table in braces the key stands on its line, or on one of those that follow.
            here = next((at for at in range(here, end) if key.search(_code(lines[at]))), here)
        else:
            braces = ((at, char) for at in range(here, end) for char in _code(lines[at]) if char in "{}")
            opened = -1
            for at, char in braces:
                depth += 1 if char == "{" else -1
                opened += char == "{" and depth == 1
                if opened == step:
                    here = at
                    break
            depth = 0
    return here + 1


def _code(line: str) -> str:
    """A line without what its texts hold, and without its comment."""
    return re.sub(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'', lambda match: match[0][0] + match[0][-1], line).partition("#")[0]


# ---------------------------------------------------------------- writing


def value(content: Any) -> str:
    """A value as TOML writes it on one line.

    >>> value({"label": "a", "same": True}), value([0.5, "x"])
    ('{ label = "a", same = true }', '[0.5, "x"]')
    """
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, str):
        return json.dumps(content, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(content, int | float):
        return repr(content)
    if isinstance(content, Mapping):
        inside = ", ".join(f"{key(name)} = {value(part)}" for name, part in content.items())
        return f"{{ {inside} }}" if inside else "{}"
    return f"[{', '.join(map(value, content))}]"


def key(name: str) -> str:
    """A key, between quotes where it must be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else value(name)


def long_list(name: str, items: Iterable[Any]) -> str:
    """`name = [ … ]` with an item a line."""
    return "\n".join([f"{key(name)} = [", *(f"  {value(item)}," for item in items), "]"])
