"""fusions.json: what is read, written, kept, and refused in one sentence that names the field."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInput, CoreError
from core.fusion import FUSIONS, FusionSpec, LearnedArray, spec, spec_checks


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("strategy", FUSIONS, ids=lambda s: s.name)
def test_every_strategy_says_what_it_is(strategy) -> None:
    assert strategy.label and strategy.reference and strategy.sentence.endswith(".")
    for parameter in strategy.parameters:
        assert parameter.bounds.label and parameter.name in strategy.accepts
        if parameter.default is not None:
            assert parameter.bounds.clean(parameter.default, None) == parameter.default


def test_all_kinds_of_the_contract_are_there() -> None:
    wanted = "concat mean weighted mean_pad mean_pca mean_random concat_pca score_sum combsum combmnz rrf borda"
    assert set(wanted.split()) <= set(FUSIONS.names)


def test_there_and_back() -> None:
    text = json.dumps(
        [
            {"name": "α + β", "kind": "concat", "backbones": ["a", "b"], "weights": [1, 0.5]},
            {"name": "r", "kind": "rrf", "backbones": ["a", "b"], "k": 10, "depth": 5, "norm": None},
            {"name": "p", "kind": "concat_pca", "backbones": ["a"], "dim": 8, "whiten": True},
        ]
    )
    read = spec.parse(text)
    assert spec.parse(spec.dump(read)) == read
    assert read[1].settings == {"k": 10, "depth": 5}
    assert read[2].settings == {"dim": 8, "whiten": True}
    assert "whiten" in read[2].title and "dim=8" in read[2].title and "gallery" in read[2].title


def test_shares_are_squares_for_concat_and_plain_for_sums() -> None:
    record = {"name": "x", "backbones": ["a", "b", "c"], "weights": [1, 3, 0]}
    assert FusionSpec.from_json(record | {"kind": "concat"}).shares == pytest.approx({"a": 0.1, "b": 0.9, "c": 0})
    assert FusionSpec.from_json(record | {"kind": "score_sum"}).shares == pytest.approx({"a": 0.25, "b": 0.75, "c": 0})
    assert FusionSpec.from_json(record | {"kind": "combsum"}).shares == pytest.approx({"a": 0.5, "b": 0.5, "c": 0})
    for kind in ("concat", "score_sum"):
        again = FusionSpec("x", kind, ("a", "b", "c")).with_shares({"a": 0.2, "b": 0.8})
        assert again.shares == pytest.approx({"a": 0.2, "b": 0.8, "c": 0.0})


def test_a_weight_of_zero_removes_the_backbone() -> None:
    one = FusionSpec("x", "rrf", ("a", "b"), (0.0, 2.0))
    assert one.active == ("b",) and one.active_weights.tolist() == [2.0]


GOOD = {"name": "x", "kind": "concat", "backbones": ["a", "b"]}


@pytest.mark.parametrize(
    "change, said",
    [
        ({"kind": None}, "'kind' is missing"),
        ({"name": ""}, "'name' is missing"),
        ({"backbones": []}, "'backbones' is missing"),
        ({"backbones": "a"}, "'backbones' is a list of names, got text"),
        ({"backbones": ["a", "a"]}, "'a' twice"),
        ({"kind": "concatt"}, "Did you mean 'concat'"),
        ({"weights": [1]}, "Got 1 weights for 2 backbones"),
        ({"weights": [1, -1]}, "gives -1 to 'b'"),
        ({"weights": [1, "2"]}, "'2'"),
        ({"weights": [0, 0]}, "all 0"),
        ({"weights": [1, float("nan")]}, "nan"),
        ({"weights": {"z": 1}}, "'z'"),
        ({"weight": [1, 1]}, "did you mean 'weights'"),
        ({"weight": [1, 1], "kind": None}, "did you mean 'weights'?), field 'kind' is missing"),
        ({"weight": [1, 1], "kind": None}, spec_checks.EXAMPLE),
        ({"weights": [10**400, 1]}, "a finite number of at least 0"),
        ({"kind": "rrf", "k": 10**400}, "'k' is a number from 0"),
        ({"kind": "rrf", "depth": 10**400}, "'depth' is a whole number"),
        ({"dim": 10**400}, "'dim' is one finite number"),
        ({"learned": [{"name": "m", "shape": [float("inf")], "data": "AAAA"}]}, "'learned' is damaged"),
        ({"learned": [{"name": "m", "shape": [10**400], "data": "AAAA"}]}, "'learned' is damaged"),
        ({"learned": [{"name": "m", "shape": [-1], "data": "AAAAAA=="}]}, "'learned' is damaged"),
        ({"kind": "rrf", "depth": 0}, "'depth' is a whole number from 1"),
        ({"kind": "rrf", "depth": 2.5}, "'depth'"),
        ({"kind": "rrf", "k": True}, "'k'"),
        ({"kind": "score_sum", "norm": "max"}, "'norm' is one of none, minmax, zscore"),
        ({"kind": "concat_pca", "whiten": 1}, "'whiten' is true or false"),
        ({"kind": "concat_pca", "dim": -3}, "'dim'"),
        ({"parameters": {"zeal": 1}}, "no parameter 'zeal'"),
        ({"learned": [{"name": "m", "shape": [2, 2], "data": "AAAA"}]}, "'learned' is damaged"),
    ],
)
def test_what_is_wrong_is_named(change: dict, said: str) -> None:
    with pytest.raises(CoreError, match="fusion 1") as caught:
        spec.parse(json.dumps([GOOD | change]))
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[", "3", "[3]", '"x"', "null", "[" * 100_000])
def test_what_is_no_list_of_fusions_is_said(text: str) -> None:
    with pytest.raises(BadInput):
        spec.parse(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(spec_checks.FIELDS), inner, max_size=5),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from([*spec_checks.FIELDS, "learned", "trained_on"]), JSON, max_size=8))
def test_no_record_raises_anything_but_a_sentence(record: dict) -> None:
    try:
        found = FusionSpec.from_json({"name": "x", "kind": "rrf", "backbones": ["a", "b"]} | record)
    except CoreError as error:
        assert str(error)
    else:
        assert FusionSpec.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize("scale", [1e308, 1e200, 1e-9, 1e-200, 1e-310])
@pytest.mark.parametrize("kind", [one.name for one in FUSIONS if one.weight])
def test_only_the_ratios_of_weights_count_however_large_or_small(kind: str, scale: float) -> None:
    plain = FusionSpec("x", kind, ("a", "b", "c"), (1.0, 0.5, 0.0))
    scaled = plain.with_weights(scale * weight for weight in plain.weights)
    assert scaled.active == plain.active == ("a", "b")
    np.testing.assert_allclose(scaled.active_weights, plain.active_weights, rtol=1e-12)
    assert scaled.shares == pytest.approx(plain.shares) and sum(scaled.shares.values()) == pytest.approx(1)
    assert FusionSpec("x", kind, ("a", "b"), (scale, scale)).active_weights.tolist() == [1.0, 1.0]


def test_ordinary_weights_are_handed_on_as_they_are_and_what_is_nothing_beside_the_largest_is_none() -> None:
    assert FusionSpec("x", "rrf", ("a", "b"), (0.3, 0.7)).active_weights.tolist() == [0.3, 0.7]
    assert FusionSpec("x", "rrf", ("a", "b"), (1e308, 1e-308)).active == ("a",)
    assert FusionSpec("x", "rrf", ("a", "b"), (1e-9, 1e-9)).to_json()["weights"] == [1e-9, 1e-9]


def test_without_a_name_a_fusion_is_called_by_its_shares() -> None:
    nameless = {"kind": "concat", "backbones": ["a", "b"], "weights": [1, 1]}
    (one,) = spec.parse(json.dumps([nameless]))
    assert one.name == "Concatenation: a 50 %, b 50 %"
    two = spec.parse(json.dumps([nameless, {**nameless, "kind": "rrf"}]))
    assert len({one.name for one in two}) == 2
    (example,) = spec.parse(spec_checks.EXAMPLE)
    assert example.backbones == ("a", "b")


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(BadInput, match="two fusions named 'x'"):
        spec.parse(json.dumps([GOOD, GOOD]))


def test_learned_arrays_travel() -> None:
    matrix = np.random.default_rng(0).standard_normal((3, 2)).astype(np.float32)
    arrays = (LearnedArray.of("matrix", matrix), LearnedArray.of("shift", np.zeros(2)))
    one = FusionSpec("h", "linear_head", ("a",), learned=arrays, trained_on=("k1",))
    (again,) = spec.parse(spec.dump([one]))
    assert again == one and np.array_equal(again.array("matrix"), matrix)
    with pytest.raises(BadInput, match="not trained"):
        FusionSpec("h", "linear_head", ("a",)).array("matrix")


def packed(**shapes: tuple[int, ...]) -> list[dict]:
    """Arrays of a trained fusion as a file holds them."""
    arrays = [LearnedArray.of(name, np.ones(shape)) for name, shape in shapes.items()]
    return [{"name": one.name, "shape": list(one.shape), "data": one.data} for one in arrays]


GATE = {"basis": (9, 3), "weight": (19, 2), "bias": (2,), "center": (19,), "scale": (19,)}


@pytest.mark.parametrize(
    "kind, shapes, said",
    [
        ("linear_head", {"matrix": (5, 2)}, "matrix, shift"),
        ("linear_head", {"w": (5, 2), "shift": (2,)}, "got w, shift"),
        ("linear_head", {"matrix": (5, 2), "shift": (3,)}, "'shift' the shape (3,) where (2,)"),
        ("linear_head", {"matrix": (5, 2, 1), "shift": (2,)}, "'matrix' the shape (5, 2, 1)"),
        ("gate", GATE | {"bias": (3,)}, "'bias' the shape (3,) where (2,)"),
        ("gate", GATE | {"weight": (19, 3)}, "'weight'"),
        ("gate", GATE | {"basis": (9, 4)}, "where (20, 2)"),
        ("gate", GATE | {"center": (18,)}, "'center'"),
        ("gate", {name: shape for name, shape in GATE.items() if name != "scale"}, "scale"),
    ],
)
def test_arrays_of_a_trained_fusion_that_do_not_fit_are_refused(kind: str, shapes: dict, said: str) -> None:
    with pytest.raises(BadInput, match="fusion 1") as caught:
        spec.parse(json.dumps([GOOD | {"kind": kind, "learned": packed(**shapes)}]))
    assert said in str(caught.value)


def test_arrays_that_fit_are_taken() -> None:
    for kind, shapes in (("gate", GATE), ("linear_head", {"matrix": (5, 2), "shift": (2,)})):
        (one,) = spec.parse(json.dumps([GOOD | {"kind": kind, "learned": packed(**shapes)}]))
        assert {array.name: array.shape for array in one.learned} == shapes


def test_what_has_no_effect_is_said() -> None:
    one = FusionSpec.from_json(GOOD | {"kind": "combsum", "weights": [1, 2], "k": 60})
    assert len(one.remarks) == 2 and "'k'" in one.remarks[0]


def test_equal_mixes_are_all_pairs_and_all() -> None:
    assert [one.name for one in spec.equal_mixes(("a", "b", "c"))] == ["a + b", "a + c", "b + c", "a + b + c"]
    assert spec.equal_mixes(("a",)) == []


def test_typed_weights_say_what_they_count_in_the_cosine() -> None:
    (remark,) = FusionSpec("mix", "concat", ("hog", "hsv"), (0.7, 0.3)).remarks
    assert "by their squares" in remark and "hog 84 %, hsv 16 %" in remark
    assert not FusionSpec("mix", "concat", ("hog", "hsv")).with_shares({"hog": 0.3, "hsv": 0.7}).remarks
    assert not FusionSpec("mix", "score_sum", ("hog", "hsv"), (0.7, 0.3)).remarks
