"""Stories as records and files: any text is a story or one sentence, nothing is lost, and files are whole."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import paths, setups, stories
from core.errors import BadInput, CoreError, StoreUnusable, UnknownName
from core.setups import FrameSetup, LeaderboardSetup
from core.setups.story import PARTS
from core.stories import LONGEST, Story, StoryStep

TEXTS = st.text(max_size=60)
STEPS = st.builds(
    StoryStep,
    st.sampled_from(["overview", "fusion_lab", "map"]),
    st.sampled_from(["", "d=photos", "d=a%26b&k=10"]),
    st.sampled_from(PARTS),
    TEXTS,
    TEXTS,
    TEXTS,
)
NAMES = TEXTS.filter(lambda text: any(c.isprintable() and not c.isspace() for c in text))


@given(NAMES, st.lists(STEPS, max_size=4))
def test_what_is_written_is_read_back(name: str, steps: list[StoryStep]) -> None:
    story = Story(name, tuple(steps))
    assert stories.parse(stories.dump(story), "x") == story


@given(st.text(max_size=200))
def test_any_text_is_a_story_or_one_sentence(text: str) -> None:
    with pytest.raises(BadInput):
        stories.parse(text, "x.json")


@given(st.lists(STEPS, min_size=1, max_size=6, unique_by=lambda step: step.id), st.data())
def test_moving_changes_the_order_and_nothing_else(steps: list[StoryStep], data: st.DataObject) -> None:
    story = Story("s", tuple(steps))
    step, by = data.draw(st.sampled_from(steps)), data.draw(st.sampled_from([-1, 1]))
    moved = story.with_moved(step.id, by)
    assert sorted(s.id for s in moved.steps) == sorted(s.id for s in steps)
    assert moved.at(step.id) == min(max(story.at(step.id) + by, 0), len(steps) - 1)
    others = [s.id for s in steps if s.id != step.id]
    assert [s.id for s in moved.steps if s.id != step.id] == others


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ([], 'no list "steps"'),
        ({"name": "a", "steps": [{"title": "x"}]}, 'step 1: a step has a "page"'),
        ({"name": "a", "steps": [{"page": "../etc"}]}, "names a page like fusion_lab"),
        ({"name": "a", "steps": [{"page": "map", "part": "all of it"}]}, "one of main, answer, page, summary"),
        ({"name": "a", "steps": [{"page": "map", "notez": "x"}]}, "'notez' is unknown; a step has id, link, notes"),
        ({"name": " ", "steps": []}, "a name of 1 to 80 characters"),
        ({"name": "a", "steps": [{"page": "map"}] * 61}, "at most 60 steps"),
    ],
)
def test_what_is_wrong_is_named(record: object, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence.replace("(", r"\(")):
        stories.parse(json.dumps(record), "story.json")


def test_texts_are_lines_within_their_lengths() -> None:
    step = StoryStep("map", "?d=x", title="a\nb\x00 " + "c" * 500, sentence="s" * 999, notes="one\r\ntwo\x07")
    assert step.title.startswith("a b c") and len(step.title) == LONGEST["title"]
    assert len(step.sentence) == LONGEST["sentence"]
    assert step.notes == "one\ntwo" and step.link == "d=x" and step.values == {"d": "x"}


def test_a_link_is_read_as_the_pages_read_it() -> None:
    values = StoryStep("leaderboard", "d=photos&b=hog,hsv_histogram&k=7&iq=1&see=nonsense").values
    frame, setup = setups.of_link(FrameSetup, values), setups.of_link(LeaderboardSetup, values)
    assert frame == FrameSetup("photos", ("hog", "hsv_histogram"))
    assert setup.k == 7 and setup.by_query is True and setup.look == LeaderboardSetup.look


def test_stories_are_kept_by_name(home: Path) -> None:
    assert stories.saved() == ({}, ())
    for name in ("One / two", "Einführung", "../../x"):
        stories.save(Story(name, (StoryStep("map", title=name),)))
    assert {path.parent for path in home.rglob("*.json")} == {paths.stories()}, "no name leads elsewhere"
    assert set(stories.saved()[0]) == {"One / two", "Einführung", "../../x"}
    assert stories.load("Einführung").steps[0].title == "Einführung"
    with pytest.raises(UnknownName, match="Did you mean 'Einführung'"):
        stories.load("Einfuhrung")
    stories.remove("Einführung")
    stories.remove("Einführung")
    assert "Einführung" not in stories.saved()[0]


def test_a_damaged_file_is_named_and_the_others_stand(home: Path) -> None:
    stories.save(Story("good"))
    bad = stories.save(Story("bad"))
    bad.write_bytes(b'{"name": "bad", "ste')
    known, problems = stories.saved()
    assert set(known) == {"good"} and len(problems) == 1 and bad.name in problems[0]
    with pytest.raises(BadInput, match="no JSON"):
        stories.change("bad", lambda story: story)
    assert bad.read_bytes() == b'{"name": "bad", "ste', "what cannot be read is not overwritten"


def test_changes_of_several_sessions_add_up(home: Path) -> None:
    def add(number: int) -> None:
        stories.change("shared", lambda story: story.with_step(StoryStep("map", title=str(number))))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(step.title for step in stories.load("shared").steps) == [str(number) for number in range(8)]


def test_a_refused_change_leaves_the_story_as_it_was(home: Path) -> None:
    before = stories.change("s", lambda story: story.with_step(StoryStep("map")))
    with pytest.raises(UnknownName, match="not there any more"):
        stories.change("s", lambda story: story.with_changed("gone", title="x"))
    with pytest.raises(CoreError):
        stories.change("s", lambda story: Story(story.name, story.steps * 61))
    assert stories.load("s") == before


def test_a_home_that_cannot_be_written_is_one_sentence(home: Path) -> None:
    home.mkdir(parents=True)
    (home / "stories").write_text("a file where the folder belongs")
    with pytest.raises(StoreUnusable, match="could not be saved"):
        stories.save(Story("s"))
