"""What people judged, as the truth of a dataset: a file of content keys beside its table, applied when it is opened."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core import files
from core.errors import StoreMismatch
from core.types import Dataset, JudgedPool

KINDS = ("not relevant", "relevant")
_COLUMNS = ["query", "image", "relevant"]


@dataclass(frozen=True)
class JudgedTruth:
    """The judgements that a dataset is evaluated by.

    Attributes:
        file: in the dataset's folder.
        pool: how much was judged.
    """

    file: str
    pool: JudgedPool

    def as_record(self) -> dict[str, Any]:
        """As it stands in the dataset's record."""
        return {"file": self.file, **asdict(self.pool)}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> JudgedTruth:
        """Read back what `as_record` made."""
        return cls(str(record["file"]), JudgedPool(*(int(record[name]) for name in ("judged", "pooled", "k"))))


def write(folder: Path, relation: Mapping[tuple[str, str], bool], pool: JudgedPool) -> JudgedTruth:
    """Keep judgements in a dataset's folder.

    Args:
        relation: (content key of the query, of the image) → whether it fits.
    """
    rows = [(query, image, int(fits)) for (query, image), fits in sorted(relation.items())]
    content = files.csv_bytes(pd.DataFrame(rows, columns=_COLUMNS))
    name = f"judged-{hashlib.sha256(content).hexdigest()[:12]}.csv"
    files.write_bytes(folder / name, content)
    return JudgedTruth(name, pool)


def applied(dataset: Dataset, folder: Path, truth: JudgedTruth) -> Dataset:
    """The dataset with what was judged as its truth, in place of whatever said before what is relevant.

    Raises:
        StoreMismatch: the file is gone or damaged.
    """
    path = folder / truth.file
    try:
        frame = pd.read_csv(path, dtype={"query": str, "image": str, "relevant": int})[_COLUMNS]
    except (OSError, ValueError, KeyError) as error:
        raise StoreMismatch(f"{path} is missing or damaged; use the judgements once more on the page Judge.") from error
    ids = pd.DataFrame({"key": [key.decode() for key in np.asarray(dataset.keys, "S64").tolist()], "id": dataset.ids})
    pairs = frame.merge(ids.rename(columns={"key": "query", "id": "query_id"}), on="query")
    pairs = pairs.merge(ids.rename(columns={"key": "image", "id": "item_id"}), on="image")
    pairs = pairs[pairs["query_id"] != pairs["item_id"]].sort_values(["query_id", "item_id"], ignore_index=True)
    pairs["kind"] = [KINDS[fits] for fits in pairs["relevant"]]
    pairs = pairs[["query_id", "item_id", "kind"]]
    return replace(dataset, pairs=pairs, relevant_by="judged", pool=truth.pool)
