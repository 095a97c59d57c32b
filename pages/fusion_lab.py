"""Fusion lab: drag the weights of the backbones and see at once what it does to the figures and to the results."""

from __future__ import annotations

from core import wording
from core.ui.app import theme
from core.ui.app.error_boundary import fragment
from core.ui.views.fusion import figures, lab_view, live_view, query_choice, tabs, training, weights_panel

text = wording.page("fusion_lab")


@fragment
def lab() -> None:
    """Everything that moves with the weights; a released slider reruns this part alone."""
    view = lab_view.build()
    weights_panel.draw(view.loaded, view.names, view.spec)
    live, labelled = theme.main_part(), view.loaded.has_labels
    evaluated = figures.evaluated_queries(view) if labelled else view.evaluated
    with live:
        live_view.draw(view, evaluated)
        live_view.why_matched(view)
    query_choice.draw(view.loaded, view.names, view.spec)
    if labelled:
        figures.left_out(view)
        training.tuned(view.loaded, view.names, view.spec)
        figures.about(view, evaluated)
        tabs.draw(view.loaded, view.evaluated, view.names, view.spec, view.base)


theme.title(text("title.page"), text("lead.page"))
lab()
