"""What tests of several pages need: homes, and a clean start. The demo catalogue is embedded by the concepts and by HSV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.types import Dataset
from core.ui.app import jobs
from tests.pages.alone import forget_everything, world


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder; made once, its embeddings never changed."""
    place = tmp_path_factory.mktemp("demo") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(place))
        from core import data
        from core.studies import embedding

        embedding.embed(data.load("demo_catalogue"), ["concepts_lite0", "hsv_histogram"])
    return place


@pytest.fixture
def demo(demo_home: Path, no_jobs_of_others: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same home, for one test; no job of another test runs."""
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(demo_home))
    return demo_home


@pytest.fixture
def fresh() -> None:
    """Nothing that another test's pages kept."""
    forget_everything()


@pytest.fixture
def tiny(tmp_path: Path, home: Path) -> Dataset:
    """The small world of `alone.world`, in a home of its own."""
    return world(tmp_path)


@pytest.fixture
def no_jobs_of_others() -> Iterator[None]:
    """No background work of another test before, none of this one after."""
    jobs._JOBS.clear()
    yield
    for job in jobs.running():
        job.task.cancel()
