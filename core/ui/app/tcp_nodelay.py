"""How the server sends: at once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def at_once(app: Any) -> AsyncIterator[None]:
    """A lifespan of the app: its connections send small messages without waiting for an answer to the one before.

    Streamlit binds its socket without naming TCP as its protocol, and asyncio then leaves Nagle's algorithm on: the
    body of every answer, and every second message of a page, wait some 40 ms for the other side's delayed
    acknowledgement. Connections inherit TCP_NODELAY from the socket that listens.
    """
    loop: Any = asyncio.get_running_loop()  # its own method gives way for as long as the server starts
    create = loop.create_server

    async def create_server(*arguments: Any, sock: socket.socket | None = None, **more: Any) -> asyncio.Server:
        if sock is not None and sock.family in {socket.AF_INET, socket.AF_INET6}:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return await create(*arguments, sock=sock, **more)

    loop.create_server = create_server
    yield
