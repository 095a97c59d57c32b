"""Vectors of a tuned head from the stored ones of its base: one product of matrices in place of a pass through the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core import arrays, backbones
from core.errors import CoreError
from core.store import Store
from core.studies.embedding import stored_vectors
from core.types import Backbone, Dataset

if TYPE_CHECKING:
    import torch

_ROWS = 4096


def fill(dataset: Dataset, backbone: Backbone, store: Store) -> int:
    """Write what follows from the base's stored vectors, under the engine that made those; how many images that were.

    A head adds no constant, so it gives the same direction for a unit vector as for the network's own output. Nothing is
    written where a backbone is no tuned head, where its base lacks images of the dataset, or where its vectors are complete.
    """
    card = backbones.tuned.card(backbone.name) if backbone.mode == "exact" else None
    if card is None or card["moved"] != "head":
        return 0
    base = backbones.tuned.base_of(card)
    try:
        theirs = stored_vectors.stored(dataset, base, store)
        if theirs.n_images < len(dataset) or stored_vectors.stored(dataset, backbone, store).n_images == len(dataset):
            return 0
        rows = stored_vectors.embeddings(dataset, base.name, store).vectors
        head = backbones.tuned.load_head(backbone.name)
    except CoreError:  # the network itself is tried then, and says what is wrong
        return 0
    keys = [key.decode() for key in np.asarray(dataset.keys, "S64").tolist()]
    first = {key: position for position, key in reversed(list(enumerate(keys)))}
    fingerprint, record = backbones.fingerprint(backbone, theirs.engine)
    with store.writer(fingerprint, record, backbone.dim) as writer:
        done = writer.done(first)
        lacking = [key for key in first if key not in done]
        for chunk in arrays.chunks(len(lacking), _ROWS):
            part = lacking[chunk]
            writer.append(part, _through(head, rows[[first[key] for key in part]]))
    return len(lacking)


def _through(head: torch.nn.Module, rows: np.ndarray) -> np.ndarray:
    """(n, inputs) → (n, dim) float32."""
    import torch

    with torch.inference_mode():
        return head(torch.from_numpy(np.ascontiguousarray(rows, np.float32))).numpy()
