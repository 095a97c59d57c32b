"""`slices`: where each system is weak, by any column; `domains`: from group to group; `stress`: on corrupted queries."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import metrics, wording
from core.cli import inputs, outputs
from core.cli.verbs import BACKBONES, DATASET, FUSIONS, STEPS, UNIT, VECTORS, Verb, flag
from core.errors import BadInput

text = wording.page("slices")

if TYPE_CHECKING:
    import numpy as np

    from core.studies.comparison import ResamplingUnit
    from core.studies.slices import SliceColumn, SliceTable
    from core.studies.slices.slice_search import SliceSearch
    from core.studies.systems import System
    from core.types import Dataset, Relevance


def systems_of(arguments: argparse.Namespace) -> tuple[Dataset, Relevance, list[System]]:
    """The dataset, its truth, and the systems named, over stored vectors.

    Raises:
        BadInput: the dataset has no labels to judge by.
    """
    from core import data
    from core.studies import fusion, leaderboard, pooled_figures, systems
    from core.studies.training_split import query_keys, refuse_trained

    inputs.load_plugins()
    dataset, names, fusions = inputs.systems(arguments)
    truth = data.relevance(dataset)
    obstacle = leaderboard.obstacle(dataset, truth)
    if obstacle:
        raise BadInput(obstacle)
    if truth.pooled:
        outputs.remark(pooled_figures.warning(dataset, truth))
    for spec in fusions:
        refuse_trained(spec, query_keys(dataset))
    used = list(dict.fromkeys([*names, *(name for spec in fusions for name in spec.backbones)]))
    space = fusion.space_of(dataset, used)
    space.keep()
    return dataset, truth, systems.build(space, names, fusions)


# ---------------------------------------------------------------- slices


def run_slices(arguments: argparse.Namespace) -> None:
    """The worst parts of a column, or what a search over all columns finds."""
    from core.studies import image_measures
    from core.studies.comparison import ResamplingUnit
    from core.studies.slices import columns, per_query

    dataset, truth, built = systems_of(arguments)
    if arguments.against and arguments.against not in [system.name for system in built]:
        names = ", ".join(system.name for system in built)
        raise BadInput(text("error.against", name=repr(arguments.against), names=names))
    if arguments.against and len(built) < 2:
        raise BadInput(text("error.against_alone", name=repr(arguments.against)))
    image_measures.compute(dataset, dataset.split.queries, inputs.task())
    wanted = list(dict.fromkeys(arguments.column))
    parting = columns(dataset, wanted, arguments.bins)
    values = per_query.per_query(built, truth, arguments.metric, inputs.task())
    outputs.end_progress()
    unit = ResamplingUnit.of(truth, not arguments.by_query)
    record: dict[str, Any] = {"metric": arguments.metric, "tables": [], "searches": {}}
    lines = _table_lines(_tables(values, parting, unit, arguments), record) if wanted else []
    if not wanted or arguments.against:
        lines += _search_lines(values, parting, unit, arguments, record)
    print(metrics.as_judged("\n".join(lines), truth.pooled))
    if arguments.json is not None:
        outputs.write(arguments.json, json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def _tables(
    values: dict[str, np.ndarray], parting: list[SliceColumn], unit: ResamplingUnit, arguments: argparse.Namespace
) -> list[SliceTable]:
    """A table for each column that was named; with --cross one for the two together."""
    from core.studies.slices import crossed, slice_table

    shown = parting
    if arguments.cross:
        if len(parting) != 2:
            raise BadInput(text("error.cross"))
        shown = [crossed(*parting)]
    return [slice_table(values, column, unit, metric=arguments.metric) for column in shown]


def _table_lines(tables: list[SliceTable], record: dict[str, Any]) -> list[str]:
    from core.studies.slices import slice_sentences as sentences

    record["tables"] += map(sentences.record_of_table, tables)
    return [line for table in tables for line in (sentences.worst_lead(table, str), *sentences.table_lines(table), "")]


def _search_lines(
    values: dict[str, np.ndarray],
    parting: list[SliceColumn],
    unit: ResamplingUnit,
    arguments: argparse.Namespace,
    record: dict[str, Any],
) -> list[str]:
    """Where each system is weak, or loses to the one named by --against."""
    from core.studies.slices import slice_search as search
    from core.studies.slices import slice_sentences as sentences

    made: dict[str, SliceSearch] = {}
    base = arguments.against
    for name, column in values.items():
        if base and name != base:
            single = search.losses(column, values[base], parting, unit)
            made[sentences.losses_lead(name, base, single, arguments.metric)] = single
        elif not base:
            single = search.search(column, parting, unit)
            made[sentences.weak_lead(name, single, arguments.metric)] = single
        else:
            continue
        record["searches"][name] = sentences.record_of_search(single)
    return sentences.search_lines(made, arguments.metric)


# ---------------------------------------------------------------- domains


def run_domains(arguments: argparse.Namespace) -> None:
    """The matrix of every system, from each group of a column to each."""
    from core.studies import domain_tables, domains

    dataset, truth, built = systems_of(arguments)
    able = domains.candidates(dataset)
    if not arguments.column and not able:
        raise BadInput(text("error.no_domains", dataset=repr(dataset.name)))
    column = domains.domain_column(dataset, arguments.column or able[0])
    made = domains.matrices(built, truth, dataset, column, by_class=not arguments.by_query, task=inputs.task())
    outputs.end_progress()
    print(domain_tables.printed(made))
    if arguments.json is not None:
        record = domain_tables.as_json(made)
        outputs.write(arguments.json, json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


# ---------------------------------------------------------------- corrupted queries


def run_stress(arguments: argparse.Namespace) -> None:
    """Embed what is missing of the corrupted queries, and judge every system on them."""
    from core.studies.stress import corrupted_queries, stress_result, stress_tables

    dataset, truth, built = systems_of(arguments)
    steps = inputs.cutoffs(arguments.steps, "--steps")
    made = corrupted_queries.plan(truth, arguments.corruption, steps, arguments.queries)
    used = list(dict.fromkeys(name for system in built for name in system.backbones))
    count = corrupted_queries.embed(dataset, made, used, task=inputs.task())
    outputs.end_progress()
    if count:
        outputs.remark(text("sentence.embedded", count=f"{count:,}"))
    corrupted = corrupted_queries.vectors(dataset, made, used)
    result = stress_result.evaluate(built, truth, made, corrupted, by_class=not arguments.by_query, task=inputs.task())
    outputs.end_progress()
    print(stress_tables.printed(result))
    if arguments.json is not None:
        names = dataset.ids[dataset.split.queries[made.queries]]
        record = stress_tables.as_json(result, lambda query: str(names[query]))
        outputs.write(arguments.json, json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


SYSTEMS = (*DATASET, *BACKBONES, *VECTORS, *FUSIONS, *STEPS)
SLICES = Verb(
    "slices",
    text("phrase.verb_slices"),
    run_slices,
    (
        *SYSTEMS,
        flag("--column", action="append", default=[], metavar="NAME", help=text("flag.column")),
        flag("--cross", action="store_true", help=text("flag.cross")),
        flag("--against", default="", metavar="SYSTEM", help=text("flag.against")),
        flag("--metric", default="map", help=text("flag.metric")),
        flag("--bins", type=int, default=4, choices=range(2, 13), metavar="N", help=text("flag.bins")),
        *UNIT,
        flag("--json", type=Path, metavar="FILE", help=text("flag.json")),
    ),
    {"json": ()},
)
DOMAINS = Verb(
    "domains",
    text("phrase.verb_domains"),
    run_domains,
    (
        *SYSTEMS,
        flag("--column", default="", metavar="NAME", help=text("flag.domain")),
        *UNIT,
        flag("--json", type=Path, metavar="FILE", help=text("flag.json")),
    ),
    {"json": ()},
)
STRESS = Verb(
    "stress",
    text("phrase.verb_stress"),
    run_stress,
    (
        *DATASET,
        *BACKBONES,
        *FUSIONS,
        *STEPS,
        flag("--corruption", action="append", default=[], metavar="NAME", help=text("flag.corruption")),
        flag("--steps", default="1,2,3,4,5", metavar="NUMBERS", help=text("flag.steps")),
        flag("--queries", type=int, default=100, metavar="N", help=text("flag.queries")),
        *UNIT,
        flag("--json", type=Path, metavar="FILE", help=text("flag.json")),
    ),
    {"json": ()},
)
