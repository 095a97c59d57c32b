"""OpenVINO is used when it agrees with torch on real photographs, and not otherwise."""

from __future__ import annotations

import sys

import numpy as np
import photographs
import pytest

from core import backbones
from core.backbones import custom, preprocessing
from core.backbones.engines import mkldnn_packing, openvino_engine, select, torch_engine
from core.data.images import open_rgb
from core.studies import backbone_info
from core.types import unit

LITE = backbones.get("tf_efficientnet_lite0")
needs_openvino = pytest.mark.skipif(not openvino_engine.installed(), reason="the optional OpenVINO is not installed")


def vectors(seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(16, 40)) + 3)


def test_equal_vectors_are_accepted_and_others_are_not() -> None:
    same = select.judge(LITE, vectors(), vectors())
    assert same.accepted and same.smallest > 0.99999
    near = unit(vectors() + np.random.default_rng(1).normal(size=(16, 40)) * 0.0015)
    verdict = select.judge(LITE, near, vectors())
    assert verdict.smallest > 0.9999 > verdict.centred, "random-looking agreement hides in the mean"
    assert not verdict.accepted and "torch runs it" in verdict.why
    assert select.judge(custom.fast(LITE), near, vectors()).accepted


def without_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_engine, "version", lambda: "")


def without_packing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mkldnn_packing, "possible", lambda: False)


def test_without_the_package_it_is_torch(home, monkeypatch: pytest.MonkeyPatch) -> None:
    without_openvino(monkeypatch)
    without_packing(monkeypatch)
    assert select.decide(LITE) == "torch" and select.engine_names(LITE)[0] == "torch"
    assert "requirements-fast.txt" in select.sentence()
    assert not select.usable("openvino") and select.usable("torch") and not select.usable(select.PACKED)


@pytest.mark.parametrize("gain", [2.0, 1.0])
def test_packed_weights_are_used_where_they_are_faster_by_measurement(
    gain: float, home, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_openvino(monkeypatch)
    measured = select._embedded
    monkeypatch.setattr(
        select,
        "_embedded",
        lambda pool, one, squares, _=0: (measured(pool, one, squares[:4])[0], gain if one.name == "torch" else 1.0),
    )
    wanted = select.PACKED if gain > select.GAIN else "torch"
    assert select.decide(LITE) == wanted and select.engine_names(LITE)[0] == wanted
    found = select.remembered(LITE, engine=select.PACKED)
    assert found.gain == gain and found.smallest > 0.99999 and found.centred > 0.99999
    assert (
        "takes 50% of its processor time" if gain == 2 else "not faster here for EfficientNet-Lite0 (1.00 times)"
    ) in found.why
    assert backbone_info.engine(LITE) == found.why
    names = {backbones.fingerprint(LITE, engine=name)[0] for name in select.engine_names(LITE)}
    assert len(names) == 3, "vectors of different engines are never mixed"


def test_packed_weights_that_cannot_be_had_mean_plain_torch(home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no such operator")

    without_openvino(monkeypatch)
    monkeypatch.setattr(mkldnn_packing, "pack", fails)
    assert select.decide(LITE) == "torch"
    assert select.remembered(LITE, engine=select.PACKED).why.startswith("Torch with packed weights cannot run")


@needs_openvino
def test_a_failed_conversion_is_a_reason_not_an_error(home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("unsupported operation")

    without_packing(monkeypatch)
    monkeypatch.setattr(openvino_engine, "converted", fails)
    assert select.decide(LITE) == "torch"
    assert "cannot run EfficientNet-Lite0" in select.remembered(LITE).why
    monkeypatch.undo()


@needs_openvino
def test_the_probe_accepts_it_once_and_its_vectors_are_torch_s(home) -> None:
    assert select.engine_names(LITE)[0] == "torch", "nothing is assumed before the probe"
    assert select.decide(LITE) == "openvino" and select.engine_names(LITE)[0] == "openvino"
    squares = np.stack(
        [preprocessing.square(open_rgb(f), preprocessing.preprocessing_of(LITE).geometry) for f in photographs.files()]
    )
    fast, exact = torch_engine.build(LITE, "cpu"), torch_engine.build(LITE, "cpu", engine="torch")
    assert (fast.name, exact.name, fast.precision) == ("openvino", "torch", "float32")
    cosine, centred = photographs.agreement(fast.embed(squares), exact.embed(squares))
    assert cosine >= 0.99999 and centred >= 0.99999
    alone = np.concatenate([fast.embed(one[None]) for one in squares[:3]])
    together = fast.embed(squares[:3])
    assert np.abs(alone - together).max() <= 1e-5 * np.abs(together).max()
    assert "openvino_telemetry" not in sys.modules or sys.modules["openvino_telemetry"] is None


@needs_openvino
def test_precision_is_what_was_asked_for(home) -> None:
    for precision, hint in (("float32", "float"), ("bfloat16", "bfloat16")):
        engine = openvino_engine.OpenVinoEngine(LITE, precision)
        assert hint in str(engine._compiled.get_property("INFERENCE_PRECISION_HINT"))
        assert engine._compiled.get_property("INFERENCE_NUM_THREADS") == 1
