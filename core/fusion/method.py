"""What a step before or after the search is: one record, whichever table it stands in."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from core.fusion.strategy import Parameter


@dataclass(frozen=True)
class Method:
    """One way to prepare vectors, or to rank once more.

    Attributes:
        name: in links, flags and fusions.json.
        function: see `core.fusion.preparations` and `core.fusion.rerankings`; it gets its parameters by keyword, one
            that is a word of Python with "_" behind it (`lambda_`).
        label: for people.
        short: as it stands in the name of a system: "Lite0 50 + HSV 50, centred, k-reciprocal".
        sentence: what it does, for people who do not read formulas.
        reference: the paper.
        parameters: with bounds.
        size: of a re-ranking, the parameter that must not exceed the number of right answers; "" for none.
        is_plugin: True when it came from a user's file.
    """

    name: str
    function: Callable[..., Any]
    label: str
    short: str = ""
    sentence: str = ""
    reference: str = ""
    parameters: tuple[Parameter, ...] = ()
    size: str = ""
    is_plugin: bool = False

    @property
    def noun(self) -> str:
        """What stands in the name of a system."""
        return self.short or self.label.lower()

    @cached_property
    def accepts(self) -> frozenset[str]:
        """The keywords that the function takes."""
        return frozenset(inspect.signature(self.function).parameters)

    def keywords(self, **offered: Any) -> dict[str, Any]:
        """Those of `offered` that the function takes, under names that Python allows."""
        spelled = {f"{name}_" if keyword.iskeyword(name) else name: value for name, value in offered.items()}
        return {name: value for name, value in spelled.items() if name in self.accepts}

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of this name, or None."""
        return next((p for p in self.parameters if p.name == name), None)
