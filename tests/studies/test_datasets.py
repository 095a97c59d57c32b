"""What a dataset is made of: counts, duplicates, leakage, and labels that neighbours doubt."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core import data
from core.errors import BadInput, Cancelled
from core.studies import datasets, image_neighbours, label_errors
from core.task import Task
from core.types import Dataset, Embeddings, Split, unit
from tests.conftest import draw_tiny, write_tiny


def around_centres(labels: np.ndarray, dim: int, seed: int, noise: float = 0.3) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(labels.max() + 1, dim))
    return unit(centres[labels] + noise * random.normal(size=(len(labels), dim)))


def made(labels: np.ndarray, keys: np.ndarray | None = None, split: Split | None = None) -> Dataset:
    n = len(labels)
    keys = np.arange(n) if keys is None else keys
    return Dataset.of(
        "made",
        ids=np.array([f"i{k}" for k in range(n)]),
        keys=np.array([f"{k:064x}" for k in keys], "S64"),
        items=pd.DataFrame({"path": [f"{k}.png" for k in range(n)]}),
        labels=labels,
        split=split,
        label_names=tuple(f"class {c}" for c in range(int(labels.max()) + 1)),
    )


def test_counts_of_classes_and_splits(shared_data: Path, home: Path) -> None:
    photos = data.load(shared_data / "photos" / "splits.csv")
    table = datasets.counts(photos)
    assert table.groupby("split")["n_images"].sum().to_dict() == {"gallery": 417, "query": 168, "train": 584}
    given = pd.read_csv(shared_data / "photos" / "splits.csv")
    assert table.groupby("label")["n_images"].sum().to_dict() == given.groupby("label").size().to_dict()
    several = data.load(shared_data / "multilabel" / "labels.csv")
    counted = datasets.counts(several).set_index("label")["n_images"]
    assert counted["person"] == 150 and len(counted) == 80
    numbers = datasets.overview(several)
    assert (numbers["images"], numbers["classes"], numbers["queries"]) == (286, 80, 286) and numbers["bytes"] > 10**6


def test_sizes_quarantine_and_originals_that_have_gone(tmp_path: Path, home: Path) -> None:
    folder = write_tiny(tmp_path / "d", 2, ("circle", "grid"))
    draw_tiny("grid", 9, side=96).resize((96, 48)).save(folder / "grid" / "wide.png")
    (folder / "grid" / "bad.png").write_bytes(b"")
    dataset = data.load(folder)
    sizes = datasets.sizes(dataset).set_index("id")
    assert sizes.loc["grid/wide.png", ["width", "height", "aspect"]].tolist() == [96, 48, 2]
    assert datasets.quarantine(dataset)["reason"].tolist() == ["The file is empty."]
    (folder / "circle" / "circle_01.png").unlink()
    assert datasets.missing_originals(dataset)["id"].tolist() == ["circle/circle_01.png"]


def test_equal_bytes_are_grouped_and_one_may_stay(tmp_path: Path, home: Path) -> None:
    folder = write_tiny(tmp_path / "d", 3, ("circle", "grid"))
    shutil.copy(folder / "circle" / "circle_01.png", folder / "grid" / "copy.png")
    shutil.copy(folder / "circle" / "circle_01.png", folder / "circle" / "again.png")
    dataset = data.load(folder)
    groups = datasets.exact_duplicates(dataset)
    assert groups["group"].tolist() == [1, 1, 1]
    assert groups["id"].tolist() == ["circle/again.png", "circle/circle_01.png", "grid/copy.png"]
    smaller = datasets.one_of_each(dataset, groups)
    assert len(smaller) == 6 and len(set(smaller.keys.tolist())) == 6
    said = " ".join(datasets.warnings(dataset))
    assert "3 images in 1 group have equal bytes" in said and "the labels differ" in said


@pytest.mark.parametrize("n", [300, 2500])
def test_near_duplicates_need_several_backbones(n: int) -> None:
    labels = np.arange(n) % 7
    spaces = [around_centres(labels, 24, seed, noise=3.0) for seed in range(3)]
    for space in spaces:
        space[10] = unit(space[[20]] + 0.01)[0]
    spaces[0][50] = spaces[0][60]
    dataset = made(labels)
    embeddings = [Embeddings(f"b{k}", space, dataset.ids) for k, space in enumerate(spaces)]
    found = datasets.near_duplicates(dataset, embeddings, threshold=0.98)
    assert found[["first", "second", "n_agree"]].to_numpy().tolist() == [[10, 20, 3]]
    one = datasets.near_duplicates(dataset, embeddings, threshold=0.98, agree=1)
    wanted = np.max([np.triu(s @ s.T, 1) for s in spaces], axis=0) >= 0.98
    assert set(map(tuple, one[["first", "second"]].to_numpy())) == set(zip(*np.nonzero(wanted)))
    assert (np.diff(one["similarity"]) <= 1e-9).all()
    groups = datasets.duplicate_groups(dataset, one)
    assert groups["position"].tolist()[:4] == [10, 20, 50, 60] and groups["group"].tolist()[:4] == [1, 1, 2, 2]


def test_a_large_dataset_is_searched_by_an_index_and_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Near copies, and labels that may be wrong: as when all are compared with all."""
    truth = np.arange(3000) % 50
    labels = truth.copy()
    labels[[7, 800, 2500]] = (truth[[7, 800, 2500]] + 3) % 50
    spaces = [around_centres(truth, 24, seed, noise=0.5) for seed in range(2)]
    for space in spaces:
        space[[10, 11]] = space[[2000]]
    keys = np.arange(3000)
    keys[11] = 10
    dataset = made(labels, keys)
    embeddings = [Embeddings(f"b{k}", space, dataset.ids) for k, space in enumerate(spaces)]
    exact = datasets.near_duplicates(dataset, embeddings, 0.999), label_errors.label_errors(dataset, embeddings)
    assert image_neighbours.note(3000) == ""
    monkeypatch.setattr(image_neighbours, "EXACT_UP_TO", 1000)
    near = datasets.near_duplicates(dataset, embeddings, 0.999)
    assert {(10, 2000), (11, 2000)} <= set(map(tuple, near[["first", "second"]].to_numpy()))
    pd.testing.assert_frame_equal(near, exact[0], atol=1e-6)
    errors = label_errors.label_errors(dataset, embeddings)
    assert errors["position"].tolist() == exact[1]["position"].tolist() and {7, 800, 2500} <= set(errors["position"])
    np.testing.assert_allclose(errors["certainty"], exact[1]["certainty"], atol=0.1)
    assert "a few more may exist" in image_neighbours.note(3000)
    task = Task()
    task.cancel()
    with pytest.raises(Cancelled):
        datasets.near_duplicates(dataset, embeddings, 0.999, task=task)


def test_too_many_pairs_ask_for_a_higher_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "MOST_PAIRS", 100)
    dataset = made(np.zeros(60, int))
    with pytest.raises(BadInput, match="raise the threshold"):
        datasets.near_duplicates(dataset, [Embeddings("b", np.ones((60, 2)) / 2**0.5, dataset.ids)])


def test_leakage_is_warned_about() -> None:
    split = Split(np.array([4]), np.array([5, 6, 7]), np.array([0, 1, 2, 3]))
    dataset = made(np.array([0, 0, 1, 1, 0, 0, 1, 1]), np.array([1, 2, 3, 4, 5, 6, 7, 1]), split)
    near = pd.DataFrame({"first": [1, 2, 4], "second": [4, 3, 5]})
    table = datasets.leakage(dataset, near)
    assert table.to_numpy().tolist() == [["same bytes", "i0", "i7"], ["nearly the same", "i1", "i4"]]
    said = datasets.warnings(dataset, near)
    assert any("1 training image is in query or gallery too (same bytes)" in text for text in said)


# ------------------------------------------------------------------------------------------- label doubts


def test_planted_wrong_labels_are_found_first() -> None:
    truth = np.arange(240) % 6
    wrong = np.array([3, 50, 99, 120, 201])
    labels = truth.copy()
    labels[wrong] = (truth[wrong] + 2) % 6
    dataset = made(labels)
    embeddings = [Embeddings(f"b{k}", around_centres(truth, 32, k), dataset.ids) for k in range(3)]
    table = label_errors.label_errors(dataset, embeddings)
    assert sorted(table["position"][:5]) == wrong.tolist() and len(table) == 5
    assert table["suggested"].tolist() == [f"class {truth[p]}" for p in table["position"]]
    assert (table["n_agree"] == 3).all() and (np.diff(table["certainty"]) <= 0).all()
    assert table["certainty"].between(0.5, 1).all()


def test_one_backbone_of_three_is_not_enough() -> None:
    truth = np.arange(120) % 4
    labels = truth.copy()
    labels[7] = 0
    dataset = made(labels)
    blind = [Embeddings(f"n{k}", unit(around_centres(labels, 16, k)), dataset.ids) for k in range(2)]
    sees = Embeddings("s", around_centres(truth, 16, 9), dataset.ids)
    assert label_errors.label_errors(dataset, [sees])["position"].tolist() == [7]
    assert 7 not in label_errors.label_errors(dataset, [sees, *blind])["position"].tolist()


def test_copies_of_the_image_do_not_vote_and_neither_do_unlabelled_ones() -> None:
    truth = np.repeat([0, 1], 20)
    labels = truth.copy()
    labels[[0, 1, 2]] = 1
    labels[30] = -1
    keys = np.arange(40)
    keys[[0, 1, 2]] = 0
    dataset = made(labels, keys)
    table = label_errors.label_errors(dataset, [Embeddings("b", around_centres(truth, 16, 0, 0.05), dataset.ids)], k=3)
    assert sorted(table["position"]) == [0, 1, 2] and (table["suggested"] == "class 0").all()
    assert table["certainty"].tolist() == [1.0] * 3


def test_the_voters_are_labelled_others_nearest_first() -> None:
    dataset = made(np.array([0, 0, 1, 1, -1]), keys=np.array([0, 0, 1, 2, 3]))
    angles = np.deg2rad([0, 1, 40, 20, 5])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    # Image 1 has the bytes of image 0, image 4 has no label: neither votes.
    assert label_errors.labelled_neighbours(dataset, vectors, 0, k=9) == [3, 2]
    assert label_errors.labelled_neighbours(dataset, vectors, 2, k=2) == [3, 1]


def test_label_doubts_are_refused_where_they_mean_nothing(shared_data: Path, home: Path) -> None:
    several = data.load(shared_data / "multilabel" / "labels.csv")
    with pytest.raises(BadInput, match="each image has one label"):
        label_errors.label_errors(several, [])
    with pytest.raises(BadInput, match="at least two classes"):
        label_errors.label_errors(made(np.zeros(5, int)), [])
