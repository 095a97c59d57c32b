"""The networks of the published pipeline through the real loading path: a hub cache of random weights, tuned and competing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core import compat
from tests.backbones.hub_cache import REVISION, cached_repository, run
from tests.conftest import draw_tiny

PUBLISHED = {
    "resnet50": "resnet50.a1_in1k",
    "efficientnet_b0": "efficientnet_b0.ra_in1k",
    "vit_b16_in1k": "vit_base_patch16_224.augreg2_in21k_ft_in1k",
}


def drawn(shape, generator):
    """Random numbers that keep the size of what goes through: as He et al. 2015 start a network."""
    import torch

    inputs = max(1, int(torch.tensor(shape[1:]).prod()))
    return torch.randn(shape, generator=generator).mul_((2 / inputs) ** 0.5).half()


@pytest.fixture
def published(tmp_path: Path):
    """A hub folder (HF_HOME) with the three networks, each with its classifier, in the files that the hub has."""
    compat.ensure_torchvision()
    import timm
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(0)
    for name in PUBLISHED.values():
        with torch.device("meta"):
            network = timm.create_model(name.partition(".")[0])
        state = {}
        for key, tensor in network.state_dict().items():
            if key.endswith(("running_var", ".weight")) and tensor.ndim == 1:
                state[key] = torch.ones(tensor.shape)
            elif tensor.ndim > 1:
                state[key] = drawn(tensor.shape, generator)
            else:
                state[key] = torch.zeros(tensor.shape, dtype=tensor.dtype)
        save_file(state, cached_repository(tmp_path / "hub", f"timm/{name}") / "model.safetensors")
    yield tmp_path
    shutil.rmtree(tmp_path / "hub")


CODE = """
import json
from core import backbones, cli, data
from core.backbones.engines import select
from core.studies import competition
from core.studies.finetuning import network_learners, run
from core.studies.finetuning.plan import Plan
select.decide = lambda backbone, device=None: "torch"  # which engine is quicker here is another question
competition.TIMED = network_learners.VIEWS = 1
network_learners.MOST_VALIDATION = network_learners.BESIDE = 2
folder, out, *names = ARGUMENTS
assert cli.main(["compete", "--data", folder, "--backbones", ",".join(names), "--top-k", "1", "--out", out]) == 0
cards = {}
for name in names:
    plan = Plan(f"last-{name}", name, moves="last", epochs=1, batch=4, dim=16)
    made = run.train(run.prepare(data.load(folder), plan)).backbone
    cards[name] = backbones.tuned.card(made.name)
print("CARDS", json.dumps(cards))
"""


@pytest.mark.slow
def test_three_networks_are_tuned_and_compete_from_the_cache_of_the_hub(published: Path, tmp_path: Path) -> None:
    for number, part in enumerate(("train", "train", "train", "test/query", "test/gallery")):
        for kind in ("circle", "stripes"):
            file = tmp_path / "data" / part / kind / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            draw_tiny(kind, number).save(file)
    arguments = [str(tmp_path / "data"), str(tmp_path / "run"), *PUBLISHED]
    said = run(f"ARGUMENTS = {arguments!r}\n{CODE}", published, tmp_path / "home")
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert len(results) == 2 and all(len(line) == 1 for line in results.values())
    rows = (tmp_path / "run" / "systems.csv").read_text().splitlines()
    assert len(rows) == 1 + 3 + 2 * 3 + 2, "each alone; each pair and the three together, by mean and by concat"
    assert (tmp_path / "run" / "report.html").is_file()
    cards = json.loads(said.partition("CARDS ")[2])
    for name, card in cards.items():
        assert card["moved"] == "last" and card["base"]["name"] == name and len(card["curve"]) == 2
        assert REVISION in str(card["base_weights"]), "the revision of the cache is part of what it was made from"
