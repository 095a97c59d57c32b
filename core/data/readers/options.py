"""What a reader can be told: the kinds of its options, and text that was typed as their values."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

from core.data.readers.registry import Reader
from core.errors import BadInput

_FLAGS = {"yes": True, "true": True, "1": True, "on": True, "no": False, "false": False, "0": False, "off": False}
_KINDS = {"int": "whole", "float": "number", "bool": "flag", "dict": "mapping"}


def option_kind(reader: Reader, name: str) -> str:
    """What an option of a reader takes: "whole", "number", "flag", "mapping" or "text"."""
    annotation = str(inspect.signature(reader.function).parameters[name].annotation)
    return next((kind for word, kind in _KINDS.items() if annotation.startswith(word)), "text")


def option_default(reader: Reader, name: str) -> Any:
    """What an option is when nobody says anything."""
    return inspect.signature(reader.function).parameters[name].default


def options_from(reader: Reader, typed: Mapping[str, str]) -> dict[str, Any]:
    """Options that were typed, as the reader takes them.

    Args:
        typed: option → text. A mapping is typed `ours:theirs,ours:theirs`, or as JSON where a name holds a comma.
    Raises:
        BadInput: the reader has no such option, or the text is no value for it.
    """
    options: dict[str, Any] = {}
    for name, text in typed.items():
        if name not in reader.options:
            takes = f"it takes {', '.join(reader.options)}" if reader.options else "it takes none"
            raise BadInput(f"The reader {reader.name!r} has no option {name!r}; {takes}.")
        parse, wanted = _PARSERS[option_kind(reader, name)]
        try:
            options[name] = parse(text.strip())
        except (ValueError, KeyError) as error:
            raise BadInput(f"The option {name!r} takes {wanted}, not {text.strip()[:60]!r}.") from error
        if options[name] not in reader.choices.get(name, (options[name],)):
            raise BadInput(f"The option {name!r} takes {', '.join(reader.choices[name])}, not {text.strip()[:60]!r}.")
    return options


def _mapping(text: str) -> dict[str, str]:
    if text.startswith("{"):
        content = json.loads(text)
        if not all(isinstance(value, str) for value in content.values()):
            raise ValueError(text)
        return content
    pairs = [part.partition(":") for part in text.split(",")]
    if not all(ours.strip() and mark for ours, mark, _ in pairs):
        raise ValueError(text)
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


_PARSERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "whole": (int, "a whole number"),
    "number": (float, "a number"),
    "flag": (lambda text: _FLAGS[text.lower()], "yes or no"),
    "mapping": (_mapping, "ours:theirs,ours:theirs, e.g. path:photo"),
    "text": (str, "text"),
}
