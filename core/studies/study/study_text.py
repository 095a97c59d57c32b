"""What a study shows, in sentences and as a table for a terminal."""

from __future__ import annotations

import math

from core import metrics, text_table, wording
from core.backbones.tuned import is_tuned
from core.metrics import across_datasets
from core.metrics.across_datasets import AcrossDatasets
from core.studies.study import beside
from core.studies.study.study_record import FIRST_SCORE
from core.studies.study.study_result import StudyResult, WinnerLine
from core.wording import figure, number, p_cell, p_value, plural

text = wording.page("studies")


def answer(result: StudyResult) -> str:
    """Who is ahead over all datasets, and where it wins."""
    best = result.best
    if not result.complete:
        return "No system has a figure on every dataset, so none is best over all."
    mean = result.mean(best, result.metric)
    wins = [line.part.name for line in result.winners if line.best == best]
    n = len(result.parts)
    where = "on every dataset" if len(wins) == n else f"on {len(wins)} of {plural(n, 'dataset')}"
    return f"{result.title(best)} is best over all: {metrics.label(result.metric)} {figure(mean.mean, mean.low, mean.high)}, ahead {where}."


def runner_up(result: StudyResult) -> str | None:
    """What the best system is shown against: the best single backbone; the next best system where it is one itself."""
    usable = [name for name in ordered(result, result.metric) if name != result.best and name in result.complete]
    singles = [name for name in usable if name in result.backbones]
    return next(iter(usable if result.best in result.backbones else singles or usable), None)


def verdict(result: StudyResult) -> str:
    """The answer for people who read no figures: how often the first result is right, where the study knows."""
    best, before, n = result.best, runner_up(result), len(result.parts)
    if not result.complete or before is None:
        return answer(result)
    wins = sum(line.best == best for line in result.winners)
    where = text("phrase.everywhere") if wins == n else text("phrase.somewhere", wins=wins, n=plural(n, "dataset"))
    titles = {"best": result.title(best), "before": result.title(before), "where": where}
    first = next((key for key in ("p@1", "hit@1") if key in result.study.metrics), None)
    if first is None:
        return text("sentence.verdict", **titles)
    rights = [number(100 * result.mean(name, first).mean, 0) for name in (best, before)]
    return text("sentence.verdict_first", **titles, right=rights[0], instead=rights[1])


def certainty(result: StudyResult) -> str:
    """What the tests over datasets say, in a sentence or two that promise no more than they hold."""
    compared = result.compared
    n, k = len(compared.datasets), len(compared.names)
    if compared.friedman is None:
        return f"{plural(n, 'dataset')} and {plural(k, 'system')}: nothing can be said about other datasets."
    parts = [friedman_sentence(compared)]
    pairs = k * (k - 1) // 2
    least = across_datasets.least_p(n, pairs)
    if least >= 0.05:
        parts.append(
            f"With {plural(n, 'dataset')} no pair can be shown to differ on others: the signed-rank test gives "
            f"{p_value(across_datasets.least_p(n))} at best; {plural(pairs, 'pair')} take {across_datasets.needed_datasets(pairs)} datasets."
        )
    return " ".join(parts)


def brief(result: StudyResult) -> str:
    """The same in a line: whether the systems differ at all, and whether any pair can be shown to."""
    compared = result.compared
    n, pairs = len(compared.datasets), len(compared.names) * (len(compared.names) - 1) // 2
    if compared.friedman is None:
        return certainty(result)
    begin = f"Friedman {p_value(compared.friedman.p)} over {plural(n, 'dataset')}."
    if across_datasets.least_p(n, pairs) < 0.05:
        return begin
    return (
        f"{begin} So few cannot show that any pair differs on others; {across_datasets.needed_datasets(pairs)} could."
    )


def friedman_sentence(compared: AcrossDatasets) -> str:
    """Whether the systems differ at all over the datasets."""
    test = compared.friedman
    assert test is not None, "two systems on two datasets"
    how = "all permutations" if test.exact else "permutations drawn"
    f = "∞" if math.isinf(test.f) else number(test.f, 2)
    verdict = "The systems are not all alike over the datasets" if test.differs else "The systems may all be alike"
    caution = " (F is infinite where all datasets agree, so its p says nothing)" if math.isinf(test.f) else ""
    return (
        f"{verdict}: Friedman χ² = {number(test.chi2, 2)}, {p_value(test.p)} by {how}; Iman–Davenport F = {f}, "
        f"{p_value(test.p_f)}{caution}."
    )


def winner_sentence(result: StudyResult, line: WinnerLine) -> str:
    """Which mix wins on one dataset, and whether that is shown there."""
    part = line.part
    if line.difference is None or line.fusion is None or line.backbone is None:
        return f"{part.name}: {result.title(line.best)} is best."
    pair = line.difference
    gap = f"{wording.signed(pair.mean)} {wording.interval(pair.low, pair.high, sign=True)}, {pair.holm}"
    names = f"{result.title(line.fusion)} against {result.title(line.backbone)}"
    return f"{part.name}: {names}, {gap}: {pair.conclusion}."


def caution(result: StudyResult) -> str:
    """What intervals and tests within each dataset stand on."""
    units = [(part.name, part.comparison.unit) for part in result.parts]
    what = list(dict.fromkeys(unit.name for _, unit in units))
    counts = ", ".join(f"{name} {unit.n:,}" for name, unit in units)
    drawn = (
        "whole classes" if what == ["classes"] else "single queries" if what == ["queries"] else "classes or queries"
    )
    dependent = any(unit.dependent and unit.name == "queries" for _, unit in units)
    begin = "Optimistic: queries are taken as independent. " if dependent else ""
    tuned = (
        "Weights are learned on training images or a part of the queries, by whole classes where these repeat; every figure is of "
        "the other queries. "
        if result.study.is_tuned
        else ""
    )
    if any(map(is_tuned, result.study.used_backbones)):
        tuned += "What a tuned backbone was trained on neither asks nor is found, by any system. "
    return (
        f"{begin}{tuned}Within a dataset, intervals draw and tests flip {drawn} ({counts}), p corrected by Holm over all its "
        "pairs; the interval of a mean is for these datasets, not for others."
    )


# ---------------------------------------------------------------- tables


def rows_of(result: StudyResult, key: str) -> list[list[str]]:
    """Header and rows of systems by datasets: a figure with its interval each, mean, mean rank, percent of the baseline."""
    compared = result.across(key)
    ranks = dict(zip(compared.names, compared.mean_ranks.tolist()))
    rows = [["system", *(part.name for part in result.parts), "mean", "mean rank", "relative"]]
    for name in ordered(result, key):
        figures = [part.figure(name, key) for part in result.parts]
        mean = result.mean(name, key)
        relative = "" if key == FIRST_SCORE else wording.percent(result.relative(name, key) / 100, 1)
        rows.append(
            [
                result.title(name),
                *(figure(f.mean, f.low, f.high) for f in figures),
                figure(mean.mean, mean.low, mean.high),
                number(ranks.get(name), 2),
                relative,
            ]
        )
    return rows


def ordered(result: StudyResult, key: str) -> list[str]:
    """The systems by their mean over the datasets, best first; those without one last."""
    sign = 1 if key == FIRST_SCORE or metrics.parse(key)[0].higher_is_better else -1

    def by_mean(name: str) -> tuple[bool, float]:
        mean = result.mean(name, key).mean
        return math.isnan(mean), 0.0 if math.isnan(mean) else -sign * mean

    return sorted(result.names, key=by_mean)


def as_text(result: StudyResult, keys: tuple[str, ...] = ()) -> str:
    """Everything, for a terminal."""
    lines = [answer(result), certainty(result), ""]
    for key in keys or shown_keys(result):
        lines += [f"{beside.label(key)}, 95 % intervals", *text_table.aligned(rows_of(result, key)), ""]
    lines += ["Which mix wins where", *(winner_sentence(result, line) for line in result.winners), ""]
    lines += _weights(result)
    lines += _tests(result)
    for table in result.study.published:
        lines += ["", f"Published: {table.title} ({table.source})", *filter(None, [table.why])]
        rows = [["system", "figure", "published", "ours", "difference", ""]]
        for cell in beside.cells(result, table):
            rows.append(
                [
                    cell.system,
                    cell.column,
                    beside.as_published(cell),
                    beside.ours(cell),
                    beside.difference(cell),
                    cell.why,
                ]
            )
        lines += [*text_table.aligned(rows), text("sentence.no_interval")]
    for reason, where in result.left_out.items():
        lines += ["", f"Left out, {', '.join(where)}: {reason}"]
    return "\n".join([*lines, "", f"These figures rest on {result.rests_on}. {caution(result)}"])


def shown_keys(result: StudyResult) -> tuple[str, ...]:
    """The metrics of the tables; of catalogues the first score beside."""
    return (*result.study.metrics, *((FIRST_SCORE,) if result.study.catalogue is not None else ()))


def _weights(result: StudyResult) -> list[str]:
    """Learned weights, dataset by dataset."""
    rows = weight_rows(result)
    return ["Weights that were learned", *text_table.aligned(rows), ""] if rows else []


def weight_rows(result: StudyResult) -> list[list[str]]:
    """(fusion, dataset, shares) of every fusion whose weights were learned."""
    rows = []
    for fusion in result.study.fusions:
        for part in result.parts:
            if fusion.tuned and fusion.name in part.shares:
                shares = part.shares[fusion.name].items()
                sentence = ", ".join(f"{result.title(name)} {wording.percent(share)}" for name, share in shares)
                rows.append([fusion.name, part.name, sentence])
    return rows


def posterior_columns(result: StudyResult) -> list[str]:
    """Header of `posterior_rows`."""
    return [f"{result.title(result.best)} against", "better", f"within {result.study.rope:g}", "worse", "Holm p"]


def posterior_rows(result: StudyResult) -> list[list[str]]:
    """The best system against each other one over the datasets: how probable it is better, the same, worse; Holm's p."""
    compared, best = result.compared, result.best
    rows = []
    for name in compared.order:
        if name != best:
            posterior = compared.posterior(best, name, result.study.rope, result.study.seed)
            p = float(compared.wilcoxon[compared.names.index(best), compared.names.index(name)])
            shares = [wording.percent(share) for share in (posterior.better, posterior.same, posterior.worse)]
            rows.append([result.title(name), *shares, p_cell(p)])
    return rows


def _tests(result: StudyResult) -> list[str]:
    """Mean ranks, the critical difference, the bars of the diagram, and how probable it is that the best is better."""
    compared = result.compared
    if compared.friedman is None:
        return []
    gap = number(compared.critical_difference, 2)
    lines = [f"Mean ranks in {metrics.label(result.metric)}; they differ from {gap} on (Nemenyi)"]
    ranks = dict(zip(compared.names, compared.mean_ranks.tolist()))
    lines += text_table.aligned([[result.title(name), number(ranks[name], 2)] for name in compared.order], numbers=(1,))
    lines += [f"  cannot be told apart: {', '.join(map(result.title, group))}" for group in compared.groups]
    rows = [posterior_columns(result), *posterior_rows(result)]
    return [*lines, "", "Bayesian signed-rank test over the datasets", *text_table.aligned(rows, numbers=(1, 2, 3))]
