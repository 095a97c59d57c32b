"""What the Retrieval page shows now: the one record that its parts read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.setups import RetrievalSetup
from core.studies.naming import Named
from core.types import Dataset
from core.ui import theme

if TYPE_CHECKING:
    from core.ui.indexing import Way


@dataclass(frozen=True)
class View:
    """What the page shows now."""

    loaded: Dataset
    chosen: tuple[str, ...]
    embedded: tuple[str, ...]
    system: Named
    other: Named | None
    setup: RetrievalSetup
    ways: tuple[Way, ...] = ()

    @property
    def systems(self) -> tuple[Named, ...]:
        """The one or two systems that answer."""
        return (self.system,) if self.other is None else (self.system, self.other)

    @property
    def colours(self) -> dict[str, str]:
        """The colour of each backbone."""
        return theme.colours(tuple(dict.fromkeys([*self.chosen, *self.embedded])))
