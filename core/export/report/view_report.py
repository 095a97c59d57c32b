"""The report of one query: what each system returned, what it missed, figures, curve, and what it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from core.data import images
from core.export import contact_sheet
from core.export.report import document, drawings, provenance
from core.metrics import ranking
from core.studies import fusion_attribution, retrieval
from core.types import Dataset

_MOST_MISSED = 24


def build(
    dataset: Dataset,
    answers: Sequence[retrieval.QueryResult],
    k: int,
    titles: Mapping[str, str],
    *,
    query_text: str,
    pictures: Sequence[bytes] = (),
    part: tuple[float, float, float, float] | None = None,
) -> str:
    """The HTML of one view of the retrieval page.

    Args:
        titles: backbone → what people call it.
        query_text: the query's id, the name of the pictures that were given, or the words that ask.
        pictures: the bytes of the pictures that were given; empty when an image of the dataset asks.
        part: the box of the query that asks, as parts of its sides.
    """
    album = document.ImageStrip()
    position = answers[0].question.position
    label = f", labelled {dataset.label_of(position)!r}" if position is not None and dataset.label_of(position) else ""
    parts = [document.heading("The query"), document.paragraph(_what_asks(query_text, label, len(pictures), part))]
    tiles = contact_sheet.query_tiles(dataset, position, pictures, part)
    if tiles:
        parts.append(album.row([_picture_of(tile) for tile in tiles]))
    for answer in answers:
        parts += _system(dataset, answer, k, titles, album)
    if answers[0].judged:
        parts.append(document.heading("Precision and recall of this query"))
        parts.append(
            drawings.curves(
                {titles.get(a.system.name, a.system.name): retrieval.precision_recall(a)[2] for a in answers}
            )
        )
        parts.append(
            document.paragraph(
                "11-point interpolated precision of this one query; one query has no interval.", quiet=True
            )
        )
    parts.append(album.note())
    backbones = list(dict.fromkeys(name for answer in answers for name in answer.system.backbones))
    parts += provenance.section(dataset, backbones, [a.system.spec for a in answers if a.system.spec is not None])
    names = " against ".join(titles.get(answer.system.name, answer.system.name) for answer in answers)
    return document.document(
        f"Results for {query_text}", f"{names}, in {dataset.name}. Green frames are relevant, red ones are not.", parts
    )


def _what_asks(text: str, label: str, n_given: int, part: tuple | None) -> str:
    asks = f"{text}{label}." if n_given <= 1 else f"{n_given} pictures ask together, by the mean of their embeddings."
    return (
        asks
        if part is None
        else f"A part of {asks} Its box: {', '.join(f'{side:.0%}' for side in part)} (left, top, right, bottom)."
    )


def _picture_of(tile: contact_sheet.Tile) -> document.DocumentImage:
    content = None if tile.picture is None else images.thumbnails(tile.picture)["small"]
    return document.DocumentImage(caption=tile.left, frame=tile.frame, thumbnail=content)


def _system(
    dataset: Dataset, answer: retrieval.QueryResult, k: int, titles: Mapping[str, str], album: document.ImageStrip
) -> list[str]:
    """One system: figures, results, missed ones, and each backbone's word on each result."""
    places = answer.order[:k]
    parts = [document.heading(titles.get(answer.system.name, answer.system.name))]
    if answer.judged:
        told = retrieval.figures(answer, k)
        first = told.pop("first")
        rows = [
            [ranking.label(key), document.figure_cell(value), ranking.parse(key)[0].definition]
            for key, value in told.items()
        ]
        rows.append(["First relevant at rank", document.Cell("–" if math.isnan(first) else f"{first:.0f}"), ""])
        parts.append(
            document.paragraph(
                f"{int(answer.hits[:k].sum())} of the first {len(places)} are relevant; {answer.n_relevant} exist."
            )
        )
        parts.append(document.table(["Figure of this query", "Value", "Meaning"], rows))
    else:
        parts.append(document.paragraph("Nothing is known to be relevant to this query, so frames are grey."))
    parts.append(document.heading(f"The first {len(places)}", 3))
    parts.append(album.row([result_picture(dataset, answer, place) for place in places]))
    missed = answer.missed(k)
    if len(missed):
        shown = missed[:_MOST_MISSED]
        parts.append(
            document.heading(
                f"{len(missed)} relevant pictures that did not make it"
                + (f" (nearest {len(shown)})" if len(shown) < len(missed) else ""),
                3,
            )
        )
        parts.append(album.row([result_picture(dataset, answer, place) for place in shown]))
    parts.append(document.heading("What each backbone says", 3))
    parts.append(_voices(dataset, answer, places, titles))
    return parts


def result_picture(dataset: Dataset, answer: retrieval.QueryResult, place: int) -> document.DocumentImage:
    """One result with its rank, label and score under it."""
    position, rank = int(answer.system.space.split.gallery[place]), int(answer.ranks[place])
    frame = "unknown" if not answer.judged else "relevant" if answer.relevant[place] else "not"
    said = (
        f"{rank or 'not retrieved'} · {dataset.label_of(position)} · {answer.scores[place]:.3f}"
        if rank
        else "not retrieved"
    )
    return document.DocumentImage(retrieval.text_key(dataset.keys[position]), said, frame)


def _voices(dataset: Dataset, answer: retrieval.QueryResult, places: np.ndarray, titles: Mapping[str, str]) -> str:
    parts = fusion_attribution.score_contributions(answer.system, 0, places)
    rows = []
    for at, place in enumerate(places):
        row: list = [document.Cell(str(at + 1)), str(dataset.ids[answer.system.space.split.gallery[place]])]
        row.append(dataset.label_of(int(answer.system.space.split.gallery[place])))
        for number in range(len(parts.backbones)):
            share = parts.shares[at, number]
            small = f"{parts.scores[at, number]:.3f}" + ("" if np.isnan(share) else f" · {share:.0%}")
            row.append(document.Cell(str(int(parts.ranks[at, number]) or "–"), small))
        rows.append(row)
    names = [titles.get(name, name) for name in parts.backbones]
    return document.table(["Rank", "Picture", "Class", *names], rows) + document.paragraph(
        "Of each backbone: its own rank, and below it its own score and its share in the fused score.", quiet=True
    )
