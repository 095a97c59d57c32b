"""Before the server starts: nobody opens their disk to a network by accident."""

from __future__ import annotations

import sys

from core import access, paths, wording
from core.errors import CoreError
from core.ui.app.host_check import is_loopback

text = wording.page("access")


def may_listen() -> None:
    """End the process with one sentence where it would listen beyond this machine without a role, or its settings are wrong."""
    from streamlit import config

    try:
        paths.shared_results_bytes()
        mode = access.settings().mode
        reason = "" if mode != "local" or _is_here(config.get_option("server.address")) else text("error.no_role")
    except CoreError as error:
        reason = str(error)
    if reason:
        sys.exit(f"error: {reason}")


def _is_here(address: str | None) -> bool:
    return address == "localhost" or (address or "").startswith("unix://") or is_loopback(address or "")
