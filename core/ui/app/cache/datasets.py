"""Datasets that are ready, and what the store has of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from core import access, backbones, data, paths
from core.errors import CoreError
from core.studies import embedding, retrieval, training_split
from core.types import Dataset
from core.ui.app import stamps
from core.ui.app.cached import cached


def ready_datasets() -> tuple[str, ...]:
    """The datasets that open at once: scanned, or built already."""
    return tuple(name for name in data.names() if stamps.record(name))


def dataset(name: str) -> Dataset:
    """A dataset that is ready, loaded once for all sessions.

    Raises:
        UnknownName: there is none of that name, or none that this visitor sees.
    """
    return _dataset(data.visible(name))


@cached("resource", max_entries=8, also=stamps.record)
def _dataset(name: str) -> Dataset:
    return data.get(name)


def status(name: str) -> list[embedding.Stored]:
    """What the store has of a dataset, a row for each backbone that has at least one image.

    Raises:
        UnknownName: there is none of that name, or none that this visitor sees.
    """
    return _status(data.visible(name))


@cached(max_entries=32, also=lambda name: (stamps.record(name), stamps.vectors(name), stamps.store()))
def _status(name: str) -> list[embedding.Stored]:
    loaded = dataset(name)
    rows = embedding.status(loaded)
    stamps.note_fingerprints(name, ((row.backbone, row.fingerprint) for row in rows if row.n_images >= len(loaded)))
    return rows


def counts(name: str) -> dict[str, int]:
    """How many images of a dataset each backbone has in the store, for backbones that have any."""
    return {row.backbone: row.n_images for row in status(name)}


def embedded(name: str) -> tuple[str, ...]:
    """The backbones that have every image of a dataset, in the order of the catalog."""
    total = len(dataset(name))
    return tuple(row.backbone for row in status(name) if row.n_images >= total)


def _cards(loaded: Dataset, names: tuple[str, ...]) -> tuple[str, ...]:
    """The weights of the tuned backbones among these: trained anew under its name, one has another card."""
    known = (backbones.tuned.card(name) for name in names if backbones.tuned.is_tuned(name))
    return tuple(str(card["sha256"]) if card else "" for card in known)


def without_tuned(loaded: Dataset, names: tuple[str, ...]) -> Dataset:
    """The dataset without the images that tuned backbones among these were trained on; itself when none was.

    Raises:
        BadInput: nothing would be left.
    """
    tuned = tuple(name for name in names if backbones.tuned.is_tuned(name))
    return _without_tuned(loaded, tuned) if tuned else loaded


@cached("resource", max_entries=16, also=_cards)
def _without_tuned(loaded: Dataset, names: tuple[str, ...]) -> Dataset:
    return training_split.without_tuned(loaded, names)


def backbone_title(name: str) -> str:
    """The name that people read; vectors that were attached to a dataset go by the name they were given."""
    try:
        return backbones.get(name).title
    except CoreError:
        return name


def with_titles(sentence: str, names: Sequence[str]) -> str:
    """A sentence with the titles of backbones in place of their names."""
    if not names:
        return sentence
    pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?<![\w:])(?:{pattern})(?!\w)", lambda match: backbone_title(match[0]), sentence)


def store_folder() -> str:
    """Where embeddings and thumbnails lie; for others than owners the last part of it."""
    return str(paths.store()) if access.current().is_owner else paths.store().name


def sample_positions(name: str, count: int) -> list[int]:
    """Positions that show a dataset well: one of each class in turn, the same every time."""
    return retrieval.sample_positions(dataset(name), count)


def usable_backbones(name: str, chosen: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the chosen backbones that this dataset can have: no others' vectors, no networks without images."""
    loaded, usable = dataset(name), []
    for backbone_name in chosen:
        try:
            backbone = embedding.find(loaded, backbone_name)
        except CoreError:  # a link's own word, another dataset's vectors, or damaged ones, which `damage_report` names
            continue
        if not backbones.source_of(backbone).embeds or loaded.has_images:
            usable.append(backbone_name)
    return tuple(usable)


def damage_report(name: str) -> tuple[str, ...]:
    """A sentence for each damaged part of the store that was met, and for damaged vectors attached to a dataset."""
    status(name)
    return embedding.damage_report(dataset(name))


def status_table(name: str, chosen: tuple[str, ...]) -> pd.DataFrame:
    """A row per backbone chosen or embedded: what it is, and the share of the dataset that it has embedded."""
    total, done = len(dataset(name)), counts(name)
    rows = []
    for backbone_name in dict.fromkeys([*usable_backbones(name, chosen), *done]):
        backbone = embedding.find(dataset(name), backbone_name)
        rows.append(
            {
                "backbone": backbone.title,
                "family": backbone.family,
                "dim": backbone.dim,
                "embedded": done.get(backbone_name, 0)
                * 100
                // total
                / 100,  # whole percents, and 100 % only when all is there
            }
        )
    return pd.DataFrame(rows)
