"""The answer to a whole comparison in one view: what was compared, what won, by how much, how sure, at what cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import charts, metrics, wording
from core.export.report import summary
from core.fusion import FusionSpec
from core.studies import leaderboard, systems
from core.studies.fusion_baseline import BaselineComparison
from core.studies.headline import Headline
from core.studies.vector_set import VectorSet
from core.types import Dataset

text = wording.page("story")
overview = wording.page("overview")
MIX = "mix"


@dataclass(frozen=True)
class Answer:
    """What a reader wants to know first.

    Attributes:
        facts: (name, sentence) each.
        chart: the backbones and the mixes; None where nothing can be judged.
    """

    facts: Sequence[tuple[str, str]]
    chart: charts.BarChart | None = None


def of_comparison(
    dataset: Dataset,
    headline: Headline,
    baseline: BaselineComparison,
    space: VectorSet,
    titles: Mapping[str, str],
    colours: Mapping[str, str],
) -> Answer:
    """The answer over backbones of a labelled dataset.

    Args:
        headline: the best mix and the best backbone; baseline: each backbone beside the equal mix of all.
        space: the vectors of these backbones.
        titles: backbone → what people call it; colours: backbone → its colour.
    """
    facts = [(text("label.compared"), _compared(dataset, baseline, titles))]
    if not headline.n_valid:
        return Answer([*facts, (text("label.best"), text("sentence.no_query"))])
    facts += [
        (text("label.best"), metrics.as_judged(_best(headline, titles), dataset.is_judged)),
        (text("label.gain"), metrics.as_judged(_gain(headline, titles), dataset.is_judged)),
        (text("label.sure"), summary.chance(headline.difference, dataset.is_judged)),
        (text("label.cost"), _cost(dataset, headline, space)),
    ]
    drawn = bars(headline, baseline, titles, colours)
    return Answer(
        facts,
        charts.BarChart(drawn, metrics.label("map", dataset.is_judged), row_height=max(34, min(52, 270 // len(drawn)))),
    )


def without_labels(dataset: Dataset, titles: Sequence[str]) -> Answer:
    """What can be said where nothing is known to be relevant."""
    fields = _counts(dataset, titles)
    return Answer(
        [
            (text("label.compared"), text("sentence.compared_single", **fields)),
            (text("label.best"), text("sentence.no_labels")),
        ]
    )


def _counts(dataset: Dataset, titles: Sequence[str]) -> dict[str, str]:
    few = len(titles) <= 4
    return {
        "backbones": ", ".join(titles) if few else wording.plural(len(titles), "backbone"),
        "dataset": dataset.name,
        "images": wording.plural(len(dataset), "image"),
        "queries": wording.plural(len(dataset.split.queries), "query"),
    }


def _compared(dataset: Dataset, baseline: BaselineComparison, titles: Mapping[str, str]) -> str:
    names = [titles.get(row.name, row.name) for row in baseline.rows if row.role == "backbone"]
    fields = _counts(dataset, names)
    return text("sentence.compared" if len(names) > 1 else "sentence.compared_single", **fields)


def _mix(headline: Headline, titles: Mapping[str, str]) -> str:
    return " + ".join(titles.get(name, name) for name in headline.mix)


def _best(headline: Headline, titles: Mapping[str, str]) -> str:
    """The system to use."""
    single, alone = titles.get(headline.single, headline.single), headline.single_figure
    if headline.difference is None or headline.gain:
        made = headline.mix_figure
        figure = wording.figure(made.mean, made.low, made.high)
        return text("sentence.best_mix", system=_mix(headline, titles), figure=figure)
    return text("sentence.best_single", system=single, figure=wording.figure(alone.mean, alone.low, alone.high))


def _gain(headline: Headline, titles: Mapping[str, str]) -> str:
    """The mix less the backbone."""
    difference = headline.difference
    if difference is None:
        return text("sentence.nothing_alone")
    return text(
        "sentence.gain" if headline.gain else "sentence.gain_open",
        change=wording.signed(difference.mean),
        interval=wording.interval(difference.low, difference.high, sign=True),
        single=titles.get(headline.single, headline.single),
    )


def _cost(dataset: Dataset, headline: Headline, space: VectorSet) -> str:
    """What the mix costs beside the backbone; where no mix is shown to be better, the backbone alone."""
    mix = FusionSpec(MIX, "concat", headline.mix) if headline.gain and len(headline.mix) > 1 else None
    made = systems.build(space, [headline.single], [] if mix is None else [mix])
    infos = [leaderboard.system_info(system, dataset) for system in made]
    return summary.cost(infos[-1], infos[0], alone=mix is None)


def bars(
    headline: Headline, baseline: BaselineComparison, titles: Mapping[str, str], colours: Mapping[str, str]
) -> list[charts.Bar]:
    """A bar for each backbone, for the best mix, and for the mix of all; the best first."""
    names = [row.name for row in baseline.rows if row.role == "backbone"]
    drawn = [
        charts.Bar(titles.get(row.name, row.name), row.mean, row.low, row.high, colours[row.name])
        for row in baseline.rows
        if row.role == "backbone"
    ]
    if headline.difference is not None:
        mix = headline.mix_figure
        title = overview("phrase.best_mix", count=len(headline.mix))
        drawn.append(charts.Bar(title, mix.mean, mix.low, mix.high, charts.FUSION_COLOUR))
        if set(headline.mix) != set(names):
            row = baseline.row("fusion")
            title = overview("phrase.equal_mix", count=len(names))
            drawn.append(charts.Bar(title, row.mean, row.low, row.high, charts.OTHER_MIX_COLOUR))
    return sorted(drawn, key=lambda bar: -bar.mean)
