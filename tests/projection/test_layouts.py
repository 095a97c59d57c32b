"""Layouts kept in files."""

from __future__ import annotations

import numpy as np
import pytest

from core import paths
from core.errors import StoreUnusable
from core.projection import (
    JointSpace,
    layout,
    layout_key,
    load_layout,
    save_layout,
)


def test_every_part_of_the_key_counts(world: tuple[JointSpace, np.ndarray]) -> None:
    space, _ = world
    base = {"space": space, "method": "tsne", "dims": 2, "parameters": {"perplexity": 30.0}, "seed": 0, "start": ""}
    assert layout_key(**base) == layout_key(**base | {"space": JointSpace(space.blocks, (6, 4))})
    keys = {layout_key(**base)}
    for change in (
        {"space": space.with_shares((0.5, 0.5))},
        {"method": "umap"},
        {"dims": 3},
        {"parameters": {"perplexity": 31.0}},
        {"seed": 1},
        {"start": "abc"},
    ):
        keys.add(layout_key(**base | change))
    assert len(keys) == 7


def test_kept_layouts_come_back_and_damaged_ones_do_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, world: tuple[JointSpace, np.ndarray]
) -> None:
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(tmp_path))
    made = layout(world[0], "pca")
    assert load_layout("k") is None
    save_layout("k", made, {"trustworthiness": 0.5})
    back, figures = load_layout("k")
    np.testing.assert_array_equal(back.xy, made.xy)
    assert (back.method, figures) == ("pca", {"trustworthiness": 0.5})
    (paths.layouts() / "k.npy").write_bytes(b"\x93NUMPY broken")
    assert load_layout("k") is None
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(tmp_path / "file"))
    with pytest.raises(StoreUnusable):
        save_layout("k", made)
