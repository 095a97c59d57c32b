"""`catalogue`: what each strategy finds for a text, or all strategies compared on labelled queries."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from core import wording
from core.cli import inputs, outputs
from core.cli.verbs import DATASET, Verb, flag
from core.errors import BadInput
from core.wording import plural

strings = wording.page("cli")


def run(arguments: argparse.Namespace) -> None:
    """Search a catalogue, or compare the ways of weighing its components."""
    from core.data.readers import manifest
    from core.studies.catalogue import catalogue_evaluation, catalogue_items, catalogue_search
    from core.studies.text import text_encoding

    text_encoding.require_reader((arguments.space,))
    if not arguments.reader and not arguments.option and manifest.is_table(Path(arguments.data or "").expanduser()):
        arguments.option = ["missing=quarantine"]  # an item without an image is an item
    dataset = inputs.embedded(arguments, [arguments.space]).dataset
    catalogue = catalogue_items.of_dataset(dataset)
    searcher = catalogue_search.searcher(
        catalogue, arguments.space, _names(arguments.components), join=arguments.pictures
    )
    components = searcher.components
    print(strings("option.space", name=catalogue.name, items=plural(len(catalogue), "item"), space=arguments.space))
    for name, alike, n in zip(components.names, components.global_similarity, components.present.sum(axis=0)):
        print("  " + strings("phrase.items_have_likeness", name=f"{name:<14}", n=f"{n:>7,}", alike=f"{alike:.3f}"))
    shares = _shares(arguments.weigh, components.names)
    if arguments.find.strip():
        query = catalogue_search.make_query(arguments.space, arguments.find)
        print(catalogue_search.as_text(searcher, query, shares, max(1, arguments.k)))
        return
    comparisons = {}
    for title, questions in catalogue_evaluation.questions_of(searcher, arguments.queries).items():
        comparison = catalogue_evaluation.compare(
            searcher, questions, arguments.space, metric=arguments.metric, base=arguments.base, shares=shares
        )
        n_questions = int(comparison.table.n_valid.max())
        print(f"\n{title} ({n_questions:,} questions)\n{catalogue_evaluation.as_text(comparison)}")
        comparisons[title] = catalogue_evaluation.as_json(comparison)
    if arguments.json:
        outputs.write(arguments.json, json.dumps(comparisons, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def _names(text: str) -> tuple[str, ...]:
    """The parts between commas, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _shares(text: str, components: Sequence[str]) -> dict[str, float] | None:
    """What --weigh says: component → share; None when it says nothing."""
    if not text.strip():
        return None
    shares: dict[str, float] = {}
    for part in _names(text):
        name, _, share = part.partition("=")
        if name.strip() not in components:
            raise BadInput(
                strings("error.weigh_names_component", strip=repr(name.strip()), components=", ".join(components))
            )
        try:
            shares[name.strip()] = float(share)
        except ValueError:
            raise BadInput(strings("error.weigh_takes_name", part=repr(part))) from None
    return shares


CATALOGUE = Verb(
    "catalogue",
    strings("phrase.search_catalogue_compare"),
    run,
    (
        *DATASET,
        flag("--find", default="", metavar="TEXT", help=strings("flag.list_strategy_finds")),
        flag("--queries", type=Path, help=strings("flag.labelled_queries_query")),
        flag("--components", default="", help=strings("flag.joined_commas_run")),
        flag("--pictures", choices=["mean", "best", "each"], default="mean", help=strings("flag.item_has_several")),
        flag("--space", default="concepts_lite0", metavar="BACKBONE", help=strings("flag.reads_both_texts")),
        flag("--weigh", default="", metavar="NAME=SHARE,…", help=strings("flag.fixed_weights_strategy")),
        flag("--metric", default="map", help=strings("flag.map_ndcg_mrr")),
        flag("--base", default="average", help=strings("flag.strategy_others_compared")),
        flag("--k", type=int, default=5, help=strings("flag.find_how_many")),
        flag("--json", type=Path, help=strings("flag.write_comparison")),
    ),
    {"json": ()},
)
