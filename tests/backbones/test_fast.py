"""The fast mode is what its fingerprint says, and stays above its documented floor on real photographs."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections import Counter
from functools import partial
from types import SimpleNamespace

import numpy as np
import photographs
import pytest
import torch
from PIL import Image

from core import backbones
from core.backbones import custom, encode, text_cache
from core.backbones.engines import names, openvino_engine, probe, select
from core.backbones.sources import source_of
from core.data import images
from core.errors import BadInput, UnknownName
from core.types import Backbone, unit

LITE = backbones.get("tf_efficientnet_lite0")
FAST = custom.fast(LITE)
needs_openvino = pytest.mark.skipif(not openvino_engine.installed(), reason="OpenVINO has no wheel here")


def jpeg(picture: Image.Image, side: int = 0, **more) -> bytes:
    if side:
        scale = side / min(picture.size)
        picture = picture.resize([round(scale * length) for length in picture.size], Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=92, **more)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    """Real photographs at the sizes of the web and of a camera."""
    pictures = [images.open_rgb(file) for file in photographs.files()]
    return [
        jpeg(picture, side) for number, picture in enumerate(pictures) for side in (0, (700, 1300, 2500)[number % 3])
    ]


@pytest.fixture(scope="module")
def exact(files) -> np.ndarray:
    return vectors(LITE, "torch", files)


def vectors(backbone: Backbone, engine: str, files: list[bytes]) -> np.ndarray:
    got: dict[str, np.ndarray] = {}
    one = encode.Encoder(backbone, select.build(backbone, "cpu", engine))
    sources = [
        encode.EncoderInput(str(n), lambda at_least=0, f=f: images.open_rgb(f, at_least)) for n, f in enumerate(files)
    ]
    encode.MultiEncoder([one], workers=1).run(sources, lambda _, keys, rows: got.update(zip(keys, rows)))
    return np.stack([got[str(n)] for n in range(len(files))])


@pytest.mark.slow
@pytest.mark.parametrize("engine", [names.FLOAT32, pytest.param(names.OPENVINO_FLOAT32, marks=needs_openvino)])
def test_reduced_pixels_keep_the_floor_on_real_photographs(engine: str, files, exact) -> None:
    rows = (vectors(FAST, engine, files) * exact).sum(1)
    assert rows.min() >= probe.FAST_SMALLEST and rows.mean() >= probe.FAST_MEAN
    assert rows.min() < 0.9999, "reduced decoding is not exact, and must not be sold as that"


@pytest.mark.slow
def test_what_the_fast_mode_chooses_keeps_the_floor(home, files, exact) -> None:
    chosen = select.decide(FAST, "cpu")
    assert select.remembered(FAST, chosen).accepted and select.engine_name(FAST) == chosen
    rows = (vectors(FAST, chosen, files) * exact).sum(1)
    assert rows.min() >= probe.FAST_SMALLEST and rows.mean() >= probe.FAST_MEAN


@pytest.mark.parametrize("size", [(640, 480), (1023, 2000), (1024, 2000), (4100, 2100), (9000, 4200)])
def test_a_jpeg_is_never_decoded_below_what_is_asked(size: tuple[int, int]) -> None:
    content = jpeg(Image.effect_mandelbrot(size, (-2, -1.2, 1, 1.2), 4))
    picture = images.open_rgb(content, 512)
    scale = images.draft_scale(size, 512)
    assert min(picture.size) >= min(512, *size) and min(picture.size) == -(-min(size) // scale)
    assert picture.info["full size"] == size and (scale > 1) == (min(size) >= 1024)
    assert images.open_rgb(content).size == size


def test_orientation_and_other_formats_are_as_ever() -> None:
    tall = Image.new("RGB", (2400, 1200))
    tall.paste((255, 0, 0), (0, 0, 1200, 1200))
    turned = Image.Exif()
    turned[0x0112] = 6
    reduced = images.open_rgb(jpeg(tall, exif=turned.tobytes()), 300)
    assert reduced.size == (300, 600) and np.asarray(reduced)[40, 150, 0] > 200 > np.asarray(reduced)[560, 150, 0]
    buffer = io.BytesIO()
    tall.save(buffer, "PNG")
    assert images.open_rgb(buffer.getvalue(), 300).size == (2400, 1200)


def test_one_decode_per_reduction_and_the_same_vector_whoever_runs_beside(files) -> None:
    """What is reduced depends on the backbone and the picture alone, not on which other backbones run."""
    opened: Counter[tuple[str, int]] = Counter()

    def source(name: str, content: bytes) -> encode.EncoderInput:
        def open_picture(at_least: int = 0) -> Image.Image:
            opened[name, images.draft_scale(_size(content), at_least)] += 1
            return images.open_rgb(content, at_least)

        return encode.EncoderInput(name, open_picture)

    lite2, hog = backbones.get("tf_efficientnet_lite2"), backbones.get("hog")
    both = [encode.Encoder(b, _Mean(b)) for b in (FAST, custom.fast(lite2), hog)]
    got: dict[str, dict[str, np.ndarray]] = {}
    sources = [source(str(n), content) for n, content in enumerate(files)]
    counters = encode.MultiEncoder(both, workers=2).run(
        sources, lambda name, keys, rows: got.setdefault(name, {}).update(zip(keys, rows))
    )
    assert set(opened.values()) == {1} and counters.decoded == sum(opened.values())
    assert counters.decoded < 3 * len(files) and counters.resized == 3 * len(files)
    for one in both:
        alone: dict[str, np.ndarray] = {}
        keep = partial(lambda into, _, keys, rows: into.update(zip(keys, rows)), alone)
        encode.MultiEncoder([one], workers=2).run(sources, keep)
        assert all(np.array_equal(alone[key], got[one.name][key]) for key in alone)


def _size(content: bytes) -> tuple[int, int]:
    return images.header(content).width, images.header(content).height


class _Mean:
    """A fake engine: the means of a coarse grid."""

    name, precision, device, chunk = "mean", "float32", "cpu", 8

    def __init__(self, backbone) -> None:
        from core.backbones import preprocessing

        self.preprocessing, self.dim = preprocessing.preprocessing_of(backbone), 12

    def embed(self, squares: np.ndarray) -> np.ndarray:
        cut = squares.shape[1] // 2
        parts = [squares[:, y : y + cut, x : x + cut].mean((1, 2)) for y in (0, cut) for x in (0, cut)]
        return np.concatenate(parts, axis=1).astype(np.float32)


def test_torch_s_bfloat16_stands_behind_the_same_floor(home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_engine, "version", lambda: "")
    seen: list[str] = []

    def faked(backbone, engine, device):
        seen.append(engine)
        return probe.verdict_of(backbone, *bad if engine == "torch" else good, engine)

    rows = unit(np.random.default_rng(0).normal(size=(16, 40)))
    good, bad = (rows, rows), (unit(rows + 0.1 * np.random.default_rng(1).normal(size=rows.shape)), rows)
    monkeypatch.setattr(select, "probe", faked)
    assert select.decide(FAST, "cpu") == names.FLOAT32 and seen == ["torch", names.FLOAT32]
    assert select.decide(FAST, "cpu") == names.FLOAT32 and len(seen) == 2, "verdicts are remembered"
    record = backbones.fingerprint(FAST)[1]
    assert (record["engine"], record["precision"]) == (names.FLOAT32, "float32")
    assert "reduced to 4 times" in record["decoder"] and record["resize"] == "box"
    assert backbones.fingerprint(FAST, "torch")[1]["precision"] == "bfloat16"
    assert select.build(FAST, "cpu", names.FLOAT32).precision == "float32"
    assert select.decide(LITE, "cpu") == "torch"


@pytest.mark.slow
@pytest.mark.parametrize("gain", [2.0, 1.0])
def test_torch_s_bfloat16_must_be_faster_too(home, gain: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processors without bfloat16 emulate it: the same vectors, later."""
    embedded = probe._embedded
    seconds = iter([gain, 1.0])
    monkeypatch.setattr(probe, "_embedded", lambda *given: (embedded(*given[:3])[0], next(seconds)))
    monkeypatch.setattr(probe, "FAST_MEAN", 0.99)  # the floor is another test's
    found = probe.probe(FAST, "torch")
    assert found.accepted == (gain > probe.GAIN)
    assert (
        "50% of its processor time" if gain == 2 else "is not faster here for EfficientNet-Lite0 (fast) (1.00 times)"
    ) in found.why


def test_what_takes_far_too_long_is_given_up_after_a_quarter(home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_PATIENCE", 0)
    monkeypatch.setattr(probe, "_WARMING", 0.0)
    found = probe.probe(FAST, "torch")
    assert not found.accepted and found.smallest != found.smallest, "nothing was compared"
    assert "Bfloat16 is not faster here for EfficientNet-Lite0 (fast)" in found.why and found.gain > 0


def test_the_fast_mode_is_that_of_the_exact_backbone_as_it_is_now(home) -> None:
    first = dataclasses.replace(LITE, name="mine", source="file", weights="one.pth", label="Mine")
    custom.add(first)
    assert backbones.get("fast:mine").weights == "one.pth"
    custom.add(dataclasses.replace(first, weights="two.pth"))
    assert backbones.get("fast:mine").weights == "two.pth"
    assert custom.exact(backbones.get("fast:mine")) == backbones.get("mine")
    custom.remove("mine")
    assert backbones.get("fast:mine").title == "Mine (fast)", "it stays, as it was added"
    assert custom.exact(backbones.get("fast:mine")) == first


def test_names_that_have_no_fast_mode_leave_nothing_behind(home) -> None:
    for name in ("fast:hog", "fast:fast:tf_efficientnet_lite0", "fast:" * 1500 + "hog"):
        with pytest.raises(BadInput, match="there is no faster mode of it"):
            backbones.get(name)
    with pytest.raises(UnknownName):
        backbones.get("fast:nothing like it")
    assert not custom.added()


def test_texts_are_read_once_for_both_modes_under_the_names_of_before(home) -> None:
    clip = backbones.get("clip_vitb32")
    plain = dataclasses.asdict(clip)
    del plain["mode"]
    plain["trained_on"] = "WIT, 400 million pictures with texts"
    said = json.dumps([plain, source_of(clip).identity(clip)], sort_keys=True, default=str)
    assert text_cache.file_of(clip).stem == f"clip_vitb32-{hashlib.sha256(said.encode()).hexdigest()[:16]}"
    assert text_cache.file_of(custom.fast(clip)) == text_cache.file_of(clip)


def test_the_first_convolutions_of_torch_s_bfloat16_stay_in_float32(home) -> None:
    engine = select.build(FAST, "cpu", "torch")
    seen: list[str] = []
    for layer in engine._module.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda _, __, made: seen.append(str(made.dtype)))
    engine.embed(np.zeros((1, 224, 224, 3), np.uint8))
    assert seen[:2] == ["torch.float32"] * 2 and set(seen[2:]) == {"torch.bfloat16"}


@pytest.mark.slow
@needs_openvino
@pytest.mark.parametrize(("name", "first"), [("openvino", 2), (names.OPENVINO_CAREFUL, 5)])
def test_the_first_convolutions_of_openvino_s_bfloat16_stay_in_float32(home, name: str, first: int) -> None:
    engine = select.build(FAST, "cpu", name)
    notes = [layer.get_rt_info() for layer in engine._compiled.get_runtime_model().get_ordered_ops()]
    seen = [one["runtimePrecision"].value for one in notes if one["layerType"].value == "Convolution"]
    if "bf16" not in seen:
        pytest.skip("this processor has no bfloat16")
    assert seen[:first] == ["f32"] * first and set(seen[first:]) == {"bf16"}
    assert backbones.fingerprint(FAST, name)[1]["float32 convolutions"] == first
    assert "float32 convolutions" not in backbones.fingerprint(LITE, "openvino")[1]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torch", pytest.param(names.OPENVINO_CAREFUL, marks=needs_openvino)])
def test_bfloat16_holds_the_floor_of_the_light_networks(home, engine: str) -> None:
    """It does because the first convolutions stay in float32: without that, Lite2 falls to 0.994 on average."""
    found = probe.probe(custom.fast(backbones.get("tf_efficientnet_lite2")), engine)
    assert found.smallest >= probe.FAST_SMALLEST and found.mean >= probe.FAST_MEAN


@pytest.mark.slow
@needs_openvino
def test_vectors_that_are_missing_are_an_error(home, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = openvino_engine.OpenVinoEngine(LITE)
    squares = np.zeros((2, 224, 224, 3), np.uint8)
    engine.embed(squares)
    request = SimpleNamespace(infer=lambda _: None, get_output_tensor=lambda _: SimpleNamespace(data=np.zeros((0, 4))))
    monkeypatch.setattr(engine._local, "request", request)
    with pytest.raises(RuntimeError, match="0 vectors of 2 images"):
        engine.embed(squares)


def test_no_fast_mode_is_better_than_a_bad_one(home, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = unit(np.random.default_rng(0).normal(size=(16, 40)))
    other = unit(np.random.default_rng(1).normal(size=(16, 40)))
    monkeypatch.setattr(select, "probe", lambda b, engine, device: probe.verdict_of(b, other, rows, engine))
    with pytest.raises(BadInput, match="(fast).*cannot run on this machine.*Use the exact backbone"):
        select.decide(FAST, "cpu")


@pytest.mark.slow
def test_the_probe_of_the_fast_mode_sees_reduced_pixels(home) -> None:
    verdict = probe.probe(FAST, names.FLOAT32)
    assert verdict.accepted and probe.FAST_SMALLEST <= verdict.smallest < 0.9999
