"""The answer of the Leaderboard: who leads, by how much, and whether that is sure."""

from __future__ import annotations

from core import metrics, wording
from core.metrics.significance import Difference
from core.studies import leaderboard
from core.ui.app import theme
from core.ui.views.leaderboard.leaderboard_view import LeaderboardView

text = wording.page("leaderboard")


def draw(view: LeaderboardView) -> None:
    """The one line that matters, and in small letters what it rests on."""
    result, infos = view.result, view.infos
    first, *rest = leaderboard.order(result)
    figure = result[first].figures[result.metric]
    fields = {
        "system": theme.plain(infos[first].title),
        "metric": metrics.label(result.metric, result.judged),
        "figure": theme.plain(wording.figure(figure.mean, figure.low, figure.high)),
    }
    small = [text("phrase.mean", valid=f"{figure.n_valid:,}", queries=wording.plural(figure.n_queries, "query"))]
    if not rest:
        theme.answer(text("phrase.alone", **fields), small[0])
        return
    tied = [theme.plain(infos[name].title) for name in result.comparison.tied_with_best()]
    pair = result.comparison.difference(first, rest[0])
    if tied:
        unit = result.comparison.unit
        small += [text("phrase.few_classes", count=unit.n)] if unit.few else []
        sentence = text("phrase.tied", **fields, others=_listed(tied))
    else:
        small.append(_basis(pair))
        second = theme.plain(infos[rest[0]].title)
        sentence = text(
            "phrase.leads_judged" if result.judged else "phrase.leads",
            **fields,
            gap=wording.signed(pair.mean),
            second=second,
        )
    if result.comparison.chosen is not None:
        reached = wording.number(result.comparison.chosen.mean)
        small.append(text("phrase.chosen", count=len(result.names), figure=reached))
    theme.answer(sentence, "  ·  ".join(small))


def _basis(pair: Difference) -> str:
    """The interval of the lead and its corrected p-value."""
    ends = theme.plain(wording.interval(pair.low, pair.high, sign=True))
    return text(
        "phrase.lead", interval=ends, p=wording.p_value(pair.p_holm), pairs=wording.plural(pair.n_pairs, "pair")
    )


def _listed(names: list[str], most: int = 3) -> str:
    """'A, B and C'; of many the first few and how many more."""
    if len(names) > most:
        return text("phrase.and_more", names=", ".join(names[:most]), count=len(names) - most)
    return names[0] if len(names) == 1 else text("phrase.and", names=", ".join(names[:-1]), last=names[-1])
