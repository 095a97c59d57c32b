"""Why a result of Retrieval matched: the panel of heat maps above the results, opened from a card."""

from __future__ import annotations

from functools import partial

from core import wording
from core.studies import match_explanation, retrieval
from core.studies.match_explanation import ShownImage
from core.ui.app import state
from core.ui.components import cropper
from core.ui.views.retrieval import query_inputs, uploads
from core.ui.views.retrieval.query_inputs import QueryInput
from core.ui.views.retrieval.retrieval_view import RetrievalView
from core.ui.widgets import why_panel
from core.ui.widgets.why_panel import QueryImage

text = wording.page("why")
_OPEN = "why it matched"


def clicked(number: int, id_: str) -> None:
    """Somebody asks why a result of the first or the second system matched."""
    state.session_set(_OPEN, (number, id_))


def close() -> None:
    """The maps go away."""
    state.session_set(_OPEN, None)


def draw(view: RetrievalView, query: QueryInput, answers: list[retrieval.QueryResult]) -> None:
    """The maps of the result that was asked about, while it is in the list of this query."""
    open_pair = state.session_get(_OPEN, None)
    if open_pair is None:
        return
    number, id_ = open_pair
    position = query_inputs.position_of(view.loaded, id_)
    item = why_panel.item_of(view.loaded, answers[number], position) if number < len(answers) else None
    if item is None:
        close()
        return
    pair = f"{query.text} {cropper.as_text(query.box)} {query.feedback} {number} {id_}"
    why_panel.draw(
        why_panel.Match(view.loaded, answers[number], item, _query_images(view, query), view.colours, pair), close
    )


def _query_images(view: RetrievalView, query: QueryInput) -> list[QueryImage]:
    """The images that the query is made of: those given, then those that it was moved by; none for words."""
    if query.words:
        return []
    box = cropper.as_text(query.box)
    if query.uploaded is not None:
        uploaded = query.uploaded
        images = [
            QueryImage(name, partial(_uploaded, uploaded, number, query.box, f"{uploaded.token} {number} {box}"))
            for number, name in enumerate(uploaded.names)
        ]
    elif query.box is not None:
        images = [QueryImage(query.title, partial(_cropped, view, query.of_dataset, query.box))]
    else:
        images = [why_panel.of_dataset(view.loaded, query.of_dataset, query.title)]
    for name, positions in (("more", query.feedback.more), ("less", query.feedback.less)):
        for position in positions:
            title = text(f"option.{name}", name=str(view.loaded.ids[position]))
            images.append(why_panel.of_dataset(view.loaded, position, title))
    return images


def _uploaded(uploaded: uploads.UploadedQuery, number: int, box: cropper.Box | None, key: str) -> ShownImage:
    return ShownImage(uploaded.decoded(box)[number], key)


def _cropped(view: RetrievalView, position: int, box: cropper.Box) -> ShownImage:
    whole = match_explanation.image_of(view.loaded, position)
    return ShownImage(uploads.cropped(whole.image, box), f"{whole.key} {cropper.as_text(box)}")
