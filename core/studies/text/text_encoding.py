"""Which backbones read text, and a text query as a vector in the space of each of them."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from core import backbones
from core.errors import BadInput, CoreError
from core.studies.text.text_query import TextQuery
from core.task import NO_TASK, Task
from core.types import unit

if TYPE_CHECKING:
    from core.backbones.query_encoding import QueryEncoder

TEMPLATES = ("a photo of {}", "a picture of {}", "a close-up photo of {}", "a photo of the {}", "a good photo of {}")
"""Sentences around a bare word, of which the mean is taken (Radford et al. 2021, arXiv:2103.00020, section 3.1.4)."""


EncodeWords = Callable[[str, Sequence[str]], np.ndarray]
"""(backbone name, texts) → (n, dim) float32 unit vectors."""

_LOADING = threading.Lock()


def reads_text(name: str) -> bool:
    """Whether a backbone has a text tower; vectors that were imported have none."""
    try:
        return "text" in backbones.get(name).modalities
    except CoreError:
        return False


@dataclass(frozen=True)
class Readers:
    """Which of the selected backbones have a text tower, and which have none."""

    reading: tuple[str, ...]
    without_text_tower: tuple[str, ...]

    def sentence(self) -> str:
        """One sentence for the page: who takes part and who does not."""
        if not self.reading:
            return (
                "None of the selected backbones reads text. Add concepts_lite0, which needs no download, "
                "or a vision-language backbone such as clip_vitb32."
            )
        others = self.without_text_tower
        if not others:
            return f"The text is read by {', '.join(self.reading)}."
        have = "has" if len(others) == 1 else "have"
        return (
            f"The text is read by {', '.join(self.reading)}; {', '.join(others)} {have} no text tower and no say in it."
        )


def readers(names: Sequence[str]) -> Readers:
    """Split the selected backbones into those that read text and those that do not."""
    reading = tuple(name for name in names if reads_text(name))
    return Readers(reading, tuple(name for name in names if name not in reading))


def require_reader(names: Sequence[str]) -> tuple[str, ...]:
    """Those of the named backbones that read text.

    Raises:
        UnknownName: no backbone has one of the names.
        BadInput: none of them reads text; the sentence says which would.
    """
    split = readers(tuple(backbones.get(name).name for name in names))
    if not split.reading:
        raise BadInput(split.sentence())
    return split.reading


@lru_cache(maxsize=3)
def _load_encoder(name: str) -> QueryEncoder:
    return backbones.query_encoder(name)


def _encoder(name: str) -> QueryEncoder:
    """The one encoder of this process for a backbone; loading it takes seconds, in one thread while others wait."""
    with _LOADING:
        return _load_encoder(name)


def encode_words(name: str, texts: Sequence[str]) -> np.ndarray:
    """(n, dim) float32 unit vectors of texts in a backbone's space.

    Raises:
        BadInput: the backbone reads no text.
        WeightsMissing: its weights are not here.
    """
    if not reads_text(name):
        raise BadInput(readers((name,)).sentence())
    if backbones.get(name).family == "concepts":  # its words need no image network
        from core.backbones.sentence_encoder import sentence_encoder

        return sentence_encoder().encode_text(list(texts))
    return _encoder(name).encode_text(list(texts))


def cached_vectors(name: str, texts: Sequence[str], task: Task = NO_TASK) -> np.ndarray:
    """`encode_words` of many texts, each read once on this installation and cached; a text without content is zero.

    Raises:
        BadInput, WeightsMissing: as `encode_words`.
        Cancelled: what was read until then is cached.
    """
    from core.backbones import text_cache

    return text_cache.vectors(backbones.get(name), texts, lambda lacking: encode_words(name, lacking), task)


def unread(name: str, texts: Sequence[str]) -> int:
    """How many different texts a backbone has not read on this installation yet."""
    from core.backbones import text_cache

    return text_cache.missing(backbones.get(name), texts)


def default_templates(name: str) -> bool:
    """Prompt templates help networks trained on captions; for concepts the plain word finds more (measured)."""
    return reads_text(name) and backbones.get(name).family != "concepts"


def sentences_of(name: str, texts: Sequence[str], templates: bool | None = None) -> list[str]:
    """What is really read for some bare words: the words, or each of them in every prompt template.

    Args:
        templates: None takes what suits the backbone.
    """
    if not (default_templates(name) if templates is None else templates):
        return list(texts)
    return [template.format(text) for text in texts for template in TEMPLATES]


def phrases(
    name: str, texts: Sequence[str], templates: bool | None = None, encode: EncodeWords | None = None
) -> np.ndarray:
    """(n, dim) float32 unit vectors of bare words, each the mean over the prompt templates where they are on.

    Args:
        templates: None takes what suits the backbone.
        encode: stands in for `encode_words`.
    """
    sentences = sentences_of(name, texts, templates)
    vectors = (encode or encode_words)(name, sentences)
    if len(sentences) == len(texts):
        return vectors
    return unit(vectors.reshape(len(texts), len(TEMPLATES), -1).sum(axis=1))


def query_matrix(
    name: str, queries: Sequence[TextQuery], templates: bool | None = None, encode: EncodeWords | None = None
) -> np.ndarray:
    """(n_queries, dim) float32 unit vectors: the sum over a query's terms of weight times vector; each term is read once.

    Zero where the terms cancel out.
    """
    number = {text: i for i, text in enumerate(dict.fromkeys(term.text for query in queries for term in query.terms))}
    weights = np.zeros((len(queries), len(number)))
    for row, query in enumerate(queries):
        for term in query.terms:
            weights[row, number[term.text]] += term.weight
    return unit(weights @ phrases(name, list(number), templates, encode).astype(np.float64))


def query_vector(
    name: str, query: TextQuery, templates: bool | None = None, encode: EncodeWords | None = None
) -> np.ndarray:
    """(dim,) float32: `query_matrix` of one query."""
    return query_matrix(name, [query], templates, encode)[0]


def query_vectors(
    names: Sequence[str], query: TextQuery, templates: bool | None = None, encode: EncodeWords | None = None
) -> dict[str, np.ndarray]:
    """The query in the space of each backbone that reads text.

    Raises:
        BadInput: none of them does; the sentence says which would.
    """
    split = readers(names)
    if not split.reading:
        raise BadInput(split.sentence())
    return {name: query_vector(name, query, templates, encode) for name in split.reading}


def cautions(names: Sequence[str], query: TextQuery) -> tuple[str, ...]:
    """What the readers cannot know of this query; sentences for the page."""
    concepts = [name for name in names if reads_text(name) and backbones.get(name).family == "concepts"]
    if not concepts:
        return ()
    letters = [letter for term in query.terms for letter in term.text if not letter.isspace()]
    foreign = sum(not unicodedata.name(letter, "").startswith("LATIN") for letter in letters if not letter.isascii())
    if foreign * 2 > len(letters):
        return (f"{', '.join(concepts)} reads English; most of this query says nothing to it.",)
    return ()
