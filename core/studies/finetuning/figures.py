"""A tuned backbone beside the frozen one, on images that neither training nor stopping saw."""

from __future__ import annotations

from dataclasses import dataclass

from core import backbones
from core.errors import BadInput
from core.metrics.significance import Difference
from core.studies import fusion, training_split
from core.studies.evaluation import Result
from core.studies.finetuning import seen_classes
from core.types import Dataset, Figure
from core.wording import figure, interval, plural, signed


@dataclass(frozen=True)
class Beside:
    """A tuned backbone and its base on the same queries.

    Attributes:
        name, base: their names.
        result: both, with every metric.
        seen: how many of the query classes were seen in training.
    """

    name: str
    base: str
    result: Result
    seen: seen_classes.Seen

    def figure(self, name: str, metric: str = "map") -> Figure:
        """A figure of one of the two."""
        return self.result[name].figures[metric]

    @property
    def difference(self) -> Difference:
        """Tuned less frozen, mean AP, paired."""
        return self.result.comparison.difference(self.name, self.base)

    def sentence(self) -> str:
        """Both figures, their difference, and what it stands for, for people."""
        tuned, frozen, by = self.figure(self.name), self.figure(self.base), self.difference
        verdict = ("better" if by.mean > 0 else "worse") if by.differs else f"no difference shown ({by.conclusion})"
        return (
            f"mAP {figure(tuned.mean, tuned.low, tuned.high)}, frozen {figure(frozen.mean, frozen.low, frozen.high)}: "
            f"{signed(by.mean)} {interval(by.low, by.high, sign=True)}, {verdict}; {plural(tuned.n_valid, 'query')}, {self.seen.words}."
        )


def beside(name: str, dataset: Dataset, metric: str = "map") -> Beside:
    """A tuned backbone beside its base, both embedded, on what is left of a dataset without its training images.

    Raises:
        BadInput: it was not tuned, or nothing is left. NotComputed: one of them is not embedded.
    """
    card = backbones.tuned.card(name)
    if card is None:
        raise BadInput(f"{name!r} was not tuned here, so there is no frozen one to compare it with.")
    base = str(card["base"]["name"])
    left = training_split.without_tuned(dataset, [name])
    seen = seen_classes.of(name, left)
    assert seen is not None, "it has a card"
    return Beside(name, base, fusion.evaluate(left, [name, base], metric=metric), seen)
