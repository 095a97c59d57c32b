"""What is to be known before a training, its name, and the button that starts it."""

from __future__ import annotations

import dataclasses

import streamlit as st

from core import wording
from core.errors import BadInput, CoreError
from core.setups import FinetuneSetup, FrameSetup
from core.studies.finetuning import run
from core.studies.finetuning.plan import free_name, plan_of, usual_name
from core.types import Dataset
from core.ui.app import jobs, theme, visitors
from core.ui.views.finetune import controls, training_job
from core.ui.widgets import first_step

text = wording.page("finetune")


def draw_obstacle(loaded: Dataset) -> None:
    """Why nothing can be trained on this dataset, and what helps."""
    if not loaded.has_images:
        first_step.no_images(loaded)
    elif not loaded.has_labels:
        first_step.no_labels(loaded)
    else:
        network = next(name for name in FrameSetup.backbones if controls.tunable((name,)))
        first_step.draw(text("sentence.no_network"), lambda: first_step.draw_embed_button(loaded, (network,)))


def draw(loaded: Dataset, setup: FinetuneSetup) -> None:
    """Name, button and notes; what cannot be trained, or who may, is said in their place.

    For those who may not train nothing is measured either: that loads the network and runs it.
    """
    if not visitors.offered("backbone.add"):
        return
    usual = free_name(usual_name(setup.backbone, setup.moves, setup.question))
    name = st.text_input(
        text("label.name"), value=usual, max_chars=60, key=f"tuned name {usual}", help=text("help.name")
    )
    try:
        plan = plan_of(setup, name.strip() or usual)
        replace = _replaces(plan.name)
        ready = training_job.prepared(loaded, dataclasses.replace(plan, name="measured"))
        if plan.moves != "head":
            st.caption(theme.plain(training_job.measured(loaded, ready.plan)))
    except CoreError as error:
        st.info(theme.plain(str(error)), icon=":material/info:")
        return
    st.button(
        text("button.train"),
        type="primary",
        width="stretch",
        icon=":material/model_training:",
        on_click=training_job.start,
        args=(dataclasses.replace(ready, plan=plan), replace),
        key="train tuned",
        **(jobs.waits() if replace is not None else {"disabled": True}),
    )
    for note in ready.notes:
        st.caption(theme.plain(note))


def _replaces(name: str) -> bool | None:
    """Whether a tuned backbone of that name is trained over; None where one has it and nobody said so."""
    try:
        run.check_free(name)
    except BadInput:
        return True if st.checkbox(text("label.replace", name=name), key=f"replace tuned {name}") else None
    return False
