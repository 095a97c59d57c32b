"""A dataset of vectors alone, as a researcher brings it: every page opens, and nothing asks for an image that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core import data
from core.types import Dataset
from core.ui.widgets import image_cards
from tests.browser import ROOT, at_rest, chromium, serve, tab  # noqa: F401  (fixtures)
from tests.pages.test_every_page import FILES, failed_parts, open_page

CLASSES, EACH = 6, 10


def vectors_of(folder: Path) -> Dataset:
    """Two sets of vectors over the same items, with labels."""
    random, labels = np.random.default_rng(0), np.repeat(np.arange(CLASSES), EACH)
    folder.mkdir(parents=True)
    for name in ("a", "b"):
        centres = random.normal(size=(CLASSES, 16))
        np.save(folder / f"{name}.npy", (centres[labels] + random.normal(size=(len(labels), 16))).astype("float32"))
    rows = "".join(f"item_{number:02d},class_{label}\n" for number, label in enumerate(labels))
    (folder / "labels.csv").write_text(f"id,label\n{rows}", encoding="utf-8")
    files = {name: folder / f"{name}.npy" for name in ("a", "b")}
    return data.add_vectors("vectors", files, folder / "labels.csv", None, "refuse", lambda _: None)


@pytest.mark.slow
@pytest.mark.parametrize("file", [file for file in FILES if "catalogue" not in file])
def test_every_page_opens(file: str, home: Path, tmp_path: Path) -> None:
    loaded = vectors_of(tmp_path / "vectors")
    assert image_cards.image_key(loaded, 0) == ""
    link = {"d": "vectors", "see": "query"} if "curves" in file else {"d": "vectors"}
    app = open_page(file, **link)
    assert not app.exception and not failed_parts(app)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("vectors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(folder / "home"))
        vectors_of(folder / "vectors")
    with serve(ROOT / "app.py", folder / "home") as address:
        yield address


@pytest.mark.browser
@pytest.mark.slow
def test_items_without_an_image_go_by_their_names(app: str, tab) -> None:  # noqa: F811
    from playwright.sync_api import expect

    absent: list[str] = []
    tab.on("response", lambda answer: absent.append(answer.url) if answer.status == 404 else None)
    tab.goto(f"{app}/retrieval?d=vectors")
    cards = tab.locator(".picture.missing")
    expect(cards.nth(5)).to_be_visible(timeout=60_000)
    at_rest(tab)
    names = {card.get_attribute("data-text") for card in cards.all()}
    assert len(names) > 5 and all(name.startswith("item_") for name in names), names
    tab.goto(f"{app}/fusion_lab?d=vectors")
    tile = tab.locator(".result .image.missing").first
    expect(tile).to_be_visible(timeout=60_000)
    assert tile.get_attribute("data-text").startswith("item_")
    at_rest(tab)
    wrong = [url for url in absent if "_stcore" not in url]
    assert not wrong, wrong
    assert not tab.complaints
