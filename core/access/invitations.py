"""Links for people without an account: signed, with an end; all of them end when the secret is replaced.

Source: itsdangerous (HMAC, constant-time comparison).
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core import files, paths, wording
from core.errors import BadInput, StoreUnusable

if TYPE_CHECKING:
    from itsdangerous import URLSafeSerializer

text = wording.page("access")

LONGEST_DAYS = 366
LONGEST_TOKEN = 500
_SALT = "fusionscope invitation"


def make(days: float, label: str = "") -> str:
    """A token that lets whoever has it look around as a guest.

    Args:
        days: until it ends, more than 0.
        label: for whom, as the log says; at most 60 characters.
    Raises:
        BadInput: the days are none, or too many.
    """
    if not 0 < days <= LONGEST_DAYS:
        raise BadInput(text("error.days", most=LONGEST_DAYS))
    return str(_serializer().dumps([secrets.token_hex(4), round(time.time() + days * 86_400), label[:60]]))


def read(token: str) -> tuple[str, int, str] | None:
    """(id, its end in seconds since 1970, label) of a token that holds now; None for any other text."""
    from itsdangerous import BadSignature

    if not 0 < len(token) <= LONGEST_TOKEN:
        return None
    try:
        key, end, label = _serializer().loads(token)
    except (BadSignature, ValueError, TypeError, OSError):
        return None
    return (str(key), int(end), str(label)) if time.time() < int(end) else None


def end_all() -> None:
    """Replace the secret: every link that was given out so far leads nowhere."""
    _write(secrets.token_hex(32))


def _serializer() -> URLSafeSerializer:
    from itsdangerous import URLSafeSerializer

    return URLSafeSerializer(_secret(), salt=_SALT)


def _file() -> Path:
    return paths.home() / "invitations.secret"


def _secret() -> str:
    with suppress(OSError):
        secret = _file().read_text(encoding="ascii").strip()
        if len(secret) >= 32:
            return secret
    return _write(secrets.token_hex(32))


def _write(secret: str) -> str:
    try:
        with files.replacing(_file()) as beside:
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secret + "\n")
    except OSError as error:
        raise StoreUnusable(text("error.secret", file=_file(), reason=error.strerror or error)) from error
    return secret
