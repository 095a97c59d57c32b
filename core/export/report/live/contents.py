"""What a playable report carries: scores, relevance, images, systems and a map, as JSON that its script reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from core.export.report.live import extent as extents
from core.export.report.live.extent import Extent
from core.export.report.live.mirror import Mirror, Nearness, nearness
from core.export.report.live.packing import Codes, packed
from core.search import LiveEngine
from core.search.scores import CosineScores, rows_at
from core.studies.comparison import ResamplingUnit
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task
from core.types import Dataset, Relevance

MAP_DIMS = 12
"""Principal components of each backbone from which the file lays out its map."""


@dataclass(frozen=True)
class LiveScores:
    """The scores of a file and their truth.

    Attributes:
        space: the vectors of the backbones, in the order of the sliders.
        truth: of the dataset's split.
        extent: what is held of them.
        by_class: intervals draw whole classes.
    """

    space: VectorSet
    truth: Relevance
    extent: Extent
    by_class: bool = True

    @classmethod
    def of(cls, space: VectorSet, truth: Relevance, by_class: bool = True) -> LiveScores:
        """As much as a file can hold.

        Raises:
            BadInput: it cannot hold any.
        """
        return cls(space, truth, extents.of(space.split, truth, len(space.names)), by_class)

    @cached_property
    def held_truth(self) -> Relevance:
        """Of the file's queries."""
        return self.truth if self.extent.is_whole(self.space.split) else self.truth.take(self.extent.queries)

    @cached_property
    def cosines(self) -> list[CosineScores]:
        """Per backbone, the file's queries against the gallery."""
        split = self.space.split
        queries = split.queries[self.extent.queries]
        return [
            CosineScores(rows_at(self.space.get(name), queries), rows_at(self.space.get(name), split.gallery))
            for name in self.space.names
        ]

    @cached_property
    def codes(self) -> list[Codes]:
        """Per backbone, as the file holds them."""
        itself, extent = self.held_truth.self_position, self.extent
        return [Codes.of(source.rows(slice(None)), itself, extent.bits, extent.triangle) for source in self.cosines]

    @property
    def mirror(self) -> Mirror:
        """The file's engine in Python."""
        return Mirror(
            self.codes, self.held_truth, [(source.query_present, source.gallery_present) for source in self.cosines]
        )

    @cached_property
    def unit(self) -> ResamplingUnit:
        """What intervals draw as a whole."""
        return ResamplingUnit.of(self.truth, self.by_class)

    @property
    def groups(self) -> np.ndarray | None:
        """(n_queries,) int64 classes of the file's queries, None where single queries are drawn."""
        return self.unit.groups_of(self.extent.queries)

    def nearness(self, keys: Sequence[str], task: Task = NO_TASK) -> Nearness:
        """How near the file's figures are to exact ones, measured."""
        vectors = {name: self.space.get(name) for name in self.space.names}
        engine = LiveEngine(vectors, self.space.split, self.truth, background=False)
        queries = None if self.extent.is_whole(self.space.split) else self.extent.queries
        return nearness(self.mirror, engine, queries, keys, self.groups, task=task)

    # ------------------------------------------------------------------------------------------- as JSON

    def record(self, keys: Sequence[str], titles: Mapping[str, str], colours: Sequence[str]) -> dict[str, Any]:
        """What the engine reads (`worker_engine.js`).

        Args:
            keys: list metrics.
            titles: backbone → what people call it; colours: one per backbone.
        """
        truth, extent = self.held_truth, self.extent
        backbones = [
            {"name": name, "label": titles.get(name, name), "colour": colour, "present": _present(source)}
            | codes.planes()
            for name, colour, source, codes in zip(self.space.names, colours, self.cosines, self.codes)
        ]
        record: dict[str, Any] = {
            "nQueries": truth.n_queries,
            "nGallery": truth.n_gallery,
            "bits": extent.bits,
            "triangle": extent.triangle,
            "metrics": list(keys),
            "backbones": backbones,
            "self": packed(truth.self_position.astype(np.int32)),
            "unit": self._unit(),
            "junk": None,
        }
        if len(truth.junk_items):
            record["junk"] = {
                "starts": packed(truth.junk_indptr.astype(np.int32)),
                "items": packed(truth.junk_items.astype(np.int32)),
            }
        if truth.by_class:
            queries, gallery = truth.classes
            return record | {
                "queryClasses": packed(queries.astype(np.int32)),
                "galleryClasses": packed(gallery.astype(np.int32)),
            }
        lists = {"starts": packed(truth.indptr.astype(np.int32)), "items": packed(truth.items.astype(np.int32))}
        if truth.gains is not None:
            lists["gains"] = packed(truth.gains)
        return record | {"lists": lists}

    def _unit(self) -> dict[str, Any]:
        """Which queries hang together, −1 for those that do not count, and Student's quantile for so many."""
        from scipy import stats

        valid, groups = self.held_truth.n_relevant > 0, self.groups
        codes = np.full(len(valid), -1, np.int32)
        labels = np.arange(len(valid)) if groups is None else groups
        names, codes[valid] = np.unique(labels[valid], return_inverse=True)
        quantile = float(stats.t.ppf(0.975, max(len(names) - 1, 1)))
        return {"codes": packed(codes), "n": len(names), "quantile": quantile, "byClass": groups is not None}

    def map_record(self) -> dict[str, Any]:
        """Principal components of each backbone over the gallery, from which any mix of them is laid out."""
        parts = []
        for name in self.space.names:
            rows = rows_at(self.space.get(name), self.space.split.gallery)
            components, variance = _leading(rows - rows.mean(axis=0), MAP_DIMS)
            largest = float(np.abs(components).max()) or 1.0
            coded = np.rint(components / largest * 127).astype(np.int8)
            parts.append({"components": packed(coded), "scale": largest / 127, "variance": variance})
        return {"dims": MAP_DIMS, "parts": parts}


def _leading(centred: np.ndarray, dims: int) -> tuple[np.ndarray, float]:
    """(n, dims) float32 leading principal components of centred rows, and the variance of all.

    Subspace iteration with a margin: for a map, quicker than the exact ones (Halko, Martinsson and Tropp 2011,
    doi:10.1137/090771806).
    """
    n, width = centred.shape
    basis = np.random.default_rng(0).standard_normal((width, min(width, 2 * dims))).astype(np.float32)
    for _ in range(6):
        basis, _ = np.linalg.qr(centred.T @ (centred @ basis))
    inner = centred @ basis
    values, vectors = np.linalg.eigh(inner.T @ inner)
    order = np.argsort(-values)[:dims]
    components = np.zeros((n, dims), np.float32)
    components[:, : len(order)] = inner @ vectors[:, order]
    return components, float((centred.astype(np.float64) ** 2).sum() / n)


def _present(source: CosineScores) -> dict[str, str] | None:
    """Which images a backbone has something for; None where it has for all."""
    if source.query_present.all() and source.gallery_present.all():
        return None
    return {
        "query": packed(source.query_present.astype(np.uint8)),
        "gallery": packed(source.gallery_present.astype(np.uint8)),
    }


def image_positions(dataset: Dataset, extent: Extent) -> tuple[np.ndarray, np.ndarray]:
    """The images of a file: the gallery, then queries that are not in it.

    Returns:
        (n_images,) int64 positions in the dataset, and (n_queries,) int64 the number of each query's image.
    """
    split = dataset.split
    queries, itself = split.queries[extent.queries], split.self_position[extent.queries]
    apart = np.flatnonzero(itself < 0)
    numbers = np.array(itself)
    numbers[apart] = len(split.gallery) + np.arange(len(apart))
    return np.concatenate([split.gallery, queries[apart]]), numbers


def inert_json(record: object) -> str:
    """JSON that may stand inside a script element: nothing in it can end that element, whatever text it holds.

    >>> inert_json("</script>")
    '"\\\\u003c/script\\\\u003e"'
    """
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text
