"""Queries: images of the dataset and uploaded ones."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import BadInput, UnknownName
from core.fusion import FusionSpec
from core.studies import retrieval
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.types import Split, unit
from tests.studies.retrieval.worlds import IDS, MIX, PER_CLASS, SYSTEMS, system, world


def test_an_image_outside_the_queries_can_be_the_query() -> None:
    dataset, space = world(split=Split(np.array([0, 1]), np.arange(2, 48)))
    answer = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, 30), System("sharp", space))
    assert answer.has_relevance and answer.n_relevant == PER_CLASS - 1
    assert 30 not in dataset.split.gallery[answer.order]
    with pytest.raises(UnknownName, match="48"):
        retrieval.gallery_image_query(dataset, space, 48)


@pytest.mark.parametrize("fusion", SYSTEMS, ids=IDS)
def test_an_uploaded_image_is_ranked_as_if_it_were_one_more_image(fusion: FusionSpec | None) -> None:
    dataset, space = world()
    guest = {
        name: unit(np.random.default_rng(5).normal(size=(1, rows.shape[1]))) for name, rows in space.vectors.items()
    }
    asked = retrieval.uploaded_image_query(dataset, space, guest)
    answer = retrieval.retrieve(asked, system(space, fusion))
    joined = VectorSet(
        {name: np.vstack([rows, guest[name]]) for name, rows in space.vectors.items()},
        Split(np.array([48]), np.arange(48)),
    )
    row = system(joined, fusion).block(0, 1)[0]
    np.testing.assert_allclose(answer.scores, row, atol=1e-6)
    assert not answer.has_relevance and len(answer.order) == 48
    # The space of the dataset is as it was: its own figures do not change.
    np.testing.assert_array_equal(
        system(space, fusion).block(0, 4), system(VectorSet(space.vectors, space.split), fusion).block(0, 4)
    )


def test_several_images_search_by_their_mean_and_a_part_leaves_its_image_out() -> None:
    dataset, space = world()
    several = {name: rows[[3, 4, 5]] for name, rows in space.vectors.items()}
    answer = retrieval.retrieve(retrieval.uploaded_image_query(dataset, space, several), System("sharp", space))
    mean = unit(space.vectors["sharp"][[3, 4, 5]].mean(axis=0, keepdims=True))[0]
    np.testing.assert_allclose(answer.scores, space.vectors["sharp"] @ mean, atol=1e-6)
    part = retrieval.uploaded_image_query(dataset, space, {"sharp": space.vectors["sharp"][[7]]}, part_of=7)
    answer = retrieval.retrieve(part, System("sharp", space))
    whole = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, 7), System("sharp", space))
    assert answer.order.tolist() == whole.order.tolist() and answer.has_relevance
    with pytest.raises(BadInput, match="no image"):
        retrieval.mean_vector(np.empty((0, 4)))


def test_missing_vectors_are_heeded_for_uploads_and_images() -> None:
    dataset, space = world()
    vectors = {name: rows.copy() for name, rows in space.vectors.items()}
    vectors["blunt"][[2, 9]] = 0
    holey = VectorSet(vectors, dataset.split)
    for position in (2, 5):
        answer = retrieval.retrieve(retrieval.gallery_image_query(dataset, holey, position), System("mix", holey, MIX))
        np.testing.assert_allclose(answer.scores, System("mix", holey, MIX).block(position, position + 1)[0], atol=1e-6)


def test_browsing_finds_by_class_and_words() -> None:
    dataset, _ = world()
    assert retrieval.browse(dataset).tolist() == list(range(48))
    assert retrieval.browse(dataset, "class 2").tolist() == list(range(24, 36))
    assert retrieval.browse(dataset, "class 2", "THING 25").tolist() == [25]
    assert retrieval.browse(dataset, "no such").tolist() == [] == retrieval.browse(dataset, "", "zzz").tolist()
