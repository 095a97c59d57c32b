"""What every answer tells the browser: where a page may load from, who may frame it, what it says to other sites.

Streamlit's page starts with scripts of its own in the document, and draws charts with functions that it compiles, so
scripts in the document and `eval` are allowed; scripts, frames and connections of other sites are not.

Source: W3C Content Security Policy Level 3; OWASP Secure Headers.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from core.ui.app.host_check import Scope, Send

POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "worker-src 'self' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' data: blob:",
        "connect-src 'self' data: blob:",
        "frame-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"SAMEORIGIN",
    b"referrer-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
"""Name → value; what a route says itself stays."""
_LASTING = (b"strict-transport-security", b"max-age=31536000")


def is_secure(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether the browser came by TLS, to this server or to the proxy before it."""
    return scope.get("scheme") in {"https", "wss"} or headers.get("x-forwarded-proto", "") == "https"


def with_headers(send: Send, scope: Scope, headers: Mapping[str, str]) -> Send:
    """`send`, but answers carry `HEADERS`; cookies are for TLS alone where the browser came by it."""
    secure = is_secure(scope, headers)

    async def sent(message: MutableMapping[str, Any]) -> None:
        """A message with the headers that it lacks."""
        if message["type"] == "http.response.start":
            before = list(message.get("headers", ()))
            if secure:
                before = [(name, _for_tls(value) if name.lower() == b"set-cookie" else value) for name, value in before]
            present = {name.lower() for name, _ in before}
            added = [*HEADERS.items(), *([_LASTING] if secure else [])]
            message = {**message, "headers": [*before, *(pair for pair in added if pair[0] not in present)]}
        await send(message)

    return sent


def _for_tls(cookie: bytes) -> bytes:
    return cookie if b"; secure" in cookie.lower() else cookie + b"; Secure"
