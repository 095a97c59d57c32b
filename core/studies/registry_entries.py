"""The registries as tables: what `list` prints, what the README shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import CoreError, UnknownName
from core.registry import LISTED

if TYPE_CHECKING:
    import pandas as pd

KINDS = tuple(f"{kind}s" for kind in LISTED)


def table(kind: str) -> pd.DataFrame:
    """One row per entry of a registry.

    Args:
        kind: one of KINDS.
    """
    if kind not in KINDS:
        raise UnknownName(f"There is no list of {kind!r}; there are {', '.join(KINDS)}.")
    import pandas as pd

    return pd.DataFrame(
        {
            "backbones": _backbones,
            "datasets": _datasets,
            "readers": _readers,
            "metrics": _metrics,
            "fusions": _fusions,
        }[kind]()
    )


def _backbones() -> list[dict[str, object]]:
    from core import backbones

    rows = []
    for backbone in map(backbones.get, backbones.names()):
        here, _ = backbones.available(backbone)
        rows.append(
            {
                "name": backbone.name,
                "family": backbone.family,
                "dim": backbone.dim,
                "pixels": backbone.image_size,
                "million parameters": f"{backbone.parameters:.1f}" if backbone.parameters else "–",
                "text": "yes" if "text" in backbone.modalities else "",
                "licence of the weights": backbone.licence,
                "here now": "yes" if here else f"no: python -m core fetch {backbone.name}",
            }
        )
    return rows


def _datasets() -> list[dict[str, object]]:
    from core import data

    rows: list[dict[str, object]] = []
    for name in data.names():
        if name in data.DATASETS:
            rows.append({"name": name, "what": data.DATASETS.get(name).description})
        else:
            rows.append({"name": name, "what": _held(name)})
    return rows


def _held(name: str) -> str:
    """What an added dataset holds; one that cannot be opened says why, and all others are listed."""
    from core import data

    try:
        loaded = data.get(name)
    except CoreError as error:
        return f"cannot be opened: {error}"
    return f"{len(loaded):,} images from {loaded.source}"


def _readers() -> list[dict[str, object]]:
    from core.data import readers

    return [
        {
            "reader": reader.name,
            "reads": reader.label,
            "options": ", ".join(reader.options),
            "help": " ".join(f"{name}: {sentence}" for name, sentence in reader.options.items()),
        }
        for reader in map(readers.READERS.get, readers.known())
    ]


def _metrics() -> list[dict[str, object]]:
    from core.metrics import METRICS

    return [
        {
            "key": m.name,
            "label": m.label,
            "better": "higher" if m.higher_is_better else "lower",
            "definition": m.definition,
        }
        for m in METRICS
    ]


def _fusions() -> list[dict[str, object]]:
    from core.fusion import FUSIONS
    from core.fusion.plugins import load_plugins

    load_plugins()
    return [
        {
            "kind": s.name,
            "label": s.label,
            "joins": s.joins,
            "parameters": ", ".join(p.name for p in s.parameters),
            "in a sentence": s.sentence,
        }
        for s in FUSIONS
    ]


def plain(found: pd.DataFrame) -> str:
    """Columns of equal width, for a terminal."""
    texts = [list(map(str, found.columns)), *([str(v) for v in row] for row in found.itertuples(index=False))]
    widths = [max(len(row[i]) for row in texts) for i in range(len(found.columns))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in texts)


def markdown(found: pd.DataFrame) -> str:
    """A table for the README; what depends on this machine, and long help, is left out."""
    kept = [c for c in found.columns if c not in ("here now", "help")]
    lines = ["| " + " | ".join(kept) + " |", "|" + " --- |" * len(kept)]
    for row in found[kept].itertuples(index=False):
        lines.append("| " + " | ".join(str(v).replace("|", "\\|") for v in row) + " |")
    return "\n".join(lines)
