"""Who may do what on this server: FUSIONSCOPE_ACCESS and the file `access.toml` beside the store, read anew when it changes."""

from __future__ import annotations

import fnmatch
import logging
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from core import paths, wording
from core.errors import BadInput

text = wording.page("access")
_log = logging.getLogger("fusionscope")

MODES = ("local", "guest", "members", "trusted")
"""local: one's own machine. guest: everybody looks. members: who signs in, or has a link. trusted: everybody does all."""
_LISTS = {"owner": "owners", "member": "members", "guest": "guests"}


@dataclass(frozen=True)
class Limits:
    """What one visitor may use.

    Attributes:
        upload_mb: of one file; uploads: files a minute; runs: messages of pages a minute.
        jobs: that run at once for one visitor who is no owner; all_jobs: for all of them together.
        idle_minutes: after which a session ends of which no page ran; 0 for never. It holds for owners too.
    """

    upload_mb: int = 32
    uploads: int = 60
    runs: int = 900
    jobs: int = 2
    all_jobs: int = 6
    idle_minutes: int = 120


@dataclass(frozen=True)
class Settings:
    """What `access.toml` says.

    Attributes:
        owners, members, guests: e-mail addresses or subjects of accounts, "*@example.org" for all of a domain.
        claim: a claim of the account whose values are looked up in `roles`; "" for none.
        roles: value of the claim → role.
        unverified: also an address that the provider has not verified counts.
        roots: folders under which sources of datasets lie; none given: anywhere.
        session_hours: how long a sign-in lasts.
        proxies: addresses and networks whose X-Forwarded-For is believed, beside this machine's own.
    """

    mode: str = "local"
    owners: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    claim: str = ""
    roles: tuple[tuple[str, str], ...] = ()
    unverified: bool = False
    roots: tuple[Path, ...] = ()
    session_hours: float = 12.0
    proxies: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def role_of(self, claims: Mapping[str, Any]) -> str:
        """The role of an account; "nobody" where neither a list nor the claim names it.

        Args:
            claims: of its ID token.
        """
        names = {str(claims.get("sub", ""))}
        if claims.get("email_verified") is True or self.unverified:
            names.add(str(claims.get("email", "")))
        names = {name.casefold() for name in names if name}
        value = claims.get(self.claim, ()) if self.claim else ()
        values = {str(part) for part in (value if isinstance(value, list | tuple) else (value,))}
        claimed = {role for name, role in self.roles if name in values}
        for role, listed in _LISTS.items():
            patterns = [pattern.casefold() for pattern in getattr(self, listed)]
            if role in claimed or any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in patterns):
                return role
        return "nobody"


_LOCK = threading.Lock()
_READ: dict[tuple[Any, ...], Settings] = {}


def settings() -> Settings:
    """What holds now. A file that cannot be read any more changes nothing: what held before goes on.

    Raises:
        BadInput: FUSIONSCOPE_ACCESS or the file cannot be used, and nothing held before.
    """
    file = paths.access_file()
    try:
        status = file.stat()
        stamp: Any = (status.st_mtime_ns, status.st_size)
    except OSError:
        stamp = None
    key = (str(file), stamp, paths.access_mode(), paths.source_roots(), paths.proxies())
    with _LOCK:
        if key in _READ:
            return _READ[key]
        try:
            made = _of(file if stamp else None)
        except BadInput as error:
            before = [value for old, value in _READ.items() if (old[0], *old[2:]) == (key[0], *key[2:])]
            if not before:
                raise
            _log.error("%s", error)
            made = before[-1]
        _READ.pop(key, None)
        _READ[key] = made
        while len(_READ) > 8:
            _READ.pop(next(iter(_READ)))
        return made


def _of(file: Path | None) -> Settings:
    mode = paths.access_mode() or "local"
    if mode not in MODES:
        raise BadInput(text("error.mode", mode=repr(mode), modes=", ".join(MODES)))
    proxies = _networks(paths.proxies(), Path("FUSIONSCOPE_PROXIES"))
    made = Settings(
        mode, proxies=proxies, roots=tuple(Path(root).expanduser().resolve() for root in paths.source_roots())
    )
    if file is None:
        return made
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(text("error.file", file=file, reason=error)) from None
    return _from_file(made, content, file)


def _from_file(made: Settings, content: dict[str, Any], file: Path) -> Settings:
    known = {
        "owners",
        "members",
        "guests",
        "claim",
        "roles",
        "unverified",
        "roots",
        "session_hours",
        "proxies",
        "limits",
    }
    unknown = sorted(set(content) - known)
    if unknown:
        raise BadInput(text("error.key", file=file, setting=repr(unknown[0]), known=", ".join(sorted(known))))
    values: dict[str, Any] = {}
    for name in ("owners", "members", "guests", "roots", "proxies"):
        values[name] = _texts(content.get(name, []), name, file)
    values["roots"] = (*made.roots, *(Path(root).expanduser().resolve() for root in values["roots"]))
    values["proxies"] = (*made.proxies, *_networks(values["proxies"], file))
    roles = content.get("roles", {})
    if not isinstance(roles, dict) or not set(map(str, roles.values())) <= set(_LISTS):
        raise BadInput(text("error.value", file=file, setting="roles"))
    values["roles"] = tuple((str(name), str(role)) for name, role in roles.items())
    for name, kind in {"claim": str, "unverified": bool, "session_hours": (int, float)}.items():
        if name in content:
            if not isinstance(content[name], kind):  # type: ignore[arg-type]
                raise BadInput(text("error.value", file=file, setting=name))
            values[name] = content[name]
    limits = content.get("limits", {})
    names = {limit.name for limit in fields(Limits)}
    if not isinstance(limits, dict) or not set(limits) <= names or not all(type(n) is int for n in limits.values()):
        raise BadInput(text("error.value", file=file, setting="limits"))
    return replace(made, **values, limits=replace(Limits(), **limits))


def _networks(values: tuple[str, ...], source: Path) -> tuple[str, ...]:
    import ipaddress

    try:
        return tuple(str(ipaddress.ip_network(value, strict=False)) for value in values)
    except ValueError:
        raise BadInput(text("error.value", file=source, setting="proxies")) from None


def _texts(value: Any, name: str, file: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise BadInput(text("error.value", file=file, setting=name))
    return tuple(value)
