"""What several pages and sessions share: loaded datasets, aligned embeddings, live engines, results of studies.

Keys hold everything that changes a value: a dataset's fingerprint, the backbones, the number of rows in the store.
Large read-only arrays go through `st.cache_resource` (one copy for all sessions), tables through `st.cache_data`.
"""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import backbones, data, paths
from core.store import open_store
from core.types import Dataset


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


def counts(name: str) -> dict[str, int]:
    """How many images of a dataset each backbone has in the store, for backbones that have any."""
    loaded = dataset(name)
    return {row.backbone: row.n_images for row in data_status(loaded)}


def data_status(loaded: Dataset):  # noqa: ANN201
    """The rows of `studies.embedding.status` for a dataset."""
    from core.studies import embedding

    return embedding.status(loaded)


def embedded(name: str) -> tuple[str, ...]:
    """The backbones that have every image of a dataset, in the order of the catalog."""
    total = len(dataset(name))
    return tuple(backbone for backbone, count in counts(name).items() if count >= total)


def backbone_title(name: str) -> str:
    """The name that people read."""
    return backbones.get(name).title


def vectors(loaded: Dataset, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """name → (n_images, dim) float32 unit vectors in dataset order."""
    return {name: _vectors(loaded.name, loaded.fingerprint, name, loaded) for name in names}


@st.cache_resource(max_entries=64, show_spinner=False)
def _vectors(name: str, fingerprint: str, backbone: str, _loaded: Dataset) -> np.ndarray:
    from core.studies import embedding

    return embedding.embeddings(_loaded, backbone).vectors


def store_place() -> str:
    """Where embeddings and thumbnails lie."""
    return str(open_store().root)
