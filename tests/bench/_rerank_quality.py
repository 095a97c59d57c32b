"""What preparations and re-rankings win on real sets, beside the pilot's figures.

The classes are parted in halves: parameters are chosen on one half by mAP and reported on the other, both ways. Each half's
images ask in four folds (every fourth image) a gallery without that fold. Which classes fall together is drawn, and moves a
figure by more than the hundredth that is asked for: so it is drawn several times, and the mean over the draws, with their
standard deviation, stands beside the pilot's one draw. A fusion is centred backbone by backbone here; the pilot took the mean
off the joined vectors, which is measured too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from core.fusion import PREPARATIONS, FusionSpec, Step
from core.metrics import average_precision, hubs
from core.search import rank_scores
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.types import Relevance, Split

WITHIN = 0.01
"""How far below the pilot's figure the mean over draws may lie."""
GRIDS: dict[str, list[dict]] = {
    "k_reciprocal": [
        {"k1": k1, "k2": 6, "lambda": share} for k1, share in itertools.product((5, 10, 20, 40), (0.1, 0.3, 0.5))
    ],
    "augmentation_expansion": [{"n": n, "alpha": a} for n, a in itertools.product((2, 5, 10, 20), (0.0, 1.0, 3.0))],
    "query_expansion": [{"n": n, "alpha": a} for n, a in itertools.product((2, 5, 10), (0.0, 3.0))],
    "csls": [{"k": k} for k in (5, 10, 20)],
    "mutual_proximity": [{}],
}
PILOT = {
    ("photos", "Lite2"): {"base": 0.939, "joined": 0.010, "augmentation_expansion": 0.038, "k_reciprocal": 0.040},
    ("photos", "fusion"): {"base": 0.849, "joined": 0.019, "augmentation_expansion": 0.103, "k_reciprocal": 0.117},
    ("instances", "Lite2"): {"base": 0.470, "joined": 0.047, "augmentation_expansion": 0.128, "k_reciprocal": 0.144},
    ("instances", "fusion"): {"base": 0.557, "joined": 0.059, "augmentation_expansion": 0.153, "k_reciprocal": 0.153},
}
BACKBONES = {
    "Lite2": ("tf_efficientnet_lite2",),
    "fusion": ("tf_efficientnet_lite0", "tf_efficientnet_lite2", "hsv_histogram"),
}
JOINED = "centred after joining"


def quality(name: str, n_seeds: int) -> None:
    """Print mAP and P@1 of an embedded dataset before, and what every step adds."""
    from core import data
    from core.studies import fusion

    dataset = data.get(name)
    labels = np.asarray(dataset.labels if dataset.instances is None else dataset.instances)
    for title, backbones in BACKBONES.items():
        space = fusion.space_of(dataset, backbones)
        plain = FusionSpec("m", "concat", backbones)
        joined = VectorSet({"joined": space.fused(plain)}, space.split) if len(backbones) > 1 else None
        drawn = [_of_one_draw(space, joined, labels, plain, seed) for seed in range(n_seeds)]
        values = {step: np.array([each[step] for each in drawn]) for step in drawn[0]}
        _print(name, title, values)


def _print(name: str, title: str, values: dict[str, np.ndarray]) -> None:
    """The table of one system: (n_seeds, 3) mAP, P@1 and hubness by step."""
    base, pilot = values.pop("base"), PILOT.get((name, title), {})
    print(f"{name}, {title}: {len(base)} ways to part the classes, mean ± standard deviation over them")
    print(
        f"  {'before':30} mAP {_spread(base[:, 0], '.3f')}{_pilot(base[:, 0], pilot, 'base')}   P@1 {_spread(base[:, 1], '.3f')}"
        f"   hubness {base[:, 2].mean():.2f}"
    )
    for step, reached in values.items():
        gain = reached - base
        key = "joined" if step == JOINED or (step == "centred" and JOINED not in values) else step
        print(
            f"  {step:30} mAP {_spread(gain[:, 0], '+.3f')}{_pilot(gain[:, 0], pilot, key)}   P@1 {_spread(gain[:, 1], '+.3f')}"
            f"   hubness {reached[:, 2].mean():.2f}"
        )


def _spread(values: np.ndarray, form: str) -> str:
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return f"{float(values.mean()):{form}} ± {deviation:.3f}"


def _pilot(values: np.ndarray, pilot: dict[str, float], key: str) -> str:
    if key not in pilot:
        return " " * 23
    held = float(values.mean()) >= pilot[key] - WITHIN
    return f" (pilot {pilot[key]:+.3f}: {'holds' if held else 'MISSED'})".ljust(23)


def _of_one_draw(
    space: VectorSet, joined: VectorSet | None, labels: np.ndarray, plain: FusionSpec, seed: int
) -> dict[str, tuple[float, float, float]]:
    """mAP, P@1 and hubness of every step where the classes are parted by this seed."""
    halves = [_Half(space, labels, half) for half in _halves(labels, seed)]
    backbones = plain.backbones
    values = {"base": _reported(halves, [plain])}
    for method in PREPARATIONS:
        if method.name != "none" and "groups" not in method.accepts:
            prepared = FusionSpec("m", "concat", backbones, prepare=Step("preparation", method.name))
            values[method.name] = _reported(halves, [prepared])
    if joined is not None:
        centred = FusionSpec("m", "concat", ("joined",), prepare=Step("preparation", "centred"))
        values[JOINED] = _reported([_Half(joined, labels, half) for half in _halves(labels, seed)], [centred])
    for key, grid in GRIDS.items():
        for keep in (0, 1) if key == "k_reciprocal" else (0,):
            steps = [Step("re-ranking", key, tuple((settings | {"keep": keep}).items())) for settings in grid]
            values[f"{key}, first kept" if keep else key] = _reported(
                halves, [FusionSpec("m", "concat", backbones, rerank=step) for step in steps]
            )
    return values


def _halves(labels: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    classes = np.random.default_rng(seed).permutation(np.unique(labels[labels >= 0]))
    for part in (classes[: len(classes) // 2], classes[len(classes) // 2 :]):
        yield np.flatnonzero(np.isin(labels, part))


class _Half:
    """The images of half of the classes: four folds that ask a gallery without the fold."""

    def __init__(self, space: VectorSet, labels: np.ndarray, images: np.ndarray) -> None:
        self.folds = []
        for fold in range(4):
            queries = images[fold::4]
            gallery = np.setdiff1d(images, queries)
            truth = Relevance(
                len(queries), len(gallery), query_classes=labels[queries], gallery_classes=labels[gallery]
            )
            part = VectorSet(space.vectors, Split(queries, gallery), groups=space.groups)
            part.keep(1 << 28)
            self.folds.append((part, truth))

    def values(self, spec: FusionSpec) -> tuple[np.ndarray, np.ndarray, float]:
        """AP and P@1 of every query, and the mean hubness of the folds."""
        ap, first, skewness = [], [], []
        for part, truth in self.folds:
            ranked = rank_scores(System("m", part, spec), truth, k=hubs.DEPTH)
            valid = ranked.ranks.valid
            ap.append(average_precision(ranked.ranks)[valid])
            first.append(ranked.ranks.ranks[ranked.ranks.indptr[:-1][valid]] == 1)
            skewness.append(hubs.hubness(ranked.items, truth.n_gallery).skewness)
        return np.concatenate(ap), np.concatenate(first), float(np.mean(skewness))


def _reported(halves: Sequence[_Half], candidates: Sequence[FusionSpec]) -> tuple[float, float, float]:
    """Each half reports with the candidate that is best on the other half: mean AP, P@1 and hubness over all queries."""
    values = [[half.values(spec) for spec in candidates] for half in halves]
    chosen = [int(np.argmax([each[0].mean() for each in of_half])) for of_half in values]
    reported = [values[half][chosen[1 - half]] for half in (0, 1)]
    ap, first = (np.concatenate([each[at] for each in reported]) for at in (0, 1))
    return float(ap.mean()), float(first.mean()), float(np.mean([each[2] for each in reported]))
