"""The first minute, in a real Chromium: an empty store, the demo builds itself, a weight moves, a picture is uploaded."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.browser import ROOT, chromium, serve, tab  # noqa: F401  (fixtures)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BUILDING = 240_000
"""Milliseconds until the demo must be there, on a machine that does other work too."""


def test_the_first_minute_and_what_comes_after(tab, tmp_path: Path) -> None:  # noqa: F811
    """One test, so that a second try begins with an empty store again."""
    with serve(ROOT / "app.py", tmp_path / "home") as app:
        check_the_first_minute(app, tab)
        check_a_second_start_is_instant(app, tab)
        check_any_link_opens(app, tab)


def check_the_first_minute(app: str, tab) -> None:  # noqa: F811
    from playwright.sync_api import expect

    tab.goto(app)
    expect(tab.get_by_role("heading", name="Overview")).to_be_visible(timeout=60_000)
    expect(tab.get_by_text("Embedding colour_variants").first).to_be_visible(timeout=60_000)
    expect(tab.get_by_role("button", name="Stop")).to_be_visible()
    # The pictures are there before the networks have finished, and each backbone's figure as it finishes.
    expect(tab.get_by_text("embedded", exact=True).first).to_be_visible(timeout=BUILDING)
    expect(tab.locator(".card img").first).to_be_visible()
    expect(tab.locator(".js-plotly-plot")).to_be_visible()

    tab.get_by_role("link", name="Fusion lab").click()
    expect(tab.get_by_role("heading", name="Fusion lab")).to_be_visible()
    value = tab.locator(".fs-lab .tile .value").first
    expect(value).to_be_visible()
    before = value.inner_text()
    assert re.fullmatch(r"0\.\d{3}", before), before
    expect(tab.locator(".fs-lab .result.yes").first).to_be_visible()
    scores = tab.locator(".fs-lab .result:not(.hidden) .score")
    shown = scores.all_inner_texts()

    slider = tab.get_by_role("slider", name=re.compile("HSV histogram"))
    slider.focus()
    for _ in range(5):
        slider.press("PageUp")
    expect(value).not_to_have_text(before)
    expect(tab).to_have_url(re.compile("w="))
    expect(scores).not_to_have_text(shown)  # figures and pictures arrive one after the other

    tab.get_by_role("link", name="Retrieval").click()
    expect(tab.get_by_role("heading", name="Retrieval")).to_be_visible()
    picture = Image.linear_gradient("L").convert("RGB")
    file = io.BytesIO()
    picture.save(file, "PNG")
    tab.get_by_text("Upload", exact=False).first.click()
    tab.locator("input[type=file]").first.set_input_files(
        [{"name": "own.png", "mimeType": "image/png", "buffer": file.getvalue()}]
    )
    expect(tab.locator(".card.frame-unknown").first).to_be_visible(timeout=60_000)
    assert not tab.complaints


def check_a_second_start_is_instant(app: str, tab) -> None:  # noqa: F811
    from playwright.sync_api import expect

    tab.goto(app)
    expect(tab.get_by_text("embedded", exact=True).first).to_be_visible(timeout=20_000)
    # Concepts and costs of the first visit may still be worked out; then nothing begins again.
    expect(tab.get_by_role("button", name="Stop")).to_have_count(0, timeout=BUILDING)


def check_any_link_opens(app: str, tab) -> None:  # noqa: F811
    from playwright.sync_api import expect

    tab.goto(f"{app}/fusion_lab?d=nothing&b=%3Cscript%3E&w=hog:lots&k=-7&s=drop+table&q=%F0%9F%98%80")
    expect(tab.get_by_role("heading", name="Fusion lab")).to_be_visible()
    expect(tab.locator(".fs-lab .tile").first).to_be_visible()
    tab.goto(f"{app}/overview?d=photo_views&b=hog")  # an address that leads on keeps what the link says
    expect(tab.get_by_role("heading", name="Overview")).to_be_visible()
    expect(tab).to_have_url(re.compile(r"/\?.*\bb=hog"))
    assert not tab.complaints
