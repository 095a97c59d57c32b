"""What can be taken from the retrieval page: the curve and figures of the query, files, the link."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from core import charts, data, files, metrics
from core.data import images
from core.metrics.curves import RECALL_LEVELS
from core.studies import retrieval
from core.types import Dataset
from core.ui.app import cache, state, theme
from core.ui.app.cached import cached
from core.ui.components import clipboard, cropper, gallery
from core.ui.views.retrieval import uploads

if TYPE_CHECKING:
    import pandas as pd

    from core.studies.system_spec_text import SystemRef
    from core.ui.views.retrieval.query_inputs import QueryInput
    from core.ui.views.retrieval.retrieval_view import RetrievalView


def part_card(card: gallery.Card, query: QueryInput, loaded: Dataset) -> gallery.Card:
    """The card of a query that is a part of a picture: the part alone is shown."""
    return dataclasses.replace(card, key=_crop_url(query, loaded))


@cached(max_entries=64, ignore=("query",), also=lambda query, loaded: (query.text, query.box))
def _crop_url(query: QueryInput, loaded: Dataset) -> str:
    """The crop as a data: URL."""
    if query.guest is not None:
        picture = query.guest.pictures(query.box)[0]
    else:
        picture = uploads.cropped(images.open_rgb(data.read_bytes(loaded, query.position)), query.box)
    return "data:image/webp;base64," + base64.b64encode(images.thumbnails(picture)["large"]).decode()


def closer_look(view: RetrievalView, answers: list[retrieval.QueryResult]) -> None:
    """Under the results: figures and curve of this query, made when they are opened."""
    with st.expander(
        "Figures and curve of this query", icon=":material/show_chart:", key="figures", on_change="rerun"
    ) as about:
        if about.open:
            _figures(view, answers)


def copy_link(query: QueryInput) -> None:
    """The button that copies the link of this view."""
    clipboard.copy_link(state.link(), key="copy link")
    if query.guest is not None:
        st.caption("The link cannot hold your own pictures.")


def _figures(view: RetrievalView, answers: list[retrieval.QueryResult]) -> None:
    k = view.setup.k
    if not answers[0].has_relevance:
        st.info("Nothing is known to be relevant to this query, so it has no figures.", icon=":material/info:")
        return
    if any(answer.approximate for answer in answers):
        st.info(
            "An index gave the beginning of the list only; average precision and the curve read all of it. "
            "Switch “Search exactly” on to see them.",
            icon=":material/info:",
        )
        return
    table = figures_table(view.systems, answers, k)
    names = ["value"] if len(answers) == 1 else [named.title for named in view.systems]
    letters = ("",) if len(answers) == 1 else ("A: ", "B: ")  # two long titles may begin alike
    lines = []
    for number, (letter, named, answer) in enumerate(zip(letters, view.systems, answers)):
        recall, precision, levels = retrieval.precision_recall(answer)
        colour = charts.backbone_colour(number)
        name = letter + _short(named.title)
        lines.append(charts.Line(name, RECALL_LEVELS, levels, colour, points=(recall, precision)))
    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        column_config={
            "figure": st.column_config.TextColumn("figure", width=170),
            **{named.title: st.column_config.TextColumn(name, width=110) for name, named in zip(names, view.systems)},
            "meaning": st.column_config.TextColumn("meaning", width="large"),
        },
    )
    st.plotly_chart(
        charts.precision_recall(lines, height=300).figure(), key="query curve", config={"displayModeBar": False}
    )
    st.caption(
        f"Of this one query, which has {answers[0].n_relevant} relevant pictures; one query has no interval. "
        "Points: precision at each relevant result. Line: 11-point interpolated precision."
    )


def _short(title: str, most: int = 56) -> str:
    return title if len(title) <= most else title[: most - 1].rstrip(" ,") + "…"


def figures_table(systems: Sequence[SystemRef], answers: list[retrieval.QueryResult], k: int) -> pd.DataFrame:
    """One row per figure of this query, one column per system, and what the figure means."""
    import pandas as pd

    told = [retrieval.query_metrics(answer, k) for answer in answers]
    rows = []
    for key in told[0]:
        name = "First relevant at rank" if key == "first" else metrics.label(key)
        meaning = "The rank of the best relevant result." if key == "first" else metrics.sentence(key)
        values = {named.title: theme.number(one[key], 0 if key == "first" else 3) for named, one in zip(systems, told)}
        rows.append({"figure": name, **values, "meaning": meaning})
    return pd.DataFrame(rows)


def downloads(view: RetrievalView, query: QueryInput, answers: list[retrieval.QueryResult]) -> None:
    """The results as files, each made when its button is pressed."""
    with st.popover("Download", icon=":material/download:", width="stretch"):
        _downloads(view, query, answers)


def _downloads(view: RetrievalView, query: QueryInput, answers: list[retrieval.QueryResult]) -> None:
    k, stem = view.setup.k, f"{view.loaded.name}-results"

    def table() -> pd.DataFrame:
        """A row per result of each system."""
        import pandas as pd

        parts = [
            retrieval.results_table(view.loaded, answer, k).assign(system=answer.system.name) for answer in answers
        ]
        return pd.concat(parts, ignore_index=True).assign(query=query.text)

    def as_json() -> bytes:
        """The results with what was asked, UTF-8."""
        rows = json.loads(table().to_json(orient="records"))
        record = {
            "dataset": view.loaded.name,
            "fingerprint": view.loaded.fingerprint,
            "query": query.text,
            "part": cropper.as_text(query.box),
            "k": k,
            "systems": [named.text for named in view.systems],
            "results": rows,
        }
        return json.dumps(record, indent=1, ensure_ascii=False).encode()

    def as_parquet() -> bytes:
        """The table as Parquet."""
        import io

        buffer = io.BytesIO()
        table().to_parquet(buffer, index=False)
        return buffer.getvalue()

    def as_picture() -> bytes:
        """The results as one PNG."""
        from core.export import contact_sheet

        return contact_sheet.draw(
            [
                contact_sheet.SheetPart(
                    named.title, [contact_sheet.Tile.of(view.loaded, answer, place) for place in answer.order[:k]]
                )
                for named, answer in zip(view.systems, answers)
            ],
            contact_sheet.query_tiles(
                view.loaded, query.position, query.guest.contents if query.guest else (), query.box
            ),
            f"Query: {query.title}" if query.words else "Query",
        )

    def as_report() -> bytes:
        """The view as one HTML file."""
        from core.export.report import view_report

        titles = {name: cache.backbone_title(name) for name in view.embedded}
        whole = [
            retrieval.retrieve(answer.query, answer.system) if answer.approximate else answer for answer in answers
        ]
        return view_report.build(
            view.loaded,
            whole,
            k,
            titles,
            query_text=query.title,
            uploads=query.guest.contents if query.guest else (),
            crop=query.box,
        ).encode()

    formats = (
        ("CSV", lambda: files.csv_bytes(table()), f"{stem}.csv", "text/csv", "The results as a table."),
        ("JSON", as_json, f"{stem}.json", "application/json", "The results with the systems and the query."),
        ("Parquet", as_parquet, f"{stem}.parquet", "application/vnd.apache.parquet", "The results as a typed table."),
        ("Picture", as_picture, f"{stem}.png", "image/png", "The grid as one PNG."),
        (
            "Report",
            as_report,
            f"{stem}.html",
            "text/html",
            "One HTML file with everything in it, from the exact search; opens offline, prints well.",
        ),
    )
    for label, make, name, kind, what in formats:
        st.download_button(
            label, make, file_name=name, mime=kind, help=what, key=f"take {label}", on_click="ignore", width="stretch"
        )
