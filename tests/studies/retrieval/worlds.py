"""Two backbones of different lengths over noisy classes, and the systems made of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.fusion import FusionSpec, spec
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.types import Dataset, Split, unit

CLASSES, PER_CLASS = 4, 12


def world(
    n_classes: int = CLASSES, per_class: int = PER_CLASS, seed: int = 0, split: Split | None = None
) -> tuple[Dataset, VectorSet]:
    """Two backbones of different lengths over noisy classes."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes), per_class)
    n = len(labels)
    made = {}
    for name, dim, noise in (("sharp", 16, 0.8), ("blunt", 7, 2.0)):
        centres = random.normal(size=(n_classes, dim))
        made[name] = unit(centres[labels] + noise * random.normal(size=(n, dim)))
    dataset = Dataset.of(
        "world",
        np.array([f"c{label}/{at}.jpg" for at, label in enumerate(labels)]),
        np.array([f"{at:064x}" for at in range(n)], "S64"),
        pd.DataFrame({"path": [f"/p/{at}.jpg" for at in range(n)], "title": [f"Thing <b>{at}</b>" for at in range(n)]}),
        tuple(f"class {c}" for c in range(n_classes)),
        labels,
        split=split,
    )
    return dataset, VectorSet(made, dataset.split)


MIX = FusionSpec("mix", "concat", ("sharp", "blunt"), (2.0, 1.0))


SYSTEMS = [
    None,
    MIX,
    spec.equal(("sharp", "blunt"), "rrf"),
    FusionSpec("z", "score_sum", ("sharp", "blunt"), None, (("norm", "zscore"),)),
    FusionSpec("p", "concat_pca", ("sharp", "blunt"), None, (("dim", 5),)),
]


IDS = [fusion.kind if fusion else "backbone" for fusion in SYSTEMS]


def system(space: VectorSet, fusion: FusionSpec | None) -> System:
    return System("sharp", space) if fusion is None else System(fusion.name, space, fusion)
