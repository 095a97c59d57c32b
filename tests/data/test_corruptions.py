"""Corruptions: five steps each, seeded by the image, worse from step to step; a user's own joins the table."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from core.data.corruptions import CORRUPTIONS, N_STEPS, Corruption
from core.errors import BadInput
from core.fusion import plugins
from tests.conftest import draw_tiny

KINDS = ("blur", "jpeg", "noise", "crop", "rotation", "grey", "dark", "occlusion")


def scene(width: int = 120, height: int = 90) -> Image.Image:
    """Coloured grain and a shape."""
    random = np.random.default_rng(4)
    grain = random.integers(60, 200, (height // 6, width // 6, 3)).astype(np.uint8)
    made = Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC)
    made.paste(draw_tiny("grid", 2, 40), (50, 30))
    return made


def distance(a: Image.Image, b: Image.Image) -> float:
    return float(np.abs(np.asarray(a, float) - np.asarray(b.resize(a.size), float)).mean())


def test_the_table_holds_the_kinds_with_their_references() -> None:
    assert set(KINDS) <= set(CORRUPTIONS.names)
    for kind in CORRUPTIONS:
        assert kind.label and kind.amount and kind.sentence and kind.reference and len(kind.steps) == N_STEPS


@pytest.mark.parametrize("name", KINDS)
def test_each_step_takes_more_and_the_same_seed_takes_the_same(name: str) -> None:
    image, kind = scene(), CORRUPTIONS.get(name)
    made = [kind.apply(image, step, "a" * 64) for step in range(1, N_STEPS + 1)]
    assert all(single.mode == "RGB" for single in made) and image.tobytes() == scene().tobytes(), "the original stays"
    far = [distance(image, single) for single in made]
    assert far[0] > 0 and far[-1] > far[0], far
    if name not in {"rotation", "crop"}:  # a half turn may look more alike than a quarter
        assert far == sorted(far), far
    again = kind.apply(scene(), 3, "a" * 64)
    assert again.tobytes() == made[2].tobytes()


@pytest.mark.parametrize("name", ["noise", "crop", "occlusion"])
def test_what_is_random_hangs_on_the_image_and_the_seed(name: str) -> None:
    kind, image = CORRUPTIONS.get(name), scene()
    made = {kind.apply(image, 3, key, seed).tobytes() for key in ("a" * 64, "b" * 64) for seed in (0, 1)}
    assert len(made) == 4


def test_the_hidden_box_grows_to_its_share() -> None:
    image = Image.new("RGB", (200, 100), (0, 0, 0))
    for step, share in enumerate(CORRUPTIONS.get("occlusion").steps, 1):
        made = np.asarray(CORRUPTIONS.get("occlusion").apply(image, step, "c" * 64))
        assert (made == 128).all(axis=2).mean() == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (2, 2)])
@pytest.mark.parametrize("name", KINDS)
def test_tiny_images_survive(name: str, size: tuple[int, int]) -> None:
    for step in (1, N_STEPS):
        made = CORRUPTIONS.get(name).apply(Image.new("RGB", size, (9, 99, 199)), step, "d" * 64)
        assert made.mode == "RGB" and min(made.size) >= 1


def test_four_steps_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="4 steps, not 5"):
        Corruption("short", lambda image, amount, random: image, "Short", (1, 2, 3, 4), "nothing")


PLUGIN = """
from core.data.corruptions import CORRUPTIONS

@CORRUPTIONS.register("mirror", label="Mirrored", steps=(1, 2, 3, 4, 5), amount="nothing", sentence="Left is right.")
def mirrored(image, amount, random):
    from PIL import ImageOps
    return ImageOps.mirror(image)

@CORRUPTIONS.register("bad", label="Bad", steps=(1, 2, 3, 4, 5), amount="nothing", sentence="Fails.")
def bad(image, amount, random):
    raise RuntimeError("no film in the camera")
"""


def test_a_users_own_joins_the_table_and_its_code_is_part_of_its_identity(tmp_path) -> None:
    file = tmp_path / "mine.py"
    try:
        file.write_text(PLUGIN)
        assert plugins.load_plugins(tmp_path) == ()
        mirror = CORRUPTIONS.get("mirror")
        assert mirror.is_plugin and mirror.apply(scene(), 1, "e" * 64).tobytes() != scene().tobytes()
        with pytest.raises(BadInput, match="Your corruption 'bad' could not be used: RuntimeError: no film"):
            CORRUPTIONS.get("bad").apply(scene(), 1, "e" * 64)
        before = mirror.identity
        file.write_text(PLUGIN.replace("ImageOps.mirror(image)", "ImageOps.flip(ImageOps.mirror(image))"))
        import os

        os.utime(file, (2_000_000_000, 2_000_000_000))
        plugins.load_plugins(tmp_path)
        assert CORRUPTIONS.get("mirror").identity != before and CORRUPTIONS.get("blur").identity == "blur"
    finally:
        plugins.load_plugins(tmp_path / "nothing")
    assert "mirror" not in CORRUPTIONS
