"""What `bench embed` makes of its rounds: medians, ratios within a round, and no ratio where others took part."""

from __future__ import annotations

import math

from core.bench import embed

VARIANTS = ["plain b1", "plain b32", "torch", "limit"]


def one(seconds: float, cpu: float, others: float = 0.0) -> dict:
    return {"seconds": seconds, "cpu": cpu, "others": others, "decoded": 10, "resized": 20}


def a_round(scale: float, others: float = 0.0) -> dict:
    return {
        "plain b1": one(9 * scale, 8 * scale, others), "plain b32": one(6 * scale, 12 * scale),
        "torch": one(2 * scale, 4 * scale), "limit": one(1.5 * scale, 3 * scale),
    }  # fmt: skip


def test_ratios_are_to_the_better_plain_loop_of_the_same_round() -> None:
    result = embed.summary([a_round(1), a_round(5), a_round(2)], VARIANTS, 40, ("a",), {})
    row = result["variants"]["torch"]
    assert (row["seconds"], row["ratio_seconds"], row["ratio_cpu"]) == (4, 3, 2) and result["quiet"]
    text = embed.table(result)
    assert "torch reaches 75% of its forward passes alone" in text and "Other programs" not in text


def test_no_ratio_of_the_clock_is_printed_from_contaminated_rounds() -> None:
    noisy = [a_round(1, embed.CONTAMINATED + 0.01), a_round(1, 0.9)]
    result = embed.summary(noisy, VARIANTS, 40, ("a",), {})
    assert math.isnan(result["variants"]["torch"]["ratio_seconds"]) and result["variants"]["torch"]["ratio_cpu"] == 2
    text = embed.table(result)
    assert "no ratio of the clock is given" in text
    line = next(line for line in text.splitlines() if line.startswith("torch "))
    assert "–" in line and " 3.00" not in line
    mixed = embed.summary([*noisy, a_round(2)], VARIANTS, 40, ("a",), {})
    assert mixed["variants"]["torch"]["ratio_seconds"] == 3, "the quiet round counts"


def test_the_guards_stand_below_the_table() -> None:
    guards = {"backbone": "a", "engine": "torch", "batch_difference": 2e-7, "query_cpu_ms": 12.0, "eager_cpu_ms": 30.0}
    text = embed.table({**embed.summary([a_round(1)], VARIANTS, 40, ("a",), {}), "guards": guards})
    assert "batch 8 against 1 differs by 2.0e-07" in text and "12.0 ms" in text and "30.0" in text
