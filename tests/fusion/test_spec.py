"""fusions.json: what is read, written, kept, and refused in one sentence that names the field."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInput, CoreError, UnknownName
from core.fusion import FUSIONS, FusionSpec, LearnedArray, spec


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):  # noqa: ANN001, ANN201
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("strategy", FUSIONS, ids=lambda s: s.name)
def test_every_strategy_says_what_it_is(strategy) -> None:  # noqa: ANN001
    assert strategy.label and strategy.reference and strategy.sentence.endswith(".")
    for parameter in strategy.parameters:
        assert parameter.bounds.label and parameter.name in strategy.accepts
        if parameter.default is not None:
            assert parameter.bounds.clean(parameter.default, None) == parameter.default


def test_all_kinds_of_the_contract_are_there() -> None:
    wanted = "concat mean weighted mean_pad mean_pca mean_random concat_pca score_sum combsum combmnz rrf borda"
    assert set(wanted.split()) <= set(FUSIONS.names)


def test_there_and_back() -> None:
    text = json.dumps([
        {"name": "α + β", "kind": "concat", "backbones": ["a", "b"], "weights": [1, 0.5]},
        {"name": "r", "kind": "rrf", "backbones": ["a", "b"], "k": 10, "depth": 5, "norm": None},
        {"name": "p", "kind": "concat_pca", "backbones": ["a"], "dim": 8, "whiten": True},
    ])  # fmt: skip
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
        ({"weight": [1, 1]}, "Did you mean 'weights'"),
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
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(spec.FIELDS), inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([*spec.FIELDS, "learned", "trained_on"]), JSON, max_size=8))
def test_no_record_raises_anything_but_a_sentence(record: dict) -> None:
    try:
        found = FusionSpec.from_json({"name": "x", "kind": "rrf", "backbones": ["a", "b"]} | record)
    except CoreError as error:
        assert str(error)
    else:
        assert FusionSpec.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(BadInput, match="two fusions named 'x'"):
        spec.parse(json.dumps([GOOD, GOOD]))


def test_saved_under_a_name_and_removed() -> None:
    names = ["best", "best/../x", "Früh & spät", "best?"]
    for name in names:
        spec.save(FusionSpec(name, "concat", ("a", "b")))
    found, faults = spec.saved()
    assert sorted(found) == sorted(names) and not faults
    spec.save(FusionSpec("best", "rrf", ("a", "b")))
    assert spec.load("best").kind == "rrf" and len(spec.saved()[0]) == 4
    spec.remove("best")
    with pytest.raises(UnknownName, match="best\\?"):
        spec.load("best")


def test_one_broken_file_does_not_hide_the_others(home) -> None:  # noqa: ANN001
    spec.save(FusionSpec("good", "concat", ("a",)))
    (home / "fusions" / "bad.json").write_text("{")
    found, faults = spec.saved()
    assert list(found) == ["good"] and len(faults) == 1 and "bad.json" in faults[0]


def test_learned_arrays_travel() -> None:
    matrix = np.random.default_rng(0).standard_normal((3, 2)).astype(np.float32)
    one = FusionSpec("h", "linear_head", ("a",), learned=(LearnedArray.of("matrix", matrix),), trained_on=("k1",))
    (again,) = spec.parse(spec.dump([one]))
    assert again == one and np.array_equal(again.array("matrix"), matrix)
    with pytest.raises(BadInput, match="not trained"):
        FusionSpec("h", "linear_head", ("a",)).array("matrix")


def test_what_has_no_effect_is_said() -> None:
    one = FusionSpec.from_json(GOOD | {"kind": "combsum", "weights": [1, 2], "k": 60})
    assert len(one.remarks) == 2 and "'k'" in one.remarks[0]


def test_equal_mixes_are_all_pairs_and_all() -> None:
    assert [one.name for one in spec.equal_mixes(("a", "b", "c"))] == ["a + b", "a + c", "b + c", "a + b + c"]
    assert spec.equal_mixes(("a",)) == []
