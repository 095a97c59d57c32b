"""`search`: the images that fit a text best, and how the text was understood."""

from __future__ import annotations

import argparse

from core import wording
from core.cli import inputs
from core.cli.verbs import DATASET, Verb, flag

text = wording.page("cli")


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
    text("option.find_images_text"),
    run,
    (
        flag("words", metavar="TEXT", help=text("flag.look_red_shoe")),
        *DATASET,
        flag(
            "--backbone",
            action="append",
            default=[],
            metavar="NAME",
            help=text("flag.which_images_found"),
        ),
        flag(
            "--second-step",
            type=int,
            default=0,
            metavar="N",
            help=text("flag.many_best_images"),
        ),
        flag("--sentences", choices=["usual", "on", "off"], default="usual", help=text("flag.photo_around_text")),
        flag("--k", type=int, default=10, help=text("flag.how_many_images")),
    ),
)
