"""Models behind an OpenAI-like `/embeddings` address that take images: `endpoint:MODEL@http://HOST:PORT/v1`.

Servers of such models take images in one of three forms; which one is found out when the backbone is added. Vectors
are known by address, model and dim. Images are sent as the square that a record describes, so that the preprocessing
is part of the fingerprint as it is for every backbone.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from core import paths
from core.backbones import preprocessing
from core.backbones.sources.base import Engine, Source, TextEncoder
from core.errors import BadInput, WeightsMissing
from core.types import Backbone, unit

SIDE = 512
"""Pixels of the square that is sent: its short side is resized, its centre cut out, as most such models do themselves."""
_SECONDS = 120.0
_TRIES = 4
_BUSY = {429, 502, 503, 504}
_MIN_COSINE = 0.999


def _objects(model: str, images: Sequence[str]) -> list[dict[str, Any]]:
    """One request: a list of {"image": data URI}, as Jina's servers take it."""
    return [{"model": model, "input": [{"image": image} for image in images]}]


def _messages(model: str, images: Sequence[str]) -> list[dict[str, Any]]:
    """A request for each image, as vLLM takes it: a chat message that holds the image."""
    parts = [[{"type": "image_url", "image_url": {"url": image}}] for image in images]
    return [{"model": model, "messages": [{"role": "user", "content": part}]} for part in parts]


def _strings(model: str, images: Sequence[str]) -> list[dict[str, Any]]:
    """One request: a list of data URIs and a word that says that they are images, as Infinity takes it."""
    return [{"model": model, "input": list(images), "modality": "image"}]


FORMS: dict[str, Callable[[str, Sequence[str]], list[dict[str, Any]]]] = {
    "objects": _objects,
    "messages": _messages,
    "strings": _strings,
}
"""How images are put into a request; in the order in which they are tried, the one that reads text alone last."""


class Refusal(Exception):
    """The server answered, but not with vectors; the text says what it said."""


def _post(url: str, body: dict[str, Any]) -> np.ndarray:
    """(n, dim) float32: what the server made of one request, in the order of the inputs.

    Raises:
        Refusal: an HTTP error, or an answer that holds no vectors.
        OSError: no answer.
    """
    headers = {"Content-Type": "application/json"}
    token = paths.endpoint_token()
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(f"{url}/embeddings", json.dumps(body).encode(), headers)
    for attempt in range(_TRIES):
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                content = json.load(answer)
            rows = sorted(content["data"], key=lambda row: int(row.get("index", 0)))
            return np.asarray([row["embedding"] for row in rows], np.float32).reshape(len(rows), -1)
        except urllib.error.HTTPError as error:
            if error.code not in _BUSY or attempt == _TRIES - 1:
                text = error.read(300).decode("utf-8", "replace")
                raise Refusal(f"HTTP {error.code}: {' '.join(text.split())[:160]}") from error
            time.sleep(0.5 * 2**attempt)
        except (ValueError, KeyError, TypeError) as error:
            raise Refusal(f"an answer that holds no vectors ({type(error).__name__})") from error
    raise AssertionError("the last try returns or raises")


def _as_uri(square: np.ndarray, compression: int = 1) -> str:
    """(side, side, 3) uint8 → a PNG as a data URI: nothing is lost, and it is the same bytes every time."""
    buffer = io.BytesIO()
    Image.fromarray(square).save(buffer, "PNG", compress_level=compression)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


class EndpointEngine:
    """Sends squares to the server, one request at a time, while the next images are decoded."""

    name = "endpoint"
    precision = "float32"
    device = "network"
    chunk = 16

    def __init__(self, backbone: Backbone) -> None:
        self.dim = backbone.dim
        self.preprocessing = preprocessing.preprocessing_of(backbone)
        self._backbone = backbone
        self._form = FORMS[str(dict(backbone.options)["form"])]

    def embed(self, squares: np.ndarray) -> np.ndarray:
        """(n, side, side, 3) uint8 → (n, dim) float32.

        Raises:
            WeightsMissing: the server does not answer, or answers something else.
        """
        bodies = self._form(self._backbone.architecture, [_as_uri(square) for square in squares])
        return _vectors(self._backbone, bodies, len(squares))

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """n texts → (n, dim) float32 unit vectors."""
        body = {"model": self._backbone.architecture, "input": list(texts)}
        return unit(_vectors(self._backbone, [body], len(texts)))


def _vectors(backbone: Backbone, bodies: Sequence[dict[str, Any]], count: int) -> np.ndarray:
    if not count:
        return np.empty((0, backbone.dim), np.float32)
    url = backbone.weights
    try:
        rows = np.concatenate([_post(url, body) for body in bodies])
    except (OSError, Refusal) as error:
        raise WeightsMissing(
            f"{url} gave no vectors ({_reason(error)}). Start the server, then embed again; what is done is kept."
        ) from error
    if rows.shape != (count, backbone.dim):
        raise WeightsMissing(
            f"{url} gave vectors of shape {rows.shape} where {(count, backbone.dim)} was expected: it serves another "
            "model by now. Add the backbone again."
        )
    return rows


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "") or error) or type(error).__name__


class Endpoint(Source):
    """A model on a server: the address stands in `weights`, the model's name in `architecture`."""

    key = "endpoint"
    title = "a server"
    scheme = "endpoint:"
    tag_mark = " at "
    engine = "endpoint"
    asks_servers = True
    name_pattern = r"[\w.:/+-]{1,120}@https?://[\w.:/\[\]-]{1,200}"

    def identity(self, backbone: Backbone) -> dict[str, str]:
        """Address and model."""
        return {"endpoint": backbone.weights, "model": backbone.architecture}

    def available(self, backbone: Backbone) -> tuple[bool, str]:
        """Always: whether the server answers is seen when it is asked."""
        return True, f"on the server {backbone.weights}, which is asked for every image"

    def build_engine(self, backbone: Backbone) -> Engine:
        """What asks the server."""
        return EndpointEngine(backbone)

    def text_encoder(self, backbone: Backbone, device: str | None = None) -> TextEncoder:
        """The same server, given texts."""
        if "text" not in backbone.modalities:
            return super().text_encoder(backbone, device)
        return EndpointEngine(backbone)

    def resolve(self, rest: str) -> Backbone:
        """`MODEL@ADDRESS`: the server is asked for the vectors of two images and of a text.

        Raises:
            WeightsMissing: it does not answer.
            BadInput: it takes no images.
        """
        model, _, url = rest.rpartition("@")
        url = url.rstrip("/").removesuffix("/embeddings")
        form, dim = _form_of(model, url)
        record = Backbone(
            f"{self.scheme}{model}@{url}",
            source=self.key,
            dim=dim,
            architecture=model,
            weights=url,
            label=f"{model} on {urllib.parse.urlsplit(url).netloc}",
            family="endpoint",
            image_size=SIDE,
            trained_on="see its maker",
            pooling="the server's own",
            reference="see its maker",
            options=preprocessing.options(SIDE, mean=(0.0,) * 3, std=(1.0,) * 3, form=form, sent="png"),
        )
        try:
            reads_text = _post(url, {"model": model, "input": ["a cat", "a red car"]}).shape == (2, dim)
        except (OSError, Refusal):
            reads_text = False
        return dataclasses.replace(record, modalities=("image", "text")) if reads_text else record


def _form_of(model: str, url: str) -> tuple[str, int]:
    """The form in which a server takes images, and the dim of its vectors."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    square = np.stack([rows // 2, columns // 2, (rows + columns) // 4], axis=-1).astype(np.uint8)
    # the same image as other bytes: a server that reads them as text gives another vector
    images = [_as_uri(square, 1), _as_uri(square, 9), _as_uri(255 - square)]
    refusals = []
    for form, write in FORMS.items():
        try:
            rows_of = unit(np.concatenate([_post(url, body) for body in write(model, images)]))
        except Refusal as refusal:
            refusals.append(str(refusal))
            continue
        except OSError as error:
            raise WeightsMissing(
                f"{url} does not answer ({_reason(error)}). Start the server and try again."
            ) from error
        if len(rows_of) == len(images) and rows_of[0] @ rows_of[1] >= _MIN_COSINE > rows_of[0] @ rows_of[2]:
            return form, rows_of.shape[1]
        refusals.append("it read the image as text")
    raise BadInput(f"{model!r} at {url} takes no images ({refusals[0]}); name a model that embeds images.")
