"""Every way of taking a vector apart, one entry each; the first that fits a backbone explains it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from core.backbones import threads
from core.backbones.preprocessing import square
from core.backbones.sources import descriptor, source_of
from core.errors import BadInput
from core.explain.gradients import gradient_map
from core.explain.loaded import LoadedBackbone
from core.explain.parts import Explained, NamedVectors, OwnedNumbers, PixelBins, averaged, normed
from core.registry import Registry
from core.types import Backbone

TakeApart = Callable[[np.ndarray], Explained]
"""(side, side, 3) uint8, as a backbone sees an image → its vector, taken apart."""


@dataclass(frozen=True)
class Explainer:
    """A way of taking vectors apart.

    Attributes:
        label, sentence: for people.
        exact: what the parts add is the score, by how the vector is made; else it is an approximation.
        function: a backbone → how its images are taken apart, None where this way does not fit it.
    """

    name: str
    label: str
    exact: bool
    sentence: str
    reference: str
    function: Callable[[LoadedBackbone], TakeApart | None] = field(repr=False)


EXPLAINERS: Registry[Explainer] = Registry("explainer", Explainer)


def _descriptor(loaded: LoadedBackbone) -> str:
    """Which descriptor a backbone is; "" for a network."""
    computed = source_of(loaded.backbone).engine == descriptor.Descriptor.engine
    return loaded.backbone.architecture if computed else ""


@EXPLAINERS.register(
    "pixels",
    label="pixels by colour",
    exact=True,
    sentence="Each pixel adds its share of its colour's bin.",
    reference="Swain and Ballard 1991, doi:10.1007/BF00130487",
)
def pixels(loaded: LoadedBackbone) -> TakeApart | None:
    """The HSV histogram."""
    if _descriptor(loaded) != "hsv_histogram":
        return None
    return lambda image: PixelBins(_unit(descriptor.hsv_histogram(image[None])[0]), descriptor.hsv_bins(image))


@EXPLAINERS.register(
    "cells",
    label="cells",
    exact=True,
    sentence="Each cell adds what its own numbers add.",
    reference="Dalal and Triggs 2005, doi:10.1109/CVPR.2005.177",
)
def cells(loaded: LoadedBackbone) -> TakeApart | None:
    """HOG, LBP and GIST: each number is of one cell."""
    name = _descriptor(loaded)
    if name not in descriptor.CELLS:
        return None
    owner, shape = descriptor.CELLS[name](loaded.backbone.dim)
    return lambda image: OwnedNumbers(_unit(descriptor.DESCRIPTORS[name](image[None])[0]), owner, shape)


@EXPLAINERS.register(
    "classes",
    label="classes",
    exact=True,
    sentence="Each class that is seen in the image adds its part; the vector knows no places.",
    reference="Norouzi et al. 2014, arXiv:1312.5650",
)
def classes(loaded: LoadedBackbone) -> TakeApart | None:
    """Concept backbones: a vector is a sum over classes."""
    if loaded.backbone.family != "concepts":
        return None

    def take_apart(image: np.ndarray) -> NamedVectors:
        """An image → what each of its classes adds."""
        import torch

        from core.backbones import concepts

        with torch.inference_mode(), threads.one_thread():
            shares, numbers = loaded.network.likeliest(loaded.tensor(image))
        terms = shares[0].double().numpy()[:, None] * loaded.network.places[numbers[0]].double().numpy()
        names = tuple(concepts.class_names()[number] for number in numbers[0].tolist())
        return NamedVectors(names, terms / (float(np.linalg.norm(terms.sum(axis=0))) or 1.0))

    return take_apart


@EXPLAINERS.register(
    "average",
    label="places",
    exact=True,
    sentence="The vector is an average over places, so each place adds its part.",
    reference="Stylianou, Souvenir and Pless 2019, arXiv:1901.00536",
)
def average(loaded: LoadedBackbone) -> TakeApart | None:
    """Networks that end in an average over places, found out on a drawn image."""
    if not loaded.is_network or loaded.probe[1] is None or not loaded.agrees(averaged(loaded.probe[1]).vector):
        return None
    return lambda image: averaged(_features(loaded, image))


@EXPLAINERS.register(
    "average_norm",
    label="places, and a rest",
    exact=True,
    sentence="The vector is a norm of an average over places: each place adds its part, with the image's own mean and "
    "deviation held; the norm's shift belongs to no place.",
    reference="Woo et al. 2023, arXiv:2301.00808",
)
def average_norm(loaded: LoadedBackbone) -> TakeApart | None:
    """Networks with a layer norm behind the average, found out on a drawn image."""
    if not loaded.is_network or loaded.probe[1] is None:
        return None
    for scale, shift, epsilon in _norms(loaded):
        if loaded.agrees(normed(loaded.probe[1], scale, shift, epsilon).vector):
            return lambda image, a=scale, b=shift, c=epsilon: normed(_features(loaded, image), a, b, c)  # type: ignore[misc]
    return None


@EXPLAINERS.register(
    "gradient",
    label="gradient × activation",
    exact=False,
    sentence="The vector is no average over places: what each place adds is approximate.",
    reference="Shrikumar et al. 2016, arXiv:1605.01713; Chen et al. 2020, arXiv:2001.08057",
)
def gradient(loaded: LoadedBackbone) -> TakeApart | None:
    """Any other network."""
    return (lambda image: gradient_map(loaded, image)) if loaded.is_network else None


def _features(loaded: LoadedBackbone, image: np.ndarray) -> np.ndarray:
    features = loaded.features(image)
    assert features is not None, "the drawn image had them"
    return features


def _norms(loaded: LoadedBackbone) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """Scale, shift and epsilon of every layer norm that may stand behind the average, the last first."""
    import torch

    for layer in reversed(list(loaded.network.modules())):
        if isinstance(layer, torch.nn.LayerNorm) and tuple(layer.normalized_shape) == (loaded.backbone.dim,):
            scale, shift = (
                np.full(loaded.backbone.dim, plain) if values is None else values.detach().double().numpy()
                for values, plain in ((layer.weight, 1.0), (layer.bias, 0.0))
            )
            yield scale, shift, float(layer.eps)


def _unit(vector: np.ndarray) -> np.ndarray:
    exact = np.asarray(vector, np.float64)
    return exact / (float(np.linalg.norm(exact)) or 1.0)


class ImageExplainer:
    """Takes the vectors of one backbone apart; keep it, loading its network takes seconds.

    Raises:
        BadInput: its vectors were made elsewhere. WeightsMissing: its weights are not here.
    """

    def __init__(self, backbone: Backbone) -> None:
        self.loaded = LoadedBackbone(backbone)
        for way in EXPLAINERS:
            take_apart = way.function(self.loaded)
            if take_apart is not None:
                self.way, self._take_apart = way, take_apart
                return
        raise BadInput(f"The vectors of {backbone.title} are made elsewhere, so nobody can say which places they see.")

    @property
    def backbone(self) -> Backbone:
        """The record it explains."""
        return self.loaded.backbone

    def explain(self, image: Image.Image) -> Explained:
        """The vector of an image (PIL, any mode; upright), taken apart."""
        return self._take_apart(self.square(image))

    def square(self, image: Image.Image) -> np.ndarray:
        """(side, side, 3) uint8: what the backbone sees of an image."""
        return square(image.convert("RGB"), self.loaded.preprocessing.geometry)
