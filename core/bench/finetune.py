"""`bench finetune`: what a head, or the last stage, brings on a labelled dataset, beside the frozen network and a fusion.

Two questions: known classes (training stops on other images, figures are of other images still), and new classes (training
and stopping see none of them). Nothing is saved.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from core.studies.evaluation import Result
    from core.studies.finetuning.plan import Plan
    from core.types import Dataset

LOSSES = ("supcon", "proxy_anchor", "multi_similarity", "arcface", "subcenter_arcface", "cross_entropy")


def run(args: list[str]) -> None:
    """Print mAP of the frozen network, of the equal fusion, and of what was tuned by both rules, with intervals."""
    parser = argparse.ArgumentParser(prog="python -m core bench finetune", description=__doc__)
    parser.add_argument("--data", required=True, help="a labelled dataset: its name, a folder or a manifest")
    parser.add_argument("--backbone", default="tf_efficientnet_lite0", help="the network that is tuned")
    parser.add_argument("--moves", default="head", help="what moves, by commas: head,last,all,lora")
    parser.add_argument("--losses", default="supcon", help=f"by commas, or all: {','.join(LOSSES)}")
    parser.add_argument("--question", choices=("known", "new", "both"), default="both", help="which of the two")
    parser.add_argument("--epochs", type=int, default=0, help="at most; 0 for what pays")
    arguments = parser.parse_args(args)
    losses = LOSSES if arguments.losses == "all" else tuple(arguments.losses.split(","))
    print_tuning(arguments.data, arguments.backbone, arguments.moves.split(","), losses, arguments)


def print_tuning(name: str, backbone: str, moves: list[str], losses: tuple[str, ...], how: argparse.Namespace) -> None:
    """A block per question; of new classes one for each half of the classes."""
    from core import data
    from core.setups import DEFAULT_BACKBONES
    from core.studies import embedding
    from core.types import Split

    dataset = data.load(name)
    fused = tuple(dict.fromkeys([backbone, *DEFAULT_BACKBONES[:3]]))
    dataset = embedding.embed(dataset, fused).dataset
    everyone = dataclasses.replace(dataset, split=Split.self_retrieval(len(dataset)))
    for question, asked_of, seed in (("known", dataset, 0), ("new", everyone, 0), ("new", everyone, 1)):
        if how.question in (question, "both"):
            _print_block(asked_of, backbone, fused, question, seed, moves, losses, how.epochs)


def _print_block(
    dataset: Dataset,
    backbone: str,
    fused: tuple[str, ...],
    question: str,
    seed: int,
    moves: list[str],
    losses: tuple[str, ...],
    epochs: int,
) -> None:
    """The frozen network, the fusion, and each training, on the same queries; what is proposed of them."""
    from core import data
    from core.fusion import spec
    from core.studies import embedding, evaluation, systems
    from core.studies.finetuning import parts
    from core.studies.finetuning.plan import Plan
    from core.studies.vector_set import VectorSet
    from core.text_table import aligned

    divided = parts.of(dataset, question, seed)
    print(f"\n{dataset.name}, {question} classes. {divided.sentence()}")
    rows = {name: embedding.embeddings(dataset, name).vectors for name in fused}
    spent: dict[str, Spent] = {}
    for moved in moves:
        for loss in losses if moved == "head" else losses[:1]:
            plan = Plan("bench", backbone, moves=moved, question=question, loss=loss, epochs=epochs, seed=seed)
            rows[f"{moved}, {loss}"], spent[f"{moved}, {loss}"] = _tuned(dataset, plan)
    mix = dataclasses.replace(spec.equal(fused), name="equal fusion of " + ", ".join(fused))
    space = VectorSet(rows, divided.report.split)
    result = evaluation.evaluate(
        systems.build(space, [backbone, *spent], [mix]), data.relevance(divided.report), dataset=divided.report
    )
    heads = [name for name in spent if name.startswith("head")]
    best = max(heads, key=lambda name: result[name].figures["map"].mean, default="")
    table = [["system", "mAP", "less the frozen one", "less the best head", "P@1", "best epoch", "processor", "memory"]]
    table += [_row(result, name, backbone, best, spent.get(name)) for name in (backbone, mix.name, *spent)]
    print("\n".join(aligned(table)))
    if heads:
        print(f"Proposed: {_proposed(result, backbone, heads, [name for name in spent if name not in heads])}.")


@dataclasses.dataclass(frozen=True)
class Spent:
    """What a training took: the epoch that is taken, seconds of processor, gigabytes held at the most."""

    best: int
    seconds: float
    gigabytes: float


def _row(result: Result, name: str, frozen: str, head: str, spent: Spent | None) -> list[str]:
    """A system's line of the table: paired differences to the frozen network, and of what moved more to the best head."""
    from core.wording import figure, interval, signed

    def less(other: str) -> str:
        if not other or name == other:
            return ""
        by = result.comparison.difference(name, other)
        return f"{signed(by.mean)} {interval(by.low, by.high, sign=True)}, {by.conclusion}"

    at = result[name].figures["map"]
    cost = ["", "", ""] if spent is None else [str(spent.best), f"{spent.seconds:.1f} s", f"{spent.gigabytes:.1f} GB"]
    first = f"{result[name].figures['p@1'].mean:.3f}"
    return [name, figure(at.mean, at.low, at.high), less(frozen), less(head) if spent else "", first, *cost]


def _proposed(result: Result, frozen: str, heads: list[str], more: list[str]) -> str:
    from core.studies.finetuning import proposal

    return proposal.propose(result.comparison, frozen, heads, more).name


def _tuned(dataset: Dataset, plan: Plan) -> tuple[np.ndarray, Spent]:
    """(n_images, dim) vectors after a training, and what it took; what is known before it starts is printed."""
    import psutil

    from core.studies.costs import PeakMemory
    from core.studies.finetuning import run as finetuning

    ready = finetuning.parted(dataset, plan)
    if (before := finetuning.estimate(ready)) is not None:
        print(f"{plan.moves}: {before.sentence()}", flush=True)
    before_it, began = psutil.Process().memory_info().rss, time.process_time()
    with PeakMemory() as peak:
        rows, course = finetuning.vectors_of(ready)
    most = (before_it + peak.megabytes * 1e6) / 2**30
    return rows, Spent(course.best, time.process_time() - began, most)
