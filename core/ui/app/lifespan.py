"""What goes on beside the pages as long as the server runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from core.ui.app import session_memory, tcp_nodelay


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Messages are sent at once, and visitors who have left are let go."""
    async with tcp_nodelay.at_once(app), session_memory.swept(app):
        yield
