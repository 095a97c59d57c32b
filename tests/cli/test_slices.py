"""`slices` and `domains`: the same figures in the sentence, the table and the record; odd names refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core import cli, data
from core.studies import domains, embedding, fusion, slices
from core.studies.comparison import ResamplingUnit
from core.studies.slices import per_query
from core.studies.systems import System
from core.types import Dataset, Split
from tests.conftest import write_shops
from tests.pages.alone import OWN


@pytest.fixture
def shops(tmp_path: Path, home: Path) -> Dataset:
    """The drawn images with a manifest that says where each was taken."""
    dataset = data.add("shops", write_shops(tmp_path))
    embedding.embed(dataset, OWN)
    return dataset


def asked(verb: str, *arguments: str) -> int:
    return cli.main([verb, "--data", "shops", "--backbone", "hog", "--backbone", "hsv_histogram", *arguments])


def test_a_column_is_printed_worst_first(shops: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "slices.json"
    assert asked("slices", "--column", "place", "--metric", "p@5", "--json", str(out)) == 0
    printed = capsys.readouterr().out
    truth, space = data.relevance(shops), fusion.space_of(shops, OWN)
    values = per_query.per_query([System("hog", space)], truth, "p@5")
    table = slices.slice_table(values, slices.column(shops, "place"), ResamplingUnit.of(truth), metric="p@5")
    worst = int(table.order[0])
    assert printed.startswith(
        f'hog is worst for images with place "{table.column.values[worst]}": P@5 {table.mean[worst, 0]:.3f} ['
    )
    record = json.loads(out.read_text())["tables"][0]
    assert record["column"] == "place" and record["slices"][0]["systems"]["hog"]["mean"] == pytest.approx(
        table.mean[worst, 0]
    )
    assert set(record["slices"][0]["systems"]) == {"hog", "hsv_histogram", "hog + hsv_histogram"}
    assert asked("slices", "--column", "place", "--column", "brightness", "--bins", "2", "--cross") == 0
    assert "over 4 slices" in capsys.readouterr().out


def test_without_a_column_slices_are_searched(
    shops: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "found.json"
    assert asked("slices", "--against", "hog", "--json", str(out)) == 0
    printed = capsys.readouterr().out
    assert "at most 5 % are expected to be chance" in printed and "hsv_histogram" in printed.splitlines()[0]
    record = json.loads(out.read_text())
    assert set(record["searches"]) == {"hsv_histogram", "hog + hsv_histogram"}
    assert {"label", "place", "brightness", "sharpness"} <= set(record["searches"]["hsv_histogram"]["columns"])


def test_from_domain_to_domain(shops: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "domains.json"
    assert asked("domains", "--json", str(out)) == 0
    printed = capsys.readouterr().out
    column = domains.domain_column(shops, "place")
    made = domains.matrices([System("hog", fusion.space_of(shops, OWN))], data.relevance(shops), shops, column)[0]
    assert f"mAP {made.within.mean:.3f} [" in printed and "n 30" in printed
    assert json.loads(out.read_text())["systems"][0]["mean"] == [pytest.approx(row) for row in made.mean.tolist()]


def test_corrupted_queries_are_embedded_once_and_judged(
    shops: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, asked_for = tmp_path / "stress.json", ("--corruption", "blur", "--corruption", "dark", "--steps", "2,5")
    assert asked("stress", *asked_for, "--queries", "20", "--json", str(out)) == 0
    said = capsys.readouterr()
    assert (
        "is best on corrupted queries: mAP" in said.out and "160 vectors of corrupted queries were embedded" in said.err
    )
    record = json.loads(out.read_text())
    assert [system["name"] for system in record["systems"]] == ["hog", "hsv_histogram", "hog + hsv_histogram"]
    assert {single["name"] for single in record["systems"][0]["corruptions"]} == {"blur", "dark"}
    assert asked("stress", *asked_for, "--queries", "20") == 0
    again = capsys.readouterr()
    assert again.out == said.out and "embedded;" not in again.err
    assert cli.main(["list", "corruptions"]) == 0 and "occlusion" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("slices", "--column", "plaec"), "Did you mean 'place'"),
        (("slices", "--column", "place", "--cross"), "--cross takes two columns"),
        (("slices", "--against", "nobody"), "--against names 'nobody'; there are hog"),
        (("slices", "--metric", "silhouette_cosine"), "not a metric of single lists"),
        (("stress", "--corruption", "blurr"), "Did you mean 'blur'"),
        (("stress", "--steps", "7"), "Steps are 1 to 5"),
        (("stress", "--queries", "1"), "A figure needs two queries"),
        (("domains", "--column", "label2"), "no column 'label2'"),
    ],
)
def test_what_cannot_be_is_refused(
    shops: Dataset, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    assert asked(*arguments) == 2
    assert sentence in capsys.readouterr().err


def test_what_cannot_be_answered_says_which_flag(shops: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["slices", "--data", "shops", "--backbone", "hog", "--against", "hog"]) != 0
    assert "name another backbone" in capsys.readouterr().err
    assert cli.main(["stress", "--data", "shops", "--backbone", "hog", "--steps", "1,x"]) != 0
    assert "--steps takes whole numbers" in capsys.readouterr().err


def test_judged_results_are_marked_and_what_they_cannot_tell_is_a_sentence(
    shops: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [key.decode() for key in shops.keys]
    near = {(a, b) for a in range(0, len(keys), 2) for b in range(len(keys)) if a != b and (a + b) % 3}
    data.use_judgements("shops", {(keys[a], keys[b]): bool(shops.labels[a] == shops.labels[b]) for a, b in near})
    assert asked("slices", "--column", "place", "--metric", "p@5") != 0
    printed = capsys.readouterr().err
    assert "Traceback" not in printed and "No query has both a value in P@5" in printed and "Judged: " in printed
    assert asked("domains", "--column", "place") == 0, "each domain is a part of the gallery"
    assert "mAP" in capsys.readouterr().out
    judged = data.get("shops")
    part = Split(judged.split.queries, judged.split.gallery[::2])
    whole, some = data.relevance(judged), data.relevance(judged, part)
    for query in range(0, len(keys), 7):
        expected = [item // 2 for item in whole.relevant(query).tolist() if item % 2 == 0]
        assert some.relevant(query).tolist() == expected and some.n_gallery == len(part.gallery)
