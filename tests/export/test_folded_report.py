"""A folded report in Chromium: the contents open a section, and on paper every section is open."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.export.report.document import Heading, Paragraph, Report, Sheet, for_frame
from tests.browser import chromium, tab  # noqa: F401  (fixtures)
from tests.export.test_report import nothing_is_loaded_or_run
from tests.pages.test_story_browser import pages_of_print

SECTIONS = [
    part
    for number in range(6)
    for part in (Heading(f"Part <{number}>", is_open=number == 0), Paragraph(f"Words of part {number}. " * 200))
]


def test_parts_stand_under_their_heading() -> None:
    report = Report("T", "A", "", [Paragraph("before"), *SECTIONS, Heading("inner", 3)], folded=True)
    assert [section.heading and section.heading.text for section in report.sections][:2] == [None, "Part <0>"]
    assert report.sections[-1].parts[-1] == Heading("inner", 3)
    html = report.html()
    seen = nothing_is_loaded_or_run(html)
    assert [a["href"] for tag, a in seen.tags if tag == "a"] == [f"#section-{n}" for n in range(1, 7)]
    assert "Part &lt;1&gt;" in html
    framed = for_frame(html)
    assert "href" not in framed and framed.count("<details") == 6 and framed.endswith("</html>\n")
    plain = Report("T", "A", "", SECTIONS).html()
    assert for_frame(plain) == plain
    assert "<details" not in plain and "<h2>Part &lt;1&gt;</h2>" in plain


@pytest.mark.browser
def test_sections_open_by_the_contents_and_on_paper(tab, tmp_path: Path) -> None:  # noqa: F811
    from playwright.sync_api import expect

    file, flat = tmp_path / "folded.html", tmp_path / "flat.html"
    file.write_text(Report("T", "A", "", SECTIONS, folded=True).html(), encoding="utf-8")
    flat.write_text(Report("T", "A", "", SECTIONS).html(), encoding="utf-8")
    tab.goto(file.as_uri())
    words = tab.get_by_text("Words of part 4.")
    expect(tab.get_by_text("Words of part 0.")).to_be_visible()
    expect(words).to_be_hidden()
    folded = pages_of_print(tab)
    tab.get_by_role("link", name="Part <4>").click()
    expect(words).to_be_visible()
    expect(tab.get_by_role("heading", name="Part <4>")).to_be_in_viewport()
    tab.goto(flat.as_uri())
    assert folded >= pages_of_print(tab) > 2, "nothing is missing on paper"
    assert not tab.complaints


@pytest.mark.browser
def test_a_story_is_a_step_a_page_on_paper(tab, tmp_path: Path) -> None:  # noqa: F811
    steps = [Sheet(f"Step {n}", "A sentence.", [Paragraph("Words. " * 40)]) for n in range(3)]
    file = tmp_path / "story.html"
    file.write_text(Report("T", "", "", steps).html(), encoding="utf-8")
    tab.goto(file.as_uri())
    assert pages_of_print(tab) == 3
    within = [Heading("Story", is_open=True), *steps, Heading("Every system"), Paragraph("Figures.")]
    file.write_text(Report("T", "A", "", within, folded=True).html(), encoding="utf-8")
    tab.goto(file.as_uri())
    assert pages_of_print(tab) == 5, "the first screen, the steps, the figures"
