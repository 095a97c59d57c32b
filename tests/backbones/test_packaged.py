"""The real weights that a package carries: the right network, and our vectors equal the plain loop's."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import photographs
import pytest

from core import backbones, compat
from core.backbones import checkpoints, encode, preprocessing
from core.backbones.engines import select
from core.backbones.sources import source_of
from core.backbones.sources import timm as timm_source
from core.data.images import open_rgb
from core.errors import BadInput

LITES = ("tf_efficientnet_lite0", "tf_efficientnet_lite2")
KNOWN = {
    "coffee.png": {967},
    "camera.png": {872},
    "china.jpg": {698},
    "chelsea.png": {281, 282, 285},
    "motorcycle_left.png": {665, 670},
}
"""ImageNet classes: espresso, tripod, palace, cats, moped or scooter."""
PHOTOS = {"dalmatian": 251, "grand_piano": 579, "pizza": 963, "flamingo": 130, "llama": 355, "starfish": 327}


@pytest.fixture(scope="module", params=LITES)
def lite(request: pytest.FixtureRequest):
    compat.ensure_torchvision()
    backbone = backbones.get(request.param)
    return backbone, source_of(backbone).load_network(backbone, num_classes=None).eval()


def classes(backbone, module, files: list[Path]) -> list[int]:
    import torch

    said = preprocessing.preprocessing_of(backbone)
    squares = np.stack([preprocessing.square(open_rgb(file), said.geometry) for file in files])
    pictures = torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        return module((pictures - 0.5) / 0.5).argmax(1).tolist()


def test_the_classifier_names_what_is_in_the_photographs(lite) -> None:
    backbone, module = lite
    by_name = {file.name: file for file in photographs.files()}
    found = dict(zip(KNOWN, classes(backbone, module, [by_name[name] for name in KNOWN])))
    assert all(found[name] in right for name, right in KNOWN.items()), found


def test_the_classifier_is_right_on_shared_photographs(lite, shared_data: Path) -> None:
    backbone, module = lite
    files, right = [], []
    for name, number in PHOTOS.items():
        chosen = sorted((shared_data / "photos" / name).glob("*.jpg"))[:6]
        files += chosen
        right += [number] * len(chosen)
    assert np.mean(np.array(classes(backbone, module, files)) == right) >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("name", LITES)
def test_the_vectors_are_those_of_timm_s_own_loop(name: str) -> None:
    backbone = backbones.get(name)
    pictures = [open_rgb(file) for file in photographs.files()]
    theirs = photographs.plain_loop(source_of(backbone).load(backbone), backbone, pictures)
    got: dict[str, np.ndarray] = {}
    encode.MultiEncoder([encode.Encoder(backbone, select.build(backbone, "cpu", engine="torch"))], workers=2).run(
        [encode.EncoderInput(str(n), lambda picture=picture: picture) for n, picture in enumerate(pictures)],
        lambda _, keys, vectors: got.update(zip(keys, vectors)),
    )
    ours = np.stack([got[str(n)] for n in range(len(pictures))])
    cosine, centred = photographs.agreement(ours, theirs)
    assert cosine >= 0.9999 and centred >= 0.9999
    query = backbones.query_encoder(name).encode(pictures)
    assert photographs.agreement(query, theirs)[0] >= 0.9999
    np.testing.assert_allclose(np.linalg.norm(query, axis=1), 1, atol=1e-5)


def test_one_picture_embeds_as_in_a_batch() -> None:
    engine = select.build(backbones.get(LITES[0]), "cpu", engine="torch")
    squares = np.stack(
        [preprocessing.square(open_rgb(f), engine.preprocessing.geometry) for f in photographs.files()[:8]]
    )
    together = engine.embed(squares)
    alone = np.concatenate([engine.embed(one[None]) for one in squares])
    assert np.abs(together - alone).max() <= 1e-5 * np.abs(together).max()


def packaged() -> Path:
    return source_of(backbones.get(LITES[0])).weights_file(backbones.get(LITES[0]))


def test_a_damaged_weights_file_is_refused(tmp_path: Path) -> None:
    file = packaged()
    copy = tmp_path / file.name
    shutil.copy(file, copy)
    checkpoints.check_named_hash(copy)
    with copy.open("r+b") as stream:
        stream.seek(100_000)
        stream.write(b"\0\1\2")
    with pytest.raises(BadInput, match="damaged"):
        checkpoints.check_named_hash(copy)


def test_weights_of_another_network_are_refused() -> None:
    state = checkpoints.read_state(packaged())
    reference = timm_source.build(backbones.get("tf_efficientnet_lite2"), None).state_dict()
    with pytest.raises(BadInput, match="296 tensors"):
        checkpoints.match_by_position(state, reference, "file")
    shuffled = dict(reversed(state.items()))
    with pytest.raises(BadInput, match="does not fit"):
        checkpoints.match_by_position(shuffled, state, "file")


def test_a_pickle_that_would_run_code_is_not_read(tmp_path: Path) -> None:
    import pickle

    class Hostile:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / "bad.pth").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(BadInput, match="refused"):
        checkpoints.read_state(tmp_path / "bad.pth")
    assert not (tmp_path / "ran").exists()
