"""Text queries that people judged, as labelled queries: how well each backbone that reads text answers them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from core import metrics, text_table, wording
from core.judging.answers import Answer, relation
from core.metrics import resampling
from core.search import rank_scores
from core.studies import judgements, pooled_figures
from core.studies.judging_lists import TEXT
from core.studies.text import text_search
from core.studies.text.text_encoding import EncodeWords
from core.types import Dataset, Figure, Relevance

text = wording.page("judge")
K = 10
KEYS = (*pooled_figures.OF_LISTS, f"p@{K}")
"""What judged results tell: as everywhere, mAP′, bpref, nDCG′, and P@k between bounds."""


@dataclass(frozen=True)
class JudgedTexts:
    """The text queries of a dataset of which people judged results.

    Attributes:
        lines: what was typed.
        truth: what fits; what nobody judged is junk, never wrong.
        judged: results that were judged.
    """

    lines: tuple[str, ...]
    truth: Relevance = field(repr=False)
    judged: int


def of(dataset: Dataset, answers: Iterable[Answer]) -> JudgedTexts | None:
    """The judged text queries of a dataset; None where nothing that fits a text is known."""
    positions: dict[str, list[int]] = {}
    for position, key in enumerate(np.asarray(dataset.keys, "S64")[dataset.split.gallery].tolist()):
        positions.setdefault(key.decode(), []).append(position)
    by_text: dict[str, dict[int, bool]] = {}
    for (query, image), fits in relation(judgements.on_dataset(answers, dataset)).items():
        if query.startswith(TEXT) and not math.isnan(fits):
            known = by_text.setdefault(query.removeprefix(TEXT), {})
            known |= dict.fromkeys(positions.get(image, ()), bool(fits))
    if not any(any(known.values()) for known in by_text.values()):
        return None
    gallery = range(len(dataset.split.gallery))
    relevant = [sorted(item for item, fits in known.items() if fits) for known in by_text.values()]
    unjudged = [[item for item in gallery if item not in known] for known in by_text.values()]
    (indptr, items), (junk_indptr, junk) = _lists(relevant), _lists(unjudged)
    everyone = np.ones(len(by_text), bool)
    truth = Relevance(
        len(by_text), len(gallery), indptr, items, junk_indptr=junk_indptr, junk_items=junk, judged=everyone
    )
    return JudgedTexts(tuple(by_text), truth, sum(map(len, by_text.values())))


def _lists(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.cumsum([0, *map(len, rows)]), np.array([item for row in rows for item in row], np.int64)


def evaluate(
    queries: JudgedTexts,
    gallery: Mapping[str, np.ndarray],
    templates: bool | None = None,
    encode: EncodeWords | None = None,
) -> dict[str, Figure]:
    """Every figure of KEYS for one backbone, or several together, with 95 % intervals over the queries.

    Args:
        gallery: backbone → (n_gallery, dim) unit vectors, as `text_search.search` takes them.
    """
    rows = [text_search.search(gallery, line, templates=templates, encode=encode).scores for line in queries.lines]
    scores, n = np.stack(rows), len(queries.lines)
    values = metrics.compute(rank_scores(scores, queries.truth).ranks, pooled_figures.OF_LISTS)
    figures = {}
    for key, column in values.items():
        low, high = resampling.interval(column)
        figures[key] = Figure(metrics.mean(column), low, high, n, int(np.isfinite(column).sum()))
    items = rank_scores(scores, queries.truth.with_unjudged(), k=K).items
    return figures | pooled_figures.precision_at(queries.truth, items, (K,), None)


def table(by_system: Mapping[str, Mapping[str, Figure]]) -> list[list[str]]:
    """Header and a row per system: its figures with their intervals, dashes where they are not defined."""
    header = ["system", *(metrics.label(key, judged=True) for key in KEYS)]
    cells = [
        [name, *(wording.figure(figures[key].mean, figures[key].low, figures[key].high) for key in KEYS)]
        for name, figures in by_system.items()
    ]
    return [header, *cells]


def printed(queries: JudgedTexts, by_system: Mapping[str, Mapping[str, Figure]]) -> str:
    """The table in plain text, and what it rests on."""
    return "\n".join([*text_table.aligned(table(by_system)), sentence(queries)])


def sentence(queries: JudgedTexts) -> str:
    """How many text queries and results were judged, and what that means for the figures."""
    count = wording.plural(len(queries.lines), "text query", "text queries")
    judged = wording.plural(queries.judged, "result")
    return text("sentence.judged_texts", queries=count, judged=judged)
