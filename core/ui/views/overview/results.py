"""Which system of a dataset finds most, in one line and one picture, and where to go from there."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import charts, metrics, templates, wording
from core.export.report import answer
from core.setups import FrameSetup
from core.studies.headline import Headline
from core.ui.app import cache, drawn, state, theme
from core.ui.widgets import figure_definitions, next_steps

text = wording.page("overview")


def draw(name: str) -> None:
    """The answer, the bars of each backbone that is selected and done and of their mixes, and three next steps."""
    loaded, done = cache.dataset(name), _selected(name)
    if not done:
        theme.answer(text("sentence.none_yet"))
        return
    if not loaded.has_labels:
        theme.answer(text("sentence.no_labels"))
        _next_steps(_WITHOUT_LABELS)
        return
    loaded = cache.without_tuned(loaded, done)
    sampled = cache.query_sample(loaded, done) or loaded
    headline = cache.headline(sampled, done)
    theme.answer(metrics.as_judged(_answer(headline, loaded.is_judged), loaded.is_judged), _basis(headline))
    with theme.side_by_side("overview"):
        left, right = st.columns([3, 1], gap="large")
        bars = answer.bars(headline, cache.leaderboard(name, done), titles(done), theme.colours(done))
        figure = charts.BarChart(bars, metrics.label("map", loaded.is_judged)).figure()
        with left, theme.main_part():
            drawn.chart(figure, key=f"overview bars {name}", config={"displayModeBar": False})
        with right:
            _next_steps(_WITH_LABELS)
            figure_definitions.button(("map",), (7, 8))


def _selected(name: str) -> tuple[str, ...]:
    """The backbones of the sidebar that are embedded, all embedded ones where none of them is: as on every page."""
    embedded = cache.embedded(name)
    return tuple(backbone for backbone in state.get(FrameSetup, "backbones") if backbone in embedded) or embedded


def titles(names: Sequence[str]) -> dict[str, str]:
    """Each backbone and what people call it."""
    return {name: cache.backbone_title(name) for name in names}


def draw_summary(name: str) -> None:
    """The answer to the whole comparison as a story begins with it: five facts and the bars."""
    loaded, done = cache.dataset(name), _selected(name)
    with st.container(key="part-summary"):
        if not done:
            theme.answer(text("sentence.none_yet"))
            return
        if not loaded.has_labels:
            made = answer.without_labels(loaded, list(titles(done).values()))
        else:
            loaded = cache.without_tuned(loaded, done)
            sampled = cache.query_sample(loaded, done) or loaded
            made = answer.of_comparison(
                sampled,
                cache.headline(sampled, done),
                cache.leaderboard(name, done),
                cache.vector_set(sampled, done),
                titles(done),
                theme.colours(done),
            )
        st.html(str(templates.render("story_facts.html.jinja", facts=made.facts)))
        if made.chart is not None:
            drawn.chart(made.chart.figure(), key=f"summary bars {name}", config={"displayModeBar": False})


def title_of(names: Sequence[str]) -> str:
    """A mix by its backbones."""
    return " + ".join(map(cache.backbone_title, names))


def _answer(headline: Headline, judged: bool) -> str:
    """The best system and its figure, and what a mix adds where that is sure; judged results alone make nothing sure."""
    if not headline.n_valid:
        return text("sentence.no_query")
    single = theme.plain(cache.backbone_title(headline.single))
    difference, alone = headline.difference, headline.single_figure
    if difference is None:
        return text("sentence.one_backbone", system=single, figure=wording.number(alone.mean))
    if headline.gain:
        return text(
            "sentence.gain_judged" if judged else "sentence.gain",
            system=theme.plain(title_of(headline.mix)),
            figure=wording.number(headline.mix_figure.mean),
            change=wording.signed(difference.mean),
        )
    figure = wording.number(alone.mean)
    if difference.too_few:
        return text("sentence.too_few", system=single, figure=figure, count=difference.n_units)
    return text("sentence.no_gain", system=single, figure=figure)


def _basis(headline: Headline) -> str:
    """What the answer rests on."""
    difference = headline.difference
    if difference is None or not headline.n_valid:
        return ""
    return text(
        "sentence.basis",
        queries=wording.plural(headline.n_valid, "query"),
        units=f"{headline.unit.n:,} {headline.unit.name}",
        mix=wording.number(headline.mix_figure.mean),
        alone=wording.number(headline.single_figure.mean),
        change=wording.signed(difference.mean),
        interval=wording.interval(difference.low, difference.high, sign=True),
        p=wording.p_value(difference.p_holm),
    )


_WITH_LABELS = ("fusion_lab", "retrieval", "leaderboard")
_WITHOUT_LABELS = ("judge", "retrieval", "map", "datasets")


def _next_steps(pages: Sequence[str]) -> None:
    """Pages where the answer is taken further."""
    with st.container(key="overview-next", gap="small"):
        next_steps.links(pages)
