"""P@k of each system of a comparison, from the same clicks: what only it returns was drawn, what others return too was not.

The images that one system returns and the other does not are asked about in random order, so the share of them that fits is
estimated, with bounds that hold at every look. What both return is never asked: nothing is known of it but what other
comparisons left, so it counts once as wrong and once as right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from core import judging
from core.judging.units import Units
from core.studies.judging_session import JudgingSession


@dataclass(frozen=True)
class SystemPrecision:
    """What is known of one system, as judged, over the queries of the comparison.

    Attributes:
        only, only_low, only_high: the share that fits of what it returns and the other system does not, with always-valid
            bounds; NaN where nothing was drawn.
        low, high: of P@k.
        answers: images that were drawn; differing: the share of its first k that can be asked about at all.
    """

    only: float
    only_low: float
    only_high: float
    low: float
    high: float
    answers: int
    differing: float


def of_systems(session: JudgingSession) -> list[SystemPrecision]:
    """One record per system, from the comparison in which most of its images were drawn.

    All bounds of one record hold together with probability 95 %.
    """
    n_systems = len(session.lists.titles)
    made = []
    for system in range(n_systems):
        others = [other for other in range(n_systems) if other != system]
        pairs = [(min(system, other), max(system, other)) for other in others]
        records = [
            _of_pair(session, pair, system, 0.05 / len(others))
            for pair in pairs
            if pair in session.elimination.comparisons
        ]
        made.append(max(records, key=lambda record: record.answers, default=_nothing()))
    return made


def _nothing() -> SystemPrecision:
    nan = math.nan
    return SystemPrecision(nan, nan, nan, 0.0, 1.0, 0, 0.0)


def _of_pair(session: JudgingSession, pair: tuple[int, int], system: int, alpha: float) -> SystemPrecision:
    """One system beside another.

    Args:
        alpha: probability that the bounds ever leave the truth out.
    """
    comparison = session.elimination.comparison(*pair, session.known)
    units: Units = comparison.units
    side = units.plus if system == pair[0] else units.minus
    total = sum(key is not None for key in side)
    drawn = [session.known[key] for key in side[: comparison.bounds.count] if key is not None]
    # "Cannot tell" is neither: the lower end counts it as wrong, the upper one as right.
    ends = []
    for unsure in (0.0, 1.0):
        bounds = judging.MeanBounds(total, alpha)
        for value in drawn:
            bounds.add(unsure if math.isnan(value) else value)
        ends.append(bounds.interval)
    low, high = max(ends[0][0], 0.0), min(ends[1][1], 1.0)
    differing = {key for key in side if key is not None}
    hits = unknown = 0.0
    for query, row in enumerate(session.lists.items[system].tolist()):
        for item in row:
            if item >= 0 and (query, item) not in differing:
                value = session.known.get((query, item), math.nan)
                hits, unknown = (hits, unknown + 1) if math.isnan(value) else (hits + value, unknown)
    places = session.lists.k * len(session.lists.queries)
    certain = [value for value in drawn if not math.isnan(value)]
    return SystemPrecision(
        sum(certain) / len(certain) if certain else math.nan,
        low if drawn else math.nan,
        high if drawn else math.nan,
        (hits + low * total) / places,
        (hits + unknown + high * total) / places,
        len(drawn),
        total / places,
    )
