"""What the Retrieval page shows now: the one record that its parts read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.setups import RetrievalSetup
from core.studies.system_spec_text import SystemRef
from core.types import Dataset
from core.ui.app import theme

if TYPE_CHECKING:
    from core.ui.views.retrieval.search_mode import SearchMode


@dataclass(frozen=True)
class RetrievalView:
    """What the page shows now.

    Attributes:
        ways: of a large gallery, how each system is searched.
        filters: column → what must stand there for an image to be listed.
    """

    loaded: Dataset
    chosen: tuple[str, ...]
    embedded: tuple[str, ...]
    system: SystemRef
    other: SystemRef | None
    setup: RetrievalSetup
    ways: tuple[SearchMode, ...] = ()
    filters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def systems(self) -> tuple[SystemRef, ...]:
        """The one or two systems that answer."""
        return (self.system,) if self.other is None else (self.system, self.other)

    @property
    def colours(self) -> dict[str, str]:
        """The colour of each backbone."""
        return theme.colours(tuple(dict.fromkeys([*self.chosen, *self.embedded])))
