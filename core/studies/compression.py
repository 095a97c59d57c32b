"""What shorter, int8 and binary vectors of a system cost in a metric, and what memory they save.

Queries and gallery are compressed alike. Scales, means and principal components are fitted on the gallery, without
labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from core import arrays, metrics, text_table
from core.errors import BadInput
from core.fusion.early import Pca
from core.metrics.significance import Difference
from core.studies.comparison import Estimate, ResamplingUnit, compare
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task
from core.types import Relevance, unit

FULL = "float32"
CENTRED = "float32, centred"
SHARES = (2, 4, 8)
"""One number in so many is kept."""
FITTED_ON = 10_000
"""Gallery vectors that scales and components are fitted on, at most; a seeded sample of more."""
NOTE = (
    "Queries and gallery are compressed alike; scales, means and components come from the gallery, without labels. "
    "“Centred” is full length less the mean of the gallery, as binary and PCA forms are too: where the vectors share a large "
    "common part, taking it away raises the metric, and what compression alone costs is seen against that row. "
    "The first numbers alone are only meant for backbones that were trained for it (nested, 'Matryoshka' vectors)."
)


@dataclass(frozen=True)
class Form:
    """One way to store a system's vectors.

    Attributes:
        name: for people.
        dim: numbers of a vector.
        bits: of one number.
        compressed: (n_images, dim) unit vectors → (n_images, dim) float32 unit vectors as they are read back.
    """

    name: str
    dim: int
    bits: int
    compressed: Callable[[np.ndarray], np.ndarray]

    @property
    def bytes_per_image(self) -> float:
        """What one vector takes."""
        return self.dim * self.bits / 8


@dataclass(frozen=True)
class CompressionCost:
    """One row of the table: `difference` is this form less float32, None for float32 itself."""

    form: Form
    estimate: Estimate
    difference: Difference | None


def forms(gallery: np.ndarray, seed: int = 0) -> Iterator[Form]:
    """Every form for vectors of this kind.

    Args:
        gallery: (n_gallery, dim) float32 unit vectors that scales and components are fitted on.
    """
    dim = gallery.shape[1]
    fitted_on = gallery[arrays.sample(len(gallery), FITTED_ON, seed)]
    yield Form(FULL, dim, 32, lambda rows: rows)
    yield Form(CENTRED, dim, 32, _centred(fitted_on))
    yield Form("float16", dim, 16, lambda rows: unit(rows.astype(np.float16)))
    yield Form("int8", dim, 8, _int8(fitted_on))
    yield Form("binary", dim, 1, _binary(fitted_on))
    components = Pca(fitted_on, max(1, min(dim // SHARES[0], len(fitted_on) - 1)))
    for share in SHARES:
        length = dim // share
        if length:
            yield Form(f"first {length:,} numbers", length, 32, _first_numbers(length))
        if 0 < length <= len(components.components):  # fewer images than that have no such components
            shorter = _projection(components, length)
            yield Form(f"PCA to {length:,}", length, 32, shorter)
            if share == SHARES[1]:
                yield Form(f"PCA to {length:,}, int8", length, 8, _after(shorter, _int8(shorter(fitted_on))))


def _centred(fitted_on: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Less the mean: what binary and PCA forms do beside being smaller."""
    mean = fitted_on.mean(axis=0)
    return lambda rows: unit(np.where(rows.any(axis=1, keepdims=True), rows - mean, 0.0))


def _int8(fitted_on: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Each number as a whole one from −127 to 127, scaled by the largest of its column."""
    scale = np.maximum(np.abs(fitted_on).max(axis=0), 1e-12).astype(np.float32) / 127
    return lambda rows: unit(np.clip(np.rint(rows / scale), -127, 127) * scale)


def _binary(fitted_on: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Each number as whether it is above the mean of its column; the cosine of two is 1 − 2 · Hamming distance / dim."""
    mean = fitted_on.mean(axis=0)

    def signs(rows: np.ndarray) -> np.ndarray:
        bits = np.where(rows > mean, 1.0, -1.0)
        bits[~rows.any(axis=1)] = 0.0  # no vector stays none
        return unit(bits)

    return signs


def _first_numbers(length: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: unit(rows[:, :length])


def _projection(components: Pca, length: int) -> Callable[[np.ndarray], np.ndarray]:
    def project(rows: np.ndarray) -> np.ndarray:
        shorter = components.project(rows)[:, :length]
        shorter[~rows.any(axis=1)] = 0.0
        return unit(shorter)

    return project


def _after(
    first: Callable[[np.ndarray], np.ndarray], then: Callable[[np.ndarray], np.ndarray]
) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: then(first(rows))


def measure(
    system: System,
    truth: Relevance,
    *,
    metric: str = "map",
    by_class: bool = True,
    seed: int = 0,
    task: Task = NO_TASK,
) -> list[CompressionCost]:
    """Every form of a system's vectors, its metric, and what is lost against float32.

    Args:
        metric: a list metric that needs no cut-off, or has it in its key.
        by_class: whole classes are drawn where queries share them.
    Raises:
        BadInput: a fusion of scores or ranks, which has no vectors.
    """
    vectors = system.vectors
    if vectors is None:
        raise BadInput(
            f"{system.name!r} fuses scores or ranks and has no vectors to compress; compress its backbones, or concat them."
        )
    split = system.space.split
    every_form = list(forms(vectors[split.gallery], seed))
    values: dict[str, np.ndarray] = {}
    for form in task.each(f"Compressing the vectors of {system.name}", every_form, "forms"):
        space = VectorSet({form.name: form.compressed(vectors)}, split)
        ranks = Ranker(truth).rank(System(form.name, space), task=task.reporting(lambda _: None)).ranks
        values[form.name] = metrics.compute(ranks, [metric])[metric]
    compared = compare(values, ResamplingUnit.of(truth, by_class), metric=metric, base=FULL, seed=seed, choose=False)
    return [
        CompressionCost(
            form, compared.estimates[form.name], None if form.name == FULL else compared.difference(form.name, FULL)
        )
        for form in every_form
    ]


def rows_of(costs: list[CompressionCost], n_images: int, metric_label: str) -> list[list[str]]:
    """The table as text, its head first."""
    full = costs[0].form.bytes_per_image
    rows = [["stored as", "bytes an image", f"MB for {n_images:,}", "of float32", metric_label, "change", ""]]
    for cost in costs:
        size, difference = cost.form.bytes_per_image, cost.difference
        rows.append(
            [
                cost.form.name,
                f"{size:,.0f}",
                f"{size * n_images / 1e6:,.1f}",
                f"{size / full:.1%}",
                f"{cost.estimate.mean:.4f}",
                "" if difference is None else f"{difference.mean:+.4f}",
                "" if difference is None or not difference.differs else "differs",
            ]
        )
    return rows


def text(costs: list[CompressionCost], n_images: int, metric_label: str) -> str:
    """The table and what it stands on, for the command line."""
    aligned = text_table.aligned(rows_of(costs, n_images, metric_label), numbers=(1, 2, 3, 4, 5))
    return "\n".join([*aligned, NOTE])
