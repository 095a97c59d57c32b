"""Fine-tune: a network is adapted to one's own images, and judged on those that it never saw."""

from __future__ import annotations

from core import wording
from core.setups import CompeteSetup, FinetuneSetup
from core.ui.app import cache, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.finetune import competition, controls, outcome, start, training_job
from core.ui.widgets import sidebar

text = wording.page("finetune")


def page() -> None:
    """Draw the page."""
    theme.title(text("title.page"), text("lead.page"))
    selection = sidebar.selection()
    loaded = cache.dataset(selection.dataset.name)  # with the images that tuned backbones were trained on
    state.seed(FinetuneSetup)
    state.seed(CompeteSetup)
    networks = controls.tunable(cache.embedded(loaded.name))
    if not (loaded.has_images and loaded.has_labels and networks):
        state.read(FinetuneSetup)
        start.draw_obstacle(loaded)
        return
    stage = theme.stage("finetune")
    with stage.controls:
        controls.choose(networks)
        setup = state.read(FinetuneSetup)
        start.draw(loaded, setup)
    with stage.chart:
        if training_job.draw(loaded.name):
            theme.answer(text("sentence.running"), "", stage.answer)
        else:
            outcome.draw(loaded, outcome.tuned_here(loaded), stage.answer)
    competition.draw(loaded)


guarded(page)()
