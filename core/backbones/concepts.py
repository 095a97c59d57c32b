"""Concept search: pictures and words in one space without any download.

The classifier head of EfficientNet-Lite0 says which of the 1,000 ImageNet classes it sees; the names of those classes
have a place in the space of a sentence encoder; a picture's place is the mean of its ten likeliest classes' places,
weighted by probability. What this cannot know: anything that is no ImageNet class (a person's name, a colour, a
number of things, who does what to whom, text in the picture), except through classes that look or mean alike.

Reference:
    Norouzi et al. 2014, Zero-shot learning by convex combination of semantic embeddings, arXiv:1312.5650.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from core import compat, files, paths
from core.backbones import preprocessing, sentence_encoder
from core.backbones.sources import timm_source
from core.errors import BadInput
from core.task import NO_TASK, Task
from core.types import Backbone, unit

_log = logging.getLogger("fusionscope")

TOP = 10
"""Classes that a picture's place is made of."""
_NAMES_AT_ONCE = 128
_PLACES: list[np.ndarray] = []
_LEARNING = threading.Lock()


@lru_cache(maxsize=1)
def class_names() -> tuple[str, ...]:
    """The 1,000 ImageNet-1k classes as people say them: the first synonym, "tench" for "tench, Tinca tinca"."""
    return tuple(said.split(",")[0] for said, _ in _descriptions())


@lru_cache(maxsize=1)
def _descriptions() -> tuple[tuple[str, str], ...]:
    compat.ensure_torchvision()
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    return tuple(
        (info.index_to_description(index), info.index_to_description(index, detailed=True)) for index in range(1000)
    )


def computed_vectors(classes: Sequence[int], task: Task = NO_TASK) -> np.ndarray:
    """(n, 384) float32 unit vectors of some classes: the mean of all synonyms and of the dictionary entry.

    Of the forms tried on 1,169 photographs of 28 classes (mean average precision of a class name as the query): first
    synonym 0.667, curated names of open_clip 0.690, all synonyms 0.706, dictionary entry 0.735, this mean 0.740.

    Raises:
        Cancelled: the switch was thrown.
    """
    texts = [said for number in classes for said in _descriptions()[number]]
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    encoder = sentence_encoder.sentence_encoder()
    meter = task.meter("Learning the names of the concepts, once", len(texts), "names")
    vectors = np.empty((len(texts), sentence_encoder.DIM), np.float32)
    for start in range(0, len(order), _NAMES_AT_ONCE):
        task.check()
        rows = order[start : start + _NAMES_AT_ONCE]
        vectors[rows] = encoder.encode_text([texts[row] for row in rows])
        meter.add(len(rows))
    return unit(vectors[0::2] + vectors[1::2])


def class_vectors(task: Task = NO_TASK) -> np.ndarray:
    """(1000, 384) float32 unit vectors of the classes, read-only.

    `computed_vectors` of all of them, worked out once on this installation and kept: reading 2,000 texts takes some
    ten seconds of one core.
    """
    with _LEARNING:
        if not _PLACES:
            _PLACES.append(_kept_or_computed(task))
        return _PLACES[0]


def _kept_or_computed(task: Task) -> np.ndarray:
    texts = "\n".join(said for pair in _descriptions() for said in pair)
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
    """Normalised pictures → their places in text space.

    Args:
        classifier: (n, 3, side, side) → (n, 1000) logits.
        places: (1000, dim) unit vectors of the classes.
        top: classes that a place is made of.
    """

    def __init__(self, classifier: torch.nn.Module, places: np.ndarray, top: int = TOP) -> None:
        super().__init__()
        self.classifier = classifier
        self.top = top
        self.register_buffer("places", torch.from_numpy(np.array(places, np.float32)))

    def likeliest(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, top) probabilities, falling, and (n, top) class numbers."""
        best = self.classifier(pictures).float().softmax(dim=1).topk(self.top, dim=1)
        return best.values, best.indices

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(n, 3, side, side) → (n, dim), not normalised."""
        probabilities, classes = self.likeliest(pictures)
        weights = probabilities / probabilities.sum(dim=1, keepdim=True)
        return (weights.unsqueeze(-1) * self.places.float()[classes]).sum(dim=1)


def load(backbone: Backbone) -> Concepts:
    """The network of a concept backbone with its weights, in eval mode.

    Raises:
        WeightsMissing: the package of the classifier or of the sentence encoder is not installed.
        BadInput: one of their files is not the pinned one.
    """
    said = dict(backbone.options)
    if said.get("sentences") != sentence_encoder.SHA256[:16]:
        raise BadInput(f"{backbone.name!r} was made for another sentence encoder; its record names the wrong file.")
    compat.ensure_torchvision()
    classifier = timm_source.load(dataclasses.replace(backbone, options=()), num_classes=None)
    return Concepts(classifier, class_vectors(), int(said.get("top", TOP))).eval().requires_grad_(False)


class ConceptReader:
    """Says which classes a concept backbone sees in a picture, and reads pictures and words into its space."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone
        self._preprocessing = preprocessing.preprocessing_of(backbone)
        self._network = load(backbone)
        self._lock = threading.Lock()

    def encode(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Pictures → (n, 384) float32 unit vectors."""
        if not images:
            return np.empty((0, self.backbone.dim), np.float32)
        with self._lock, torch.inference_mode():
            return unit(self._network(self._normalised(images)).numpy())

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """Texts → (n, 384) float32 unit vectors; a text without content is zero."""
        return sentence_encoder.sentence_encoder().encode_text(texts)

    def explain(self, images: Sequence[Image.Image]) -> list[list[tuple[str, float]]]:
        """For each picture the classes that its place is made of: (name, probability), likeliest first."""
        if not images:
            return []
        with self._lock, torch.inference_mode():
            probabilities, classes = self._network.likeliest(self._normalised(images))
        names = class_names()
        return [
            [(names[number], round(float(share), 6)) for share, number in zip(shares, numbers)]
            for shares, numbers in zip(probabilities.tolist(), classes.tolist())
        ]

    def _normalised(self, images: Sequence[Image.Image]) -> torch.Tensor:
        squares = np.stack(
            [preprocessing.square(image.convert("RGB"), self._preprocessing.geometry) for image in images]
        )
        pictures = torch.from_numpy(squares).permute(0, 3, 1, 2).float().div_(255)
        shape = (1, 3, 1, 1)
        mean, std = self._preprocessing.mean, self._preprocessing.std
        return pictures.sub_(torch.tensor(mean).view(shape)).div_(torch.tensor(std).view(shape))


@lru_cache(maxsize=2)
def reader(name: str = "concepts_lite0") -> ConceptReader:
    """The one reader of this process for a concept backbone."""
    from core.backbones.catalog import BACKBONES

    return ConceptReader(BACKBONES.get(name))
