"""Concept backbones: a classifier from a package, and the places of its class names in a text encoder's space."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from core.backbones.sources.base import TextEncoder
from core.backbones.sources.package import Package
from core.errors import BadInput
from core.task import NO_TASK, Task
from core.types import Backbone

if TYPE_CHECKING:
    import torch


class ConceptSource(Package):
    """A package network whose record is of the family "concepts"."""

    of_timm = False

    def text_identity(self, backbone: Backbone) -> str:
        """The sentence encoder's file and how much of a text it reads."""
        from core.backbones import sentence_encoder

        return f"{sentence_encoder.SHA256} {sentence_encoder.LONGEST}"

    def prepare(self, backbone: Backbone, task: Task = NO_TASK) -> None:
        """Work out where the class names lie: seconds on a fresh installation."""
        from core.backbones import concepts

        concepts.class_vectors(task)

    def load_network(self, backbone: Backbone, num_classes: int | None = None) -> torch.nn.Module:
        """Normalised images → their places in text space.

        Raises:
            WeightsMissing: the package of the classifier or of the sentence encoder is not installed.
            BadInput: one of their files is not the pinned one.
        """
        from core.backbones import concepts, sentence_encoder

        options = dict(backbone.options)
        if options.get("sentences") != sentence_encoder.SHA256[:16]:
            raise BadInput(f"{backbone.name!r} was made for another sentence encoder; its record names the wrong file.")
        classifier = super().load_network(dataclasses.replace(backbone, options=()), num_classes)
        return concepts.Concepts(classifier, concepts.class_vectors(), int(options.get("top", concepts.TOP)))

    def text_encoder(self, backbone: Backbone, device: str | None = None) -> TextEncoder:
        """The sentence encoder: texts need no image network."""
        from core.backbones import sentence_encoder

        return sentence_encoder.sentence_encoder()
