"""Who may do what on a server that several people reach: roles, actions, settings, and the gate before each action."""

from __future__ import annotations

from core.access.actions import ACTIONS, ROLES, Action
from core.access.server_settings import MODES, Limits, Settings, settings
from core.access.visitor import (
    GATED,
    NOBODY,
    OWNER,
    Visitor,
    acting,
    ask_with,
    current,
    gated,
    is_serving,
    may,
    refusal,
    require,
)

__all__ = [
    "ACTIONS",
    "GATED",
    "MODES",
    "NOBODY",
    "OWNER",
    "ROLES",
    "Action",
    "Limits",
    "Settings",
    "Visitor",
    "acting",
    "ask_with",
    "current",
    "gated",
    "is_serving",
    "may",
    "refusal",
    "require",
    "settings",
]
