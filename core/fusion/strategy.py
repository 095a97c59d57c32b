"""What a fusion strategy is, and the table of all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from core.registry import Registry
from core.setups import Bounds

JOINS = ("vectors", "scores", "ranks")
PROFILE = 8
"""Numbers that say what a query's score curve by one backbone looks like (`learned.profiles`)."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a strategy: its name in fusions.json, its default and its bounds.

    A default of None means "not set": no depth, or the dim that the data allows.
    """

    name: str
    default: Any
    bounds: Bounds


@dataclass(frozen=True)
class Strategy:
    """One way to join backbones.

    Attributes:
        name: the `kind` of fusions.json.
        function: for vectors, (parts, weights, ...) → (n_images, dim) float32 unit vectors; for scores and ranks,
            (scores, weights, ...) → (n_queries, n_gallery) float64, −inf is "not retrieved".
            `scores` is one (n_queries, n_gallery) float32 array per backbone.
            By keyword it gets its parameters, and whichever of these it names: `own` (n_queries,) int64, where the
            query itself stands in the gallery (−1: nowhere); `gallery` (n_gallery,) int64 positions among the images;
            `names`, the backbones in order.
        label: for people.
        joins: "vectors", "scores" or "ranks".
        sentence: what it does, for people who do not read formulas.
        reference: the paper.
        parameters: with bounds.
        weight: what a weight means: "length" (w_m of concat, share w²/Σw²), "share" (a_m of a sum), "vote" (factor
            of a rank's worth), or "" when only zero or not zero matters.
        linear: True when the score is the sum of shares times cosines, so that weights may change live.
        learned: True when it is trained; its arrays travel with the fusion.
        arrays: of a trained one, (name, axes) each. An axis is "backbones" (how many join), "joined" (the sum of their
            dims), "profiles" (PROFILE a backbone), a sum of names ("profiles+seen"), or a name of its own: axes of one
            name have one length. An axis stands before the sums that need it.
        is_plugin: True when it came from a user's file.
    """

    name: str
    function: Callable[..., Any]
    label: str
    joins: str
    sentence: str = ""
    reference: str = ""
    parameters: tuple[Parameter, ...] = ()
    weight: str = "share"
    linear: bool = False
    learned: bool = False
    arrays: tuple[tuple[str, tuple[str, ...]], ...] = ()
    is_plugin: bool = False

    def __post_init__(self) -> None:
        if self.joins not in JOINS:
            raise ValueError(f"strategy {self.name!r} joins {self.joins!r}; it is one of {', '.join(JOINS)}")

    @cached_property
    def accepts(self) -> frozenset[str]:
        """The keywords that the function takes."""
        return frozenset(inspect.signature(self.function).parameters)

    def keywords(self, **offered: Any) -> dict[str, Any]:
        """Those of `offered` that the function takes."""
        return {name: value for name, value in offered.items() if name in self.accepts}

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of this name, or None."""
        return next((p for p in self.parameters if p.name == name), None)


FUSIONS: Registry[Strategy] = Registry("fusion", Strategy)

NORMS = ("none", "minmax", "zscore")


def norm_parameter(default: str) -> Parameter:
    """How the scores of a backbone are brought to one scale, per query."""
    bounds = Bounds("choice", names=lambda: NORMS, label="Scale", help="How each query's scores are made comparable.")
    return Parameter("norm", default, bounds)


def depth_parameter() -> Parameter:
    """How far down each backbone's list is read; not set means all of it."""
    help_text = "How many of each backbone's best are read. What none of them holds is not retrieved."
    return Parameter("depth", None, Bounds("whole", low=1, high=10_000_000, label="Depth", help=help_text))


def dim_parameter() -> Parameter:
    """Length of the fused vector; not set means as long as the data allows."""
    return Parameter("dim", None, Bounds("whole", low=1, high=65_536, label="Dimensions"))
