"""What `bench embed` makes of its rounds: medians, ratios within a round, and no ratio where others took part."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import photographs
import pytest
from PIL import Image

from core.types import unit
from tests.bench import embed, guards

VARIANTS = ["plain b1", "plain b32", "torch", "limit"]


def one(seconds: float, cpu: float, others: float = 0.0) -> dict:
    return {"seconds": seconds, "cpu": cpu, "others": others, "decoded": 10, "resized": 20}


def a_round(scale: float, others: float = 0.0) -> dict:
    return {
        "plain b1": one(9 * scale, 8 * scale, others),
        "plain b32": one(6 * scale, 12 * scale),
        "torch": one(2 * scale, 4 * scale),
        "limit": one(1.5 * scale, 3 * scale),
    }


def test_ratios_are_to_the_better_plain_loop_of_the_same_round() -> None:
    result = embed.summary([a_round(1), a_round(5), a_round(2)], VARIANTS, 40, ("a",), {})
    row = result["variants"]["torch"]
    assert (row["seconds"], row["ratio_seconds"], row["ratio_cpu"]) == (4, 3, 2) and result["quiet"]
    assert "Other programs" not in embed.table(result)


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


def test_every_demand_is_printed_with_what_was_measured_and_whether_it_held() -> None:
    agreement = {"torch": {"smallest": 0.99995, "mean": 1.0, "centred": 1.0, "map_drop": 0.0}}
    result = {**embed.summary([a_round(1)], VARIANTS, 10, ("a",), agreement), "geometries": 2}
    rows = embed.demands("light", result)
    assert [row.held for row in rows] == [True, True, True]
    assert "3.00 times by the clock, 2.00 by processor time" in rows[0].measured and ">= 2 times" in rows[0].demand
    assert "0.75 by the clock" in rows[1].measured and "10, 20" in rows[2].measured
    agreement["torch"]["smallest"] = 0.9998
    slow = {**result, "geometries": 3}
    slow["variants"] = {**slow["variants"], "torch": {**slow["variants"]["torch"], "ratio_seconds": math.nan}}
    rows = embed.demands("light", slow)
    assert [row.held for row in rows] == [False, True, False], "exact means exact, and each geometry counts once"
    text = guards.demands_table(rows)
    assert text.startswith("1 of 3 demands held (1 of them while other programs used the machine")
    assert text.count("MISSED") == 2 and text.count("MISSED ?") == 1 and "by the clock, 2.00" not in text


def test_a_fast_mode_must_keep_its_floor() -> None:
    row = {"ratio_seconds": math.nan, "ratio_cpu": 6.0}
    good = {"smallest": 0.99, "mean": 0.9995, "map_drop": 0.001}
    for broken in ({}, {"smallest": 0.98}, {"mean": 0.998}, {"map_drop": 0.006}):
        found = embed._ratio_demand("light trio", "fast", 5.0, row, {**good, **broken})
        assert found.held == (not broken), broken
    assert not embed._ratio_demand("light trio", "fast", 7.0, row, good).held


def test_batches_queries_neighbours_and_half_precision_have_their_demands() -> None:
    seen = {
        "engine": "torch",
        "batch_difference": 2e-7,
        "query_ms": 10.0,
        "eager_ms": 30.0,
        "query_cpu_ms": 20.0,
        "eager_cpu_ms": 30.0,
        "cosine": 0.99999,
        "others": 0.0,
    }
    found = {
        "backbones": {"tf_efficientnet_lite0": seen, "random:clip_vitb32": {**seen, "others": 1.0}},
        "half": {"a": {"apart": 3e-8, "map_change": 0.0}},
        "crowd": {"variant": "torch", "busy": 1, "cores": 2, "alone": 2.0, "crowded": 5.5, "others": 0.0},
    }
    rows = embed._guard_demands(found)
    assert [row.held for row in rows] == [True, True, True, False, False, True]
    assert [row.sure for row in rows] == [True, True, True, False, True, True]
    assert "3.00 times by the clock" in rows[1].measured, "a disturbed clock does not count, and is said all the same"


@pytest.mark.slow
def test_half_precision_and_map() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(["cat", "dog", "owl"], 20)
    rows = unit(np.repeat(np.eye(3, 64), 20, axis=0) * 4 + random.normal(size=(60, 64))).astype(np.float32)
    found = guards.half_precision(rows, labels)
    assert 0 < found["apart"] < 1e-6 and found["map_change"] < 1e-3
    wanted = []
    for row in range(60):
        order = [item for item in np.argsort(-(rows @ rows[row]), kind="stable") if item != row]
        hits = labels[order] == labels[row]
        wanted.append((np.cumsum(hits) / np.arange(1, 60))[hits].mean())
    assert abs(guards.mean_average_precision(rows, labels) - np.mean(wanted)) < 1e-6


@pytest.mark.slow
def test_the_benchmark_runs_on_a_few_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "out.json"
    pictures = tmp_path / "pictures"
    for file in photographs.files()[:6]:
        place = pictures / file.stem[0] / f"{file.stem}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.open(file).convert("RGB")
        picture.thumbnail((300, 300))
        picture.save(place)
    few = ["--data", str(pictures), "--rounds", "1", "--backbones", "tf_efficientnet_lite0"]
    embed.run([*few, "--variants", "plain b1,torch", "--json", str(report)])
    said = json.loads(report.read_text())
    assert said["own"]["agreement"]["torch"]["smallest"] > 0.9999 and said["own"]["images"] == 6
    assert [row["held"] for row in said["demands"]] == [True], "each decoded and resized once"
    assert "1 of 1 demands held" in capsys.readouterr().out
    guards.run(["tf_efficientnet_lite0", "--data", str(pictures), "--images", "4"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[1].startswith("held") and "a batch of 8" in lines[1] and "warm query" in lines[2]
