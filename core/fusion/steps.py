"""What a system does before and after the search, as people write it: "centred", "k_reciprocal:k1=20,k2=6,lambda=0.3"."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from core.errors import BadInput
from core.fusion import hub_reduction, k_reciprocal, query_expansion, spec_checks
from core.fusion.method import Method
from core.fusion.preparations import PREPARATIONS
from core.fusion.rerankings import KEEP, RERANKINGS, parameters_of
from core.fusion.strategy import Parameter
from core.registry import Registry

__all__ = ["TABLES", "Step", "hub_reduction", "k_reciprocal", "query_expansion"]

TABLES: dict[str, Registry[Method]] = {"preparation": PREPARATIONS, "re-ranking": RERANKINGS}
"""The two tables by what an entry is called."""


@dataclass(frozen=True)
class Step:
    """A preparation or a re-ranking with its parameters.

    Attributes:
        kind: "preparation" or "re-ranking".
        name: of its table.
        parameters: ((name, value), …), only those that were set.
    Raises:
        UnknownName: no such entry. BadInput: a parameter that it does not have, or beyond its bounds.
    """

    kind: str
    name: str
    parameters: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        method = TABLES[self.kind].get(self.name)
        checked = spec_checks.checked_settings(method.name, self.known, self.parameters)
        object.__setattr__(self, "parameters", checked)

    @property
    def method(self) -> Method:
        """Its entry."""
        return TABLES[self.kind].get(self.name)

    @property
    def known(self) -> tuple[Parameter, ...]:
        """The parameters that it has; of a re-ranking `keep` is one."""
        return parameters_of(self.method) if self.kind == "re-ranking" else self.method.parameters

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every parameter: as set, else its default."""
        return {p.name: p.default for p in self.known} | dict(self.parameters)

    @property
    def text(self) -> str:
        """As `read` takes it, every parameter that is not the default.

        >>> Step("re-ranking", "k_reciprocal", (("k1", 8), ("keep", 1))).text
        'k_reciprocal:k1=8'
        """
        defaults = {p.name: p.default for p in self.known}
        set_ones = [f"{name}={_plain(v)}" for name, v in self.settings.items() if v is not None and v != defaults[name]]
        return f"{self.name}:{','.join(set_ones)}" if set_ones else self.name

    @property
    def title(self) -> str:
        """For the name of a system: 'k-reciprocal', 'k-reciprocal (k1 8, keep 0)', 'centred by domain'."""
        settings, defaults = self.settings, {p.name: p.default for p in self.known}
        words = {name: v for name, v in settings.items() if v != defaults[name]}
        if self.name == "centred_by_group" and settings["column"]:
            return f"centred by {settings['column']}"
        noted = ", ".join(f"{name} {_plain(value)}" for name, value in words.items())
        return f"{self.method.noun} ({noted})" if noted else self.method.noun

    def with_settings(self, **values: Any) -> Step:
        """The same with other parameters; those that it does not have are left out."""
        names = {p.name for p in self.known}
        changed = dict(self.parameters) | {name: value for name, value in values.items() if name in names}
        return Step(self.kind, self.name, tuple(changed.items()))

    @classmethod
    def read(cls, kind: str, text: str) -> Step | None:
        """The step of a text; None where it says that nothing is done ("" and "none").

        Raises:
            UnknownName: no such entry. BadInput: one sentence that names the parameter.
        """
        name, _, rest = text.strip().partition(":")
        name = name.strip()
        if name in ("", "none"):
            return None
        method = TABLES[kind].get(name[:80])
        known = {p.name: p for p in (parameters_of(method) if kind == "re-ranking" else method.parameters)}
        return cls(kind, name, tuple(_settings(name, known, rest.split(","))))


def _settings(name: str, known: dict[str, Parameter], parts: Iterable[str]) -> Iterable[tuple[str, Any]]:
    for part in parts:
        if not part.strip():
            continue
        key, equals, value = part.strip().partition("=")
        if not equals or key not in known:
            has = ", ".join(known) or "none"
            raise BadInput(
                f"{name} has no parameter {key[:80]!r}; it has {has}. Write {name}:{KEEP.name}=1, for example."
            )
        bounds = known[key].bounds
        if bounds.kind in ("text", "choice"):
            yield key, value.strip()
        elif bounds.kind == "flag":
            yield key, value.strip().lower() in {"1", "true", "yes"}
        else:
            try:
                number = float(value)
                yield key, int(number) if bounds.kind == "whole" and number == int(number) else number
            except (ValueError, OverflowError):
                raise BadInput(f"{name} takes a number for {key!r}, got {value[:40]!r}.") from None


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return f"{value:g}" if isinstance(value, float) else str(value)
