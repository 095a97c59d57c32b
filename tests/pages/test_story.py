"""The page Story with AppTest: begun with the answer, ordered, edited, renamed, exported; a page as a step of it."""

from __future__ import annotations

import pytest

from core import access, stories
from core.stories import Story, StoryStep
from core.types import Dataset
from core.ui.app import jobs, theme
from tests.pages.alone import button, link, opened, settled, words
from tests.pages.test_every_page import open_page

pytestmark = pytest.mark.usefixtures("fresh", "no_jobs_of_others")

LINK = "d=tiny&b=hsv_histogram,hog"


def kept(*titles: str, name: str = "One") -> Story:
    """A saved story of one step per title."""
    story = Story(name, tuple(StoryStep("leaderboard", LINK, title=title, id=title) for title in titles))
    stories.save(story)
    return story


def titles_of(name: str = "One") -> list[str]:
    return [step.title for step in stories.load(name).steps]


def drawn(app) -> str:
    """What the page says, its own markup included."""
    return words(app) + "\n".join(element.body for element in app.get("html") if hasattr(element, "body"))


def test_a_story_begins_with_the_answer_to_the_comparison(tiny: Dataset) -> None:
    app = opened("story", d="tiny", b="hsv_histogram,hog")
    assert "It starts with the answer" in words(app)
    button(app, "Start with the answer").click().run()
    assert not app.exception and link(app, "story") == "Story of tiny"
    (step,) = stories.load("Story of tiny").steps
    assert (step.page, step.part) == ("overview", "summary")
    assert step.values == {"d": "tiny", "b": "hsv_histogram,hog"}
    button(app, "New story").click().run()
    assert set(stories.saved()[0]) == {"Story of tiny", "Story of tiny 2"}


def test_steps_are_moved_edited_and_deleted(tiny: Dataset) -> None:
    kept("a", "b", "c")
    app = opened("story", d="tiny", story="One")
    assert "3 steps from 1 page" in words(app)
    assert app.button("up a").disabled and app.button("down c").disabled
    app.button("down a").click().run()
    assert titles_of() == ["b", "a", "c"]
    app.button("delete_step b").click().run()
    assert titles_of() == ["a", "c"]
    app.button("edit c").click().run()
    app.text_input("title of c").set_value("changed")
    app.text_area("notes of c").set_value("two\nlines")
    app.button("save c").click().run()
    assert not app.exception and titles_of() == ["a", "changed"]
    assert stories.load("One").steps[1].notes == "two\nlines"
    assert stories.load("One").steps[1].link == LINK, "what a step shows is not edited away"


def test_a_step_that_another_session_deleted_is_said(tiny: Dataset) -> None:
    kept("a", "b")
    app = opened("story", d="tiny", story="One")
    stories.change("One", lambda story: story.without("b"))
    app.button("up b").click().run()
    assert "not there any more" in app.error[0].value and titles_of() == ["a"]


def test_a_story_is_renamed_and_deleted(tiny: Dataset) -> None:
    kept("a")
    kept("z", name="Two")
    app = opened("story", d="tiny", story="One")
    app.text_input("name of One").set_value("Two")
    app.button("rename One").click().run()
    assert "there already" in app.error[0].value and titles_of() == ["a"] and titles_of("Two") == ["z"]
    app.text_input("name of One").set_value("Three")
    app.button("rename One").click().run()
    assert set(stories.saved()[0]) == {"Two", "Three"} and link(app, "story") == "Three"
    app.button("delete Three").click().run()
    assert set(stories.saved()[0]) == {"Two"} and not app.exception


def test_a_link_to_a_story_that_is_gone_says_so(tiny: Dataset) -> None:
    kept("a")
    app = opened("story", d="tiny", story="Onee")
    assert "Did you mean 'One'" in words(app)
    assert link(app, "story") == "One"


def test_the_file_is_made_beside_the_page(tiny: Dataset) -> None:
    kept("a")
    app = opened("story", d="tiny", story="One")
    button(app, "Export").click().run()
    settled(app)
    assert not jobs.running() and "one per page of paper" in words(app) and not app.exception


def test_a_presented_page_has_its_part_and_the_answer_in_brief(tiny: Dataset) -> None:
    app = open_page("pages/overview.py", d="tiny", b="hsv_histogram,hog", show="summary")
    assert not app.exception and link(app, "show") == "summary"
    said = drawn(app)
    for fact in ("Compared", "Finds most", "By how much", "How sure", "Cost"):
        assert fact in said, fact
    everything = open_page("pages/overview.py", d="tiny", b="hsv_histogram,hog", show="nonsense")
    assert "Finds most" not in drawn(everything)


def test_the_answer_of_a_page_is_what_a_step_starts_with() -> None:
    answer = f"**{theme.plain('A_b + *c* $5 <d>')}** finds most: mAP 0.9 {theme.plain('[0.8, 1.0]')}.  \n**B** less."
    assert theme.unmarked(answer) == "A_b + *c* $5 <d> finds most: mAP 0.9 [0.8, 1.0]. B less."


def test_only_whoever_may_change_a_story_reads_its_notes(tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    step = StoryStep("leaderboard", LINK, title="a", notes="between us", id="a")
    stories.save(Story("One", (step,)))
    assert "between us" in drawn(opened("story", d="tiny", story="One"))
    monkeypatch.setattr(access.visitor, "_ask", lambda: access.Visitor("guest", "", "a guest"))
    app = opened("story", d="tiny", story="One")
    assert not app.exception and "1 step from 1 page" in words(app) and "between us" not in drawn(app)
    assert not any(toggle.label == "With notes" for toggle in app.toggle)
