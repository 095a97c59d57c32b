"""What is said without labels: groups that backbones share, an order only where copies do not contradict it, copies."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from core.errors import BadInput
from core.studies import consensus, copies, embedding

N_CLASSES, PER_CLASS = 12, 15
CLASSES = np.repeat(np.arange(N_CLASSES), PER_CLASS)


def spaces(**strengths: float) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    made = {}
    for name, strength in strengths.items():
        rows = random.normal(size=(N_CLASSES, 24))[CLASSES] * strength + random.normal(size=(len(CLASSES), 24))
        made[name] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return made


def test_groups_are_those_that_most_backbones_see() -> None:
    vectors = spaces(a=2.0, b=1.5, c=1.5, blind=0.0)
    agreed = consensus.consensus(vectors, PER_CLASS)
    assert adjusted_rand_score(CLASSES, agreed.groups) > 0.8
    assert agreed.reliability["blind"] == min(agreed.reliability.values()) < 0.1
    sizes = np.bincount(agreed.groups)
    assert (np.diff(sizes) <= 0).all() and len(agreed.members(0)) == sizes[0]
    words, order = consensus.places(vectors, agreed)
    assert words["blind"] == "behind" and words["a"] == "ahead" and order["a"] > order["b"] > order["blind"]


def test_images_on_which_backbones_disagree_come_first() -> None:
    vectors = spaces(a=4.0, b=4.0)
    strange = np.array([3, 40, 77])
    vectors["b"][strange] = vectors["b"][(strange + 90) % len(CLASSES)]
    agreed = consensus.consensus(vectors, PER_CLASS)
    assert set(strange) <= set(agreed.most_disagreed[:12].tolist())
    assert ((agreed.disagreement >= 0) & (agreed.disagreement <= 1)).all()


def test_no_order_where_copies_contradict_it_or_too_few_are_compared() -> None:
    order = {"a": 0.9, "b": 0.5, "c": 0.1}
    assert consensus.supported(order, {"a": 0.8, "b": 0.6, "c": 0.2})
    assert not consensus.supported(order, {"a": 0.2, "b": 0.6, "c": 0.8})
    assert not consensus.supported(order, {"a": 0.2, "b": 0.6})
    assert not consensus.supported(order, {"a": 0.5, "b": 0.5, "c": 0.5})


def test_one_backbone_or_few_images_are_refused() -> None:
    with pytest.raises(BadInput, match="two backbones"):
        consensus.consensus(spaces(a=1.0), 10)
    with pytest.raises(BadInput, match="at least"):
        consensus.consensus(spaces(a=1.0, b=1.0), 200)


def test_an_image_finds_itself_and_harder_changes_are_survived_less(tiny_world: SimpleNamespace, monkeypatch) -> None:
    dataset = embedding.embed(tiny_world.dataset, ["hsv_histogram", "hog"]).dataset
    vectors = {name: embedding.embeddings(dataset, name).vectors for name in ("hsv_histogram", "hog")}
    measured = copies.ranks(dataset, vectors, most=20)
    assert {(each.backbone, each.change) for each in measured} == {
        (name, change) for name in vectors for change in copies.CHANGES
    }
    by_name = {(each.backbone, each.change): each for each in measured}
    share, low, high = by_name["hsv_histogram", "crop"].first
    assert 0 <= low <= share <= high <= 1 and len(by_name["hog", "crop"].ranks) == 20
    assert by_name["hog", "light"].reciprocal > by_name["hsv_histogram", "light"].reciprocal, (
        "colour does not survive light"
    )
    monkeypatch.setattr(copies, "CHANGES", {"none": lambda image, random: image})
    assert all((each.ranks == 1).all() for each in copies.ranks(dataset, vectors, most=20))


def test_vectors_of_other_programs_have_no_copies(tiny_world: SimpleNamespace) -> None:
    assert copies.ranks(tiny_world.dataset, {"theirs": np.eye(60, dtype=np.float32)}, most=5) == []
