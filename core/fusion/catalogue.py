"""Catalogues: items made of components (title, description, picture ...) in one space, scored against a query.

DEFINITIONS.md, section 10. An item's score is the cosine of the query with the weighted sum of its components;
strategies differ in the weights. Fused vectors are never formed: with L the cosines of the query with the components
and E'E the small Gram matrix of each item, the score is w'L / sqrt(w' E'E w). Beside them stand two rivals that do not
add vectors: reciprocal ranks of the components' own lists, and BM25 on the words.

An item may have several pictures p_1 ... p_s. In the terms of section 10 they enter in one of three ways:

- mean: e = the unit vector of their mean, one component;
- best: e(q) = the one with the highest cos(q, p_j) (the first of equals), so L = max_j cos(q, p_j); E'E then follows the
  query. G is the mean over pairs of items of the mean cosine between their pictures, which is |Σ m|² − Σ |m|² over
  m (m − 1) with m the plain means of the pictures, and the G of section 10 where each item has one;
- each: every picture is a component of its own, and an item that has more of them is more of a picture.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core import arrays
from core.errors import BadInput, ShapeMismatch
from core.registry import Registry
from core.types import ZERO_NORM, unit_wide

RRF_K = 60
_BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class CatalogueStrategy:
    """One way to weigh the components of an item.

    Attributes:
        function: (similarities (n_queries, n_items, n_components) float64, components, shares (n_components,)) →
            weights (n_queries or 1, n_items, n_components) before they are brought to sum 1; anything that an item
            lacks is set to 0 afterwards. None for strategies that do not add vectors.
        joins: "vectors", "ranks" or "words".
        per_query: True where the weights of an item follow the query, so that no index over fused vectors can serve it.
        uses_shares: True where the user's own weight per component counts.
    """

    name: str
    label: str
    help: str
    reference: str
    joins: str = "vectors"
    per_query: bool = False
    uses_shares: bool = False
    function: Callable[..., np.ndarray] | None = None


CATALOGUE_STRATEGIES: Registry[CatalogueStrategy] = Registry("catalogue strategy", CatalogueStrategy)


class Alternatives:
    """Rows of one component of which an item may have several; for each query the one that fits best stands for it.

    Args:
        rows: (n_rows, dim) unit vectors; a zero row counts for nothing.
        owner: (n_rows,) int64 the item of each row.
        n_items: items of the catalogue.
    """

    def __init__(self, rows: np.ndarray, owner: np.ndarray, n_items: int) -> None:
        if rows.ndim != 2 or owner.shape != (len(rows),):
            raise ShapeMismatch(f"Got {len(rows)} rows of a component, and an item for {owner.size} of them.")
        self.rows = unit_wide(rows)
        self.n_items = n_items
        self.owner = np.asarray(owner, np.int64)
        used = np.flatnonzero(self.rows.any(axis=1))
        self._order = used[np.argsort(self.owner[used], kind="stable")]
        self._items, self._starts, self._counts = np.unique(
            self.owner[self._order], return_index=True, return_counts=True
        )

    @cached_property
    def means(self) -> np.ndarray:
        """(n_items, dim) float64: the plain mean of each item's rows, 0 where it has none."""
        total = np.zeros((self.n_items, self.rows.shape[1]))
        np.add.at(total, self.owner[self._order], self.rows[self._order])
        total[self._items] /= self._counts[:, None]
        return total

    @property
    def present(self) -> np.ndarray:
        """(n_items,) bool: which items have a row at all."""
        found = np.zeros(self.n_items, bool)
        found[self._items] = True
        return found

    @cached_property
    def _distinct(self) -> tuple[np.ndarray, np.ndarray]:
        return _first_copies(self.rows[self._order])

    def fit(self, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The best cosine of each item's rows, and which row it is: (n_queries, n_items) float64 and int64.

        Equal rows get equal cosines, and the first of them is taken; an item without rows gets 0 and −1.
        """
        best = np.zeros((len(asked), self.n_items))
        chosen = np.full((len(asked), self.n_items), -1, np.int64)
        if len(self._order):
            rows, number = self._distinct
            values = (asked @ rows.T)[:, number]
            best[:, self._items] = np.maximum.reduceat(values, self._starts, axis=1)
            reached = values == np.repeat(best[:, self._items], self._counts, axis=1)
            places = np.where(reached, np.arange(len(self._order)), len(self._order))
            chosen[:, self._items] = self._order[np.minimum.reduceat(places, self._starts, axis=1)]
        return best, chosen


@dataclass(frozen=True)
class Fit:
    """How well items fit some queries.

    Attributes:
        similarities: L, (n_queries, n_items, n_components) float64, 0 where an item lacks the component.
        gram: E'E, (n_items, n_components, n_components) float64, with the queries in front where it follows them.
        chosen: (n_queries, n_items) int64, the row that stands for the item's alternatives, −1 for none; or None.
    """

    similarities: np.ndarray
    gram: np.ndarray
    chosen: np.ndarray | None = None


class Components:
    """The components of every item, one array per component, with what the rules need of them.

    Args:
        vectors: component name → (n_items, dim) float32 unit vectors; a zero row means that the item lacks it.
        best_of: (component name, its alternatives): that component follows the query, its rows in `vectors` only stand
            in where no query is there.
    Raises:
        ShapeMismatch: arrays of different shape, or none.
        BadInput: numbers that are not finite.
    """

    def __init__(self, vectors: Mapping[str, np.ndarray], best_of: tuple[str, Alternatives] | None = None) -> None:
        shapes = {np.shape(values) for values in vectors.values()}
        if len(shapes) != 1 or len(next(iter(shapes))) != 2:
            said = ", ".join(f"{name} {np.shape(values)}" for name, values in vectors.items()) or "none"
            raise ShapeMismatch(f"The components of a catalogue are (n_items, dim) arrays of one space; got {said}.")
        self.names = tuple(vectors)
        self._vectors = []
        for name, values in vectors.items():
            wide = np.asarray(values, np.float64)
            if not np.isfinite(wide).all():
                raise BadInput(f"The component {name!r} holds numbers that are not finite; embed it again.")
            self._vectors.append(unit_wide(wide))
        self.n_items, self.dim = next(iter(shapes))
        self.alternatives = best_of[1] if best_of else None
        self._follows = self.names.index(best_of[0]) if best_of else -1

    def __len__(self) -> int:
        return len(self.names)

    def vectors(self, name: str) -> np.ndarray:
        """(n_items, dim) float64, rows of norm 1 or 0."""
        return self._vectors[self.names.index(name)]

    @cached_property
    def present(self) -> np.ndarray:
        """(n_items, n_components) bool: which items have which component."""
        found = np.stack([values.any(axis=1) for values in self._vectors], axis=1)
        if self.alternatives is not None:
            found[:, self._follows] = self.alternatives.present
        return found

    @cached_property
    def global_similarity(self) -> np.ndarray:
        """G, (n_components,) float64: the mean cosine between two items that have the component; 0 with fewer than two.

        From the sum of the vectors, without any pair: (|sum e|² − m) / (m (m − 1)). Of alternatives, every row of one
        item is compared with every row of the other.
        """
        found = np.zeros(len(self))
        for i, values in enumerate(self._vectors):
            m = int(self.present[:, i].sum())
            if m >= 2:
                own = self.alternatives.means if i == self._follows else values
                total = own.sum(axis=0)
                lengths = (own * own).sum() if i == self._follows else m
                found[i] = (total @ total - lengths) / (m * (m - 1))
        return found

    @cached_property
    def gram(self) -> np.ndarray:
        """(n_items, n_components, n_components) float64: cosines of an item's components with each other."""
        found = np.empty((self.n_items, len(self), len(self)))
        for i, a in enumerate(self._vectors):
            for j, b in enumerate(self._vectors[: i + 1]):
                found[:, i, j] = found[:, j, i] = np.einsum("nd,nd->n", a, b)
        return found

    @cached_property
    def _distinct(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Per component its distinct rows, and which of them each item has: equal rows must get equal scores."""
        return [_first_copies(values) for values in self._vectors]

    @cached_property
    def _across(self) -> np.ndarray:
        """(n_rows, n_components) float64: cosines of each alternative with its item's other components."""
        rows, owner = self.alternatives.rows, self.alternatives.owner
        return np.stack([np.einsum("nd,nd->n", rows, values[owner]) for values in self._vectors], axis=1)

    def fit(self, queries: np.ndarray) -> Fit:
        """The cosine of each query with each component, and the cosines of components with each other.

        Args:
            queries: (n_queries, dim) unit vectors; a zero row gives zeros.
        """
        asked = np.asarray(queries, np.float64)
        if asked.ndim != 2 or asked.shape[1] != self.dim:
            raise ShapeMismatch(f"Queries are (n_queries, {self.dim}) here, got {asked.shape}.")
        asked = unit_wide(asked)
        found = np.empty((len(asked), self.n_items, len(self)))
        chosen = None
        for i, (rows, number) in enumerate(self._distinct):
            if i == self._follows:
                found[:, :, i], chosen = self.alternatives.fit(asked)
            else:
                found[:, :, i] = (asked @ rows.T)[:, number]
        return Fit(found, self.gram if chosen is None else self._gram_of(chosen), chosen)

    def _gram_of(self, chosen: np.ndarray) -> np.ndarray:
        """(n_queries, n_items, n_components, n_components): E'E with the chosen alternatives in it."""
        i = self._follows
        across = np.where((chosen >= 0)[:, :, None], self._across[chosen], 0.0)
        across[:, :, i] = chosen >= 0
        gram = np.repeat(self.gram[None], len(chosen), axis=0)
        gram[:, :, i, :] = gram[:, :, :, i] = across
        return gram

    def similarities(self, queries: np.ndarray) -> np.ndarray:
        """L, (n_queries, n_items, n_components) float64: the cosine of each query with each component, 0 if lacking."""
        return self.fit(queries).similarities


def _first_copies(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows, and which of them each row is."""
    number: dict[bytes, int] = {}
    owner = np.array([number.setdefault(row.tobytes(), len(number)) for row in values], np.int64)
    first = np.full(len(number), -1, np.int64)
    first[owner[::-1]] = np.arange(len(values) - 1, -1, -1)
    return values[first], owner


@CATALOGUE_STRATEGIES.register(
    "average",
    label="Simple average",
    help="Every component that an item has counts alike.",
    reference="DEFINITIONS.md, section 10, the fallback of step 3",
)
def average(similarities: np.ndarray, components: Components, shares: np.ndarray) -> np.ndarray:
    """Equal weights."""
    return np.ones((1, components.n_items, len(components)))


@CATALOGUE_STRATEGIES.register(
    "fixed",
    label="Fixed weights",
    help="Your own weight per component, the same for every item and query.",
    reference="DEFINITIONS.md, section 10",
    uses_shares=True,
)
def fixed(similarities: np.ndarray, components: Components, shares: np.ndarray) -> np.ndarray:
    """The user's shares; an item whose every component has share 0 scores 0."""
    return np.broadcast_to(shares, (1, components.n_items, len(components)))


@CATALOGUE_STRATEGIES.register(
    "hybrid",
    label="Hybrid global-local",
    help="max(G, 0) times max(L, 0): how alike a component is over all items, times how well it fits the query.",
    reference="DEFINITIONS.md, section 10",
    per_query=True,
)
def hybrid(similarities: np.ndarray, components: Components, shares: np.ndarray) -> np.ndarray:
    """Clipped before multiplying: two negatives would make a positive weight."""
    return np.maximum(components.global_similarity, 0.0) * np.maximum(similarities, 0.0)


@CATALOGUE_STRATEGIES.register(
    "local",
    label="Local only (L)",
    help="max(L, 0): how well the component fits the query, nothing else.",
    reference="DEFINITIONS.md, section 10, without step 1",
    per_query=True,
)
def local(similarities: np.ndarray, components: Components, shares: np.ndarray) -> np.ndarray:
    """The component that fits the query best counts most."""
    return np.maximum(similarities, 0.0)


@CATALOGUE_STRATEGIES.register(
    "distinct",
    label="Distinct (1 − G)",
    help="1 − G: a component that looks alike on all items tells little, so it counts little.",
    reference="DEFINITIONS.md, section 10, the opposite of step 1",
)
def distinct(similarities: np.ndarray, components: Components, shares: np.ndarray) -> np.ndarray:
    """The same weights for every query; G is clipped to [0, 1]."""
    return np.broadcast_to(
        1.0 - np.clip(components.global_similarity, 0.0, 1.0), (1, components.n_items, len(components))
    )


CATALOGUE_STRATEGIES.add(
    CatalogueStrategy(
        "rrf",
        label="Reciprocal ranks",
        help="Each component ranks the items on its own; an item adds 1 / (60 + rank) for each.",
        reference="Cormack, Clarke and Büttcher 2009, doi:10.1145/1571941.1572114",
        joins="ranks",
    )
)
CATALOGUE_STRATEGIES.add(
    CatalogueStrategy(
        "bm25",
        label="BM25 on words",
        help="What shops have: words of the query that occur in the item's text, rare words count more.",
        reference="Robertson and Zaragoza 2009, doi:10.1561/1500000019",
        joins="words",
    )
)


def weights(strategy: str, similarities: np.ndarray, components: Components, shares: np.ndarray | None) -> np.ndarray:
    """Weights of each item's components: (n_queries, n_items, n_components) float64.

    Each row sums to 1 over the components that the item has; where a rule gives next to nothing (sum at most 1e-12)
    they are equal, except under `fixed`, where a share of 0 is the user's word; an item without components gets zeros.

    Raises:
        UnknownName: no such strategy.
        BadInput: a strategy that does not weigh vectors; shares that are negative, not finite or all 0.
    """
    entry = CATALOGUE_STRATEGIES.get(strategy)
    if entry.function is None:
        raise BadInput(f"{entry.label} has no weights per component.")
    given = np.ones(len(components)) if shares is None else np.asarray(shares, np.float64)
    if given.shape != (len(components),):
        raise ShapeMismatch(f"Got {given.size} weights for {len(components)} components {components.names}.")
    if not np.isfinite(given).all() or (given < 0).any() or (entry.uses_shares and not given.any()):
        raise BadInput("Weights of components are numbers of at least 0, not all of them 0.")
    raw = np.where(components.present, entry.function(similarities, components, given), 0.0)
    total = raw.sum(axis=2, keepdims=True)
    enough = total > 1e-12
    found = np.divide(raw, total, out=np.zeros_like(raw), where=enough)
    if not entry.uses_shares:
        count = np.maximum(components.present.sum(axis=1), 1)[:, None]
        found = np.where(enough, found, components.present / count)
    return np.broadcast_to(found, similarities.shape)


def fused_scores(fit: Fit, weighed: np.ndarray) -> np.ndarray:
    """cos(query, Σ w e) from L, w and Gram matrices: (n_queries, n_items) float64, 0 where the sum has no length.

    Args:
        weighed: (n_queries, n_items, n_components) weights.
    """
    products = "qnij" if fit.gram.ndim == 4 else "nij"
    squared = np.einsum(f"qni,{products},qnj->qn", weighed, fit.gram, weighed, optimize=False)
    norm = np.sqrt(np.maximum(squared, 0.0))
    found = np.einsum("qni,qni->qn", weighed, fit.similarities)
    return np.divide(found, norm, out=np.zeros_like(found), where=norm > ZERO_NORM)


def reciprocal_ranks(similarities: np.ndarray, present: np.ndarray, k: int = RRF_K) -> np.ndarray:
    """Σ over components of 1 / (k + rank): (n_queries, n_items) float64, rounded to 12 decimals.

    Each component ranks the items that have it, from 1; equal cosines get successive ranks by position. What an item
    lacks adds nothing.
    """
    n_queries, n_items, n_components = similarities.shape
    found = np.zeros((n_queries, n_items))
    for i in range(n_components):
        having = np.flatnonzero(present[:, i])
        order = np.argsort(-similarities[:, having, i], axis=1, kind="stable")
        shares = np.zeros((n_queries, len(having)))
        np.put_along_axis(shares, order, 1.0 / (k + np.arange(1, len(having) + 1))[None, :], axis=1)
        found[:, having] += shares
    return found.round(12)


def score_blocks(
    strategy: str, components: Components, queries: np.ndarray, shares: np.ndarray | None = None
) -> Iterator[tuple[int, int, np.ndarray]]:
    """(start, stop, scores (stop − start, n_items) float64) over the queries, in blocks that fit in memory."""
    numbers = components.n_items * len(components) * 4  # of one query
    if components.alternatives is not None:
        numbers += components.n_items * len(components) ** 2 * 2 + len(components.alternatives.rows) * 4
    step = max(1, _BLOCK_BYTES // max(1, 8 * numbers))
    for rows in arrays.chunks(len(queries), step):
        block = components.fit(queries[rows])
        yield rows.start, rows.stop, _scores(strategy, block, components, shares)


def _scores(strategy: str, fit: Fit, components: Components, shares: np.ndarray | None) -> np.ndarray:
    joins = CATALOGUE_STRATEGIES.get(strategy).joins
    if joins == "ranks":
        return reciprocal_ranks(fit.similarities, components.present)
    if joins == "words":
        raise BadInput("BM25 scores words; give it the words of the items and of the query.")
    return fused_scores(fit, weights(strategy, fit.similarities, components, shares))


def scores(strategy: str, components: Components, queries: np.ndarray, shares: np.ndarray | None = None) -> np.ndarray:
    """The score of every item for every query: (n_queries, n_items) float64, higher is closer.

    Args:
        strategy: a name of CATALOGUE_STRATEGIES that works on vectors or ranks.
        components: of the gallery; G comes from it, never from the queries.
        queries: (n_queries, dim) unit vectors of the same space.
        shares: (n_components,) weights for the strategies that use them.
    Raises:
        UnknownName, ShapeMismatch, BadInput.
    """
    found = np.empty((len(queries), components.n_items))
    for start, stop, block in score_blocks(strategy, components, queries, shares):
        found[start:stop] = block
    return found


STOP_WORDS = frozenset(
    {
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "for",
        "if",
        "in",
        "into",
        "is",
        "it",
        "no",
        "not",
        "of",
        "on",
        "or",
        "such",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "will",
        "with",
    }
)
"""English words that tell nothing: the default list of Lucene, so that the baseline is what shops run."""
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_ALONE = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


def tokens(text: str) -> list[str]:
    """Words of a text for BM25: letters and digits, lower case, accents off; scripts without spaces by character.

    A plural s is taken off words of more than three letters ("jackets" finds "jacket"); nothing else is stemmed. Stop
    words are left out, unless there is nothing else.
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    found: list[str] = []
    for word in _WORD.findall(plain):
        if any(unicodedata.name(letter, "").startswith(_ALONE) for letter in word):
            found.extend(word)
        else:
            plural = len(word) > 3 and word.endswith("s") and not word.endswith("ss")
            found.append(word[:-1] if plural else word)
    return [word for word in found if word not in STOP_WORDS] or found


class Bm25:
    """Okapi BM25 (k1 = 1.5, b = 0.75, idf floored as rank-bm25 does it) over the words of the items.

    Args:
        documents: the text of each item; "" is an item without words.
    """

    def __init__(self, documents: Sequence[str]) -> None:
        from rank_bm25 import BM25Okapi

        self.n_items = len(documents)
        words = [tokens(text) for text in documents]
        self._index = BM25Okapi(words) if any(words) else None

    def scores(self, terms: Sequence[tuple[str, float]]) -> np.ndarray:
        """(n_items,) float64: the sum over terms (text, weight) of weight times BM25; zeros when no word occurs."""
        found = np.zeros(self.n_items)
        if self._index is not None:
            for text, weight in terms:
                found += weight * np.asarray(self._index.get_scores(tokens(text)), np.float64)
        return found
