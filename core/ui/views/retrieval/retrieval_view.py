"""What the Retrieval page shows now: the one record that its parts read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.setups import RetrievalSetup
from core.studies.system_spec_text import SystemRef
from core.types import Dataset
from core.ui.app import theme

if TYPE_CHECKING:
    from core.ui.views.retrieval.search_mode import SearchMode


@dataclass(frozen=True)
class RetrievalView:
    """What the page shows now."""

    loaded: Dataset
    chosen: tuple[str, ...]
    embedded: tuple[str, ...]
    system: SystemRef
    other: SystemRef | None
    setup: RetrievalSetup
    ways: tuple[SearchMode, ...] = ()

    @property
    def systems(self) -> tuple[SystemRef, ...]:
        """The one or two systems that answer."""
        return (self.system,) if self.other is None else (self.system, self.other)

    @property
    def colours(self) -> dict[str, str]:
        """The colour of each backbone."""
        return theme.colours(tuple(dict.fromkeys([*self.chosen, *self.embedded])))
