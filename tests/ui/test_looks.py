"""What people see is read by everyone: contrast, colours under three kinds of colour blindness, marks beside colours."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterable

import numpy as np
import pytest

from core import charts, paths
from core.charts import base
from tests.browser import ROOT

THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
AA_TEXT, AA_GRAPHICS = 4.5, 3.0
"""WCAG 2.2, 1.4.3 and 1.4.11."""
BLINDNESS = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
"""Linear RGB → what is seen, severity 1 (Machado, Oliveira and Fernandes 2009, doi:10.1109/TVCG.2009.113)."""


NOT_TEXT = (":disabled", ".faded", ".fill", ".lock", ".shared", ".waits", "50%")
"""What fades and is no text that anybody has to read: controls that are off, bars, icons, steps of an animation."""


def rgb(colour: str) -> np.ndarray:
    """(3,) in [0, 1]."""
    return np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])


def linear(channels: np.ndarray) -> np.ndarray:
    """sRGB made linear."""
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """WCAG's ratio of two sRGB colours."""
    low, high = sorted(float(linear(c) @ (0.2126, 0.7152, 0.0722)) + 0.05 for c in (one, other))
    return high / low


def mixed(ink: str, paper: str, share: float) -> np.ndarray:
    """Ink of this opacity on paper."""
    return share * rgb(ink) + (1 - share) * rgb(paper)


def lab(linear_rgb: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x = to_xyz @ np.clip(linear_rgb, 0, 1) / (0.95047, 1.0, 1.08883)
    f = np.where(x > (6 / 29) ** 3, np.cbrt(x), x * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def apart(one: str, other: str, kind: str) -> float:
    """How far two colours are apart (CIE76) for people with this kind of colour blindness."""
    matrix = np.array(BLINDNESS[kind])
    return float(np.linalg.norm(lab(matrix @ linear(rgb(one))) - lab(matrix @ linear(rgb(other)))))


def test_the_measures_measure() -> None:
    assert contrast(rgb("#000000"), rgb("#ffffff")) == pytest.approx(21.0)
    assert contrast(rgb("#777777"), rgb("#ffffff")) == pytest.approx(4.48, abs=0.01), "the classic near miss"
    assert apart("#ff0000", "#00ff00", "tritanopia") > 4 * apart("#c04000", "#508000", "deuteranopia")


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_is_read_on_every_ground(mode: str) -> None:
    theme = THEME[mode]
    grounds = [theme["backgroundColor"], theme["secondaryBackgroundColor"], *theme["sidebar"].values()]
    for ground in grounds:
        assert contrast(rgb(theme["textColor"]), rgb(ground)) >= 7, ground
        assert contrast(rgb(theme["grayTextColor"]), rgb(ground)) >= AA_TEXT, ground
        assert contrast(rgb(theme["primaryColor"]), rgb(ground)) >= AA_GRAPHICS, ground
    for header in ("backgroundColor", "secondaryBackgroundColor"):
        assert contrast(rgb(theme["dataframeHeaderTextColor"]), rgb(theme[header])) >= AA_TEXT
    assert contrast(rgb(theme["primaryColor"]), rgb("#ffffff")) >= AA_GRAPHICS, (
        "white on a primary button is large text"
    )


def opacities() -> Iterable[tuple[str, float]]:
    """(where, opacity) of everything that our styles fade, as far as it is text."""
    files = [*paths.ASSETS.glob("*.css"), *(ROOT / "core/ui/components").rglob("*.css")]
    for file in files:
        for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", file.read_text(encoding="utf-8")):
            fades = [*re.findall(r"opacity:\s*(0?\.\d+)", body)]
            fades += [
                str(int(n) / 100) for n in re.findall(r"[^-]color: color-mix\(in srgb, currentColor (\d+)%", body)
            ]
            for fade in fades:
                yield f"{file.name}: {selector.strip().splitlines()[-1]}", float(fade)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_faded_text_is_still_read(mode: str) -> None:
    theme, faded = THEME[mode], list(opacities())
    assert len(faded) > 8
    wrong = {
        where: round(contrast(mixed(theme["textColor"], ground, share), rgb(ground)), 2)
        for where, share in faded
        for ground in (theme["backgroundColor"], theme["secondaryBackgroundColor"])
        if contrast(mixed(theme["textColor"], ground, share), rgb(ground)) < AA_TEXT
        and not any(word in where for word in NOT_TEXT)
    }
    assert not wrong, wrong


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_marks_of_charts_are_seen_on_the_page(mode: str) -> None:
    ground = rgb(THEME[mode]["backgroundColor"])
    colours = {
        *charts.BACKBONE_COLOURS,
        *base.FUSION_COLOURS,
        base.SELECTED_COLOUR,
        base.RELEVANT_COLOUR,
        base.WRONG_COLOUR,
    }
    weak = {colour: round(contrast(rgb(colour), ground), 2) for colour in colours}
    assert all(ratio >= AA_GRAPHICS for ratio in weak.values()), {c: r for c, r in weak.items() if r < AA_GRAPHICS}


def test_the_theme_and_the_charts_have_one_palette() -> None:
    assert tuple(THEME["chartCategoricalColors"]) == charts.BACKBONE_COLOURS


def test_a_mix_has_no_colour_of_a_backbone_and_none_that_means_wrong() -> None:
    for colour in base.FUSION_COLOURS:
        channels = rgb(colour)
        assert np.ptp(channels) < 0.18, f"{colour} is not neutral"
    assert not set(base.FUSION_COLOURS) & {*charts.BACKBONE_COLOURS, base.WRONG_COLOUR}


@pytest.mark.parametrize("kind", BLINDNESS)
def test_the_first_backbones_are_told_apart_without_all_cones(kind: str) -> None:
    first = charts.BACKBONE_COLOURS[:4]
    near = {pair: round(apart(*pair, kind), 1) for pair in itertools.combinations(first, 2)}
    assert min(near.values()) > 9, {pair: distance for pair, distance in near.items() if distance <= 9}
    frames = (base.RELEVANT_COLOUR, base.SELECTED_COLOUR, base.WRONG_COLOUR)
    near = {pair: round(apart(*pair, kind), 1) for pair in itertools.combinations(frames, 2)}
    assert min(near.values()) > 13, near


def test_hits_and_misses_differ_by_more_than_colour() -> None:
    card = (ROOT / "core/ui/components/gallery/card.js").read_text(encoding="utf-8")
    style = (ROOT / "core/ui/components/gallery/gallery.css").read_text(encoding="utf-8")
    assert 'relevant: " ✓", not: " ✕"' in card, "a mark"
    assert 'relevant: "relevant", not: "not relevant"' in card, "words for screen readers"
    assert re.search(r"frame-not .picture \{[^}]*dashed", style), "a dash"
    assert base.RELEVANT_COLOUR in style and base.WRONG_COLOUR in style
