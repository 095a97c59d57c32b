"""The components of catalogue items (title, description, image ...) in one space.

An item may have several pictures p_1 ... p_s. In the terms of section 10 they enter in one of three ways:

- mean: e = the unit vector of their mean, one component;
- best: e(q) = the one with the highest cos(q, p_j) (the first of equals), so L = max_j cos(q, p_j); E'E then follows the
  query. G is the mean over pairs of items of the mean cosine between their pictures, which is |Σ m|² − Σ |m|² over
  m (m − 1) with m the plain means of the pictures, and the G of section 10 where each item has one;
- each: every picture is a component of its own, and an item that has more of them is more of a picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.errors import BadInput, ShapeMismatch
from core.types import unit_wide


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
        has_component = np.zeros(self.n_items, bool)
        has_component[self._items] = True
        return has_component

    @cached_property
    def _distinct(self) -> tuple[np.ndarray, np.ndarray]:
        return _first_copies(self.rows[self._order])

    def fit(self, query_rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The best cosine of each item's rows, and which row it is: (n_queries, n_items) float64 and int64.

        Equal rows get equal cosines, and the first of them is taken; an item without rows gets 0 and −1.
        """
        best = np.zeros((len(query_rows), self.n_items))
        chosen = np.full((len(query_rows), self.n_items), -1, np.int64)
        if len(self._order):
            rows, number = self._distinct
            values = (query_rows @ rows.T)[:, number]
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
            shapes_text = ", ".join(f"{name} {np.shape(values)}" for name, values in vectors.items()) or "none"
            raise ShapeMismatch(
                f"The components of a catalogue are (n_items, dim) arrays of one space; got {shapes_text}."
            )
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
        has_component = np.stack([values.any(axis=1) for values in self._vectors], axis=1)
        if self.alternatives is not None:
            has_component[:, self._follows] = self.alternatives.present
        return has_component

    @cached_property
    def global_similarity(self) -> np.ndarray:
        """G, (n_components,) float64: the mean cosine between two items that have the component; 0 with fewer than two.

        From the sum of the vectors, without any pair: (|sum e|² − m) / (m (m − 1)). Of alternatives, every row of one
        item is compared with every row of the other.
        """
        similarity = np.zeros(len(self))
        for i, values in enumerate(self._vectors):
            m = int(self.present[:, i].sum())
            if m >= 2:
                rows = self._followed.means if i == self._follows else values
                total = rows.sum(axis=0)
                lengths = (rows * rows).sum() if i == self._follows else m
                similarity[i] = (total @ total - lengths) / (m * (m - 1))
        return similarity

    @cached_property
    def gram(self) -> np.ndarray:
        """(n_items, n_components, n_components) float64: cosines of an item's components with each other."""
        products = np.empty((self.n_items, len(self), len(self)))
        for i, a in enumerate(self._vectors):
            for j, b in enumerate(self._vectors[: i + 1]):
                products[:, i, j] = products[:, j, i] = np.einsum("nd,nd->n", a, b)
        return products

    @cached_property
    def _distinct(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Per component its distinct rows, and which of them each item has: equal rows must get equal scores."""
        return [_first_copies(values) for values in self._vectors]

    @property
    def _followed(self) -> Alternatives:
        assert self.alternatives is not None, "only a component with alternatives follows the query"
        return self.alternatives

    @cached_property
    def _across(self) -> np.ndarray:
        """(n_rows, n_components) float64: cosines of each alternative with its item's other components."""
        rows, owner = self._followed.rows, self._followed.owner
        return np.stack([np.einsum("nd,nd->n", rows, values[owner]) for values in self._vectors], axis=1)

    def fit(self, queries: np.ndarray) -> Fit:
        """The cosine of each query with each component, and the cosines of components with each other.

        Args:
            queries: (n_queries, dim) unit vectors; a zero row gives zeros.
        """
        query_rows = np.asarray(queries, np.float64)
        if query_rows.ndim != 2 or query_rows.shape[1] != self.dim:
            raise ShapeMismatch(f"Queries are (n_queries, {self.dim}) here, got {query_rows.shape}.")
        query_rows = unit_wide(query_rows)
        similarities = np.empty((len(query_rows), self.n_items, len(self)))
        chosen = None
        for i, (rows, number) in enumerate(self._distinct):
            if i == self._follows:
                similarities[:, :, i], chosen = self._followed.fit(query_rows)
            else:
                similarities[:, :, i] = (query_rows @ rows.T)[:, number]
        return Fit(similarities, self.gram if chosen is None else self._gram_of(chosen), chosen)

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
