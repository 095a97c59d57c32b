"""Small messages leave at once: a socket bound as Streamlit binds it hands TCP_NODELAY to its connections."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.ui.app import tcp_nodelay


@pytest.mark.parametrize("ours", [True, False], ids=["with our lifespan", "without"])
def test_connections_do_not_wait_for_acknowledgements(ours: bool) -> None:
    async def nodelay() -> bool:
        listening = socket.socket(family=socket.AF_INET)  # without a protocol, as Streamlit does
        listening.bind(("127.0.0.1", 0))
        listening.setblocking(False)
        seen: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        class Protocol(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                accepted = transport.get_extra_info("socket")
                seen.set_result(bool(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))

        server = await asyncio.get_running_loop().create_server(Protocol, sock=listening)
        _, writer = await asyncio.open_connection(*listening.getsockname())
        try:
            return await asyncio.wait_for(seen, 5)
        finally:
            writer.close()
            server.close()

    async def run() -> bool:
        if not ours:
            return await nodelay()
        async with tcp_nodelay.at_once(None):
            return await nodelay()

    with ThreadPoolExecutor(1) as thread:  # a browser test before this one may have left a loop in the main thread
        found = thread.submit(asyncio.run, run()).result()
    if ours:
        assert found
    elif found:
        pytest.skip("this Python sets TCP_NODELAY by itself")
