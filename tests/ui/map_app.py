"""A page with nothing but a map, for tests/ui/test_map.py: `?n=…&panels=…&colour=…&shape=…&renderer=…`."""

from __future__ import annotations

import io
import sys
import threading
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np


def ground(position: int) -> tuple[int, int, int]:
    """The colour of the picture of a point: no two of the first 4,096 are alike."""
    return 40 + 10 * (position % 16), 40 + 10 * (position // 16 % 16), 40 + 10 * (position // 256 % 16)


def _picture(request):
    from PIL import Image
    from starlette.responses import Response

    held = io.BytesIO()
    Image.new("RGB", (64, 48), ground(int(request.path_params["position"]))).save(held, "PNG")
    return Response(held.getvalue(), media_type="image/png")


def _travel(stream, xy: np.ndarray, steps: int, pause: float) -> None:
    """A layout on its way: the points turn by a quarter, step by step, and a tenth of a step after each other."""
    try:
        for step in range(1, steps + 1):
            time.sleep(pause)
            if not stream.running:
                return
            stream.note = f"step {step}"
            angle = np.pi / 2 * step / steps
            turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
            stream.put(xy @ turn, whole=step == steps)
    finally:
        stream.end()


def page() -> None:
    import streamlit as st

    from core.studies import point_colours
    from core.ui.components import map as picture_map
    from core.ui.components.map import layout_stream

    st.set_page_config(layout="wide")
    asked = st.query_params
    n, groups = int(asked.get("n", 240)), int(asked.get("groups", 6))
    random = np.random.default_rng(0)
    labels = np.arange(n) % groups
    centres = 6 * np.stack([np.cos(np.arange(groups) * 2.4), np.sin(np.arange(groups) * 2.4)], axis=1)
    centres *= np.sqrt(np.arange(groups) + 1)[:, None] / 2
    xy = centres[labels] + random.normal(size=(n, 2))
    if st.checkbox("moved"):
        xy = xy @ np.array([[0.0, 1.0], [-1.0, 0.0]]) + random.normal(size=(n, 2)) * 0.1
    if asked.get("dims") == "3":
        xy = np.column_stack([xy, random.normal(size=n) * 3])
    kind = asked.get("colour", "class")
    if st.checkbox("numbers"):
        kind = "numbers"
    if kind == "numbers":
        colours = point_colours.numbers("AP as a query", np.where(labels == 0, np.nan, random.random(n)))
    elif kind == "diverging":
        colours = point_colours.diverging("AP difference", random.normal(size=n))
    else:
        colours = point_colours.categories("Class", labels, [f"class {i:03d}" for i in range(groups)])
    items = picture_map.MapItems(
        [f"id-{i:05d}.jpg" for i in range(n)], "test", [f"class {label:03d}" for label in labels], None
    )
    steps = 6 if st.button("lay out") else 1_000 if st.button("lay out for long") else 0
    if steps:
        st.session_state["name"] = uuid.uuid4().hex
        st.session_state["stream"] = layout_stream.open_stream(st.session_state["name"])
        threading.Thread(target=_travel, args=(st.session_state["stream"], xy, steps, 0.12)).start()
    address = layout_stream.address(st.session_state["name"]) if "name" in st.session_state else ""
    panels = [picture_map.MapPane(xy, "t-SNE", "Trustworthiness 0.98", address)]
    if asked.get("panels") == "2":
        panels.append(picture_map.MapPane(xy[:, ::-1] * [1, 0.6], "PCA", "Trustworthiness 0.71"))
    selection = st.session_state.get("chosen", np.empty(0, np.int64))
    if st.button("choose three"):
        selection = st.session_state["chosen"] = np.array([3, 5, 7])
    focus = st.session_state.get("focus")
    event = picture_map.show(
        panels,
        items,
        colours,
        key="map",
        selection=selection,
        height=560,
        image="/dots/{position}.png",
        focus=picture_map.MapFocus(focus, [i for i in range(n) if i % groups == focus % groups][:10])
        if focus is not None
        else None,
        renderer=asked.get("renderer", ""),
    )
    if event.stopped is not None:
        st.session_state["stream"].end()
        st.text(f"stopped {event.stopped}")
    if event.selection is not None:
        st.session_state["chosen"] = selection = event.selection
    if event.clicked is not None:
        st.session_state["focus"] = event.clicked if event.clicked >= 0 else None
        st.rerun()
    st.text(f"selected {len(selection)}: {' '.join(items.ids[i] for i in selection[:400])}")
    st.text(f"focus {focus}")


if __name__ == "__main__":
    page()
else:
    from starlette.routing import Route
    from streamlit.starlette import App

    from core.ui.components.map import layout_stream

    app = App(__file__, routes=[Route("/dots/{position:int}.png", _picture), *layout_stream.routes()])
