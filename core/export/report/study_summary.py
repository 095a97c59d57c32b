"""The first screen of a study's file: who is best over all datasets, a query of each, how sure that is, the cost."""

from __future__ import annotations

import dataclasses
from itertools import cycle

from core import wording
from core.errors import CoreError
from core.export.report import summary
from core.export.report.document import ImageStrip
from core.export.report.summary import Example, Summary
from core.metrics import across_datasets
from core.metrics.significance import LEVEL
from core.studies.study import study_cases, study_text
from core.studies.study.study_result import StudyResult

text = wording.page("studies")
words = wording.page("report_summary")
MOST_EXAMPLES = 3


def of_study(result: StudyResult, strip: ImageStrip) -> Summary:
    """What a reader without statistics wants to know.

    Args:
        strip: embeds the images.
    """
    best, before = result.best, study_text.runner_up(result)
    facts = [(words("label.chance"), chance(result, before)), (words("label.cost"), _cost(result, before))]
    return Summary(study_text.verdict(result), facts, words("label.examples"), _examples(result, best, before, strip))


def chance(result: StudyResult, before: str | None) -> str:
    """How far the order of the two can be believed, on these datasets and on others."""
    if before is None:
        return words("sentence.chance_alone")
    pairs = [part.comparison.difference(result.best, before) for part in result.parts]
    ahead, shown = (sum(p.mean > 0 for p in pairs), sum(p.mean > 0 and p.differs for p in pairs))
    n = wording.plural(len(pairs), "dataset")
    here = text("sentence.chance_here", before=result.title(before), ahead=ahead, n=n, shown=shown)
    names = result.compared.names
    tested = len(names) * (len(names) - 1) // 2
    if across_datasets.least_p(len(pairs), tested) >= LEVEL:
        needed = across_datasets.needed_datasets(tested)
        return f"{here} {text('sentence.chance_few', n=n, needed=needed)}"
    p = float(result.compared.wilcoxon[names.index(result.best), names.index(before)])
    return f"{here} {text('sentence.chance_others', share=summary.frequency(p))}"


def _cost(result: StudyResult, before: str | None) -> str:
    other = None if before is None else result.cost(before).milliseconds
    return summary.time_cost(result.cost(result.best).milliseconds, other)


def _examples(result: StudyResult, best: str, before: str | None, strip: ImageStrip) -> list[Example]:
    """A query of each dataset: where the best system gains most, a usual one, where it loses most."""
    if before is None or not study_cases.can_show(result):
        return []
    titles = {name: result.title(name) for name in (best, before)}
    made: list[Example] = []
    for kind, part in zip(("gain", "middle", "loss")[:MOST_EXAMPLES], cycle(result.parts)):
        try:
            ranked = study_cases.ranked(result, part, (before, best))
        except CoreError:
            continue
        if ranked.dataset.has_images:
            first, second = ranked.evaluations
            examples = summary.examples_of(ranked.dataset, first, second, ranked.truth, titles, strip, (kind,))
            made += [dataclasses.replace(example, title=f"{part.name}: {example.title}") for example in examples]
    return made
