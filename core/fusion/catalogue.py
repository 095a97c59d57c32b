"""Catalogues: items made of components (title, description, picture ...) in one space, scored against a query.

DEFINITIONS.md, section 10. An item's score is the cosine of the query with the weighted sum of its components;
strategies differ in the weights. Fused vectors are never formed: with L the cosines of the query with the components
and E'E the small Gram matrix of each item, the score is w'L / sqrt(w' E'E w). Beside them stand two rivals that do not
add vectors: reciprocal ranks of the components' own lists, and BM25 on the words (`core.fusion.bm25`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from core import arrays
from core.errors import BadInput, ShapeMismatch
from core.fusion.catalogue_components import Components, Fit
from core.registry import Registry
from core.types import ZERO_NORM

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
        help="What shops have: words of the query that occur in the item's text, rare words count more; a word that more than "
        "half of the items have counts a quarter of the mean word, as in rank-bm25.",
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
    fixed_shares = np.ones(len(components)) if shares is None else np.asarray(shares, np.float64)
    if fixed_shares.shape != (len(components),):
        raise ShapeMismatch(f"Got {fixed_shares.size} weights for {len(components)} components {components.names}.")
    if (
        not np.isfinite(fixed_shares).all()
        or (fixed_shares < 0).any()
        or (entry.uses_shares and not fixed_shares.any())
    ):
        raise BadInput("Weights of components are numbers of at least 0, not all of them 0.")
    raw = np.where(components.present, entry.function(similarities, components, fixed_shares), 0.0)
    total = raw.sum(axis=2, keepdims=True)
    enough = total > 1e-12
    shares_of_items = np.divide(raw, total, out=np.zeros_like(raw), where=enough)
    if not entry.uses_shares:
        count = np.maximum(components.present.sum(axis=1), 1)[:, None]
        shares_of_items = np.where(enough, shares_of_items, components.present / count)
    return np.broadcast_to(shares_of_items, similarities.shape)


def fused_scores(fit: Fit, weighed: np.ndarray) -> np.ndarray:
    """cos(query, Σ w e) from L, w and Gram matrices: (n_queries, n_items) float64, 0 where the sum has no length.

    Args:
        weighed: (n_queries, n_items, n_components) weights.
    """
    products = "qnij" if fit.gram.ndim == 4 else "nij"
    squared = np.einsum(f"qni,{products},qnj->qn", weighed, fit.gram, weighed, optimize=False)
    norm = np.sqrt(np.maximum(squared, 0.0))
    fused = np.einsum("qni,qni->qn", weighed, fit.similarities)
    return np.divide(fused, norm, out=np.zeros_like(fused), where=norm > ZERO_NORM)


def reciprocal_ranks(similarities: np.ndarray, present: np.ndarray, k: int = RRF_K) -> np.ndarray:
    """Σ over components of 1 / (k + rank): (n_queries, n_items) float64, rounded to 12 decimals.

    Each component ranks the items that have it, from 1; equal cosines get successive ranks by position. What an item
    lacks adds nothing.
    """
    n_queries, n_items, n_components = similarities.shape
    total = np.zeros((n_queries, n_items))
    for i in range(n_components):
        having = np.flatnonzero(present[:, i])
        order = np.argsort(-similarities[:, having, i], axis=1, kind="stable")
        shares = np.zeros((n_queries, len(having)))
        np.put_along_axis(shares, order, 1.0 / (k + np.arange(1, len(having) + 1))[None, :], axis=1)
        total[:, having] += shares
    return total.round(12)


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
    all_scores = np.empty((len(queries), components.n_items))
    for start, stop, block in score_blocks(strategy, components, queries, shares):
        all_scores[start:stop] = block
    return all_scores
