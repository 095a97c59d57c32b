"""Blocks behind one another in one index: turning and padding keep every cosine, files give back what was added."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInput, StoreMismatch
from core.search.block_index import LEAST_CODES, Block, BlockIndex, orthogonal_rows
from core.search.row_file import RowFile
from core.types import unit


@settings(max_examples=30, deadline=None)
@given(dim=st.integers(1, 1400), seed=st.integers(0, 99))
def test_how_a_block_lies_changes_no_cosine(dim: int, seed: int) -> None:
    block = Block("any", dim)
    rows = unit(np.random.default_rng(seed).normal(size=(5, dim)))
    matrix = orthogonal_rows(dim, block.turned_dim, seed) if block.is_turned else None
    arranged = block.arranged(rows, matrix)
    np.testing.assert_allclose(arranged @ arranged.T, rows @ rows.T, atol=3e-6)
    assert block.codes >= LEAST_CODES and block.numbers * (block.codes - 1) < block.turned_dim


def _gallery(n: int = 900) -> dict[str, np.ndarray]:
    random = np.random.default_rng(2)
    labels = random.integers(0, 90, n)
    return {
        name: unit(random.normal(size=(90, dim))[labels] + random.normal(size=(n, dim)))
        for name, dim in (("short", 3), ("middle", 40), ("long", 1000))
    }


def test_any_weighting_finds_nearly_what_scores_say(tmp_path: Path) -> None:
    rows = _gallery()
    index = BlockIndex({name: part.shape[1] for name, part in rows.items()})
    index.train(rows)
    index.add({name: part[:700] for name, part in rows.items()})
    index.add({name: part[700:] for name, part in rows.items()})
    assert index.n_rows == 900 and index.bytes_per_row == (96 + 96 + 125 + 1) // 2
    queries = {name: part[:60] for name, part in rows.items()}
    for shares in ({"short": 1.0}, {"long": 0.9, "short": 0.1}, dict.fromkeys(rows, 1 / 3)):
        scores = sum(share * (queries[name] @ rows[name].T) for name, share in shares.items())
        best = np.argsort(-scores, axis=1)[:, :10]
        asked = {name: queries[name] for name in shares}
        items = index.candidates(asked, shares, 60)
        recall = np.mean([np.isin(right, near).mean() for right, near in zip(best, items)])
        assert recall >= 0.97, (shares, recall)
    index.write(tmp_path / "made.faiss")
    again = BlockIndex.read(tmp_path / "made.faiss")
    assert again.names == ("short", "middle", "long")
    assert (again.candidates(queries, {"short": 1.0}, 9) == index.candidates(queries, {"short": 1.0}, 9)).all()
    with pytest.raises(BadInput, match="All shares are 0"):
        index.candidates(queries, {"short": 0.0}, 3)
    other = BlockIndex({"short": 3})
    other.train(rows)
    other.write(tmp_path / "other.faiss")
    (tmp_path / "other.npz").replace(tmp_path / "made.npz")
    with pytest.raises(StoreMismatch, match="damaged"):
        BlockIndex.read(tmp_path / "made.faiss")


def test_a_gallery_smaller_than_a_code_is_searched_too() -> None:
    index = BlockIndex({"one": 5})
    rows = {"one": np.eye(5, dtype=np.float32)[:3]}
    index.train(rows)
    index.add(rows)
    assert index.candidates(rows, {"one": 1.0}, 50)[:, 0].tolist() == [0, 1, 2]


def test_a_row_file_goes_on_after_a_kill(tmp_path: Path) -> None:
    rows = {name: part.astype(np.float16) for name, part in _gallery(50).items()}
    file = RowFile(tmp_path / "rows.f16", {name: part.shape[1] for name, part in rows.items()})
    assert file.n_rows == 0
    with pytest.raises(StoreMismatch, match="no row"):
        _ = file.mapped
    file.append({name: part[:20] for name, part in rows.items()})
    with open(file.path, "ab") as end:
        end.write(b"half a row")
    assert file.n_rows == 20
    file.append({name: part[20:] for name, part in rows.items()})
    assert file.n_rows == 50 and file.path.stat().st_size == 50 * file.bytes_per_row
    for name, part in rows.items():
        assert (file.block(name, slice(None)) == part).all()
    shares = {"middle": 0.75, "short": 0.25}
    numbers = np.array([4, 49, -1, 30, 7, 21])
    items, scores = file.best({name: part[7] for name, part in rows.items()}, shares, numbers, 3)
    whole = sum(
        share * (rows[name].astype(np.float64) @ rows[name][7].astype(np.float64)) for name, share in shares.items()
    )
    right = sorted((4, 49, 30, 7, 21), key=lambda at: -whole[at])[:3]
    assert items.tolist() == right and items[0] == 7
    np.testing.assert_allclose(scores, whole[right], atol=1e-6)
