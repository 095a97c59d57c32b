"""`catalogue`: what each strategy finds for a text, or all strategies compared on labelled queries."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from core.cli import inputs, outputs
from core.cli.verbs import DATASET, Verb, flag
from core.errors import BadInput
from core.wording import plural


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
    print(f"{catalogue.name}: {plural(len(catalogue), 'item')} in the space of {arguments.space}")
    for name, alike, n in zip(components.names, components.global_similarity, components.present.sum(axis=0)):
        print(f"  {name:<14} {n:>7,} items have it, likeness over all items G = {alike:.3f}")
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
            raise BadInput(f"--weigh names the component {name.strip()!r}; there are {', '.join(components)}.")
        try:
            shares[name.strip()] = float(share)
        except ValueError:
            raise BadInput(f"--weigh takes NAME=SHARE, e.g. --weigh title=1,description=0.5; got {part!r}.") from None
    return shares


CATALOGUE = Verb(
    "catalogue",
    "search a catalogue, or compare the ways of weighing its components",
    run,
    (
        *DATASET,
        flag("--find", default="", metavar="TEXT", help="list what each strategy finds; nothing is evaluated then"),
        flag(
            "--queries", type=Path, help="labelled queries, query,item_id[,gain]; else the catalogue's own categories"
        ),
        flag("--components", default="", help="joined by commas; a run without this prints them"),
        flag("--pictures", choices=["mean", "best", "each"], default="mean", help="of an item that has several"),
        flag("--space", default="concepts_lite0", metavar="BACKBONE", help="reads both texts and images"),
        flag("--weigh", default="", metavar="NAME=SHARE,…", help="fixed weights, a strategy of their own"),
        flag("--metric", default="map", help="e.g. map, p@10, ndcg@10, mrr (default: map)"),
        flag("--base", default="average", help="the strategy that others are compared with (default: average)"),
        flag("--k", type=int, default=5, help="of --find: how many items (default: 5)"),
        flag("--json", type=Path, help="write the comparison"),
    ),
    {"json": ()},
)
