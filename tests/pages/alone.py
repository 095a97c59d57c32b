"""One page without its neighbours, for AppTest; a small world with real descriptors for the pages that compare."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from core import data
from core.fusion import FusionSpec, LearnedArray, store
from core.studies import embedding
from core.types import Dataset
from tests.conftest import write_tiny

OWN = ("hsv_histogram", "hog")


def opened(page: str, **link: str) -> AppTest:
    """A page of pages/ with the sidebar, opened from a link."""

    def one_page(file: str) -> None:
        import runpy

        from core import paths
        from core.ui.app import state
        from core.ui.app.error_boundary import guarded
        from core.ui.widgets import sidebar

        state.begin(file)
        guarded(sidebar.frame)()
        guarded(lambda: runpy.run_path(str(paths.REPOSITORY / "pages" / f"{file}.py")))()

    app = AppTest.from_function(one_page, default_timeout=120, kwargs={"file": page})
    app.query_params.update(link)
    return app.run()


def forget_everything() -> None:
    """As after a restart of the server: nothing is kept in memory, and no job was ever started."""
    import streamlit as st

    from core.ui.app import jobs
    from core.ui.app.shared_results import RESULTS

    RESULTS.forget()
    st.cache_resource.clear()
    jobs._JOBS.clear()


def words(app: AppTest) -> str:
    """All that the page says, without the backslashes of Markdown and the spaces of no width."""
    parts = (app.title, app.subheader, app.markdown, app.caption, app.info, app.success, app.warning, app.error)
    return re.sub(r"\\(.)", r"\1", "\n".join(str(one.value) for part in parts for one in part)).replace("\u200b", "")


def settled(app: AppTest) -> AppTest:
    """Run again until nothing is computed beside the page any more."""
    from core.ui.app import jobs

    end = time.monotonic() + 120
    while jobs.running() and time.monotonic() < end:
        time.sleep(0.05)
    return app.run()


def link(app: AppTest, name: str) -> str:
    """What the link of the page says now for one name."""
    value = app.query_params[name]
    return value if isinstance(value, str) else value[0]


def button(app: AppTest, label: str):
    """The button of that label."""
    return next(one for one in app.button if one.label == label)


def table(app: AppTest, at: int = 0):
    """The dataframe of a page."""
    return app.dataframe[at].value


def world(folder: Path, name: str = "tiny", backbones: tuple[str, ...] = OWN, **more) -> Dataset:
    """Drawn images as a saved dataset, embedded."""
    dataset = data.add(name, write_tiny(folder / name, **more))
    embedding.embed(dataset, backbones)
    return dataset


def attached(dataset: Dataset, **rows: np.ndarray) -> None:
    """Vectors computed elsewhere, beside a dataset."""
    from core.data import attached_vectors as given

    for name, values in rows.items():
        given.attach(dataset, name, values)


def beside_an_odd_fusion(page: str) -> AppTest:
    """A page on the dataset "tiny" beside two saved fusions: one that cannot be used and is named, and one that can."""
    arrays = (LearnedArray.of("matrix", np.ones((3, 2))), LearnedArray.of("shift", np.zeros(2)))
    store.save(FusionSpec("odd one", "linear_head", OWN, learned=arrays))
    store.save(FusionSpec("good one", "rrf", OWN))
    app = opened(page, d="tiny")
    assert not app.exception and not app.error
    said = [one.value for one in app.warning if "odd one" in one.value]
    assert len(said) == 1 and "left out" in said[0] and "trained on vectors of 3 numbers" in said[0]
    return app
