"""What corrupted queries say, in words, as tables for the terminal and as one JSON record."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core import text_table, wording
from core.data.corruptions import CORRUPTIONS
from core.metrics import resampling
from core.metrics.significance import Difference
from core.studies.comparison import compare
from core.studies.stress.stress_result import StressResult, Swap
from core.types import Figure
from core.wording import plural

Title = Callable[[str], str]


def label(corruption: str) -> str:
    """What people call a corruption, also one whose plug-in has gone."""
    return CORRUPTIONS.get(corruption).label if corruption in CORRUPTIONS else corruption


def under_all(result: StressResult, system: str) -> Figure:
    """Mean AP over all corruptions and steps, each counting alike, with the interval of its mean over queries."""
    values = result.precisions[system][1:].mean(axis=0)
    return Figure(
        float(values.mean()), *resampling.interval(values, classes=result.unit.groups), len(values), len(values)
    )


def lead(result: StressResult, title: Title = str) -> str:
    """Who keeps most, whether that is shown, and what costs most."""
    spoiled = {name: result.precisions[name][1:].mean(axis=0) for name in result.systems}
    compared = compare(spoiled, result.unit, choose=False)
    best, level = compared.order[0], compared.tied_with_best()
    others = title(level[0]) if len(level) == 1 else plural(len(level), "other system")
    apart = f", not told apart from {others}" if level else ""
    figure, clean = under_all(result, best), float(result.precisions[best][0].mean())
    curves = {name: result.curve(best, name) for name in result.plan.corruptions}
    worst = max(curves, key=lambda name: float(curves[name].loss[-1]))
    curve = curves[worst]
    return (
        f"{title(best)} is best on corrupted queries: mAP {wording.figure(figure.mean, figure.low, figure.high)} of "
        f"{wording.number(clean)} clean{apart}. {label(worst)} costs it most: "
        f"{wording.figure(curve.mean[-1], curve.low[-1], curve.high[-1])} at step {curve.steps[-1]}."
    )


def rests_on(result: StressResult) -> str:
    """On what it rests."""
    plan = result.plan
    steps = f"{plural(len(plan.corruptions), 'corruption')} in {plural(len(plan.steps), 'step')}"
    return f"{plural(len(plan.queries), 'query')}, {steps}; the gallery stays clean. Steps of two corruptions are not alike in strength."


def swap_sentence(swap: Swap, title: Title = str) -> str:
    """One pair whose order changes, with what shows it."""
    first, second = title(swap.first), title(swap.second)
    there = f"under {label(swap.corruption).lower()} {swap.step} {second} leads by {_gap(swap.damaged.turned())}"
    clean = (
        f"{first} leads {second} on clean images by {_gap(swap.clean)}"
        if swap.was_ahead
        else f"{first} and {second} cannot be told apart on clean images ({_gap(swap.clean)})"
    )
    return (
        f"{clean}; {there} (Holm {wording.p_value(swap.damaged.p_holm)} over {plural(swap.damaged.n_pairs, 'test')})."
    )


def _gap(difference: Difference) -> str:
    return f"{wording.signed(difference.mean)} {wording.interval(difference.low, difference.high, sign=True)}"


def no_swap(result: StressResult) -> str:
    """That no order is shown to change."""
    return "No two systems are shown to change places." if len(result.systems) > 1 else ""


def loss_lines(result: StressResult, title: Title = str) -> list[str]:
    """What the last step of each corruption takes of the clean mAP, in percent, system by system."""
    rows = [[f"lost at step {result.plan.steps[-1]}", *map(title, result.systems)]]
    rows.append(["clean mAP", *(wording.number(float(result.precisions[name][0].mean())) for name in result.systems)])
    for corruption in result.plan.corruptions:
        cells = []
        for name in result.systems:
            curve = result.curve(name, corruption)
            cells.append(f"{wording.percent(curve.loss[-1])} {_percents(curve.loss_low[-1], curve.loss_high[-1])}")
        rows.append([label(corruption), *cells])
    return text_table.aligned(rows)


def _percents(low: float, high: float) -> str:
    return wording.interval(100 * low, 100 * high, 0)


def curve_lines(result: StressResult, corruption: str, title: Title = str) -> list[str]:
    """mAP by step of one corruption, system by system, and the area under it."""
    amounts = CORRUPTIONS.get(corruption)
    rows = [
        [label(corruption), "clean", *(f"{step}: {amounts.steps[step - 1]:g}" for step in result.plan.steps), "area"]
    ]
    for name in result.systems:
        curve = result.curve(name, corruption)
        cells = [wording.figure(*ends) for ends in zip(curve.mean, curve.low, curve.high)]
        rows.append([title(name), *cells, wording.figure(curve.area.mean, curve.area.low, curve.area.high)])
    return text_table.aligned(rows)


def printed(result: StressResult, title: Title = str) -> str:
    """The answer, what changes places, the losses, and every curve."""
    swaps = [swap_sentence(swap, title) for swap in result.swaps()] or [no_swap(result)]
    parts = ["\n".join([lead(result, title), *filter(None, swaps), rests_on(result)])]
    parts.append("\n".join(loss_lines(result, title)))
    parts += ["\n".join(curve_lines(result, corruption, title)) for corruption in result.plan.corruptions]
    return "\n\n".join([*parts, result.unit.caution])


def as_json(result: StressResult, broken: Callable[[int], str] = str) -> dict[str, Any]:
    """Everything that is printed as plain data, and the queries that broke first.

    Args:
        broken: what a query of the plan is called.
    """
    return {
        "queries": len(result.plan.queries),
        "seed": result.plan.seed,
        "resampled": result.unit.name,
        "systems": [{"name": name, "corruptions": _of_system(result, name, broken)} for name in result.systems],
        "changes_of_order": [swap_sentence(swap) for swap in result.swaps()],
    }


def _of_system(result: StressResult, name: str, broken: Callable[[int], str]) -> list[dict[str, Any]]:
    made = []
    for corruption in result.plan.corruptions:
        curve = result.curve(name, corruption)
        made.append(
            {
                "name": corruption,
                "area": {"mean": curve.area.mean, "low": curve.area.low, "high": curve.area.high},
                "steps": [
                    {"step": int(step), **dict(zip(("mean", "low", "high", "loss", "loss_low", "loss_high"), values))}
                    for step, *values in zip(
                        curve.steps,
                        *_plain(curve.mean, curve.low, curve.high),
                        *_plain(curve.loss, curve.loss_low, curve.loss_high),
                    )
                ],
                "broke_first": [
                    {"query": broken(query), "step": step, "clean": clean, "there": there}
                    for query, step, clean, there in result.broken_first(name, corruption)
                ],
            }
        )
    return made


def _plain(*arrays: np.ndarray) -> Sequence[list[float | None]]:
    return [[None if math.isnan(value) else float(value) for value in array] for array in arrays]
