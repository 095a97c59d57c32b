"""A backbone in words and in one row: what it is, what it costs, whether it is here, how far it has embedded."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core import backbones
from core.backbones import preprocessing
from core.backbones.engines import names, probe, select
from core.studies import costs
from core.types import Backbone

if TYPE_CHECKING:
    import pandas as pd

LICENCES = {
    "any": "any licence",
    "commercial": "commercial use allowed",
    "research": "research only",
    "unknown": "not known",
}
_FAMILIES = {
    "CNN": "a network of convolutions",
    "ViT": "a vision transformer that was taught with labels",
    "self-supervised ViT": "a vision transformer that was taught without labels",
    "vision-language": "a pair of encoders that bring images and texts into one space",
    "mobile": "a small network of convolutions made for phones",
    "descriptor": "a descriptor: a formula, nothing was learned",
    "concepts": "class names that a network sees, put into words by a text encoder",
    "endpoint": "a model on a server that is asked for every image",
    "vectors": "vectors from a file",
}


@dataclass(frozen=True)
class BackboneInfo:
    """One backbone as a page shows it.

    Attributes:
        here: whether its weights are on this machine; `why` is where they come from, or one sentence why not.
        megabytes: of the weights on disk, else about what they will take.
        cost: as measured on this machine, None if it was not.
        embedded: share of the dataset at hand, in [0, 1]; None without one.
    """

    backbone: Backbone
    here: bool
    why: str
    megabytes: float
    cost: costs.MeasuredCost | None = None
    embedded: float | None = None

    @property
    def name(self) -> str:
        """The backbone's own name."""
        return self.backbone.name

    @property
    def licence(self) -> str:
        """A key of LICENCES other than "any"."""
        return {True: "commercial", False: "research", None: "unknown"}[self.backbone.commercial]

    @property
    def reads_text(self) -> bool:
        """Whether it embeds text too."""
        return "text" in self.backbone.modalities


def backbone_infos(counts: Mapping[str, int] | None = None, n_images: int = 0) -> list[BackboneInfo]:
    """Every backbone of this installation, in the order of the catalog.

    Args:
        counts: backbone → images of the dataset at hand that the store has; None without a dataset.
        n_images: of that dataset.
    """
    infos = []
    for backbone in map(backbones.get, backbones.names()):
        here, why = backbones.available(backbone)
        share = None if counts is None or not n_images else counts.get(backbone.name, 0) / n_images
        size = backbones.source_of(backbone).megabytes(backbone)
        infos.append(BackboneInfo(backbone, here, why, size, costs.measured(backbone.name), share))
    return infos


def fitting(
    infos: Sequence[BackboneInfo],
    *,
    families: Collection[str] = (),
    licence: str = "any",
    here: bool = False,
    text: bool = False,
    embedded: bool = False,
    search: str = "",
) -> list[BackboneInfo]:
    """Those entries that a person asks for; empty families, "any" and False let everything through."""
    words = search.casefold().split()
    return [
        info
        for info in infos
        if (not families or info.backbone.family in families)
        and licence in ("any", info.licence)
        and (info.here or not here)
        and (info.reads_text or not text)
        and (bool(info.embedded) or not embedded)
        and all(word in _searched(info) for word in words)
    ]


def _searched(info: BackboneInfo) -> str:
    record = info.backbone
    fields = (record.name, record.label, record.family, record.architecture, record.weights, record.trained_on)
    return " ".join(fields).casefold()


def table(shown: Sequence[BackboneInfo]) -> pd.DataFrame:
    """One row per entry, with everything that can be said in a cell; what was not measured stays empty."""
    import pandas as pd

    rows = [
        {
            "name": info.name,
            "backbone": info.backbone.title,
            "family": info.backbone.family,
            "dim": info.backbone.dim,
            "input": info.backbone.image_size,
            "million parameters": info.backbone.parameters or None,
            "MB": round(info.megabytes, 1) or None,
            "licence": backbones.licence_in_words(info.backbone),
            "licence of the weights": info.backbone.licence,
            "reads text": info.reads_text,
            "here": info.here,
            "ms": round(info.cost.latency_ms, 1) if info.cost else None,
            "measured": info.cost.date if info.cost else "not measured",
            "embedded": info.embedded,
            "where": info.why,
            "trained on": info.backbone.trained_on,
            "paper": info.backbone.reference,
        }
        for info in shown
    ]
    frame = pd.DataFrame(rows, columns=list(rows[0]) if rows else ["name"])
    for column in {"million parameters", "MB", "ms", "embedded"} & set(frame.columns):
        frame[column] = frame[column].astype("float64")
    return frame


# ------------------------------------------------------------------------------------------------- in words


_FAST = (
    "In the fast mode: bfloat16 after the first layers, large JPEGs decoded at a reduced size. Its vectors are near the "
    f"exact ones (a cosine of {probe.FAST_MEAN} on average on real photographs, or it is refused), and are kept apart."
)


def what_it_is(backbone: Backbone) -> str:
    """A few sentences: the kind of network, who builds it, what it gives."""
    kind = _FAMILIES.get(backbone.family, f"a network of the family {backbone.family}")
    taught = "" if backbone.trained_on in {"", "nothing"} else f", trained on {backbone.trained_on}"
    return (
        f"{kind[0].upper()}{kind[1:]}{taught}. It turns an image into {backbone.dim:,} numbers"
        + (", and a text too." if "text" in backbone.modalities else ".")
        + (f" {_FAST}" if backbone.mode == "fast" else "")
    )


def built_by(backbone: Backbone) -> str:
    """Who builds it, with the exact architecture and tag."""
    return backbones.source_of(backbone).built_by(backbone)


def preprocessing_text(backbone: Backbone) -> str:
    """What happens to an image before the backbone sees it."""
    steps = preprocessing.preprocessing_of(backbone)
    to, crop, filter = steps.geometry.resize_to, steps.geometry.crop, steps.geometry.filter
    if steps.geometry.rule == "squash":
        text = f"squashed to {to} × {to} ({filter})"
    elif steps.geometry.rule == "longest":
        text = f"long side to {to} ({filter}), filled up to {crop} × {crop}"
    else:
        text = f"short side to {to} ({filter}), the centre {crop} × {crop} cut out"
    if backbones.source_of(backbone).engine:
        return text
    numbers = [", ".join(f"{value:.3g}" for value in dict.fromkeys(values)) for values in (steps.mean, steps.std)]
    return f"{text}; mean {numbers[0]}, standard deviation {numbers[1]}"


def pooling(backbone: Backbone) -> str:
    """How the vector is read out of the network."""
    words = {
        "average": "the average over all places",
        "CLS": "the class token",
        "projection": "the image tower's projection",
        "histogram": "histograms",
        "timm's own": "the pooling that timm uses for this architecture",
    }
    return words.get(backbone.pooling, backbone.pooling)


def papers(backbone: Backbone) -> list[tuple[str, str]]:
    """(words, address) of each reference; "" where there is no address."""
    addresses = []
    for part in backbone.reference.split("; "):
        archive, doi = re.search(r"arXiv:(\d{4}\.\d{4,5})", part), re.search(r"doi:(\S+)", part)
        address = f"https://arxiv.org/abs/{archive.group(1)}" if archive else ""
        address = f"https://doi.org/{doi.group(1)}" if doi else address
        addresses.append((part, address))
    return addresses


def engine(backbone: Backbone) -> str:
    """What runs it here on a CPU, and why."""
    fixed = backbones.source_of(backbone).engine
    if fixed:
        return fixed
    fast = backbone.mode == "fast"
    verdicts = [select.remembered(backbone, name) for name in (names.FAST_ENGINES if fast else names.EXACT_ENGINES)]
    seen = [verdict for verdict in verdicts if verdict is not None]
    if not seen and fast:
        return "not tried here yet: bfloat16 where it stays near the exact vectors and is faster, else float32"
    if not seen:
        first = "OpenVINO if it agrees with torch, else torch" if names.usable(names.OPENVINO) else "torch"
        return f"not tried here yet: {first}"
    last = next((number for number, verdict in enumerate(seen) if verdict.accepted), len(seen))
    return " ".join(verdict.why for verdict in seen[: last + 1])
