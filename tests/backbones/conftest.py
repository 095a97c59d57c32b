"""A home of our own, and one intra-op thread: two that wait for each other are many times slower on a busy machine."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def quiet(tmp_path_factory: pytest.TempPathFactory):
    """Nothing of the user's own home is read or written."""
    import torch

    patch = pytest.MonkeyPatch()
    patch.setenv("FUSIONSCOPE_HOME", str(tmp_path_factory.mktemp("home")))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    patch.undo()
