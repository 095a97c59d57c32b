"""What the Catalogue page shares between sessions: catalogues, their components, comparisons, what concepts see."""

from __future__ import annotations

from collections.abc import Hashable

from core import data, wording
from core.data import images
from core.studies.catalogue import catalogue_evaluation, catalogue_items
from core.studies.catalogue import catalogue_search as study
from core.studies.text import text_encoding
from core.types import Dataset
from core.ui.app import cache, stamps
from core.ui.app.cached import cached, key_of

text = wording.page("catalogue")


@key_of.register
def _catalogue_key(value: catalogue_items.Catalogue) -> Hashable:
    return key_of(value.dataset), stamps.record(value.dataset.name)


@key_of.register
def _searcher_key(value: study.Searcher) -> Hashable:
    return key_of(value.catalogue), value.components.names


@cached("resource", max_entries=8, also=lambda loaded: stamps.record(loaded.name))
def catalogue(loaded: Dataset) -> catalogue_items.Catalogue:
    """The catalogue of a dataset.

    Raises:
        BadInput: it has no text.
    """
    return catalogue_items.of_dataset(loaded)


def spaces(name: str) -> tuple[str, ...]:
    """The backbones that can hold a catalogue: concepts, and every embedded one that reads text."""
    return tuple(
        dict.fromkeys(
            ["concepts_lite0", *(backbone for backbone in cache.embedded(name) if text_encoding.reads_text(backbone))]
        )
    )


@cached("resource", max_entries=8)
def searcher(
    catalogue: catalogue_items.Catalogue, space: str, components: tuple[str, ...], join: str = "mean"
) -> study.Searcher:
    """The components of every item in one space; texts are read once and kept on disk.

    Args:
        join: how several images of an item enter.
    Raises:
        NotComputed: the images are not embedded in that space.
    """
    return study.searcher(catalogue, space, components, join=join)


@cached(max_entries=512)
def seen_in(loaded: Dataset, position: int) -> list[tuple[str, float]]:
    """The classes that the concept backbone sees in an image of the dataset."""
    return seen(data.read_bytes(loaded, position))


def cache_key(loaded: Dataset, position: int) -> str:
    """The content key of an image, as text."""
    key = loaded.keys[position]
    return key.decode() if isinstance(key, bytes) else str(key)


@cached(max_entries=64)
def seen(content: bytes) -> list[tuple[str, float]]:
    """The classes that the concept backbone sees in an image given as bytes."""
    from core.backbones.concept_reader import reader

    return reader().explain([images.open_rgb(content)])[0]


@cached(max_entries=32)
def comparison(
    ready: study.Searcher,
    space: str,
    join: str,
    ask_with: str,
    metric: str,
    base: str,
    shares: tuple[tuple[str, float], ...] | None,
    file: str = "",
) -> catalogue_evaluation.CatalogueComparison:
    """Every strategy on one set of questions; `ask_with` is "categories", "pictures" or "file"."""
    if ask_with == "categories":
        questions = catalogue_evaluation.category_questions(ready.catalogue, ready.components.names)
    elif ask_with == "pictures":
        questions = catalogue_evaluation.image_questions(ready.catalogue)
    else:
        questions = catalogue_evaluation.from_text(ready.catalogue, file, text("phrase.file"))
    weights = dict(shares) if shares else None
    return catalogue_evaluation.compare(ready, questions, space, metric=metric, base=base, shares=weights)
