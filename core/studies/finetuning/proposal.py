"""Which of several trainings is proposed: more than a head only where it is shown to beat the head of the same network.

A head takes seconds, the network itself minutes or a night; so the head is trained beside whatever else was, on the same
images, and the two are tested query by query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core import backbones, data
from core.errors import BadInput
from core.metrics.significance import Difference
from core.studies import embedding, evaluation, systems, training_split
from core.studies.comparison import Comparison
from core.studies.evaluation import Result
from core.studies.finetuning import run
from core.studies.finetuning.plan import MOVES, Plan
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task
from core.types import Dataset
from core.wording import figure, interval, signed


@dataclass(frozen=True)
class Proposal:
    """What is proposed, and the paired differences that say so.

    Attributes:
        name: of the system that is proposed: the frozen network, its head, or what moved more.
        against_frozen: the head less the frozen network.
        against_head: what moved more less the head; None where only heads were trained.
    """

    name: str
    against_frozen: Difference
    against_head: Difference | None = None


def propose(compared: Comparison, frozen: str, heads: Sequence[str], more: Sequence[str] = ()) -> Proposal:
    """The frozen network unless its head is better in a paired test; the head unless what moved more is better than it.

    Args:
        heads, more: systems of which a head alone, or more than a head, was trained; the best of each stands for all.
    """

    def best(names: Sequence[str]) -> str:
        return max(names, key=lambda name: compared.estimates[name].mean)

    head = best(heads)
    gained = compared.difference(head, frozen)
    name = head if _is_better(gained) else frozen
    if not more:
        return Proposal(name, gained)
    moved = best(more)
    beyond = compared.difference(moved, head)
    if _is_better(beyond) and _is_better(compared.difference(moved, frozen)):
        name = moved
    return Proposal(name, gained, beyond)


def _is_better(by: Difference) -> bool:
    return by.differs and by.mean > 0


@dataclass(frozen=True)
class BesideHead:
    """A network of which more than a head was trained, beside the head of the same network on the same queries.

    Attributes:
        name, base, moves: the tuned backbone, what it was tuned from, what moved.
        result: the three, with every metric.
        proposal: which is proposed.
    """

    name: str
    base: str
    moves: str
    result: Result
    proposal: Proposal

    def sentence(self) -> str:
        """Both figures, their difference and what is proposed, for people."""
        by = self.proposal.against_head
        assert by is not None, "something moved beside a head"
        head = self.result[HEAD].figures["map"]
        gained = f"{MOVES[self.moves]}: {signed(by.mean)} {interval(by.low, by.high, sign=True)} mAP over a head alone"
        proposed = {
            self.name: f"so {self.name} is proposed",
            HEAD: "which shows no gain over it, so the head is proposed: it takes seconds",
            self.base: "and the head shows no gain over the frozen network, so the frozen network is proposed",
        }[self.proposal.name]
        return f"{gained} ({figure(head.mean, head.low, head.high)}), {proposed}."


HEAD = "head alone"
"""How the head is called that is trained for the comparison and not kept."""


def beside_head(name: str, dataset: Dataset, *, task: Task = NO_TASK) -> BesideHead | None:
    """A tuned backbone beside a head of the same network, trained on the same images with the same loss and seed.

    Returns:
        None where a head is all that was trained.
    Raises:
        BadInput: it was not tuned, or no image is left that neither of the two was trained on.
        NotComputed: it, or its base, is not embedded. Cancelled.
    """
    card = backbones.tuned.card(name)
    if card is None:
        raise BadInput(f"{name!r} was not tuned here, so there is no head to compare it with.")
    if card["moved"] == "head":
        return None
    card_plan, base = card["plan"], str(card["base"]["name"])
    head = "linear" if card_plan["head"] == "none" else card_plan["head"]
    same = {field: card_plan[field] for field in ("question", "loss", "dim", "seed")}
    ready = run.parted(dataset, Plan("head-alone", base, moves="head", head=head, **same))
    rows, _ = run.vectors_of(ready, task=task)
    left = training_split.leave_out(training_split.without_tuned(dataset, [name]), frozenset(ready.parts.keys))
    vectors = {name: embedding.embeddings(left, name).vectors, HEAD: rows, base: ready.vectors.vectors}
    result = evaluation.evaluate(
        systems.build(VectorSet(vectors, left.split), list(vectors), []), data.relevance(left), dataset=left, task=task
    )
    proposal = propose(result.comparison, base, [HEAD], [name])
    return BesideHead(name, base, str(card["moved"]), result, proposal)
