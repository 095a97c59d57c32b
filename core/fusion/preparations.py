"""What is done to the vectors of a backbone before anything is searched; the table is PREPARATIONS.

A preparation is fitted on the gallery alone, never on queries. What it gives is made unit again, and a zero row (a
backbone that has nothing for an image) stays zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from core.errors import BadInput
from core.fusion import early
from core.fusion.method import Method
from core.fusion.strategy import Parameter
from core.registry import Registry
from core.setups import Bounds
from core.types import Affine, unit

PREPARATIONS: Registry[Method] = Registry("preparation", Method)
"""An entry's function: (gallery (n_gallery, dim) float32 unit rows that are not zero, ...) → what turns rows into rows.

By keyword it gets its parameters and, where it names it, `groups`: (n_gallery,) int64, the group of each of these rows.
What it returns is then called with rows and their groups, (n,) int64, −1 where the gallery has none such."""

Transform = Callable[..., np.ndarray]
FEWEST_OF_A_GROUP = 10
_PROBED, _AS_GOOD_AS_EQUAL = 4, 1e-6
"""Rows on which it is found out whether a preparation is affine, and how far it may lie off, in parts of their length."""


@PREPARATIONS.register(
    "none",
    label="As embedded",
    sentence="The vectors stay as the backbone gives them.",
    reference="DEFINITIONS.md, section 14",
)
def unchanged(gallery: np.ndarray) -> Transform:
    """Rows as they are."""
    return lambda rows: rows


@PREPARATIONS.register(
    "centred",
    label="Centred",
    sentence="The mean of the gallery is taken off, so that what all images share counts no more.",
    reference="Suzuki et al. 2013, https://aclanthology.org/D13-1058",
)
def centred(gallery: np.ndarray) -> Transform:
    """x − m, with m the mean of the gallery's unit vectors."""
    mean = gallery.mean(axis=0, dtype=np.float64)
    return lambda rows: rows - mean


@PREPARATIONS.register(
    "centred_by_group",
    label="Centred by group",
    sentence="The mean of an image's own group is taken off (a column of the dataset, such as the camera or the domain).",
    reference="DEFINITIONS.md, section 14",
    parameters=(
        Parameter(
            "column", "", Bounds("text", high=60, label="Column", help="Of the dataset: what groups the images.")
        ),
    ),
)
def centred_by_group(gallery: np.ndarray, groups: np.ndarray) -> Transform:
    """x − m_G, with m_G the mean of the gallery's rows of the same group; a small or strange group: of all of them."""
    n_groups = int(groups.max(initial=-1)) + 1
    counts = np.bincount(groups[groups >= 0], minlength=n_groups)
    means = np.tile(gallery.mean(axis=0, dtype=np.float64), (n_groups + 1, 1))
    for group in np.flatnonzero(counts >= FEWEST_OF_A_GROUP):
        means[group] = gallery[groups == group].mean(axis=0, dtype=np.float64)
    # The last row is the mean of all: −1 finds it.
    return lambda rows, groups: rows - means[groups]


@PREPARATIONS.register(
    "half_whitened",
    label="Half-whitened",
    sentence="Directions in which images differ much count less, by the root of their spread; it needs a gallery of many images.",
    reference="Jégou and Chum 2012, doi:10.1007/978-3-642-33709-3_55, with the root of the deviation",
)
def half_whitened(gallery: np.ndarray) -> Transform:
    """Principal components of the gallery, each divided by √σ."""
    pca = early.Pca(gallery, min(gallery.shape))
    deviations = pca.deviations[: len(pca.components)]
    alive = deviations > early.FLAT * max(float(deviations[:1].max(initial=0.0)), 1e-300)
    scale = np.where(alive, 1 / np.sqrt(np.where(alive, deviations, 1.0)), 0.0)
    return lambda rows: pca.project(rows) * scale


class FittedPreparation:
    """A preparation fitted on a gallery, ready for any rows of that backbone.

    Args:
        method: of PREPARATIONS.
        settings: its parameters.
        gallery: (n_gallery, dim) float32 unit rows.
        groups: (n_gallery,) int64 of a preparation that needs them, else None.
    Raises:
        BadInput: the gallery has nothing to fit on, or a user's own preparation failed.
    """

    def __init__(
        self, method: Method, settings: dict[str, Any], gallery: np.ndarray, groups: np.ndarray | None = None
    ) -> None:
        present = early.present(gallery)
        if not present.any():
            raise BadInput(f"{method.label} needs a gallery with vectors; here all are zero.")
        self.method, self.by_group = method, "groups" in method.accepts
        self._probe = np.asarray(gallery[present][:_PROBED], np.float64)
        self._affine: dict[int, Affine | None] = {}
        offered = dict(settings)
        if groups is not None:
            offered["groups"] = groups[present]
        self.transform: Transform = call(method, gallery[present], **method.keywords(**offered))

    def __call__(self, rows: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
        """(n, dim) unit rows → (n, new dim) float32 unit rows; zero rows stay zero.

        Args:
            groups: (n,) int64 group of each row where the preparation needs it; None: of no group.
        """
        made = self._raw(rows, np.full(len(rows), -1) if groups is None else groups)
        if made.ndim != 2 or len(made) != len(rows) or not np.isfinite(made).all():
            raise BadInput(
                f"The preparation {self.method.name!r} gave rows of shape {made.shape} for {rows.shape}, or such as are "
                "not finite. Mend it, or choose another."
            )
        made = unit(made)
        made[~early.present(rows)] = 0.0
        return made

    def affine(self, group: int = -1) -> Affine | None:
        """What it does to a row of a group before that is made unit; None where it is not affine, as a user's own may be."""
        if group not in self._affine:
            self._affine[group] = self._found_affine(group)
        return self._affine[group]

    def _found_affine(self, group: int) -> Affine | None:
        dim = self._probe.shape[1]

        def moved(rows: np.ndarray) -> np.ndarray:
            """Rows of this group, not unit."""
            return self._raw(rows, np.full(len(rows), group)).astype(np.float64)

        shift = moved(np.zeros((1, dim)))[0]
        matrix = (moved(np.eye(dim)) - shift).T
        same = matrix.shape == (dim, dim) and np.allclose(matrix, np.eye(dim), rtol=0, atol=1e-12)
        affine, wanted = Affine(None if same else matrix, shift), moved(self._probe)
        far = np.linalg.norm(affine.apply(self._probe) - wanted, axis=1)
        return affine if (far <= _AS_GOOD_AS_EQUAL * np.maximum(np.linalg.norm(wanted, axis=1), 1e-12)).all() else None

    def _raw(self, rows: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return np.asarray(self.transform(rows, groups) if self.by_group else self.transform(rows))


def call(method: Method, *arguments: Any, **keywords: Any) -> Any:
    """What a method returns; a user's own one that fails says so in a sentence."""
    try:
        return method.function(*arguments, **keywords)
    except Exception as error:
        if not method.is_plugin:
            raise
        raise BadInput(
            f"Your {method.name!r} could not be used: {type(error).__name__}: {str(error).rstrip('.')}. Mend or remove it."
        ) from error
