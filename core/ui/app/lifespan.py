"""What goes on beside the pages as long as the server runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from core.ui.app import jobs, session_memory, tcp_nodelay, telemetry


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Messages are sent at once, visitors who have left are let go, and work that goes on at the end is ended whole."""
    telemetry.begin()
    async with tcp_nodelay.at_once(app), session_memory.swept(app):
        try:
            yield
        finally:
            await asyncio.to_thread(jobs.end_all)
