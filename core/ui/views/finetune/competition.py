"""A competition run on the page: networks, top-k and time in; the table, the pick and the files out."""

from __future__ import annotations

import dataclasses

import pandas as pd
import streamlit as st

from core import backbones, wording
from core.errors import CoreError
from core.export import competition_files
from core.setups import CompeteSetup, bounds_of
from core.setups.finetune import MOVES
from core.studies import competition
from core.types import Dataset
from core.ui.app import cache, drawn, jobs, state, theme, visitors
from core.ui.app.cached import cached, digest
from core.ui.app.error_boundary import fragment
from core.ui.views.finetune import controls

text = wording.page("finetune")


@dataclasses.dataclass
class Ran:
    """What a run gives: sentences from before it trained, then the outcome and the bytes of its report."""

    notes: tuple[str, ...] = ()
    made: competition.Outcome | None = None
    report: bytes = b""


def name_of(loaded: Dataset) -> str:
    """The job of a dataset's competition run."""
    return f"compete {digest(loaded)}"


@cached(max_entries=4)
def _on_this_machine(embedded: tuple[str, ...]) -> tuple[str, ...]:
    """Networks that can be tuned here: those that are embedded first, then those whose weights are here."""
    able = controls.tunable(tuple(dict.fromkeys([*embedded, *backbones.names()])))
    return tuple(name for name in able if name in embedded or backbones.available(backbones.get(name))[0])


def draw(loaded: Dataset) -> None:
    """The section: what cannot compete says why."""
    st.subheader(text("heading.compete"))
    st.caption(text("sentence.compete"))
    try:
        competition.blind(loaded)
    except CoreError as error:
        st.info(theme.plain(str(error)), icon=":material/info:")
        return
    embedded = cache.embedded(loaded.name)
    _choose(_on_this_machine(embedded), embedded)
    setup = state.read(CompeteSetup)
    if visitors.offered("backbone.add"):
        again = _again(loaded, setup)
        st.button(
            text("button.run"),
            type="primary",
            icon=":material/trophy:",
            key="run competition",
            on_click=start,
            args=(loaded, setup, again),
            **(jobs.waits() if setup.networks else {"disabled": True, "help": text("sentence.no_networks")}),
        )
    _job(loaded)


def _choose(networks: tuple[str, ...], embedded: tuple[str, ...]) -> None:
    """The widgets; their values stand in the setup."""
    chosen = tuple(name for name in state.get(CompeteSetup, "networks") if name in networks)
    if chosen != state.get(CompeteSetup, "networks") or not chosen:
        usual = tuple(name for name in networks if name in embedded)[: competition.MOST_TOGETHER]
        state.set_field(CompeteSetup, "networks", chosen or usual)

    def key(name: str) -> str:
        return state.key(CompeteSetup, name)

    with theme.side_by_side("competition"):
        first, second, third, fourth = st.columns([5, 3, 2, 2], vertical_alignment="bottom")
    first.multiselect(
        text("label.networks"),
        networks,
        key=key("networks"),
        format_func=cache.backbone_title,
        help=text("help.networks"),
    )
    second.selectbox(text("label.moves"), MOVES, key=key("moves"), format_func=text.group("option.moves").__getitem__)
    for column, name, words in ((third, "top_k", "top_k"), (fourth, "budget_ms", "budget")):
        bounds = bounds_of(CompeteSetup, name)
        column.number_input(
            text(f"label.{words}"), int(bounds.low), int(bounds.high), key=key(name), help=text(f"help.{words}")
        )


def _again(loaded: Dataset, setup: CompeteSetup) -> bool:
    """Whether tuned backbones that have the names of this run are trained over; asked only where there are any."""
    names = competition.own_names(loaded.name, setup.networks, setup.moves).values()
    if not any(backbones.tuned.folder(name).exists() for name in names):
        return False
    return st.checkbox(text("label.again"), key="competition again", help=text("help.again"))


def start(loaded: Dataset, setup: CompeteSetup, again: bool = False) -> None:
    """Begin a run; what is known before training is the job's result until it ends."""

    def work(job: jobs.BackgroundJob) -> Ran:
        """Tunes, chooses, ranks, and writes the report."""
        job.result = Ran()

        def say(sentence: str) -> None:
            job.result = Ran((*job.result.notes, sentence))

        made = competition.compete(
            loaded,
            setup.networks,
            top_k=setup.top_k,
            budget_ms=setup.budget_ms or float("inf"),
            moves=setup.moves,
            replace=again,
            say=say,
            task=job.task,
        )
        return Ran(made.notes, made, competition_files.report(made, loaded, job.task))

    name = name_of(loaded)
    jobs.forget(name)
    jobs.start(name, text("state.competing", name=loaded.name), work, action="backbone.add")


def _job(loaded: Dataset) -> None:
    """The run: its bar while it goes on, then its table."""
    job = jobs.find_mine(name_of(loaded))
    if job is None:
        st.caption(text("sentence.compete_none"))
        return
    jobs.job_panel(job.name)
    if job.running:
        _live_notes(job.name)
    elif isinstance(job.result, Ran) and job.result.made is not None:
        _outcome(loaded, job.result, job.result.made)


@fragment(run_every=1.0)
def _live_notes(name: str) -> None:
    job = jobs.find_mine(name)
    if job is not None and isinstance(job.result, Ran):
        _say(job.result.notes)


def _say(notes: tuple[str, ...]) -> None:
    for note in notes:
        st.caption(theme.plain(note))


def _outcome(loaded: Dataset, ran: Ran, made: competition.Outcome) -> None:
    """The pick, the table, what the figures mean, and the files."""
    picked = made.picked
    st.success(
        theme.plain(
            text("sentence.picked", title=picked.title, k=f"{made.top_k}", accuracy=wording.number(picked.accuracy))
        ),
        icon=":material/trophy:",
    )
    head, *rows = made.rows()
    drawn.table(
        pd.DataFrame(rows, columns=[*head[:-1], " "]), hide_index=True, width="stretch", key="competition table"
    )
    st.caption(theme.plain(f"{competition.TOP_K} {made.basis()}"))
    files = (
        (competition_files.RESULTS, competition_files.results(made), "application/json"),
        (competition_files.SYSTEMS, competition_files.systems(made), "text/csv"),
        (competition_files.REPORT, ran.report, "text/html"),
    )
    with st.container(horizontal=True, gap="small", key="competition files"):
        for name, content, kind in files:
            if content:
                st.download_button(
                    name,
                    content,
                    file_name=f"{loaded.name}-{name}",
                    mime=kind,
                    key=f"take {name}",
                    icon=":material/download:",
                    on_click="ignore",
                )
    _say(ran.notes)
