"""The pages on paper: Overview, Fusion lab, Retrieval, Leaderboard, Curves, Threshold, Map, Text search."""

from __future__ import annotations

import math

from core import charts, data, metrics, wording
from core.errors import BadInput, NotComputed
from core.export.report import answer
from core.export.report.document import DocumentImage, Facts, ImageRow, Paragraph, Part, Table, number_cell
from core.export.report.scenes import (
    MOST_IMAGES,
    SCENES,
    SceneView,
    evaluated,
    looks,
    mix,
    mix_of,
    query_row,
    results_row,
)
from core.fusion import FusionSpec
from core.setups import CurvesSetup, FusionSetup, LeaderboardSetup, MapSetup, RetrievalSetup, ThresholdSetup, WordsSetup
from core.studies import (
    curves,
    fusion_baseline,
    leaderboard,
    maps,
    retrieval,
    threshold_tables,
    verification,
)
from core.studies.headline import headline
from core.studies.ranker import Ranker
from core.studies.system_spec_text import SystemRef
from core.studies.text import text_encoding, text_query, text_search

text = wording.page("story")

EQUAL = "equal weights"
LAB = "this fusion"
LAB_RESULTS = 8
MOST_ROWS = 10


@SCENES.register("overview")
def overview(view: SceneView) -> list[Part]:
    """The answer to the whole comparison: facts and bars."""
    names = view.backbones
    if not view.dataset.has_labels:
        return [Facts(answer.without_labels(view.dataset, list(view.titles(names).values())).facts)]
    evaluator = view.evaluator(names)
    even = FusionSpec(EQUAL, "concat", names)
    made = answer.of_comparison(
        view.judged,
        headline(evaluator, names),
        fusion_baseline.compare_to_baseline(evaluator, even),
        evaluator.space,
        view.titles(names),
        view.colours(names),
    )
    return [Facts(made.facts), *([made.chart] if made.chart is not None else [])]


@SCENES.register("fusion_lab")
def fusion_lab(view: SceneView) -> list[Part]:
    """The fusion beside its backbones, the verdict, and what it returns for the query, before and after."""
    setup, names = view.setup(FusionSetup), view.backbones
    spec = mix_of(view, setup, LAB)
    parts: list[Part] = []
    if view.dataset.has_labels:
        made = fusion_baseline.compare_to_baseline(
            view.evaluator(names), spec, metric=setup.metric, by_class=not setup.by_query
        )
        titles, colours = view.titles(names), view.colours(names)
        shades = {"equal": "#7b8698", "oracle": "#c9ced8", "fusion": charts.FUSION_COLOUR}
        bars = [
            charts.Bar(
                titles.get(row.name, row.name),
                row.mean,
                row.low,
                row.high,
                colours.get(row.name, shades.get(row.role, "")),
            )
            for row in made.rows
            if row.role != "equal" or spec.kind != "concat" or len(set(spec.shares.values())) > 1
        ]
        sentence = fusion_baseline.verdict(made.row("fusion").versus, titles[made.best], made.n_valid)
        parts += [
            Paragraph(metrics.as_judged(sentence[0].upper() + sentence[1:], view.judged.is_judged)),
            charts.BarChart(bars, metrics.label(setup.metric, view.judged.is_judged)),
        ]
    shares = ", ".join(f"{view.title(name)} {wording.percent(share)}" for name, share in spec.shares.items())
    parts.append(Paragraph(f"{spec.strategy.label}: {shares}", quiet=True))
    if view.dataset.has_images:
        parts += _before_and_after(view, setup, spec)
    return parts


def _before_and_after(view: SceneView, setup: FusionSetup, spec: FusionSpec) -> list[Part]:
    """The query, and what the baseline and the fusion return first."""
    position = view.position(setup.query, int(view.dataset.split.queries[0]))
    base = _baseline(view, setup)
    parts: list[Part] = []
    for label, joined in ((text("phrase.before"), base), (text("phrase.after"), spec)):
        row, _ = results_row(view, SystemRef(joined.name, joined.name, joined), position, LAB_RESULTS)
        images = [*query_row(view, position).images, *row.images]
        parts += [Paragraph(label, quiet=True), ImageRow(images)]
    return parts


def _baseline(view: SceneView, setup: FusionSetup) -> FusionSpec:
    """What the lab compares with: what its link says, else equal weights."""
    kind, _, rest = setup.baseline.partition("|")
    parameters, _, rest = rest.partition("|")
    shares, _, steps = rest.partition("|")
    bounds = FusionSetup.__dataclass_fields__["shares"].metadata["bounds"]
    return mix(view.backbones, kind, parameters, dict(bounds.clean(shares, ())), steps.split("|"), EQUAL)


@SCENES.register("retrieval")
def retrieval_scene(view: SceneView) -> list[Part]:
    """The query and what one or two systems return for it."""
    setup = view.setup(RetrievalSetup)
    if setup.crop or setup.filters or setup.more or setup.less:
        raise BadInput(text("sentence.static"))
    position = view.position(setup.query, retrieval.sample_positions(view.dataset, 1)[0])
    first = setup.system or _usual_system(view)
    refs = [view.system(named) for named in (first, setup.other) if named]
    parts: list[Part] = []
    for ref in refs:
        row, result = results_row(view, ref, position, setup.k)
        both = ImageRow([*query_row(view, position).images, *row.images])
        fields = {"system": ref.title, "shown": len(row.images)}
        if result.has_relevance:
            hits = int(result.hits[: len(row.images)].sum())
            ap = wording.number(retrieval.query_metrics(result, setup.k)["map"])
            sentence = text("phrase.hits", hits=hits, exist=f"{result.n_relevant:,}", ap=ap, **fields)
        else:
            sentence = text("phrase.nearest", **fields)
        parts += [Paragraph(sentence), both]
    return parts


def _usual_system(view: SceneView) -> str:
    """What Retrieval starts with: the equal mix of all backbones, or the only one."""
    names = view.backbones
    if len(names) == 1:
        return names[0]
    return f"concat({','.join(f'{name}:{1 / len(names):.4f}' for name in names)})"


@SCENES.register("leaderboard")
def leaderboard_scene(view: SceneView) -> list[Part]:
    """A bar for every system, and the first of them with more figures."""
    setup = view.setup(LeaderboardSetup)
    metric = setup.metric.replace("@k", f"@{setup.k}")
    ks = sorted({1, 10, setup.k})
    refs = view.systems(setup.systems)
    result, titles, styles = evaluated(view, refs, ks, metric, not setup.by_query)
    order = leaderboard.order(result)
    bars = [
        charts.Bar(titles[name], figure.mean, figure.low, figure.high, styles[name][0])
        for name in order
        for figure in [result[name].figures[metric]]
    ]
    keys = [key for key in ("map", "p@1", f"recall@{setup.k}", "mrr") if key in result.best.figures]
    rows = []
    for name in order[:MOST_ROWS]:
        figures = [result[name].figures[key] for key in keys]
        cells = [number_cell(figure.mean, figure.low, figure.high) for figure in figures]
        rows.append([titles[name], result.tie_groups.get(name, ""), *cells])
    best = result[order[0]].figures[metric]
    figure = wording.figure(best.mean, best.low, best.high)
    lead = text("phrase.leads", system=titles[order[0]], metric=metrics.label(metric, result.judged), figure=figure)
    columns = [text("column.system"), text("column.ties"), *(metrics.label(key, result.judged) for key in keys)]
    return [
        Paragraph(f"{lead} {result.comparison.lead(titles)}".rstrip()),
        charts.BarChart(bars, metrics.label(metric, result.judged)),
        Table(columns, rows, best=0),
        Paragraph(text("sentence.ties"), quiet=True),
    ]


@SCENES.register("curves")
def curves_scene(view: SceneView) -> list[Part]:
    """The curve that is open, of every system."""
    setup = view.setup(CurvesSetup)
    refs = view.systems(setup.systems)
    truth = data.relevance(view.judged)
    ranker, made = Ranker(truth), view.built(refs)
    ranks = {system.name: ranker.rank(system, k=1).ranks for system in made}
    titles, styles = looks(view, refs)
    queries = curves.queries_of(view.judged, next(iter(ranks.values())), setup.label)
    groups = None if setup.label else truth.query_groups
    steps, markers = False, setup.look == "levels"
    if setup.look == "over_k":
        depth = max(2, min(setup.k, int(truth.list_length.max(initial=2))))
        by_name = {name: curves.over_k(each, queries, depth, groups=groups)["p"] for name, each in ranks.items()}
        axes = (text("axis.k"), text("axis.precision_k"))
    elif setup.look == "spread":
        by_name = {name: curves.distribution(each, queries, setup.cumulative) for name, each in ranks.items()}
        axes, steps = (text("axis.ap"), text("axis.share")), not setup.cumulative
    elif setup.look == "query":
        raise NotComputed(text("sentence.static"))
    else:
        by_name = {name: curves.levels(each, queries, groups=groups) for name, each in ranks.items()}
        axes = (text("axis.recall"), text("axis.precision"))
    lines = [
        charts.Line(titles[name], curve.x, curve.y, *styles[name], curve.low, curve.high)
        for name, curve in by_name.items()
    ]
    count = wording.plural(int(queries.sum()), "query")
    of = text("phrase.of_class", queries=count, label=setup.label) if setup.label else count
    bands = setup.bands and setup.look != "spread"
    x_range = (-0.02, 1.02) if markers else None
    chart = charts.LineChart(lines, *axes, markers=markers, bands=bands, steps=steps, x_range=x_range)
    return [chart, Paragraph(text("phrase.mean", queries=of), quiet=True)]


@SCENES.register("threshold")
def threshold_scene(view: SceneView) -> list[Part]:
    """Where to cut: the curves of every system, and its table."""
    setup = view.setup(ThresholdSetup)
    refs = view.systems(setup.systems)
    truth = data.relevance(view.judged)
    verified = [
        verification.verify(system, truth, view.judged, by_class=not setup.by_query) for system in view.built(refs)
    ]
    titles, styles = looks(view, refs)
    error = float(setup.error)
    points = [verification.at_rate(made, error) for made in verified]
    best = max(range(len(points)), key=lambda at: -1.0 if math.isnan(rate := points[at].point.true_rate) else rate)
    lines = [charts.rate_line(titles[made.name], made.curve, *styles[made.name]) for made in verified]
    lowest = 1 / max(max(made.n_other for made in verified), 1)
    return [
        Paragraph(threshold_tables.lead(titles[verified[best].name], points[best])),
        charts.RateChart(lines, error, setup.drawing == "det", lowest),
        Paragraph(threshold_tables.transfer_sentence(points[best]), quiet=True),
    ]


@SCENES.register("text_search")
def text_search_scene(view: SceneView) -> list[Part]:
    """What a typed line finds."""
    setup = view.setup(WordsSetup)
    names = text_encoding.readers(view.embedded).reading
    reader = setup.reader if setup.reader in names else next(iter(names), "")
    if setup.look != "search" or not setup.words.strip() or setup.expand or not reader:
        raise NotComputed(text("sentence.static"))
    query, dataset = text_query.parse(setup.words), view.dataset
    space = view.space((reader,))
    gallery = {reader: space.vectors[reader][dataset.split.gallery]}
    templates = {"on": True, "off": False}.get(setup.templates)
    result = text_search.search(gallery, query, templates=templates)
    images = []
    for rank, item in enumerate(result.order[: min(setup.k, MOST_IMAGES)], start=1):
        position = int(dataset.split.gallery[item])
        caption = f"{rank} · {dataset.label_of(position)}".rstrip(" ·")
        images.append(DocumentImage(retrieval.text_key(dataset.keys[position]), caption, "unknown"))
    return [Paragraph(f"{query.sentence()} ({view.title(reader)})"), view.strip.row(images)]


@SCENES.register("map")
def map_scene(view: SceneView) -> list[Part]:
    """The map of a system, a colour per class."""
    setup = view.setup(MapSetup)
    ref = view.system(setup.system or _usual_system(view))
    names = ref.backbones
    space = view.space(names)
    shares = {ref.text: 1.0} if ref.spec is None else {name: share for name, share in ref.spec.shares.items() if share}
    parameters = {name: getattr(setup, name) for name in ("perplexity", "iterations", "n_neighbors", "min_dist")}
    if ref.spec is not None and (ref.spec.kind != "concat" or ref.spec.steps):
        raise NotComputed(text("sentence.static"))
    joint = maps.space_of({name: space.vectors[name] for name in names}, shares)
    drawn = maps.draw(joint, setup.method, parameters=parameters, seed=setup.seed)
    dataset = view.dataset
    labels = [dataset.label_of(position) for position in range(len(dataset))]
    chart = charts.MapChart(drawn.projection.xy, labels if dataset.has_labels else None)
    return [chart, Paragraph(f"{ref.title}: {drawn.sentence}", quiet=True)]
