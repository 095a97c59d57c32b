"""What can be taken from the Retrieval page: files and the link."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from core import files, wording
from core.studies import retrieval
from core.ui.app import cache, state
from core.ui.components import clipboard, cropper

text = wording.page("retrieval")

if TYPE_CHECKING:
    import pandas as pd

    from core.ui.views.retrieval.query_inputs import QueryInput
    from core.ui.views.retrieval.retrieval_view import RetrievalView


def copy_link(query: QueryInput) -> None:
    """The button that copies the link of this view."""
    with st.container(width=120):
        clipboard.copy_link(state.link(), key="copy link")
    if query.uploaded is not None:
        st.caption(text("sentence.link_without_uploads"))


def popover(view: RetrievalView, query: QueryInput, results: list[retrieval.QueryResult]) -> None:
    """The results as files, each made when its button is pressed."""
    exports, stem = ResultFiles(view, query, results), f"{view.loaded.name}-results"
    with st.popover(text("label.download"), icon=":material/download:"):
        for label, make, ending, kind, sentence in (
            ("CSV", exports.csv, "csv", "text/csv", text("sentence.download_csv")),
            ("JSON", exports.json, "json", "application/json", text("sentence.download_json")),
            (
                text("option.parquet"),
                exports.parquet,
                "parquet",
                "application/vnd.apache.parquet",
                text("sentence.download_parquet"),
            ),
            (text("option.image"), exports.image, "png", "image/png", text("sentence.download_sheet")),
            (
                text("option.report"),
                exports.report,
                "html",
                "text/html",
                text("sentence.download_report"),
            ),
        ):
            st.download_button(
                label,
                make,
                file_name=f"{stem}.{ending}",
                mime=kind,
                help=sentence,
                key=f"take {label}",
                on_click="ignore",
                width="stretch",
            )


@dataclass(frozen=True)
class ResultFiles:
    """The results of one query in every form that can be downloaded."""

    view: RetrievalView
    query: QueryInput
    results: list[retrieval.QueryResult]

    def table(self) -> pd.DataFrame:
        """A row per result of each system."""
        import pandas as pd

        k = self.view.setup.k
        parts = [
            retrieval.results_table(self.view.loaded, result, k).assign(system=result.system.name)
            for result in self.results
        ]
        return pd.concat(parts, ignore_index=True).assign(query=self.query.text)

    def csv(self) -> bytes:
        """The table as CSV, UTF-8."""
        return files.csv_bytes(self.table())

    def json(self) -> bytes:
        """The results with the query and the systems, UTF-8."""
        ids = self.view.loaded.ids
        record = {
            "dataset": self.view.loaded.name,
            "fingerprint": self.view.loaded.fingerprint,
            "query": self.query.text,
            "part": cropper.as_text(self.query.box),
            "more like": [str(ids[position]) for position in self.query.feedback.more],
            "less like": [str(ids[position]) for position in self.query.feedback.less],
            "filters": dict(self.view.filters),
            "k": self.view.setup.k,
            "systems": [shown.text for shown in self.view.systems],
            "results": json.loads(self.table().to_json(orient="records")),
        }
        return json.dumps(record, indent=1, ensure_ascii=False).encode()

    def parquet(self) -> bytes:
        """The table as Parquet."""
        buffer = io.BytesIO()
        self.table().to_parquet(buffer, index=False)
        return buffer.getvalue()

    def image(self) -> bytes:
        """The results as one PNG."""
        from core.export import contact_sheet

        view, query, k = self.view, self.query, self.view.setup.k
        parts = [
            contact_sheet.SheetPart(
                shown.title, [contact_sheet.Tile.of(view.loaded, result, item) for item in result.order[:k]]
            )
            for shown, result in zip(view.systems, self.results)
        ]
        tiles = contact_sheet.query_tiles(view.loaded, query.position, self._uploads, query.box)
        return contact_sheet.draw(
            parts, tiles, text("option.query", title=query.title) if query.words else text("option.query_tab")
        )

    def report(self) -> bytes:
        """The view as one HTML file, from the exact search."""
        from core.export.report import view_report

        exact = [
            retrieval.retrieve(result.query, result.system) if result.approximate else result for result in self.results
        ]
        return view_report.build(
            self.view.loaded,
            exact,
            self.view.setup.k,
            {name: cache.backbone_title(name) for name in self.view.embedded},
            query_text=self.query.title,
            uploads=self._uploads,
            crop=self.query.box,
        ).encode()

    @property
    def _uploads(self) -> tuple[bytes, ...]:
        return self.query.uploaded.contents if self.query.uploaded else ()
