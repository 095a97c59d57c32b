"""Pictures as a viewer shows them, within bounded memory; the nasty ones go to the quarantine with a reason."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data import images
from core.errors import BadInput

ROOT = Path(__file__).resolve().parents[2]
RED, WHITE = (200, 30, 30), (255, 255, 255)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def corner_marked() -> Image.Image:
    """8 x 4, its top left pixel red: shows any wrong turn."""
    picture = Image.new("RGB", (8, 4), WHITE)
    picture.putpixel((0, 0), (255, 0, 0))
    return picture


RED_AT = {1: (0, 0), 2: (7, 0), 3: (7, 3), 4: (0, 3), 5: (0, 0), 6: (3, 0), 7: (3, 7), 8: (0, 7)}


@pytest.mark.parametrize("orientation", RED_AT)
def test_exif_orientation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(corner_marked(), "PNG", exif=exif)
    shown = images.open_rgb(data)
    assert shown.size == ((8, 4) if orientation < 5 else (4, 8))
    assert shown.getpixel(RED_AT[orientation]) == (255, 0, 0)
    head = images.header(data)
    assert (head.width, head.height) == shown.size


def test_alpha_lies_on_white() -> None:
    picture = Image.new("RGBA", (2, 1), (*RED, 255))
    picture.putpixel((1, 0), (0, 0, 0, 0))
    for kind in ("PNG", "WEBP"):
        shown = images.open_rgb(encoded(picture, kind, **({"lossless": True} if kind == "WEBP" else {})))
        assert [shown.getpixel((x, 0)) for x in (0, 1)] == [RED, WHITE]
    half = images.open_rgb(encoded(Image.new("LA", (1, 1), (0, 128)), "PNG")).getpixel((0, 0))
    assert half == (127, 127, 127)


def test_palette_and_its_transparency() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([*RED, 1, 2, 3])
    picture.putpixel((1, 0), 1)
    assert images.open_rgb(encoded(picture, "PNG")).getpixel((1, 0)) == (1, 2, 3)
    shown = images.open_rgb(encoded(picture, "PNG", transparency=1))
    assert [shown.getpixel((x, 0)) for x in (0, 1)] == [RED, WHITE]
    assert images.open_rgb(encoded(picture, "GIF", transparency=1)).getpixel((1, 0)) == WHITE


def test_sixteen_bits_become_eight() -> None:
    values = np.array([[0, 128, 32768, 65535]], np.uint16)
    shown = np.asarray(images.open_rgb(encoded(Image.fromarray(values), "PNG")))
    assert shown[0, :, 0].tolist() == [0, 0, 128, 255]
    shown = np.asarray(images.open_rgb(encoded(Image.fromarray(values), "TIFF")))
    assert shown[0, :, 1].tolist() == [0, 0, 128, 255]
    floats = Image.fromarray(np.array([[0.0, 0.5, 1.0, np.nan]], np.float32))
    assert np.asarray(images.open_rgb(encoded(floats, "TIFF")))[0, :, 2].tolist() == [0, 128, 255, 0]


def test_cmyk_grey_and_bilevel() -> None:
    shown = images.open_rgb(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95))
    red, green, blue = shown.getpixel((4, 4))
    assert red > 230 and green < 40 and blue < 40
    assert images.open_rgb(encoded(Image.new("L", (2, 2), 77), "PNG")).getpixel((1, 1)) == (77, 77, 77)
    assert images.open_rgb(encoded(Image.new("1", (2, 2), 1), "PNG")).getpixel((1, 1)) == WHITE


def test_an_animation_shows_its_first_frame() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, (0, 0, 255), (0, 255, 0))]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        lossless = {"lossless": True} if kind == "WEBP" else {}
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **lossless)
        assert images.open_rgb(data).getpixel((1, 1)) == RED, kind


def test_rgb_is_what_pillow_decodes(shared_data: Path) -> None:
    path = sorted((shared_data / "photos").rglob("*.jpg"))[7]
    with Image.open(path) as plain:
        assert np.array_equal(np.asarray(images.open_rgb(path)), np.asarray(plain.convert("RGB")))
    assert np.array_equal(np.asarray(images.open_rgb(path)), np.asarray(images.open_rgb(path.read_bytes())))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "The file is empty."),
        (b"just words", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not an image"),
        (encoded(corner_marked(), "PNG")[:60], "cut off|damaged"),
        (encoded(Image.effect_noise((64, 64), 50), "JPEG")[:-300], "cut off"),
    ],
)
def test_what_cannot_be_shown_has_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(BadInput, match=reason) as caught:
        images.open_rgb(data)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_a_bomb_is_refused_before_a_pixel_is_decoded() -> None:
    data = bytearray(encoded(Image.new("L", (1, 1)), "BMP"))
    data[18:26] = (20_000).to_bytes(4, "little") + (20_000).to_bytes(4, "little")
    with pytest.raises(BadInput, match="megapixels"):
        images.open_rgb(bytes(data))


MEMORY = """
    import resource, sys
    sys.path.insert(0, {root!r})
    from core.data import images
    images.formats()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    picture = images.open_rgb({path!r})
    small = images.thumbnails(picture)
    print(picture.size, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, len(small["large"]))
"""


def test_fifty_megapixels_are_shown_within_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.effect_noise((500, 400), 60).convert("RGB").resize((8660, 5774)).save(path, quality=60, exif=exif)
    code = textwrap.dedent(MEMORY.format(root=str(ROOT), path=str(path)))
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    size, megabytes = said.rsplit(")", 1)[0] + ")", int(said.rsplit(")", 1)[1].split()[0])
    assert size == "(5774, 8660)"
    assert megabytes < 600, said


def test_every_nasty_file_opens_or_has_its_reason(shared_data: Path) -> None:
    with (shared_data / "nasty" / "index.csv").open(newline="", encoding="utf-8") as file:
        index = {row["file"]: row for row in csv.DictReader(file)}
    opened = {}
    for name in index:
        try:
            picture = images.open_rgb(shared_data / "nasty" / "files" / name)
            assert picture.mode == "RGB" and min(picture.size) >= 1
            opened[name] = True
        except BadInput as error:
            assert 10 < len(str(error)) < 260 and "\n" not in str(error)
            opened[name] = False
    differ = [name for name, row in index.items() if opened[name] != (row["pillow_loads"] == "yes")]
    assert len(opened) == 198 and len(differ) <= 4, differ  # other versions of Pillow decode a few more or fewer


def test_thumbnails_keep_the_shape() -> None:
    made = images.thumbnails(Image.new("RGB", (1000, 250), RED))
    large, small = images.open_rgb(made["large"]), images.open_rgb(made["small"])
    assert large.size == (384, 96) and small.size == (128, 32)
    assert np.abs(np.asarray(small, int)[16, 64] - RED).max() < 8
    tiny = images.open_rgb(images.thumbnails(Image.new("RGB", (3000, 1)))["small"])
    assert tiny.size == (128, 1)
    assert images.open_rgb(images.thumbnails(Image.new("RGB", (10, 20)))["large"]).size == (10, 20)
