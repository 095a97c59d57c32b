"""Running a study: the figures are those of `evaluate`, a kill resumes, learned weights travel, the shipped files run."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from core import cli, data, paths
from core.backbones import concepts
from core.charts import study_charts
from core.errors import BadInput, Cancelled
from core.export.report import study_report
from core.fusion import FusionSpec, Step
from core.metrics import across_datasets, resampling
from core.studies import evaluation, fusion
from core.studies.study import (
    beside,
    cells,
    paired_figures,
    stand_in,
    study_check,
    study_file,
    study_library,
    study_run,
    study_text,
)
from core.studies.study.study_record import Study
from core.task import Task
from tests.browser import ROOT
from tests.studies.study.conftest import NETWORKS

TEXT = """title = "Three"
metrics = ["map", "p@1", "silhouette_cosine", "acc"]
backbones = ["tf_efficientnet_lite0", "hsv_histogram", "hog"]
[[dataset]]
data = "photos"
[[dataset]]
data = "instances"
[[dataset]]
data = "drawn"
[[fusion]]
name = "mix"
kind = "concat"
backbones = ["tf_efficientnet_lite0", "hsv_histogram"]
"""
TUNED = """
[[fusion]]
name = "here"
kind = "concat"
backbones = ["tf_efficientnet_lite0", "hsv_histogram"]
tuned = "here"
[[fusion]]
name = "elsewhere"
kind = "concat"
backbones = ["tf_efficientnet_lite0", "hsv_histogram"]
tuned = "elsewhere"
"""


def study(more: str = "") -> Study:
    return study_file.parse(TEXT + more)


def test_figures_are_those_of_evaluate(three: SimpleNamespace) -> None:
    result = study_run.run(study())
    spec = FusionSpec("mix", "concat", NETWORKS[:2])
    for part in result.parts:
        plain = fusion.evaluate(data.get(part.name), NETWORKS, [spec], (1,))
        for name in result.names:
            for key in ("map", "p@1", "silhouette_cosine", "acc"):
                ours, theirs = part.figure(name, key), plain[name].figures[key]
                assert (ours.mean, ours.low, ours.n_valid) == pytest.approx(
                    (theirs.mean, theirs.low, theirs.n_valid), nan_ok=True
                )
        for pair, difference in plain.comparison.differences.items():
            assert part.comparison.differences[pair].p_holm == difference.p_holm
    means = np.array([[part.figure(name, "map").mean for name in result.names] for part in result.parts])
    assert [result.mean(name, "map").mean for name in result.names] == pytest.approx(means.mean(axis=0))
    assert result.compared.mean_ranks == pytest.approx(stats.rankdata(-means.round(12), axis=1).mean(axis=0))
    assert result.relative(result.best, "map") == 100
    assert math.isnan(result.relative(result.best, "silhouette_cosine")), (
        "of what may be negative, a share says nothing"
    )


def test_the_diagram_over_real_sets_is_that_of_an_independent_library(three: SimpleNamespace) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import pandas as pd
    import scikit_posthocs

    result = study_run.run(study())
    means = np.array([[part.figure(name, "map").mean for name in result.names] for part in result.parts])
    p = scikit_posthocs.posthoc_nemenyi_friedman(pd.DataFrame(-means, columns=list(result.names)))
    ranks = pd.DataFrame(-means, columns=list(result.names)).rank(axis=1).mean()
    drawn = scikit_posthocs.critical_difference_diagram(ranks, p)
    spans = [[round(float(x), 6) for x in bar.get_xdata()] for [bar] in drawn["crossbars"]]
    plt.close("all")
    chart = study_charts.ranks(result, "map")
    assert chart is not None
    ours = {system.name: round(system.rank, 6) for system in chart.systems}
    assert ours == {result.title(name): round(rank, 6) for name, rank in ranks.items()}
    bars = sorted((min(ours[name] for name in group), max(ours[name] for name in group)) for group in chart.groups)
    assert bars == sorted((min(span), max(span)) for span in spans if min(span) < max(span))
    assert "critical difference 2.71" in chart.svg()  # 2.569 · √(4 · 5 / 18), Demšar 2006, table 5


def test_three_datasets_are_honest_about_what_they_tell(three: SimpleNamespace) -> None:
    sentence = study_text.certainty(study_run.run(study()))
    assert "With 3 datasets no pair can be shown to differ on others" in sentence and "p = 0.250 at best" in sentence
    alone = study_run.run(
        study_file.parse(
            TEXT.replace('[[dataset]]\ndata = "instances"\n', "").replace('[[dataset]]\ndata = "drawn"\n', "")
        )
    )
    assert "nothing can be said about other datasets" in study_text.certainty(alone)
    assert study_charts.ranks(alone, "map") is None and "mAP" in study_report.build(alone)


@pytest.mark.usefixtures("nothing_evaluated")
def test_what_is_kept_is_not_worked_out_again(three: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated: list[str] = []
    real = evaluation.evaluate_one

    def counted(system, *arguments, **how):
        evaluated.append(system.name)
        return real(system, *arguments, **how)

    monkeypatch.setattr(study_run.evaluation, "evaluate_one", counted)
    assert study_run.progress_of(study()).done == 0
    first = study_run.run(study())
    progress = study_run.progress_of(study())
    assert len(evaluated) == 12 == progress.done == progress.total and progress.complete
    assert progress.newest == max(path.stat().st_mtime for path in paths.study_results().rglob("*.npz"))
    again = study_run.run(study())
    assert len(evaluated) == 12 and again.rests_on == first.rests_on
    more = study_run.run(study_file.parse(TEXT.replace('"hog"]', '"hog"]\nseed = 1')))
    assert len(evaluated) == 24 and more.rests_on != first.rests_on, "another seed is another figure"
    # A damaged file is worked out again, alone.
    some = next(paths.study_results().rglob("*.npz"))
    some.write_bytes(some.read_bytes()[:100])
    study_run.run(study()), study_run.run(study_file.parse(TEXT.replace('"hog"]', '"hog"]\nseed = 1')))
    assert len(evaluated) == 25


@pytest.mark.usefixtures("nothing_evaluated")
def test_a_stopped_study_goes_on_from_there(three: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    task = Task(lambda progress: task.cancel() if progress.stage == "Evaluating" and progress.done >= 1 else None)
    with pytest.raises(Cancelled):
        study_run.run(study(), task)
    done = study_run.progress_of(study()).done
    assert 0 < done < 12
    assert len(study_run.run(study()).parts) == 3


KILLED = """
import sys, time
from core.studies.study import cells, study_file, study_run
real = cells.save
def slow(cell, evaluation):
    real(cell, evaluation)
    print("kept", flush=True)
    time.sleep(0.2)
cells.save = slow
study_run.run(study_file.read(sys.argv[1]))
"""


@pytest.mark.usefixtures("nothing_evaluated")
def test_a_killed_study_resumes(three: SimpleNamespace, tmp_path: Path) -> None:
    file = tmp_path / "three.toml"
    file.write_text(TEXT)
    work = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(file)], cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ}, text=True
    )
    assert work.stdout is not None
    for _ in range(3):
        assert work.stdout.readline() == "kept\n"
    work.send_signal(signal.SIGKILL)
    work.wait()
    before = {path: path.stat().st_mtime_ns for path in paths.study_results().rglob("*.npz")}
    assert 3 <= len(before) < 12 and study_run.progress_of(study_file.read(file)).done == len(before)
    result = study_run.run(study_file.read(file))
    assert study_run.progress_of(study_file.read(file)).complete and len(result.names) == 4
    assert {path: path.stat().st_mtime_ns for path in before} == before, "what the kill left is not made again"


def test_weights_are_learned_apart_from_what_reports(three: SimpleNamespace) -> None:
    made = study_run.run(study(TUNED))
    for part in made.parts:
        whole = data.get(part.dataset)
        assert part.n_valid < len(whole.split.queries), "the other half of the classes reports"
        here, elsewhere = part.shares["here"], part.shares["elsewhere"]
        assert sum(here.values()) == pytest.approx(1) and sum(elsewhere.values()) == pytest.approx(1)
        assert part.figure("here", "map").n_valid == part.figure("hog", "map").n_valid
    # Leave one out: the weights for a dataset do not change with what that dataset holds.
    two = study_file.parse((TEXT + TUNED).replace('[[dataset]]\ndata = "photos"\n', ""))
    shares = {part.name: part.shares["elsewhere"] for part in study_run.run(two).parts}
    assert shares["drawn"] != {} and study_run.run(two).rests_on == study_run.run(two).rests_on
    lone = study_file.parse(
        (TEXT + TUNED).replace('[[dataset]]\ndata = "photos"\n', "").replace('[[dataset]]\ndata = "drawn"\n', "")
    )
    result = study_run.run(lone)
    assert any("no other dataset" in reason for reason in result.left_out) and "elsewhere" not in result.names


def test_what_cannot_be_fetched_is_one_sentence(three: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision.datasets

    def offline(*arguments, **how):
        raise OSError("no network")

    monkeypatch.setattr(torchvision.datasets, "Caltech101", offline)
    away = study_file.parse(TEXT.replace('data = "photos"', 'data = "torchvision:Caltech101"'))
    with pytest.raises(BadInput, match="Caltech-101 is not on this machine and could not be fetched") as raised:
        study_run.run(away)
    assert str(raised.value).count(". ") == 0
    checked = study_check.check(away)
    assert not checked.ready and checked.datasets[0].n_images == 8677 and checked.megabytes == 131
    assert "Missing here: 1 dataset, about 131 MB to download. 26,031 embeddings to compute" in checked.sentence
    there = study_check.check(study())
    assert there.ready and there.n_lacking == 0 and there.sentence.startswith("Everything is on this machine.")


@pytest.mark.parametrize("name", study_library.shipped())
def test_check_names_what_a_shipped_study_lacks(
    name: str, three: SimpleNamespace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every dataset and every set of weights by name, with its size; then the whole, and how long it takes."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    wanted, checked = study_library.open_study(name), study_check.check(study_library.open_study(name))
    assert cli.main(["study", name, "--check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for entry, dataset in zip(wanted.datasets, checked.datasets, strict=True):
        [line] = [line for line in lines if line.startswith(f"{entry.name} ")]
        assert dataset.n_images and f"{dataset.n_images:,}" in line
        if entry.data.startswith("torchvision:"):
            assert re.search(r"is not on this machine; running the study downloads it \(about [\d,]+ MB\)", line)
    for backbone in checked.backbones:
        [line] = [line for line in lines if line.startswith(f"{backbone.title} ")]
        assert re.search(r" here +–" if backbone.here else rf" missing +{backbone.megabytes:,.0f} ", line), line
    assert re.search(r"\d+ embeddings? to compute, about [\d.]+ (s|min|h) \(", lines[-1]), lines[-1]
    lost = sum(bool(dataset.missing) for dataset in checked.datasets)
    assert checked.ready or (f"{lost} dataset" in lines[-1]) == bool(lost)


def test_a_network_without_its_weights_is_left_out(three: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    result = study_run.run(study_file.parse(TEXT.replace('"hog"]', '"hog", "resnet18"]')))
    assert "resnet18" not in result.names and len(result.names) == 4
    [(reason, where)] = result.left_out.items()
    assert "resnet18" in reason and len(where) == 3


@pytest.mark.parametrize("name", study_library.shipped())
def test_the_shipped_studies_run_on_what_is_here(
    name: str,
    three: SimpleNamespace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same files and the same code, with these images and backbones in the place of those that are not here."""
    if name == "catalogue-fusion":
        # Where the 1,000 classes of the concepts lie in the space of words takes ten seconds to work out; any place will do.
        places = np.random.default_rng(0).normal(size=(1000, 384)).astype(np.float32)
        places /= np.linalg.norm(places, axis=1, keepdims=True)
        monkeypatch.setattr(concepts, "_CLASS_VECTORS", [places])
        arguments = ["--backbone", "concepts_lite0"]
    else:
        arguments = ["--data", "photos", "--data", "instances", "--data", "drawn"]
        arguments += [part for backbone in NETWORKS for part in ("--backbone", backbone)]
    html = tmp_path / "study.html"
    record = tmp_path / "study.json"
    assert cli.main(["study", name, *arguments, "--html", str(html), "--json", str(record)]) == 0
    printed = capsys.readouterr().out
    wanted = study_library.open_study(name)
    for table in wanted.published:
        for row in table.rows:
            for value in row.values:
                assert beside.shown(value) in printed, f"{value} of {row.system} is shown as it was published"
        assert table.title in html.read_text()
    assert ("1.510" in printed) == (name == "model-comparison"), "to the last digit"
    content = json.loads(record.read_text())
    cells_of = [cell for table in content["published"] for cell in table["cells"]]
    assert len(cells_of) == sum(len(row.values) for table in wanted.published for row in table.rows)
    assert "<script" not in html.read_text() and len(content["rests_on"]) == 12
    assert ("Precision and recall, 11 points" in html.read_text()) == (name != "catalogue-fusion")
    assert html.read_text().count("Worst and best queries of") == (0 if name == "catalogue-fusion" else 6)
    if name == "model-comparison":
        lite = [cell for cell in cells_of if cell["system"] == "EfficientNet-Lite0"]
        assert lite[0]["ours"]["mean"] is not None and not lite[0]["same_definition"] and lite[1]["same_definition"]
        assert "no hit rate or recall can" in lite[2]["why"]
    if name == "catalogue-fusion":
        assert "similarity of the first hit" in printed and "mAP" in printed
        assert all(cell["ours"]["mean"] is not None for cell in cells_of) and not any(
            c["same_definition"] for c in cells_of
        )


def test_published_figures_stand_beside_and_are_not_merged(three: SimpleNamespace) -> None:
    table = """
[[published]]
title = "T"
source = "S"
columns = [{ label = "mAP", ours = "map", same = true }, { label = "R@1", ours = "p@1", why = "Cut off." }, { label = "Accuracy" }]
rows = [
  { system = "A", ours = "hog", values = [0.5, 0.25, 0.9] },
  { system = "Gain", ours = "gain", values = ["+0.03 to +0.04", "–", "–"] },
  { system = "Nobody", values = [0.1, 0.2, 0.3] },
]
"""
    result = study_run.run(study(table))
    a, b, c, gain, *_, nobody = beside.cells(result, result.study.published[0])
    assert a.ours.mean == pytest.approx(result.mean("hog", "map").mean) and a.difference == pytest.approx(
        a.ours.mean - 0.5
    )
    assert a.same and not b.same and b.why == "Another definition. Cut off."
    assert math.isnan(c.ours.mean) and math.isnan(c.difference)
    assert math.isnan(gain.difference) and gain.ours.low < gain.ours.mean < gain.ours.high
    best = max(("tf_efficientnet_lite0", "hsv_histogram", "hog"), key=lambda name: result.mean(name, "map").mean)
    pairs = [part.comparison.difference("mix", best) for part in result.parts]
    ends = across_datasets.mean_with_interval(*zip(*((p.mean, p.low, p.high) for p in pairs), strict=True))
    assert (gain.ours.mean, gain.ours.low, gain.ours.high) == pytest.approx(ends), "as the paired tests draw it"
    assert beside.ours(gain)[0] in "+−" and beside.as_published(a) == "0.5 [–]"
    assert beside.as_published(gain) == "+0.03 to +0.04"
    assert nobody.why == beside.NO_FIGURE or nobody.why == beside.NO_SYSTEM
    names = {name for name in result.names}
    assert names == {"tf_efficientnet_lite0", "hsv_histogram", "hog", "mix"}, "no published row is a system"


def test_a_percentage_of_the_baseline_has_the_interval_of_the_ratio(three: SimpleNamespace) -> None:
    """Against a plain loop that draws whole classes of each dataset again."""
    result = study_run.run(dataclasses.replace(study(), baseline="tf_efficientnet_lite0"))
    ours = paired_figures.relative(result, "hog", "map")
    assert ours.mean == result.relative("hog", "map") and ours.low < ours.mean < ours.high
    random, ratios = np.random.default_rng(5), []
    for _ in range(2000):
        means = []
        for part in result.parts:
            groups = part.comparison.unit.groups
            values = {e.name: e.per_query["map"] for e in part.evaluations}
            kept = np.unique(groups)
            drawn = np.concatenate([np.flatnonzero(groups == g) for g in random.choice(kept, len(kept))])
            means.append([np.nanmean(values[name][drawn]) for name in ("hog", "tf_efficientnet_lite0")])
        upper, lower = np.mean(means, axis=0)
        ratios.append(100 * upper / lower)
    levels = resampling.percentile_levels(min(part.comparison.unit.n for part in result.parts))
    low, high = np.quantile(ratios, levels)
    width = high - low
    assert ours.low == pytest.approx(low, abs=0.12 * width) and ours.high == pytest.approx(high, abs=0.12 * width)
    same = paired_figures.relative(result, "tf_efficientnet_lite0", "map")
    assert same.mean == 100 and math.isnan(same.low)


def test_what_stands_in_is_said(three: SimpleNamespace) -> None:
    wanted = study_library.open_study("competition-pipeline")
    made = stand_in.stand_in(wanted, ["photos"], ["hog", "hsv_histogram"])
    assert [entry.name for entry in made.datasets] == ["photos"] and made.datasets[0].why
    assert made.backbones == ("hog", "hsv_histogram")
    assert all(not row.ours for row in made.published[0].rows), "nothing of other networks stands beside"
    assert study_file.parse(study_file.dump(made)) == made
    with pytest.raises(BadInput, match="There is no dataset 'photso'.*Did you mean 'photos'"):
        stand_in.stand_in(wanted, ["photso"])


def test_a_cell_is_read_as_it_was_saved(three: SimpleNamespace) -> None:
    study_run.run(study())
    part = study_run.part_of(study(), study().datasets[0], data.get("photos"))
    cell = cells.rests_on(part.dataset, "hog", ("map", "p@1", "silhouette_cosine"), (1,), 0, True)
    kept = cells.load(cell, "renamed")
    assert kept is not None and kept.name == "renamed"
    plain = fusion.evaluate(part.dataset, ["hog"], (), (1,))["hog"]
    assert np.array_equal(kept.per_query["map"], plain.per_query["map"], equal_nan=True)
    assert kept.figures == plain.figures or all(
        kept.figures[key].mean == pytest.approx(figure.mean, nan_ok=True) for key, figure in plain.figures.items()
    )
    assert kept.curve is not None and plain.curve is not None and np.array_equal(kept.curve.mean, plain.curve.mean)


def test_a_changed_group_column_is_evaluated_anew(three: SimpleNamespace) -> None:
    photos = data.get("photos")
    kept = []
    for texts in (["a", "b"], ["b", "a"], ["a", "b"]):
        items = photos.items.assign(camera=np.resize(texts, len(photos)))
        grouped = dataclasses.replace(photos, items=items)
        spec = FusionSpec(
            "m", "concat", NETWORKS[:2], prepare=Step.read("preparation", "centred_by_group:column=camera")
        )
        kept.append(cells.rests_on(grouped, spec, ("map",), (1,), 0, True).key)
    assert kept[0] == kept[2] != kept[1]
    spec = FusionSpec("m", "concat", NETWORKS[:2])
    assert cells.rests_on(grouped, spec, ("map",), (1,), 0, True) == cells.rests_on(
        photos, spec, ("map",), (1,), 0, True
    )
