"""What a number rests on: the data, the systems, the versions. Every report ends with it."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime

from core import compat, paths
from core.errors import CoreError
from core.export.report.document import Cell, Facts, Heading, Part, Table
from core.fusion import FusionSpec
from core.studies import embedding, pooled_figures
from core.types import Dataset

_PACKAGES = ("numpy", "scipy", "pandas", "torch", "timm", "open_clip_torch", "faiss-cpu", "numba", "Pillow", "pylance")


def of_dataset(dataset: Dataset) -> list[tuple[str, object]]:
    """Size, split and hash of a dataset."""
    split = dataset.split
    rows: list[tuple[str, object]] = [
        ("Dataset", dataset.name),
        ("Images", f"{len(dataset):,}"),
        ("Classes", f"{len(dataset.label_names):,}" if dataset.label_names else "none"),
        (
            "Queries, gallery",
            "every image is a query against all the others"
            if split.is_self_retrieval
            else f"{len(split.queries):,} queries, {len(split.gallery):,} in the gallery",
        ),
        ("Relevant by", _relevant_by(dataset)),
        ("Content hash", dataset.fingerprint),
    ]
    rows += [(name, text) for name, text in (("Licence", dataset.licence), ("Reference", dataset.reference)) if text]
    if len(dataset.quarantine):
        rows.append(("Files that could not be read", f"{len(dataset.quarantine):,}; they take no part"))
    return rows


def _relevant_by(dataset: Dataset) -> str:
    if not dataset.has_labels:
        return "nothing is known to be relevant"
    return pooled_figures.marking(dataset) or dataset.relevant_by


def of_backbones(dataset: Dataset, names: Sequence[str]) -> Table:
    """A table of the backbones: weights, length, licence, and the fingerprint of everything that changes a number."""
    rows = []
    for name in names:
        backbone = embedding.find(dataset, name)
        try:
            stored = embedding.stored(dataset, backbone)
            origin = f"{stored.fingerprint or 'imported vectors'} · {stored.engine} · {backbone.mode}"
        except CoreError as error:
            origin = str(error)
        rows.append(
            [
                backbone.title,
                f"{backbone.source}: {backbone.architecture or name} {backbone.weights}".strip(),
                Cell(str(backbone.dim)),
                backbone.licence,
                origin,
            ]
        )
    return Table(["Backbone", "Weights", "Length", "Licence of the weights", "Fingerprint and engine"], rows)


def of_fusions(specs: Sequence[FusionSpec]) -> list[Part]:
    """Each fusion as its JSON, which the program reads again; trained arrays by their hash."""
    rows = []
    for spec in specs:
        record = spec.to_json()
        for array in record.get("learned", []):
            array["data"] = f"{len(array['data'])} characters, not printed"
        if record.get("trained_on"):
            record["trained_on"] = f"{len(record['trained_on'])} queries, not printed"
        shown = json.dumps(record, ensure_ascii=False)
        rows.append([spec.name, spec.title, shown, spec.fingerprint])
    return [Table(["Fusion", "Strategy", "Configuration", "Fingerprint"], rows)] if rows else []


def of_software() -> list[tuple[str, object]]:
    """Versions, machine, time."""
    versions = [f"{name} {version}" for name, version in compat.versions(_PACKAGES).items()]
    return [
        ("Made", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("Python", platform.python_version()),
        ("Machine", f"{platform.system()} {platform.machine()}, {paths.cpu_count()} processors"),
        ("Packages", ", ".join(versions)),
    ]


def section(dataset: Dataset, backbones: Sequence[str], specs: Sequence[FusionSpec]) -> list[Part]:
    """All of it, as the last part of a report."""
    return [
        Heading("What these numbers rest on"),
        Facts(of_dataset(dataset)),
        of_backbones(dataset, backbones),
        *of_fusions(specs),
        Facts(of_software()),
    ]
