"""The page Slices on paper: by column, weak slices, domains and robustness, each as a table with its picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core import charts, data, metrics, wording
from core.data import images
from core.errors import BadInput
from core.export.report.document import DocumentImage, Paragraph, Part, Table, number_cell
from core.export.report.scenes import SCENES, SceneView, evaluated, looks
from core.export.report.slices_section import domains_part, found_table, robustness_part
from core.setups import SlicesSetup
from core.studies import domains, retrieval, slices
from core.studies.evaluation import Result
from core.studies.slices import SliceTable, slice_search
from core.studies.slices import slice_sentences as sentences
from core.studies.stress import corrupted_queries, stress_result
from core.studies.stress.stress_result import StressResult

text = wording.page("report_slices")
page = wording.page("slices")
SHOWN = 9
"""Images of a slice, or pairs of images that broke."""


@SCENES.register("slices")
def slices_scene(view: SceneView) -> list[Part]:
    """The section of the page that is open."""
    setup = view.setup(SlicesSetup)
    refs = view.systems(setup.systems)
    if setup.look == "robustness":
        return _robustness(view, setup)
    metric = "map" if setup.look == "domains" else setup.metric
    result, titles, styles = evaluated(view, refs, [1, 5, 10], metric, not setup.by_query)
    order = result.comparison.order
    known = {ref.text: ref.text if ref.spec is None else ref.title for ref in refs}
    closer = known.get(setup.system, order[0])
    shown = _Shown(view, setup, result, titles, styles, closer, known.get(setup.other, ""))
    return {"columns": _by_column, "weak": _weak, "domains": _domains}[setup.look](shown)


@dataclass(frozen=True)
class _Shown:
    """A view whose systems are judged.

    Attributes:
        closer: the system that is looked at closely; other: the one that it is compared with, "" for none.
    """

    view: SceneView
    setup: SlicesSetup
    result: Result
    titles: dict[str, str]
    styles: dict[str, tuple[str, str]]
    closer: str
    other: str

    def values(self, name: str) -> np.ndarray:
        """(n_queries,) of the metric."""
        return self.result[name].per_query[self.setup.metric]


def _by_column(shown: _Shown) -> list[Part]:
    """A bar for every part of the column, every system's figures, and the lowest queries of the worst part."""
    setup, dataset, unit = shown.setup, shown.view.judged, shown.result.comparison.unit
    made = {column.name: column for column in slices.columns(dataset, bins=setup.bins)}
    if not made:
        raise BadInput(f"No column parts the queries of {dataset.name!r}.")
    name = setup.column if setup.column in made else next((key for key in made if key != "label"), next(iter(made)))
    column = made[name]
    if setup.cross in made and setup.cross != name:
        column = slices.crossed(column, made[setup.cross])
    names = shown.result.comparison.order
    table = slices.slice_table(
        {system: shown.values(system) for system in names}, column, unit, metric=setup.metric, by=shown.closer
    )
    closer = table.systems.index(shown.closer)
    bars = [
        charts.Bar(
            table.column.values[part],
            table.mean[part, closer],
            table.low[part, closer],
            table.high[part, closer],
            shown.styles[shown.closer][0],
        )
        for part in table.order.tolist()
    ]
    parts: list[Part] = [
        Paragraph(sentences.worst_lead(table, shown.titles.__getitem__, closer)),
        charts.BarChart(bars[:24], f"{metrics.label(setup.metric)}, {shown.titles[shown.closer]}"),
        _figures(table, shown.titles.__getitem__),
    ]
    wanted = [part for part in table.order.tolist() if table.column.values[part] == setup.value]
    mask = table.column.mask((wanted or table.order.tolist())[0])
    return [*parts, *_lowest(shown, mask)]


def _figures(table: SliceTable, title: Callable[[str], str]) -> Table:
    """Every part, worst first, with every system."""
    rows = []
    for part in table.order.tolist():
        cells = [
            number_cell(table.mean[part, at], table.low[part, at], table.high[part, at])
            for at in range(len(table.systems))
        ]
        rows.append([table.column.values[part], f"{table.n[part]:,}", *cells])
    return Table([table.column.title, text("column.queries"), *map(title, table.systems)], rows)


def _lowest(shown: _Shown, mask: np.ndarray) -> list[Part]:
    """The queries of a slice that go worst."""
    dataset, values = shown.view.judged, shown.values(shown.closer)
    numbers = np.flatnonzero(mask & ~np.isnan(values))
    if not dataset.has_images or not len(numbers):
        return []
    made = []
    for number in numbers[np.argsort(values[numbers], kind="stable")][:SHOWN]:
        position = int(dataset.split.queries[number])
        caption = text(
            "phrase.query",
            label=dataset.label_of(position),
            metric=metrics.label(shown.setup.metric),
            value=wording.number(float(values[number]), 2),
        )
        made.append(DocumentImage(retrieval.text_key(dataset.keys[position]), caption, "query"))
    lead = text("sentence.worst_images", metric=metrics.label(shown.setup.metric))
    return [Paragraph(lead, quiet=True), shown.view.strip.row(made)]


def _weak(shown: _Shown) -> list[Part]:
    """What was found by itself, with the queries of the surest slice."""
    setup, title, unit = shown.setup, shown.titles.__getitem__, shown.result.comparison.unit
    columns = slices.columns(shown.view.judged, bins=setup.bins)
    values = shown.values(shown.closer)
    if shown.other and shown.other != shown.closer:
        made = slice_search.losses(values, shown.values(shown.other), columns, unit)
        lead = sentences.losses_lead(title(shown.closer), title(shown.other), made, setup.metric)
    else:
        made = slice_search.search(values, columns, unit)
        lead = sentences.weak_lead(title(shown.closer), made, setup.metric)
    hits = made.listed or made.nearest
    parts: list[Part] = [Paragraph(lead), Paragraph(sentences.looked_at(made), quiet=True)]
    if not hits:
        return parts
    if not made.listed:
        parts.append(Paragraph(page("sentence.nearest"), quiet=True))
    return [*parts, found_table(made, setup.metric), *_lowest(shown, hits[0].queries)]


def _domains(shown: _Shown) -> list[Part]:
    """The matrix of one system."""
    dataset = shown.view.judged
    offered = domains.candidates(dataset)
    if not offered:
        raise BadInput(page("error.no_domains", dataset=repr(dataset.name)))
    name = shown.setup.domain if shown.setup.domain in offered else offered[0]
    system = next(
        made for made in shown.view.built(shown.view.systems(shown.setup.systems)) if made.name == shown.closer
    )
    column = domains.domain_column(dataset, name)
    truth = data.relevance(dataset)
    matrix = domains.matrices([system], truth, dataset, column, by_class=not shown.setup.by_query)[0]
    bars = [
        charts.Bar(
            f"{source} → {target}",
            matrix.mean[row, at],
            matrix.low[row, at],
            matrix.high[row, at],
            shown.styles[shown.closer][0],
        )
        for row, source in enumerate(matrix.values)
        for at, target in enumerate(matrix.values)
        if matrix.n[row, at]
    ]
    made = domains_part(matrix, shown.titles.__getitem__)[1:]
    return [made[0], charts.BarChart(bars[:24], metrics.label("map")), *made[1:]]


def _robustness(view: SceneView, setup: SlicesSetup) -> list[Part]:
    """Curves, what is kept, and the images that broke first.

    Raises:
        NotComputed: the corrupted queries are not embedded; a story embeds nothing.
    """
    refs, dataset = view.systems(setup.systems), view.judged
    truth = data.relevance(dataset)
    made = corrupted_queries.chosen(truth, setup.kinds, setup.steps, setup.queries)
    built = view.built(refs)
    used = sorted({name for system in built for name in system.backbones})
    corrupted = corrupted_queries.vectors(dataset, made, used)
    result = stress_result.evaluate(built, truth, made, corrupted, by_class=not setup.by_query)
    titles, styles = looks(view, refs)
    parts = robustness_part(result, titles.__getitem__, styles.__getitem__, setup.corruption)[1:]
    known = {ref.text: ref.text if ref.spec is None else ref.title for ref in refs}
    closer = known.get(setup.system, result.systems[0])
    kind = setup.corruption if setup.corruption in result.plan.corruptions else result.plan.corruptions[0]
    return [*parts, *_broken(view, result, closer, kind)] if dataset.has_images else parts


def _broken(view: SceneView, result: StressResult, closer: str, kind: str) -> list[Part]:
    """The queries that broke first: clean, and as they looked then."""
    dataset, broken = view.judged, result.broken_first(closer, kind, SHOWN // 2)
    if not broken:
        return [Paragraph(page("sentence.none_broken"), quiet=True)]
    made = []
    for query, step, clean, there in broken:
        position = int(dataset.split.queries[result.plan.queries[query]])
        caption = text("phrase.clean", ap=wording.number(clean, 2))
        made.append(DocumentImage(retrieval.text_key(dataset.keys[position]), caption, "query"))
        small = images.thumbnails(corrupted_queries.corrupted(dataset, position, kind, step))["small"]
        made.append(DocumentImage("", text("phrase.broke", step=step, ap=wording.number(there, 2)), "query", small))
    return [Paragraph(text("sentence.broken"), quiet=True), view.strip.row(made)]
