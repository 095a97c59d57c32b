"""The query of the Retrieval page: an image of the dataset, a crop of it, uploaded images, or a typed line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core import data
from core.data import images
from core.studies import retrieval
from core.studies.vector_set import VectorSet
from core.types import Dataset
from core.ui.app import cache
from core.ui.app.cached import cached
from core.ui.components import cropper
from core.ui.views.retrieval import text_reading, uploads


@cached("resource", max_entries=8)
def _positions(loaded: Dataset) -> dict[str, int]:
    return {str(id_): position for position, id_ in enumerate(loaded.ids)}


def position_of(loaded: Dataset, text: str) -> int | None:
    """Where the image of an id stands; None when there is none."""
    return _positions(loaded).get(text)


@dataclass(frozen=True)
class QueryInput:
    """What the page asks with now: an image of the dataset, a part of it, images that were given, or words."""

    text: str
    title: str
    position: int | None = None
    uploaded: uploads.UploadedQuery | None = None
    box: cropper.Box | None = None
    words: str = ""
    feedback: retrieval.Feedback = retrieval.Feedback()

    @property
    def of_dataset(self) -> int:
        """The position of the image, where the query is an image of the dataset or a part of one."""
        assert self.position is not None, "neither uploaded nor words"
        return self.position

    def question(self, loaded: Dataset, names: Sequence[str]) -> retrieval.Query:
        """The query over the vectors of these backbones; images are encoded when they are asked with first.

        Raises:
            BadInput: the images that move it cancel it out.
        """
        over = cache.vector_set(loaded, tuple(sorted(set(names))))
        query = self._unmoved(loaded, over, names)
        return _with_scores(retrieval.moved_query(loaded, over, query, self.feedback)) if self.feedback else query

    def _unmoved(self, loaded: Dataset, over: VectorSet, names: Sequence[str]) -> retrieval.Query:
        if self.words:
            vectors = {name: text_reading.vector(name, self.words) for name in names}
            return _with_scores(retrieval.uploaded_image_query(loaded, over, vectors))
        if self.uploaded is None and self.box is None:
            return _with_scores(
                retrieval.gallery_image_query(loaded, over, self.of_dataset, cache.relevance_of(loaded))
            )
        vectors = {name: self._vectors(loaded, name) for name in names}
        return _with_scores(retrieval.uploaded_image_query(loaded, over, vectors, self.position))

    def _vectors(self, loaded: Dataset, name: str) -> np.ndarray:
        if self.uploaded is not None:
            at = (name, cropper.as_text(self.box))
            if at not in self.uploaded.vectors:
                self.uploaded.vectors[at] = uploads.encode(name, self.uploaded.decoded(self.box))
            return self.uploaded.vectors[at]
        assert self.box is not None, "whole images of the dataset have their vectors"
        return _crop_vectors(loaded, self.of_dataset, name, self.box)


def _with_scores(question: retrieval.Query) -> retrieval.Query:
    """The same, keeping what was worked out: the results and what each backbone says of them need the same rows."""
    question.space.keep(2 * 4 * len(question.space.names) * question.space.n_gallery)
    return question


@cached("resource", max_entries=256)
def _crop_vectors(loaded: Dataset, position: int, name: str, box: cropper.Box) -> np.ndarray:
    image = images.open_rgb(data.read_bytes(loaded, position))
    return uploads.encode(name, [uploads.cropped(image, box)])
