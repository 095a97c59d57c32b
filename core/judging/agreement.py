"""How far judges agree beyond chance."""

from __future__ import annotations

import numpy as np


def cohen_kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Agreement of two judges on the same items: 1 is perfect, 0 as by chance.

    Args:
        first, second: (n_items,) codes of the answers.
    Returns:
        NaN without items, and where chance alone would agree always.
    Reference:
        Cohen 1960, doi:10.1177/001316446002000104.
    """
    first, second = np.asarray(first), np.asarray(second)
    if not len(first):
        return float("nan")
    values = np.union1d(first, second)
    chance = float(sum((first == value).mean() * (second == value).mean() for value in values))
    return _beyond(float((first == second).mean()), chance)


def fleiss_kappa(counts: np.ndarray) -> float:
    """Agreement of several judges, the same number for each item.

    Args:
        counts: (n_items, n_values) int, how many judges gave each answer.
    Returns:
        NaN where fewer than two judges answered, and where chance alone would agree always.
    Raises:
        ValueError: items have different numbers of judges.
    Reference:
        Fleiss 1971, doi:10.1037/h0031619.
    """
    counts = np.asarray(counts, np.float64)
    n_judges = counts.sum(axis=1)
    if len(np.unique(n_judges)) > 1:
        raise ValueError("Fleiss' kappa needs the same number of judges for every item.")
    if not len(counts) or n_judges[0] < 2:
        return float("nan")
    n = n_judges[0]
    agreed = float((((counts**2).sum(axis=1) - n) / (n * (n - 1))).mean())
    return _beyond(agreed, float(((counts.sum(axis=0) / counts.sum()) ** 2).sum()))


def krippendorff_alpha(answers: np.ndarray) -> float:
    """Agreement of any number of judges, nominal, whoever answered what.

    Args:
        answers: (n_judges, n_items) float codes, NaN where a judge did not answer.
    Returns:
        1 is perfect, 0 as by chance; NaN where no item has two answers, and where all answers are the same.
    Reference:
        Krippendorff 2011, https://repository.upenn.edu/asc_papers/43.
    """
    answers = np.asarray(answers, np.float64)
    values = np.unique(answers[~np.isnan(answers)])
    counts = np.stack([(answers == value).sum(axis=0) for value in values], axis=1) if len(values) else np.empty((0, 0))
    counts = counts[counts.sum(axis=1) > 1].astype(np.float64)
    if not len(counts):
        return float("nan")
    judges = counts.sum(axis=1)
    total = judges.sum()
    observed = float(((judges**2 - (counts**2).sum(axis=1)) / (judges - 1)).sum() / total)
    per_value = counts.sum(axis=0)
    expected = float((total**2 - (per_value**2).sum()) / (total * (total - 1)))
    return 1 - observed / expected if expected else float("nan")


def _beyond(agreed: float, chance: float) -> float:
    return (agreed - chance) / (1 - chance) if chance < 1 else float("nan")
