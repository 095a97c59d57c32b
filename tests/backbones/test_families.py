"""Five families, loaded as ever from the hub's cache: our vectors are those of the library's own transform and loop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hub_cache import TINY_CLIP, cached_repository, run

FAMILIES = {
    "resnet18": "CNN",
    "timm:vit_tiny_patch16_224.augreg_in21k_ft_in1k": "ViT",
    "dinov2_vits14": "self-supervised ViT",
    "mobilenetv3_small": "mobile",
    "hf-hub:tiny/clip": "vision-language",
}

AGREEMENT = """
import json, sys
from core import compat; compat.ensure_torchvision()
sys.path.insert(0, PLACE)
import numpy as np, open_clip, photographs, timm, torch
from core import backbones
from core.backbones import encode
from core.backbones.engines import names, select
from core.data.images import open_rgb
torch.set_num_threads(1)
pictures = [open_rgb(file) for file in photographs.files()]
found = {}
for name in NAMES:
    backbone = backbones.get(name)
    if backbone.source == "open_clip":
        model, _, transform = open_clip.create_model_and_transforms(name)
        network = model.eval().encode_image
    else:
        options = {k: v for k, v in backbone.options if k == "img_size"}
        tag = f"{backbone.architecture}.{backbone.weights}"
        network = timm.create_model(tag, pretrained=True, num_classes=0, **options).eval()
        asked = {"input_size": (3, 224, 224)} if options else {}  # as one says it who builds a network at another size
        transform = timm.data.create_transform(**timm.data.resolve_data_config(asked, model=network), is_training=False)
    with torch.inference_mode():
        theirs = np.concatenate([network(transform(picture)[None]).numpy() for picture in pictures])
    found[name] = {"family": backbone.family}
    for engine in filter(names.usable, ("torch", "openvino")):
        got = {}
        one = encode.Encoder(backbone, select.build(backbone, "cpu", engine=engine))
        sources = [encode.EncoderInput(str(n), lambda picture=picture: picture) for n, picture in enumerate(pictures)]
        encode.MultiEncoder([one], workers=1).run(sources, lambda _, keys, rows: got.update(zip(keys, rows)))
        ours = np.stack([got[str(n)] for n in range(len(pictures))])
        found[name][engine] = photographs.agreement(ours, theirs)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub cache with a network of each family, all of random weights."""
    from core import compat

    compat.ensure_torchvision()
    import open_clip
    import timm
    import torch
    from safetensors.torch import save_file

    place = tmp_path_factory.mktemp("hf")
    torch.manual_seed(0)

    def keep(network: torch.nn.Module, repository: str, file: str) -> Path:
        snapshot = cached_repository(place / "hub", repository)
        save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, snapshot / file)
        return snapshot

    for tag in (
        "resnet18.a1_in1k",
        "vit_tiny_patch16_224.augreg_in21k_ft_in1k",
        "vit_small_patch14_dinov2.lvd142m",
        "mobilenetv3_small_100.lamb_in1k",
    ):
        keep(timm.create_model(tag), f"timm/{tag}", "model.safetensors")
    local = tmp_path_factory.mktemp("clip")
    (local / "open_clip_config.json").write_text(json.dumps(TINY_CLIP))
    clip = open_clip.create_model(f"local-dir:{local}", load_weights=False)
    snapshot = keep(clip, "tiny/clip", "open_clip_model.safetensors")
    (snapshot / "open_clip_config.json").write_text(json.dumps(TINY_CLIP))
    return place


@pytest.mark.slow
def test_our_vectors_are_those_of_the_library_s_own_loop(hub: Path, tmp_path: Path) -> None:
    place, names = str(Path(__file__).parent), list(FAMILIES)
    found = json.loads(run(f"PLACE, NAMES = {place!r}, {names!r}\n{AGREEMENT}", hub, tmp_path / "home"))
    assert {name: seen.pop("family") for name, seen in found.items()} == FAMILIES
    for name, engines in found.items():
        assert "torch" in engines
        for engine, (smallest, centred) in engines.items():
            assert smallest >= 0.9999 and centred >= 0.9999, (name, engine, smallest, centred)
