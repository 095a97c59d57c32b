"""A story as a file: every page that can be written is written by its link, in order, and what cannot says so."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from core import cli, stories
from core.export.report import story as story_report
from core.export.report.scenes import SCENES
from core.stories import Story, StoryStep
from core.studies import embedding
from core.studies.study import study_library, study_run
from core.studies.study.study_record import Study, StudyDataset
from tests.export.test_report import nothing_is_loaded_or_run

OWN = ("hsv_histogram", "hog")
LINK = "d=tiny&b=hsv_histogram,hog"
MIX = "concat(hsv_histogram:0.5,hog:0.5)"
VIEWS = {
    "overview": (LINK, ["Compared", "Finds most", "How sure", "best mix (2 backbones)"]),
    "fusion_lab": (f"{LINK}&w=hog:0.2,hsv_histogram:0.8", ["HSV histogram 80 %", "After: this fusion", "<svg", "<img"]),
    "retrieval": (f"{LINK}&a={MIX}&vs=hog", ["of the first 18 are relevant", "HOG:"]),
    "leaderboard": (f"{LINK}&sys=hog|hsv_histogram|{MIX}&m=p@k&k=5", ["P@5", "Ties", "leads: P@5"]),
    "curves": (f"{LINK}&see=over_k&k=20", ["precision@k", "polyline"]),
    "threshold": (f"{LINK}&err=0.01", ["At 1 false match in 100", "polyline"]),
    "map": (f"{LINK}&p=pca&a=hog", ["circle cx", "stripes"]),
    "slices": (f"{LINK}&sys=hog|hsv_histogram&col=label", ["worst for images of class", "<svg", "<img"]),
}


@pytest.fixture
def embedded(tiny_world: SimpleNamespace) -> SimpleNamespace:
    embedding.embed(tiny_world.dataset, OWN)
    return tiny_world


def sheets_of(html: str) -> list[str]:
    return re.findall(r'<section class="sheet">(.*?)</section>', html, re.S)


def test_every_page_of_the_table_is_written_by_its_link(embedded: SimpleNamespace) -> None:
    assert set(VIEWS) | {"text_search", "studies"} == set(SCENES.names)
    steps = tuple(StoryStep(page, link, title=f"Step of {page}") for page, (link, _) in VIEWS.items())
    html = story_report.html(Story("All pages", steps))
    nothing_is_loaded_or_run(html)
    sheets = sheets_of(html)
    assert [re.search("<h2>(.*?)</h2>", sheet)[1] for sheet in sheets] == [f"Step of {page}" for page in VIEWS]
    for sheet, (page, (_, expected)) in zip(sheets, VIEWS.items(), strict=True):
        for words in expected:
            assert words in sheet, f"{page}: {words!r} is missing"
        assert "cannot be shown here" not in sheet, page


def test_a_study_is_written_as_its_link_looks_at_it(embedded: SimpleNamespace) -> None:
    datasets = tuple(StudyDataset("tiny", name) for name in ("one", "two"))
    study = Study("Drawn", datasets, OWN, metrics=("map", "p@1"))
    name = study_library.save(study)
    looks = {"bars": "two", "ranks": "critical difference", "curves": "polyline", "cases": "Worst queries"}
    looks |= {"winners": "is best", "cost": "ms per image", "nonsense": "<rect"}
    steps = tuple(StoryStep("studies", f"study={name}&see={look}&of=two") for look in looks)
    assert all("No system was evaluated" in sheet for sheet in sheets_of(story_report.html(Story("s", steps))))
    study_run.run(study)
    for sheet, (look, expected) in zip(sheets_of(story_report.html(Story("s", steps))), looks.items(), strict=True):
        assert "is best over all" in sheet and expected in sheet, look
    gone = sheets_of(story_report.html(Story("s", (StoryStep("studies", "study=drwn"),))))
    assert "Did you mean &#39;drawn&#39;" in gone[0]


def test_a_link_changes_what_is_written(embedded: SimpleNamespace) -> None:
    def bars(shares: str) -> str:
        html = story_report.html(Story("s", (StoryStep("fusion_lab", f"{LINK}&w={shares}"),)))
        return re.search(r"this fusion.*?(0\.\d{3})", html, re.S)[1]

    alone = story_report.html(Story("s", (StoryStep("leaderboard", LINK),)))
    hog = re.search(r"<td>HOG</td>.*?<td class=\"number\">(0\.\d{3})", alone, re.S)[1]
    assert bars("hog:1") == hog, "all the weight on one backbone is that backbone"
    assert bars("hog:0.5,hsv_histogram:0.5") != hog


def test_what_cannot_be_written_says_so_and_the_others_stand(embedded: SimpleNamespace) -> None:
    steps = (
        StoryStep("judge", LINK, title="Live"),
        StoryStep("leaderboard", "d=gone", title="Gone"),
        StoryStep("retrieval", f"{LINK}&q=given:abc", title="Uploaded"),
        StoryStep("datasets", LINK, "answer", "Told", "Sixty drawings."),
        StoryStep("leaderboard", LINK, title="There"),
    )
    live, gone, uploaded, told, there = sheets_of(story_report.html(Story("s", steps)))
    assert "only be shown live" in live and "only be shown live" in uploaded
    assert "cannot be shown here" in gone and "gone" in gone
    assert "Sixty drawings." in told and "<svg" not in told and "shown live" not in told
    assert "<svg" in there


def test_notes_are_written_only_when_asked_for(embedded: SimpleNamespace) -> None:
    story = Story("s", (StoryStep("leaderboard", LINK, "answer", "T", "<i>said</i>", "my notes"),))
    assert "my notes" not in story_report.html(story)
    html = story_report.html(story, notes=True)
    assert "my notes" in html and "&lt;i&gt;said" in html


def test_the_command_line_lists_and_exports(embedded: SimpleNamespace, tmp_path, capsys) -> None:
    assert cli.main(["story", "list"]) == 0
    assert "no story yet" in capsys.readouterr().out
    stories.save(Story("Which mix", (StoryStep("leaderboard", LINK, title="All", sentence="Who leads."),)))
    assert cli.main(["story", "list"]) == 0
    assert capsys.readouterr().out.strip() == "Which mix: 1 step (leaderboard)"
    assert cli.main(["story", "list", "Which mix"]) == 0
    assert f"1. All\n   Who leads.\n   leaderboard?{LINK}" in capsys.readouterr().out
    out = tmp_path / "mix.html"
    assert cli.main(["story", "export", "Which mix", "--out", str(out)]) == 0
    assert "1 step." in capsys.readouterr().out and "Who leads." in out.read_text(encoding="utf-8")


def test_a_report_holds_a_story_behind_its_first_screen(embedded: SimpleNamespace, tmp_path, capsys) -> None:
    steps = (StoryStep("curves", LINK, title="Second"), StoryStep("overview", LINK, title="Third"))
    stories.save(Story("Which mix", steps))
    out = tmp_path / "report.html"
    flags = ["--data", "tiny", "--backbone", "hog", "--backbone", "hsv_histogram", "--out", str(out)]
    assert cli.main(["report", *flags, "--story", "Which mix"]) == 0
    html = out.read_text(encoding="utf-8")
    nothing_is_loaded_or_run(html)
    places = [html.index(words) for words in ("Chance of being wrong", "<h2>Second", "<h2>Third", "<h2>Every system")]
    assert places == sorted(places)
    assert cli.main(["report", *flags, "--story", "Wich mix"]) == 2
    assert "Did you mean 'Which mix'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["export"], "needs a name"),
        (["export", "Wich mix"], "Did you mean 'Which mix'"),
        (["export", "Which mix", "--out", "/nowhere/at/all.html"], "there is no folder"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_one_sentence(home, capsys, arguments: list[str], sentence: str) -> None:
    stories.save(Story("Which mix"))
    assert cli.main(["story", *arguments]) == 2
    assert sentence.lower() in capsys.readouterr().err.lower()
