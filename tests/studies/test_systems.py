"""Systems against a slow reference: every kind, with missing parts, duplicates, ties, overlap and depth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInput, NotComputed, ShapeMismatch
from core.fusion import FUSIONS, FusionSpec, LearnedArray
from core.fusion.plugins import load_plugins
from core.search.live_engine import LiveEngine
from core.search.ranking import rank_scores
from core.studies import systems, vector_set
from core.types import Relevance, Split, unit
from tests.studies import slow_fusion

KINDS = [
    {"kind": "concat"},
    {"kind": "concat", "weights": [2.0, 0.5, 1.0]},
    {"kind": "concat", "weights": [2.0, 0.0, 1.0]},
    {"kind": "mean_pad", "weights": [0.2, 0.3, 0.5]},
    {"kind": "mean_pca", "dim": 4},
    {"kind": "concat_pca", "dim": 5},
    {"kind": "concat_pca", "dim": 5, "whiten": True, "weights": [1.0, 2.0, 0.5]},
    {"kind": "score_sum"},
    {"kind": "score_sum", "weights": [0.2, 0.3, 0.5], "norm": "minmax"},
    {"kind": "score_sum", "weights": [0.2, 0.0, 0.5], "norm": "zscore"},
    {"kind": "score_sum", "weights": [0.2, 0.3, 0.5], "norm": "minmax", "depth": 4},
    {"kind": "combsum"},
    {"kind": "combsum", "norm": "zscore"},
    {"kind": "combsum", "depth": 3},
    {"kind": "combmnz"},
    {"kind": "combmnz", "depth": 5},
    {"kind": "combmnz", "depth": 5, "norm": "zscore"},
    {"kind": "rrf"},
    {"kind": "rrf", "k": 10, "depth": 4, "weights": [1.0, 2.0, 0.0]},
    {"kind": "borda"},
    {"kind": "borda", "depth": 6, "weights": [1.0, 2.0, 3.0]},
]


CLASSES = np.arange(24) % 4


def world(rng: np.random.Generator, n: int = 24, overlap: str = "self"):
    """Raw vectors with missing parts, duplicates and coarse values (ties), and a split."""
    vectors = {}
    for name, dim in (("a", 5), ("b", 9), ("c", 7)):
        rows = rng.standard_normal((n, dim))
        if name == "b":
            rows = rng.integers(-1, 2, (n, dim)).astype(float)  # many equal cosines
        vectors[name] = rows.astype(np.float32)
    for name in ("a", "b", "c"):
        vectors[name][7] = vectors[name][3]  # equal in all
    vectors["a"][9] = vectors["a"][2]  # equal in one only
    vectors["a"][5] = vectors["c"][6] = 0
    vectors["a"][11] = vectors["b"][11] = vectors["c"][11] = 0
    if overlap == "self":
        return vectors, Split.self_retrieval(n)
    order = rng.permutation(n)
    if overlap == "apart":
        return vectors, Split(order[:9], order[9:])
    return vectors, Split(order[:12], order[8:])


def space_of(vectors: dict[str, np.ndarray], split: Split) -> vector_set.VectorSet:
    return vector_set.VectorSet({name: unit(rows) for name, rows in vectors.items()}, split)


def whole(system: systems.System) -> np.ndarray:
    return np.concatenate([block for _, _, block in system.blocks()])


@pytest.mark.parametrize("overlap", ["self", "apart", "some"])
@pytest.mark.parametrize("record", KINDS, ids=lambda r: "-".join(map(str, r.values())))
def test_every_kind_agrees_with_the_slow_reference(record: dict, overlap: str) -> None:
    rng = np.random.default_rng(sum(map(ord, overlap)))
    vectors, split = world(rng, overlap=overlap)
    record = record | {"name": "f", "backbones": ["a", "b", "c"]}
    system = systems.System("f", space_of(vectors, split), FusionSpec.from_json(record))
    # The reference starts from the stored unit vectors and exact float32 scores, so that rank kinds see the same ties.
    stored = {name: rows.astype(np.float64) for name, rows in system.space.vectors.items()}
    expected = slow_fusion.fuse(record, stored, split.queries, split.gallery, split.self_position)
    found = whole(system)
    if record["kind"] in ("rrf", "borda") or record.get("depth"):
        # A rank may move where cosines agree to the last bits: compare on the program's own cosines instead.
        expected = _on_own_cosines(record, system.space)
    assert np.array_equal(np.isnan(expected), np.isneginf(found))
    there = ~np.isnan(expected)
    assert np.allclose(found[there], expected[there], atol=3e-6)


def _on_own_cosines(record: dict, space: vector_set.VectorSet) -> np.ndarray:
    given = record.get("weights") or [1.0] * 3
    used = [(name, w) for name, w in zip(record["backbones"], given) if w > 0]
    tables = [space.scores(name, 0, space.n_queries) for name, _ in used]
    result = np.full(tables[0].shape, np.nan)
    for i, own in enumerate(space.self_position):
        allowed = [j for j in range(space.n_gallery) if j != own]
        result[i] = slow_fusion.one_query(record["kind"], [t[i] for t in tables], [w for _, w in used], allowed, record)
    return result


SCORED = [r for r in KINDS if r["kind"] not in ("rrf", "borda") and not r.get("depth")]


@pytest.mark.parametrize("record", SCORED, ids=lambda r: "-".join(map(str, r.values())))
def test_rows_equal_in_all_backbones_score_the_same_bit_for_bit(record: dict) -> None:
    rng = np.random.default_rng(3)
    vectors = {
        name: rng.standard_normal((400, dim)).astype(np.float32) for name, dim in (("a", 33), ("b", 65), ("c", 7))
    }
    copies = rng.permutation(400)[:60].reshape(2, 30)
    for rows in vectors.values():
        rows[copies[1]] = rows[copies[0]]
    spec = FusionSpec.from_json(record | {"name": "f", "backbones": ["a", "b", "c"]})
    found = whole(systems.System("f", space_of(vectors, Split(np.arange(50), np.arange(400))), spec))
    for one, other in copies.T:
        asked = [q for q in range(50) if q not in (one, other)]
        assert np.array_equal(found[asked, one], found[asked, other])


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["concat", "score_sum", "mean_pad", "confidence"]), st.integers(0, 2))
def test_a_one_hot_weight_ranks_as_that_backbone_alone(seed: int, kind: str, chosen: int) -> None:
    vectors, split = world(np.random.default_rng(seed))
    space = space_of(vectors, split)
    weights = [0.0, 0.0, 0.0]
    weights[chosen] = 0.7
    spec = FusionSpec("f", kind, ("a", "b", "c"), tuple(weights))
    alone, fused = whole(systems.System("abc"[chosen], space)), whole(systems.System("f", space, spec))
    if kind == "confidence":
        order = np.argsort(-alone, axis=1, kind="stable")
        assert (np.diff(np.take_along_axis(fused, order, 1)[:, :-1], axis=1) <= 1e-6).all()
    else:
        there = np.isfinite(alone)
        assert np.allclose(alone[there], fused[there], atol=1e-6)


@settings(max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["concat", "score_sum", "combsum", "rrf", "borda", "mean_random", "concat_pca"]),
)
def test_the_order_of_backbones_changes_nothing(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    vectors, split = world(rng)
    space, weights = space_of(vectors, split), rng.random(3) + 0.1
    one = FusionSpec("f", kind, ("a", "b", "c"), tuple(weights))
    other = FusionSpec("f", kind, ("c", "a", "b"), tuple(weights[[2, 0, 1]]))
    assert np.allclose(whole(systems.System("f", space, one)), whole(systems.System("f", space, other)), atol=2e-6)


def test_blocks_of_any_size_are_the_same() -> None:
    rng = np.random.default_rng(0)
    vectors, split = world(rng, overlap="some")
    # A product may differ in the last bit with its shape; ranks are compared where no two cosines are that close.
    vectors["b"] = rng.standard_normal((24, 9)).astype(np.float32)
    space = space_of(vectors, split)
    for record in KINDS:
        system = systems.System("f", space, FusionSpec.from_json(record | {"name": "f", "backbones": ["a", "b", "c"]}))
        parts = np.concatenate([system.block(start, start + 5) for start in range(0, 12, 5)])
        assert parts.shape == (12, space.n_gallery)
        assert np.allclose(np.nan_to_num(parts, neginf=-9), np.nan_to_num(whole(system), neginf=-9), atol=1e-6)


def test_linear_is_what_the_live_engine_may_serve() -> None:
    vectors, split = world(np.random.default_rng(0))
    full = {name: np.where(rows.any(axis=1, keepdims=True), rows, 1.0) for name, rows in vectors.items()}
    holes, none = space_of(vectors, split), space_of(full, split)
    concat, sums = FusionSpec("f", "concat", ("a", "b")), FusionSpec("f", "score_sum", ("a", "b"))
    assert systems.System("f", none, concat).is_linear and systems.System("f", holes, concat).is_linear
    assert systems.System("f", none, sums).is_linear
    assert not systems.System("f", holes, sums).is_linear, "a score sum counts a missing part as 0, a concat does not"
    for space, spec in ((none, concat), (holes, concat), (none, sums)):
        system = systems.System("f", space, spec)
        truth = Relevance(24, 24, self_position=np.arange(24), query_classes=CLASSES, gallery_classes=CLASSES)
        engine = LiveEngine(space.vectors, split, truth, background=False)
        live, slow = engine.rank(system.shares, k=23), rank_scores(system, truth, k=23)
        assert np.allclose(live.best.scores, slow.best.scores, atol=1e-6)
        assert (live.ranks.ranks != slow.ranks.ranks).mean() < 0.02
    assert not systems.System("f", none, FusionSpec("f", "rrf", ("a", "b"))).is_linear
    minmax = FusionSpec("f", "score_sum", ("a", "b"), parameters=(("norm", "minmax"),))
    assert not systems.System("f", none, minmax).is_linear


def test_vectors_are_there_for_early_fusion_only() -> None:
    vectors, split = world(np.random.default_rng(0))
    space = space_of(vectors, split)
    concat = systems.System("f", space, FusionSpec("f", "concat", ("a", "b")))
    assert concat.dim == 14 and concat.vectors.shape == (24, 14)
    late = systems.System("g", space, FusionSpec("g", "rrf", ("a", "b")))
    assert late.vectors is None and late.dim is None


def test_what_does_not_fit_is_said() -> None:
    vectors, split = world(np.random.default_rng(0))
    space = space_of(vectors, split)
    with pytest.raises(NotComputed, match="'f'.*'z'"):
        systems.build(space, ("a",), (FusionSpec("f", "concat", ("a", "z")),))
    with pytest.raises(NotComputed, match="'z'"):
        systems.build(space, ("z",))
    with pytest.raises(BadInput, match="Two systems are named 'a'"):
        systems.build(space, ("a", "b"), (FusionSpec("a", "concat", ("a", "b")),))
    with pytest.raises(ShapeMismatch, match="'f'.*mean_pad"):
        systems.System("f", space, FusionSpec("f", "mean", ("a", "b"))).block(0, 3)
    with pytest.raises(BadInput, match="not trained"):
        systems.System("f", space, FusionSpec("f", "linear_head", ("a", "b"))).block(0, 3)
    with pytest.raises(ShapeMismatch, match="a 24, b 23"):
        vector_set.VectorSet({"a": space.vectors["a"], "b": space.vectors["b"][:23]}, split)


GOOD = """
import numpy as np
from core.fusion import FUSIONS

@FUSIONS.register("highest", label="Highest", joins="scores", sentence="The most certain backbone decides.")
def highest(scores, weights):
    return np.max(scores, axis=0)
"""


@pytest.fixture
def plugins(tmp_path):
    before = set(FUSIONS.names)
    yield tmp_path
    for name in set(FUSIONS.names) - before:
        FUSIONS.discard(name)


def test_a_users_file_adds_a_strategy_and_a_broken_one_a_sentence(plugins) -> None:
    (plugins / "good.py").write_text(GOOD)
    (plugins / "half.py").write_text(GOOD.replace("highest", "half") + "\nraise ValueError('no luck')\n")
    (plugins / "syntax.py").write_text("def (:")
    faults = load_plugins(plugins)
    assert len(faults) == 2 and any("half.py" in f and "no luck" in f for f in faults)
    assert "highest" in FUSIONS and FUSIONS.get("highest").is_plugin and "half" not in FUSIONS
    vectors, split = world(np.random.default_rng(0))
    space = space_of(vectors, split)
    found = whole(systems.System("f", space, FusionSpec("f", "highest", ("a", "b"))))
    expected = np.maximum(space.scores("a", 0, 24), space.scores("b", 0, 24))
    there = np.isfinite(found)
    assert np.array_equal(found[there], expected[there]) and (~there).sum() == 24
    assert len(load_plugins(plugins)) == 2, "a second visit loads nothing twice and says the same"


def test_an_edited_plugin_is_loaded_afresh(plugins) -> None:
    import os

    path = plugins / "good.py"
    path.write_text(GOOD)
    load_plugins(plugins)
    path.write_text(GOOD.replace("Highest", "Tallest"))
    os.utime(path, ns=(1, 1))
    assert load_plugins(plugins) == () and FUSIONS.get("highest").label == "Tallest"


def test_a_plugin_that_gives_nonsense_is_named(plugins) -> None:
    (plugins / "good.py").write_text(GOOD.replace("np.max(scores, axis=0)", "scores[0][:, :2]"))
    (plugins / "nan.py").write_text(
        GOOD.replace("highest", "nan").replace("np.max(scores, axis=0)", "scores[0] * np.nan")
    )
    load_plugins(plugins)
    vectors, split = world(np.random.default_rng(0))
    space = space_of(vectors, split)
    with pytest.raises(ShapeMismatch, match="'highest'"):
        systems.System("f", space, FusionSpec("f", "highest", ("a", "b"))).block(0, 2)
    with pytest.raises(BadInput, match="NaN"):
        systems.System("f", space, FusionSpec("f", "nan", ("a", "b"))).block(0, 2)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("scores[0] * 0 + np.inf", "infinite"),
        ("np.where(scores[0] > scores[0].mean(), np.inf, scores[0])", "infinite"),
        ("{}['nothing']", "KeyError"),
    ],
)
def test_a_plugin_that_gives_infinity_or_fails_is_one_sentence(plugins, result: str, said: str) -> None:
    (plugins / "odd.py").write_text(GOOD.replace("highest", "odd").replace("np.max(scores, axis=0)", result))
    assert not load_plugins(plugins)
    vectors, split = world(np.random.default_rng(0))
    with pytest.raises(BadInput, match=said):
        systems.System("f", space_of(vectors, split), FusionSpec("f", "odd", ("a", "b"))).block(0, 2)


def test_minus_infinity_is_still_not_retrieved(plugins) -> None:
    few = "np.where(scores[0] > np.median(scores[0]), scores[0], -np.inf)"
    (plugins / "few.py").write_text(GOOD.replace("highest", "few").replace("np.max(scores, axis=0)", few))
    load_plugins(plugins)
    vectors, split = world(np.random.default_rng(0))
    found = whole(systems.System("f", space_of(vectors, split), FusionSpec("f", "few", ("a", "b"))))
    assert np.isneginf(found).sum() > found.size // 3 and np.isfinite(found).any()


@pytest.mark.parametrize("result", ["parts[0] * np.nan", "parts[0][:3]", "parts[0] / 0"])
def test_a_plugin_of_vectors_that_gives_nonsense_is_one_sentence(plugins, result: str) -> None:
    text = GOOD.replace("highest", "odd").replace("np.max(scores, axis=0)", result)
    text = text.replace('joins="scores"', 'joins="vectors"').replace("(scores,", "(parts,")
    (plugins / "odd.py").write_text(text)
    assert not load_plugins(plugins)
    vectors, split = world(np.random.default_rng(0))
    with np.errstate(all="ignore"), pytest.raises(BadInput, match="one finite vector"):
        systems.System("f", space_of(vectors, split), FusionSpec("f", "odd", ("a", "b"))).block(0, 2)


@pytest.mark.parametrize("scale", [1e308, 1e200, 1e-9, 1e-200, 1e-310])
@pytest.mark.parametrize("kind", [one.name for one in FUSIONS if not one.learned and one.name != "mean"])
def test_the_size_of_all_weights_together_changes_nothing(kind: str, scale: float) -> None:
    vectors, split = world(np.random.default_rng(3))
    if kind == "weighted":
        vectors = {name: vectors["a"] for name in vectors}
    space = space_of(vectors, split)
    plain = whole(systems.System("f", space, FusionSpec("f", kind, ("a", "b"), (1.0, 1.0))))
    scaled = whole(systems.System("f", space, FusionSpec("f", kind, ("a", "b"), (scale, scale))))
    assert np.array_equal(plain, scaled)


def test_a_trained_fusion_of_other_vectors_is_one_sentence() -> None:
    vectors, split = world(np.random.default_rng(0))
    space = space_of(vectors, split)
    arrays = tuple(LearnedArray.of(n, v) for n, v in {"matrix": np.ones((3, 2)), "shift": np.zeros(2)}.items())
    with pytest.raises(ShapeMismatch, match="'f' was trained on vectors of 3 numbers"):
        systems.System("f", space, FusionSpec("f", "linear_head", ("a", "b"), learned=arrays)).block(0, 2)
