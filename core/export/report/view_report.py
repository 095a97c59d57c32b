"""The report of one query: what each system returned, what it missed, figures, curve, and what it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core import charts, metrics
from core.data import images
from core.export import contact_sheet
from core.export.report import provenance
from core.export.report.document import (
    Cell,
    DocumentImage,
    Heading,
    ImageStrip,
    Paragraph,
    Part,
    Report,
    Table,
    number_cell,
)
from core.metrics import curves
from core.studies import fusion_attribution, retrieval
from core.types import Dataset

MOST_MISSED = 24
Box = tuple[float, float, float, float]
"""Left, top, right, bottom of a crop, as parts of the sides."""


@dataclass(frozen=True)
class View:
    """One view of the Retrieval page.

    Attributes:
        results: one per system, of the same query.
        k: how many results are shown.
        titles: backbone or system → what people call it.
        strip: embeds the images, as many as fit.
    """

    dataset: Dataset
    results: Sequence[retrieval.QueryResult]
    k: int
    titles: Mapping[str, str]
    strip: ImageStrip = field(default_factory=ImageStrip)

    def title(self, result: retrieval.QueryResult) -> str:
        """What people call the system of a result."""
        return self.titles.get(result.system.name, result.system.name)


def build(
    dataset: Dataset,
    results: Sequence[retrieval.QueryResult],
    k: int,
    titles: Mapping[str, str],
    *,
    query_text: str,
    uploads: Sequence[bytes] = (),
    crop: Box | None = None,
) -> str:
    """The HTML of one view of the Retrieval page; the answer stands first.

    Args:
        titles: backbone or system → what people call it.
        query_text: the query's id, the name of the uploaded images, or the text that was searched.
        uploads: the bytes of the uploaded images; empty when the query is an image of the dataset.
        crop: the part of the query image that was searched for.
    """
    view = View(dataset, results, k, titles)
    position = results[0].query.position
    label = f", labelled {dataset.label_of(position)!r}" if position is not None and dataset.label_of(position) else ""
    parts: list[Part] = [Heading("The query"), Paragraph(_query_sentence(query_text, label, len(uploads), crop))]
    tiles = contact_sheet.query_tiles(dataset, position, uploads, crop)
    if tiles:
        parts.append(view.strip.row([_tile_image(tile) for tile in tiles]))
    for result in results:
        parts += _system(view, result)
    if results[0].has_relevance:
        lines = [
            charts.Line(
                view.title(result),
                curves.RECALL_LEVELS,
                retrieval.precision_recall(result)[2],
                charts.backbone_colour(number),
            )
            for number, result in enumerate(results)
        ]
        parts += [
            Heading("Precision and recall of this query"),
            charts.precision_recall(lines),
            Paragraph("11-point interpolated precision of this one query; one query has no interval.", quiet=True),
        ]
    backbones = list(dict.fromkeys(name for result in results for name in result.system.backbones))
    specs = [result.system.spec for result in results if result.system.spec is not None]
    parts += [*view.strip.notes(), *provenance.section(dataset, backbones, specs)]
    systems = " against ".join(view.title(result) for result in results)
    lead = (
        f"{systems}, in {dataset.name}. Green frames are relevant, dashed red ones are not, of grey ones nobody knows."
    )
    return Report(f"Results for {query_text}", _answer(view), lead, parts).html()


def _answer(view: View) -> str:
    """How many relevant images each system returned."""
    if not view.results[0].has_relevance:
        return f"The {view.k:,} nearest images by {len(view.results)} systems; nothing is known to be relevant."
    sentences = []
    for result in view.results:
        shown = len(result.order[: view.k])
        ap = retrieval.query_metrics(result, view.k)["map"]
        value = "" if math.isnan(ap) else f" (AP {ap:.3f})"
        sentences.append(f"{view.title(result)} finds {int(result.hits[: view.k].sum())} in the first {shown}{value}")
    exist = "are known" if view.results[0].is_judged else "exist"
    return f"{view.results[0].n_relevant:,} relevant images {exist}. {'; '.join(sentences)}."


def _query_sentence(text: str, label: str, n_uploads: int, crop: Box | None) -> str:
    query = f"{text}{label}." if n_uploads <= 1 else f"{n_uploads} images, searched by the mean of their embeddings."
    if crop is None:
        return query
    return f"A crop of {query} Its box: {', '.join(f'{side:.0%}' for side in crop)} (left, top, right, bottom)."


def _tile_image(tile: contact_sheet.Tile) -> DocumentImage:
    content = None if tile.image is None else images.thumbnails(tile.image)["small"]
    return DocumentImage(caption=tile.left, frame=tile.frame, thumbnail=content)


def _system(view: View, result: retrieval.QueryResult) -> list[Part]:
    """One system: figures, results, missed ones, and what each backbone contributes to each result."""
    shown = result.order[: view.k]
    parts: list[Part] = [Heading(view.title(result)), *_figures(view, result, len(shown))]
    parts += [
        Heading(f"The first {len(shown)}", 3),
        view.strip.row([result_image(view.dataset, result, i) for i in shown]),
    ]
    missed = result.missed(view.k)
    if len(missed):
        nearest = missed[:MOST_MISSED]
        more = f" (nearest {len(nearest)})" if len(nearest) < len(missed) else ""
        parts.append(Heading(f"{len(missed)} relevant images that were not returned{more}", 3))
        parts.append(view.strip.row([result_image(view.dataset, result, i) for i in nearest]))
    return [*parts, *_contributions(view, result, shown)]


def _figures(view: View, result: retrieval.QueryResult, n_shown: int) -> list[Part]:
    if not result.has_relevance:
        return [Paragraph("Nothing is known to be relevant to this query, so frames are grey.")]
    figures = retrieval.query_metrics(result, view.k)
    first = figures.pop("first")
    rows = [
        [metrics.label(key, result.is_judged), number_cell(v), metrics.parse(key)[0].definition]
        for key, v in figures.items()
    ]
    rows.append(["First relevant at rank", Cell("–" if math.isnan(first) else f"{first:.0f}"), ""])
    exist = "are known" if result.is_judged else "exist"
    counts = f"{int(result.hits[: view.k].sum())} of the first {n_shown} are relevant; {result.n_relevant} {exist}."
    return [Paragraph(counts), Table(["Figure of this query", "Value", "Meaning"], rows)]


def result_image(dataset: Dataset, result: retrieval.QueryResult, item: int) -> DocumentImage:
    """One result with its rank, label and score under it.

    Args:
        item: its place in the gallery.
    """
    position, rank = int(result.system.space.split.gallery[item]), int(result.ranks[item])
    frame = result.relevance_kind(dataset, item)
    caption = f"{rank} · {dataset.label_of(position)} · {result.scores[item]:.3f}" if rank else "not retrieved"
    return DocumentImage(retrieval.text_key(dataset.keys[position]), caption, frame)


def _contributions(view: View, result: retrieval.QueryResult, shown: np.ndarray) -> list[Part]:
    """Rank, score and share of each backbone, for each result."""
    contributions = fusion_attribution.score_contributions(result.system, 0, shown)
    rows = []
    for at, item in enumerate(shown):
        position = int(result.system.space.split.gallery[item])
        cells: list[Cell | str] = [Cell(str(at + 1)), str(view.dataset.ids[position]), view.dataset.label_of(position)]
        for number in range(len(contributions.backbones)):
            share = contributions.shares[at, number]
            score = f"{contributions.scores[at, number]:.3f}" + ("" if np.isnan(share) else f" · {share:.0%}")
            cells.append(Cell(str(int(contributions.ranks[at, number]) or "–"), score))
        rows.append(cells)
    names = [view.titles.get(name, name) for name in contributions.backbones]
    return [
        Heading("What each backbone contributes", 3),
        Table(["Rank", "Image", "Label", *names], rows),
        Paragraph(
            "Of each backbone: its own rank, and below it its score and its share in the fused score.", quiet=True
        ),
    ]
