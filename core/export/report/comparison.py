"""The report of a whole comparison: every system with its intervals, curves, differences, best and worst queries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core import charts, data, metrics, wording
from core.errors import NotComputed
from core.export.report import cases, provenance, slices_section, summary, threshold_section
from core.export.report import story as story_sheets
from core.export.report.document import (
    Cell,
    Heading,
    ImageStrip,
    Paragraph,
    Part,
    Report,
    Table,
    number_cell,
)
from core.export.report.live import from_result
from core.export.report.live.thumbnails import SheetStrip
from core.metrics import curves
from core.studies import (
    embedding,
    evaluation_warnings,
    fusion,
    leaderboard,
    pooled_figures,
    system_spec_text,
    systems,
)
from core.studies.match_explanation import ExplainerPool
from core.task import NO_TASK, Task
from core.types import Dataset, Evaluation, Relevance

if TYPE_CHECKING:
    from core.export.report.live.page import LivePart
    from core.fusion import FusionSpec
    from core.stories import Story
    from core.studies.evaluation import Result
    from core.studies.pipeline import Pipeline

COLUMNS = ("map", "mrr", "rprec", "ndcg", "silhouette_cosine", "p@k", "recall@k", "hit@k")
"""Metrics of the tables, as far as they were computed; each @k at every cut-off."""
JUDGED_COLUMNS = (*pooled_figures.OF_LISTS, "silhouette_cosine", "p@k")
"""Of judged results."""
MOST_COLUMNS = 6
"""Metrics of one table; more would not fit a page of paper with their intervals."""


@dataclass(frozen=True)
class Compared:
    """What the parts of a comparison share.

    Attributes:
        result: what `studies.evaluation.evaluate` gave.
        titles: system → what people call it; a system that is not in it is called by its name.
        backbones: whose records are listed; fusions: whose configurations are.
        strip: embeds the images, as many as fit.
    """

    dataset: Dataset
    result: Result
    truth: Relevance
    backbones: Sequence[str]
    fusions: Sequence[FusionSpec] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    strip: ImageStrip = field(default_factory=ImageStrip)

    def title(self, name: str) -> str:
        """What people call a system."""
        return self.titles.get(name, name)

    @property
    def ordered(self) -> list[Evaluation]:
        """The systems by falling mean average precision, undefined ones last."""
        return sorted(self.result.evaluations, key=lambda e: -math.inf if math.isnan(e.mean("map")) else -e.mean("map"))

    def style(self, name: str) -> tuple[str, str]:
        """Colour and dash of a system: those of the pages."""
        if name in self.backbones:
            return charts.backbone_colour(list(self.backbones).index(name)), "solid"
        names = [spec.name for spec in self.fusions]
        return charts.fusion_style(names.index(name) if name in names else len(names))


def build(
    compared: Compared,
    *,
    known: Mapping[str, leaderboard.SystemInfo] | None = None,
    columns: Sequence[str] = COLUMNS,
    n_cases: int = 10,
    n_shown: int = 3,
    steps: Pipeline | None = None,
    live: LivePart | None = None,
    thresholds: threshold_section.Thresholds | None = None,
    weaknesses: slices_section.Weaknesses | None = None,
    story: Sequence[Part] = (),
) -> str:
    """The HTML of a comparison; the answer stands first.

    Args:
        known: system → what it is and costs; without it that table is left out.
        columns: metrics of the tables, as far as they were computed.
        n_cases: best and worst queries of each of the first `n_shown` systems.
        steps: what each step adds, drawn as a waterfall.
        live: makes the file playable.
        thresholds: systems over all pairs, for the section about thresholds.
        weaknesses: where the best system is weak, by column, across domains, on corrupted queries.
        story: its heading and its steps, which stand before the figures.
    """
    ordered = compared.ordered
    best, dataset = ordered[0], compared.dataset
    keys = [key for key in columns if any(key in system.figures for system in ordered)]
    first = summary.summary(
        dataset, compared.result, compared.truth, compared.backbones, compared.titles, known or {}, compared.strip
    )
    parts: list[Part] = [
        *story,
        Heading("Every system", is_open=True),
        Paragraph(_answer(compared)),
        *_bars(compared),
        *_figures(compared, keys),
        *_warnings(compared),
        *_curves(compared),
        *_differences(compared),
        *(_steps(steps, compared.result.judged) if steps is not None else ()),
        *(threshold_section.section(thresholds, compared.title, compared.style) if thresholds is not None else ()),
        *(
            slices_section.section(weaknesses, compared.title, compared.style, compared.result.judged)
            if weaknesses is not None
            else ()
        ),
        *_costs(compared, known or {}),
    ]
    for number, system in enumerate(ordered[:n_shown]):
        parts += _cases(compared, system, n_cases, ExplainerPool() if number == 0 else None)
    meanings = [[metrics.label(key, compared.result.judged), metrics.sentence(key)] for key in keys]
    parts += [Heading("What the metrics mean"), Table(["Metric", "Meaning"], meanings)]
    parts += [*compared.strip.notes(), *provenance.section(dataset, compared.backbones, compared.fusions)]
    lead = (
        f"{len(ordered)} systems on {dataset.name}: {len(dataset):,} images, {best.n_queries:,} queries, of which "
        f"{best.n_valid:,} have something relevant. Intervals are 95 %."
    )
    return Report(f"Comparison on {dataset.name}", "", lead, parts, live, first, folded=True).html()


def of_stored(
    dataset: Dataset,
    backbones: Sequence[str],
    fusions: Sequence[FusionSpec],
    ks: Sequence[int] = (1, 5, 10),
    by_class: bool = True,
    steps: Pipeline | None = None,
    *,
    live: bool = False,
    story: Story | None = None,
    task: Task = NO_TASK,
) -> str:
    """Evaluate backbones and fusions whose embeddings are in the store, and report on them.

    Args:
        by_class: whole classes are drawn where queries share them; False assumes independent queries.
        steps: what each step adds, if it was worked out.
        live: the file can be played with: its weights move, and all figures with them.
        story: its steps stand behind the first screen, in their order.
    Raises:
        NotComputed: an embedding is missing, or the dataset has no labels to judge by.
        BadInput: the file cannot be playable; why.
    """
    if not dataset.has_labels:
        raise NotComputed(
            f"{dataset.name!r} has no labels, so there are no figures. Add the images again with one folder per class, "
            "or take the report of one query from the Retrieval page."
        )
    used = list(dict.fromkeys([*backbones, *(name for spec in fusions for name in spec.backbones)]))
    truth, ks = data.relevance(dataset), sorted(ks)
    if live:
        from_result.expected(dataset, truth, len(used))  # before any work, if it cannot be
    result = fusion.evaluate(dataset, backbones, fusions, ks=ks, by_class=by_class, task=task)
    titles = {name: embedding.find(dataset, name).title for name in used}
    titles |= _fusion_titles(fusions, titles)
    space = fusion.space_of(dataset, used)
    built = systems.build(space, backbones, fusions)
    known = {system.name: leaderboard.system_info(system, dataset, titles[system.name]) for system in built}
    part, strip = None, ImageStrip()
    if live:
        part = from_result.of_result(dataset, space, truth, result, fusions, titles, ks, by_class=by_class, task=task)
        strip = SheetStrip(sheet=part.sheet)
    compared = Compared(dataset, result, truth, used, fusions, titles, strip)
    thresholds = threshold_section.measure(built, truth, dataset, by_class)
    best = compared.ordered[0]
    weaknesses = slices_section.measure(built, best.per_query["map"], best.name, truth, dataset, by_class)
    sheets = [] if story is None else story_sheets.section(story, ImageStrip() if live else strip, task=task)
    return build(
        compared,
        known=known,
        columns=_columns(truth, ks),
        steps=steps,
        live=part,
        thresholds=thresholds,
        weaknesses=weaknesses,
        story=sheets,
    )


def _columns(truth: Relevance, ks: Sequence[int]) -> tuple[str, ...]:
    """The metrics of the tables, each @k at every cut-off."""
    columns = [
        key if "@" not in key else f"{key.partition('@')[0]}@{k}"
        for key in (JUDGED_COLUMNS if truth.pooled else COLUMNS)
        for k in (ks if "@" in key else (0,))
    ]
    return tuple(dict.fromkeys(columns))


def _steps(steps: Pipeline, judged: bool) -> list[Part]:
    """The waterfall from the best single backbone to the whole pipeline."""
    return [
        Heading("What each step adds"),
        charts.of_pipeline(steps, judged),
        Paragraph(
            f"{steps.split.sentence()} Each bar runs from the mean before to the mean after; lines are 95 % intervals, whole "
            f"{steps.unit.name} drawn; behind each mean stands the paired difference from the step before."
        ),
    ]


def _fusion_titles(fusions: Sequence[FusionSpec], backbone_titles: Mapping[str, str]) -> dict[str, str]:
    """A fusion that nobody has named is called by its strategy: what it joins stands in a table of its own."""
    titles: dict[str, str] = {}
    for spec in fusions:
        if spec.steps:
            titles[spec.name] = system_spec_text.title(spec, lambda name: backbone_titles.get(name, name))
            continue
        unnamed = spec.name == system_spec_text.named_by_shares(spec).name
        title = f"{spec.strategy.label} of {len(spec.active)}" if unnamed else spec.name
        if spec.name == " + ".join(spec.backbones):
            title = " + ".join(backbone_titles[name] for name in spec.backbones)
        again = sum(other.startswith(title) for other in titles.values())
        titles[spec.name] = f"{title} ({again + 1})" if again else title
    return titles


def _answer(compared: Compared) -> str:
    """Which system finds best, how sure that is, and on what it rests: what a reader wants to know first."""
    result, names = compared.result, [system.name for system in compared.ordered]
    best = result[names[0]]
    figure = best.figures.get("map")
    if figure is None or math.isnan(figure.mean):
        return "No query has a relevant image, so there are no figures."
    resampled = "whole classes of queries" if result.resampled == "classes" else "queries one by one"
    answer = (
        f"{compared.title(best.name)} finds best: {metrics.label('map', result.judged)} {figure.mean:.3f} [{figure.low:.3f}, {figure.high:.3f}] "
        f"({figure.n_valid:,} queries; the bootstrap draws {resampled})."
    )
    return f"{answer} {result.comparison.lead({name: compared.title(name) for name in names})}".rstrip()


def _bars(compared: Compared) -> list[Part]:
    """Mean average precision of every system."""
    bars = []
    for system in compared.ordered:
        figure = system.figures.get("map")
        ends = (math.nan,) * 3 if figure is None else (figure.mean, figure.low, figure.high)
        bars.append(charts.Bar(compared.title(system.name), *ends, compared.style(system.name)[0]))
    return [
        charts.BarChart(
            bars, f"{metrics.label('map', compared.result.judged)}, mean average precision with its 95 % interval"
        )
    ]


def _figures(compared: Compared, keys: Sequence[str]) -> list[Part]:
    """Every system with every metric, as many tables as fit the page."""
    blocks = [keys[at : at + MOST_COLUMNS] for at in range(0, len(keys), MOST_COLUMNS)] or [()]
    parts: list[Part] = []
    for block in blocks:
        rows = []
        for system in compared.ordered:
            figures = [system.figures.get(key) for key in block]
            cells = [Cell("–") if f is None else number_cell(f.mean, f.low, f.high) for f in figures]
            letters = compared.result.tie_groups.get(system.name, "")
            rows.append([compared.title(system.name), letters, *cells, Cell(f"{system.n_valid:,}")])
        parts.append(Table(["System", "Ties", *map(metrics.label, block), "Queries"], rows, best=0))
    small_print = (
        "Means over valid queries with 95 % bootstrap intervals; the best mean average precision is bold. Systems that "
        "share a letter cannot be told apart (paired randomisation tests, Holm-corrected over all pairs)."
    )
    return [*parts, Paragraph(small_print, quiet=True)]


def _warnings(compared: Compared) -> list[Part]:
    sentences = evaluation_warnings.of_all(compared.ordered, compared.titles, compared.result.judged)
    return [Heading("To keep in mind", 3), *map(Paragraph, sentences)] if sentences else []


def _curves(compared: Compared) -> list[Part]:
    """11-point interpolated precision of every system."""
    lines = []
    for system in compared.ordered:
        colour, dash = compared.style(system.name)
        levels = curves.average_curve(system.levels)
        lines.append(charts.Line(compared.title(system.name), curves.RECALL_LEVELS, levels, colour, dash))
    return [Heading("Precision and recall"), charts.precision_recall(lines, compared.ordered[0].n_valid)]


def _costs(compared: Compared, known: Mapping[str, leaderboard.SystemInfo]) -> list[Part]:
    """What each system is made of, and what it costs where that was measured."""
    infos = {system.name: known[system.name] for system in compared.ordered if system.name in known}
    if not infos:
        return []
    measured = any(info.milliseconds is not None for info in infos.values())
    rows = []
    for name, info in infos.items():
        cells = [compared.title(name), info.parts or info.kind, Cell("–" if info.dim is None else f"{info.dim:,}")]
        if measured:
            cells += [Cell("–" if v is None else f"{v:,.1f}") for v in (info.milliseconds, info.megabytes)]
            cells.append(info.measured)
        rows.append([*cells, info.licence])
    costs = ["ms per image", "MB", "When"] if measured else []
    columns = ["System", "Made of", "Length", *costs, "Licence of the weights"]
    small_print = (
        "Time from one image file to its vector and weights on disk, summed over the backbones used, measured on the "
        "machine that made this report; “–” was not measured, or has no vectors of its own."
        if measured
        else "Times and sizes were not measured on the machine that made this report: the Backbones page measures them."
    )
    return [Heading("What each is, and what it costs"), Table(columns, rows), Paragraph(small_print, quiet=True)]


def _differences(compared: Compared) -> list[Part]:
    """The best system against each other one."""
    best, *others = [system.name for system in compared.ordered]
    rows = []
    for name in others:
        pair = compared.result.comparison.difference(best, name)
        rows.append(
            [
                compared.title(name),
                number_cell(pair.mean, pair.low, pair.high),
                Cell(wording.p_cell(pair.p_holm), f"uncorrected {wording.p_cell(pair.p)}"),
                Cell(f"{pair.d_z:+.2f}"),
                Cell(f"{pair.wins:,} / {pair.ties:,} / {pair.losses:,}"),
                pair.conclusion,
            ]
        )
    if not rows:
        return []
    columns = [
        "Other system",
        f"Difference in {metrics.label('map', compared.result.judged)}",
        "p (Holm)",
        "Effect d_z",
        "Better / equal / worse",
        "",
    ]
    return [
        Heading(f"{compared.title(best)} against the others"),
        Table(columns, rows),
        Paragraph(f"Paired over the same queries. {compared.result.comparison.caution}", quiet=True),
    ]


def _cases(compared: Compared, evaluation: Evaluation, n: int, pool: ExplainerPool | None) -> list[Part]:
    """Best and worst queries of one system; with the pool, where they match too."""
    system = next((system for system in compared.result.systems if system.name == evaluation.name), None)
    if compared.result.judged:
        system = pool = None  # what people judged says nothing of labels
    return cases.section(
        compared.dataset,
        evaluation,
        compared.truth,
        compared.strip,
        compared.title(evaluation.name),
        n,
        system=system,
        pool=pool,
    )
