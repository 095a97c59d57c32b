"""Checkpoints as training scripts write them: prefixes, more than tensors, two copies, a projection behind the vector."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from core import backbones, compat
from core.backbones import checkpoints
from core.backbones.engines import select
from core.backbones.sources import source_of
from core.errors import BadInput

SQUARES = np.random.default_rng(0).integers(0, 256, (2, 160, 160, 3), np.uint8)


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return compat.library("timm").create_model("test_resnet", num_classes=7).state_dict()


def prefixed(state: dict, prefix: str) -> dict:
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


SHAPES: dict[str, Callable[[dict], object]] = {
    "plain": lambda state: state,
    "lightning": lambda state: {"state_dict": prefixed(state, "model."), "hyper_parameters": {"lr": 0.1}, "epoch": 3},
    "lightning with a criterion": lambda state: {
        "state_dict": {**prefixed(state, "model."), "criterion.weight": torch.ones(7)}
    },
    "compiled": lambda state: prefixed(state, "_orig_mod."),
    "compiled and parallel": lambda state: {"model": prefixed(state, "module._orig_mod.")},
    "two parts": lambda state: {**prefixed(state, "encoder.backbone."), "decoder.weight": torch.ones(3)},
    "beside an optimizer": lambda state: {
        "net": state,
        "optimizer": {"state": {0: {"exp_avg": torch.ones(3), "step": 5}}},
        "epoch": 4,
    },
    "flat with a number": lambda state: {**state, "epoch": 3, "arch": "test_resnet"},
    "with its average": lambda state: {
        "state_dict": state,
        "state_dict_ema": {name: torch.zeros_like(tensor) for name, tensor in state.items()},
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_however_it_was_saved_it_is_the_same_network(shape: str, state: dict, home: Path, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "plain.pth")
    torch.save(SHAPES[shape](state), tmp_path / "other.pth")
    plain, other = (backbones.add_local("test_resnet", tmp_path / f"{name}.pth") for name in ("plain", "other"))
    vectors = [select.build(record, "cpu", "torch").embed(SQUARES) for record in (plain, other)]
    np.testing.assert_array_equal(*vectors)


def test_two_networks_in_one_file_are_not_guessed_between(state: dict, home: Path, tmp_path: Path) -> None:
    torch.save({**prefixed(state, "student."), **prefixed(state, "teacher.")}, tmp_path / "dino.pth")
    with pytest.raises(BadInput, match="holds the network 2 times, under 'student.' and 'teacher.'"):
        backbones.add_local("test_resnet", tmp_path / "dino.pth")


def test_objects_beside_tensors_are_one_clean_sentence(state: dict, home: Path, tmp_path: Path) -> None:
    torch.save({"state_dict": state, "args": argparse.Namespace(lr=1)}, tmp_path / "namespace.pth")
    with pytest.raises(BadInput) as caught:
        backbones.add_local("test_resnet", tmp_path / "namespace.pth")
    text = str(caught.value)
    assert "argparse.Namespace" in text and "torch.save(network.state_dict(), 'weights.pth')" in text
    assert "\x1b" not in text and "\n" not in text and len(text) < 300 and "weights_only" not in text


def test_a_file_without_tensors_is_refused(tmp_path: Path) -> None:
    for content in ({"epoch": 3}, [torch.ones(2)], {}):
        torch.save(content, tmp_path / "none.pth")
        with pytest.raises(BadInput, match="holds no state dict"):
            checkpoints.read_state(tmp_path / "none.pth")


def test_a_projection_behind_the_vector_is_named(state: dict, home: Path, tmp_path: Path) -> None:
    body = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
    torch.save({**prefixed(body, "model."), "model.head.weight": torch.ones(32, 4)}, tmp_path / "metric.pth")
    record = backbones.add_local("test_resnet", tmp_path / "metric.pth")
    note = source_of(record).note(record)
    assert "metric.pth also holds head.weight (32 × 4): a classifier or a projection behind the vector" in note
    assert f"the {record.dim} numbers before it" in note
    assert "Add the file with its projection" not in note, "a matrix of 4 numbers takes no vector of this network"
    torch.save(body, tmp_path / "bare.pth")
    bare = backbones.add_local("test_resnet", tmp_path / "bare.pth")
    assert source_of(bare).note(bare) == "" == source_of(backbones.get("hog")).note(backbones.get("hog"))


@pytest.mark.parametrize("bias", [True, False])
def test_a_projection_in_a_file_is_applied_where_somebody_says_so(
    state: dict, home: Path, tmp_path: Path, bias: bool
) -> None:
    body = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
    torch.save(body, tmp_path / "bare.pth")
    bare = backbones.add_local("test_resnet", tmp_path / "bare.pth")
    matrix = torch.randn(32, bare.dim, generator=torch.Generator().manual_seed(0))
    more = {"model.head.weight": matrix} | ({"model.head.bias": torch.ones(32)} if bias else {})
    torch.save({**prefixed(body, "model."), **more}, tmp_path / "metric.pth")
    plain = backbones.add_local("test_resnet", tmp_path / "metric.pth")
    assert "Add the file with its projection (`--projection`)" in source_of(plain).note(plain)
    record = backbones.add_local("test_resnet", tmp_path / "metric.pth", projection=True)
    assert record.name == f"{plain.name}+32" and record.dim == 32 and dict(record.options)["projection"] == 32
    assert backbones.get(record.name) == record
    note = source_of(record).note(record)
    assert note == f"The projection head.weight of metric.pth is applied: {bare.dim} numbers become 32."
    before, after = (select.build(one, "cpu", "torch").embed(SQUARES) for one in (bare, record))
    np.testing.assert_allclose(after, before @ matrix.numpy().T + float(bias), rtol=1e-3, atol=1e-4)
    with pytest.raises(BadInput, match="there is no projection to apply"):
        backbones.add_local("test_resnet", tmp_path / "bare.pth", projection=True)


@pytest.mark.parametrize(
    "then", [{"model.neck.1.running_mean": torch.zeros(8)}, {"model.neck.2.weight": torch.ones(4, 8)}]
)
def test_one_layer_of_several_is_no_projection(state: dict, home: Path, tmp_path: Path, then: dict) -> None:
    body = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
    torch.save(body, tmp_path / "bare.pth")
    dim = backbones.add_local("test_resnet", tmp_path / "bare.pth").dim
    torch.save({**prefixed(body, "model."), "model.neck.0.weight": torch.ones(8, dim), **then}, tmp_path / "neck.pth")
    plain = backbones.add_local("test_resnet", tmp_path / "neck.pth")
    assert "Add the file with its projection" not in source_of(plain).note(plain)
    with pytest.raises(BadInput, match="there is no projection to apply"):
        backbones.add_local("test_resnet", tmp_path / "neck.pth", projection=True)
