"""The playable part of a report: its data, its script and what it says of itself."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core import metrics, paths, templates, wording
from core.charts import BACKBONE_COLOURS
from core.export.report.live.contents import LiveScores, image_positions, inert_json
from core.export.report.live.extent import THUMBNAIL_BYTES
from core.export.report.live.mirror import Nearness
from core.export.report.live.thumbnails import ThumbnailSheet
from core.javascript import bundle
from core.store import Store
from core.types import Dataset, Evaluation
from core.wording import number

text = wording.page("live_report")

SCRIPTS = Path(__file__).resolve().parent
COMPONENTS = paths.REPOSITORY / "core" / "ui" / "components"
LAB_STYLES = (COMPONENTS / "live_lab" / "lab.css", COMPONENTS / "shared" / "large_card.css")
RESULTS_SHOWN = 15
MOST_TILES = 6


@dataclass(frozen=True)
class LiveSystem:
    """A system of the report.

    Attributes:
        evaluation: its exact figures.
        label: what people call it.
        weights: (n_backbones,) shares, where it is a weighted sum of cosines; None where it is not.
    """

    evaluation: Evaluation
    label: str
    weights: tuple[float, ...] | None


@dataclass(frozen=True)
class LivePart:
    """What a report file needs to be played with.

    Attributes:
        record: JSON of scores, images and systems, inert in a script element.
        sheet: the images.
        notes: sentences about what the file holds, and how near its figures are.
    """

    record: str
    sheet: ThumbnailSheet
    notes: Sequence[str]

    @property
    def script(self) -> str:
        """The script of the page."""
        return bundle(SCRIPTS / "report_page.js")

    @property
    def worker(self) -> str:
        """The script of its workers: text to the page, which starts them from it."""
        return bundle(SCRIPTS / "worker.js")

    @property
    def style(self) -> str:
        """The style of the page around the lab."""
        return str(templates.stylesheet("live_report.css"))

    @property
    def lab_style(self) -> str:
        """The style of the live lab, which stands in a shadow root of its own."""
        return "\n".join(file.read_text(encoding="utf-8") for file in LAB_STYLES)

    @property
    def words(self) -> Mapping[str, str]:
        """What stands in the page before its script runs."""
        keys = ("heading.live", "heading.systems", "heading.map", "heading.nearness", "phrase.opening")
        sentences = ("sentence.no_script", "sentence.top_figure")
        return {key.partition(".")[2]: text.by_key[key] for key in (*keys, *sentences)}


def tile_metrics(ks: Sequence[int]) -> tuple[str, ...]:
    """The list metrics that a file computes: mAP, precision at each cut-off, nDCG at the last, MRR."""
    keys = ["map", *(f"p@{k}" for k in ks[: MOST_TILES - 3]), f"ndcg@{ks[-1]}", "mrr"]
    return tuple(dict.fromkeys(keys))


def live_part(
    dataset: Dataset,
    scores: LiveScores,
    systems: Sequence[LiveSystem],
    near: Nearness,
    keys: Sequence[str],
    titles: Mapping[str, str],
    store: Store,
) -> LivePart:
    """Everything of the playable part.

    Args:
        systems: of the report, best first.
        near: how near the file's figures are, measured with the same keys.
        titles: backbone → what people call it.
    """
    positions, query_images = image_positions(dataset, scores.extent)
    start = next((system.weights for system in systems if system.weights), None)
    start = start or (1 / len(scores.space.names),) * len(scores.space.names)
    order = _by_use(scores, start, query_images, len(positions))
    sheet = ThumbnailSheet.of(dataset, positions, order, THUMBNAIL_BYTES, store)
    colours = [BACKBONE_COLOURS[m % len(BACKBONE_COLOURS)] for m in range(len(scores.space.names))]
    record = scores.record(keys, titles, colours)
    record["map"] = scores.map_record()
    record["page"] = {
        "stamp": dataset.fingerprint,
        "metrics": [{"key": key, "label": metrics.label(key), "help": metrics.sentence(key)} for key in keys],
        "k": min(RESULTS_SHOWN, len(dataset.split.gallery)),
        "start": list(start),
        "queries": query_images.tolist(),
        "firstQuery": int(query_images[_first_query(scores, systems)]),
        "images": _images(dataset, positions),
        "colours": class_colours(len(dataset.label_names)),
        "systems": [_system(system, keys) for system in systems],
        "words": _words(),
        "note": _interval_note(record["unit"]["byClass"]),
    }
    notes = _notes(scores, near, sheet)
    return LivePart(inert_json(record), sheet, [*notes, record["page"]["note"]])


def _words() -> dict[str, str]:
    """What the script writes, by the names that it and the live lab's view know."""
    titles = text.group("heading") | text.group("button") | text.group("label")
    return titles | text.group("help") | text.group("phrase") | text.group("sentence")


def _interval_note(by_class: bool) -> str:
    """Which kind of intervals the file computes."""
    return text("sentence.interval_kind_classes" if by_class else "sentence.interval_kind_queries")


def _notes(scores: LiveScores, near: Nearness, sheet: ThumbnailSheet) -> list[str]:
    """What the file holds, and how near its figures are to exact ones."""
    errors = ", ".join(f"{metrics.label(key)} {number(gap, 4)}" for key, gap in near.means.items())
    notes = [
        text("sentence.holds", extent=scores.extent.sentence, bits=scores.extent.bits),
        text("sentence.measured", n=near.n, errors=errors),
        text("sentence.narrower", most=number(max(near.intervals.values()), 4)),
    ]
    if scores.extent.is_sample:
        sampled = ", ".join(f"{metrics.label(key)} {number(gap, 3)}" for key, gap in near.sample.items())
        notes.append(text("sentence.sampled", errors=sampled))
    if sheet.left_out:
        notes.append(text("sentence.thumbnails_left_out", count=wording.plural(sheet.left_out, "image")))
    return [*notes, text("sentence.leaves_the_house")]


def _images(dataset: Dataset, positions: np.ndarray) -> dict[str, Any]:
    """Names and labels of the file's images, by number."""
    return {
        "names": [str(dataset.ids[position]) for position in positions],
        "labels": dataset.labels[positions].tolist(),
        "labelNames": list(map(str, dataset.label_names)),
        "unknown": [n for n, at in enumerate(positions.tolist()) if not dataset.is_relevance_known(at)],
    }


def _system(system: LiveSystem, keys: Sequence[str]) -> dict[str, Any]:
    """A row of the table of systems; undefined figures are null."""
    means = [system.evaluation.mean(key) for key in keys]
    return {
        "label": system.label,
        "weights": system.weights,
        "means": [None if np.isnan(mean) else mean for mean in means],
    }


def _first_query(scores: LiveScores, systems: Sequence[LiveSystem]) -> int:
    """The query on which the first system gains most over the best single backbone; one that counts, in any case."""
    queries = scores.extent.queries
    values = systems[0].evaluation.per_query["map"][queries]
    alone = next((system for system in systems if system.weights and max(system.weights) == 1), systems[0])
    gains = np.nan_to_num(values - alone.evaluation.per_query["map"][queries], nan=-1.0)
    if gains.max() <= 0:
        gains = np.nan_to_num(values, nan=-1.0)
    return int(gains.argmax())


def _by_use(scores: LiveScores, start: Sequence[float], query_images: np.ndarray, n_images: int) -> list[int]:
    """Numbers of images, those first that are most likely seen: queries, then frequent results of the start and of singles."""
    counts = np.zeros(n_images)
    mirror, k = scores.mirror, min(RESULTS_SHOWN, scores.held_truth.n_gallery - 1)
    alone = np.eye(len(scores.space.names))
    for weights in [np.asarray(start, float), *alone] if scores.extent.is_sample else []:
        keys = mirror.keys(list(map(float, weights)))
        top = np.argpartition(-keys, k, axis=1)[:, :k]
        counts += np.bincount(top.ravel(), minlength=n_images)
    counts[query_images] += counts.max() + 1
    return np.argsort(-counts, kind="stable").tolist()


def class_colours(n: int) -> list[str]:
    """ "#rrggbb" per class: the product's own for a few, hues far from their neighbours for many.

    >>> class_colours(2), len(set(class_colours(40)))
    (['#4269d0', '#d97706'], 40)
    """
    if n <= len(BACKBONE_COLOURS):
        return list(BACKBONE_COLOURS[:n])
    colours = []
    for number_ in range(n):
        lightness = (0.42, 0.55, 0.66)[number_ % 3]
        red, green, blue = colorsys.hls_to_rgb(number_ * 0.381966 % 1, lightness, 0.62)
        colours.append(f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}")
    return colours
