"""A visitor who has left is let go with all that was uploaded."""

from __future__ import annotations

import asyncio
import gc
import inspect
import io
import struct
import time
import weakref
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL.PngImagePlugin import PngImageFile
from streamlit import runtime
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.session_manager import SessionInfo
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from core.errors import BadInput
from core.ui.app import session_memory
from core.ui.components.judging import judging_route
from core.ui.views.retrieval import uploads
from tests.conftest import draw_tiny


class Session:
    """Holds an upload in a circle of references, as sessions do."""

    def __init__(self, name: str) -> None:
        self.id, self.upload, self.me = name, bytearray(1_000_000), self


def test_a_closed_session_is_let_go_while_nobody_else_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = MemorySessionStorage(ttl_seconds=0.2)
    manager = SimpleNamespace(_session_storage=storage)
    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(runtime, "get_instance", lambda: SimpleNamespace(_session_mgr=manager))
    monkeypatch.setattr(session_memory, "EVERY", 0.1)
    left = []
    for number in range(5):
        session = Session(str(number))
        left.append(weakref.ref(session))
        storage.save(SessionInfo(client=None, session=session, script_run_count=1))
    del session
    gc.disable()

    async def serve() -> bool:
        async with session_memory.swept(None):
            until = time.monotonic() + 10
            while any(one() for one in left) and time.monotonic() < until:
                await asyncio.sleep(0.05)
        return not any(one() for one in left)

    try:
        # In a thread of its own: a browser that an earlier test opened keeps a loop running in this one.
        with ThreadPoolExecutor(1) as thread:
            assert all(one() for one in left) and thread.submit(asyncio.run, serve()).result()
    finally:
        gc.enable()


def test_a_session_keeps_a_few_of_its_uploads_and_the_widget_none(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = MemoryUploadedFileManager("/upload")
    context = SimpleNamespace(session_id="a visitor", uploaded_file_mgr=manager)
    monkeypatch.setattr(session_memory, "get_script_run_ctx", lambda **_: context)
    held: dict[str, uploads.UploadedQuery] = {}
    monkeypatch.setattr(uploads, "uploaded_queries", lambda: held)
    picture = io.BytesIO()
    draw_tiny("circle", 1).save(picture, "BMP")
    for number in range(30):
        record = UploadedFileRec(str(number), f"{number}.bmp", "image/bmp", picture.getvalue() + bytes([number]))
        manager.add_file(context.session_id, record)
        uploads.add_uploaded_query(uploads.take([UploadedFile(record, FileURLs())]))
        assert not manager.get_files(context.session_id, [record.file_id]), "it was read, and is let go"
    assert [query.names for query in held.values()] == [(f"{number}.bmp",) for number in range(18, 30)]


def test_one_look_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    async def fails() -> list[str]:
        looks.append(1)
        raise OSError("the disk does not answer")

    async def serve() -> None:
        async with session_memory.swept(None):
            until = time.monotonic() + 10
            while len(looks) < 3 and time.monotonic() < until:
                await asyncio.sleep(0.01)

    monkeypatch.setattr(session_memory, "EVERY", 0.01)
    monkeypatch.setattr(session_memory, "end_idle", fails)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, serve()).result()
    assert len(looks) >= 3


def test_who_answers_beside_the_page_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_memory, "_ACTIVE", {"judge": 0.0})
    monkeypatch.setattr(session_memory, "session_id", lambda: "judge")
    monkeypatch.setattr(judging_route, "reply", lambda *_: {})
    session = SimpleNamespace(name="a", judge="b", everyone=False)
    judging_route._take(judging_route.opened(session, "secret"), {})
    assert session_memory._ACTIVE["judge"] > 0


def test_streamlit_keeps_closed_sessions_where_they_are_looked_for() -> None:
    assert "self._session_storage = " in inspect.getsource(WebsocketSessionManager.__init__)
    assert hasattr(MemorySessionStorage(), "_cache")


@pytest.mark.parametrize(("mode", "minutes", "ended"), [("guest", 120, ["old"]), ("guest", 0, []), ("local", 120, [])])
def test_idle_sessions_end_on_a_shared_server_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch, mode: str, minutes: int, ended: list[str]
) -> None:
    infos = [SimpleNamespace(session=SimpleNamespace(id=name), client=None) for name in ("old", "busy", "new")]
    closed: list[str] = []
    manager = SimpleNamespace(list_active_sessions=lambda: infos)
    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(
        runtime, "get_instance", lambda: SimpleNamespace(_session_mgr=manager, close_session=closed.append)
    )
    home.mkdir()
    (home / "access.toml").write_text(f"[limits]\nidle_minutes = {minutes}\n")
    monkeypatch.setenv("FUSIONSCOPE_ACCESS", mode)
    monkeypatch.setattr(session_memory, "_ACTIVE", {"old": 0.0, "busy": 7000.0, "gone": 0.0})
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, session_memory.end_idle(7201.0)).result() == ended == closed


def test_an_image_bomb_is_refused_by_its_header_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10_000))) + chunk(b"IEND", b"")
    decoded: list[object] = []
    monkeypatch.setattr(PngImageFile, "load", lambda image: decoded.append(image))
    with pytest.raises(BadInput, match=r"^bomb\.png: The image claims [^.]* megapixels[^.]*\.$"):
        uploads.receive([("bomb.png", bomb)])
    assert not decoded
