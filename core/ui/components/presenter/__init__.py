"""A story full screen, beside Streamlit: `/present/NAME` shows each step as the live page, led by arrow keys or a clicker.

The page is one of ours, and every step an ordinary page of the app in a frame, opened by the link of the step with
`show=PART` (`setups.ShownSetup`): what a link opens is what a story shows. The next step is opened ahead of its time.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from core import stories, templates, wording
from core.errors import CoreError
from core.javascript import bundle
from core.setups import StorySetup, bounds_of
from core.setups.story import ShownSetup
from core.stories import Story, StoryStep
from core.ui.app import thumbnail_route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

text = wording.page("presenter")

_FOLDER = Path(__file__).parent
_TEMPLATES = {"present": "present.html.jinja", "notes": "present_notes.html.jinja"}
NOTES = "notes"
"""Asks for the presenter's window instead of the audience's."""


def address(name: str, number: int = 1) -> str:
    """Where a story is presented, from one of its steps on."""
    return f"{thumbnail_route.base()}/present/{quote(name, safe='')}" + (f"#{number}" if number > 1 else "")


def view_address(step: StoryStep, part: str = "") -> str:
    """The page of a step, as its link opens it.

    Args:
        part: what of it is shown, without sidebar and settings; "" for everything.
    """
    shown = {bounds_of(ShownSetup, "part").short: part} if part else {}
    link = "&".join(filter(None, (step.link, urlencode(shown))))
    return f"{thumbnail_route.base()}/{step.page}" + (f"?{link}" if link else "")


def routes() -> list[BaseRoute]:
    """The route to mount beside Streamlit's own."""
    from starlette.routing import Route

    return [Route("/present/{name:path}", _present)]


def _present(request: Request) -> Response:
    from starlette.responses import HTMLResponse, PlainTextResponse

    never_kept = {"cache-control": "no-store"}
    try:
        story = stories.load(request.path_params["name"])
    except CoreError as error:
        return PlainTextResponse(str(error), status_code=404, headers=never_kept)
    asks_for_notes = NOTES in request.query_params
    if asks_for_notes and not stories.is_mine(story.name):
        return PlainTextResponse(text("error.notes"), status_code=403, headers=never_kept)
    content, policy = notes_document(story) if asks_for_notes else document(story)
    return HTMLResponse(content, headers={**never_kept, "content-security-policy": policy})


def document(story: Story) -> tuple[str, str]:
    """What the audience sees, as HTML, and its content security policy: our script and style, frames of this server.

    Nothing of the notes is in it; whoever may change the story is told where they are.
    """
    record = {
        "name": story.name,
        "address": address(story.name),
        "notes": f"{address(story.name)}?{NOTES}" if stories.is_mine(story.name) else "",
        "back": f"{thumbnail_route.base()}/story?{urlencode({bounds_of(StorySetup, 'story').short: story.name})}",
        "steps": [
            {"title": step.title, "sentence": step.sentence, "address": view_address(step, step.part)}
            for step in story.steps
        ],
        "words": {**text.group("phrase"), **text.group("state")},
    }
    return _written("present", story, record, "frame-src 'self'; img-src 'self' data:;", has_notes=record["notes"])


def notes_document(story: Story) -> tuple[str, str]:
    """The presenter's own window: notes, next step, clock; it follows the audience's screen and leads it."""
    steps = [{"title": step.title, "sentence": step.sentence, "notes": step.notes} for step in story.steps]
    record = {"address": address(story.name), "steps": steps, "words": text.group("phrase")}
    return _written("notes", story, record, words=text.group("label"))


def _written(
    name: str, story: Story, record: Mapping[str, object], sources: str = "", **fields: object
) -> tuple[str, str]:
    """A page of ours from its script, its style and its template.

    Args:
        sources: what it may load beside them.
    """
    script = bundle(_FOLDER / f"{name}.js")
    style = (_FOLDER / f"{name}.css").read_text(encoding="utf-8")
    content = templates.render(
        _TEMPLATES[name],
        title=story.name,
        style=style,
        script=script,
        record=_inert(json.dumps(record)),
        buttons=text.group("button"),
        **fields,
    )
    policy = (
        f"default-src 'none'; {sources} script-src {_digest(script)}; style-src {_digest(style)}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    return content, policy


def _inert(record: str) -> str:
    """JSON inside a script element: nothing in it can end the element."""
    return record.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
