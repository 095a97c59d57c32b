"""Vectors that were computed elsewhere and attached to a dataset: they are searched, but nothing new is embedded."""

from __future__ import annotations

from core.backbones.sources.base import Source
from core.types import Backbone


class Attached(Source):
    """Vectors from a file."""

    key = "vectors"
    title = "a file"
    engine = "imported"
    embeds = False

    def available(self, backbone: Backbone) -> tuple[bool, str]:
        """Never: what made them is not known."""
        return False, f"{backbone.title} was imported as vectors; it cannot embed new images."
