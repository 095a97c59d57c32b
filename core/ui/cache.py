"""What several pages and sessions share: loaded datasets, aligned embeddings, live engines, results of studies.

Keys hold everything that changes a value: a dataset's fingerprint, the backbones, the number of rows in the store.
Large read-only arrays go through `st.cache_resource` (one copy for all sessions), tables through `st.cache_data`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from core import backbones, data, paths
from core.errors import NotComputed
from core.search import LiveEngine
from core.studies import embedding
from core.studies.systems import Space
from core.types import Dataset, Relevance


def _stamp(name: str) -> int:
    """When the dataset's record was written last; 0 while it is not built."""
    record = paths.datasets() / name / "record.json"
    return record.stat().st_mtime_ns if record.exists() else 0


def ready_datasets() -> tuple[str, ...]:
    """The datasets that open at once: scanned, or built already."""
    return tuple(name for name in data.names() if _stamp(name))


def dataset(name: str) -> Dataset:
    """A dataset that is ready, loaded once for all sessions."""
    return _dataset(name, _stamp(name), str(paths.home()))


@st.cache_resource(max_entries=8, show_spinner=False)
def _dataset(name: str, stamp: int, home: str) -> Dataset:
    return data.load(name)


def status(name: str) -> list[embedding.Stored]:
    """What the store has of a dataset, a row for each backbone that has at least one image."""
    return _status(name, _stamp(name), _store_stamp(), str(paths.home()))


@st.cache_data(max_entries=32, show_spinner=False)
def _status(name: str, stamp: int, store_stamp: str, home: str) -> list[embedding.Stored]:
    return embedding.status(dataset(name))


def _store_stamp() -> str:
    """Changes whenever a backbone gets a folder, or rows, in the store."""
    folder = paths.store() / "embeddings"
    inner = [entry for one in folder.glob("*") for entry in one.glob("*/_versions")] + [*folder.glob("*")]
    return ",".join(str(one.stat().st_mtime_ns) for one in sorted(inner))


def counts(name: str) -> dict[str, int]:
    """How many images of a dataset each backbone has in the store, for backbones that have any."""
    return {row.backbone: row.n_images for row in status(name)}


def embedded(name: str) -> tuple[str, ...]:
    """The backbones that have every image of a dataset, in the order of the catalog."""
    total = len(dataset(name))
    return tuple(row.backbone for row in status(name) if row.n_images >= total)


def backbone_title(name: str) -> str:
    """The name that people read."""
    return backbones.get(name).title


def vectors(loaded: Dataset, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """name → (n_images, dim) float32 unit vectors in dataset order."""
    return {name: _vectors(loaded.name, loaded.fingerprint, name, loaded) for name in names}


@st.cache_resource(max_entries=64, show_spinner=False)
def _vectors(name: str, fingerprint: str, backbone: str, _loaded: Dataset) -> np.ndarray:
    return embedding.embeddings(_loaded, backbone).vectors


def store_place() -> str:
    """Where embeddings and thumbnails lie."""
    return str(paths.store())


def sample_positions(name: str, count: int) -> list[int]:
    """Positions that show a dataset well: one of each class in turn, the same every time."""
    loaded = dataset(name)
    order = np.random.default_rng(0).permutation(len(loaded))
    _, first = np.unique(loaded.labels[order], return_index=True)
    mixed = [*order[np.sort(first)], *order]
    return [int(position) for position in dict.fromkeys(mixed)][:count]


def status_table(name: str, chosen: tuple[str, ...]) -> pd.DataFrame:
    """A row per backbone chosen or embedded: what it is, and the share of the dataset that it has embedded."""
    total, done = len(dataset(name)), counts(name)
    rows = []
    for one in dict.fromkeys([*chosen, *done]):
        backbone = embedding.find(dataset(name), one)
        rows.append(
            {
                "backbone": backbone.title,
                "family": backbone.family,
                "dim": backbone.dim,
                "embedded": done.get(one, 0) / total,
            }
        )
    return pd.DataFrame(rows)


def space(loaded: Dataset, names: tuple[str, ...]) -> Space:
    """The vectors of these backbones over the dataset's split, shared by all sessions."""
    return _space(loaded.name, loaded.fingerprint, names, loaded)


@st.cache_resource(max_entries=8, show_spinner=False)
def _space(name: str, fingerprint: str, names: tuple[str, ...], _loaded: Dataset) -> Space:
    return Space(vectors(_loaded, names), _loaded.split)


def truth(loaded: Dataset) -> Relevance | None:
    """What is relevant in the dataset's split; None when nobody said so."""
    return _truth(loaded.name, loaded.fingerprint, loaded) if loaded.has_labels else None


@st.cache_resource(max_entries=8, show_spinner=False)
def _truth(name: str, fingerprint: str, _loaded: Dataset) -> Relevance:
    return data.relevance(_loaded)


def engine(loaded: Dataset, names: tuple[str, ...]) -> LiveEngine:
    """The live engine of a dataset: one for all sessions, backbones join it when they are first asked for.

    Raises:
        NotComputed: the dataset has no labels, so nothing can be scored.
    """
    if not loaded.has_labels:
        raise NotComputed(
            f"{loaded.name!r} has no labels, so nobody can say which results are right: look at Retrieval and the Map, "
            "or add the images again with one folder per class."
        )
    live = _engine(loaded.name, loaded.fingerprint, loaded)
    for name in names:
        if name not in live.names:
            live.add(name, vectors(loaded, (name,))[name])
    return live


@st.cache_resource(max_entries=3, show_spinner=False)
def _engine(name: str, fingerprint: str, _loaded: Dataset) -> LiveEngine:
    return LiveEngine({}, _loaded.split, truth(_loaded))
