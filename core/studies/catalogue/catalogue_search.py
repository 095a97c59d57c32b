"""Catalogues: items with title, description and images, searched by words and images.

An item's components are embedded in ONE space: a vision-language backbone's two towers, or, without any download, the
sentence encoder for text and concepts for the image. Strategies (core/fusion/catalogue.py) weigh the components;
core/studies/catalogue/catalogue_evaluation.py compares them on labelled queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from core import backbones
from core.errors import BadInput
from core.fusion.bm25 import Bm25, tokens
from core.fusion.catalogue import CATALOGUE_STRATEGIES, RRF_K, fused_scores, reciprocal_ranks, weights
from core.fusion.catalogue_components import Alternatives, Components, Fit
from core.studies import embedding
from core.studies.catalogue.catalogue_items import IMAGE, Catalogue, is_image
from core.studies.retrieval import ranked_positions
from core.studies.text import text_encoding, text_query
from core.studies.text.text_encoding import EncodeWords
from core.studies.text.text_query import TextQuery
from core.types import unit

IMAGE_JOINS = {
    "mean": ("their mean", "One vector in the middle of an item's images; costs nothing when a query comes."),
    "best": ("the one that fits", "For each query the image that fits it best stands for the item."),
    "each": ("each on its own", "Every image is a component with a weight of its own."),
}
"""How several images of one item enter: name → (label, sentence). core/fusion/catalogue.py defines them."""


def components(
    catalogue: Catalogue,
    space: str,
    names: Sequence[str] = (),
    *,
    join: str = "mean",
    images: np.ndarray | None = None,
    encode: EncodeWords | None = None,
) -> Components:
    """Every component of every item in one space.

    Args:
        space: a backbone that reads text and images.
        names: text columns and "picture"; by default title, description and image.
        join: how several images of an item enter, a name of IMAGE_JOINS.
        images: (n_images, dim) unit vectors of the dataset by `space`; by default from the store.
        encode: stands in for the text tower.
    Raises:
        NotComputed: the images are not embedded; the sentence is the command.
        BadInput: a column that is not there, a backbone that reads no text, or no such way to join.
    """
    if join not in IMAGE_JOINS:
        raise BadInput(f"Several images enter as {', '.join(IMAGE_JOINS)}, not as {join!r}.")
    names = tuple(names) or catalogue.default_components
    rows = np.empty((0, 0), np.float32) if images is None else images
    if IMAGE in names and images is None:
        rows = embedding.embeddings(catalogue.dataset, space).vectors
    vectors: dict[str, np.ndarray] = {}
    best_of = None
    for name in names:
        if name != IMAGE:
            vectors[name] = embed_texts(space, catalogue.texts(name), encode)
        elif join == "each":
            vectors |= _each_image(catalogue, rows)
        else:
            alternatives = Alternatives(rows, catalogue.owner, len(catalogue))
            vectors[IMAGE] = unit(alternatives.means)
            best_of = (IMAGE, alternatives) if join == "best" and catalogue.most_images > 1 else None
    return Components(vectors, best_of)


def _each_image(catalogue: Catalogue, images: np.ndarray) -> dict[str, np.ndarray]:
    """A component for each image number, zero for items that have fewer."""
    components = {}
    for number, name in enumerate(catalogue.part_names((IMAGE,), "each"), start=1):
        rows = np.flatnonzero(catalogue.image_numbers == number)
        components[name] = np.zeros((len(catalogue), images.shape[1]), np.float32)
        components[name][catalogue.owner[rows]] = images[rows]
    return components


def first_images(catalogue: Catalogue, images: np.ndarray) -> np.ndarray:
    """(n_items, dim) float32: each item's first image, zero for items without one."""
    vectors = np.zeros((len(catalogue), images.shape[1]), np.float32)
    present = catalogue.image_of >= 0
    vectors[present] = images[catalogue.image_of[present]]
    return vectors


def embed_texts(space: str, texts: Sequence[str], encode: EncodeWords | None = None) -> np.ndarray:
    """(n, dim) float32 unit vectors; an empty text is zero. Each text is read once and kept."""
    texts = [text.strip() for text in texts]
    if encode is None:
        return text_encoding.cached_vectors(space, texts)
    vectors = np.zeros((len(texts), backbones.get(space).dim), np.float32)
    rows = [row for row, text in enumerate(texts) if text]
    if rows:
        vectors[rows] = encode(space, [texts[row] for row in rows])
    return vectors


def texts_of(catalogue: Catalogue, names: Sequence[str] = ()) -> list[str]:
    """Every text of some components, by default of the usual ones: what must be read before anything is found."""
    columns = [name for name in names or catalogue.default_components if not is_image(name)]
    return list(dict.fromkeys(text.strip() for column in columns for text in catalogue.texts(column)))


@dataclass(frozen=True)
class CatalogueQuery:
    """One query of a catalogue.

    Attributes:
        vector: (dim,) unit vector; zero when nothing could be read.
        terms: (text, weight) for BM25; empty when only an image asks.
        sentence: the query for people.
        notes: sentences to show.
    """

    vector: np.ndarray
    terms: tuple[tuple[str, float], ...] = ()
    sentence: str = ""
    notes: tuple[str, ...] = ()


def make_query(
    space: str,
    line: str = "",
    image: np.ndarray | None = None,
    balance: float = 0.5,
    *,
    templates: bool | None = False,
    encode: EncodeWords | None = None,
) -> CatalogueQuery:
    """A query of words, of an image, or of both ("like this, but green").

    Args:
        line: what was typed; "" when only an image asks.
        image: (dim,) unit vector of the image in `space`.
        balance: how much the words count beside the image, 0 to 1.
    Raises:
        BadInput: neither words nor image.
    """
    if not line.strip() and image is None:
        raise BadInput("Type what to look for, or give an image.")
    query = text_query.parse(line) if line.strip() else TextQuery(())
    sentence, notes = query.sentence(), (*query.notes, *text_encoding.cautions((space,), query))
    terms = tuple((term.text, term.weight) for term in query.terms)
    if image is None:
        return CatalogueQuery(text_encoding.query_vector(space, query, templates, encode), terms, sentence, notes)
    if not terms:
        return CatalogueQuery(unit(np.asarray(image, np.float64)[None])[0], (), "something like the image")
    words = text_encoding.query_vector(space, query, templates, encode).astype(np.float64)
    both = balance * words + (1.0 - balance) * np.asarray(image, np.float64)
    return CatalogueQuery(unit(both[None])[0], terms, f"something like the image, and {sentence}", notes)


@dataclass(frozen=True)
class CatalogueResult:
    """What one strategy finds for one query.

    Attributes:
        strategy: its name.
        order: (n_shown,) int64 items, best first; equal scores by position; items that a filter leaves out are not in.
        scores: (n_items,) float64.
        similarities: (n_items, n_components) float64 cosine of the query with each component, 0 where lacking.
        weights: (n_items, n_components) float64, each row summing to 1 (or 0 for an item without components).
            For reciprocal ranks the share of each component in the sum; for BM25 zeros.
        components: the names of the columns.
        images: (n_items,) int64 the image in the dataset that stands for each item here, −1 for none: its first,
            or where images are told apart the one that fits the query best.
    """

    strategy: str
    order: np.ndarray
    scores: np.ndarray
    similarities: np.ndarray
    weights: np.ndarray
    components: tuple[str, ...]
    images: np.ndarray
    words: tuple[frozenset[str], ...] = field(default=(), repr=False)

    @property
    def listed(self) -> np.ndarray:
        """(n_listed,) int64: what is shown, best first; of BM25 only items that share a word with the query."""
        return self.order[[bool(self.words[item]) for item in self.order]] if self.words else self.order

    def why(self, item: int) -> str:
        """One sentence: which component brought the item up."""
        if self.words:
            hit = sorted(self.words[item])
            return f"words in common: {', '.join(hit)}" if hit else "no word in common"
        parts = self.weights[item] * self.similarities[item]
        if self.strategy == "rrf":
            parts = self.weights[item]
        if not (parts > 0).any():
            return "nothing of it fits the query"
        best = int(parts.argmax())
        share = parts[best] / parts[parts > 0].sum()
        return f"most from its {self.components[best]} ({share:.0%} of the score)"


class Searcher:
    """A catalogue in one space, ready to answer: components once, then any query under any strategy.

    Args:
        first_images: (n_items, dim) the first image of each item, for query images; by default the component
            "picture", which is the same where every item has at most one.
    """

    def __init__(self, catalogue: Catalogue, parts: Components, first_images: np.ndarray | None = None) -> None:
        self.catalogue = catalogue
        self.components = parts
        self.first_images = parts.vectors(IMAGE) if first_images is None and IMAGE in parts.names else first_images

    @cached_property
    def documents(self) -> list[str]:
        """The words of each item: its text components, joined."""
        columns = [name for name in self.components.names if not is_image(name)]
        return [" ".join(row) for row in zip(*(self.catalogue.texts(c) for c in columns))] or [""] * len(self.catalogue)

    @cached_property
    def bm25(self) -> Bm25:
        """The words of all items, counted once."""
        return Bm25(self.documents)

    @cached_property
    def _words(self) -> list[frozenset[str]]:
        return [frozenset(tokens(text)) for text in self.documents]

    def rank(
        self,
        strategy: str,
        query: CatalogueQuery,
        shares: Mapping[str, float] | None = None,
        keep: np.ndarray | None = None,
    ) -> CatalogueResult:
        """Score every item under one strategy.

        Args:
            shares: component → weight, for the strategies that use them.
            keep: (n_items,) bool of a filter. G and ranks are of the whole catalogue all the same.
        """
        joins = CATALOGUE_STRATEGIES.get(strategy).joins
        names = self.components.names
        fixed = None if shares is None else np.array([float(shares.get(name, 0.0)) for name in names])
        fit = self.components.fit(query.vector[None])
        similarities = fit.similarities
        common: tuple[frozenset[str], ...] = ()
        if joins == "words":
            scores = self.bm25.scores(query.terms)
            item_weights = np.zeros_like(similarities[0])
            wanted = {word for text, weight in query.terms if weight > 0 for word in tokens(text)}
            common = tuple(words & wanted for words in self._words)
        elif joins == "ranks":
            scores = reciprocal_ranks(similarities, self.components.present)[0]
            item_weights = _rank_shares(similarities[0], self.components.present)
        else:
            whole = weights(strategy, similarities, self.components, fixed)
            scores, item_weights = fused_scores(fit, whole)[0], whole[0]
        order = ranked_positions(scores)
        if keep is not None:
            order = order[keep[order]]
        shown = self.catalogue.image_of if joins == "words" else self._shown(fit)
        return CatalogueResult(strategy, order, scores, similarities[0], item_weights, names, shown, common)

    def _shown(self, fit: Fit) -> np.ndarray:
        """(n_items,) int64: the image of each item that fits the query best, its first where none is told apart."""
        catalogue = self.catalogue
        if fit.chosen is not None:
            return np.where(fit.chosen[0] >= 0, fit.chosen[0], catalogue.image_of)
        columns = [i for i, name in enumerate(self.components.names) if is_image(name)]
        if len(columns) < 2:
            return catalogue.image_of
        similarities = np.where(self.components.present[:, columns], fit.similarities[0][:, columns], -np.inf)
        positions = np.full((len(catalogue), len(columns)), -1, np.int64)
        numbered = catalogue.image_numbers <= len(columns)
        positions[catalogue.owner[numbered], catalogue.image_numbers[numbered] - 1] = np.flatnonzero(numbered)
        return positions[np.arange(len(catalogue)), similarities.argmax(axis=1)]


def searcher(
    catalogue: Catalogue,
    space: str,
    names: Sequence[str] = (),
    *,
    join: str = "mean",
    encode: EncodeWords | None = None,
) -> Searcher:
    """A catalogue whose images are embedded, ready to answer; arguments as of `components`.

    Raises:
        NotComputed, BadInput: as `components`.
    """
    with_images = IMAGE in (tuple(names) or catalogue.default_components)
    images = embedding.embeddings(catalogue.dataset, space).vectors if with_images else None
    parts = components(catalogue, space, names, join=join, images=images, encode=encode)
    return Searcher(catalogue, parts, None if images is None else first_images(catalogue, images))


def as_text(searcher: Searcher, query: CatalogueQuery, shares: Mapping[str, float] | None = None, k: int = 5) -> str:
    """What each strategy finds, for a terminal; fixed weights only where there are some."""
    lines = [f"Looking for {query.sentence}", *query.notes]
    for entry in CATALOGUE_STRATEGIES:
        if entry.uses_shares and shares is None:
            continue
        result = searcher.rank(entry.name, query, shares)
        lines.append(f"\n{entry.label}")
        lines += [
            f"{rank:4d}  {result.scores[item]:7.3f}  {searcher.catalogue.items['id'].iloc[item]}  "
            f"{searcher.catalogue.title(item)}: {result.why(item)}"
            for rank, item in enumerate(result.listed[:k].tolist(), start=1)
        ] or ["      none of these words occurs in any item"]
    return "\n".join(lines)


def _rank_shares(similarities: np.ndarray, present: np.ndarray) -> np.ndarray:
    """(n_items, n_components): the share of each component's reciprocal rank in an item's sum."""
    shares = np.zeros_like(similarities)
    for i in range(similarities.shape[1]):
        rows = np.flatnonzero(present[:, i])
        order = rows[np.argsort(-similarities[rows, i], kind="stable")]
        shares[order, i] = 1.0 / (RRF_K + np.arange(1, len(order) + 1))
    total = shares.sum(axis=1, keepdims=True)
    return np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
