"""Who the visitor of a page or a route is: one answer for both, from the cookies of their browser.

An account comes from Streamlit's sign-in (OpenID Connect), an invitation from a link; `core.access` says what each may.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core import access, wording
from core.access import Visitor, invitations
from core.errors import CoreError
from core.ui.app import theme
from core.ui.app.host_check import is_loopback

text = wording.page("access")

INVITATION = "fusionscope_invitation"
"""The cookie of somebody who came by a link."""
_ENDED: dict[str, None] = {}
"""Digests of the cookies of accounts that signed out: another tab may go on sending them."""
_MOST_ENDED = 10_000


def identify(cookies: Mapping[str, str], address: str = "") -> Visitor:
    """The visitor whose browser sends these cookies.

    Args:
        address: of their machine, where nothing else tells guests apart.
    """
    settings = access.settings()
    if settings.mode in ("local", "trusted"):
        return access.OWNER
    claims = account(cookies)
    role = settings.role_of(claims) if claims else "nobody"
    if role != "nobody":
        return Visitor(role, _name(claims), f"account {claims.get('iss')} {claims.get('sub')}")
    invitation = invitations.read(cookies.get(INVITATION, ""))
    if invitation is not None:
        return Visitor("guest", "", f"invitation {invitation[0]}")
    if settings.mode == "guest":
        return Visitor("guest", "", f"address {address}")
    return access.NOBODY


def account(cookies: Mapping[str, str]) -> dict[str, Any]:
    """The claims of the account that is signed in; {} for none, one that signed out, or one of another application."""
    from streamlit.auth_util import get_cookie_with_chunks
    from streamlit.web.server.server_util import get_cookie_secret
    from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

    if USER_COOKIE_NAME not in cookies or _digest(cookies[USER_COOKIE_NAME]) in _ENDED:
        return {}
    secret, days = get_cookie_secret(), access.settings().session_hours / 24

    def part(name: str) -> bytes | None:
        return decode_signed_value(secret, name, cookies.get(name, "").encode("latin-1", "replace"), days)

    with suppress(ValueError, AttributeError, UnicodeError):
        claims = json.loads(get_cookie_with_chunks(part, USER_COOKIE_NAME) or b"{}")
        if claims.get("is_logged_in") is True and _is_for_us(claims):
            return dict(claims)
    return {}


def _is_for_us(claims: Mapping[str, Any]) -> bool:
    """Whether the provider made the token for this application: its audience is one that was set up here."""
    from streamlit.auth_util import get_secrets_auth_section

    section = get_secrets_auth_section()
    provider = str(claims.get("provider", ""))
    parts: tuple[Any, ...] = (section, section.get(provider))
    ours = {part.get("client_id") for part in parts if hasattr(part, "get")} - {None}
    audience = claims.get("aud", ())
    return bool(ours & set(audience if isinstance(audience, list) else [audience]))


def sign_out(cookies: Mapping[str, str]) -> None:
    """The account of these cookies is signed out, in every tab that still sends them."""
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

    if cookies.get(USER_COOKIE_NAME):
        _ENDED[_digest(cookies[USER_COOKIE_NAME])] = None
        while len(_ENDED) > _MOST_ENDED:
            _ENDED.pop(next(iter(_ENDED)))


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "replace")).hexdigest()


def _name(claims: Mapping[str, Any]) -> str:
    """What people call an account: one line, at most 60 characters."""
    words = claims.get("name") or claims.get("email") or claims.get("sub") or ""
    return " ".join("".join(c for c in str(words) if c.isprintable()).split())[:60]


# ---------------------------------------------------------------- in a page


def address_of(peer: str, forwarded: str) -> str:
    """The address of whoever asks; behind a proxy of this machine or one that the settings name, what that says last.

    Args:
        peer: who is connected; forwarded: X-Forwarded-For, which anybody may write.
    """
    last = forwarded.rpartition(",")[2].strip()[:60]
    return last if last and _is_proxy(peer) else peer


def _is_proxy(peer: str) -> bool:
    if is_loopback(peer):
        return True
    with suppress(ValueError):
        address = ipaddress.ip_address(peer)
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in ipaddress.ip_network(network) for network in access.settings().proxies)
    return False


def _browser() -> tuple[dict[str, str], str]:
    """The cookies and the address of the browser whose page runs now, as they were when it connected."""
    from streamlit import runtime

    context = get_script_run_ctx(suppress_warning=True)
    if context is None or not runtime.exists():
        return {}, ""
    client: Any = getattr(runtime.get_instance().get_client(context.session_id), "client_context", None)
    if client is None:
        return {}, ""
    headers = {name.lower(): value for name, value in client.headers}
    return dict(client.cookies), address_of(client.remote_ip or "", headers.get("x-forwarded-for", ""))


def of_page() -> Visitor:
    """Who has the page open that runs now; nobody where no page does."""
    if access.settings().mode in ("local", "trusted"):
        return access.OWNER
    if get_script_run_ctx(suppress_warning=True) is None:
        return access.NOBODY
    return identify(*_browser())


access.ask_with(of_page)


def offered(action: str, container: Any = None) -> bool:
    """Whether the control that follows is for this visitor; where it is not, one line says who has it.

    Args:
        container: where that line stands; by default here.
    """
    if access.may(action):
        return True
    (container or st).caption(f":material/lock: {who_can(action)}")
    return False


def who_can(action: str) -> str:
    """One sentence: who may do this."""
    wanted = access.ACTIONS[action]
    return text("sentence.who_can", who=text(f"option.{wanted.role}"), action=wanted.title)


def admitted() -> bool:
    """Whether this visitor may look at all; for one who may not, a way to sign in is drawn."""
    if access.may("look"):
        return True
    claims = account(_browser()[0])
    if claims:
        theme.title(text("title.sign_in"), theme.plain(text("sentence.no_role", name=_name(claims))))
        st.button(text("button.sign_out"), on_click=st.logout, key="sign out", type="primary", icon=":material/logout:")
    elif _has_provider():
        theme.title(text("title.sign_in"), text("sentence.sign_in"))
        st.button(text("button.sign_in"), on_click=st.login, key="sign in", type="primary", icon=":material/login:")
    else:
        theme.title(text("title.sign_in"), text("sentence.link_only"))
    return False


def _has_provider() -> bool:
    from streamlit.auth_util import get_secrets_auth_section

    with suppress(CoreError, OSError, ValueError):
        return bool(get_secrets_auth_section().get("redirect_uri"))
    return False


def account_line() -> None:
    """Who is signed in, and the way out or in; nothing on one's own machine."""
    if access.settings().mode in ("local", "trusted"):
        return
    visitor = access.current()
    role = text(f"column.{visitor.role}")
    words = text("phrase.signed_in", name=visitor.name, role=role) if visitor.name else role
    st.caption(f":material/person: {theme.plain(words)}")
    act: Callable[[], Any] | None = st.logout if visitor.name else st.login if _has_provider() else None
    if act is not None:
        label = text("button.sign_out" if visitor.name else "button.sign_in")
        st.button(label, on_click=act, key="account", type="tertiary", icon=":material/login:")
