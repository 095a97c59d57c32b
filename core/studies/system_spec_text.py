"""A system as a short text, for links and flags: "hog", "saved:My mix", "concat(hog:0.4,resnet50:0.6;norm=minmax)".

A link is a stranger's text: what cannot be read raises one sentence, and nothing else ever happens.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import BadInput, CoreError, UnknownName
from core.fusion import FUSIONS, PREPARATIONS, FusionSpec, Step
from core.fusion.spec import named_by_shares, title

__all__ = ["SAVED", "SystemRef", "named_by_shares", "read", "spell", "title"]

SAVED = "saved:"
STEP = "~"
"""Stands before what is done before and after the search: "hog~centred~k_reciprocal:k1=20"."""
_SPELLED = re.compile(r"([a-z][a-z0-9_]*)\((.*)\)", re.DOTALL)
LONGEST = 2000


@dataclass(frozen=True)
class SystemRef:
    """A system that a text names: a backbone (`spec` is None) or a fusion."""

    text: str
    title: str
    spec: FusionSpec | None = None

    @property
    def backbones(self) -> tuple[str, ...]:
        """The backbones that must be embedded for it."""
        return (self.text,) if self.spec is None else self.spec.active


def spell(spec: FusionSpec) -> str:
    """A fusion as text, shares rounded to 4 digits; a trained one, whose arrays have no text, by its name.

    >>> spell(FusionSpec("mix", "concat", ("a", "b"), (3.0, 4.0)))
    'concat(a:0.36,b:0.64)'
    >>> spell(FusionSpec("one", "concat", ("a",), rerank=Step("re-ranking", "csls")))
    'a~csls'
    """
    if spec.learned:
        return SAVED + spec.name
    shares = ",".join(f"{name}:{round(share, 4):g}" for name, share in spec.shares.items())
    settings = ",".join(f"{name}={_plain(value)}" for name, value in spec.parameters if value is not None)
    joined = f"{spec.kind}({shares}{';' + settings if settings else ''})"
    if spec.steps and spec.kind == "concat" and len(spec.active) == 1:
        joined = spec.active[0]
    return STEP.join([joined, *(step.text for step in spec.steps)])


def _plain(value: object) -> str:
    return ("1" if value else "0") if isinstance(value, bool) else str(value)


def read(text: str, backbones: Sequence[str], saved: Mapping[str, FusionSpec]) -> SystemRef:
    """The system that a text names.

    Args:
        backbones: those that can be used here.
        saved: fusions by name.
    Raises:
        UnknownName, BadInput: one sentence; the text is quoted, cut short.
    """
    text = str(text).strip()
    short = text if len(text) <= 80 else text[:77] + "…"
    if len(text) > LONGEST:
        raise BadInput(
            f"The system {short!r} is longer than {LONGEST} characters; save the fusion and name it instead."
        )
    if text in backbones:
        return SystemRef(text, text)
    if text.startswith(SAVED):
        name = text[len(SAVED) :]
        if name not in saved:
            raise UnknownName(
                f"No fusion is saved as {name[:80]!r} here. Save it in the Fusion lab, or choose another system."
            )
        return _usable(SystemRef(text, name, saved[name]), backbones)
    joined, *steps = text.split(STEP)
    spelled = _SPELLED.fullmatch(joined)
    if not spelled and not (steps and joined in backbones):
        raise UnknownName(f"No system is named {short!r} here. Choose a backbone, or a fusion, from the list.")
    spec = _fusion(spelled[1], spelled[2], short) if spelled else FusionSpec(joined, "concat", (joined,))
    return _usable(SystemRef(text, "", _stepped(spec, steps)), backbones)


def _stepped(spec: FusionSpec, texts: Sequence[str]) -> FusionSpec:
    """The fusion with the steps that a text names: at most one before the search and one after it.

    Raises:
        UnknownName, BadInput: one sentence.
    """
    steps: dict[str, Step | None] = {}
    for text in texts:
        kind = "preparation" if text.partition(":")[0].strip() in PREPARATIONS else "re-ranking"
        if kind in steps:
            raise BadInput(f"A system has one {kind}; {text[:60]!r} is a second one.")
        steps[kind] = Step.read(kind, text)
    if not any(steps.values()):
        return spec
    return named_by_shares(dataclasses.replace(spec, prepare=steps.get("preparation"), rerank=steps.get("re-ranking")))


def _usable(named: SystemRef, backbones: Sequence[str]) -> SystemRef:
    absent = [name for name in named.backbones if name not in backbones]
    if absent:
        raise UnknownName(
            f"{named.title or 'The fusion'} needs the backbone {absent[0][:80]!r}, which is not embedded here. "
            "Embed it on the Overview, or choose another system."
        )
    return named if named.title or named.spec is None else SystemRef(named.text, title(named.spec), named.spec)


def _fusion(kind: str, inside: str, short: str) -> FusionSpec:
    if kind not in FUSIONS:
        raise UnknownName(f"No strategy is named {kind[:80]!r}; there are {', '.join(FUSIONS.names)}.")
    parts, _, settings = inside.partition(";")
    try:
        pairs = [part.rsplit(":", 1) for part in parts.split(",") if part.strip()]
        shares = {name.strip(): float(share) for name, share in pairs}
        if len(shares) != len(pairs):
            raise ValueError("twice")
        parameters = tuple(_setting(kind, part) for part in settings.split(",") if part.strip())
        spec = FusionSpec(f"{kind} of {len(shares)}", kind, tuple(shares), None, parameters)
        return named_by_shares(spec.with_shares(shares))
    except ValueError:
        raise BadInput(
            f"The fusion {short!r} cannot be read. It looks like concat(hog:0.4,hsv_histogram:0.6)."
        ) from None
    except CoreError as error:
        raise BadInput(f"The fusion {short!r} cannot be used: {error}") from None


def _setting(kind: str, text: str) -> tuple[str, object]:
    name, equals, value = text.strip().partition("=")
    parameter = FUSIONS.get(kind).parameter(name)
    if not equals or parameter is None:
        raise BadInput(f"{kind} has no parameter {name[:80]!r}.")
    if parameter.bounds.kind == "flag":
        return name, value in {"1", "true"}
    if parameter.bounds.kind == "choice":
        return name, value
    number = float(value)
    return name, int(number) if parameter.bounds.kind == "whole" and number == int(number) else number
