"""A typed line as a query: which backbones read it, and what is left of a system that reads only partly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core import wording
from core.fusion import FusionSpec
from core.studies import system_spec_text
from core.studies.system_spec_text import SystemRef
from core.studies.text import text_encoding, text_query
from core.ui.app import cache
from core.ui.app.cached import cached

text = wording.page("retrieval")

PREFIX = "words:"
"""A query text of this form is a typed line."""


def readers(chosen: Sequence[str], embedded: Sequence[str]) -> tuple[str, ...]:
    """The embedded backbones that read text, chosen ones first."""
    return text_encoding.readers(tuple(dict.fromkeys([*chosen, *embedded]))).reading


def reading_part(named: SystemRef, substitute: str) -> SystemRef:
    """What is left of a system when words ask: its backbones that read text, with their shares among each other.

    Several are standardised over the gallery before they are summed, as on Words (`core.studies.text.text_search.search`).

    Args:
        standing_in: the backbone that answers where the system has none that reads.
    """
    able = text_encoding.readers(named.backbones).reading or (substitute,)
    if len(able) == 1 or named.spec is None:
        return SystemRef(able[0], cache.backbone_title(able[0]))
    mix = FusionSpec("words", "score_sum", able, None, (("norm", "zscore"),)).with_shares(named.spec.shares)
    mix = system_spec_text.named_by_shares(mix)
    return SystemRef(system_spec_text.spell(mix), system_spec_text.title(mix, cache.backbone_title), mix)


def reading_sentence(systems: Sequence[SystemRef], substitute: str) -> str:
    """Who reads the words, who does not, and who stands in."""
    parts = []
    names = tuple(dict.fromkeys(name for named in systems for name in named.backbones))
    who = text_encoding.readers(names)
    called = [
        tuple(map(cache.backbone_title, names)) for names in (who.reading or (substitute,), who.without_text_tower)
    ]
    parts.append(text_encoding.Readers(*called).sentence())
    if who.reading and any(not text_encoding.readers(named.backbones).reading for named in systems):
        silent = next(named for named in systems if not text_encoding.readers(named.backbones).reading)
        parts.append(
            text("sentence.text_stand_in", backbone_title=cache.backbone_title(substitute), title=silent.title)
        )
    return " ".join(parts)


@cached("resource", max_entries=256)
def vector(name: str, line: str) -> np.ndarray:
    return text_encoding.query_vector(name, text_query.parse(line))[None]
