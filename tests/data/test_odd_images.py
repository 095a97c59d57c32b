"""Single images that failed in the field: turned, cut off, too dark, or no images at all."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import data
from core.data import images
from core.errors import BadInput
from tests.data.sources import write


def test_twelve_bits_in_sixteen_can_be_seen(tmp_path: Path) -> None:
    values = np.linspace(0, 4095, 64).astype(np.uint16).reshape(8, 8)
    for ending in ("tif", "png"):
        Image.fromarray(values).save(tmp_path / f"grey.{ending}")
        shown = np.asarray(images.open_rgb(tmp_path / f"grey.{ending}"))
        assert shown.max() == 255 and shown.min() == 0 and (np.diff(shown[..., 0].ravel().astype(int)) >= 0).all()


@pytest.mark.parametrize("kind", ["TIFF", "JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_header_and_pixels_agree_on_the_turn(kind: str, orientation: int) -> None:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.new("RGB", (60, 30)).save(buffer, kind, exif=exif)
    header = images.header(buffer.getvalue())
    assert (header.width, header.height) == images.open_rgb(buffer.getvalue()).size


def test_a_png_with_its_turn_behind_the_pixels(tmp_path: Path) -> None:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.new("RGB", (60, 30)).save(buffer, "PNG", exif=exif)
    content = buffer.getvalue()
    start = content.index(b"eXIf") - 4
    stop = start + 12 + int.from_bytes(content[start : start + 4], "big")
    end = content.index(b"IEND") - 4
    moved = content[:start] + content[stop:end] + content[start:stop] + content[end:]
    header = images.header(moved)
    assert (header.width, header.height) == images.open_rgb(moved).size == (30, 60)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_only_its_end_marker_is_whole(progressive: bool) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (97, 131, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", progressive=progressive)
    content = buffer.getvalue()
    for cut in (1, 2):
        assert images.open_rgb(content[:-cut]).tobytes() == images.open_rgb(content).tobytes()
    with pytest.raises(BadInput, match="cut off"):
        images.open_rgb(content[: len(content) // 2])


FOREIGN = {
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "pillow-heif"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
    "git-annex": (b"/annex/objects/SHA256E-s1--0.jpg\n", "git annex get"),
    "a web page": (b"\n<!DOCTYPE html>\n<html><title>403 Forbidden</title>", "web page"),
    "an error of a server": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "error message"),
    "a video": (b"\0\0\0\x18ftypisom\0\0\0\0", "video"),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "PDF": (b"%PDF-1.7", "PDF"),
    "zip": (b"PK\x03\x04", "unpack"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_no_image_is_called_by_its_name(tmp_path: Path, home: Path, case: str) -> None:
    content, words = FOREIGN[case]
    with pytest.raises(BadInput, match=words):
        images.header(content)
    folder = write(tmp_path / "set", "a/0.jpg", "b/0.jpg")
    (folder / "a" / "1.jpg").write_bytes(content)
    dataset = data.load(folder)
    assert words in dataset.quarantine["reason"][0]
    for name in ("v.npy", "list.csv", "x.parquet"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput):
            data.load(tmp_path / name, reader="manifest")


def test_a_spreadsheet_file_is_named(tmp_path: Path, home: Path) -> None:
    (tmp_path / "list.xlsx").write_bytes(b"PK\x03\x04" + b"xl/workbook.xml")
    with pytest.raises(BadInput, match="spreadsheet file: save it as CSV"):
        data.load(tmp_path / "list.xlsx")
