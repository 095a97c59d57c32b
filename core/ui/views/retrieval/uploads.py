"""Images uploaded as a query: checked, kept for the session, encoded."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from core import backbones, wording
from core.data import images
from core.errors import BadInput
from core.ui.app import session_memory, state
from core.ui.app.cached import cached
from core.ui.components import cropper

text = wording.page("retrieval")

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from core.backbones.query_encoding import QueryEncoder


PREFIX = "given:"
"""A query text of this form names images that were given in this session."""
MOST_IMAGES = 24
"""One query is made of at most this many images."""
MOST_MEGABYTES = 32
"""An image given as a query has at most this many MB as a file."""
_UPLOADED = "given images"
_MOST_UPLOADED = 12


@dataclass
class UploadedQuery:
    """Images given in this session that ask together.

    Attributes:
        token: the query text that names it.
        names: of the files.
        contents: their bytes, checked to be images.
        thumbnails: data: URLs, at most 384 px a side.
        refused: one sentence per file that is no image.
    """

    token: str
    names: tuple[str, ...]
    contents: tuple[bytes, ...]
    thumbnails: tuple[str, ...]
    refused: tuple[str, ...] = ()
    vectors: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """For people."""
        return self.names[0] if len(self.names) == 1 else f"{len(self.names)} images together"

    def decoded(self, box: cropper.Box | None) -> list[Image.Image]:
        """The images, decoded; the part of the box when there is one."""
        return [cropped(images.open_rgb(content), box) for content in self.contents]


def receive(files: Sequence[tuple[str, bytes]]) -> UploadedQuery:
    """Check what was given and make one query of it.

    Args:
        files: (name, bytes) of each.
    Raises:
        BadInput: too many, or none of them is an image; the sentence names the first reason.
    """
    if len(files) > MOST_IMAGES:
        raise BadInput(text("error.too_many_images", n_files=len(files), most_images=MOST_IMAGES))
    images_read, refused = [], []
    for name, content in files:
        try:
            if len(content) > MOST_MEGABYTES * 2**20:
                raise BadInput(
                    text("error.upload_too_large", value=f"{len(content) / 2**20:,.0f}", most_megabytes=MOST_MEGABYTES)
                )
            small = images.thumbnails(images.open_rgb(content))["large"]
            images_read.append((name, content, "data:image/webp;base64," + base64.b64encode(small).decode()))
        except BadInput as error:
            refused.append(f"{name}: {error}")
    if not images_read:
        more = f" (and {len(refused) - 1} more files)" if len(refused) > 1 else ""
        raise BadInput(f"{refused[0]}{more}" if refused else text("error.no_image"))
    names, contents, thumbnails = zip(*images_read)
    digest = hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents)).hexdigest()
    return UploadedQuery(PREFIX + digest[:12], names, contents, thumbnails, tuple(refused))


def take(files: Sequence[UploadedFile]) -> UploadedQuery:
    """As `receive`, of files of an upload widget, which lets go of them.

    Raises:
        BadInput: as `receive`.
    """
    contents = [(file.name, file.getvalue()) for file in files]
    for file in files:
        session_memory.forget_upload(file)
    return receive(contents)


def uploaded_queries() -> dict[str, UploadedQuery]:
    """The images given in this session, oldest first; only the last few are kept."""
    return state.session_get(_UPLOADED, {})


def add_uploaded_query(uploaded: UploadedQuery) -> None:
    """Remember a guest; the oldest goes when there are many."""
    queries = uploaded_queries()
    queries.pop(uploaded.token, None)
    queries[uploaded.token] = uploaded
    while len(queries) > _MOST_UPLOADED:
        queries.pop(next(iter(queries)))


def cropped(image: Image.Image, box: cropper.Box | None) -> Image.Image:
    """The part of an image in a box of relative sides; at least one pixel."""
    if box is None:
        return image
    width, height = image.size
    left, top = int(box[0] * width), int(box[1] * height)
    return image.crop((left, top, max(left + 1, round(box[2] * width)), max(top + 1, round(box[3] * height))))


_LOADING = threading.Lock()


@cached("resource", max_entries=12)
def _encoder(name: str) -> QueryEncoder:
    return backbones.query_encoder(name)


def encode(name: str, query_images: Sequence[Image.Image]) -> np.ndarray:
    """(n_pictures, dim) unit vectors by one backbone; its encoder stays loaded for all sessions.

    Raises:
        BadInput: this backbone's vectors came from elsewhere.
    """
    if name not in backbones.names():
        raise BadInput(text("error.cannot_embed_query", name=repr(name)))
    with _LOADING:
        encoder = _encoder(name)
    return encoder.encode(list(query_images))
