"""The only place that touches `st.session_state` and `st.query_params`.

A setup lives in three places at once: the widgets of the page that is open, a copy that survives leaving the page
(Streamlit forgets the widgets of a page one leaves), and the link. `seed` fills the widgets, `read` takes them back.
A link is a stranger's text: `setups.clean` brings every value within its bounds, so any text opens the page.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core import setups
from core.setups.fields import LONGEST_VALUE

Setup = TypeVar("Setup")

_KEPT = "kept setups"
_LINK = "link at start"
_NOW = "link now"
_PAGE = "page open"
_VISITOR = "visitor"
_WRITTEN = "link written"
_DEFERRED = "link deferred"
_SENT = "link sent"
_CHANGED = "changed early"
_ON_PAGE = "setups of pages"
_KNOWN: dict[str, type] = {}
"""Every setup that a page has asked for, by its name."""


def begin(page: str, deferred: bool = False) -> None:
    """Called once at the start of every full run, by the frame: notes the link that opened this session, and follows
    one that the browser went back or forward to.

    Args:
        deferred: the link is written once, by `write_link` at the end of the run, so that it is one step for the browser.
    """
    session = st.session_state
    link = {name: value[:LONGEST_VALUE] for name, value in st.query_params.items()}
    if _LINK not in session:
        session[_LINK] = link
        session[_KEPT] = {}
    elif deferred and link and _is_move(link):
        _follow(page, link)
    session[_SENT] = link
    if session.get(_PAGE) != page:
        session[_PAGE] = page
    session[_NOW] = {}
    session[_DEFERRED] = deferred


def page() -> str:
    """The address of the page that is open, "" for the first one."""
    return str(st.session_state.get(_PAGE, ""))


def _is_move(link: Mapping[str, str]) -> bool:
    """Whether the browser went to another link by itself.

    A link that it sent before may also be one that it had when somebody typed or clicked: while the first run was still
    going on, or before the newest link had reached it.
    """
    session = st.session_state
    sent = _as_sent(link)
    if sent == _as_sent(session.get(_WRITTEN, {})):
        return False
    if sent != _as_sent(session.get(_SENT, {})):
        return True
    return not (session.get(_DEFERRED, False) or session.get(_CHANGED, False) or _is_widget_changed())


def _is_widget_changed() -> bool:
    """Whether a widget of a setup differs from what the last run made of it."""
    return any(
        key(_KNOWN[name], field) in st.session_state
        and _plain(st.session_state[key(_KNOWN[name], field)]) != _plain(value)
        for name, fields in st.session_state.get(_KEPT, {}).items()
        if name in _KNOWN
        for field, value in fields.items()
    )


def _plain(value: Any) -> Any:
    """Lists and tuples alike."""
    return tuple(value) if isinstance(value, list) else value


def _as_sent(link: Mapping[str, str]) -> dict[str, str]:
    """A link as a browser may send it back: without what is empty, no value longer than one is read."""
    return {name: value[:LONGEST_VALUE] for name, value in link.items() if value}


def _follow(page: str, link: Mapping[str, str]) -> None:
    """What was shown at this link before: every field of the page's setups as the link says, else its default."""
    for name in st.session_state.get(_ON_PAGE, {}).get(page, ()):
        setup = _KNOWN[name]
        for f in _fields(setup):
            value = f.metadata["bounds"].clean(link.get(_link_name(setup, f.name), f.default), f.default)
            if value != get(setup, f.name):
                set_field(setup, f.name, value)


def write_link() -> None:
    """Put what the page says now into the browser's address, where that changed."""
    now = st.session_state.get(_NOW, {})
    st.session_state[_WRITTEN], st.session_state[_DEFERRED], st.session_state[_CHANGED] = dict(now), False, False
    if dict(st.query_params.items()) != now:
        st.query_params.from_dict(now)


def page_link() -> dict[str, str]:
    """What the link of the page said when it was last written; from a callback, the view that somebody looks at."""
    return dict(st.session_state.get(_WRITTEN, {}))


def is_fragment_run() -> bool:
    """Whether a part of the page runs alone."""
    context = get_script_run_ctx(suppress_warning=True)
    return bool(context is not None and context.fragment_ids_this_run)


def snapshot() -> dict[str, dict[str, Any]]:
    """Every field of every setup that this session has seen: setup → field → value."""
    return {name: dict(fields) for name, fields in st.session_state.get(_KEPT, {}).items()}


def restore(setup: str, name: str, value: Any) -> str:
    """Set a field of a setup by name, from a callback; returns what people call the field."""
    set_field(_KNOWN[setup], name, value)
    return bounds(_KNOWN[setup], name).label or name


def opened_by_link() -> bool:
    """Whether the address that opened this session said anything."""
    return bool(st.session_state.get(_LINK))


def bounds(setup: type, name: str) -> setups.Bounds:
    """What a field may hold, and what a page writes beside its widget."""
    return setups.bounds_of(setup, name)


def key(setup: type, name: str) -> str:
    """The widget key of one field of a setup."""
    return f"{setup.__name__}.{name}"


def _link_name(setup: type, name: str) -> str:
    return setups.bounds_of(setup, name).short or name


def seed(setup: type[Setup], **defaults: Any) -> None:
    """Give every field of a setup a value before its widget is drawn: last visit, else the link, else the default.

    Args:
        setup: a frozen dataclass of `core.setups` fields.
        defaults: values that stand in for the class's own defaults here (what this dataset suggests).
    """
    session = st.session_state
    _KNOWN[setup.__name__] = setup
    remembered = session.setdefault(_KEPT, {}).get(setup.__name__, {})
    link = session.setdefault(_LINK, {})
    for f in _fields(setup):
        if key(setup, f.name) in session:
            continue
        fallback = defaults.get(f.name, f.default)
        value = remembered.get(f.name, link.get(_link_name(setup, f.name), fallback))
        set_field(setup, f.name, f.metadata["bounds"].clean(value, fallback))


def _fields(setup: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(setup)


def set_field(setup: type, name: str, value: Any) -> None:
    """Set one field; only before its widget is drawn in this run, or from a callback."""
    st.session_state[key(setup, name)] = list(value) if isinstance(value, tuple) and _is_names(setup, name) else value
    st.session_state.setdefault(_KEPT, {}).setdefault(setup.__name__, {})[name] = value
    st.session_state[_CHANGED] = True


def _is_names(setup: type, name: str) -> bool:
    return setups.bounds_of(setup, name).kind in {"several", "ids"}


def get(setup: type, name: str) -> Any:
    """One field as it stands now: the widget, else the kept copy, else the default."""
    session = st.session_state
    default = next(f.default for f in _fields(setup) if f.name == name)
    return session.get(key(setup, name), session.get(_KEPT, {}).get(setup.__name__, {}).get(name, default))


def read(setup: type[Setup], in_link: Mapping[str, Any] | None = None) -> Setup:
    """The widgets as one frozen setup, kept for the next visit and mirrored into the link (defaults are left out).

    Args:
        in_link: fields that stand in the link with another value ("" leaves them out).
    """
    values = {f.name: get(setup, f.name) for f in _fields(setup)}
    result = setups.clean(setup, values)
    remembered = st.session_state.setdefault(_KEPT, {}).setdefault(setup.__name__, {})
    now = st.session_state.setdefault(_NOW, {})
    _KNOWN[setup.__name__] = setup
    on_page = st.session_state.setdefault(_ON_PAGE, {}).setdefault(st.session_state.get(_PAGE, ""), {})
    on_page[setup.__name__] = True
    for f in _fields(setup):
        value = getattr(result, f.name)
        remembered[f.name] = value
        name = _link_name(setup, f.name)
        value = (in_link or {}).get(f.name, value)
        if value != f.default:
            now[name] = as_text(value)
        else:
            now.pop(name, None)
    if not st.session_state.get(_DEFERRED):
        write_link()
    return result


def as_text(value: Any) -> str:
    """A field as it stands in a link; `setups.clean` reads it back."""
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return ",".join(f"{name}:{share:g}" for name, share in value)
    if isinstance(value, (tuple, list)):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return "1" if value else "0"
    return f"{value:g}" if isinstance(value, float) else str(value)


def link(setup_values: dict[str, Any] | None = None) -> str:
    """The query string that reopens the present view."""
    from urllib.parse import urlencode

    return urlencode({**st.session_state.get(_NOW, {}), **(setup_values or {})})


def session_get(name: str, default: Any = None) -> Any:
    """A value of this session that is no widget and not in the link (an upload, a trail, an undo list)."""
    return st.session_state.setdefault(f"held {name}", default)


def session_set(name: str, value: Any) -> None:
    """Set a held value."""
    st.session_state[f"held {name}"] = value


def session_take(name: str, default: Any = None) -> Any:
    """A held value, which is forgotten by that."""
    return st.session_state.pop(f"held {name}", default)


def visitor() -> str:
    """A name for this session that nobody can guess; "" outside of one."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return ""
    if _VISITOR not in st.session_state:
        st.session_state[_VISITOR] = secrets.token_hex(16)
    return st.session_state[_VISITOR]


def widget(name: str, default: Any = None) -> Any:
    """What the widget of that key holds now; the default while it was not drawn."""
    return st.session_state.get(name, default)


def set_widget(name: str, value: Any) -> None:
    """Give a widget a value; only before it is drawn in this run, or from a callback."""
    st.session_state[name] = value


def link_values() -> dict[str, str]:
    """What the link of the page holds now."""
    return dict(st.query_params)
