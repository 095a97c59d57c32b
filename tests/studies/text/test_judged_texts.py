"""Judged text queries as labelled queries: hand cases, what nobody judged is unknown, page and command line."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from core import cli, data
from core.judging.answers import CANNOT_TELL, Answer
from core.studies import embedding, judgements
from core.studies.text import judged_texts, text_encoding, text_search
from core.types import Dataset


def keys_of(dataset: Dataset) -> list[str]:
    return [key.decode() for key in dataset.keys.tolist()]


def judge(dataset: Dataset, line: str, fits: dict[int, float], judge: str = "anna") -> list[Answer]:
    keys = keys_of(dataset)
    return [Answer(judge, "s", f"text:{line}", (keys[at],), (value,)) for at, value in fits.items()]


@pytest.fixture
def ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text ranks the gallery as it is stored."""

    def search(gallery, line, **_):
        scores = -np.arange(len(next(iter(gallery.values()))), dtype=float)
        return SimpleNamespace(scores=scores)

    monkeypatch.setattr(text_search, "search", search)


def test_figures_are_those_of_the_judged_results_alone(tiny_world: SimpleNamespace, ranked: None) -> None:
    dataset = tiny_world.dataset
    gallery = dataset.split.gallery
    first = {int(gallery[at]): value for at, value in {0: 1.0, 3: 0.0, 5: 1.0, 7: CANNOT_TELL}.items()}
    answers = judge(dataset, "a circle", first) + judge(dataset, "a dog", {int(gallery[2]): 0.0})
    queries = judged_texts.of(dataset, answers)
    assert queries.lines == ("a circle", "a dog") and queries.judged == 4
    figures = judged_texts.evaluate(queries, {"any": np.ones((len(gallery), 2), np.float32)})
    # Of the judged ones, in the order of the list: fits, does not, fits.
    assert figures["map"].mean == pytest.approx((1 + 2 / 3) / 2) and figures["map"].n_valid == 1
    assert figures["map"].n_queries == 2, "nothing that fits the second text is known"
    precision = figures["p@10"]
    assert precision.low <= (2 + 0) / 20 and precision.high >= (9 + 9) / 20, "what nobody judged is wrong and right"
    assert "are judged" in precision.note
    assert judged_texts.table({"A": figures})[0] == ["system", "mAP′", "bpref", "nDCG′", "P@10"]


def test_images_that_are_the_same_file_are_judged_together(tiny_world: SimpleNamespace) -> None:
    dataset = tiny_world.dataset
    first = int(dataset.split.gallery[0])
    queries = judged_texts.of(dataset, judge(dataset, "a circle", {first: 1.0}))
    same = sum(key == keys_of(dataset)[first] for key in keys_of(dataset))
    assert queries.truth.n_relevant.tolist() == [same]


def test_judgements_of_images_and_misses_alone_make_no_text_query(tiny_world: SimpleNamespace) -> None:
    dataset = tiny_world.dataset
    keys = keys_of(dataset)
    of_images = [Answer("anna", "s", keys[0], (keys[1],), (1.0,))]
    assert judged_texts.of(dataset, of_images) is None
    assert judged_texts.of(dataset, judge(dataset, "a dog", {0: 0.0, 1: CANNOT_TELL})) is None


def test_the_command_says_how_well_each_reader_answers(
    tiny_world: SimpleNamespace, ranked: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    embedding.embed(data.get("tiny"), ("hog",))
    assert cli.main(["judge", "texts", "--data", "tiny"]) == 2
    assert "No text query of 'tiny' was judged" in capsys.readouterr().err
    judgements.log().keep(judge(data.get("tiny"), "a circle", {at: float(at % 2) for at in range(8)}))
    assert cli.main(["judge", "texts", "--data", "tiny"]) == 2
    assert "reads text" in capsys.readouterr().err
    monkeypatch.setattr(text_encoding, "readers", lambda names: SimpleNamespace(reading=names))
    assert cli.main(["judge", "texts", "--data", "tiny"]) == 0
    said = capsys.readouterr().out
    assert "mAP′" in said and "hog" in said and "1 text query, 8 results judged" in said
