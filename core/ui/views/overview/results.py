"""What the backbones of a dataset find, alone and mixed, and where to go from there."""

from __future__ import annotations

import streamlit as st

from core import charts, metrics, paths, wording
from core.fusion import FusionSpec
from core.setups import FrameSetup
from core.studies import fusion_baseline
from core.types import Dataset
from core.ui.app import cache, state, theme

text = wording.page("overview")


def draw(name: str) -> None:
    """The mean average precision of each backbone that is selected and done, and of their equal mix."""
    loaded, done = cache.dataset(name), _selected(name)
    if not done:
        st.caption(text("sentence.none_yet"))
        return
    if not loaded.has_labels:
        st.caption(text("sentence.no_labels"))
        return
    comparison = cache.leaderboard(name, done)
    best_two = _best_two(name, done) if len(done) > 2 else None
    bars = charts.BarChart(_bars(loaded, comparison, done), "mAP").figure()
    st.plotly_chart(bars, key=f"overview bars {name}", config={"displayModeBar": False})
    n_queries = len(loaded.split.queries)
    counted = f"{comparison.n_valid:,}" + (f" of {n_queries:,}" if n_queries > comparison.n_valid else "")
    notes = [text("sentence.bars", definition=metrics.parse("map")[0].definition, queries=counted)]
    if best_two is not None:
        notes.append(text("sentence.best_two", figure=wording.number(best_two.row("fusion").mean)))
    st.caption(" ".join(notes))
    if len(done) > 1:
        mixes = {text("phrase.verdict_all", count=len(done)): comparison, text("phrase.verdict_best_two"): best_two}
        for title, mix in mixes.items():
            if mix is not None:
                st.markdown(f"**{title}**: {theme.plain(cache.with_titles(mix.verdict, done))}")
        if comparison.choice:
            st.caption(theme.plain(cache.with_titles(comparison.choice, done)))
    _next_steps()


def _selected(name: str) -> tuple[str, ...]:
    """The backbones of the sidebar that are embedded, all embedded ones where none of them is: as on every page."""
    embedded = cache.embedded(name)
    return tuple(backbone for backbone in state.get(FrameSetup, "backbones") if backbone in embedded) or embedded


def _bars(loaded: Dataset, comparison: fusion_baseline.BaselineComparison, done: tuple[str, ...]) -> list[charts.Bar]:
    """A bar for each backbone and each mix, the best first."""
    colours, several = theme.colours(done), len(done) > 2
    bars = [
        charts.Bar(cache.backbone_title(row.name), row.mean, row.low, row.high, colours[row.name])
        for row in comparison.rows
        if row.role == "backbone"
    ]
    if len(done) > 1:
        row = comparison.row("fusion")
        colour = charts.OTHER_MIX_COLOUR if several else charts.FUSION_COLOUR
        bars.append(charts.Bar(text("phrase.equal_mix", count=len(done)), row.mean, row.low, row.high, colour))
    if several:
        mix = cache.chosen_mix(cache.query_sample(loaded, done) or loaded, done)
        bars.append(charts.Bar(text("phrase.best_two"), mix.mean, mix.low, mix.high, charts.FUSION_COLOUR))
    return sorted(bars, key=lambda bar: -bar.mean)


def _best_two(name: str, done: tuple[str, ...]) -> fusion_baseline.BaselineComparison:
    """The equal mix of the two backbones that find most alone, beside all of them."""
    loaded = cache.dataset(name)
    spec = FusionSpec("best two", "concat", done).with_shares(cache.two_strongest(loaded, done))
    return cache.baseline_comparison(cache.query_sample(loaded, done) or loaded, done, spec, "map")


_NEXT = (
    ("pages/fusion_lab.py", text("button.next_weights"), ":material/tune:"),
    ("pages/retrieval.py", text("button.next_results"), ":material/image_search:"),
    ("pages/map.py", text("button.next_map"), ":material/scatter_plot:"),
    ("pages/leaderboard.py", text("button.next_compare"), ":material/leaderboard:"),
)


def _next_steps() -> None:
    """Where the figures are taken further."""
    with st.container(key="overview-next", gap="small"):
        for page_file, label, icon in _NEXT:
            st.page_link(paths.REPOSITORY / page_file, label=label, icon=icon)
