"""Studies: several datasets in one comparison: who is best over all, where, at what cost, and what was published."""

from __future__ import annotations

from core import wording
from core.setups import StudiesSetup
from core.ui.app import state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.studies import answer, choice, looks, open_in, preview, published, run, study_view, tables

text = wording.page("studies")


def page() -> None:
    """Draw the page."""
    theme.title(text("title.page"))
    state.seed(StudiesSetup)
    open_in.go()
    choice.follow()
    stage = theme.stage("studies")
    with stage.controls:
        study = choice.choose()
    if study is None:
        state.read(StudiesSetup)
        return
    with stage.answer:
        view = study_view.build(study)
        answer.draw(view)
    with stage.answer if view.result is None else stage.controls:
        run.draw(view)
    if view.result is None:
        with stage.chart:
            preview.draw(view)
        return
    with stage.chart:
        looks.draw(view)
    tables.draw(view)
    published.draw(view.result)
    open_in.draw(view)


guarded(page)()
