"""An evaluation as text, as plain data, and as tables to take away."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core import metrics, text_table
from core.studies import evaluation_warnings, pooled_figures
from core.studies.evaluation import DEPTH, Result

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ("map", "p@1", "p@5", "p@10", "hit@5", "recall@10", "ndcg@10", "mrr")


def table(result: Result, keys: Sequence[str] | None = None) -> str:
    """What the command line prints first: one line per system, best first, and what the figures rest on.

    Args:
        keys: metrics, one column each; None for the usual ones.
    """
    wanted = dict.fromkeys(SHOWN if keys is None else keys)
    if result.judged:
        wanted = pooled_figures.defined(wanted)
    shown = [key for key in wanted if key in result.evaluations[0].figures]
    groups = result.tie_groups
    rows = [["system", "ties", *(metrics.label(key, result.judged) for key in shown)]]
    for name in result.comparison.order:
        cells = []
        for key in shown:
            figure = result[name].figures[key]
            text = "-" if math.isnan(figure.mean) else f"{figure.mean:.4f}"
            if text != "-" and (key == result.metric or (result.judged and key.startswith("p@"))):
                text += f" [{figure.low:.4f}, {figure.high:.4f}]"
            cells.append(text)
        rows.append([name, groups[name], *cells])
    return "\n".join([*text_table.aligned(rows), *footnotes(result)])


def footnotes(result: Result) -> list[str]:
    """Under a printed table: how many queries count, what the letters mean, who leads, and every warning once."""
    first, unit = result.evaluations[0], result.comparison.unit
    count = f"{unit.n:,} classes" if unit.name == "classes" else "queries"
    rests_on = (
        f"{first.n_valid:,} of {first.n_queries:,} queries count; 95 % bootstrap intervals over {count}; systems that share "
        f"a letter cannot be told apart (tests that flip whole {unit.name})."
    )
    lead = result.comparison.lead()
    leader = (
        [f"{result.best.name} has the highest {metrics.label(result.metric, result.judged)}. {lead}"] if lead else []
    )
    contradictions = filter(None, [result.comparison.contradictions()])
    return [
        rests_on,
        result.comparison.caution,
        *leader,
        *contradictions,
        *evaluation_warnings.of_all(result.evaluations, judged=result.judged),
    ]


def _number(value: Any) -> Any:
    """A number as JSON holds it: NaN and infinity are null."""
    if isinstance(value, (tuple, list, np.ndarray)):
        return [_number(element) for element in value]
    return None if value is None or not math.isfinite(value) else float(value)


def as_json(result: Result) -> dict[str, Any]:
    """The result as plain data: systems with every metric, and all comparisons; NaN is null."""
    systems, groups, chosen = [], result.tie_groups, result.comparison.chosen
    for evaluation in result.evaluations:
        figures = {}
        for key, figure in evaluation.figures.items():
            figures[key] = {
                "mean": _number(figure.mean),
                "low": _number(figure.low),
                "high": _number(figure.high),
                "n_queries": figure.n_queries,
                "n_valid": figure.n_valid,
            } | ({"note": figure.note} if figure.note else {})
        systems.append(
            {
                "name": evaluation.name,
                "ties": groups[evaluation.name],
                "metrics": figures,
                "queries_with_mixed_ties": evaluation.queries_with_mixed_ties,
                "warnings": list(evaluation.warnings),
            }
        )
    pairs = []
    for (a, b), difference in result.comparison.differences.items():
        record = {name: _number(v) if isinstance(v, float) else v for name, v in dataclasses.asdict(difference).items()}
        conclusion = {"differs": difference.differs, "conclusion": difference.conclusion}
        pairs.append({"a": a, "b": b, "metric": result.metric, **record, **conclusion})
    return {
        "metric": result.metric,
        "resampled": result.resampled,
        "n_units": result.comparison.unit.n,
        "caution": result.comparison.caution,
        "best_on_queries_that_did_not_choose_it": (
            None if chosen is None else {name: _number(value) for name, value in dataclasses.asdict(chosen).items()}
        ),
        "systems": systems,
        "comparisons": pairs,
    }


def per_query_table(result: Result) -> pd.DataFrame:
    """One row per system and query: system, query_id, label, and every list metric."""
    import pandas as pd

    frames = []
    for evaluation in result.evaluations:
        frame = pd.DataFrame({"system": evaluation.name, "query_id": result.query_ids, "label": result.query_labels})
        frames.append(pd.concat([frame, pd.DataFrame(dict(evaluation.per_query))], axis=1))
    return pd.concat(frames, ignore_index=True)


def ranking_table(result: Result, depth: int = DEPTH) -> pd.DataFrame:
    """The first `depth` results of every query and system: system, query_id, rank, item_id, score."""
    import pandas as pd

    frames = []
    for evaluation in result.evaluations:
        if evaluation.ranking is None:
            continue
        items, scores = evaluation.ranking.items[:, :depth], evaluation.ranking.scores[:, :depth]
        rows, columns = np.nonzero(items >= 0)
        frames.append(
            pd.DataFrame(
                {
                    "system": evaluation.name,
                    "query_id": result.query_ids[rows],
                    "rank": columns + 1,
                    "item_id": result.gallery_ids[items[rows, columns]],
                    "score": scores[rows, columns],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
