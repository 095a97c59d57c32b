"""The presenter: its page holds a story whatever stands in it, opens each step as its link says, and runs our script alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.testclient import TestClient

from core import access, stories
from core.export.report import story as story_report
from core.stories import Story, StoryStep
from core.ui.components import presenter

NASTY = '</script><script>alert(1)</script> <!-- & "quoted" \u2028'


def record_of(content: str) -> dict:
    """What the page tells its script."""
    return json.loads(re.search(r'<script type="application/json" id="story">(.*?)</script>', content, re.S)[1])


def test_a_step_is_the_page_that_its_link_opens() -> None:
    step = StoryStep("fusion_lab", "d=photos&w=a:0.4,b:0.6", "answer")
    assert presenter.view_address(step) == "/fusion_lab?d=photos&w=a:0.4,b:0.6"
    assert presenter.view_address(step, step.part) == "/fusion_lab?d=photos&w=a:0.4,b:0.6&show=answer"
    assert presenter.view_address(StoryStep("map"), "main") == "/map?show=main"
    assert presenter.address("One / two", 3) == "/present/One%20%2F%20two#3"


def test_whatever_stands_in_a_story_is_text() -> None:
    story = Story("Name <b>", (StoryStep("map", "d=</script>", title=NASTY, sentence=NASTY, notes=NASTY),))
    content, policy = presenter.document(story)
    assert content.count("<script") == 2 and "alert(1)</script>" not in content
    step = record_of(content)["steps"][0]
    assert step["title"] == story.steps[0].title
    assert "Name &lt;b&gt;" in content
    assert "default-src 'none'" in policy and "unsafe" not in policy and policy.count("sha256-") == 2
    content, policy = presenter.notes_document(story)
    assert content.count("<script") == 2 and "alert(1)</script>" not in content
    assert record_of(content)["steps"][0]["notes"] == story.steps[0].notes
    assert policy.startswith("default-src 'none'") and "frame-src" not in policy and policy.count("sha256-") == 2


def test_notes_are_for_whoever_may_change_the_story(home: Path) -> None:
    secret = "Do not mention the budget."
    ann, bob = (access.Visitor("member", name, f"account {name}") for name in ("Ann", "Bob"))
    with access.acting(ann):
        stories.save(Story("Mine", (StoryStep("judge", title="First", notes=secret),)))
    client = TestClient(Starlette(routes=presenter.routes()))

    def read(visitor: access.Visitor) -> tuple[str, str, int]:
        """What the audience's page, the notes and the file of the story hold for a visitor."""
        with access.acting(visitor):
            audience, notes = client.get("/present/Mine").text, client.get("/present/Mine?notes")
            file = story_report.html(stories.load("Mine"), notes=True)
        assert secret not in audience, "the screen that everybody sees"
        return audience, notes.text + file, notes.status_code

    for visitor in (bob, access.Visitor("guest")):
        audience, rest, status = read(visitor)
        assert status == 403 and secret not in rest and "Notes (N)" not in audience
        assert record_of(audience)["notes"] == ""
    for visitor in (ann, access.OWNER):
        audience, rest, status = read(visitor)
        assert status == 200 and rest.count(secret) == 2 and "Notes (N)" in audience
        assert record_of(audience)["notes"] == "/present/Mine?notes"


def test_a_story_is_presented_by_its_name(home: Path) -> None:
    stories.save(Story("One / two", (StoryStep("map", title="First"),)))
    client = TestClient(Starlette(routes=presenter.routes()))
    answer = client.get("/present/One%20%2F%20two")
    assert answer.status_code == 200 and "content-security-policy" in answer.headers
    assert record_of(answer.text)["back"] == "/story?story=One+%2F+two"
    absent = client.get("/present/One")
    assert absent.status_code == 404 and "No story is named 'One'." in absent.text
