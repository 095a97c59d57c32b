"""A query that is moved towards some images and away from others."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import BadInput
from core.studies import retrieval
from core.studies.retrieval import feedback
from core.types import unit
from tests.studies.retrieval.worlds import IDS, MIX, PER_CLASS, SYSTEMS, system, world


def test_the_moved_query_is_the_weighted_sum() -> None:
    random = np.random.default_rng(0)
    query, more, less = (unit(random.normal(size=(n, 5))) for n in (1, 3, 2))
    expected = query + 0.75 * more.mean(axis=0) - 0.25 * less.mean(axis=0)
    found = retrieval.rocchio(query, more, less)
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-6)
    assert found.shape == (1, 5) and found.dtype == np.float32
    np.testing.assert_allclose(retrieval.rocchio(query, more[:0], less[:0]), query, atol=1e-6)


def test_a_query_that_is_cancelled_out_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "GAMMA", 1.0)
    query = unit(np.ones((1, 3)))
    with pytest.raises(BadInput, match="take one of them back"):
        retrieval.rocchio(query, query[:0], query)


@pytest.mark.parametrize("fusion", SYSTEMS, ids=IDS)
def test_images_of_another_class_come_nearer_and_go_away(fusion) -> None:
    dataset, space = world()
    query = retrieval.gallery_image_query(dataset, space, 0)
    before = retrieval.retrieve(query, system(space, fusion))
    other = np.flatnonzero(dataset.labels == 3)
    near, far = retrieval.Feedback(more=tuple(other[:6])), retrieval.Feedback(less=tuple(other[:6]))
    ranks = {}
    for name, change in (("near", near), ("far", far)):
        moved = retrieval.moved_query(dataset, space, query, change)
        answer = retrieval.retrieve(moved, system(space, fusion))
        assert answer.n_relevant == PER_CLASS - 1, "what is relevant stays what it was"
        assert 0 not in answer.order, "the query stays out of its own list"
        ranks[name] = answer.ranks[other].mean()
    assert ranks["near"] < before.ranks[other].mean() < ranks["far"]


def test_an_upload_is_moved_too_and_the_weights_are_said() -> None:
    dataset, space = world()
    vectors = {name: rows[5:6] for name, rows in space.vectors.items()}
    upload = retrieval.uploaded_image_query(dataset, space, vectors)
    change = retrieval.Feedback((1, 2), (30,))
    answer = retrieval.retrieve(retrieval.moved_query(dataset, space, upload, change), system(space, MIX))
    assert not answer.has_relevance and len(answer.order) == 48
    assert change.sentence().startswith(
        "1 × the query + 0.75 × the mean of 2 images to be like − 0.25 × the mean of 1 image"
    )
    with pytest.raises(BadInput, match="At most 24"):
        retrieval.moved_query(dataset, space, upload, retrieval.Feedback(tuple(range(25))))
