"""The card of a query that is a crop of an image."""

from __future__ import annotations

import base64
import dataclasses
from typing import TYPE_CHECKING

from core import data
from core.data import images
from core.types import Dataset
from core.ui.app.cached import cached
from core.ui.components import gallery
from core.ui.views.retrieval import uploads

if TYPE_CHECKING:
    from core.ui.views.retrieval.query_inputs import QueryInput


def crop_card(card: gallery.Card, query: QueryInput, loaded: Dataset) -> gallery.Card:
    """The card of a query that is a crop of an image: the crop alone is shown."""
    return dataclasses.replace(card, key=_crop_url(query, loaded))


@cached(max_entries=64, ignore=("query",), also=lambda query, loaded: (query.text, query.box))
def _crop_url(query: QueryInput, loaded: Dataset) -> str:
    """The crop as a data: URL."""
    if query.uploaded is not None:
        image = query.uploaded.decoded(query.box)[0]
    else:
        image = uploads.cropped(images.open_rgb(data.read_bytes(loaded, query.of_dataset)), query.box)
    return "data:image/webp;base64," + base64.b64encode(images.thumbnails(image)["large"]).decode()
