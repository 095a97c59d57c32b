"""The question of the page Studies: which study, in which metric, looked at how."""

from __future__ import annotations

from dataclasses import dataclass

from core.setups.fields import choice, text


@dataclass(frozen=True)
class StudiesSetup:
    """Studies: one of them, the metric of its tables and charts, and what is looked at closely."""

    study: str = text(default="", longest=100, label="Study", short="study")
    metric: str = choice(None, default="", label="Metric", short="m")
    look: str = choice(
        lambda: ("bars", "ranks", "cost", "curves", "cases", "winners"),
        default="bars",
        label="A closer look",
        short="see",
    )
    cost: str = choice(lambda: ("milliseconds", "megabytes"), default="milliseconds", label="Cost", short="cost")
    dataset: str = text(default="", longest=200, label="Dataset", short="of")
    system: str = text(default="", longest=200, label="System", short="sys")
    end: str = choice(lambda: ("worst", "best"), default="worst", label="Which queries", short="end")
