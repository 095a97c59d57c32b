"""`bench threshold`: same or not, nothing like it here, scores as probabilities, on real sets beside the pilot's figures.

All images ask, themselves left out. Calibration is fitted on half of the classes and examined on the other; which half is
drawn, so it is drawn several times: the pilot's one draw must lie within two standard deviations of the mean over them.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from core.bench import machine
from core.fusion import FusionSpec, Step
from core.studies.systems import System
from core.types import Dataset, Relevance
from tests.bench import _rerank_quality

WITHIN = 0.01
BACKBONES = {"Lite0": ("tf_efficientnet_lite0",), "HSV": ("hsv_histogram",)} | _rerank_quality.BACKBONES
FIGURES = (
    "roc_auc",
    "eer",
    "tpr@fpr1e-2",
    "tpr@fpr1e-3",
    "open set, best score",
    "open set, centred",
    "open set, margin",
    "right and accepted at 5 %",
)
PILOT: dict[tuple[str, str], tuple[float, ...]] = {
    ("photos", "Lite0"): (0.990, 0.041, 0.835, 0.428, 0.957, 0.955, 0.631, 0.767),
    ("photos", "Lite2"): (0.990, 0.042, 0.858, 0.487, 0.960, 0.961, 0.589, 0.786),
    ("photos", "fusion"): (0.966, 0.098, 0.679, 0.396, 0.945, 0.946, 0.695, 0.758),
    ("instances", "Lite0"): (0.793, 0.281, 0.211, 0.069, 0.765, 0.801, 0.750, 0.292),
    ("instances", "Lite2"): (0.802, 0.269, 0.203, 0.074, 0.756, 0.781, 0.725, 0.358),
    ("instances", "HSV"): (0.772, 0.301, 0.199, 0.086, 0.809, 0.840, 0.761, 0.405),
    ("instances", "fusion"): (0.831, 0.247, 0.274, 0.088, 0.807, 0.852, 0.795, 0.360),
}
CALIBRATION: dict[tuple[str, str], dict[str, float]] = {
    ("photos", "Lite2"): {"range": 0.178, "logistic": 0.035, "isotonic": 0.031},
    ("instances", "fusion"): {"range": 0.130, "logistic": 0.069, "isotonic": 0.059},
}
"""Expected calibration error of the first result, half of the queries being without an answer."""


def run(args: list[str]) -> None:
    """`python -m core bench threshold [--data photos instances]`: every figure beside the pilot's."""
    parser = argparse.ArgumentParser(prog="python -m core bench threshold", description=__doc__)
    parser.add_argument("--data", nargs="*", default=["photos", "instances"], help="embedded datasets")
    parser.add_argument("--seeds", type=int, default=10, help="draws of the halves of calibration (default: 10)")
    arguments = parser.parse_args(args)
    print(machine.machine()["sentence"])
    missed = sum(measure(name, arguments.seeds) for name in arguments.data)
    print(f"\n{'every demand held' if not missed else f'{missed} demands missed'}")
    if missed:
        sys.exit(1)


def measure(name: str, n_seeds: int) -> int:
    """Print the figures of an embedded dataset; how many are farther from the pilot's than is allowed."""
    from core import data
    from core.studies import fusion, open_set, verification

    dataset, missed = data.get(name), 0
    truth = data.relevance(dataset)
    for title, backbones in BACKBONES.items():
        if (name, title) not in PILOT:
            continue
        space = fusion.space_of(dataset, backbones)
        space.keep()
        plain, centred = (
            System("m", space, FusionSpec("m", "concat", backbones, prepare=step))
            for step in (None, Step("preparation", "centred"))
        )
        verified = verification.verify(plain, truth, dataset)
        strangers = open_set.open_set(plain, truth, dataset)
        figures = [verified.figures[key] for key in FIGURES[:4]]
        figures += [strangers["maximum"].auc, open_set.open_set(centred, truth, dataset)["maximum"].auc]
        figures += [strangers["margin"].auc, strangers["maximum"].rates[1]]
        print(f"{name}, {title}: {verified.n_matching:,} matching and {verified.n_other:,} other pairs")
        for figure_name, figure, pilot in zip(FIGURES, figures, PILOT[name, title]):
            held = abs(round(figure.mean, 3) - pilot) <= WITHIN
            missed += not held
            print(
                f"  {figure_name:28} {figure.mean:.3f} [{figure.low:.3f}, {figure.high:.3f}]   pilot {pilot:.3f}   "
                f"{'holds' if held else 'MISSED'}"
            )
        if (name, title) in CALIBRATION:
            missed += _calibration(plain, truth, dataset, CALIBRATION[name, title], n_seeds)
    return missed


def _calibration(system: System, truth: Relevance, dataset: Dataset, pilot: dict[str, float], n_seeds: int) -> int:
    """ECE of the first result with half of the queries unknown, over draws of the halves."""
    from core.studies import calibration

    drawn = [
        calibration.calibrate(system, truth, dataset, unknown=0.5, depth=1, seed=seed).examined
        for seed in range(n_seeds)
    ]
    missed = 0
    for method, wanted in pilot.items():
        values = np.array([examined[method].ece.mean for examined in drawn])
        # "Scores as they are" has nothing that is fitted: it is there for comparison, and nothing is demanded of it.
        deviation = float(values.std(ddof=1)) if n_seeds > 1 else 0.0
        held = method == "range" or float(values.mean()) - 2 * deviation <= wanted
        missed += not held
        verdict = "" if method == "range" else "holds (within two deviations of a draw)" if held else "MISSED"
        print(
            f"  calibration error, {method:9} {values.mean():.3f} ± {deviation:.3f} over draws   pilot {wanted:.3f}   {verdict}"
        )
    return missed
