"""Images as a viewer would show them: upright, RGB, on white; within bounded memory, or not at all."""

from __future__ import annotations

import io
import logging
import os
import struct
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from core.data import file_kinds
from core.errors import BadInput

MAX_PIXELS = 100_000_000
"""Images with more pixels are refused before a pixel is decoded: 300 MB as RGB."""
MAX_BYTES = 512 * 1024 * 1024
"""Files larger than this are refused before they are read."""
THUMBNAIL_SIDES = {"small": 128, "large": 384}
_REFUSED_FORMATS = {"EPS", "WMF", "MPEG", "HDF5", "GRIB", "BUFR", "MCIDAS", "IPTC"}
"""Formats that would start another program (EPS) or that Pillow names without being able to decode them."""
_ORIENTATION = 0x0112
_SIDEWAYS = (5, 6, 7, 8)
_BITS = (10, 12, 14)
"""Depths of cameras whose values lie in files of 16 bits."""

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
# Pillow warns above its limit and refuses above twice that; `_refuse_bomb` refuses at the limit itself.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
# What it says about damaged metadata is of no use to people: an image either opens or has its reason.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)
_FORMATS: list[str] = []


@dataclass(frozen=True)
class Header:
    """What the first bytes of an image say: format, and the size as a viewer shows it."""

    format: str
    width: int
    height: int


def formats() -> list[str]:
    """The names of the formats that are read, found once."""
    if not _FORMATS:
        Image.init()
        with suppress(ImportError):  # HEIC is read where somebody installed its decoder
            import pillow_heif

            pillow_heif.register_heif_opener()
        _FORMATS.extend(name for name in Image.ID if name not in _REFUSED_FORMATS)
    return _FORMATS


def looks_like_one(name: str) -> bool:
    """True when the ending of a file's name is that of an image. Only for guesses: the bytes decide."""
    known, ending = formats(), os.path.splitext(name)[1].lower()  # Pillow knows endings once its formats are listed
    return Image.EXTENSION.get(ending, "") in known or ending in (".heic", ".heif")


def header(source: str | os.PathLike | bytes, name: str | os.PathLike = "") -> Header:
    """Read the header alone; nothing is decoded.

    Args:
        name: of the file that bytes came from; it helps to say what a file is that cannot be read.
    Raises:
        BadInput: the reason why this is no image that can be shown.
    """
    with _opened(source, name) as image:
        width, height = image.size
        if _orientation(image, decode=False) in _SIDEWAYS and not _is_turned(image):
            width, height = height, width
        return Header(image.format or "", width, height)


def open_rgb(source: str | os.PathLike | bytes, at_least: int = 0) -> Image.Image:
    """An image as a viewer shows it.

    EXIF orientation is applied, alpha lies on white, the first frame stands for an animation, 16-bit and float
    images are scaled to 8 bits, CMYK and Lab go through their profile. Memory is bounded by `MAX_PIXELS`.

    Args:
        source: a path, or the bytes of the file.
        at_least: 0 decodes in full. Otherwise a JPEG may be decoded at a half, a quarter or an eighth of its size, as
            long as neither side becomes shorter than this many pixels: several times quicker for photographs of a
            camera, and not the same pixels. Other formats are decoded in full.
    Returns:
        PIL image in mode RGB, loaded, without a file behind it; `info["full size"]` is (width, height) of a JPEG
        before any reduction, (0, 0) for what is never reduced.
    Raises:
        BadInput: the reason, as one sentence for people.
    """
    try:
        return _decoded(source, at_least)
    except _CutOff as error:
        whole = _without_end_marker(source)
        if whole is None:
            raise BadInput(str(error)) from error
        return _decoded(whole, at_least)


class _CutOff(BadInput):
    """The bytes of a file end before its image does."""


def _decoded(source: str | os.PathLike | bytes, at_least: int) -> Image.Image:
    with _opened(source) as image:
        try:
            full_size = image.size if image.format == "JPEG" else (0, 0)
            if draft_scale(full_size, at_least) > 1:
                image.draft(None, (at_least, at_least))
            many_bits = _has_sixteen_bits(image)
            image.load()
            _refuse_bomb(image)
            turned = _orientation(image, decode=True) in range(2, 9)
            rgb = _to_rgb(ImageOps.exif_transpose(image) if turned else image)
            rgb = _brightened(rgb) if many_bits else rgb
            rgb.info["full size"] = full_size
            return rgb
        except BadInput:
            raise
        except Exception as error:  # Pillow's decoders raise whatever a damaged file makes them raise
            reason = _reason(error)
            raise (_CutOff if "cut off" in reason else BadInput)(reason) from error


def _without_end_marker(source: str | os.PathLike | bytes) -> bytes | None:
    """A JPEG of which only the end marker is missing, with that marker; None for anything that lacks more.

    What is left of a scan decides: where nothing is missing, bytes behind it change no pixel.
    """
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    if not content.startswith(b"\xff\xd8"):
        return None
    scan = content.removesuffix(b"\xff")
    whole = scan + b"\xff\xd9"
    try:
        pixels = _decoded(whole, 0).tobytes()
        behind = (_decoded(scan + filler * 2048 + b"\xff\xd9", 0).tobytes() for filler in (b"\x55\x55", b"\xa6\x3b"))
        return whole if all(other == pixels for other in behind) else None
    except BadInput:
        return None


def draft_scale(full_size: tuple[int, int], at_least: int) -> int:
    """By how much `open_rgb` reduces a JPEG of this size: 1, 2, 4 or 8.

    >>> draft_scale((4000, 3000), 512), draft_scale((640, 480), 512), draft_scale((4000, 3000), 0)
    (4, 1, 1)
    """
    room = min(full_size) // at_least if at_least > 0 else 1
    return next((scale for scale in (8, 4, 2) if room >= scale), 1)


def thumbnails(image: Image.Image) -> dict[str, bytes]:
    """The two WebP thumbnails of an RGB image: {"small": at most 128 px a side, "large": at most 384 px}."""
    made: dict[str, bytes] = {}
    current = image
    for size in ("large", "small"):
        side = THUMBNAIL_SIDES[size]
        if max(current.size) > side:
            scale = side / max(current.size)
            target = max(1, round(current.width * scale)), max(1, round(current.height * scale))
            current = current.resize(target, Image.Resampling.BICUBIC, reducing_gap=2.0)
        buffer = io.BytesIO()
        current.save(buffer, "WEBP", quality=80, method=1)
        made[size] = buffer.getvalue()
    return made


def _opened(source: str | os.PathLike | bytes, name: str | os.PathLike = "") -> Image.Image:
    try:
        if isinstance(source, bytes):
            n_bytes = len(source)
            file: io.BytesIO | Path = io.BytesIO(source)
        else:
            n_bytes = os.stat(source).st_size
            file = Path(source)
        if n_bytes == 0:
            raise BadInput("The file is empty.")
        if n_bytes > MAX_BYTES:
            raise BadInput(f"The file has {n_bytes / 2**20:,.0f} MB; at most {MAX_BYTES // 2**20} MB are read.")
        image = Image.open(file, formats=formats())
        try:
            _refuse_bomb(image)
        except BadInput:
            image.close()
            raise
        return image
    except BadInput:
        raise
    except Image.UnidentifiedImageError as error:
        known = file_kinds.foreign(source, name) if isinstance(source, bytes) else file_kinds.foreign_file(source)
        raise BadInput(known or _reason(error)) from error
    except Exception as error:  # a hostile header can make any plugin fail in any way
        raise BadInput(_reason(error)) from error


def _refuse_bomb(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise BadInput(
            f"The image claims {width:,} x {height:,} pixels; at most {MAX_PIXELS // 1_000_000} megapixels are decoded."
        )


def _reason(error: Exception) -> str:
    """What went wrong with an image, as a sentence."""
    text = " ".join(str(error).split())[:160]
    if isinstance(error, Image.DecompressionBombError):
        return f"The image claims more than {MAX_PIXELS // 1_000_000} megapixels and is not decoded."
    if isinstance(error, FileNotFoundError):
        return "The file is not there any more."
    if isinstance(error, PermissionError):
        return "The file may not be read; change its permissions."
    if isinstance(error, MemoryError):
        return "The image needs more memory than there is."
    if isinstance(error, Image.UnidentifiedImageError):
        return "This is not an image, or its header is damaged."
    if "truncated" in text.lower() or isinstance(error, (EOFError, struct.error)):
        return f"The image is cut off: {text or type(error).__name__}."
    return f"The image is damaged: {text or type(error).__name__}."


def _orientation(image: Image.Image, decode: bool) -> int:
    """The EXIF orientation, 1 where there is none. Damaged EXIF never costs us the image.

    Args:
        decode: pixels may be decoded to find it. Pillow does so for any PNG without EXIF before its pixels.
    """
    try:
        if decode or image.format != "PNG" or "exif" in image.info or _exif_follows(image):
            return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # any byte of a damaged EXIF block may raise anything; the image is still there
        pass
    return 1


def _exif_follows(image: Image.Image) -> bool:
    """Whether a PNG holds EXIF behind its pixels; the lengths of its chunks lead there."""
    file, at = getattr(image, "fp"), 8  # noqa: B009  only an image that was opened from a file has one
    start = file.tell()
    try:
        while True:
            file.seek(at)
            head = file.read(8)
            if len(head) < 8 or head[4:] == b"IEND":
                return "Raw profile type exif" in image.info
            if head[4:] == b"eXIf" or (head[4:] in (b"tEXt", b"zTXt", b"iTXt") and file.read(8) == b"Raw prof"):
                return True
            at += 12 + int.from_bytes(head[:4], "big")
    finally:
        file.seek(start)


def _is_turned(image: Image.Image) -> bool:
    """True for a TIFF whose size Pillow has turned already: it says so before a pixel is read."""
    tags = getattr(image, "tag_v2", None)
    return image.format == "TIFF" and tags is not None and image.size != (tags.get(256), tags.get(257))


def _has_sixteen_bits(image: Image.Image) -> bool:
    """True for colours of 16 bits, of which Pillow keeps the upper eight."""
    if image.mode not in ("RGB", "RGBA", "LA"):
        return False
    depth = getattr(image, "tag_v2", {}).get(258, ())
    return any(bits == 16 for bits in depth) or any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _brightened(rgb: Image.Image) -> Image.Image:
    """Colours of 10, 12 or 14 bits in a file of 16: their upper eight bits, stretched to what one can see."""
    extrema: Any = rgb.getextrema()  # of three bands: (lowest, highest) each
    highest = max(high for _, high in extrema)
    full = next((2 ** (bits - 8) - 1 for bits in _BITS if highest < 2 ** (bits - 8)), 255)
    return rgb if full == 255 or not highest else rgb.point([min(255, round(v * 255 / full)) for v in range(256)] * 3)


def _to_rgb(image: Image.Image) -> Image.Image:
    mode = image.mode
    if mode == "RGB" and "transparency" not in image.info:
        return image.copy() if image.readonly else _detached(image)
    if mode in ("CMYK", "LAB"):
        return _through_profile(image)
    if mode == "F" or mode.startswith("I"):
        image = _eight_bits(image)
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        coloured = image.convert("RGBA")
        white = Image.new("RGB", coloured.size, (255, 255, 255))
        white.paste(coloured, mask=coloured.getchannel("A"))
        return white
    return image.convert("RGB")


def _detached(image: Image.Image) -> Image.Image:
    """The loaded pixels without the file behind them; no pixel is copied."""
    plain = Image.Image()
    return plain._new(image.im) if type(image) is not Image.Image else image


def _through_profile(image: Image.Image) -> Image.Image:
    """CMYK and Lab images as sRGB: by the profile in the file, else by Pillow's plain rule (CMYK) or D50 (Lab)."""
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    start: Any
    try:
        if image.mode == "LAB":
            start = ImageCms.createProfile("LAB")
        elif profile:
            start = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        else:
            return image.convert("RGB")
        turned = ImageCms.profileToProfile(image, start, ImageCms.createProfile("sRGB"), outputMode="RGB")
        return turned if turned is not None else image.convert("RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grey as 8-bit grey; what is not finite becomes black.

    Cameras write 10, 12 or 14 bits into files of 16: the fewest of these bits that hold the brightest pixel count.
    """
    values = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    highest = float(values.max(initial=0.0))
    if image.mode == "F":
        full = 1.0 if highest <= 1.0 else (255.0 if highest <= 255.0 else highest)
    elif image.mode != "I" or highest <= 65535.0:
        full = next((2.0**bits - 1 for bits in (8, *_BITS) if highest < 2**bits), 65535.0)
    else:
        full = highest
    return Image.fromarray(np.clip(np.rint(values * (255.0 / full)), 0, 255).astype(np.uint8), "L")
