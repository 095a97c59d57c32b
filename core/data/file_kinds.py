"""What a file is that is not what was asked for, and the way out: known by its first bytes, or by its ending."""

from __future__ import annotations

import os

HEIC = "This is a HEIC photograph: `pip install pillow-heif` makes it readable here, or save it as JPEG."
_LFS = "This is a Git LFS pointer, not the file itself: run `git lfs pull` where it came from."
_ANNEX = "This is a git-annex pointer, not the file itself: run `git annex get` where it came from."
_HTML = "This is a web page, not the file itself (a download that was refused looks so): fetch the file again."
_XML_ERROR = "This is an error message of a server, not the file itself: fetch the file again."
_RAW = "This is a camera's raw file: save it as JPEG or TIFF."
_VIDEO = "This is a video: save its frames as images."
_SHEET = "This is a spreadsheet file: save it as CSV (UTF-8)."
_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_ENDINGS = {
    **dict.fromkeys((".heic", ".heif", ".hif"), HEIC),
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".dng", ".srw", ".pef"), _RAW),
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"), _VIDEO),
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods", ".numbers"), _SHEET),
    ".svg": "This is an SVG drawing: save it as PNG.",
    ".pdf": "This is a PDF document: save its pages as images.",
    ".jxl": "This is a JPEG XL image: save it as JPEG or PNG.",
    **dict.fromkeys((".zip", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz"), "This is a compressed archive: unpack it."),
}


def foreign(start: bytes, name: str | os.PathLike = "") -> str:
    """What a file is that could not be read, in one sentence with the way out; "" where nothing is known.

    Args:
        start: the first bytes of the file, at least 512 where it has as many.
        name: of the file; its ending counts where the bytes say nothing.

    >>> foreign(b"<!DOCTYPE html><title>403</title>")[:19]
    'This is a web page,'
    """
    text = start[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    ending = os.path.splitext(os.fspath(name))[1].lower()
    if text.startswith(b"version https://git-lfs") or text.startswith(b"version https://hawser"):
        return _LFS
    if text.startswith((b"/annex/objects/", b"../.git/annex/", b".git/annex/")):
        return _ANNEX
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return _HTML
    if text.startswith(b"<svg") or (text.startswith(b"<?xml") and b"<svg" in text):
        return _ENDINGS[".svg"]
    if text.startswith((b"<?xml", b"<error")) and b"<error" in text:
        return _XML_ERROR
    if start[4:8] == b"ftyp":
        return HEIC if start[8:12] in _BRANDS or _BRANDS & set(_words(start[16:64])) else _VIDEO
    if start.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return _ENDINGS[".jxl"]
    if start.startswith(b"%PDF"):
        return _ENDINGS[".pdf"]
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return _ENDINGS[ending] if ending in _ENDINGS else _SHEET if b"xl/" in start[:2048] else _ENDINGS[".zip"]
    if start.startswith((b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ")):
        return _ENDINGS[".zip"]
    return _ENDINGS.get(ending, "")


def _words(data: bytes) -> list[bytes]:
    return [data[at : at + 4] for at in range(0, len(data), 4)]


def foreign_file(path: str | os.PathLike) -> str:
    """The same for a file on this machine; "" where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return foreign(file.read(2048), path)
    except OSError:
        return ""
