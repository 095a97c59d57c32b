"""Concept search: images and texts in one space without any download.

The classifier head of EfficientNet-Lite0 says which of the 1,000 ImageNet classes it sees; the names of those classes
have a place in the space of a sentence encoder; an image's place is the mean of its ten likeliest classes' places,
weighted by probability. What this cannot know: anything that is no ImageNet class (a person's name, a colour, a
number of things, who does what to whom, text in the image), except through classes that look or mean alike.

Reference:
    Norouzi et al. 2014, Zero-shot learning by convex combination of semantic embeddings, arXiv:1312.5650.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from core import compat, files, paths
from core.backbones import sentence_encoder
from core.task import NO_TASK, Task
from core.types import unit

_log = logging.getLogger("fusionscope")

TOP = 10
"""Classes that an image's place is made of."""
_NAMES_AT_ONCE = 128
_CLASS_VECTORS: list[np.ndarray] = []
_LEARNING = threading.Lock()


@lru_cache(maxsize=1)
def class_names() -> tuple[str, ...]:
    """The 1,000 ImageNet-1k classes as people say them: the first synonym, "tench" for "tench, Tinca tinca"."""
    return tuple(synonyms.split(",")[0] for synonyms, _ in _descriptions())


@lru_cache(maxsize=1)
def _descriptions() -> tuple[tuple[str, str], ...]:
    info = compat.library("timm.data").ImageNetInfo("imagenet-1k")
    return tuple(
        (info.index_to_description(index), info.index_to_description(index, detailed=True)) for index in range(1000)
    )


def computed_vectors(classes: Sequence[int], task: Task = NO_TASK) -> np.ndarray:
    """(n, 384) float32 unit vectors of some classes: the mean of all synonyms and of the dictionary entry.

    Of the forms tried on 1,169 photographs of 28 classes (mean average precision of a class name as the query): first
    synonym 0.667, curated names of open_clip 0.690, all synonyms 0.706, dictionary entry 0.735, this mean 0.740.
    It was chosen on these photographs, so that 0.740 flatters it: with several labels per image another form is better
    (0.437 against 0.418).

    Raises:
        Cancelled: the switch was thrown.
    """
    texts = [text for number in classes for text in _descriptions()[number]]
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    encoder = sentence_encoder.sentence_encoder()
    vectors = np.empty((len(texts), sentence_encoder.DIM), np.float32)
    for chunk in task.chunks("Learning the names of the concepts, once", len(texts), _NAMES_AT_ONCE, "names"):
        rows = order[chunk]
        vectors[rows] = encoder.encode_text([texts[row] for row in rows])
    return unit(vectors[0::2] + vectors[1::2])


def class_vectors(task: Task = NO_TASK) -> np.ndarray:
    """(1000, 384) float32 unit vectors of the classes, read-only.

    `computed_vectors` of all of them, worked out once on this installation and kept: reading 2,000 texts takes some
    ten seconds of one core.
    """
    with _LEARNING:
        if not _CLASS_VECTORS:
            _CLASS_VECTORS.append(_kept_or_computed(task))
        return _CLASS_VECTORS[0]


def _kept_or_computed(task: Task) -> np.ndarray:
    texts = "\n".join(text for pair in _descriptions() for text in pair)
    key = hashlib.sha256((sentence_encoder.SHA256 + texts).encode()).hexdigest()[:16]
    file = paths.concepts() / f"{key}.npy"
    try:
        places = np.load(file, allow_pickle=False)
    except (OSError, ValueError):
        places = computed_vectors(range(1000), task)
        _keep(places, file)
    places.flags.writeable = False
    return places


def _keep(places: np.ndarray, file: Path) -> None:
    """Whole or not at all; what cannot be kept is worked out again next time."""
    try:
        files.write_array(file, places)
    except OSError as error:
        _log.warning("The places of the concepts could not be kept in %s: %s", file.parent, error.strerror)


class Concepts(torch.nn.Module):
    """Normalised images → their places in text space.

    Args:
        classifier: (n, 3, side, side) → (n, 1000) logits.
        places: (1000, dim) unit vectors of the classes.
        top: classes that a place is made of.
    """

    places: torch.Tensor

    def __init__(self, classifier: torch.nn.Module, places: np.ndarray, top: int = TOP) -> None:
        super().__init__()
        self.classifier = classifier
        self.top = top
        self.register_buffer("places", torch.from_numpy(np.array(places, np.float32)))

    def likeliest(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, top) probabilities, falling, and (n, top) class numbers."""
        best = self.classifier(images).float().softmax(dim=1).topk(self.top, dim=1)
        return best.values, best.indices

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 3, side, side) → (n, dim), not normalised."""
        probabilities, classes = self.likeliest(images)
        weights = probabilities / probabilities.sum(dim=1, keepdim=True)
        return (weights.unsqueeze(-1) * self.places.float()[classes]).sum(dim=1)
