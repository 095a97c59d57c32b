"""`search`: the images that fit a text best, and how the text was understood."""

from __future__ import annotations

import argparse

from core.cli import inputs
from core.cli.verbs import DATASET, Verb, flag


def run(arguments: argparse.Namespace) -> None:
    """Search and print the nearest images."""
    from core.studies import embedding
    from core.studies.text import text_encoding, text_query, text_search

    query = text_query.parse(arguments.words)
    names = tuple(arguments.backbone) or ("concepts_lite0",)
    text_encoding.require_reader(names)
    dataset = inputs.embedded(arguments, names).dataset
    gallery = dataset.split.gallery
    vectors = {name: embedding.embeddings(dataset, name).vectors[gallery] for name in names}
    templates = {"usual": None, "on": True, "off": False}[arguments.sentences]
    results = text_search.search(vectors, query, templates=templates, expand=max(0, arguments.second_step))
    print(query.sentence())
    for note in results.notes:
        print(note)
    for rank, item in enumerate(results.order[: max(1, arguments.k)], start=1):
        position = int(gallery[item])
        print(f"{rank:4d}  {results.scores[item]:7.3f}  {dataset.ids[position]}  {dataset.label_of(position)}".rstrip())


SEARCH = Verb(
    "search",
    "find images by a text",
    run,
    (
        flag("words", metavar="TEXT", help='what to look for, e.g. "red:2 shoe -lace"; "-people" alone works too'),
        *DATASET,
        flag(
            "--backbone",
            action="append",
            default=[],
            metavar="NAME",
            help="by which images are found; those that read text read it (default: concepts_lite0); repeatable",
        ),
        flag(
            "--second-step",
            type=int,
            default=0,
            metavar="N",
            help="so many of the best images become the query of all (pseudo-relevance feedback)",
        ),
        flag("--sentences", choices=["usual", "on", "off"], default="usual", help='"a photo of ..." around the text'),
        flag("--k", type=int, default=10, help="how many images to list (default: 10)"),
    ),
)
