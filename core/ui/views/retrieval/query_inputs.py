"""The query at hand: an image of the dataset, a crop of it, images that were given, or words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core import data
from core.data import images
from core.fusion import FusionSpec
from core.studies import retrieval, system_spec_text
from core.studies.system_spec_text import SystemRef
from core.studies.text import text_encoding, text_query
from core.types import Dataset
from core.ui.app import cache
from core.ui.app.cached import cached
from core.ui.components import cropper
from core.ui.views.retrieval.uploads import UploadedQuery, cropped, encode

WORDS = "words:"
"""A query text of this form is a typed line."""


@cached("resource", max_entries=8)
def _positions(loaded: Dataset) -> dict[str, int]:
    return {str(id_): position for position, id_ in enumerate(loaded.ids)}


def position_of(loaded: Dataset, text: str) -> int | None:
    """Where the image of an id stands; None when there is none."""
    return _positions(loaded).get(text)


# -- words


def readers(chosen: Sequence[str], embedded: Sequence[str]) -> tuple[str, ...]:
    """The embedded backbones that read text, chosen ones first."""
    return text_encoding.readers(tuple(dict.fromkeys([*chosen, *embedded]))).reading


def reading(named: SystemRef, standing_in: str) -> SystemRef:
    """What is left of a system when words ask: its backbones that read text, with their shares among each other.

    Several are standardised over the gallery before they are summed, as on Words (`core.studies.text.text_search.search`).

    Args:
        standing_in: the backbone that answers where the system has none that reads.
    """
    able = text_encoding.readers(named.backbones).reading or (standing_in,)
    if len(able) == 1:
        return SystemRef(able[0], cache.backbone_title(able[0]))
    mix = FusionSpec("words", "score_sum", able, None, (("norm", "zscore"),)).with_shares(named.spec.shares)
    mix = system_spec_text.named_by_shares(mix)
    return SystemRef(system_spec_text.spell(mix), system_spec_text.title(mix, cache.backbone_title), mix)


def reading_sentence(systems: Sequence[SystemRef], standing_in: str) -> str:
    """Who reads the words, who does not, and who stands in."""
    parts = []
    asked = tuple(dict.fromkeys(name for named in systems for name in named.backbones))
    who = text_encoding.readers(asked)
    called = [
        tuple(map(cache.backbone_title, names)) for names in (who.reading or (standing_in,), who.without_text_tower)
    ]
    parts.append(text_encoding.Readers(*called).sentence())
    if who.reading and any(not text_encoding.readers(named.backbones).reading for named in systems):
        deaf = next(named for named in systems if not text_encoding.readers(named.backbones).reading)
        parts.append(f"{cache.backbone_title(standing_in)} answers in place of {deaf.title}.")
    return " ".join(parts)


@cached("resource", max_entries=256)
def _word_vector(name: str, line: str) -> np.ndarray:
    return text_encoding.query_vector(name, text_query.parse(line))[None]


# -- the query


@dataclass(frozen=True)
class QueryInput:
    """What the page asks with now: an image of the dataset, a part of it, pictures that were given, or words."""

    text: str
    title: str
    position: int | None = None
    guest: UploadedQuery | None = None
    box: cropper.Box | None = None
    words: str = ""

    def question(self, loaded: Dataset, names: Sequence[str]) -> retrieval.Query:
        """The query over the vectors of these backbones; pictures are encoded when they are asked with first."""
        over = cache.space(loaded, tuple(sorted(set(names))))
        if self.words:
            vectors = {name: _word_vector(name, self.words) for name in names}
            return _kept(retrieval.uploaded_image_query(loaded, over, vectors))
        if self.guest is None and self.box is None:
            return _kept(retrieval.gallery_image_query(loaded, over, self.position, cache.truth(loaded)))
        vectors = {name: self._vectors(loaded, name) for name in names}
        return _kept(retrieval.uploaded_image_query(loaded, over, vectors, self.position))

    def _vectors(self, loaded: Dataset, name: str) -> np.ndarray:
        if self.guest is not None:
            at = (name, cropper.as_text(self.box))
            if at not in self.guest.vectors:
                self.guest.vectors[at] = encode(name, self.guest.pictures(self.box))
            return self.guest.vectors[at]
        return _crop_vectors(loaded, self.position, name, self.box)


def _kept(question: retrieval.Query) -> retrieval.Query:
    """The same, keeping what was worked out: the results and what each backbone says of them need the same rows."""
    question.space.keep(2 * 4 * len(question.space.names) * question.space.n_gallery)
    return question


def cache_key(loaded: Dataset, position: int) -> str:
    """The content key of an image, as text."""
    return retrieval.text_key(loaded.keys[position])


@cached("resource", max_entries=256)
def _crop_vectors(loaded: Dataset, position: int, name: str, box: cropper.Box) -> np.ndarray:
    picture = images.open_rgb(data.read_bytes(loaded, position))
    return encode(name, [cropped(picture, box)])
