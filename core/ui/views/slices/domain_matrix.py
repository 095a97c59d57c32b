"""Domains: a matrix from every group of a column to each, and the split that a square stands for."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core import charts, data, wording
from core.data import splits
from core.errors import CoreError
from core.setups import SlicesSetup
from core.studies import domain_tables
from core.studies.domains import DomainMatrix
from core.ui.app import drawn, state, theme, visitors
from core.ui.views.slices import by_column, controls
from core.ui.views.slices.slices_view import SlicesView, domain_columns, matrix_of, one_of
from core.ui.widgets import system_select
from core.wording import plural

text = wording.page("slices")
ARROW = " → "


def draw(view: SlicesView, stage: theme.Stage) -> None:
    """The answer, the matrix of one system, every system within and across, and the split."""
    offered = domain_columns(view.loaded)
    if not offered:
        stage.chart.info(theme.plain(text("error.no_domains", dataset=repr(view.loaded.name))), icon=":material/info:")
        with stage.chart:
            _present_split(view)
        return
    chosen = one_of(view.setup.domain, offered, lambda: offered[0])
    with stage.controls:
        controls.choose_system(view)
        controls.choose_one("domain", text("label.domain"), {name: name for name in offered}, chosen)
    able = system_select.able_of(
        view.competitors, lambda single: matrix_of(view.loaded, single.system, chosen, view.by_class)
    )
    made = {single.name: matrix_of(view.loaded, single.system, chosen, view.by_class) for single in able}
    matrix = made.get(view.closer.name, next(iter(made.values())))
    with stage.answer:
        title = view.title(matrix.system)
        theme.answer(
            theme.plain(domain_tables.lead(title, matrix)), theme.plain(domain_tables.own_sentence(title, matrix))
        )
    with stage.chart:
        _matrix(view, matrix)
        _systems(view, made)
        _cell(view, made, matrix)
        _present_split(view)


def _matrix(view: SlicesView, matrix: DomainMatrix) -> None:
    count, values = len(matrix.values), list(matrix.values)
    hover = [
        [
            f"<b>{charts.plain_text(values[row] + ARROW + values[at])}</b><br>mAP "
            f"{wording.figure(matrix.mean[row, at], matrix.low[row, at], matrix.high[row, at])}"
            f"<br>{plural(int(matrix.n[row, at]), 'query')}"
            for at in range(count)
        ]
        for row in range(count)
    ]
    square = None
    source, _, target = view.setup.cell.partition("|")
    if source in values and target in values:
        square = (values.index(source), values.index(target))
    widget = f"domain map {matrix.column} {matrix.system}"

    def clicked() -> None:
        points = state.widget(widget).selection.points
        at = points[0].get("customdata") if points else None
        if at is not None:
            state.set_field(SlicesSetup, "cell", f"{values[int(at[0])]}|{values[int(at[1])]}")

    drawn.chart(
        charts.class_map(
            values,
            [f"→ {value}" for value in values],
            matrix.mean,
            hover,
            "mAP",
            square,
            system_select.shades(),
            by_column.colour_limits(matrix.mean, (0.0, 1.0)),
        ),
        key=widget,
        on_select=clicked,
        selection_mode="points",
        config=charts.download_config("domains"),
    )


def _systems(view: SlicesView, made: dict[str, DomainMatrix]) -> None:
    rows = [
        {
            "system": view.title(name),
            "within": wording.figure(single.within.mean, single.within.low, single.within.high),
            "across": wording.figure(single.across.mean, single.across.low, single.across.high),
            "own": wording.percent(single.own_share),
        }
        for name, single in made.items()
    ]
    column, first = st.column_config.TextColumn, next(iter(made.values()))
    config = {
        "system": column(text("column.system"), pinned=True),
        "within": column(text("column.within")),
        "across": column(text("column.across")),
        "own": column(text("column.own"), help=text("help.own", chance=wording.percent(first.chance))),
    }
    drawn.table(pd.DataFrame(rows), hide_index=True, width="stretch", column_config=config, key="domain table")
    st.caption(view.unit.caution)


def _cell(view: SlicesView, made: dict[str, DomainMatrix], matrix: DomainMatrix) -> None:
    """Every system in one square, and the split that it stands for."""
    source, _, target = view.setup.cell.partition("|")
    if source not in matrix.values or target not in matrix.values:
        return
    row, at = matrix.values.index(source), matrix.values.index(target)
    st.subheader(text("heading.cell", source=theme.plain(source), target=theme.plain(target)), anchor=False)
    lines = [
        f"- {theme.plain(view.title(name))}: mAP "
        + theme.plain(wording.figure(single.mean[row, at], single.low[row, at], single.high[row, at]))
        + f" ({plural(int(single.n[row, at]), 'query')})"
        for name, single in made.items()
    ]
    st.markdown("\n".join(lines))
    if source in _texts(view, matrix.column) and visitors.offered("dataset.change"):
        st.button(
            text("button.split"),
            icon=":material/call_split:",
            help=text("help.split"),
            on_click=_split,
            args=(view.whole.name, splits.DomainSplit(matrix.column, source, target)),
        )


def _texts(view: SlicesView, column: str) -> set[str]:
    """The values of a column that a split can name; ranges of numbers are none."""
    from core.data import computed_columns

    try:
        return set(computed_columns.texts(view.whole, column).tolist())
    except CoreError:
        return set()


def _split(name: str, domains: splits.DomainSplit | None) -> None:
    try:
        if domains is None:
            data.make_split(name, None)
        else:
            data.split_by_domain(name, domains)
    except CoreError as error:
        state.session_set("domain split", str(error))


def _present_split(view: SlicesView) -> None:
    """What went wrong with a split, and the way back from one that was made here."""
    sentence = state.session_take("domain split", "")
    if sentence:
        st.error(theme.plain(sentence), icon=":material/error:")
    made = data.decided(view.whole.name).domains
    if made is not None and visitors.offered("dataset.change"):
        st.caption(theme.plain(f"{made.column}: {made.queries}{ARROW}{made.gallery}"))
        st.button(text("button.back"), icon=":material/undo:", on_click=_split, args=(view.whole.name, None))
