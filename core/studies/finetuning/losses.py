"""Losses that bring images of a class together: a table over pytorch-metric-learning, imported when training starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import BadInput
from core.registry import Registry

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Loss:
    """One way to compare the vectors of a batch.

    Attributes:
        function: (n_classes, dim) → a loss module of pytorch-metric-learning, called with (vectors, labels).
        pairs: it compares images of one batch with each other, so a batch of one says nothing.
        proxies: how many times faster the loss' own parameters learn; 0 where it has none.
    """

    name: str
    function: Callable[[int, int], Any]
    label: str
    sentence: str
    reference: str
    pairs: bool = False
    proxies: float = 0.0


LOSSES: Registry[Loss] = Registry("loss", Loss)


@LOSSES.register(
    "supcon",
    label="SupCon",
    sentence="Every image is drawn to all others of its class in the batch.",
    reference="Khosla et al. 2020, arXiv:2004.11362",
    pairs=True,
)
def _supcon(n_classes: int, dim: int) -> Any:
    return _library("losses").SupConLoss(temperature=0.1)


@LOSSES.register(
    "multi_similarity",
    label="Multi-similarity",
    sentence="Pairs that are hardest count most; easy ones are left out by its miner.",
    reference="Wang et al. 2019, arXiv:1904.06627",
    pairs=True,
)
def _multi_similarity(n_classes: int, dim: int) -> Any:
    return _mined(_library("losses").MultiSimilarityLoss(), _library("miners").MultiSimilarityMiner())


@LOSSES.register(
    "proxy_anchor",
    label="Proxy-Anchor",
    sentence="Each class has a proxy that draws its images and pushes the others.",
    reference="Kim et al. 2020, arXiv:2003.13911",
    proxies=30.0,
)
def _proxy_anchor(n_classes: int, dim: int) -> Any:
    return _library("losses").ProxyAnchorLoss(num_classes=n_classes, embedding_size=dim)


@LOSSES.register(
    "arcface",
    label="ArcFace",
    sentence="A classifier over angles that asks for a margin between classes.",
    reference="Deng et al. 2019, arXiv:1801.07698",
    proxies=10.0,
)
def _arcface(n_classes: int, dim: int) -> Any:
    return _library("losses").ArcFaceLoss(num_classes=n_classes, embedding_size=dim)


@LOSSES.register(
    "subcenter_arcface",
    label="Sub-center ArcFace",
    sentence="As ArcFace, with three centres a class, for classes of several looks.",
    reference="Deng et al. 2020, ECCV, sub-center ArcFace",
    proxies=10.0,
)
def _subcenter_arcface(n_classes: int, dim: int) -> Any:
    # by name: release 2.9.0 takes these by position to nowhere
    return _library("losses").SubCenterArcFaceLoss(num_classes=n_classes, embedding_size=dim)


@LOSSES.register(
    "cross_entropy",
    label="Cross-entropy",
    sentence="A classifier over unit vectors, without a margin.",
    reference="Zhai and Wu 2019, arXiv:1811.12649 (normalised softmax)",
    proxies=10.0,
)
def _cross_entropy(n_classes: int, dim: int) -> Any:
    return _library("losses").NormalizedSoftmaxLoss(num_classes=n_classes, embedding_size=dim)


def _library(part: str) -> Any:
    import importlib

    try:
        return importlib.import_module(f"pytorch_metric_learning.{part}")
    except ImportError:
        raise BadInput(
            "Training needs the package pytorch-metric-learning, which is not installed. Run `pip install -r requirements.txt`."
        ) from None


def _mined(loss: Any, miner: Any) -> Any:
    """A loss over the pairs that its miner picks."""
    import torch

    class Mined(torch.nn.Module):
        """Looks for hard pairs, then compares them."""

        def __init__(self) -> None:
            super().__init__()
            self.loss = loss

        def forward(self, vectors: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            """The loss of a batch, a scalar."""
            return self.loss(vectors, labels, miner(vectors, labels))

    return Mined()
