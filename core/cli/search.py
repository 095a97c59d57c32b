"""`search`: the images that fit a text best, and how the text was understood; or those most like an image."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from core import wording
from core.cli import inputs, outputs
from core.cli.verbs import DATASET, STEPS, Verb, flag
from core.errors import BadInput, UnknownName
from core.registry import did_you_mean
from core.setups import DEFAULT_BACKBONES

if TYPE_CHECKING:
    from core.metrics.calibration import Calibration
    from core.studies.systems import System
    from core.types import Dataset

text = wording.page("cli")


def run(arguments: argparse.Namespace) -> None:
    """Search and print the nearest images."""
    from core.studies import embedding
    from core.studies.text import text_encoding, text_query, text_search

    if bool(arguments.like) == bool(arguments.words.strip()):
        raise BadInput(text("error.text_or_image"))
    if arguments.like:
        _like(arguments)
        return
    if arguments.prepare or arguments.rerank:
        raise BadInput(text("error.steps_need_image"))
    query = text_query.parse(arguments.words)
    names = tuple(arguments.backbone) or ("concepts_lite0",)
    text_encoding.require_reader(names)
    dataset = inputs.embedded(arguments, names).dataset
    gallery = dataset.split.gallery
    vectors = {name: embedding.embeddings(dataset, name).vectors[gallery] for name in names}
    templates = {"usual": None, "on": True, "off": False}[arguments.sentences]
    results = text_search.search(vectors, query, templates=templates, expand=max(0, arguments.second_step))
    calibration = _of_texts(arguments, dataset, names, templates) if arguments.probability else None
    print(query.sentence())
    for note in results.notes:
        print(note)
    for rank, item in enumerate(results.order[: max(1, arguments.k)], start=1):
        position = int(gallery[item])
        likely = _likely(calibration, float(results.scores[item]))
        line = [f"{rank:4d}", f"{results.scores[item]:7.3f}", *likely, str(dataset.ids[position])]
        print("  ".join([*line, dataset.label_of(position)]).rstrip())


def _likely(calibration: Calibration | None, score: float) -> list[str]:
    """The cell of a probability; none where nobody asked."""
    if calibration is None:
        return []
    return [f"{wording.percent(float(calibration.probability(np.array([score]))[0])):>5}"]


def _of_texts(
    arguments: argparse.Namespace, dataset: Dataset, names: Sequence[str], templates: bool | None
) -> Calibration:
    """What makes probabilities of the scores of a text search: saved, or fitted on the names of classes and saved."""
    from core.studies import calibration_store, fusion
    from core.studies.text import text_calibration

    if arguments.second_step > 0:
        raise BadInput(text("error.probability_second_step"))
    space = fusion.space_of(dataset, names)
    stored_name = calibration_store.name_of(dataset, names, kind=f"{calibration_store.TEXT} {arguments.sentences}")
    stored = calibration_store.load(stored_name, space, names)
    if stored is None:
        vectors = {name: space.gallery(name) for name in names}
        made = text_calibration.calibrate_text(dataset, vectors, templates=templates, task=inputs.task())
        outputs.end_progress()
        stored = calibration_store.of(made)
        calibration_store.save(stored_name, stored, space, names)
    outputs.remark(stored.sentence())
    return stored.fit


def _of_images(dataset: Dataset, system: System) -> Calibration:
    """What makes probabilities of a system's scores: saved, or fitted on training queries and saved."""
    from core import data
    from core.studies import calibration, calibration_store

    backbones, spec = system.backbones, system.spec
    stored_name = calibration_store.name_of(dataset, backbones, spec)
    stored = calibration_store.load(stored_name, system.space, backbones, spec)
    if stored is None:
        made = calibration.calibrate(system, data.relevance(dataset), dataset, task=inputs.task())
        outputs.end_progress()
        stored = calibration_store.of(made)
        calibration_store.save(stored_name, stored, system.space, backbones, spec)
    outputs.remark(stored.sentence())
    return stored.fit


def _like(arguments: argparse.Namespace) -> None:
    """The images most like one of the dataset, by equal shares of the backbones; re-ranked, where each stood before."""
    from core.fusion import FusionSpec, Step
    from core.fusion.spec import equal, title, with_steps
    from core.studies import fusion, retrieval
    from core.studies.systems import System

    inputs.load_plugins()
    prepare, rerank = Step.read("preparation", arguments.prepare), Step.read("re-ranking", arguments.rerank)
    names = tuple(dict.fromkeys(arguments.backbone)) or DEFAULT_BACKBONES
    dataset = inputs.without_tuned(inputs.embedded(arguments, names).dataset, names)
    ids = [str(name) for name in dataset.ids]
    if arguments.like not in ids:
        hint = did_you_mean(arguments.like, ids)
        raise UnknownName(
            text("error.no_such_image", dataset=repr(dataset.name), image=repr(arguments.like[:80]), hint=hint)
        )
    spec = with_steps(equal(names) if len(names) > 1 else FusionSpec(names[0], "concat", names), prepare, rerank)
    space = fusion.space_of(dataset, names)
    query = retrieval.gallery_image_query(dataset, space, ids.index(arguments.like))
    plain = len(names) == 1 and not (arguments.prepare or arguments.rerank)
    system = System(names[0], space) if plain else System(spec.name, space, spec)
    calibration = _of_images(dataset, system) if arguments.probability else None
    result = retrieval.retrieve(query, query.system(spec.name, spec))
    image = f"{arguments.like} {dataset.label_of(ids.index(arguments.like))}".strip()
    print(text("phrase.like_image", image=image, system=title(spec)))
    before = result.ranks_before
    for rank, item in enumerate(result.order[: max(1, arguments.k)], start=1):
        position = int(dataset.split.gallery[item])
        line = [f"{rank:4d}", f"{result.scores[item]:7.3f}", str(dataset.ids[position]), dataset.label_of(position)]
        line[2:2] = _likely(calibration, float(result.scores[item]))
        if before is not None:
            moved = text("phrase.rank_before", rank=f"{before[item]:>5,}")
            line.insert(2, moved if before[item] else text("phrase.not_listed_before"))
        print("  ".join(line).rstrip())


SEARCH = Verb(
    "search",
    text("option.find_images_text"),
    run,
    (
        flag("words", metavar="TEXT", nargs="?", default="", help=text("flag.look_red_shoe")),
        flag("--like", default="", metavar="ID", help=text("flag.image_dataset_instead")),
        *DATASET,
        *STEPS,
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
        flag("--probability", action="store_true", help=text("flag.probability")),
        flag("--k", type=int, default=10, help=text("flag.how_many_images")),
    ),
)
