"""What two result lists side by side have in common: a sentence, and lines between them."""

from __future__ import annotations

import streamlit as st

from core import charts, wording
from core.studies import retrieval
from core.ui.app import drawn
from core.ui.views.retrieval.retrieval_view import RetrievalView

text = wording.page("retrieval")


def draw(view: RetrievalView, results: list[retrieval.QueryResult]) -> None:
    """Counts, Jaccard and rank-biased overlap of the two lists, and where each result stands in the other."""
    k = view.setup.k
    overlap = retrieval.list_overlap(results[0].order[None, :k], results[1].order[None, :k], k)
    st.caption(overlap.sentence(text("option.left_list"), text("option.right_one")))
    with st.expander(text("heading.other_ranks"), icon=":material/compare_arrows:"):
        left, right = (_listed(view, result) for result in results)
        titles = (f"A: {view.systems[0].title}", f"B: {view.systems[1].title}")
        drawn.chart(
            charts.rank_lines(left, right, titles),
            key="two lists",
            config=charts.download_config("two-lists"),
            width="stretch",
        )
        st.caption(text("sentence.rank_lines"))


def _listed(view: RetrievalView, result: retrieval.QueryResult) -> list[charts.ListedImage]:
    positions = view.loaded.split.gallery
    return [
        charts.ListedImage(
            int(item),
            str(view.loaded.ids[positions[item]]),
            bool(result.relevant[item]) if result.has_relevance else None,
        )
        for item in result.order[: view.setup.k]
    ]
