"""The answer of the page Studies: who is best over all datasets, and how far that can be believed."""

from __future__ import annotations

from core import wording
from core.studies.study import study_text
from core.ui.app import theme
from core.ui.views.studies.study_view import StudyView

text = wording.page("studies")


def draw(view: StudyView) -> None:
    """The one line that matters, and in small letters what so few datasets can tell."""
    if view.result is None:
        theme.answer(theme.plain(text("phrase.not_run", title=view.study.title)), theme.plain(view.checked.sentence))
        return
    theme.answer(theme.plain(study_text.answer(view.result)), theme.plain(study_text.brief(view.result)))
