"""OpenVINO is used when it agrees with torch on real photographs, and not otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import photographs
import pytest

from core import backbones
from core.backbones import custom, preprocessing
from core.backbones.engines import names, openvino_engine, probe, select
from core.data.images import open_rgb
from core.types import unit

LITE = backbones.get("tf_efficientnet_lite0")
needs_openvino = pytest.mark.skipif(not openvino_engine.installed(), reason="OpenVINO has no wheel here")


def vectors(seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(16, 40)) + 3)


def test_equal_vectors_are_accepted_and_others_are_not() -> None:
    same = probe.verdict_of(LITE, vectors(), vectors())
    assert same.accepted and same.smallest > 0.99999
    near = unit(vectors() + np.random.default_rng(1).normal(size=(16, 40)) * 0.0015)
    verdict = probe.verdict_of(LITE, near, vectors())
    assert verdict.smallest > 0.9999 > verdict.centred, "random-looking agreement hides in the mean"
    assert not verdict.accepted and "torch runs it" in verdict.why
    assert probe.verdict_of(custom.fast(LITE), near, vectors()).accepted


def without_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_engine, "version", lambda: "")


def test_without_the_package_it_is_torch(home, monkeypatch: pytest.MonkeyPatch) -> None:
    without_openvino(monkeypatch)
    assert select.decide(LITE) == "torch" and select.engine_names(LITE)[0] == "torch"
    assert "pip install -r requirements.txt" in select.sentence()
    assert not names.usable("openvino") and names.usable("torch")


@pytest.mark.slow
def test_vectors_of_a_retired_engine_still_stand_and_torch_meets_them(home) -> None:
    name = "torch packed"
    assert name in select.engine_names(LITE) and select.decide(LITE) != name and not names.usable(name)
    ids = {backbones.fingerprint(LITE, engine=engine)[0] for engine in select.engine_names(LITE)}
    assert len(ids) == 3, "vectors of different engines are never mixed"
    engine = select.build(LITE, "cpu", name)
    assert (engine.name, engine.precision) == ("torch", "float32")


@needs_openvino
def test_a_failed_conversion_is_a_reason_not_an_error(home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("unsupported operation")

    monkeypatch.setattr(openvino_engine, "converted", fails)
    assert select.decide(LITE) == "torch"
    assert "cannot run EfficientNet-Lite0" in select.remembered(LITE).why
    monkeypatch.undo()


@pytest.mark.slow
@needs_openvino
def test_the_probe_accepts_it_once_and_its_vectors_are_torch_s(home) -> None:
    assert select.engine_names(LITE)[0] == "torch", "nothing is assumed before the probe"
    assert select.decide(LITE) == "openvino" and select.engine_names(LITE)[0] == "openvino"
    squares = np.stack(
        [preprocessing.square(open_rgb(f), preprocessing.preprocessing_of(LITE).geometry) for f in photographs.files()]
    )
    fast, exact = select.build(LITE, "cpu"), select.build(LITE, "cpu", engine="torch")
    assert (fast.name, exact.name, fast.precision) == ("openvino", "torch", "float32")
    cosine, centred = photographs.agreement(fast.embed(squares), exact.embed(squares))
    assert cosine >= 0.99999 and centred >= 0.99999
    alone = np.concatenate([fast.embed(one[None]) for one in squares[:3]])
    together = fast.embed(squares[:3])
    assert np.abs(alone - together).max() <= 1e-5 * np.abs(together).max()
    assert "openvino_telemetry" not in sys.modules or sys.modules["openvino_telemetry"] is None


@pytest.mark.slow
@needs_openvino
def test_precision_is_what_was_asked_for(home) -> None:
    for precision, hint in (("float32", "float"), ("bfloat16", "bfloat16")):
        engine = openvino_engine.OpenVinoEngine(LITE, precision)
        assert hint in str(engine._compiled.get_property("INFERENCE_PRECISION_HINT"))
        assert engine._compiled.get_property("INFERENCE_NUM_THREADS") == 1


SILENT = """
import socket, sys
tried = []
def refuse(*where, **_):
    tried.append(where)
    raise OSError("no network here")
socket.socket.connect = socket.socket.connect_ex = socket.create_connection = socket.getaddrinfo = refuse
import numpy as np
from core import backbones
from core.backbones.engines import select
lite = backbones.get("tf_efficientnet_lite0")
engine = select.build(lite, "cpu", "openvino")
assert engine.embed(np.zeros((1, 224, 224, 3), np.uint8)).shape == (1, 1280)
assert sys.modules["openvino_telemetry"] is None and not [m for m in sys.modules if m.startswith("openvino_telemetry.")]
import atexit, threading
atexit._run_exitfuncs()
print(tried, [thread.name for thread in threading.enumerate() if "telemetry" in thread.name.lower()])
"""


@pytest.mark.slow
@needs_openvino
def test_converting_and_computing_try_no_connection(tmp_path: Path) -> None:
    """The package that reports usage is installed beside OpenVINO, and would send with every conversion."""
    environment = {**os.environ, "FUSIONSCOPE_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    seen = subprocess.run([sys.executable, "-c", SILENT], env=environment, capture_output=True, text=True, timeout=300)
    assert seen.returncode == 0, seen.stderr[-2000:]
    assert seen.stdout.strip().splitlines()[-1] == "[] []"
    assert not [path for path in tmp_path.rglob("*") if "telemetry" in path.name.lower() or path.name == "intel"]


_AT_ONCE = """
import threading
import numpy as np
from core.backbones.engines import openvino_engine

openvino = openvino_engine._library()
import openvino.opset13 as ops

given = ops.parameter([-1, 4], np.float32)
network = openvino.Core().compile_model(openvino.Model([ops.relu(given)], [given], "two"), "CPU")
start = threading.Barrier(8)

def first() -> None:
    request = network.create_infer_request()
    start.wait()
    request.infer([np.ones((3, 4), np.float32)])

threads = [threading.Thread(target=first) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print("ended")
"""


@pytest.mark.slow
@needs_openvino
def test_threads_that_run_openvino_first_do_not_stand_still() -> None:
    """Such a process (8 of 8) stood still for ever before the first exchange with numpy was made by one thread."""
    seen = subprocess.run([sys.executable, "-c", _AT_ONCE], capture_output=True, text=True, timeout=120)
    assert seen.returncode == 0 and seen.stdout.split() == ["ended"], seen.stderr[-2000:]
