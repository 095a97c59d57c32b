"""What can be done with backbones: embed, measure, choose, remove, forget; and what the last click led to."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import access, backbones, data, wording
from core.errors import CoreError, NotComputed
from core.setups import BackbonesSetup, FrameSetup
from core.studies import costs, embedding
from core.ui.app import cache, jobs, state, theme, visitors
from core.ui.widgets import embedding_job

strings = wording.page("backbones")

MEASURE = "measure"
DONE, REFUSED, OPEN_CARD = "backbones page done", "backbones page refused", "card to open"
"""Names in the session: a sentence about what was done, one about what was not, the card to open next."""


def chosen_device() -> str | None:
    """The device that was chosen; None lets it be picked."""
    device = state.get(BackbonesSetup, "device")
    return None if device == "auto" else device


def start_embedding(dataset: str, chosen: Sequence[str]) -> None:
    """Embed a dataset on the device that was chosen."""
    embedding_job.start_embedding(dataset, chosen, device=chosen_device())


def start_measuring(dataset: str, chosen: Sequence[str]) -> None:
    """Measure what backbones cost here, one after the other, with images of the dataset at hand."""
    device = chosen_device()

    def work(job: jobs.BackgroundJob) -> None:
        """Embeds one backbone after the other."""
        loaded = data.get(dataset, task=job.task) if dataset else None
        refusals = []
        for backbone in chosen:
            try:
                costs.measure(backbone, loaded, device=device, task=job.task)
            except CoreError as error:
                if job.task.cancelled:
                    raise
                refusals.append(str(error))
            job.changed()
        if refusals:
            raise NotComputed(" ".join(refusals))

    jobs.start(MEASURE, strings("option.measuring"), work, action="backbone.measure")


def choose(chosen: Sequence[str]) -> None:
    """These are the backbones that every page compares."""
    state.set_field(FrameSetup, "backbones", tuple(chosen))
    titles = ", ".join(backbones.get(name).title for name in chosen)
    state.session_set(DONE, strings("sentence.chosen_everywhere", titles=titles))


def remove(chosen: Sequence[str], dataset: str) -> None:
    """Take the embeddings out of the store, as far as the question was answered."""
    scope = cache.dataset(dataset) if state.widget("removal scope") == "here" else None
    try:
        count = sum(embedding.remove(name, scope) for name in chosen)
    except CoreError as error:
        state.session_set(REFUSED, str(error))
        return
    state.session_set(DONE, f"{count:,} vectors were removed.")


def removal(chosen: Sequence[str], dataset: str, disabled: bool) -> None:
    """What would go, and the button that does it."""
    with st.popover(strings("label.remove_embeddings"), icon=":material/delete:", disabled=disabled):
        titles = ", ".join(f"**{theme.plain(backbones.get(name).title)}**" for name in chosen)
        scopes = {"here": strings("option.images", dataset=dataset), "all": strings("option.every_image_store")}
        st.markdown(strings("sentence.remove_embeddings", titles=titles))
        st.radio(
            strings("label.which"),
            list(scopes),
            format_func=scopes.__getitem__,
            key="removal scope",
            label_visibility="collapsed",
        )
        st.caption(strings("sentence.removal_costs"))
        st.button(
            strings("button.confirm_removal"),
            type="primary",
            icon=":material/delete:",
            key="removal",
            on_click=remove,
            args=(tuple(chosen), dataset),
            disabled=disabled,
        )


def forget(name: str) -> None:
    """Take an added backbone off the list."""
    backbones.remove(name)
    state.set_field(BackbonesSetup, "card", "")


def _embed_button(dataset: str, missing: Sequence[str]) -> None:
    nothing = strings("sentence.all_embedded") if dataset else strings("sentence.dataset_ready")
    st.button(
        strings("button.embed", dataset=theme.plain(dataset)) if dataset else strings("button.embed_short"),
        key="embed chosen",
        type="primary",
        icon=":material/play_arrow:",
        on_click=start_embedding,
        args=(dataset, missing),
        **(jobs.waits() if missing else {"disabled": True, "help": nothing}),
    )


def _measure_button(dataset: str, chosen: Sequence[str]) -> None:
    st.button(
        strings("button.measure"),
        key="measure chosen",
        icon=":material/timer:",
        on_click=start_measuring,
        args=(dataset, chosen),
        **jobs.waits(strings("sentence.what_is_measured")),
    )


def actions(chosen: Sequence[str], ticked: bool, dataset: str) -> DeltaGenerator:
    """What can be done with the ticked rows, or with the one whose card is open; returns where the device goes."""
    titles = [theme.plain(backbones.get(name).title) for name in chosen]
    if ticked:
        text = f"**{len(chosen)} ticked:** {', '.join(titles)}"
    else:
        text = strings("sentence.card_is_open", titles=titles[0]) if chosen else ""
    st.markdown(text)
    counts = cache.counts(dataset) if dataset else {}
    total = len(cache.dataset(dataset)) if dataset else 0
    missing = [name for name in chosen if counts.get(name, 0) < total]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if visitors.offered("embed"):
            _embed_button(dataset, missing)
            _measure_button(dataset, chosen)
        st.button(
            strings("button.choose"),
            key="choose chosen",
            icon=":material/check:",
            on_click=choose,
            args=(chosen,),
            disabled=not chosen,
            help=strings("help.choose"),
        )
        if access.may("embed"):
            removal(chosen, dataset, not any(counts.get(name) for name in chosen) or bool(jobs.running()))
        return st.container(width=230)


def open_next_card() -> None:
    """Open the card of what was added last."""
    name = state.session_get(OPEN_CARD)
    if name:
        state.set_field(BackbonesSetup, "card", name)
        state.session_set(OPEN_CARD, None)


def messages() -> None:
    """What runs, and what the last click led to."""
    jobs.job_panel(embedding_job.JOB, MEASURE)
    done = state.session_get(DONE)
    if done:
        st.success(theme.plain(done), icon=":material/check_circle:")
        state.session_set(DONE, None)
    refused = state.session_get(REFUSED)
    if refused:
        st.error(theme.plain(refused), icon=":material/error:")
        state.session_set(REFUSED, None)
