"""What the Map page hands to its map, without a browser: colours, selections, lines, layouts that are kept and stopped."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core import data, paths, projection
from core.studies import colourings, embedding, maps, point_colours
from core.types import Projection, unit
from core.ui.components import map as picture_map
from core.ui.views.map import map_layouts
from tests.browser import ROOT
from tests.conftest import TINY_CLASSES, write_tiny
from tests.pages import alone

COLOURS = {
    "class": ("category", "Class"),
    "split": ("category", "Split"),
    "ap": ("number", "AP as a query"),
    "correct": ("category", "First hit"),
    "cluster": ("category", "Cluster"),
    "duplicates": ("category", "Duplicates"),
    "doubt": ("number", "Possible label error"),
    "difference": ("diverging", "AP difference"),
    "change": ("number", "Neighbours exchanged"),
    "column:shop": ("category", "shop"),
    "column:price": ("number", "price"),
    "column:margin": ("diverging", "margin"),
}


@pytest.fixture
def shop(home: Path, tmp_path: Path) -> None:
    """The drawn images with three columns more, embedded by two descriptors."""
    folder = write_tiny(tmp_path / "shop")
    random = np.random.default_rng(0)
    files = sorted(folder.rglob("*.png"))
    frame = pd.DataFrame(
        {
            "path": [str(file.relative_to(folder)) for file in files],
            "label": [file.parent.name for file in files],
            "shop": [f"shop {number % 3}" for number in range(len(files))],
            "price": random.uniform(1, 90, len(files)),
            "margin": random.normal(size=len(files)),
        }
    )
    embedding.embed(data.from_dataframe(frame, "shop", root=folder), alone.OWN)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the map was given last; `event` is what the person did."""
    held = SimpleNamespace(event=picture_map.MapEvent(), panels=[], colours=None, selection=np.empty(0), focus=None)

    def show(panels, items, colours, *, selection=(), focus=None, **_) -> picture_map.MapEvent:
        held.panels, held.colours, held.selection, held.focus, held.items = panels, colours, selection, focus, items
        event, held.event = held.event, picture_map.MapEvent()
        return event

    monkeypatch.setattr(picture_map, "show", show)
    return held


def opened(**link: str) -> AppTest:
    app = alone.settled(alone.opened("map", **{"d": "shop", "b": ",".join(alone.OWN), "p": "pca", **link}))
    assert not app.exception and not app.error and not app.warning
    return app


@pytest.mark.slow
@pytest.mark.parametrize("colour", COLOURS)
def test_every_colour_is_offered_and_reaches_the_map(shop: None, shown: SimpleNamespace, colour: str) -> None:
    app = opened(a="hog", b2="hsv_histogram", col=colour)
    box = next(one for one in app.selectbox if one.label == "Colour")
    assert box.value == colour
    assert set(COLOURS) <= {*colourings.COLOURINGS.names, *(f"column:{name}" for name in ("shop", "price", "margin"))}
    kind, title = COLOURS[colour]
    assert (shown.colours.kind, shown.colours.title) == (kind, title)
    assert len(shown.colours.codes) == 60 and (shown.colours.codes != point_colours.NO_VALUE).any()
    if kind == "diverging":
        assert shown.colours.low == -shown.colours.high < 0 < shown.colours.high


def test_the_difference_is_the_ap_of_one_system_less_that_of_the_other(shop: None, shown: SimpleNamespace) -> None:
    found = {}
    for system in alone.OWN:
        opened(a=system, col="ap")
        found[system] = shown.colours.values
    opened(a="hog", b2="hsv_histogram", col="difference")
    np.testing.assert_allclose(shown.colours.values, found["hog"] - found["hsv_histogram"], atol=1e-6)
    assert np.isfinite(shown.colours.values).all() and np.abs(shown.colours.values).max() > 0.05


def test_a_slow_colour_keeps_the_page_waiting_for_a_moment_only(
    shop: None, shown: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    app = opened(a="hog", col="doubt")
    before, go_on, quick = shown.colours, threading.Event(), colourings.colours
    monkeypatch.setattr(colourings, "colours", lambda *all_: go_on.wait(60) and quick(*all_))
    next(one for one in app.selectbox if one.label == "Space of").select("hsv_histogram")
    app.run()
    assert shown.colours is before, "the points keep their colours until the new ones are there"
    next(one for one in app.selectbox if one.label == "Colour").select("cluster")
    app.run()
    assert shown.colours.names == ("being worked out",)
    go_on.set()
    alone.settled(app)
    assert shown.colours.title == "Cluster" and "being worked out" not in shown.colours.names
    assert not app.exception and not app.error


def test_what_needs_two_systems_is_offered_with_two_only(shop: None, shown: SimpleNamespace) -> None:
    app = opened(a="hog", col="difference")
    box = next(one for one in app.selectbox if one.label == "Colour")
    assert box.value == "class"
    assert not {"AP difference", "Neighbourhood change"} & set(box.options)
    assert len(shown.panels) == 1


def test_two_maps_are_aligned_and_each_is_measured(shop: None, shown: SimpleNamespace) -> None:
    app = opened(a="hog", b2="hsv_histogram")
    left, right = (panel.xy for panel in shown.panels)
    np.testing.assert_allclose(projection.align(right, left), right, atol=1e-4)
    said = alone.words(app)
    assert said.count("trustworthiness 0.") == 2 and "map of **HOG**" in said and "map of **HSV histogram**" in said
    assert [panel.title for panel in shown.panels] == ["HOG", "HSV histogram"]


def test_a_selection_is_counted_judged_paged_and_kept_across_systems(
    shop: None, shown: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.ui.components import gallery

    grids: list[list[str]] = []
    monkeypatch.setattr(gallery, "grid", lambda cards, **_: grids.append([card.id for card in cards]))
    app = opened(a="hog", col="ap")
    ap, chosen = shown.colours.values, np.arange(5, 57)
    shown.event = picture_map.MapEvent(selection=chosen)
    app = alone.settled(app.run())
    np.testing.assert_array_equal(shown.selection, chosen)
    metric = app.metric[0]
    assert metric.label == f"Mean AP of the selection (n = {len(chosen)})"
    assert float(metric.value) == pytest.approx(ap[chosen].mean(), abs=6e-4)
    assert app.dataframe[0].value["selected"].sum() == len(chosen)
    assert len(app.dataframe[0].value) == len(TINY_CLASSES)
    names = [str(name) for name in data.load("shop").ids]
    assert grids[-1] == [names[position] for position in chosen]
    next(one for one in app.selectbox if one.label == "Space of").select("hsv_histogram")
    app = alone.settled(app.run())
    np.testing.assert_array_equal(shown.selection, chosen)
    assert float(app.metric[0].value) != pytest.approx(ap[chosen].mean(), abs=1e-3)
    alone.button(app, "Clear").click()
    app = alone.settled(app.run())
    assert not len(shown.selection) and "Nothing is selected" in alone.words(app)


@pytest.mark.slow
def test_a_selection_is_kept_while_other_pages_are_visited(shop: None, shown: SimpleNamespace) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params.update({"d": "shop", "b": ",".join(alone.OWN), "p": "pca", "a": "hog"})
    app.run()
    app.switch_page("pages/map.py")
    app = alone.settled(app.run())
    shown.event = picture_map.MapEvent(selection=np.array([4, 8, 15]))
    app = alone.settled(app.run())
    app.switch_page("pages/backbones.py").run()
    shown.selection = None
    app.switch_page("pages/map.py")
    alone.settled(app.run())
    assert list(shown.selection) == [4, 8, 15]


def test_a_long_selection_is_seen_page_by_page(
    home: Path, tmp_path: Path, shown: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.ui.components import gallery

    grids: list[list[str]] = []
    monkeypatch.setattr(gallery, "grid", lambda cards, **_: grids.append([card.id for card in cards]))
    _vectors(tmp_path, 150)
    app = opened(d="abstract", b="one,two", a="one")
    shown.event = picture_map.MapEvent(selection=np.arange(150))
    app = alone.settled(app.run())
    names = [str(name) for name in data.load("abstract").ids]
    seen = [grids[-1]]
    for page in (2, 3):
        app.session_state["map page of 3"] = page
        app.run()
        seen.append(grids[-1])
    assert [len(one) for one in seen] == [60, 60, 30]
    assert sum(seen, []) == names


def test_a_point_is_joined_to_its_nearest_and_a_click_in_the_grid_does_the_same(
    shop: None, shown: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.ui.components import gallery

    picked: list[str] = []
    monkeypatch.setattr(gallery, "grid", lambda cards, **_: picked.pop() if picked else None)
    app = opened(a="hog")
    assert shown.focus is None
    shown.event = picture_map.MapEvent(clicked=17)
    app = alone.settled(app.run())
    assert shown.focus.position == 17
    vectors = embedding.embeddings(data.load("shop"), "hog").vectors
    scores = vectors @ vectors[17]
    scores[17] = -1
    assert set(shown.focus.neighbours) == set(np.argsort(-scores)[:10])
    picked.append(str(data.load("shop").ids[3]))
    alone.settled(app.run())
    assert shown.focus.position == 3


@pytest.mark.slow
def test_a_layout_is_kept_found_again_and_drawn_alike(shop: None, shown: SimpleNamespace) -> None:
    opened(a="hog", p="tsne", it="100")
    first = shown.panels[0].xy
    kept = {path.stem for path in paths.layouts().glob("*.npy")}
    opened(a="hog", p="tsne", it="100")
    np.testing.assert_array_equal(shown.panels[0].xy, first)
    assert {path.stem for path in paths.layouts().glob("*.npy")} == kept
    opened(a="hog", p="tsne", it="100", seed="5")
    assert not np.array_equal(shown.panels[0].xy, first)
    assert len(list(paths.layouts().glob("*.npy"))) == len(kept) + 1


def test_a_map_that_is_found_faces_as_the_one_before() -> None:
    random = np.random.default_rng(0)
    xy = random.normal(size=(50, 2)).astype(np.float32) * [3, 1]
    angle = np.array([[0.6, -0.8], [0.8, 0.6]])
    before = maps.Map(Projection(xy, "pca", {}, 0), "before")
    mirrored = maps.Map(Projection(xy * [-1, 1], "pca", {}, 0), "found", quality=None)
    back = map_layouts.facing(mirrored, before)
    np.testing.assert_allclose(back.projection.xy, xy, atol=1e-6)
    assert back.key.startswith("found-") and map_layouts.facing(before, before) is before
    turned = maps.Map(Projection(xy @ angle, "tsne", {}, 0), "found")
    np.testing.assert_allclose(map_layouts.facing(turned, before).projection.xy, xy, atol=1e-5)
    other = maps.Map(Projection(np.zeros((7, 2), np.float32), "tsne", {}, 0), "other size")
    assert map_layouts.facing(turned, other) is turned


def test_pca_stands_there_until_a_layout_comes_and_stop_keeps_what_is_shown(
    shop: None, shown: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    go_on, slow = threading.Event(), projection.layout

    def waiting(space, method="pca", **more):
        if method == "tsne":
            go_on.wait(60)
            more["task"].check()
        return slow(space, method, **more)

    monkeypatch.setattr(projection, "layout", waiting)
    app = alone.opened("map", d="shop", b="hog", a="hog", p="tsne")
    assert "PCA stands here until t-SNE has its first layout" in alone.words(app)
    assert shown.panels[0].live.startswith("/layouts/map-")
    before = shown.panels[0].xy
    shown.event = picture_map.MapEvent(stopped=0)
    app.run()
    go_on.set()
    app = alone.settled(app)
    assert "stopped" in alone.words(app)
    np.testing.assert_array_equal(shown.panels[0].xy, before)
    assert shown.panels[0].live == ""
    alone.button(app, "Lay out again").click()
    app = alone.settled(alone.settled(app.run()))
    assert "trustworthiness 0." in alone.words(app)
    assert not np.array_equal(shown.panels[0].xy, before)


def _vectors(folder: Path, n: int) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(n) % 5
    for name, noise in (("one", 0.5), ("two", 1.5)):
        np.save(folder / f"{name}.npy", unit(np.eye(5, 16)[labels] + noise * random.normal(size=(n, 16))))
    table = pd.DataFrame({"id": [f"i{k:03d}" for k in range(n)], "label": [f"kind {k}" for k in labels]})
    table.to_csv(folder / "labels.csv", index=False)
    data.add_vectors("abstract", {name: folder / f"{name}.npy" for name in ("one", "two")}, folder / "labels.csv")


@pytest.mark.slow
def test_another_dataset_shows_its_own_fusion_of_the_lab(tiny_world, tmp_path: Path) -> None:
    from core.fusion import FusionSpec
    from core.studies import system_spec_text

    embedding.embed(tiny_world.dataset, ("hsv_histogram", "hog"))
    (tmp_path / "labels.csv").write_text("id,label\n" + "".join(f"i{n},{'ab'[n % 2]}\n" for n in range(8)))
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(size=(8, 4)))
    for name, given in (("other", "ab"), ("one", "a")):
        data.add_vectors(name, dict.fromkeys(given, tmp_path / "rows.npy"), labels=tmp_path / "labels.csv")
    lab = system_spec_text.spell(FusionSpec("lab", "concat", ("hsv_histogram", "hog")))
    app = alone.settled(alone.opened("map", d="tiny", b="hsv_histogram,hog", system=lab, m="pca"))
    box = next(one for one in app.selectbox if one.label == "Space of")
    assert box.value == lab
    for name, expected in (("other", "concat(a:0.5,b:0.5)"), ("one", "a")):
        app.selectbox("FrameSetup.dataset").set_value(name).run()
        alone.settled(app)
        box = next(one for one in app.selectbox if one.label == "Space of")
        assert box.value == expected and not app.warning and not app.error and not app.exception, alone.words(app)
