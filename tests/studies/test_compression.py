"""Smaller vectors: what each form is, against plain numpy; what it takes; and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from core import data
from core.cli import main
from core.errors import BadInput
from core.fusion import FusionSpec
from core.studies import compression, embedding, fusion, systems
from core.studies.vector_set import VectorSet
from core.types import Relevance, Split, unit


def vectors(n: int = 200, dim: int = 64) -> np.ndarray:
    random = np.random.default_rng(0)
    return unit(random.normal(size=(n, dim)) * np.linspace(3, 0.1, dim) + 0.5)


def form(name: str, rows: np.ndarray) -> compression.Form:
    return next(form for form in compression.forms(rows) if form.name == name)


def test_binary_cosines_are_hamming_distances_and_take_a_bit_a_number() -> None:
    rows = vectors()
    binary = form("binary", rows)
    bits = rows > rows.mean(0)
    hamming = (bits[:, None] != bits[None]).sum(2)
    stored = binary.compressed(rows)
    np.testing.assert_allclose(stored @ stored.T, 1 - 2 * hamming / rows.shape[1], atol=1e-5)
    assert binary.bytes_per_image == 8 and form("float32", rows).bytes_per_image == 256


def test_what_centring_alone_gives_has_a_row_of_its_own() -> None:
    """Vectors with a large common part: binary ones do better than whole ones, and no better than centred ones."""
    random, classes = np.random.default_rng(3), np.arange(120) % 12
    apart = random.uniform(0.5, 3, (120, 1)) * (random.normal(size=(12, 64))[classes] + random.normal(size=(120, 64)))
    rows = unit(40 * random.random(64) + apart)
    np.testing.assert_allclose(form(compression.CENTRED, rows).compressed(rows), unit(rows - rows.mean(0)), atol=1e-6)
    truth = Relevance(120, 120, self_position=np.arange(120), query_classes=classes, gallery_classes=classes)
    system = systems.System("x", VectorSet({"x": rows.astype(np.float32)}, Split(np.arange(120), np.arange(120))))
    found = {cost.form.name: cost.estimate.mean for cost in compression.measure(system, truth)}
    assert found["float32"] < found["binary"] < found[compression.CENTRED], found


def test_int8_is_within_half_a_step_of_each_column() -> None:
    rows = vectors()
    stored = form("int8", rows).compressed(rows)
    step = np.abs(rows).max(0) / 127
    whole = np.rint(rows / step)
    assert np.abs(whole).max() == 127 and (np.abs(whole * step - rows) <= step / 2 + 1e-7).all()
    np.testing.assert_allclose(stored, unit(whole * step), atol=1e-6)
    assert (stored * rows).sum(1).min() > 0.9999


def test_shorter_vectors_are_the_first_numbers_or_the_components_that_keep_most() -> None:
    rows = vectors()
    np.testing.assert_allclose(form("first 16 numbers", rows).compressed(rows), unit(rows[:, :16]), atol=1e-6)
    wide = rows.astype(np.float64) - rows.mean(0, dtype=np.float64)
    _, _, components = np.linalg.svd(wide, full_matrices=False)
    by_hand = unit(wide @ components[:16].T)
    stored = form("PCA to 16", rows).compressed(rows)
    np.testing.assert_allclose(stored @ stored.T, by_hand @ by_hand.T, atol=1e-5)
    names = [entry.name for entry in compression.forms(rows[:10])]
    assert "first 32 numbers" in names and "PCA to 32" not in names and "PCA to 8" in names
    assert len(set(names)) == len(names)


def test_what_has_no_vector_stays_without_one_in_every_form() -> None:
    rows = vectors()
    rows[3] = 0
    for entry in compression.forms(rows):
        assert not entry.compressed(rows)[3].any(), entry.name


def test_the_table_of_a_backbone_and_of_a_fusion(tiny_world, capsys: pytest.CaptureFixture) -> None:
    names = ("hog", "hsv_histogram")
    embedding.embed(tiny_world.dataset, names)
    space, truth = fusion.space_of(tiny_world.dataset, names), data.relevance(tiny_world.dataset)
    single, both, scores = systems.build(
        space, ["hog"], [FusionSpec("both", "concat", names), FusionSpec("sum", "score_sum", names)]
    )
    costs = compression.measure(single, truth)
    assert costs[0].form.name == "float32" and costs[0].difference is None
    result = fusion.evaluate(tiny_world.dataset, ["hog"])
    assert costs[0].estimate.mean == pytest.approx(result["hog"].figures["map"].mean, abs=1e-12)
    assert all(abs(cost.difference.mean) < 0.02 for cost in costs if cost.form.name in {"float16", "int8"})
    assert compression.measure(both, truth)[0].form.dim == 1764 + 192
    with pytest.raises(BadInput, match="has no vectors to compress"):
        compression.measure(scores, truth)
    assert main(["compress", "--data", "tiny", "--backbone", "hog"]) == 0
    printed = capsys.readouterr().out
    assert "stored as" in printed and "binary" in printed and "MB for 60" in printed
