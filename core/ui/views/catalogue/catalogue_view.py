"""What the Catalogue page works with: the one record that its parts read."""

from __future__ import annotations

from dataclasses import dataclass

from core.setups import CatalogueSetup
from core.studies.catalogue import catalogue_items
from core.studies.catalogue import catalogue_search as study
from core.types import Dataset
from core.ui.app import theme

REFUSED = "catalogue refused"
"""Where the session holds why the last upload or dataset could not be used."""


@dataclass(frozen=True)
class CatalogueView:
    """What the page works with: a catalogue, one space, its components."""

    catalogue: catalogue_items.Catalogue
    setup: CatalogueSetup
    components: tuple[str, ...]
    searcher: study.Searcher

    @property
    def loaded(self) -> Dataset:
        """The dataset of the catalogue."""
        return self.catalogue.dataset

    @property
    def colours(self) -> dict[str, str]:
        """The colour of each component."""
        return theme.colours(self.components)

    @property
    def fixed_weights(self) -> dict[str, float] | None:
        """Fixed weights as they are set; None while nobody has moved any."""
        weights = dict(self.setup.shares)
        return {name: weights.get(name, 1.0) for name in self.components} if weights else None
