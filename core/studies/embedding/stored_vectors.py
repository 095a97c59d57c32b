"""Which vectors stand for a backbone on a dataset, decided in one place; and all that follows from it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from core import backbones
from core.backbones.engines import select
from core.data import attached_vectors
from core.errors import StoreMismatch
from core.store import Store, open_store
from core.types import Backbone, Dataset, Embeddings

_log = logging.getLogger("fusionscope")


@dataclass(frozen=True)
class Stored:
    """The vectors that stand for a backbone on a dataset."""

    backbone: str
    fingerprint: str
    dim: int
    n_images: int
    engine: str


def stored(dataset: Dataset, backbone: Backbone, store: Store | None = None) -> Stored:
    """Which vectors stand for a backbone on a dataset: the one place where that is decided.

    Exact vectors of several engines agree to a cosine of 0.9999 or better, but they are never mixed. The engine that
    has embedded the most images of this dataset stands for the backbone, and goes on with it when images are added;
    on a tie (nothing is there yet, or both are complete) it is the engine that would be used now.

    Where the weights are not on this machine any more (a hub cache that was cleared), nobody knows which revision they
    had. Vectors that were computed still stand: those whose record is the same in everything but the weights, the
    newest first.

    Raises:
        StoreMismatch: what the store has of it is damaged, and nothing else stands for it.
    """
    store = store or open_store()
    attached = attached_vectors.present(dataset, backbone.name)
    if attached is not None:
        return Stored(backbone.name, "", attached[1], attached[0], "imported")
    best = damage = None
    for engine in select.engine_names(backbone):
        for fingerprint in _fingerprints(backbone, engine, store):
            try:
                count = store.count(dataset, fingerprint)
            except StoreMismatch as error:
                damage = error
                continue
            if best is None or count > best.n_images:
                best = Stored(backbone.name, fingerprint, backbone.dim, count, engine)
            if count == len(dataset):
                return best
    if best is None or (damage and not best.n_images):
        assert damage is not None, "every backbone has an engine"
        raise damage
    return best


def _fingerprints(backbone: Backbone, engine: str, store: Store) -> list[str]:
    """The fingerprint of a backbone; where its weights are unknown, also those that differ in the weights alone."""
    fingerprint, record = backbones.fingerprint(backbone, engine)
    if "missing" not in record["weights"]:
        return [fingerprint]
    plain = {**record, "weights": None}
    alike = (key["fingerprint"] for key in store.records() if {**key["record"], "weights": None} == plain)
    return list(dict.fromkeys([fingerprint, *alike]))


def remove(name: str, dataset: Dataset | None = None, store: Store | None = None) -> int:
    """Take the embeddings of a backbone out of the store: of every engine and revision of its weights.

    Embeddings belong to image content, so another dataset with the same images loses theirs too.

    Args:
        dataset: whose images; None for every image that the store has.
    Returns:
        vectors that were taken away.
    Raises:
        StoreUnusable: somebody embeds with that backbone now, or the store is read-only.
    """
    store = store or open_store()
    keys = None if dataset is None else [key.decode() for key in np.asarray(dataset.keys, "S64").tolist()]
    fingerprints = [key["fingerprint"] for key in store.records() if key["record"].get("name") == name]
    return sum(store.remove(fingerprint, keys) for fingerprint in fingerprints)


def status(dataset: Dataset, store: Store | None = None) -> list[Stored]:
    """What the store has of a dataset, a row for each backbone that has at least one image, in catalog order.

    A backbone whose part of the store is damaged has none; `damage_report` tells of it.
    """
    store = store or open_store()
    rows = []
    for backbone in [*map(backbones.get, backbones.names()), *attached_vectors.backbones(dataset)]:
        try:
            rows.append(stored(dataset, backbone, store))
        except StoreMismatch as error:
            _log.warning("%s counts as not embedded: %s", backbone.name, error)
    return [row for row in rows if row.n_images]


def damage_report(dataset: Dataset, store: Store | None = None) -> tuple[str, ...]:
    """A sentence for each damaged part of the store that was met, and for each damaged file of attached vectors."""
    return (*(store or open_store()).damage_report(), *attached_vectors.damage_report(dataset))


def find(dataset: Dataset, name: str) -> Backbone:
    """The record of a backbone: of vectors attached to this dataset, else of the catalog.

    Raises:
        UnknownName: with the nearest names.
        StoreMismatch: vectors of that name are attached, and damaged.
    """
    return attached_vectors.find(dataset, name) or backbones.get(name)


def embeddings(dataset: Dataset, name: str, store: Store | None = None) -> Embeddings:
    """The embeddings of a dataset by one backbone, in dataset order.

    Raises:
        NotComputed: some are missing; the sentence is the command that makes them.
    """
    store = store or open_store()
    vectors = stored(dataset, find(dataset, name), store)
    return store.embeddings(dataset, name, vectors.fingerprint, vectors.dim)
