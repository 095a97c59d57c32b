"""`evaluate`: every single backbone and the fusions, with intervals and every pair; from a dataset or from files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import wording
from core.cli import inputs, outputs
from core.cli.verbs import BACKBONES, DATASET, FUSIONS, STEPS, UNIT, VECTORS, Verb, flag
from core.errors import BadInput

text = wording.page("cli")

if TYPE_CHECKING:
    from core.studies.evaluation import Result
    from core.types import Dataset

EXPORTS = {
    "json": text("phrase.every_metric_interval"),
    "table": text("phrase.row_per_system"),
    "latex": text("phrase.printed_columns_table"),
    "differences": "every pair: difference, interval, p, Holm p, effect sizes, wins, ties, losses (CSV or Parquet)",
    "per-query": text("phrase.every_list_metric"),
    "per-class": text("phrase.compared_metric_class"),
    "curves": text("phrase.point_interpolated_precision"),
    "ranking": text("phrase.top_query_system"),
    "overlap": text("phrase.pair_systems_query"),
    "protocols": text("phrase.easy_medium_hard"),
}
"""What is written: its flag → what the file holds. `core.export.tables` makes them."""


def run(arguments: argparse.Namespace) -> None:
    """Evaluate, print the tables, write the files."""
    from core import data
    from core.export import tables
    from core.studies import fusion, leaderboard, verification
    from core.studies.evaluation_tables import SHOWN

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
    shown = arguments.show
    if arguments.verification and not shown.strip():
        shown = ",".join([*(key for key in SHOWN if key in leaderboard.available(result)), *verification.KEYS])
    keys = tables.columns(shown, result)
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
        raise BadInput(text("error.cannot_used_vectors", used=", ".join(used)))
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
    text("phrase.score_backbones_fusions"),
    run,
    (
        *DATASET,
        *BACKBONES,
        *VECTORS,
        *FUSIONS,
        *STEPS,
        flag("--k", default="1,5,10", help=text("flag.cut_offs")),
        flag("--metric", default="map", help=text("flag.metric_pairs_compared")),
        *UNIT,
        flag("--verification", action="store_true", help=text("flag.also_auc_eer")),
        flag("--show", default="", metavar="METRICS", help=text("flag.columns_print_map")),
        *(
            flag(f"--{name}", type=Path, metavar="FILE", help=text("flag.write", holds=holds))
            for name, holds in EXPORTS.items()
        ),
    ),
    {name: () if name in ("json", "latex") else (".csv", ".parquet") for name in EXPORTS},
)
