"""What the backbones of a dataset find, alone and mixed, and where to go from there."""

from __future__ import annotations

import streamlit as st

from core import charts, metrics, paths
from core.fusion import FusionSpec
from core.setups import FrameSetup
from core.studies import fusion_baseline
from core.types import Dataset
from core.ui.app import cache, state, theme


def draw(name: str) -> None:
    """The mean average precision of each backbone that is selected and done, and of their equal mix."""
    loaded, done = cache.dataset(name), _selected(name)
    if not done:
        st.caption("Results appear here as each backbone finishes.")
        return
    if not loaded.has_labels:
        st.caption(
            "This dataset has no labels, so nobody can say which results are right. Look at Retrieval and the Map."
        )
        return
    comparison = cache.leaderboard(name, done)
    best_two = _best_two(name, done) if len(done) > 2 else None
    bars = charts.BarChart(_bars(loaded, comparison, done), "mAP").figure()
    st.plotly_chart(bars, key=f"overview bars {name}", config={"displayModeBar": False})
    n_queries = len(loaded.split.queries)
    of_all = f"of {n_queries:,} " if n_queries > comparison.n_valid else ""
    st.caption(
        f"{metrics.parse('map')[0].definition} {comparison.n_valid:,} {of_all}queries; the lines are 95 % intervals."
        + (
            f" The bar of the best two stands for queries that did not choose them; on these, it is "
            f"{best_two.row('fusion').mean:.3f}."
            if best_two is not None
            else ""
        )
    )
    if len(done) > 1:
        mixes = {f"The equal mix of these {len(done)}": comparison, "The best two, mixed equally": best_two}
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
        bars.append(charts.Bar(f"equal mix of these {len(done)}", row.mean, row.low, row.high, colour))
    if several:
        mix = cache.chosen_mix(cache.query_sample(loaded, done) or loaded, done)
        bars.append(charts.Bar("equal mix of the best two", mix.mean, mix.low, mix.high, charts.FUSION_COLOUR))
    return sorted(bars, key=lambda bar: -bar.mean)


def _best_two(name: str, done: tuple[str, ...]) -> fusion_baseline.BaselineComparison:
    """The equal mix of the two backbones that find most alone, beside all of them."""
    loaded = cache.dataset(name)
    spec = FusionSpec("best two", "concat", done).with_shares(cache.two_strongest(loaded, done))
    return cache.baseline_comparison(cache.query_sample(loaded, done) or loaded, done, spec, "map")


_NEXT = (
    ("pages/fusion_lab.py", "Move the weights", ":material/tune:"),
    ("pages/retrieval.py", "Look at what comes back", ":material/image_search:"),
    ("pages/map.py", "See the space", ":material/scatter_plot:"),
    ("pages/leaderboard.py", "Compare everything", ":material/leaderboard:"),
)


def _next_steps() -> None:
    """Where the figures are taken further."""
    with st.container(key="overview-next", gap="small"):
        for page_file, label, icon in _NEXT:
            st.page_link(paths.REPOSITORY / page_file, label=label, icon=icon)
