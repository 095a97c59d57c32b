"""Every control of every page as every role: what a visitor presses changes nothing that is not theirs to change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.testing.v1 import AppTest

from core import access, data
from core.access import Visitor
from core.fusion import FusionSpec, store
from core.studies import embedding
from core.ui.app import jobs, visitors
from tests.pages.alone import forget_everything, settled, words
from tests.pages.test_every_page import BACKBONES, FILES, failed_parts, open_page

VISITORS = {
    "guest": Visitor("guest", "", "address 1"),
    "member": Visitor("member", "Ann", "account a"),
    "owner": Visitor("owner", "Cy", "account c"),
}
MEMBERS = ("stories", "studies", "fusions", "judgements", "calibrations", "fitted")
"""Folders in which members keep what they save; everything else of a home belongs to owners."""
CACHES = ("layouts", "indexes", "concepts", "store/thumbnails", "store/image_measures", "engines", "texts")
"""What is worked out again when it is gone."""


@pytest.fixture
def world(tiny_world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, fresh: None) -> Iterator[SimpleNamespace]:
    embedding.embed(tiny_world.dataset, BACKBONES)
    store.save(FusionSpec("of the house", "concat", BACKBONES))
    monkeypatch.setenv("FUSIONSCOPE_ACCESS", "members")
    monkeypatch.setattr(visitors, "identify", lambda *_: tiny_world.visitor)
    yield tiny_world
    for job in jobs.running():
        job.task.cancel()
        job.ended.wait(60)
    forget_everything()


def kept(home: Path, but: tuple[str, ...] = ()) -> dict[str, tuple[int, int]]:
    """Every file of a home, when it was changed and how large it is."""
    skipped = tuple(f"{home}/{name}" for name in (*CACHES, *but))
    files = [Path(folder) / name for folder, _, names in os.walk(home) for name in names]
    return {
        str(file): (file.stat().st_mtime_ns, file.stat().st_size) for file in files if not str(file).startswith(skipped)
    }


def controls(app: AppTest) -> dict[str, str]:
    """Key, or label, of each control that acts → its kind."""
    buttons = {str(one.key or one.label): "button" for one in app.button if not one.disabled}
    uploads = {str(one.label): "upload" for one in app.get("file_uploader")}
    return {name: kind for name, kind in (buttons | uploads).items() if not name.startswith("stop ")}


def press_all(app: AppTest) -> set[str]:
    """Press every button, those too that come by pressing others; what was pressed."""
    pressed: set[str] = set()
    while True:
        waiting = [one for one in app.button if str(one.key or one.label) not in pressed and not one.disabled]
        if not waiting or len(pressed) > 60:
            return pressed
        pressed.add(str(waiting[0].key or waiting[0].label))
        waiting[0].click().run()
        assert not app.exception and not failed_parts(app), pressed


def send_by_hand(app: AppTest, buttons: set[str]) -> None:
    """One message that says all these buttons were pressed, though the page draws none of them."""
    message = WidgetStates()
    for button in sorted(buttons):
        message.widgets.add(id=button, trigger_value=True)
    app._run(message)


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_what_visitors_press_changes_nothing_of_others(world: SimpleNamespace, file: str) -> None:
    seen: dict[str, dict[str, str]] = {}
    buttons: set[str] = set()
    for role in ("owner", "member", "guest"):
        forget_everything()
        world.visitor = VISITORS[role]
        app = open_page(file, d="tiny")
        assert not app.exception and not failed_parts(app)
        seen[role] = controls(app)
        if role == "owner":
            buttons = {one.proto.id for one in app.button}
            continue
        before = kept(world.home, MEMBERS if role == "member" else ())
        send_by_hand(app, buttons - {one.proto.id for one in app.button})
        settled(app)
        assert not app.exception and not failed_parts(app)
        assert kept(world.home, MEMBERS if role == "member" else ()) == before
        press_all(app)
        settled(app)
        assert kept(world.home, MEMBERS if role == "member" else ()) == before
        assert all(job.by.role in {"owner", role} for job in jobs._JOBS.values())
        assert set(store.saved()[0]) >= {"of the house"} and "tiny" in data.names()
    assert set(seen["guest"]) <= set(seen["member"]) | {"account"} and set(seen["member"]) <= set(seen["owner"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "link", "gone", "sentence"),
    [
        ("pages/overview.py", {}, "embed tiny", "Owners can add datasets"),
        ("pages/datasets.py", {"see": "manage"}, "rename tiny", "Owners can change datasets"),
        ("pages/datasets.py", {"see": "classes"}, "Split", "Owners can change datasets"),
        ("pages/backbones.py", {}, "measure chosen", "Owners can embed images"),
        ("pages/fusion_lab.py", {"see": "files"}, "lab import", "Members can save fusions"),
        ("pages/fusion_lab.py", {"see": "trained"}, "Train", "Members can tune and train"),
        ("pages/judge.py", {}, "start judging", "Members can judge results"),
        ("pages/threshold.py", {"see": "likely"}, "save likely", "Members can save probabilities"),
    ],
)
def test_where_a_control_is_not_for_a_visitor_a_line_says_who_has_it(
    world: SimpleNamespace, file: str, link: dict[str, str], gone: str, sentence: str
) -> None:
    world.visitor = VISITORS["guest"]
    app = settled(open_page(file, d="tiny", **link))
    assert gone not in controls(app) and sentence in words(app)


@pytest.mark.slow
def test_a_visitor_whose_role_changed_loses_what_the_page_still_shows(world: SimpleNamespace) -> None:
    world.visitor = VISITORS["owner"]
    app = open_page("pages/datasets.py", d="tiny", see="manage")
    before = kept(world.home)
    world.visitor = VISITORS["guest"]
    next(one for one in app.button if one.label == "Re-scan").click().run()
    assert kept(world.home) == before and not jobs.running()
    world.visitor = access.NOBODY
    app = open_page("pages/overview.py", d="tiny")
    assert "tiny" not in words(app) and "invitation" in words(app) and not app.button
