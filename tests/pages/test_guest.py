"""Every page as a guest of a server: it says no error, its buttons do what they say, and no file that is kept changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import access, data, stories
from core.studies import embedding
from core.ui.app import jobs, visitors  # noqa: F401  (from then on a server says who asks)
from tests import house
from tests.conftest import write_tiny
from tests.pages.test_every_page import open_page

pytestmark = pytest.mark.usefixtures("fresh")
PAGES = sorted(path.stem for path in (house.ROOT / "pages").glob("*.py"))
NAMES = ["hsv_histogram", "hog"]
OTHER_LINKS = (
    {"d": "undisclosed"},
    {"d": "/etc", "study": "/etc/x.toml", "story": "../x"},
    {"d": "tiny", "q": "../../x", "of": "undisclosed", "see": "<script>"},
)


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset for all, a private one, and a story."""
    place = tmp_path_factory.mktemp("guest") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(place))
        embedding.embed(data.add("tiny", write_tiny(place.parent / "tiny")), NAMES)
        embedding.embed(data.add("undisclosed", write_tiny(place.parent / "undisclosed", 3)), NAMES)
        data.set_private("undisclosed", True)
        stories.save(stories.Story("tour", (stories.StoryStep("map", "d=tiny"),)))
    return place


def kept(home: Path) -> dict[str, bytes]:
    """Every file that is not worked out again when it is gone."""
    passing = ("thumb", "save.lock", "image_measures", "layouts", "index")
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and not any(part in str(path.relative_to(home)) for part in passing)
    }


@pytest.mark.parametrize("page", PAGES)
def test_a_guest_presses_every_button(page: str, shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(shared_home))
    before = kept(shared_home)
    monkeypatch.setattr(access.visitor, "_ask", lambda: access.Visitor("guest", "", "a guest"))
    app = open_page(f"pages/{page}.py", d="tiny", b=",".join(NAMES))
    buttons = [(button.key, button.label) for button in app.button if not button.disabled]
    for at, wanted in enumerate([None, *buttons]):
        found = [button for button in app.button if (button.key, button.label) == wanted and not button.disabled]
        if at and not found:
            continue
        if found:
            found[0].click().run(timeout=60)
        assert not app.exception and not app.error, (wanted, [e.value for e in [*app.exception, *app.error]])
        for job in jobs.running():
            job.ended.wait(60)
    ended = {job.title: job.sentence for job in list(jobs._JOBS.values()) if job.state == "failed"}
    jobs._JOBS.clear()
    assert not ended and kept(shared_home) == before


@pytest.mark.parametrize("page", PAGES)
def test_no_link_shows_a_guest_what_is_private(page: str, shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(shared_home))
    monkeypatch.setattr(access.visitor, "_ask", lambda: access.Visitor("guest", "", "a guest"))
    for link in OTHER_LINKS:
        app = open_page(f"pages/{page}.py", b=",".join(NAMES), **link)
        assert not app.exception
        options = [option for box in [*app.selectbox, *app.multiselect] for option in box.options]
        assert "undisclosed" not in options
        told = [
            str(block.value) for kind in ("markdown", "caption", "info", "error", "html") for block in app.get(kind)
        ]
        assert not [words for words in told if str(shared_home.parent) in words], "no path of the server"
