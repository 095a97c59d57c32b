"""A home that several page tests read: the demo catalogue, embedded by the concepts and by one that reads no text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


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
def demo(demo_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same home, for one test; no job of another test runs."""
    from core.ui import jobs

    monkeypatch.setenv("FUSIONSCOPE_HOME", str(demo_home))
    jobs._jobs().clear()
    yield demo_home
    for job in jobs.running():
        job.cancel.set()
