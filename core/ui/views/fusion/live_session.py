"""What answers the live lab of one session while weights are dragged."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from core import wording
from core.fusion import FusionSpec
from core.studies import live_figures, query_sampling, training_split
from core.studies.live_figures import LiveEvaluator, LiveFigures, LiveResults
from core.types import Dataset
from core.ui.app import cache, thumbnail_route
from core.ui.app.cached import cached, digest
from core.ui.components.live_lab import fuse_route
from core.ui.views.fusion import fusion_state
from core.ui.views.fusion.lab_view import LabView
from core.ui.widgets import image_cards, weight_shares

text = wording.page("live_lab")

MOST_QUERIES = 2_000
"""With more queries a sample of them answers while a thumb is dragged."""
SLOWEST = 0.1
"""Seconds an answer may take: a strategy that is slower is asked when the thumb is let go."""


@cached("resource", max_entries=8)
def dragged(loaded: Dataset) -> Dataset | None:
    """Of a large set the same dataset, asked by a seeded sample of its queries; else None."""
    relevance = cache.relevance_of(loaded)
    return query_sampling.of(loaded, relevance) if int((relevance.n_relevant > 0).sum()) > MOST_QUERIES else None


class LabFuser:
    """Figures and results under any weights, for one strategy, baseline and dataset (`fuse_route.Fuser`)."""

    def __init__(self, view: LabView) -> None:
        self.loaded, self.names, self.base = view.loaded, view.names, view.base
        self.spec = dataclasses.replace(view.spec, trained_on=())
        self.by_class = view.by_class
        self.metrics: tuple[str, ...] = view.metrics if view.loaded.has_labels else ()
        self.n_images = len(view.loaded)
        self._seconds: list[float] = []
        self.page_seconds = 0.0  # what the page needed for the same figures, until an answer was measured
        self.address = fuse_route.address(fuse_route.open_fuser(self))

    @cached_property
    def _evaluator(self) -> LiveEvaluator:
        """Over all queries, or a sample; made when it is first asked, in the thread of the route."""
        every = training_split.without(self.loaded, self.base.trained_on)
        dataset = dragged(every) or every
        self._note = note(dataset, every)
        return LiveEvaluator(
            cache.evaluator(dataset, self.names),
            self.spec,
            self.metrics,
            baseline=cache.list_metrics(dataset, self.base.backbones, self.base, self.metrics),
            shows_baseline=not fusion_state.is_even(self.base),
            by_class=self.by_class,
        )

    @property
    def is_live(self) -> bool:
        """Whether it keeps up with a thumb; weighted sums do, of others it is measured."""
        seconds = self._seconds[1:]  # the first answer meets cold code
        if self.spec.is_linear:
            return True
        return float(np.median(seconds[-3:])) <= SLOWEST if seconds else self.page_seconds <= 5 * SLOWEST

    def answer(self, request: fuse_route.FuseRequest, sent: set[int]) -> dict[str, Any]:
        """The fields of an answer, as `main.js` describes them."""
        began = time.perf_counter()
        shares = weight_shares.fitted(request.shares, self.names)
        spec = self.spec.with_shares(shares)
        figures = self._evaluator.at(shares, request.metric) if self.metrics else None
        results = results_of(self.loaded, self.names, spec, request.query, request.k) if request.query >= 0 else None
        self._seconds = [*self._seconds[:1], *self._seconds[1:][-4:], time.perf_counter() - began]
        fields = as_fields(self.names, shares, figures, results)
        fields["note"] = self._note if self.metrics else text("phrase.no_labels")
        fields["live"] = self.is_live
        fields["milliseconds"] = round(1e3 * self._seconds[-1], 2)
        fields["items"] = items(self.loaded, results, sent)
        return fields


def note(dataset: Dataset, every: Dataset) -> str:
    """What figures rest on: all queries, or a sample."""
    n_all, n = (int((cache.relevance_of(data).n_relevant > 0).sum()) for data in (every, dataset))
    if n == n_all:
        return text("phrase.exact", queries=wording.plural(n, "query"))
    return text("phrase.sample", sampled=f"{n:,}", queries=wording.plural(n_all, "query"))


def results_of(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, position: int, k: int) -> LiveResults:
    """The first results of an image of the dataset."""
    return live_figures.results(loaded, cache.image_query(loaded, names, position), spec, k)


def items(loaded: Dataset, results: LiveResults | None, sent: set[int]) -> list[list[Any]]:
    """What `item` gives of results that the browser does not know yet."""
    positions = [] if results is None else [int(image) for image in results.images if int(image) not in sent]
    sent.update(positions)
    return (
        [item(loaded, position) for position in image_cards.ensure_thumbnails(loaded, positions)] if positions else []
    )


def item(loaded: Dataset, position: int) -> list[Any]:
    """[position, address of its thumbnail, and of a larger one, name, label, facts] of an image."""
    key, name = image_cards.image_key(loaded, position), str(loaded.ids[position])
    addresses = [thumbnail_route.url(key), thumbnail_route.url(key, "large")]
    return [position, *addresses, name, loaded.label_of(position), image_cards.facts(loaded, position)]


def as_fields(
    names: tuple[str, ...], shares: Mapping[str, float], figures: LiveFigures | None, results: LiveResults | None
) -> dict[str, Any]:
    """Figures and results under the names that `main.js` knows."""
    fields: dict[str, Any] = {"weights": np.array([shares[name] for name in names])}
    if figures is not None:
        versus = figures.versus
        sentence = cache.with_titles(figures.verdict, names)
        fields |= {name: getattr(figures, name) for name in ("means", "lows", "highs", "changes", "systems", "curve")}
        fields |= {"gain": figures.gain, "verdict": sentence[0].upper() + sentence[1:]}
        fields["change"] = versus and {"mean": versus.mean, "low": versus.low, "high": versus.high, "p": versus.p_holm}
    if results is not None:
        fields |= {"ids": results.images.astype(np.int32), "scores": results.scores}
        fields |= {"relevance": results.relevance, "shares": results.shares}
        fields |= {"ranks": results.ranks.astype(np.int32), "cosines": results.cosines}
    return fields


def stamp(view: LabView) -> str:
    """What a fuser answers for: everything that its answers depend on but the weights, the query and the metric."""
    spec = dataclasses.replace(view.spec, trained_on=()).with_shares(dict.fromkeys(view.names, 1.0))
    return digest(view.loaded, view.names, spec, view.base, view.setup.by_query)
