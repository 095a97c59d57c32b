"""`threshold`: the answer first, the same figures in the table and in the record, odd numbers refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from core import cli, data
from core.fusion import FusionSpec
from core.studies import calibration_store, fusion, verification
from core.studies.systems import System
from core.types import Dataset
from tests.pages.alone import OWN, world


@pytest.fixture
def tiny(tmp_path: Path, home: Path) -> Dataset:
    return world(tmp_path)


def asked(*arguments: str) -> int:
    return cli.main(["threshold", "--data", "tiny", "--backbone", "hog", "--backbone", "hsv_histogram", *arguments])


def test_the_answer_the_tables_and_the_record(
    tiny: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "threshold.json"
    assert asked("--error", "0.01", "--open-set", "--calibrate", "isotonic", "--save", "--json", str(out)) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("At 1 false match in 100, ") and "% [" in printed.splitlines()[0]
    assert "Chosen on half of the classes" in printed.splitlines()[1]
    record = {system["name"]: system for system in json.loads(out.read_text())["systems"]}
    assert set(record) == {"hog", "hsv_histogram", "hog + hsv_histogram"}
    space, truth = fusion.space_of(tiny, OWN), data.relevance(tiny)
    checked = verification.verify(System("hog", space), truth, tiny)
    for key, figure in checked.figures.items():
        value = record["hog"]["figures"][key]["mean"]
        assert value is None if figure.mean != figure.mean else value == pytest.approx(figure.mean)
    assert record["hog"]["other_pairs"] == 60 * 50 // 2 and record["hog"]["matching_pairs"] == 60 * 9 // 2
    assert "1,500 non-matching pairs, and a rate of 0.0001 needs at least 10,000" in printed
    assert record["hog"]["open_set"]["queries"] == 60
    assert 0 <= record["hog"]["calibration"]["methods"]["isotonic"]["ece"]["mean"] <= 1
    spec = FusionSpec("hog + hsv_histogram", "concat", ("hog", "hsv_histogram"))
    stored = calibration_store.load(calibration_store.name_of(tiny, spec.active, spec), space, spec.active)
    assert stored is not None and stored.fit.method == "isotonic"


def test_evaluate_prints_the_figures_of_all_pairs_beside_the_others(
    tiny: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "--data", "tiny", "--backbone", "hog", "--verification"]
    assert cli.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    figures = verification.verify(System("hog", fusion.space_of(tiny, OWN)), data.relevance(tiny), tiny).figures
    for label, key in (("EER", "eer"), ("ROC AUC", "roc_auc")):
        assert f"{figures[key].mean:.4f}" in next(line for line in lines if line.startswith(label)), lines
    assert any(line.startswith("mAP") for line in lines) and any(line.startswith("P@1") for line in lines)
    assert cli.main([*arguments, "--show", "p@1"]) == 0
    assert "EER" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--error", "0"), "--error takes a false match rate"),
        (("--calibrate", "logistic", "--unknown", "1"), "--unknown takes a share"),
        (("--save",), "belong to --calibrate"),
    ],
)
def test_numbers_that_cannot_be_are_refused(
    home: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], sentence: str
) -> None:
    assert asked(*flags) == 2
    assert sentence in capsys.readouterr().err


def test_a_search_by_image_says_how_likely(tiny: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    """Fitted and saved at the first search, read again at the second; a prepared system has probabilities of its own."""
    search = ["search", "--like", str(tiny.ids[3]), "--data", "tiny", "--backbone", "hog", "--k", "5", "--probability"]
    assert cli.main(search) == 0
    first = capsys.readouterr()
    shares = [int(re.search(r" (\d+) % ", line)[1]) for line in first.out.splitlines()[1:]]
    assert len(shares) == 5 and shares == sorted(shares, reverse=True) and "Fitted on 30 training queries" in first.err
    space = fusion.space_of(tiny, OWN)
    assert calibration_store.load(calibration_store.name_of(tiny, ("hog",)), space, ("hog",)) is not None
    assert cli.main(search) == 0 and capsys.readouterr().out == first.out
    assert cli.main([*search, "--prepare", "centred"]) == 0 and capsys.readouterr().out != first.out


def test_a_prepared_system_stands_beside_the_plain_one(tiny: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["threshold", "--data", "tiny", "--backbone", "hog", "--prepare", "centred", "--open-set"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "Best score" in line]
    assert len(lines) == 2 and sum("centred" in line for line in lines) == 1
