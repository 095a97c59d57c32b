"""`why`: where in both images each backbone sees that a result matches a query, as a PNG or an HTML file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from core import wording
from core.cli import inputs, outputs
from core.cli.verbs import DATASET, STEPS, Verb, flag
from core.errors import BadInput, UnknownName
from core.registry import did_you_mean
from core.setups import DEFAULT_BACKBONES

if TYPE_CHECKING:
    from core.studies import retrieval
    from core.studies.match_explanation import ShownImage
    from core.studies.vector_set import VectorSet
    from core.types import Dataset

text = wording.page("why")


def run(arguments: argparse.Namespace) -> None:
    """Explain one match, print what it adds up to, write the file."""
    from core.export import match_maps
    from core.fusion import FusionSpec, Step
    from core.fusion.spec import equal, title, with_steps
    from core.studies import fusion, match_explanation, match_sentences, retrieval

    if not arguments.query:
        raise BadInput(text("error.which_query"))
    inputs.load_plugins()
    names = tuple(dict.fromkeys(arguments.backbone)) or DEFAULT_BACKBONES
    dataset = inputs.without_tuned(inputs.embedded(arguments, names).dataset, names)
    prepare, rerank = Step.read("preparation", arguments.prepare), Step.read("re-ranking", arguments.rerank)
    spec = with_steps(equal(names) if len(names) > 1 else FusionSpec(names[0], "concat", names), prepare, rerank)
    query, shown, query_title = _query(arguments.query, dataset, fusion.space_of(dataset, names))
    answer = retrieval.retrieve(query, query.system(spec.name, spec))
    item = _item(arguments.result, dataset, answer)
    pool = match_explanation.ExplainerPool()
    explanation = match_explanation.explain_match(dataset, answer, item, shown, pool)
    position = int(dataset.split.gallery[item])
    result_title = " ".join([text("option.result", rank=explanation.rank), str(dataset.ids[position])])
    match = match_maps.MatchImages(shown, match_explanation.image_of(dataset, position), (query_title, result_title))
    above = not arguments.plain
    print(f"{query_title} – {result_title}: {title(spec)}")
    for layer in match_sentences.layers(explanation):
        print(f"{layer.title}: {layer.badge}. {layer.sentence}")
    for note in match_sentences.notes(explanation):
        print(note)
    if arguments.out.suffix.lower() == ".html":
        outputs.write(arguments.out, match_maps.html(explanation, match, dataset.name, title(spec), above))
    else:
        outputs.write(arguments.out, match_maps.png(explanation, match, above))
    print(text("sentence.wrote", file=arguments.out))


def _query(name: str, dataset: Dataset, space: VectorSet) -> tuple[retrieval.Query, ShownImage, str]:
    """An image of the dataset by its id, else a file; with the image and what it is called."""
    from core import backbones
    from core.data import images
    from core.studies import match_explanation, retrieval

    ids = [str(id_) for id_ in dataset.ids]
    if name in ids:
        position = ids.index(name)
        query = retrieval.gallery_image_query(dataset, space, position)
        return query, match_explanation.image_of(dataset, position), f"{text('option.query')} {name}"
    file = Path(name).expanduser()
    if not file.is_file():
        raise UnknownName(
            text("error.no_query", name=dataset.name, query=repr(name[:80]), hint=did_you_mean(name, ids))
        )
    image = images.open_rgb(file)
    vectors = {backbone: backbones.query_encoder(backbone).encode([image]) for backbone in space.names}
    query = retrieval.uploaded_image_query(dataset, space, vectors)
    return query, match_explanation.ShownImage(image), f"{text('option.query')} {file.name}"


def _item(name: str, dataset: Dataset, answer: retrieval.QueryResult) -> int:
    """The gallery position of a result: an id, a rank, or the first one where nothing is named."""
    positions = dataset.split.gallery[answer.order]
    by_id = {str(dataset.ids[position]): int(item) for position, item in zip(positions, answer.order)}
    if not by_id:
        raise BadInput(text("error.nothing_listed"))
    if name in by_id:
        return by_id[name]
    if name.isdecimal() and 1 <= int(name) <= len(answer.order):
        return int(answer.order[int(name) - 1])
    hint = did_you_mean(name, by_id)
    raise UnknownName(text("error.no_result", result=repr(name[:80]), n=f"{len(by_id):,}", hint=hint))


WHY = Verb(
    "why",
    text("phrase.verb"),
    run,
    (
        *DATASET,
        flag("--backbone", action="append", default=[], metavar="NAME", help=text("flag.backbone")),
        *STEPS,
        flag("--query", default="", metavar="ID|FILE", help=text("flag.query")),
        flag("--result", default="1", metavar="ID|RANK", help=text("flag.result")),
        flag("--plain", action="store_true", help=text("flag.plain")),
        flag("--out", type=Path, default=Path("why.png"), help=text("flag.out")),
    ),
    {"out": (".png", ".html")},
)
