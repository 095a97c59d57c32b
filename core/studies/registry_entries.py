"""The registries as tables: what `list` prints, and the CATALOG.md beside each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core import paths, text_table
from core.errors import CoreError, UnknownName
from core.registry import LISTED
from core.wording import plural

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
            "preparations": _preparations,
            "re-rankings": _rerankings,
            "corruptions": _corruptions,
            "actions": _actions,
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
            rows.append({"name": name, "what": _contents(name)})
    return rows


def _contents(name: str) -> str:
    """What an added dataset holds; one that cannot be opened says why, and all others are listed."""
    from core import data

    try:
        loaded = data.get(name)
    except CoreError as error:
        return f"cannot be opened: {error}"
    return f"{plural(len(loaded), 'image')} from {loaded.source}"


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


def _preparations() -> list[dict[str, object]]:
    from core.fusion import PREPARATIONS
    from core.fusion.plugins import load_plugins

    load_plugins()
    return [
        {
            "name": m.name,
            "label": m.label,
            "parameters": ", ".join(p.name for p in m.parameters),
            "in a sentence": m.sentence,
            "reference": m.reference,
        }
        for m in PREPARATIONS
    ]


def _rerankings() -> list[dict[str, object]]:
    from core.fusion import RERANKINGS
    from core.fusion.plugins import load_plugins
    from core.fusion.rerankings import parameters_of

    load_plugins()
    return [
        {
            "name": m.name,
            "label": m.label,
            "parameters": ", ".join(p.name for p in parameters_of(m)),
            "in a sentence": m.sentence,
            "reference": m.reference,
        }
        for m in RERANKINGS
    ]


def _corruptions() -> list[dict[str, object]]:
    from core.data.corruptions import CORRUPTIONS
    from core.fusion.plugins import load_plugins

    load_plugins()
    return [
        {
            "name": c.name,
            "label": c.label,
            "steps": ", ".join(f"{step:g}" for step in c.steps),
            "amount": c.amount,
            "in a sentence": c.sentence,
            "reference": c.reference,
        }
        for c in CORRUPTIONS
    ]


def _actions() -> list[dict[str, str]]:
    from core.access import actions

    return actions.table()


def plain(table: pd.DataFrame) -> str:
    """Columns of equal width, for a terminal."""
    rows = [list(map(str, table.columns)), *(list(map(str, row)) for row in table.itertuples(index=False))]
    return "\n".join(text_table.aligned(rows))


CATALOGS = {
    "backbones": (
        paths.REPOSITORY / "core" / "backbones" / "CATALOG.md",
        "Every network that has a name here. Any other one joins as `timm:NAME.TAG`, `open_clip:ARCH/TAG`, `hf-hub:ORG/NAME`, "
        "or as a local checkpoint; `python -m core list backbones` says which weights are on this machine.",
    ),
    "readers": (
        paths.REPOSITORY / "core" / "data" / "readers" / "CATALOG.md",
        "What `--data PATH` reads. The reader is found by itself, in this order; `--reader NAME` chooses one, `--option NAME=VALUE` "
        "changes what it guesses.",
    ),
    "fusions": (
        paths.REPOSITORY / "core" / "fusion" / "CATALOG.md",
        "Ways of joining backbones. Scores of a strategy are finite, or −inf for what it does not retrieve. What is trained "
        "(weights, gate, head) remembers the queries that it was trained on, and is reported on the others.",
    ),
    "preparations": (
        paths.REPOSITORY / "core" / "fusion" / "PREPARATIONS.md",
        "What is done to the vectors of each backbone before anything is searched: `--prepare NAME`. Fitted on the gallery alone.",
    ),
    "re-rankings": (
        paths.REPOSITORY / "core" / "fusion" / "RERANKINGS.md",
        "How a list is ranked once more: `--rerank NAME:PARAMETER=VALUE,…`. Each sees the gallery alone, without the query; "
        "`keep` says how many of the first results stay where they are.",
    ),
    "corruptions": (
        paths.REPOSITORY / "core" / "data" / "CORRUPTIONS.md",
        "What `python -m core stress` does to query images, in five steps; step 1 is the mildest. Steps of two corruptions are not "
        "alike in strength.",
    ),
    "actions": (
        paths.REPOSITORY / "core" / "access" / "CATALOG.md",
        "Who may do what on a server that several people reach. On one's own machine, and on the command line, everybody is an owner.",
    ),
    "metrics": (
        paths.REPOSITORY / "core" / "metrics" / "CATALOG.md",
        "One definition each; [DEFINITIONS.md](DEFINITIONS.md) says it to the last edge case (ties, duplicates, queries without "
        "a relevant image, the query itself).",
    ),
}
"""Kind → the file that `list KIND --markdown` writes out, and what stands above its table."""


def markdown(kind: str) -> str:
    """The CATALOG.md of a kind; what depends on this machine is left out."""
    entries = table(kind)
    columns = [column for column in entries.columns if column != "here now"]
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for row in entries[columns].itertuples(index=False):
        lines.append("| " + " | ".join(str(value).replace("|", "\\|") for value in row) + " |")
    head = f"# {kind.capitalize()}\n\n"
    if kind in CATALOGS:
        head += f"{CATALOGS[kind][1]}\n\nWritten by `python -m core list {kind} --markdown`.\n\n"
    return head + "\n".join(lines) + "\n"
