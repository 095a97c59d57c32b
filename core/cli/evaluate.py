"""`evaluate`: every single backbone and the fusions, with intervals and every pair; from a dataset or from files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli import inputs, outputs
from core.cli.verbs import BACKBONES, DATASET, FUSIONS, STEPS, UNIT, VECTORS, Verb, flag
from core.errors import BadInput

if TYPE_CHECKING:
    from core.studies.evaluation import Result
    from core.types import Dataset

EXPORTS = {
    "json": "every metric with its interval, and every pair (JSON)",
    "table": "a row per system with every metric and its interval (CSV or Parquet, as the name ends)",
    "latex": "the printed columns as a table for a paper (LaTeX, booktabs)",
    "differences": "every pair: difference, interval, p, Holm p, effect sizes, wins, ties, losses (CSV or Parquet)",
    "per-query": "every list metric of each query (CSV or Parquet)",
    "per-class": "the compared metric of each class and system with its interval (CSV or Parquet)",
    "curves": "the 11-point interpolated precision of each system with its interval (CSV or Parquet)",
    "ranking": "the top 100 of each query and system (CSV or Parquet)",
    "overlap": "of each pair of systems and query: results that only one or both list, Jaccard, rank-biased overlap (CSV "
    "or Parquet)",
    "protocols": "Easy, Medium and Hard of revisited Oxford or Paris (CSV or Parquet)",
}
"""What is written: its flag → what the file holds. `core.export.tables` makes them."""


def run(arguments: argparse.Namespace) -> None:
    """Evaluate, print the tables, write the files."""
    from core import data
    from core.export import tables
    from core.studies import fusion, leaderboard, verification

    inputs.load_plugins()
    settings = {
        "ks": inputs.cutoffs(arguments.k),
        "metric": arguments.metric,
        "by_class": not arguments.by_query,
        "task": inputs.task(),
    }
    tables.check_metrics(arguments.metric, arguments.show, settings["ks"])
    from_files = bool(arguments.vectors and not arguments.data)
    if from_files:
        result, dataset = _from_files(arguments, settings)
    else:
        dataset, names, fusions = inputs.systems(arguments)
        result = fusion.evaluate(dataset, names, fusions, **settings)
    truth = data.relevance(dataset)
    if arguments.verification or verification.is_wanted(arguments.show.split(",")):
        verified = [
            verification.verify(system, truth, dataset, by_class=not arguments.by_query, task=inputs.task())
            for system in result.systems
        ]
        result = verification.with_figures(result, verified)
    for sentence in (leaderboard.obstacle(dataset, truth), leaderboard.beyond_list(truth, max(settings["ks"]))):
        if sentence:
            outputs.remark(f"warning: {sentence}")
    keys = tables.columns(arguments.show, result)
    print(tables.printed(result, keys, dataset))
    known = tables.facts(result.systems, dataset, from_files)
    for name in EXPORTS:
        path: Path | None = getattr(arguments, name.replace("-", "_"))
        if path is not None:
            outputs.write(path, tables.file_content(name, path.suffix, result, known, dataset, keys))


def _from_files(arguments: argparse.Namespace, settings: dict[str, Any]) -> tuple[Result, Dataset]:
    """Vectors from files alone; flags that say something about a dataset are refused."""
    from core.fusion import store
    from core.studies import external_vectors

    names = ("name", "reader", "option", "split", "seed", "one_of_each", "backbone", "weights")
    used = [f"--{name.replace('_', '-')}" for name in names if getattr(arguments, name) not in (None, "", [])]
    if used:
        raise BadInput(
            f"{', '.join(used)} cannot be used with --vectors alone: name a dataset with --data, or leave it out "
            "(a column 'split' in --labels says which rows are queries)."
        )
    files = inputs.named_files(arguments.vectors)
    mixes = inputs.equal_mixes(arguments.fuse, tuple(files), from_files=True)
    in_file = store.read(arguments.fusions) if arguments.fusions else ()
    return external_vectors.evaluate_files(
        vectors=files,
        labels=arguments.labels,
        pairs=arguments.pairs,
        fusions=arguments.fusions,
        more=[*mixes, *inputs.stepped(arguments, tuple(files), [*mixes, *in_file])],
        invalid=arguments.invalid,
        tell=outputs.remark,
        **settings,
    )


EVALUATE = Verb(
    "evaluate",
    "score backbones and fusions on a dataset, or vectors from files",
    run,
    (
        *DATASET,
        *BACKBONES,
        *VECTORS,
        *FUSIONS,
        *STEPS,
        flag("--k", default="1,5,10", help="cut-offs, e.g. 1,5,10,100"),
        flag("--metric", default="map", help="the metric that pairs are compared in (default: map)"),
        *UNIT,
        flag("--verification", action="store_true", help="also AUC, EER and TPR at a false match rate, over all pairs"),
        flag("--show", default="", metavar="METRICS", help="columns to print: map,mrr,p@5, ... or all"),
        *(flag(f"--{name}", type=Path, metavar="FILE", help=f"write {holds}") for name, holds in EXPORTS.items()),
    ),
    {name: () if name in ("json", "latex") else (".csv", ".parquet") for name in EXPORTS},
)
